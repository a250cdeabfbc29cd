//! Reading catalogues of clocks: `[[clock]]` tables, all mistakes with their places.

use std::collections::BTreeSet;

use toml_edit::Document;

use super::{Law, Unit};
use crate::keys::{Reading, Source};
use crate::{Keys, Problem};

/// Most clocks in one file.
const CLOCKS_MAX: usize = 1_000;
/// Longest name.
const NAME_BYTES_MAX: usize = 64;

/// The clocks of a file, which is called so in problems.
pub fn read(file: &str, text: &str) -> Result<Vec<Law>, Vec<Problem>> {
    let source = Source { name: file.to_owned(), text: text.to_owned() };
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let place = source.place(error.span().map_or(0, |span| span.start));
            let what = error.message().lines().collect::<Vec<_>>().join(", ");
            return Err(vec![Problem::new(what).at(place)]);
        }
    };
    let no_secrets = |_: &str, _: &str| Err("a catalogue has no secrets".to_owned());
    let reading = Reading::new(&no_secrets);
    let mut root = Keys::root(&reading, vec![(&source, document.as_table() as _)]);
    let (mut laws, mut taken) = (Vec::new(), BTreeSet::new());
    let tables = root.tables("clock");
    if tables.len() > CLOCKS_MAX {
        reading.problem(Problem::new(format!("there are more than {CLOCKS_MAX} clocks")).at(file));
    }
    for keys in tables.into_iter().take(CLOCKS_MAX) {
        laws.extend(law(keys, &mut taken));
    }
    root.finish();
    let problems = reading.finish().problems;
    if problems.is_empty() { Ok(laws) } else { Err(problems) }
}

fn law(mut keys: Keys<'_>, taken: &mut BTreeSet<String>) -> Option<Law> {
    let name = keys.require("name", "what the clock is called: nis2-early-warning");
    if let Some(name) = &name {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
            keys.problem("name", format!("`{name}` is not a name"), "lower case letters, digits and `-`");
        } else if !taken.insert(name.clone()) {
            keys.problem("name", format!("the name `{name}` is taken"), "give each clock its own name");
        }
    }
    let jurisdiction = keys.require("jurisdiction", "where the law holds: EU, FI");
    let title = keys.require("law", "the law, with its number");
    let article = keys.require("article", "the article that the clock comes from");
    let starts = keys.require("starts", "what starts the clock, in a sentence");
    let within = keys.number_in("within", 1..=10_000, "how long it runs");
    if within.is_none() && !keys.has("within") {
        keys.missing("within", "how long it runs");
    }
    let words = [("hours", Unit::Hours), ("days", Unit::Days), ("months", Unit::Months)];
    let unit = keys.choice_or("unit", &words, "", "what `within` counts: days and months of the calendar");
    if unit.is_none() && !keys.has("unit") {
        keys.missing("unit", "hours, days or months");
    }
    let about = "the first day on which the law applies: 2024-10-18";
    let from = keys.date("from", about);
    if !keys.has("from") {
        keys.missing("from", about);
    }
    let until = keys.date("until", "the last day on which it applies, where that is known");
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        keys.problem("until", "`until` is before `from`", "");
    }
    let report = keys.require("report", "what has to be reported to whom");
    keys.finish();
    Some(Law {
        name: name?,
        jurisdiction: jurisdiction?,
        law: title?,
        article: article?,
        starts: starts?,
        within: u16::try_from(within?).ok()?,
        unit: unit?,
        from: from?,
        until,
        report: report?,
    })
}
