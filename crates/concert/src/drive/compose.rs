//! A notice as it is sent: its events with what is told about each, rendered and composed.
//!
//! The same notice gives the same message, as long as settings, templates and events stay the same. What
//! was composed of it for a first attempt is kept, so neither a change in between nor encrypting, which is
//! different each time, makes a second version of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use concert_model::{Field, Message, Problem, ProblemKey, Time};
use concert_pipeline::mail::address::canonical;
use concert_pipeline::render::{self, Instead, Item};
use concert_store::events::Repeats;
use concert_store::records::{Notice, Told};
use concert_store::{Loaded, Members};
use concert_transport::openpgp::KeysAt;

use super::{message as letters, outcome, prove, receipt, remind, trial};
use crate::settings::{MAIL, Recipient};
use crate::wire::{self, Site};

/// The kind of way out on which an event has one line.
const CHAT: &str = "irc";

/// What is known of the problems of some notices.
pub struct Heard {
    /// How often their events were seen again.
    repeats: Repeats,
    /// Of kinds of notices that told something on trial: what was told, and what on trial only.
    trials: HashMap<String, (Told, Told)>,
}

/// What is known of the problems of these notices.
pub async fn heard(site: &Site, loaded: &Loaded, notices: &[&(Notice, Members)]) -> Result<Heard, Problem> {
    let events = || notices.iter().flat_map(|(_, members)| loaded.of(members));
    let problems: HashSet<_> = events().map(|stored| stored.event.row().key).collect();
    let first = events().filter_map(|stored| stored.event.time(Field::TIME_OBSERVATION)).min().unwrap_or_default();
    let repeats = site.store.repeats(Some(&problems), &first.date_text()).await?;
    let mut trials = HashMap::new();
    let (records, mut names) = (&site.store.records, HashSet::new());
    for (notice, _) in notices {
        // While a trial lasts, a notice reads as it would without it.
        let is_new = names.insert(notice.name.as_str());
        if is_new && !trial::is_on(site, &notice.via) && records.was_on_trial(Some(&notice.name)).await? {
            let told = records.told(&notice.name, problems.iter().copied(), Time(0)).await?;
            let on_trial = records.told_on_trial(&notice.name, problems.iter().copied(), Time(0)).await?;
            trials.insert(notice.name.clone(), (told, on_trial));
        }
    }
    Ok(Heard { repeats, trials })
}

/// The events of a notice with what is told about each.
pub fn items<'a>(
    site: &Site,
    notice: &'a Notice,
    loaded: &'a Loaded,
    members: &'a Members,
    heard: &Heard,
) -> Vec<Item<'a>> {
    let clean_after = site.settings.notice(&notice.name).map(|kind| kind.clean_after).unwrap_or_default();
    let instead = instead(site, notice);
    let trial = heard.trials.get(&notice.name);
    let clean_seconds = i64::try_from(clean_after.as_secs()).unwrap_or(i64::MAX);
    let mut items: Vec<Item<'a>> = loaded
        .of(members)
        .map(|stored| {
            let time = concert_store::events::time_of(&stored.event);
            let state = match stored.event.time(Field::TIME_PREVIOUS) {
                None => render::NEW,
                Some(previous) if trial.is_some_and(|trial| is_unheard(trial, stored.event.row().key, previous)) => {
                    render::NEW
                }
                Some(previous) if time >= previous.plus_seconds(clean_seconds) => render::RELAPSE,
                Some(_) => render::STILL_OPEN,
            };
            let again = heard.repeats.get(&(stored.event.row().key, time.seconds()));
            Item {
                event: render::withheld::told(stored.event),
                report: stored.report,
                state,
                seen: 1 + again.map_or(0, |(count, _)| *count),
                last_seen: again.map(|(_, last)| *last),
                instead,
            }
        })
        .collect();
    items.sort_by_key(|item| concert_store::events::time_of(&item.event));
    items
}

/// Whether the party of an event never heard of its problem, which was seen before: it was told on trial only.
fn is_unheard((told, on_trial): &(Told, Told), problem: ProblemKey, previous: Time) -> bool {
    // A notice that is not made yet, as in a preview, has not changed what was told.
    let last_told = told.get(problem).map_or(previous, |(last_told, _)| last_told.min(previous));
    on_trial.is_unheard(problem, last_told)
}

/// For whom its receiver stands in: a team of last resort is told for others.
fn instead<'n>(site: &Site, notice: &'n Notice) -> Instead<'n> {
    if site.settings.notice(&notice.name).is_none_or(|kind| kind.to != Recipient::Responsible) {
        return Instead::Nobody;
    }
    let book = site.book();
    if book.constituents.named(&notice.party).is_some() {
        // Only what went past its party may be for a team.
        let stands_in = || site.addressees().stands_in(&notice.party, &notice.to).is_some();
        let is_for_team = !notice.passed_over.is_empty() && stands_in();
        return if is_for_team { Instead::Party(&notice.party) } else { Instead::Nobody };
    }
    if book.teams.named(&notice.party).is_some() { Instead::Unknown } else { Instead::Nobody }
}

/// A notice as its receiver reads it, before anything is signed or encrypted.
pub fn message(site: &Site, notice: &Notice, items: &[Item<'_>]) -> Result<Message, Problem> {
    let mut message = match notice.name.as_str() {
        prove::NAME => prove::message(site, notice)?,
        receipt::NAME => receipt::message(site, notice)?,
        outcome::NAME => outcome::message(site, notice)?,
        remind::NAME => remind::message(site, notice),
        letters::NAME => letters::message(site, notice)?,
        _ => told(site, notice, items)?,
    };
    if message.return_path.is_none() {
        message.return_path = site.return_path(&notice.id);
    }
    Ok(message)
}

/// What a receiver reads, for people here: whom it is for, the text, what is attached.
pub fn readable(message: &Message) -> Vec<u8> {
    let head = format!("To: {}\nSubject: {}\n\n{}\n", message.to.join(", "), message.subject, message.text);
    let more = message.more.iter().flat_map(|payload| [b"\n".as_slice(), &payload.bytes]);
    [head.as_bytes(), &message.payload.bytes].into_iter().chain(more).collect::<Vec<_>>().concat()
}

/// The final bytes of a notice. Those of an encrypted one differ each time.
pub fn bytes(site: &Site, notice: &Notice, message: &Message) -> Result<Vec<u8>, Problem> {
    let via = site
        .settings
        .vias
        .get(&notice.via)
        .ok_or_else(|| Problem::new(format!("there is no [via.{}] in the settings", notice.via)))?;
    // Only mails are encrypted; for the others no keys are read.
    let keyring = if via.kind == MAIL { site.keyring() } else { Arc::default() };
    via.deliverer.compose(message, &KeysAt { keyring: &keyring, now: wire::now() }).map_err(Problem::new)
}

fn told(site: &Site, notice: &Notice, items: &[Item<'_>]) -> Result<Message, Problem> {
    if items.is_empty() {
        return Err(Problem::new("its events are no longer stored"));
    }
    let kind = site.settings.notice(&notice.name);
    let columns = kind.map(|kind| kind.columns.clone()).unwrap_or_default();
    let format = render::format(&notice.format)
        .ok_or_else(|| Problem::new(format!("there is no format `{}`", notice.format)))?;
    let is_chat = site.settings.vias.get(&notice.via).is_some_and(|via| via.kind == CHAT);
    let format = if is_chat && format.name == render::text::LISTED.name { &render::lines::LISTED } else { format };
    let to = recipients(site, notice);
    let bcc = copies(site, notice);
    // Only what went past its party may be for a team.
    let book = if notice.passed_over.is_empty() { None } else { Some(site.addressees()) };
    let team = book.as_ref().and_then(|book| book.stands_in(&notice.party, &notice.to));
    let is_responsible = is_responsible(site, notice);
    let party = if is_responsible { team.map_or(&notice.party, |team| &team.name) } else { "" };
    site.settings.templates.render(&render::Notice {
        id: &notice.id,
        name: &notice.name,
        key: &render::withheld::told_key(&notice.key),
        message_id: notice.message_id.clone(),
        to,
        bcc,
        party,
        is_responsible,
        site_name: &site.settings.site.name,
        site_email: &site.settings.site.email,
        language: &notice.language,
        date: notice.made,
        format,
        columns: &columns,
        items,
    })
}

/// Who gets a blind copy of a notice: nobody while everything goes to one test address.
fn copies(site: &Site, notice: &Notice) -> Vec<String> {
    if site.settings.deliver.override_recipient.is_some() && !notice.to.is_empty() {
        return Vec::new();
    }
    site.settings.notice(&notice.name).map(|kind| kind.bcc.clone()).unwrap_or_default()
}

/// Why a notice that was not composed yet will fail: it must be encrypted, and somebody who gets it has no good key.
pub fn keyless(site: &Site, notice: &Notice) -> Option<String> {
    site.settings.vias.get(&notice.via).filter(|via| via.deliverer.must_encrypt())?;
    let (keyring, now) = (site.keyring(), wire::now());
    let mut all = recipients(site, notice).into_iter().chain(copies(site, notice));
    let none = all.find_map(|mail| keyring.find(&mail, now).err())?;
    Some(format!("it must be encrypted, but {}", none.why))
}

/// Whether a notice is read by whoever answers for its events. One with addresses of its own in the settings is read by
/// others, unless all of them are the party's.
fn is_responsible(site: &Site, notice: &Notice) -> bool {
    match site.settings.notice(&notice.name).map(|kind| &kind.to) {
        Some(Recipient::Addresses(_)) => {
            let book = site.addressees();
            let Some(party) = book.find(&notice.party) else { return false };
            let is_theirs = |to: &str| party.contacts.iter().any(|one| canonical(&one.mail) == canonical(to));
            !notice.to.is_empty() && notice.to.split(',').all(is_theirs)
        }
        Some(Recipient::Responsible | Recipient::Target) | None => true,
    }
}

/// The addresses a notice goes to: its own, or the one that everything goes to while one tries things.
pub fn recipients(site: &Site, notice: &Notice) -> Vec<String> {
    let to: Vec<String> = notice.to.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect();
    match &site.settings.deliver.override_recipient {
        Some(test) if !to.is_empty() => vec![test.clone()],
        _ => to,
    }
}
