//! Evidence of an incident as a bag, for whoever may have it.
//!
//! That it was copied is in its custody before the bag is made, and so in the bag too. A bag for a party
//! holds what was released to it, and of the journal what the party may read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use concert_model::access::{Action, Circle, Object, Person, may};
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
use super::super::view::exhibit_json;
use super::super::write::{Right, wrong};
use super::super::{Ask, Incidents, Refused, effort};
use super::bag::{Bag, Exported};
use super::withheld::Receiver;
use super::{Handling, aside, custody, failed, held, marking_of, name};

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
        let (id, wanted) = self.wanted(ask.person, incident, party.as_deref()).await?;
        let place = dir.to_owned();
        let bag = aside(move || Bag::begin(&place)).await?;
        let bag = bag.map_err(|error| wrong(format!("{}: {error}", dir.display())))?;
        let part = bag.part().map(Path::to_owned);
        // Nobody destroys what is being copied.
        let lock = self.lock_copies().await?;
        let party = party.as_deref();
        let made = match self.note_copies(ask, &id, &wanted, (party, reason)).await {
            Ok(()) => self.fill(ask, &id, (bag, party), &wanted, bar).await,
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
        let (id, wanted) = self.wanted(ask.person, incident, party.as_deref()).await?;
        let lock = self.lock_copies().await?;
        self.note_copies(ask, &id, &wanted, (party.as_deref(), reason)).await?;
        let name = format!("bag-{id}");
        let made = u64::try_from(ask.now.seconds()).unwrap_or(0);
        let bag = Bag::send(name.clone(), made, to);
        let (person, now) = (ask.person.clone(), ask.now);
        tokio::spawn(async move {
            let ask = Ask::new(&person, now);
            let sent = self.fill(ask, &id, (bag, party.as_deref()), &wanted, ProgressBar::hidden()).await;
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

    /// The incident, and evidence that is to go into a bag of it.
    async fn wanted(
        &self,
        person: &Person,
        incident: &str,
        party: Option<&str>,
    ) -> Result<(String, Vec<String>), Refused> {
        let (case, circle) = self.find(person, incident).await?;
        if party.is_some() {
            Self::may_release(person, &circle)?;
        }
        let wanted = chosen(&case.state_for(&circle, person), party);
        match (party, wanted.is_empty()) {
            (Some(party), true) => Err(wrong(format!("nothing was released to {party}, or it was destroyed"))),
            _ => Ok((case.id.clone(), wanted)),
        }
    }

    async fn note_copies(
        &self,
        ask: Ask<'_>,
        incident: &str,
        wanted: &[String],
        (party, reason): (Option<&str>, &str),
    ) -> Result<(), Refused> {
        let handling = Handling {
            act: Act::Copied,
            whom: party.unwrap_or_default().to_owned(),
            place: String::new(),
            reason: if reason.is_empty() { "exported as a bag".into() } else { reason.to_owned() },
        };
        for (at, some) in wanted.chunks(DRAFTS_MAX).enumerate() {
            self.write_made(effort::once(ask, at), incident, Right::OfReader, |case, circle| {
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

    async fn fill(
        &self,
        ask: Ask<'_>,
        incident: &str,
        (mut bag, party): (Bag, Option<&str>),
        wanted: &[String],
        bar: ProgressBar,
    ) -> Result<Exported, Refused> {
        let (case, circle) = self.find(ask.person, incident).await?;
        let state = case.state_for(&circle, ask.person);
        // Of what the exporter does not see the party reads nothing either.
        let all = Box::pin(self.bound(&Person::operator(""), (&case, &circle))).await?.state;
        let mut receiver = party.map(|party| Receiver::of(&all, party));
        let files: BTreeMap<&str, String> = (1..)
            .zip(wanted)
            .map(|(number, sha256)| {
                let added = state.evidence.get(sha256).and_then(|exhibit| exhibit.added.as_ref());
                let name = added.map_or("", |added| &added.name);
                let is_told = receiver.as_mut().is_none_or(|receiver| receiver.may_read(name));
                (sha256.as_str(), name::in_bag(number, if is_told { name } else { "" }))
            })
            .collect();
        let custody = custody_json(&state, &files, receiver.as_mut());
        let custody = json!({"incident": state.id, "number": state.number, "for": party, "made": ask.now.to_string(), "evidence": custody});
        let custody = format!("{custody:#}\n");
        let mut journal = String::new();
        let (sees, entries) = match (party, receiver.as_mut()) {
            (Some(party), Some(receiver)) => self.export_for(ask.person, (&case, &circle), (party, receiver)),
            _ => (true, self.export(ask.person, incident).await?.collect()),
        };
        for (header, body) in entries {
            journal.push_str(&format!("{}\n", json!({"header": header, "body": body})));
        }
        let tells_title = sees && receiver.as_mut().is_none_or(|receiver| receiver.may_read_title(&state.title));
        let info = [
            ("External-Identifier", state.number.clone()),
            ("External-Description", if tells_title { state.title.clone() } else { "Evidence".to_owned() }),
            ("Bagging-Date", ask.now.date_text()),
            ("Bag-Software-Agent", format!("Concert {}", env!("CARGO_PKG_VERSION"))),
            ("Internal-Sender-Identifier", state.id.clone()),
        ];
        let items = files
            .iter()
            .filter_map(|(sha256, file)| Some(Item { sha256: from_hex(sha256)?, file: format!("evidence/{file}") }));
        let items: Vec<Item> = items.collect();
        let store = self.store.evidence.clone();
        let total =
            wanted.iter().filter_map(|sha256| state.evidence.get(sha256)?.added.as_ref()).map(|added| added.bytes);
        bar.set_length(total.sum());
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

/// What the bag says of each of its files.
fn custody_json(
    state: &Incident,
    files: &BTreeMap<&str, String>,
    mut receiver: Option<&mut Receiver<'_>>,
) -> Vec<Value> {
    let item = |(sha256, file): (&&str, &String)| {
        let exhibit = state.evidence.get(*sha256)?;
        let mut item = match &mut receiver {
            Some(receiver) => receiver.exhibit_json(sha256, exhibit),
            None => exhibit_json(sha256, exhibit),
        };
        item.as_object_mut()?.insert("file".into(), json!(format!("data/evidence/{file}")));
        Some(item)
    };
    files.iter().filter_map(item).collect()
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
        // No person has an empty name, so nothing is shown because somebody is named in it.
        let receiver = self.forbids.on(Person { clearance: Tlp::Amber, ..Person::nobody() });
        let takes_part = case.head.parties.contains_key(party) || own.speakers.contains_key(party);
        let speakers = takes_part.then(|| (party.to_owned(), [String::new()].into())).into_iter().collect();
        let circle = Circle { speakers, ..own.clone() };
        let sees = may(&receiver, Action::See, Object::Incident(&circle)).allowed;
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
}
