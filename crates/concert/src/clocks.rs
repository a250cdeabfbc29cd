//! Clocks of laws that a site goes by: those that are shipped, and its own in `clocks.toml`.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use concert_model::incident::clock::{Catalogue, Law, read};
use concert_model::incident::content::{ClockStarted, Content};
use concert_model::{Problem, Time};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// The file of a site, in its folder.
pub(crate) const FILE: &str = "clocks.toml";
/// Largest file of clocks.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The clocks of a file; none where there is no such file.
pub(crate) fn read_file(path: &Path, name: &str) -> Result<Option<Vec<Law>>, Vec<Problem>> {
    let problem = |what: String| vec![Problem::new(what).at(name)];
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem(format!("it cannot be read: {error}"))),
    };
    let mut text = String::new();
    let read_bytes = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read_bytes.map_err(|error| problem(format!("it cannot be read: {error}")))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(problem(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    read(name, &text).map(Some)
}

/// A clock of the catalogue.
pub(crate) fn law_json(law: &Law) -> Value {
    json!({"name": law.name, "within": law.within, "unit": law.unit.word(), "starts": law.starts,
        "jurisdiction": law.jurisdiction, "law": law.law, "article": law.article, "from": law.from.to_string(),
        "until": law.until.map(|until| until.to_string()), "report": law.report})
}

/// A clock that begins at a moment, with the time until which it runs. One is not started for a time in which its
/// law does not apply.
pub(crate) fn started(
    catalogue: &Catalogue,
    zone: &TimeZone,
    name: &str,
    since: Time,
) -> Result<ClockStarted, Problem> {
    let law = catalogue.need(name)?;
    if !law.applies(since, zone) {
        let until = law.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let what = format!("`{}` applies from {}{until}, not at {since}", law.name, law.from);
        return Err(Problem::new(what).hint("say since when it runs, or correct the days of the clock"));
    }
    let due = law.due(since, zone)?;
    let (party, again) = (String::new(), String::new());
    Ok(ClockStarted { clock: law.name.clone(), since: since.0, due: due.0, party, again })
}

/// What was seen or happened did so already, a clock runs since something that happened, and was met already.
pub(crate) fn in_time(now: Time, content: &Content) -> Result<(), Problem> {
    let told = |member: &str, time: i64, hint: &str| {
        Err(Problem::new(format!("{member}: {} is still to come", Time(time))).hint(hint))
    };
    // A day more: clocks of machines differ, and dates are given in any zone.
    let tomorrow = now.plus_seconds(86_400).0;
    match content {
        Content::ClockStarted(clock) if clock.since > tomorrow => {
            told("`since` of clock/1", clock.since, "a clock runs since something that happened")
        }
        Content::ClockMet(met) if met.time > now.0 => {
            told("`time` of clock-met/1", met.time, "say that it was met when it is")
        }
        Content::Relation(seen) if seen.first_seen.max(seen.last_seen) > tomorrow => told(
            "`last_seen` of relation/1",
            seen.first_seen.max(seen.last_seen),
            "a relation says what was seen; look at the date and the zone",
        ),
        Content::Happened(happened) if happened.time > tomorrow => {
            told("`time` of happened/1", happened.time, "it says what happened; look at the date and the zone")
        }
        _ => Ok(()),
    }
}

/// What is shipped, with what the site in this folder adds and replaces.
pub(crate) fn catalogue(dir: &Path) -> Result<Catalogue, Vec<Problem>> {
    let own = read_file(&dir.join(FILE), FILE)?;
    Ok(Catalogue::shipped().with(own.unwrap_or_default()))
}
