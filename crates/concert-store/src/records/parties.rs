//! Parties this site answers for, and teams of last resort. Each are imported as one piece, so readers
//! never see half of it.

use concert_model::{Party, Problem};
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use super::{Change, Records, trouble};

/// Where in the memory the number of the last import stands.
const IMPORT: (&str, &str) = ("parties", "import");

/// Which parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parties {
    /// Those this site answers for.
    Constituents,
    /// Teams of last resort.
    Teams,
}

impl Parties {
    /// Both, as they are asked.
    pub const ALL: [Self; 2] = [Self::Constituents, Self::Teams];
}

/// Replaces all parties of a kind, as part of a change.
pub async fn import_parties_in(change: &mut Change<'_>, which: Parties, parties: &[Party]) -> Result<(), Problem> {
    let (delete, insert) = match which {
        Parties::Constituents => ("DELETE FROM party", "INSERT INTO party (name, body, place) VALUES (?1, ?2, ?3)"),
        Parties::Teams => ("DELETE FROM team", "INSERT INTO team (name, body, place) VALUES (?1, ?2, ?3)"),
    };
    sqlx::query(delete).execute(&mut **change).await.map_err(trouble)?;
    for (place, party) in (0i64..).zip(parties) {
        let body = serde_json::to_string(party).map_err(|error| Problem::new(error.to_string()))?;
        sqlx::query(insert).bind(&party.name).bind(body).bind(place).execute(&mut **change).await.map_err(trouble)?;
    }
    sqlx::query("DELETE FROM claim").execute(&mut **change).await.map_err(trouble)?;
    // Sorted, they are written one behind the other.
    sqlx::query("INSERT OR IGNORE INTO claim SELECT value, whose, name FROM claimed ORDER BY value, whose, name")
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    count_import(change).await
}

/// Lets whoever keeps parties in memory know that there are others, as part of a change.
pub(super) async fn count_import(change: &mut Change<'_>) -> Result<(), Problem> {
    let sql = "INSERT INTO memory (owner, name, value) VALUES (?1, ?2, '1')
               ON CONFLICT DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)";
    sqlx::query(sql).bind(IMPORT.0).bind(IMPORT.1).execute(&mut **change).await.map_err(trouble)?;
    Ok(())
}

/// A party out of a row with its `name` and `body`.
pub(super) fn read_party(row: &SqliteRow) -> Result<Party, Problem> {
    let text = |column: &str| row.try_get::<&str, _>(column).unwrap_or_default();
    serde_json::from_str(text("body")).map_err(|error| {
        Problem::new(format!("the party `{}` cannot be read from the records: {error}", text("name")))
            .hint("import the files again")
    })
}

impl Records {
    /// All of these parties in the order they were imported.
    pub async fn parties(&self, which: Parties) -> Result<Vec<Party>, Problem> {
        let sql = match which {
            Parties::Constituents => "SELECT name, body FROM party ORDER BY place, name",
            Parties::Teams => "SELECT name, body FROM team ORDER BY place, name",
        };
        self.read_parties(sqlx::query(sql)).await
    }

    /// Those that have one of these claims: a network, a domain without `*.`, `AS64500` or a country, as texts; and
    /// teams of these sectors.
    pub async fn parties_with(
        &self,
        which: Parties,
        claims: &[String],
        sectors: &[String],
    ) -> Result<Vec<Party>, Problem> {
        let sql = match which {
            Parties::Constituents => {
                "SELECT name, body FROM party WHERE name IN
                 (SELECT name FROM claim WHERE whose = 'party' AND value IN (SELECT value FROM json_each(?1)))
                 ORDER BY place, name"
            }
            Parties::Teams => {
                "SELECT name, body FROM team WHERE name IN
                 (SELECT name FROM claim WHERE whose = 'team' AND value IN (SELECT value FROM json_each(?1)))
                 OR EXISTS (SELECT 1 FROM json_each(body, '$.sectors') WHERE value IN (SELECT value FROM json_each(?2)))
                 ORDER BY place, name"
            }
        };
        let [claims, sectors] = [claims, sectors].map(|texts| serde_json::Value::from(texts).to_string());
        let query = sqlx::query(sql).bind(claims);
        self.read_parties(if which == Parties::Teams { query.bind(sectors) } else { query }).await
    }

    /// Those with one of these names.
    pub async fn parties_named(&self, which: Parties, names: &[&str]) -> Result<Vec<Party>, Problem> {
        let sql = match which {
            Parties::Constituents => "SELECT name, body FROM party WHERE name IN (SELECT value FROM json_each(?1))",
            Parties::Teams => "SELECT name, body FROM team WHERE name IN (SELECT value FROM json_each(?1))",
        };
        self.read_parties(sqlx::query(sql).bind(serde_json::Value::from(names).to_string())).await
    }

    async fn read_parties<'q>(
        &self,
        query: sqlx::query::Query<'q, Sqlite, SqliteArguments>,
    ) -> Result<Vec<Party>, Problem> {
        let mut parties = Vec::new();
        // Each is read while the next comes from the thread of the database.
        let mut rows = query.fetch(self.pool());
        while let Some(row) = rows.try_next().await.map_err(trouble)? {
            parties.push(read_party(&row)?);
        }
        Ok(parties)
    }

    /// The number of the last import: whoever keeps parties in memory compares it. 0 before the first.
    pub async fn parties_import(&self) -> Result<u64, Problem> {
        let number = self.recall(IMPORT.0, IMPORT.1).await?;
        Ok(number.and_then(|number| number.parse().ok()).unwrap_or(0))
    }

    /// Puts these parties in the place of all that were there.
    pub async fn import_parties(&self, which: Parties, parties: &[Party]) -> Result<(), Problem> {
        let mut change = self.change().await?;
        import_parties_in(&mut change, which, parties).await?;
        self.commit(change).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parties_are_imported_as_one_piece() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let party = |name: &str| Party { name: name.into(), asns: vec![64_500], ..Party::default() };
        let ours = Parties::Constituents;
        assert_eq!(records.parties_import().await.unwrap(), 0);
        records.import_parties(ours, &[party("Zeta"), party("Alpha")]).await.unwrap();
        assert_eq!(records.parties(ours).await.unwrap(), [party("Zeta"), party("Alpha")]);
        assert_eq!(records.parties_named(ours, &["Alpha", "alpha", "Eta"]).await.unwrap(), [party("Alpha")]);
        records.import_parties(ours, &[party("Beta")]).await.unwrap();
        assert_eq!(records.parties(ours).await.unwrap(), [party("Beta")]);
        assert_eq!(records.parties_import().await.unwrap(), 2);
        assert!(records.import_parties(ours, &[party("Gamma"), party("Gamma")]).await.is_err());
        assert_eq!(
            (records.parties(ours).await.unwrap(), records.parties_import().await.unwrap()),
            (vec![party("Beta")], 2)
        );
        records.import_parties(Parties::Teams, &[party("Beta")]).await.unwrap();
        records.import_parties(ours, &[]).await.unwrap();
        assert_eq!(records.parties(Parties::Teams).await.unwrap(), [party("Beta")]);
        assert_eq!(records.parties_import().await.unwrap(), 4);
    }

    #[tokio::test]
    async fn parties_are_found_by_what_they_claim() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let party = |name: &str, asns: &[u32], nets: &[&str], domains: &[&str], countries: &[&str]| Party {
            name: name.into(),
            asns: asns.to_vec(),
            prefixes: nets.iter().map(|net| net.parse().unwrap()).collect(),
            domains: domains.iter().map(ToString::to_string).collect(),
            countries: countries.iter().map(ToString::to_string).collect(),
            ..Party::default()
        };
        let ours = [
            party("Zeta", &[64_500], &["192.0.2.0/24", "2001:db8::/32"], &[], &[]),
            party("Alpha", &[], &["192.0.2.0/24"], &["*.alpha.example", "beta.example"], &["FI"]),
        ];
        records.import_parties(Parties::Constituents, &ours).await.unwrap();
        records.import_parties(Parties::Teams, &[party("Team", &[], &[], &[], &["FI"])]).await.unwrap();
        for (claims, ours, teams) in [
            (&["192.0.2.0/24"][..], &["Zeta", "Alpha"][..], &[][..]),
            (&["2001:db8::/32", "192.0.0.0/16"], &["Zeta"], &[]),
            (&["AS64500", "beta.example"], &["Zeta", "Alpha"], &[]),
            (&["alpha.example"], &["Alpha"], &[]),
            (&["FI"], &["Alpha"], &["Team"]),
            (&["64500", "192.0.2.0", "%"], &[], &[]),
            (&[], &[], &[]),
        ] {
            let claims: Vec<String> = claims.iter().map(ToString::to_string).collect();
            for (which, want) in [(Parties::Constituents, ours), (Parties::Teams, teams)] {
                let found = records.parties_with(which, &claims, &[]).await.unwrap();
                assert_eq!(found.iter().map(|party| &*party.name).collect::<Vec<_>>(), want, "{claims:?}");
            }
        }
        records.import_parties(Parties::Constituents, &[]).await.unwrap();
        assert_eq!(records.parties_with(Parties::Constituents, &["FI".to_owned()], &[]).await.unwrap(), []);
    }
}
