//! Whom a notice goes to of which an address was suspended since it was made: that is decided anew when a person lets
//! it go, sends it or tries it again, and at the latest when it is sent.
//!
//! Addresses that are left stay. Where none is, whoever is next in order is told, unless somebody was told of the same
//! events already. What was approved for a party is not approved for another one.

use concert_model::Problem;
use concert_store::Members;
use concert_store::records::{Gate, Notice};

use super::responsible::{self, NO_CONTACT};
use crate::addressees::Addressees;
use crate::barred::Barred;
use crate::settings::Recipient;
use crate::wire::{self, Site};

/// What was decided anew.
#[derive(Debug)]
pub struct Anew {
    /// Which of its addresses are suspended, and why.
    pub suspended: String,
    /// What follows, for whoever sees all parties.
    pub follows: String,
    /// Whether it is sent now.
    pub fate: Fate,
}

/// What becomes of a notice with a suspended address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is as it was, for others.
    GoesOn,
    /// It waits for approval or for a contact.
    Waits,
    /// It need not be sent: others were told of its events.
    Told,
}

impl Anew {
    /// Both sentences.
    pub fn why(&self) -> String {
        format!("{}; {}", self.suspended, self.follows)
    }
}

/// Why nothing may be sent to an address that somebody gave by hand.
pub async fn suspended(site: &Site, to: &str) -> Result<Option<String>, Problem> {
    let barred = site.barred().await?;
    Ok(barred.suspended(to).map(|why| format!("{to} is suspended ({why})")))
}

/// Whether an address of a notice was suspended since it was made.
pub(super) fn is_concerned(site: &Site, notice: &Notice, barred: &Barred) -> bool {
    let is_ours = site.settings.notice(&notice.name).is_some_and(|kind| kind.to == Recipient::Responsible);
    let is_open = ["waiting", "queued", "failed"].contains(&notice.state.as_str());
    is_ours && is_open && notice.to.split(',').any(|to| barred.suspended(to).is_some())
}

/// Decides anew whom a notice goes to; nothing where no address of it is suspended.
pub async fn decide(site: &Site, id: &str) -> Result<Option<Anew>, Problem> {
    let records = &site.store.records;
    let barred = site.barred().await?;
    let Some((notice, members)) = records.notice(id).await? else { return Ok(None) };
    if !is_concerned(site, &notice, &barred) {
        return Ok(None);
    }
    let book = site.addressees();
    // What would go in one mail goes apart: each of them may be for others now.
    let carried = records.carried(&[id]).await?;
    records.unmerge_notices(id).await?;
    for (other, members) in carried {
        let anew = one(site, &book, &barred, &other, members).await?;
        if anew.fate == Fate::GoesOn && other.state == "failed" {
            records.requeue_notice(&other.id, None, Gate::Open, wire::now()).await?;
        }
    }
    one(site, &book, &barred, &notice, members).await.map(Some)
}

async fn one(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    notice: &Notice,
    members: Members,
) -> Result<Anew, Problem> {
    let records = &site.store.records;
    let (gone, left): (Vec<&str>, Vec<&str>) = notice.to.split(',').partition(|to| barred.suspended(to).is_some());
    let why = |to: &&str| barred.suspended(to).map(|why| format!("{to} is suspended ({why})"));
    let said = gone.iter().filter_map(why).collect::<Vec<_>>().join("; ");
    let decided = |follows: String, fate| Ok(Anew { suspended: said.clone(), follows, fate });
    if !left.is_empty() {
        let to = left.join(",");
        records.narrow_notice(&notice.id, &notice.to, &to).await?;
        return decided(format!("it goes to {to} alone"), Fate::GoesOn);
    }
    let again: Vec<String> = records.told_again(&notice.id).await?.0.into_iter().map(|(id, _)| id).collect();
    if !again.is_empty() {
        return decided(format!("its events were told again as {}", again.join(", ")), Fate::Told);
    }
    let mut beside = records.told_beside(notice).await?;
    beside.retain(|to| to.split(',').any(|one| !one.is_empty() && barred.suspended(one).is_none()));
    if !beside.is_empty() {
        return decided(format!("{} is told the same by another notice", beside.join(", ")), Fate::Told);
    }
    let mut instead = responsible::instead(site, book, barred, notice, members).await?;
    instead.sort_by_key(|one| one.state == NO_CONTACT);
    let to: Vec<&str> = instead.iter().map(|one| one.recipient.as_str()).filter(|to| !to.is_empty()).collect();
    let to = to.join(", ");
    let is_same = instead.iter().all(|one| (&one.party, &one.passed_over) == (&notice.party, &notice.passed_over));
    let (fate, follows) = match instead.first().map(|one| one.state) {
        None | Some(NO_CONTACT) => (Fate::Waits, "nobody else is left, so it waits for a contact".to_owned()),
        Some("waiting") if !is_same => {
            (Fate::Waits, format!("it is for {to} now, of another party, and waits to be approved for them"))
        }
        Some(_) => (Fate::GoesOn, format!("it goes to {to}")),
    };
    if fate == Fate::GoesOn {
        for (at, made) in instead.iter_mut().enumerate().filter(|(_, made)| made.state != NO_CONTACT) {
            // Whoever decides about it now finds it as it was.
            made.state = if at > 0 { "queued" } else { state(notice) };
            made.reason = if at > 0 { String::new() } else { notice.reason.clone() };
            if is_same && book.teams.named(&made.party).is_none() {
                made.passed_over.clone_from(&said);
            }
        }
    }
    records.readdress_notice(&notice.id, &notice.state, &instead, &site.home(), wire::now()).await?;
    decided(follows, fate)
}

fn state(notice: &Notice) -> &'static str {
    match notice.state.as_str() {
        "waiting" => "waiting",
        "failed" => "failed",
        _ => "queued",
    }
}
