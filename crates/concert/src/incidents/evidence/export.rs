//! Evidence of an incident as a bag, for whoever may have it, with that of incidents that were merged into it.
//!
//! That it was copied is in its custody before the bag is made, and so in the bag too. A bag for a party
//! holds what was released to it, and of the journal what the party may read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use concert_model::access::{Action, Circle, Decision, Object, Person, forbidden, may};
use concert_model::incident::content::Act;
use concert_model::incident::content::Content;
use concert_model::incident::draft::DRAFTS_MAX;
use concert_model::incident::fold::Incident;
use concert_model::incident::journal::from_hex;
use concert_model::incident::marking::Tlp;
use concert_store::evidence::Lock;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::super::case::Case;
use super::super::together::{SHOWN_MAX, Source};
use super::super::view::exhibit_json;
use super::super::write::{Right, wrong};
use super::super::{Ask, Incidents, Refused, effort};
use super::bag::{Bag, Exported};
use super::withheld::Receiver;
use super::{Handling, aside, custody, failed, held, marking_of, name};

/// An incident of a bag, with its evidence that goes into it.
struct Part {
    id: String,
    wanted: Vec<String>,
}

/// What goes into a bag besides the bytes.
#[derive(Default)]
struct Contents {
    /// The file of each piece of evidence, by its hash, and how many bytes all have.
    files: BTreeMap<String, String>,
    bytes: u64,
    custody: String,
    journal: String,
    info: Vec<(&'static str, String)>,
}

/// A piece of evidence on its way into a bag.
struct Item {
    sha256: [u8; 32],
    file: String,
}

impl Incidents {
    /// Exports evidence into a new folder: all that the person sees, or what was released to a party.
    pub async fn export_evidence(
        &self,
        ask: Ask<'_>,
        incident: &str,
        (dir, party): (&Path, Option<&str>),
        reason: &str,
        bar: ProgressBar,
    ) -> Result<Exported, Refused> {
        let party = match party {
            Some(party) => Some(self.party_named(ask.person, incident, party).await?),
            None => None,
        };
        let parts = self.wanted(ask.person, incident, party.as_deref()).await?;
        let place = dir.to_owned();
        let bag = aside(move || Bag::begin(&place)).await?;
        let bag = bag.map_err(|error| wrong(format!("{}: {error}", dir.display())))?;
        let part = bag.part().map(Path::to_owned);
        // Nobody destroys what is being copied.
        let lock = self.lock_copies().await?;
        let party = party.as_deref();
        let made = match self.note_copies(ask, &parts, (party, reason)).await {
            Ok(()) => self.fill(ask, &parts, (bag, party), bar).await,
            Err(refused) => Err(refused),
        };
        drop(lock);
        if let (true, Some(part)) = (made.is_err(), part) {
            aside(move || Bag::abandon(&part)).await?;
        }
        made
    }

    /// Sends evidence as a bag in an archive: all that the person sees, or what was released to a party. That it is
    /// copied is written before this returns; the archive is made while it is read, and what goes wrong meanwhile is
    /// told to `broken`. Gives the name of the folder in the archive.
    pub async fn send_evidence(
        self: Arc<Self>,
        ask: Ask<'_>,
        incident: &str,
        (party, reason): (Option<&str>, &str),
        to: Box<dyn Write + Send>,
        broken: impl FnOnce(Refused) + Send + 'static,
    ) -> Result<String, Refused> {
        let party = match party {
            Some(party) => Some(self.party_named(ask.person, incident, party).await?),
            None => None,
        };
        let parts = self.wanted(ask.person, incident, party.as_deref()).await?;
        let lock = self.lock_copies().await?;
        self.note_copies(ask, &parts, (party.as_deref(), reason)).await?;
        let name = format!("bag-{}", parts.first().map(|part| part.id.as_str()).unwrap_or_default());
        let made = u64::try_from(ask.now.seconds()).unwrap_or(0);
        let bag = Bag::send(name.clone(), made, to);
        let (person, now) = (ask.person.clone(), ask.now);
        tokio::spawn(async move {
            let ask = Ask::new(&person, now);
            let sent = self.fill(ask, &parts, (bag, party.as_deref()), ProgressBar::hidden()).await;
            drop(lock);
            if let Err(refused) = sent {
                broken(refused);
            }
        });
        Ok(name)
    }

    async fn lock_copies(&self) -> Result<Lock, Refused> {
        let store = self.store.evidence.clone();
        aside(move || store.lock()).await?.map_err(|error| failed("evidence cannot be locked", &error))
    }

    /// The incident and those that were merged into it, as far as the person sees them, each with its evidence that is to go
    /// into a bag. The incident itself comes first.
    async fn wanted(&self, person: &Person, incident: &str, party: Option<&str>) -> Result<Vec<Part>, Refused> {
        let (case, circle) = self.find(person, incident).await?;
        if party.is_some() {
            Self::may_release(person, &circle)?;
        }
        let part = |case: &Case, circle: &Circle| {
            let state = case.state_for(circle, person);
            let wanted = chosen(&state, party);
            // What the site forbids to be released goes by how the evidence itself is marked. A bag without it would say
            // that nothing else was released.
            let mut all = wanted.iter().filter(|_| party.is_some());
            match all.find_map(|sha256| forbids_release(person, circle, &state, sha256)) {
                Some(decision) => Err(Refused::Denied(decision)),
                None => Ok(Part { id: case.id.clone(), wanted }),
            }
        };
        let (mut parts, mut merged) = (vec![part(&case, &circle)?], Vec::new());
        let sources = self.sources(person, &case).await?;
        for source in sources.iter().filter(|source| source.only.is_none()) {
            let goes = party.is_none_or(|party| {
                Self::may_release(person, &source.circle).is_ok()
                    && self.sees_way((&case, &circle), &sources, &source.case.id, party)
            });
            if goes {
                let part = part(&source.case, &source.circle)?;
                if party.is_none() || !part.wanted.is_empty() {
                    merged.push((source.case.head.number.clone(), part));
                }
            }
        }
        merged.sort_by(|one, other| one.0.cmp(&other.0));
        parts.extend(merged.into_iter().map(|(_, part)| part));
        match (party, parts.iter().all(|part| part.wanted.is_empty())) {
            (Some(party), true) => Err(wrong(format!("nothing was released to {party}, or it was destroyed"))),
            _ => Ok(parts),
        }
    }

    /// Whether a party sees an incident, and each into which that was merged up to the one that is exported: no party learns
    /// from a bag that two belong together unless it sees both.
    fn sees_way(&self, (case, circle): (&Case, &Circle), sources: &[Source], from: &str, party: &str) -> bool {
        let of = |id: &str| sources.iter().find(|source| source.only.is_none() && source.case.id == id);
        let mut at = from.to_owned();
        for _ in 0..SHOWN_MAX {
            if at == case.id {
                return self.receiving((case, circle), party).2;
            }
            let Some(source) = of(&at).filter(|one| self.receiving((&one.case, &one.circle), party).2) else {
                return false;
            };
            let Some(next) = source.case.head.merged_into() else { return false };
            at = next.to_owned();
        }
        false
    }

    async fn note_copies(
        &self,
        ask: Ask<'_>,
        parts: &[Part],
        (party, reason): (Option<&str>, &str),
    ) -> Result<(), Refused> {
        let handling = Handling {
            act: Act::Copied,
            whom: party.unwrap_or_default().to_owned(),
            place: String::new(),
            reason: if reason.is_empty() { "exported as a bag".into() } else { reason.to_owned() },
        };
        let mut all: Vec<(&str, &[String])> = Vec::new();
        for part in parts {
            all.extend(part.wanted.chunks(DRAFTS_MAX).map(|some| (part.id.as_str(), some)));
        }
        for (at, (id, some)) in all.into_iter().enumerate() {
            self.write_made(effort::once(ask, at), id, Right::OfReader, |case, circle| {
                let state = case.state_for(circle, ask.person);
                let draft = |sha256: &String| {
                    let (sha256, exhibit, _) = held(&state, sha256)?;
                    Ok(custody(ask, sha256, handling.clone(), marking_of(exhibit)))
                };
                some.iter().map(draft).collect::<Result<Vec<_>, Refused>>()
            })
            .await?;
        }
        Ok(())
    }

    /// What goes into a bag besides the bytes.
    async fn contents(&self, ask: Ask<'_>, parts: &[Part], party: Option<&str>) -> Result<Contents, Refused> {
        let mut cases = Vec::new();
        for part in parts {
            let (case, circle) = self.find(ask.person, &part.id).await?;
            let state = case.state_for(&circle, ask.person);
            cases.push((case, circle, state, &part.wanted));
        }
        let Some((case, circle, main, _)) = cases.first() else { return Err(Refused::Missing) };
        // Of what the exporter does not see the party reads nothing either.
        let all = Box::pin(self.bound(&Person::operator(""), (case, circle))).await?.state;
        let acts = cases.iter().flat_map(|(case, ..)| case.whole().evidence).flat_map(|(_, exhibit)| exhibit.custody);
        let named: BTreeSet<String> = acts.map(|(custody, _)| custody.whom).collect();
        let mut receiver = party.map(|party| Receiver::of(&all, party, &named));
        let mut contents = Contents::default();
        let mut evidence = Vec::new();
        for (case, circle, state, wanted) in &cases {
            contents.name_files(state, wanted, receiver.as_mut());
            evidence.extend(custody_json(state, wanted, &contents.files, receiver.as_mut()));
            let (sees, entries) = match (party, receiver.as_mut()) {
                (Some(party), Some(receiver)) => self.export_for(ask.person, (case, circle), (party, receiver)),
                _ => (true, self.export(ask.person, &case.id).await?.collect()),
            };
            for (header, body) in entries {
                contents.journal.push_str(&format!("{}\n", json!({"header": header, "body": body})));
            }
            contents.info.push(("External-Identifier", state.number.clone()));
            if case.id == main.id {
                let tells = sees && receiver.as_mut().is_none_or(|receiver| receiver.may_read_title(&state.title));
                let title = if tells { state.title.clone() } else { "Evidence".to_owned() };
                contents.info.push(("External-Description", title));
            }
        }
        let custody = json!({"incident": main.id, "number": main.number, "for": party, "made": ask.now.to_string(), "evidence": evidence});
        contents.custody = format!("{custody:#}\n");
        contents.info.extend([
            ("Bagging-Date", ask.now.date_text()),
            ("Bag-Software-Agent", format!("Concert {}", env!("CARGO_PKG_VERSION"))),
            ("Internal-Sender-Identifier", main.id.clone()),
        ]);
        Ok(contents)
    }

    async fn fill(
        &self,
        ask: Ask<'_>,
        parts: &[Part],
        (mut bag, party): (Bag, Option<&str>),
        bar: ProgressBar,
    ) -> Result<Exported, Refused> {
        let Contents { files, bytes, custody, journal, info } = self.contents(ask, parts, party).await?;
        let items = files
            .iter()
            .filter_map(|(sha256, file)| Some(Item { sha256: from_hex(sha256)?, file: format!("evidence/{file}") }));
        let items: Vec<Item> = items.collect();
        let store = self.store.evidence.clone();
        bar.set_length(bytes);
        let filled = aside(move || -> std::io::Result<(Bag, Vec<u8>)> {
            for item in &items {
                let (mut reader, length) = store.open(&item.sha256)?;
                bag.add(&item.file, (length, &mut reader), &|bytes| bar.inc(bytes))?;
            }
            bag.add("custody.json", (custody.len() as u64, &mut custody.as_bytes()), &|_| {})?;
            bag.add("journal.ndjson", (journal.len() as u64, &mut journal.as_bytes()), &|_| {})?;
            bar.finish_and_clear();
            let list = bag.close(&info)?;
            Ok((bag, list))
        });
        let cannot = |error: std::io::Error| failed("the export cannot be written", &error);
        let (bag, list) = filled.await?.map_err(cannot)?;
        let signature = self.key.sign_list(&list).ok_or_else(|| wrong("the list of hashes cannot be signed"))?;
        let site = self.key.site().to_string();
        aside(move || bag.seal(&site, &signature)).await?.map_err(cannot)
    }
}

impl Contents {
    /// Names the files of an incident's evidence; bytes that another one holds too are in the bag once.
    fn name_files(&mut self, state: &Incident, wanted: &[String], mut receiver: Option<&mut Receiver<'_>>) {
        for sha256 in wanted.iter().filter(|sha256| !self.files.contains_key(*sha256)).cloned().collect::<Vec<_>>() {
            let added = state.evidence.get(&sha256).and_then(|exhibit| exhibit.added.as_ref());
            let name = added.map_or("", |added| &added.name);
            let is_told = receiver.as_mut().is_none_or(|receiver| receiver.may_read(name));
            let file = name::in_bag(self.files.len() + 1, if is_told { name } else { "" });
            self.bytes += added.map_or(0, |added| added.bytes);
            self.files.insert(sha256, file);
        }
    }
}

/// The decision by which the site forbids that a person lets a piece of evidence out.
fn forbids_release(person: &Person, circle: &Circle, state: &Incident, sha256: &str) -> Option<Decision> {
    let marking = state.evidence.get(sha256).and_then(marking_of)?;
    forbidden(person, Action::Release, Object::Item { circle, marking: &marking, author: "" })
}

/// Evidence whose bytes are there, by its hash: all, or what was released to a party.
fn chosen(state: &Incident, party: Option<&str>) -> Vec<String> {
    let goes = |exhibit: &concert_model::incident::fold::Exhibit| match party {
        None => true,
        Some(party) => exhibit.goes_to().any(|one| one == party),
    };
    let is_wanted = |(_, exhibit): &(&String, &concert_model::incident::fold::Exhibit)| {
        exhibit.added.is_some() && !exhibit.is_destroyed() && goes(exhibit)
    };
    state.evidence.iter().filter(is_wanted).map(|(sha256, _)| sha256.clone()).collect()
}

/// What the bag says of each piece of an incident's evidence.
fn custody_json(
    state: &Incident,
    wanted: &[String],
    files: &BTreeMap<String, String>,
    mut receiver: Option<&mut Receiver<'_>>,
) -> Vec<Value> {
    let item = |sha256: &String| {
        let (exhibit, file) = (state.evidence.get(sha256)?, files.get(sha256)?);
        let mut item = match &mut receiver {
            Some(receiver) => receiver.exhibit_json(sha256, exhibit),
            None => exhibit_json(sha256, exhibit),
        };
        let members = item.as_object_mut()?;
        members.insert("file".into(), json!(format!("data/evidence/{file}")));
        members.insert("incident".into(), json!(state.id));
        members.insert("number".into(), json!(state.number));
        Some(item)
    };
    wanted.iter().filter_map(item).collect()
}

impl Incidents {
    /// The journal with the bodies that may go to a party, and whether it sees the incident: those that whoever exports
    /// sees, and that somebody may who speaks for the party and is cleared for no more than a party can be. A party that
    /// takes no part in the incident sees none of it, and what names other parties stays here: as its readers, and in
    /// what was done with evidence.
    fn export_for(
        &self,
        exporter: &Person,
        (case, own): (&Case, &Circle),
        (party, about): (&str, &mut Receiver<'_>),
    ) -> (bool, Vec<(String, Option<String>)>) {
        let (receiver, circle, sees) = self.receiving((case, own), party);
        let mut entries: Vec<_> = case.entries.iter().collect();
        entries.sort_by_key(|kept| kept.seq);
        let texts = entries.into_iter().filter_map(|kept| {
            let may_go = sees && case.gives(&circle, &receiver, kept) && case.shows(own, exporter, kept);
            // No party learns from a bag to which other incidents this one belongs.
            let may_go = may_go && !matches!(&kept.body, Some((_, Content::Joined(_))));
            let shown = kept.body.as_ref().filter(|(_, content)| may_go && about.may_have(content));
            Some((kept.header.text().ok()?, shown.and_then(|_| kept.signed_text())))
        });
        (sees, texts.collect())
    }

    /// Somebody who speaks for a party and is cleared for no more than a party can be, who has to do with the incident then,
    /// and whether it is seen so.
    fn receiving(&self, (case, own): (&Case, &Circle), party: &str) -> (Person, Circle, bool) {
        // No person has an empty name, so nothing is shown because somebody is named in it.
        let receiver = self.forbids.on(Person { clearance: Tlp::Amber, ..Person::nobody() });
        let takes_part = case.head.parties.contains_key(party) || own.speakers.contains_key(party);
        let speakers = takes_part.then(|| (party.to_owned(), [String::new()].into())).into_iter().collect();
        let circle = Circle { speakers, ..own.clone() };
        let sees = may(&receiver, Action::See, Object::Incident(&circle)).allowed;
        (receiver, circle, sees)
    }
}
