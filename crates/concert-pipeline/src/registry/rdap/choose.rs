//! Whom to tell, of the entities in one answer.
//!
//! Whoever answers for abuse stands first: an entity with that role, wherever it stands, then an address
//! that its own card calls one for abuse. Where nobody does, those who run the network are the next best.
//!
//! Source: the roles of RFC 9083 section 10.2.4.

use super::object::{Entity, Object};

/// Most addresses of one answer.
const MAILS_MAX: usize = 10;
/// Those who are asked where nobody answers for abuse, in this order.
const FALLBACK: [&str; 2] = ["technical", "noc"];

/// The mailboxes of one role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    /// `abuse`, `technical`, `noc`.
    pub(super) role: String,
    pub(super) mails: Vec<String>,
    pub(super) invalid: Vec<String>,
    /// The way to the entity: `registrant EX-1 > abuse AR1`.
    pub(super) path: String,
    /// Who holds the network or domain, or answers for it.
    pub(super) party: String,
    /// Languages that are understood there: `fr, en`.
    pub(super) languages: String,
}

/// A mailbox behind the chosen ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Later {
    /// `technical`, `noc`.
    pub role: String,
    /// The way to the first entity of that role.
    pub path: String,
    /// The address, of which the registry does not say that it does not answer.
    pub mail: String,
}

impl Chosen {
    pub(super) fn is_for_abuse(&self) -> bool {
        self.role == "abuse"
    }
}

/// The best mailboxes of an answer.
pub(super) fn choose(object: &Object) -> Option<Chosen> {
    let all = |entity: &Entity| entity.card.mails.clone();
    let for_abuse = |entity: &Entity| entity.card.for_abuse.clone();
    gather("abuse", &with(object, "abuse"), all, object)
        .or_else(|| gather("abuse", &object.entities.iter().collect::<Vec<_>>(), for_abuse, object))
        .or_else(|| fallbacks(object).next())
}

/// The mailboxes of those who run the network, in their order.
fn fallbacks(object: &Object) -> impl Iterator<Item = Chosen> {
    let all = |entity: &Entity| entity.card.mails.clone();
    FALLBACK.into_iter().filter_map(move |role| gather(role, &with(object, role), all, object))
}

/// Those who are told where none of the chosen can be any more: whoever else would have been chosen in the same answer.
pub(super) fn later(object: &Object, chosen: &Chosen) -> Vec<Later> {
    let mut later = Vec::<Later>::new();
    for Chosen { role, mails, invalid, path, .. } in fallbacks(object) {
        for mail in mails {
            let is_same = |known: &String| known.eq_ignore_ascii_case(&mail);
            let is_dead = invalid.iter().any(is_same);
            let is_known = chosen.mails.iter().any(is_same) || later.iter().any(|one| is_same(&one.mail));
            if !is_dead && !is_known && later.len() < MAILS_MAX {
                later.push(Later { role: role.clone(), path: path.clone(), mail });
            }
        }
    }
    later
}

/// The entities with a role: those that stand nearest to the network first, else in the order of the registry.
fn with<'o>(object: &'o Object, role: &str) -> Vec<&'o Entity> {
    let mut found: Vec<&Entity> = object.entities.iter().filter(|one| one.roles.iter().any(|r| r == role)).collect();
    found.sort_by_key(|entity| entity.within.len());
    found
}

/// All mailboxes of an entity that was asked for because it stood bare in another answer.
pub(super) fn choose_entity(object: &Object, role: &str, label: &str) -> Option<Chosen> {
    let all: Vec<&Entity> = object.entities.iter().take(1).collect();
    let mut chosen = gather(role, &all, |entity| entity.card.mails.clone(), object).or_else(|| choose(object))?;
    label.clone_into(&mut chosen.path);
    Some(chosen)
}

fn gather(role: &str, from: &[&Entity], mails: impl Fn(&Entity) -> Vec<String>, object: &Object) -> Option<Chosen> {
    let mut chosen = Chosen { role: role.to_owned(), ..Chosen::default() };
    for entity in from {
        let mut is_new = false;
        for mail in mails(entity) {
            if chosen.mails.len() < MAILS_MAX && !chosen.mails.contains(&mail) {
                chosen.mails.push(mail);
                is_new = true;
            }
        }
        if !is_new {
            continue;
        }
        chosen.invalid.extend_from_slice(&entity.invalid);
        if chosen.path.is_empty() {
            let as_role = if entity.roles.iter().any(|known| known == role) { Some(role) } else { None };
            let role = as_role.or_else(|| entity.roles.first().map(String::as_str)).unwrap_or("entity");
            chosen.path = [entity.within.as_slice(), &[entity.label(role)]].concat().join(" > ");
            chosen.party = party(entity, object);
            chosen.languages.clone_from(&entity.card.languages);
        }
    }
    (!chosen.mails.is_empty()).then_some(chosen)
}

/// The organisation the contact stands in, else the one that holds the network, else the contact itself.
fn party(entity: &Entity, object: &Object) -> String {
    let holder = || {
        let is_holder = |one: &&Entity| one.card.is_org && one.roles.iter().any(|role| role == "registrant");
        object.entities.iter().find(is_holder).map(|one| one.card.name.clone()).filter(|name| !name.is_empty())
    };
    let own = || if entity.card.name.is_empty() { entity.handle.clone() } else { entity.card.name.clone() };
    if entity.within_name.is_empty() { holder().unwrap_or_else(own) } else { entity.within_name.clone() }
}

/// What stands where mailboxes of those should who would be told, and why it cannot be used; nothing where a whole answer
/// says that it leaves something out on purpose.
pub(super) fn unusable(object: &Object) -> Option<String> {
    let is_asked = |role: &String| role == "abuse" || FALLBACK.contains(&role.as_str());
    let asked = object.entities.iter().filter(|one| one.roles.iter().any(is_asked));
    let role = |one: &Entity| one.roles.iter().find(|role| is_asked(role)).map_or("entity", String::as_str).to_owned();
    let all: Vec<String> = asked
        .flat_map(|one| {
            one.card.unusable.iter().map(|(mail, why)| format!("`{mail}` of {}: {why}", one.label(&role(one))))
        })
        .collect();
    (!all.is_empty() && object.redacted.is_empty()).then(|| all.join("; "))
}

/// Why an answer names nobody: the most telling reason.
pub(super) fn silence(object: &Object) -> String {
    let page = object.entities.iter().find_map(|entity| entity.card.page.as_ref());
    if let Some(page) = page {
        return format!("it names a page to write on in place of an address: {page}");
    }
    let is_mail = |what: &&String| {
        let what = what.to_ascii_lowercase();
        what.contains("mail") || what.contains("abuse")
    };
    match object.redacted.iter().find(is_mail).or_else(|| object.redacted.first()) {
        Some(what) => format!("it names no contact; left out on purpose: {what}"),
        None => unusable(object).map_or_else(
            || "it names no contact".to_owned(),
            |wrong| format!("it names no contact that can be used: {wrong}"),
        ),
    }
}
