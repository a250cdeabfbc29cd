//! Clocks of laws as data: what has to be reported to whom, and until when.
//!
//! The catalogue that is shipped is in `shipped.toml`; a site adds its own in `clocks.toml`, and one of the same
//! name replaces the shipped one. A clock says from which day its law applies, because one that is true for ever
//! is wrong some day. Which law applies, and since when a clock runs, is decided by a person.

mod read;

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};

pub use read::read;

use crate::problem::meant;
use crate::{Problem, Time};

/// What is shipped.
const SHIPPED: &str = include_str!("shipped.toml");

/// Units in which laws count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Hours that pass, whatever clocks on the wall do.
    Hours,
    /// Days of the calendar, to the same time of day.
    Days,
    /// Months of the calendar, to the same day of the month or the last one there is.
    Months,
}

impl Unit {
    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Months => "months",
        }
    }
}

/// A clock of a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Law {
    /// What it is called: `nis2-early-warning`.
    pub name: String,
    /// Where the law holds.
    pub jurisdiction: String,
    /// The law.
    pub law: String,
    /// The article it comes from.
    pub article: String,
    /// What starts it.
    pub starts: String,
    /// How long it runs.
    pub within: u16,
    /// In which unit.
    pub unit: Unit,
    /// The first day on which the law applies.
    pub from: Date,
    /// The last one; `None` where no end is known.
    pub until: Option<Date>,
    /// What has to be reported to whom.
    pub report: String,
}

impl Law {
    /// Until when it runs that starts at a moment: days and months are those of the calendar of this zone, at the same
    /// time of the day. What the calendar leaves open is taken early: a time that occurs twice is its first one, and one
    /// that is skipped the moment at which clocks go forward.
    pub fn due(&self, since: Time, zone: &TimeZone) -> Result<Time, Problem> {
        let number = i64::from(self.within);
        let span = match self.unit {
            Unit::Hours => Span::new().try_hours(number),
            Unit::Days => Span::new().try_days(number),
            Unit::Months => Span::new().try_months(number),
        };
        let due = span.and_then(|span| {
            let start = Timestamp::from_microsecond(since.0)?;
            match self.unit {
                Unit::Hours => start.checked_add(span),
                Unit::Days | Unit::Months => early(start.to_zoned(zone.clone()).datetime().checked_add(span)?, zone),
            }
        });
        due.map(|due| Time(due.as_microsecond()))
            .map_err(|error| Problem::new(format!("no time can be worked out: {error}")))
    }

    /// Whether its law applies on the day of a moment.
    pub fn applies(&self, at: Time, zone: &TimeZone) -> bool {
        let day = Timestamp::from_microsecond(at.0).map(|at| at.to_zoned(zone.clone()).date());
        day.is_ok_and(|day| self.from <= day && self.until.is_none_or(|until| day <= until))
    }
}

/// The first moment at which it is that late in a zone.
fn early(wanted: DateTime, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
    let found = zone.to_ambiguous_zoned(wanted);
    if !matches!(found.offset(), AmbiguousOffset::Gap { .. }) {
        return Ok(found.earlier()?.timestamp());
    }
    let behind = found.later()?.timestamp();
    let forward = zone.preceding(behind.checked_add(Span::new().try_seconds(1)?)?).next();
    Ok(forward.map_or(behind, |transition| transition.timestamp()))
}

/// Clocks by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(pub BTreeMap<String, Law>);

impl Catalogue {
    /// What is shipped.
    pub fn shipped() -> Self {
        // A test reads it: it has no mistakes.
        Self::default().with(read("shipped.toml", SHIPPED).unwrap_or_default())
    }

    /// With more clocks, which replace those of the same name.
    #[must_use]
    pub fn with(mut self, laws: Vec<Law>) -> Self {
        self.0.extend(laws.into_iter().map(|law| (law.name.clone(), law)));
        self
    }

    /// The clock of this name, which somebody asked for.
    pub fn need(&self, name: &str) -> Result<&Law, Problem> {
        self.0.get(name).ok_or_else(|| {
            let hint = meant(
                name,
                self.0.keys().map(String::as_str),
                "`concert clock list` and `GET /api/v1/clocks` have them",
            );
            Problem::new(format!("there is no clock `{name}`")).hint(hint)
        })
    }
}

#[cfg(test)]
mod tests;
