//! Incidents that begin with a report: its bytes as evidence, its events, what its text names, and whoever sent
//! it as a party whose identity the others do not learn.

use concert_model::access::{Action, Kept, Object, may};
use concert_model::incident::PartyStatus;
use concert_model::incident::content::{Act, EventLinked, MessageKept, Observable, PartyMoved};
use concert_model::incident::draft::{Draft, NewIncident};
use concert_model::incident::mail::Sort;
use concert_model::incident::marking::{Marking, Tlp};
use concert_pipeline::observables::{Kind, observables};
use concert_store::evidence::KeptBytes;

use super::mail::line;
use super::{Ask, Handling, Incidents, NewEvidence, Refused, Written};

/// The name of the party that a report came from. Its address stands in what only this site sees.
pub const REPORTER: &str = "reporter";
/// Most events that are linked at once, and most values that are taken from the text.
const LINKED_MAX: usize = 500;
const VALUES_MAX: usize = 200;

/// A report that an incident begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Its identity.
    pub report: String,
    /// The feed it came by.
    pub feed: String,
    /// Who sent it; empty where that is not known.
    pub sender: String,
    /// Its Message-ID, where it came by mail.
    pub message_id: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// Its events, by their identities.
    pub events: Vec<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their name.
    pub name: String,
}

impl Incidents {
    /// Opens an incident from a report. Its bytes are kept first, then all is written at once.
    pub async fn open_from(&self, ask: Ask<'_>, mut new: NewIncident, reported: Reported) -> Result<Written, Refused> {
        let decision = may(ask.person, Action::SeeSite(Kept::Events), Object::Site);
        if !decision.allowed {
            return Err(Refused::Denied(decision));
        }
        let own = site_only(&new.marking);
        let evidence = NewEvidence {
            name: reported.name.clone(),
            text: format!("report {} of {} as it came", reported.report, reported.feed),
            marking: Some(own.clone()),
            handling: Handling {
                act: Act::Received,
                whom: REPORTER.into(),
                place: line(&reported.feed),
                reason: "the incident begins with it".into(),
            },
        };
        let mut drafts = drafts(&reported, &own);
        drafts.append(&mut new.drafts);
        self.open_with(ask, NewIncident { drafts, ..new }, std::io::Cursor::new(reported.bytes), |kept: &KeptBytes| {
            evidence.drafts(ask, kept)
        })
        .await
    }
}

/// What stays within the site, and no more open than the incident.
fn site_only(marking: &Marking) -> Marking {
    match marking.tlp >= Tlp::AmberStrict || !marking.compartment.is_empty() {
        true => marking.clone(),
        false => Marking::of(Tlp::AmberStrict),
    }
}

fn drafts(reported: &Reported, own: &Marking) -> Vec<Draft> {
    let plain = |content| Draft { content, marking: None };
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
        };
        drafts.push(Draft { content: message.into(), marking: Some(own.clone()) });
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
    drafts.extend(
        found.take(VALUES_MAX).map(|one| plain(Observable { of: one.kind.word().to_owned(), value: one.value }.into())),
    );
    drafts
}
