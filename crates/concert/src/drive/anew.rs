//! Whom a notice goes to of which an address was suspended since it was made, or left the contact book.
//!
//! That is decided anew when a person lets it go, sends it, tries it again or sends it once more, and at the latest when
//! it is sent, where one of its addresses is suspended or no longer one of its party's.
//!
//! Addresses that are left stay. Where none is, or the party left the contact book, whoever is next in order is told, unless somebody was told of the same
//! events already. A mail that somebody has already while others are tried again stays for those for whom it is. What was approved for a party is not approved for another one. An address that somebody gave by hand
//! stays whatever the contact book says, unless it is suspended.

use std::collections::BTreeSet;

use concert_model::Problem;
use concert_model::address::{canonical, wrong_contact};
use concert_store::Members;
use concert_store::records::{Gate, NewNotice, Notice, WAITS_FOR_APPROVAL};

use super::prove;
use super::responsible::{self, NO_CONTACT};
use crate::addressees::Addressees;
use crate::barred::Barred;
use crate::settings::{OWN, Recipient};
use crate::wire::{self, Site};

/// Why an address that a person gives is none that an import would take as that of a contact.
pub fn no_address(to: &str) -> Option<Problem> {
    Some(Problem::new(wrong_contact(to)?).hint("write it as abuse@example.com"))
}

/// What was decided anew.
#[derive(Debug)]
pub struct Anew {
    /// What became of its addresses since it was made.
    pub because: String,
    /// What follows, for whoever sees all parties.
    pub follows: String,
    /// Whether it is sent now.
    pub fate: Fate,
}

/// What becomes of a notice that is not for those any more for whom it was made.
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
        format!("{}; {}", self.because, self.follows)
    }
}

/// What changed for a notice since it was made.
struct Changed {
    /// What became of its addresses.
    because: String,
    /// Its addresses that are left.
    left: Vec<String>,
    /// Whether others have it, or will by another notice.
    beside: BTreeSet<String>,
    /// What it would be if it were made now, without what others have; addresses that are left are in it too.
    instead: Vec<NewNotice>,
    /// Whether there is anybody in that who was not told.
    has_new: bool,
}

/// Why nothing may be sent to an address that somebody gives by hand.
pub async fn refused(site: &Site, to: &str) -> Result<Option<String>, Problem> {
    if site.settings.own().has(to) {
        return Ok(Some(format!("{to}: {OWN}, and notices to it would come back")));
    }
    suspended(site, to).await
}

/// Why an address is suspended.
async fn suspended(site: &Site, to: &str) -> Result<Option<String>, Problem> {
    let barred = site.barred().await?;
    Ok(barred.suspended(to).map(|why| format!("{to} is suspended ({why})")))
}

/// That a message which asks a suspended contact whether it is there goes out all the same, since a person wants it.
pub async fn asked_all_the_same(site: &Site, notice: &Notice) -> Result<Option<String>, Problem> {
    if notice.name != prove::NAME {
        return Ok(None);
    }
    Ok(suspended(site, &notice.to).await?.map(|why| format!("{why}, and is asked all the same")))
}

/// Whether an address of a notice was suspended since it was made, or may have left the contact book: that is decided
/// anew before it is sent.
pub(crate) fn is_concerned(site: &Site, book: &Addressees, notice: &Notice, barred: &Barred) -> bool {
    is_suspended(site, notice, barred) || is_open(site, notice) && is_by_book(notice) && has_left(book, notice)
}

fn is_suspended(site: &Site, notice: &Notice, barred: &Barred) -> bool {
    is_open(site, notice) && notice.to.split(',').any(|to| barred.suspended(to).is_some())
}

/// Whether a notice is not sent to one of its addresses any more.
pub(super) fn is_suspended_for(site: &Site, notice: &Notice, to: &str, barred: &Barred) -> bool {
    is_open(site, notice) && barred.suspended(to).is_some()
}

/// Whether somebody has the mail of a notice already.
async fn is_begun(site: &Site, notice: &Notice) -> Result<bool, Problem> {
    if notice.attempts == 0 {
        return Ok(false);
    }
    let mail = notice.carrier().unwrap_or(&notice.id);
    Ok(!site.store.records.receivers(&[mail]).await?.is_empty())
}

/// Whether the contact book chose its addresses.
fn is_by_book(notice: &Notice) -> bool {
    !notice.is_by_hand && !notice.to.is_empty()
}

/// Whether an address is none of the party's; so is that of a team which stands in.
fn has_left(book: &Addressees, notice: &Notice) -> bool {
    let Some(party) = book.find(&notice.party) else { return true };
    let known: BTreeSet<String> = party.contacts.iter().map(|contact| canonical(&contact.mail)).collect();
    addresses(&notice.to).any(|to| !known.contains(&to))
}

/// Whether it goes to whoever answers for its events, and has not gone.
fn is_open(site: &Site, notice: &Notice) -> bool {
    let is_ours = site.settings.notice(&notice.name).is_some_and(|kind| kind.to == Recipient::Responsible);
    is_ours && ["waiting", "queued", "failed"].contains(&notice.state.as_str())
}

/// Decides anew whom a notice goes to; nothing where it is for those for whom it was made. What is more than one notice
/// then waits like the first.
pub async fn decide(site: &Site, id: &str) -> Result<Option<Anew>, Problem> {
    decide_all(site, id, "waiting").await
}

/// The same for one that a person just approves: what is more than one notice then is approved too.
pub async fn decide_to_approve(site: &Site, id: &str) -> Result<Option<Anew>, Problem> {
    decide_all(site, id, "queued").await
}

async fn decide_all(site: &Site, id: &str, others: &'static str) -> Result<Option<Anew>, Problem> {
    let records = &site.store.records;
    let (barred, book) = (site.barred().await?, site.addressees());
    let Some((notice, members)) = records.notice(id).await? else { return Ok(None) };
    if is_begun(site, &notice).await? {
        return Ok(None);
    }
    let own = changed(site, &book, &barred, &notice, &members).await?;
    let mut carried = Vec::new();
    for (other, members) in records.carried(&[id]).await? {
        let changed = changed(site, &book, &barred, &other, &members).await?;
        carried.push((other, changed));
    }
    if own.is_none() && carried.iter().all(|(_, changed)| changed.is_none()) {
        return Ok(None);
    }
    // What would go in one mail goes apart: each of them may be for others now.
    records.unmerge_notices(id).await?;
    for (other, changed) in carried {
        let fate = match changed {
            Some(changed) => one(site, &book, &other, changed, others).await?.fate,
            None => Fate::GoesOn,
        };
        if fate == Fate::GoesOn && other.state == "failed" {
            records.requeue_notice(&other.id, None, Gate::Open, wire::now()).await?;
        }
    }
    match own {
        Some(own) => one(site, &book, &notice, own, others).await.map(Some),
        None => Ok(None),
    }
}

/// What would be decided anew of a notice if a person let it go now.
pub(crate) async fn foretell(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    (notice, members): (&Notice, &Members),
) -> Result<Option<Anew>, Problem> {
    let Some(changed) = changed(site, book, barred, notice, members).await? else { return Ok(None) };
    let to = recipients(&changed.instead);
    let follows = match (changed.has_new, changed.left.is_empty()) {
        (false, false) => format!("it goes to {} alone", changed.left.join(",")),
        (false, true) if !changed.beside.is_empty() => "others are told the same".to_owned(),
        _ if to.is_empty() => "it would wait for a contact".to_owned(),
        _ => format!("the contact book says {to} now"),
    };
    Ok(Some(Anew { because: changed.because, follows, fate: Fate::Waits }))
}

/// Looks what became of the addresses of a notice; nothing where all is as it was.
async fn changed(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    notice: &Notice,
    members: &Members,
) -> Result<Option<Changed>, Problem> {
    let is_by_book = is_by_book(notice);
    let is_asked = is_open(site, notice) && (is_by_book || is_suspended(site, notice, barred));
    if !is_asked || is_begun(site, notice).await? {
        return Ok(None);
    }
    let mut instead = responsible::instead(site, book, barred, notice, members.clone()).await?;
    let now: BTreeSet<String> = instead.iter().flat_map(|one| addresses(&one.recipient)).collect();
    let (mut left, mut because) = (Vec::new(), Vec::new());
    for to in notice.to.split(',').filter(|to| !to.is_empty()) {
        match barred.suspended(to) {
            Some(why) => because.push(format!("{to} is suspended ({why})")),
            None if is_by_book && !now.contains(&canonical(to)) => {
                because.push(format!("{to} is not told for `{}` any more", notice.party));
            }
            None => left.push(to.to_owned()),
        }
    }
    let records = &site.store.records;
    let mut told = records.told_beside(notice).await?;
    if !notice.again_of.is_empty()
        && let Some((first, _)) = records.notice(&notice.again_of).await?
    {
        told.extend(records.told_beside(&first).await?);
    }
    let mut beside: BTreeSet<String> =
        told.iter().flat_map(|to| addresses(to)).filter(|to| barred.suspended(to).is_none()).collect();
    let own: BTreeSet<String> = addresses(&notice.to).collect();
    let new: Vec<&String> = now.iter().filter(|to| !own.contains(*to) && !beside.contains(*to)).collect();
    let is_moved = is_by_book && responsible::is_gone(book, &notice.party) && {
        let is_other = |one: &NewNotice| one.state != NO_CONTACT && one.party != notice.party;
        instead.iter().any(is_other)
    };
    if is_moved {
        because.insert(0, responsible::gone(&notice.party));
    }
    if because.is_empty() {
        // Who got another form of the same events may be just who is new.
        if new.is_empty() || !beside.is_empty() || !is_by_book {
            return Ok(None);
        }
        because.push(format!(
            "{} came into the contact book",
            new.iter().map(|to| to.as_str()).collect::<Vec<_>>().join(", ")
        ));
    }
    let mut has_new = is_by_book && !new.is_empty();
    if !beside.is_empty() {
        for one in &mut instead {
            let is_told = |to: &&str| beside.contains(&canonical(to)) && !own.contains(&canonical(to));
            let kept: Vec<&str> = one.recipient.split(',').filter(|to| !is_told(to)).collect();
            one.recipient = kept.join(",");
        }
        instead.retain(|one| one.state == NO_CONTACT || !one.recipient.is_empty());
    }
    if is_moved {
        beside.extend(drop_told(&records.made_beside(notice).await?, &mut instead));
        // Addresses that are left under another name are told as that, by one notice each.
        has_new = !instead.is_empty();
        if !has_new {
            left.clear();
        }
    }
    // What nobody is left for stays with the notice only where all of it does.
    instead.sort_by_key(|one| one.state == NO_CONTACT);
    Ok(Some(Changed { because: because.join("; "), left, beside, instead, has_new }))
}

/// Leaves out what is told by notices that were made together with one whose party has another name by now: contacts of it
/// that wished different things had one each, and each of them falls to all contacts of the other. Gives who is told.
fn drop_told(made: &[(String, String, Members)], instead: &mut Vec<NewNotice>) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    instead.retain_mut(|one| {
        let beside = || made.iter().filter(|(.., members)| members.covers(&one.members));
        if one.state == NO_CONTACT {
            return !beside().any(|(_, state, _)| state == NO_CONTACT);
        }
        let known: BTreeSet<String> = beside().flat_map(|(to, ..)| addresses(to)).collect();
        let (left, others): (Vec<&str>, Vec<&str>) =
            one.recipient.split(',').partition(|to| !known.contains(&canonical(to)));
        told.extend(others.into_iter().map(canonical));
        one.recipient = left.join(",");
        !one.recipient.is_empty()
    });
    told
}

async fn one(
    site: &Site,
    book: &Addressees,
    notice: &Notice,
    changed: Changed,
    others: &'static str,
) -> Result<Anew, Problem> {
    let records = &site.store.records;
    let Changed { because, left, beside, mut instead, has_new } = changed;
    let decided = |follows: String, fate| Ok(Anew { because: because.clone(), follows, fate });
    if !left.is_empty() && !has_new {
        let to = left.join(",");
        records.narrow_notice(&notice.id, &notice.to, &to).await?;
        return decided(format!("it goes to {to} alone"), Fate::GoesOn);
    }
    let again: Vec<String> = records.told_again(&notice.id).await?.0.into_iter().map(|(id, _)| id).collect();
    if left.is_empty() && !again.is_empty() {
        return decided(format!("its events were told again as {}", again.join(", ")), Fate::Told);
    }
    if !beside.is_empty() && !has_new {
        let told: Vec<&str> = beside.iter().map(String::as_str).collect();
        return decided(format!("{} is told the same by another notice", told.join(", ")), Fate::Told);
    }
    let to = recipients(&instead);
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
            (made.state, made.reason) = match (at, state(notice)) {
                (0, state) => (state, notice.reason.clone()),
                (_, "waiting") if others == "waiting" => (others, WAITS_FOR_APPROVAL.to_owned()),
                _ => ("queued", String::new()),
            };
            if is_same && book.teams.named(&made.party).is_none() {
                made.passed_over.clone_from(&because);
            }
        }
    }
    records.readdress_notice(&notice.id, &notice.state, &instead, &site.home(), wire::now()).await?;
    decided(follows, fate)
}

/// Whom these notices go to, as it is told.
fn recipients(notices: &[NewNotice]) -> String {
    let to: Vec<&str> = notices.iter().map(|one| one.recipient.as_str()).filter(|to| !to.is_empty()).collect();
    to.join(", ")
}

fn addresses(to: &str) -> impl Iterator<Item = String> {
    to.split(',').filter(|to| !to.is_empty()).map(canonical)
}

fn state(notice: &Notice) -> &'static str {
    match notice.state.as_str() {
        "waiting" => "waiting",
        "failed" => "failed",
        _ => "queued",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_given_by_hand_is_checked_as_in_an_import() {
        let why = |to: &str| no_address(to).map(|problem| problem.what);
        assert_eq!(why("Abuse@net.example"), None);
        let no_dot = "`a@b` is not a mail address: there is no dot in its domain";
        assert_eq!(why("a@b").as_deref(), Some(no_dot));
        assert_eq!(why("a b@net.example").as_deref(), Some("`a b@net.example` is not a mail address"));
        assert_eq!(why("").as_deref(), Some("`` is not a mail address"));
    }
}
