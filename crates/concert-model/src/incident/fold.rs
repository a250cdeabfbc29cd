//! The state of an incident: a fold over the entries that somebody may read.
//!
//! Entries are put in the order of their stamps first, so whatever order they arrive in, the same
//! entries give the same state. Of two that set the same thing the later by clock holds, and both stay
//! in the log. Nothing else knows the state of an incident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::content::{
    Act, ClockStarted, Content, Custody, Delivered, EvidenceAdded, Finding, Happened, Indicated, Joined, MessageKept,
    Opened, Opening, PartyStatus, Proposed, Relation, Role, Severity, Status, Task,
};
use super::journal::{Body, Entry, Header, Stamp};
use super::mail::Sort;
use super::marking::Marking;
use super::process::run::Run;
use crate::access::Circle;

/// An incident as far as its entries tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incident {
    /// Its identity, a UUIDv7.
    pub id: String,
    /// The number people say.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// Its type.
    pub classification: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub status: Status,
    /// When it was closed last; `None` while it goes on.
    pub closed: Option<Stamp>,
    /// Its marking; `None` where the opening entry may not be read.
    pub marking: Option<Marking>,
    /// When it was opened, and when something was written last.
    pub opened: Stamp,
    /// The last entry.
    pub changed: Stamp,
    /// Parties that take part.
    pub parties: BTreeMap<String, Participant>,
    /// Who opened it.
    pub opener: String,
    /// Who holds each role.
    pub roles: BTreeMap<Role, BTreeSet<String>>,
    /// Who speaks for each party.
    pub speakers: BTreeMap<String, BTreeSet<String>>,
    /// What happened, as it was written; sort it by time to read it.
    pub timeline: Vec<Happened>,
    /// Where in the timeline each line of evidence stands: evidence, line, subject and text.
    lines: BTreeMap<(String, u64, String, String), usize>,
    /// Evidence by its SHA-256.
    pub evidence: BTreeMap<String, Exhibit>,
    /// Who may know which host it has to do with: host and party.
    pub named: BTreeSet<(String, String)>,
    /// Proposed hops that were answered: the event, and whether it was accepted.
    pub answered: BTreeMap<String, bool>,
    /// Clocks that run or ran, by name and party; the party is empty where one runs for the incident as a whole.
    pub clocks: BTreeMap<(String, String), Clock>,
    /// Lessons.
    pub lessons: Vec<String>,
    /// Findings by what they are called here, see [`Names`]; each with its own name.
    pub findings: BTreeMap<String, Finding>,
    finding_names: Names,
    /// Tasks likewise.
    pub tasks: BTreeMap<String, Task>,
    task_names: Names,
    /// Observables: what each is, and its value.
    pub observables: BTreeSet<(String, String)>,
    /// Observed flows, in the order they were written.
    pub relations: Vec<Arc<Relation>>,
    /// Where among them each stands that a line of evidence tells: evidence, line, both hosts and port.
    flows: BTreeMap<(String, u64, String, String, u16), usize>,
    /// The party each host belongs to.
    pub hosts: BTreeMap<String, String>,
    /// Hosts at either end of a flow, and since when they are known.
    pub found: BTreeMap<String, Stamp>,
    /// By what others recognise what findings say, by what these are called here, with the marking that holds for it.
    pub indicated: BTreeMap<String, (Indicated, Marking)>,
    /// Processes that were started, by their short names.
    pub runs: BTreeMap<String, Run>,
    /// Linked events.
    pub events: BTreeSet<String>,
    /// How many more belong to it that are not listed.
    pub more_events: u64,
    /// The rule that opened it, and the key it did so for.
    pub rule: Option<(String, String)>,
    /// Flows that may be the next hop, by the event or line of evidence that says so.
    pub proposals: BTreeMap<String, Proposed>,
    /// How many proposals were left out, by day.
    pub left_out: BTreeMap<String, u64>,
    /// Messages to parties and from them, in order, and how each is marked.
    pub messages: Vec<Arc<Letter>>,
    /// How sending ended last, by the notice that carries the message.
    pub deliveries: BTreeMap<String, Delivered>,
    /// Files of messages that were sorted, by the number of the mail and their SHA-256: whether they were kept.
    pub sorted: BTreeMap<(u64, String), bool>,
    /// Parties that must not be told anything yet, and why.
    pub held: BTreeMap<String, String>,
    /// The order in which parties are told.
    pub order: Vec<String>,
    /// Linked notices.
    pub notices: BTreeSet<String>,
    /// Incidents that are the same, or part of this one: how, and which.
    pub joined: BTreeSet<(String, String)>,
    /// Entries that splits move, each as `site:sequence`, by how and which incident.
    pub split: BTreeMap<(String, String), BTreeSet<String>>,
    /// Minutes spent: by person, party and kind of work.
    pub minutes: BTreeMap<(String, String, String), u64>,
    /// Number of entries, of those without a body, and of those of a kind that is not known here.
    pub entries: u64,
    /// Withheld or erased.
    pub sealed: u64,
    /// Of a newer site.
    pub unknown: u64,
}

/// Bytes in custody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exhibit {
    /// Its name, size and origin.
    pub added: Option<EvidenceAdded>,
    /// Whether it was marked otherwise than the incident: its own marking.
    pub marking: Option<Marking>,
    /// How it is marked by each who brought it and has not destroyed it since; empty once it is gone.
    pub held: Vec<Marking>,
    /// What was done with it and when, in order.
    pub custody: Vec<(Custody, Stamp)>,
    /// Who asked for or agreed to its release, by the party that gets it.
    pub released: BTreeMap<String, BTreeSet<String>>,
}

impl Exhibit {
    /// Persons who must agree before evidence goes to a party.
    pub const RELEASERS: usize = 2;

    /// Parties that may have it.
    pub fn goes_to(&self) -> impl Iterator<Item = &str> {
        self.released.iter().filter(|(_, by)| by.len() >= Self::RELEASERS).map(|(party, _)| party.as_str())
    }

    /// Whether it was derived from other evidence, or its custody begins with where it comes from.
    pub fn has_origin(&self) -> bool {
        let begins = |(custody, _): &(Custody, Stamp)| matches!(custody.act, Act::Collected | Act::Received);
        self.added.as_ref().is_some_and(|added| !added.of.is_empty()) || self.custody.first().is_some_and(begins)
    }

    /// Whether nothing is left to be said of it: it is gone; or it is known where it came from and where it is.
    pub fn is_accounted_for(&self) -> bool {
        // Where it was before it was moved is not where it is.
        let moved = self.custody.iter().rposition(|(custody, _)| custody.act == Act::Moved).unwrap_or(0);
        let has_place = self.custody.iter().skip(moved).any(|(custody, _)| !custody.place.trim().is_empty());
        // What was derived lies with its origin.
        let is_derived = self.added.as_ref().is_some_and(|added| !added.of.is_empty());
        self.is_destroyed() || self.has_origin() && (is_derived || has_place)
    }

    /// Whether it was there and was destroyed.
    pub fn is_destroyed(&self) -> bool {
        self.added.is_some() && self.held.is_empty()
    }
}

/// A clock of a law.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// From when and until when it runs, in microseconds since 1970.
    pub since: i64,
    /// Until when.
    pub due: i64,
    /// When it was met, and what proves it in words.
    pub met: Option<(i64, String)>,
    /// What proves it and is there; empty for none.
    pub points_to: String,
    /// Why it began anew; empty where it was started once.
    pub again: String,
    /// How it stood each time before it began anew, in order.
    pub before: Vec<Clock>,
}

impl Clock {
    /// Whether it was started and is not met. One that was met before it was started, as another site may write it,
    /// has no end.
    pub fn is_running(&self) -> bool {
        self.due != 0 && self.met.is_none()
    }
}

/// How a clock is called, with the party for which it runs.
pub fn clock_name(clock: &str, party: &str) -> String {
    if party.is_empty() { clock.to_owned() } else { format!("{clock} of {party}") }
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it says.
    pub message: MessageKept,
    /// How it is marked.
    pub marking: Marking,
    /// When it was written down.
    pub stamp: Stamp,
    /// Who wrote it down.
    pub author: String,
}

/// A party that takes part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Participant {
    /// How it stands.
    pub status: PartyStatus,
    /// Since when.
    pub since: Stamp,
    /// Whether whoever spoke for it then said so, and a party can say that of itself.
    pub is_own_word: bool,
}

impl Incident {
    /// The state that these entries give, in whatever order they come.
    pub fn fold<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Self {
        let mut entries: Vec<&Entry> = entries.into_iter().collect();
        let order = |entry: &Entry| order(&entry.header);
        // Of one that came twice, once without what it says, what it says counts.
        entries.sort_by_key(|entry| (order(entry), entry.body.is_none()));
        entries.dedup_by_key(|entry| order(entry));
        let mut incident = Self::default();
        let moved = moved(&entries);
        let bodies = || entries.iter().filter_map(|entry| Some((&entry.header, entry.body.as_ref()?)));
        let (marks, openings) = (marks(bodies()), openings(bodies()));
        for Entry { header, body } in entries {
            if moved.contains(&place(header)) {
                incident.pass(header);
                continue;
            }
            let said = body.as_ref().map(|body| Said {
                author: &body.author,
                marking: marks.get(&place(header)).unwrap_or(&body.marking),
                content: Content::read(&body.kind, &body.content),
            });
            let opening = openings.get(&place(header));
            let stands = opening.map(|opening| Said {
                author: &opening.author,
                marking: marks.get(&place(header)).unwrap_or(&opening.marking),
                content: opening.opened().into(),
            });
            incident.apply(header, said.or(stands));
        }
        incident
    }

    /// Counts an entry whose content shows elsewhere.
    pub fn pass(&mut self, header: &Header) {
        if self.entries == 0 {
            self.id.clone_from(&header.incident);
        }
        self.entries += 1;
        self.changed = header.stamp;
    }

    /// Takes up an entry, which must not be earlier than those before it, nor the same as one of them.
    /// What it says is `None` where its body may not be read.
    pub fn apply(&mut self, header: &Header, said: Option<Said<'_>>) {
        let stamp = header.stamp;
        self.pass(header);
        let Some(Said { author, marking, content }) = said else {
            self.sealed += 1;
            return;
        };
        match content {
            Content::Opened(opened) => {
                self.number = opened.number;
                self.title = opened.title;
                self.classification = opened.classification;
                self.severity = opened.severity;
                self.marking = Some(marking.clone());
                author.clone_into(&mut self.opener);
                self.opened = stamp;
            }
            Content::Titled(titled) => self.title = titled.title,
            Content::Classified(classified) => self.classification = classified.classification,
            Content::Rated(rated) => self.severity = rated.severity,
            Content::Moved(moved) => {
                self.status = moved.status;
                self.closed = (moved.status == Status::Closed).then_some(stamp);
            }
            Content::Marked(marked) => self.marking = Some(marked.marking),
            Content::PartyMoved(moved) => {
                // Whoever speaks for a party may say more of it by another role, and that is not its word.
                let speaks = self.speakers.get(&moved.party).is_some_and(|names| names.contains(author));
                let is_own_word = speaks && moved.status.is_own_word();
                self.parties.insert(moved.party, Participant { status: moved.status, since: stamp, is_own_word });
            }
            Content::RoleMoved(moved) => {
                if !moved.party.is_empty() {
                    put(&mut self.speakers, moved.party, moved.person.clone(), moved.holds);
                }
                put(&mut self.roles, moved.role, moved.person, moved.holds);
            }
            Content::Finding(finding) => {
                let called = self.finding_names.call(&finding.name, &finding.item, author);
                self.findings.insert(called, finding);
            }
            Content::Task(task) => {
                let called = self.task_names.call(&task.name, &task.item, author);
                self.tasks.insert(called, task);
            }
            Content::Observable(seen) => drop(self.observables.insert((seen.of, seen.value))),
            Content::Relation(relation) => {
                for host in [&relation.from, &relation.to] {
                    self.found.entry(host.clone()).or_insert(stamp);
                }
                self.relate(Arc::new(relation));
            }
            Content::HostHeld(held) if held.party.is_empty() => drop(self.hosts.remove(&held.host)),
            Content::HostHeld(held) => drop(self.hosts.insert(held.host, held.party)),
            Content::Indicated(shown) => {
                let called = self.finding_names.call(&shown.finding, &shown.item, author);
                self.indicated.insert(called, (shown, marking.clone()));
            }
            Content::Started(started) => self.run(&started.run).start(stamp, (author, marking), started),
            Content::Stepped(stepped) => self.run(&stepped.run).mark(stamp, author, stepped),
            Content::Answered(answered) => self.run(&answered.run).answer(stamp, author, answered),
            Content::EventLinked(link) => set(&mut self.events, link.event, link.linked),
            Content::EventsLinked(linked) => {
                self.events.extend(linked.events);
                self.more_events = self.more_events.saturating_add(linked.more);
            }
            Content::Ruled(ruled) => self.rule = Some((ruled.rule, ruled.key)),
            Content::Proposed(proposed) => drop(self.proposals.insert(proposed.event.clone(), proposed)),
            Content::LeftOut(left) => {
                let known = self.left_out.entry(left.day).or_default();
                *known = left.count.max(*known);
            }
            Content::NoticeLinked(link) => set(&mut self.notices, link.notice, link.linked),
            Content::Joined(other) => self.join(other),
            Content::Effort(effort) => {
                let minutes = self.minutes.entry((effort.person, effort.party, effort.work)).or_default();
                *minutes = minutes.saturating_add(u64::from(effort.minutes));
            }
            Content::Happened(happened) => self.happen(happened),
            Content::EvidenceAdded(added) => {
                let exhibit = self.evidence.entry(added.sha256.clone()).or_default();
                exhibit.marking = Some(marking.clone());
                if !exhibit.held.contains(marking) {
                    exhibit.held.push(marking.clone());
                }
                exhibit.added = Some(added);
            }
            Content::Custody(custody) => {
                let exhibit = self.evidence.entry(custody.sha256.clone()).or_default();
                if custody.act == Act::Destroyed {
                    // Whoever may not know of a copy cannot take it away from those who hold it.
                    exhibit.held.retain(|held| held != marking);
                }
                exhibit.custody.push((custody, stamp));
            }
            Content::Release(release) => {
                let exhibit = self.evidence.entry(release.sha256).or_default();
                put(&mut exhibit.released, release.party, author.to_owned(), true);
            }
            Content::NeighbourNamed(named) => drop(self.named.insert((named.host, named.party))),
            Content::ProposalAnswered(answer) => drop(self.answered.insert(answer.event, answer.accepted)),
            Content::ClockStarted(started) => self.start_clock(started),
            Content::ClockMet(met) => {
                let kept = self.clocks.entry((met.clock, met.party)).or_default();
                (kept.met, kept.points_to) = (Some((met.time, met.proof)), met.points_to);
            }
            Content::Lesson(lesson) => self.lessons.push(lesson.text),
            Content::MessageKept(mut message) => {
                // What was written down by hand did not say so at first.
                if message.sort.is_none() && (message.incoming || message.notice.is_empty()) {
                    message.sort = Some(Sort::ByHand);
                }
                let letter = Letter { message, marking: marking.clone(), stamp, author: author.to_owned() };
                self.messages.push(Arc::new(letter));
            }
            Content::Delivered(delivered) => drop(self.deliveries.insert(delivered.notice.clone(), delivered)),
            Content::AttachmentSorted(sorted) => drop(self.sorted.insert((sorted.mail, sorted.sha256), sorted.kept)),
            Content::TellingHeld(held) if held.held => drop(self.held.insert(held.party, held.reason)),
            Content::TellingHeld(held) => drop(self.held.remove(&held.party)),
            Content::TellingOrdered(order) => self.order = order.parties,
            // What stands of an opening is taken up where that was.
            Content::Opening(_) => {}
            Content::Note(_) | Content::Decision(_) | Content::Erased(_) | Content::Remarked(_) => {}
            Content::Unknown => self.unknown += 1,
        }
    }

    /// A line of evidence that is read again, perhaps with another clock, stands in the timeline once.
    fn happen(&mut self, happened: Happened) {
        if happened.line == 0 {
            return self.timeline.push(happened);
        }
        let Happened { evidence, line, subject, text, .. } = happened.clone();
        let at = *self.lines.entry((evidence, line, subject, text)).or_insert(self.timeline.len());
        match self.timeline.get_mut(at) {
            Some(known) => *known = happened,
            None => self.timeline.push(happened),
        }
    }

    /// A flow that a line of evidence tells is in the chain once, as it was read last.
    fn relate(&mut self, relation: Arc<Relation>) {
        if relation.line == 0 {
            return self.relations.push(relation);
        }
        let Relation { evidence, line, from, to, port, .. } = relation.as_ref().clone();
        let at = *self.flows.entry((evidence, line, from, to, port)).or_insert(self.relations.len());
        match self.relations.get_mut(at) {
            Some(known) => *known = relation,
            None => self.relations.push(relation),
        }
    }

    fn start_clock(&mut self, started: ClockStarted) {
        let ClockStarted { clock, since, due, party, again } = started;
        let kept = self.clocks.entry((clock, party)).or_default();
        if kept.due != 0 {
            let before = Clock { before: Vec::new(), ..kept.clone() };
            kept.before.push(before);
        }
        (kept.since, kept.due) = (since, due);
        // Begun anew for what was learned later, it is not met by what was reported before.
        kept.met = kept.met.take().filter(|(time, _)| *time >= since && again.is_empty());
        if kept.met.is_none() {
            kept.points_to.clear();
        }
        kept.again = again;
    }

    fn join(&mut self, other: Joined) {
        let key = (other.as_what, other.incident);
        if other.joined && !other.entries.is_empty() {
            self.split.insert(key.clone(), other.entries.into_iter().collect());
        } else if !other.joined {
            self.split.remove(&key);
        }
        set(&mut self.joined, key, other.joined);
    }

    /// Entries whose content shows in other incidents, each as `site:sequence`.
    pub fn moved(&self) -> BTreeSet<String> {
        self.split.iter().filter(|((how, _), _)| how == "split-to").flat_map(|(_, entries)| entries.clone()).collect()
    }

    /// The incident into which this one was merged: what comes later belongs there.
    pub fn merged_into(&self) -> Option<&str> {
        self.joined.iter().find(|(how, _)| how == "into").map(|(_, other)| other.as_str())
    }

    /// Proposals that nobody answered yet.
    pub fn open_proposals(&self) -> impl Iterator<Item = &Proposed> {
        self.proposals.values().filter(|proposed| !self.answered.contains_key(&proposed.event))
    }

    /// The only party that has to do with it, where there is one.
    fn only_party(&self) -> Option<&str> {
        let parties: BTreeSet<&String> = self.parties.keys().chain(self.speakers.keys()).collect();
        let mut parties = parties.into_iter();
        parties.next().filter(|_| parties.next().is_none()).map(String::as_str)
    }

    /// The party that a run concerns: whose steps are those of the affected party.
    pub fn concerned<'i>(&'i self, run: &'i Run) -> Option<&'i str> {
        run.party.as_deref().map_or_else(|| self.only_party(), |party| Some(party).filter(|party| !party.is_empty()))
    }

    /// Says of each run which party it concerns, before others show that are no concern of it.
    fn settle_parties(&mut self) {
        let only = self.only_party().unwrap_or_default().to_owned();
        for run in self.runs.values_mut().filter(|run| run.party.is_none()) {
            run.party = Some(only.clone());
        }
    }

    fn run(&mut self, name: &str) -> &mut Run {
        self.runs.entry(name.to_owned()).or_default()
    }

    /// Why nothing may be sent to a party yet.
    pub fn why_not_told(&self, party: &str) -> Option<String> {
        if let Some(reason) = self.held.get(party) {
            return Some(format!("{party} must not be told yet: {reason}"));
        }
        self.why_behind(&self.order, party)
    }

    /// Who is to be told before a party by an order of telling, and was not yet.
    pub fn why_behind(&self, order: &[String], party: &str) -> Option<String> {
        let before = order.iter().take_while(|one| *one != party);
        let is_in_order = order.iter().any(|one| one == party);
        let is_told = |name: &str| {
            let status = self.parties.get(name).map(|known| known.status);
            !matches!(status, None | Some(PartyStatus::Unknown | PartyStatus::ContactSought))
        };
        let first = before.filter(|_| is_in_order).find(|one| !is_told(one))?;
        Some(format!("{first} is to be told before {party}, and was not yet"))
    }

    /// Messages of one party's conversation.
    pub fn conversation<'i>(&'i self, party: &'i str) -> impl DoubleEndedIterator<Item = &'i Arc<Letter>> {
        self.messages.iter().filter(move |letter| letter.message.party == party)
    }

    /// Answers of persons that came after it was closed, so that nobody waited for them.
    pub fn late_answers(&self) -> impl Iterator<Item = &Arc<Letter>> {
        let is_late = |letter: &&Arc<Letter>| self.closed.is_some_and(|closed| letter.stamp > closed);
        self.messages.iter().filter(is_late).filter(|letter| letter.message.is_answer())
    }

    /// Roles that nobody holds but who has gone, with their duties.
    pub fn open_duties<'i>(
        &'i self,
        gone: &'i BTreeSet<String>,
    ) -> impl Iterator<Item = (&'static str, &'static str)> + 'i {
        let is_held = |role: &Role| self.roles.get(role).is_some_and(|holders| !holders.is_subset(gone));
        Role::ALL.into_iter().filter(move |(role, _, _)| !is_held(role)).map(|(_, word, duty)| (word, duty))
    }

    /// Who has to do with it. `sectors` gives those of a party.
    pub fn circle(&self, sectors: impl Fn(&str) -> Vec<String>) -> Circle {
        let parties = self.parties.keys();
        let constituencies = parties.flat_map(|party| sectors(party).into_iter().chain([party.clone()]));
        Circle {
            marking: self.marking.clone(),
            opener: self.opener.clone(),
            holders: self.roles.clone(),
            speakers: self.speakers.clone(),
            constituencies: constituencies.collect(),
            merged: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// The roles a person holds.
    pub fn roles_of(&self, person: &str) -> impl Iterator<Item = Role> {
        self.roles.iter().filter(move |(_, holders)| holders.contains(person)).map(|(role, _)| *role)
    }
}

/// What an entry says, with what is known of who says it.
pub struct Said<'e> {
    /// Who wrote it.
    pub author: &'e str,
    /// How it is marked.
    pub marking: &'e Marking,
    /// What it says.
    pub content: Content,
}

/// How a split names an entry.
pub fn place(header: &Header) -> String {
    place_of(&header.site.to_string(), header.sequence)
}

/// The same of an entry that another names.
pub fn place_of(site: &str, sequence: u64) -> String {
    format!("{site}:{sequence}")
}

/// How entries are marked that were marked otherwise later, by their places: the last that says so holds. They must be in
/// order.
pub fn marks<'e>(entries: impl Iterator<Item = (&'e Header, &'e Body)>) -> BTreeMap<String, Marking> {
    let remarked = entries.filter(|(_, body)| body.kind == "entry-marking/1");
    let said = remarked.filter_map(|(_, body)| match Content::read(&body.kind, &body.content) {
        Content::Remarked(one) => Some((place_of(&one.site, one.sequence), one.marking)),
        _ => None,
    });
    said.collect()
}

/// The title of an incident whose opening was erased, until it gets another one.
pub const TITLE_ERASED: &str = "(title erased)";

impl Opening {
    /// What the incident was opened with, without its words.
    pub fn opened(&self) -> Opened {
        let (number, classification) = (self.number.clone(), self.classification.clone());
        Opened { number, title: TITLE_ERASED.to_owned(), classification, severity: self.severity }
    }
}

/// What stands of openings whose words were erased, by their places. Of its own chain alone a site says so.
pub fn openings<'e>(entries: impl Iterator<Item = (&'e Header, &'e Body)>) -> BTreeMap<String, Opening> {
    let said = entries.filter(|(_, body)| body.kind == "opening/1").filter_map(|(header, body)| {
        match Content::read(&body.kind, &body.content) {
            Content::Opening(one) if one.site == header.site.to_string() => {
                Some((place_of(&one.site, one.sequence), one))
            }
            _ => None,
        }
    });
    said.collect()
}

/// Which of these entries show elsewhere. They must be in order.
fn moved(entries: &[&Entry]) -> BTreeSet<String> {
    let mut joins = Incident::default();
    for body in entries.iter().filter_map(|entry| entry.body.as_ref()) {
        if let Content::Joined(other) = Content::read(&body.kind, &body.content) {
            joins.join(other);
        }
    }
    joins.moved()
}

/// The order in which entries hold: the later by clock wins, and of two with the same clock the one of
/// the greater site.
pub fn order(header: &Header) -> (Stamp, super::journal::SiteId, u64) {
    (header.stamp, header.site, header.sequence)
}

fn put<K: Ord>(all: &mut BTreeMap<K, BTreeSet<String>>, key: K, one: String, is_in: bool) {
    if is_in {
        all.entry(key).or_default().insert(one);
    } else if let Some(some) = all.get_mut(&key) {
        some.remove(&one);
        if some.is_empty() {
            all.remove(&key);
        }
    }
}

fn set<T: Ord>(all: &mut BTreeSet<T>, item: T, is_in: bool) {
    if is_in {
        all.insert(item);
    } else {
        all.remove(&item);
    }
}

mod include;
mod names;

pub use names::Names;

#[cfg(test)]
mod tests {
    use super::super::content::{Joined, Moved, Note, PartyMoved, RoleMoved, Standing};
    use super::super::journal::{Body, JournalKey, Tip, hex};
    use super::super::marking::Tlp;
    use super::*;
    use crate::Time;

    fn write(key: &JournalKey, tip: &mut Tip, stamp: Stamp, content: Content) -> Entry {
        let (kind, content) = content.write().unwrap();
        let body = Body {
            author: "anna".into(),
            kind: kind.into(),
            marking: Marking::of(Tlp::Amber),
            content,
            salt: hex(&[3; 16]),
        };
        let entry = key.sign("i", *tip, stamp, body).unwrap();
        *tip = Tip { sequence: entry.header.sequence, hash: entry.header.hash().unwrap() };
        entry
    }

    /// Two sites write at once, one of them with a clock that is a day ahead.
    fn entries() -> Vec<Entry> {
        let keys = [JournalKey::of(b"one"), JournalKey::of(b"two")];
        let mut tips = [Tip::default(); 2];
        let day = 86_400_000_000;
        let person = |name: &str, holds| {
            let (role, party) = (Role::Coordinator, String::new());
            Content::from(RoleMoved { role, person: name.into(), party, holds })
        };
        let moved = |status| Content::from(Moved { status, reason: String::new() });
        let opened = Opened {
            number: "X#2026-000001".into(),
            title: "t".into(),
            classification: "scanner".into(),
            severity: Severity::High,
        };
        let party = |status| Content::from(PartyMoved { party: "Net".into(), status, text: String::new() });
        let plan: [(usize, i64, Content); 8] = [
            (0, 1, opened.into()),
            (0, 2, person("anna", true)),
            (1, day + 2, person("ben", true)),
            (0, 3, moved(Status::Waiting)),
            (1, day + 3, moved(Status::Closed)),
            (0, 4, party(PartyStatus::Told)),
            (1, day + 4, person("anna", false)),
            (0, 5, Note { text: "x".into() }.into()),
        ];
        let write = |(site, at, content): (usize, i64, Content)| {
            write(&keys[site], &mut tips[site], Stamp { time: Time(at), tick: 0 }, content)
        };
        plan.into_iter().map(write).collect()
    }

    /// INVARIANT: the same entries give the same state in whatever order, and however often, they come.
    #[test]
    fn any_order_gives_the_same_state() {
        let entries = entries();
        let want = Incident::fold(&entries);
        assert_eq!(
            (want.number.as_str(), want.status, want.severity),
            ("X#2026-000001", Status::Closed, Severity::High)
        );
        assert_eq!(want.roles[&Role::Coordinator].iter().collect::<Vec<_>>(), ["ben"]);
        assert_eq!(want.parties["Net"].status, PartyStatus::Told);
        let mut seed = 7usize;
        for _ in 0..200 {
            let mut mixed: Vec<&Entry> = entries.iter().collect();
            for at in (1..mixed.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                mixed.swap(at, (seed >> 33) % (at + 1));
            }
            mixed.push(&entries[seed % entries.len()]);
            assert_eq!(Incident::fold(mixed), want);
        }
    }

    /// INVARIANT: what a split moves shows elsewhere and nowhere else, whatever the order in which entries come;
    /// undone, everything is as it was.
    #[test]
    fn a_split_moves_entries_in_any_order_and_can_be_undone() {
        let before = entries();
        let want = Incident::fold(&before);
        let key = JournalKey::of(b"three");
        let (mut tip, places) = (Tip::default(), vec![place(&before[5].header)]);
        let split = |joined, entries| {
            Content::from(Joined {
                incident: "other".into(),
                as_what: "split-to".into(),
                joined,
                reason: "x".into(),
                entries,
            })
        };
        // It is written before the entry that it moves, by the clocks of both.
        let away = write(&key, &mut tip, Stamp { time: Time(1), tick: 1 }, split(true, places));
        let back = write(&key, &mut tip, Stamp { time: Time(9), tick: 0 }, split(false, Vec::new()));
        let moved: Vec<Entry> = before.iter().cloned().chain([away.clone()]).collect();
        let state = Incident::fold(&moved);
        assert_eq!((state.parties.len(), state.entries, want.parties.len()), (0, 9, 1));
        let mut seed = 3usize;
        for _ in 0..100 {
            let mut mixed: Vec<&Entry> = moved.iter().collect();
            for at in (1..mixed.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                mixed.swap(at, (seed >> 33) % (at + 1));
            }
            assert_eq!(Incident::fold(mixed), state);
        }
        let undone = Incident::fold(before.iter().chain([&away, &back]));
        assert_eq!(Incident { entries: want.entries, changed: want.changed, ..undone }, want);
    }

    /// INVARIANT: what two wrote under one name who did not see each other stays two things, in whatever order entries
    /// come; what was written before there were items is told apart by its name alone.
    #[test]
    fn what_has_one_name_and_two_items_is_two_things_in_any_order() {
        let keys = [JournalKey::of(b"one"), JournalKey::of(b"two")];
        let mut tips = [Tip::default(); 2];
        let finding = |name: &str, statement: &str, item: &str| {
            let (name, statement, item) = (name.into(), statement.into(), item.into());
            Content::from(Finding { name, statement, standing: Standing::Supported, item })
        };
        let shown = |item: &str, reason: &str| {
            let (finding, reason, item) = ("h1".into(), reason.into(), item.into());
            Content::from(Indicated { finding, observables: Vec::new(), reason, item })
        };
        let task = |title: &str, item: &str, done| {
            let (name, title, item) = ("t".into(), title.into(), item.into());
            Content::from(Task { name, title, role: None, person: String::new(), due: None, done, item })
        };
        let plan: [(usize, &str, Content); 10] = [
            (0, "anna", finding("h1", "of anna", "a")),
            (1, "ben", finding("h1", "of ben", "b")),
            (1, "ben", shown("b", "because of ben")),
            (0, "carla", finding("h1", "of anna, by carla", "a")),
            (0, "anna", task("of anna", "c", false)),
            (1, "ben", task("of ben", "d", false)),
            (0, "carla", task("of ben", "d", true)),
            (0, "anna", finding("old", "first", "")),
            (1, "ben", finding("old", "second", "")),
            (0, "anna", shown("a", "because of anna")),
        ];
        let entries: Vec<Entry> = (1..)
            .zip(plan)
            .map(|(at, (site, author, content))| {
                let mut entry = write(&keys[site], &mut tips[site], Stamp { time: Time(at), tick: 0 }, content);
                entry.body.as_mut().unwrap().author = author.into();
                entry
            })
            .collect();
        let want = Incident::fold(&entries);
        let said = |state: &Incident| -> Vec<(String, String)> {
            state.findings.iter().map(|(called, one)| (called.clone(), one.statement.clone())).collect()
        };
        let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter().map(|(called, one)| ((*called).to_owned(), (*one).to_owned())).collect()
        };
        assert_eq!(said(&want), pairs(&[("h1", "of anna, by carla"), ("h1 (ben)", "of ben"), ("old", "second")]));
        assert_eq!((want.tasks["t"].done, want.tasks["t (ben)"].done), (false, true));
        let reasons = |called: &str| want.indicated[called].0.reason.as_str();
        assert_eq!((reasons("h1"), reasons("h1 (ben)")), ("because of anna", "because of ben"));
        // Whoever does not see the first has the name for the other.
        let of_ben = Incident::fold(entries.iter().filter(|entry| entry.body.as_ref().unwrap().author == "ben"));
        assert_eq!(said(&of_ben), pairs(&[("h1", "of ben"), ("old", "second")]));
        assert_eq!(of_ben.indicated.keys().collect::<Vec<_>>(), ["h1"]);
        let mut seed = 11usize;
        for _ in 0..100 {
            let mut mixed: Vec<&Entry> = entries.iter().collect();
            for at in (1..mixed.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                mixed.swap(at, (seed >> 33) % (at + 1));
            }
            assert_eq!(Incident::fold(mixed), want);
        }
    }

    #[test]
    fn a_law_has_a_clock_for_each_party_and_one_that_begins_anew_keeps_the_one_before() {
        let mut incident = Incident::default();
        let start = |since: i64, party: &str, again: &str| {
            let (party, again) = (party.to_owned(), again.to_owned());
            ClockStarted { clock: "gdpr".into(), since, due: since + 72, party, again }
        };
        let met = |time: i64| (Some((time, "receipt".to_owned())), "entry:17".to_owned());
        let key = |party: &str| ("gdpr".to_owned(), party.to_owned());
        incident.start_clock(start(1, "", ""));
        incident.start_clock(start(2, "Net", ""));
        (incident.clocks.get_mut(&key("")).unwrap().met, incident.clocks.get_mut(&key("")).unwrap().points_to) = met(5);
        assert_eq!((incident.clocks[&key("")].is_running(), incident.clocks[&key("Net")].is_running()), (false, true));
        incident.start_clock(start(3, "", "more was taken"));
        let whole = &incident.clocks[&key("")];
        assert_eq!((whole.since, whole.again.as_str(), whole.is_running()), (3, "more was taken", true));
        assert_eq!(whole.before.len(), 1);
        assert_eq!((whole.before[0].since, whole.before[0].met.as_ref().unwrap().0), (1, 5));
        assert!(incident.clocks[&key("Net")].before.is_empty());
        assert_eq!((clock_name("gdpr", ""), clock_name("gdpr", "Net")), ("gdpr".into(), "gdpr of Net".into()));
        // What an older site wrote is met by what was reported since.
        incident.start_clock(start(2, "Net", ""));
        (incident.clocks.get_mut(&key("Net")).unwrap().met, _) = met(9);
        incident.start_clock(start(4, "Net", ""));
        assert!(!incident.clocks[&key("Net")].is_running());
    }

    #[test]
    fn only_what_a_party_can_say_of_itself_is_its_own_word() {
        let (key, mut tip, mut at) = (JournalKey::of(b"one"), Tip::default(), 0);
        let mut next = |content: Content| {
            at += 1;
            write(&key, &mut tip, Stamp { time: Time(at), tick: 0 }, content)
        };
        let (role, person, party) = (Role::AffectedParty, "anna".to_owned(), "Net".to_owned());
        let mut all = vec![next(RoleMoved { role, person, party: party.clone(), holds: true }.into())];
        for (status, want) in
            [(PartyStatus::Told, false), (PartyStatus::Contained, true), (PartyStatus::Verified, false)]
        {
            all.push(next(PartyMoved { party: party.clone(), status, text: String::new() }.into()));
            assert_eq!(Incident::fold(&all).parties["Net"].is_own_word, want, "{status:?}");
        }
    }

    /// INVARIANT: an incident whose opening was erased stands with its number, marking, type, severity and opener, whatever
    /// came between and in whatever order; by no other site's word, and no longer than the opening itself is gone.
    #[test]
    fn an_incident_stands_when_its_opening_was_erased() {
        let mut entries = entries();
        let whole = Incident::fold(&entries);
        let (key, site) = (JournalKey::of(b"one"), entries[0].header.site.to_string());
        let last = |entries: &[Entry]| {
            let last = entries.iter().rfind(|entry| entry.header.site == key.site()).unwrap();
            Tip { sequence: last.header.sequence, hash: last.header.hash().unwrap() }
        };
        let marking = Marking { parties: vec!["Net".into()], ..Marking::of(Tlp::AmberStrict) };
        let opening = Opening {
            site,
            sequence: 1,
            author: "zoe".into(),
            marking: marking.clone(),
            number: whole.number.clone(),
            classification: whole.classification.clone(),
            severity: whole.severity,
        };
        let stamp = Stamp { time: Time(9_000_000_000_000), tick: 0 };
        let forged = write(&JournalKey::of(b"two"), &mut Tip::default(), stamp, opening.clone().into());
        let mut tip = last(&entries);
        let stands = write(&key, &mut tip, stamp, opening.into());
        entries[0].body = None;
        let gone = Incident::fold(entries.iter().chain([&forged]));
        assert_eq!((gone.number.as_str(), gone.marking.clone()), ("", None));
        let state = Incident::fold(entries.iter().rev().chain([&stands]));
        assert_eq!(
            (state.title.as_str(), state.opener.as_str(), &state.marking),
            (TITLE_ERASED, "zoe", &Some(marking))
        );
        assert_eq!((&state.number, state.opened), (&whole.number, whole.opened));
        assert_eq!((state.status, state.severity, &state.roles), (whole.status, whole.severity, &whole.roles));
    }

    #[test]
    fn what_is_sealed_or_unknown_is_counted_and_changes_nothing() {
        let mut entries = entries();
        entries[4].body = None;
        entries[6].body.as_mut().unwrap().kind = "role/9".into();
        let state = Incident::fold(&entries);
        assert_eq!((state.entries, state.sealed, state.unknown), (8, 1, 1));
        assert_eq!((state.status, state.roles[&Role::Coordinator].len()), (Status::Waiting, 2));
        assert_eq!(state.open_duties(&BTreeSet::new()).count(), 9);
        // Both coordinators have gone, so nobody answers for it.
        let gone = BTreeSet::from(["anna".to_owned(), "ben".to_owned()]);
        assert_eq!(state.open_duties(&gone).next().unwrap().0, "coordinator");
        assert_eq!(state.roles_of("ben").collect::<Vec<_>>(), [Role::Coordinator]);
    }
}
