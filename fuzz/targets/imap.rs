//! A conversation with a mail server that has mails for us: what it says to log in, to searches, to
//! fetches and to marks. The first byte says how the words come, as for `irc`; bits 8 and 16 what is
//! done with a mail that was taken.
#![no_main]

use concert_fuzz::{forgive_libraries, pieces, talk};
use concert_transport::fuzzing::imap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    forgive_libraries();
    let Some((choice, words)) = bytes.split_first() else { return };
    talk(imap(words, pieces(*choice), choice & 4 != 0, (choice >> 3) & 3));
});
