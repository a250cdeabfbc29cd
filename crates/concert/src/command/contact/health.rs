//! `concert contact health`: whether contacts answer, worst first, and what to do about each.

mod stopped;

use std::collections::BTreeMap;

use concert_model::{Contact, Problem, address};
use concert_pipeline::mail::address::canonical;
use serde_json::{Value, json};

use self::stopped::Stopped;
use super::state::{Doing, Known};
use super::text_or_null;
use crate::drive::mailbox::mass;
use crate::print::{Rows, note, span};
use crate::problems::{Exit, Failure};
use crate::reach::Reach;
use crate::wire::Site;

/// Tell whether contacts answer, worst first, and what to do.
#[derive(clap::Args)]
#[command(
    after_help = "stopped_7d and stopped_30d: of the problems that a contact was told of, how many were not seen\nagain later than 7 or 30 days after that; of the newest notices of the last 120 days.\n\nExamples:\n  concert contact health\n  concert contact health --limit 20\n  concert contact health --format csv"
)]
pub(super) struct Args {
    #[command(flatten)]
    rows: Rows,
}

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

/// Parties of one contact that are named; of more their number is told.
const NAMED_MAX: usize = 10;

/// A contact with what is known of it.
struct Row {
    contact: String,
    parties: Vec<String>,
    doing: Doing,
}

pub(super) async fn run(args: &Args, site: &Site, reach: &Reach) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&COLUMNS);
    for values in rows(site, reach).await? {
        if !table.row(&values)? {
            break;
        }
    }
    table.finish()?;
    if let (true, Some(held)) = (reach.is_all(), mass::held(site).await?) {
        note(&format!(
            "{} contacts bounced within the hour before {} with the same words, and none was suspended for it: {}\n  hint: ask whoever runs this site's mail server; `concert notice list --state failed` and `concert mailbox list` show what did not arrive. Where they have really gone: `concert contact suspend --held-back`",
            held.contacts, held.at, held.words
        ))?;
    }
    Ok(Exit::Done)
}

/// How each contact that is seen does, the worst first.
pub(crate) async fn rows(site: &Site, reach: &Reach) -> Result<Vec<[Value; 12]>, Problem> {
    let records = &site.store.records;
    let known = Known::read(records, site.keyring()).await?.shown_to(reach);
    let stopped = stopped::of_contacts(site, known.now(), reach).await?;
    let (constituents, book) = (site.constituents(), site.addressees());
    let told = book.told(&records.contacts_told().await?);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut left = known.addresses();
    let own = constituents.parties().iter().flat_map(|p| p.contacts.iter().map(|one| (p.name.as_str(), one)));
    let others = told.iter().map(|(party, contact)| (party.as_str(), contact));
    for (party, contact) in own.chain(others) {
        let address = canonical(&contact.mail);
        left.remove(&address);
        if !reach.has(party) {
            continue;
        }
        let row = rows.entry(address).or_insert_with(|| row(contact, &known));
        if !row.parties.iter().any(|known| known == party) {
            row.parties.push(party.to_owned());
        }
    }
    // Contacts of registries and teams to which no notice went, but a question or a message; and addresses that notices
    // go to without a party.
    let mut whose = book.parties_of(&left);
    for address in left {
        let parties = whose.remove(&address).unwrap_or_default().into_iter().filter(|party| reach.has(party));
        let parties: Vec<String> = parties.collect();
        if !parties.is_empty() || reach.is_all() && known.has_heard_of(&address) {
            let contact = Contact { mail: address.clone(), ..Contact::default() };
            rows.insert(address, Row { parties, ..row(&contact, &known) });
        }
    }
    let mut sorted: Vec<Row> = rows.into_values().collect();
    sorted.sort_by(|one, other| one.order().cmp(&other.order()));
    Ok(sorted.iter().map(|row| values(row, stopped.get(&canonical(&row.contact)))).collect())
}

fn row(contact: &Contact, known: &Known) -> Row {
    Row { contact: contact.mail.clone(), parties: Vec::new(), doing: known.of(contact) }
}

impl Row {
    fn order(&self) -> impl Ord {
        // What no mail can ever be sent to is as bad as what is suspended.
        let is_usable = address::unusable(&self.contact).is_none();
        let has_good_key = self.doing.key.as_ref().is_none_or(|key| key.trouble.is_none());
        (is_usable, self.doing.state, has_good_key, self.doing.alive, &self.contact)
    }

    /// `A, B`, and how many more there are.
    fn named(&self) -> String {
        let named = self.parties.get(..NAMED_MAX).unwrap_or(&self.parties).join(", ");
        match self.parties.len().saturating_sub(NAMED_MAX) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}

fn values(row: &Row, stopped: Option<&Stopped>) -> [Value; 12] {
    let Doing { state, alive, health, .. } = &row.doing;
    let party = row.parties.first().map_or("", String::as_str);
    [
        text_or_null(&row.contact),
        text_or_null(&row.named()),
        json!(state.word()),
        json!(alive.map(|time| time.to_string())),
        text_or_null(&health.alive_by),
        json!(row.doing.bounces()),
        json!(health.replies),
        json!(health.auto_replies),
        json!(health.median_seconds.map(span)),
        json!(stopped.and_then(|stopped| stopped.share(7))),
        json!(stopped.and_then(|stopped| stopped.share(30))),
        text_or_null(&row.doing.advice(&row.contact, party)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::state::{Key, State};
    use super::*;

    #[test]
    fn what_no_mail_can_be_sent_to_and_whose_key_is_over_comes_before_others() {
        let row = |contact: &str, doing| Row { contact: contact.into(), parties: Vec::new(), doing };
        let state = |state| Doing::test(state, None);
        let mut rows = [
            row("a@x.example", state(State::Alive)),
            row("b@x.example", Doing::test(State::Alive, Some(Key::expired()))),
            row("c@x.example", state(State::Unknown)),
            row("d@x.example", state(State::Suspended)),
            row("e@x.invalid", state(State::Unknown)),
        ];
        rows.sort_by(|one, other| one.order().cmp(&other.order()));
        let order: Vec<&str> = rows.iter().filter_map(|row| row.contact.get(..1)).collect();
        assert_eq!(order, ["e", "d", "c", "b", "a"]);
    }

    #[test]
    fn of_many_parties_the_first_are_named() {
        let parties = |count: usize| (0..count).map(|n| format!("P{n}")).collect::<Vec<_>>();
        let named = |count| Row { contact: String::new(), parties: parties(count), doing: Doing::default() }.named();
        assert_eq!([named(0), named(2)], ["", "P0, P1"]);
        assert_eq!(named(NAMED_MAX + 2), format!("{} and 2 more", parties(NAMED_MAX).join(", ")));
    }
}
