//! The journal of one incident in memory, read once and extended as entries come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use concert_model::Time;
use concert_model::access::{Action, Circle, Object, Person, is_field, may, sees_speakers};
use concert_model::incident::content::{Content, Opening};
use concert_model::incident::fold::{Incident, Said, marks, openings, order, place, place_of};
use concert_model::incident::journal::{Body, Header};
use concert_model::incident::marking::{Marking, Tlp};
use concert_pipeline::observables::Observable;
use concert_store::records::incidents::EntryRow;
use serde_json::json;

use super::entries::Entries;
use super::merged::{self, Came};
use super::sight::{self, Alike, Sight, Sights};
use super::{text, titles};

/// An entry that was read.
#[derive(Debug)]
pub struct Kept {
    /// Its place in the order in which entries came here.
    pub seq: u64,
    /// Its header.
    pub header: Header,
    /// Its body and what it says; `None` where it is withheld, erased, or cannot be read.
    pub body: Option<(Body, Content)>,
    /// Which others the same people see.
    pub(super) alike: Alike,
    /// Values that it names, found in its texts when they are asked for first.
    values: OnceLock<Box<[Observable]>>,
    /// How it was marked when it was signed, where it is marked otherwise by now.
    signed: Option<Marking>,
    /// Whether the body was erased and what it says is what stands of it.
    stands: bool,
    /// Of one that was erased: who sees the entry that says so. That something was there is seen by the same people.
    seal: Option<Box<Seal>>,
}

/// How an entry is marked that says that another was erased, who wrote it, and with which incident the other joined.
#[derive(Clone, Debug)]
struct Seal {
    marking: Marking,
    author: String,
    joins: String,
}

impl Kept {
    /// An entry as it was read.
    pub(super) fn new(seq: u64, header: Header, body: Option<(Body, Content)>) -> Self {
        let alike = sight::alike(Sight::of(body.as_ref()));
        Self { seq, header, body, alike, values: OnceLock::new(), signed: None, stands: false, seal: None }
    }

    /// The same entry with another body, which the same people see.
    pub(super) fn with(&self, body: (Body, Content)) -> Self {
        let (seq, header, alike, signed) = (self.seq, self.header.clone(), self.alike, self.signed.clone());
        let (values, stands) = (OnceLock::new(), self.stands);
        Self { seq, header, body: Some(body), alike, values, signed, stands, seal: None }
    }

    /// The same entry without a body, which another entry says was erased.
    fn sealed(&self, by: &Seal) -> Self {
        let sealed = Self { seal: Some(Box::new(by.clone())), ..Self::new(self.seq, self.header.clone(), None) };
        let alike = sight::alike(sealed.sight());
        Self { alike, ..sealed }
    }

    /// What decides who sees it; `None` where whoever sees the incident sees it.
    pub(super) fn sight(&self) -> Option<Sight<'_>> {
        match (&self.body, self.seal.as_deref()) {
            (None, Some(Seal { marking, author, joins })) => Some(Sight::of_sealed(marking, author, joins)),
            (body, _) => Sight::of(body.as_ref()),
        }
    }

    /// The same entry marked otherwise than it was written.
    fn marked(&self, marking: &Marking) -> Self {
        let Some((body, content)) = &self.body else { return Self::new(self.seq, self.header.clone(), None) };
        let signed = Some(self.signed.as_ref().unwrap_or(&body.marking).clone());
        let body = Body { marking: marking.clone(), ..body.clone() };
        let stands = self.stands;
        Self { signed, stands, ..Self::new(self.seq, self.header.clone(), Some((body, content.clone()))) }
    }

    /// The entry that opened an incident, with what stands of it since its body was erased.
    fn standing(&self, opening: &Opening) -> Option<Self> {
        let opened = Content::from(opening.opened());
        let (kind, content) = opened.write()?;
        let (author, marking) = (opening.author.clone(), opening.marking.clone());
        let body = Body { author, kind: kind.to_owned(), marking, content, salt: String::new() };
        Some(Self { stands: true, ..Self::new(self.seq, self.header.clone(), Some((body, opened))) })
    }

    /// Whether it is the entry at this place of a chain.
    pub(super) fn is_at(&self, site: &str, sequence: u64) -> bool {
        self.header.sequence == sequence && self.header.site.to_string() == site
    }

    /// The other incident that one must see too: it says how this one belongs to that, or did so before it was erased, or
    /// says that such an entry was.
    pub(super) fn joins(&self) -> Option<&str> {
        let joins = match (&self.body, self.seal.as_deref()) {
            (Some((_, Content::Joined(joined))), _) => &joined.incident,
            (Some((_, Content::Erased(erased))), _) => &erased.joins,
            (None, Some(seal)) => &seal.joins,
            _ => return None,
        };
        Some(joins.as_str()).filter(|joins| !joins.is_empty())
    }

    /// Whether its body was erased, whatever stands of it.
    pub(super) fn is_erased(&self) -> bool {
        self.stands || self.body.is_none()
    }

    /// How it is marked where that is not as it was written.
    pub(super) fn remarked(&self) -> Option<&Marking> {
        self.signed.as_ref().and_then(|_| self.marking())
    }

    /// How it was marked when it was signed.
    pub(super) fn signed_marking(&self) -> Option<&Marking> {
        self.signed.as_ref().or_else(|| self.marking())
    }

    /// Its body as it was signed.
    pub(super) fn signed_text(&self) -> Option<String> {
        let (body, _) = self.body.as_ref().filter(|_| !self.stands)?;
        match &self.signed {
            None => body.text().ok(),
            Some(was) => Body { marking: was.clone(), ..body.clone() }.text().ok(),
        }
    }

    /// Values that it names, also in what people wrote.
    pub(super) fn values(&self) -> &[Observable] {
        self.values.get_or_init(|| {
            let mut values = self.body.as_ref().map(|(_, content)| text::values(content)).unwrap_or_default();
            values.dedup();
            values.into()
        })
    }

    /// The entry as a person who may see it reads it, but for a title: whoever has a part for a party alone does not learn
    /// for which other parties it is, nor why its own party stands as it does unless that is for it.
    fn read_by(self: &Arc<Self>, circle: &Circle, person: &Person) -> Arc<Self> {
        let is_shown = |party: &String| sees_speakers(person, circle, party).allowed;
        let Some((body, content)) = &self.body else { return Arc::clone(self) };
        let whole = match content {
            Content::Marked(marked) => marked.marking.parties.as_slice(),
            Content::Remarked(marked) => marked.marking.parties.as_slice(),
            _ => &[],
        };
        let hides_why = self.hides_why(circle, person);
        if !hides_why && body.marking.parties.iter().chain(whole).all(is_shown) {
            return Arc::clone(self);
        }
        let (mut body, mut content) = (body.clone(), content.clone());
        sight::narrow(&mut body.marking, person, circle);
        let named = match &mut content {
            Content::Marked(marked) => Some(&mut marked.marking),
            Content::Remarked(marked) => Some(&mut marked.marking),
            _ => None,
        };
        if let Some(named) = named {
            sight::narrow(named, person, circle);
            if let Some(marking) = body.content.get_mut("marking") {
                *marking = json!(named);
            }
        }
        if let Content::PartyMoved(moved) = &mut content
            && hides_why
        {
            titles::WHY_WITHHELD.clone_into(&mut moved.text);
            if let Some(text) = body.content.get_mut("text") {
                *text = json!(titles::WHY_WITHHELD);
            }
        }
        Arc::new(self.with((body, content)))
    }

    /// Whether somebody who sees how a party stands does not see why.
    fn hides_why(&self, circle: &Circle, person: &Person) -> bool {
        let Some((Body { marking, author, .. }, Content::PartyMoved(moved))) = &self.body else { return false };
        !moved.text.is_empty() && !may(person, Action::See, Object::Item { circle, marking, author }).allowed
    }

    pub(super) fn said(&self) -> Option<Said<'_>> {
        let (body, content) = self.body.as_ref()?;
        Some(Said { author: &body.author, marking: &body.marking, content: content.clone() })
    }

    /// How it is marked; `None` where that is not known.
    pub fn marking(&self) -> Option<&Marking> {
        self.body.as_ref().map(|(body, _)| &body.marking)
    }
}

/// The journal of one incident.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its identity.
    pub id: String,
    /// The last entry that came.
    pub last: u64,
    /// When that was written.
    pub last_at: Time,
    /// Its entries, in the order in which they hold.
    pub entries: Entries,
    /// Its fields, roles and parties: what lists and decisions need, and nothing else.
    pub head: Incident,
    /// Parties of the incidents that were merged into it and of what was split into it, and their sectors.
    pub(super) came: Came,
    /// Parties of which entries tell that were split off.
    pub(super) left: BTreeSet<String>,
    /// One of those entries that the same people see and that are marked alike.
    examples: BTreeMap<(Alike, Option<Marking>), Arc<Kept>>,
    /// Those that say that it belongs to another incident, or that such an entry was erased, and what is left of that.
    pub(super) joins: Vec<Arc<Kept>>,
    /// How entries are marked that were marked otherwise later, by their places.
    marks: BTreeMap<String, Marking>,
}

/// Whether a row says that a body was erased, so that what was read before is no longer true.
pub(super) fn erases(row: &EntryRow) -> bool {
    row.body.as_ref().is_some_and(|body| body.contains("\"kind\":\"erased/1\""))
}

/// Whether decisions and lists need what it says.
fn is_of_head(content: &Content) -> bool {
    matches!(content, Content::PartyMoved(_) | Content::Joined(_))
        || content.write().is_some_and(|(kind, _)| is_field(kind))
}

/// Whether something else may be seen because of it than before, or something is gone.
pub(super) fn changes_sight(kept: &Kept) -> bool {
    let changes = |content: &Content| matches!(content, Content::Erased(_) | Content::Remarked(_));
    kept.body.as_ref().is_none_or(|(_, content)| is_of_head(content) || changes(content))
}

/// Gives back to openings that were erased what stands of them.
fn stand(entries: &mut [Arc<Kept>]) {
    let openings = openings(entries.iter().filter_map(|kept| Some((&kept.header, &kept.body.as_ref()?.0))));
    for kept in entries.iter_mut().filter(|kept| !openings.is_empty() && kept.body.is_none()) {
        if let Some(standing) = openings.get(&place(&kept.header)).and_then(|opening| kept.standing(opening)) {
            *kept = Arc::new(standing);
        }
    }
}

/// Marks entries as they are marked by now, and gives how. They must be in order.
fn mark(entries: &mut [Arc<Kept>]) -> BTreeMap<String, Marking> {
    let marks = marks(entries.iter().filter_map(|kept| Some((&kept.header, &kept.body.as_ref()?.0))));
    if !marks.is_empty() {
        for kept in entries.iter_mut().filter(|kept| kept.body.is_some()) {
            if let Some(marking) = marks.get(&place(&kept.header)) {
                *kept = Arc::new(kept.marked(marking));
            }
        }
    }
    marks
}

/// What an entry says was erased, with who sees that.
fn erasure(kept: &Kept) -> Option<(String, Seal)> {
    let Some((body, Content::Erased(one))) = &kept.body else { return None };
    let (marking, author, joins) = (body.marking.clone(), body.author.clone(), one.joins.clone());
    Some((place_of(&one.site, one.sequence), Seal { marking, author, joins }))
}

/// Gives what was erased to those alone who see that it was.
fn seal(entries: &mut [Arc<Kept>]) {
    let erased: BTreeMap<String, Seal> = entries.iter().filter_map(|kept| erasure(kept)).collect();
    if erased.is_empty() {
        return;
    }
    for kept in entries.iter_mut().filter(|kept| kept.body.is_none()) {
        if let Some(by) = erased.get(&place(&kept.header)) {
            *kept = Arc::new(kept.sealed(by));
        }
    }
}

fn read(row: EntryRow) -> Option<Arc<Kept>> {
    // A row that cannot be read is named by `verify`; it says nothing here.
    let header = Header::read(&row.header).ok()?;
    let body = row.body.and_then(|body| Body::read(&body).ok()).map(|body| {
        let content = Content::read(&body.kind, &body.content);
        (body, content)
    });
    Some(Arc::new(Kept::new(row.seq, header, body)))
}

impl Case {
    /// A journal as it was kept.
    pub(super) fn new(id: &str, rows: Vec<EntryRow>) -> Self {
        let mut case = Self {
            id: id.to_owned(),
            last: 0,
            last_at: Time(0),
            entries: Entries::default(),
            head: Incident::default(),
            came: Came::default(),
            left: BTreeSet::new(),
            examples: BTreeMap::new(),
            joins: Vec::new(),
            marks: BTreeMap::new(),
        };
        case.add(rows);
        case
    }

    /// A single entry, with how it is marked by now as far as that was written down beside it.
    pub(super) fn lone(row: &EntryRow) -> Self {
        let mut case = Self::new(&row.incident, vec![row.clone()]);
        // What cannot be read is for nobody.
        if let Some(marked) = &row.marked
            && let Some(kept) = case.entries.first()
        {
            let closed = Marking::of(Tlp::Red);
            let marking = serde_json::from_str(marked).unwrap_or(closed);
            case.entries = [Arc::new(kept.marked(&marking))].into_iter().collect();
        }
        case
    }

    /// The same journal with what came since.
    pub(super) fn with(&self, rows: Vec<EntryRow>) -> Self {
        let mut case = self.clone();
        case.add(rows);
        case
    }

    /// Takes up what came since. The work is that of the new entries, unless some of them belong before others.
    pub(super) fn add(&mut self, rows: Vec<EntryRow>) {
        self.last = rows.last().map_or(self.last, |row| row.seq);
        let newest = self.entries.last().map(|kept| order(&kept.header));
        let came: Vec<Arc<Kept>> = rows.into_iter().filter_map(read).collect();
        self.last_at = came.last().map_or(self.last_at, |kept| kept.header.stamp.time);
        let is_later = |kept: &Arc<Kept>| newest.is_none_or(|newest| order(&kept.header) > newest);
        let moves =
            |kept: &Arc<Kept>| matches!(&kept.body, Some((_, Content::Joined(other))) if other.as_what == "split-to");
        let splits = came.iter().any(moves);
        let is_marked = |kept: &Arc<Kept>| !self.marks.is_empty() && self.marks.contains_key(&place(&kept.header));
        let says_so = |kept: &Arc<Kept>| matches!(&kept.body, Some((_, Content::Remarked(_) | Content::Opening(_))));
        let remarks = came.iter().any(|kept| says_so(kept) || is_marked(kept) || erasure(kept).is_some());
        let in_order = !remarks && came.iter().all(is_later) && came.is_sorted_by_key(|kept| order(&kept.header));
        if in_order {
            for kept in came {
                self.take(&kept);
                self.entries.push(kept);
            }
        } else {
            // Another site wrote meanwhile, or something is marked otherwise or gone: whatever holds is worked out anew.
            let mut all: Vec<Arc<Kept>> = self.entries.iter().cloned().chain(came).collect();
            all.sort_by_key(|kept| order(&kept.header));
            stand(&mut all);
            self.marks = mark(&mut all);
            seal(&mut all);
            self.head = Incident::default();
            self.examples.clear();
            self.joins.clear();
            all.iter().for_each(|kept| self.take(kept));
            self.entries = all.into_iter().collect();
        }
        if splits || !in_order && !self.head.split.is_empty() {
            self.divide();
        }
    }

    /// Works out anew what lists and decisions need, without what was split off.
    fn divide(&mut self) {
        let moved = self.head.moved();
        self.head = Incident::default();
        self.left.clear();
        for kept in self.entries.iter() {
            let is_moved = moved.contains(&place(&kept.header));
            if is_moved {
                self.left.extend(merged::party_of(kept).cloned());
            }
            if kept.body.as_ref().is_none_or(|(_, content)| is_of_head(content)) {
                match is_moved {
                    true => self.head.pass(&kept.header),
                    false => self.head.apply(&kept.header, kept.said()),
                }
            }
        }
    }

    fn take(&mut self, kept: &Arc<Kept>) {
        // Those that are seen by the same people are marked alike, unless everybody sees them.
        let marking = kept.marking().filter(|_| kept.alike.is_none()).cloned();
        self.examples.entry((kept.alike, marking)).or_insert_with(|| Arc::clone(kept));
        if kept.joins().is_some() {
            self.joins.push(Arc::clone(kept));
        }
        if kept.body.as_ref().is_none_or(|(_, content)| is_of_head(content)) {
            self.head.apply(&kept.header, kept.said());
        }
    }

    /// Whether a person may see an entry of an incident that the person may see.
    pub fn shows(&self, circle: &Circle, person: &Person, kept: &Kept) -> bool {
        kept.sight().is_none_or(|sight| sight.is_of(person, circle))
    }

    /// Whether a person may have the body of an entry, which is signed as it is: sees it, and it names no party of which
    /// the person may not know.
    pub(super) fn gives(&self, circle: &Circle, person: &Person, kept: &Arc<Kept>) -> bool {
        self.shows(circle, person, kept) && Arc::ptr_eq(kept, &self.read_by(circle, person, kept))
    }

    /// An entry as a person who may see it reads it: a title or reason is left out where it names what was not released.
    pub(super) fn read_by(&self, circle: &Circle, person: &Person, kept: &Arc<Kept>) -> Arc<Kept> {
        let read = kept.read_by(circle, person);
        titles::read_by(self, circle, person, &read).unwrap_or(read)
    }

    /// The entries that a person may see, in the order in which they hold.
    pub fn seen_by<'c>(&'c self, circle: &'c Circle, person: &'c Person) -> impl Iterator<Item = &'c Arc<Kept>> {
        let mut sights = Sights::new(circle, person);
        self.entries.iter().filter(move |kept| sights.show(kept))
    }

    /// How the entries are marked that a person may see, each marking at least once: of a long journal there are few.
    pub(super) fn markings<'c>(&'c self, circle: &'c Circle, person: &'c Person) -> impl Iterator<Item = &'c Marking> {
        let seen = self.examples.values().filter(move |kept| self.shows(circle, person, kept));
        seen.filter_map(|kept| kept.marking())
    }

    /// The state of the incident by all that is written in it, whoever may see that: for rules that hold for
    /// everybody.
    pub(super) fn whole(&self) -> Incident {
        self.state_of(self.entries.iter().cloned())
    }

    /// The state of the incident as a person sees it.
    pub fn state_for(&self, circle: &Circle, person: &Person) -> Incident {
        let mut state = self.state_of(self.seen_by(circle, person).map(|kept| kept.read_by(circle, person)));
        titles::put(self, circle, person, &mut state);
        state
    }

    fn state_of(&self, entries: impl Iterator<Item = Arc<Kept>>) -> Incident {
        let mut incident = Incident::default();
        let moved = self.head.moved();
        for kept in entries {
            if !moved.is_empty() && moved.contains(&place(&kept.header)) {
                incident.pass(&kept.header);
            } else {
                incident.apply(&kept.header, kept.said());
            }
        }
        incident
    }

    /// The same with what was split off it: what that says of parties still binds.
    pub(super) fn undivided(&self, circle: &Circle, person: &Person) -> Incident {
        let mut incident = Incident::default();
        for kept in self.seen_by(circle, person) {
            incident.apply(&kept.header, kept.said());
        }
        incident
    }

    /// Entries that a split moved, with what else is said of the same hosts and parties: whose a host is, who may know
    /// it, and who is not to be told yet.
    pub(super) fn part(&self, entries: &BTreeSet<String>) -> Vec<Arc<Kept>> {
        let is_moved = |kept: &Arc<Kept>| entries.contains(&place(&kept.header));
        let (mut hosts, mut parties) = (BTreeSet::new(), BTreeSet::new());
        for kept in self.entries.iter().filter(|kept| is_moved(kept)) {
            parties.extend(merged::party_of(kept));
            match kept.body.as_ref().map(|(_, content)| content) {
                Some(Content::HostHeld(held)) => drop(hosts.insert(&held.host)),
                Some(Content::Relation(flow)) => hosts.extend([&flow.from, &flow.to]),
                _ => {}
            }
        }
        let belongs = |kept: &Arc<Kept>| match kept.body.as_ref().map(|(_, content)| content) {
            Some(Content::HostHeld(held)) => hosts.contains(&held.host),
            Some(Content::NeighbourNamed(named)) => hosts.contains(&named.host),
            Some(Content::TellingHeld(held)) => parties.contains(&held.party),
            _ => false,
        };
        self.entries.iter().filter(|kept| is_moved(kept) || belongs(kept)).cloned().collect()
    }

    /// What of it shows in another incident, as a person sees it: some entries, or all.
    pub(super) fn shown_for(&self, circle: &Circle, person: &Person, only: Option<&BTreeSet<String>>) -> Incident {
        only.map_or_else(|| self.state_for(circle, person), |entries| self.part_for(circle, person, entries))
    }

    /// The same whoever may see it.
    pub(super) fn whole_shown(&self, only: Option<&BTreeSet<String>>) -> Incident {
        let Some(entries) = only else { return self.whole() };
        let mut incident = Incident::default();
        for kept in self.part(entries) {
            incident.apply(&kept.header, kept.said());
        }
        incident
    }

    /// What a split moved says, as a person sees it.
    pub(super) fn part_for(&self, circle: &Circle, person: &Person, entries: &BTreeSet<String>) -> Incident {
        let mut incident = Incident::default();
        let mut sights = Sights::new(circle, person);
        for kept in self.part(entries).iter().filter(|kept| sights.show(kept)) {
            incident.apply(&kept.header, self.read_by(circle, person, kept).said());
        }
        incident
    }

    /// The last entry for each kind of reader, as lists keep it: by what decides who sees it, the number and the time.
    /// What is older than an entry that everybody sees is left out: it is the last of nobody.
    pub(super) fn touched(&self) -> BTreeMap<String, (u64, Time)> {
        let mut all: BTreeMap<String, (u64, Time)> = BTreeMap::new();
        let mut open = 0;
        for kept in self.entries.iter() {
            let sight = kept.sight();
            if sight.is_none() {
                open = kept.seq.max(open);
            }
            let last = all.entry(sight::text(sight)).or_insert((0, Time(0)));
            if kept.seq > last.0 {
                *last = (kept.seq, kept.header.stamp.time);
            }
        }
        all.retain(|_, (seq, _)| *seq >= open);
        all
    }
}
