//! A conversation with an IRC server: signing in, joining, listening, being thrown out. The first byte
//! says how the words come: bits 1 and 2 in which pieces, 4 whether the server stays silent at the end
//! instead of hanging up, 8 whether we have an account.
#![no_main]

use concert_fuzz::{pieces, talk};
use concert_transport::fuzzing::irc;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, words)) = bytes.split_first() else { return };
    talk(irc(words, pieces(*choice), choice & 4 != 0, choice & 8 != 0));
});
