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
    let roles = |found: &mut Answer, missing: &mut Vec<String>| {
        let own = if builder.roles.contains_key(&refs.org) { refs.org } else { NOBODY };
        let ways = [("abuse-c", refs.abuse), ("org", org.map_or(NOBODY, |org| org.abuse)), ("org", own)];
        for (via, handle) in ways.into_iter().filter(|(_, handle)| *handle != NOBODY) {
            match builder.roles.get(&handle) {
                Some(boxes) if !boxes.mails.is_empty() => return found.take(via, text(handle), boxes),
                Some(boxes) => {
                    found.set_aside(text(handle), boxes);
                    let what = if handle == refs.org { "organisation" } else { "abuse-c" };
                    missing.push(format!("the {what} {} has no usable mailbox", text(handle)));
                }
                None => missing.push(format!("the abuse-c {} is not there or has no mailbox", text(handle))),
            }
        }
    };
    let teams = |found: &mut Answer, missing: &mut Vec<String>| {
        for handle in refs.irts.into_iter().filter(|handle| *handle != NOBODY) {
            match builder.irts.get(&handle) {
                Some(boxes) if !boxes.mails.is_empty() => found.take("mnt-irt", text(handle), boxes),
                Some(boxes) => {
                    found.set_aside(text(handle), boxes);
                    missing.push(format!("the team {} has no usable mailbox", text(handle)));
                }
                None => missing.push(format!("the team {} is not there", text(handle))),
            }
        }
    };
    // APNIC checks the mailboxes of teams twice a year, and makes its roles from them.
    if found.registry == TEAMS_FIRST {
        teams(&mut found, &mut missing);
    }
    if found.mails.is_empty() {
        roles(&mut found, &mut missing);
    }
    if found.mails.is_empty() && found.registry != TEAMS_FIRST {
        teams(&mut found, &mut missing);
    }
    if found.mails.is_empty()
        && let Some(boxes) = builder.roles.get(&refs.own)
    {
        let (registry, mail) = text(refs.own).split_once(' ').unwrap_or_default();
        let named = format!("{registry} {}", mail.to_ascii_lowercase());
        match boxes.mails.is_empty() {
            true => {
                found.set_aside(&named, boxes);
                missing.push("its own abuse-mailbox is not usable".to_owned());
            }
            false => found.take("abuse-mailbox", &named, boxes),
        }
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

impl Answer {
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
