//! Archives, compressed files, mails, and bytes that only look like them. The first byte chooses the
//! parser behind, the second what the sender says it is.
#![no_main]

use concert_fuzz::{feed_named, receipt, unpack};
use concert_pipeline::parse::unpack::Limits;
use libfuzzer_sys::fuzz_target;

const PARSERS: &[&str] = &["keyvalue", "ndjson", "complaint", "shadowserver", "arf", "xarf"];
const KINDS: &[(&str, &str)] = &[
    ("", ""),
    ("2026-06-17-scan_telnet-all.csv", "text/csv"),
    ("a.csv.gz", "application/gzip"),
    ("a.zip", "application/zip"),
    ("a.bz2", ""),
    ("a.eml", "message/rfc822"),
    ("../../a.txt", "text/plain; charset=utf-16le"),
    ("a", "text/plain; charset=\"iso-2022-jp\""),
];

fuzz_target!(|bytes: &[u8]| {
    let [parser, kind, rest @ ..] = bytes else { return };
    let (name, media_type) = KINDS[usize::from(*kind) % KINDS.len()];
    let feed = feed_named(PARSERS[usize::from(*parser) % PARSERS.len()]);
    let limits = Limits { bytes: 4 << 20, members: 50, ..Limits::default() };
    unpack(feed, &receipt(name, media_type), rest, &limits);
});
