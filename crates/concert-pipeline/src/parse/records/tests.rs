//! Records in every shape, good and bad.

use super::split::next_quote;
use super::*;

fn comma() -> Shape {
    Shape { delimiter: Delimiter::Byte(b','), quote: true, comments: vec!["#".into()] }
}

/// Every piece as a line; the bytes come in chunks of `chunk`.
fn pieces(bytes: &[u8], shape: Shape, width: Option<usize>, chunk: usize) -> Vec<String> {
    let mut reader = std::io::BufReader::with_capacity(chunk, bytes);
    let mut input = Input::new(&mut reader, None);
    let mut records = Records::new(&mut input, shape);
    if let Some(width) = width {
        records.set_width(width);
    }
    let mut out = Vec::new();
    while let Some(found) = records.read() {
        out.push(match found {
            Found::Record(record) => {
                format!("{} {}", record.line, record.fields().collect::<Vec<_>>().join("|"))
            }
            Found::Comment(text) => text.to_owned(),
            Found::Bad { line, reason, raw } => {
                format!("{line} BAD {} {}", reason.split(' ').next().unwrap(), raw.len().min(100))
            }
        });
    }
    out
}

fn check(bytes: &[u8], want: &[&str]) {
    for chunk in [1, 2, 3, 7, 8192] {
        assert_eq!(pieces(bytes, comma(), None, chunk), want, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn fields_and_line_ends_in_every_way() {
    check(b"\xef\xbb\xbfa,b\r\n\r\nc,\n,d\re,f", &["1 a|b", "3 c|", "4 |d", "5 e|f"]);
    check(
        b"\"a,1\",\"say \"\"hi\"\"\",\"\"\n#note, this\n\"x\ny\",2\nz",
        &["1 a,1|say \"hi\"|", "#note, this", "3 x\ny|2", "5 z"],
    );
    check(b"\"a\"b\"c,d\n", &["1 a\"b\"c|d"]);
    check(b"", &[]);
    check(b"\n\n", &[]);
    check(b"a,b,", &["1 a|b|"]);
}

#[test]
fn a_stray_quote_costs_its_own_line_only() {
    check(b"a,b\nc,\"d\ne,f\n", &["1 a|b", "2 BAD a 4", "3 e|f"]);
    check(b"\"a\",\"b\n\"c\",\"d\"\n\"e\",\"f\"\n", &["1 BAD a 6", "2 c|d", "3 e|f"]);
    let three = b"a,\"b,c\nd,\"e\",f\ng,h,i\n";
    assert_eq!(pieces(three, comma(), Some(3), 8192), ["1 BAD a 6", "2 d|e|f", "3 g|h|i"]);
}

#[test]
fn long_lines_are_bad_and_the_next_is_read() {
    let mut bytes = vec![b'x'; 3 << 20];
    bytes.extend_from_slice(b"\nnext\n\"");
    bytes.extend(std::iter::repeat_n(*b"line\n", 500_000).flatten());
    let found = pieces(&bytes, comma(), None, 8192);
    assert_eq!(found[..4], ["1 BAD longer 100", "2 next", "3 BAD a 5", "4 line"]);
    assert_eq!(found.len(), 2 + 500_000);
}

#[test]
fn blanks_separate_however_many() {
    let shape = Shape { delimiter: Delimiter::Blanks, quote: true, comments: vec!["//".into()] };
    let found = pieces(b" a  b\t\"c d\" \r\n//x y\n  \ne", shape, None, 2);
    assert_eq!(found, ["1 a|b|c d", "//x y", "3 ", "4 e"]);
}

#[test]
fn quotes_are_found_wherever_they_stand() {
    for length in 0..64 {
        let mut bytes = vec![0x23u8; length];
        assert_eq!(next_quote(&bytes, 0), None);
        for at in (0..length).rev() {
            bytes[at] = b'"';
            assert_eq!(next_quote(&bytes, 0), Some(at));
            assert_eq!(next_quote(&bytes, at), Some(at));
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_spoil_nothing() {
    check(b"M\xfcnchen,\"a\"\"\xfc\"\nok,\0\n", &["1 München|a\"ü", "2 ok|\0"]);
}
