//! security.txt: whom the holder of a domain wishes to be told.
//!
//! The file says so about itself and nobody has checked it. A signature around it (OpenPGP cleartext) is
//! read past, not verified, and whoever is told hears so. A file that has run out, or never says when it
//! does, is refused: contacts in forgotten files are the ones that do not answer.
//!
//! Source: RFC 9116 sections 2 (fields), 3 (where it is), 4 (grammar); RFC 9580 section 7 (cleartext).

use concert_model::{Time, host};

use super::text::{is_mail, tidy};

/// Largest file that is read. Real ones have some hundred bytes, signed ones a few thousand.
pub const FILE_BYTES_MAX: u64 = 32 << 10;
/// Domains asked for one name: itself and two above.
const DOMAINS_MAX: usize = 3;
/// Values of one field.
const VALUES_MAX: usize = 20;
/// Longest value that is told.
const VALUE_BYTES_MAX: usize = 300;
/// Where the file is, the second only where the first is not there.
const PATHS: [&str; 2] = ["/.well-known/security.txt", "/security.txt"];

/// A file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityTxt {
    /// Mail addresses, the preferred first.
    pub mails: Vec<String>,
    /// Other ways to tell: pages and telephone numbers.
    pub others: Vec<String>,
    /// When it runs out.
    pub expires: Time,
    /// `fi, en`.
    pub languages: String,
    /// Where keys are.
    pub encryption: Vec<String>,
    /// What the holder promises to whoever reports.
    pub policy: Vec<String>,
    /// It was signed; nobody has checked by whom.
    pub is_signed: bool,
}

/// The domains whose files may speak for a name: itself and at most two above it, never a lone label.
pub fn domains(name: &str) -> Vec<&str> {
    let mut domains = Vec::new();
    let mut rest = Some(name);
    while let Some(domain) = rest.filter(|domain| domain.contains('.') && domains.len() < DOMAINS_MAX) {
        domains.push(domain);
        rest = domain.split_once('.').map(|(_, above)| above);
    }
    domains
}

/// The addresses of the file of a domain, in the order they are asked.
pub fn addresses(domain: &str) -> [String; 2] {
    PATHS.map(|path| format!("https://{domain}{path}"))
}

impl SecurityTxt {
    /// Reads what was fetched. `urls` are the address that was asked and the one that answered in the end.
    /// The error says why it cannot be used.
    pub fn read(bytes: &[u8], urls: [&str; 2], now: Time) -> Result<SecurityTxt, String> {
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (text, is_signed) = unsigned(text)?;
        let mut read = SecurityTxt { is_signed, ..SecurityTxt::default() };
        let (mut expires, mut canonical) = (Vec::new(), Vec::new());
        for line in text.lines() {
            // In signed text a dash and a blank stand before lines that begin with a dash.
            let line = if is_signed { line.strip_prefix("- ").unwrap_or(line) } else { line };
            let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "contact" => read.contact(value),
                "expires" => expires.push(value),
                "canonical" => canonical.push(value),
                "preferred-languages" if read.languages.is_empty() => read.languages = tidy(value, VALUE_BYTES_MAX),
                "encryption" => push(&mut read.encryption, value),
                "policy" => push(&mut read.policy, value),
                _ => {}
            }
        }
        read.expires = match expires.as_slice() {
            [] => return Err("it does not say when it expires, which it must".into()),
            [one] => Time::parse(one, None).map_err(|_| "when it expires is no time")?,
            _ => return Err("it says more than once when it expires".into()),
        };
        if read.expires <= now {
            return Err(format!("it expired on {}", read.expires.date_text()));
        }
        if !canonical.is_empty() && !canonical.iter().any(|known| urls.contains(known)) {
            return Err("its field Canonical names other addresses than the one it was found at".into());
        }
        if read.mails.is_empty() && read.others.is_empty() {
            return Err("it names no contact".into());
        }
        Ok(read)
    }

    fn contact(&mut self, value: &str) {
        let mail = match value.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => rest,
            // A bare address is not allowed, but many write it.
            _ => value,
        };
        let mail = decoded(mail.split_once('?').map_or(mail, |(mail, _)| mail));
        match is_mail(&mail) && host_is_good(&mail) {
            true => push(&mut self.mails, &mail),
            false => push(&mut self.others, value),
        }
    }
}

fn host_is_good(mail: &str) -> bool {
    mail.rsplit_once('@').is_some_and(|(_, domain)| host::domain(domain).is_ok())
}

fn push(list: &mut Vec<String>, value: &str) {
    let value = tidy(value, VALUE_BYTES_MAX);
    if !value.is_empty() && list.len() < VALUES_MAX && !list.contains(&value) {
        list.push(value);
    }
}

/// The text within a cleartext signature, and whether there is one.
fn unsigned(text: &str) -> Result<(&str, bool), String> {
    let Some(rest) = text.trim_start().strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----") else {
        return Ok((text, false));
    };
    // Armor headers (`Hash: SHA512`) end with an empty line.
    let body = ["\r\n\r\n", "\n\n"].iter().filter_map(|gap| Some((rest.find(gap)?, gap.len()))).min();
    let cut = || "its signature is cut off".to_owned();
    let (at, length) = body.ok_or_else(cut)?;
    let body = rest.get(at + length..).ok_or_else(cut)?;
    let end = body.find("-----BEGIN PGP SIGNATURE-----").ok_or_else(cut)?;
    Ok((body.get(..end).ok_or_else(cut)?, true))
}

/// A text with `%40` and its like as what they stand for; as it was where that is no text.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.filter(|_| first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://uni.example/.well-known/security.txt";

    fn read(text: &str) -> Result<SecurityTxt, String> {
        let now = Time::parse("2026-11-28T12:00:00Z", None).unwrap();
        SecurityTxt::read(text.as_bytes(), [URL, URL], now)
    }

    #[test]
    fn contacts_keep_their_order_and_other_ways_stand_apart() {
        let text = "\u{feff}# Our security address\r\n\r\nContact: mailto:security%2Burgent@uni.example?subject=x\r\n\
            contact: https://uni.example/report\r\nCONTACT : tel:+358-1-201-000\nContact: MAILTO:cert@uni.example\n\
            Contact: bare@uni.example\nContact: mailto:no address\nContact:\nExpires: 2027-01-01T00:00:00.000Z\n\
            Preferred-Languages: fi, en\nEncryption: openpgp4fpr:5f2d\nPolicy: https://uni.example/policy\nOdd: x\nno field\n";
        let read = read(text).unwrap();
        assert_eq!(read.mails, ["security+urgent@uni.example", "cert@uni.example", "bare@uni.example"]);
        assert_eq!(read.others, ["https://uni.example/report", "tel:+358-1-201-000", "mailto:no address"]);
        assert_eq!((read.languages.as_str(), read.is_signed), ("fi, en", false));
        assert_eq!((read.encryption.len(), read.policy.len()), (1, 1));
        assert_eq!(read.expires.to_string(), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn a_signed_file_is_read_and_known_as_signed() {
        for end in ["\n", "\r\n"] {
            let text =
                "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n- # dashed\nContact: mailto:a@uni.example\n\
                - Expires: 2027-01-01T00:00:00Z\n-----BEGIN PGP SIGNATURE-----\n\nContact: mailto:evil@x.example\n\
                -----END PGP SIGNATURE-----\n"
                    .replace('\n', end);
            let read = read(&text).unwrap();
            assert_eq!((read.mails, read.is_signed), (vec!["a@uni.example".to_owned()], true));
        }
        for cut in ["-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNED MESSAGE-----\n\nContact: a@b.example"]
        {
            assert_eq!(read(cut), Err("its signature is cut off".into()));
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        let check = |text: &str, want: &str| {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(want), "{text}: {refused}");
        };
        let good = "Expires: 2027-01-01T00:00:00Z\n";
        check("Contact: mailto:a@uni.example\n", "does not say when it expires");
        check("Contact: mailto:a@uni.example\nExpires: 2026-11-28T11:59:59Z\n", "it expired on 2026-11-28");
        check("Contact: mailto:a@uni.example\nExpires: soon\n", "when it expires is no time");
        check(&format!("Contact: mailto:a@uni.example\n{good}{good}"), "more than once");
        check(good, "no contact");
        let elsewhere = "Canonical: https://other.example/security.txt\nContact: mailto:a@uni.example\n";
        check(&format!("{elsewhere}{good}"), "Canonical names other addresses");
        assert!(read(&format!("{elsewhere}Canonical: {URL}\n{good}")).is_ok());
        let long = format!("{good}Contact: mailto:a@uni.example\n{}", "#\n".repeat(20_000));
        check(&long, "longer than 32768 bytes");
        assert!(SecurityTxt::read(b"\xff", [URL, URL], Time(0)).is_err());
    }

    #[test]
    fn a_name_is_spoken_for_by_itself_and_two_above() {
        assert_eq!(domains("a.b.c.uni.example"), ["a.b.c.uni.example", "b.c.uni.example", "c.uni.example"]);
        assert_eq!(domains("www.uni.example"), ["www.uni.example", "uni.example"]);
        assert_eq!(domains("example"), [""; 0]);
        assert_eq!(addresses("uni.example"), [URL, "https://uni.example/security.txt"]);
    }
}
