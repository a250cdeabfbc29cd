//! Codes of the second factor: RFC 6238 with SHA-1, 30 seconds and six digits, as every app knows them.

use concert_model::{Problem, Time};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::secret::{base32, random};

/// How long a code is shown.
const STEP_SECONDS: i64 = 30;
/// Codes of so many steps before and after are taken, because clocks differ.
const SKEW_STEPS: i64 = 1;
const DIGITS: usize = 6;

/// A new secret: 160 bits, as RFC 4226 wants.
pub(crate) fn new_secret() -> Result<Vec<u8>, Problem> {
    Ok(random::<20>()?.to_vec())
}

/// The text that apps take up: `otpauth://totp/...`.
pub(crate) fn uri(site: &str, user: &str, secret: &[u8]) -> String {
    let (site, secret) = (escaped(site), base32(secret).to_ascii_uppercase());
    format!(
        "otpauth://totp/{site}:{user}?secret={secret}&issuer={site}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    )
}

/// Everything but plain letters and digits as `%41`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The six digits in what a person typed, who may put blanks between them; `None` for anything else.
pub(crate) fn digits(text: &str) -> Option<u32> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = plain.len() == DIGITS && plain.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| plain.parse().ok()).flatten()
}

/// The step that a code belongs to, if it is good at this moment.
pub(crate) fn step(secret: &[u8], code: u32, now: Time) -> Option<i64> {
    let present = now.seconds().div_euclid(STEP_SECONDS);
    (present - SKEW_STEPS..=present + SKEW_STEPS).find(|step| number(secret, *step) % 1_000_000 == code)
}

/// The number of RFC 4226 that codes are the last digits of.
fn number(secret: &[u8], step: i64) -> u32 {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return u32::MAX };
    mac.update(&step.to_be_bytes());
    let bytes = mac.finalize().into_bytes();
    let offset = usize::from(bytes.last().copied().unwrap_or(0) & 15);
    let four = bytes.iter().skip(offset).take(4);
    four.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff
}

/// For tests: the code of a moment.
#[cfg(test)]
pub(crate) fn code_at(secret: &[u8], now: Time) -> String {
    format!("{:06}", number(secret, now.seconds().div_euclid(STEP_SECONDS)) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (seconds, want) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(number(SECRET, seconds / 30) % 100_000_000, want, "{seconds}");
        }
        assert_eq!(code_at(SECRET, Time(0).plus_seconds(59)), "287082");
    }

    #[test]
    fn a_code_is_good_one_step_before_and_after() {
        let good = |seconds| step(SECRET, 287_082, Time(0).plus_seconds(seconds));
        assert_eq!([good(29), good(59), good(89)], [Some(1); 3]);
        assert_eq!([good(-1), good(90)], [None; 2]);
    }

    #[test]
    fn what_is_typed_is_a_code_or_not() {
        assert_eq!(digits(" 287 082\n"), Some(287_082));
        assert_eq!(digits("000007"), Some(7));
        for other in ["", "28708", "2870821", "28708a", "+28708", "２８７０８２"] {
            assert_eq!(digits(other), None, "{other}");
        }
    }

    #[test]
    fn apps_get_a_text_that_nothing_breaks_out_of() {
        assert_eq!(
            uri("CERT & Co/?", "jane.doe", SECRET),
            "otpauth://totp/CERT%20%26%20Co%2F%3F:jane.doe?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=CERT%20%26%20Co%2F%3F&algorithm=SHA1&digits=6&period=30"
        );
    }
}
