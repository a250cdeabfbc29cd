//! Writing: decision, signature, entry and what is derived from it, in one transaction.

mod decide;
mod remark;
mod sign;

use std::collections::BTreeSet;
use std::sync::PoisonError;

use concert_model::access::{Action, Circle, Decision, Object, Person, may};
use concert_model::incident::Status;
use concert_model::incident::content::{Content, Erased, Opened, Role, RoleMoved};
use concert_model::incident::draft::{DRAFTS_MAX, Draft, NewIncident};
use concert_model::incident::fold::{Clock, clock_name};
use concert_model::incident::journal::hex;
use concert_model::{Problem, Time};
use concert_store::records::Change;
use concert_store::records::incidents;
use serde_json::{Value, json};

use sign::keep_sight;

pub(super) use sign::head_of;

use super::case::Case;
use super::made::{Beside, Made, by_hand};
use super::mail;
use super::read::Heads;
use super::refers::{Check, Outside};
use super::together::Together;
use super::{
    Ask, Incidents, Refused, audit, effort, entry_json, follow, items, joins, proof, proposals, report, stale, text,
    titles, unseen,
};

/// How long the answer to a request is kept that may be sent again, in microseconds: two days.
pub const ANSWERS_KEPT_MICROS: i64 = 2 * 86_400_000_000;
/// The status in lists of an incident that was merged into another, whatever its own is.
pub(super) const MERGED: &str = "merged";
/// Longest key of a request.
const KEY_BYTES_MAX: usize = 255;

/// What it takes to write.
#[derive(Clone, Copy)]
pub(super) enum Right<'o> {
    /// What the content takes.
    OfContent,
    /// The same, and that whatever a person names in it is there.
    ByHand(&'o Outside),
    /// Nothing but reading: what is written says that somebody read.
    OfReader,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The incident.
    pub id: String,
    /// Its number.
    pub number: String,
    /// The entries, as the person sees them.
    pub entries: Vec<Value>,
    /// Of a message to many: parties that were not told, and why.
    pub left_out: Vec<(String, String)>,
    /// What was given to somebody who does not see it, and what to do about that.
    pub warnings: Vec<Problem>,
}

impl Written {
    /// What is kept of it for whoever asks again: of entries their numbers alone, because what they say may
    /// be erased meanwhile, or no longer be for the person.
    fn kept(&self) -> Value {
        let entries: Vec<&Value> = self.entries.iter().filter_map(|entry| entry.get("seq")).collect();
        json!({ "id": self.id, "number": self.number, "entries": entries, "left_out": self.left_out })
    }

    fn read(text: &str) -> Option<Self> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        let entries = value.get_mut("entries")?.as_array_mut().map(std::mem::take)?;
        // Those that were kept with what they said have the number in them.
        let number = |entry: Value| entry.get("seq").cloned().unwrap_or(entry);
        let entries = entries.into_iter().map(number).collect();
        // Answers that were kept before there were messages to many do not have it.
        let left_out = value.get_mut("left_out").map(Value::take).unwrap_or_else(|| json!([]));
        let left_out = serde_json::from_value(left_out).ok()?;
        let word = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self { id: word("id")?, number: word("number")?, entries, left_out, warnings: Vec::new() })
    }
}

/// Sixteen random bytes.
pub(super) fn salt() -> Result<[u8; 16], Problem> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|error| Problem::new(format!("the system gives no random bytes: {error}")))?;
    Ok(salt)
}

/// A UUIDv7 (RFC 9562): the time in milliseconds, then random bits.
pub(super) fn new_id(now: Time) -> Result<String, Problem> {
    let [_, _, time @ ..] = u64::try_from(now.0 / 1000).unwrap_or(0).to_be_bytes();
    let mut bytes = salt()?;
    bytes[..6].copy_from_slice(&time);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

impl Incidents {
    /// Opens an incident. Whoever opens it is its coordinator.
    pub async fn open(&self, ask: Ask<'_>, mut new: NewIncident) -> Result<Written, Refused> {
        by_hand(&mut new.drafts)?;
        effort::own(&mut new.drafts, ask.person);
        self.name_parties_of_new(ask.person, &mut new.marking, &mut new.drafts).await?;
        self.readers_of(ask.person, &new).await?;
        let outside = Box::pin(self.outside(ask.person, None, &new.drafts)).await?;
        outside.ending_clocks(&mut new.drafts);
        let mut given = unseen::given(&new.drafts);
        given.extend(unseen::marked(&new.marking));
        let parties = self.new_parties(ask.person, None, &new.drafts).await?;
        let written = Box::pin(self.open_made(ask, new, &outside)).await?;
        let mut written = self.warned(ask.person, written, &given, None).await;
        written.warnings.extend(parties);
        written.warnings.extend(self.title_told(ask.person, &written.id).await?);
        Ok(written)
    }

    /// Whether whom a new incident is for is there.
    pub(super) async fn readers_of(&self, person: &Person, new: &NewIncident) -> Result<(), Refused> {
        let takes_part = |draft: &'_ Draft| match &draft.content {
            Content::PartyMoved(moved) => Some(moved.party.clone()),
            _ => None,
        };
        let parties: Vec<String> = new.drafts.iter().filter_map(takes_part).collect();
        let parties: Vec<&str> = parties.iter().map(String::as_str).collect();
        self.readers_there(person, None, Some(&new.marking), &parties).await
    }

    /// The same with entries that were not written by hand.
    pub(super) async fn open_made(
        &self,
        ask: Ask<'_>,
        new: NewIncident,
        outside: &Outside,
    ) -> Result<Written, Refused> {
        let decision = self.decide_open(ask).await?;
        text::line("title", &new.title)?;
        text::classification(&new.classification)?;
        text::marking(&new.marking)?;
        if new.marking.tlp > ask.person.clearance {
            return Err(wrong(format!("TLP:{} is above your clearance", new.marking.tlp)));
        }
        let mut change = self.store.records.change().await?;
        if let Some(written) = self.again(&mut change, ask).await? {
            return Ok(written);
        }
        let id = new_id(ask.now)?;
        let number = self.next_number(&mut change, ask.now).await?;
        let opened = Opened { number, title: new.title, classification: new.classification, severity: new.severity };
        let coordinator =
            RoleMoved { role: Role::Coordinator, person: ask.person.name.clone(), party: String::new(), holds: true };
        let mut drafts = vec![Draft { content: opened.into(), marking: Some(new.marking), minutes: ask.minutes }];
        drafts.push(Draft { content: coordinator.into(), marking: None, minutes: 0 });
        // Whoever opens it may write into it, whatever the roles say later.
        let (opening, rest) = (drafts, new.drafts);
        let case = Case::new(&id, Vec::new());
        let (case, mut entries) = self.sign(&mut change, ask, case, opening).await?;
        audit::allowed(&mut change, ask, Action::Open, &case.head.number, &decision).await?;
        let (circle, mut rest) = (self.circle(&case), rest);
        items::place_all((&case, None), &circle, ask.person, &mut rest)?;
        let (case, more) = self.put(&mut change, ask, case, rest, Right::ByHand(outside), &mut None).await?;
        entries.extend(more);
        self.finish(change, ask, case, (entries, Vec::new())).await
    }

    pub(super) async fn next_number(&self, change: &mut Change<'_>, now: Time) -> Result<String, Problem> {
        let date = now.date_text();
        let year = date.get(..4).unwrap_or_default();
        Ok(format!("{}#{year}-{:06}", self.ticket, incidents::next_incident(change, year).await?))
    }

    /// Writes into an incident.
    pub async fn write(&self, ask: Ask<'_>, name: &str, mut drafts: Vec<Draft>) -> Result<Written, Refused> {
        by_hand(&mut drafts)?;
        effort::own(&mut drafts, ask.person);
        // A proposal that shows here is answered where it was made.
        let home = match proposals::all_answered(&drafts) {
            Some(events) => Some(self.home_of(ask.person, name, |state| proposals::has(state, &events)).await?),
            None => None,
        };
        let home = match home {
            None => self.home_of_runs(ask.person, name, &mut drafts).await?,
            some => some,
        };
        let name = home.as_deref().unwrap_or(name);
        self.name_parties(ask.person, Some(name), &mut drafts).await?;
        let outside = Box::pin(self.outside(ask.person, Some(name), &drafts)).await?;
        outside.ending_clocks(&mut drafts);
        let given = unseen::given(&drafts);
        let tells_title = titles::concerns(&drafts);
        let reasons = titles::reasons(&drafts);
        let parties = self.new_parties(ask.person, Some(name), &drafts).await?;
        let (mut before, mut opened_up) = (None, None);
        let closes = |draft: &Draft| matches!(&draft.content, Content::Moved(moved) if moved.status == Status::Closed);
        let is_closed = drafts.iter().any(closes);
        let written = self.write_made(ask, name, Right::ByHand(&outside), |case, circle| {
            before = unseen::moves_sight(&drafts).then(|| circle.clone());
            opened_up = titles::opened_up(case, &drafts);
            let answers = drafts.iter().any(|draft| matches!(draft.content, Content::ProposalAnswered(_)));
            if !answers {
                return Ok(drafts);
            }
            let state = case.state_for(circle, ask.person);
            let mut all = Vec::new();
            for draft in drafts {
                match draft.content {
                    Content::ProposalAnswered(answer) => {
                        all.extend(proposals::answered(ask.person, (case, circle), &state, answer, draft.minutes)?);
                    }
                    _ => all.push(draft),
                }
            }
            Ok(all)
        });
        let written = written.await?;
        let mut written = self.warned(ask.person, written, &given, before.as_ref()).await;
        written.warnings.extend(parties.into_iter().chain(opened_up));
        if tells_title {
            written.warnings.extend(self.title_told(ask.person, &written.id).await?);
        }
        written.warnings.extend(self.reasons_told(ask.person, &written.id, &reasons).await?);
        if is_closed {
            written.warnings.extend(self.clocks_that_run_on(ask.person, &written.id).await?);
        }
        Ok(written)
    }

    /// Warnings of the clocks that run in an incident though it is closed.
    async fn clocks_that_run_on(&self, person: &Person, id: &str) -> Result<Vec<Problem>, Refused> {
        let (case, circle) = self.find(person, id).await?;
        let state = self.states.of(&case, &circle, person);
        let running = state.clocks.iter().filter(|(_, clock)| clock.is_running());
        let warning = |((name, party), clock): (&(String, String), &Clock)| {
            let (name, due) = (clock_name(name, party), Time(clock.due));
            let hint =
                "`concert incident clock N met` with a proof ends it; until then it stands in `concert clock due`";
            Problem::new(format!("the clock {name} runs on, until {due}")).hint(hint)
        };
        Ok(running.map(warning).collect())
    }

    /// Erases what an entry says, by its number. One that the person does not see is not there.
    pub async fn erase_entry(&self, ask: Ask<'_>, name: &str, seq: u64, reason: &str) -> Result<Written, Refused> {
        let reason = reason.to_owned();
        let none = || {
            let problem = Problem::new(format!("there is no entry {seq} in it"));
            Refused::Absent(
                problem.hint("`concert incident log` and `GET /api/v1/incidents/{id}/entries` have their numbers"),
            )
        };
        let log = self.log(ask.person, name, seq.saturating_sub(1), 1).await?;
        // Of entries that show here because of a merge each is erased where it was written.
        let home = log.first().filter(|kept| kept.seq == seq).map(|kept| kept.header.incident.clone());
        self.write_made(ask, &home.ok_or_else(none)?, Right::OfContent, move |case, circle| {
            let kept = case.seen_by(circle, ask.person).find(|kept| kept.seq == seq).ok_or_else(none)?;
            let (site, sequence) = (kept.header.site.to_string(), kept.header.sequence);
            Ok(vec![Draft {
                content: Erased { site, sequence, reason, joins: String::new() }.into(),
                marking: None,
                minutes: 0,
            }])
        })
        .await
    }

    /// Writes what is made from how the incident is at that very moment, and does what belongs to it.
    pub(super) async fn write_made<M: Into<Made>>(
        &self,
        ask: Ask<'_>,
        name: &str,
        right: Right<'_>,
        make: impl FnOnce(&Case, &Circle) -> Result<M, Refused> + Send,
    ) -> Result<Written, Refused> {
        let head = self.asked(ask.person, name, &[Action::See]).await?;
        self.gone().await?;
        let mut change = self.store.records.change().await?;
        if let Some(written) = self.again(&mut change, ask).await? {
            return Ok(written);
        }
        // Nobody else writes now, so what is decided here holds when it is committed.
        let case = self.case_in(&mut change, &head.id).await?;
        let circle = self.circle(&case);
        if !may(ask.person, Action::See, Object::Incident(&circle)).allowed {
            return Err(Refused::Missing);
        }
        let mut made: Made = make(&case, &circle)?.into();
        let left_out = match &mut made.beside {
            Beside::Queue { left_out, .. } => std::mem::take(left_out),
            _ => Vec::new(),
        };
        // What came by mail stays in the conversation that it belongs to.
        let is_new = matches!(made.beside, Beside::Nothing | Beside::Queue { .. });
        let goes_on = self.goes_on_in(&mut change, ask.person, &case, &made.drafts).await?.is_some();
        if !matches!(right, Right::OfReader) && is_new && !goes_on && joins::is_elsewhere(&case, &made.drafts) {
            self.store.records.undo(change).await?;
            return Err(Refused::Merged(self.shows_in(ask.person, &case).await?));
        }
        let mut drafts = mail::beside(&mut change, ask.now, made).await?;
        if let Some(first) = drafts.first_mut().filter(|_| ask.minutes > 0) {
            first.minutes = ask.minutes;
        }
        let joint = if let Right::ByHand(outside) = right { outside.joint() } else { None };
        items::place_all((&case, joint), &circle, ask.person, &mut drafts)?;
        stale::check(&case, &circle, ask, &drafts)?;
        let (number, mut denied) = (case.head.number.clone(), None);
        match Box::pin(self.put(&mut change, ask, case, drafts, right, &mut denied)).await {
            Ok((case, entries)) => self.finish(change, ask, case, (entries, left_out)).await,
            Err(refused) => {
                self.store.records.undo(change).await?;
                if let Some((action, decision)) = denied {
                    self.audit_denied(ask, action, &number, &decision).await?;
                }
                Err(refused)
            }
        }
    }

    /// Who has to do with an incident.
    pub(super) fn circle(&self, case: &Case) -> Circle {
        let gone = BTreeSet::clone(&self.gone.lock().unwrap_or_else(PoisonError::into_inner));
        let mut circle = Circle { gone, ..case.head.circle(|party| self.sectors(party)) };
        circle.constituencies.extend(case.came.parts.iter().flat_map(|party| self.constituencies(party)));
        // What is forbidden of a party goes on holding where it was.
        let left = case.left.iter().flat_map(|party| self.constituencies(party));
        circle.merged.extend(case.came.others.iter().cloned().chain(left));
        circle
    }

    /// The answer to the same request, for whoever looks before writing.
    pub(super) async fn answered(&self, ask: Ask<'_>) -> Result<Option<Written>, Refused> {
        if ask.key.is_none() {
            return Ok(None);
        }
        let mut change = self.store.records.change().await?;
        let written = self.again(&mut change, ask).await;
        self.store.records.undo(change).await?;
        written
    }

    /// The answer to the same request, if it was answered before.
    pub(super) async fn again(&self, change: &mut Change<'_>, ask: Ask<'_>) -> Result<Option<Written>, Refused> {
        let Some((key, digest)) = ask.key else { return Ok(None) };
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(wrong(format!("a key of a request has 1 to {KEY_BYTES_MAX} bytes")));
        }
        match incidents::answered(change, &ask.person.name, key).await? {
            Some((before, answer)) if before == digest => match Written::read(&answer) {
                Some(written) => self.as_seen_now(ask.person, written).await.map(Some),
                None => Ok(None),
            },
            Some(_) => Err(Refused::Used),
            None => Ok(None),
        }
    }

    /// An answer that was kept, with its entries as the person sees them now.
    async fn as_seen_now(&self, person: &Person, written: Written) -> Result<Written, Refused> {
        let (mut entries, mut heads) = (Vec::new(), Heads::default());
        for seq in written.entries.iter().filter_map(Value::as_u64) {
            let rows = self.store.records.entries_behind(seq.saturating_sub(1), 1).await?;
            let Some(row) = rows.first().filter(|row| row.seq == seq) else { continue };
            // Whoever writes down reads would wait for the change that is under way here.
            entries.extend(self.shown(person, row, &mut heads).await?.map(|(_, kept)| entry_json(&kept)));
        }
        if entries.is_empty() && !written.entries.is_empty() {
            return Err(Refused::Missing);
        }
        Ok(Written { entries, ..written })
    }

    /// Decides about each draft and signs it. What was denied is given too: the change is given up then, and
    /// the log is written beside it.
    pub(super) async fn put(
        &self,
        change: &mut Change<'_>,
        ask: Ask<'_>,
        mut case: Case,
        drafts: Vec<Draft>,
        right: Right<'_>,
        denied: &mut Option<(Action, Decision)>,
    ) -> Result<(Case, Vec<Value>), Refused> {
        if drafts.len() > DRAFTS_MAX {
            return Err(wrong(format!("at most {DRAFTS_MAX} entries are written at once")));
        }
        let mut all = Vec::with_capacity(drafts.len());
        let mut named = match right {
            Right::ByHand(outside) => Some(Check::new(self, outside, ask.person, &case, &drafts)),
            Right::OfContent | Right::OfReader => None,
        };
        // What others show here speaks for and against steps too. Nobody writes into them meanwhile.
        let goes_on = self.goes_on_in(change, ask.person, &case, &drafts).await?;
        let together = match drafts.iter().any(|draft| follow::concerns(&draft.content)) {
            true => self.together_in(change, ask.person, goes_on.as_ref().unwrap_or(&case)).await?,
            false => Together::default(),
        };
        let where_it_counts = (goes_on.as_ref(), &together);
        let is_one_of_many = named.is_some() && drafts.len() > 1;
        for (at, draft) in (1..).zip(drafts) {
            let draft = match right {
                Right::ByHand(_) => {
                    report::keep_close(&case, proof::placed(&case, &self.circle(&case), ask.person, draft)?)?
                }
                Right::OfContent | Right::OfReader => draft,
            };
            let (action, decision) = self.decide(ask.person, (&case, goes_on.as_ref(), &together), &draft, right);
            if !decision.allowed {
                *denied = Some((action, decision.clone()));
                return Err(Refused::Denied(decision));
            }
            self.check(ask, &case, &draft, named.as_ref(), where_it_counts).map_err(|refused| {
                if let Refused::Denied(decision) = &refused {
                    *denied = Some((action, decision.clone()));
                }
                if is_one_of_many { of_entry(refused, at) } else { refused }
            })?;
            if let Some(effort) = effort::beside(&draft, ask.person, String::new()) {
                let (action, decision) = self.decide(ask.person, (&case, goes_on.as_ref(), &together), &effort, right);
                if !decision.allowed {
                    *denied = Some((action, decision.clone()));
                    return Err(Refused::Denied(decision));
                }
            }
            audit::allowed(change, ask, action, &case.head.number, &decision).await?;
            let (erased, draft, entries) = Box::pin(self.erase(change, ask, case, draft)).await?;
            all.extend(entries);
            let before = erased.last;
            let moves = matches!(draft.content, Content::Remarked(_) | Content::Erased(_));
            let other = moves.then(|| draft.content.clone());
            let (next, entries) = self.sign(change, ask, erased, vec![draft]).await?;
            case = next;
            if let Some(other) = other {
                Box::pin(keep_sight(change, &case, &other)).await?;
            }
            if let Some(named) = &mut named {
                named.take(&case, before);
            }
            all.extend(entries);
        }
        Ok((case, all))
    }
}

/// Why one of several entries is refused, with which it is.
fn of_entry(refused: Refused, at: usize) -> Refused {
    match refused {
        Refused::Wrong(problem) => Refused::Wrong(problem.at(format!("entry {at}"))),
        Refused::Absent(problem) => Refused::Absent(problem.at(format!("entry {at}"))),
        other => other,
    }
}

pub(super) fn absent(what: impl Into<String>) -> Refused {
    Refused::Absent(Problem::new(what))
}

pub(super) fn wrong(why: impl Into<String>) -> Refused {
    Refused::Wrong(Problem::new(why))
}
