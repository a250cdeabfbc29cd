//! Numbers for `/metrics` besides those of feeds and notices, which the overview has.

use std::collections::BTreeMap;

use concert_model::access::Person;
use concert_pipeline::mail::tie::Doubt;
use concert_server::site::{Metric, Overview};
use concert_store::records::{FeedCounts, MailCount};

use crate::drive::mailbox::mass;
use crate::wire::{self, Site};

/// Values with their labels.
type Values = Vec<(Vec<(&'static str, String)>, f64)>;

/// All of them, but for those of feeds of which the person may not know; nothing where the records cannot be read.
pub(super) async fn of(site: &Site, overview: &Overview, person: &Person) -> Vec<Metric> {
    let Ok(mut counts) = site.store.records.feed_counts(wire::now()).await else { return Vec::new() };
    counts.retain(|feed, _| site.settings.shows_feed(feed, person));
    let of = |pick: fn(&FeedCounts) -> u64| -> Values {
        counts.iter().map(|(feed, counts)| (vec![("feed", feed.clone())], number(pick(counts)))).collect()
    };
    let up = site.settings.mailbox.as_ref().map(|_| (Vec::new(), f64::from(u8::from(overview.mailbox.is_none()))));
    let up: Values = up.into_iter().collect();
    let (mails, doubted) = mails(site.store.records.mail_counts().await.unwrap_or_default());
    let refused = site.store.records.refused().await.unwrap_or_default();
    let refused =
        refused.into_iter().map(|one| (vec![("source", one.source), ("cause", one.cause)], number(one.count)));
    let gauge = |name, about, values| Metric { name, about, counter: false, values };
    let counter = |name, about, values| Metric { name, about, counter: true, values };
    vec![
        gauge("concert_mailbox_up", "Whether the mailbox of answers could be read at the last look.", up),
        gauge(
            "concert_mails",
            "Mails that came back, by what they were taken for; those set aside are not believed.",
            mails,
        ),
        counter(
            "concert_mails_doubted_total",
            "Mails that were not believed: they tell of what was never sent, or are forged.",
            doubted,
        ),
        counter(
            "concert_lookups_refused_total",
            "Answers of registries that `concert who` could not use, by why.",
            refused.collect(),
        ),
        gauge(
            "concert_lookup_refused",
            "Whether files with data about addresses have changed and have mistakes, so that older data is in force.",
            vec![(Vec::new(), f64::from(u8::from(site.is_lookup_refused())))],
        ),
        gauge(
            "concert_contacts_held_back",
            "Contacts that bounced at once with the same words in the last day, and were not suspended for it.",
            vec![(Vec::new(), mass::held(site).await.ok().flatten().map_or(0.0, |held| number(held.contacts)))],
        ),
        gauge("concert_contact_keys", "OpenPGP keys of contacts by state; none is used that expired.", keys(site)),
        counter(
            "concert_rule_events_without_key_total",
            "Events that a rule caught and that lack a field of its key, so that they opened no incident.",
            lacking(site).await,
        ),
        gauge("concert_reports_waiting", "Reports kept and not yet processed.", of(|counts| counts.waiting)),
        gauge("concert_reports_failed", "Reports that could not be processed at all.", of(|counts| counts.failed)),
    ]
}

fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Events that opened no incident, by rule: of every rule that opens some, also where there are none yet.
async fn lacking(site: &Site) -> Values {
    let counts = site.store.records.lacking().await.unwrap_or_default();
    let count = |name: &str| counts.iter().find(|(rule, ..)| rule == name).map_or(0, |(_, count, _)| *count);
    let opening = site.settings.judge.rules().iter().filter(|rule| rule.opening().is_some());
    opening.map(|rule| (vec![("rule", rule.name().to_owned())], number(count(rule.name())))).collect()
}

/// Mails by state and kind, and those that are not believed by why.
fn mails(counts: Vec<MailCount>) -> (Values, Values) {
    let mut sorts: BTreeMap<(String, String), u64> = BTreeMap::new();
    // All are there from the beginning: what appears only when it happens rings no alarm the first time.
    let mut doubts = BTreeMap::from(Doubt::ALL.map(|doubt| (doubt.word().to_owned(), 0u64)));
    for mail in counts {
        *sorts.entry((mail.state, mail.kind)).or_default() += mail.count;
        if !mail.doubt.is_empty() {
            *doubts.entry(mail.doubt).or_default() += mail.count;
        }
    }
    let sorts = sorts.into_iter().map(|((state, kind), count)| (vec![("state", state), ("kind", kind)], number(count)));
    let doubts = doubts.into_iter().map(|(doubt, count)| (vec![("doubt", doubt)], number(count)));
    (sorts.collect(), doubts.collect())
}

/// Keys of contacts by state.
fn keys(site: &Site) -> Values {
    let now = wire::now();
    // An expired key is looked for before it is there.
    let mut states = BTreeMap::from([("expired", 0u64)]);
    for key in site.keyring().keys() {
        *states.entry(key.state(now).word()).or_default() += 1;
    }
    states.into_iter().map(|(state, count)| (vec![("state", state.to_owned())], number(count))).collect()
}
