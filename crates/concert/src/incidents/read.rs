//! Reading: lists, one incident, its log, searching, and who can see what.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use concert_model::access::{Action, Circle, Decision, Object, Person, may, reads_for, sees_speakers, sees_standing};
use concert_model::incident::content::Content;
use concert_model::incident::fold::Incident;
use concert_model::incident::journal::Body;
use concert_model::{Problem, Time};
use concert_pipeline::observables;
use concert_store::records::incidents::{EntryRow, Head, HeadFilter, Touched};

use super::case::{Case, Kept};
use super::observables::OTHERS_MAX;
use super::sight::Sights;
use super::write::MERGED;
use super::{Ask, Incidents, Refused, sight, text, titles};

/// Rows read at a time while a list is filtered.
const ROWS_AT_ONCE: usize = 500;
/// Rows read for a short list, most of which the person may see.
const ROWS_SPARE: usize = 20;
/// Most rows that one request for a list looks at; what is behind them comes with the next page.
const ROWS_MAX: usize = 60_000;

/// Which incidents are wanted.
pub type Filter = HeadFilter;

/// How a list shows that an incident is closed.
pub(super) const CLOSED: &str = "closed";
/// By what entries are found that are answers, and that close.
const LATE: [&str; 2] = [text::ANSWERS, text::CLOSED];

/// An incident in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// How it stands.
    pub head: Head,
    /// Answers that came after it was closed, as far as the reader sees them.
    pub late_answers: usize,
}

/// Part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Most rows.
    pub limit: usize,
    /// Where the part before ended.
    pub below: Option<u64>,
}

/// Which entries of an incident are wanted. Those that are sealed tell neither kind nor author.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Of one of these kinds; of any where there are none.
    pub kinds: Vec<&'static str>,
    /// Written by this one.
    pub author: Option<String>,
    /// Written at this moment or later.
    pub since: Option<Time>,
    /// Written before this moment.
    pub until: Option<Time>,
}

impl LogFilter {
    /// With kinds as people write them: `note,finding/1`.
    pub fn of_kinds(mut self, kinds: Option<&str>) -> Result<Self, Problem> {
        for kind in kinds.into_iter().flat_map(|kinds| kinds.split(',')) {
            let (name, _) = Content::kind(kind.trim()).map_err(|problem| match problem.hint.is_empty() {
                true => problem.hint("`concert incident kinds` lists them"),
                false => problem,
            })?;
            self.kinds.push(name);
        }
        Ok(self)
    }

    fn has(&self, kept: &Kept) -> bool {
        let time = kept.header.stamp.time;
        let is_said = |body: &Body| {
            (self.kinds.is_empty() || self.kinds.contains(&body.kind.as_str()))
                && self.author.as_ref().is_none_or(|author| *author == body.author)
        };
        self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time < until)
            && match &kept.body {
                Some((body, _)) => is_said(body),
                None => self.kinds.is_empty() && self.author.is_none(),
            }
    }
}

/// Most entries that are given of those that name a value, the newest; by them it is decided whether it is common.
pub(super) const ABOUT_MAX: usize = 1_000;

/// What is known of a value.
#[derive(Default)]
pub struct About {
    /// Entries that name it, newest first.
    pub found: Vec<Found>,
    /// Whether more incidents name it than are told of it elsewhere, so that it says little: a resolver that everybody
    /// uses, a hoster.
    pub is_common: bool,
    /// Whether there are more entries, older ones, or may be.
    pub has_more: bool,
}

/// An entry that was found, with its incident.
pub struct Found {
    /// The incident.
    pub head: Head,
    /// The entry.
    pub kept: Arc<Kept>,
    /// The number of the incident that its own was merged into.
    pub shows_in: Option<String>,
}

/// Incidents of entries that one question found, and their circles; nothing where the person may not see them.
pub(super) type Heads = HashMap<String, Option<(Circle, Head)>>;

/// Of which incidents, with which others were joined, somebody may know.
type Known = HashMap<String, bool>;

/// The entries of a journal as texts: the header, and the body where it may be seen.
pub struct JournalTexts(std::vec::IntoIter<(Arc<Kept>, bool)>);

impl Iterator for JournalTexts {
    type Item = (String, Option<String>);

    fn next(&mut self) -> Option<Self::Item> {
        let (kept, is_shown) = self.0.next()?;
        let body = is_shown.then(|| kept.signed_text()).flatten();
        // What was read as an entry can be written as one.
        Some((kept.header.text().unwrap_or_default(), body))
    }
}

pub(super) fn circle_of(head: &Head) -> Circle {
    // A circle that cannot be read has no marking, and nobody sees what has none.
    serde_json::from_str(&head.circle).unwrap_or_default()
}

fn rows_at_once(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

impl Incidents {
    /// Incidents that a person may see, what changed last first, and where the next part begins. What the person does
    /// not see changes nothing for that person.
    pub async fn list(
        &self,
        person: &Person,
        mut filter: Filter,
        slice: Slice,
    ) -> Result<(Vec<Listed>, Option<u64>), Refused> {
        filter.classification.as_deref().map_or(Ok(()), text::classification)?;
        filter.below = slice.below;
        if filter.late {
            let mut among = self.store.records.answered_late(LATE, None).await?;
            among.extend(self.store.records.incidents_with(text::JOINED).await?.into_iter().map(|head| head.id));
            filter.among = Some(among);
        }
        let (mut rows, mut looked, mut markings) = (Vec::new(), 0, Vec::new());
        // Those that were decided about: given, or not to be seen at all.
        let mut done: HashSet<String> = HashSet::new();
        let mut known = Known::default();
        let mut at_once = ROWS_AT_ONCE.min(slice.limit.saturating_add(ROWS_SPARE));
        let next = 'looking: loop {
            let some = self.store.records.incidents(&filter, rows_at_once(at_once)).await?;
            let is_last = some.len() < at_once;
            at_once = ROWS_AT_ONCE;
            looked += some.len();
            let mut before = self.given_before(&some, slice.below).await?;
            let sights = some.iter().map(|(_, touched)| &touched.sight).chain(before.values().flatten());
            for other in sights.filter_map(|sight| sight::joins(sight)) {
                self.knows_other(person, other, &mut known).await?;
            }
            for (mut head, touched) in some {
                filter.below = Some(touched.seq);
                if done.contains(&head.id) {
                    continue;
                }
                let circle = circle_of(&head);
                let is_seen = |sight: &String| {
                    let knows = |other| known.get(&other).copied().unwrap_or_default();
                    sight::shows(sight, person, &circle) && sight::joins(sight).is_none_or(knows)
                };
                let is_hidden = !may(person, Action::See, Object::Incident(&circle)).allowed;
                // What the person saw change since then stood in a part before.
                if is_hidden || before.remove(&head.id).is_some_and(|later| later.iter().any(is_seen)) {
                    done.insert(head.id);
                    continue;
                }
                if !is_seen(&touched.sight) {
                    continue;
                }
                done.insert(head.id.clone());
                if head.status == MERGED {
                    self.put_status(person, &mut head, &mut known).await?;
                }
                if filter.status.as_ref().is_some_and(|wanted| *wanted != head.status) {
                    continue;
                }
                // The answers may be for others.
                let late_answers = if filter.late { self.late_answers(person, &head).await? } else { 0 };
                if filter.late && late_answers == 0 {
                    continue;
                }
                (head.changed, head.changed_at) = (touched.seq, touched.time);
                self.put_title(person, &circle, &mut head).await?;
                rows.push(Listed { head, late_answers });
                markings.extend(circle.marking);
                if rows.len() == slice.limit {
                    break 'looking filter.below;
                }
            }
            if is_last {
                break None;
            }
            if looked >= ROWS_MAX {
                break filter.below;
            }
        };
        if !filter.late {
            self.count_late(person, &mut rows).await?;
        }
        self.audit_list(person, markings.iter()).await?;
        Ok((rows, next))
    }

    /// Whether a person may know of an incident with which others were joined.
    async fn knows_other(&self, person: &Person, other: String, known: &mut Known) -> Result<bool, Refused> {
        if let Some(knows) = known.get(&other) {
            return Ok(*knows);
        }
        let head = self.store.records.incident(&other).await?;
        let sees = |head: &Head| may(person, Action::See, Object::Incident(&circle_of(head))).allowed;
        let knows = head.as_ref().is_some_and(sees);
        known.insert(other, knows);
        Ok(knows)
    }

    /// How an incident that was merged stands for whoever does not see into which: as before.
    async fn put_status(&self, person: &Person, head: &mut Head, known: &mut Known) -> Result<(), Refused> {
        let case = self.case(&head.id).await?;
        let into = case.head.merged_into().map(str::to_owned);
        if !self.knows_other(person, into.unwrap_or_default(), known).await? {
            head.status = text::word(case.head.status);
        }
        Ok(())
    }

    /// Of those that are closed counts the answers that came later, also where they were merged into another since.
    async fn count_late(&self, person: &Person, rows: &mut [Listed]) -> Result<(), Refused> {
        let closed: Vec<&str> = rows
            .iter()
            .filter(|row| [CLOSED, MERGED].contains(&row.head.status.as_str()))
            .map(|row| row.head.id.as_str())
            .collect();
        if closed.is_empty() {
            return Ok(());
        }
        let mut late: HashSet<String> =
            self.store.records.answered_late(LATE, Some(&closed)).await?.into_iter().collect();
        // The answer may be written in another that shows there.
        let joined = self.store.records.incidents_with(text::JOINED).await?.into_iter().map(|head| head.id);
        late.extend(joined.filter(|id| closed.contains(&id.as_str())));
        for row in rows.iter_mut().filter(|row| late.contains(&row.head.id)) {
            row.late_answers = self.late_answers(person, &row.head).await?;
        }
        Ok(())
    }

    /// Answers that came after an incident was closed, as far as a person sees them.
    async fn late_answers(&self, person: &Person, head: &Head) -> Result<usize, Refused> {
        let Some((case, circle)) = self.found_as(person, head).await? else { return Ok(0) };
        Ok(self.to_do(person, (&case, &circle)).await?.0.late_answers().count())
    }

    /// Whom entries are for that came where a part of the list begins or later, by incident.
    async fn given_before(
        &self,
        some: &[(Head, Touched)],
        below: Option<u64>,
    ) -> Result<HashMap<String, Vec<String>>, Problem> {
        let mut before: HashMap<String, Vec<String>> = HashMap::new();
        let Some(below) = below else { return Ok(before) };
        let ids: Vec<&str> = some.iter().map(|(head, _)| head.id.as_str()).collect();
        for (id, sight) in self.store.records.touched_from(&ids, below).await? {
            before.entry(id).or_default().push(sight);
        }
        Ok(before)
    }

    /// An incident that a person may see, by identity or number, with who has to do with it.
    pub async fn find(&self, person: &Person, name: &str) -> Result<(Arc<Case>, Circle), Refused> {
        let head = self.asked(person, name, &[Action::See]).await?;
        let case = self.case(&head.id).await?;
        let circle = self.circle(&case);
        match may(person, Action::See, Object::Incident(&circle)).allowed {
            true => Ok((case, circle)),
            false => Err(self.in_vain(person, name, Some(&head)).await),
        }
    }

    /// The state of an incident as a person sees it, with what incidents that were merged into it say.
    pub async fn show(&self, person: &Person, name: &str) -> Result<Arc<Incident>, Refused> {
        let (case, circle) = self.find(person, name).await?;
        self.audit_read(person, &case.head.number, case.markings(&circle, person)).await?;
        self.joint(person, (&case, &circle)).await
    }

    /// What is open to a person in an incident that the person sees, so that nobody must try to learn it.
    pub async fn open_to(&self, person: &Person, name: &str) -> Result<Vec<&'static str>, Refused> {
        let (_, circle) = self.find(person, name).await?;
        let is_open = |action: &Action| may(person, *action, Object::Incident(&circle)).allowed;
        Ok(Action::of_incidents().filter(is_open).map(Action::word).collect())
    }

    /// Entries that a person may see, in the order in which they came, behind a number; those of incidents
    /// that show here too.
    pub async fn log(&self, person: &Person, name: &str, after: u64, limit: usize) -> Result<Vec<Arc<Kept>>, Refused> {
        self.log_of(person, name, &LogFilter::default(), (after, limit)).await
    }

    /// The same, of those that are wanted.
    pub async fn log_of(
        &self,
        person: &Person,
        name: &str,
        wanted: &LogFilter,
        (after, limit): (u64, usize),
    ) -> Result<Vec<Arc<Kept>>, Refused> {
        let (case, circle) = self.find(person, name).await?;
        let hidden = self.hidden_joins(person, &case).await?;
        let is_wanted = |kept: &Arc<Kept>| kept.seq > after && wanted.has(kept) && !hidden.contains(&kept.seq);
        // Of a long journal only what is shown is made as the person reads it.
        let mut sights = Sights::new(&circle, person);
        let mut own: Vec<_> = case.entries.iter().filter(|kept| is_wanted(kept) && sights.show(kept)).collect();
        own.sort_by_key(|kept| kept.seq);
        own.truncate(limit);
        let mut entries: Vec<Arc<Kept>> = own.into_iter().map(|kept| case.read_by(&circle, person, kept)).collect();
        entries.extend(self.joint_log(person, &case).await?.into_iter().filter(is_wanted));
        entries.sort_by_key(|kept| kept.seq);
        entries.truncate(limit);
        self.audit_read(person, &case.head.number, entries.iter().filter_map(|kept| kept.marking())).await?;
        Ok(entries)
    }

    /// Headers and bodies of an incident in their canonical texts, oldest first, made one by one. What the person may
    /// not see has no body: that it was written is all that its header tells.
    pub async fn export(&self, person: &Person, name: &str) -> Result<JournalTexts, Refused> {
        let (case, circle) = self.find(person, name).await?;
        self.audit_read(person, &case.head.number, case.markings(&circle, person)).await?;
        let hidden = self.hidden_joins(person, &case).await?;
        let gives = |kept: &Arc<Kept>| case.gives(&circle, person, kept) && !hidden.contains(&kept.seq);
        let shown = |kept: &Arc<Kept>| (Arc::clone(kept), gives(kept));
        let mut entries: Vec<(Arc<Kept>, bool)> = case.entries.iter().map(shown).collect();
        entries.sort_by_key(|(kept, _)| kept.seq);
        Ok(JournalTexts(entries.into_iter()))
    }

    /// Entries with all these words that a person may see, newest first.
    pub async fn search(
        &self,
        person: &Person,
        words: &str,
        slice: Slice,
    ) -> Result<(Vec<Found>, Option<u64>), Refused> {
        let (mut found, mut below, mut looked, mut heads) = (Vec::new(), slice.below, 0, Heads::default());
        let sought = text::sought(words);
        let mut at_once = ROWS_AT_ONCE.min(slice.limit.saturating_add(ROWS_SPARE));
        let next = 'looking: loop {
            let rows = self.store.records.entries_with(&sought, below, rows_at_once(at_once)).await?;
            let is_last = rows.len() < at_once;
            at_once = ROWS_AT_ONCE;
            looked += rows.len();
            self.put_heads(person, &rows, &mut heads).await?;
            for row in rows {
                below = Some(row.seq);
                // By what a title says that is withheld nothing is found.
                let seen = self.seen(person, &row, &mut heads).await?;
                found.extend(seen.filter(|found| !titles::is_withheld(&found.kept)));
                if found.len() == slice.limit {
                    break 'looking below;
                }
            }
            if is_last {
                break None;
            }
            if looked >= ROWS_MAX {
                break below;
            }
        };
        self.audit_found(person, &found).await?;
        Ok((found, next))
    }

    /// What entries of any incident say of a value, as far as a person may see it: the newest, and whether
    /// they are of so many incidents that the value says little.
    pub async fn about(&self, person: &Person, value: &str) -> Result<About, Refused> {
        self.about_in(person, value, ROWS_MAX).await
    }

    /// The same, where at most about so many rows are looked at.
    pub(super) async fn about_in(&self, person: &Person, value: &str, rows_max: usize) -> Result<About, Refused> {
        let (mut about, mut below, mut looked, mut heads) = (About::default(), None, 0, Heads::default());
        let plain = observables::one(value).map_or_else(|| value.trim().to_owned(), |one| one.value);
        'looking: loop {
            let rows = self.store.records.entries_about(&plain, below, rows_at_once(ROWS_AT_ONCE)).await?;
            looked += rows.len();
            self.put_heads(person, &rows, &mut heads).await?;
            for row in &rows {
                below = Some(row.seq);
                let seen = self.seen(person, row, &mut heads).await?;
                let Some(found) = seen.filter(|found| !titles::is_withheld(&found.kept)) else { continue };
                if about.found.len() == ABOUT_MAX {
                    about.has_more = true;
                    break 'looking;
                }
                about.found.push(found);
            }
            if rows.len() < ROWS_AT_ONCE {
                break;
            }
            if looked >= rows_max {
                // What nobody looked at may be for the person.
                about.has_more = !self.store.records.entries_about(&plain, below, 1).await?.is_empty();
                break;
            }
        }
        let incidents: BTreeSet<&str> = about.found.iter().map(|found| found.head.id.as_str()).collect();
        about.is_common = incidents.len() > OTHERS_MAX;
        self.audit_found(person, &about.found).await?;
        Ok(about)
    }

    /// Finds the incidents of entries that one question found, by one more question.
    async fn put_heads(&self, person: &Person, rows: &[EntryRow], heads: &mut Heads) -> Result<(), Refused> {
        let new = rows.iter().map(|row| row.incident.as_str()).filter(|id| !heads.contains_key(*id));
        let new: BTreeSet<&str> = new.collect();
        if new.len() < 2 {
            return Ok(());
        }
        for head in self.store.records.heads(&Vec::from_iter(new)).await? {
            self.put_head(person, head.id.clone(), Some(head), heads).await?;
        }
        Ok(())
    }

    /// Remembers an incident as far as the person may see it; one that is not there like one that is hidden.
    async fn put_head(
        &self,
        person: &Person,
        id: String,
        head: Option<Head>,
        heads: &mut Heads,
    ) -> Result<(), Refused> {
        let seen = head.map(|head| (circle_of(&head), head));
        let mut seen = seen.filter(|(circle, _)| may(person, Action::See, Object::Incident(circle)).allowed);
        if let Some((circle, head)) = &mut seen {
            self.put_title(person, circle, head).await?;
        }
        heads.insert(id, seen);
        Ok(())
    }

    /// An entry with its incident, where the person may see both. Nobody writes down that it was read.
    pub(super) async fn shown(
        &self,
        person: &Person,
        row: &EntryRow,
        heads: &mut Heads,
    ) -> Result<Option<(Head, Arc<Kept>)>, Refused> {
        if !heads.contains_key(&row.incident) {
            let head = self.store.records.incident(&row.incident).await?;
            self.put_head(person, row.incident.clone(), head, heads).await?;
        }
        let Some(Some((circle, head))) = heads.get(&row.incident) else { return Ok(None) };
        let case = Case::lone(row);
        let Some(kept) = case.entries.first().filter(|kept| case.shows(circle, person, kept)) else { return Ok(None) };
        if !self.knows_join(person, kept).await? {
            return Ok(None);
        }
        // What a title or a reason may tell depends on what else is written.
        let kept = match titles::has_text(kept) && reads_for(person, circle).is_some() {
            true => self.case(&row.incident).await?.read_by(circle, person, kept),
            false => case.read_by(circle, person, kept),
        };
        Ok(Some((head.clone(), kept)))
    }

    /// The same as something that was found. Whoever gives it to the person writes down that it was read.
    pub(super) async fn seen(
        &self,
        person: &Person,
        row: &EntryRow,
        heads: &mut Heads,
    ) -> Result<Option<Found>, Refused> {
        let Some((head, kept)) = self.shown(person, row, heads).await? else { return Ok(None) };
        let shows_in = match head.status == MERGED {
            true => self.shows_in(person, &*self.case(&head.id).await?).await?,
            false => None,
        };
        Ok(Some(Found { head, kept, shows_in }))
    }

    /// Everybody who might see an incident.
    pub async fn persons(&self) -> Result<Vec<Person>, Problem> {
        let users = self.store.records.users().await?;
        Ok(users.iter().filter(|user| !user.disabled).map(|user| self.forbids.on(user.person())).collect())
    }

    /// Whether another person may do something with an incident, or with one of its entries.
    pub async fn why(
        &self,
        ask: Ask<'_>,
        name: &str,
        seq: Option<u64>,
        others: &[Person],
        action: Action,
    ) -> Result<Vec<Decision>, Refused> {
        let head = self.asked(ask.person, name, &[Action::AskWho, Action::See]).await?;
        self.gone().await?;
        let mut case = self.case(&head.id).await?;
        let mut circle = self.circle(&case);
        let asks = may(ask.person, Action::AskWho, Object::Incident(&circle));
        if !asks.allowed {
            let sees = may(ask.person, Action::See, Object::Incident(&circle)).allowed;
            if !sees {
                return Err(self.in_vain(ask.person, name, Some(&head)).await);
            }
            self.audit_denied(ask, Action::AskWho, &case.head.number, &asks).await?;
            return Err(Refused::Denied(asks));
        }
        let Some(seq) = seq else {
            return Ok(others.iter().map(|other| may(other, action, Object::Incident(&circle))).collect());
        };
        // What shows here because of a merge or a split is for those who see it where it was written, and for those who
        // see it here by a role that went along.
        if !case.entries.iter().any(|kept| kept.seq == seq) {
            (case, circle) = self.shown_by(ask.person, &case, seq).await?.ok_or(Refused::Missing)?;
        }
        let kept = case.entries.iter().find(|kept| kept.seq == seq).ok_or(Refused::Missing)?;
        let Some((body, content)) = &kept.body else { return Err(Refused::Missing) };
        let (marking, author) = (&body.marking, body.author.as_str());
        let object = match concert_model::access::is_field(&body.kind) {
            true => Object::Incident(&circle),
            false => Object::Item { circle: &circle, marking, author },
        };
        let joined = self.other_of(kept).await?;
        // To which incident another belongs, knows whoever sees both.
        let of_other = |other: &Person| {
            let sees = may(other, Action::See, Object::Incident(joined.as_ref()?));
            let reason = format!("does not see the incident that it is joined with: {}", sees.reason);
            (!sees.allowed).then_some(Decision { reason, ..sees })
        };
        let decide = |other: &Person| match content {
            Content::Joined(_) | Content::Erased(_) if let Some(hidden) = of_other(other) => hidden,
            Content::RoleMoved(moved) if !moved.party.is_empty() => {
                let sees = sees_speakers(other, &circle, &moved.party);
                if sees.allowed { may(other, action, object) } else { sees }
            }
            Content::PartyMoved(moved) if action == Action::See => {
                sees_standing(other, &circle, (marking, author), &moved.party)
            }
            _ => may(other, action, object),
        };
        // To ask who sees an entry is to know of it: for the one who asks, what is hidden is not there.
        if !may(ask.person, Action::AskWho, object).allowed || of_other(ask.person).is_some() {
            return Err(Refused::Missing);
        }
        Ok(others.iter().map(decide).collect())
    }
}
