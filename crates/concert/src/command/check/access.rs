//! Settings about who may see what, that are allowed but mean nothing or less than they seem to.

use std::collections::BTreeSet;

use concert_model::incident::Tlp;
use concert_model::party::is_same_name;
use concert_model::problem::meant;
use concert_model::{Field, Problem};
use concert_store::Store;
use concert_store::records::Parties;

use super::Finding;
use crate::settings::{Named, Settings};

/// Rules whose incidents are marked less strictly than the events that they catch.
pub(super) fn weak_rules(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in settings.judge.rules() {
        let Some(opening) = rule.opening() else { continue };
        for feed in &settings.feeds {
            let constants = &feed.fixed.constants;
            let label = constants.iter().find(|(field, _)| *field == Field::TLP);
            let label: Option<Tlp> = label.and_then(|(_, value)| value.as_text()?.parse().ok());
            let Some(label) = label.filter(|label| *label > opening.marking.tlp) else { continue };
            if !rule.condition().can_hold(constants) {
                continue;
            }
            let what = format!(
                "incidents of rule `{}` are TLP:{}, and events of feed `{}` are TLP:{label}: where these open one, its title has `...` in place of values, and the rest is marked like them",
                rule.name(),
                opening.marking.tlp,
                feed.name,
            );
            let hint = match label {
                Tlp::Red => {
                    "marking = \"red\" with `persons`, or leave the feed out: if = 'feed.code != \"...\" && ...'"
                        .to_owned()
                }
                label => format!("marking = \"{label}\", or leave the feed out: if = 'feed.code != \"...\" && ...'"),
            };
            findings.push(Finding::of("warning", Problem::new(what).at(&opening.marking_place).hint(hint)));
        }
    }
    findings
}

/// Names in `[[forbid]]` and of incidents that rules open that nobody has, as far as there is a site already.
pub(super) async fn unknown_names(settings: &Settings) -> Result<Vec<Finding>, Problem> {
    let data = settings.data_dir();
    let openings = settings.judge.rules().iter().filter_map(|rule| Some((rule.name(), rule.opening()?)));
    let audience = openings.flat_map(|(rule, opening)| {
        let persons = opening.marking.persons.iter().map(|name| ("persons", name));
        let named = persons.chain(opening.marking.parties.iter().map(|name| ("parties", name)));
        named.map(move |(key, name)| (rule, &opening.marking_place, key, name))
    });
    let audience: Vec<_> = audience.collect();
    if settings.forbidden_names.is_empty() && audience.is_empty() || !data.join("records.sqlite").is_file() {
        return Ok(Vec::new());
    }
    let records = Store::open(&data).await?.records;
    let users: BTreeSet<String> = records.users().await?.into_iter().map(|user| user.name).collect();
    let mut parties = BTreeSet::new();
    for which in Parties::ALL {
        for party in records.parties(which).await? {
            parties.insert(party.name);
            parties.extend(party.sectors);
        }
    }
    let unknown = |named: &Named| {
        let (known, what, later) = match named.key {
            "persons" => (&users, "user", "it holds as soon as there is one: `concert user list`"),
            _ => (&parties, "party and no sector of the contact book", "it holds where a party is called so"),
        };
        if known.iter().any(|name| *name == named.name || named.key == "of" && is_same_name(name, &named.name)) {
            return None;
        }
        let problem = Problem::new(format!("[[forbid]]: `{}` is no {what}", named.name)).at(&named.place);
        let hint = meant(&named.name, known.iter().map(String::as_str), later);
        Some(Finding::of("warning", problem.hint(hint)))
    };
    let mut findings: Vec<Finding> = settings.forbidden_names.iter().filter_map(unknown).collect();
    for (rule, place, key, name) in audience {
        let (known, what) = match key {
            "persons" => (&users, "user"),
            _ => (&parties, "party of the contact book"),
        };
        if !known.iter().any(|one| one == name || key == "parties" && is_same_name(one, name)) {
            let problem = Problem::new(format!("`{key}` of open_incident of rule `{rule}`: `{name}` is no {what}"));
            let later = "it is for them as soon as there is one called so";
            let hint = meant(name, known.iter().map(String::as_str), later);
            findings.push(Finding::of("warning", problem.at(place).hint(hint)));
        }
    }
    Ok(findings)
}
