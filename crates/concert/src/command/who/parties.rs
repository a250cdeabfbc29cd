//! Constituents and teams that answer for a value, with the contacts that are really asked first.

use concert_model::{Contact, Party};
use concert_pipeline::enrich::Constituents;
use concert_pipeline::enrich::constituents::{Found, Subject};
use serde_json::{Value, json};

use super::super::contact::{last_alive, text_or_null};
use super::{Answer, Book, NOT_FOR_EVENTS, Row, nobody};
use crate::addressees::{LAW, NO_TEAM, next_in_order, nobody_left, reachable, team_for, teams_for};
use crate::settings::Whom;

/// Adds the contacts of constituents. Where nobody can be told of the one that decides, a team of its sector stands in.
pub(super) fn constituents(value: &str, found: &[Found<'_>], book: &Book<'_>, answer: &mut Answer) {
    for one in found {
        let Some(party) = book.constituents.party(one.party) else { continue };
        let reason = reason(value, book.constituents, found, one, answer.decides.as_deref());
        let told = book.told(party);
        if answer.decides.is_none() && told.is_empty() {
            stand_in(value, party, one, book, answer);
        }
        contacts(value, party, &told, (&one.by.to_string(), &reason), book, answer);
        answer.decides.get_or_insert_with(|| format!("{} of `{}` decides", one.by, party.name));
    }
    if let Some(party) = found.first().and_then(|one| book.constituents.party(one.party)) {
        next_team(value, party, book, answer);
    }
}

/// Adds the team of its sector to which notices for a constituent go once nobody of it is left.
fn next_team(value: &str, party: &Party, book: &Book<'_>, answer: &mut Answer) {
    let Some((team, sector)) = next_of_sector(party, book) else { return };
    let reason = format!("next in order, but stands in only where nobody of `{}` is left", party.name);
    for contact in book.told(team) {
        answer.rows.push(row(value, team, contact, &format!("sector {sector}"), &reason, book));
    }
}

/// The team that whoever asks sees and that stands in once nobody is left of a party of which somebody is.
fn next_of_sector<'b>(party: &Party, book: &Book<'b>) -> Option<(&'b Party, &'b str)> {
    if !book.is_asked(Whom::Teams) || reachable(party, book.purpose(), book.barred).is_empty() {
        return None;
    }
    let next = team_for(book.all_teams.parties(), party, book.purpose(), book.barred)?;
    book.teams.named(&next.0.name).map(|_| next)
}

/// Adds the teams of last resort: those of the country, which a name may tell too, and for any country.
pub(super) fn teams(value: &str, book: &Book<'_>, answer: &mut Answer) {
    let found = book.teams.who_at_last(value, book.lookup);
    for one in &found {
        let Some(team) = book.teams.party(one.party) else { continue };
        // One that stands in for a constituent stands there already.
        if answer.rows.iter().any(|row| row.cells[1] == json!(team.name)) {
            continue;
        }
        let mut reason = reason(value, book.teams, &found, one, answer.decides.as_deref());
        let told = book.told(team);
        if !book.is_asked(Whom::Teams) {
            reason.push_str(NOT_FOR_EVENTS);
            contacts(value, team, &told, (&one.by.to_string(), &reason), book, answer);
            continue;
        }
        if answer.decides.is_none() && told.is_empty() {
            let said = book.barred.said(team.contacts.iter().map(|contact| &contact.mail));
            answer.waiting = Some(match answer.waiting.take() {
                // What waits for somebody of a network waits for nobody of a team, and says that it was tried.
                Some((party, why)) => (party, format!("{why}, nor of the team `{}` ({}{said})", team.name, one.by)),
                None => (team.name.clone(), format!("{NO_TEAM}`{}` ({}{said})", team.name, one.by)),
            });
            let others = answer.rows.len();
            contacts(value, team, &told, (&one.by.to_string(), &reason), book, answer);
            // Whoever is told in its place stands before it.
            answer.late.extend(answer.rows.drain(others..));
            if is_this_site(team, book) {
                break;
            }
            continue;
        }
        if let (None, Some((_, why))) = (&answer.decides, &answer.waiting) {
            reason = format!("{}, because {why}", one.by);
        }
        contacts(value, team, &told, (&one.by.to_string(), &reason), book, answer);
        answer.decides.get_or_insert_with(|| format!("{} of the team `{}` decides", one.by, team.name));
    }
}

/// What is said of sector teams that do not stand in.
pub(super) fn sector_teams(value: &str, book: &Book<'_>) -> Vec<String> {
    let who = book.constituents.who(value, book.lookup);
    let Some(party) = who.found.first().and_then(|found| book.constituents.party(found.party)) else {
        return Vec::new();
    };
    let is_needed = reachable(party, book.purpose(), book.barred).is_empty();
    let stands_in = stands_in(value, party, book).map(|(team, _)| &team.name);
    let is_seen = |name: &str| book.teams.named(name).is_some();
    let next = next_of_sector(party, book).map(|(team, _)| &team.name);
    let why = |team: &Party| match stands_in {
        _ if !book.is_asked(Whom::Teams) => Some("it stands in for nobody here (`responsible` of [lookup])".to_owned()),
        _ if !is_needed && next == Some(&team.name) => None,
        _ if !is_needed => Some(format!("it stands in only where nobody of `{}` is left", party.name)),
        Some(name) if *name == team.name => None,
        _ if reachable(team, book.purpose(), book.barred).is_empty() => {
            Some(nobody_left(team, book.purpose(), book.barred))
        }
        Some(name) if is_seen(name) => Some(format!("`{name}` stands in, which is listed first")),
        Some(_) => Some("another stands in, which is listed first".to_owned()),
        None => None,
    };
    teams_for(book.teams.parties(), party)
        .filter_map(|(team, sector)| {
            Some(format!("passed over the team `{}` of the sector {sector}: {}", team.name, why(team)?))
        })
        .collect()
}

/// Why a party stands there: its own rule, or what decides before it.
fn reason(value: &str, parties: &Constituents, found: &[Found<'_>], one: &Found<'_>, decides: Option<&str>) -> String {
    match (decides, found.first()) {
        (None, _) => Subject::read(value).map_or_else(String::new, |subject| one.by.rule(&subject).to_owned()),
        // Of the same part of the contact book.
        (Some(_), Some(first)) if first != one => parties.instead(one.by, *first),
        (Some(decides), _) => format!("{}, but {decides}", one.by),
    }
}

/// The team that is told in place of a constituent of which nobody can be, also one that is not seen: that of its sector,
/// else that of the country.
fn stands_in<'b>(value: &str, party: &Party, book: &Book<'b>) -> Option<(&'b Party, String)> {
    if !book.is_asked(Whom::Teams) {
        return None;
    }
    if let Some((team, sector)) = team_for(book.all_teams.parties(), party, book.purpose(), book.barred) {
        return Some((team, format!("sector {sector}")));
    }
    let found = book.all_teams.who_at_last(value, book.lookup);
    for one in &found {
        let Some(team) = book.all_teams.party(one.party) else { continue };
        if !reachable(team, book.purpose(), book.barred).is_empty() {
            return Some((team, one.by.to_string()));
        }
        if is_this_site(team, book) {
            return None;
        }
    }
    None
}

/// Whether a team is this site itself. What is its own to tell stays here: nobody stands behind it.
fn is_this_site(team: &Party, book: &Book<'_>) -> bool {
    book.barred.are_own(team.contacts.iter().map(|contact| &contact.mail))
}

/// The team that notices go to in place of a constituent, that somebody gets them who is not seen, or that they wait.
fn stand_in(value: &str, party: &Party, found: &Found<'_>, book: &Book<'_>, answer: &mut Answer) {
    let why = nobody_left(party, book.purpose(), book.barred);
    let Some((team, by)) = stands_in(value, party, book) else {
        let reason = format!("{why}, so its notices wait");
        return answer.rows.push(nobody(value, Some(&party.name), Some(&found.by.to_string()), &reason));
    };
    if book.teams.named(&team.name).is_none() {
        let reason = format!("{why}, so somebody else gets its notices");
        return answer.rows.push(nobody(value, Some(&party.name), Some(&found.by.to_string()), &reason));
    }
    let reason = format!("stands in for `{}` ({}), because {why}", party.name, found.by);
    for contact in book.told(team) {
        answer.rows.push(row(value, team, contact, &by, &reason, book));
    }
}

/// Adds the contacts of a party: those that are told, then the others, those that nothing is sent to last.
fn contacts(
    value: &str,
    party: &Party,
    told: &[&Contact],
    (specific, reason): (&str, &str),
    book: &Book<'_>,
    answer: &mut Answer,
) {
    let mut others: Vec<&Contact> = match book.purpose {
        Some(purpose) => party.contacts_for(purpose),
        // Whoever is asked first about abuse stands first.
        None => {
            let mut all: Vec<&Contact> = party.contacts.iter().collect();
            all.sort_by_key(|contact| contact.rank());
            all
        }
    };
    others.retain(|one| !told.iter().any(|told| std::ptr::eq(*told, *one)));
    for contact in told {
        let next = match next_in_order(party, book.purpose(), contact) {
            next if next.is_empty() => String::new(),
            next => format!("; {next}"),
        };
        let fails = (book.no_key)(contact).map(|why| format!("; {why}, so its notices fail")).unwrap_or_default();
        answer.rows.push(row(value, party, contact, specific, &format!("{reason}{next}{fails}"), book));
    }
    // Those for the law get no notices anyway.
    let why_not = |contact: &Contact| {
        let is_asked = !contact.purpose.eq_ignore_ascii_case(LAW);
        book.blocked(&contact.mail).or_else(|| (book.no_key)(contact).filter(|_| is_asked))
    };
    let (blocked, free): (Vec<&Contact>, Vec<&Contact>) =
        others.into_iter().partition(|contact| why_not(contact).is_some());
    answer.rows.extend(free.iter().map(|contact| row(value, party, contact, specific, reason, book)));
    for contact in blocked {
        let why = why_not(contact).unwrap_or_default();
        answer.rows.push(Row::passed_over(cells(value, party, contact, specific, book), &why));
    }
}

fn row(value: &str, party: &Party, one: &Contact, specific: &str, reason: &str, book: &Book<'_>) -> Row {
    Row::told(cells(value, party, one, specific, book), reason)
}

/// All of a row but the reason.
fn cells(value: &str, party: &Party, one: &Contact, specific: &str, book: &Book<'_>) -> [Value; 8] {
    [
        json!(value),
        json!(party.name),
        text_or_null(&one.mail),
        json!(one.purpose),
        text_or_null(&one.language),
        json!(one.origin),
        json!(specific),
        json!(last_alive(one, book.health).map(|time| time.to_string())),
    ]
}
