//! `concert who`: who answers for a value, best first: constituents, then whom registries name, then whom
//! those name that the settings let us ask, then teams of last resort.

mod given;
mod live;
mod parties;
mod registered;
#[cfg(test)]
mod tests;

pub(crate) use given::purpose;

use std::io::{BufRead, IsTerminal};

use std::collections::BTreeMap;

use concert_model::access::Kept;
use concert_model::{Contact, Party, Problem};
use concert_pipeline::enrich::constituents::{Found, Subject};
use concert_pipeline::enrich::{Constituents, Lookup};
use concert_pipeline::mail::address::canonical;
use concert_store::records::Health;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::SiteArg;
use crate::addressees::{PURPOSE, reachable_by};
use crate::ask::Asker;
use crate::barred::Barred;
use crate::print::{AllRows, Format, format_or_default, note};
use crate::problems::{Exit, Failure, outside};
use crate::registry::{self, Opened};
use crate::settings::Whom;
use crate::wire::{self, Site};

/// Longest line taken from standard input.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Tell who answers for an address, network, AS number, domain or URL.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert who 192.0.2.7 AS64500 www.example.com\n  concert who 192.0.2.0/24 --purpose incident\n  concert who 192.0.2.7 --explain\n  concert who 192.0.2.7 --offline\n  cut -d, -f2 list.csv | concert who - --format csv"
)]
pub(super) struct Args {
    /// The values; `-`, or none at all, reads them from standard input, one a line or several with commas between.
    #[arg(value_name = "VALUE")]
    values: Vec<String>,
    /// Only contacts for this purpose; those for abuse where a party has none.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// Also say, on standard error, what was passed over and why; with json and ndjson also in `passed_over` of a
    /// value's first row.
    #[arg(long)]
    explain: bool,
    /// Ask nobody outside, whatever the settings allow.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    rows: AllRows,
}

pub(crate) const COLUMNS: [&str; 9] =
    ["value", "party", "contact", "purpose", "language", "origin", "specific", "last_alive", "reason"];

/// What values are looked up in.
pub(crate) struct Book<'b> {
    /// Whom the site answers for.
    pub(crate) constituents: &'b Constituents,
    /// Teams of last resort.
    pub(crate) teams: &'b Constituents,
    /// The same with those that whoever asks does not see: one of them may stand in for a constituent.
    pub(crate) all_teams: &'b Constituents,
    /// Data about addresses.
    pub(crate) lookup: &'b Lookup,
    /// What registries publish.
    pub(crate) registry: Option<&'b Opened>,
    /// How contacts do.
    pub(crate) health: &'b BTreeMap<String, Health>,
    /// Addresses that nothing is sent to.
    pub(crate) barred: &'b Barred,
    /// Why a contact gets nothing because it has no key.
    pub(crate) no_key: &'b dyn Fn(&Contact) -> Option<String>,
    /// Only contacts for this purpose.
    pub(crate) purpose: Option<&'b str>,
    /// To which parts of the contact book events may fall.
    pub(crate) responsible: &'b [Whom],
    /// Whether whoever asks sees all parties: nobody else learns that there is nobody.
    pub(crate) is_whole: bool,
    /// Whoever may be asked outside, and what waits for the answers.
    pub(crate) outside: Option<(&'b Asker, &'b Runtime)>,
}

pub(super) fn run(args: &Args, site_arg: &SiteArg) -> Result<Exit, Failure> {
    if args.values.is_empty() && std::io::stdin().is_terminal() {
        let hint = "name addresses, networks, AS numbers, domains or URLs: concert who 192.0.2.7";
        return Err(Failure::usage(Problem::new("whom to ask about is missing").hint(hint)));
    }
    let is_fed = args.values.is_empty() || args.values.iter().any(|value| value == "-");
    args.purpose.as_deref().map_or(Ok(()), given::purpose).map_err(Failure::usage)?;
    let mut given = Vec::new();
    for value in args.values.iter().filter(|value| *value != "-") {
        match given::values(value) {
            Ok(values) => given.extend(values),
            // Among several it has a row that says so, as from standard input.
            Err(problem) if args.values.len() == 1 => return Err(Failure::usage(problem)),
            Err(_) => {}
        }
    }
    let settings = site_arg.settings_to_open(SiteArg::settings_to_look)?;
    let runtime = super::runtime()?;
    // Who holds a part of a network is told too, and for that all parties are needed.
    let is_wide = |value: &String| matches!(Subject::read(value), Some(Subject::Net(_)));
    let many = is_fed || args.explain && given.iter().any(is_wide);
    let site = runtime.block_on(Site::open_to_ask(settings, if many { &[] } else { &given }))?;
    let reach = runtime.block_on(super::reach(site_arg, &site.store, Kept::Contacts))?;
    let is_whole = reach.is_all();
    let health = runtime.block_on(site.store.records.contact_health())?;
    let barred = runtime.block_on(site.barred())?;
    // Constituents are told all the same.
    let registry = if is_whole { registry::open(&site.settings.data_dir(), many) } else { Ok(None) };
    let registry = registry.unwrap_or_else(|problem| {
        tracing::warn!("{problem}");
        None
    });
    let asker = if args.offline || !is_whole { None } else { runtime.block_on(Asker::open(&site.settings))? };
    // Parties that are not seen are not in the book at all, so who stands behind them answers, or nobody.
    let (constituents, teams, all_teams) = (reach.only(site.constituents()), reach.only(site.teams()), site.teams());
    let lookup = site.lookup();
    let book = Book {
        constituents: &constituents,
        teams: &teams,
        all_teams: &all_teams,
        lookup: &lookup,
        registry: registry.as_ref(),
        health: &health,
        barred: &barred,
        no_key: &|contact| site.keyless(contact),
        purpose: args.purpose.as_deref(),
        responsible: &site.settings.lookup.responsible,
        is_whole,
        outside: asker.as_ref().map(|asker| (asker, &runtime)),
    };
    // Programs find it in the rows as well.
    let in_rows = args.explain && matches!(format_or_default(args.rows.format), Format::Json | Format::Ndjson);
    let more = ["passed_over"].into_iter().filter(|_| in_rows);
    let mut table = args.rows.table(&COLUMNS.into_iter().chain(more).collect::<Vec<_>>());
    let mut tell = |value: &str| -> Result<bool, Failure> {
        for (value, rows, found) in answers(value, &book, args.explain)? {
            let lines = match args.explain {
                true => passed_over(&value, &book)?.into_iter().chain(found).collect(),
                false => Vec::new(),
            };
            for (row, number) in rows.into_iter().zip(0..) {
                let of_row: &[String] = if number == 0 { &lines } else { &[] };
                let more = in_rows.then(|| json!(of_row));
                if !table.row(&row.cells.into_iter().chain(more).collect::<Vec<_>>())? {
                    return Ok(false);
                }
            }
            for line in lines {
                note(&format!("{value}: {line}"))?;
            }
        }
        Ok(true)
    };
    let mut passed_over = 0;
    let input = ["-".to_owned()];
    for value in if args.values.is_empty() { &input[..] } else { &args.values } {
        let go_on = if value == "-" { from_input(&mut tell, &mut passed_over)? } else { tell(value)? };
        if !go_on {
            break;
        }
    }
    if let Some(asker) = &asker {
        for (source, counts) in asker.refused() {
            runtime.block_on(site.store.records.count_refused(source, &counts, wire::now()))?;
        }
    }
    table.finish()?;
    Ok(if passed_over == 0 { Exit::Done } else { Exit::Bad })
}

/// Asks for the values of each line; one that is too long is told, counted and passed over. Says whether anybody still
/// reads the answers.
fn from_input(tell: &mut dyn FnMut(&str) -> Result<bool, Failure>, passed_over: &mut u64) -> Result<bool, Failure> {
    let mut input = std::io::stdin().lock();
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let mut capped = std::io::Read::take(&mut input, LINE_BYTES_MAX);
        let count =
            capped.read_until(b'\n', &mut line).map_err(|error| outside("standard input cannot be read", &error))?;
        if count == 0 {
            return Ok(true);
        }
        if count as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            note(&format!("line {number} is longer than {LINE_BYTES_MAX} bytes and passed over"))?;
            *passed_over += 1;
            input.skip_until(b'\n').map_err(|error| outside("standard input cannot be read", &error))?;
            continue;
        }
        for value in given::of_line(&String::from_utf8_lossy(&line)) {
            if !tell(value)? {
                return Ok(false);
            }
        }
    }
}

/// A row of the table.
pub(crate) struct Row {
    /// What stands in each column.
    pub(crate) cells: [Value; 9],
    /// Whether it is a contact that nothing is sent to.
    is_passed_over: bool,
}

impl Row {
    /// What is told, and why it stands there.
    fn told([a, b, c, d, e, f, g, h]: [Value; 8], reason: &str) -> Self {
        Self { cells: [a, b, c, d, e, f, g, h, json!(reason)], is_passed_over: false }
    }

    /// A contact that nothing is sent to, and why.
    fn passed_over(cells: [Value; 8], why: &str) -> Self {
        Self { is_passed_over: true, ..Self::told(cells, &format!("passed over, {why}")) }
    }
}

/// What is found on the way from who is asked first to who is asked last.
#[derive(Default)]
struct Answer {
    rows: Vec<Row>,
    /// Addresses that nothing is sent to, of those whom others stand in for.
    late: Vec<Row>,
    /// What was passed over on the way.
    passed_over: Vec<String>,
    /// What decides, as `network 192.0.2.0/24 of `A` decides`; nothing before anything does.
    decides: Option<String>,
    /// The party that registries name for it and why nobody of it or around it is left.
    waiting: Option<(String, String)>,
}

/// A value, its rows, and what was passed over on the way.
type Answered = (String, Vec<Row>, Vec<String>);

/// What is answered for each value of a word. Contacts that are passed over have rows only where it is to be explained.
pub(crate) fn answers(word: &str, book: &Book<'_>, explain: bool) -> Result<Vec<Answered>, Failure> {
    let values = match given::values(word) {
        Ok(values) => values,
        Err(problem) => return Ok(vec![(word.to_owned(), vec![nobody(word, None, None, &problem.what)], Vec::new())]),
    };
    let is_one = values.len() == 1;
    let answer = |value: String| {
        let (mut rows, passed_over) = rows(&value, book)?;
        let is_told = |row: &Row| !row.is_passed_over;
        // Teams that events do not fall to have no row that says that nobody is left.
        if !explain && rows.iter().any(is_told) {
            rows.retain(is_told);
        }
        // Rows are found again by the value as it was given, but where several came of it.
        for row in rows.iter_mut().filter(|_| is_one) {
            row.cells[0] = json!(word);
        }
        Ok((value, rows, passed_over))
    };
    values.into_iter().map(answer).collect()
}

/// A row for each contact of each party that answers, or one that says why there is none; and what was
/// passed over on the way.
fn rows(value: &str, book: &Book<'_>) -> Result<(Vec<Row>, Vec<String>), Failure> {
    let mut answer = Answer::default();
    let who = book.constituents.who(value, book.lookup);
    parties::constituents(value, &who.found, book, &mut answer);
    let mut reason = registered::add(value, who.reason, book, &mut answer)?;
    let silent = answer.passed_over.len();
    if let Some((asker, runtime)) = book.outside {
        let learned = runtime.block_on(asker.ask(value, book.purpose));
        live::add(value, learned, book, &mut answer);
    }
    parties::teams(value, book, &mut answer);
    if let (None, Some((party, why))) = (&answer.decides, answer.waiting.take()) {
        answer.rows.insert(0, nobody(value, Some(&party), None, &format!("{why}, so its notices wait")));
    }
    answer.rows.append(&mut answer.late);
    if answer.rows.is_empty() {
        // Of each of the two that were asked, the first.
        let asked = answer.passed_over.get(silent..).unwrap_or_default();
        for first in [RDAP_SAYS, SECURITY_TXT_SAYS].iter().filter_map(|of| asked.iter().find(|one| one.starts_with(of)))
        {
            reason = format!("{reason}; {first}");
        }
        answer.rows.push(nobody(value, None, None, &book.of_nobody(reason)));
    }
    Ok((answer.rows, answer.passed_over))
}

/// That nobody can be told, and why.
fn nobody(value: &str, party: Option<&str>, specific: Option<&str>, reason: &str) -> Row {
    let [null_1, null_2, null_3, null_4, null_5] = [const { Value::Null }; 5];
    Row::told([json!(value), json!(party), null_1, null_2, null_3, null_4, json!(specific), null_5], reason)
}

/// What begins with it says why RDAP, and why security.txt, named nobody.
const RDAP_SAYS: &str = "passed over RDAP";
const SECURITY_TXT_SAYS: &str = "passed over security.txt";

/// Said of a part of the contact book that the settings leave out for events.
const NOT_FOR_EVENTS: &str = "; events do not fall to it (`responsible` of [lookup])";

impl Book<'_> {
    /// Whether events may fall to a part of the contact book.
    fn is_asked(&self, part: Whom) -> bool {
        self.responsible.contains(&part)
    }

    /// That no party answers, as far as whoever asks may know.
    fn of_nobody(&self, reason: String) -> String {
        match reason.strip_prefix("no party answers for ").filter(|_| !self.is_whole) {
            Some(what) => format!("no party that you may see answers for {what}"),
            None => reason,
        }
    }

    /// What contacts are wanted for.
    fn purpose(&self) -> &str {
        self.purpose.unwrap_or(PURPOSE)
    }

    /// Why nothing is sent to an address; nothing where it is.
    fn blocked(&self, mail: &str) -> Option<String> {
        self.barred.why(mail)
    }

    /// The contacts of a party that are told.
    fn told<'p>(&self, party: &'p Party) -> Vec<&'p Contact> {
        reachable_by(party, self.purpose(), self.barred, self.no_key)
    }

    /// When an address last proved alive.
    fn alive(&self, mail: &str) -> Value {
        let alive = self.health.get(&canonical(mail)).and_then(|health| health.alive);
        json!(alive.map(|at| at.to_string()))
    }
}

/// What was passed over beside the rows: whoever else holds something of the value, sector teams, and other objects of
/// registries that know a contact.
pub(crate) fn passed_over(value: &str, book: &Book<'_>) -> Result<Vec<String>, Failure> {
    let others = |parties: &Constituents, found: Vec<Found<'_>>, what: &str| -> Vec<String> {
        let others = parties.passed_over(value, found.first().copied(), book.lookup).into_iter();
        others.map(|(party, why)| format!("passed over {what}`{}`: {why}", party.name)).collect()
    };
    let mut lines = others(book.constituents, book.constituents.who(value, book.lookup).found, "");
    lines.extend(parties::sector_teams(value, book));
    lines.extend(others(book.teams, book.teams.who_at_last(value, book.lookup), "the team "));
    lines.extend(registered::others(value, book)?);
    Ok(lines)
}
