//! Incidents that begin with a report, or with a mail that became none: its bytes as evidence, its events, what its
//! text names, and whoever sent it as a party whose identity the others do not learn.

use std::io::Read;
use std::sync::Arc;

use concert_model::access::{Action, Kept, Object, Person, cleared, lacks_scope, may};
use concert_model::incident::PartyStatus;
use concert_model::incident::content::{Act, Content, EventLinked, MessageKept, Observable, PartyMoved};
use concert_model::incident::draft::{Beginning, Draft, NewIncident};
use concert_model::incident::mail::Sort;
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{Origin, Problem, ReportId};
use concert_pipeline::mail::{self, Mail};
use concert_pipeline::observables::{Kind, observables};
use concert_pipeline::parse::unpack;
use concert_store::evidence::KeptBytes;
use concert_store::records::MailRow;

use super::case::Case;
use super::evidence::aside;
use super::made::by_hand;
use super::mail::line;
use super::read::Heads;
use super::write::wrong;
use super::{Ask, Handling, Incidents, NewEvidence, Refused, Written, text};
use crate::drive::live;
use crate::settings::MAILBOX;

/// The name of the party that a report came from. Its address stands in what only this site sees.
pub const REPORTER: &str = "reporter";
/// Most events that are linked at once, and most values that are taken from the text.
const LINKED_MAX: usize = 500;
const VALUES_MAX: usize = 200;
/// Incidents that began with the same report which are read at a time.
const BEGUN_AT_ONCE: u32 = 100;
/// Most bytes of a report that become evidence here; a larger one is added by `concert evidence add`.
const BYTES_MAX: u64 = 256 << 20;

/// A report that an incident begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reported {
    /// What it is, in words.
    what: String,
    /// The feed it came by, or the mailbox.
    feed: String,
    /// Who sent it; empty where that is not known.
    sender: String,
    /// Its Message-ID, where it came by mail.
    message_id: String,
    /// Its subject.
    subject: String,
    /// Its text.
    text: String,
    /// Its events, by their identities.
    events: Vec<String>,
    /// Its bytes.
    bytes: Vec<u8>,
    /// Their name.
    name: String,
}

impl Incidents {
    /// Opens an incident from a report or a mail. Its bytes are kept first, then all is written at once.
    pub async fn open_from(
        &self,
        ask: Ask<'_>,
        mut new: NewIncident,
        beginning: &Beginning,
    ) -> Result<Written, Refused> {
        by_hand(&mut new.drafts)?;
        if let Some(written) = self.answered(ask).await? {
            return Ok(written);
        }
        self.decide_open(ask).await?;
        self.name_parties_of_new(ask.person, &mut new.marking, &mut new.drafts).await?;
        self.readers_of(ask.person, &new).await?;
        let reported = match beginning {
            Beginning::Report(id) => self.reported(ask.person, id).await?,
            Beginning::Mail(number) => self.mailed(ask.person, *number).await?,
        };
        let began = self.began_with(ask.person, &reported.what).await?;
        if let (Beginning::Mail(number), Some(first)) = (beginning, &began) {
            let problem = Problem::new(format!("{first} began with mail {number} already"));
            return Err(Refused::Wrong(problem.hint("write into that one, or `concert incident split` it")));
        }
        let own = site_only(&new.marking);
        let evidence = NewEvidence {
            name: reported.name.clone(),
            text: text::as_it_came(&reported.what),
            marking: Some(own.clone()),
            handling: Handling {
                act: Act::Received,
                whom: REPORTER.into(),
                place: line(&reported.feed),
                reason: "the incident begins with it".into(),
            },
        };
        let outside = Box::pin(self.outside(ask.person, None, &new.drafts)).await?.with_events(&reported.events);
        outside.ending_clocks(&mut new.drafts);
        let mut drafts = drafts(&reported, &own);
        drafts.append(&mut new.drafts);
        let (new, bytes) = (NewIncident { drafts, ..new }, std::io::Cursor::new(reported.bytes));
        let opening = self.open_with(ask, new, &outside, bytes, |kept: &KeptBytes| evidence.drafts(ask, kept));
        let mut written = opening.await?;
        written.warnings.extend(self.title_told(ask.person, &written.id).await?);
        written.warnings.extend(began.map(|first| {
            let problem = Problem::new(format!("{first} began with the same report already"));
            problem.hint("where it is the same, `concert incident merge` this one into that")
        }));
        Ok(written)
    }

    /// The number of the first incident that began with a report or a mail, as far as a person sees it.
    async fn began_with(&self, person: &Person, what: &str) -> Result<Option<String>, Refused> {
        let (mut first, mut below, mut heads) = (None, None, Heads::default());
        loop {
            let rows = self.store.records.entries_about(&text::begun_with(what), below, BEGUN_AT_ONCE).await?;
            let Some(last) = rows.last() else { return Ok(first) };
            below = Some(last.seq);
            for row in &rows {
                first = self.shown(person, row, &mut heads).await?.map(|(head, _)| head.number).or(first);
            }
        }
    }

    /// The number of the incident that a mail belongs to, or that began with it, as far as a person sees it.
    pub async fn of_mail(&self, person: &Person, row: &MailRow) -> Result<Option<String>, Refused> {
        if !row.incident.is_empty() {
            return Ok(self.found(person, &row.incident).await?.map(|(case, _)| case.head.number.clone()));
        }
        let what = row.report.map_or_else(|| format!("mail {}", row.seq), |report| format!("report {report}"));
        self.began_with(person, &what).await
    }

    /// The report with this identity, as the store has it; whoever may not see reports learns of none.
    async fn reported(&self, person: &Person, id: &str) -> Result<Reported, Refused> {
        let missing = || {
            let hint = "`concert events --limit 5` shows `report.id` of events, `concert mailbox list` complaints";
            Refused::Absent(Problem::new(format!("there is no report `{id}`")).hint(hint))
        };
        let sees = may(person, Action::SeeSite(Kept::Events), Object::Site);
        if !sees.allowed {
            // What the own token is good for may be told.
            return Err(lacks_scope(person, Action::SeeSite(Kept::Events)).map_or_else(missing, Refused::Denied));
        }
        let Ok(report) = id.parse::<ReportId>() else { return Err(missing()) };
        let records = &self.store.records;
        let Some(row) = records.report(report).await? else { return Err(missing()) };
        let receipt = row.report.receipt;
        // What a person is not cleared for is not there.
        if self.labels.get(&receipt.feed).is_some_and(|label| !cleared(person, *label)) {
            return Err(missing());
        }
        let is_mail = matches!(receipt.origin, Origin::Mail(_));
        let members = records.members_of_report(report).await?;
        let loaded = self.store.load(&[&members]).await?;
        let labels = loaded.of(&members).filter_map(|stored| live::label(&stored.event)).max();
        if labels.is_some_and(|label| !cleared(person, label)) {
            return Err(missing());
        }
        let (bytes, read) = self.bytes_of(row.report.content, is_mail, receipt.media_type.clone()).await?;
        let events = loaded.of(&members).map(|stored| stored.event.row().id.to_string()).collect();
        let name = match receipt.file_name.is_empty() {
            true => format!("report-{report}{}", if read.is_some() { ".eml" } else { "" }),
            false => receipt.file_name,
        };
        let what = format!("report {report} of {}", receipt.feed);
        let reported =
            Reported { what, feed: receipt.feed, sender: receipt.sender, events, name, ..Reported::default() };
        Ok(reported.with(bytes, read))
    }

    /// A mail of the mailbox, or the report that it became. One that belongs to an incident is for those of that
    /// incident; an answer to a notice is for whoever sees notices.
    async fn mailed(&self, person: &Person, number: i64) -> Result<Reported, Refused> {
        let missing = || {
            let hint = "`concert mailbox list` and `GET /api/v1/mailbox` have their numbers";
            Refused::Absent(Problem::new(format!("there is no mail {number}")).hint(hint))
        };
        let sees = |kept| may(person, Action::SeeSite(kept), Object::Site).allowed;
        if !sees(Kept::Events) {
            return Err(missing());
        }
        let row = self.store.records.mail(number).await?.filter(|row| row.incident.is_empty()).ok_or_else(missing)?;
        let is_by_itself = row.kind == "complaint" || row.state == "aside";
        if !is_by_itself && !sees(Kept::Notices) {
            return Err(missing());
        }
        if row.state == "waiting" {
            let hint = "`concert run` and `concert serve` do so within a minute";
            return Err(Refused::Wrong(Problem::new(format!("mail {number} was not looked into yet")).hint(hint)));
        }
        if let Some(report) = row.report {
            return match self.reported(person, &report.to_string()).await {
                Err(Refused::Absent(_)) => Err(missing()),
                reported => reported,
            };
        }
        let (bytes, read) = self.bytes_of(row.content, true, String::new()).await?;
        let (what, name) = (format!("mail {number} of the mailbox"), format!("mail-{number}.eml"));
        Ok(Reported { what, feed: MAILBOX.into(), sender: row.from, name, ..Reported::default() }.with(bytes, read))
    }

    /// Kept bytes, and the mail that they are; one says who sent it also where it came as a file or a request.
    async fn bytes_of(
        &self,
        content: [u8; 32],
        is_mail: bool,
        media_type: String,
    ) -> Result<(Vec<u8>, Option<Mail>), Refused> {
        let (archive, opener) = (self.store.archive.clone(), self.opener.clone());
        let read = aside(move || {
            let mut bytes = Vec::new();
            archive.open(&content)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
            let is_mail = is_mail || unpack::is_mail(&bytes, &media_type);
            let clear = opener.filter(|_| is_mail).map(|opener| opener.clear(&bytes).0);
            let read = is_mail.then(|| mail::read(clear.as_deref().unwrap_or(&bytes))).flatten();
            Ok::<_, std::io::Error>((bytes, read))
        });
        let (bytes, read) = read.await?.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                let problem = Problem::new("its bytes are not kept any more");
                Refused::Wrong(problem.hint("`keep_raw` of [store] says how long they are"))
            }
            _ => Refused::Failed(Problem::new(format!("the bytes of the report cannot be read: {error}"))),
        })?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(wrong("the report is too large to become evidence at once"));
        }
        Ok((bytes, read))
    }
}

impl Reported {
    /// With its bytes, and what the mail says that they are.
    fn with(self, bytes: Vec<u8>, read: Option<Mail>) -> Self {
        let Some(mail) = read else { return Self { bytes, ..self } };
        let sender = if mail.from.is_empty() { self.sender } else { mail.from };
        let Mail { message_id, subject, text, .. } = mail;
        Self { bytes, sender, message_id, subject, text, ..self }
    }
}

/// What stays within the site, and no more open than the incident.
fn site_only(marking: &Marking) -> Marking {
    match marking.tlp >= Tlp::AmberStrict || !marking.compartment.is_empty() {
        true => marking.clone(),
        false => Marking::of(Tlp::AmberStrict),
    }
}

/// How every message to and from whoever reported an incident is marked, and what comes of it: like the report, whose
/// sender others would learn by any of them. Nothing for other parties.
pub(super) fn of_reporter(case: &Case, party: &str) -> Option<Marking> {
    if party != REPORTER {
        return None;
    }
    let is_report = |kept: &&Arc<super::Kept>| match &kept.body {
        Some((_, Content::MessageKept(message))) => message.party == party && message.sort == Some(Sort::Report),
        _ => false,
    };
    let first = case.entries.iter().find(is_report).and_then(|kept| kept.marking().cloned());
    // The entry of the report may have been erased.
    first.or_else(|| case.head.marking.as_ref().map(site_only))
}

/// Marks what somebody writes down of that conversation like the rest of it.
pub(super) fn keep_close(case: &Case, mut draft: Draft) -> Result<Draft, Refused> {
    let Content::MessageKept(message) = &draft.content else { return Ok(draft) };
    if message.party != REPORTER {
        return Ok(draft);
    }
    let own = of_reporter(case, &message.party);
    if let (Some(given), Some(own)) = (&draft.marking, &own)
        && given.widens(own)
    {
        let problem = Problem::new(format!("who reported it stays within the site: mark it TLP:{} at least", own.tlp));
        return Err(Refused::Wrong(problem.hint("or leave the marking out")));
    }
    draft.marking = draft.marking.or(own);
    Ok(draft)
}

fn drafts(reported: &Reported, own: &Marking) -> Vec<Draft> {
    let plain = |content| Draft { content, marking: None, minutes: 0 };
    let mut drafts = Vec::new();
    if !reported.sender.is_empty() {
        let moved =
            PartyMoved { party: REPORTER.into(), status: PartyStatus::Acknowledged, text: "reported it".into() };
        drafts.push(plain(moved.into()));
        let message = MessageKept {
            party: REPORTER.into(),
            incoming: true,
            message_id: line(&reported.message_id),
            address: line(&reported.sender),
            subject: line(&reported.subject),
            text: reported.text.clone(),
            notice: String::new(),
            answers: String::new(),
            sort: Some(Sort::Report),
            openpgp: None,
            attachments: Vec::new(),
            mail: 0,
            answer_by: None,
        };
        drafts.push(Draft { content: message.into(), marking: Some(own.clone()), minutes: 0 });
    }
    let events = reported.events.iter().take(LINKED_MAX);
    drafts.extend(events.map(|event| plain(EventLinked { event: event.clone(), linked: true }.into())));
    // Whoever reported it is not what it is about.
    let domain = reported.sender.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
    let is_of_sender = |value: &str| {
        let value = value.to_ascii_lowercase();
        !domain.is_empty()
            && (value == domain || value.ends_with(&format!(".{domain}")) || value.ends_with(&format!("@{domain}")))
    };
    let text = format!("{}\n{}", reported.subject, reported.text);
    let found = observables(&text).into_iter().filter(|one| {
        let is_url_of_sender = one.kind == Kind::Url && !domain.is_empty() && one.value.contains(&domain);
        !is_of_sender(&one.value) && !is_url_of_sender
    });
    // What was attacked may tell who was.
    drafts.extend(found.take(VALUES_MAX).map(|one| {
        let value = Observable { of: one.kind.word().to_owned(), value: one.value };
        Draft { content: value.into(), marking: Some(own.clone()), minutes: 0 }
    }));
    drafts
}
