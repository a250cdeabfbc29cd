//! `concert contact health`: whether contacts answer, worst first, and what to do about each.

mod stopped;

use std::collections::BTreeMap;

use concert_model::{Contact, Problem, Time, address};
use concert_pipeline::mail::address::canonical;
use concert_store::records::Health;
use serde_json::{Value, json};

use self::stopped::Stopped;
use super::text_or_null;
use crate::print::Rows;
use crate::problems::{Exit, Failure};
use crate::reach::Reach;
use crate::wire::{self, Site};

/// Tell whether contacts answer, worst first, and what to do.
#[derive(clap::Args)]
#[command(
    after_help = "stopped_7d and stopped_30d: of the problems that a contact was told of, how many were not seen\nagain later than 7 or 30 days after that; of the newest notices of the last 120 days.\n\nExamples:\n  concert contact health\n  concert contact health --limit 20\n  concert contact health --format csv"
)]
pub(super) struct Args {
    #[command(flatten)]
    rows: Rows,
}

/// Registries check their contacts every six months.
const SILENT_DAYS: i64 = 183;
/// After so long an unanswered question is worth a call.
const ASKED_DAYS: i64 = 14;
pub(crate) const COLUMNS: [&str; 12] = [
    "contact",
    "party",
    "state",
    "last_alive",
    "by",
    "bounces",
    "replies",
    "auto_replies",
    "median_answer",
    "stopped_7d",
    "stopped_30d",
    "advice",
];

/// How a contact does, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Suspended,
    Bounced,
    Unanswered,
    Silent,
    Unknown,
    Alive,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Bounced => "bounced",
            Self::Unanswered => "unanswered",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
            Self::Alive => "alive",
        }
    }
}

/// A contact with what is known of it.
struct Row {
    contact: String,
    party: String,
    alive: Option<Time>,
    health: Health,
    asked: Option<(Time, bool)>,
}

pub(super) async fn run(args: &Args, site: &Site, reach: &Reach) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&COLUMNS);
    for values in rows(site, reach).await? {
        if !table.row(&values)? {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

/// How each contact that is seen does, the worst first.
pub(crate) async fn rows(site: &Site, reach: &Reach) -> Result<Vec<[Value; 12]>, Problem> {
    let (now, records) = (wire::now(), &site.store.records);
    let (mut known, asked) = (records.contact_health().await?, records.proofs_asked().await?);
    let stopped = stopped::of_contacts(site, now, reach).await?;
    let (constituents, told) = (site.constituents(), site.addressees().told(&records.contacts_told().await?));
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let own = constituents.parties().iter().flat_map(|p| p.contacts.iter().map(|one| (p.name.as_str(), one)));
    let others = told.iter().map(|(party, contact)| (party.as_str(), contact));
    for (party, contact) in own.chain(others).filter(|(party, _)| reach.has(party)) {
        let address = canonical(&contact.mail);
        let parties = rows.entry(address.clone()).or_insert_with(|| {
            let health = known.remove(&address).unwrap_or_default();
            row(contact, health, asked.get(&address).copied())
        });
        if parties.party.is_empty() {
            party.clone_into(&mut parties.party);
        } else if parties.party != party {
            parties.party = format!("{}, {party}", parties.party);
        }
    }
    // Addresses that notices go to without a party bounce too.
    for (address, health) in known.into_iter().filter(|_| reach.is_all()) {
        let contact = Contact { mail: address.clone(), ..Contact::default() };
        rows.insert(address.clone(), row(&contact, health, asked.get(&address).copied()));
    }
    let mut sorted: Vec<(State, Row)> = rows.into_values().map(|row| (state(&row, now), row)).collect();
    sorted.sort_by(|(a, one), (b, other)| (a, one.alive, &one.contact).cmp(&(b, other.alive, &other.contact)));
    Ok(sorted.iter().map(|(state, row)| values(*state, row, stopped.get(&canonical(&row.contact)))).collect())
}

fn row(contact: &Contact, health: Health, asked: Option<(Time, bool)>) -> Row {
    let alive = health.alive.max(contact.last_alive);
    Row { contact: contact.mail.clone(), party: String::new(), alive, health, asked }
}

fn state(row: &Row, now: Time) -> State {
    let health = &row.health;
    let before = |days: i64| now.plus_seconds(-days * 86_400);
    if health.suspended.is_some() {
        return State::Suspended;
    }
    if health.bounced > row.alive && health.bounced.is_some_and(|at| at > before(SILENT_DAYS)) {
        return State::Bounced;
    }
    if row.asked.is_some_and(|(asked, is_open)| is_open && asked < before(ASKED_DAYS)) {
        return State::Unanswered;
    }
    match row.alive {
        None => State::Unknown,
        Some(alive) if alive < before(SILENT_DAYS) => State::Silent,
        Some(_) => State::Alive,
    }
}

fn values(state: State, row: &Row, stopped: Option<&Stopped>) -> [Value; 12] {
    let health = &row.health;
    [
        text_or_null(&row.contact),
        text_or_null(&row.party),
        json!(state.word()),
        json!(row.alive.map(|time| time.to_string())),
        text_or_null(&health.alive_by),
        json!(health.hard + health.soft),
        json!(health.replies),
        json!(health.auto_replies),
        json!(health.median_seconds.map(span)),
        json!(stopped.and_then(|stopped| stopped.share(7))),
        json!(stopped.and_then(|stopped| stopped.share(30))),
        text_or_null(&advice(state, row)),
    ]
}

/// What to do, as a sentence.
fn advice(state: State, row: &Row) -> String {
    let (health, contact, party) = (&row.health, &row.contact, &row.party);
    let ask = format!("ask whether somebody is there: concert contact prove \"{party}\"");
    if let Some(why) = address::unusable(contact) {
        return format!("nothing is sent to it ({why}); find another address");
    }
    match state {
        State::Suspended => format!(
            "nothing is sent to it ({}); find another address, or when it works again: concert contact resume {contact}",
            health.why
        ),
        State::Bounced => format!("it bounced ({}); look whether the address is right", health.diagnostic),
        State::Unanswered => {
            let asked = row.asked.map(|(asked, _)| asked.date_text()).unwrap_or_default();
            format!("asked on {asked} and did not answer; call them, or find another address")
        }
        State::Silent | State::Unknown if row.asked.is_some_and(|(_, is_open)| is_open) => {
            "asked, wait for the answer".into()
        }
        State::Unknown if health.auto_replies > 0 => format!("only machines answered; {ask}"),
        State::Silent | State::Unknown if party.is_empty() => String::new(),
        State::Silent | State::Unknown => ask,
        State::Alive => String::new(),
    }
}

/// `2d 4h`, `3h 20m`, `12m`: as exact as it matters.
fn span(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m"),
        (0, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first_with_what_to_do() {
        let now = Time::parse("2026-11-22T04:50:30Z", None).unwrap();
        let days = |days: i64| Some(now.plus_seconds(-days * 86_400));
        let check = |alive: Option<Time>, health: Health, asked: Option<(Time, bool)>, want: State, says: &str| {
            let contact = Contact { mail: "a@x.example".into(), ..Contact::default() };
            let row = Row { party: "X".into(), alive, ..row(&contact, health, asked) };
            assert_eq!(state(&row, now), want);
            assert!(advice(want, &row).contains(says), "{}", advice(want, &row));
        };
        let bounced = |at: Option<Time>| Health { bounced: at, diagnostic: "full".into(), ..Health::default() };
        check(
            days(1),
            Health { suspended: days(0), ..bounced(days(0)) },
            None,
            State::Suspended,
            "contact resume a@x.example",
        );
        check(None, bounced(days(3)), None, State::Bounced, "full");
        check(days(1), bounced(days(3)), None, State::Alive, "");
        check(None, Health::default(), Some((days(20).unwrap(), true)), State::Unanswered, "call them");
        check(None, Health::default(), Some((days(2).unwrap(), true)), State::Unknown, "wait");
        check(days(200), Health::default(), None, State::Silent, "contact prove \"X\"");
        check(None, Health { auto_replies: 1, ..Health::default() }, None, State::Unknown, "only machines");
        let contact = Contact { mail: "abuse@x.invalid".into(), ..Contact::default() };
        let nowhere = Row { party: "X".into(), ..row(&contact, Health::default(), None) };
        let said = advice(State::Unknown, &nowhere);
        assert!(said.starts_with("nothing is sent to it (its domain is reserved"), "{said}");
        assert!(State::Suspended < State::Bounced && State::Unknown < State::Alive);
        assert_eq!([61, 3_660, 90_000].map(span), ["1m", "1h 1m", "1d 1h"]);
    }
}
