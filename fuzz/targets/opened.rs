//! Mails as they are opened and their signatures looked at: whatever a mail says, that ends, gives the same each
//! time, and no signature is good where no key of anybody is known.
#![no_main]

use std::sync::OnceLock;

use concert_model::Time;
use concert_model::incident::mail::Signature;
use concert_pipeline::mail::files::files;
use concert_transport::openpgp::{Keyring, SiteKey, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static KEY: OnceLock<SiteKey> = OnceLock::new();
    let key = KEY.get_or_init(|| SiteKey::make("CERT <cert@cert.example>", 1_790_000_000).expect("a key"));
    let (own, ring) = ([key], Keyring::default());
    let keys = open::Keys { own: &own, ring: &ring, now: Time(1_795_323_030_000_000) };
    let opened = open::open(bytes, keys);
    assert_ne!(opened.openpgp.signature, Signature::Good);
    assert_eq!(open::open(bytes, keys), opened, "opening twice");
    assert!(files(&opened.mail).iter().all(|file| !file.name.contains(['\r', '\n'])));
});
