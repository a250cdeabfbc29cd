//! `concert who`: who answers for a value, best first: constituents, then whom registries name, then whom
//! those name that the settings let us ask, then teams of last resort.

mod live;

use std::io::{BufRead, Write};

use std::collections::BTreeMap;

use concert_model::access::Kept;
use concert_model::address::is_usable;
use concert_model::{Contact, Problem};
use concert_pipeline::enrich::constituents::{Found, Subject};
use concert_pipeline::enrich::{Constituents, Lookup};
use concert_pipeline::mail::address::canonical;
use concert_pipeline::registry::{Answer, Asked, Step, reserved};
use concert_store::records::Health;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::SiteArg;
use super::contact::{last_alive, text_or_null};
use crate::addressees::{left, origin};
use crate::ask::Asker;
use crate::print::AllRows;
use crate::problems::{Exit, Failure, outside};
use crate::registry::{self, Opened};
use crate::settings::LoadFor;
use crate::wire::Site;

/// Longest line taken from standard input.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Tell who answers for an address, network, AS number, domain or URL.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert who 192.0.2.7 AS64500 www.example.com\n  concert who 192.0.2.0/24 --purpose incident\n  concert who 192.0.2.7 --explain\n  concert who 192.0.2.7 --offline\n  cut -d, -f2 list.csv | concert who - --format csv"
)]
pub(super) struct Args {
    /// The values; `-` reads them from standard input, one a line.
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    /// Only contacts for this purpose; those for abuse where a party has none.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// Also say, on standard error, what was passed over and why.
    #[arg(long)]
    explain: bool,
    /// Ask nobody outside, whatever the settings allow.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    rows: AllRows,
}

/// Said of a mailbox that the registry itself found dead.
const NO_ANSWER: &str = "the registry says that it does not answer";

pub(crate) const COLUMNS: [&str; 8] =
    ["value", "party", "contact", "purpose", "origin", "specific", "last_alive", "reason"];

/// What values are looked up in.
pub(crate) struct Book<'b> {
    /// Whom the site answers for.
    pub(crate) constituents: &'b Constituents,
    /// Teams of last resort.
    pub(crate) teams: &'b Constituents,
    /// Data about addresses.
    pub(crate) lookup: &'b Lookup,
    /// What registries publish.
    pub(crate) registry: Option<&'b Opened>,
    /// How contacts do.
    pub(crate) health: &'b BTreeMap<String, Health>,
    /// Only contacts for this purpose.
    pub(crate) purpose: Option<&'b str>,
    /// Whoever may be asked outside, and what waits for the answers.
    pub(crate) outside: Option<(&'b Asker, &'b Runtime)>,
}

pub(super) fn run(args: &Args, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Look)?;
    let runtime = super::runtime()?;
    let many = args.values.iter().any(|value| value == "-");
    let site = runtime.block_on(Site::open_to_ask(settings, if many { &[] } else { &args.values }))?;
    let reach = runtime.block_on(super::reach(site_arg, &site.store, Kept::Contacts))?;
    let is_whole = reach.is_all();
    let health = runtime.block_on(site.store.records.contact_health())?;
    // Constituents are told all the same.
    let registry = if is_whole { registry::open(&site.settings.data_dir(), many) } else { Ok(None) };
    let registry = registry.unwrap_or_else(|problem| {
        tracing::warn!("{problem}");
        None
    });
    let asker = if args.offline || !is_whole { None } else { runtime.block_on(Asker::open(&site.settings))? };
    // Parties that are not seen are not in the book at all, so who stands behind them answers, or nobody.
    let (constituents, teams) = (reach.only(site.constituents()), reach.only(site.teams()));
    let lookup = site.lookup();
    let book = Book {
        constituents: &constituents,
        teams: &teams,
        lookup: &lookup,
        registry: registry.as_ref(),
        health: &health,
        purpose: args.purpose.as_deref(),
        outside: asker.as_ref().map(|asker| (asker, &runtime)),
    };
    let mut table = args.rows.table(&COLUMNS);
    let mut tell = |value: &str| -> Result<bool, Failure> {
        let (rows, passed_over) = rows(value, &book)?;
        for row in rows {
            if !table.row(&row)? {
                return Ok(false);
            }
        }
        if args.explain {
            for line in passed_over {
                note(&format!("{value}: {line}"))?;
            }
        }
        Ok(true)
    };
    for value in &args.values {
        let go_on = if value == "-" { from_input(&mut tell)? } else { tell(value)? };
        if !go_on {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

/// A line for whoever asked, beside the rows.
fn note(line: &str) -> Result<(), Failure> {
    let mut err = std::io::stderr().lock();
    writeln!(err, "{line}").map_err(|error| outside("standard error cannot be written", &error))
}

fn from_input(tell: &mut dyn FnMut(&str) -> Result<bool, Failure>) -> Result<bool, Failure> {
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut capped = std::io::Read::take(&mut input, LINE_BYTES_MAX);
        let count =
            capped.read_until(b'\n', &mut line).map_err(|error| outside("standard input cannot be read", &error))?;
        if count == 0 {
            return Ok(true);
        }
        if count as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            return Err(Failure::usage(Problem::new(format!("a line is longer than {LINE_BYTES_MAX} bytes"))));
        }
        let value = String::from_utf8_lossy(&line);
        if !value.trim().is_empty() && !tell(value.trim())? {
            return Ok(false);
        }
    }
}

/// A row of the table.
pub(crate) type Row = [Value; 8];

/// A row for each contact of each party that answers, or one that says why there is none; and what was
/// passed over on the way.
pub(crate) fn rows(value: &str, book: &Book<'_>) -> Result<(Vec<Row>, Vec<String>), Failure> {
    let who = book.constituents.who(value, book.lookup);
    let mut rows: Vec<Row> =
        who.found.iter().flat_map(|found| party_rows(value, book.constituents, found, book)).collect();
    let (asked, mut reason) = ask(value, book, who.reason)?;
    let mut passed_over = Vec::new();
    for step in &asked.steps {
        match step.answer.mails.is_empty() {
            true => passed_over.push(format!("passed over {}: {}", origin(step), step.answer.reason)),
            false => rows.extend(registry_rows(value, step, book)?),
        }
    }
    if let Some((asker, runtime)) = book.outside {
        let learned = runtime.block_on(asker.ask(value, book.purpose));
        live::add(value, learned, book, &mut rows, &mut passed_over);
    }
    rows.extend(teams(value, book).iter().flat_map(|found| party_rows(value, book.teams, found, book)));
    if rows.is_empty() {
        if let Some(last) = asked.steps.last() {
            reason = format!("{reason}; {} knows no contact: {}", origin(last), last.answer.reason);
        }
        if let Some(first) = passed_over.get(asked.steps.len()..).and_then(<[String]>::first) {
            reason = format!("{reason}; {first}");
        }
        let mut row = [const { Value::Null }; 8];
        let [first, .., last] = &mut row;
        (*first, *last) = (json!(value), json!(reason));
        rows.push(row);
    }
    Ok((rows, passed_over))
}

/// The teams of last resort for a value: those of its country, which a name may tell too.
fn teams<'b>(value: &str, book: &Book<'b>) -> Vec<Found<'b>> {
    let found = book.teams.who(value, book.lookup).found;
    match Subject::read(value) {
        Some(Subject::Name(name)) if found.is_empty() => book.teams.of_top_level(&name).into_iter().collect(),
        _ => found,
    }
}

/// The contacts of a party, or that it has none.
fn party_rows(value: &str, parties: &Constituents, found: &Found<'_>, book: &Book<'_>) -> Vec<Row> {
    let Some(party) = parties.party(found.party) else { return Vec::new() };
    let contacts: Vec<&Contact> = match book.purpose {
        Some(purpose) => party.contacts_for(purpose),
        // Whoever is asked first about abuse stands first.
        None => {
            let mut all: Vec<&Contact> = party.contacts.iter().collect();
            all.sort_by_key(|contact| !contact.purpose.eq_ignore_ascii_case("abuse"));
            all
        }
    };
    let (null, name, specific) = (Value::Null, json!(party.name), json!(found.by.to_string()));
    if contacts.is_empty() {
        let reason = json!("the party has no contact for this");
        return vec![[json!(value), name, null.clone(), null.clone(), null.clone(), specific, null, reason]];
    }
    let row = |one: &Contact| {
        let mut reason = found.by.rule().to_owned();
        if let Some(why) = suspended(&one.mail, book.health) {
            reason = format!("{reason}; {why}");
        }
        [
            json!(value),
            name.clone(),
            text_or_null(&one.mail),
            json!(one.purpose),
            json!(one.origin),
            specific.clone(),
            json!(last_alive(one, book.health).map(|time| time.to_string())),
            json!(reason),
        ]
    };
    contacts.into_iter().map(row).collect()
}

/// What registries say of a value, and why nobody answers if they say nothing.
fn ask(value: &str, book: &Book<'_>, reason: String) -> Result<(Asked, String), Failure> {
    let Some(registry) = book.registry else { return Ok((Asked::default(), reason)) };
    let failed = |why| Failure::outside(Problem::new(why));
    let subject = Subject::read(value);
    if let Some(Subject::Asn(asn)) = subject {
        return Ok((registry.find_asn(asn).map_err(failed)?, reason));
    }
    // Names are not in the registries of numbers.
    let Some((first, last)) = subject.and_then(|subject| subject.span()) else {
        return Ok((Asked::default(), reason));
    };
    if let Some(what) = reserved(first) {
        return Ok((Asked::default(), format!("{} is {what} and belongs to nobody", value.trim())));
    }
    let mut asked = registry.find_covering(first, last).map_err(failed)?;
    // Where no network knows anybody, the AS may.
    if let (None, Some((asn, _))) = (asked.answer(), book.lookup.find(first).asn) {
        asked.steps.extend(registry.find_asn(asn).map_err(failed)?.steps);
    }
    Ok((asked, reason))
}

/// What made it answer: the network or AS, with the name it has there.
fn specific(step: &Step) -> String {
    let what = if step.class == "aut-num" { step.what.clone() } else { format!("network {}", step.what) };
    if step.name.is_empty() { what } else { format!("{what} ({})", step.name) }
}

fn registry_rows(value: &str, step: &Step, book: &Book<'_>) -> Result<Vec<Row>, Failure> {
    let answer = &step.answer;
    let is_left = |answer: &Answer| answer.usable().any(|mail| is_free(mail, book));
    let instead = if is_left(answer) { String::new() } else { instead(value, book)? };
    let row = |mail: &String| {
        let mut reason = format!("{} {}", answer.via, answer.handles.join(", "));
        if !answer.usable().any(|usable| usable == mail) {
            reason = format!("{reason}; {NO_ANSWER}");
        }
        if let Some(why) = suspended(mail, book.health) {
            reason = format!("{reason}; {why}");
        }
        reason.push_str(&instead);
        [
            json!(value),
            json!(answer.party),
            json!(mail),
            json!("abuse"),
            json!(origin(step)),
            json!(specific(step)),
            alive(mail, book.health),
            json!(reason),
        ]
    };
    Ok(answer.mails.iter().map(row).collect())
}

/// To whom events go where nobody of the smallest network is left: the registry says that nobody answers, or what
/// was sent there bounced.
fn instead(value: &str, book: &Book<'_>) -> Result<String, Failure> {
    let Some(registry) = book.registry else { return Ok(String::new()) };
    let subject = Subject::read(value);
    let span = subject.as_ref().and_then(Subject::span);
    let asn = match (subject, span) {
        (Some(Subject::Asn(asn)), _) => Some(asn),
        (_, Some((first, _))) => book.lookup.find(first).asn.map(|(asn, _)| asn),
        _ => None,
    };
    let left = left(registry, span, asn, &|mail| is_free(mail, book));
    let go_to = |mails: Vec<&str>, whose: &str| format!(", so events go to {} ({whose})", mails.join(", "));
    if let Some(step) = left.map_err(|why| Failure::outside(Problem::new(why)))?.found {
        let mails = step.answer.usable().map(String::as_str).filter(|mail| is_free(mail, book));
        return Ok(go_to(mails.collect(), &origin(&step)));
    }
    for party in teams(value, book).iter().filter_map(|found| book.teams.party(found.party)) {
        let free = party.contacts.iter().map(|contact| contact.mail.as_str()).filter(|mail| is_free(mail, book));
        let mails: Vec<&str> = free.collect();
        if !mails.is_empty() {
            return Ok(go_to(mails, &format!("the team `{}`", party.name)));
        }
    }
    Ok(String::new())
}

/// Whether something may be sent to an address.
fn is_free(mail: &str, book: &Book<'_>) -> bool {
    is_usable(mail) && suspended(mail, book.health).is_none()
}

/// When an address last proved alive.
fn alive(mail: &str, health: &BTreeMap<String, Health>) -> Value {
    let alive = health.get(&canonical(mail)).and_then(|health| health.alive);
    json!(alive.map(|at| at.to_string()))
}

/// Why nothing is sent to an address.
fn suspended(mail: &str, health: &BTreeMap<String, Health>) -> Option<String> {
    let health = health.get(&canonical(mail)).filter(|health| health.suspended.is_some())?;
    Some(format!("suspended: {}", health.why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_pipeline::enrich::constituents::read_csv;

    #[test]
    fn every_value_gives_a_row() {
        let text = "party,prefixes,domains,mail,purpose\nA,192.0.2.0/24,,soc@a.example,incident\nA,,,abuse@a.example,\nB,,b.example,,\n";
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        let constituents = Constituents::new(parties);
        let (teams, problems) = read_csv("t.csv", b"party,countries,mail\nTeam GB,GB,cert@team.example\n");
        assert_eq!(problems, []);
        let teams = Constituents::new(teams);
        let check = |value: &str, purpose: Option<&str>, want: &[[&str; 4]]| {
            let (lookup, health) = (Lookup::default(), BTreeMap::new());
            let (constituents, teams, registry) = (&constituents, &teams, None);
            let book = Book { constituents, teams, lookup: &lookup, registry, health: &health, purpose, outside: None };
            let (rows, _) = rows(value, &book).unwrap();
            let shown: Vec<[String; 4]> =
                rows.iter().map(|row| [1, 2, 5, 7].map(|at| row[at].as_str().unwrap_or("-").to_owned())).collect();
            assert_eq!(shown, want, "{value}");
        };
        let net = "network 192.0.2.0/24";
        let rule = "the most specific network that covers it";
        check("192.0.2.9", None, &[["A", "abuse@a.example", net, rule], ["A", "soc@a.example", net, rule]]);
        check("192.0.2.9", Some("incident"), &[["A", "soc@a.example", net, rule]]);
        let rule = "the country, because nothing more specific decides";
        check("www.shop.co.uk", None, &[["Team GB", "cert@team.example", "country GB", rule]]);
        check("www.b.example", None, &[["B", "-", "domain b.example", "the party has no contact for this"]]);
        check("203.0.113.1", None, &[["-", "-", "-", "no party answers for 203.0.113.1"]]);
    }

    #[test]
    fn registries_are_asked_after_constituents() {
        let dir = tempfile::tempdir().unwrap();
        let objects = "organisation: ORG-A\norg-name: Example A\nabuse-c: AR1\nsource: RIPE\n\n\
            role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
            inetnum: 192.0.2.0 - 192.0.2.255\nnetname: A-NET\norg: ORG-A\nsource: RIPE\n\n\
            inetnum: 192.0.2.8 - 192.0.2.11\nnetname: B-NET\nsource: RIPE\n\n\
            inetnum: 10.0.0.0 - 10.255.255.255\norg: ORG-A\nsource: RIPE\n\n\
            aut-num: AS64500\nas-name: A-AS\nsource: RIPE\n";
        let mut builder = concert_pipeline::registry::Builder::new();
        builder.read("t.db", objects.as_bytes()).unwrap();
        let mut part = registry::begin(dir.path()).unwrap();
        builder.finish(&mut part).unwrap();
        registry::replace(dir.path(), part).unwrap();
        let (parties, problems) = read_csv("c.csv", b"party,prefixes,mail\nOurs,192.0.2.0/29,abuse@ours.example\n");
        assert_eq!(problems, []);
        let (constituents, teams, lookup) = (Constituents::new(parties), Constituents::default(), Lookup::default());
        let gone = Health { suspended: Some(concert_model::Time(0)), why: "it bounced".into(), ..Health::default() };
        let health = BTreeMap::from([("abuse@a.example".to_owned(), gone)]);
        for whole in [false, true] {
            let opened = registry::open(dir.path(), whole).unwrap();
            let (constituents, teams, lookup, health) = (&constituents, &teams, &lookup, &health);
            let registry = opened.as_ref();
            let book = Book { constituents, teams, lookup, registry, health, purpose: None, outside: None };
            let check = |value: &str, want: &[[&str; 3]], passed: &[&str]| {
                let (rows, passed_over) = rows(value, &book).unwrap();
                let shown: Vec<[&str; 3]> =
                    rows.iter().map(|row| [2, 4, 7].map(|at| row[at].as_str().unwrap_or("-"))).collect();
                assert_eq!(
                    (shown.as_slice(), passed_over.as_slice()),
                    (want, passed.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
                    "{value}"
                );
            };
            let ours = ["abuse@ours.example", "constituents", "the most specific network that covers it"];
            let net = "RIPE inetnum 192.0.2.0 - 192.0.2.255";
            let theirs = ["abuse@a.example", net, "org RIPE AR1; suspended: it bounced"];
            check("192.0.2.1", &[ours, theirs], &[]);
            check("192.0.2.9", &[theirs], &["passed over RIPE inetnum 192.0.2.8 - 192.0.2.11: it names no contact"]);
            check("http://192.0.2.99/x", &[theirs], &[]);
            check("192.0.2.128/25", &[theirs], &[]);
            check("10.0.0.1", &[["-", "-", "10.0.0.1 is private space (RFC 1918) and belongs to nobody"]], &[]);
            let silent = "no party answers for AS64500; RIPE aut-num AS64500 knows no contact: it names no contact";
            let passed = "passed over RIPE aut-num AS64500: it names no contact";
            check("AS64500", &[["-", "-", silent]], &[passed]);
            check("198.51.100.1", &[["-", "-", "no party answers for 198.51.100.1"]], &[]);
        }
        std::fs::write(registry::path(dir.path()), b"rubbish").unwrap();
        assert!(registry::open(dir.path(), false).is_err());
    }
}
