//! Which events a notice holds, as bytes of the database.
#![no_main]

use concert_store::Members;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(mut members) = Members::from_bytes(bytes) else { return };
    assert_eq!(Members::from_bytes(&members.to_bytes()).as_ref(), Some(&members));
    let before = members.len();
    members.add(1, 1);
    assert_eq!(members.len(), before + 1);
});
