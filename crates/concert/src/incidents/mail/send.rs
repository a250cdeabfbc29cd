//! Sending to one party: who may, what may go, and where to.

use std::borrow::Cow;
use std::sync::Arc;

use concert_model::access::{Action, Circle, Decision, Object, Person, may};
use concert_model::incident::PartyStatus;
use concert_model::incident::content::PartyMoved;
use concert_model::incident::draft::{Draft, NewMessage};
use concert_model::incident::fold::{Incident, Letter};
use concert_model::incident::mail::{Attached, Sort};
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{Party, Problem, Time};
use concert_store::records::{Home, NewNotice, messages};

use super::super::bound::Bound;
use super::super::case::Case;
use super::super::made::{Beside, Made};
use super::super::neighbours::Facts;
use super::super::report::{REPORTER, of_reporter};
use super::super::together::Source;
use super::super::write::{Right, wrong};
use super::super::{Ask, Incidents, Refused, Written, text};
use super::{Outgoing, Words, admit, is_open_to_all};
use crate::addressees::Addressees;
use crate::barred::Barred;
use crate::settings::{MAIL, is_address};
use crate::wire::Site;

/// The purpose of contacts that are written to; those for `abuse` where there are none.
const PURPOSE: &str = "incident";
/// Longest text of a message.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Most bytes of all files that go with a message.
const FILES_BYTES_MAX: u64 = 20 << 20;

/// What sending needs of a site.
pub struct Post {
    via: Result<String, Problem>,
    home: Home,
    addressees: Addressees,
    /// Who writes.
    pub(super) site_name: String,
    barred: Barred,
}

impl Post {
    /// The post of a site.
    pub async fn of(site: &Site) -> Result<Self, Problem> {
        let barred = site.barred().await?;
        Ok(Self {
            via: via(site),
            home: site.home(),
            addressees: site.addressees(),
            site_name: site.settings.site.name.clone(),
            barred,
        })
    }

    pub(super) fn home(&self) -> Home {
        self.home.clone()
    }
}

/// The way out of mail to contacts: that of the mailbox, or the only one for mail.
fn via(site: &Site) -> Result<String, Problem> {
    if let Some(via) = site.settings.mailbox.as_ref().and_then(|mailbox| mailbox.via.clone()) {
        return Ok(via);
    }
    let mut mails = site.settings.vias.values().filter(|via| via.kind == MAIL);
    match (mails.next(), mails.next()) {
        (Some(only), None) => Ok(only.name.clone()),
        (None, _) => Err(Problem::new("there is no way out for mail").hint("set [via.NAME] with type = \"smtp\"")),
        (Some(_), Some(_)) => {
            Err(Problem::new("there are several ways out for mail").hint("say which with `via` of [mailbox]"))
        }
    }
}

/// What would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Addresses.
    pub to: Vec<String>,
    /// What the mail is composed of.
    pub words: Words,
    /// How its entry is marked.
    pub marking: Marking,
}

impl From<Outgoing> for Preview {
    fn from(letter: Outgoing) -> Self {
        let Outgoing { notice, words, marking } = letter;
        Self { to: notice.recipient.split(',').map(str::to_owned).collect(), words, marking }
    }
}

impl Incidents {
    /// Sends a message to a party. Its entry is written in the step in which it is queued.
    pub async fn send(&self, ask: Ask<'_>, post: &Post, name: &str, new: &NewMessage) -> Result<Written, Refused> {
        let new = &self.named(ask.person, name, new).await?;
        self.readers_there(ask.person, Some(name), new.marking.as_ref(), &[&new.party]).await?;
        let around = Box::pin(self.around(ask.person, name)).await?;
        let mut before = None;
        let written = self.write_made(ask, name, Right::OfContent, |case, circle| {
            before = Some(circle.clone());
            let known = around.now(case.state_for(circle, ask.person), &case.whole());
            let letter = self.letter(ask, post, (case, &known), circle, new)?;
            let drafts = told(&known.state, &new.party, &letter.words.subject, &letter.marking).into_iter().collect();
            Ok(Made {
                drafts,
                beside: Beside::Queue { home: post.home(), letters: vec![letter], left_out: Vec::new() },
            })
        });
        let written = written.await;
        if matches!(written, Err(Refused::Wrong(_) | Refused::Absent(_))) {
            self.audit_not_sent(ask, name).await?;
        }
        Ok(self.warned(ask.person, written?, &[], before.as_ref()).await)
    }

    /// Writes into the log that a message was refused: what speaks against it may be something that its writer does
    /// not see, and whoever tries many learns it.
    pub(super) async fn audit_not_sent(&self, ask: Ask<'_>, name: &str) -> Result<(), Refused> {
        let (case, _) = self.find(ask.person, name).await?;
        let reason = "something spoke against a message that was shown or sent".to_owned();
        let decision = Decision { allowed: false, policy: "mail", reason };
        Ok(self.audit_denied(ask, Action::Conduct, &case.head.number, &decision).await?)
    }

    /// What sending would send; refused where sending would be.
    pub async fn preview(&self, ask: Ask<'_>, post: &Post, name: &str, new: &NewMessage) -> Result<Preview, Refused> {
        let (case, circle) = self.find(ask.person, name).await?;
        let new = &self.named(ask.person, name, new).await?;
        self.readers_there(ask.person, Some(name), new.marking.as_ref(), &[&new.party]).await?;
        let known =
            Box::pin(self.around(ask.person, name)).await?.now(case.state_for(&circle, ask.person), &case.whole());
        let letter = self.letter(ask, post, (&case, &known), &circle, new);
        if matches!(letter, Err(Refused::Wrong(_) | Refused::Absent(_))) {
            self.audit_not_sent(ask, name).await?;
        }
        letter.map(Preview::from)
    }

    /// An incident together with those that are joined with it.
    pub(super) async fn around(&self, person: &Person, name: &str) -> Result<Around, Refused> {
        let (case, circle) = self.find(person, name).await?;
        let seen = Box::pin(self.bound(person, (&case, &circle))).await?;
        let all = Box::pin(self.bound(&Person::operator(""), (&case, &circle))).await?;
        let mut parts = Vec::new();
        for source in self.sources(person, &case).await? {
            let Source { case, circle, only } = &source;
            self.audit_read(person, &case.head.number, case.markings(circle, person)).await?;
            parts.push(Part { state: case.shown_for(circle, person, only.as_ref()), source });
        }
        Ok(Around { seen, all, parts })
    }

    /// The message, unless something speaks against it: in what the person sees, or in the whole.
    pub(super) fn letter(
        &self,
        ask: Ask<'_>,
        post: &Post,
        (case, known): (&Case, &Known),
        circle: &Circle,
        new: &NewMessage,
    ) -> Result<Outgoing, Refused> {
        let decision = may(ask.person, Action::Conduct, Object::Incident(circle));
        if !decision.allowed {
            return Err(Refused::Denied(decision));
        }
        text::line("party", &new.party)?;
        text::line("subject", &new.subject)?;
        if new.text.trim().is_empty() || new.text.len() > TEXT_BYTES_MAX {
            return Err(wrong(format!("the text must have some words, and at most {} KiB", TEXT_BYTES_MAX >> 10)));
        }
        let (state, listed) = (&known.state, self.listed(ask.person, post, &new.party));
        is_known(state, &new.party, listed.is_some())?;
        known.may_be_told(&new.party)?;
        let marking = marking(ask.person, circle, new)?;
        if let Some(by) = new.answer_by.filter(|by| *by <= ask.now) {
            let problem = Problem::new(format!("an answer cannot be asked for by {by}, which is past"));
            return Err(Refused::Wrong(problem.hint("give a time to come with its zone, or leave `answer_by` out")));
        }
        let words = format!("{}\n{}", new.subject, new.text);
        known.names_no_neighbour(&new.party, &words)?;
        let attachments = admit::released(state, &new.party, &new.attachments)?;
        for one in &attachments {
            known.names_no_neighbour(&new.party, &one.name)?;
        }
        fits(&attachments)?;
        let to = addresses(post, state, new, listed.as_deref())?;
        let via = post.via.clone().map_err(Refused::Wrong)?;
        let answers = state.conversation(&new.party).next_back();
        let words = Words {
            number: state.number.clone(),
            tlp: marking.tlp,
            subject: new.subject.trim().to_owned(),
            text: new.text.clone(),
            attachments,
            answers: answers.map(|letter| letter.message.message_id.clone()).unwrap_or_default(),
            answer_by: new.answer_by.map(|by| by.0),
        };
        let marking = of_reporter(case, &new.party).unwrap_or(marking);
        let notice = notice(&case.id, &new.party, to.join(","), via, ask.now);
        Ok(Outgoing { notice, words, marking })
    }

    /// The party as the contact book has it. Whoever may not read its contacts writes as if they were not there, also
    /// where it takes part: anybody may write down that it does.
    fn listed<'p>(&self, person: &Person, post: &'p Post, party: &str) -> Option<Cow<'p, Party>> {
        if self.sees_party(person, party)
            && let Some(found) = post.addressees.find(party)
        {
            return Some(found);
        }
        // Whoever wrote it down may not have known how it is called.
        post.addressees.find(&self.listed_as(person, party)?)
    }
}

/// A party that has to do with the incident, or one of this site that the person may see: a name that is only mistyped
/// must not become one.
fn is_known(state: &Incident, party: &str, is_listed: bool) -> Result<(), Refused> {
    let is_here = state.parties.contains_key(party) || state.hosts.values().any(|owner| owner == party);
    if is_here || is_listed {
        return Ok(());
    }
    let known: Vec<&str> = state.parties.keys().map(String::as_str).collect();
    let hint = match known.as_slice() {
        [] => "no party takes part yet; one is written as `party` first".to_owned(),
        some => format!("parties of the incident: {}; others are written as `party` first", some.join(", ")),
    };
    let problem = Problem::new(format!("`{party}` takes no part in it, and is no party of this site"));
    Err(Refused::Absent(problem.hint(hint)))
}

fn notice(incident: &str, party: &str, recipient: String, via: String, now: Time) -> NewNotice {
    NewNotice {
        name: messages::NAME.into(),
        key: incident.to_owned(),
        party: party.to_owned(),
        recipient,
        via: via.into(),
        format: "text".into(),
        language: "en".into(),
        state: "queued",
        due: now,
        ..NewNotice::default()
    }
}

/// What another incident shows in one.
struct Part {
    source: Source,
    /// What it says, as the person sees it.
    state: Incident,
}

/// What the incidents that are joined with one say of it and its parties.
pub(super) struct Around {
    /// What binds it, as far as the person sees that.
    seen: Bound,
    /// All of that.
    all: Bound,
    /// What shows in it, as far as the person sees that.
    parts: Vec<Part>,
}

impl Around {
    /// The same together with what the incident itself says by now: as the person sees it, and as a whole.
    pub(super) fn now(&self, state: Incident, whole: &Incident) -> Known {
        let (seen, all) = (self.seen.with(&state), self.all.with(whole));
        Known { state: self.shown(state), seen, all }
    }

    /// What the incident itself says, and what shows in it.
    pub(super) fn shown(&self, mut state: Incident) -> Incident {
        for part in &self.parts {
            state.include(part.state.clone(), &part.source.case.head.number);
        }
        state
    }

    /// The hosts and flows of what shows in it, as far as a person may tell them under a label.
    pub(super) fn add_facts(&self, person: &Person, facts: &mut Facts, label: Tlp) {
        for Source { case, circle, only } in self.parts.iter().map(|part| &part.source) {
            facts.add(&Facts::of((case, circle), person, only.as_ref(), label), &case.head.number);
        }
    }
}

/// An incident with all that shows in it, and all that speaks against telling somebody something of it.
pub(super) struct Known {
    /// As the person sees it.
    pub(super) state: Incident,
    /// What binds it, as the person sees that.
    pub(super) seen: Bound,
    /// All of that.
    pub(super) all: Bound,
}

impl Known {
    /// A text for a party names no neighbour whose identity was not released to it, whoever may see that it is one.
    fn names_no_neighbour(&self, party: &str, text: &str) -> Result<(), Refused> {
        admit::names_no_neighbour(&self.seen.state, party, text)?;
        admit::names_no_neighbour(&self.all.state, party, text).map_err(|_| {
            let why = format!("it names somebody of whom {party} may not know, for a reason that you may not see");
            let hint = "ask the coordinator of the incident what may be told";
            Refused::Wrong(Problem::new(why).hint(hint))
        })
    }

    /// Rules about who is told when hold for everybody, also where their entries may not be seen; and in all that was
    /// merged or split.
    fn may_be_told(&self, party: &str) -> Result<(), Refused> {
        let hidden = || {
            let why = || format!("{party} must not be told yet, for a reason that you may not see");
            self.all.why_not_told(party).map(|_| why())
        };
        match self.seen.why_not_told(party).or_else(hidden) {
            None => Ok(()),
            Some(why) => {
                let hint = "entries `hold` and `order` say who is told when, also those of incidents that are joined with this one";
                Err(Refused::Wrong(Problem::new(why).hint(hint)))
            }
        }
    }

    /// Takes up that a party is told in the same step: whoever is behind it may be told too.
    pub(super) fn take(&mut self, party: &str) {
        for known in [&mut self.state, &mut self.seen.state, &mut self.all.state] {
            if is_news(known, party) {
                known.parties.entry(party.to_owned()).or_default().status = PartyStatus::Told;
            }
        }
    }
}

/// How the message is marked. Less strictly than the incident only by somebody who may mark that less strictly.
fn marking(person: &Person, circle: &Circle, new: &NewMessage) -> Result<Marking, Refused> {
    let whole = circle.marking.as_ref().ok_or_else(|| wrong("how the incident is marked is not known here"))?;
    let Some(own) = &new.marking else { return admit::marking_for(&new.party, whole) };
    if own.tlp > person.clearance {
        return Err(wrong(format!("TLP:{} is above your clearance", own.tlp)));
    }
    let named = Marking { parties: whole.parties.clone(), ..own.clone() };
    if named.widens(whole) {
        let decision = may(person, Action::Lower, Object::Incident(circle));
        if !decision.allowed {
            return Err(Refused::Denied(decision));
        }
    }
    admit::marking_for(&new.party, own)
}

fn fits(attachments: &[Attached]) -> Result<(), Refused> {
    let bytes: u64 = attachments.iter().map(|one| one.bytes).sum();
    match bytes > FILES_BYTES_MAX {
        true => {
            Err(wrong(format!("the files have {bytes} bytes, and a mail takes at most {} MiB", FILES_BYTES_MAX >> 20)))
        }
        false => Ok(()),
    }
}

/// Where it goes: where the person says, to the party's contacts as far as the person sees them, or to where it wrote
/// from.
fn addresses(post: &Post, state: &Incident, new: &NewMessage, listed: Option<&Party>) -> Result<Vec<String>, Refused> {
    if let Some(to) = &new.to {
        return match is_address(to) {
            true => Ok(vec![to.clone()]),
            false => Err(wrong(format!("`{to}` is not a mail address"))),
        };
    }
    let contacts = listed.map(|party| party.contacts_for(PURPOSE)).unwrap_or_default();
    let contacts = contacts.into_iter().map(|contact| contact.mail.as_str());
    let contacts: Vec<&str> = contacts.filter(|mail| post.barred.unusable(mail).is_none()).collect();
    let is_free = |mail: &&str| post.barred.is_free(mail);
    let free: Vec<String> = contacts.iter().copied().filter(is_free).map(str::to_owned).collect();
    if !free.is_empty() {
        return Ok(free);
    }
    // What bounced came from a server, nobody reads what a machine answered from, and what somebody wrote down says
    // nothing sure of an address.
    let is_of_person =
        |letter: &&Arc<Letter>| !matches!(letter.message.sort, Some(Sort::Bounce | Sort::AutoReply | Sort::ByHand));
    let last = state.conversation(&new.party).rev().filter(is_of_person);
    let last = last.map(|letter| letter.message.address.as_str());
    let last = last.flat_map(|to| to.split(',')).find(|mail| is_address(mail) && is_free(mail));
    last.map(|mail| vec![mail.to_owned()]).ok_or_else(|| {
        let bounced = contacts.first().and_then(|mail| post.barred.suspended(mail));
        let why = bounced.map_or_else(
            || format!("no mail address of {} is known", new.party),
            |why| format!("no contact of {} is left: {why}", new.party),
        );
        Refused::Wrong(Problem::new(why).hint("say to which address (`to`)"))
    })
}

/// That a party is told now, where that is news. The subject stands there where all may read it who see the incident.
pub(super) fn told(state: &Incident, party: &str, subject: &str, marking: &Marking) -> Option<Draft> {
    let names_it = party != REPORTER && is_open_to_all(state, marking);
    let text = if names_it { format!("by mail: {subject}") } else { "by mail".to_owned() };
    let moved = PartyMoved { party: party.to_owned(), status: PartyStatus::Told, text };
    is_news(state, party).then(|| Draft { content: moved.into(), marking: None, minutes: 0 })
}

/// Whether nothing said so far that a party was told, or that it did more.
fn is_news(state: &Incident, party: &str) -> bool {
    let status = state.parties.get(party).map(|known| known.status);
    matches!(status, None | Some(PartyStatus::Unknown | PartyStatus::ContactSought | PartyStatus::NoAnswer))
}
