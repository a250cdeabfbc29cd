//! Asking contacts whether they are there: a short message that wants an answer, and nothing clicked.
//!
//! It goes out as a notice without events, so it is queued, sent, kept and tied to its answer like any
//! other. A contact has one open question at most; an answer, any answer, or a bounce settles it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use concert_model::{Attachment, Contact, Message, Party, Problem, Time};
use concert_pipeline::mail::address::canonical;
use concert_pipeline::render::letters::{Kind, Letter};
use concert_store::records::{Health, NewNotice, Notice, Proof};

use super::compose::recipients;
use super::receipt;
use crate::wire::{self, Site};

/// What such notices are called. No notice of the settings can have this name.
pub const NAME: &str = "(proof of life)";
/// Messages queued at once; of more, the rest is asked when it is asked for again.
const AT_ONCE_MAX: usize = 5_000;
/// Messages an hour that go out by themselves: when the schedule begins, everybody is silent, and that
/// many mails at once are what filters wait for.
const AN_HOUR_MAX: usize = 50;

/// Which contacts are asked: of constituents, and of teams and those whom registries name if a notice went to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom<'a> {
    /// Those of this party, whoever it is, whenever they were last heard of.
    Party(&'a str),
    /// Those that did not prove alive for so long, and were not asked within it.
    Silent(Duration),
}

/// The message, the same each time it is composed.
pub fn message(site: &Site, notice: &Notice) -> Result<Message, Problem> {
    let to = recipients(site, notice);
    let letter = receipt::letter(site, Kind::Proof, &notice.language, &notice.id);
    let (subject, text) = site.settings.templates.letter(&Letter { party: &notice.party, ..letter })?;
    Ok(Message {
        notice: notice.id.clone(),
        message_id: notice.message_id.clone(),
        to,
        bcc: Vec::new(),
        return_path: None,
        answers: None,
        by_person: false,
        subject,
        text,
        html: None,
        payload: Attachment { name: String::new(), media_type: String::new(), bytes: Vec::new() },
        more: Vec::new(),
        language: notice.language.clone(),
        date: notice.made,
    })
}

/// The way out by which contacts are asked. The error says what the settings lack.
pub fn way(site: &Site) -> Result<&str, Problem> {
    site.settings.mailbox.as_ref().and_then(|mailbox| mailbox.via.as_deref()).ok_or_else(|| {
        Problem::new("contacts can be asked only where answers come back, and there is a way out for mail")
            .hint("set [mailbox] and its `via`")
    })
}

/// Queues the messages. Gives their number. The error says why none can be sent.
pub async fn ask(site: &Site, whom: Whom<'_>) -> Result<u64, Problem> {
    ask_at_most(site, whom, None).await
}

async fn ask_at_most(site: &Site, whom: Whom<'_>, an_hour: Option<usize>) -> Result<u64, Problem> {
    let via = way(site)?;
    let (now, records) = (wire::now(), &site.store.records);
    let (health, asked) = (records.contact_health().await?, records.proofs_asked().await?);
    let lately = asked.values().filter(|(asked, _)| !is_past(*asked, now, Duration::from_secs(3_600))).count();
    let room = an_hour.map_or(AT_ONCE_MAX, |most| most.saturating_sub(lately));
    let (contacts, mut chosen) = (contacts(site, whom).await?, BTreeMap::<String, Proof>::new());
    let barred = site.barred().await?;
    for (party, contact) in &contacts {
        let address = canonical(&contact.mail);
        let known = health.get(&address);
        let wanted = match whom {
            Whom::Party(_) => true,
            Whom::Silent(span) => {
                is_silent(contact, known, now, span)
                    && asked.get(&address).is_none_or(|(asked, _)| is_past(*asked, now, span))
            }
        };
        if wanted && barred.unusable(&contact.mail).is_none() && chosen.len() < room {
            chosen.entry(address.clone()).or_insert_with(|| proof(site, (party, contact), address, via, now));
        }
    }
    let proofs: Vec<Proof> = chosen.into_values().collect();
    if proofs.is_empty() {
        return Ok(0);
    }
    records.ask_for_proof(&proofs, &site.home(), now).await
}

/// Why nobody of a party was asked now: each of its contacts with its reason.
pub async fn why_not(site: &Site, party: &str) -> Result<Vec<String>, Problem> {
    let (asked, barred) = (site.store.records.proofs_asked().await?, site.barred().await?);
    let contacts = contacts(site, Whom::Party(party)).await?;
    let why = |contact: &Contact| match (barred.unusable(&contact.mail), asked.get(&canonical(&contact.mail))) {
        (Some(why), _) => Some(format!("{}: {why}", contact.mail)),
        (None, Some((at, true))) => Some(format!("{} was asked on {at}, and that is open", contact.mail)),
        (None, _) => None,
    };
    Ok(contacts.iter().filter_map(|(_, contact)| why(contact)).collect())
}

/// Contacts that may be asked, with the names of their parties.
async fn contacts(site: &Site, whom: Whom<'_>) -> Result<Vec<(String, Contact)>, Problem> {
    let book = site.addressees();
    let of = |party: &Party| {
        let name = party.name.clone();
        party.contacts.iter().map(|contact| (name.clone(), contact.clone())).collect::<Vec<_>>()
    };
    if let Whom::Party(name) = whom {
        return Ok(book.find(name).map(|party| of(&party)).unwrap_or_default());
    }
    let mut contacts: Vec<(String, Contact)> = site.constituents().parties().iter().flat_map(of).collect();
    contacts.extend(book.told(&site.store.records.contacts_told().await?));
    Ok(contacts)
}

/// Those that the settings want asked by now.
pub(super) async fn ask_due(site: &Site) -> Result<u64, Problem> {
    let every = site.settings.mailbox.as_ref().and_then(|mailbox| mailbox.prove_every);
    match every {
        Some(every) => ask_at_most(site, Whom::Silent(every), Some(AN_HOUR_MAX)).await,
        None => Ok(0),
    }
}

/// Whether something is so long ago. What seems yet to come was written while the clock was ahead, and is as good as never.
fn is_past(moment: Time, now: Time, span: Duration) -> bool {
    moment.is_ahead_of(now) || moment.plus_seconds(i64::try_from(span.as_secs()).unwrap_or(i64::MAX / 2_000_000)) <= now
}

/// A suspended contact is not asked by itself: it bounced, and a person must look.
fn is_silent(contact: &Contact, known: Option<&Health>, now: Time, span: Duration) -> bool {
    let alive = known.and_then(|health| health.alive).max(contact.last_alive);
    let is_suspended = known.is_some_and(|health| health.suspended.is_some());
    !is_suspended && alive.is_none_or(|alive| is_past(alive, now, span))
}

fn proof(site: &Site, (party, contact): (&str, &Contact), address: String, via: &str, now: Time) -> Proof {
    let language = receipt::language(site, Kind::Proof, contact.language.split(", ").filter(|one| !one.is_empty()));
    let notice = NewNotice {
        name: NAME.into(),
        key: contact.mail.clone(),
        party: party.to_owned(),
        recipient: contact.mail.clone(),
        via: via.into(),
        format: "text".into(),
        language: language.into(),
        state: "queued",
        due: now,
        ..NewNotice::default()
    };
    Proof { address, party: party.to_owned(), notice }
}

/// Addresses of all contacts, in lower case.
pub(super) fn addresses(site: &Site) -> BTreeSet<String> {
    let (constituents, teams) = (site.constituents(), site.teams());
    let contacts = constituents.parties().iter().chain(teams.parties()).flat_map(|party| &party.contacts);
    contacts.map(|contact| canonical(&contact.mail)).collect()
}
