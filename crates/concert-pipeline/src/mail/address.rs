//! Addresses of our own that name a notice: `cert+n-20261122-000001-4f9a0c2b1d3e@cert.example`.
//!
//! Notices are sent with such an address in their envelope, so a bounce comes back to it and tells which
//! notice it is about, whatever else is in it. The letters of the site are left out of the number, since little room is
//! before the @ and the check knows them. The last part is a short hash with the site's secret:
//! numbers of notices can be guessed, and without it anybody could have any contact suspended.

pub use concert_model::address::canonical;

use super::number;

/// Letters of the check: 60 bits, which nobody guesses by mail.
const CHECK_CHARS: usize = 15;
/// What the secret is used for, so that it can be used for other things too.
const PURPOSE: &str = "concert 2026 return address of a notice";

/// The secret that return addresses are checked with.
#[derive(Clone)]
pub struct Key {
    secret: [u8; 32],
    /// What the numbers of the site's notices end in.
    tail: String,
}

impl Key {
    /// Derived from a secret of the site.
    pub fn new(secret: &[u8]) -> Self {
        Self { secret: blake3::derive_key(PURPOSE, secret), tail: format!("-{}", number::letters(secret)) }
    }

    fn check(&self, notice: &str) -> String {
        let hash = blake3::keyed_hash(&self.secret, notice.as_bytes()).to_hex();
        hash.as_str().chars().take(CHECK_CHARS).collect()
    }

    /// The return address of a notice; `None` where the base is no address that can take it.
    pub fn return_address(&self, base: &str, notice: &str) -> Option<String> {
        let (local, domain) = base.rsplit_once('@')?;
        let short = notice.strip_suffix(&self.tail).unwrap_or(notice);
        let own = format!("{local}+n-{short}-{}", self.check(notice));
        // RFC 5321 allows no more in front of the @.
        (own.len() <= 64 && !local.contains('+')).then(|| format!("{own}@{domain}"))
    }

    /// What an address says. It is compared without regard to case, since servers change that.
    pub fn look(&self, base: &str, address: &str) -> Returned {
        let Some((local, domain)) = base.rsplit_once('@') else { return Returned::Other };
        let address = address.to_ascii_lowercase();
        let tail = address.rsplit_once('@').filter(|(_, given)| given.eq_ignore_ascii_case(domain));
        let tail = tail.and_then(|(given, _)| given.strip_prefix(local.to_ascii_lowercase().as_str()));
        let Some((notice, check)) = tail.and_then(|tail| tail.strip_prefix("+n-")?.rsplit_once('-')) else {
            return Returned::Other;
        };
        // Notices from before there were letters have none.
        let whole = [format!("{notice}{}", self.tail), notice.to_owned()];
        let ours = whole.into_iter().find(|notice| is_equal(check, &self.check(notice)));
        ours.map_or(Returned::Forged, Returned::Ours)
    }
}

/// What an address of ours in a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// The return address of this notice.
    Ours(String),
    /// It looks like one, and the check is wrong.
    Forged,
    /// Any other address.
    Other,
}

/// Compares without telling by the time it takes how much is right.
fn is_equal(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// Whether a word is an address as bounces write them: one @, a dot behind it, no strange letters.
pub(super) fn is_plain(word: &str) -> bool {
    let Some((local, domain)) = word.rsplit_once('@') else { return false };
    let good = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    (1..=64).contains(&local.chars().count())
        && local.chars().all(good)
        && domain.len() <= 255
        && domain.contains('.')
        && domain.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form_however_it_is_written() {
        for (given, want) in [
            (" Abuse@NET.example", "abuse@net.example"),
            ("abuse@Bücher.example", "abuse@xn--bcher-kva.example"),
            ("nobody", "nobody"),
            ("a@-", "a@-"),
        ] {
            assert_eq!(canonical(given), want);
        }
    }

    #[test]
    fn a_return_address_names_its_notice_and_cannot_be_made_up() {
        let key = Key::new(b"secret of the site");
        let address = key.return_address("CERT@cert.example", "20261122-000001").unwrap();
        assert!(address.starts_with("CERT+n-20261122-000001-") && address.ends_with("@cert.example"), "{address}");
        let look = |address: &str| key.look("CERT@cert.example", address);
        assert_eq!(look(&address), Returned::Ours("20261122-000001".into()));
        assert_eq!(look(&address.to_uppercase()), Returned::Ours("20261122-000001".into()));
        assert_eq!(look(&address.replace("000001", "000002")), Returned::Forged);
        assert_eq!(look("cert+n-20261122-000001-@cert.example"), Returned::Forged);
        assert_eq!(look("cert+n-20261122-000001-ä@cert.example"), Returned::Forged);
        for other in [
            "cert@cert.example",
            "cert+x@cert.example",
            "x@y.example",
            "",
            "@",
            &address.replace("cert.example", "x.example"),
        ] {
            assert_eq!(look(other), Returned::Other, "{other}");
        }
        let notice = format!("20261122-000001-{}", number::letters(b"secret of the site"));
        let with_letters = key.return_address("CERT@cert.example", &notice).unwrap();
        assert_eq!((with_letters.len(), look(&with_letters)), (address.len(), Returned::Ours(notice)));
        assert_ne!(with_letters, address);
        let other = Key::new(b"secret of another site");
        assert_eq!(other.look("cert@cert.example", &address), Returned::Forged);
        assert_eq!(key.return_address("cert+own@cert.example", "20261122-000001"), None);
        assert_eq!(key.return_address(&format!("{}@cert.example", "x".repeat(40)), "20261122-000001"), None);
    }
}
