//! Mails as they are opened and their signatures looked at: whatever a mail says, that ends, gives the same each
//! time, no signature is good where no key of anybody is known, and where one is known none but its own.
#![no_main]

use std::sync::OnceLock;

use concert_fuzz::folder;
use concert_model::Time;
use concert_model::incident::mail::Signature;
use concert_pipeline::mail::files::files;
use concert_transport::openpgp::{Keyring, SiteKey, open};
use libfuzzer_sys::fuzz_target;

/// Made for this target alone. The key stays the same, so that mails in the corpus can be opened.
const SITE: &str = include_str!("../keys/site.asc");
const CONTACT: &str = include_str!("../keys/contact.asc");

fuzz_target!(|bytes: &[u8]| {
    static KEYS: OnceLock<(SiteKey, Keyring)> = OnceLock::new();
    let (site, ring) = KEYS.get_or_init(|| {
        std::fs::write(folder().join("contact.asc"), CONTACT).expect("the folder takes a file");
        (SiteKey::read(SITE).expect("a key"), Keyring::read(folder()))
    });
    let (own, nobody, now) = ([site], Keyring::default(), Time(1_795_323_030_000_000));
    let opened = open::open(bytes, open::Keys { own: &own, ring: &nobody, now });
    assert_ne!(opened.openpgp.signature, Signature::Good);
    assert!(files(&opened.mail).iter().all(|file| !file.name.contains(['\r', '\n'])));

    let keys = open::Keys { own: &own, ring, now };
    let known = open::open(bytes, keys);
    assert_eq!((&known.mail, known.openpgp.encrypted), (&opened.mail, opened.openpgp.encrypted));
    if known.openpgp.signature == Signature::Good {
        assert!(ring.keys().iter().any(|key| key.fingerprint() == known.openpgp.key));
    }
    assert_eq!(open::open(bytes, keys), known, "opening twice");
});
