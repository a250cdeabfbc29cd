//! Files of a day become few: small ones while the day goes on, all of them once it is over.
//!
//! A merge reads and sorts a bounded number of events, so a very busy day keeps several files, each
//! sorted. What replaces what is one transaction.

use concert_model::{Problem, Time};
use sqlx::Row;

use super::{Finished, Rewriting, Upkeep, failed, free_name, part_of, swap};
use crate::events::read::{self, Bounds, Rows};
use crate::events::write::write_sightings;
use crate::events::{Page, Sighting};
use crate::records::trouble;
use crate::store::{Segment, Store, damaged, segment};

/// A day that goes on may have so many small files.
const SMALL_FILES_MAX: usize = 16;
/// A file with fewer rows is small. Those that a large report was cut into are not.
const SMALL_ROWS: u64 = 50_000;
/// Rows merged at a time: bounds the memory, some 400 bytes a row.
const MERGE_ROWS_MAX: u64 = 262_144;
/// Files merged at a time.
const MERGE_FILES_MAX: usize = 500;

impl Upkeep {
    /// Merges what is worth it, so many times at most; gives the number of files that are gone.
    pub(super) async fn merge(&mut self, now: Time, merges_max: usize) -> Result<usize, Problem> {
        let today = now.date_text();
        let (mut gone, mut merges) = (0, 0);
        for kind in ["events", "sightings"] {
            for day in days(&self.store, kind).await? {
                let files = files_of(&self.store, kind, &day).await?;
                let files = files.into_iter().filter(|file| !self.passed_over.contains(&file.path)).collect();
                for group in plan(files, day < today) {
                    if merges == merges_max {
                        return Ok(gone);
                    }
                    merges += 1;
                    match merge(&self.store, kind, &day, &group).await {
                        Ok(()) => {
                            gone += group.len() - 1;
                            self.put_aside(&group, now);
                        }
                        Err(problem) => {
                            tracing::warn!(day, kind, "files cannot be merged and stay as they are: {problem}");
                            self.passed_over.extend(group.into_iter().map(|file| file.path));
                        }
                    }
                }
            }
        }
        Ok(gone)
    }
}

async fn days(store: &Store, kind: &str) -> Result<Vec<String>, Problem> {
    let rows = sqlx::query("SELECT day FROM segment WHERE kind = ?1 GROUP BY day HAVING count(*) > 1 ORDER BY day")
        .bind(kind)
        .fetch_all(store.records.pool())
        .await
        .map_err(trouble)?;
    Ok(rows.iter().map(|row| row.try_get("day").unwrap_or_default()).collect())
}

async fn files_of(store: &Store, kind: &str, day: &str) -> Result<Vec<Segment>, Problem> {
    let rows = sqlx::query("SELECT * FROM segment WHERE kind = ?1 AND day = ?2")
        .bind(kind)
        .bind(day)
        .fetch_all(store.records.pool())
        .await
        .map_err(trouble)?;
    Ok(rows.iter().map(segment).collect())
}

/// Which files become one.
fn plan(mut files: Vec<Segment>, is_over: bool) -> Vec<Vec<Segment>> {
    if !is_over {
        files.retain(|file| file.rows < SMALL_ROWS);
        if files.len() <= SMALL_FILES_MAX {
            return Vec::new();
        }
    }
    files.sort_by(|a, b| (a.rows, &a.path).cmp(&(b.rows, &b.path)));
    let (mut groups, mut group, mut rows) = (Vec::new(), Vec::new(), 0);
    for file in files {
        if rows + file.rows > MERGE_ROWS_MAX || group.len() >= MERGE_FILES_MAX {
            groups.push(std::mem::take(&mut group));
            rows = 0;
        }
        rows += file.rows;
        group.push(file);
    }
    groups.push(group);
    groups.retain(|group: &Vec<Segment>| group.len() > 1);
    groups
}

async fn merge(store: &Store, kind: &str, day: &str, group: &[Segment]) -> Result<(), Problem> {
    let file = if kind == "events" { merge_events(store, day, group)? } else { merge_sightings(store, day, group)? };
    let wanted: u64 = group.iter().map(|file| file.rows).sum();
    let result = if file.written.rows == wanted {
        let mut change = store.records.change().await?;
        match swap(&mut change, std::slice::from_ref(&file), group).await {
            Ok(()) => store.records.commit(change).await,
            Err(problem) => Err(problem),
        }
    } else {
        Err(Problem::new(format!("{} of {wanted} rows could be read", file.written.rows)))
    };
    if result.is_err() {
        // No row names it; start-up removes it if this fails too.
        std::fs::remove_file(store.data().join(&file.name)).ok();
    }
    result
}

fn merge_events(store: &Store, day: &str, group: &[Segment]) -> Result<Finished, Problem> {
    let (mut merged, mut refused) = (Rewriting::default(), None);
    for file in group {
        let all = Bounds::default();
        let take = &mut |page: Page| {
            refused = page.iter().find_map(|stored| merged.add(&stored).err());
            refused.is_none()
        };
        read::events(&store.data().join(&file.path), &Rows::Matching(&all), take)
            .map_err(|error| damaged(&file.path, &error))?;
        if let Some(problem) = refused.take() {
            return Err(problem);
        }
    }
    merged.write(store, day)
}

fn merge_sightings(store: &Store, day: &str, group: &[Segment]) -> Result<Finished, Problem> {
    let mut sightings: Vec<Sighting> = Vec::new();
    for file in group {
        read::sightings(&store.data().join(&file.path), &mut |sighting| sightings.push(sighting))
            .map_err(|error| damaged(&file.path, &error))?;
    }
    sightings.sort_unstable_by_key(|sighting| sighting.problem);
    let number = group.iter().map(|file| file.batches.1).max().unwrap_or(1);
    let name = free_name(store, "sightings", day, (number, number))?;
    let path = store.data().join(&name);
    let written = part_of(store).and_then(|part| write_sightings(&part, &path, number, &sightings));
    let written = written.map_err(|error| failed(&name, &error))?;
    let times = (Time(0), Time(0));
    Ok(Finished { name, kind: "sightings", day: day.to_owned(), batches: (number, number), times, written })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[u64], is_over: bool, want: &[usize]) {
        let file = |(number, rows): (usize, &u64)| Segment {
            path: format!("{number:04}"),
            batches: (1, 1),
            rows: *rows,
            times: (Time(0), Time(0)),
            hash: [0; 32],
            day: String::new(),
        };
        let groups = plan(rows.iter().enumerate().map(file).collect(), is_over);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), want, "{rows:?}");
        assert!(groups.iter().all(|group| group.iter().map(|file| file.rows).sum::<u64>() <= MERGE_ROWS_MAX));
    }

    #[test]
    fn only_what_is_worth_it_is_merged() {
        check(&[10; 16], false, &[]);
        check(&[10; 17], false, &[17]);
        check(&[10, 20, 2_000_000], false, &[]);
        check(&[10, 20, 2_000_000], true, &[2]);
        check(&[10], true, &[]);
        check(&[200_000, 200_000, 200_000], true, &[]);
        check(&[130_000, 130_000, 130_000, 130_000], true, &[2, 2]);
        check(&[65_536; 40], false, &[]);
        check(&[65_536; 6], true, &[4, 2]);
    }
}
