//! Incidents for the API: who asks, and answers as JSON.

use async_trait::async_trait;
use concert_model::access::Person;
use concert_model::incident::chain::LogRequest;
use concert_model::incident::draft::{Draft, MailAnswer, NewIncident, NewMessage, keep_all_members};
use concert_model::incident::marking::Tlp;
use concert_server::desk::{
    Change, Changes, Coming, Deed, Desk, Going, Joining, Lines, Listing, NewEvidence, Outgoing, Question, Runs,
    Splitting, Thing, Wanted, WantedDue, WantedEntries, Way,
};
use concert_server::site::{Page, Refusal, Slice};
use serde_json::{Value, json};

use super::{Pages, acts, evidence, failed, looks, messages};
use crate::incidents::{
    self, Ask, Chosen, Filter, HowToRead, Join, LogFilter, Post, Refused, Split, Written, entry_json, happened_json,
    head_json, hop_json, host_there, incident_json, neighbour_json, numbers_json, request_json, some_left_out,
};
use crate::wire;

pub(super) fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Missing => Refusal::Missing,
        Refused::Absent(problem) => Refusal::Absent(problem),
        Refused::Denied(decision) => Refusal::Denied(decision),
        Refused::Wrong(problem) => Refusal::Mistake(problem),
        Refused::Used => Refusal::Used,
        Refused::Gone(why) => Refusal::Gone(why.to_owned()),
        Refused::Stale(changed) => Refusal::Stale(changed),
        Refused::Merged(into) => Refusal::Merged(into),
        Refused::Failed(problem) => failed(problem),
    }
}

/// A cursor is the number of an entry.
pub(super) fn number(slice: &Slice) -> Result<Option<u64>, Refusal> {
    let cursor = slice.cursor.as_deref().map(str::parse).transpose();
    cursor.map_err(|_| Refusal::Wrong("`cursor` is not one that was given here".into()))
}

fn part(slice: &Slice) -> Result<incidents::Slice, Refusal> {
    Ok(incidents::Slice { limit: slice.limit, below: number(slice)? })
}

/// What was written; `warnings` only where there are some.
pub(super) fn written_json(written: &Written) -> Value {
    let mut answer = json!({"id": written.id, "number": written.number, "entries": written.entries});
    let warnings = written.warnings.iter().map(|problem| json!({"what": problem.what, "hint": problem.hint}));
    if let Some(members) = answer.as_object_mut().filter(|_| !written.warnings.is_empty()) {
        members.insert("warnings".into(), warnings.collect());
    }
    answer
}

/// An entry with number and title of its incident.
pub(super) fn found_json(one: &incidents::Found) -> Value {
    let mut row = entry_json(&one.kept);
    if let Some(members) = row.as_object_mut() {
        members.insert("number".into(), json!(one.head.number));
        members.insert("title".into(), json!(one.head.title));
        members.insert("merged_into".into(), json!(one.shows_in));
    }
    row
}

pub(super) fn ask(change: &Change) -> Ask<'_> {
    Ask {
        person: &change.person,
        now: wire::now(),
        key: change.key.as_ref().map(|(key, digest)| (key.as_str(), *digest)),
        seen: change.seen,
        minutes: change.minutes,
    }
}

#[async_trait]
impl Desk for Pages {
    async fn incidents(&self, person: &Person, wanted: Wanted, slice: Slice) -> Result<Page<Value>, Refusal> {
        let Wanted { status, classification, severity, late } = wanted;
        let filter = Filter { status, classification, severity, late, ..Filter::default() };
        let (heads, next) = self.desk()?.list(person, filter, part(&slice)?).await.map_err(refusal)?;
        Ok(Page {
            rows: heads.iter().map(|head| head_json(head, person)).collect(),
            next: next.map(|seq| seq.to_string()),
        })
    }

    async fn incident(&self, person: &Person, name: &str) -> Result<Value, Refusal> {
        let desk = self.desk()?;
        let state = desk.show(person, name).await.map_err(refusal)?;
        let joins = desk.joins(person, &state).await.map_err(refusal)?;
        let may = desk.open_to(person, name).await.map_err(refusal)?;
        let gone = desk.gone().await.map_err(failed)?;
        Ok(incident_json(&state, joins, &may, (&gone, wire::now())))
    }

    async fn entries(
        &self,
        person: &Person,
        name: &str,
        wanted: WantedEntries,
        slice: Slice,
    ) -> Result<Page<Value>, Refusal> {
        let after = number(&slice)?.unwrap_or(0);
        let WantedEntries { kind, author, since, until } = wanted;
        let wanted = LogFilter { author, since, until, ..LogFilter::default() };
        let wanted = wanted.of_kinds(kind.as_deref()).map_err(Refusal::Mistake)?;
        let log = self.desk()?;
        let log = log.log_of(person, name, &wanted, (after, slice.limit.saturating_add(1)));
        let mut kept = log.await.map_err(refusal)?;
        let has_more = kept.len() > slice.limit;
        kept.truncate(slice.limit);
        let next = kept.last().filter(|_| has_more).map(|kept| kept.seq.to_string());
        Ok(Page { rows: kept.iter().map(|kept| entry_json(kept)).collect(), next })
    }

    async fn journal(&self, person: &Person, name: &str) -> Result<Going, Refusal> {
        let rows = self.desk()?.export(person, name).await.map_err(refusal)?;
        let line = |(header, body)| format!("{}\n", json!({"header": header, "body": body}));
        Ok(evidence::lines(rows.map(line)))
    }

    async fn open(&self, change: Change, new: NewIncident) -> Result<Value, Refusal> {
        let written = self.desk()?.open(ask(&change), new).await.map_err(refusal)?;
        Ok(written_json(&written))
    }

    async fn with_kept_members(&self, person: &Person, name: &str, mut value: Value) -> Result<Value, Refusal> {
        let state = self.desk()?.show(person, name).await.map_err(refusal)?;
        keep_all_members(&mut value, &state);
        Ok(value)
    }

    async fn write(&self, change: Change, name: &str, drafts: Vec<Draft>) -> Result<Value, Refusal> {
        let written = self.desk()?.write(ask(&change), name, drafts).await.map_err(refusal)?;
        Ok(written_json(&written))
    }

    async fn add_evidence(
        &self,
        change: Change,
        name: &str,
        new: NewEvidence,
        bytes: Coming,
    ) -> Result<Value, Refusal> {
        evidence::add(&*self.desk()?, &change, name, new, bytes).await
    }

    async fn evidence(&self, change: Change, name: &str, sha256: &str, why: [String; 2]) -> Result<Outgoing, Refusal> {
        evidence::read(&*self.desk()?, &change, name, sha256, why).await
    }

    async fn read_lines(&self, change: Change, name: &str, sha256: &str, lines: Lines) -> Result<Value, Refusal> {
        let how = HowToRead::of(&lines, false).map_err(|failure| match failure.problems.into_iter().next() {
            Some(problem) => Refusal::Mistake(problem),
            None => Refusal::Wrong("the parser cannot be used so".into()),
        })?;
        let read = self.desk()?.read_lines(ask(&change), name, sha256, how).await.map_err(refusal)?;
        let mut answer: serde_json::Map<String, Value> =
            read.members().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        answer.insert("written".into(), json!(!lines.preview));
        answer.insert("first_rejects".into(), json!(read.first_rejects));
        answer.insert("first".into(), read.shown.iter().map(happened_json).collect());
        Ok(Value::Object(answer))
    }

    async fn join(&self, change: Change, name: &str, joining: Joining) -> Result<Value, Refusal> {
        let join = Join::ALL.into_iter().find(|join| join.word() == joining.how).ok_or_else(|| {
            let words: Vec<&str> = Join::ALL.iter().map(|join| join.word()).collect();
            Refusal::Wrong(format!("`as` is one of: {}", words.join(", ")))
        })?;
        if join == Join::Split && joining.joined {
            return Err(Refusal::Wrong("an incident is split by `splits`".into()));
        }
        let both = (name, joining.incident.as_str());
        let desk = self.desk()?;
        let joined = desk.join(ask(&change), join, both, joining.joined, &joining.reason);
        Ok(written_json(&joined.await.map_err(refusal)?))
    }

    async fn split(&self, change: Change, name: &str, splitting: Splitting) -> Result<Value, Refusal> {
        let Splitting { new, parties, observables, hosts, entries, reason } = splitting;
        let split = Split { new, chosen: Chosen { parties, observables, hosts, entries }, reason };
        let written = Box::pin(self.desk()?.split(ask(&change), name, split)).await.map_err(refusal)?;
        Ok(written_json(&written))
    }

    async fn bag(&self, change: Change, name: &str, party: Option<&str>, reason: &str) -> Result<Outgoing, Refusal> {
        evidence::bag(self.desk()?, &change, name, party, reason).await
    }

    async fn list(&self, person: &Person, listing: Listing, slice: Slice) -> Result<Page<Value>, Refusal> {
        looks::list(self, person, listing, slice).await
    }

    async fn thing(&self, person: &Person, thing: Thing) -> Result<Value, Refusal> {
        looks::thing(self, person, thing).await
    }

    async fn act(&self, change: Change, deed: Deed) -> Result<Value, Refusal> {
        acts::act(self, change, deed).await
    }

    async fn last_entry(&self) -> Result<u64, Refusal> {
        self.desk()?.last_entry().await.map_err(failed)
    }

    async fn changes(&self, person: &Person, name: Option<&str>, after: u64) -> Result<Changes, Refusal> {
        let came = self.desk()?.changes(person, name, after).await.map_err(refusal)?;
        Ok(Changes {
            rows: came.rows.iter().map(|one| (one.kept.seq, found_json(one))).collect(),
            reached: came.reached,
        })
    }

    async fn messages(
        &self,
        person: &Person,
        name: &str,
        party: Option<String>,
        slice: Slice,
    ) -> Result<Value, Refusal> {
        messages::list(&*self.desk()?, person, name, party, &slice).await
    }

    async fn preview(&self, change: Change, name: &str, new: NewMessage) -> Result<Value, Refusal> {
        messages::preview(&*self.desk()?, &self.site(), &change, name, &new).await
    }

    async fn send(&self, change: Change, name: &str, new: NewMessage) -> Result<Value, Refusal> {
        let post = Post::of(&self.site()).await.map_err(failed)?;
        let written = self.desk()?.send(ask(&change), &post, name, &new).await.map_err(refusal)?;
        Ok(written_json(&written))
    }

    async fn mail(&self, person: &Person, name: &str, number: i64) -> Result<Value, Refusal> {
        messages::one(&*self.desk()?, &self.site(), person, name, number).await
    }

    async fn answer_mail(&self, change: Change, name: &str, number: i64, answer: MailAnswer) -> Result<Value, Refusal> {
        messages::answer(&*self.desk()?, &self.site(), &change, name, (number, answer)).await
    }

    async fn search(&self, person: &Person, words: &str, slice: Slice) -> Result<Page<Value>, Refusal> {
        let (found, next) = self.desk()?.search(person, words, part(&slice)?).await.map_err(refusal)?;
        Ok(Page { rows: found.iter().map(found_json).collect(), next: next.map(|seq| seq.to_string()) })
    }

    async fn chain(
        &self,
        person: &Person,
        name: &str,
        way: Way,
        slice: Slice,
    ) -> Result<(Page<Value>, Option<String>), Refusal> {
        let mut warning = None;
        let desk = self.desk()?;
        let chain = async { desk.chain(person, name).await.map_err(refusal) };
        let page = match &way {
            Way::Frontier => {
                let (state, chain) = chain.await?;
                let requests = chain.frontier();
                let row = |request: &LogRequest<'_>| request_json(request, state.hosts.get(request.host));
                slice.part_of(&requests, |request| request.host.to_owned(), row)
            }
            Way::Upstream(host) | Way::Downstream(host) => {
                let (state, chain) = chain.await?;
                host_there(&state, host).map_err(refusal)?;
                let is_up = matches!(way, Way::Upstream(_));
                let hops = if is_up { chain.upstream(host) } else { chain.downstream(host) };
                slice.part_of(&hops, |hop| format!("{:010} {}", hop.steps, hop.host), hop_json)
            }
            Way::Of(party) => {
                let neighbours = desk.neighbours(person, name, party).await.map_err(refusal)?;
                warning = some_left_out(party, neighbours.left_out, Tlp::Amber).map(|problem| problem.what);
                let rows = neighbours.rows();
                let row = |at: usize| rows.get(at).map(neighbour_json).unwrap_or_default();
                let part = slice.as_written(rows.len(), |at| row(at).to_string());
                part.map(|(part, next)| Page { rows: part.map(row).collect(), next })
            }
        };
        Ok((page?, warning))
    }

    async fn access(
        &self,
        person: &Person,
        name: &str,
        question: Question,
        slice: Slice,
    ) -> Result<Page<Value>, Refusal> {
        let desk = self.desk()?;
        let mut others = desk.persons().await.map_err(failed)?;
        if let Some(wanted) = &question.person {
            others.retain(|other| other.name == *wanted);
        }
        let asked = Ask::new(person, wire::now());
        let decisions = desk.why(asked, name, question.entry, &others, question.action).await.map_err(refusal)?;
        let rows = others.iter().zip(decisions).filter(|(_, decision)| question.person.is_some() || decision.allowed);
        let rows: Vec<_> = rows.collect();
        let row = |(other, decision): &(&Person, concert_model::access::Decision)| json!({"person": other.name, "allowed": decision.allowed, "policy": decision.policy, "reason": decision.reason});
        slice.part_of(&rows, |(other, _)| other.name.clone(), row)
    }

    async fn progress(&self, person: &Person, name: &str, slice: Slice) -> Result<Page<Value>, Refusal> {
        let runs = self.desk()?.progress(person, name, wire::now()).await.map_err(refusal)?;
        slice.part_of(&runs, |run| run["run"].as_str().unwrap_or_default().to_owned(), Value::clone)
    }

    async fn due(&self, person: &Person, wanted: WantedDue, slice: Slice) -> Result<Page<Value>, Refusal> {
        let now = wire::now();
        let mut due = self.desk()?.due(person, now).await.map_err(refusal)?;
        let WantedDue { mine, kind, within } = wanted;
        let horizon = within.map(|within| now.plus_seconds(i64::try_from(within.as_secs()).unwrap_or(i64::MAX)));
        due.retain(|one| {
            (!mine || one.due.persons.contains(&person.name))
                && kind.is_none_or(|kind| one.due.kind == kind)
                && horizon.is_none_or(|horizon| one.due.due <= horizon)
        });
        slice.part_of(&due, incidents::DueIn::key, |one| one.json(now))
    }

    async fn process_numbers(&self, person: &Person, name: &str, wanted: Runs) -> Result<Value, Refusal> {
        let Runs { version, since } = wanted;
        let wanted = concert_model::incident::process::numbers::Wanted { process: Some(name.into()), version, since };
        let counted = self.desk()?.process_numbers(person, wanted).await.map_err(refusal)?;
        let numbers = counted.get(name).cloned().unwrap_or_default();
        if numbers.runs == 0 {
            let all = looks::processes_of(self).await?.all;
            all.iter().find(|(process, _)| process.name == name).ok_or(Refusal::Missing)?;
        }
        Ok(numbers_json(name, &numbers))
    }
}
