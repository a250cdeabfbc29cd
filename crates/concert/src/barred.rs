//! Addresses that nothing is sent to: what is no address, the site's own, and those suspended because they bounced.

use std::collections::HashMap;

use concert_model::address::{self, canonical};

use crate::settings::{OWN, Own};

/// Addresses that nothing is sent to, and why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Barred {
    own: Own,
    /// In canonical form.
    suspended: HashMap<String, String>,
}

impl Barred {
    /// The site's own addresses, and those that are suspended, in canonical form and with the reason.
    pub(crate) fn new(own: Own, suspended: HashMap<String, String>) -> Self {
        Self { own, suspended }
    }

    /// Adds an address that bounced.
    pub(crate) fn suspend(&mut self, mail: &str, why: &str) {
        self.suspended.insert(canonical(mail), why.to_owned());
    }

    /// Why an address is suspended.
    pub(crate) fn suspended(&self, mail: &str) -> Option<&str> {
        if self.suspended.is_empty() { None } else { self.suspended.get(&canonical(mail)).map(String::as_str) }
    }

    /// Why nothing can be sent to an address, whatever came of it so far.
    pub(crate) fn unusable(&self, mail: &str) -> Option<&'static str> {
        address::unusable(mail).or_else(|| self.own.has(mail).then_some(OWN))
    }

    /// Why nothing is sent to an address; nothing where it is.
    pub(crate) fn why(&self, mail: &str) -> Option<String> {
        let unusable = self.unusable(mail).map(ToString::to_string);
        unusable.or_else(|| self.suspended(mail).map(|why| format!("suspended: {why}")))
    }

    /// Whether these are addresses of this site itself, or one of them is.
    pub(crate) fn are_own<'m>(&self, mut mails: impl Iterator<Item = &'m String>) -> bool {
        mails.any(|mail| self.own.has(mail))
    }

    /// Whether something is sent to an address.
    pub(crate) fn is_free(&self, mail: &str) -> bool {
        self.unusable(mail).is_none() && self.suspended(mail).is_none()
    }

    /// What is said of those addresses to which nothing is sent: `; suspended are a@x.example: it bounced`.
    pub(crate) fn said<'m>(&self, mails: impl Iterator<Item = &'m String> + Clone) -> String {
        let told = |word: &str, all: Vec<String>| match all.is_empty() {
            true => String::new(),
            false => format!("; {word} are {}", all.join("; ")),
        };
        let suspended = mails.clone().filter_map(|mail| Some(format!("{mail}: {}", self.suspended(mail)?)));
        let unusable = mails.filter_map(|mail| Some(format!("{mail}: {}", self.unusable(mail)?)));
        told("suspended", suspended.collect()) + &told("unusable", unusable.collect())
    }
}
