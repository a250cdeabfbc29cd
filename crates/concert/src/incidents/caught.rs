//! Events that rules catch: the first of a key opens an incident, later ones are linked to it.
//!
//! It is written in the transaction that settles their report, so an event is linked once and an incident
//! is opened once, whenever the program is killed. Events of a report are linked together, thousands in
//! one entry.

use concert_model::access::{Action, BY_ITSELF, Object, Person, may};
use concert_model::incident::Status;
use concert_model::incident::content::{Content, EventsLinked, Opened, PartyMoved, PartyStatus, Role, Ruled, Severity};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::Incident;
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{EventId, Problem, Time};
use concert_pipeline::judge::Opening;
use concert_store::records::incidents::{self, Head};
use concert_store::records::{Change, keep_part, part};

use super::case::Case;
use super::write::new_id;
use super::{Ask, Incidents, Refused, audit, merged, text};

/// Events linked by one entry.
const EVENTS_OF_ENTRY: usize = 5_000;
/// Events that are linked to an incident; further ones are counted.
const EVENTS_MAX: usize = 100_000;
/// Entries that link events to an incident in a day. Single lines that come live are reports of their own, and
/// a flood of them must not make a journal that nobody can load; what comes then is counted.
const ENTRIES_OF_DAY: usize = 500;
/// Longest key that is kept as it is read.
const KEY_CHARS_MAX: usize = 200;
/// The key of the incident for whatever was too much for a day.
const REST: &str = "(further keys)";
/// Incidents looked at on the way from one that was merged to where its content shows.
const MERGES_MAX: usize = 32;

/// Events of a report that a rule caught under one key.
#[derive(Clone, Debug)]
pub struct Caught {
    /// What they have in common.
    pub key: String,
    /// The title of an incident for them.
    pub title: String,
    /// Its type.
    pub classification: String,
    /// How bad it is.
    pub severity: Severity,
    /// The party they fall to; empty where the key does not tell parties apart.
    pub party: String,
    /// The events.
    pub events: Vec<EventId>,
    /// How many more there were.
    pub more: u64,
    /// When the first happened, and the last.
    pub times: (Time, Time),
    /// The strictest label of them; none where none has any.
    pub label: Option<Tlp>,
}

impl Caught {
    /// Takes an event up, unless there are too many already: then it is counted.
    pub fn add(&mut self, event: EventId, time: Time, label: Option<Tlp>) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(event);
        } else {
            self.more += 1;
        }
        self.times = (self.times.0.min(time), self.times.1.max(time));
        self.label = self.label.max(label);
    }

    /// Without what the first event says of all this.
    fn bare(self, opening: &Opening, key: &str) -> Self {
        let (severity, classification) = opening.bare_kind();
        let title = if key == REST { self.title } else { opening.bare_title() };
        Self { title, severity, classification, ..self }
    }
}

/// How what carries data of events is marked: as these are, where that is stricter. RED is for those whom the rule
/// names and for the coordinators.
fn strictly(marking: &Marking, label: Option<Tlp>, head: &Incident) -> Marking {
    let tlp = marking.tlp.max(label.unwrap_or(Tlp::Clear));
    let mut strict = Marking { tlp, ..marking.clone() };
    if tlp == Tlp::Red && marking.tlp < Tlp::Red {
        let coordinators = head.roles.get(&Role::Coordinator).into_iter().flatten();
        let new = coordinators.filter(|name| !marking.persons.contains(name)).cloned();
        strict.persons.extend(new);
    }
    strict
}

/// The key in the form it is found by.
fn kept_key(key: &str) -> String {
    let line = text::plain_line(key);
    if line == key && key.chars().count() <= KEY_CHARS_MAX {
        return line;
    }
    // Two keys must not become one because they begin alike or have something hidden in them.
    let start: String = line.chars().take(KEY_CHARS_MAX).collect();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(key.as_bytes());
    format!("{start} [{}]", concert_model::incident::journal::hex(digest.get(..8).unwrap_or_default()))
}

impl Incidents {
    /// Writes what a rule caught into the incidents of its keys, as part of a change. What is wrong with
    /// one of them stops neither the others nor the report.
    pub async fn catch(
        &self,
        change: &mut Change<'_>,
        now: Time,
        (rule, opening): (&str, &Opening),
        caught: Vec<Caught>,
        touched: &mut Vec<String>,
    ) -> Result<(), Problem> {
        let mut rest: Option<Caught> = None;
        for one in caught {
            let key = kept_key(&one.key);
            let mut part = part(change).await?;
            let into = match self.into(&mut part, now, rule, opening, &key).await? {
                Some(case) => Some(case),
                None if self.may_open(&mut part, now, rule, opening).await? => None,
                None => {
                    let rest = rest.get_or_insert_with(|| Caught {
                        title: opening.title_of_rest(),
                        party: String::new(),
                        events: Vec::new(),
                        more: 0,
                        ..one.clone()
                    });
                    rest.more += one.more;
                    one.events.iter().for_each(|event| rest.add(*event, one.times.0, one.label));
                    rest.times.1 = rest.times.1.max(one.times.1);
                    continue;
                }
            };
            match self.link(&mut part, now, (rule, opening), &key, one, into).await {
                Ok(id) => {
                    keep_part(part).await?;
                    touched.push(id);
                }
                Err(refused) => tell(rule, refused)?,
            }
        }
        let Some(rest) = rest else { return Ok(()) };
        let mut part = part(change).await?;
        let into = self.into(&mut part, now, rule, opening, REST).await?;
        match self.link(&mut part, now, (rule, opening), REST, rest, into).await {
            Ok(id) => {
                touched.push(id);
                keep_part(part).await
            }
            Err(refused) => tell(rule, refused),
        }
    }

    /// Whether the rule may open another one today.
    async fn may_open(
        &self,
        change: &mut Change<'_>,
        now: Time,
        rule: &str,
        opening: &Opening,
    ) -> Result<bool, Problem> {
        let day = Time::parse(&format!("{}T00:00:00Z", now.date_text()), None).unwrap_or(now);
        let opened = incidents::count_with(change, text::RULE, &text::by_rule(rule), day).await?;
        Ok(opened < opening.per_day)
    }

    /// The incident that takes up events of a key now.
    async fn into(
        &self,
        change: &mut Change<'_>,
        now: Time,
        rule: &str,
        opening: &Opening,
        key: &str,
    ) -> Result<Option<Case>, Problem> {
        let value = text::by_rule_and_key(rule, key);
        let found = incidents::open_with(change, text::RULE, &value, 1).await?;
        let Some(head) = found.into_iter().next() else { return Ok(None) };
        let age = u64::try_from(now.0.saturating_sub(head.opened.0)).unwrap_or(0);
        if opening.window.is_some_and(|window| u128::from(age) >= window.as_micros()) {
            return Ok(None);
        }
        Ok(self.where_it_shows(change, head).await?.filter(|case| case.head.status != Status::Closed))
    }

    /// The journal of an incident, or of that into which it was merged.
    async fn where_it_shows(&self, change: &mut Change<'_>, head: Head) -> Result<Option<Case>, Problem> {
        let mut id = head.id;
        for _ in 0..MERGES_MAX {
            let case = self.case_in(change, &id).await?;
            match case.head.merged_into() {
                None => return Ok(Some(case)),
                Some(other) => id = other.to_owned(),
            }
        }
        Ok(None)
    }

    /// The journal of an incident as a change sees it. Nothing is asked beside the change: whoever waits for
    /// the change to end may hold all there is to ask with.
    pub(super) async fn case_in(&self, change: &mut Change<'_>, id: &str) -> Result<Case, Problem> {
        let known = self.held().get(id);
        let rows = incidents::entries_in(change, id, known.as_ref().map_or(0, |case| case.last)).await?;
        let mut case = match &known {
            Some(case) if rows.is_empty() => return Ok(Case::clone(case)),
            Some(case) if !rows.iter().any(super::case::erases) => case.with(rows),
            _ => return self.case_anew(change, id).await,
        };
        if let Some(merged) = merged::unknown(known.as_deref(), &case) {
            case.came = merged::of_in(change, &merged, |party| self.sectors(party)).await?;
        }
        Ok(case)
    }

    /// The same, read anew with all that came from others.
    pub(super) async fn case_anew(&self, change: &mut Change<'_>, id: &str) -> Result<Case, Problem> {
        let mut case = Case::new(id, incidents::entries_in(change, id, 0).await?);
        if let Some(merged) = merged::unknown(None, &case) {
            case.came = merged::of_in(change, &merged, |party| self.sectors(party)).await?;
        }
        Ok(case)
    }

    async fn link(
        &self,
        change: &mut Change<'_>,
        now: Time,
        (rule, opening): (&str, &Opening),
        key: &str,
        caught: Caught,
        into: Option<Case>,
    ) -> Result<String, Refused> {
        let itself = Person::operator(BY_ITSELF);
        let ask = Ask::new(&itself, now);
        let rule = text::plain_line(rule);
        let mut drafts = Vec::new();
        let label = caught.label;
        // Fields are for whoever sees the incident.
        let is_stricter = label.is_some_and(|label| label > opening.marking.tlp);
        let caught = if is_stricter { caught.bare(opening, key) } else { caught };
        let case = match into {
            Some(case) => case,
            None => {
                let number = self.next_number(change, now).await?;
                let decision = may(&itself, Action::Open, Object::Site);
                audit::allowed(change, ask, Action::Open, &number, &decision).await?;
                let title = text::plain_line(&caught.title);
                let (classification, severity) = (caught.classification, caught.severity);
                let opened = Opened { number, title, classification, severity };
                drafts.push(Draft { content: opened.into(), marking: Some(opening.marking.clone()), minutes: 0 });
                drafts.push(plain(Ruled { rule: rule.clone(), key: key.to_owned() }));
                if !caught.party.is_empty() {
                    let (party, text) = (text::plain_line(&caught.party), String::new());
                    drafts.push(plain(PartyMoved { party, status: PartyStatus::Unknown, text }));
                }
                Case::new(&new_id(now)?, Vec::new())
            }
        };
        if linked_on(&case, now.day()) < ENTRIES_OF_DAY {
            drafts.extend(links(&rule, &case, caught.events, caught.more, caught.times).into_iter().map(plain));
        } else {
            let more = caught.more + caught.events.len() as u64;
            drafts.extend(self.count_only(change, now, &rule, &case, more, caught.times).await?.map(plain));
        }
        // What the rule's events say is for no more people because the incident was merged into another, and for no more
        // than they are themselves.
        let marking = case.head.marking.as_ref().map_or(opening.marking.clone(), |own| own.and(&opening.marking));
        let marking = strictly(&marking, label, &case.head);
        for draft in drafts.iter_mut().filter(|draft| draft.marking.is_none()) {
            draft.marking = Some(marking.clone());
        }
        let id = case.id.clone();
        self.write_within(change, ask, case, drafts).await?;
        Ok(id)
    }

    /// Counts events that are not listed any more. They are told when their number has doubled.
    async fn count_only(
        &self,
        change: &mut Change<'_>,
        now: Time,
        rule: &str,
        case: &Case,
        more: u64,
        (first, last): (Time, Time),
    ) -> Result<Option<EventsLinked>, Problem> {
        let name = |what: &str| format!("{what} of {} on {}", case.id, now.date_text());
        let all = incidents::count_up(change, &name("not listed"), more).await?;
        let told = incidents::count_up(change, &name("not listed, told"), 0).await?;
        if all < told.saturating_mul(2) {
            return Ok(None);
        }
        incidents::count_up(change, &name("not listed, told"), all - told).await?;
        let (rule, more) = (rule.to_owned(), all - told);
        Ok(Some(EventsLinked { rule, events: Vec::new(), more, first: first.0, last: last.0 }))
    }

    /// Takes up what a change wrote into incidents, once it is committed.
    pub async fn take_up(&self, touched: &[String]) -> Result<(), Problem> {
        for id in touched {
            self.case(id).await?;
        }
        Ok(())
    }

    /// Writes what nobody asked for, and so nobody decides about, as part of a change.
    pub(super) async fn write_within(
        &self,
        change: &mut Change<'_>,
        ask: Ask<'_>,
        case: Case,
        drafts: Vec<Draft>,
    ) -> Result<(), Refused> {
        let (case, _) = self.sign(change, ask, case, drafts).await?;
        Ok(incidents::keep_head(change, &self.head_of(&case)).await?)
    }
}

fn plain(content: impl Into<Content>) -> Draft {
    Draft { content: content.into(), marking: None, minutes: 0 }
}

/// Entries that linked events on a day.
fn linked_on(case: &Case, day: i64) -> usize {
    let is_one = |kept: &&std::sync::Arc<super::Kept>| {
        matches!(kept.body, Some((_, Content::EventsLinked(_)))) && kept.header.stamp.time.day() == day
    };
    case.entries.iter().filter(is_one).count()
}

/// The entries that link events, as far as there is room for more of them.
fn links(rule: &str, case: &Case, events: Vec<EventId>, more: u64, (first, last): (Time, Time)) -> Vec<EventsLinked> {
    let linked = |kept: &std::sync::Arc<super::Kept>| match &kept.body {
        Some((_, Content::EventsLinked(linked))) => linked.events.len(),
        _ => 0,
    };
    let room = EVENTS_MAX.saturating_sub(case.entries.iter().map(linked).sum());
    let mut more = more + events.len().saturating_sub(room) as u64;
    let mut made: Vec<EventsLinked> = Vec::new();
    let listed: Vec<String> = events.iter().take(room).map(ToString::to_string).collect();
    let mut parts: Vec<&[String]> = listed.chunks(EVENTS_OF_ENTRY).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    for events in parts {
        // What is not listed is told by the first entry.
        let more = std::mem::take(&mut more);
        made.push(EventsLinked { rule: rule.to_owned(), events: events.to_vec(), more, first: first.0, last: last.0 });
    }
    made
}

/// Trouble with the records stops the report, which is tried again; anything else is told.
pub(super) fn tell(what: &str, refused: Refused) -> Result<(), Problem> {
    match refused {
        Refused::Failed(problem) => Err(problem),
        other => {
            tracing::error!(what, "events could not be brought into an incident: {other:?}");
            Ok(())
        }
    }
}
