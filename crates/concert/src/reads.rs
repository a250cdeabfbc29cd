//! Reads of what is marked, in the audit log: a row for each person, thing and label in ten minutes. Beside them stands
//! who was kept from users and from the log itself, by the same measure.
//!
//! An answer is given when its rows are durable. Requests that wait at the same time have theirs written together, so
//! that many readers cost few writes; and not by the threads that read, which give way to all others, so that whoever
//! changes something would wait for these. Whoever sits at the machine can read the files, so nothing is gained by
//! noting it.

mod vain;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use concert_model::access::{Action, Decision, Person};
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{Event, Problem, Time};
use concert_store::records::{Act, AuditFilter, Audited, By, Notice, Records};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::command::notice::show::NOT_YET;
use crate::drive::live;

use self::vain::Vain;

/// Reading the same again within this time is no row of its own, in microseconds: ten minutes.
const AGAIN_MICROS: i64 = 10 * 60 * 1_000_000;
/// Readings remembered for it.
const LATELY_MAX: usize = 50_000;

/// What stands in a row.
fn reason(label: Tlp) -> String {
    format!("read what is marked up to TLP:{label}")
}

/// Things that somebody reads, each with a label.
pub(crate) type Things = BTreeSet<(String, Tlp)>;

/// The label under which reading something is written down; nothing where anybody may have it.
pub(crate) fn told(marking: &Marking) -> Option<Tlp> {
    (marking.tlp >= Tlp::Green || !marking.compartment.is_empty()).then_some(marking.tlp)
}

/// Marked events that somebody reads: the strictest label of each feed.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventsRead(BTreeMap<String, Tlp>);

/// Feed and label of an event, where it is marked.
pub(crate) fn marked(event: &Event<'_>) -> Option<(String, Tlp)> {
    let label = live::label(event).filter(|label| *label >= Tlp::Green)?;
    Some((live::feed(event).into_owned(), label))
}

impl EventsRead {
    /// Takes up what an event is marked as, see [`marked`].
    pub(crate) fn add(&mut self, marked: Option<(String, Tlp)>) {
        if let Some((feed, label)) = marked {
            let known = self.0.entry(feed).or_insert(label);
            *known = label.max(*known);
        }
    }

    fn things(self) -> Things {
        self.0.into_iter().map(|(feed, label)| (format!("events of feed {feed}"), label)).collect()
    }
}

/// A notice whose text somebody reads, where it is marked.
pub(crate) fn notice_read(notice: &Notice) -> Option<(String, Tlp)> {
    let label = notice.tlp.filter(|label| *label >= Tlp::Green)?;
    // What is only gathered has no number yet.
    let thing = if notice.id == NOT_YET { format!("notices {}", notice.name) } else { format!("notice {}", notice.id) };
    Some((thing, label))
}

/// Rows that wait to be written, and whoever waits for that.
#[derive(Default)]
struct Waiting {
    rows: Vec<(By, Act)>,
    readers: Vec<oneshot::Sender<Result<(), Problem>>>,
    /// Whether somebody writes.
    is_written: bool,
}

/// Who did what with what; and under which label it was read, or why it was denied.
type Key = (String, String, String, String);

/// Who read what lately, and where that is written down.
pub(crate) struct ReadLog {
    records: Records,
    /// Where rows are written: the threads among which it was made, if any.
    home: Option<Handle>,
    lately: Mutex<HashMap<Key, Time>>,
    /// Persons whose reads by other processes, until this one met them, are among them.
    looked: Mutex<HashSet<String>>,
    /// Who asked in vain for incidents.
    vain: Mutex<Vain>,
    waiting: Arc<Mutex<Waiting>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is done under these locks that could leave half of something behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ReadLog {
    pub(crate) fn new(records: Records) -> Self {
        let (lately, looked, vain, waiting) = Default::default();
        Self { records, home: Handle::try_current().ok(), lately, looked, vain, waiting }
    }

    /// Writes down that somebody read events.
    pub(crate) async fn events(&self, person: &Person, read: EventsRead) -> Result<(), Problem> {
        self.write(person, "see events", read.things()).await
    }

    /// Writes down that somebody read these things, unless that was written down lately.
    pub(crate) async fn write(&self, person: &Person, action: &'static str, things: Things) -> Result<(), Problem> {
        if person.is_operator || things.is_empty() {
            return Ok(());
        }
        self.add(person, things.into_iter().map(|(thing, label)| Act::done(action, thing, reason(label))).collect())
            .await
    }

    /// Writes down that somebody was kept from users or from the log.
    pub(crate) async fn denied(&self, person: &Person, action: Action, decision: &Decision) -> Result<(), Problem> {
        let object = match action {
            Action::ManageUsers => "users",
            Action::ReadLog => "audit log",
            _ => return Ok(()),
        };
        let policy = decision.policy.to_owned();
        let act = Act { policy, ..Act::denied(action.word(), object.to_owned(), &decision.reason) };
        self.add(person, vec![act]).await
    }

    /// Writes down that somebody asked for an incident that is not there for this person, or not at all: `number` is its
    /// number where it is. Nothing that is done here differs between the two.
    pub(crate) async fn in_vain(&self, person: &Person, asked: &str, number: Option<&str>) -> Result<(), Problem> {
        if person.is_operator {
            return Ok(());
        }
        let now = crate::wire::now();
        let Some(act) = lock(&self.vain).asked(&person.name, asked, number, now) else { return Ok(()) };
        let by = By { who: person.name.clone(), from: person.from.clone(), at: now };
        self.put(std::iter::once((by, act))).await
    }

    /// Writes these down, unless that was done lately.
    async fn add(&self, person: &Person, acts: Vec<Act>) -> Result<(), Problem> {
        let now = crate::wire::now();
        let key = |act: &Act| (person.name.clone(), act.action.to_owned(), act.object.clone(), act.reason.clone());
        let mut fresh: Vec<(Key, Act)> = acts.into_iter().map(|act| (key(&act), act)).collect();
        self.forget_known(&mut fresh, now);
        if !fresh.is_empty() && !lock(&self.looked).contains(&person.name) {
            self.take_up(person, now).await?;
            self.forget_known(&mut fresh, now);
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let by = By { who: person.name.clone(), from: person.from.clone(), at: now };
        self.put(fresh.iter().map(|(_, act)| (by.clone(), act.clone()))).await?;
        // Only now: a row that could not be written must not keep the next one from being written.
        let mut lately = lock(&self.lately);
        if lately.len().saturating_add(fresh.len()) > LATELY_MAX {
            lately.clear();
            lock(&self.looked).clear();
        }
        lately.extend(fresh.into_iter().map(|(key, _)| (key, now)));
        Ok(())
    }

    /// Takes up what this person read lately by other commands or over another process.
    async fn take_up(&self, person: &Person, now: Time) -> Result<(), Problem> {
        let who = Some(person.name.clone());
        let since = Some(Time(now.0.saturating_sub(AGAIN_MICROS)));
        let rows = self.records.audit_rows(&AuditFilter { who, since, ..AuditFilter::default() }).await?;
        let is_ours = |row: &Audited| !row.allowed || Tlp::ALL.into_iter().any(|label| reason(label) == row.reason);
        let key = |row: Audited| ((row.by.who, row.action, row.object, row.reason), row.by.at);
        lock(&self.lately).extend(rows.into_iter().rev().filter(is_ours).map(key));
        lock(&self.looked).insert(person.name.clone());
        Ok(())
    }

    /// Leaves out what is known to have been written down lately.
    fn forget_known(&self, fresh: &mut Vec<(Key, Act)>, now: Time) {
        let lately = lock(&self.lately);
        fresh.retain(|(key, _)| lately.get(key).is_none_or(|last| now.0.saturating_sub(last.0) >= AGAIN_MICROS));
    }

    /// Comes back when these rows are durable.
    async fn put(&self, rows: impl Iterator<Item = (By, Act)>) -> Result<(), Problem> {
        let (reader, done) = oneshot::channel();
        let is_written = {
            let mut waiting = lock(&self.waiting);
            waiting.rows.extend(rows);
            waiting.readers.push(reader);
            std::mem::replace(&mut waiting.is_written, true)
        };
        // It goes on though whoever asked is given up: others wait for the same.
        if !is_written {
            let writing = write_all(self.records.clone(), Arc::clone(&self.waiting));
            self.home.clone().unwrap_or_else(Handle::current).spawn(writing);
        }
        done.await.unwrap_or_else(|_| Err(Problem::new("what was read could not be written down")))
    }
}

/// Writes what waits, until nothing does.
async fn write_all(records: Records, waiting: Arc<Mutex<Waiting>>) {
    loop {
        let (rows, readers) = {
            let mut waiting = lock(&waiting);
            waiting.is_written = !waiting.rows.is_empty();
            (std::mem::take(&mut waiting.rows), std::mem::take(&mut waiting.readers))
        };
        if rows.is_empty() {
            return;
        }
        let written = records.audit_all(&rows).await;
        for reader in readers {
            // Whoever is gone needs no answer.
            reader.send(written.clone()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use concert_model::access::{Object, may};
    use concert_store::Store;

    fn person(name: &str) -> Person {
        Person { name: name.into(), is_operator: false, ..Person::nobody() }
    }

    fn things(names: &[&str]) -> Things {
        names.iter().map(|name| ((*name).to_owned(), Tlp::Amber)).collect()
    }

    #[tokio::test]
    async fn the_same_read_again_is_one_row_and_that_of_others_one_each() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let log = Arc::new(ReadLog::new(store.records.clone()));
        let count = async || store.records.audit_rows(&AuditFilter::default()).await.unwrap().len();
        log.write(&person("anna"), "see", things(&["incident 1", "incident 2"])).await.unwrap();
        log.write(&person("anna"), "see", things(&["incident 1", "incident 3"])).await.unwrap();
        log.write(&Person::operator("root"), "see", things(&["incident 1"])).await.unwrap();
        assert_eq!(count().await, 3);
        // Another command knows only what is written.
        let other = ReadLog::new(store.records.clone());
        other.write(&person("anna"), "see", things(&["incident 1", "incident 3"])).await.unwrap();
        assert_eq!(count().await, 3);
        other.write(&person("anna"), "see", BTreeSet::from([("incident 1".to_owned(), Tlp::Red)])).await.unwrap();
        other.write(&person("anna"), "see events", things(&["incident 1"])).await.unwrap();
        assert_eq!(count().await, 5);
        // What was denied is a row too, once for each reason.
        let decision = may(&person("anna"), Action::ReadLog, Object::Site);
        let token =
            Decision { policy: "token", reason: "the token lacks the scope audit:read".into(), ..decision.clone() };
        for decision in [&decision, &token, &decision] {
            log.denied(&person("anna"), Action::ReadLog, decision).await.unwrap();
        }
        ReadLog::new(store.records.clone()).denied(&person("anna"), Action::ReadLog, &decision).await.unwrap();
        let denied = AuditFilter { denied: true, ..AuditFilter::default() };
        let rows = store.records.audit_rows(&denied).await.unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.object.as_str(), row.policy.as_str())).collect();
        assert_eq!(told, [("audit log", "token"), ("audit log", "standing")]);
        // Many at once: every one of them comes back when its own row is there.
        let readers: Vec<_> = (0..40)
            .map(|at| {
                let log = Arc::clone(&log);
                let records = store.records.clone();
                tokio::spawn(async move {
                    let name = format!("p{at}");
                    log.write(&person(&name), "see", things(&["incident 1"])).await.unwrap();
                    let own = AuditFilter { who: Some(name), ..AuditFilter::default() };
                    assert_eq!(records.audit_rows(&own).await.unwrap().len(), 1);
                })
            })
            .collect();
        for reader in readers {
            reader.await.unwrap();
        }
        assert_eq!(count().await, 47);
    }
}
