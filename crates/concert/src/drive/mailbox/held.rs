//! Mails that wait for a person: answers that name a notice, where nothing shows that whoever wrote them got it, and
//! complaints out of which nothing was read.
//!
//! Until a person says what such an answer is, it changes nothing on any contact. Accepted, it counts as an answer that
//! was sure. A complaint is settled by it: somebody looked.

use concert_model::{Contact, Problem};
use concert_pipeline::mail::Kind;
use concert_pipeline::mail::address::canonical;
use concert_pipeline::mail::tie::{self, Doubt};
use concert_store::records::{Effect, MailRow, Notice, Settled};

use super::super::{outcome, partly, prove, receipt, remind, responsible};
use super::{addition, aside};
use crate::wire::{self, Site};

/// Mails that wait for a person with one notice, at most. Whoever knows its number can send any number of them.
const HELD_MAX: u64 = 20;
/// The kind of a complaint.
const COMPLAINT: &str = "complaint";
/// Most letters of a reason.
const WHY_LETTERS_MAX: usize = 1000;

/// A mail that waits for a person to say what it is, unless too many wait with its notice.
pub(super) async fn hold(
    site: &Site,
    row: MailRow,
    notice: String,
    doubt: Doubt,
    why: String,
) -> Result<Settled, Problem> {
    let row = MailRow { notice, ..row };
    if site.store.records.mails_held_for(&row.notice).await? >= HELD_MAX {
        return Ok(aside(row, Some(doubt), format!("{why}; and {HELD_MAX} mails wait with that notice already")));
    }
    let row = MailRow { state: "held".into(), kind: "reply".into(), reason: why, doubt: doubt.word().into(), ..row };
    Ok(Settled { row, ..Settled::default() })
}

/// Whether answers to a notice say nothing of a contact: whoever complained, or works here, is nobody's contact.
pub(super) fn is_to_no_contact(notice: &Notice) -> bool {
    [receipt::NAME, outcome::NAME, remind::NAME].contains(&notice.name.as_str())
}

/// That somebody is there, who answered a notice.
pub(super) fn alive(notice: &Notice, contact: &str) -> Effect {
    let what = if notice.name == prove::NAME { "answer to a proof of life" } else { "answer to notice" };
    let answered = notice.delivered_at.map(|at| (notice.id.clone(), at));
    Effect::Alive(contact.to_owned(), format!("{what} {}", notice.id), answered)
}

/// Takes a mail that waits as an answer to its notice, and gives the row as it is now.
///
/// It is the answer of this contact, else of its sender where that is one, else of the one that the notice went to and
/// that did not bounce: the only one, or the only one in the sender's domain.
pub async fn accept(site: &Site, number: i64, contact: Option<&str>) -> Result<MailRow, Problem> {
    let row = acceptable(site, number).await?;
    if row.kind == COMPLAINT {
        if contact.is_some() {
            let problem = Problem::new(format!("mail {number} is a complaint, and those are of no contact"));
            return Err(problem.hint("leave --contact away"));
        }
        let reason = format!("settled by a person: {}", row.reason);
        return sorted(site, &Settled { row: MailRow { state: "taken".into(), reason, ..row }, ..Settled::default() })
            .await;
    }
    let gone = || Problem::new(format!("notice {} is not there any more", row.notice));
    let (notice, _) = site.store.records.notice(&row.notice).await?.ok_or_else(gone)?;
    let notice = partly::since_first(site, notice).await?;
    let to: Vec<String> = notice.to.split(',').filter(|one| !one.is_empty()).map(canonical).collect();
    let contact = match contact.map(canonical) {
        Some(contact) if !to.contains(&contact) => {
            let problem = Problem::new(format!("notice {} did not go to {contact}", notice.id));
            return Err(problem.hint(format!("it went to {}", to.join(", "))));
        }
        Some(contact) => contact,
        None => answered(site, &notice, to, &canonical(&row.from)).await?,
    };
    let from = row.state.clone();
    let reason = "accepted by a person".into();
    let row = MailRow { state: "taken".into(), kind: "reply".into(), reason, doubt: String::new(), ..row };
    let settled = match contact.is_empty() || is_to_no_contact(&notice) {
        true => Settled { report: addition::accepted(site, &row, &notice), row, ..Settled::default() },
        false => {
            let effects = vec![alive(&notice, &contact)];
            Settled { row: MailRow { contact, ..row }, effects, ..Settled::default() }
        }
    };
    let row = sorted_from(site, &from, &settled).await?;
    // Whoever is there again is told of what waited.
    responsible::address_waiting(site).await?;
    Ok(row)
}

/// Which address of a notice answered it, as far as that can be told; empty where all of them bounced.
async fn answered(site: &Site, notice: &Notice, to: Vec<String>, from: &str) -> Result<String, Problem> {
    let is_from = |contact: &Contact| canonical(&contact.mail) == from;
    let is_known = || site.addressees().find(&notice.party).is_some_and(|party| party.contacts.iter().any(is_from));
    if to.iter().any(|one| one == from) || is_known() {
        return Ok(from.to_owned());
    }
    let sent = super::sent(site, notice).await?;
    let alive: Vec<&String> = to.iter().filter(|one| !sent.dead.contains(one)).collect();
    let near: Vec<&String> = alive.iter().copied().filter(|one| tie::is_near(from, one, &sent)).collect();
    match (near.as_slice(), alive.as_slice()) {
        ([one], _) | (_, [one]) => Ok((*one).clone()),
        (_, []) => Ok(String::new()),
        _ => {
            let all = alive.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
            Err(Problem::new(format!("notice {} went to several, and nothing shows which of them answered", notice.id))
                .hint(format!("say which with --contact: {all}")))
        }
    }
}

/// Sets a mail that waits aside, and says why.
pub async fn refuse(site: &Site, number: i64, why: &str) -> Result<MailRow, Problem> {
    let row = waiting(site, number).await?;
    let why: String = why.trim().chars().filter(|c| !c.is_control()).take(WHY_LETTERS_MAX).collect();
    let why = if why.is_empty() { "refused by a person".to_owned() } else { format!("refused by a person: {why}") };
    sorted(site, &aside(row, None, why)).await
}

/// A mail that a person may say is an answer: one that waits, or that a person wrote and that was set aside as forged.
async fn acceptable(site: &Site, number: i64) -> Result<MailRow, Problem> {
    let row = find(site, number).await?;
    let is_answer = row.kind == Kind::Written.word() && !row.notice.is_empty() && row.incident.is_empty();
    match row.state == "aside" && is_answer && row.doubt == Doubt::Forged.word() {
        true => Ok(row),
        false => waiting(site, number).await,
    }
}

async fn find(site: &Site, number: i64) -> Result<MailRow, Problem> {
    site.store.records.mail(number).await?.ok_or_else(|| {
        Problem::new(format!("there is no mail {number}"))
            .hint("`concert mailbox list --state held` has those that wait")
    })
}

/// A mail that waits with a notice.
async fn waiting(site: &Site, number: i64) -> Result<MailRow, Problem> {
    let row = find(site, number).await?;
    match (row.state.as_str(), row.incident.is_empty()) {
        ("held", true) => Ok(row),
        ("held", false) => Err(Problem::new(format!("mail {number} waits in an incident"))
            .hint("`concert incident mail` sorts those of incidents")),
        (state, _) => Err(Problem::new(format!("mail {number} does not wait for a person, it is {state}"))),
    }
}

async fn sorted(site: &Site, settled: &Settled) -> Result<MailRow, Problem> {
    sorted_from(site, "held", settled).await
}

async fn sorted_from(site: &Site, state: &str, settled: &Settled) -> Result<MailRow, Problem> {
    let row = site.store.records.sort_mail(state, settled, wire::now()).await?;
    row.ok_or_else(|| Problem::new(format!("somebody else sorted mail {} just now", settled.row.seq)))
}
