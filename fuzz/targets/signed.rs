//! DKIM signatures of mails that come in: the first line is the key as the DNS has it, the rest is the mail. Whatever they
//! say, nothing panics.
#![no_main]

use concert_transport::fuzzing::signed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (key, mail) = bytes.split_at(split);
    signed(mail.get(1..).unwrap_or_default(), &String::from_utf8_lossy(key));
});
