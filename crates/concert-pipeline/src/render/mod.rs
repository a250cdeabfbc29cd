//! Rendering: the events of a notice in the party's format, and the message around them.
//!
//! One file adds one format: its header comment is its page in the manual, its [`Listed`] says its
//! name and writes it. Text from outside is made harmless where it is written, by the format that
//! knows how: formulas in CSV, markup in HTML, characters that are not seen everywhere.

pub mod columns;
pub mod csv;
pub mod html;
pub mod instead;
pub mod json;
pub mod keyvalue;
pub mod letters;
pub mod lines;
pub mod ndjson;
pub mod template;
pub mod text;
pub mod visible;
pub mod withheld;
pub mod xarf;

pub use columns::Columns;
pub use instead::Instead;
pub use template::{Notice, Templates, words};

use concert_model::{Event, Keys, ReportId, Time};

/// One event of a notice, with what the store knows about it.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// The event; its `row().id` is written as `event.id`.
    pub event: Event<'a>,
    /// The report it was read from, written as `report.id`.
    pub report: ReportId,
    /// What it is to this party, written as `notice.state`: [`NEW`], [`STILL_OPEN`] or [`RELAPSE`].
    pub state: &'static str,
    /// How often it was seen; written as `duplicate.count` when more than once.
    pub seen: u64,
    /// When it was last seen, where that was later; written as `time.last_seen`.
    pub last_seen: Option<Time>,
    /// In whose place the party is told of it; why is written as `notice.because`.
    pub instead: Instead<'a>,
}

/// Who tells of the events.
#[derive(Clone, Copy, Default)]
pub struct Teller<'a> {
    /// The name of the site.
    pub name: &'a str,
    /// Its mail address.
    pub mail: &'a str,
}

/// State of a problem that this party was not told of before.
pub const NEW: &str = "new";
/// State of a problem that the party was told of and that goes on.
pub const STILL_OPEN: &str = "still open";
/// State of a problem that had stopped and came back.
pub const RELAPSE: &str = "relapse";

/// A format in the catalogue.
pub struct Listed {
    /// The word in settings.
    pub name: &'static str,
    /// Ending of a file's name, without the dot.
    pub extension: &'static str,
    /// Media type with its charset.
    pub media_type: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Appends the events in this format.
    pub write: fn(&[Item<'_>], &Columns, &Teller<'_>, &mut Vec<u8>),
}

/// Every format.
pub const ALL: &[&Listed] = &[
    &csv::LISTED,
    &json::LISTED,
    &ndjson::LISTED,
    &text::LISTED,
    &html::LISTED,
    &xarf::LISTED,
    &keyvalue::PAIRS,
    &keyvalue::OBJECTS,
];

/// The format with this name.
pub fn format(name: &str) -> Option<&'static Listed> {
    ALL.iter().copied().find(|listed| listed.name == name)
}

/// Reads `format` of a table of settings; `csv` where nothing or something wrong is written.
pub fn read_format(keys: &mut Keys<'_>) -> &'static Listed {
    let words: Vec<(&str, &'static Listed)> = ALL.iter().map(|listed| (listed.name, *listed)).collect();
    keys.choice_or("format", &words, csv::LISTED.name, "how the events are written").unwrap_or(&csv::LISTED)
}

#[cfg(test)]
pub(crate) mod sample {
    //! Events for the tests of formats.

    use super::*;
    use concert_model::{Batch, EventId, ProblemKey};

    /// A batch of events, each given as `field=value` words separated by `|`.
    pub(crate) fn batch(events: &[&str]) -> Batch {
        let mut batch = Batch::new();
        for (index, text) in events.iter().enumerate() {
            let mut event = batch.open();
            for word in text.split('|') {
                let (name, value) = word.split_once('=').unwrap();
                let field = event.field(name).unwrap_or_else(|| panic!("{name}"));
                event.read(field, value, None).unwrap_or_else(|why| panic!("{name}: {why}"));
            }
            let number = u8::try_from(index + 1).unwrap();
            event.keep(EventId([number; 16]), ProblemKey::default(), index as u64 + 1);
        }
        batch
    }

    /// All events of a batch as new ones of one report.
    pub(crate) fn items(batch: &Batch) -> Vec<Item<'_>> {
        let report = ReportId([0xaa; 16]);
        batch
            .iter()
            .map(|event| Item { event, report, state: NEW, seen: 1, last_seen: None, instead: Instead::Nobody })
            .collect()
    }

    /// What a format makes of events.
    pub(crate) fn write(listed: &Listed, events: &[&str], columns: &Columns) -> String {
        let (batch, mut out) = (batch(events), Vec::new());
        let teller = Teller { name: "CERT Example", mail: "cert@cert.example" };
        (listed.write)(&items(&batch), columns, &teller, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Text that tries to break out of every format.
    pub(crate) const HOSTILE: &[&str] = &[
        "comment==cmd|source.account=+1|event_description.text=@SUM(1)|extra.a=-1+1|extra.b=\u{ff1d}1|extra.c=a\"b,c;d",
        "comment=a\r\nBcc: x@example.com|extra.a=<script>alert(1)</script>|extra.b=\u{202e}fdp.exe|extra.c='\"><img src=x onerror=alert(1)>&",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_endings_are_told_apart() {
        for listed in ALL {
            assert_eq!(format(listed.name).unwrap().extension, listed.extension);
            assert!(listed.about.ends_with('.') && listed.media_type.contains('/'));
        }
        assert!(format("xml").is_none());
    }

    #[test]
    fn every_format_keeps_every_event_and_nothing_that_deceives_the_eye() {
        for listed in ALL {
            for events in [sample::HOSTILE, &["comment=one"], &[]] {
                let out = sample::write(listed, events, &Columns::default());
                assert!(!out.contains(['\u{202e}', '\0', '\u{feff}']), "{}: {out}", listed.name);
                for number in 1..=events.len() {
                    assert!(out.contains(&format!("{number:02x}").repeat(16)), "{}: {out}", listed.name);
                }
            }
        }
    }
}
