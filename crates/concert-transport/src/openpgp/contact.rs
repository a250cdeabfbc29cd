//! The public key of a contact: whose it is, how long it is good, and what encrypts to it.
//!
//! Only what the key has signed itself counts (RFC 9580 section 5.2.1): its names, how long it is good, its
//! subkeys. Signatures of others are passed over, for whoever imports a key has decided to trust it. Of
//! several signatures over the same thing the newest decides; a revocation of the key or of a subkey cannot
//! be taken back. Not looked at: revocations by a third key, and signatures that themselves expire.

use concert_model::Time;
use concert_model::address::canonical;
use pgp::composed::{ArmorOptions, PublicOrSecret, SignedPublicKey};
use pgp::packet::{PublicSubkey, Signature, SignatureType};
use pgp::types::{KeyDetails, KeyVersion, Tag};

use super::KEY_BYTES_MAX;
use super::door::{Door, SIGNATURES_MAX, doors, end, newest, seconds};
use super::signer::{Signer, signers};

/// Addresses of one key that are looked at.
const ADDRESSES_MAX: usize = 100;
/// A key that ends within so many seconds is told of: thirty days.
const SOON_SECONDS: i64 = 30 * 86_400;

/// The public key of somebody whom notices are encrypted to.
#[derive(Clone, Debug)]
pub struct ContactKey {
    fingerprint: String,
    addresses: Vec<String>,
    created: i64,
    /// When the key as a whole ends.
    expires: Option<i64>,
    pub(super) is_revoked: bool,
    doors: Vec<Door>,
    /// Why there are no doors.
    closed: &'static str,
    /// What signs.
    signers: Vec<Signer>,
}

/// How a key does at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is used.
    Good,
    /// It is used, but not for much longer than thirty days.
    ExpiresSoon,
    /// Its time, or that of its last subkey for encryption, is over.
    Expired,
    /// Its owner has taken it back.
    Revoked,
    /// It has nothing to encrypt to.
    CannotEncrypt,
}

impl State {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::ExpiresSoon => "expires soon",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::CannotEncrypt => "cannot encrypt",
        }
    }

    /// Whether the key is used.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Good | Self::ExpiresSoon)
    }
}

impl ContactKey {
    /// Reads one public key, armoured or binary.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        read_public(bytes).and_then(|key| Self::of(&key))
    }

    /// Reads one public key; gives it and its armour, for a file.
    pub fn read_to_keep(bytes: &[u8]) -> Result<(Self, String), String> {
        let key = read_public(bytes)?;
        let armour = key.to_armored_string(ArmorOptions::default()).map_err(|error| error.to_string())?;
        Ok((Self::of(&key)?, armour))
    }

    fn of(key: &SignedPublicKey) -> Result<Self, String> {
        let (primary, details) = (&key.primary_key, &key.details);
        if primary.version() != KeyVersion::V4 {
            return Err(format!("the key is of version {}; only version 4 is used", u8::from(primary.version())));
        }
        let created = seconds(primary.created_at());
        let is_revoked =
            details.revocation_signatures.iter().take(SIGNATURES_MAX).any(|s| s.verify_key(primary).is_ok());
        // Statements over the whole key: those over the key itself, and those over each of its names.
        let mut statements: Vec<&Signature> =
            newest(&details.direct_signatures, |s| s.verify_key(primary).is_ok()).into_iter().collect();
        let mut addresses = Vec::new();
        for user in details.users.iter().take(ADDRESSES_MAX) {
            let is_own = |s: &Signature| s.verify_certification(primary, Tag::UserId, &user.id).is_ok();
            let Some(own) = newest(&user.signatures, is_own) else { continue };
            if own.typ() == Some(SignatureType::CertRevocation) {
                continue;
            }
            statements.push(own);
            addresses.extend(user.id.as_str().and_then(address_in).filter(|address| !addresses.contains(address)));
        }
        if addresses.is_empty() && !is_revoked {
            return Err("the key names no mail address that it has signed itself".into());
        }
        statements.sort_by_key(|signature| signature.created());
        let expires = statements.last().and_then(|signature| end(created, signature));
        let (doors, closed) = doors(key, statements.last().copied());
        let fingerprint = format!("{:X}", primary.fingerprint());
        let signers = signers(key, &statements, expires);
        Ok(Self { fingerprint, addresses, created, expires, is_revoked, doors, closed, signers })
    }

    /// The fingerprint, in capital hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whose it is: mail addresses in the form of [`canonical`].
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// When it was made.
    pub fn created(&self) -> Option<Time> {
        Time::from_seconds(self.created)
    }

    /// When nothing is encrypted to it any more: its own end, or that of its last subkey for encryption.
    pub fn expires(&self) -> Option<Time> {
        self.end().and_then(Time::from_seconds)
    }

    fn end(&self) -> Option<i64> {
        let last = self.doors.iter().map(|door| door.expires.unwrap_or(i64::MAX)).max().unwrap_or(i64::MAX);
        Some(last.min(self.expires.unwrap_or(i64::MAX))).filter(|end| *end < i64::MAX)
    }

    /// How it does now.
    pub fn state(&self, now: Time) -> State {
        let left = self.end().map(|end| end - now.seconds());
        match left {
            _ if self.is_revoked => State::Revoked,
            _ if self.doors.is_empty() => State::CannotEncrypt,
            Some(..=0) => State::Expired,
            Some(..=SOON_SECONDS) => State::ExpiresSoon,
            _ => State::Good,
        }
    }

    /// Why it is not used now, behind "the key of somebody": `expired on 2026-11-27`.
    pub fn why_not(&self, now: Time) -> Option<String> {
        match self.state(now) {
            State::Good | State::ExpiresSoon => None,
            State::Expired => Some(format!("expired on {}", self.expires().unwrap_or(now).date_text())),
            State::Revoked => Some("is revoked".into()),
            State::CannotEncrypt => Some(format!("cannot be encrypted to: {}", self.closed)),
        }
    }

    /// What signs.
    pub(super) fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// The subkey to encrypt to now: of several the one made last (as GnuPG does).
    pub(super) fn door(&self, now: Time) -> Option<&PublicSubkey> {
        let is_open = |door: &&Door| door.expires.is_none_or(|end| end > now.seconds());
        let open = self.doors.iter().filter(is_open).filter(|_| self.state(now).is_usable());
        open.max_by_key(|door| door.created).map(|door| &door.key)
    }
}

fn read_public(bytes: &[u8]) -> Result<SignedPublicKey, String> {
    if bytes.len() > KEY_BYTES_MAX {
        return Err(format!("it is larger than a key may be, {KEY_BYTES_MAX} bytes"));
    }
    // A second armour in the same file is not read at all by the library, so it is looked for here.
    let begin = b"-----BEGIN PGP P".as_slice();
    let armours = bytes.windows(begin.len()).filter(|window| *window == begin).count();
    let found = PublicOrSecret::from_reader_many_buf(bytes).map(|(keys, _)| keys.take(2).collect::<Vec<_>>());
    let mut found = found.map_err(|_| "it is no OpenPGP public key")?.into_iter();
    let key = match (found.next(), found.next()) {
        (None, _) => return Err("it is no OpenPGP public key, or one of a kind that is not understood".into()),
        (Some(Ok(PublicOrSecret::Secret(_))), _) => {
            return Err("it is a secret key, which nobody but its owner may have; ask for the public one".into());
        }
        (Some(Ok(PublicOrSecret::Public(key))), None) if armours < 2 => key,
        (Some(Ok(PublicOrSecret::Public(_))), None | Some(Ok(_))) => {
            return Err("it holds several keys; put each into a file of its own".into());
        }
        (Some(Err(error)), _) | (_, Some(Err(error))) => return Err(format!("the key is damaged: {error}")),
    };
    Ok(key)
}

/// The address in a name: `Name (comment) <address>`, or the address alone (RFC 9580 section 5.11).
fn address_in(user: &str) -> Option<String> {
    let inside = user.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inside, _)| inside);
    let address = inside.unwrap_or(user).trim();
    let (local, domain) = address.split_once('@')?;
    let is_plain = !address.contains(|c: char| c.is_whitespace() || c.is_control()) && address.len() <= 254;
    (is_plain && !local.is_empty() && concert_model::host::domain(domain).is_ok()).then(|| canonical(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_between_angle_brackets_or_alone() {
        let check = |given: &str, want: Option<&str>| assert_eq!(address_in(given).as_deref(), want, "{given}");
        check("CERT Example (2026) <CERT@Uni.Example>", Some("cert@uni.example"));
        check("cert@uni.example", Some("cert@uni.example"));
        check("Odd <not here> <a@b.example>", Some("a@b.example"));
        check("CERT Example", None);
        check("write to a@b.example", None);
        check("<a@b@c.example>", None);
        check("<@b.example>", None);
    }
}
