//! Mails with links that could not be fetched: what was, when the rest is tried again, and when it is given up.
//!
//! It is remembered, so that a good link is fetched once and a bad one ends, however often the program starts. Mails are
//! called by the server's number for them: to know that one rests it need not be fetched.

use std::collections::{BTreeMap, BTreeSet};

use concert_model::Time;
use serde_json::{Value, json};
use url::Url;

/// Mails remembered, those that began to wait last.
const MAILS_MAX: usize = 200;
/// First and longest wait before the links of a mail are tried again; each is twice the one before.
const WAIT_SECONDS: (i64, i64) = (60, 7_200);
/// After so long what could not be fetched is given up.
const GIVEN_UP_SECONDS: i64 = 86_400;
/// What nobody has found again for so long is gone from the server.
const FORGOTTEN_SECONDS: i64 = 3 * 86_400;
/// Letters of the hash by which a link is known.
const HASH_CHARS: usize = 16;

/// What is known of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mail {
    /// When a link of it first failed.
    since: Time,
    /// Not before then.
    next: Time,
    attempts: u32,
    /// Hashes of the links that were fetched.
    fetched: BTreeSet<String>,
    why: String,
}

/// Mails of one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting(BTreeMap<String, Mail>);

impl Waiting {
    /// Why a mail is not to be tried yet.
    pub(super) fn rests(&self, mail: &str, now: Time) -> Option<&str> {
        let mail = self.0.get(mail)?;
        // A clock that was set back must not hold it up for longer than usual.
        let rests = now < mail.next && mail.next <= now.plus_seconds(WAIT_SECONDS.1);
        rests.then_some(mail.why.as_str())
    }

    /// Whether a link of a mail was fetched before.
    pub(super) fn has(&self, mail: &str, url: &Url) -> bool {
        self.0.get(mail).is_some_and(|mail| mail.fetched.contains(&hash(url)))
    }

    /// How often links of a mail were tried and some failed.
    pub(super) fn attempts(&self, mail: &str) -> usize {
        self.0.get(mail).map_or(0, |mail| mail.attempts as usize)
    }

    /// Links of a mail were tried, and some failed. Gives since when, if that is too long.
    pub(super) fn failed(&mut self, mail: &str, fetched: &[&Url], why: &str, now: Time) -> Option<Time> {
        let fresh = Mail { since: now, ..Mail::default() };
        let known = self.0.entry(mail.to_owned()).or_insert(fresh);
        known.fetched.extend(fetched.iter().map(|url| hash(url)));
        let wait = WAIT_SECONDS.0.saturating_mul(1 << known.attempts.min(10)).min(WAIT_SECONDS.1);
        (known.next, known.attempts, known.why) =
            (now.plus_seconds(wait), known.attempts.saturating_add(1), why.to_owned());
        // What a clock that was ahead wrote down is given up a day from now, and not a day from then.
        known.since = known.since.min(now);
        let since = known.since;
        while self.0.len() > MAILS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, mail)| mail.since).map(|(name, _)| name.clone());
            oldest.map(|name| self.0.remove(&name));
        }
        (since.plus_seconds(GIVEN_UP_SECONDS) <= now).then_some(since)
    }

    /// Nothing more is to be fetched of a mail. Says whether anything was known of it.
    pub(super) fn settled(&mut self, mail: &str) -> bool {
        self.0.remove(mail).is_some()
    }

    pub(super) fn write(&mut self, now: Time) -> String {
        self.0.retain(|_, mail| now < mail.next.plus_seconds(FORGOTTEN_SECONDS));
        let row = |(name, mail): (&String, &Mail)| {
            let fetched: Vec<&String> = mail.fetched.iter().collect();
            (name.clone(), json!([mail.since.0, mail.next.0, mail.attempts, fetched, mail.why]))
        };
        Value::Object(self.0.iter().map(row).collect()).to_string()
    }

    /// Reads what [`Waiting::write`] wrote. What cannot be read is taken as never written.
    pub(super) fn read(text: &str) -> Self {
        type Row = (i64, i64, u32, BTreeSet<String>, String);
        let rows: BTreeMap<String, Row> = serde_json::from_str(text).unwrap_or_default();
        let mail = |(name, (since, next, attempts, fetched, why))| {
            (name, Mail { since: Time(since), next: Time(next), attempts, fetched, why })
        };
        Self(rows.into_iter().map(mail).collect())
    }
}

fn hash(url: &Url) -> String {
    blake3::hash(url.as_str().as_bytes()).to_hex().chars().take(HASH_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_end_and_survive_a_restart() {
        let (good, bad): (Url, Url) = ("https://a.example/x".parse().unwrap(), "https://a.example/y".parse().unwrap());
        let (begun, mut now, mut attempts) = (Time(1_000_000_000), Time(1_000_000_000), 0);
        let mut waiting = Waiting::default();
        loop {
            assert_eq!(waiting.rests("1/7", now), None);
            attempts += 1;
            let over = waiting.failed("1/7", &[&good], "404", now);
            waiting = Waiting::read(&waiting.write(now));
            assert!(waiting.has("1/7", &good) && !waiting.has("1/7", &bad) && !waiting.has("1/8", &good));
            if over.is_some() {
                assert_eq!(over, Some(begun));
                break;
            }
            assert_eq!(waiting.rests("1/7", now.plus_seconds(59)), Some("404"));
            while waiting.rests("1/7", now).is_some() {
                now = now.plus_seconds(60);
            }
        }
        assert!(now <= begun.plus_seconds(86_400 + 7_200) && (15..25).contains(&attempts), "{attempts}");
        assert!(waiting.settled("1/7") && !waiting.settled("1/7"));
        assert_eq!(Waiting::read("{ broken"), Waiting::default());
    }

    #[test]
    fn not_more_mails_are_known_than_may_be() {
        let mut waiting = Waiting::default();
        for (number, second) in (0..300).zip(0i64..) {
            waiting.failed(&format!("1/{number}"), &[], "x", Time(0).plus_seconds(second));
        }
        assert_eq!(waiting.0.len(), MAILS_MAX);
        assert!(waiting.0.contains_key("1/299") && !waiting.0.contains_key("1/0"));
        waiting.write(Time(0).plus_seconds(10 * 86_400));
        assert_eq!(waiting, Waiting::default());
    }
}
