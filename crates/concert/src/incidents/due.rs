//! What comes due in all incidents: for whoever asks, and for those who are reminded of it.

use std::collections::{BTreeMap, BTreeSet};

use concert_model::Time;
use concert_model::access::{Action, Circle, Object, Person, may};
use concert_model::incident::content::{Content, Role};
use concert_model::incident::due::{Due, Kind, due, next_stage, stage};
use concert_model::incident::fold::Incident;
use concert_model::incident::marking::{Marking, Tlp};
use concert_store::records::MailRow;
use concert_store::records::incidents::Head;
use serde_json::{Value, json};

use super::audit::Reads;
use super::case::Case;
use super::read::{CLOSED, circle_of};
use super::together::{Source, shown};
use super::{Incidents, Refused, known, text, titles};

/// Most mails that wait which are listed; the rest comes up when they are sorted.
const MAILS_MAX: usize = 1_000;
/// Incidents in which something can come due; of those that belong with others it may be written there.
const DUE: [&str; 5] = [text::TASKS, text::PROCESSES, text::CLOCKS, text::ASKED, text::JOINED];

/// A thing that comes due, with its incident.
pub struct DueIn {
    /// The incident.
    pub head: Head,
    /// The thing.
    pub due: Due,
}

/// Letters of its name by which a thing is ordered among those that are due at the same moment.
const KEY_CHARS: usize = 12;

impl DueIn {
    /// Its place among others: what is due first comes first. Short enough for a cursor, and no two have the same.
    pub fn key(&self) -> String {
        let Due { kind, name, item, party, due, .. } = &self.due;
        // Moments before 1970 too are in their order.
        let micros = due.0.cast_unsigned() ^ (1 << 63);
        let begin: String = name.chars().take(KEY_CHARS).collect();
        let digest = blake3::hash(json!([name, item, party]).to_string().as_bytes()).to_hex();
        format!("{micros:020} {} {} {begin} {digest:.16}", self.head.number, kind.word())
    }

    /// As commands and the API give it.
    pub fn json(&self, now: Time) -> Value {
        let Due { kind, name, party, title, role, persons, since, due, default, .. } = &self.due;
        let left = due.seconds().saturating_sub(now.seconds());
        json!({"due": due.to_string(), "state": if left < 0 { "overdue" } else { "running" }, "left_seconds": left,
            "kind": kind.word(), "name": name, "party": party, "what": title, "incident": self.head.number, "id": self.head.id, "title": self.head.title,
            "role": role.map(|role| role.word()), "persons": persons, "since": since.map(|since| since.to_string()), "default": default})
    }

    /// A clock of a law, as commands and the API give it.
    pub fn clock_json(&self, now: Time) -> Value {
        let state = if self.due.due < now { "overdue" } else { "running" };
        json!({"due": self.due.due.to_string(), "state": state, "clock": self.due.name, "party": self.due.party, "incident": self.head.number,
            "id": self.head.id, "title": self.head.title, "since": self.due.since.map(|since| since.to_string())})
    }
}

/// Whom and of what to remind.
pub struct Reminding<'a> {
    /// How many seconds ahead.
    pub ahead_seconds: &'a [i64],
    /// The strictest label whose titles and names may stand in a reminder.
    pub titles: Tlp,
    /// Users who can be reached.
    pub persons: &'a BTreeMap<String, Person>,
    /// The present moment.
    pub now: Time,
}

/// Something that somebody is to be reminded of.
pub struct Reminder {
    /// The incident, by its identity, and by its number.
    pub incident: [String; 2],
    /// The title of the incident, where its marking lets it out.
    pub title: Option<String>,
    /// Who is reminded; empty for the site itself.
    pub receiver: String,
    /// The thing.
    pub due: Due,
    /// Whether its names may stand in the reminder.
    pub is_named: bool,
    /// Seconds ahead, see [`stage`].
    pub ahead: i64,
}

impl Incidents {
    /// What is to be done, as far as a person sees it, what is due first before the rest: all of it in incidents that
    /// go on, and in those that are closed what the law wants and what came in.
    pub async fn due(&self, person: &Person, now: Time) -> Result<Vec<DueIn>, Refused> {
        self.gone().await?;
        let (mut all, mut reads) = (Vec::new(), Reads::default());
        for mut head in self.come_due().await? {
            let Some((case, circle)) = self.found_as(person, &head).await? else { continue };
            let (state, sources) = self.to_do(person, (&case, &circle)).await?;
            head.title = titles::read(&case, &circle, person, &head.title);
            let comes_due = |content: &Content| match content {
                Content::Task(_) | Content::Started(_) | Content::Stepped(_) => true,
                Content::ClockStarted(_) | Content::ClockMet(_) => true,
                Content::MessageKept(message) => {
                    message.answer_by.is_some() || state.closed.is_some() && message.is_answer()
                }
                _ => false,
            };
            for (case, circle) in
                [(&case, &circle)].into_iter().chain(sources.iter().map(|one| (&one.case, &one.circle)))
            {
                let seen = case.seen_by(circle, person);
                let told = seen.filter(|kept| kept.body.as_ref().is_some_and(|(_, content)| comes_due(content)));
                reads.add(&case.head.number, told.filter_map(|kept| kept.marking()));
            }
            let own = self.own_steps_due(person, (&case, &circle), &state, now).await?;
            reads.add(&case.head.number, own.iter().map(|(_, marking)| marking));
            let seen = due(&state, known(&state, now)).into_iter().chain(own.into_iter().map(|(due, _)| due));
            all.extend(seen.map(|due| DueIn { head: head.clone(), due }));
        }
        self.audit_reads(person, reads).await?;
        all.extend(self.mails_due(person).await?);
        all.extend(self.duties_due(person, now).await?);
        all.sort_by_cached_key(DueIn::key);
        Ok(all)
    }

    /// Incidents in which something can come due, by identity.
    async fn come_due(&self) -> Result<Vec<Head>, Refused> {
        let records = &self.store.records;
        let mut heads = records.open_with(&DUE).await?;
        heads.extend(records.closed_with([text::CLOCKS, text::CLOCKS_MET, text::ANSWERS, text::CLOSED]).await?);
        heads.extend(records.incidents_with(text::JOINED).await?.into_iter().filter(|head| head.status == CLOSED));
        heads.sort_by(|one, other| one.id.cmp(&other.id));
        heads.dedup_by(|one, other| one.id == other.id);
        Ok(heads)
    }

    /// Mails that wait for a person to say what they are.
    async fn mails_due(&self, person: &Person) -> Result<Vec<DueIn>, Refused> {
        let (mut all, mut heads) = (Vec::new(), BTreeMap::<String, Head>::new());
        for (_, row) in self.held_mails(person, None, (0, MAILS_MAX)).await? {
            let head = match heads.get(&row.incident) {
                Some(head) => head.clone(),
                None => self.store.records.incident(&row.incident).await?.ok_or(Refused::Missing)?,
            };
            heads.insert(head.id.clone(), head.clone());
            all.push(DueIn { due: mail_due(&row, &circle_of(&head)), head });
        }
        Ok(all)
    }

    /// Incidents that are coordinated by nobody: nobody ever did, or whoever did has gone.
    async fn duties_due(&self, person: &Person, now: Time) -> Result<Vec<DueIn>, Refused> {
        let (gone, mut all) = (self.gone().await?, Vec::new());
        for mut head in self.store.records.uncoordinated().await? {
            // There may be many, and none of their journals is read for it.
            let circle = circle_of(&head);
            if may(person, Action::See, Object::Incident(&circle)).allowed {
                self.put_title(person, &circle, &mut head).await?;
                all.push(DueIn { due: duty_due("nobody coordinates it".into(), &circle, &gone, now), head });
            }
        }
        if gone.is_empty() {
            return Ok(all);
        }
        for mut head in self.store.records.open_of(&gone).await? {
            let Some((case, circle)) = self.found_as(person, &head).await? else { continue };
            let Some(holders) = circle.holders.get(&Role::Coordinator).filter(|_| !circle.has_coordinator()) else {
                continue;
            };
            let names: Vec<&str> = holders.iter().map(String::as_str).collect();
            if names.is_empty() {
                continue;
            }
            let what = format!("nobody coordinates it: {} is disabled", names.join(", "));
            head.title = titles::read(&case, &circle, person, &head.title);
            all.push(DueIn { due: duty_due(what, &circle, &gone, now), head });
        }
        Ok(all)
    }

    /// Incidents in which something can come due, each with when something happened there last: an entry, or a mail
    /// that waits.
    pub async fn may_come_due(&self) -> Result<Vec<(String, u64)>, Refused> {
        let heads = self.come_due().await?;
        let mut all: BTreeMap<String, u64> = heads.into_iter().map(|head| (head.id, head.changed)).collect();
        for head in self.store.records.incidents_with(text::JOINED).await? {
            // What happened in another that shows here counts too.
            if let Some(last) = all.get_mut(&head.id) {
                *last = self.last_shown(&*self.case(&head.id).await?).await?.max(*last);
            }
        }
        for (id, received) in self.store.records.with_mails_held().await? {
            // Numbers of entries are times too.
            let last = all.entry(id).or_default();
            *last = received.unsigned_abs().max(*last);
        }
        Ok(all.into_iter().collect())
    }

    /// Of what in an incident somebody is to be reminded now, and when something more comes up by itself.
    ///
    /// Whoever answers for a thing and sees it is reminded. Where nobody does who can be reached, the site is,
    /// and learns no more than that there is something.
    pub async fn reminders(&self, id: &str, ask: &Reminding<'_>) -> Result<(Vec<Reminder>, Option<Time>), Refused> {
        let now = ask.now;
        let case = self.case(id).await?;
        let circle = self.circle(&case);
        let (state, sources) = self.whole_to_do(&case).await?;
        let mails = self.store.records.mails_held(Some(id), 0).await?;
        let mut all = due(&state, known(&state, now));
        all.extend(mails.iter().map(|row| mail_due(row, &circle)));
        let next = all.iter().filter_map(|due| next_stage(due, ask.ahead_seconds, now)).min();
        let mut reminders = Vec::new();
        let mut seen: BTreeMap<&str, Vec<(Due, Option<Marking>)>> = BTreeMap::new();
        let open = marked_up_to(&state.marking, ask.titles);
        for due in all {
            let Some(ahead) = stage(&due, ask.ahead_seconds, now) else { continue };
            let mut receivers = Vec::new();
            for (name, person) in due.persons.iter().filter_map(|name| ask.persons.get_key_value(name)) {
                if !seen.contains_key(name.as_str()) {
                    seen.insert(name, self.seen_due((&case, &circle), person, now).await?);
                }
                let theirs = seen.get(name.as_str()).map_or(&[][..], Vec::as_slice);
                // What it is called says something of others that have its name, so it is told as they see it.
                let own = theirs.iter().find(|(other, _)| due.is(other));
                receivers.extend(own.map(|(own, marking)| (name.clone(), own.clone(), marking.clone())));
                // Mails are no entries: who may say what they are sees them.
                if due.kind == Kind::Mail && may(person, Action::Conduct, Object::Incident(&circle)).allowed {
                    receivers.push((name.clone(), due.clone(), None));
                }
            }
            if receivers.is_empty() {
                receivers.push((String::new(), due.clone(), None));
            }
            let title_for = |receiver: &str| match ask.persons.get(receiver) {
                Some(person) => titles::read(&case, &circle, person, &state.title),
                None => state.title.clone(),
            };
            // By what each receiver sees: that there is more of that name is not told by leaving it out.
            let is_named = |receiver: &str, marking: Option<Marking>| {
                let reader = ask.persons.get(receiver);
                let made = marking.or_else(|| made((&case, &circle), (&sources, reader), &state, &due));
                open && marked_up_to(&made, ask.titles)
            };
            reminders.extend(receivers.into_iter().map(|(receiver, own, marking)| Reminder {
                incident: [case.id.clone(), state.number.clone()],
                title: open.then(|| title_for(&receiver)),
                is_named: is_named(&receiver, marking),
                receiver,
                due: own,
                ahead,
            }));
        }
        Ok((reminders, next))
    }

    /// What comes due as a person sees it, and of steps that are its own of runs which it does not read how the run is
    /// marked: nothing where the incident is missing for the person.
    async fn seen_due(
        &self,
        (case, circle): (&Case, &Circle),
        person: &Person,
        now: Time,
    ) -> Result<Vec<(Due, Option<Marking>)>, Refused> {
        if !may(person, Action::See, Object::Incident(circle)).allowed {
            return Ok(Vec::new());
        }
        let (state, _) = self.to_do(person, (case, circle)).await?;
        let own = self.own_steps_due(person, (case, circle), &state, now).await?;
        let seen = due(&state, known(&state, now)).into_iter().map(|due| (due, None));
        Ok(seen.chain(own.into_iter().map(|(due, marking)| (due, Some(marking)))).collect())
    }
}

/// That nobody coordinates an incident is due at once; who leads there may give the role.
fn duty_due(title: String, circle: &Circle, gone: &BTreeSet<String>, now: Time) -> Due {
    let leads = circle.holders.get(&Role::SiteLead).into_iter().flatten();
    Due {
        kind: Kind::Duty,
        name: Role::Coordinator.word().to_owned(),
        item: String::new(),
        party: String::new(),
        title,
        role: Some(Role::Coordinator),
        persons: leads.filter(|lead| !gone.contains(*lead)).cloned().collect(),
        since: None,
        due: now,
        default: None,
    }
}

/// A mail that waits is due since it came.
fn mail_due(row: &MailRow, circle: &Circle) -> Due {
    Due {
        kind: Kind::Mail,
        name: row.seq.to_string(),
        item: String::new(),
        party: row.party.clone(),
        title: row.subject.clone(),
        role: Some(Role::Coordinator),
        persons: circle.holders.get(&Role::Coordinator).cloned().unwrap_or_default(),
        since: Some(row.received),
        due: row.received,
        default: None,
    }
}

/// Whether a marking lets titles out. What lies in a compartment or names its readers stays in.
fn marked_up_to(marking: &Option<Marking>, tlp: Tlp) -> bool {
    let is_open =
        |marking: &Marking| marking.tlp <= tlp && marking.compartment.is_empty() && marking.persons.is_empty();
    marking.as_ref().is_some_and(is_open)
}

/// The marking of the entry that made a thing, as far as a reader sees such; of all where nobody is asked.
fn made(
    own: (&Case, &Circle),
    (sources, reader): (&[Source], Option<&Person>),
    state: &Incident,
    due: &Due,
) -> Option<Marking> {
    let run = due.name.rsplit_once('/').map_or("", |(run, _)| run);
    // A run that another incident shows here has another name there.
    let home = state.runs.get(run).and_then(|run| run.home.as_ref());
    let run = home.map_or(run, |home| &home.run);
    let makes = |content: &Content| match (due.kind, content) {
        (Kind::Task, Content::Task(task)) if !due.item.is_empty() => task.item == due.item,
        (Kind::Task, Content::Task(task)) => task.name == due.name,
        (Kind::Clock, Content::ClockStarted(clock)) => clock.clock == due.name && clock.party == due.party,
        (Kind::Answer, Content::MessageKept(message)) => message.is_answer() && message.party == due.party,
        (Kind::Silence, Content::MessageKept(message)) => message.answer_by.is_some() && message.party == due.party,
        (Kind::Step, Content::Started(started)) => run == started.run,
        _ => false,
    };
    // Of several that name it the strictest counts: an earlier title may be a later one.
    shown(own, sources, reader)
        .filter_map(|(_, kept)| kept.body.as_ref())
        .filter(|(_, content)| makes(content))
        .map(|(body, _)| body.marking.clone())
        .max_by_key(|one| (one.tlp, !one.compartment.is_empty(), !one.persons.is_empty()))
}
