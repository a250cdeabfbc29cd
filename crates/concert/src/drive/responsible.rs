//! Addressing notices to the party that answers for their events, as that party wishes it.
//!
//! Contacts of a party that want the same (way, language, format, time) share one notice. Where
//! nobody can be told, the notice is kept in the state `no-contact` with the reason. Contacts that are
//! suspended because they bounced are passed over, and the next in order is told.

use std::collections::HashSet;

use concert_model::address::canonical;
use concert_model::{Contact, Party, Problem, Time};
use concert_pipeline::group::schedule::When;
use concert_pipeline::render;
use concert_store::records::{Gate, NewNotice, Notice, NoticeFilter, WAITS_FOR_APPROVAL};
use concert_store::{Members, Store};
use jiff::tz::TimeZone;

use super::becomes::Becomes;
use super::{further, unclaimed};
use crate::addressees::{
    Addressees, NO_TEAM, NOBODY, PURPOSE, TOLD_TEAM, keyless, next_in_order, nobody_left, reachable_by, team_for,
    team_of_sector, teams_for,
};
use crate::barred::Barred;
use crate::settings::{MAIL, Recipient};
use crate::wire::{self, Site};

/// The state of notices that wait for a contact.
pub(super) const NO_CONTACT: &str = "no-contact";

/// What stands before the team in what is said of a notice for which nobody is left.
pub(super) const TEAM_TOO: &str = ", nor of the team ";

/// A notice that has waited for a contact for longer is left to a person: it would surprise by now.
const WAITED_SECONDS_MAX: i64 = 7 * 86_400;

/// Adds a notice for each wish of the party's contacts, or one that waits for a contact.
pub(super) fn address(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    notice: NewNotice,
    clock: Option<Struck<'_>>,
    out: &mut Vec<NewNotice>,
) {
    if notice.party.is_empty() {
        let reason = format!("no party answers for these events; asked were {}", book.parts());
        return out.push(without_contact(notice, reason));
    }
    let Some(party) = book.find(&notice.party) else {
        let reason = gone(&notice.party);
        return out.push(without_contact(notice, reason));
    };
    let (means, before) = (Means::of(site, clock), out.len());
    for_party(&party, barred, &means, notice, out);
    // Nobody of the party is left: the team of its sector is told, and why.
    if let [nobody] = out.get(before..).unwrap_or_default()
        && nobody.state == NO_CONTACT
        && let Some((team, sector)) = team_for(book.teams.parties(), &party, PURPOSE, barred)
    {
        let notice = NewNotice { state: "queued", reason: String::new(), ..nobody.clone() };
        let why = format!("{TOLD_TEAM}{}` (sector {sector}) because {}", team.name, nobody.reason);
        let mut told = Vec::new();
        for_party(team, barred, &means, notice, &mut told);
        if told.iter().all(|notice| notice.state != NO_CONTACT) {
            out.truncate(before);
            let with_why = |notice| NewNotice { reason: why.clone(), passed_over: why.clone(), ..notice };
            out.extend(told.into_iter().map(with_why));
        }
    }
    if let [nobody] = out.get_mut(before..).unwrap_or_default()
        && nobody.state == NO_CONTACT
    {
        say_who_was_tried(nobody, book, &party, barred);
    }
}

/// Says of a notice that waits which teams cannot stand in either. Whoever sees it may not see those: the reason does
/// not name them.
fn say_who_was_tried(nobody: &mut NewNotice, book: &Addressees, party: &Party, barred: &Barred) {
    let is_team = book.teams.named(&party.name).is_some();
    if !is_team && book.constituents.named(&party.name).is_none() || !nobody.passed_over.is_empty() {
        return;
    }
    let said = |party: &Party| match barred.said(party.contacts.iter().map(|contact| &contact.mail)) {
        none if none.is_empty() => "; it has no contact to tell".to_owned(),
        said => said,
    };
    let what = if is_team { "the team " } else { "" };
    let mut passed = vec![format!("{what}`{}`{}", party.name, said(party))];
    let mut tried = Vec::new();
    for (team, sector) in teams_for(book.teams.parties(), party).filter(|_| !is_team) {
        passed.push(format!("the team `{}` (sector {sector}){}", team.name, said(team)));
        let one = team_of_sector(sector);
        if !tried.contains(&one) {
            tried.push(one);
        }
    }
    nobody.passed_over = format!("{NOBODY}{}", passed.join(", nor of "));
    nobody.reason.push_str(&further::tried_too(&tried));
}

/// How many notices wait for a contact and are looked at again by themselves.
pub async fn waiting(store: &Store) -> Result<usize, Problem> {
    Ok(store.records.notices(&waiting_since(wire::now().plus_seconds(-WAITED_SECONDS_MAX))).await?.len())
}

/// Notices that wait for a contact and are looked at again by themselves, made at a moment or later.
pub(super) async fn waiting_from(site: &Site, from: Option<Time>) -> Result<Vec<Notice>, Problem> {
    let oldest = wire::now().plus_seconds(-WAITED_SECONDS_MAX);
    site.store.records.notices(&waiting_since(from.unwrap_or(oldest).max(oldest))).await
}

fn waiting_since(since: Time) -> NoticeFilter {
    NoticeFilter { state: Some(NO_CONTACT.to_owned()), made_since: Some(since), ..NoticeFilter::default() }
}

/// Queues notices that waited for a contact which their party, or whoever is next in order, has by now. Gives their
/// number.
pub async fn address_waiting(site: &Site) -> Result<usize, Problem> {
    let book = site.addressees();
    address_those(site, &book, wire::now().plus_seconds(-WAITED_SECONDS_MAX), &|_| true).await
}

/// Passes on notices made since a moment of whose party nobody is left, where somebody is next in order.
pub(super) async fn pass_on_since(site: &Site, since: Time) -> Result<usize, Problem> {
    let book = site.addressees();
    address_those(site, &book, since, &|notice| book.may_go_on(&notice.party)).await
}

/// Queues those of these notices, given by their numbers, that have somebody by now.
pub(super) async fn address_some(site: &Site, ids: &HashSet<String>) -> Result<usize, Problem> {
    let since = wire::now().plus_seconds(-WAITED_SECONDS_MAX);
    address_those(site, &site.addressees(), since, &|notice| ids.contains(&notice.id)).await
}

async fn address_those(
    site: &Site,
    book: &Addressees,
    since: Time,
    is_wanted: &(dyn Fn(&Notice) -> bool + Sync),
) -> Result<usize, Problem> {
    let (records, mut queued) = (&site.store.records, 0);
    let barred = site.barred().await?;
    for notice in records.notices(&waiting_since(since)).await? {
        queued += usize::from(is_wanted(&notice) && address_one(site, book, &barred, &notice).await?.is_some());
    }
    Ok(queued)
}

/// Gives a notice that waits for a contact to whoever can be told by now, and says what it became. Nothing where nobody
/// can.
async fn address_one(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    notice: &Notice,
) -> Result<Option<Vec<NewNotice>>, Problem> {
    let records = &site.store.records;
    let Some((notice, members)) = records.notice(&notice.id).await? else { return Ok(None) };
    let Some(Becomes { notices: to, .. }) = becomes(site, book, barred, (&notice, members)).await? else {
        return Ok(None);
    };
    let Some(first) = to.first() else { return Ok(None) };
    if first.state != NO_CONTACT {
        let is_given = records.readdress_notice(&notice.id, NO_CONTACT, &to, &site.home(), wire::now()).await?;
        return Ok(is_given.then_some(to));
    }
    // What was tried is known only now: right after a report its events could not be read yet.
    if (&first.reason, &first.passed_over) != (&notice.reason, &notice.passed_over) {
        records.explain_notice(&notice.id, NO_CONTACT, &first.reason, &first.passed_over).await?;
    }
    Ok(None)
}

/// What a notice that waits for a contact would become now; nothing where no contact book decides about it.
pub(crate) async fn becomes(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    (notice, members): (&Notice, Members),
) -> Result<Option<Becomes>, Problem> {
    let kind = site.settings.notice(&notice.name).filter(|kind| kind.to == Recipient::Responsible);
    if notice.state != NO_CONTACT || kind.is_none() {
        return Ok(None);
    }
    let mut notices = instead(site, book, barred, notice, members).await?;
    // What nobody is left for stays with the notice only where all of it does.
    notices.sort_by_key(|one| one.state == NO_CONTACT);
    let by_itself = notice.made >= wire::now().plus_seconds(-WAITED_SECONDS_MAX);
    Ok(Some(Becomes { notices, by_itself }))
}

/// Gives a notice to others because a person wants it tried again, however long it has waited.
pub async fn address_by_hand(site: &Site, notice: &Notice) -> Result<Option<Vec<NewNotice>>, Problem> {
    if notice.state != NO_CONTACT {
        return Ok(None);
    }
    address_one(site, &site.addressees(), &site.barred().await?, notice).await
}

/// The notices that a notice which reached nobody becomes, for whoever is next.
pub(super) async fn instead(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    notice: &Notice,
    members: Members,
) -> Result<Vec<NewNotice>, Problem> {
    let kind = site.settings.notice(&notice.name);
    let made = NewNotice {
        name: notice.name.as_str().into(),
        key: notice.key.clone(),
        party: notice.party.clone(),
        passed_over: passed_before(book, notice),
        via: kind.map_or(notice.via.as_str(), |kind| kind.via.as_str()).into(),
        format: kind.map_or(notice.format.as_str(), |kind| kind.format.name).into(),
        language: kind.map_or(notice.language.as_str(), |kind| kind.language.as_str()).into(),
        state: "queued",
        due: wire::now(),
        members,
        tlp: notice.tlp,
        ..NewNotice::default()
    };
    let mut out = Vec::new();
    address_anew(site, book, barred, made, None, &mut out).await?;
    let mut out = further::hand_on(site, book, barred, out, None).await?;
    if kind.is_some_and(|kind| kind.gate == Gate::Approval) {
        wait_for_approval(&mut out);
    }
    Ok(out)
}

/// Whether a party left the contact book, as one does that gets another name.
pub(super) fn is_gone(book: &Addressees, party: &str) -> bool {
    !party.is_empty() && book.find(party).is_none()
}

/// What is said of a notice whose party left the contact book.
pub(super) fn gone(party: &str) -> String {
    format!("the party `{party}` is no longer in the contact book")
}

/// Addresses a notice whose events are stored. Those that are nobody's, or of a party that left the contact book, go to
/// whomever each of them falls to by now. What still falls to nobody keeps its party, which may come back.
pub(super) async fn address_anew(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    made: NewNotice,
    clock: Option<Struck<'_>>,
    out: &mut Vec<NewNotice>,
) -> Result<(), Problem> {
    let party = made.party.clone();
    let is_gone = is_gone(book, &party);
    let all = match party.is_empty() || is_gone {
        true => unclaimed::by_party(site, book, barred, made).await?,
        false => vec![made],
    };
    for made in all {
        let (before, is_moved) = (out.len(), is_gone && made.party != party);
        address(site, book, barred, made, clock, out);
        // Behind what was said already: who reads it knows it by its beginning.
        for one in out.iter_mut().skip(before).filter(|_| is_moved) {
            if !one.passed_over.is_empty() {
                one.passed_over.push_str("; ");
            }
            one.passed_over.push_str(&gone(&party));
        }
    }
    Ok(())
}

/// Who was passed over before a notice came to its party. What was said while it waited holds no longer.
fn passed_before(book: &Addressees, notice: &Notice) -> String {
    let (said, party) = (&notice.passed_over, &notice.party);
    match said.split_once(TEAM_TOO) {
        // For a constituent nobody was passed over before: who stood in for it is worked out anew.
        _ if said.starts_with(TOLD_TEAM) && book.constituents.named(party).is_some() => String::new(),
        _ if !said.starts_with(NOBODY) => said.clone(),
        // It was for a team from the beginning.
        _ if said.starts_with(NO_TEAM) => String::new(),
        Some((others, _)) if book.teams.named(party).is_some() => {
            format!("{TOLD_TEAM}{party}` because {others}")
        }
        _ => String::new(),
    }
}

/// Has notices that would be sent wait until a person lets them go.
pub(super) fn wait_for_approval(notices: &mut [NewNotice]) {
    for made in notices.iter_mut().filter(|made| made.state == "queued") {
        (made.state, made.reason) = ("waiting", WAITS_FOR_APPROVAL.to_owned());
    }
}

/// Something that is asked about a word of the contact book.
type Asked<'s, T> = dyn Fn(&str) -> T + Send + Sync + 's;
/// The same of an address and a way out.
type AskedBy<'s, T> = dyn Fn(&str, &str) -> T + Send + Sync + 's;

/// What this site can do of what contacts wish.
pub(super) struct Means<'s> {
    /// The kind of a way out.
    kind_of: Box<Asked<'s, Option<&'static str>>>,
    /// Whether there are templates in a language.
    speaks: Box<Asked<'s, bool>>,
    /// Why an address gets nothing by a way out that sends nothing in clear.
    no_key: Box<AskedBy<'s, Option<String>>>,
    /// Where schedules hold that name no zone.
    zone: &'s TimeZone,
    /// What has notices made, where that is their schedule.
    clock: Option<Struck<'s>>,
}

/// A schedule whose time has come.
#[derive(Clone, Copy)]
pub(super) struct Struck<'w> {
    /// The schedule of the notice.
    pub(super) when: &'w When,
    /// The moment that it named, or that a contact named that is told ahead of it.
    pub(super) due: Time,
    /// Whether it was such a contact, and the schedule of the notice is still to come.
    pub(super) is_ahead: bool,
}

impl<'s> Means<'s> {
    /// What the settings say, for notices that this had made.
    pub(super) fn of(site: &'s Site, clock: Option<Struck<'s>>) -> Self {
        let settings = &site.settings;
        Self {
            kind_of: Box::new(|via| settings.vias.get(via).map(|via| via.kind)),
            speaks: Box::new(|language| settings.templates.speaks(language)),
            no_key: Box::new(|mail, via| site.no_key(mail, via)),
            zone: &settings.site.time_zone,
            clock,
        }
    }

    /// Why a contact gets nothing in place of a notice: it would have to be encrypted.
    fn no_key(&self, contact: &Contact, notice: &NewNotice) -> Option<String> {
        let is_known = !contact.via.is_empty() && (self.kind_of)(&contact.via).is_some();
        (self.no_key)(&contact.mail, if is_known { &contact.via } else { &notice.via })
    }
}

/// Adds a notice for each wish of a party's contacts, or one that waits for a contact.
pub(super) fn for_party(
    party: &Party,
    barred: &Barred,
    means: &Means<'_>,
    notice: NewNotice,
    out: &mut Vec<NewNotice>,
) {
    let before = out.len();
    let no_key = |contact: &Contact| means.no_key(contact, &notice);
    let has_none = party.contacts_for(PURPOSE).is_empty();
    for contact in reachable_by(party, PURPOSE, barred, &no_key) {
        let mut wished = wished(contact, means, &notice);
        let keyless = if no_key(contact).is_none() { keyless(party, PURPOSE, barred, &no_key) } else { Vec::new() };
        if (has_none || !keyless.is_empty()) && wished.passed_over.is_empty() {
            let next = Some(next_in_order(party, PURPOSE, contact)).filter(|next| !next.is_empty());
            let told = next.map(|next| format!("told to {}, {next}", contact.mail));
            wished.passed_over = told.into_iter().chain(keyless).collect::<Vec<_>>().join("; ");
        }
        // An address that stands there twice, perhaps in other letter case, has the wishes of its first line.
        let is_told = |other: &NewNotice| {
            other.via == wished.via && other.recipient.split(',').any(|to| canonical(to) == canonical(&contact.mail))
        };
        if out.iter().skip(before).any(is_told) {
            continue;
        }
        let same = |other: &&mut NewNotice| {
            (&other.via, &other.language, &other.format, other.due)
                == (&wished.via, &wished.language, &wished.format, wished.due)
        };
        match out.iter_mut().skip(before).find(same) {
            Some(together) => {
                together.recipient.push(',');
                together.recipient.push_str(&contact.mail);
            }
            None => out.push(wished),
        }
    }
    if out.len() > before {
        return;
    }
    // A folder or a web service takes notices of a party that has no address.
    if (means.kind_of)(&notice.via).is_some_and(|kind| kind != MAIL) {
        out.push(notice);
        return;
    }
    let reason = nobody_left(party, PURPOSE, barred);
    out.push(without_contact(notice, reason));
}

/// What a contact wishes holds where this site can do it.
fn wished(contact: &Contact, means: &Means<'_>, notice: &NewNotice) -> NewNotice {
    let mut wished = NewNotice { recipient: contact.mail.clone(), ..notice.clone() };
    if !contact.via.is_empty() && (means.kind_of)(&contact.via).is_some() {
        wished.via = contact.via.as_str().into();
    }
    if let Some(language) = language(contact, &means.speaks) {
        wished.language = language.into();
    }
    if render::format(&contact.format).is_some() {
        wished.format = contact.format.as_str().into();
    }
    wished.due = due(contact, means.zone, means.clock, notice.due);
    wished
}

/// The language of a contact. Of several that a registry tells it is the first in which there are templates.
fn language<'c>(contact: &'c Contact, speaks: &dyn Fn(&str) -> bool) -> Option<&'c str> {
    let mut all = contact.language.split(", ").filter(|one| !one.is_empty());
    all.clone().find(|one| speaks(one)).or_else(|| all.next())
}

/// When a contact is told: by its own schedule, else by that of the notice, each in its own zone. A notice that no clock
/// had made (so many events, a correction) does not wait for the schedule of its kind.
fn due(contact: &Contact, zone: &TimeZone, clock: Option<Struck<'_>>, now: Time) -> Time {
    let own = TimeZone::get(&contact.time_zone).ok();
    // Whoever wishes the very moment that the clock struck would else wait until the next day. What passed while nothing
    // worked is passed.
    let next = |when: &When, zone: &TimeZone| {
        let Some(Struck { due, .. }) = clock else { return when.next(now, zone) };
        match when.next(due.plus_seconds(-1), zone) {
            next if next > now => next,
            next if next <= due => now,
            _ => when.next(now, zone),
        }
    };
    let wish = Some(&contact.schedule).filter(|text| !text.is_empty()).and_then(|text| When::parse(text).ok());
    match (wish, clock, &own) {
        (Some(When::AtOnce), ..) => now,
        (Some(when), ..) => next(&when, own.as_ref().unwrap_or(zone)),
        (None, Some(clock), Some(own)) if clock.when.is_clock() => next(clock.when, own),
        (None, Some(clock), _) if clock.is_ahead => next(clock.when, zone),
        (None, ..) => now,
    }
}

fn without_contact(notice: NewNotice, reason: String) -> NewNotice {
    NewNotice { state: NO_CONTACT, reason, ..notice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(contacts: &[Contact], via: &str) -> Vec<NewNotice> {
        let means = Means {
            kind_of: Box::new(|via| match via {
                "mail" | "sealed" => Some("smtp"),
                "outbox" => Some("file"),
                _ => None,
            }),
            speaks: Box::new(|language| ["en", "fi", "fr"].contains(&language)),
            no_key: Box::new(|mail, via| {
                (via == "sealed" && mail != "key@x.example").then(|| format!("there is no key of {mail}"))
            }),
            zone: &TimeZone::UTC,
            clock: None,
        };
        let party = Party { name: "Example".into(), contacts: contacts.to_vec(), ..Party::default() };
        let notice = NewNotice {
            party: "Example".into(),
            via: via.into(),
            format: "csv".into(),
            state: "queued",
            ..NewNotice::default()
        };
        let mut out = Vec::new();
        let mut barred = Barred::default();
        barred.suspend("gone@x.example", "bounced");
        for_party(&party, &barred, &means, notice, &mut out);
        out
    }

    fn check(contacts: &[Contact], via: &str, want: &[(&str, &str, &str, &str)]) {
        let out = made(contacts, via);
        let got: Vec<_> = out.iter().map(|n| (n.recipient.as_str(), &*n.via, &*n.format, n.state)).collect();
        assert_eq!(got, want);
    }

    fn contact(mail: &str, format: &str, via: &str) -> Contact {
        Contact {
            purpose: "abuse".into(),
            mail: mail.into(),
            format: format.into(),
            via: via.into(),
            ..Contact::default()
        }
    }

    #[test]
    fn contacts_with_the_same_wishes_share_a_notice() {
        let (one, two) = (contact("a@x.example", "", ""), contact("b@x.example", "csv", "nowhere"));
        let other = contact("c@x.example", "json", "outbox");
        check(
            &[one, other, two],
            "mail",
            &[("a@x.example,b@x.example", "mail", "csv", "queued"), ("c@x.example", "outbox", "json", "queued")],
        );
    }

    #[test]
    fn a_party_without_an_address_is_told_only_by_ways_that_need_none() {
        check(&[], "mail", &[("", "mail", "csv", "no-contact")]);
        check(&[contact("not an address", "", "")], "mail", &[("", "mail", "csv", "no-contact")]);
        check(&[], "outbox", &[("", "outbox", "csv", "queued")]);
    }

    #[test]
    fn suspended_contacts_are_passed_over_for_the_next_in_order() {
        let (gone, other) = (contact("Gone@x.example", "", ""), contact("b@x.example", "", ""));
        check(&[gone.clone(), other], "mail", &[("b@x.example", "mail", "csv", "queued")]);
        let of = |purpose: &str, mail: &str| Contact { purpose: purpose.into(), ..contact(mail, "", "") };
        check(
            &[
                gone.clone(),
                of("law", "law@x.example"),
                of("technical", "noc@x.example"),
                of("incident", "i@x.example"),
            ],
            "mail",
            &[("noc@x.example", "mail", "csv", "queued")],
        );
        check(&[gone.clone(), of("law", "law@x.example")], "mail", &[("", "mail", "csv", "no-contact")]);
        check(&[gone], "outbox", &[("", "outbox", "csv", "queued")]);
    }

    #[test]
    fn an_address_in_other_letter_case_is_told_once() {
        let of = |mail: &str| contact(mail, "", "");
        let given = [of("SOC@x.example"), of("b@x.example"), of("soc@X.Example"), of("Soc@x.example")];
        check(&given, "mail", &[("SOC@x.example,b@x.example", "mail", "csv", "queued")]);
    }

    #[test]
    fn an_address_with_two_wishes_is_told_once_by_each_way_out() {
        let given = [
            contact("a@x.example", "csv", ""),
            contact("A@X.example", "json", ""),
            contact("b@x.example", "json", ""),
            contact("A@x.example", "json", "outbox"),
        ];
        let want = [
            ("a@x.example", "mail", "csv", "queued"),
            ("b@x.example", "mail", "json", "queued"),
            ("A@x.example", "outbox", "json", "queued"),
        ];
        check(&given, "mail", &want);
    }

    #[test]
    fn who_has_no_contact_for_abuse_is_told_by_the_next_but_the_law() {
        let of = |purpose: &str, mail: &str| Contact { purpose: purpose.into(), ..contact(mail, "", "") };
        let (law, night, noc) =
            (of("law", "law@x.example"), of("out of hours", "n@x.example"), of("technical", "noc@x.example"));
        check(&[law.clone(), night.clone(), noc], "mail", &[("noc@x.example", "mail", "csv", "queued")]);
        check(&[law.clone(), night], "mail", &[("n@x.example", "mail", "csv", "queued")]);
        check(&[law], "mail", &[("", "mail", "csv", "no-contact")]);
    }

    #[test]
    fn who_has_no_key_where_one_is_needed_is_passed_over_as_long_as_somebody_has_one() {
        let of = |purpose: &str, mail: &str| Contact { purpose: purpose.into(), ..contact(mail, "", "") };
        let (abuse, noc, law) =
            (of("abuse", "a@x.example"), of("technical", "key@x.example"), of("law", "key@x.example"));
        let told = |contacts: &[Contact]| {
            let out = made(contacts, "sealed");
            out.iter().map(|n| (n.recipient.clone(), n.state, n.passed_over.clone())).collect::<Vec<_>>()
        };
        let noc_told =
            "told to key@x.example, next in order, because none for abuse is left; there is no key of a@x.example";
        assert_eq!(told(&[abuse.clone(), noc]), [("key@x.example".into(), "queued", noc_told.into())]);
        let also = of("abuse", "key@x.example");
        let also_told = "there is no key of a@x.example";
        assert_eq!(told(&[abuse.clone(), also]), [("key@x.example".into(), "queued", also_told.into())]);
        // Where nobody has one it stays as it is: it fails, and says which key is to be imported.
        assert_eq!(told(&[abuse.clone(), law]), [("a@x.example".into(), "queued", String::new())]);
        // A way of its own may need none.
        let by_file = Contact { via: "outbox".into(), ..abuse };
        assert_eq!(told(&[by_file]), [("a@x.example".into(), "queued", String::new())]);
    }

    #[test]
    fn of_several_languages_the_first_with_templates_is_used() {
        let check = |languages: &str, want: &str| {
            let contact = Contact { language: languages.into(), ..contact("a@x.example", "", "") };
            let out = made(&[contact], "mail");
            assert_eq!(&*out[0].language, want, "{languages}");
        };
        check("", "");
        check("fi", "fi");
        check("de, fr, fi", "fr");
        check("de, sv", "de");
    }

    #[test]
    fn the_schedule_of_a_contact_holds_in_its_zone() {
        let mut contact = contact("a@x.example", "", "");
        (contact.schedule, contact.time_zone) = ("at 06:00".into(), "Europe/Helsinki".into());
        let now = Time::parse("2026-11-22T10:00:00Z", None).unwrap();
        let due = |contact: &Contact| due(contact, &TimeZone::UTC, None, now).to_string();
        assert_eq!(due(&contact), "2026-11-23T04:00:00Z");
        contact.schedule = "nonsense".into();
        assert_eq!(due(&contact), now.to_string());
    }

    #[test]
    fn the_schedule_of_a_notice_holds_in_the_zone_of_a_contact() {
        let time = |text: &str| Time::parse(text, None).unwrap();
        let due_after = |late: i64, when: &str, schedule: &str, zone: &str| {
            let (when, due_at) = (When::parse(when).unwrap(), time("2026-11-22T06:00:00Z"));
            let clock = Some(Struck { when: &when, due: due_at, is_ahead: false });
            let wish = Contact { schedule: schedule.into(), time_zone: zone.into(), ..Contact::default() };
            due(&wish, &TimeZone::UTC, clock, due_at.plus_seconds(late))
        };
        let check = |when: &str, schedule: &str, zone: &str, want: &str| {
            assert_eq!(due_after(2, when, schedule, zone), time(want), "{when:?} {schedule} {zone}");
        };
        let now = "2026-11-22T06:00:02Z";
        check("at 06:00", "", "", now);
        check("at 06:00", "", "Africa/Abidjan", now);
        check("at 06:00", "", "America/New_York", "2026-11-22T11:00:00Z");
        check("at 06:00", "", "Europe/Helsinki", "2026-11-23T04:00:00Z");
        // The very same moment is not a day later.
        check("at 06:00", "at 06:00", "", now);
        check("at 06:00", "at 05:00", "", "2026-11-23T05:00:00Z");
        check("at 06:00", "at once", "America/New_York", now);
        // An interval is the same everywhere.
        check("every 6h", "", "Asia/Kolkata", now);
        // Nobody is told in the night because nothing worked when the hour came.
        assert_eq!(due_after(20 * 3_600, "at 06:00", "at 08:00", ""), time("2026-11-23T08:00:00Z"));
    }
}
