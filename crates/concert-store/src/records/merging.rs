//! Several notices in one mail: one of them carries the others, and they share its fate.

use concert_model::Problem;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::notices::with_members;
use super::{Notice, Records, trouble};
use crate::Members;

/// In place of a carrier: a notice that must go alone.
const ALONE: &str = "-";

impl Records {
    /// Has a notice carry others that nobody has an attempt or bytes of; none of them carries any yet.
    /// Gives the numbers of those it carries now.
    pub async fn merge_notices(&self, carrier: &str, others: &[String]) -> Result<Vec<String>, Problem> {
        let mut change = self.change().await?;
        let fresh = "state = 'queued' AND attempts = 0 AND within = ''
             AND NOT EXISTS (SELECT 1 FROM notice_bytes WHERE notice_bytes.id = notice.id)
             AND NOT EXISTS (SELECT 1 FROM notice AS carried WHERE carried.within = notice.id AND carried.within <> '')";
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("UPDATE notice SET within = ");
        query.push_bind(carrier).push(" WHERE id IN (");
        let mut list = query.separated(", ");
        for other in others.iter().filter(|other| *other != carrier) {
            list.push_bind(other);
        }
        query.push(") AND ").push(fresh);
        query.push(" AND EXISTS (SELECT 1 FROM notice AS carrier WHERE carrier.within = '' AND carrier.state = 'queued' AND carrier.attempts = 0");
        query.push(" AND NOT EXISTS (SELECT 1 FROM notice_bytes WHERE notice_bytes.id = carrier.id) AND carrier.id = ");
        query.push_bind(carrier).push(") RETURNING id");
        let rows = query.build().fetch_all(&mut *change).await.map_err(trouble)?;
        self.commit(change).await?;
        Ok(rows.iter().filter_map(|row| row.try_get("id").ok()).collect())
    }

    /// The notices that these carry, each with its carrier in `within`, oldest first.
    pub async fn carried(&self, carriers: &[&str]) -> Result<Vec<(Notice, Members)>, Problem> {
        if carriers.is_empty() {
            return Ok(Vec::new());
        }
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT * FROM notice WHERE within <> '' AND within IN (");
        let mut list = query.separated(", ");
        for carrier in carriers {
            list.push_bind(*carrier);
        }
        query.push(") ORDER BY seq");
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(with_members).collect())
    }

    /// Takes what a notice carries away from it, and has each of them go alone; what was composed of it is
    /// forgotten, so nobody may have it. `false` when it carries nothing.
    pub async fn unmerge_notices(&self, carrier: &str) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let parted = sqlx::query("UPDATE notice SET within = ?2 WHERE within = ?1 AND within <> ''")
            .bind(carrier)
            .bind(ALONE)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        if parted.rows_affected() > 0 {
            for sql in ["UPDATE notice SET within = '-' WHERE id = ?1", "DELETE FROM notice_bytes WHERE id = ?1"] {
                sqlx::query(sql).bind(carrier).execute(&mut *change).await.map_err(trouble)?;
            }
        }
        self.commit(change).await?;
        Ok(parted.rows_affected() > 0)
    }
}

impl Notice {
    /// The notice that carries this one; `None` where it goes by itself.
    pub fn carrier(&self) -> Option<&str> {
        Some(self.within.as_str()).filter(|within| !within.is_empty() && *within != ALONE)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Gate, NoticeFilter};
    use crate::writer::Writer;
    use crate::writer::tests::{DAY, site, write};
    use concert_model::Time;

    #[tokio::test]
    async fn what_is_carried_shares_the_fate_of_its_carrier() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        for name in ["one", "two", "three"] {
            write(&mut writer, name, 0, 3).await;
        }
        let records = &store.records;
        let mut ids: Vec<String> =
            records.notices(&NoticeFilter::default()).await.unwrap().into_iter().map(|n| n.id).collect();
        ids.sort();
        let states = async || {
            let mut list = records.notices(&NoticeFilter::default()).await.unwrap();
            list.sort_by(|a, b| a.id.cmp(&b.id));
            list.into_iter().map(|notice| format!("{} {}", notice.state, notice.within)).collect::<Vec<_>>()
        };
        assert_eq!(records.merge_notices(&ids[0], &ids).await.unwrap(), ids[1..]);
        // Who carries is carried by nobody, and the other way round.
        assert!(records.merge_notices(&ids[1], &ids).await.unwrap().is_empty());
        let due = async || records.notices_due(Time(i64::MAX), &super::super::Way::Any, 9).await.unwrap().len();
        assert_eq!((due().await, records.carried(&[&ids[0]]).await.unwrap().len()), (1, 2));
        let ended = |state| [(ids[0].clone(), state, Time(5), "why".to_owned())];
        records.settle_notices(&ended("failed"), &[]).await.unwrap();
        let on = |state: &str| [format!("{state} "), format!("{state} {}", ids[0]), format!("{state} {}", ids[0])];
        assert_eq!(states().await, on("failed"));
        assert!(records.requeue_notice(&ids[0], None, Gate::Open, Time(6)).await.unwrap());
        assert_eq!(states().await, on("queued"));
        records.keep_notice_bytes(&[(ids[0].clone(), b"x".to_vec())]).await.unwrap();
        assert!(records.unmerge_notices(&ids[0]).await.unwrap());
        assert!(!records.unmerge_notices(&ids[0]).await.unwrap());
        assert_eq!((due().await, records.notice_bytes(&ids[0]).await.unwrap()), (3, None));
        assert!(records.merge_notices(&ids[0], &ids).await.unwrap().is_empty(), "what went apart stays apart");
    }
}
