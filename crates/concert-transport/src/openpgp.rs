//! OpenPGP: the site's key, what it signs and what it opens; the keys of contacts, what is encrypted to them and
//! what they signed.
//!
//! Keys are those GnuPG reads too (version 4). A signature carries the time that
//! is handed in and Ed25519 is deterministic, so the same bytes get the same signature. What is encrypted is
//! different each time, as it must be.

pub mod contact;
mod door;
pub mod keyring;
pub mod open;
pub(crate) mod seal;
mod signer;

#[cfg(test)]
mod tests;

use std::fmt;

use concert_model::Time;

use pgp::composed::{
    ArmorOptions, Deserializable, DetachedSignature, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedPublicKey,
    SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails, Password, PublicParams, Timestamp};

pub use contact::ContactKey;
pub use keyring::Keyring;

/// Most bytes of a key.
pub const KEY_BYTES_MAX: usize = 1 << 20;

/// How the hash of our signatures is called in a mail.
pub(crate) const MICALG: &str = "pgp-sha256";
const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// What composing may encrypt with: the keys of contacts, and the moment at which they must be good.
#[derive(Clone, Copy, Debug)]
pub struct KeysAt<'a> {
    /// The keys of contacts.
    pub keyring: &'a Keyring,
    /// The present moment.
    pub now: Time,
}

/// The key the site signs with.
pub struct SiteKey(SignedSecretKey);

impl fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiteKey({})", self.fingerprint())
    }
}

impl SiteKey {
    /// Makes an Ed25519 key that signs, for `Name <address>`, with a Curve25519 subkey to encrypt to.
    ///
    /// Both in the form that GnuPG 2.2 reads, which RFC 9580 calls legacy (section 9.2).
    pub fn make(user: &str, seconds: i64) -> Result<Self, String> {
        let failed = |error: &dyn fmt::Display| format!("the key cannot be made: {error}");
        let mut subkey = SubkeyParamsBuilder::default();
        subkey
            .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
            .can_encrypt(EncryptionCaps::All)
            .created_at(stamp(seconds));
        let subkey = subkey.build().map_err(|error| failed(&error))?;
        let mut parameters = SecretKeyParamsBuilder::default();
        parameters
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .can_encrypt(EncryptionCaps::None)
            .created_at(stamp(seconds))
            // Without them GnuPG signs what it encrypts to this key with SHA-1, which nobody believes.
            .preferred_hash_algorithms([HASH, HashAlgorithm::Sha512].into_iter().collect())
            .preferred_symmetric_algorithms([SymmetricKeyAlgorithm::AES256].into_iter().collect())
            .primary_user_id(user.to_owned())
            .subkey(subkey);
        let parameters = parameters.build().map_err(|error| failed(&error))?;
        parameters.generate(rand::thread_rng()).map(Self).map_err(|error| failed(&error))
    }

    /// Reads an armoured secret key without a passphrase.
    pub fn read(armour: &str) -> Result<Self, String> {
        if armour.len() > KEY_BYTES_MAX {
            return Err(format!("the key is larger than {KEY_BYTES_MAX} bytes"));
        }
        let (key, _) = SignedSecretKey::from_string(armour.trim())
            .map_err(|error| format!("this is no OpenPGP secret key: {error}"))?;
        key.verify_bindings().map_err(|error| format!("the OpenPGP key is damaged: {error}"))?;
        let key = Self(key);
        key.sign(b"", 0).map_err(|why| format!("{why}; it must be without a passphrase and able to sign"))?;
        Ok(key)
    }

    /// Whether RSA is any part of it.
    pub(crate) fn has_rsa(&self) -> bool {
        let is_rsa = |params: &PublicParams| matches!(params, PublicParams::RSA(_));
        is_rsa(self.0.primary_key.public_params())
            || self.0.secret_subkeys.iter().any(|subkey| is_rsa(subkey.key.public_params()))
    }

    /// The secret key, armoured, for a file nobody else may read.
    pub fn secret(&self) -> Result<String, String> {
        self.0.to_armored_string(ArmorOptions::default()).map_err(|error| error.to_string())
    }

    /// The public key, armoured, for everybody.
    pub fn public(&self) -> Result<String, String> {
        let public = SignedPublicKey::from(self.0.clone());
        public.to_armored_string(ArmorOptions::default()).map_err(|error| error.to_string())
    }

    /// The fingerprint, in capital hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        format!("{:X}", self.0.primary_key.fingerprint())
    }

    /// An armoured signature over these bytes.
    pub(crate) fn sign(&self, data: &[u8], seconds: i64) -> Result<String, String> {
        let failed = |error: pgp::errors::Error| format!("the OpenPGP key cannot sign: {error}");
        let key = &self.0.primary_key;
        let mut config = SignatureConfig::v4(SignatureType::Binary, key.algorithm(), HASH);
        // A signature from before its key would not hold; that is a notice made before the key was.
        let time = stamp(seconds).max(key.created_at());
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(time)).map_err(failed)?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).map_err(failed)?,
        ];
        config.unhashed_subpackets =
            vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).map_err(failed)?];
        let signature = config.sign(key, &Password::empty(), data).map_err(failed)?;
        DetachedSignature::new(signature).to_armored_string(ArmorOptions::default()).map_err(failed)
    }
}

fn stamp(seconds: i64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}
