//! What a person wants to write, before it is decided about and signed; and how it is read from JSON.

use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Map, Value};

use super::content::{Content, PartyStatus, Severity};
use super::fold::Incident;
use super::marking::{Marking, Tlp};
use crate::problem::{meant, nearest};
use crate::{Problem, Time};

/// Most entries written at once.
pub const DRAFTS_MAX: usize = 1_000;

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it says.
    pub content: Content,
    /// How it is marked; as the incident where nothing is said.
    pub marking: Option<Marking>,
    /// Minutes that it took: an effort of its author, which is written beside it; 0 for none.
    pub minutes: u32,
}

/// An incident that is to be opened. Its marking is asked for at once, so that nothing is visible to too
/// many even for a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIncident {
    /// What it is about, in a line.
    pub title: String,
    /// Its type.
    pub classification: String,
    /// How bad it is.
    pub severity: Severity,
    /// How it is marked.
    pub marking: Marking,
    /// What is written into it at the same moment.
    pub drafts: Vec<Draft>,
}

/// A member that does not belong into what somebody sends, with those that do.
pub fn foreign(odd: &str, what: &str, known: &[&str]) -> Problem {
    let odd: String = odd.chars().take(100).collect();
    let hint = match known {
        [] => "it has none".to_owned(),
        known => meant(&odd, known.iter().copied(), format!("known are: {}", known.join(", "))),
    };
    Problem::new(format!("`{odd}` does not belong into {what}")).hint(hint)
}

/// Most minutes of one entry: those of a day.
pub const MINUTES_MAX: u32 = 24 * 60;

/// Minutes that something took, as they were given.
fn minutes(given: Option<u64>) -> Result<u32, Problem> {
    let minutes = given.and_then(|minutes| u32::try_from(minutes).ok()).filter(|minutes| *minutes > 0);
    let minutes =
        minutes.ok_or_else(|| Problem::new("`minutes` is not a whole number from 1").hint("leave it out for none"))?;
    in_a_day(minutes).map(|()| minutes)
}

/// Whether a day has so many minutes.
pub fn in_a_day(minutes: u32) -> Result<(), Problem> {
    if minutes <= MINUTES_MAX {
        return Ok(());
    }
    let problem = Problem::new(format!("`minutes` is {minutes}, and a day has {MINUTES_MAX}"));
    Err(problem.hint("write an entry for each day"))
}

/// The same as the parameter of an address.
pub fn minutes_from_text(text: &str) -> Result<u32, Problem> {
    minutes(text.parse().ok())
}

/// Takes out of an object what stands beside whatever is done: the minutes that it took; 0 where nothing is said.
pub fn take_minutes(value: &mut Value) -> Result<u32, Problem> {
    let Some(members) = value.as_object_mut() else { return Ok(0) };
    if let Some(odd) = members.keys().find(|name| *name != "minutes" && nearest(name, ["minutes"]).is_some()) {
        return Err(foreign(odd, "the body", &["minutes"]));
    }
    members.remove("minutes").filter(|given| !given.is_null()).map_or(Ok(0), |given| minutes(given.as_u64()))
}

/// The members of an object, each taken out once; what is left at the end was not asked for.
struct Members<'k> {
    members: Map<String, Value>,
    known: &'k [&'k str],
}

impl<'k> Members<'k> {
    fn new(what: &str, value: Value, known: &'k [&'k str]) -> Result<Self, Problem> {
        let Value::Object(members) = value else {
            return Err(Problem::new(format!("{what} is not a JSON object")));
        };
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self { members, known }),
            Some(odd) => Err(foreign(odd, what, known)),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        debug_assert!(self.known.contains(&name), "{name}");
        self.members.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<String, Problem> {
        match self.take(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Problem::new(format!("`{name}` is not a text"))),
            None => Err(Problem::new(format!("`{name}` is missing"))),
        }
    }

    /// Minutes that it took; 0 where nothing is said.
    fn minutes(&mut self) -> Result<u32, Problem> {
        self.take("minutes").map_or(Ok(0), |value| minutes(value.as_u64()))
    }

    /// The last entry that the person had read.
    fn seen(&mut self) -> Result<Option<u64>, Problem> {
        let number = |value: Value| value.as_u64().ok_or_else(|| Problem::new("`seen` is not the number of an entry"));
        self.take("seen").map(number).transpose()
    }

    fn marking(&mut self) -> Result<Option<Marking>, Problem> {
        self.take("marking").map(read_marking).transpose()
    }

    /// Until when an answer is asked for.
    fn answer_by(&mut self) -> Result<Option<Time>, Problem> {
        let Some(given) = self.take("answer_by") else { return Ok(None) };
        let time = given.as_str().and_then(Time::rfc3339).map(|(time, _)| time);
        let hint = "write it like 2026-11-22T04:50:30Z or 2026-11-22T06:50:30+02:00";
        time.map(Some).ok_or_else(|| Problem::new("`answer_by` is no time with its zone").hint(hint))
    }
}

/// A marking as people write it, for what is read by its members: a label alone, or an object.
pub fn given_marking<'de, D: Deserializer<'de>>(given: D) -> Result<Marking, D::Error> {
    read_marking(Value::deserialize(given)?).map_err(|problem| D::Error::custom(problem.what))
}

/// A label as people write it: `TLP:AMBER`, `amber`.
pub fn given_label<'de, D: Deserializer<'de>>(given: D) -> Result<Option<Tlp>, D::Error> {
    let label = Option::<String>::deserialize(given)?;
    label.map(|label| label.parse().map_err(D::Error::custom)).transpose()
}

/// A marking as people write it: an object, or the label alone, in any letter case.
fn read_marking(mut value: Value) -> Result<Marking, Problem> {
    let wrong = |why: String| {
        Problem::new(format!("`marking` cannot be read: {why}"))
            .hint("write a label, or {\"tlp\": \"amber\", \"persons\": [], \"parties\": [], \"compartment\": \"\"}")
    };
    if let Value::String(label) = &value {
        return label.parse().map(Marking::of).map_err(wrong);
    }
    if !value.is_object() {
        return Err(wrong("it is neither a label nor an object".to_owned()));
    }
    if let Some(Value::String(label)) = value.get_mut("tlp") {
        *label = label.parse::<Tlp>().map_err(wrong)?.word().to_owned();
    }
    serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
}

impl Draft {
    /// Reads `{"kind": "note", "content": {...}, "marking": {...}, "minutes": 15}`.
    pub fn from_json(value: Value) -> Result<Self, Problem> {
        Self::read(Members::new("an entry", value, &["kind", "content", "marking", "minutes"])?)
    }

    fn read(mut members: Members<'_>) -> Result<Self, Problem> {
        let kind = members.text("kind")?;
        let content = match members.take("content") {
            Some(Value::Object(content)) => content,
            Some(_) => return Err(Problem::new("`content` is not a JSON object")),
            None => Map::new(),
        };
        let (marking, minutes) = (members.marking()?, members.minutes()?);
        Ok(Self { content: Content::from_person(&kind, content)?, marking, minutes })
    }

    /// Reads a list of entries. The error names the entry, from 1.
    pub fn list_from_json(value: Option<Value>) -> Result<Vec<Self>, Problem> {
        let items = match value {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Problem::new("`entries` is not a list")),
        };
        if items.len() > DRAFTS_MAX {
            return Err(Problem::new(format!("at most {DRAFTS_MAX} entries are written at once")));
        }
        let read = |(at, item)| Self::from_json(item).map_err(|problem| problem.at(format!("entry {at}")));
        (1..).zip(items).map(read).collect()
    }
}

impl NewIncident {
    /// Reads `{"title": ..., "classification": ..., "severity": ..., "marking": {...}, "entries": [...]}`.
    pub fn from_json(value: Value) -> Result<Self, Problem> {
        let known = ["title", "classification", "severity", "marking", "entries"];
        Self::read(Members::new("an incident", value, &known)?)
    }

    /// Reads the same, and `"report"` or `"mail"`: what it begins with.
    pub fn from_json_with_beginning(value: Value) -> Result<(Self, Option<Beginning>), Problem> {
        let known = ["title", "classification", "severity", "marking", "entries", "report", "mail"];
        let mut members = Members::new("an incident", value, &known)?;
        let beginning = match (members.take("report"), members.take("mail")) {
            (None, None) => None,
            (Some(Value::String(report)), None) => Some(Beginning::Report(report)),
            (Some(_), None) => return Err(Problem::new("`report` is not a text")),
            (None, Some(mail)) => {
                let number = mail.as_i64().filter(|number| *number > 0);
                let hint = "`GET /api/v1/mailbox` has their numbers";
                Some(Beginning::Mail(
                    number.ok_or_else(|| Problem::new("`mail` is not the number of a mail").hint(hint))?,
                ))
            }
            (Some(_), Some(_)) => return Err(Problem::new("it begins with `report` or with `mail`, not with both")),
        };
        Ok((Self::read(members)?, beginning))
    }

    fn read(mut members: Members<'_>) -> Result<Self, Problem> {
        const SEVERITIES: &str = "info, low, medium, high or critical";
        let severity = members.take("severity").ok_or_else(|| {
            Problem::new("`severity` is missing").hint(format!("how bad it is, from the first moment: {SEVERITIES}"))
        })?;
        let severity =
            serde_json::from_value(severity).map_err(|_| Problem::new(format!("`severity` is {SEVERITIES}")))?;
        let marking = members.marking()?.ok_or_else(|| {
            Problem::new("`marking` is missing")
                .hint("an incident is marked from the first moment: {\"tlp\": \"amber\"}")
        })?;
        Ok(Self {
            title: members.text("title")?,
            classification: members.text("classification")?,
            severity,
            marking,
            drafts: Draft::list_from_json(members.take("entries"))?,
        })
    }
}

/// What an incident begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// A report, by its identity.
    Report(String),
    /// A mail to the mailbox of the site, by its number.
    Mail(i64),
}

/// A message that a person wants to send to a party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// The party it is for.
    pub party: String,
    /// The address, where it is not that of the party's contacts.
    pub to: Option<String>,
    /// Its subject, without the ticket.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// Evidence that goes with it, by first digits of SHA-256.
    pub attachments: Vec<String>,
    /// How it is marked; as the incident where nothing is said.
    pub marking: Option<Marking>,
    /// Until when an answer is asked for, where one is.
    pub answer_by: Option<Time>,
}

impl NewMessage {
    /// Reads `{"party": ..., "subject": ..., "text": ..., "to": ..., "attachments": [...], "marking": {...},
    /// "answer_by": ..., "preview": false}`. Also says whether it is only to be shown.
    pub fn from_json(value: Value) -> Result<(Self, bool), Problem> {
        let known = ["party", "to", "subject", "text", "attachments", "marking", "answer_by", "preview"];
        let mut members = Members::new("a message", value, &known)?;
        let is_preview = match members.take("preview") {
            None => false,
            Some(Value::Bool(given)) => given,
            Some(_) => return Err(Problem::new("`preview` is true or false")),
        };
        let attachments = match members.take("attachments") {
            None => Vec::new(),
            Some(list) => {
                serde_json::from_value(list).map_err(|_| Problem::new("`attachments` is a list of hashes"))?
            }
        };
        let to = match members.take("to") {
            None => None,
            Some(Value::String(to)) => Some(to),
            Some(_) => return Err(Problem::new("`to` is not a text")),
        };
        let (marking, answer_by) = (members.marking()?, members.answer_by()?);
        let (party, subject, text) = (members.text("party")?, members.text("subject")?, members.text("text")?);
        Ok((Self { party, to, subject, text, attachments, marking, answer_by }, is_preview))
    }
}

/// Whom a message is for that goes to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Parties with a host that was reached.
    Victims,
    /// Parties with a host from which others were reached.
    Sources,
    /// All that take part.
    All,
    /// All that stand so.
    Status(PartyStatus),
}

impl FromStr for Audience {
    type Err = String;

    /// Reads `victims`, `sources`, `all` or `status=told`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "victims" => Ok(Self::Victims),
            None if text == "sources" => Ok(Self::Sources),
            None if text == "all" => Ok(Self::All),
            Some(("status", word)) => match serde_json::from_value(Value::from(word)) {
                Ok(status) => Ok(Self::Status(status)),
                Err(_) => Err(format!(
                    "`{word}` is no status of a party: unknown, contact-sought, told, seen, no-answer, ..."
                )),
            },
            _ => Err("victims, sources, all, or status=STATUS".into()),
        }
    }
}

/// What is to be told to all parties of a kind, each with its own facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// Whom it is for.
    pub audience: Audience,
    /// Template of the subject.
    pub subject: String,
    /// Template of the text.
    pub text: String,
    /// How the messages are marked; as the incident where nothing is said.
    pub marking: Option<Marking>,
    /// Until when answers are asked for, where they are.
    pub answer_by: Option<Time>,
    /// Whether it goes also to whom the same was sent just now.
    pub again: bool,
}

impl Telling {
    /// Reads `{"to": "victims", "subject": ..., "text": ..., "marking": {...}, "answer_by": ..., "send": false, "again":
    /// false}`. Also says whether it is to be sent.
    pub fn from_json(value: Value) -> Result<(Self, bool), Problem> {
        let mut members =
            Members::new("what is told", value, &["to", "subject", "text", "marking", "answer_by", "send", "again"])?;
        let mut is_true = |name: &str| match members.take(name) {
            None => Ok(false),
            Some(Value::Bool(given)) => Ok(given),
            Some(_) => Err(Problem::new(format!("`{name}` is true or false"))),
        };
        let (is_sent, again) = (is_true("send")?, is_true("again")?);
        let audience = members.text("to")?.parse().map_err(|why| Problem::new(format!("`to`: {why}")))?;
        let (marking, answer_by) = (members.marking()?, members.answer_by()?);
        let (subject, text) = (members.text("subject")?, members.text("text")?);
        Ok((Self { audience, subject, text, marking, answer_by, again }, is_sent))
    }
}

/// What a person says of a mail that came in, or of one of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailAnswer {
    /// It is of this party.
    Accept(String),
    /// It does not belong here, and why.
    Drop(String),
    /// This file is kept as evidence.
    Keep(String),
    /// This file is not wanted, and why.
    Leave(String, String),
}

impl MailAnswer {
    /// Reads `{"do": "accept", "party": ...}`, `{"do": "drop", "reason": ...}`, `{"do": "keep", "file": ...}` or
    /// `{"do": "leave", "file": ..., "reason": ...}`.
    pub fn from_json(value: Value) -> Result<Self, Problem> {
        let mut members = Members::new("an answer", value, &["do", "party", "reason", "file"])?;
        let what = members.text("do")?;
        let answer = match what.as_str() {
            "accept" => Self::Accept(members.text("party")?),
            "drop" => Self::Drop(members.text("reason")?),
            "keep" => Self::Keep(members.text("file")?),
            "leave" => Self::Leave(members.text("file")?, members.text("reason")?),
            _ => return Err(Problem::new("`do` is accept, drop, keep or leave")),
        };
        match members.members.keys().next() {
            Some(odd) => Err(Problem::new(format!("`{odd}` does not belong to `{what}`"))),
            None => Ok(answer),
        }
    }
}

/// Members of a task or a finding that are not given stay as they are in this state: whoever says that it is done says
/// nothing of its title. What is given as empty becomes empty.
pub fn keep_members(kind: &str, members: &mut Map<String, Value>, state: &Incident) {
    let Some(name) = members.get("name").and_then(Value::as_str) else { return };
    let known = match kind.split('/').next() {
        Some("task") => state.tasks.get(name).cloned().map(Content::from),
        Some("finding") => state.findings.get(name).cloned().map(Content::from),
        _ => None,
    };
    let Some((kind, held)) = known.as_ref().and_then(Content::write) else { return };
    let Value::Object(held) = Content::shown(kind, &held) else { return };
    // Which of several things with this name is meant follows from the name.
    for (member, value) in held.into_iter().filter(|(member, _)| member != "item") {
        members.entry(member).or_insert(value);
    }
}

/// The entries in what is written into an incident that name a task or a finding: kind and content of each.
fn named_things(value: &mut Value) -> impl Iterator<Item = (String, &mut Map<String, Value>)> {
    let entries = match value.get("kind").is_some() {
        true => std::slice::from_mut(value),
        false => value.get_mut("entries").and_then(Value::as_array_mut).map_or(&mut [][..], Vec::as_mut_slice),
    };
    entries.iter_mut().filter_map(named_thing)
}

fn named_thing(entry: &mut Value) -> Option<(String, &mut Map<String, Value>)> {
    let kind = entry.get("kind")?.as_str()?.to_owned();
    let is_one = matches!(kind.split('/').next(), Some("task" | "finding"));
    entry.get_mut("content")?.as_object_mut().filter(|_| is_one).map(|content| (kind, content))
}

/// Whether what is written into an incident depends on how its tasks and findings are.
pub fn asks_state(value: &mut Value) -> bool {
    named_things(value).next().is_some()
}

/// Completes the tasks and findings in what is written into an incident, see [`keep_members`].
pub fn keep_all_members(value: &mut Value, state: &Incident) {
    named_things(value).for_each(|(kind, members)| keep_members(&kind, members, state));
}

/// Reads what is written into an incident: one entry, or `{"entries": [...]}`, each with or without `"seen": N`,
/// the last entry that the person had read.
pub fn drafts_from_json(value: Value) -> Result<(Vec<Draft>, Option<u64>), Problem> {
    if value.get("kind").is_some() {
        let mut members = Members::new("an entry", value, &["kind", "content", "marking", "minutes", "seen"])?;
        let seen = members.seen()?;
        return Ok((vec![Draft::read(members)?], seen));
    }
    let mut members = Members::new("what is written", value, &["entries", "seen"])?;
    let seen = members.seen()?;
    let drafts = Draft::list_from_json(members.take("entries"))?;
    if drafts.is_empty() {
        return Err(Problem::new("there is nothing to write").hint("give `entries`, or `kind` and `content`"));
    }
    Ok((drafts, seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_and_what_is_said_of_mails_are_read() {
        let letter = json!({"party": "Net", "subject": "s", "text": "t", "preview": true, "attachments": ["ab"]});
        let (read, is_preview) = NewMessage::from_json(letter).unwrap();
        assert_eq!((read.party.as_str(), read.attachments.len(), is_preview), ("Net", 1, true));
        let wrong = |value: Value, want: &str| {
            let told = NewMessage::from_json(value).unwrap_err().to_string();
            assert!(told.contains(want), "{told}");
        };
        wrong(json!({"party": "Net", "subject": "s"}), "`text` is missing");
        wrong(json!({"party": "Net", "subject": "s", "text": "t", "attachments": [1]}), "list of hashes");
        wrong(json!({"partie": "Net"}), "did you mean `party`?");
        assert_eq!(MailAnswer::from_json(json!({"do": "accept", "party": "N"})), Ok(MailAnswer::Accept("N".into())));
        for odd in [json!({"do": "eat"}), json!({"do": "drop"}), json!({"do": "keep", "file": "a", "party": "N"})] {
            assert!(MailAnswer::from_json(odd).is_err());
        }
    }

    #[test]
    fn what_is_told_to_many_is_sent_only_where_that_is_said() {
        let telling = |to: &str, send: Value| json!({"to": to, "subject": "s", "text": "t", "send": send});
        let read = |to: &str| {
            Telling::from_json(telling(to, Value::Null)).map(|(telling, is_sent)| (telling.audience, is_sent))
        };
        assert_eq!(read("victims"), Ok((Audience::Victims, false)));
        assert_eq!(read("status=no-answer"), Ok((Audience::Status(PartyStatus::NoAnswer), false)));
        assert!(Telling::from_json(telling("all", json!(true))).unwrap().1);
        for (to, want) in [("status=dead", "no status of a party"), ("victim", "`to`: victims, sources"), ("", "`to`")]
        {
            assert!(read(to).unwrap_err().to_string().contains(want), "{to}");
        }
        for odd in [telling("all", json!("yes")), json!({"to": "all", "subject": "s"}), json!({"too": "all"})] {
            assert!(Telling::from_json(odd).is_err());
        }
    }

    #[test]
    fn members_of_a_task_or_a_finding_that_are_not_given_stay() {
        let mut state = Incident::default();
        let task = json!({"name": "t1", "title": "Ask for logs", "role": "responder", "person": "anna", "due": 1_795_323_030_000_000_i64, "done": false});
        let Content::Task(task) = Content::read("task/1", &task) else { panic!("{task}") };
        state.tasks.insert("t1".into(), task);
        let finding = json!({"name": "h1", "statement": "The key was stolen", "standing": "hypothesis"});
        let Content::Finding(finding) = Content::read("finding/1", &finding) else { panic!("{finding}") };
        state.findings.insert("h1".into(), finding);
        let written = |mut value: Value| {
            assert!(asks_state(&mut value));
            keep_all_members(&mut value, &state);
            let (drafts, _) = drafts_from_json(value).unwrap();
            drafts.iter().map(|draft| draft.content.write().unwrap().1).collect::<Vec<_>>()
        };
        let done = written(json!({"kind": "task", "content": {"name": "t1", "done": true}}));
        let want = json!({"name": "t1", "title": "Ask for logs", "role": "responder", "person": "anna", "due": 1_795_323_030_000_000_i64, "done": true, "item": ""});
        assert_eq!(done, [want]);
        // What is given as empty becomes empty, and another task has nothing of this one.
        let entries = json!({"entries": [
            {"kind": "task/1", "content": {"name": "t1", "person": "", "role": null}},
            {"kind": "task", "content": {"name": "t2", "title": "x"}},
            {"kind": "finding", "content": {"name": "h1", "standing": "supported"}},
        ]});
        let all = written(entries);
        assert_eq!(
            (&all[0]["person"], &all[0]["role"], &all[0]["title"]),
            (&json!(""), &json!(null), &json!("Ask for logs"))
        );
        assert_eq!((&all[1]["person"], &all[1]["due"]), (&json!(""), &json!(null)));
        assert_eq!(
            all[2],
            json!({"name": "h1", "statement": "The key was stolen", "standing": "supported", "item": ""})
        );
        for other in [
            json!({"kind": "note", "content": {"text": "x"}}),
            json!({"entries": 5}),
            json!([]),
            json!({"kind": "task"}),
        ] {
            assert!(!asks_state(&mut other.clone()), "{other}");
        }
    }

    #[test]
    fn what_is_odd_is_told_with_a_hint() {
        let check = |value: Value, want: &str| {
            let told = NewIncident::from_json(value).unwrap_err().to_string();
            assert!(told.contains(want), "{told}");
        };
        check(json!({"titel": "x"}), "did you mean `title`?");
        check(json!({"title": "x"}), "how bad it is, from the first moment: info, low, medium, high or critical");
        check(json!({"title": "x", "severity": "bad"}), "`severity` is info, low, medium, high or critical");
        check(json!({"title": "x", "severity": "low"}), "marked from the first moment");
        check(json!({"title": 1, "severity": "low", "marking": {"tlp": "amber"}}), "`title` is not a text");
        check(json!({"title": "x", "severity": "low", "marking": {"tlp": "white"}}), "cannot be read");
        check(json!([]), "is not a JSON object");
        let entries = json!([{"kind": "note", "content": {"text": "x"}}, {"kind": "nota"}]);
        let of = |marking: Value| {
            let value = json!({"title": "x", "classification": "scanner", "severity": "low", "marking": marking});
            NewIncident::from_json(value).map(|new| new.marking)
        };
        assert_eq!(of(json!("TLP:AMBER+STRICT")), Ok(Marking::of(Tlp::AmberStrict)));
        assert_eq!(of(json!({"tlp": "AMBER"})), Ok(Marking::of(Tlp::Amber)));
        assert!(of(json!(7)).unwrap_err().what.contains("neither a label nor an object"));
        let marking = json!({"tlp": "amber"});
        let with = |entries| json!({"title": "x", "classification": "scanner", "severity": "low", "marking": marking, "entries": entries});
        check(with(entries), "entry 2");
        let read = NewIncident::from_json(with(json!([{"kind": "note", "content": {"text": "x"}}]))).unwrap();
        assert_eq!((read.title.as_str(), read.drafts.len()), ("x", 1));
        assert!(drafts_from_json(json!({"entries": []})).unwrap_err().to_string().contains("nothing to write"));
    }

    #[test]
    fn minutes_stand_beside_what_took_them() {
        let with = |minutes: Value| json!({"kind": "note", "content": {"text": "x"}, "minutes": minutes});
        let read = |value: Value| drafts_from_json(value).map(|(drafts, _)| drafts[0].minutes);
        assert_eq!(read(with(json!(15))), Ok(15));
        assert_eq!(read(with(Value::Null)), Ok(0));
        assert_eq!(read(json!({"entries": [with(json!(3))]})), Ok(3));
        for odd in [json!(0), json!(-5), json!(1.5), json!("15"), json!(u64::MAX)] {
            let told = read(with(odd.clone())).unwrap_err().to_string();
            assert!(told.contains("`minutes` is not a whole number from 1"), "{odd}: {told}");
        }
    }

    #[test]
    fn minutes_stand_beside_whatever_else_is_done() {
        let mut body = json!({"party": "Net", "minutes": 15});
        assert_eq!((take_minutes(&mut body), body), (Ok(15), json!({"party": "Net"})));
        for none in [json!({"minutes": null}), json!({}), json!([])] {
            assert_eq!(take_minutes(&mut none.clone()), Ok(0));
        }
        for odd in [json!(0), json!("15"), json!(-1)] {
            let told = take_minutes(&mut json!({"minutes": odd})).unwrap_err().to_string();
            assert!(told.contains("`minutes` is not a whole number from 1"), "{told}");
        }
        assert!(take_minutes(&mut json!({"minuets": 5})).unwrap_err().to_string().contains("did you mean `minutes`?"));
        assert_eq!(minutes_from_text("15"), Ok(15));
        assert!(minutes_from_text("0").is_err() && minutes_from_text("x").is_err());
    }

    #[test]
    fn what_was_seen_is_said_of_one_entry_as_of_several() {
        let note = json!({"kind": "note", "content": {"text": "x"}});
        let with = |seen: Value| json!({"kind": "note", "content": {"text": "x"}, "seen": seen});
        let read = |value: Value| drafts_from_json(value).map(|(drafts, seen)| (drafts.len(), seen));
        assert_eq!(read(note.clone()), Ok((1, None)));
        assert_eq!(read(with(json!(17))), Ok((1, Some(17))));
        assert_eq!(read(with(Value::Null)), Ok((1, None)));
        assert_eq!(read(json!({"entries": [note, note], "seen": 17})), Ok((2, Some(17))));
        let wrong = |value: Value, want: &str| {
            let told = read(value).unwrap_err().to_string();
            assert!(told.contains(want), "{told}");
        };
        wrong(with(json!("17")), "`seen` is not the number of an entry");
        wrong(json!({"kind": "note", "because": 1}), "known are: kind, content, marking, minutes, seen");
        wrong(json!({"kind": "note", "sen": 1}), "did you mean `seen`?");
        wrong(json!({"kind": "note", "minutes": 1441}), "a day has 1440");
        // It holds for all of them, so it stands beside them.
        wrong(json!({"entries": [with(json!(17))]}), "entry 1: `seen` does not belong into an entry");
    }
}
