//! Contacts of very many domains that bounce at once with the same words: rather our own server is at fault, or its DNS,
//! than that all of them have gone. Nobody is suspended for it, and a person decides.
//!
//! A status that is about the mailbox is believed of each, and so are words that a few domains say, however many of
//! their mailboxes are gone, as long as others are reached: what is wrong with us is said by all.
//!
//! The first of them were suspended before it was known to be so: those are released again.

use std::collections::BTreeSet;
use std::net::IpAddr;

use concert_model::{Problem, Time};
use concert_pipeline::mail::Failed;

use crate::wire::{self, Site};

/// Domains whose contacts may bounce within the hour with the same words and are suspended all the same.
const DOMAINS_MAX: usize = 10;
/// The same of contacts, where no other domain was told anything within the hour.
const CONTACTS_MAX: usize = 10;
/// How far back it is looked.
const WITHIN_SECONDS: i64 = 3_600;
/// For how long it is told.
const TOLD_SECONDS: i64 = 86_400;
/// Where in the memory stands what happened last.
const MEMORY: (&str, &str) = ("bounces", "held back");
/// Most letters of the words that are compared and told.
const WORDS_LETTERS_MAX: usize = 200;

/// Contacts that bounced with the same words as one of a mail, so that none is suspended.
pub(super) struct Mass {
    words: String,
    contacts: BTreeSet<String>,
    since: Time,
}

/// What was held back in the last day.
pub(crate) struct Held {
    /// Of how many contacts.
    pub(crate) contacts: u64,
    /// When the last of them bounced.
    pub(crate) at: Time,
    /// What was said.
    pub(crate) words: String,
}

impl Mass {
    /// Whether a contact that bounced so is held back.
    pub(super) fn has(&self, failed: &Failed) -> bool {
        words(&failed.why()) == self.words
    }

    /// All contacts, and since when whoever was suspended for it is released.
    pub(super) fn released(&self) -> impl Iterator<Item = (&String, Time)> {
        self.contacts.iter().map(|contact| (contact, self.since))
    }
}

/// Whether a bounce is one of very many at once; then it is told, once an hour.
pub(super) async fn look(site: &Site, failed: &Failed, at: Time) -> Result<Option<Mass>, Problem> {
    let (records, words, since) = (&site.store.records, words(&failed.why()), at.plus_seconds(-WITHIN_SECONDS));
    let before = records.bounced_since(since).await?;
    let mut contacts: BTreeSet<String> =
        before.into_iter().filter(|(_, said)| self::words(said) == words).map(|(address, _)| address).collect();
    contacts.insert(failed.address.clone());
    let (many, told) = (domains(&contacts), domains(&records.told_since(since).await?));
    // Where nobody at all is reached it is us, whatever is said. Few are told by a small site.
    let is_everybody = many > 1 && many >= told && contacts.len() > CONTACTS_MAX;
    let is_most = many > DOMAINS_MAX && many * 2 > told && !failed.is_mailbox_gone();
    if !is_everybody && !is_most {
        return Ok(None);
    }
    let known = held(site).await?.filter(|known| known.words == words && known.at >= since);
    if known.is_none() {
        tracing::error!(
            contacts = contacts.len(),
            "contacts of very many domains bounce at once with the same words, so none of them is suspended; is this site's own mail server at fault? `concert contact health` says more"
        );
    }
    let value = format!("{} {} {words}", wire::now().0, contacts.len());
    records.remember(MEMORY.0, MEMORY.1, &value).await?;
    Ok(Some(Mass { words, contacts, since }))
}

/// What was held back in the last day, if anything was.
pub(crate) async fn held(site: &Site) -> Result<Option<Held>, Problem> {
    let said = site.store.records.recall(MEMORY.0, MEMORY.1).await?.unwrap_or_default();
    let mut parts = said.splitn(3, ' ');
    let (at, contacts) = (parts.next().and_then(|at| at.parse().ok()), parts.next().and_then(|many| many.parse().ok()));
    let (Some(at), Some(contacts), Some(words)) = (at.map(Time), contacts, parts.next()) else { return Ok(None) };
    let is_recent = at >= wire::now().plus_seconds(-TOLD_SECONDS);
    Ok(is_recent.then(|| Held { contacts, at, words: words.to_owned() }))
}

/// The contacts that were held back in the last day and are not suspended, each with what was said of it.
pub(crate) async fn contacts(site: &Site) -> Result<Vec<(String, String)>, Problem> {
    let Some(held) = held(site).await? else { return Ok(Vec::new()) };
    let (records, since) = (&site.store.records, held.at.plus_seconds(-TOLD_SECONDS));
    let suspended = records.suspended_contacts().await?;
    let is_held = |(address, said): &(String, String)| words(said) == held.words && !suspended.contains_key(address);
    Ok(records.bounced_since(since).await?.into_iter().filter(is_held).collect())
}

/// Of how many domains addresses are.
fn domains(addresses: &BTreeSet<String>) -> usize {
    let domain = |address: &String| address.rsplit_once('@').map(|(_, domain)| domain.to_owned());
    addresses.iter().filter_map(domain).collect::<BTreeSet<_>>().len()
}

/// What servers say, without what differs for each contact: addresses, names of hosts and numbers of mails.
fn words(said: &str) -> String {
    let is_same = |word: &&str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_number =
            word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && word.parse::<IpAddr>().is_err();
        let is_name = word.contains('.') || word.contains('@') || word.bytes().any(|byte| byte.is_ascii_digit());
        is_number || !is_name
    };
    let same = said.split_whitespace().filter(is_same).collect::<Vec<_>>().join(" ").to_lowercase();
    same.chars().filter(|c| !c.is_control()).take(WORDS_LETTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_known_whatever_contact_they_are_said_of() {
        let check = |said: &str, want: &str| assert_eq!(words(said), want, "{said}");
        check("550 5.1.1 <abuse@a.example>: no such User", "550 5.1.1 no such user");
        check("550 5.1.1 <noc@b.example>: No such user", "550 5.1.1 no such user");
        check("550 5.1.1 mx1.a.example [192.0.2.7] says no, 4WxYz1", "550 5.1.1 says no,");
    }
}
