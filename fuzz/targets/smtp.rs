//! A conversation with a mail server that takes our mails, or does not. The first byte says how the
//! words come, as for `irc`.
#![no_main]

use concert_fuzz::{pieces, talk};
use concert_transport::fuzzing::smtp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, words)) = bytes.split_first() else { return };
    talk(smtp(words, pieces(*choice), choice & 4 != 0, choice & 8 != 0));
});
