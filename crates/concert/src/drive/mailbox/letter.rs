//! Answers to messages of incidents: which conversation a mail belongs to, and whether that is sure.
//!
//! Sure is what names the Message-ID of a message, which nobody can guess, and comes from an address that the
//! message went to or a contact of its party, unless its OpenPGP signature is wrong. So is what names a message or an incident by its number alone, unless
//! something speaks against its sender: a signature that is wrong, or none where there always was one.
//! Other mails that people wrote and that name one are held until somebody looks. Nothing of all this is answered by
//! itself.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use concert_model::Problem;
use concert_model::incident::journal::hex;
use concert_model::incident::mail::{Attached, Openpgp, Signature, Sort};
use concert_pipeline::mail::address::canonical;
use concert_pipeline::mail::{self, Kind, Mail, Weight, files, number, tie};
use concert_store::Members;
use concert_store::records::{Effect, MailRow, Notice, Settled};
use concert_transport::openpgp::open;
use sha2::{Digest, Sha256};

use super::{bounce, signed};
use crate::incidents::{Incoming, Reader, harmless};
use crate::opener::MAIL_BYTES_MAX;
use crate::wire::Site;

/// Mails that wait for a person in one incident, at most. Whoever knows its number can send any number of them.
const HELD_MAX: u64 = 200;

/// Why a mail whose signature does not fit it waits.
const WRONG_SIGNATURE: &str = "its OpenPGP signature is wrong";

/// A mail of an incident that is settled: with its entry, where it is sure.
pub(super) struct Letter {
    pub(super) settled: Settled,
    pub(super) incoming: Option<Incoming>,
}

impl From<Settled> for Letter {
    fn from(settled: Settled) -> Self {
        Self { settled, incoming: None }
    }
}

/// What a mail is that names a message of an incident.
pub(super) async fn means(
    site: &Site,
    row: MailRow,
    mail: &Mail,
    how: (&tie::Candidate, &tie::Sent, tie::Verdict),
    notice: &Notice,
    members: Members,
) -> Result<Letter, Problem> {
    let (candidate, sent, verdict) = how;
    let belongs = |row: MailRow| MailRow {
        incident: notice.key.clone(),
        party: notice.party.clone(),
        notice: notice.id.clone(),
        ..row
    };
    let row = belongs(row);
    let plain = |row: MailRow| Letter { settled: Settled { row, ..Settled::default() }, incoming: None };
    let from = canonical(&mail.from);
    let is_contact = sent.to.contains(&from) || sent.party.iter().any(|one| one.contains('@') && *one == from);
    let by_number = |why| format!("it names the message by its number alone, and {why}");
    let proof = match candidate.how {
        tie::How::Ticket if is_contact => believed(site, &row, mail).await?.map_err(by_number),
        // Whoever wrote it has seen the message, and yet it may have been changed on the way.
        _ if is_contact && contents(site, &row, mail, Sort::Reply).openpgp.signature == Signature::Bad => {
            Err(WRONG_SIGNATURE.to_owned())
        }
        _ => Ok(()),
    };
    let is_sure = is_contact && proof.is_ok();
    Ok(match verdict {
        tie::Verdict::Bounced(failed) => {
            let settled =
                bounce::bounced(site, MailRow { state: "taken".into(), ..row }, &failed, notice, members).await?;
            if settled.row.kind != "bounce" {
                return Ok(Letter { settled, incoming: None });
            }
            let gone = failed.iter().filter(|one| one.weight == Weight::Hard);
            let is_gone = gone.count() >= sent.to.len();
            let mut incoming = contents(site, &settled.row, mail, Sort::Bounce);
            incoming.text.clone_from(&settled.row.reason);
            incoming.answers.clone_from(&notice.message_id);
            incoming.missed = is_gone.then(|| notice.id.clone());
            Letter { settled, incoming: Some(incoming) }
        }
        tie::Verdict::Noted => plain(MailRow { state: "taken".into(), reason: mail.because.clone(), ..row }),
        tie::Verdict::Answered(_) if is_sure => {
            let answered = notice.delivered_at.map(|at| (notice.id.clone(), at));
            let effects = vec![Effect::Alive(from.clone(), format!("answer to message {}", notice.id), answered)];
            let row = MailRow { state: "taken".into(), kind: "reply".into(), contact: from, ..row };
            let incoming = contents(site, &row, mail, Sort::Reply);
            let incoming = Incoming { answers: notice.message_id.clone(), ..incoming };
            Letter { settled: Settled { row, effects, ..Settled::default() }, incoming: Some(incoming) }
        }
        tie::Verdict::AutoAnswered(_) if is_sure => {
            let effects = vec![Effect::AutoReply(from.clone())];
            let (kind, reason) = ("auto-reply".to_owned(), mail.because.clone());
            let row = MailRow { state: "taken".into(), kind, contact: from, reason, ..row };
            let incoming = contents(site, &row, mail, Sort::AutoReply);
            let incoming = Incoming { answers: notice.message_id.clone(), ..incoming };
            Letter { settled: Settled { row, effects, ..Settled::default() }, incoming: Some(incoming) }
        }
        tie::Verdict::Answered(_) => {
            let why = match proof {
                Err(why) => why,
                Ok(()) => "its sender is no known contact of the party".to_owned(),
            };
            plain(hold(site, row, tie::Doubt::Stranger, why).await?)
        }
        tie::Verdict::Unsure(doubt, why) => plain(hold(site, row, doubt, why).await?),
        tie::Verdict::Aside(doubt, why) if mail.kind == Kind::Written => plain(hold(site, row, doubt, why).await?),
        tie::Verdict::AutoAnswered(_) => {
            let reason = "a machine that is no contact of the party answered".into();
            plain(MailRow { state: "aside".into(), reason, ..row })
        }
        tie::Verdict::Aside(doubt, why) => {
            plain(MailRow { state: "aside".into(), reason: why, doubt: doubt.word().into(), ..row })
        }
    })
}

/// A mail that waits for a person to say what it is, unless too many wait in its incident.
async fn hold(site: &Site, row: MailRow, doubt: tie::Doubt, reason: String) -> Result<MailRow, Problem> {
    let row = MailRow { doubt: doubt.word().into(), ..row };
    if site.store.records.mails_held_count(&row.incident).await? < HELD_MAX {
        return Ok(MailRow { state: "held".into(), reason, ..row });
    }
    let reason = format!("{reason}; and {HELD_MAX} mails wait in the incident already");
    Ok(MailRow { state: "aside".into(), reason, ..row })
}

/// The numbers of incidents of this site that a mail names in its subject.
pub(super) fn numbers(site: &Site, mail: &Mail) -> Vec<String> {
    number::incidents(&mail.subject, &site.settings.site.ticket)
}

/// A mail that somebody wrote and that names an incident by its number alone; nothing where it names none. It is taken
/// where it comes from a party that takes part, and else waits.
pub(super) async fn by_number(site: &Site, row: &MailRow, mail: &Mail) -> Result<Option<Letter>, Problem> {
    if mail.kind != Kind::Written {
        return Ok(None);
    }
    for number in numbers(site, mail) {
        let Some(head) = site.store.records.incident(&number).await? else { continue };
        let from = canonical(&mail.from);
        let mut row = MailRow { incident: head.id.clone(), ..row.clone() };
        let mut parties = Vec::new();
        // Without the key of the site nothing can be written down.
        if let Ok(incidents) = site.incidents() {
            let home = incidents.merged_at_last(&head.id).await?;
            let book = site.addressees();
            parties = incidents.parties_writing_from(&home, &book, &from).await?;
            let elsewhere = match parties.is_empty() && home != head.id {
                true => incidents.parties_writing_from(&head.id, &book, &from).await?,
                false => Vec::new(),
            };
            // What a party of the merged one alone answers stays in its conversation there, and shows in both.
            match elsewhere.is_empty() {
                true => row.incident = home,
                false => parties = elsewhere,
            }
        }
        let why = match (believed(site, &row, mail).await?, parties.as_slice()) {
            (Ok(()), [party]) => {
                return Ok(Some(of_party(site, MailRow { party: party.clone(), ..row }, mail, &number)));
            }
            (Ok(()), []) => "its sender is no known contact of a party that takes part".to_owned(),
            (Ok(()), _) => "its sender is a contact of several parties that take part".to_owned(),
            (Err(why), _) => why,
        };
        let constituents = site.constituents();
        let is_of = |party: &&concert_model::Party| party.contacts.iter().any(|one| canonical(&one.mail) == from);
        let listed = || constituents.parties().iter().find(is_of).map(|party| party.name.clone());
        let party = parties.into_iter().next().or_else(listed).unwrap_or_default();
        let why = format!("it names the incident by its number alone, and {why}");
        let row = hold(site, MailRow { party, ..row }, tie::Doubt::Stranger, why).await?;
        return Ok(Some(Settled { row, ..Settled::default() }.into()));
    }
    Ok(None)
}

/// A mail that is taken into the conversation of a party.
fn of_party(site: &Site, row: MailRow, mail: &Mail, number: &str) -> Letter {
    let from = canonical(&mail.from);
    let effects = vec![Effect::Alive(from.clone(), format!("answer in {number}"), None)];
    let row = MailRow { state: "taken".into(), kind: "reply".into(), contact: from, ..row };
    let incoming = contents(site, &row, mail, Sort::Reply);
    Letter { settled: Settled { row, effects, ..Settled::default() }, incoming: Some(incoming) }
}

/// Whether the address in the From of a mail is believed to have written it; else why not.
async fn believed(site: &Site, row: &MailRow, mail: &Mail) -> Result<Result<(), String>, Problem> {
    match contents(site, row, mail, Sort::Reply).openpgp.signature {
        Signature::Good => return Ok(Ok(())),
        Signature::Bad => return Ok(Err(WRONG_SIGNATURE.to_owned())),
        Signature::UnknownKey => return Ok(Err("no key of its sender made its OpenPGP signature".to_owned())),
        Signature::None => {}
    }
    Ok(signed::against(site, row).await?.map_or(Ok(()), Err))
}

/// The mail as it came, as far as it is looked at. Blocks.
fn whole(site: &Site, row: &MailRow) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    site.store.archive.open(&row.content)?.take(MAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A mail opened with the keys of the site, and its files with their bytes.
fn opened(site: &Site, row: &MailRow) -> std::io::Result<(open::Opened, Vec<files::File>)> {
    // One that a library panics over must not stop the program, and with it all others.
    let read = || catch_unwind(AssertUnwindSafe(|| open_it(site, row)));
    tokio::task::block_in_place(read).unwrap_or_else(|_| {
        tracing::error!(mail = row.seq, "opening a mail stopped; this is a mistake in Concert");
        Err(std::io::Error::other("opening it stopped; this is a mistake in Concert"))
    })
}

/// The same. Blocks.
fn open_it(site: &Site, row: &MailRow) -> std::io::Result<(open::Opened, Vec<files::File>)> {
    let bytes = whole(site, row)?;
    let opened = site.opener().open(&bytes);
    let files = files::files(&opened.mail);
    Ok((opened, files))
}

/// Mails of a site, for its incidents.
pub struct SiteReader<'s>(pub &'s Site);

impl Reader for SiteReader<'_> {
    fn read(&self, row: &MailRow) -> Result<Incoming, Problem> {
        let bytes = whole(self.0, row).map_err(|error| lost(&error))?;
        let mail = mail::read(&bytes).ok_or_else(|| Problem::new("it cannot be read as a mail"))?;
        Ok(contents(self.0, row, &mail, Sort::Reply))
    }

    fn file(&self, row: &MailRow, sha256: &str) -> Result<Option<Vec<u8>>, Problem> {
        let (_, found) = opened(self.0, row).map_err(|error| lost(&error))?;
        Ok(found.into_iter().find(|file| attached(file).sha256 == sha256).map(|file| file.bytes))
    }
}

fn lost(error: &std::io::Error) -> Problem {
    Problem::new(format!("the bytes of the mail are not in the archive: {error}"))
}

/// What a mail says, opened where it can be.
fn contents(site: &Site, row: &MailRow, mail: &Mail, sort: Sort) -> Incoming {
    let read = opened(site, row);
    let nothing = |why: String| Openpgp { encrypted: false, signature: Signature::None, key: String::new(), why };
    let answers = mail.names.answers.first().cloned().unwrap_or_default();
    match read {
        Ok((opened, found)) => {
            let is_closed = opened.is_closed();
            let text = match mail::read(&opened.mail) {
                Some(clear) if !is_closed => clear.text,
                _ => String::new(),
            };
            let attachments = found.iter().map(attached).filter(|_| !is_closed).collect();
            Incoming { sort, text, openpgp: opened.openpgp, attachments, answers, missed: None }
        }
        Err(error) => Incoming {
            sort,
            text: mail.text.clone(),
            openpgp: nothing(format!("its bytes cannot be read: {error}")),
            attachments: Vec::new(),
            answers,
            missed: None,
        },
    }
}

/// A file as its message tells of it.
fn attached(file: &files::File) -> Attached {
    let sha256 = hex(&Sha256::digest(&file.bytes));
    Attached { name: harmless(&file.name), sha256, bytes: file.bytes.len() as u64 }
}
