//! What an entry names is there: users, events, notices, parties, tasks, clocks, evidence, findings, hosts; and whom
//! its marking names. It is long because each of them is looked up and told in its own way.
//!
//! Users, events, notices and the contact book are asked once for all entries that are written together, before
//! anything is written. What the incident itself knows is asked entry by entry, so that one may name what the one
//! before it brought. Whoever may not see a thing is told that it is not there, and no hint names it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use concert_model::access::{Action, Circle, Kept, Object, Person, lacks_scope, may};
use concert_model::incident::clock::Catalogue;
use concert_model::incident::content::{ClockMet, ClockStarted, Content, Finding, RoleMoved, Task};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::{Exhibit, Incident, Letter, clock_name, place};
use concert_model::incident::marking::Marking;
use concert_model::problem::{meant, nearest};
use concert_model::{EventId, Problem, Time, User};
use concert_store::events::read::Bounds;
use concert_store::records::Parties;
use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

use super::case::Case;
use super::evidence::aside;
use super::{Incidents, Refused, proof};
use crate::clocks;
use crate::drive::is_of_incidents;
use crate::reach::Reach;

/// Requests that read event files at the same time, to look whether events are there.
static READING: Semaphore = Semaphore::const_new(2);
/// Names told where one is wrong and none is like it.
const NAMES_SHOWN: usize = 10;

/// What entries name outside of their incident.
#[derive(Default)]
struct Names<'d> {
    users: BTreeSet<&'d str>,
    parties: BTreeSet<&'d str>,
    events: BTreeSet<&'d str>,
    notices: BTreeSet<&'d str>,
}

impl<'d> Names<'d> {
    fn of(drafts: &'d [Draft]) -> Self {
        let mut names = Self::default();
        for draft in drafts {
            names.add(&draft.content);
            draft.marking.iter().for_each(|marking| names.add_readers(marking));
        }
        names.parties.remove("");
        names.users.remove("");
        names
    }

    fn add_readers(&mut self, marking: &'d Marking) {
        self.users.extend(marking.persons.iter().map(String::as_str));
        self.parties.extend(marking.parties.iter().map(String::as_str));
    }

    fn add(&mut self, content: &'d Content) {
        match content {
            Content::Marked(marked) => self.add_readers(&marked.marking),
            Content::Release(release) => drop(self.parties.insert(&release.party)),
            Content::RoleMoved(moved) if moved.holds => {
                self.users.insert(&moved.person);
                self.parties.insert(&moved.party);
            }
            Content::Task(task) => drop(self.users.insert(&task.person)),
            Content::HostHeld(held) => drop(self.parties.insert(&held.party)),
            Content::TellingHeld(held) => drop(self.parties.insert(&held.party)),
            Content::TellingOrdered(order) => self.parties.extend(order.parties.iter().map(String::as_str)),
            Content::Effort(effort) => {
                self.users.insert(&effort.person);
                self.parties.insert(&effort.party);
            }
            Content::NeighbourNamed(named) => drop(self.parties.insert(&named.party)),
            Content::MessageKept(message) => {
                self.parties.insert(&message.party);
                self.notices.insert(&message.notice);
            }
            Content::EventLinked(link) if link.linked => drop(self.events.insert(&link.event)),
            Content::EventsLinked(linked) => self.events.extend(linked.events.iter().map(String::as_str)),
            Content::Proposed(proposed) if !proposed.event.contains(':') => {
                self.events.insert(&proposed.event);
            }
            Content::NoticeLinked(link) if link.linked => drop(self.notices.insert(&link.notice)),
            Content::ClockStarted(clock) => drop(self.parties.insert(&clock.party)),
            Content::Started(started) => drop(self.parties.insert(&started.party)),
            Content::ClockMet(met) => self.notices.extend(met.points_to.strip_prefix("notice:")),
            _ => {}
        }
    }
}

/// Kinds of entries of the incident that tell which parties have to do with it.
const OF_PARTIES: &[&str] = &["party/1", "host/1", "role/1"];

/// Kinds of entries of the incident that tell whether what an entry names is there, and whom it is for.
fn asks_of(draft: &Draft) -> impl Iterator<Item = &'static str> {
    let names_parties = |marking: &Marking| !marking.parties.is_empty();
    let is_for_parties = draft.marking.as_ref().is_some_and(names_parties)
        || matches!(&draft.content, Content::Marked(marked) if names_parties(&marked.marking));
    let readers: &[&str] = if is_for_parties { OF_PARTIES } else { &[] };
    asks(&draft.content).iter().chain(readers).copied()
}

/// Kinds of entries of the incident that tell whether what an entry names is there.
fn asks(content: &Content) -> &'static [&'static str] {
    match content {
        Content::Task(_) => &["task/1"],
        Content::RoleMoved(_)
        | Content::HostHeld(_)
        | Content::TellingHeld(_)
        | Content::TellingOrdered(_)
        | Content::Effort(_)
        | Content::Release(_)
        | Content::Started(_)
        | Content::MessageKept(_) => OF_PARTIES,
        Content::NeighbourNamed(_) => &["party/1", "host/1", "role/1", "relation/1"],
        Content::EventLinked(_) => &["event/1", "events/1", "proposed/1"],
        Content::NoticeLinked(_) => &["notice/1"],
        Content::ClockStarted(_) => &["clock/1", "clock-met/1", "party/1", "host/1", "role/1"],
        Content::ClockMet(met) if met.points_to.is_empty() => &["clock/1", "clock-met/1"],
        Content::ClockMet(_) => &["clock/1", "clock-met/1", "message/1", "notice/1", "evidence/1", "custody/1"],
        Content::Happened(_) | Content::Proposed(_) => &["evidence/1", "custody/1"],
        Content::Relation(relation) if relation.evidence.is_empty() => &[],
        Content::Relation(_) => &["evidence/1", "custody/1"],
        Content::Indicated(_) => &["finding/1"],
        _ => &[],
    }
}

/// What is there outside of an incident, of what some entries name and as far as a person may see it.
#[derive(Default)]
pub(super) struct Outside {
    /// Users, where entries name some; nothing as long as the site has none, and names are taken as they are.
    users: Option<Vec<User>>,
    /// Parties of the contact book.
    parties: BTreeSet<String>,
    /// All of it, where a party is not there.
    book: Vec<String>,
    events: BTreeSet<String>,
    notices: BTreeSet<String>,
    /// The catalogue of clocks, where entries start some.
    clocks: Catalogue,
    /// The zone of the site, by which they are counted; nothing for UTC.
    zone: Option<TimeZone>,
    /// The incident with what others show in it, where they do.
    joint: Option<Arc<Incident>>,
}

impl Outside {
    /// With events that were looked up already.
    pub(super) fn with_events(mut self, events: &[String]) -> Self {
        self.events.extend(events.iter().cloned());
        self
    }

    /// The incident with what others show in it, where they do and entries name something in it.
    pub(super) fn joint(&self) -> Option<&Incident> {
        self.joint.as_deref()
    }

    /// A clock with the time until which it runs, as its law says.
    fn started(&self, clock: &str, since: i64) -> Result<ClockStarted, Problem> {
        clocks::started(&self.clocks, self.zone.as_ref().unwrap_or(&TimeZone::UTC), clock, Time(since))
    }

    /// Clocks of whose end nothing is said get the one that their law says.
    pub(super) fn ending_clocks(&self, drafts: &mut [Draft]) {
        for draft in drafts {
            if let Content::ClockStarted(clock) = &mut draft.content
                && clock.due == 0
                && let Ok(right) = self.started(&clock.clock, clock.since)
            {
                clock.due = right.due;
            }
        }
    }
}

impl Incidents {
    /// Looks up what entries name that a person wants to write, into this incident or a new one.
    pub(super) async fn outside(
        &self,
        person: &Person,
        incident: Option<&str>,
        drafts: &[Draft],
    ) -> Result<Outside, Refused> {
        let names = Names::of(drafts);
        let mut outside = Outside::default();
        if !names.users.is_empty() && self.store.records.has_users().await? {
            outside.users = Some(self.store.records.users().await?);
        }
        self.parties_there(person, &names, &mut outside).await?;
        if drafts.iter().any(|draft| matches!(draft.content, Content::ClockStarted(_))) {
            outside.clocks = self.clocks_there().await?;
            outside.zone.clone_from(&self.zone);
        }
        outside.events = self.events_there(person, &names.events).await?;
        if !names.notices.is_empty()
            && let Ok(reach) = self.reach(person, Kept::Notices)
        {
            let ids: Vec<&str> = names.notices.iter().copied().collect();
            let there = self.store.records.notices_there(&ids).await?;
            let seen = there.into_iter().filter(|notice| !is_of_incidents(&notice.name) && reach.has_notice(notice));
            outside.notices = seen.map(|notice| notice.id).collect();
        }
        if let Some(name) = incident.filter(|_| drafts.iter().any(|draft| asks_of(draft).next().is_some())) {
            outside.joint = match self.find(person, name).await {
                Ok((case, circle)) if !case.head.joined.is_empty() => Some(self.joint(person, (&case, &circle)).await?),
                // Whether it may be seen at all is said where it is written.
                Ok(_) | Err(Refused::Missing) => None,
                Err(refused) => return Err(refused),
            };
        }
        Ok(outside)
    }

    /// Whether whom a marking names is there, of something that is written where it is made: evidence, a message, a new
    /// incident. `parties` take part from the beginning.
    pub(super) async fn readers_there(
        &self,
        person: &Person,
        incident: Option<&str>,
        marking: Option<&Marking>,
        parties: &[&str],
    ) -> Result<(), Refused> {
        let Some(marking) = marking.filter(|marking| !marking.persons.is_empty() || !marking.parties.is_empty()) else {
            return Ok(());
        };
        let mut named = marking.clone();
        named.parties.retain(|party| !parties.contains(&party.as_str()));
        let draft = Draft { content: Content::Unknown, marking: Some(named), minutes: 0 };
        let (case, circle) = match incident {
            Some(name) => self.find(person, name).await?,
            None => (Arc::new(Case::new("", Vec::new())), Circle::default()),
        };
        let right = match incident {
            Some(_) => may(person, Action::Conduct, Object::Incident(&circle)),
            None => may(person, Action::Open, Object::Site),
        };
        // Who may not write it is told so, and nothing of who there is.
        if !right.allowed {
            return Ok(());
        }
        let outside = Box::pin(self.outside(person, incident, std::slice::from_ref(&draft))).await?;
        Check::new(self, &outside, person, &case, std::slice::from_ref(&draft)).check(&circle, &draft)
    }

    /// Whether a person may see a party of the contact book.
    pub(super) fn sees_party(&self, person: &Person, party: &str) -> bool {
        self.reach(person, Kept::Contacts).is_ok_and(|reach| reach.has(party))
    }

    pub(super) fn reach(&self, person: &Person, kept: Kept) -> Result<Reach, concert_model::access::Decision> {
        Reach::of(person, kept, self.constituents.parties().iter().chain(self.teams.parties()))
    }

    /// Clocks of laws that the site goes by.
    async fn clocks_there(&self) -> Result<Catalogue, Refused> {
        let Some(dir) = self.dir.clone() else { return Ok(Catalogue::shipped()) };
        aside(move || clocks::catalogue(&dir)).await?.map_err(|problems| {
            let broken = || Problem::new(format!("{} cannot be read", clocks::FILE));
            Refused::Failed(problems.into_iter().next().unwrap_or_else(broken))
        })
    }

    async fn parties_there(&self, person: &Person, names: &Names<'_>, outside: &mut Outside) -> Result<(), Refused> {
        if names.parties.is_empty() {
            return Ok(());
        }
        let wanted: Vec<&str> = names.parties.iter().copied().collect();
        let records = &self.store.records;
        let mut found = Vec::new();
        for which in Parties::ALL {
            found.extend(records.parties_named(which, &wanted).await?);
        }
        // Asked of what was just read: parties may have been imported since the site was opened.
        if let Ok(reach) = Reach::of(person, Kept::Contacts, found.iter()) {
            outside.parties = found.into_iter().map(|party| party.name).filter(|name| reach.has(name)).collect();
        }
        if outside.parties.len() < wanted.len() {
            let mut all = Vec::new();
            for which in Parties::ALL {
                all.extend(records.parties(which).await?);
            }
            if let Ok(reach) = Reach::of(person, Kept::Contacts, all.iter()) {
                outside.book = all.into_iter().map(|party| party.name).filter(|name| reach.has(name)).collect();
            }
        }
        Ok(())
    }

    /// Which of these events the store has, as far as a person may see them. All are looked for together, the
    /// newest first, until the last of them is found.
    async fn events_there(&self, person: &Person, names: &BTreeSet<&str>) -> Result<BTreeSet<String>, Refused> {
        let wanted: HashSet<EventId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let Ok(reach) = self.reach(person, Kept::Events) else { return Ok(BTreeSet::new()) };
        if wanted.is_empty() {
            return Ok(BTreeSet::new());
        }
        let turn = READING.acquire().await.map_err(|error| Problem::new(error.to_string()))?;
        let (store, handle) = (self.store.clone(), tokio::runtime::Handle::current());
        let reading = aside(move || {
            let bounds = Bounds { events: Some(wanted.clone()), ..Bounds::default() };
            let (mut left, mut seen) = (wanted, BTreeSet::new());
            handle.block_on(store.scan(&bounds, 0, &mut |page| {
                for stored in page.iter() {
                    if left.remove(&stored.event.row().id) && reach.has_event(&stored.event) {
                        seen.insert(stored.event.row().id.to_string());
                    }
                }
                !left.is_empty()
            }))?;
            Ok::<_, Problem>(seen)
        });
        let seen = reading.await??;
        drop(turn);
        Ok(seen)
    }
}

/// What a person may name in one incident at this moment.
pub(super) struct Check<'a> {
    incidents: &'a Incidents,
    outside: &'a Outside,
    person: &'a Person,
    kinds: BTreeSet<&'static str>,
    state: Box<Incident>,
}

impl<'a> Check<'a> {
    /// Reads what these entries are checked against from those that the person sees.
    pub(super) fn new(
        incidents: &'a Incidents,
        outside: &'a Outside,
        person: &'a Person,
        case: &Case,
        drafts: &[Draft],
    ) -> Self {
        let kinds: BTreeSet<&'static str> = drafts.iter().flat_map(asks_of).collect();
        let mut check = Self { incidents, outside, person, kinds, state: Box::default() };
        if check.kinds.is_empty() {
            return check;
        }
        let (circle, moved) = (incidents.circle(case), case.head.moved());
        for kept in case.entries.iter() {
            let is_one = kept.body.as_ref().is_some_and(|(body, _)| check.kinds.contains(body.kind.as_str()));
            if is_one && case.shows(&circle, person, kept) && !moved.contains(&place(&kept.header)) {
                check.state.apply(&kept.header, kept.said());
            }
        }
        if let Some(joint) = &outside.joint {
            check.state.include(Incident::clone(joint), "");
        }
        check
    }

    /// Takes up the entries that were written after one.
    pub(super) fn take(&mut self, case: &Case, before: u64) {
        let came = case.entries.iter().rev().take_while(|kept| kept.seq > before);
        let is_one = |kept: &&Arc<super::Kept>| {
            kept.body.as_ref().is_some_and(|(body, _)| self.kinds.contains(body.kind.as_str()))
        };
        let came: Vec<Arc<super::Kept>> = came.filter(is_one).cloned().collect();
        for kept in came.iter().rev() {
            self.state.apply(&kept.header, kept.said());
        }
    }

    /// Whether whom an entry is for is there, and what it names.
    pub(super) fn check(&self, circle: &Circle, draft: &Draft) -> Result<(), Refused> {
        if let Some(marking) = &draft.marking {
            self.readers(circle, marking)?;
        }
        self.named(circle, &draft.content)
    }

    /// Whom the incident is for already may have left meanwhile.
    fn readers(&self, circle: &Circle, marking: &Marking) -> Result<(), Refused> {
        let (persons, parties) =
            circle.marking.as_ref().map_or((&[][..], &[][..]), |of| (&of.persons[..], &of.parties[..]));
        let new = marking.persons.iter().filter(|person| !persons.contains(person));
        new.into_iter().try_for_each(|person| self.user("`persons` of the marking", circle, person))?;
        let new = marking.parties.iter().filter(|party| !parties.contains(party));
        new.into_iter().try_for_each(|party| self.party("`parties` of the marking", party))
    }

    fn named(&self, circle: &Circle, content: &Content) -> Result<(), Refused> {
        match content {
            Content::Marked(marked) => self.readers(circle, &marked.marking),
            Content::Release(release) => self.party("`party` of release/1", &release.party),
            Content::RoleMoved(moved) => self.role(circle, moved),
            Content::Task(task) => self.task(circle, task),
            // Without a party it takes back whose a host is, and says nothing of one that is nobody's.
            Content::HostHeld(held) if held.party.is_empty() && !self.state.hosts.contains_key(&held.host) => {
                let problem = Problem::new(format!("`party` of host/1 is empty, and {} is nobody's here", held.host));
                Err(Refused::Wrong(problem.hint(
                    "name the party that it belongs to; of a host whose owner is not known an observable or a flow tells",
                )))
            }
            Content::HostHeld(held) => self.party("`party` of host/1", &held.party),
            Content::TellingHeld(held) => self.party("`party` of hold/1", &held.party),
            Content::TellingOrdered(order) => {
                order.parties.iter().try_for_each(|party| self.party("`parties` of order/1", party))
            }
            Content::Effort(effort) => {
                self.spender(circle, &effort.person)?;
                self.party("`party` of effort/1", &effort.party)
            }
            Content::MessageKept(message) => {
                self.party("`party` of message/1", &message.party)?;
                if message.notice.is_empty() { Ok(()) } else { self.notice("`notice` of message/1", &message.notice) }
            }
            Content::NeighbourNamed(named) => {
                self.host("`host` of neighbour/1", &named.host)?;
                self.party("`party` of neighbour/1", &named.party)
            }
            Content::EventLinked(link) if link.linked => self.event("`event` of event/1", &link.event),
            Content::EventLinked(link) => {
                is_linked("`event` of event/1", &link.event, self.state.events.contains(&link.event))
            }
            Content::EventsLinked(linked) => {
                linked.events.iter().try_for_each(|event| self.event("`events` of events/1", event))
            }
            Content::Proposed(proposed) => match proposed.event.split_once(':') {
                Some((sha256, _)) => self.evidence("`event` of proposed/1", sha256, false),
                None => self.event("`event` of proposed/1", &proposed.event),
            },
            Content::NoticeLinked(link) if link.linked => self.notice("`notice` of notice/1", &link.notice),
            Content::NoticeLinked(link) => {
                is_linked("`notice` of notice/1", &link.notice, self.state.notices.contains(&link.notice))
            }
            Content::Started(started) => self.party("`party` of process/1", &started.party),
            Content::ClockStarted(clock) => {
                self.party("`party` of clock/1", &clock.party)?;
                self.clock_right(clock)?;
                self.clock_anew(clock)
            }
            Content::ClockMet(met) => {
                self.clock(met)?;
                self.clock_met(met)?;
                self.pointed("`points_to` of clock-met/1", &met.points_to)
            }
            Content::Happened(happened) => self.line("happened/1", (&happened.evidence, happened.line), false),
            // What was proposed from evidence may be taken up when that is gone: it was there.
            Content::Relation(relation) => self.line("relation/1", (&relation.evidence, relation.line), true),
            Content::Indicated(shown) => {
                let is_it = |finding: &Finding| (&finding.name, &finding.item) == (&shown.finding, &shown.item);
                if self.state.findings.values().any(is_it) {
                    return Ok(());
                }
                Err(Refused::Absent(unknown(
                    "`finding` of indicators/1",
                    format!("there is no finding `{}`", shown.finding),
                    &shown.finding,
                    self.state.findings.keys().map(String::as_str),
                    "findings",
                )))
            }
            _ => Ok(()),
        }
    }

    fn role(&self, circle: &Circle, moved: &RoleMoved) -> Result<(), Refused> {
        if moved.holds {
            self.user("`person` of role/1", circle, &moved.person)?;
            return self.party("`party` of role/1", &moved.party);
        }
        let (state, person) = (&self.state, &moved.person);
        let holders = match moved.party.as_str() {
            "" => state.roles.get(&moved.role),
            party => state.speakers.get(party),
        };
        if holders.is_some_and(|holders| holders.contains(person)) {
            return Ok(());
        }
        let what = match moved.party.as_str() {
            "" => format!("{person} does not hold the role {}", moved.role.word()),
            party => format!("{person} does not speak for {party}"),
        };
        // The user may well be there: what is not is that it holds the role.
        let known = holders.into_iter().flatten().map(String::as_str);
        Err(Refused::Wrong(unknown("`person` of role/1", what, person, known, "those who do")))
    }

    fn task(&self, circle: &Circle, task: &Task) -> Result<(), Refused> {
        let is_it = |before: &&Task| (&before.name, &before.item) == (&task.name, &task.item);
        let before = self.state.tasks.values().find(is_it);
        if task.done && before.is_none() {
            let what = format!("there is no task `{}` that could be done", task.name);
            let known = self.state.tasks.keys().map(String::as_str);
            return Err(Refused::Absent(unknown("`name` of task/1", what, &task.name, known, "tasks")));
        }
        // Whoever has it already may have left meanwhile.
        match task.person.is_empty() || before.is_some_and(|before| before.person == task.person) {
            true => Ok(()),
            false => self.user("`person` of task/1", circle, &task.person),
        }
    }

    fn user(&self, member: &str, circle: &Circle, name: &str) -> Result<(), Refused> {
        let Some(users) = &self.outside.users else { return Ok(()) };
        let found = users.iter().find(|user| user.name == name);
        if name == self.person.name || found.is_some_and(|user| !user.disabled) {
            return Ok(());
        }
        let manages = may(self.person, Action::ManageUsers, Object::Site).allowed;
        if found.is_some() && manages {
            let problem = Problem::new(format!("{member}: the user {name} is disabled"));
            return Err(Refused::Wrong(problem.hint(format!("`concert user enable {name}` lets it in again"))));
        }
        // Whoever may ask who sees the incident learns the names of those who do.
        let asks = may(self.person, Action::AskWho, Object::Incident(circle)).allowed;
        let sees = |user: &User| {
            let other = self.incidents.forbids.on(user.person());
            may(&other, Action::See, Object::Incident(circle)).allowed
        };
        let is_told = |user: &&User| !user.disabled && (manages || asks && sees(user));
        let known = users.iter().filter(is_told).map(|user| user.name.as_str());
        let what = format!("there is no user `{name}`");
        Err(Refused::Absent(unknown(member, what, name, known, "users who see the incident")))
    }

    /// Whose time was spent: also a user who has left meanwhile, and nobody where that is not said.
    fn spender(&self, circle: &Circle, name: &str) -> Result<(), Refused> {
        let is_user = self.outside.users.as_ref().is_some_and(|users| users.iter().any(|user| user.name == name));
        if name.is_empty() || is_user { Ok(()) } else { self.user("`person` of effort/1", circle, name) }
    }

    /// A party of the incident, or of the contact book; nobody is always there.
    fn party(&self, member: &str, name: &str) -> Result<(), Refused> {
        let state = &self.state;
        let is_here = state.parties.contains_key(name)
            || state.speakers.contains_key(name)
            || state.hosts.values().any(|owner| owner == name);
        if name.is_empty() || is_here || self.outside.parties.contains(name) {
            return Ok(());
        }
        let known = state.parties.keys().chain(&self.outside.book).map(String::as_str);
        let problem = Problem::new(format!("{member}: there is no party `{name}`"));
        Err(Refused::Absent(problem.hint(match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                self.scoped(Kept::Contacts)?;
                "an entry of the kind `party` makes it take part; `concert contact list` shows the contact book".into()
            }
        })))
    }

    fn host(&self, member: &str, host: &str) -> Result<(), Refused> {
        let known: BTreeMap<&str, ()> =
            self.state.found.keys().chain(self.state.hosts.keys()).map(|host| (host.as_str(), ())).collect();
        match known.contains_key(host) {
            true => Ok(()),
            false => {
                let what = format!("there is no host `{host}` in it");
                Err(Refused::Absent(unknown(member, what, host, known.keys().copied(), "hosts")))
            }
        }
    }

    /// A token that does not read these is told so, instead of that nothing is there.
    fn scoped(&self, kept: Kept) -> Result<(), Refused> {
        lacks_scope(self.person, Action::SeeSite(kept)).map_or(Ok(()), |decision| Err(Refused::Denied(decision)))
    }

    fn event(&self, member: &str, event: &str) -> Result<(), Refused> {
        // Of one that was proposed the person has read.
        let (state, outside) = (&self.state, &self.outside);
        let is_there = state.events.contains(event) || state.proposals.contains_key(event);
        if is_there || outside.events.contains(event) {
            return Ok(());
        }
        self.scoped(Kept::Events)?;
        let problem = Problem::new(format!("{member}: there is no event `{event}`"));
        Err(Refused::Absent(problem.hint("`concert events --limit 5` shows `event.id` of events")))
    }

    fn notice(&self, member: &str, notice: &str) -> Result<(), Refused> {
        if self.state.notices.contains(notice) || self.outside.notices.contains(notice) {
            return Ok(());
        }
        self.scoped(Kept::Notices)?;
        let problem = Problem::new(format!("{member}: there is no notice `{notice}`"));
        Err(Refused::Absent(problem.hint("`concert notice list` shows them; messages of incidents are none")))
    }

    fn clock_known(&self, clock: &str) -> Result<(), Refused> {
        let names: Vec<&str> = self.outside.clocks.0.keys().map(String::as_str).collect();
        if names.contains(&clock) {
            return Ok(());
        }
        let problem = Problem::new(format!("`clock` of clock/1: there is no clock `{clock}` in the catalogue"));
        let otherwise = format!("clocks: {}; those of your own stand in clocks.toml", names.join(", "));
        Err(Refused::Wrong(problem.hint(meant(clock, names, otherwise))))
    }

    /// A clock applies since when it is said to run, and ends as its law says.
    fn clock_right(&self, clock: &ClockStarted) -> Result<(), Refused> {
        self.clock_known(&clock.clock)?;
        let right = self.outside.started(&clock.clock, clock.since).map_err(Refused::Wrong)?;
        if right.due == clock.due {
            return Ok(());
        }
        let problem = Problem::new(format!("`due` of clock/1: `{}` is due at {}", clock.clock, Time(right.due)));
        Err(Refused::Wrong(problem.hint("leave `due` out: it is counted as the law says")))
    }

    /// A clock that was started takes a reason to begin anew: what it said until now would be lost from view.
    fn clock_anew(&self, clock: &ClockStarted) -> Result<(), Refused> {
        let key = (clock.clock.clone(), clock.party.clone());
        let Some(known) = self.state.clocks.get(&key).filter(|known| known.due != 0 && clock.again.trim().is_empty())
        else {
            return Ok(());
        };
        let how = match &known.met {
            Some((time, _)) => format!("was met at {}", Time(*time)),
            None => format!("runs since {}, until {}", Time(known.since), Time(known.due)),
        };
        let what = format!("`clock` of clock/1: `{}` {how}", clock_name(&clock.clock, &clock.party));
        let hint = "say in `again` why it begins anew (`--again REASON`), or for which `party` another one runs";
        Err(Refused::Wrong(Problem::new(what).hint(hint)))
    }

    /// A clock is not met before it began.
    fn clock_met(&self, met: &ClockMet) -> Result<(), Refused> {
        let key = (met.clock.clone(), met.party.clone());
        match self.state.clocks.get(&key).filter(|clock| met.time < clock.since) {
            None => Ok(()),
            Some(clock) => {
                let name = clock_name(&met.clock, &met.party);
                let what = format!("`time` of clock-met/1: `{name}` runs since {}", Time(clock.since));
                Err(Refused::Wrong(Problem::new(what).hint("say when it was met after that")))
            }
        }
    }

    /// What proves something is there. Of an entry that was asked where its number was read.
    fn pointed(&self, member: &str, to: &str) -> Result<(), Refused> {
        match to.split_once(':') {
            _ if to.is_empty() => Ok(()),
            Some(("entry", _)) => Ok(()),
            Some(("notice", notice)) => {
                let is_message = self.state.messages.iter().any(|letter| letter.message.notice == notice);
                if is_message { Ok(()) } else { self.notice(member, notice) }
            }
            Some(("mail", mail)) => {
                let is_here =
                    |letter: &Arc<Letter>| letter.message.mail != 0 && letter.message.mail.to_string() == mail;
                match self.state.messages.iter().any(is_here) {
                    true => Ok(()),
                    false => {
                        let problem = Problem::new(format!("{member}: there is no mail `{mail}` in its conversations"));
                        Err(Refused::Absent(problem.hint("`concert incident mail thread` shows them")))
                    }
                }
            }
            Some(("evidence", sha256)) => self.evidence(member, sha256, true),
            _ => Err(Refused::Wrong(Problem::new(format!("{member}: `{to}` points to nothing")).hint(proof::FORMS))),
        }
    }

    fn clock(&self, met: &ClockMet) -> Result<(), Refused> {
        let (clocks, name) = (&self.state.clocks, clock_name(&met.clock, &met.party));
        match clocks.get(&(met.clock.clone(), met.party.clone())).filter(|clock| clock.due != 0) {
            Some(known) => match &known.met {
                None => Ok(()),
                Some((time, _)) => {
                    let what = format!("`clock` of clock-met/1: `{name}` was met already, at {}", Time(*time));
                    let hint = "the log has the proof; erase that entry where it was wrong";
                    Err(Refused::Wrong(Problem::new(what).hint(hint)))
                }
            },
            None => {
                let running = clocks.iter().filter(|(_, clock)| clock.is_running());
                let names: Vec<String> = running.map(|((clock, party), _)| clock_name(clock, party)).collect();
                let what = format!("no clock `{name}` runs here");
                let names = names.iter().map(String::as_str);
                Err(Refused::Absent(unknown("`clock` of clock-met/1", what, &name, names, "clocks")))
            }
        }
    }

    fn line(&self, kind: &str, (evidence, line): (&str, u64), may_be_gone: bool) -> Result<(), Refused> {
        match evidence {
            "" if line == 0 => Ok(()),
            "" => Err(Refused::Wrong(Problem::new(format!("`line` of {kind}: it is a line of no `evidence`")))),
            sha256 => self.evidence(&format!("`evidence` of {kind}"), sha256, may_be_gone),
        }
    }

    fn evidence(&self, member: &str, sha256: &str, may_be_gone: bool) -> Result<(), Refused> {
        let is_there = |exhibit: &Exhibit| exhibit.added.is_some() && (may_be_gone || !exhibit.is_destroyed());
        if self.state.evidence.get(sha256).is_some_and(is_there) {
            return Ok(());
        }
        let held = self.state.evidence.iter().filter(|(_, exhibit)| is_there(exhibit));
        let begins =
            held.map(|(whole, _)| whole.as_str()).find(|whole| !sha256.is_empty() && whole.starts_with(sha256));
        let problem = Problem::new(format!("{member}: no evidence `{sha256}` is in custody"));
        Err(Refused::Absent(problem.hint(match begins {
            Some(whole) => format!("did you mean `{whole}`?"),
            None => "`concert evidence list` shows what is, each by its whole SHA-256".into(),
        })))
    }
}

fn is_linked(member: &str, name: &str, is_there: bool) -> Result<(), Refused> {
    match is_there {
        true => Ok(()),
        false => Err(Refused::Absent(Problem::new(format!("{member}: `{name}` is not linked here")))),
    }
}

/// A name that is not there, with the one that may be meant, or with those that are.
fn unknown<'k>(member: &str, what: String, name: &str, known: impl Iterator<Item = &'k str>, all: &str) -> Problem {
    let known: Vec<&str> = known.collect();
    let problem = Problem::new(format!("{member}: {what}"));
    let otherwise = match known.len() {
        1..=NAMES_SHOWN => format!("{all}: {}", known.join(", ")),
        _ => String::new(),
    };
    problem.hint(meant(name, known, otherwise))
}
