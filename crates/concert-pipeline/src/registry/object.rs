//! Objects of the Routing Policy Specification Language as registries publish them.
//!
//! An object is lines of `name: value` up to a blank line, or to a line with which only the next one can begin. A line that begins with a blank, a tab or `+`
//! goes on with the value before; `#` begins a comment. Files of registries are Latin-1, those that others make often
//! UTF-8: a value that is valid as UTF-8 is taken as that. Only the attributes that are
//! asked for are kept, since a dump has millions of objects. A line that is no attribute is told, and the
//! lines around it count; without its first line an object is lost whole.
//!
//! Source: RFC 2622, section 2.

use std::io::{self, BufRead, Read};

/// Longest object. Real ones with thousands of members stay below.
const OBJECT_BYTES_MAX: usize = 4 << 20;
/// Longest line.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Attributes that are kept.
const WANTED: [&str; 17] = [
    "inetnum",
    "inet6num",
    "aut-num",
    "organisation",
    "org-name",
    "org",
    "role",
    "person",
    "nic-hdl",
    "irt",
    "abuse-c",
    "abuse-mailbox",
    "mnt-irt",
    "e-mail",
    "route",
    "route6",
    "origin",
];
/// Kept of some classes only.
const OTHERS: [&str; 5] = ["netname", "as-name", "source", "remarks", "language"];

/// Attributes with which objects begin that are used here.
const CLASSES: [&str; 9] =
    ["inetnum", "inet6num", "aut-num", "organisation", "role", "person", "irt", "route", "route6"];

/// One object.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// The line it begins at, from 1.
    pub(super) line: u64,
    /// Name of its first attribute, which says what it is.
    pub(super) class: String,
    /// Names and values in their order, names in lower case; the first is kept whatever it is.
    attributes: Vec<(&'static str, String)>,
    bytes: usize,
}

impl Object {
    /// All values of an attribute.
    pub(super) fn all<'o>(&'o self, name: &'o str) -> impl Iterator<Item = &'o str> {
        self.attributes.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.trim())
    }

    /// The first value of an attribute; empty where there is none.
    pub(super) fn first(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.trim())
    }
}

/// What a file holds: an object, or a piece that is none, with the line and the reason.
pub(super) enum Found<'o> {
    Object(&'o Object),
    Bad(u64, String),
}

/// Gives every object of a file, and in the end how many lines it has.
pub(super) fn read(mut input: impl BufRead, each: &mut dyn FnMut(Found<'_>)) -> io::Result<u64> {
    let (mut object, mut line, mut number) = (Object::default(), Vec::new(), 0u64);
    // Whether what is left of the object is passed over.
    let mut is_bad = false;
    loop {
        line.clear();
        let count = (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        number += 1;
        if count == 0 {
            end(&mut object, &mut is_bad, each);
            return Ok(number);
        }
        if count as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            skip_line(&mut input)?;
            if !is_bad {
                each(Found::Bad(number, format!("a line is longer than {LINE_BYTES_MAX} bytes")));
                is_bad = object.pass_over();
            }
            continue;
        }
        let text = line.trim_ascii_end();
        match text.first() {
            None => end(&mut object, &mut is_bad, each),
            Some(b'#' | b'%') => {}
            Some(_) if is_bad => {}
            Some(first) => {
                if object.is_next(text) {
                    end(&mut object, &mut is_bad, each);
                }
                let result = match first {
                    b' ' | b'\t' | b'+' => object.go_on(text.get(1..).unwrap_or_default()),
                    _ => object.add(number, text),
                };
                if let Err(why) = result {
                    each(Found::Bad(number, why.to_owned()));
                    is_bad = object.pass_over();
                }
            }
        }
    }
}

fn end(object: &mut Object, is_bad: &mut bool, each: &mut dyn FnMut(Found<'_>)) {
    if !*is_bad && !object.class.is_empty() {
        each(Found::Object(object));
    }
    *is_bad = false;
    object.class.clear();
    object.attributes.clear();
    object.bytes = 0;
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let block = input.fill_buf()?;
        let (used, is_over) = match memchr::memchr(b'\n', block) {
            Some(at) => (at + 1, true),
            None => (block.len(), block.is_empty()),
        };
        input.consume(used);
        if is_over {
            return Ok(());
        }
    }
}

impl Object {
    /// Whether a line begins the next object, though no blank line is between: no object has two of these. Of people
    /// whose handle comes first (LACNIC), the name is no beginning.
    fn is_next(&self, text: &[u8]) -> bool {
        let name = memchr::memchr(b':', text).and_then(|colon| text.get(..colon)).unwrap_or_default().trim_ascii();
        !self.class.is_empty()
            && self.class != "nic-hdl"
            && CLASSES.iter().any(|class| class.as_bytes().eq_ignore_ascii_case(name))
    }

    fn add(&mut self, number: u64, text: &[u8]) -> Result<(), &'static str> {
        let colon = memchr::memchr(b':', text).ok_or("a line that is no attribute: it has no colon")?;
        let (name, value) = text.split_at(colon);
        let name = name.trim_ascii();
        let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*');
        if name.is_empty() || !name.iter().all(good) {
            return Err("a line that is no attribute: its name is no word");
        }
        if self.class.is_empty() {
            self.line = number;
            self.class = String::from_utf8_lossy(name).to_ascii_lowercase();
        }
        let wanted = WANTED.iter().chain(&OTHERS).find(|known| known.as_bytes().eq_ignore_ascii_case(name));
        // Remarks are many, and few say something: a registry that a mailbox is dead, in teams also over two lines.
        let says = || self.class == "irt" || value.trim_ascii_end().ends_with(b" is invalid");
        let wanted = wanted.filter(|name| **name != "remarks" || says());
        self.keep(wanted.copied().unwrap_or(""), value.get(1..).unwrap_or_default(), false)
    }

    fn go_on(&mut self, text: &[u8]) -> Result<(), &'static str> {
        if self.class.is_empty() {
            return Err("a line that goes on with nothing");
        }
        self.keep("", text, true)
    }

    /// Passes over a line, and whatever goes on with it. Whether the object is lost with it: its first line, or one
    /// of too many.
    fn pass_over(&mut self) -> bool {
        self.class.is_empty() || self.keep("", b"", false).is_err()
    }

    fn keep(&mut self, name: &'static str, value: &[u8], goes_on: bool) -> Result<(), &'static str> {
        // What an attribute takes besides its value counts too: a million empty ones are no real object.
        self.bytes += value.len() + size_of::<(&str, String)>();
        if self.bytes > OBJECT_BYTES_MAX {
            return Err("an object that is larger than any real one");
        }
        let value = memchr::memchr(b'#', value).and_then(|end| value.get(..end)).unwrap_or(value).trim_ascii();
        match self.attributes.last_mut() {
            Some((_, before)) if goes_on => {
                before.push(' ');
                push(before, value);
            }
            // What is not wanted holds the place of the attribute that the next line may go on with.
            Some((last, before)) if last.is_empty() && name.is_empty() => before.clear(),
            _ => {
                let mut text = String::with_capacity(value.len());
                push(&mut text, value);
                self.attributes.push((name, text));
            }
        }
        Ok(())
    }
}

/// Adds a value as the text that it is: text in Latin-1 with other letters than ASCII is next to never valid UTF-8.
fn push(text: &mut String, value: &[u8]) {
    match str::from_utf8(value) {
        Ok(value) => text.push_str(value),
        // In Latin-1 each byte is the character with its number.
        Err(_) => text.extend(value.iter().map(|byte| char::from(*byte))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], want: &[&str]) {
        let mut got = Vec::new();
        read(text, &mut |found| {
            got.push(match found {
                Found::Object(object) => {
                    let values = object.attributes.iter().filter(|(name, _)| !name.is_empty());
                    let values: Vec<String> = values.map(|(name, value)| format!("{name}={}", value.trim())).collect();
                    format!("{} {} {}", object.line, object.class, values.join(" "))
                }
                Found::Bad(line, why) => format!("{line}: {why}"),
            });
        })
        .unwrap();
        assert_eq!(got, want);
    }

    #[test]
    fn objects_are_read_as_registries_write_them() {
        check(
            b"# head\n\n\ninetnum: 192.0.2.0 - 192.0.2.255 # all\ndescr: x\n  more: y\nORG:\tORG-A\n+ -B\n\n# between\nrole: R\xf6le\nnic-hdl: R1",
            &["4 inetnum inetnum=192.0.2.0 - 192.0.2.255 org=ORG-A -B", "11 role role=R\u{f6}le nic-hdl=R1"],
        );
    }

    #[test]
    fn each_value_is_utf8_where_it_can_be_and_latin_1_else() {
        check(
            b"organisation: O\norg-name: \xc3\x9cn\xc3\xaf \xc3\x96rg\n\norganisation: P\norg-name: \xdcn\xef\n \xc3\x96rg\n",
            &["1 organisation organisation=O org-name=Ünï Örg", "4 organisation organisation=P org-name=Ünï Örg"],
        );
    }

    #[test]
    fn an_object_begins_also_where_no_blank_line_is_before_it() {
        check(
            b"inetnum: 192.0.2.0 - 192.0.2.255\norg: A\nInetnum : 198.51.100.0/24\norg: B\naut-num: AS64500\nmnt-irt: I\n",
            &[
                "1 inetnum inetnum=192.0.2.0 - 192.0.2.255 org=A",
                "3 inetnum inetnum=198.51.100.0/24 org=B",
                "5 aut-num aut-num=AS64500 mnt-irt=I",
            ],
        );
    }

    #[test]
    fn a_broken_line_spoils_nothing_around_it() {
        check(
            b" goes on\norg: X\n\nirt: A\nno colon\n goes on\norg: X\nb@d: x\n\nirt: B\n\nno colon\norg: X\n\nirt: C",
            &[
                "1: a line that goes on with nothing",
                "5: a line that is no attribute: it has no colon",
                "8: a line that is no attribute: its name is no word",
                "4 irt irt=A org=X",
                "10 irt irt=B",
                "12: a line that is no attribute: it has no colon",
                "15 irt irt=C",
            ],
        );
        let long = [b"irt: A\norg: ".as_slice(), &vec![b'x'; 200_000], b"\n more\nabuse-c: X\n\nirt: B\n"].concat();
        check(&long, &["2: a line is longer than 65536 bytes", "1 irt irt=A abuse-c=X", "6 irt irt=B"]);
        for line in ["org:\n", "+\n"] {
            let endless = ["irt: A\n", &line.repeat(200_000), "\nirt: B\n"].concat();
            let mut got = Vec::new();
            let mut take = |found: Found<'_>| match found {
                Found::Object(object) => got.push(object.first("irt").to_owned()),
                Found::Bad(_, why) => got.push(why),
            };
            read(endless.as_bytes(), &mut take).unwrap();
            assert_eq!(got, ["an object that is larger than any real one", "B"], "{line}");
        }
    }
}
