//! Who is told where no address of a party that registries name is left: the party of the next larger network, then
//! that of the AS, then the team of the country.
//!
//! The events of a notice may lie in several networks, so each goes its own way, and the notice becomes as many as
//! there are ways. What nobody is left for stays as it was. Constituents are never passed over for strangers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use concert_model::address::is_usable;
use concert_model::{Event, Field, Party, Problem};
use concert_pipeline::enrich::book;
use concert_pipeline::enrich::constituents::address;
use concert_pipeline::mail::address::canonical;
use concert_pipeline::registry::Step;
use concert_store::Members;
use concert_store::records::NewNotice;

use super::responsible::{NO_CONTACT, Suspended, for_party};
use crate::addressees::{self, Addressees, origin, party_of};
use crate::registry::Opened;
use crate::wire::Site;

/// Who is next for some events, and who was passed over for them.
struct Next<'b> {
    party: Cow<'b, Party>,
    why: String,
}

/// Passes on the notices that wait for a contact of a party which registries name. Their events must be stored.
pub(super) async fn hand_on(
    site: &Site,
    book: &Addressees,
    suspended: &Suspended,
    notices: Vec<NewNotice>,
) -> Result<Vec<NewNotice>, Problem> {
    let Some(registry) = &book.registry else { return Ok(notices) };
    let kind_of = |via: &str| site.settings.vias.get(via).map(|via| via.kind);
    let zone = &site.settings.site.time_zone;
    let mut out = Vec::with_capacity(notices.len());
    for notice in notices {
        let may_go_on = notice.state == NO_CONTACT && book.may_go_on(&notice.party, &notice.passed_over);
        let ways = if may_go_on { ways(site, book, registry, suspended, &notice).await? } else { Vec::new() };
        // Nobody is left for any of them.
        if ways.iter().all(|(next, _)| next.is_none()) {
            out.push(notice);
            continue;
        }
        for (next, members) in ways {
            let Some(Next { party, why }) = next else {
                out.push(NewNotice { members, ..notice.clone() });
                continue;
            };
            // The reason is shown to whoever sees the notice, and may not see who was passed over.
            let made = NewNotice {
                party: party.name.clone(),
                state: "queued",
                reason: String::new(),
                passed_over: why,
                members,
                ..notice.clone()
            };
            for_party(&party, suspended, &kind_of, zone, made, &mut out);
        }
    }
    Ok(out)
}

/// Who is next for which of a notice's events.
async fn ways<'b>(
    site: &Site,
    book: &'b Addressees,
    registry: &Opened,
    suspended: &Suspended,
    notice: &NewNotice,
) -> Result<Vec<(Option<Next<'b>>, Members)>, Problem> {
    let loaded = site.store.load(&[&notice.members]).await?;
    let mut ways: Vec<(Option<Next<'b>>, Members)> = Vec::new();
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
                let next = next(book, registry, suspended, notice, &event)?;
                let same = |way: &(Option<Next<'_>>, Members)| {
                    way.0.as_ref().map(|next| &next.why) == next.as_ref().map(|next| &next.why)
                };
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
    registry: &Opened,
    suspended: &Suspended,
    notice: &NewNotice,
    event: &Event<'_>,
) -> Result<Option<Next<'b>>, Problem> {
    let is_free = |mail: &str| is_usable(mail) && !suspended.contains_key(&canonical(mail));
    let span = address(event).map(|address| (address, address));
    let asn = event.int(Field::SOURCE_ASN).and_then(|asn| u32::try_from(asn).ok());
    let left = addressees::left(registry, span, asn, &is_free)
        .map_err(|why| Problem::new(format!("the data of registries cannot be used: {why}")))?;
    let because = match left.passed.is_empty() {
        true => notice.reason.clone(),
        false => {
            let passed: Vec<String> = left.passed.iter().map(|step| passed(step, suspended)).collect();
            format!("nobody is left of {}", passed.join(", nor of "))
        }
    };
    if let Some(step) = left.found {
        let why = format!("told to `{}` ({}) because {because}", step.answer.party, origin(&step));
        return Ok(Some(Next { party: Cow::Owned(party_of(&step.answer)), why }));
    }
    let team = book::last_resort(&book.teams, event);
    let team = team.filter(|team| team.contacts.iter().any(|contact| is_free(&contact.mail)));
    Ok(team.map(|team| {
        let why = format!("told to the team `{}` because {because}", team.name);
        Next { party: Cow::Borrowed(team), why }
    }))
}

/// A network or AS that was passed over, with what became of its addresses.
fn passed(step: &Step, suspended: &Suspended) -> String {
    let said = |mail: &String| suspended.get(&canonical(mail)).map(|why| format!("{mail}: {why}"));
    let said: Vec<String> = step.answer.usable().filter_map(said).collect();
    format!("`{}` ({}; suspended are {})", step.answer.party, origin(step), said.join("; "))
}
