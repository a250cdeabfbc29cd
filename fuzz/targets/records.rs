//! Splitting into records, in every shape. The first byte chooses it. However the reader cuts the bytes
//! into pieces, the same records come out.
#![no_main]

use std::io::BufReader;

use concert_pipeline::parse::Input;
use concert_pipeline::parse::records::{Delimiter, Found, Records, Shape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let all = read(*choice, rest, 1 << 20);
    assert_eq!(all, read(*choice, rest, 1), "cut into single bytes");
    assert!(all.len() <= rest.len() + 1, "more records than bytes");
});

fn read(choice: u8, bytes: &[u8], piece_bytes: usize) -> Vec<(u64, Vec<String>)> {
    let delimiter = match choice & 3 {
        0 => Delimiter::Byte(b','),
        1 => Delimiter::Byte(b'|'),
        2 => Delimiter::Byte(b'\t'),
        _ => Delimiter::Blanks,
    };
    let comments = if choice & 8 == 0 { Vec::new() } else { vec!["#".to_owned(), "//".to_owned()] };
    let shape = Shape { delimiter, quote: choice & 4 == 0, comments };
    let mut reader = BufReader::with_capacity(piece_bytes, bytes);
    let mut input = Input::new(&mut reader, None);
    let mut records = Records::new(&mut input, shape);
    if choice & 16 != 0 {
        records.set_width(usize::from(choice >> 5) + 1);
    }
    let mut out = Vec::new();
    while let Some(found) = records.read() {
        out.push(match found {
            Found::Record(record) => {
                assert_eq!(record.fields().count(), record.len());
                assert!(record.get(record.len()).is_none());
                (record.line, record.fields().map(str::to_owned).collect())
            }
            Found::Comment(text) => (0, vec![text.to_owned()]),
            Found::Bad { line, reason, .. } => (line, vec![reason.to_owned()]),
        });
    }
    out
}
