//! A public key of a contact, armoured or binary. Whatever it says, reading it ends, and a key that is read
//! is read again from what is kept of it.
#![no_main]

use concert_model::Time;
use concert_transport::openpgp::ContactKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok((key, armour)) = ContactKey::read_to_keep(bytes) else { return };
    let again = ContactKey::read(armour.as_bytes()).expect("what is kept can be read");
    assert_eq!((again.fingerprint(), again.addresses()), (key.fingerprint(), key.addresses()));
    for seconds in [0, 1_790_000_000, i64::from(u32::MAX)] {
        let now = Time::from_seconds(seconds).unwrap_or_default();
        assert_eq!(key.why_not(now).is_none(), key.state(now).is_usable());
        assert_eq!(again.state(now), key.state(now));
    }
});
