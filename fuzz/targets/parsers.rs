//! Every parser, with the settings of its samples: the first byte chooses.
#![no_main]

use concert_fuzz::{check, feeds, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let feeds = feeds();
    parse(&feeds[usize::from(*choice) % feeds.len()], rest, &mut check);
});
