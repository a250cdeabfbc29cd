//! Finding the records of a JSON document without reading it as one value.
//!
//! A document of 256 MiB as one tree would take gigabytes, and one broken record would spoil all. So
//! only brackets and strings are followed here; each record is read by itself. JSON allows no line break
//! inside a string, so a quote without a partner in its line begins none: it costs one record only.

use std::ops::Range;

use super::Fault;

/// Deepest nesting of a record.
pub(super) const DEPTH_MAX: usize = 64;

/// One step of a path to the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of this name.
    Member(String),
    /// Every member of an object, every element of a list.
    Every,
}

/// Reads `data.items` or `*`. Empty text is the document itself.
pub(super) fn steps(path: &str) -> Vec<Step> {
    let step = |word: &str| if word == "*" { Step::Every } else { Step::Member(word.to_owned()) };
    path.split('.').map(str::trim).filter(|word| !word.is_empty()).map(step).collect()
}

/// A piece of the document: a record, or what is no record and why.
pub(super) struct Piece<'d> {
    /// Its bytes.
    pub bytes: &'d [u8],
    /// Where it begins in the document.
    pub at: usize,
    /// Name of the member that the last `*` of the path chose.
    pub key: Option<String>,
    /// What is wrong with it already.
    pub fault: Option<&'static str>,
    /// A member of it is there twice, as whoever reads it finds out.
    pub has_twice: bool,
}

/// Calls `each` for every record at the end of the path: the elements of a list, or the one value that
/// is there. Documents that follow each other in one file are all read.
pub(super) fn pieces<'d>(document: &'d [u8], path: &[Step], each: &mut dyn FnMut(Piece<'d>)) {
    let mut scan = Scan { document, at: 0, each, found: false, cut: false, no_strings_before: 0 };
    loop {
        match scan.peek() {
            Some(b'{' | b'[') => scan.visit(path, None),
            Some(_) => {
                scan.tell(scan.at..document.len(), None, Some("not JSON: an object or a list belongs here"));
                return;
            }
            None => break,
        }
    }
    if !scan.found && !scan.cut && !path.is_empty() && scan.at > 0 {
        scan.tell(0..document.len(), None, Some("nothing is at the path in `records`"));
    }
}

/// Why bytes are nested too deep, if they are.
pub(super) fn check_depth(bytes: &[u8]) -> Result<(), Fault> {
    let mut ignore = |_: Piece<'_>| {};
    let mut scan = Scan { document: bytes, at: 0, each: &mut ignore, found: false, cut: false, no_strings_before: 0 };
    match scan.skip_value() {
        Err(TOO_DEEP) => Err(Fault::new("", TOO_DEEP)),
        _ => Ok(()),
    }
}

const TOO_DEEP: &str = "nested deeper than 64 levels";
const CUT: &str = "not JSON: the document ends before this does";

struct Scan<'d, 'e> {
    document: &'d [u8],
    at: usize,
    each: &'e mut dyn FnMut(Piece<'d>),
    /// Whether the path led somewhere.
    found: bool,
    /// Whether it was told that the document is cut; it is cut inside all that is open.
    cut: bool,
    /// Quotes before this place were found to begin no string.
    no_strings_before: usize,
}

impl<'d> Scan<'d, '_> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.document.get(self.at..)?;
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.document.get(self.at).copied()
    }

    fn tell(&mut self, range: Range<usize>, key: Option<&str>, fault: Option<&'static str>) {
        if fault == Some(CUT) && std::mem::replace(&mut self.cut, true) {
            return;
        }
        let bytes = self.document.get(range.clone()).unwrap_or_default();
        (self.each)(Piece { bytes, at: range.start, key: key.map(str::to_owned), fault, has_twice: false });
    }

    /// Follows the path from the value that begins here, to its end. Always moves on.
    fn visit(&mut self, path: &[Step], key: Option<&str>) {
        let (first, open) = (path.first(), self.peek());
        match (first, open) {
            (None, Some(b'[')) => {
                self.found = true;
                self.elements(|scan| scan.record(key));
            }
            (None, _) => {
                self.found = true;
                self.record(key);
            }
            (Some(Step::Every), Some(b'[')) => {
                let rest = path.get(1..).unwrap_or_default();
                self.elements(|scan| scan.visit(rest, key));
            }
            (Some(step), Some(b'{')) => {
                let rest = path.get(1..).unwrap_or_default();
                self.members(step, rest, key);
            }
            (Some(_), _) => self.pass(),
        }
    }

    fn record(&mut self, key: Option<&str>) {
        let start = self.at;
        let fault = self.skip_value().err();
        self.tell(start..self.at, key, fault);
    }

    /// Passes over a value that the path does not want; only a cut document is worth a word.
    fn pass(&mut self) {
        let start = self.at;
        if self.skip_value() == Err(CUT) {
            self.tell(start..self.at, None, Some(CUT));
        }
    }

    fn elements(&mut self, mut each: impl FnMut(&mut Self)) {
        self.at += 1;
        if self.ended(b']') {
            return;
        }
        loop {
            match self.peek() {
                None => return self.tell(self.at..self.at, None, Some(CUT)),
                Some(b',' | b':' | b'}' | b']') => self.garbage(b']'),
                Some(_) => each(self),
            }
            if !self.separated(b']') {
                return;
            }
        }
    }

    fn members(&mut self, step: &Step, rest: &[Step], outer: Option<&str>) {
        self.at += 1;
        if self.ended(b'}') {
            return;
        }
        loop {
            match self.peek() {
                None => return self.tell(self.at..self.at, None, Some(CUT)),
                Some(b'"') => {
                    let name = self.name();
                    if self.peek() == Some(b':') {
                        self.at += 1;
                    }
                    match (step, self.peek()) {
                        (_, None | Some(b',' | b'}' | b']' | b':')) => self.garbage(b'}'),
                        (Step::Every, _) => self.visit(rest, Some(&name)),
                        (Step::Member(wanted), _) if *wanted == name => self.visit(rest, outer),
                        (Step::Member(_), _) => self.pass(),
                    }
                }
                Some(_) => self.garbage(b'}'),
            }
            if !self.separated(b'}') {
                return;
            }
        }
    }

    /// Whether an object or list ends here, and passes over the end.
    fn ended(&mut self, close: u8) -> bool {
        let ended = self.peek() == Some(close);
        self.at += usize::from(ended);
        ended
    }

    /// Whether another piece follows; what stands between is told once and passed over.
    fn separated(&mut self, close: u8) -> bool {
        if self.ended(close) {
            return false;
        }
        match self.peek() {
            Some(b',') => self.at += 1,
            // The end is told by the loop. A record without a comma before it is a record all the same.
            None | Some(b'{' | b'[') => {}
            Some(_) => {
                self.garbage(close);
                if self.ended(close) {
                    return false;
                }
                self.at += usize::from(self.peek() == Some(b','));
            }
        }
        true
    }

    /// Tells of bytes that fit nowhere, up to where a record may begin or the list may end.
    fn garbage(&mut self, close: u8) {
        let start = self.at;
        let rest = self.document.get(start..).unwrap_or_default();
        let length = rest.iter().skip(1).take_while(|b| !matches!(**b, b'{' | b'[' | b'"') && **b != close).count();
        self.at = (start + 1 + length).min(self.document.len());
        self.tell(start..self.at, None, Some("not JSON: a comma or an end belongs here"));
    }

    /// The name of a member, which begins here with its quote.
    fn name(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        self.skip_string();
        let text = self.document.get(start..self.at).unwrap_or_default();
        serde_json::from_slice(text).unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned())
    }

    /// Passes over one value, whatever it holds.
    fn skip_value(&mut self) -> Result<(), &'static str> {
        let (mut depth, mut deepest) = (0usize, 0usize);
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    self.skip_string();
                }
                b'{' | b'[' => {
                    self.at += 1;
                    depth += 1;
                    deepest = deepest.max(depth);
                    continue;
                }
                b'}' | b']' => {
                    // An end that nothing began belongs to what is around this value.
                    if depth == 0 {
                        break;
                    }
                    self.at += 1;
                    depth -= 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                b',' | b':' => break,
                _ => self.skip_word(),
            }
            if depth == 0 {
                return if deepest > DEPTH_MAX { Err(TOO_DEEP) } else { Ok(()) };
            }
        }
        if depth > 0 { Err(CUT) } else { Ok(()) }
    }

    /// Passes over the rest of a string, if it ends in its line.
    fn skip_string(&mut self) {
        if self.at <= self.no_strings_before {
            return;
        }
        let mut at = self.at;
        while let Some(byte) = self.document.get(at) {
            match byte {
                b'\\' if self.document.get(at + 1) != Some(&b'\n') => at += 2,
                b'"' => {
                    self.at = at + 1;
                    return;
                }
                b'\n' => {
                    self.no_strings_before = at;
                    return;
                }
                _ => at += 1,
            }
        }
        self.at = self.document.len();
    }

    /// A number, `true`, or whatever stands there instead.
    fn skip_word(&mut self) {
        let rest = self.document.get(self.at..).unwrap_or_default();
        let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"');
        self.at += rest.iter().position(ends).unwrap_or(rest.len()).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, path: &str, want: &[&str]) {
        let mut found = Vec::new();
        pieces(document.as_bytes(), &steps(path), &mut |piece| {
            let key = piece.key.map(|key| format!("{key}=")).unwrap_or_default();
            let fault = piece.fault.map(|fault| format!(" !{fault}")).unwrap_or_default();
            found.push(format!("{key}{}{fault}", String::from_utf8_lossy(piece.bytes)));
        });
        assert_eq!(found, want, "{document}");
    }

    #[test]
    fn records_are_found_at_their_path() {
        check(r#" [ {"a":1} , {"b":"]"} ] "#, "", &[r#"{"a":1}"#, r#"{"b":"]"}"#]);
        check(r#"{"a":1}"#, "", &[r#"{"a":1}"#]);
        check(r#"{"n":[],"d":{"x":0,"l":[1,"2"]}}"#, "d.l", &["1", "\"2\""]);
        check(r#"{"f\u0061m":["x","y"],"g":["z"]}"#, "*", &["fam=\"x\"", "fam=\"y\"", "g=\"z\""]);
        check(r#"[{"l":[1]},{"l":[2]}]"#, "*.l", &["1", "2"]);
        check("{\"a\":1}\n{\"a\":2}\n", "", &[r#"{"a":1}"#, r#"{"a":2}"#]);
        check("[]", "", &[]);
        check("", "", &[]);
    }

    #[test]
    fn what_is_broken_does_not_hide_what_is_whole() {
        check("[{\"a\":\"x},\n{\"a\":2}]", "", &["{\"a\":\"x}", "{\"a\":2}"]);
        check("[{\"a\":\"x", "", &["{\"a\":\"x !not JSON: the document ends before this does"]);
        check("[{} {}]", "", &["{}", "{}"]);
        check("{\"d\":[1,2", "d", &["1", "2", " !not JSON: the document ends before this does"]);
        check("[1 x {\"a\":1}]", "", &["1", "x  !not JSON: a comma or an end belongs here", "{\"a\":1}"]);
        check("[,,{}]", "", &[",, !not JSON: a comma or an end belongs here", "{}"]);
        check("<html>", "", &["<html> !not JSON: an object or a list belongs here"]);
        check("{\"a\":1}", "b", &["{\"a\":1} !nothing is at the path in `records`"]);
    }

    #[test]
    fn deep_nesting_is_one_piece() {
        let deep = format!("[{}{},1]", "[".repeat(100_000), "]".repeat(100_000));
        let mut found = Vec::new();
        pieces(deep.as_bytes(), &[], &mut |piece| found.push(piece.fault));
        assert_eq!(found, [Some(TOO_DEEP), None]);
        assert!(check_depth(format!("{}{}", "[".repeat(65), "]".repeat(65)).as_bytes()).is_err());
        assert!(check_depth(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes()).is_ok());
    }
}
