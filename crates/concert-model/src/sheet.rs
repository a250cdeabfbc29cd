//! Spreadsheets: which texts they would run as a formula.
//!
//! Whatever is written as CSV asks here, and gives such a text a `'` in front.

/// Whether a spreadsheet would run a cell with this text: it begins with `=`, `+`, `-`, `@`, a tab or a line end, or
/// with the full-width form of one of these.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_a_formula_is_known() {
        for text in
            ["=1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\u{ff1d}1", "\u{ff0b}1", "\u{ff0d}1", "\u{ff20}a"]
        {
            assert!(is_formula(text), "{text:?}");
        }
        for text in ["", "1", " =1", "a=1", "'=1", "192.0.2.1"] {
            assert!(!is_formula(text), "{text:?}");
        }
    }
}
