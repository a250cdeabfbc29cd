//! One message to all parties of a kind, each with its own facts.
//!
//! What each may know of the others is that of the neighbour view, and each message is decided about as if it
//! were sent alone: a party that may not be told is left out, with the reason, and the others are told.

use std::collections::BTreeSet;

use concert_model::access::Circle;
use concert_model::incident::chain::{Neighbour, neighbours};
use concert_model::incident::draft::{Audience, NewMessage, Telling};
use concert_model::incident::fold::{Incident, Letter};
use concert_model::incident::marking::Tlp;
use concert_model::{Problem, Time};
use concert_pipeline::render;
use serde_json::{Value, json};

use super::super::case::Case;
use super::super::made::{Beside, Made};
use super::super::neighbours::{Facts, left_out, some_left_out};
use super::super::titles::WITHHELD;
use super::super::view::neighbour_json;
use super::super::write::{Right, wrong};
use super::super::{Ask, Incidents, Refused, Written};
use super::send::{Around, Known};
use super::{Outgoing, Post, Preview, admit, send};

/// Most parties told at once.
const PARTIES_MAX: usize = 400;
/// How long the same message does not go to the same party again by itself: ten minutes.
const AGAIN_SECONDS: i64 = 600;
/// What stands in place of a title in a message that is marked more openly than the incident.
const TITLE_KEPT: &str = "(title withheld: the incident is marked more strictly than this message)";
/// Most flows told to one party; how many there are is told too.
const FLOWS_MAX: usize = 500;

/// A party with its message, or why there is none; and that something may not be told to it.
struct Planned {
    party: String,
    letter: Result<Outgoing, Problem>,
    left_out: Option<Problem>,
}

/// What would be told to one party, or why nothing.
pub struct Told {
    /// The party.
    pub party: String,
    /// The message.
    pub message: Result<Preview, Problem>,
    /// That hosts and flows of the party are not among what it is told.
    pub warning: Option<Problem>,
}

impl Incidents {
    /// What would be sent to whom.
    pub async fn preview_telling(
        &self,
        ask: Ask<'_>,
        post: &Post,
        name: &str,
        telling: &Telling,
    ) -> Result<Vec<Told>, Refused> {
        let (case, circle) = self.find(ask.person, name).await?;
        self.readers_there(ask.person, Some(name), telling.marking.as_ref(), &[]).await?;
        let around = Box::pin(self.around(ask.person, name)).await?;
        let planned = self.plan(ask, post, (&case, &around), &circle, telling)?;
        if planned.iter().any(|one| one.letter.is_err()) {
            self.audit_not_sent(ask, name).await?;
        }
        let told =
            |Planned { party, letter, left_out }| Told { party, message: letter.map(Preview::from), warning: left_out };
        Ok(planned.into_iter().map(told).collect())
    }

    /// Sends to all who may be told; what was written says who was left out and why.
    pub async fn tell(&self, ask: Ask<'_>, post: &Post, name: &str, telling: &Telling) -> Result<Written, Refused> {
        self.readers_there(ask.person, Some(name), telling.marking.as_ref(), &[]).await?;
        let around = Box::pin(self.around(ask.person, name)).await?;
        // Worked out while others write; it holds as long as nothing was written here meanwhile.
        let (seen, circle) = self.find(ask.person, name).await?;
        let planned = self.plan(ask, post, (&seen, &around), &circle, telling).ok();
        let mut warnings = Vec::new();
        let written = self.write_made(ask, name, Right::OfContent, |case, circle| {
            let state = around.shown(case.state_for(circle, ask.person));
            let planned = match planned.filter(|_| case.last == seen.last) {
                Some(planned) => planned,
                None => self.plan(ask, post, (case, &around), circle, telling)?,
            };
            let (mut letters, mut drafts, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
            for Planned { party, letter, left_out: warning } in planned {
                warnings.extend(warning);
                match letter {
                    Ok(letter) => {
                        drafts.extend(send::told(&state, &party, &letter.words.subject, &letter.marking));
                        letters.push(letter);
                    }
                    Err(why) => left_out.push((party, why.what)),
                }
            }
            if letters.is_empty() {
                return Err(nobody(&left_out));
            }
            Ok(Made { drafts, beside: Beside::Queue { home: post.home(), letters, left_out } })
        });
        let mut written = written.await;
        if let Ok(written) = &mut written {
            written.warnings.extend(warnings);
        }
        if matches!(&written, Err(Refused::Wrong(_) | Refused::Absent(_)))
            || written.as_ref().is_ok_and(|one| !one.left_out.is_empty())
        {
            self.audit_not_sent(ask, name).await?;
        }
        written
    }

    /// A message for each party in the order of telling, or why there is none.
    fn plan(
        &self,
        ask: Ask<'_>,
        post: &Post,
        (case, around): (&Case, &Around),
        circle: &Circle,
        telling: &Telling,
    ) -> Result<Vec<Planned>, Refused> {
        let mut known = around.now(case.state_for(circle, ask.person), &case.whole());
        let parties = chosen(&known, telling.audience);
        if parties.is_empty() {
            return Err(wrong("no party of the incident is of this kind"));
        }
        if parties.len() > PARTIES_MAX {
            return Err(wrong(format!("at most {PARTIES_MAX} parties are told at once")));
        }
        let mut planned = Vec::with_capacity(parties.len());
        // What is told bears the label of the message, so that is what its marking must allow.
        let label = telling.marking.as_ref().or(circle.marking.as_ref()).map_or(Tlp::Clear, |marking| marking.tlp);
        let mut open = Facts::of((case, circle), ask.person, None, label);
        around.add_facts(ask.person, &mut open, label);
        let open = open.within(&known.state);
        let keeps_title = circle.marking.as_ref().is_none_or(|whole| whole.tlp > label);
        for party in parties {
            let left_out = some_left_out(&party, left_out(&known.state, &open, &party), label);
            let mut facts = facts((&known.state, &open, &known.all.state), post, &party);
            if keeps_title && let Some(title) = facts.get_mut("title") {
                *title = json!(TITLE_KEPT);
            }
            let subject = render::words("the subject", &telling.subject, &facts).map_err(Refused::Wrong)?;
            let new = NewMessage {
                subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
                text: render::words("the template", &telling.text, &facts).map_err(Refused::Wrong)?,
                marking: telling.marking.clone(),
                answer_by: telling.answer_by,
                party: party.clone(),
                ..NewMessage::default()
            };
            if !telling.again
                && let Some(seconds) = told_ago(&known.state, &new, ask.now)
            {
                let what = format!(
                    "the same was sent to it {seconds} seconds ago; `--again` (`again` over the API) sends it once more"
                );
                planned.push(Planned { party, letter: Err(Problem::new(what)), left_out });
                continue;
            }
            let letter = match self.letter(ask, post, (case, &known), circle, &new) {
                Ok(letter) => {
                    known.take(&party);
                    Ok(letter)
                }
                Err(Refused::Wrong(problem) | Refused::Absent(problem)) => Err(problem),
                Err(other) => return Err(other),
            };
            planned.push(Planned { party, letter, left_out });
        }
        Ok(planned)
    }
}

fn nobody(left_out: &[(String, String)]) -> Refused {
    let why: Vec<String> = left_out.iter().map(|(party, why)| format!("{party}: {why}")).collect();
    Refused::Wrong(Problem::new(format!("nobody is told: {}", why.join("; "))))
}

/// How many seconds ago the same message was sent to a party, where that was just now: whoever sends it twice meant once.
fn told_ago(state: &Incident, new: &NewMessage, now: Time) -> Option<i64> {
    let is_same = |letter: &&std::sync::Arc<Letter>| {
        let message = &letter.message;
        !message.incoming && (message.text.as_str(), message.subject.as_str()) == (&new.text, new.subject.trim())
    };
    let last = state.conversation(&new.party).rev().find(is_same)?;
    let seconds = now.seconds().saturating_sub(last.stamp.time.seconds()).max(0);
    (seconds < AGAIN_SECONDS).then_some(seconds)
}

/// The parties of a kind: those in the order of telling first, as they stand there.
fn chosen(known: &Known, audience: Audience) -> Vec<String> {
    let state = &known.state;
    let owner = |host: &str| state.hosts.get(host).cloned();
    let found: BTreeSet<String> = match audience {
        Audience::Victims => state.relations.iter().filter_map(|relation| owner(&relation.to)).collect(),
        Audience::Sources => state.relations.iter().filter_map(|relation| owner(&relation.from)).collect(),
        Audience::All => state.parties.keys().cloned().collect(),
        Audience::Status(status) => {
            let is_so = |(_, known): &(&String, &concert_model::incident::fold::Participant)| known.status == status;
            state.parties.iter().filter(is_so).map(|(party, _)| party.clone()).collect()
        }
    };
    let mut found: Vec<String> = found.into_iter().collect();
    // The own order counts most, so it comes last.
    for order in known.seen.orders.iter().chain([&state.order]) {
        found.sort_by_key(|party| order.iter().position(|one| one == party).unwrap_or(usize::MAX));
    }
    found
}

/// A flow as a party may know it, in the words of a message.
fn flow(neighbour: &Neighbour<'_>) -> Value {
    let mut flow = neighbour_json(neighbour);
    let Some(members) = flow.as_object_mut() else { return flow };
    if neighbour.neighbour.is_none() {
        let side = if neighbour.is_upstream { "upstream" } else { "downstream" };
        members.insert("neighbour".into(), json!(format!("a host {side}")));
    }
    // In a sentence no number stands for what is not known.
    if neighbour.flow.relation.port == 0 {
        members.insert("port".into(), json!("unknown"));
    }
    flow
}

/// What is told to one party: of hosts and flows those that are open to it. Its title names no host of others.
fn facts((state, open, all): (&Incident, &Incident, &Incident), post: &Post, party: &str) -> Value {
    let title = if admit::names_host_of_others(all, party, &state.title) { WITHHELD } else { state.title.as_str() };
    let hosts: Vec<&String> = open.hosts.iter().filter(|(_, owner)| *owner == party).map(|(host, _)| host).collect();
    let flows = neighbours(open, party);
    let times = |which: fn(&Neighbour<'_>) -> i64| flows.iter().map(which);
    let first = times(|one| one.flow.first_seen).min().map(|time| Time(time).to_string());
    let last = times(|one| one.flow.last_seen).max().map(|time| Time(time).to_string());
    let ports: BTreeSet<u16> = flows.iter().map(|one| one.flow.relation.port).filter(|port| *port != 0).collect();
    json!({
        "party": party, "incident": state.number, "title": title, "classification": state.classification,
        "site": post.site_name, "hosts": hosts, "ports": ports, "first_seen": first, "last_seen": last,
        "flows": flows.iter().take(FLOWS_MAX).map(flow).collect::<Vec<_>>(), "flow_count": flows.len(),
    })
}
