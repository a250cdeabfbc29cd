//! Logs from a party, read line by line: what happened goes into the timeline, flows are proposed.
//!
//! The parsers are those of feeds. Every item points to its line of the evidence and is marked like it. The
//! same line read again adds nothing; with another clock it gets its new time, and so does a flow that was taken up. Lines are written in parts,
//! so after a kill the same command does the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use concert_model::incident::content::{Act, Content, Happened, Proposed, Relation, TIMES};
use concert_model::incident::draft::{DRAFTS_MAX, Draft};
use concert_model::incident::fold::Incident;
use concert_model::{Batch, Event, Field, OpenEvent, Origin, Problem, ProblemKey, Receipt, Reject, Time};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use concert_pipeline::parse::{Fixed, Parser, Sink, unpack};

use super::super::proposals::{host_of, line_of};
use super::super::write::Right;
use super::super::{Ask, Incidents, Refused, effort, text};
use crate::problems::Failure;
use crate::settings::lone_parser;

use super::{Handling, aside, custody, failed, held, marking_of};

/// Items taken into the timeline by one reading; the next takes those behind them.
const ITEMS_MAX: usize = 5_000;
/// Flows proposed by one reading; the next proposes those behind them.
const FLOWS_MAX: usize = 500;
/// Items that a preview shows.
const SHOWN_MAX: usize = 20;
/// Lines that could not be read which are told; the rest is counted.
const REJECTS_SHOWN_MAX: usize = 10;
/// Bytes that are read; more is not a log that people look at.
const BYTES_MAX: u64 = 4 << 30;
/// Bytes that are read in memory.
const IN_MEMORY_MAX: u64 = 32 << 20;
/// How wrong a clock may be: a year.
const CLOCK_ERROR_MAX_SECONDS: u32 = 366 * 86_400;
/// Letters of what happened.
const TEXT_CHARS_MAX: usize = 1_000;

/// How evidence is read.
#[derive(Clone)]
pub struct HowToRead {
    /// The name of the parser, which custody tells.
    pub name: String,
    /// The parser.
    pub parser: Arc<dyn Parser>,
    /// What holds for every event.
    pub fixed: Fixed,
    /// How it is unpacked.
    pub unpack: unpack::Limits,
    /// The zone as people called it; empty for none.
    pub zone: String,
    /// How wrong its clock may be, in seconds.
    pub clock_error: u32,
    /// Whether nothing is written.
    pub is_preview: bool,
}

/// What a reading gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Events that the parser found.
    pub events: u64,
    /// Lines that it could not read, and the first of them with why.
    pub rejects: u64,
    /// The first of them, each with its line and why.
    pub first_rejects: Vec<String>,
    /// Items that are new in the timeline.
    pub timeline: u64,
    /// Flows that are newly proposed.
    pub proposals: u64,
    /// Flows of the chain that have other times by this reading.
    pub moved: u64,
    /// Items that were there already.
    pub known: u64,
    /// Events without a time, which have no place in a timeline.
    pub without_time: u64,
    /// Lines that were too much for one reading, each once: read again to go on.
    pub left_out: u64,
    /// The first items, as they are or would be written.
    pub shown: Vec<Happened>,
}

type Flow = (String, String, u16, String);
type Item = (u64, i64, u32, String, String);

fn item_of(item: &Happened) -> Item {
    (item.line, item.time, item.clock_error, item.subject.clone(), item.text.clone())
}

/// What is gathered while evidence is read.
#[derive(Default)]
struct Gathered {
    lines: Lines,
    items: Vec<Happened>,
    /// The line that told a flow first, and when it was seen first and last.
    flows: BTreeMap<Flow, (u64, i64, i64)>,
    /// How many of them were not proposed before.
    new_flows: usize,
    /// What those are called that were proposed before.
    proposed: BTreeMap<Flow, String>,
    /// The last line that was left out.
    left_out: u64,
    /// What is said to have happened later is a mistake of a clock, a zone or a year.
    latest: i64,
}

/// What an incident has of a piece of evidence.
struct Known {
    items: BTreeSet<Item>,
    /// Flows proposed out of this evidence, and what they are called.
    proposed: BTreeMap<Flow, String>,
    proposals: BTreeMap<String, Proposed>,
    answered: BTreeSet<String>,
    flows: BTreeSet<(String, String, u16)>,
    /// Flows of the chain that a line of this evidence tells, by what their proposals were called.
    taken: BTreeMap<String, Arc<Relation>>,
}

impl Known {
    fn of(state: &Incident, sha256: &str) -> Self {
        let own = state.timeline.iter().filter(|item| item.line > 0 && item.evidence == sha256);
        let of_this = |one: &&Proposed| one.event.strip_prefix(sha256).is_some_and(|rest| rest.starts_with(':'));
        let named =
            |one: &Proposed| ((one.from.clone(), one.to.clone(), one.port, one.text.clone()), one.event.clone());
        Self {
            items: own.map(item_of).collect(),
            proposed: state.proposals.values().filter(of_this).map(named).collect(),
            proposals: state.proposals.clone(),
            answered: state.answered.keys().cloned().collect(),
            flows: state.relations.iter().map(|one| (one.from.clone(), one.to.clone(), one.port)).collect(),
            taken: state.relations.iter().filter_map(|one| taken(state, sha256, one)).collect(),
        }
    }

    /// What is to be written of something that was read: nothing where it is known. A flow that was taken up gets its new
    /// times as the timeline does.
    fn news(&self, content: &Content) -> Option<Content> {
        match content {
            Content::Happened(item) if self.has(item) => None,
            Content::Proposed(proposed) => match self.taken.get(&proposed.event) {
                Some(flow) => moved(flow, proposed).map(Content::from),
                None => (!self.has_flow(proposed)).then(|| content.clone()),
            },
            other => Some(other.clone()),
        }
    }

    fn has(&self, item: &Happened) -> bool {
        self.items.contains(&item_of(item))
    }

    /// Whether a flow takes no room among new ones: it is in the chain, or was proposed, with whatever times.
    fn knows_flow(&self, flow: &Flow) -> bool {
        self.proposed.contains_key(flow) || self.flows.contains(&(flow.0.clone(), flow.1.clone(), flow.2))
    }

    /// Whether a flow needs no proposal: it is in the chain, or was proposed like this, or was answered.
    fn has_flow(&self, proposed: &Proposed) -> bool {
        self.flows.contains(&(proposed.from.clone(), proposed.to.clone(), proposed.port))
            || self.answered.contains(&proposed.event)
            || self.proposals.get(&proposed.event) == Some(proposed)
    }
}

/// A flow of the chain together with how the proposal was called that was taken up.
fn taken(state: &Incident, sha256: &str, flow: &Arc<Relation>) -> Option<(String, Arc<Relation>)> {
    let is_of = |one: &&Proposed| {
        let is_same = (&one.from, &one.to, one.port) == (&flow.from, &flow.to, flow.port);
        is_same && line_of(&one.event) == (flow.evidence.clone(), flow.line)
    };
    if flow.line == 0 || flow.evidence != sha256 {
        return None;
    }
    let found = state.proposals.values().filter(is_of).find(|one| state.answered.get(&one.event) == Some(&true));
    found.map(|one| (one.event.clone(), Arc::clone(flow)))
}

/// A flow with the times that were read now, where they are others.
fn moved(flow: &Relation, read: &Proposed) -> Option<Relation> {
    let Proposed { first_seen, last_seen, clock_error, zone, .. } = read.clone();
    let moved = Relation { first_seen, last_seen, clock_error, zone, ..flow.clone() };
    (moved != *flow).then_some(moved)
}

fn words(event: &Event<'_>) -> (String, Option<Flow>) {
    let host = |ip, name| host_of(event, ip).or_else(|| host_of(event, name)).map(String::from);
    let from = host(Field::SOURCE_IP, Field::SOURCE_FQDN);
    let to = host(Field::DESTINATION_IP, Field::DESTINATION_FQDN);
    let port = event.int(Field::DESTINATION_PORT).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let said = [Field::CLASSIFICATION_TYPE, Field::MALWARE_NAME].map(|field| event.text(field));
    let what: Vec<&str> = said.iter().flatten().map(AsRef::as_ref).collect();
    let mut told = what.join(", ");
    if let Some(to) = &to {
        told.push_str(&format!(" to {to}"));
    }
    if port != 0 {
        told.push_str(&format!(" port {port}"));
    }
    for field in [Field::SOURCE_ACCOUNT, Field::COMMENT, Field::EVENT_DESCRIPTION_TEXT] {
        if let Some(text) = event.text(field) {
            told.push_str(&format!("; {text}"));
        }
    }
    let flow = from.zip(to).map(|(from, to)| (from, to, port, text::plain_line(&what.join(", "))));
    (told.trim_start_matches([';', ' ']).chars().take(TEXT_CHARS_MAX).collect(), flow)
}

impl Gathered {
    fn reject(&mut self, line: u64, why: &str) {
        self.lines.rejects += 1;
        if self.lines.first_rejects.len() < REJECTS_SHOWN_MAX {
            self.lines.first_rejects.push(format!("line {line}: {}", text::plain_line(why)));
        }
    }

    fn take(&mut self, how: &HowToRead, sha256: &str, known: &Known, event: &Event<'_>) {
        if let Some(time) = event.time(Field::TIME_SOURCE).filter(|time| time.0 > self.latest) {
            let why = format!("`time.source`: {time} is still to come; is its zone another, or its clock wrong?");
            return self.reject(event.row().position.max(1), &why);
        }
        self.lines.events += 1;
        let Some(time) = event.time(Field::TIME_SOURCE).filter(|time| TIMES.contains(&time.0)) else {
            self.lines.without_time += 1;
            return;
        };
        let line = event.row().position.max(1);
        let (text, flow) = words(event);
        let subject = host_of(event, Field::SOURCE_IP).or_else(|| host_of(event, Field::SOURCE_FQDN));
        let subject = text::plain_line(subject.as_deref().unwrap_or_default());
        let (zone, evidence) = (how.zone.clone(), sha256.to_owned());
        let item = Happened { time: time.0, zone, clock_error: how.clock_error, subject, text, evidence, line };
        // Nothing leads from a host to itself: what happened on it stands in the timeline.
        if let Some(flow) = flow.filter(|(from, to, ..)| from != to) {
            let is_new = !self.flows.contains_key(&flow) && !known.knows_flow(&flow);
            if !is_new || self.new_flows < FLOWS_MAX {
                self.new_flows += usize::from(is_new);
                let (first_line, first, last) = self.flows.entry(flow).or_insert((line, time.0, time.0));
                *first_line = line.min(*first_line);
                (*first, *last) = ((*first).min(time.0), (*last).max(time.0));
            } else {
                self.leave_out(line);
            }
        }
        if known.has(&item) {
            self.lines.known += 1;
        } else if self.items.len() < ITEMS_MAX {
            self.items.push(item);
        } else {
            self.leave_out(line);
        }
    }

    /// A line may have too much for both, and tell several things.
    fn leave_out(&mut self, line: u64) {
        if self.left_out != line {
            self.lines.left_out += 1;
            self.left_out = line;
        }
    }

    fn proposals(&self, how: &HowToRead, sha256: &str) -> Vec<Proposed> {
        // What was proposed keeps its name. A line that tells several flows gives the first of them its own.
        let mut names: BTreeSet<String> = self.proposed.values().cloned().collect();
        let mut name_of = |flow: &Flow, line: u64| {
            if let Some(known) = self.proposed.get(flow) {
                return known.clone();
            }
            let mut name = format!("{sha256}:{line}");
            let mut count = 1;
            while !names.insert(name.clone()) {
                count += 1;
                name = format!("{sha256}:{line}.{count}");
            }
            name
        };
        let proposed = |(flow, (line, first, last)): (&Flow, &(u64, i64, i64))| Proposed {
            event: name_of(flow, *line),
            from: flow.0.clone(),
            to: flow.1.clone(),
            port: flow.2,
            first_seen: *first,
            last_seen: *last,
            clock_error: how.clock_error,
            text: flow.3.clone(),
            zone: how.zone.clone(),
        };
        self.flows.iter().map(proposed).collect()
    }
}

/// Something that a parser can read from its start again, as archives need it.
trait Bytes: Read + Seek + Send {}
impl<T: Read + Seek + Send> Bytes for T {}

/// The bytes in memory, or in a file without a name.
fn seekable(mut reader: impl Read, dir: &Path) -> std::io::Result<Box<dyn Bytes>> {
    let mut start = Vec::new();
    reader.by_ref().take(IN_MEMORY_MAX).read_to_end(&mut start)?;
    if (start.len() as u64) < IN_MEMORY_MAX {
        return Ok(Box::new(Cursor::new(start)));
    }
    let mut file = tempfile::tempfile_in(dir)?;
    std::io::Write::write_all(&mut file, &start)?;
    std::io::copy(&mut reader, &mut file)?;
    file.rewind()?;
    Ok(Box::new(file))
}

fn parse(
    how: &HowToRead,
    (sha256, name): (&str, &str),
    (received, now): (Time, Time),
    bytes: Box<dyn Bytes>,
    known: &Known,
) -> Gathered {
    let receipt = Receipt {
        feed: String::new(),
        origin: Origin::File(name.to_owned()),
        received,
        sender: String::new(),
        file_name: name.to_owned(),
        url: String::new(),
        media_type: String::new(),
    };
    let latest = now.plus_seconds(i64::from(how.clock_error)).0;
    let gathered =
        std::cell::RefCell::new(Gathered { latest, proposed: known.proposed.clone(), ..Gathered::default() });
    let mut flush = |batch: Batch| {
        batch.iter().for_each(|event| gathered.borrow_mut().take(how, sha256, known, &event));
        batch
    };
    let mut reject = |reject: Reject| gathered.borrow_mut().reject(reject.line, &reject.reason);
    let mut stage = |_: &mut OpenEvent<'_>| true;
    let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
    let Fixed { constants, extras, zone } = how.fixed.clone();
    let id = receipt.id(&[0; 32]);
    let mut sink = Sink::new(id, &receipt, constants, zone, &mut stage, &key_of, &mut flush, &mut reject);
    sink.give_extras(extras);
    unpack::read(bytes, &receipt, &how.unpack, how.parser.as_ref(), &mut sink);
    sink.finish();
    gathered.into_inner()
}

impl Incidents {
    /// Reads evidence as a log: its lines go into the timeline, and flows that it tells are proposed.
    pub async fn read_lines(
        &self,
        ask: Ask<'_>,
        incident: &str,
        digits: &str,
        how: HowToRead,
    ) -> Result<Lines, Refused> {
        let incident = &self.home_of_evidence(ask.person, incident, digits).await?;
        let state = self.exhibits(ask.person, incident).await?;
        let (sha256, exhibit, added) = held(&state, digits)?;
        // What a parser knows as the moment of receiving is when the evidence was got.
        let got = exhibit.custody.first().map_or(ask.now, |(_, stamp)| stamp.time);
        if added.bytes > BYTES_MAX {
            return Err(super::wrong(format!("evidence of more than {} GiB is not read as a log", BYTES_MAX >> 30)));
        }
        let (sha256, name) = (sha256.to_owned(), added.name.clone());
        // Whoever may not write what comes of it need not wait for the reading.
        if !how.is_preview {
            let (case, _) = self.find(ask.person, incident).await?;
            let look = custody(ask, &sha256, examined(&how), None);
            self.admit(ask.person, &case, &look)?;
        }
        let reading = self.open_evidence(ask, incident, &sha256, None).await?;
        let (work, of, known) = (how.clone(), sha256.clone(), Known::of(&state, &sha256));
        let (dir, now) = (self.store.data().to_owned(), ask.now);
        let gathered = aside(move || {
            let bytes = seekable(reading.reader, &dir)?;
            Ok(parse(&work, (&of, &name), (got, now), bytes, &known))
        });
        let gathered = gathered.await?.map_err(|error| failed("the evidence cannot be read", &error))?;
        self.write_lines(ask, incident, &sha256, &how, gathered).await
    }

    async fn write_lines(
        &self,
        ask: Ask<'_>,
        incident: &str,
        sha256: &str,
        how: &HowToRead,
        gathered: Gathered,
    ) -> Result<Lines, Refused> {
        // Sent again it adds nothing, and several parts cannot have one answer.
        let ask = Ask { key: None, ..ask };
        let proposals = gathered.proposals(how, sha256);
        let Gathered { mut lines, items, .. } = gathered;
        lines.shown = items.iter().take(SHOWN_MAX).cloned().collect();
        let contents = items.into_iter().map(Content::from).chain(proposals.into_iter().map(Content::from));
        let contents: Vec<Content> = contents.collect();
        if how.is_preview {
            let state = self.exhibits(ask.person, incident).await?;
            let known = Known::of(&state, sha256);
            contents.iter().filter_map(|content| known.news(content)).for_each(|content| count(&content, &mut lines));
            return Ok(lines);
        }
        let person = ask.person;
        // One less: custody says once that it was looked into.
        for (at, some) in contents.chunks(DRAFTS_MAX - 1).enumerate() {
            let mut news: Vec<Content> = Vec::new();
            self.write_made(effort::once(ask, at), incident, Right::OfContent, |case, circle| {
                let state = case.state_for(circle, person);
                let (_, exhibit, _) = held(&state, sha256)?;
                let known = Known::of(&state, sha256);
                news = some.iter().filter_map(|content| known.news(content)).collect();
                let marking = marking_of(exhibit);
                let look = (!news.is_empty()).then(|| custody(ask, sha256, examined(how), marking.clone()));
                let drafts =
                    news.iter().map(|content| Draft { content: content.clone(), marking: marking.clone(), minutes: 0 });
                Ok(look.into_iter().chain(drafts).collect::<Vec<_>>())
            })
            .await?;
            news.iter().for_each(|content| count(content, &mut lines));
        }
        Ok(lines)
    }
}

fn examined(how: &HowToRead) -> Handling {
    let reason = format!("read as {}", how.name);
    Handling { act: Act::Examined, whom: String::new(), place: String::new(), reason }
}

fn count(content: &Content, lines: &mut Lines) {
    match content {
        Content::Happened(_) => lines.timeline += 1,
        Content::Proposed(_) => lines.proposals += 1,
        Content::Relation(_) => lines.moved += 1,
        _ => {}
    }
}

impl HowToRead {
    /// How somebody asks for it, who sits at this machine or elsewhere.
    pub fn of(asked: &concert_server::desk::Lines, is_here: bool) -> Result<Self, Failure> {
        if asked.clock_error > CLOCK_ERROR_MAX_SECONDS {
            return Err(Failure::usage(Problem::new("`clock_error` is more than a year")));
        }
        let (parser, mut fixed, unpack) = lone_parser(&asked.parser, &asked.set, is_here)?;
        let zone = asked.zone.as_str();
        if !zone.is_empty() {
            fixed.zone = Some(TimeZone::get(zone).map_err(|_| {
                let problem = Problem::new(format!("`{zone}` is not a time zone"));
                Failure::usage(problem.hint("write it like Europe/Helsinki or UTC"))
            })?);
        }
        let (name, clock_error, is_preview) = (asked.parser.clone(), asked.clock_error, asked.preview);
        Ok(Self { name, parser, fixed, unpack, zone: zone.to_owned(), clock_error, is_preview })
    }
}

impl Lines {
    /// What it gave, for answers.
    pub fn members(&self) -> [(&'static str, Value); 9] {
        [
            ("events", json!(self.events)),
            ("rejects", json!(self.rejects)),
            ("first_reject", json!(self.first_rejects.first().map_or("", String::as_str))),
            ("timeline", json!(self.timeline)),
            ("proposals", json!(self.proposals)),
            ("moved", json!(self.moved)),
            ("known", json!(self.known)),
            ("without_time", json!(self.without_time)),
            ("left_out", json!(self.left_out)),
        ]
    }

    /// Whether the parser found nothing that it could read.
    pub fn problem(&self) -> Option<Problem> {
        (self.events == 0).then(|| {
            let told = match self.first_rejects.is_empty() {
                true => "is it the right parser?".to_owned(),
                false => self.first_rejects.join("\n  "),
            };
            Problem::new("the parser found no events in it").hint(told)
        })
    }
}
