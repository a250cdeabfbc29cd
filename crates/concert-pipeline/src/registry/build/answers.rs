//! Who answers for an object: its references are followed.

use hashbrown::HashMap;

use super::{Builder, Mailboxes, NOBODY, Org, Refs, TEAMS_FIRST, languages_of};
use crate::registry::answer::Answer;

/// Answers, each once.
pub(super) struct Answers {
    pub(super) list: Vec<Answer>,
    known: HashMap<Refs, u32>,
}

impl Answers {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { list: Vec::new(), known: HashMap::new() }
    }

    /// The number of the answer to these references.
    pub(super) fn number(&mut self, builder: &Builder, refs: Refs) -> u32 {
        if let Some(number) = self.known.get(&refs) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(answer(builder, refs));
        self.known.insert(refs, number);
        number
    }
}

fn answer(builder: &Builder, refs: Refs) -> Answer {
    let text = |number| builder.handles.text(number);
    let org = builder.orgs.get(&refs.org);
    let (registry, mut languages) = languages_of(text(refs.registry));
    if languages.is_empty() {
        languages = org.map_or("", |org| languages_of(text(org.languages)).1);
    }
    let languages = languages.to_ascii_lowercase().replace(',', ", ").into();
    let mut found = Answer { registry: registry.to_owned(), languages, ..Answer::default() };
    let mut missing = Vec::new();
    // How many mailboxes the first way has that has any.
    let mut first = 0;
    for way in ways(builder, &refs, registry) {
        // Whom the registry itself found dead is told only where nobody else is named.
        if found.is_alive() {
            break;
        }
        found.join(way.ask(builder, &mut missing));
        first = if first == 0 { found.mails.len() } else { first };
    }
    if !found.is_alive() {
        found.mails.truncate(first);
    }
    if !found.mails.is_empty() {
        let contacts = found.handles.join(", ");
        let holder = org.map(|org| org.name.as_str()).filter(|name| !name.is_empty());
        found.party = holder.map_or_else(|| contacts.clone(), |name| format!("{name} ({contacts})"));
    }
    if found.mails.is_empty() {
        match (refs.org, org) {
            (NOBODY, _) => {}
            (_, None) => missing.push(format!("the organisation {} is not there", text(refs.org))),
            (_, Some(Org { abuse: NOBODY, .. })) => {
                missing.push(format!("the organisation {} has no abuse-c", text(refs.org)))
            }
            _ => {}
        }
        found.reason = if missing.is_empty() { "it names no contact".to_owned() } else { missing.join("; ") };
    }
    found
}

/// One way from an object to those who have mailboxes.
struct Way {
    /// `abuse-c`, `org`, `mnt-irt`, `abuse-mailbox`.
    via: &'static str,
    handles: Vec<u32>,
}

/// The ways from an object, in the order in which they are asked.
fn ways(builder: &Builder, refs: &Refs, registry: &str) -> Vec<Way> {
    let org = builder.orgs.get(&refs.org).map_or(NOBODY, |org| org.abuse);
    // AFRINIC has mailboxes of organisations themselves.
    let own = if builder.roles.contains_key(&refs.org) { refs.org } else { NOBODY };
    let teams = Way { via: "mnt-irt", handles: refs.irts.to_vec() };
    let single = [("abuse-c", refs.abuse), ("org", org), ("org", own), ("abuse-mailbox", refs.own)];
    let mut ways = Vec::from(single.map(|(via, handle)| Way { via, handles: vec![handle] }));
    // APNIC checks the mailboxes of teams twice a year, and makes its roles from them.
    ways.insert(if registry == TEAMS_FIRST { 0 } else { ways.len() - 1 }, teams);
    for way in &mut ways {
        way.handles.retain(|handle| *handle != NOBODY);
    }
    ways
}

impl Way {
    /// Who has mailboxes on this way; of whoever has none, it is said why.
    fn ask(&self, builder: &Builder, missing: &mut Vec<String>) -> Answer {
        let mut found = Answer::default();
        let objects = if self.via == "mnt-irt" { &builder.irts } else { &builder.roles };
        for handle in &self.handles {
            let (text, boxes) = (builder.handles.text(*handle), objects.get(handle));
            // A mailbox in the object itself is named by the registry and its address.
            let own = text.split_once(' ').filter(|_| self.via == "abuse-mailbox");
            let named = own.map(|(registry, mail)| format!("{registry} {}", mail.to_ascii_lowercase()));
            let named = named.unwrap_or_else(|| text.to_owned());
            match boxes {
                Some(boxes) if !boxes.mails.is_empty() => {
                    found.take(self.via, &named, boxes);
                    continue;
                }
                Some(boxes) => found.set_aside(&named, boxes),
                None => {}
            }
            let is_there = boxes.is_some();
            missing.extend(match self.via {
                "mnt-irt" if is_there => Some(format!("the team {text} has no usable mailbox")),
                "mnt-irt" => Some(format!("the team {text} is not there")),
                "abuse-mailbox" => is_there.then(|| "its own abuse-mailbox is not usable".to_owned()),
                _ if !is_there => Some(format!("the abuse-c {text} is not there or has no mailbox")),
                _ if builder.orgs.contains_key(handle) => {
                    Some(format!("the organisation {text} has no usable mailbox"))
                }
                _ => Some(format!("the abuse-c {text} has no usable mailbox")),
            });
        }
        found
    }
}

impl Answer {
    /// Whether there is an address of which the registry does not say that nobody answers.
    fn is_alive(&self) -> bool {
        self.mails.iter().any(|mail| !self.is_invalid(mail))
    }

    /// Adds what the next way has. Its objects are those that are named, if before there was nobody or only the dead.
    fn join(&mut self, next: Self) {
        let was_empty = self.mails.is_empty();
        self.invalid.extend(next.invalid);
        self.unusable.extend(next.unusable);
        for mail in next.mails {
            if !self.mails.contains(&mail) {
                self.mails.push(mail);
            }
        }
        if was_empty || self.is_alive() {
            (self.via, self.handles) = (next.via, next.handles);
        }
    }

    fn take(&mut self, via: &str, handle: &str, boxes: &Mailboxes) {
        via.clone_into(&mut self.via);
        self.handles.push(handle.to_owned());
        for mail in &boxes.mails {
            if !self.mails.contains(mail) {
                self.mails.push(mail.clone());
            }
        }
        self.invalid.extend_from_slice(&boxes.invalid);
        self.set_aside(handle, boxes);
    }

    fn set_aside(&mut self, handle: &str, boxes: &Mailboxes) {
        let place = if boxes.place.is_empty() { handle } else { &boxes.place };
        self.unusable.extend(boxes.unusable.iter().map(|(mail, why)| format!("`{mail}` of {place}: {why}")));
    }
}
