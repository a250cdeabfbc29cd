//! Whom servers of registries (RDAP) named for networks, and domains for themselves (security.txt), for which the contact
//! book had nobody: each answer by itself, so that one about the same takes the place of the one before.
//!
//! A registry may give two networks the same holder and key with different mailboxes. Those are two parties, so that
//! neither mailbox is told of the network of the other: the second one bears its mailboxes in its name. What counts are
//! those that are told first; of those behind them a party of several networks has the ones that stand behind all.

use std::collections::{BTreeMap, BTreeSet};

use concert_model::{Contact, Party, Problem, Time};
use sqlx::Row;

use super::parties::{count_import, read_party};
use super::{Change, Records, trouble};

/// Answers that are kept, the newest first.
const ANSWERS_MAX: i64 = 100_000;

impl Records {
    /// Whom answers name that came between two moments. Networks and domains of the same party with the same mailboxes are told together.
    pub async fn learned(&self, since: Time, until: Time) -> Result<Vec<Party>, Problem> {
        let sql =
            "SELECT party AS name, body FROM learned WHERE learned BETWEEN ?1 AND ?2 ORDER BY learned DESC, network";
        let rows = sqlx::query(sql).bind(since.0).bind(until.0).fetch_all(self.pool()).await.map_err(trouble)?;
        let mut known: BTreeMap<String, Party> = BTreeMap::new();
        for row in &rows {
            let mut party = read_party(row)?;
            // An earlier Concert kept those with other mailboxes under one name too.
            if known.get(&party.name).is_some_and(|newest| mailboxes(newest) != mailboxes(&party)) {
                party.name = named_apart(&party);
            }
            match known.get_mut(&party.name) {
                Some(newest) => {
                    let (first, others) = (first_purpose(newest).to_owned(), all_mailboxes(&party));
                    let is_of_all =
                        |contact: &Contact| contact.purpose == first || others.contains(&contact.mail.to_lowercase());
                    newest.contacts.retain(is_of_all);
                    newest.prefixes.extend(party.prefixes);
                    newest.domains.extend(party.domains);
                }
                None => drop(known.insert(party.name.clone(), party)),
            }
        }
        Ok(known.into_values().collect())
    }

    /// When the oldest answer since a moment came.
    pub async fn first_learned(&self, since: Time) -> Result<Option<Time>, Problem> {
        let query = sqlx::query_scalar("SELECT min(learned) FROM learned WHERE learned >= ?1").bind(since.0);
        let first: Option<i64> = query.fetch_one(self.pool()).await.map_err(trouble)?;
        Ok(first.map(Time))
    }

    /// Keeps answers: a network as its registry writes it, or a domain, and whom it names. Whoever keeps parties in memory reads them
    /// anew.
    pub async fn learn(&self, answers: &[(String, Party)], now: Time) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for (network, party) in answers {
            let party = told_apart(&mut change, network, party).await?;
            let body = serde_json::to_string(&party).map_err(|error| Problem::new(error.to_string()))?;
            let sql = "INSERT OR REPLACE INTO learned (network, party, body, learned) VALUES (?1, ?2, ?3, ?4)";
            let query = sqlx::query(sql).bind(network).bind(&party.name).bind(body).bind(now.0);
            query.execute(&mut *change).await.map_err(trouble)?;
        }
        let sql = "DELETE FROM learned WHERE network IN
                   (SELECT network FROM learned ORDER BY learned DESC LIMIT -1 OFFSET ?1)";
        sqlx::query(sql).bind(ANSWERS_MAX).execute(&mut *change).await.map_err(trouble)?;
        count_import(&mut change).await?;
        self.commit(change).await
    }

    /// Removes answers that name a party or contact of which this is true.
    pub async fn unlearn(&self, is_gone: impl Fn(&str) -> bool) -> Result<(), Problem> {
        let rows = sqlx::query("SELECT network, party AS name, body FROM learned").fetch_all(self.pool()).await;
        let mut change = self.change().await?;
        for row in rows.map_err(trouble)? {
            let party = read_party(&row)?;
            if is_gone(&party.name) || party.contacts.iter().any(|contact| is_gone(&contact.mail)) {
                let network: &str = row.try_get("network").unwrap_or_default();
                let query = sqlx::query("DELETE FROM learned WHERE network = ?1").bind(network);
                query.execute(&mut *change).await.map_err(trouble)?;
            }
        }
        count_import(&mut change).await?;
        self.commit(change).await
    }
}

/// The party of an answer, under a name of its own where another network has one of that name with other mailboxes.
async fn told_apart(change: &mut Change<'_>, network: &str, party: &Party) -> Result<Party, Problem> {
    let apart = Party { name: named_apart(party), ..party.clone() };
    let sql = "SELECT party AS name, body FROM learned WHERE party IN (?1, ?2) AND network <> ?3";
    let query = sqlx::query(sql).bind(&party.name).bind(&apart.name).bind(network);
    for row in query.fetch_all(&mut **change).await.map_err(trouble)? {
        let other = read_party(&row)?;
        // What was named apart once stays so, or one party would get two names.
        if other.name == apart.name || mailboxes(&other) != mailboxes(party) {
            return Ok(apart);
        }
    }
    Ok(party.clone())
}

/// The mailboxes of a party that are told first, each once.
fn mailboxes(party: &Party) -> BTreeSet<String> {
    let first = party.contacts.iter().filter(|contact| contact.purpose == first_purpose(party));
    first.map(|contact| contact.mail.to_lowercase()).collect()
}

/// What those of its contacts are for that are told first.
fn first_purpose(party: &Party) -> &str {
    party.contacts.first().map_or("", |contact| &contact.purpose)
}

fn all_mailboxes(party: &Party) -> BTreeSet<String> {
    party.contacts.iter().map(|contact| contact.mail.to_lowercase()).collect()
}

/// The name of a party with its mailboxes: `Example (RDAP EX1: abuse@a.example)`.
fn named_apart(party: &Party) -> String {
    let all = mailboxes(party).into_iter().collect::<Vec<_>>().join(", ");
    match party.name.strip_suffix(')') {
        Some(name) => format!("{name}: {all})"),
        None => format!("{} ({all})", party.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str, net: &str, mail: &str) -> (String, Party) {
        let contacts = vec![Contact { mail: mail.into(), purpose: "abuse".into(), ..Contact::default() }];
        let prefixes = vec![net.parse().unwrap()];
        (net.to_owned(), Party { name: name.into(), prefixes, contacts, ..Party::default() })
    }

    #[tokio::test]
    async fn an_answer_takes_the_place_of_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let (one, other) =
            (party("A", "192.0.2.0/24", "new@a.example"), party("A", "198.51.100.0/24", "New@a.example"));
        let old = party("A", "192.0.2.0/24", "old@a.example");
        records.learn(&[old, one, party("B", "203.0.113.0/24", "b@b.example")], Time(10)).await.unwrap();
        records.learn(&[other], Time(20)).await.unwrap();
        assert_eq!(records.parties_import().await.unwrap(), 2);
        let told = async |since| {
            let learned = records.learned(Time(since), Time(99)).await.unwrap();
            let told = |party: &Party| (party.name.clone(), party.prefixes.len(), party.contacts[0].mail.clone());
            learned.iter().map(told).collect::<Vec<_>>()
        };
        let a = |nets| ("A".to_owned(), nets, "New@a.example".to_owned());
        let first = async |since| records.first_learned(Time(since)).await.unwrap();
        assert_eq!((first(0).await, first(11).await, first(21).await), (Some(Time(10)), Some(Time(20)), None));
        assert_eq!(told(0).await, [a(2), ("B".into(), 1, "b@b.example".into())]);
        assert_eq!(told(11).await, [a(1)]);
        // What only a clock that was ahead can have been told.
        assert_eq!(records.learned(Time(0), Time(9)).await.unwrap(), []);
        // The network went to another.
        records.learn(&[party("C", "192.0.2.0/24", "c@c.example")], Time(30)).await.unwrap();
        assert_eq!(told(11).await, [a(1), ("C".into(), 1, "c@c.example".into())]);
        records.unlearn(|text| text == "c@c.example").await.unwrap();
        assert_eq!(told(11).await, [a(1)]);
    }

    #[tokio::test]
    async fn whoever_stands_behind_is_told_of_no_network_behind_which_it_does_not_stand() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let behind = |net: &str, mails: &[&str]| {
            let (network, mut party) = party("A (RDAP H1)", net, "abuse@a.example");
            let contact =
                |mail: &&str| Contact { mail: (*mail).into(), purpose: "technical".into(), ..Contact::default() };
            party.contacts.extend(mails.iter().map(contact));
            (network, party)
        };
        let told = async || {
            let learned = records.learned(Time(0), Time(99)).await.unwrap();
            let mails = |party: &Party| party.contacts.iter().map(|one| one.mail.clone()).collect::<Vec<_>>().join(" ");
            learned.iter().map(|party| (party.prefixes.len(), mails(party))).collect::<Vec<_>>()
        };
        records.learn(&[behind("192.0.2.0/24", &["one@a.example", "noc@a.example"])], Time(10)).await.unwrap();
        assert_eq!(told().await, [(1, "abuse@a.example one@a.example noc@a.example".to_owned())]);
        records.learn(&[behind("198.51.100.0/24", &["two@a.example", "NOC@a.example"])], Time(20)).await.unwrap();
        assert_eq!(told().await, [(2, "abuse@a.example NOC@a.example".to_owned())]);
    }

    /// One mailbox would be told of the network of the other.
    #[tokio::test]
    async fn the_same_name_with_other_mailboxes_is_another_party() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let (a, b, c) = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24");
        let learn = async |net: &str, mail: &str, at| {
            records.learn(&[party("A (RDAP H1)", net, mail)], Time(at)).await.unwrap();
        };
        let told = async || {
            let learned = records.learned(Time(0), Time(99)).await.unwrap();
            let told = |party: &Party| (party.name.clone(), party.prefixes.len(), party.contacts[0].mail.clone());
            learned.iter().map(told).collect::<Vec<_>>()
        };
        let of = |name: &str, nets, mail: &str| (name.to_owned(), nets, mail.to_owned());
        learn(a, "one@a.example", 10).await;
        learn(b, "two@a.example", 20).await;
        learn(c, "two@a.example", 30).await;
        let apart = of("A (RDAP H1: two@a.example)", 2, "two@a.example");
        assert_eq!(told().await, [of("A (RDAP H1)", 1, "one@a.example"), apart.clone()]);
        // Neither takes the name of the other when one is asked anew.
        learn(b, "two@a.example", 40).await;
        assert_eq!(told().await, [of("A (RDAP H1)", 1, "one@a.example"), apart]);
        learn(a, "two@a.example", 50).await;
        assert_eq!(told().await, [of("A (RDAP H1: two@a.example)", 3, "two@a.example")]);
        // What an earlier Concert kept under one name.
        let sql = "UPDATE learned SET party = 'A (RDAP H1)', body = replace(body, ': two@a.example)', ')')";
        sqlx::query(sql).execute(records.changes()).await.unwrap();
        sqlx::query("UPDATE learned SET body = replace(body, 'two@', 'old@') WHERE network = ?1")
            .bind(a)
            .execute(records.changes())
            .await
            .unwrap();
        let old = of("A (RDAP H1)", 1, "old@a.example");
        assert_eq!(told().await, [old, of("A (RDAP H1: two@a.example)", 2, "two@a.example")]);
    }
}
