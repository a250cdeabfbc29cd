//! The next hop, proposed: what a host that an incident knows was seen to do since it was reached.
//!
//! A proposal is an entry, marked like what made the host known, so that it tells nobody of the host who
//! does not know of it. A person takes it up or not, with a reason.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use concert_model::access::{Action, BY_ITSELF, Circle, Object, Person, lets_out, may};
use concert_model::batch::Raw;
use concert_model::incident::content::{
    Content, EventLinked, LeftOut, ProposalAnswered, Proposed, Relation, Role, TIMES,
};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::Incident;
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{Event, Field, Problem, Time};
use concert_store::records::incidents::{self, Head};
use concert_store::records::{Change, keep_part, part};

use super::case::Case;
use super::caught::tell;
use super::read::CLOSED;
use super::write::{absent, wrong};
use super::{Ask, Incidents, Refused, text};

/// Proposals of an incident in a day; what is more is counted.
const PROPOSALS_OF_DAY: usize = 50;
/// Open incidents of one host that get proposals, the newest.
const INCIDENTS_OF_HOST: u32 = 20;
/// How sure a relation is that an event told, in percent, until somebody says otherwise.
const CERTAINTY: u8 = 50;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// What a known host was seen to do. The same flow is met once, whatever event told it.
#[derive(Clone, Debug)]
pub struct Met {
    host: Box<str>,
    to: String,
    port: u16,
    text: String,
    event: String,
    time: Time,
    tlp: Option<Tlp>,
}

impl Met {
    fn flow(&self) -> (&str, &str, u16, &str) {
        (&self.host, &self.to, self.port, &self.text)
    }

    /// What an event tells of a host.
    pub fn new(host: Box<str>, event: &Event<'_>) -> Self {
        let to = host_of(event, Field::DESTINATION_IP).or_else(|| host_of(event, Field::DESTINATION_FQDN));
        let port = event.int(Field::DESTINATION_PORT).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        let words = [Field::CLASSIFICATION_TYPE, Field::MALWARE_NAME].map(|field| event.text(field));
        let text: Vec<&str> = words.iter().flatten().map(AsRef::as_ref).collect();
        Self {
            host,
            to: to.map(String::from).unwrap_or_default(),
            port,
            text: super::text::plain_line(&text.join(", ")),
            event: event.row().id.to_string(),
            time: when(event),
            tlp: event.text(Field::TLP).and_then(|word| word.parse().ok()),
        }
    }
}

impl PartialEq for Met {
    fn eq(&self, other: &Self) -> bool {
        self.flow() == other.flow()
    }
}

impl Eq for Met {}

impl PartialOrd for Met {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Met {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.flow().cmp(&other.flow())
    }
}

/// The moment that counts for an event in an entry: when it happened, else when it was observed. What can be neither is
/// the mistake of a clock, and no journal holds it.
pub fn when(event: &Event<'_>) -> Time {
    let times = [Field::TIME_SOURCE, Field::TIME_OBSERVATION].map(|field| event.time(field));
    times.into_iter().flatten().find(|time| TIMES.contains(&time.0)).unwrap_or_default()
}

/// The host in a field, as entries name it.
pub fn host_of(event: &Event<'_>, field: Field) -> Option<Box<str>> {
    match event.raw(field)? {
        Raw::Ip(address) => Some(address.to_string().into()),
        Raw::Text(name) => Some(name.into()),
        _ => None,
    }
}

impl Incidents {
    /// Proposes what hosts of open incidents were seen to do, as part of a change.
    pub async fn propose(
        &self,
        change: &mut Change<'_>,
        now: Time,
        met: Vec<Met>,
        too_many: &HashMap<Box<str>, u64>,
        touched: &mut Vec<String>,
    ) -> Result<(), Problem> {
        let mut of_incident: Vec<(Head, Vec<Met>, u64)> = Vec::new();
        for some in met.chunk_by(|one, other| one.host == other.host) {
            let Some(host) = some.first().map(|one| &one.host) else { continue };
            let more = too_many.get(host).copied().unwrap_or(0);
            for head in self.with_host(change, host).await? {
                match of_incident.iter_mut().find(|(known, _, _)| known.id == head.id) {
                    Some((_, all, left)) => {
                        all.extend_from_slice(some);
                        *left += more;
                    }
                    None => of_incident.push((head, some.to_vec(), more)),
                }
            }
        }
        for (head, met, more) in of_incident {
            let mut part = part(change).await?;
            match self.propose_in(&mut part, now, &head, met, more).await {
                Ok(()) => {
                    keep_part(part).await?;
                    touched.push(head.id);
                }
                Err(refused) => tell(&head.number, refused)?,
            }
        }
        Ok(())
    }

    /// Incidents that go on and know a host, also of what was split off for them.
    async fn with_host(&self, change: &mut Change<'_>, host: &str) -> Result<Vec<Head>, Problem> {
        let mut all: Vec<Head> = Vec::new();
        for head in incidents::known_with(change, "host", host, text::JOINED, INCIDENTS_OF_HOST).await? {
            let case = self.case_in(change, &head.id).await?;
            for ((how, id), entries) in &case.head.split {
                let is_there = how == "split-to" && case.part(entries).iter().any(|kept| names(kept, host));
                if is_there && let Some(other) = incidents::named_in(change, id).await? {
                    all.push(other);
                }
            }
            all.push(head);
        }
        let mut seen = BTreeSet::new();
        all.retain(|head| head.status != CLOSED && seen.insert(head.id.clone()));
        Ok(all)
    }

    async fn propose_in(
        &self,
        change: &mut Change<'_>,
        now: Time,
        head: &Head,
        met: Vec<Met>,
        more: u64,
    ) -> Result<(), Refused> {
        let case = self.case_in(change, &head.id).await?;
        let itself = Person::operator(BY_ITSELF);
        let circle = self.circle(&case);
        // What is not committed yet must not be remembered.
        let is_committed = self.held().get(&case.id).is_some_and(|held| held.last == case.last);
        let state = match is_committed {
            true => self.states.of(&case, &circle, &itself),
            false => Arc::new(case.state_for(&circle, &itself)),
        };
        let (mut state, mut entries) = (state, Vec::from_iter(case.entries.iter().cloned()));
        if case.head.split.keys().any(|(how, _)| how == "split-from") {
            let together = self.together_in(change, &itself, &case).await?;
            state = Arc::new(together.seen(&itself, (&case, &circle)));
            entries.extend(together.parts());
        }
        let known = Known::of(&entries, &state, &met);
        let mut room = PROPOSALS_OF_DAY.saturating_sub(proposed_on(&case, now.day()));
        let (mut drafts, mut left) = (Vec::new(), more);
        for met in met.iter().filter(|met| known.is_news(met)) {
            let Some(marking) = known.marking(met, &case.head) else { continue };
            if room == 0 {
                left += 1;
                continue;
            }
            room -= 1;
            let Met { host, to, port, text, event, time, .. } = met.clone();
            let from = host.into();
            let (first_seen, last_seen) = (time.0, time.0);
            let proposed =
                Proposed { event, from, to, port, first_seen, last_seen, clock_error: 0, text, zone: String::new() };
            drafts.push(Draft { content: proposed.into(), marking: Some(marking), minutes: 0 });
        }
        if left > 0 {
            let day = now.date_text();
            let all = incidents::count_up(change, &format!("left out of {} on {day}", case.id), left).await?;
            // Told when it has doubled, so that a flood of events is no flood of entries.
            if all.ilog2() > (all - left).checked_ilog2().unwrap_or(0) || all == left {
                drafts.push(Draft { content: LeftOut { day, count: all }.into(), marking: None, minutes: 0 });
            }
        }
        match drafts.is_empty() {
            true => Ok(()),
            false => self.write_within(change, Ask::new(&itself, now), case, drafts).await,
        }
    }
}

/// Proposals that were made by themselves on a day.
fn proposed_on(case: &Case, day: i64) -> usize {
    let is_one = |kept: &&Arc<super::Kept>| {
        let by_itself = kept
            .body
            .as_ref()
            .is_some_and(|(body, content)| body.author == BY_ITSELF && matches!(content, Content::Proposed(_)));
        by_itself && kept.header.stamp.time.day() == day
    };
    case.entries.iter().filter(is_one).count()
}

/// What an incident knows of the hosts that were met.
struct Known<'i> {
    state: &'i Incident,
    /// When a host was reached first, in microseconds since 1970, as far as that is known.
    reached: HashMap<&'i str, i64>,
    /// How the most open of the entries is marked that name a host.
    markings: HashMap<&'i str, &'i Marking>,
    flows: BTreeSet<(&'i str, &'i str, u16)>,
    proposed: BTreeSet<(&'i str, &'i str, u16, &'i str)>,
}

/// The more open marking is the lesser.
pub(super) fn strictness(marking: &Marking) -> (bool, Tlp) {
    (!marking.compartment.is_empty(), marking.tlp)
}

impl<'i> Known<'i> {
    fn of(entries: &'i [Arc<super::Kept>], state: &'i Incident, met: &[Met]) -> Self {
        let hosts: BTreeSet<&str> = met.iter().map(|met| &*met.host).collect();
        let mut known = Self {
            state,
            reached: HashMap::new(),
            markings: HashMap::new(),
            flows: BTreeSet::new(),
            proposed: BTreeSet::new(),
        };
        for relation in &state.relations {
            if hosts.contains(relation.to.as_str()) {
                let since = relation.first_seen.saturating_sub(i64::from(relation.clock_error) * SECOND);
                let first = known.reached.entry(relation.to.as_str()).or_insert(since);
                *first = since.min(*first);
            }
            if hosts.contains(relation.from.as_str()) {
                known.flows.insert((&relation.from, &relation.to, relation.port));
            }
        }
        for proposed in state.proposals.values() {
            known.proposed.insert((&proposed.from, &proposed.to, proposed.port, &proposed.text));
        }
        for kept in entries {
            let Some((body, content)) = &kept.body else { continue };
            for host in hosts_in(content).into_iter().filter(|host| hosts.contains(host)) {
                let most_open = known.markings.entry(host).or_insert(&body.marking);
                if strictness(&body.marking) < strictness(most_open) {
                    *most_open = &body.marking;
                }
            }
        }
        known
    }

    /// Whether it was seen since the host was reached, and nobody knows of it yet.
    fn is_news(&self, met: &Met) -> bool {
        let Met { host, to, port, text, time, .. } = met;
        let is_known = self.state.found.contains_key(&**host) || self.state.hosts.contains_key(&**host);
        is_known
            && self.reached.get(&**host).is_none_or(|reached| time.0 >= *reached)
            && !self.flows.contains(&(&**host, to.as_str(), *port))
            && !self.proposed.contains(&(&**host, to.as_str(), *port, text.as_str()))
    }

    /// As strict as the event, and as what made the host known. It names a neighbour, so it is for no party, and at
    /// least AMBER: whoever takes it up may say that it is for more.
    fn marking(&self, met: &Met, head: &Incident) -> Option<Marking> {
        let mut marking = Marking::clone(self.markings.get(&*met.host)?);
        marking.parties.clear();
        let tlp = met.tlp.unwrap_or(Tlp::Clear).max(Tlp::Amber);
        if tlp > marking.tlp {
            marking.tlp = tlp;
            if tlp == Tlp::Red {
                marking.persons = head.roles.get(&Role::Coordinator).into_iter().flatten().cloned().collect();
            }
        }
        Some(marking)
    }
}

/// The hosts that an entry names as such.
fn hosts_in(content: &Content) -> [&str; 2] {
    match content {
        Content::Relation(relation) => [&relation.from, &relation.to],
        Content::HostHeld(held) => [&held.host, ""],
        _ => ["", ""],
    }
}

fn names(kept: &super::Kept, host: &str) -> bool {
    kept.body.as_ref().is_some_and(|(_, content)| hosts_in(content).contains(&host))
}

/// The events by which proposals are called, where all of these answer one.
pub(super) fn all_answered(drafts: &[Draft]) -> Option<Vec<String>> {
    let event = |draft: &Draft| match &draft.content {
        Content::ProposalAnswered(answer) => Some(answer.event.clone()),
        _ => None,
    };
    drafts.iter().map(event).collect::<Option<Vec<String>>>().filter(|events| !events.is_empty())
}

/// Whether an incident has these proposals.
pub(super) fn has(state: &Incident, events: &[String]) -> bool {
    events.iter().all(|event| state.proposals.contains_key(event))
}

/// What is written when a proposal is answered: the answer, and the flow and the event where it is taken up. They are
/// marked like the proposal; whoever may let nothing out of the incident writes them for those within it alone.
pub(super) fn answered(
    person: &Person,
    (case, circle): (&Case, &Circle),
    state: &Incident,
    answer: ProposalAnswered,
    minutes: u32,
) -> Result<Vec<Draft>, Refused> {
    let proposed = state.proposals.get(&answer.event).ok_or_else(|| absent("there is no such proposal"))?;
    if let Some(accepted) = state.answered.get(&answer.event) {
        return Err(wrong(format!("it was {} already", if *accepted { "accepted" } else { "rejected" })));
    }
    if answer.reason.trim().is_empty() {
        return Err(wrong("`reason` is empty"));
    }
    let mut marking = marking_of(case, &answer.event);
    let may_release = || may(person, Action::Release, Object::Incident(circle)).allowed;
    if let Some(marking) = marking.as_mut().filter(|marking| lets_out(person, circle, marking) && !may_release()) {
        marking.parties.clear();
    }
    let mut contents: Vec<Content> = Vec::new();
    if answer.accepted && !proposed.to.is_empty() {
        let (evidence, line) = line_of(&answer.event);
        let Proposed { from, to, port, first_seen, last_seen, clock_error, text, zone, .. } = proposed.clone();
        let flow = Relation {
            from,
            to,
            first_seen,
            last_seen,
            clock_error,
            port,
            technique: text,
            certainty: CERTAINTY,
            zone,
            evidence,
            line,
        };
        contents.push(flow.into());
    }
    if answer.accepted && !answer.event.contains(':') {
        contents.push(EventLinked { event: answer.event.clone(), linked: true }.into());
    }
    let first = Draft { content: answer.into(), marking: marking.clone(), minutes };
    let rest = contents.into_iter().map(|content| Draft { content, marking: marking.clone(), minutes: 0 });
    Ok(std::iter::once(first).chain(rest).collect())
}

/// The evidence and the line by which a proposal is called, `SHA-256:line`; nothing where an event made it.
pub(super) fn line_of(name: &str) -> (String, u64) {
    let Some((sha256, line)) = name.split_once(':') else { return Default::default() };
    // Of several flows in one line all but the first are called `line.2` and so on.
    let line = line.split('.').next().and_then(|line| line.parse().ok());
    (sha256.to_owned(), line.unwrap_or(0))
}

/// How the newest entry is marked that proposed it.
fn marking_of(case: &Case, event: &str) -> Option<Marking> {
    let is_it = |kept: &&Arc<super::Kept>| matches!(&kept.body, Some((_, Content::Proposed(proposed))) if proposed.event == event);
    case.entries.iter().rev().find(is_it).and_then(|kept| kept.marking().cloned())
}
