//! Entries that were decided about: signed, kept with what is derived from them, and erased.

use std::collections::VecDeque;
use std::sync::Arc;

use concert_model::access::{BY_ITSELF, Circle, is_field};
use concert_model::incident::content::{Content, Erased, Opened, Opening};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::place;
use concert_model::incident::journal::{BODY_BYTES_MAX, Body, Stamp, Tip, hex};
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{Problem, Time};
use concert_store::records::incidents::{self, EntryRow, Head, NewEntry};
use concert_store::records::{Change, messages};
use serde_json::{Value, json};

use super::{ANSWERS_KEPT_MICROS, MERGED, Written, absent, salt, wrong};
use crate::incidents::case::Case;
use crate::incidents::sight;
use crate::incidents::{Ask, Incidents, Kept, Refused, effort, entry_json, evidence, joins, text, titles};

impl Incidents {
    /// Removes the body that a draft says is erased. What is kept of it is that it was there, for whoever could read it.
    pub(super) async fn erase(
        &self,
        change: &mut Change<'_>,
        ask: Ask<'_>,
        case: Case,
        draft: Draft,
    ) -> Result<(Case, Draft, Vec<Value>), Refused> {
        let Content::Erased(mut erased) = draft.content else { return Ok((case, draft, Vec::new())) };
        let circle = self.circle(&case);
        let kept = case
            .entries
            .iter()
            .find(|kept| kept.is_at(&erased.site, erased.sequence))
            .filter(|kept| case.shows(&circle, ask.person, kept));
        let Some((kept, (body, said))) = kept.and_then(|kept| Some((kept, kept.body.as_ref()?))) else {
            return Err(absent("there is no such entry, or its body is gone"));
        };
        if kept.is_erased() {
            return Err(absent("there is no such entry, or its body is gone"));
        }
        // Who does not see the other of two incidents does not know that they belong together.
        if let Some(other) = kept.joins()
            && !self.sees_in(change, ask.person, other).await?
        {
            return Err(absent("there is no such entry, or its body is gone"));
        }
        may_be_erased(&case, kept, (body, said), &erased)?;
        let opening = match said {
            Content::Opened(opened) => Some(standing(kept, body, opened)),
            _ => None,
        };
        erased.joins = kept.joins().unwrap_or_default().to_owned();
        let marking = match (&draft.marking, marking_of_erasure(&case, &circle, body)) {
            (Some(given), Some(own)) => Some(own.and(given)),
            (given, own) => own.or_else(|| given.clone()),
        };
        if let Content::MessageKept(message) = said {
            messages::forget(change, &message.notice, message.mail).await?;
        }
        // What it needs to stand is written first, so that the incident is never without it.
        let (case, written) = match opening {
            Some(opening) => {
                let draft = Draft { content: opening.into(), marking: None, minutes: 0 };
                self.sign(change, ask, case, vec![draft]).await?
            }
            None => (case, Vec::new()),
        };
        incidents::erase_body(change, &case.id, &erased.site, erased.sequence).await?;
        let case = self.case_anew(change, &case.id).await?;
        Ok((case, Draft { content: erased.into(), marking, minutes: draft.minutes }, written))
    }

    /// Signs drafts that were decided about and keeps them, with what is found by searching.
    pub(in crate::incidents) async fn sign(
        &self,
        change: &mut Change<'_>,
        ask: Ask<'_>,
        mut case: Case,
        drafts: Vec<Draft>,
    ) -> Result<(Case, Vec<Value>), Refused> {
        let site = self.key.site();
        // Along a chain stamps grow, so its last entry is the first one met from the end.
        let mut tip = match case.entries.iter().rev().find(|kept| kept.header.site == site) {
            Some(kept) => Tip { sequence: kept.header.sequence, hash: kept.header.hash().map_err(unwritable)? },
            None => Tip::default(),
        };
        let mut written = Vec::with_capacity(drafts.len());
        let mut left: VecDeque<Draft> = drafts.into();
        while let Some(draft) = left.pop_front() {
            let seen = case.entries.last().map_or(Stamp::default(), |kept| kept.header.stamp);
            let marking = draft.marking.clone().or_else(|| case.head.marking.clone());
            let marking = marking.ok_or_else(|| wrong("how the incident is marked is not known here"))?;
            let found = text::findable(&draft.content);
            let (kind, content) = draft.content.write().ok_or_else(|| wrong("an entry cannot be written"))?;
            let body =
                Body { author: ask.person.name.clone(), kind: kind.to_owned(), marking, content, salt: hex(&salt()?) };
            let entry = self.key.sign(&case.id, tip, Stamp::next(ask.now, seen), body).map_err(unwritable)?;
            let header = entry.header.text().map_err(unwritable)?;
            let body = entry.body.as_ref().map(Body::text).transpose().map_err(unwritable)?;
            if body.as_ref().is_some_and(|body| body.len() > BODY_BYTES_MAX) {
                return Err(wrong(format!("an entry has at most {} KiB", BODY_BYTES_MAX >> 10)));
            }
            if let Some(effort) = effort::beside(&draft, ask.person, place(&entry.header)) {
                left.push_front(effort);
            }
            let new = NewEntry {
                incident: &case.id,
                site: &site.to_string(),
                sequence: entry.header.sequence,
                stamp: (entry.header.stamp.time, entry.header.stamp.tick),
                header: &header,
                body: body.as_deref(),
            };
            let seq = incidents::keep_entry(change, &new).await?;
            incidents::keep_findable(change, &[(seq, case.id.as_str(), found)]).await?;
            tip = Tip { sequence: entry.header.sequence, hash: entry.header.hash().map_err(unwritable)? };
            case.add(vec![EntryRow { seq, incident: case.id.clone(), header, body, marked: None }]);
            let Some(kept) = case.entries.iter().rev().find(|kept| kept.seq == seq) else { continue };
            let sight = sight::text(kept.sight());
            incidents::touch(change, &case.id, &sight, (seq, kept.header.stamp.time)).await?;
            written.push(entry_json(kept));
        }
        Ok((case, written))
    }

    pub(in crate::incidents) async fn finish(
        &self,
        mut change: Change<'static>,
        ask: Ask<'_>,
        case: Case,
        (entries, left_out): (Vec<Value>, Vec<(String, String)>),
    ) -> Result<Written, Refused> {
        incidents::keep_head(&mut change, &self.head_of(&case)).await?;
        let erases = entries.iter().any(|entry| entry.get("kind").is_some_and(|kind| kind == "erased/1"));
        let mut written =
            Written { id: case.id.clone(), number: case.head.number.clone(), entries, left_out, warnings: Vec::new() };
        if let Some((key, digest)) = ask.key {
            let times = (ask.now, Time(ask.now.0.saturating_sub(ANSWERS_KEPT_MICROS)));
            let answer = written.kept().to_string();
            incidents::keep_answer(&mut change, (&ask.person.name, key), &digest, &answer, times).await?;
        }
        self.store.records.commit(change).await?;
        self.hold(Arc::new(case));
        // The log of the records must not say any longer what was erased. It is erased, whatever cannot be done now.
        if erases && !self.store.records.empty_log().await.unwrap_or_default() {
            let what = "what was erased still stands in `data/records.sqlite-wal`: somebody reads the records";
            let hint = "it goes with whatever is erased next, and with `concert forget`";
            written.warnings.push(Problem::new(what).hint(hint));
        }
        Ok(written)
    }

    /// How an incident stands, for lists.
    pub(in crate::incidents) fn head_of(&self, case: &Case) -> Head {
        head_of(case, &self.circle(case))
    }
}

/// Why an entry is not erased, where it is not.
fn may_be_erased(case: &Case, kept: &Kept, (body, said): (&Body, &Content), erased: &Erased) -> Result<(), Refused> {
    // Without it the incident would have neither number nor marking.
    if body.kind == "opening/1" {
        return Err(wrong("what stands of the opening of an incident stays"));
    }
    if is_field(&body.kind) && !matches!(said, Content::Opened(_)) && !titles::is_replaced(case, erased) {
        let problem = Problem::new("fields of an incident are changed, not erased");
        let hint = match body.kind.as_str() {
            "status/1" => {
                "write the same status once more, without its reason (open first what is closed); then this one can be erased"
            }
            _ => "a title, type, severity, status or marking can be erased once a later one took its place",
        };
        return Err(Refused::Wrong(problem.hint(hint)));
    }
    // Without it nothing would tell the body that it names from one that somebody took away.
    if body.kind == "erased/1" {
        return Err(wrong("what says that an entry was erased stays"));
    }
    // Without it the entry that it names would be marked as it was before.
    if body.kind == "entry-marking/1" {
        return Err(wrong("what says how an entry is marked stays"));
    }
    // Without it one of two incidents would say of them what the other does not.
    if matches!(said, Content::Joined(_)) && joins::holds(case, kept) {
        let problem = Problem::new("what says how an incident belongs to another stays as long as it holds");
        let hint = "take the two apart first; then erase that they were joined, and after that the other entry";
        return Err(Refused::Wrong(problem.hint(hint)));
    }
    if evidence::holds(case, &body.content, &body.kind) {
        return Err(wrong("evidence is destroyed before what is written about it is erased"));
    }
    Ok(())
}

/// What an incident needs to stand of the entry that opened it.
fn standing(kept: &Kept, body: &Body, opened: &Opened) -> Opening {
    Opening {
        site: kept.header.site.to_string(),
        sequence: kept.header.sequence,
        author: body.author.clone(),
        marking: kept.signed_marking().unwrap_or(&body.marking).clone(),
        number: opened.number.clone(),
        classification: opened.classification.clone(),
        severity: opened.severity,
    }
}

/// How an incident stands, for lists, with who has to do with it.
pub(in crate::incidents) fn head_of(case: &Case, circle: &Circle) -> Head {
    let head = &case.head;
    Head {
        id: case.id.clone(),
        number: head.number.clone(),
        title: head.title.clone(),
        classification: head.classification.clone(),
        severity: text::word(head.severity),
        status: match head.merged_into() {
            Some(_) => MERGED.to_owned(),
            None => text::word(head.status),
        },
        opened: head.opened.time,
        changed: case.last,
        changed_at: case.last_at,
        circle: serde_json::to_string(circle).unwrap_or_default(),
    }
}

/// Keeps who sees another entry by now, of which one says that it is marked otherwise or was erased, and by that who sees
/// the incident move in lists.
pub(super) async fn keep_sight(change: &mut Change<'_>, case: &Case, says: &Content) -> Result<(), Problem> {
    if let Content::Remarked(one) = says {
        let marking = json!(one.marking).to_string();
        incidents::mark_entry(change, &case.id, (&one.site, one.sequence), &marking).await?;
    }
    incidents::touch_anew(change, &case.id, &case.touched()).await
}

/// How to mark what says that an entry was erased: it is for whoever read that entry, as far as the label of the incident
/// admits. `None` for a field, which is read by whoever sees the incident.
fn marking_of_erasure(case: &Case, circle: &Circle, body: &Body) -> Option<Marking> {
    let own = Some(&body.marking).filter(|_| !is_field(&body.kind))?;
    let mut marking = match case.head.marking.as_ref().filter(|whole| whole.tlp > own.tlp) {
        Some(whole) => Marking { parties: own.parties.clone(), ..own.and(whole) },
        None => own.clone(),
    };
    // Whoever wrote it read it without being named.
    if marking.tlp == Tlp::Red || !marking.compartment.is_empty() {
        let author = if body.author == BY_ITSELF { &circle.opener } else { &body.author };
        if !marking.persons.contains(author) {
            marking.persons.push(author.clone());
        }
    }
    Some(marking)
}

fn unwritable(why: impl std::fmt::Display) -> Refused {
    Refused::Wrong(Problem::new(format!("an entry cannot be written: {why}")))
}
