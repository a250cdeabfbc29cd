//! Whether something may go to a party: marking, identity of neighbours, released evidence.

use std::collections::BTreeSet;

use concert_model::Problem;
use concert_model::incident::fold::Incident;
use concert_model::incident::mail::Attached;
use concert_model::incident::marking::{Marking, Tlp};
use concert_pipeline::observables::{Kind, observables, one};

use super::super::{Refused, evidence, write::wrong};

/// How a message to a party is marked; the error says why the marking does not admit the party.
pub(super) fn marking_for(party: &str, marking: &Marking) -> Result<Marking, Refused> {
    let refused = |why: String| {
        let hint = "mark the message less strictly (`--tlp`), which takes who may do so, or leave it";
        Err(Refused::Wrong(Problem::new(format!("it does not go to {party}: {why}")).hint(hint)))
    };
    if !marking.compartment.is_empty() {
        return refused(format!("it lies in the compartment {}", marking.compartment));
    }
    match marking.tlp {
        Tlp::Red => return refused("TLP:RED is for the named persons only".into()),
        Tlp::AmberStrict => return refused("TLP:AMBER+STRICT stays within the site".into()),
        Tlp::Amber if !marking.parties.is_empty() && !marking.parties.iter().any(|one| one == party) => {
            return refused(format!("it is for {}", marking.parties.join(", ")));
        }
        Tlp::Amber => {}
        Tlp::Green | Tlp::Clear => return Ok(marking.clone()),
    }
    Ok(Marking { parties: vec![party.to_owned()], ..marking.clone() })
}

/// Hosts next to those of a party that it may not know by name, with the parties they belong to.
fn unnamed<'i>(state: &'i Incident, party: &str) -> (BTreeSet<&'i str>, BTreeSet<&'i str>) {
    let is_own = |host: &str| state.hosts.get(host).is_some_and(|owner| owner == party);
    let may_know = |host: &str| is_own(host) || state.named.contains(&(host.to_owned(), party.to_owned()));
    let ends = state.relations.iter().flat_map(|relation| [relation.from.as_str(), relation.to.as_str()]);
    let hosts: BTreeSet<&str> = ends.filter(|host| !may_know(host)).collect();
    let is_known =
        |owner: &str| owner == party || state.hosts.iter().any(|(host, other)| other == owner && may_know(host));
    let owners = hosts.iter().filter_map(|host| state.hosts.get(*host)).map(String::as_str);
    let owners = owners.filter(|owner| !is_known(owner)).collect();
    (hosts, owners)
}

/// Hosts that a text names: as they stand in it, and those of URLs and mail addresses.
fn hosts_in(text: &str) -> BTreeSet<String> {
    let host_of = |kind, value: &str| match kind {
        Kind::Ip | Kind::Domain => Some(value.to_owned()),
        Kind::Mail => value.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
        _ => None,
    };
    observables(text).iter().filter_map(|one| host_of(one.kind, &one.value)).collect()
}

/// The letters and digits of a text in lower case, and where among them words begin and end: how a name is recognised
/// whatever its case, spaces, hyphens and line breaks.
struct Folded {
    letters: String,
    edges: BTreeSet<usize>,
}

impl Folded {
    fn of(text: &str) -> Self {
        let (mut letters, mut edges) = (String::with_capacity(text.len()), BTreeSet::from([0]));
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            letters.extend(word.chars().flat_map(char::to_lowercase));
            edges.insert(letters.len());
        }
        Self { letters, edges }
    }

    /// Whether a name stands in it as words of their own.
    fn names(&self, name: &str) -> bool {
        let name = Self::of(name).letters;
        let begins = |at: &usize| self.letters.get(*at..).is_some_and(|rest| rest.starts_with(&name));
        !name.is_empty() && self.edges.iter().any(|at| self.edges.contains(&(at + name.len())) && begins(at))
    }
}

/// A text for a party names no neighbour whose identity was not released to it.
pub(super) fn names_no_neighbour(state: &Incident, party: &str, text: &str) -> Result<(), Refused> {
    let (hosts, owners) = unnamed(state, party);
    if hosts.is_empty() {
        return Ok(());
    }
    let plain = |name: &str| one(name).map_or_else(|| name.to_lowercase(), |one| one.value);
    let (found, folded) = (hosts_in(text), Folded::of(text));
    let named = hosts.iter().find(|host| found.contains(&plain(host)) || folded.names(host));
    let named = named.or_else(|| owners.iter().find(|owner| folded.names(owner)));
    match named {
        None => Ok(()),
        Some(name) => Err(Refused::Wrong(
            Problem::new(format!(
                "it names {name}, of whom {party} may not know: who a neighbour is was not released to it"
            ))
            .hint(
                "release it with `concert incident write N neighbour host=... party=... reason=...`, or leave it out",
            ),
        )),
    }
}

/// Evidence that may go to a party, by the first digits of each.
pub(super) fn released(state: &Incident, party: &str, digits: &[String]) -> Result<Vec<Attached>, Refused> {
    let mut found: Vec<Attached> = Vec::new();
    for digits in digits {
        let (sha256, exhibit) = match evidence::only(state, digits) {
            Err(Refused::Missing) => return Err(wrong(format!("there is no evidence {digits}"))),
            other => other?,
        };
        let Some(added) = exhibit.added.as_ref().filter(|_| !exhibit.is_destroyed()) else {
            return Err(wrong(format!("{digits} was destroyed")));
        };
        if !exhibit.goes_to().any(|one| one == party) {
            let problem = Problem::new(format!("{} was not released to {party}", added.name));
            let hint = "it takes two persons: `concert evidence release`";
            return Err(Refused::Wrong(problem.hint(hint)));
        }
        let one = Attached { name: added.name.clone(), sha256: sha256.to_owned(), bytes: added.bytes };
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognised_however_it_is_written() {
        let text = |text: &str| Folded::of(text);
        for written in
            ["Example Soft", "example soft", "Example\nSoft", "EXAMPLE-SOFT", "(Example  Soft)", "ExampleSoft's"]
        {
            assert!(text(&format!("Ask {written}, please")).names("Example Soft"), "{written}");
        }
        for other in ["Example Software", "An example of soft", "Examples soft", "Counterexample soft", ""] {
            assert!(!text(other).names("Example Soft"), "{other}");
        }
        assert!(text("Fragen Sie die ÄMTER").names("ämter"));
        assert!(!text("anything").names("---"), "a name without letters is in no text");
    }
}
