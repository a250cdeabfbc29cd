//! What follows from a bounce, or from a refusal while a notice is handed over: the contact is suspended
//! and the notice goes to whoever is next.
//!
//! A contact that answered after the notice was sent is not suspended: behind it stand several people,
//! of whom one is gone.

use std::collections::BTreeSet;

use concert_model::Problem;
use concert_pipeline::mail::address::canonical;
use concert_pipeline::mail::{self, Failed, Weight};
use concert_store::Members;
use concert_store::records::{Again, Effect, MailRow, Notice, Settled};

use super::super::deliver::Ended;
use super::super::partly::said_of;
use super::super::{prove, responsible};
use super::mass::{self, Mass};
use crate::settings::Recipient;
use crate::wire::{self, Site};

/// What follows when a server refuses a contact while the notice is handed to it: the same as when the
/// notice bounces. A kill just before this leaves the notice failed, for a person to see. Gives how many were made for
/// somebody else.
pub(in crate::drive) async fn refused(site: &Site, ended: &[Ended]) -> Result<usize, Problem> {
    let mut again = 0;
    for (id, state, at, reason) in ended {
        if *state != "failed" && !reason.contains("refused: ") {
            continue;
        }
        let Some((notice, members)) = site.store.records.notice(id).await? else { continue };
        let copies = site.settings.notice(&notice.name).map_or(0, |kind| kind.bcc.len());
        // Where all goes to one address on trial, it is that one which was refused.
        let is_trial = site.settings.deliver.override_recipient.is_some();
        let is_only = *state == "failed" && copies == 0 && !is_trial && notice.to.split(',').count() == 1;
        let to = notice.to.split(',');
        let failed: Vec<Failed> = to.filter_map(|address| refusal_of(address, is_only, reason)).collect();
        if failed.iter().all(|one| one.weight < Weight::Hard) {
            continue;
        }
        let row = MailRow { received: *at, ..MailRow::default() };
        let settled = bounced(site, row, &failed, &notice, members).await?;
        site.store.records.settle_refusal(&settled, wire::now()).await?;
        again += settled.again.map_or(0, |again| again.instead.iter().filter(|one| one.state == "queued").count());
    }
    Ok(again)
}

/// What a deliverer says of one address: `user@example.com: 550 5.1.1 unknown; other@...`. Some servers say so only
/// after the text of the mail, without the address: that is about the only one it went to.
fn refusal_of(address: &str, is_only: bool, reason: &str) -> Option<Failed> {
    let canonical = canonical(address);
    let said = match [address, &canonical].into_iter().find_map(|form| said_of(form, reason)) {
        Some(said) => said,
        None if is_only && !address.is_empty() && mail::is_about_address(reason) => reason.split("; ").next()?,
        None => return None,
    };
    let diagnostic = said.to_owned();
    let (address, original, status) = (canonical, String::new(), String::new());
    Some(Failed { address, original, weight: mail::weight_of_answer(&diagnostic), status, diagnostic })
}

/// A bounce: what it says of each contact, and to whom the notice goes instead.
pub(super) async fn bounced(
    site: &Site,
    row: MailRow,
    failed: &[Failed],
    notice: &Notice,
    members: Members,
) -> Result<Settled, Problem> {
    let worst = failed.iter().map(|one| one.weight).max().unwrap_or(Weight::Soft);
    let kind = match worst {
        Weight::Hard | Weight::Soft => "bounce",
        Weight::Behind => "behind",
        Weight::Delayed => "delay",
        Weight::Arrived => "arrived",
    };
    let contacts: Vec<&str> = failed.iter().map(|one| one.address.as_str()).collect();
    let said: Vec<String> = failed.iter().map(|one| format!("{}: {}", one.weight.word(), one.why())).collect();
    let row = MailRow { kind: kind.into(), contact: contacts.join(","), reason: said.join("; "), ..row };
    let (mut own, mut effects, mut suspended) = (prove::addresses(site), Vec::new(), BTreeSet::new());
    let mut masses = Vec::new();
    // Registries have far too many contacts to list: those of this party are enough.
    if let Some(party) = site.addressees().find(&notice.party) {
        own.extend(party.contacts.iter().map(|contact| canonical(&contact.mail)));
    }
    for one in failed.iter().filter(|one| one.weight >= Weight::Soft) {
        effects.push(Effect::Bounce(one.address.clone(), one.weight == Weight::Hard, one.why()));
        let alive = site.store.records.contact_alive(&one.address).await?;
        let is_alive = alive.is_some_and(|alive| notice.delivered_at.is_some_and(|sent| alive >= sent));
        if one.weight == Weight::Hard && own.contains(&one.address) && !is_alive {
            if masses.iter().any(|mass: &Mass| mass.has(one)) {
                continue;
            }
            if let Some(mass) = mass::look(site, one, row.received).await? {
                effects.extend(mass.released().map(|(contact, since)| Effect::Release(contact.clone(), since)));
                masses.push(mass);
                continue;
            }
            let why = format!("notice {} bounced on {}: {}", notice.id, row.received.date_text(), one.why());
            effects.push(Effect::Suspend(one.address.clone(), why));
            suspended.insert(one.address.clone());
        }
    }
    let is_ours = site.settings.notice(&notice.name).is_some_and(|kind| kind.to == Recipient::Responsible);
    let again = match is_ours && !suspended.is_empty() {
        true => again(site, notice, members, &effects, &row).await?,
        false => None,
    };
    Ok(Settled { row, effects, again, ..Settled::default() })
}

/// To whom a notice goes that reached nobody; `None` while somebody is left who got it.
async fn again(
    site: &Site,
    notice: &Notice,
    members: Members,
    effects: &[Effect],
    row: &MailRow,
) -> Result<Option<Again>, Problem> {
    let mut barred = site.barred().await?;
    for effect in effects {
        if let Effect::Suspend(address, why) = effect {
            barred.suspend(address, why);
        }
    }
    let got = site.store.records.told_beside(notice).await?;
    let is_left = |to: &str| to.split(',').any(|one| !one.is_empty() && barred.suspended(one).is_none());
    if got.iter().chain([&notice.to]).any(|to| is_left(to)) {
        return Ok(None);
    }
    let book = site.addressees();
    let mut instead = responsible::instead(site, &book, &barred, notice, members).await?;
    for (carried, members) in site.store.records.carried(&[&notice.id]).await? {
        instead.extend(responsible::instead(site, &book, &barred, &carried, members).await?);
    }
    let why = format!("{} bounced: {}", row.contact, row.reason);
    Ok(Some(Again { notice: notice.id.clone(), why, home: site.home(), instead, ..Again::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_an_address_is_found_in_the_reason() {
        let check = |address: &str, reason: &str, want: Option<Weight>| {
            assert_eq!(refusal_of(address, false, reason).map(|one| one.weight), want, "{reason}");
        };
        let two = "250 taken; refused: a@x.example: 550 5.1.1 no such user; b@x.example: 554 5.7.1 relay access denied";
        check("a@x.example", two, Some(Weight::Hard));
        check("b@x.example", two, Some(Weight::Soft));
        check("c@x.example", two, None);
        check("", two, None);
        check("a@x.example", "250 taken; refused: net-a@x.example: 550 5.1.1 no such user", None);
        check("a@x.example", "550 5.7.1 no mail from you", None);
        // After the text of a mail to several it is not said who is meant.
        check("a@x.example", "550 5.1.1 User unknown", None);
        let only = |reason: &str| refusal_of("a@x.example", true, reason).map(|one| one.weight);
        assert_eq!(only("550 5.1.1 User unknown"), Some(Weight::Hard));
        assert_eq!(only("550 5.1.1 cert@cert.example: Sender address rejected"), Some(Weight::Soft));
        assert_eq!(only("554 5.7.1 spam"), None);
        assert_eq!(only("MAIL: 550 5.1.1 User unknown"), None);
        assert_eq!(only(""), None);
    }
}
