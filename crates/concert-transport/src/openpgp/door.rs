//! The subkeys of a contact's key, and which of its signatures count.
//!
//! Where no subkey is for encryption, an RSA key is used itself if it says that it is for encryption too, as those of
//! `Key-Type: RSA` are.
//!
//! A subkey is used when the key has bound it for encryption (RFC 9580 sections 5.2.3.29 and 10.1.5), has not
//! taken it back, and it is of a kind that this program can encrypt to.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{KeyFlags, PubKeyInner, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{EcdhPublicParams, KeyDetails, PublicParams, Timestamp};

/// Subkeys of one key that are looked at.
const SUBKEYS_MAX: usize = 100;
/// Signatures over one thing that are tried: keys can be flooded with those of others.
pub(super) const SIGNATURES_MAX: usize = 100;
/// Bytes that the numbers of an RSA key of 2,048 bits have (two lengths, modulus, exponent); fewer are too
/// few to hide anything.
const RSA_BYTES_MIN: usize = 2 + 256 + 2 + 1;

/// A subkey that something can be encrypted to.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) key: PublicSubkey,
    pub(super) created: i64,
    pub(super) expires: Option<i64>,
}

/// The newest signature that holds. Of one moment, a revocation comes first: it was meant to end something.
pub(super) fn newest(signatures: &[Signature], holds: impl Fn(&Signature) -> bool) -> Option<&Signature> {
    let mut sorted: Vec<&Signature> = signatures.iter().collect();
    sorted.sort_by_key(|one| std::cmp::Reverse((one.created(), one.typ() == Some(SignatureType::CertRevocation))));
    sorted.into_iter().take(SIGNATURES_MAX).find(|one| holds(one))
}

/// The subkeys that can be encrypted to, or why there are none. `own` is the newest that the key says of itself.
pub(super) fn doors(key: &SignedPublicKey, own: Option<&Signature>) -> (Vec<Door>, &'static str) {
    let (mut doors, mut closed) = (Vec::new(), "it has no subkey for encryption");
    for subkey in key.public_subkeys.iter().take(SUBKEYS_MAX) {
        match door(key, subkey) {
            Ok(Some(door)) => doors.push(door),
            Ok(None) => {}
            Err(why) => closed = why,
        }
    }
    if doors.is_empty() && own.and_then(flags).is_some_and(is_for_encryption) {
        match itself(&key.primary_key) {
            Ok(door) => doors.push(door),
            Err(why) => closed = why,
        }
    }
    (doors, closed)
}

/// The key itself as a door. In the form of a subkey its numbers, and so its key id, are the same.
fn itself(key: &PublicKey) -> Result<Door, &'static str> {
    let unknown = "its key for encryption is of a kind that is not understood";
    let params = key.public_params();
    match params {
        PublicParams::RSA(_) if params.write_len() < RSA_BYTES_MIN => {
            return Err("its RSA key has less than 2048 bits");
        }
        PublicParams::RSA(_) => {}
        _ => return Err(unknown),
    }
    let inner = PubKeyInner::new(key.version(), key.algorithm(), key.created_at(), None, params.clone());
    let subkey = inner.and_then(PublicSubkey::from_inner).map_err(|_| unknown)?;
    // When it ends, all of it does.
    Ok(Door { key: subkey, created: seconds(key.created_at()), expires: None })
}

fn door(key: &SignedPublicKey, subkey: &SignedPublicSubKey) -> Result<Option<Door>, &'static str> {
    let is = |kind: SignatureType| {
        let own =
            |s: &Signature| s.typ() == Some(kind) && s.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok();
        newest(&subkey.signatures, own)
    };
    let Some(binding) = is(SignatureType::SubkeyBinding) else { return Ok(None) };
    // Without flags, as in keys of the nineties, what the algorithm can do counts.
    if !flags(binding).is_none_or(is_for_encryption) || is_for_signing(subkey.key.public_params()) {
        return Ok(None);
    }
    if is(SignatureType::SubkeyRevocation).is_some() {
        return Err("its subkey for encryption is revoked");
    }
    check(subkey.key.public_params())?;
    let created = seconds(subkey.key.created_at());
    Ok(Some(Door { key: subkey.key.clone(), created, expires: end(created, binding) }))
}

fn is_for_encryption(flags: &KeyFlags) -> bool {
    flags.encrypt_comms() || flags.encrypt_storage()
}

fn is_for_signing(params: &PublicParams) -> bool {
    use PublicParams::{DSA, ECDSA, Ed448, Ed25519, EdDSALegacy};
    matches!(params, DSA(_) | ECDSA(_) | EdDSALegacy(_) | Ed25519(_) | Ed448(_))
}

/// Whether this program can encrypt with such a subkey.
fn check(params: &PublicParams) -> Result<(), &'static str> {
    use EcdhPublicParams::{Curve25519Legacy, P256, P384, P521};
    match params {
        PublicParams::RSA(_) if params.write_len() < RSA_BYTES_MIN => Err("its RSA subkey has less than 2048 bits"),
        PublicParams::RSA(_) | PublicParams::X25519(_) | PublicParams::X448(_) => Ok(()),
        PublicParams::ECDH(Curve25519Legacy { .. } | P256 { .. } | P384 { .. } | P521 { .. }) => Ok(()),
        _ => Err("its subkey for encryption is of a kind that is not understood"),
    }
}

fn flags(signature: &Signature) -> Option<&KeyFlags> {
    signature.config()?.hashed_subpackets().find_map(|packet| match &packet.data {
        SubpacketData::KeyFlags(flags) => Some(flags),
        _ => None,
    })
}

/// When a key that was made then ends by this signature; zero seconds mean never.
pub(super) fn end(created: i64, signature: &Signature) -> Option<i64> {
    let lasts = signature.key_expiration_time().map(|lasts| i64::from(lasts.as_secs()));
    lasts.filter(|lasts| *lasts > 0).map(|lasts| created.saturating_add(lasts))
}

/// A moment of OpenPGP in seconds since 1970.
pub(super) fn seconds(time: Timestamp) -> i64 {
    i64::from(time.as_secs())
}
