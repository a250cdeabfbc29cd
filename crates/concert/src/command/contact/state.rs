//! How a contact does, by what came back and what it was asked, and what to do about it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use concert_model::{Contact, Problem, Time, address};
use concert_pipeline::mail::address::canonical;
use concert_store::records::{Health, Records};
use concert_transport::openpgp::Keyring;
use concert_transport::openpgp::contact::State as KeyState;
use serde_json::{Value, json};

use super::last_alive;
use crate::reach::Reach;
use crate::wire;

/// Registries check their contacts every six months.
const SILENT_DAYS: i64 = 183;
/// After so long an unanswered question is worth a call.
const ASKED_DAYS: i64 = 14;

/// How a contact does, the worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Suspended,
    Bounced,
    Unanswered,
    Silent,
    #[default]
    Unknown,
    Alive,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
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

/// What is known of contacts, by their addresses in canonical form.
pub(crate) struct Known {
    now: Time,
    health: BTreeMap<String, Health>,
    /// When each was asked last, and whether that is open.
    asked: HashMap<String, (Time, bool)>,
    /// What bounced of somebody behind each, to whom it forwards.
    behind: HashMap<String, String>,
    /// The keys of contacts.
    ring: Arc<Keyring>,
}

/// The key of a contact.
pub(crate) struct Key {
    fingerprint: String,
    expires: Option<Time>,
    /// Why it is not used, or not for much longer.
    pub(crate) trouble: Option<String>,
}

#[cfg(test)]
impl Key {
    /// One that is over.
    pub(crate) fn expired() -> Self {
        Self { fingerprint: "F".into(), expires: Some(Time(0)), trouble: Some("expired on 1970-01-01".into()) }
    }
}

/// How one contact does.
#[derive(Default)]
pub(crate) struct Doing {
    pub(crate) state: State,
    /// When it last proved alive.
    pub(crate) alive: Option<Time>,
    pub(crate) health: Health,
    asked: Option<(Time, bool)>,
    behind: Option<String>,
    /// The key that it has; nothing without one.
    pub(crate) key: Option<Key>,
}

impl Known {
    /// As it is shown to somebody: what proved a contact alive may be a message of an incident, or a notice, that this
    /// person may not know of, so whoever does not sit at the machine learns that it was an answer.
    pub(crate) fn shown_to(mut self, reach: &Reach) -> Self {
        if !reach.is_operators() {
            let by = self.health.values_mut().map(|health| &mut health.alive_by);
            by.filter(|by| by.starts_with("answer to ")).for_each(|by| "an answer".clone_into(by));
        }
        self
    }

    /// What the records and the keys of contacts say now.
    pub(crate) async fn read(records: &Records, ring: Arc<Keyring>) -> Result<Self, Problem> {
        let (health, asked) = (records.contact_health().await?, records.proofs_asked().await?);
        let now = wire::now();
        let behind = records.bounced_behind(now.plus_seconds(-SILENT_DAYS * 86_400)).await?.into_iter();
        let behind = behind.map(|(address, why, at)| (address, format!("{} ({})", why, at.date_text())));
        Ok(Self { now, health, asked, behind: behind.collect(), ring })
    }

    /// When it was read.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Addresses that something is known of, or that were asked.
    pub(crate) fn addresses(&self) -> BTreeSet<String> {
        self.health.keys().chain(self.asked.keys()).cloned().collect()
    }

    /// Whether anything came from or of an address.
    pub(crate) fn has_heard_of(&self, address: &str) -> bool {
        self.health.contains_key(address)
    }

    /// How a contact does.
    pub(crate) fn of(&self, contact: &Contact) -> Doing {
        let address = canonical(&contact.mail);
        let health = self.health.get(&address).cloned().unwrap_or_default();
        let alive = last_alive(contact, &self.health);
        let (asked, behind) = (self.asked.get(&address).copied(), self.behind.get(&address).cloned());
        let key = self.ring.best(&contact.mail, self.now).map(|key| Key {
            fingerprint: key.fingerprint().to_owned(),
            expires: key.expires(),
            trouble: key.why_not(self.now).or_else(|| {
                let end = key.expires().filter(|_| key.state(self.now) == KeyState::ExpiresSoon)?;
                Some(format!("expires on {}", end.date_text()))
            }),
        });
        let mut doing = Doing { state: State::Unknown, alive, health, asked, behind, key };
        doing.state = doing.state(self.now);
        doing
    }
}

#[cfg(test)]
impl Doing {
    pub(crate) fn test(state: State, key: Option<Key>) -> Self {
        Self { state, key, ..Self::default() }
    }
}

impl Doing {
    /// How many mails to it came back.
    pub(crate) fn bounces(&self) -> u64 {
        self.health.hard + self.health.soft
    }

    fn state(&self, now: Time) -> State {
        let health = &self.health;
        let before = |days: i64| now.plus_seconds(-days * 86_400);
        if health.suspended.is_some() {
            return State::Suspended;
        }
        if health.bounced > self.alive && health.bounced.is_some_and(|at| at > before(SILENT_DAYS)) {
            return State::Bounced;
        }
        if self.asked.is_some_and(|(asked, is_open)| is_open && asked < before(ASKED_DAYS)) {
            return State::Unanswered;
        }
        match self.alive {
            None => State::Unknown,
            Some(alive) if alive < before(SILENT_DAYS) => State::Silent,
            Some(_) => State::Alive,
        }
    }

    /// What to do about a contact of a party, as a sentence, and what is known of those behind it.
    pub(crate) fn advice(&self, contact: &str, party: &str) -> String {
        let behind = self.behind.as_ref().map(|said| format!("it forwards to somebody who did not get a mail: {said}"));
        let trouble = self.key.as_ref().and_then(|key| key.trouble.as_ref());
        let key = trouble.map(|trouble| format!("its key {trouble}; ask for a new one: concert key import FILE"));
        let all = [Some(self.to_do(contact, party)).filter(|to_do| !to_do.is_empty()), behind, key];
        all.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// The fingerprint of its key, which is that of its entry where there is no key, and until when the key is good.
    pub(crate) fn openpgp(&self, contact: &Contact) -> [Value; 2] {
        let of_entry = Some(&contact.openpgp).filter(|entry| !entry.is_empty());
        let expires = self.key.as_ref().and_then(|key| key.expires);
        [json!(self.key.as_ref().map(|key| &key.fingerprint).or(of_entry)), json!(expires.map(|end| end.date_text()))]
    }

    fn to_do(&self, contact: &str, party: &str) -> String {
        let health = &self.health;
        let ask = format!("ask whether somebody is there: concert contact prove \"{party}\"");
        if let Some(why) = address::unusable(contact) {
            return format!("nothing is sent to it ({why}); find another address");
        }
        match self.state {
            State::Suspended => format!(
                "nothing is sent to it ({}); find another address, or when it works again: concert contact resume {contact}",
                health.why
            ),
            State::Bounced => {
                let (said, on) = (&health.diagnostic, health.bounced.map(|at| at.date_text()).unwrap_or_default());
                match health.hard {
                    0 => format!("a mail did not get through on {on} ({said}); if that goes on, call them"),
                    _ => format!("it bounced on {on} ({said}); look whether the address is right"),
                }
            }
            State::Unanswered => {
                let asked = self.asked.map(|(asked, _)| asked.date_text()).unwrap_or_default();
                format!("asked on {asked} and did not answer; call them, or find another address")
            }
            State::Silent | State::Unknown if self.asked.is_some_and(|(_, is_open)| is_open) => {
                let asked = self.asked.map(|(asked, _)| asked.date_text()).unwrap_or_default();
                format!("asked on {asked}, wait for the answer")
            }
            State::Unknown if health.auto_replies > 0 => format!("only machines answered; {ask}"),
            State::Silent | State::Unknown if party.is_empty() => String::new(),
            State::Silent | State::Unknown => ask,
            State::Alive => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first_with_what_to_do() {
        let now = Time::parse("2026-11-22T04:50:30Z", None).unwrap();
        let days = |days: i64| Some(now.plus_seconds(-days * 86_400));
        let mail = "a@x.example";
        let check = |alive: Option<Time>, health: Health, asked: Option<(Time, bool)>, want: State, says: &str| {
            let known = Known {
                now,
                health: BTreeMap::from([(mail.to_owned(), Health { alive, ..health })]),
                asked: asked.map(|asked| (mail.to_owned(), asked)).into_iter().collect(),
                behind: HashMap::new(),
                ring: Arc::default(),
            };
            let doing = known.of(&Contact { mail: "A@x.example".into(), ..Contact::default() });
            assert_eq!(doing.state, want);
            assert!(doing.advice(mail, "X").contains(says), "{}", doing.advice(mail, "X"));
        };
        let bounced = |at: Option<Time>| Health { bounced: at, diagnostic: "full".into(), ..Health::default() };
        check(
            days(1),
            Health { suspended: days(0), ..bounced(days(0)) },
            None,
            State::Suspended,
            "contact resume a@x.example",
        );
        check(None, bounced(days(3)), None, State::Bounced, "2026-11-19 (full); if that goes on, call them");
        let hard = Health { hard: 1, ..bounced(days(3)) };
        check(None, hard, None, State::Bounced, "it bounced on 2026-11-19 (full); look whether the address is right");
        check(days(1), bounced(days(3)), None, State::Alive, "");
        check(None, Health::default(), Some((days(20).unwrap(), true)), State::Unanswered, "call them");
        check(None, Health::default(), Some((days(2).unwrap(), true)), State::Unknown, "asked on 2026-11-20, wait");
        check(days(200), Health::default(), None, State::Silent, "contact prove \"X\"");
        check(None, Health { auto_replies: 1, ..Health::default() }, None, State::Unknown, "only machines");
        let key =
            |trouble: &str| Some(Key { fingerprint: "F".into(), expires: days(-9), trouble: Some(trouble.to_owned()) });
        let doing = Doing { state: State::Alive, key: key("expires on 2026-12-01"), ..Doing::default() };
        let new = "its key expires on 2026-12-01; ask for a new one: concert key import FILE";
        assert_eq!(doing.advice(mail, "X"), new);
        let doing = Doing { state: State::Unanswered, key: key("is revoked"), ..Doing::default() };
        assert!(doing.advice(mail, "X").contains("call them, or find another address; its key is revoked; ask"));
        let said = Doing::default().advice("abuse@x.invalid", "X");
        assert!(said.starts_with("nothing is sent to it (its domain is reserved"), "{said}");
        assert!(State::Suspended < State::Bounced && State::Unknown < State::Alive);
    }
}
