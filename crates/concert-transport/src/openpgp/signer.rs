//! The keys with which a contact signs, and whether one of them made a signature.
//!
//! The primary key signs unless it says that it does not. A subkey signs when the key has bound it for that and
//! it has agreed to belong to the key (RFC 9580 section 5.2.1.10); without that somebody could take the
//! subkey of another into a key of their own and claim what the other signed.

use concert_model::Time;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType};
use pgp::types::{Fingerprint, KeyDetails, KeyId};

use super::contact::ContactKey;
use super::door::{SIGNATURES_MAX, end, newest, seconds};
use super::keyring::Keyring;
use concert_model::address::canonical;

/// Subkeys of one key that are looked at.
const SUBKEYS_MAX: usize = 100;
/// A signature may be so much younger than our clock says.
const CLOCK_ERROR_SECONDS: i64 = 86_400;

/// A key that signs.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    key: Kind,
    created: i64,
    expires: Option<i64>,
}

#[derive(Clone, Debug)]
enum Kind {
    Primary(PublicKey),
    Sub(PublicSubkey),
}

impl Signer {
    fn fingerprint(&self) -> Fingerprint {
        match &self.key {
            Kind::Primary(key) => key.fingerprint(),
            Kind::Sub(key) => key.fingerprint(),
        }
    }

    fn id(&self) -> KeyId {
        match &self.key {
            Kind::Primary(key) => key.legacy_key_id(),
            Kind::Sub(key) => key.legacy_key_id(),
        }
    }

    /// Whether a signature says that this key made it.
    fn is_named_by(&self, signature: &Signature) -> bool {
        let fingerprints = signature.issuer_fingerprint();
        if fingerprints.is_empty() {
            return signature.issuer_key_id().into_iter().any(|id| *id == self.id());
        }
        fingerprints.into_iter().any(|one| *one == self.fingerprint())
    }
}

/// Something that was signed, against which a key can be held.
pub(super) trait Signed {
    /// The signatures over it.
    fn signatures(&self) -> Vec<&Signature>;
    /// Holds this one, by its place in the list, against a primary key; the error says why it does not fit.
    fn holds_primary(&self, at: usize, key: &PublicKey) -> Result<(), String>;
    /// The same for a subkey.
    fn holds_sub(&self, at: usize, key: &PublicSubkey) -> Result<(), String>;
}

/// The keys of a contact that sign.
pub(super) fn signers(key: &SignedPublicKey, statements: &[&Signature], expires: Option<i64>) -> Vec<Signer> {
    let primary = &key.primary_key;
    let created = seconds(primary.created_at());
    // Without flags, as in keys of the nineties, a key signs.
    let flags = statements.last().map(|signature| signature.key_flags());
    let signs = flags.is_none_or(|flags| flags.sign() || !(flags.certify() || flags.encrypt_comms()));
    let first = signs.then(|| Signer { key: Kind::Primary(primary.clone()), created, expires });
    let subkeys = key.public_subkeys.iter().take(SUBKEYS_MAX).filter_map(|subkey| of_subkey(key, subkey));
    first.into_iter().chain(subkeys).collect()
}

fn of_subkey(key: &SignedPublicKey, subkey: &SignedPublicSubKey) -> Option<Signer> {
    let is = |kind: SignatureType| {
        let own =
            |s: &Signature| s.typ() == Some(kind) && s.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok();
        newest(&subkey.signatures, own)
    };
    let binding = is(SignatureType::SubkeyBinding).filter(|binding| binding.key_flags().sign())?;
    let agreed = binding.embedded_signature()?;
    agreed.verify_primary_key_binding(&subkey.key, &key.primary_key).ok()?;
    if is(SignatureType::SubkeyRevocation).is_some() {
        return None;
    }
    let created = seconds(subkey.key.created_at());
    Some(Signer { key: Kind::Sub(subkey.key.clone()), created, expires: end(created, binding) })
}

/// What a signature is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// It holds; by this key.
    Good(String),
    /// It does not hold.
    Bad(String, String),
    /// No key of the sender that is good now made it.
    Unknown(String, String),
}

fn of_sender<'r>(ring: &'r Keyring, from: &str) -> impl Iterator<Item = &'r ContactKey> {
    let from = canonical(from);
    ring.keys().iter().filter(move |key| key.addresses().contains(&from))
}

/// Holds what was signed against the keys of its sender. The best of several signatures counts.
pub(super) fn judge(signed: &dyn Signed, ring: &Keyring, from: &str, now: Time) -> Worth {
    let mut worst = Worth::Unknown(String::new(), "it names no key".into());
    for (at, signature) in signed.signatures().into_iter().enumerate().take(SIGNATURES_MAX) {
        let named = signature.issuer_fingerprint().first().map(|one| format!("{one:X}"));
        let named = named.or_else(|| signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase()));
        let named = named.unwrap_or_default();
        let found = of_sender(ring, from)
            .find_map(|key| key.signers().iter().find(|one| one.is_named_by(signature)).map(|one| (key, one)));
        let Some((key, signer)) = found else {
            let known = ring.keys().iter().any(|key| key.signers().iter().any(|one| one.is_named_by(signature)));
            let why =
                if known { "the key is not one of its sender" } else { "no key of its sender is known that made it" };
            worst = Worth::Unknown(named, why.into());
            continue;
        };
        let holds = match &signer.key {
            Kind::Primary(key) => signed.holds_primary(at, key),
            Kind::Sub(key) => signed.holds_sub(at, key),
        };
        let fingerprint = key.fingerprint().to_owned();
        if is_weak(signature) {
            // The library does not even try.
            worst = Worth::Unknown(fingerprint, "its hash can be forged".into());
            continue;
        }
        // What the library says of it has many lines, and nothing for people.
        if holds.is_err() {
            worst = Worth::Bad(fingerprint, "it does not fit what was signed".into());
            continue;
        }
        match why_not(key, signer, signature, now) {
            None => return Worth::Good(fingerprint),
            Some(why) => worst = Worth::Unknown(fingerprint, why),
        }
    }
    worst
}

/// Why a signature that holds does not count.
fn why_not(key: &ContactKey, signer: &Signer, signature: &Signature, now: Time) -> Option<String> {
    let made = signature.created().map(seconds)?;
    let is_over = |moment: i64| signer.expires.is_some_and(|end| end <= moment);
    if key.is_revoked {
        return Some("the key is revoked".into());
    }
    if is_over(made) || is_over(now.seconds()) {
        return Some("the key has expired".into());
    }
    if made < signer.created || made > now.seconds() + CLOCK_ERROR_SECONDS {
        return Some("it was made before its key, or is from the future".into());
    }
    None
}

fn is_weak(signature: &Signature) -> bool {
    matches!(signature.hash_alg(), Some(HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160))
}
