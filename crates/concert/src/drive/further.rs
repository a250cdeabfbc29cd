//! Who is told where no address of a party that registries name is left: the party of the next larger network, then
//! that of the AS, then the team of the country; and where none of that is left, the next team.
//! For a constituent of which nobody is left, nor of the teams of its sector, teams by country alone are asked: the notice
//! stays that of the constituent, and the team stands in.
//!
//! The events of a notice may lie in several networks, so each goes its own way, and the notice becomes as many as
//! there are ways. What nobody is left for stays as it was. Constituents are never passed over for those
//! whom registries name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use concert_model::{Event, Field, Party, Problem};
use concert_pipeline::enrich::book;
use concert_pipeline::enrich::constituents::address;
use concert_pipeline::registry::Step;
use concert_store::Members;
use concert_store::records::NewNotice;

use super::responsible::{Means, NO_CONTACT, Struck, TEAM_TOO, for_party};
use crate::addressees::{self, Addressees, Left, NO_TEAM, NOBODY, TOLD_TEAM, origin, party_of};
use crate::barred::Barred;
use crate::registry::Opened;
use crate::wire::Site;

/// Steps that the reason of a waiting notice names.
const TRIED_MAX: usize = 10;
/// What stands before them.
const TRIED_TOO: &str = "; tried in vain too: ";

/// Who is next for some events, nobody where nobody is left; and who was passed over for them.
struct Next<'b> {
    party: Option<Cow<'b, Party>>,
    why: String,
    /// The same for whoever does not see all parties, where a team stands in for a constituent.
    reason: String,
    /// What was asked, where nobody is left, in words that name no party.
    tried: Vec<String>,
}

/// What is said in the reason of a notice that waits, behind its own party.
pub(super) fn tried_too(tried: &[String]) -> String {
    if tried.is_empty() {
        return String::new();
    }
    let more = match tried.len().saturating_sub(TRIED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = tried.iter().take(TRIED_MAX).map(String::as_str).collect::<Vec<_>>();
    format!("{TRIED_TOO}{}{more}", named.join(", "))
}

/// Passes on the notices that wait for a contact of a party which registries name. Their events must be stored; `clock`
/// had them made.
pub(super) async fn hand_on(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    notices: Vec<NewNotice>,
    clock: Option<Struck<'_>>,
) -> Result<Vec<NewNotice>, Problem> {
    let registry = book.registry.as_ref();
    let means = Means::of(site, clock);
    let mut out = Vec::with_capacity(notices.len());
    for notice in notices {
        let may_go_on = notice.state == NO_CONTACT && book.may_go_on(&notice.party);
        let ways = if may_go_on { ways(site, book, registry, barred, &notice).await? } else { Vec::new() };
        // Nobody is left for any of them.
        if ways.iter().all(|(next, _)| next.party.is_none()) {
            let passed_over = waits(&notice, ways.iter().map(|(next, _)| next.why.as_str()));
            let reason = reason(&notice, ways.iter().map(|(next, _)| &next.tried));
            out.push(NewNotice { passed_over, reason, ..notice });
            continue;
        }
        for (next, members) in ways {
            let Some(party) = next.party else {
                let passed_over = waits(&notice, std::iter::once(next.why.as_str()));
                let reason = reason(&notice, std::iter::once(&next.tried));
                out.push(NewNotice { members, passed_over, reason, ..notice.clone() });
                continue;
            };
            let why = next.why;
            // The reason is shown to whoever sees the notice, and may not see who was passed over.
            let (name, reason) = match book.constituents.named(&notice.party) {
                Some(own) => (own.name.clone(), next.reason),
                None => (party.name.clone(), String::new()),
            };
            let made = NewNotice { party: name, state: "queued", reason, passed_over: why, members, ..notice.clone() };
            for_party(&party, barred, &means, made, &mut out);
        }
    }
    Ok(out)
}

/// The reason of a notice that waits with all that was tried for its events.
fn reason<'n>(notice: &NewNotice, all: impl Iterator<Item = &'n Vec<String>>) -> String {
    // Of a constituent it says already which teams of its sector were.
    let (own, before) = notice.reason.split_once(TRIED_TOO).unwrap_or((&notice.reason, ""));
    let mut tried: Vec<String> = before.split(", ").filter(|step| !step.is_empty()).map(str::to_owned).collect();
    for step in all.flatten() {
        if !tried.contains(step) {
            tried.push(step.clone());
        }
    }
    format!("{own}{}", tried_too(&tried))
}

/// What is said of a notice that waits for a contact: every step that was tried.
fn waits<'w>(notice: &NewNotice, whys: impl Iterator<Item = &'w str>) -> String {
    let tried: Vec<&str> = whys.filter(|why| why.starts_with(NOBODY)).collect();
    // Where registries name nobody any more, what was said before holds.
    if tried.is_empty() { notice.passed_over.clone() } else { tried.join("; ") }
}

/// Who is next for which of a notice's events.
async fn ways<'b>(
    site: &Site,
    book: &'b Addressees,
    registry: Option<&Opened>,
    barred: &Barred,
    notice: &NewNotice,
) -> Result<Vec<(Next<'b>, Members)>, Problem> {
    let loaded = site.store.load(&[&notice.members]).await?;
    let mut ways: Vec<(Next<'b>, Members)> = Vec::new();
    // Most events of a notice share a few addresses.
    let mut known: HashMap<(Option<IpAddr>, Option<i64>, String), usize> = HashMap::new();
    for stored in loaded.of(&notice.members) {
        let (event, mut name) = (stored.event, String::new());
        for field in [Field::SOURCE_GEOLOCATION_CC, Field::SOURCE_FQDN, Field::SOURCE_URL] {
            name.push_str(&event.text(field).unwrap_or_default());
            name.push(' ');
        }
        let place = (address(&event), event.int(Field::SOURCE_ASN), name);
        let way = match known.get(&place) {
            Some(way) => *way,
            None => {
                let next = next(book, registry, barred, notice, &event)?;
                let same = |way: &(Next<'_>, Members)| way.0.why == next.why;
                let at = ways.iter().position(same).unwrap_or(ways.len());
                if at == ways.len() {
                    ways.push((next, Members::default()));
                }
                known.insert(place, at);
                at
            }
        };
        if let Some((_, members)) = ways.get_mut(way) {
            members.add(stored.batch, stored.row);
        }
    }
    Ok(ways)
}

fn next<'b>(
    book: &'b Addressees,
    registry: Option<&Opened>,
    barred: &Barred,
    notice: &NewNotice,
    event: &Event<'_>,
) -> Result<Next<'b>, Problem> {
    let is_free = |mail: &str| barred.is_free(mail);
    let span = address(event).map(|address| (address, address));
    let asn = event.int(Field::SOURCE_ASN).and_then(|asn| u32::try_from(asn).ok());
    let asn = asn.filter(|_| !book::is_nobodys(event));
    let is_own = book.constituents.named(&notice.party).is_some();
    let left = match registry.filter(|_| !is_own) {
        Some(registry) => addressees::left(registry, span, asn, &is_free)
            .map_err(|why| Problem::new(format!("the data of registries cannot be used: {why}")))?,
        None => Left { found: None, passed: Vec::new() },
    };
    let because = match left.passed.is_empty() {
        // What was said of the teams of its sector too.
        true if is_own && notice.passed_over.starts_with(NOBODY) => notice.passed_over.clone(),
        true => notice.reason.clone(),
        false => {
            let passed: Vec<String> = left.passed.iter().map(|step| passed(step, barred)).collect();
            format!("{NOBODY}{}", passed.join(", nor of "))
        }
    };
    if let Some(step) = left.found {
        let why = format!("told to `{}` ({}) because {because}", step.answer.party, origin(&step));
        let party = Some(Cow::Owned(party_of(&step.answer)));
        return Ok(Next { party, why, reason: String::new(), tried: Vec::new() });
    }
    let mut tried: Vec<String> = left.passed.iter().map(origin).collect();
    // A team that was to be told from the beginning has nobody before it.
    let is_for_team = left.passed.is_empty() && book.teams.named(&notice.party).is_some();
    let (mut because, mut is_first) = (because, true);
    for (team, by) in book::all_last_resorts(&book.teams, event) {
        if team.contacts.iter().any(|contact| is_free(&contact.mail)) {
            let told = format!("{TOLD_TEAM}{}` ({by}) because ", team.name);
            let (why, reason) = (format!("{told}{because}"), format!("{told}{}", notice.reason));
            return Ok(Next { party: Some(Cow::Borrowed(team)), why, reason, tried: Vec::new() });
        }
        let said = match team.contacts.is_empty() {
            true => "; it has no contact to tell".to_owned(),
            false => barred.said(team.contacts.iter().map(|contact| &contact.mail)),
        };
        let begins = if is_first && is_for_team { NO_TEAM.to_owned() } else { because + TEAM_TOO };
        because = format!("{begins}`{}` ({by}){said}", team.name);
        is_first = false;
        let one = addressees::team_of_last_resort(&by.to_string());
        let is_its = is_for_team && team.name == notice.party;
        if !is_its && !tried.contains(&one) {
            tried.push(one);
        }
        // What is this site's own to tell stays here: nobody stands behind it.
        if barred.are_own(team.contacts.iter().map(|contact| &contact.mail)) {
            break;
        }
    }
    if is_first {
        tried.push("a team of last resort (none is known for it)".to_owned());
    }
    Ok(Next { party: None, why: because, reason: String::new(), tried })
}

/// A network or AS that was passed over, with what became of its addresses.
fn passed(step: &Step, barred: &Barred) -> String {
    let usable: Vec<&String> = step.answer.usable().collect();
    format!("`{}` ({}{})", step.answer.party, origin(step), barred.said(usable.into_iter()))
}
