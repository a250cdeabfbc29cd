//! Random secrets, and their hashes by which they are known again.
//!
//! Secrets made here have so much chance in them that a fast hash is enough; what people choose is
//! hashed in `password.rs`.

use concert_model::Problem;
// Tokens begin alike, so that a leaked one is recognised by those who search for such.
pub(crate) use concert_server::door::TOKEN_PREFIX;
/// Recovery codes of a user.
pub(crate) const RECOVERY_CODES: usize = 10;

/// RFC 4648, in lower case: nothing in it is mistaken for something else when it is read aloud.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::new(format!("the machine gives no random bytes for a secret: {error}")))?;
    Ok(bytes)
}

/// Bytes in base 32, lower case, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
    let mut push = |five: u32| text.push(char::from(ALPHABET.get(five as usize & 31).copied().unwrap_or(b'a')));
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(held >> bits);
        }
    }
    if bits > 0 {
        push(held << (5 - bits));
    }
    text
}

/// A secret for a session: 256 bits.
pub(crate) fn session() -> Result<String, Problem> {
    Ok(base32(&random::<32>()?))
}

/// A token of the API: 256 bits behind the prefix.
pub(crate) fn token() -> Result<String, Problem> {
    Ok(format!("{TOKEN_PREFIX}{}", base32(&random::<32>()?)))
}

/// A password for one login: 100 bits in four groups.
pub(crate) fn one_time_password() -> Result<String, Problem> {
    Ok(groups(&random::<13>()?, 5))
}

/// Recovery codes: 80 bits each, in four groups.
pub(crate) fn recovery_codes() -> Result<Vec<String>, Problem> {
    (0..RECOVERY_CODES).map(|_| Ok(groups(&random::<10>()?, 4))).collect()
}

/// Four groups of letters with a dash between them.
fn groups(bytes: &[u8], size: usize) -> String {
    let text = base32(bytes);
    let letters: Vec<char> = text.chars().take(4 * size).collect();
    letters.chunks(size).map(|some| some.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// By what a session or token is known again.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// By what a recovery code of a user is known again, however it is written.
pub(crate) fn recovery_hash(user: &str, code: &str) -> [u8; 32] {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    hash(&format!("recovery code of {user}: {}", letters.to_ascii_lowercase()))
}

/// By what failures under a name are counted.
pub(crate) fn name_hash(name: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(hash(&format!("name: {name}"))).for_each(|(to, from)| *to = from);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (given, want) in
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("foobar", "mzxw6ytboi")]
        {
            assert_eq!(base32(given.as_bytes()), want);
        }
        assert_eq!(base32(&[0xff; 5]), "77777777");
    }

    #[test]
    fn secrets_have_their_form_and_differ() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert!(one.starts_with("concert_") && one.len() == 8 + 52 && one != other);
        assert_eq!(one_time_password().unwrap().split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5, 5]);
        let codes = recovery_codes().unwrap();
        assert_eq!((codes.len(), codes[0].len()), (10, 19));
        assert_eq!(recovery_hash("jane", " ABCD efgh-2345-zzzz"), recovery_hash("jane", "abcd-efgh-2345-zzzz"));
        assert_ne!(recovery_hash("jane", &codes[0]), recovery_hash("john", &codes[0]));
    }
}
