//! CSV ranges: `first,last,asn,name` or `first,last,cc`, addresses in text or as whole numbers.
//!
//! Fields may be quoted, and parted by `;` where the first line does so. A heading, comments (`#`) and lines about space that belongs to nobody (AS 0,
//! country `ZZ`, `-` or empty) are passed over; anything else that cannot be read is told with its
//! line and left out.

use std::borrow::Cow;
use std::io::BufRead;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use concert_model::{Kind, Problem, Value};
use memchr::{memchr, memchr2};

use super::no_country;
use super::ranges::{Builder, What};

/// A file that is wrong throughout is told by its first lines.
const PROBLEMS_MAX: usize = 20;
/// Longest AS name that is kept.
const NAME_BYTES_MAX: usize = 200;
/// Longest line that is kept where it does not lie whole in the reader's buffer; the rest of it is dropped.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Adds the ranges of one file. Lines are read where they lie in the reader's buffer, and only one that
/// goes over its end is copied.
pub(super) fn read(
    what: What,
    name: &str,
    file: &mut dyn BufRead,
    builder: &mut Builder,
    problems: &mut Vec<Problem>,
) -> std::io::Result<()> {
    let before = problems.len();
    let mut lines = Lines { what, name, builder, problems, before, separator: None, number: 0, good: 0, bad: 0 };
    let mut begun = Vec::new();
    let keep = |begun: &mut Vec<u8>, part: &[u8]| {
        let room = LINE_BYTES_MAX.saturating_sub(begun.len());
        begun.extend_from_slice(part.get(..room).unwrap_or(part));
    };
    loop {
        let chunk = match file.fill_buf() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let length = chunk.len();
        if length == 0 {
            break;
        }
        let mut rest = chunk;
        while let Some(end) = memchr(b'\n', rest) {
            let line = rest.get(..end).unwrap_or_default();
            rest = rest.get(end + 1..).unwrap_or_default();
            if begun.is_empty() {
                lines.take(line);
            } else {
                keep(&mut begun, line);
                lines.take(&begun);
                begun.clear();
            }
        }
        keep(&mut begun, rest);
        file.consume(length);
    }
    if !begun.is_empty() {
        lines.take(&begun);
    }
    lines.finish();
    Ok(())
}

/// The lines of a file, as they come.
struct Lines<'a> {
    what: What,
    name: &'a str,
    builder: &'a mut Builder,
    problems: &'a mut Vec<Problem>,
    /// Mistakes of other files.
    before: usize,
    /// What parts the fields, once a line told it.
    separator: Option<u8>,
    number: u64,
    good: usize,
    bad: usize,
}

impl Lines<'_> {
    fn take(&mut self, line: &[u8]) {
        self.number += 1;
        let line = if self.number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            return;
        }
        // No address holds either, so the first one in a line parts its fields.
        if self.separator.is_none() {
            self.separator = memchr2(b',', b';', line).and_then(|at| line.get(at).copied());
        }
        let separator = self.separator.unwrap_or(b',');
        let read = read_line(self.what, line, separator, self.builder);
        self.good += usize::from(read.is_ok());
        if let Err(why) = read {
            if self.number == 1 && is_heading(line, separator) {
                return;
            }
            self.bad += 1;
            if self.bad <= PROBLEMS_MAX {
                let problem = Problem::new(why).at(format!("{}:{}", self.name, self.number));
                self.problems.push(problem.hint(match self.what {
                    What::Asn => "a line is: first address,last address,AS number,name",
                    What::Country => "a line is: first address,last address,country code",
                }));
            }
        }
    }

    /// A file of another kind is told once.
    fn finish(self) {
        if self.good == 0 && self.bad > 1 {
            let first = self.problems.drain(self.before..).next();
            let why = first.map(|first| (first.what, first.hint)).unwrap_or_default();
            let what =
                format!("cannot be used: none of its {} lines is a range, the first because: {}", self.bad, why.0);
            self.problems.push(Problem::new(what).at(self.name).hint(why.1));
        } else if self.bad > PROBLEMS_MAX {
            let more = self.bad - PROBLEMS_MAX;
            self.problems.push(Problem::new(format!("{more} more lines cannot be used")).at(self.name));
        }
    }
}

fn read_line(what: What, line: &[u8], separator: u8, builder: &mut Builder) -> Result<(), &'static str> {
    let (first, rest) = field(line, separator);
    let (last, rest) = field(rest.ok_or("fewer columns than needed")?, separator);
    let (first, last) = (address(first)?, address(last)?);
    let rest = rest.ok_or("fewer columns than needed")?;
    // The same network or country stands on many lines, so the rest of a line is read once.
    let value = match builder.known(rest) {
        Some(value) => value,
        None => match read_value(what, rest, separator)? {
            Some((asn, text)) => builder.value(Some(rest), asn, &text)?,
            None => return Ok(()),
        },
    };
    builder.range(first, last, value)
}

/// AS number and name, or country. `None` for space that belongs to nobody.
fn read_value(what: What, rest: &[u8], separator: u8) -> Result<Option<(u32, Cow<'_, str>)>, &'static str> {
    let (head, tail) = field(rest, separator);
    let head = std::str::from_utf8(head).map_err(|_| "not text")?.trim();
    match what {
        What::Country if no_country(head) => Ok(None),
        What::Country => match Value::read(Kind::Country, head, None)? {
            Value::Text(code) => Ok(Some((0, Cow::Owned(code.into_owned())))),
            _ => Err("not a two-letter country code"),
        },
        What::Asn if matches!(head, "" | "-" | "0" | "AS0") => Ok(None),
        What::Asn => {
            let asn = Value::read(Kind::Asn, head, None)?.as_int().and_then(|asn| u32::try_from(asn).ok());
            let name = tail.map_or(Cow::Borrowed(""), |tail| name(tail, separator));
            Ok(Some((asn.ok_or("not an AS number")?, name)))
        }
    }
}

/// The name that a line ends with.
fn name(tail: &[u8], separator: u8) -> Cow<'_, str> {
    let name = as_name(field(tail, separator).0);
    match tail.starts_with(b"\"") && name.contains("\"\"") {
        true => Cow::Owned(name.replace("\"\"", "\"")),
        false => name,
    }
}

/// A name as it may stand in an event: text without control characters, of bounded length.
fn as_name(bytes: &[u8]) -> Cow<'_, str> {
    super::tidy_name(crate::parse::input::decode(bytes, None), NAME_BYTES_MAX)
}

/// The first field of a line, without its quotes, and what follows its separator. A doubled quote inside
/// quotes stays doubled: no address, number or code holds one.
fn field(line: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let Some(inner) = line.strip_prefix(b"\"") else {
        let end = memchr(separator, line);
        let head = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
        return (head, end.and_then(|end| line.get(end + 1..)));
    };
    let mut end = 0;
    while let Some(at) = memchr(b'"', inner.get(end..).unwrap_or_default()) {
        end += at;
        if inner.get(end + 1) != Some(&b'"') {
            break;
        }
        end += 2;
    }
    let tail = inner.get(end + 1..).and_then(|tail| tail.strip_prefix(&[separator]));
    (inner.get(..end).unwrap_or_default(), tail)
}

fn address(bytes: &[u8]) -> Result<IpAddr, &'static str> {
    if let Some(address) = concert_model::value::dotted_quad(bytes) {
        return Ok(IpAddr::V4(address));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "not an IP address")?.trim();
    match concert_model::value::ip(text) {
        Ok(address) => Ok(address),
        Err(why) if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) => Err(why),
        // Some publishers write addresses as numbers; IPv6 files have none in the range of IPv4.
        Err(why) => match (text.parse::<u32>(), text.parse::<u128>()) {
            (Ok(bits), _) => Ok(IpAddr::V4(Ipv4Addr::from_bits(bits))),
            (_, Ok(bits)) => Ok(IpAddr::V6(Ipv6Addr::from_bits(bits))),
            _ => Err(why),
        },
    }
}

/// A heading has letters where addresses belong.
fn is_heading(line: &[u8], separator: u8) -> bool {
    let (first, rest) = field(line, separator);
    let (last, _) = field(rest.unwrap_or_default(), separator);
    [first, last].iter().all(|name| name.iter().any(|b| b.is_ascii_alphabetic() && !b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use crate::enrich::ranges::{Ranges, What};

    fn check(what: What, text: &str, address: &str, want: Option<(u32, &str)>, problems: &[&str]) {
        let mut told = Vec::new();
        let ranges = Ranges::read(what, &[("t.csv", text.as_bytes())], &mut told);
        let told: Vec<String> = told.iter().map(|p| format!("{}: {}", p.place, p.what)).collect();
        assert_eq!(told, problems, "{text}");
        assert_eq!(ranges.find(address.parse().unwrap()).map(|a| (a.number, a.text)), want, "{text}");
    }

    #[test]
    fn lines_are_read_as_publishers_write_them() {
        check(What::Asn, "192.0.2.0,192.0.2.9,AS64500,A", "192.0.2.9", Some((64500, "A")), &[]);
        check(What::Asn, "\"192.0.2.0\",\"192.0.2.9\",\"64500\",\"A, B\"\r\n", "192.0.2.1", Some((64500, "A, B")), &[]);
        check(What::Asn, r#"192.0.2.0,192.0.2.9,64500,"A ""B"" C""#, "192.0.2.1", Some((64500, "A \"B\" C")), &[]);
        check(What::Asn, r#"192.0.2.0,192.0.2.9,64500,A ""B"""#, "192.0.2.1", Some((64500, "A \"\"B\"\"")), &[]);
        check(What::Asn, "3221225984,3221225993,64500,A", "192.0.2.9", Some((64500, "A")), &[]);
        check(What::Asn, "start,last,asn,name\n192.0.2.0,192.0.2.9,64500,A", "192.0.2.9", Some((64500, "A")), &[]);
        let text = "start;last;asn;name\n192.0.2.0;192.0.2.9;64500;\"A, B; C\"";
        check(What::Asn, text, "192.0.2.9", Some((64500, "A, B; C")), &[]);
        check(What::Asn, "192.0.2.0;192.0.2.9;64500;A, B", "192.0.2.9", Some((64500, "A, B")), &[]);
        check(What::Asn, "192.0.2.0,192.0.2.9,0,Not routed", "192.0.2.9", None, &[]);
        check(What::Asn, "192.0.2.0,192.0.2.9,64500", "192.0.2.9", Some((64500, "")), &[]);
        check(What::Country, "\u{feff}192.0.2.0,192.0.2.9,fi", "192.0.2.9", Some((0, "FI")), &[]);
        check(What::Country, "# x\n\n192.0.2.0,192.0.2.9,ZZ", "192.0.2.9", None, &[]);
    }

    #[test]
    fn a_bad_line_is_told_and_the_lines_around_it_count() {
        check(
            What::Asn,
            "192.0.2.0,192.0.2.9,64500,A\n192.0.2.9,192.0.2.0,1,x\nrubbish\n1.1.1.1,::1,1,x\n1.1.1.1,1.1.1.1,x,y\n\
             198.51.100.0,198.51.100.9,64501,B",
            "198.51.100.1",
            Some((64501, "B")),
            &[
                "t.csv:2: the last address is before the first",
                "t.csv:3: fewer columns than needed",
                "t.csv:4: the two addresses are of different families",
                "t.csv:5: not an AS number",
            ],
        );
    }

    #[test]
    fn lines_that_go_over_the_end_of_a_buffer_are_read_as_others() {
        let text =
            "\u{feff}192.0.2.0,192.0.2.9,64500,A\r\n\n192.0.3.0,192.0.3.9,64501,\"B, C\"\n192.0.4.0,192.0.4.9,x,y";
        for room in 1..text.len() {
            let mut reading = crate::enrich::Reading::new(What::Asn);
            let mut told = Vec::new();
            let mut file = std::io::BufReader::with_capacity(room, text.as_bytes());
            reading.add("t.csv", &mut file, &mut told).unwrap();
            assert_eq!(told.iter().map(|p| p.place.as_str()).collect::<Vec<_>>(), ["t.csv:4"], "{room}");
            let ranges = reading.finish();
            let found = |address: &str| ranges.find(address.parse().unwrap()).map(|answer| answer.text.to_owned());
            assert_eq!((found("192.0.2.9"), found("192.0.3.1")), (Some("A".into()), Some("B, C".into())), "{room}");
        }
    }

    #[test]
    fn a_file_of_rubbish_is_told_in_few_words() {
        let mut told = Vec::new();
        let ranges = Ranges::read(What::Country, &[("t.csv", &b"\xff\"\0,,\n".repeat(1000))], &mut told);
        assert!(ranges.is_empty());
        assert_eq!(
            told.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["t.csv: cannot be used: none of its 1000 lines is a range, the first because: not an IP address\n  \
                 hint: a line is: first address,last address,country code"]
        );
        let mut told = Vec::new();
        let text = ["192.0.2.0,192.0.2.255,FI\n", &"x,y,z\n".repeat(1000)].concat();
        Ranges::read(What::Country, &[("t.csv", text.as_bytes())], &mut told);
        assert_eq!(told.len(), 21);
        assert_eq!(told[20].what, "980 more lines cannot be used");
    }
}
