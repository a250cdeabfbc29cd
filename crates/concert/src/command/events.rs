//! `concert events`: events of the store, newest received first; or how many there are of each kind.
//!
//! Needs no lock and reads page by page, so that it works beside `concert run` and in little memory.
//! One thread reads, this one chooses and prints. How often an event was seen again stands in rows of
//! its own and is joined here, for the events that are shown.

mod count;
mod show;

use std::path::PathBuf;
use std::sync::mpsc;

use concert_model::access::Kept;
use concert_model::problem::meant;
use concert_model::{Field, Problem, Time, keys};
use concert_pipeline::condition::Condition;
use concert_pipeline::render::columns::Column;
use concert_store::Store;
use concert_store::events::read::Bounds;
use concert_store::events::{Page, Repeats, Stored, time_of};
use jiff::tz::TimeZone;

use super::SiteArg;
use crate::bounds::bounds;
use crate::print::Rows;
use crate::problems::{Exit, Failure};
use crate::reach::Reach;
use crate::reads::ReadLog;
use crate::wire;

/// Show the events of the store, or count them.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert events\n  concert events 'source.asn == 64500 && has(malware.name)' --since 7d\n  concert events --count-by source.asn,source.geolocation.cc --since 2026-11-01\n  concert events --limit 0 --format csv --fields time.source,source.ip > events.csv"
)]
pub(super) struct Args {
    /// Only events for which this condition holds.
    condition: Option<String>,
    /// Only events from this moment on, by the time they happened (`time.source`), not by when they came: a time, a date
    /// (UTC), or how long ago ("24h", "7d").
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Time>,
    /// Only events before this moment.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Time>,
    /// Count the events of each combination of these fields.
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',')]
    count_by: Vec<String>,
    /// Show only these fields.
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',', conflicts_with = "count_by")]
    fields: Vec<String>,
    #[command(flatten)]
    rows: Rows,
}

/// Pages read ahead of the printing.
const PAGES_AHEAD: usize = 2;

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let mut wanted = Wanted::new(args)?;
    let fields = columns(&args.fields)?;
    let count_by = columns(&args.count_by)?;
    let runtime = super::runtime()?;
    let store = runtime.block_on(open(site))?;
    wanted.reach = runtime.block_on(super::reach(site, &store, Kept::Events))?;
    let later = [Field::DUPLICATE_COUNT, Field::TIME_LAST_SEEN].map(Column::Field);
    if wanted.condition.as_ref().is_some_and(Condition::asks_for_repeats)
        || count_by.iter().any(|column| later.contains(column))
    {
        wanted.repeats = Some(runtime.block_on(store.repeats(None, "")).map_err(Failure::outside)?);
    }
    let person = runtime.block_on(super::acting(site, &store))?;
    let reader = Reader { runtime: &runtime, store: &store };
    let read = match count_by.as_slice() {
        [] => show::show(&reader, &wanted, &fields, &args.rows)?,
        by => count::count(&reader, &wanted, by, &args.rows)?,
    };
    runtime.block_on(ReadLog::new(store.records.clone()).events(&person, read)).map_err(Failure::outside)?;
    Ok(Exit::Done)
}

/// The store of a site, whose settings may have mistakes.
pub(super) async fn open(site: &SiteArg) -> Result<Store, Failure> {
    let data: PathBuf = std::path::absolute(&site.dir).unwrap_or_else(|_| site.dir.clone()).join("data");
    let here = data.is_dir();
    Store::open(&data).await.map_err(|problem| if here { Failure::outside(problem) } else { Failure::usage(problem) })
}

/// Reads `2026-11-22T04:50:30Z`, `2026-11-22` (midnight UTC), or how long ago: `24h`, `7d`.
pub(super) fn moment(text: &str) -> Result<Time, String> {
    if let Some(span) = keys::parse_span(text) {
        return Ok(wire::now().plus_seconds(-i64::try_from(span.as_secs()).unwrap_or(i64::MAX)));
    }
    Time::parse(text, Some(&TimeZone::UTC))
        .map_err(|why| format!("{why}; write 2026-11-22T04:50:30Z, 2026-11-22, or how long ago: 24h, 7d"))
}

/// The fields with these names; all that are none are told.
fn columns(names: &[String]) -> Result<Vec<Column>, Failure> {
    let (mut columns, mut problems) = (Vec::new(), Vec::new());
    for name in names {
        match Column::named(name) {
            Some(Column::State | Column::Because) | None => {
                let known = concert_model::field::TABLE.iter().map(|(name, _)| *name);
                let hint = meant(name, known.chain(["event.id", "report.id", "extra"]), "");
                problems.push(Problem::new(format!("`{name}` is not a field of events")).hint(hint));
            }
            Some(column) if columns.contains(&column) => {}
            Some(column) => columns.push(column),
        }
    }
    if problems.is_empty() { Ok(columns) } else { Err(Failure { problems, exit: Exit::Usage }) }
}

/// Which events are asked for.
struct Wanted {
    condition: Option<Condition>,
    since: Option<Time>,
    until: Option<Time>,
    /// How far whoever asks sees.
    reach: Reach,
    /// How often events came again, where that decides which are wanted.
    repeats: Option<Repeats>,
}

impl Wanted {
    fn new(args: &Args) -> Result<Self, Failure> {
        let condition =
            args.condition.as_deref().map(Condition::compile_for_stored).transpose().map_err(|mistakes| {
                let problems = mistakes
                    .into_iter()
                    .map(|(offset, problem)| problem.at(format!("the condition, character {}", offset + 1)))
                    .collect();
                Failure { problems, exit: Exit::Usage }
            })?;
        if let (Some(since), Some(until)) = (args.since, args.until)
            && since >= until
        {
            let problem = Problem::new(format!("nothing is between --since {since} and --until {until}"));
            return Err(Failure::usage(problem.hint("give a --since that is before --until")));
        }
        Ok(Self { condition, since: args.since, until: args.until, reach: Reach::all(), repeats: None })
    }

    fn has(&self, stored: &Stored<'_>) -> bool {
        let event = &stored.event;
        if self.since.is_some() || self.until.is_some() {
            let time = time_of(event);
            if self.since.is_some_and(|since| time < since) || self.until.is_some_and(|until| time >= until) {
                return false;
            }
        }
        self.reach.has_event(event)
            && self.condition.as_ref().is_none_or(|condition| condition.holds_stored(event, stored.report))
    }

    /// What lets the store skip whole files and pages.
    fn bounds(&self) -> Bounds {
        let known = self.condition.as_ref().map(bounds).unwrap_or_default();
        let until = match (self.until, known.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Bounds { since: self.since.max(known.since), until, ..known }
    }
}

/// Reads pages of the store on a thread of its own.
struct Reader<'a> {
    runtime: &'a tokio::runtime::Runtime,
    store: &'a Store,
}

impl Reader<'_> {
    /// Hands over every page that can hold wanted events, until the answer is `false`.
    fn each_page(&self, wanted: &Wanted, each: &mut dyn FnMut(&Page) -> Result<bool, Failure>) -> Result<(), Failure> {
        let bounds = &wanted.bounds();
        let (full, pages) = mpsc::sync_channel::<Page>(PAGES_AHEAD);
        std::thread::scope(|scope| {
            // Ours, so that a reader with more pages finds nobody to take them once this returns.
            let pages = pages;
            let reading = scope.spawn(move || {
                let mut hand_over = |page| full.send(page).is_ok();
                self.runtime.block_on(self.store.scan(bounds, 0, &mut hand_over))
            });
            for mut page in &pages {
                if let Some(repeats) = &wanted.repeats {
                    page.join(repeats);
                }
                if !each(&page)? {
                    return Ok(());
                }
            }
            let read = reading.join().map_err(|_| Failure::outside(Problem::new("reading the events stopped")))?;
            read.map_err(Failure::outside)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_dates_or_spans_of_time_before_now() {
        assert_eq!(moment("2026-11-22T04:50:30Z").unwrap().to_string(), "2026-11-22T04:50:30Z");
        assert_eq!(moment("2026-11-22").unwrap().to_string(), "2026-11-22T00:00:00Z");
        let day_ago = wire::now().seconds() - moment("24h").unwrap().seconds();
        assert!((86_399..=86_401).contains(&day_ago), "{day_ago}");
        let before = wire::now().seconds() - moment("23h30m").unwrap().seconds();
        assert!((84_599..=84_601).contains(&before), "{before}");
        for odd in ["yesterday", "23h30", "h", "", "23h30x"] {
            assert!(moment(odd).unwrap_err().contains("24h"), "{odd}");
        }
    }

    #[test]
    fn what_the_condition_and_the_options_need_is_told_to_the_store() {
        let wanted = Wanted {
            condition: Some(Condition::compile("source.asn == 64500 && source.ip == \"192.0.2.1\"").unwrap()),
            since: None,
            until: Some(Time(5)),
            reach: Reach::all(),
            repeats: None,
        };
        let bounds = wanted.bounds();
        assert_eq!((bounds.asns, bounds.until), (Some(vec![64_500]), Some(Time(5))));
        assert_eq!(bounds.addresses, Some(vec!["192.0.2.1".to_owned()]));
    }

    #[test]
    fn names_that_are_no_fields_are_told_with_a_hint() {
        let failure = columns(&["source.ip".into(), "sorce.asn".into(), "nonsense.at.all".into()]).unwrap_err();
        assert_eq!((failure.problems.len(), failure.exit), (2, Exit::Usage));
        assert!(failure.to_string().contains("did you mean `source.asn`?"), "{failure}");
    }
}
