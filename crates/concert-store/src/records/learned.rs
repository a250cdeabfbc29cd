//! Whom servers of registries (RDAP) named for networks, and domains for themselves (security.txt), for which the contact
//! book had nobody: each answer by itself, so that one about the same takes the place of the one before.

use std::collections::BTreeMap;

use concert_model::{Party, Problem, Time};
use sqlx::Row;

use super::parties::{count_import, read_party};
use super::{Records, trouble};

/// Answers that are kept, the newest first.
const ANSWERS_MAX: i64 = 100_000;

impl Records {
    /// Whom answers since a moment name. Networks and domains of the same party are told together, with the contacts of the
    /// newest answer.
    pub async fn learned(&self, since: Time) -> Result<Vec<Party>, Problem> {
        let sql = "SELECT party AS name, body FROM learned WHERE learned >= ?1 ORDER BY learned DESC, network";
        let rows = sqlx::query(sql).bind(since.0).fetch_all(self.pool()).await.map_err(trouble)?;
        let mut known: BTreeMap<String, Party> = BTreeMap::new();
        for row in &rows {
            let party = read_party(row)?;
            match known.get_mut(&party.name) {
                Some(newest) => {
                    newest.prefixes.extend(party.prefixes);
                    newest.domains.extend(party.domains);
                }
                None => drop(known.insert(party.name.clone(), party)),
            }
        }
        Ok(known.into_values().collect())
    }

    /// Keeps answers: a network as its registry writes it, or a domain, and whom it names. Whoever keeps parties in memory reads them
    /// anew.
    pub async fn learn(&self, answers: &[(String, Party)], now: Time) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for (network, party) in answers {
            let body = serde_json::to_string(party).map_err(|error| Problem::new(error.to_string()))?;
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

#[cfg(test)]
mod tests {
    use concert_model::Contact;

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
            (party("A", "192.0.2.0/24", "old@a.example"), party("A", "198.51.100.0/24", "new@a.example"));
        records.learn(&[one, party("B", "203.0.113.0/24", "b@b.example")], Time(10)).await.unwrap();
        records.learn(&[other], Time(20)).await.unwrap();
        assert_eq!(records.parties_import().await.unwrap(), 2);
        let told = async |since| {
            let learned = records.learned(Time(since)).await.unwrap();
            let told = |party: &Party| (party.name.clone(), party.prefixes.len(), party.contacts[0].mail.clone());
            learned.iter().map(told).collect::<Vec<_>>()
        };
        let a = |nets| ("A".to_owned(), nets, "new@a.example".to_owned());
        assert_eq!(told(0).await, [a(2), ("B".into(), 1, "b@b.example".into())]);
        assert_eq!(told(11).await, [a(1)]);
        // The network went to another.
        records.learn(&[party("C", "192.0.2.0/24", "c@c.example")], Time(30)).await.unwrap();
        assert_eq!(told(11).await, [a(1), ("C".into(), 1, "c@c.example".into())]);
        records.unlearn(|text| text == "c@c.example").await.unwrap();
        assert_eq!(told(11).await, [a(1)]);
    }
}
