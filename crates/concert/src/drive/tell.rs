//! Gathering events into notices: by key, at their time, reminders only after their interval.
//!
//! Each kind of notice has a cursor in the order of batches: everything up to it was looked at. When
//! a kind is due, the events above its cursor are grouped and told, and the cursor moves, in one
//! transaction. So an event is in exactly one notice of each kind, whenever the process is killed.

mod gathered;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use concert_model::{Event, Problem, Time};
use concert_pipeline::condition::Condition;
use concert_pipeline::group::Key;
use concert_store::events::read::Bounds;
use concert_store::records::{Gate, NewNotice};
use concert_store::{Store, Telling, Watch, Writer};
use jiff::tz::TimeZone;

use super::catching::Catching;
use super::hasty::{Ahead, Hasty};
use super::responsible::Struck;
use super::{further, responsible, trial};
use crate::settings::{Notice, Recipient};
use crate::wire::{self, Site};
use gathered::{Again, AtOnce, Gathered, Group};

/// A kind of notice, as it works.
pub struct Kind {
    /// Its name.
    pub name: String,
    /// What it takes from events.
    group_by: Key,
    /// Which events it takes.
    condition: Option<Condition>,
    /// Whether a party may wish to be told at another time than the rest of the kind.
    may_be_hasty: bool,
}

/// An event knows when its problem was seen before at most so far back.
const LOOK_BACK_SECONDS_MAX: i64 = 366 * 86_400;

impl Kind {
    fn takes(&self, event: &Event<'_>) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.holds(event))
    }

    /// The key of a notice for a party, or for nobody, as it is for another party. What was grouped by other settings
    /// keeps its own. Who answers is kept with the events, and may have been found anew since the notice was made.
    pub(super) fn key_for(&self, event: &Event<'_>, (had, party): (&str, &str), key: &str) -> String {
        let is_key = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut before = Vec::new();
            write(&mut before);
            before == key.as_bytes()
        };
        if !is_key(&|out| self.group_by.write(event, out)) && !is_key(&|out| self.group_by.write_for(event, had, out)) {
            return key.to_owned();
        }
        let mut now = Vec::new();
        self.group_by.write_for(event, party, &mut now);
        String::from_utf8_lossy(&now).into_owned()
    }

    /// A kind of notice from its settings.
    pub fn new(notice: &Notice) -> Self {
        // What was read once as fields is read again.
        let mut group_by = Key::read(&notice.group_by).unwrap_or_default().for_notices();
        // Whoever is told must be one: events of two parties never share a notice.
        if notice.to == Recipient::Responsible && !group_by.tells_parties_apart() {
            group_by.and_party();
        }
        // What compiled when the settings were read compiles again.
        let condition = notice.condition.as_ref().and_then(|condition| Condition::compile(condition.text()).ok());
        let may_be_hasty = notice.to == Recipient::Responsible;
        Self { name: notice.name.clone(), group_by, condition, may_be_hasty }
    }
}

/// Keeps what each kind has gathered of the report being written, and counts what waits.
pub struct Teller {
    at_once: Vec<AtOnce>,
    /// For kinds that are also due at a number of events: waiting events of each key.
    counted: BTreeMap<usize, HashMap<Box<[u8]>, u64>>,
    hasty: Hasty,
    scratch: Vec<u8>,
    /// Since when there are notices of the last report that may go to whoever is next in order.
    waits_since: Option<Time>,
    /// Up to when all that is due has been made.
    pub(super) made_until: Time,
    /// What of the report concerns incidents.
    pub(super) catching: Catching,
}

impl Teller {
    /// Gives every kind that has none a cursor at the newest batch, so that a new kind does not tell
    /// old events, and counts what waits for kinds that are due at a number of events.
    pub async fn new(site: &Site, writer: &mut Writer) -> Result<Self, Problem> {
        let (now, newest) = (wire::now(), site.store.last_batch().await?);
        let mut telling = Telling::default();
        for notice in &site.settings.notices {
            if site.store.records.notice_cursor(&notice.name).await?.is_none() {
                telling.cursors.push((
                    notice.name.clone(),
                    newest,
                    next_due(notice, now, &site.settings.site.time_zone),
                ));
            }
        }
        if !telling.cursors.is_empty() {
            writer.tell(&telling).await?;
        }
        let mut teller = Self {
            at_once: Vec::new(),
            counted: BTreeMap::new(),
            hasty: Hasty::default(),
            scratch: Vec::new(),
            waits_since: None,
            made_until: Time(0),
            catching: Catching::new(site),
        };
        for (index, notice) in site.settings.notices.iter().enumerate() {
            if notice.when.is_at_once() {
                teller.at_once.push(AtOnce::of(index));
            }
            if notice.or_at_events.is_some() {
                let gathered = gather(site, index, None).await?;
                let counts = gathered.groups.into_iter().map(|group| (group.key, group.members.len())).collect();
                teller.counted.insert(index, counts);
            }
        }
        // A kind that is told at once takes its cursor along with the next report, so whatever waits
        // from before (it was told by the clock then) is told now.
        teller.tell_due(site, writer).await?;
        Ok(teller)
    }

    /// Watches the events of a report while they are written.
    pub fn watch<'t>(&'t mut self, site: &'t Site) -> Watching<'t> {
        Watching { teller: self, site }
    }

    /// Takes up who wishes to be told at once, also for events that wait already.
    async fn refresh_hasty(&mut self, site: &Site) -> Result<(), Problem> {
        if !self.hasty.refresh(&site.constituents()) || self.hasty.is_empty() {
            return Ok(());
        }
        for (index, notice) in site.settings.notices.iter().enumerate() {
            if notice.to == Recipient::Responsible {
                for group in gather(site, index, None).await?.groups {
                    if let Some(came) = self.came(site, &group).await?
                        && let Some(ahead) = self.ahead(site, notice, &group.party, came)
                    {
                        self.hasty.waits(index, &group.key, ahead);
                    }
                }
            }
        }
        Ok(())
    }

    /// When the first event came of a group that may be told ahead of its kind.
    async fn came(&self, site: &Site, group: &Group) -> Result<Option<Time>, Problem> {
        match group.members.ranges().map(|range| range.batch).min().filter(|_| self.hasty.is_of(&group.party)) {
            Some(first) => site.store.received(first).await,
            None => Ok(None),
        }
    }

    /// When events of a party that came then are told ahead of a kind.
    fn ahead(&self, site: &Site, notice: &Notice, party: &str, came: Time) -> Option<Ahead> {
        self.hasty.ahead(party, &notice.when, came, &site.settings.site.time_zone)
    }

    /// What is told together with the report that was just written, whose last batch is `newest`.
    pub async fn finish_report(&mut self, site: &Site, newest: u64, now: Time) -> Result<Telling, Problem> {
        // What is held back stays so.
        let mut telling = Telling { now, home: site.home(), is_part: true, ..Telling::default() };
        for at_once in &mut self.at_once {
            let mut gathered = std::mem::take(&mut at_once.gathered);
            if let Some(notice) = site.settings.notices.get(at_once.index) {
                let held = keep_back(site, &self.hasty, notice, &mut gathered).await?;
                tell(site, notice, gathered, None, &mut telling).await?;
                telling.cursors.push((notice.name.clone(), newest, now));
                telling.early.extend(held.into_iter().map(|(key, told)| (notice.name.clone(), key, told)));
            }
            // What was told at once waits no more.
            if let Some(counts) = self.counted.get_mut(&at_once.index) {
                counts.retain(|key, _| self.hasty.has(at_once.index, key));
            }
        }
        let may_go_on = |notice: &NewNotice| notice.state == responsible::NO_CONTACT && !notice.party.is_empty();
        self.waits_since = telling.notices.iter().any(may_go_on).then_some(now);
        Ok(telling)
    }

    /// Passes on what nobody of a party can be told, once the report is stored: where its events lie is read from
    /// them. Trouble leaves them to the next time.
    pub async fn end_report(&mut self, site: &Site) {
        let Some(since) = self.waits_since.take() else { return };
        if let Err(problem) = responsible::pass_on_since(site, since).await {
            tracing::warn!("notices without a contact are not passed on yet: {problem}");
        }
    }

    /// Forgets what was gathered of a report that could not be written.
    pub fn forget_report(&mut self) {
        self.catching.forget_report();
        self.waits_since = None;
        for at_once in &mut self.at_once {
            at_once.gathered = Gathered::default();
            at_once.forget();
        }
    }

    /// Tells what is due: kinds whose time has come, groups that have grown large enough, and kinds
    /// told at once that were left behind by a change of settings. Gives the number of notices.
    pub async fn tell_due(&mut self, site: &Site, writer: &mut Writer) -> Result<usize, Problem> {
        let now = wire::now();
        self.refresh_hasty(site).await?;
        let newest = site.store.last_batch().await?;
        let mut made = 0;
        for (index, notice) in site.settings.notices.iter().enumerate() {
            let (cursor, due) = site.store.records.notice_cursor(&notice.name).await?.unwrap_or((newest, now));
            let early = site.store.records.notice_early(&notice.name).await?;
            let next = next_due(notice, now, &site.settings.site.time_zone);
            // What waits for the time of its party is no reason to look at all that came since.
            let is_left = |key: &String, told: u64| told < cursor && !self.hasty.has(index, key.as_bytes());
            let is_behind = cursor < newest || early.iter().any(|(key, told)| is_left(key, *told));
            let mut telling = Telling { now, home: site.home(), ..Telling::default() };
            if notice.when.is_at_once() && is_behind || !notice.when.is_at_once() && due <= now {
                let mut held = BTreeMap::new();
                // A kind that is told at once now may have held some back before.
                if cursor < newest || !early.is_empty() {
                    let mut gathered = gather(site, index, None).await?;
                    held = self.hold_back(site, index, &mut gathered).await?;
                    let clock = Struck { when: &notice.when, due: due.min(now), is_ahead: false };
                    tell_stored(site, notice, gathered, Some(clock), &mut telling).await?;
                }
                self.counted.entry(index).and_modify(|counts| counts.retain(|key, _| held.contains_key(key)));
                telling.early.extend(held.keys().map(|key| {
                    let key = String::from_utf8_lossy(key).into_owned();
                    let told = early.get(&key).copied().unwrap_or(cursor);
                    (notice.name.clone(), key, told)
                }));
                self.hasty.forget(index, &held);
                telling.cursors.push((notice.name.clone(), newest, next));
            } else {
                made += self.tell_ahead(site, writer, index, newest, now).await?;
                // A changed schedule takes effect without waiting for the old one.
                if next < due {
                    let held = early.into_iter().filter(|(_, told)| *told <= cursor);
                    telling.early.extend(held.map(|(key, told)| (notice.name.clone(), key, told)));
                    telling.cursors.push((notice.name.clone(), cursor, next));
                    writer.tell(&telling).await?;
                }
                continue;
            }
            made += telling.notices.len();
            writer.tell(&telling).await?;
        }
        self.made_until = now;
        Ok(made)
    }

    /// Takes out of what is to be told the groups of parties that have a time of their own, and says when each of them
    /// is told.
    async fn hold_back(
        &self,
        site: &Site,
        index: usize,
        gathered: &mut Gathered,
    ) -> Result<BTreeMap<Box<[u8]>, Ahead>, Problem> {
        let mut held = BTreeMap::new();
        let Some(notice) = site.settings.notices.get(index) else { return Ok(held) };
        if self.hasty.is_empty() || !site.kinds.get(index).is_some_and(|kind| kind.may_be_hasty) {
            return Ok(held);
        }
        for group in &gathered.groups {
            if self.hasty.has_own_time(&group.party, &notice.when) {
                let came = self.came(site, group).await?.unwrap_or_else(wire::now);
                if let Some(ahead) = self.ahead(site, notice, &group.party, came) {
                    held.insert(group.key.clone(), ahead);
                }
            }
        }
        gathered.leave_out(|key| held.contains_key(key));
        Ok(held)
    }

    /// Tells groups of a kind ahead of its schedule. Gives the number of notices.
    async fn tell_ahead(
        &mut self,
        site: &Site,
        writer: &mut Writer,
        index: usize,
        newest: u64,
        now: Time,
    ) -> Result<usize, Problem> {
        let Some(notice) = site.settings.notices.get(index) else { return Ok(0) };
        let mut made = 0;
        for (ahead, keys) in self.early(index, notice.or_at_events, now) {
            let clock = ahead.map(|due| Struck { when: &notice.when, due, is_ahead: true });
            let mut telling = Telling { now, home: site.home(), ..Telling::default() };
            let gathered = gather(site, index, Some(&keys)).await?;
            tell_stored(site, notice, gathered, clock, &mut telling).await?;
            for key in keys {
                telling.early.push((notice.name.clone(), String::from_utf8_lossy(&key).into_owned(), newest));
                self.counted.entry(index).and_modify(|counts| {
                    counts.remove(&key);
                });
            }
            made += telling.notices.len();
            writer.tell(&telling).await?;
        }
        Ok(made)
    }

    /// Keys of a kind that have reached its number of events, and those of parties whose time has come, each once.
    fn early(&mut self, index: usize, or_at_events: Option<u64>, now: Time) -> BTreeMap<Ahead, Vec<Box<[u8]>>> {
        let mut early = self.hasty.take(index, now);
        if let (Some(counts), Some(limit)) = (self.counted.get(&index), or_at_events) {
            let full = counts.iter().filter(|(_, count)| **count >= limit).map(|(key, _)| key.clone());
            let others: Vec<_> = full.filter(|key| !early.values().flatten().any(|known| known == key)).collect();
            if !others.is_empty() {
                early.entry(None).or_default().extend(others);
            }
        }
        early
    }
}

/// Takes out of what a report brought to a kind that is told at once the groups of parties that have a time of their own,
/// and those that are held back from before, whatever their parties wish by now: they are told together with that. Gives up
/// to where each group is told that is held back since this report.
async fn keep_back(
    site: &Site,
    hasty: &Hasty,
    notice: &Notice,
    gathered: &mut Gathered,
) -> Result<HashMap<String, u64>, Problem> {
    if notice.to != Recipient::Responsible {
        return Ok(HashMap::new());
    }
    let records = &site.store.records;
    let cursor = records.notice_cursor(&notice.name).await?.map_or(0, |(batch, _)| batch);
    let name = |group: &Group| String::from_utf8_lossy(&group.key).into_owned();
    let before = records.notice_held(&notice.name, gathered.groups.iter().map(name)).await?;
    let has_own_time = |group: &&Group| hasty.has_own_time(&group.party, &notice.when);
    let (mut keys, mut held) = (BTreeSet::new(), HashMap::new());
    for group in gathered.groups.iter().filter(|group| has_own_time(group) || before.contains(&name(group))) {
        keys.insert(group.key.clone());
        held.insert(name(group), cursor);
    }
    held.retain(|name, _| !before.contains(name));
    gathered.leave_out(|key| keys.contains(key));
    Ok(held)
}

/// A teller while events are written.
pub struct Watching<'t> {
    teller: &'t mut Teller,
    site: &'t Site,
}

impl Watch for Watching<'_> {
    fn see(&mut self, event: &Event<'_>) {
        let Teller { at_once, counted, hasty, scratch, catching, .. } = &mut *self.teller;
        let kinds = &self.site.kinds;
        catching.see(self.site, event, scratch);
        for at_once in at_once {
            if let Some(kind) = kinds.get(at_once.index) {
                at_once.see(kind, event, scratch);
            }
        }
        for (index, counts) in counted {
            let Some(kind) = kinds.get(*index).filter(|kind| kind.takes(event)) else { continue };
            scratch.clear();
            kind.group_by.write(event, scratch);
            match counts.get_mut(scratch.as_slice()) {
                Some(count) => *count += 1,
                None => drop(counts.insert(scratch.as_slice().into(), 1)),
            }
        }
        let Some(party) = hasty.wants(event) else { return };
        let settings = &self.site.settings;
        let kinds = kinds.iter().zip(&settings.notices).enumerate();
        for (index, (kind, notice)) in kinds.filter(|(_, (kind, _))| kind.may_be_hasty && kind.takes(event)) {
            scratch.clear();
            kind.group_by.write(event, scratch);
            if !hasty.has(index, scratch)
                && let Some(ahead) = hasty.ahead(&party, &notice.when, wire::now(), &settings.site.time_zone)
            {
                hasty.waits(index, scratch, ahead);
            }
        }
    }

    fn placed(&mut self, batch: u64, order: &[u32]) {
        for at_once in &mut self.teller.at_once {
            at_once.placed(batch, order);
        }
    }
}

fn next_due(notice: &Notice, now: Time, zone: &TimeZone) -> Time {
    if notice.when.is_at_once() { now } else { notice.when.next(now, zone) }
}

/// The events of a kind that are not told: those above its cursor, but for groups that were told further or are held back;
/// of some keys, or of all.
async fn gather(site: &Site, index: usize, only: Option<&[Box<[u8]>]>) -> Result<Gathered, Problem> {
    let mut gathered = Gathered::default();
    let Some(kind) = site.kinds.get(index) else { return Ok(gathered) };
    let store: &Store = &site.store;
    let cursor = store.records.notice_cursor(&kind.name).await?.map_or(0, |(batch, _)| batch);
    let early = store.records.notice_early(&kind.name).await?;
    let only: Option<HashSet<&[u8]>> = only.map(|only| only.iter().map(|key| &**key).collect());
    // What is held back for the time of its party came before.
    let first = early.values().copied().fold(cursor, u64::min);
    let quiet = store.quiet_batches(first).await?;
    let (mut key, mut scratch) = (Vec::new(), Vec::new());
    store
        .scan(&Bounds::default(), first, &mut |page| {
            for stored in page.iter() {
                if stored.batch <= first || quiet.contains(&stored.batch) {
                    continue;
                }
                if only.is_some() || !early.is_empty() {
                    key.clear();
                    kind.group_by.write(&stored.event, &mut key);
                    let told = early.get(&*String::from_utf8_lossy(&key)).copied().unwrap_or(cursor);
                    let wanted = only.as_ref().is_none_or(|only| only.contains(key.as_slice()));
                    if stored.batch <= told || !wanted {
                        continue;
                    }
                }
                gathered.add(kind, &stored.event, stored.batch, stored.row, &mut scratch);
            }
            true
        })
        .await?;
    Ok(gathered)
}

/// The notices of a kind that would be made of what waits, each due when it would go out. Changes nothing and needs no
/// lock.
pub async fn waiting(site: &Site, index: usize) -> Result<Vec<NewNotice>, Problem> {
    let mut telling = Telling { now: wire::now(), ..Telling::default() };
    let Some(notice) = site.settings.notices.get(index) else { return Ok(Vec::new()) };
    // A kind without a cursor has never worked, and will begin with what comes then.
    let Some((_, due)) = site.store.records.notice_cursor(&notice.name).await? else {
        return Ok(Vec::new());
    };
    let mut gathered = gather(site, index, None).await?;
    let mut made = Vec::new();
    let (ahead, others) = ahead(site, notice, &gathered, telling.now);
    if !ahead.is_empty() {
        for (at, keys) in ahead {
            telling.now = at;
            let clock = Struck { when: &notice.when, due: at, is_ahead: true };
            let some = gather(site, index, Some(&keys)).await?;
            tell_stored(site, notice, some, Some(clock), &mut telling).await?;
            made.append(&mut telling.notices);
        }
        telling.now = wire::now();
        gathered = gather(site, index, Some(&others)).await?;
    }
    // When contacts would be told is asked of the moment at which it is due.
    telling.now = telling.now.max(due);
    let clock = Struck { when: &notice.when, due, is_ahead: false };
    tell_stored(site, notice, gathered, Some(clock), &mut telling).await?;
    made.append(&mut telling.notices);
    Ok(made)
}

type Keys = Vec<Box<[u8]>>;

/// The groups that will be told ahead of their kind, by the time of that, and the others.
fn ahead(site: &Site, notice: &Notice, gathered: &Gathered, now: Time) -> (BTreeMap<Time, Keys>, Keys) {
    let (mut hasty, mut ahead, mut others) = (Hasty::default(), BTreeMap::<Time, Keys>::new(), Keys::new());
    if notice.to == Recipient::Responsible {
        hasty.refresh(&site.constituents());
    }
    for group in &gathered.groups {
        match hasty.ahead(&group.party, &notice.when, now, &site.settings.site.time_zone) {
            Some(Some(at)) => ahead.entry(at).or_default().push(group.key.clone()),
            _ => others.push(group.key.clone()),
        }
    }
    (ahead, others)
}

/// Makes the notices of a kind from events that are stored: those of a party that left the contact book go to whom they
/// fall to by now, and those of a party of whom nobody is left to whoever is next.
async fn tell_stored(
    site: &Site,
    notice: &Notice,
    gathered: Gathered,
    clock: Option<Struck<'_>>,
    telling: &mut Telling,
) -> Result<(), Problem> {
    tell(site, notice, gathered, clock, telling).await?;
    if telling.notices.iter().all(|made| made.state != responsible::NO_CONTACT || made.party.is_empty()) {
        return Ok(());
    }
    let (book, barred) = (site.addressees(), site.barred().await?);
    let mut made = Vec::with_capacity(telling.notices.len());
    for one in std::mem::take(&mut telling.notices) {
        if one.state == responsible::NO_CONTACT && responsible::is_gone(&book, &one.party) {
            let one = NewNotice { state: "queued", reason: String::new(), ..one };
            responsible::address_anew(site, &book, &barred, one, clock, &mut made).await?;
        } else {
            made.push(one);
        }
    }
    telling.notices = further::hand_on(site, &book, &barred, made, clock).await?;
    if notice.gate == Gate::Approval {
        responsible::wait_for_approval(&mut telling.notices);
    }
    Ok(())
}

/// Makes the notices of a kind from what it gathered.
async fn tell(
    site: &Site,
    notice: &Notice,
    mut gathered: Gathered,
    clock: Option<Struck<'_>>,
    telling: &mut Telling,
) -> Result<(), Problem> {
    let now = telling.now;
    let seconds = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let mut again = std::mem::take(&mut gathered.again);
    if !again.is_empty() {
        // Whether a problem is told depends on what of it was told before.
        again.sort_by_key(|again| again.past.time);
        let long = seconds(notice.clean_after.max(notice.remind_after)).saturating_add(LOOK_BACK_SECONDS_MAX);
        let keep_from = now.plus_seconds(-long);
        let look_back = seconds(site.look_back());
        let problems = again.iter().map(|again| again.past.problem);
        let records = &site.store.records;
        let mut told = records.told(&notice.name, problems.clone(), keep_from).await?;
        let mut on_trial = match records.was_on_trial(Some(&notice.name)).await? {
            true => Some(records.told_on_trial(&notice.name, problems, keep_from).await?),
            false => None,
        };
        // A contact may wish another way than that of the notice.
        let is_trial = site.settings.deliver.override_recipient.is_some() || trial::is_on(site, &notice.via);
        for Again { group, batch, row, past } in again {
            // A problem of which nothing is known was told when it came: it had none before it then. So was one that came
            // back after a silence so long that nothing was known of it any more.
            let is_known = |(_, seen): &(Time, Time)| past.previous <= seen.plus_seconds(look_back);
            let (last_told, last_seen) =
                told.get(past.problem).filter(is_known).unwrap_or((past.previous, past.previous));
            let relapse = past.time >= last_seen.max(past.previous).plus_seconds(seconds(notice.clean_after));
            // Without a span everything is told, also what came late.
            let remind =
                notice.remind_after.is_zero() || past.time >= last_told.plus_seconds(seconds(notice.remind_after));
            let owed = on_trial.as_ref().is_some_and(|on_trial| on_trial.is_owed(past.problem, last_told));
            let is_told = relapse || remind || owed && !is_trial;
            if is_told && let Some(group) = gathered.groups.get_mut(group) {
                group.members.add(batch, row);
            }
            let told_at = if is_told { past.time.max(last_told) } else { last_told };
            told.set(past.problem, told_at, past.time.max(last_seen));
            if owed && let Some(on_trial) = &mut on_trial {
                // Seen then, and told to nobody.
                on_trial.set(past.problem, Time(0), past.previous);
            }
        }
        telling.told.push(told);
        telling.told.extend(on_trial);
    }
    drop(gathered.numbers);
    let told = match &notice.to {
        Recipient::Responsible => Some((site.addressees(), site.barred().await?)),
        Recipient::Target | Recipient::Addresses(_) => None,
    };
    let pattern = pattern(notice, now);
    // A report that causes several kinds of notices gathers them all here.
    let before = telling.notices.len();
    telling.notices.reserve_exact(gathered.groups.len());
    for group in gathered.groups.into_iter().filter(|group| !group.members.is_empty()) {
        let Group { key, party, members, tlp } = group;
        let key = String::from_utf8_lossy(&key).into_owned();
        let is_large = members.len() > notice.events_max;
        let sets = if is_large { members.chunks(notice.events_max) } else { vec![members] };
        for members in sets {
            let made = NewNotice { key: key.clone(), party: party.clone(), members, tlp, ..pattern.clone() };
            match &told {
                Some((book, barred)) => responsible::address(site, book, barred, made, clock, &mut telling.notices),
                None => telling.notices.push(made),
            }
        }
    }
    if notice.gate == Gate::Approval {
        responsible::wait_for_approval(telling.notices.get_mut(before..).unwrap_or_default());
    }
    Ok(())
}

/// What all notices of a kind have in common. Tens of thousands may be made at once.
fn pattern(notice: &Notice, now: Time) -> NewNotice {
    let recipient = match &notice.to {
        Recipient::Target | Recipient::Responsible => String::new(),
        Recipient::Addresses(addresses) => addresses.join(","),
    };
    NewNotice {
        name: notice.name.as_str().into(),
        recipient,
        via: notice.via.as_str().into(),
        format: notice.format.name.into(),
        language: notice.language.as_str().into(),
        state: "queued",
        due: now,
        ..NewNotice::default()
    }
}
