//! What a bag for a party does not tell it of evidence: names of others of whom it may not know.
//!
//! From whom evidence came and who got it is left out unless the party may know that name. What a person wrote by hand
//! is left out where it names somebody, by the rule that mail goes by. What is left out is said, member by member.

use std::collections::{BTreeSet, HashMap};

use concert_model::incident::content::{Act, Content, Custody};
use concert_model::incident::fold::{Exhibit, Incident};
use serde_json::{Value, json};

use super::super::mail::{Strangers, known, names_host_of_others};
use super::super::report::REPORTER;
use super::super::view::exhibit_json;

/// What is there to be known, and what a party may know of it.
pub(super) struct Receiver<'i> {
    all: &'i Incident,
    party: &'i str,
    /// Others that it may know by name.
    known: BTreeSet<&'i str>,
    strangers: Strangers<'i>,
    /// Texts that were looked at: the same reason stands at many acts.
    asked: HashMap<String, bool>,
}

impl<'i> Receiver<'i> {
    /// A party, by all that is written in an incident and those joined with it; `named` got evidence or brought it.
    pub(super) fn of(all: &'i Incident, party: &'i str, named: &'i BTreeSet<String>) -> Self {
        let takes_part = all.parties.keys().chain(all.speakers.keys()).chain(all.hosts.values());
        let acts = all.evidence.values().flat_map(|exhibit| &exhibit.custody);
        let others = takes_part.chain(acts.map(|(custody, _)| &custody.whom)).chain(named).map(String::as_str);
        // That somebody reported it says nothing of who that was.
        let others = others.filter(|name| *name != REPORTER);
        let strangers = Strangers::of(all, party, others);
        Self { all, party, known: known(all, party), strangers, asked: HashMap::new() }
    }

    fn knows(&self, name: &str) -> bool {
        name.is_empty() || name == REPORTER || name == self.party || self.known.contains(name)
    }

    /// Whether a text names nobody of whom the party may not know.
    pub(super) fn may_read(&mut self, text: &str) -> bool {
        if let Some(known) = self.asked.get(text) {
            return *known;
        }
        let may_read = self.strangers.named_in(text).is_none();
        self.asked.insert(text.to_owned(), may_read);
        may_read
    }

    /// The same of a title, which names no host of another party either: whoever wrote it thought of no reader.
    pub(super) fn may_read_title(&mut self, title: &str) -> bool {
        !names_host_of_others(self.all, self.party, title) && self.may_read(title)
    }

    /// Leaves out of an act what the party may not read. Gives the names of the members.
    fn clean(&mut self, custody: &mut Custody) -> Vec<&'static str> {
        let is_of_others = custody.act == Act::Copied && custody.whom != self.party;
        let speaks_for_others = !self.all.speakers.get(self.party).is_some_and(|own| own.contains(&custody.person))
            && self.all.speakers.values().any(|names| names.contains(&custody.person));
        let may_read = [
            ("person", !speaks_for_others),
            ("whom", !is_of_others && self.knows(&custody.whom)),
            ("place", !is_of_others && self.may_read(&custody.place)),
            ("reason", !is_of_others && self.may_read(&custody.reason)),
        ];
        let members = [&mut custody.person, &mut custody.whom, &mut custody.place, &mut custody.reason];
        let mut left_out = Vec::new();
        for ((name, may_read), text) in may_read.into_iter().zip(members) {
            if !may_read && !std::mem::take(text).is_empty() {
                left_out.push(name);
            }
        }
        left_out
    }

    /// Whether an entry about evidence may be given whole, since its body is signed as it is.
    pub(super) fn may_have(&mut self, content: &Content) -> bool {
        match content {
            Content::Custody(custody) => self.clean(&mut custody.clone()).is_empty(),
            Content::EvidenceAdded(added) => self.may_read(&added.name) && self.may_read(&added.text),
            Content::Opened(opened) => self.may_read_title(&opened.title),
            Content::Titled(titled) => self.may_read_title(&titled.title),
            Content::Release(release) => release.party == self.party && self.may_read(&release.reason),
            _ => true,
        }
    }

    /// Evidence as the party may read it: not which others got the same, nor who else may read it.
    pub(super) fn exhibit_json(&mut self, sha256: &str, exhibit: &Exhibit) -> Value {
        let mut exhibit = exhibit.clone();
        exhibit.released.retain(|one, _| one == self.party);
        if let Some(marking) = &mut exhibit.marking {
            marking.parties.retain(|one| one == self.party);
            marking.persons.clear();
        }
        let mut left_out = Vec::new();
        if let Some(added) = &mut exhibit.added {
            for (name, text) in [("name", &mut added.name), ("text", &mut added.text)] {
                if !self.may_read(text) {
                    text.clear();
                    left_out.push(name);
                }
            }
        }
        let of_acts: Vec<_> = exhibit.custody.iter_mut().map(|(custody, _)| self.clean(custody)).collect();
        let mut item = exhibit_json(sha256, &exhibit);
        let acts = item.get_mut("custody").and_then(Value::as_array_mut).into_iter().flatten();
        for (act, left_out) in acts.zip(of_acts) {
            withheld(act, &left_out);
        }
        withheld(&mut item, &left_out);
        item
    }
}

/// Says what was left out of something.
fn withheld(item: &mut Value, left_out: &[&str]) {
    if let Some(members) = item.as_object_mut().filter(|_| !left_out.is_empty()) {
        members.insert("withheld".into(), json!(left_out));
    }
}
