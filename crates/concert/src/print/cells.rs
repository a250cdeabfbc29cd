//! CSV that another program wrote, made harmless on its way through.
//!
//! CSV does not tell text from numbers, so a cell that is a negative number as a whole stays as it is: a spreadsheet
//! finds a number in it and runs nothing.

use concert_model::sheet::is_formula;

/// Cells on their way. All but those that a spreadsheet would run stay as they are, byte for byte.
#[derive(Default)]
pub struct Cells {
    /// The cell that has not ended yet, with its quotes.
    cell: Vec<u8>,
    is_quoted: bool,
}

impl Cells {
    /// Takes more of the CSV, and appends the cells that ended to `out`.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if !self.is_quoted && matches!(byte, b',' | b'\r' | b'\n') {
                self.finish(out);
                out.push(byte);
            } else {
                self.is_quoted ^= byte == b'"';
                self.cell.push(byte);
            }
        }
    }

    /// Ends the last cell.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let quoted = self.cell.strip_prefix(b"\"");
        let bare = quoted.map_or(self.cell.as_slice(), |rest| rest.strip_suffix(b"\"").unwrap_or(rest));
        let text = String::from_utf8_lossy(bare);
        if is_formula(&text) && !is_negative(&text) {
            out.extend_from_slice(b"\"'");
            for &byte in bare {
                if byte == b'"' && quoted.is_none() {
                    out.push(b'"');
                }
                out.push(byte);
            }
            out.push(b'"');
        } else {
            out.extend_from_slice(&self.cell);
        }
        self.cell.clear();
    }
}

fn is_negative(text: &str) -> bool {
    text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_do_nothing_and_numbers_stay_wherever_the_blocks_end() {
        let check = |given: &str, want: &str| {
            for size in [1, 2, 7, 1000] {
                let (mut cells, mut out) = (Cells::default(), Vec::new());
                given.as_bytes().chunks(size).for_each(|block| cells.take(block, &mut out));
                cells.finish(&mut out);
                assert_eq!(String::from_utf8(out).unwrap(), want, "{given:?} in blocks of {size}");
            }
        };
        check("a,b\r\n1,-2\r\n-3.5e-07,x\r\n", "a,b\r\n1,-2\r\n-3.5e-07,x\r\n");
        check("=1+1,@a\n+49301234,\"=A1,\"\"x\"\"\"\n", "\"'=1+1\",\"'@a\"\n\"'+49301234\",\"'=A1,\"\"x\"\"\"\n");
        check("-1+1,-2-3,--1,-\n", "\"'-1+1\",\"'-2-3\",\"'--1\",\"'-\"\n");
        check("\u{ff1d}1,\t=1\n", "\"'\u{ff1d}1\",\"'\t=1\"\n");
        check("\"a\n=b\",\"a\r\n,=c\"\n", "\"a\n=b\",\"a\r\n,=c\"\n");
        check("=a\"b\"\n", "\"'=a\"\"b\"\"\"\n");
        check("\"\",,=x", "\"\",,\"'=x\"");
    }
}
