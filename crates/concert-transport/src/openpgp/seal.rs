//! Encrypting to the keys of contacts: bytes in, armour out.
//!
//! What every OpenPGP program of the last twenty years opens: AES-256 with the modification check of version
//! 1 (RFC 9580 sections 5.13.1 and 9.3), the session key once for each recipient (section 5.1). Nothing is
//! compressed: large attachments are zipped already, and the length then tells nothing of the content.

use concert_model::Time;
use pgp::composed::{ArmorOptions, MessageBuilder};
use pgp::crypto::sym::SymmetricKeyAlgorithm;

use super::contact::ContactKey;

/// Encrypts to these keys.
///
/// Whoever is `hidden` can read it, but the message does not say who that is: the key id is zero (RFC 9580
/// section 5.1.8), and programs try each of their keys. How many are hidden can be counted.
pub(crate) fn seal(data: &[u8], open: &[&ContactKey], hidden: &[&ContactKey], now: Time) -> Result<String, String> {
    let failed = |error: pgp::errors::Error| format!("the mail cannot be encrypted: {error}");
    let mut random = rand::thread_rng();
    let message = MessageBuilder::from_bytes("", data.to_vec());
    let mut message = message.seipd_v1(&mut random, SymmetricKeyAlgorithm::AES256);
    let mut done: Vec<&str> = Vec::new();
    let all = open.iter().map(|key| (key, false)).chain(hidden.iter().map(|key| (key, true)));
    for (key, is_hidden) in all {
        if done.contains(&key.fingerprint()) {
            continue;
        }
        done.push(key.fingerprint());
        let door = key.door(now).ok_or_else(|| format!("the key {} has nothing to encrypt to", key.fingerprint()))?;
        let added = if is_hidden {
            message.encrypt_to_key_anonymous(&mut random, door)
        } else {
            message.encrypt_to_key(&mut random, door)
        };
        added.map_err(failed)?;
    }
    if done.is_empty() {
        return Err("there is nobody to encrypt to".into());
    }
    message.to_armored_string(&mut random, ArmorOptions::default()).map_err(failed)
}
