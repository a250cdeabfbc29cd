//! What becomes of an event: rules that drop and change it, or open incidents; what makes it a repeat.
//!
//! Rules are asked in the order they are written, each sees what those before it changed, and each
//! event is asked once, before it is stored. Rules that open incidents are asked when it is stored, so
//! they see what all others made of it.

pub mod dedup;
mod opening;
mod rule;
#[cfg(test)]
mod tests;

pub use dedup::Dedup;
pub use opening::Opening;
pub use rule::Rule;

use std::collections::BTreeMap;

use concert_model::{Keys, OpenEvent};

/// Most rules of a site.
pub const RULES_MAX: usize = 10_000;

/// What the rules say of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// The rule with this index dropped it.
    Drop(usize),
}

/// The rules of a site.
#[derive(Debug, Default)]
pub struct Judge {
    rules: Vec<Rule>,
}

impl Judge {
    /// A judge with these rules, in this order.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// Reads the tables of `[[rule]]`. Rules with mistakes are told and left out.
    pub fn read(tables: Vec<Keys<'_>>) -> Self {
        let mut rules: Vec<Rule> = Vec::new();
        let mut places: BTreeMap<String, String> = BTreeMap::new();
        for mut keys in tables {
            if rules.len() >= RULES_MAX {
                keys.problem("name", format!("there are more than {RULES_MAX} rules"), "join those that do the same");
                break;
            }
            if let Some(rule) = Rule::read(&mut keys) {
                if let Some(other) = places.get(rule.name()) {
                    let hint = "each rule has its own name, under which it is counted";
                    keys.problem("name", format!("there are two rules `{}`, one at {other}", rule.name()), hint);
                } else {
                    places.insert(rule.name().to_owned(), keys.key_place("name").unwrap_or_default());
                }
                rules.push(rule);
            }
            keys.finish();
        }
        Self { rules }
    }

    /// The rules in order; counts go by their index.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Applies the rules to an event. `fired` has a count for each rule and is raised for those whose
    /// condition held.
    pub fn judge(&self, event: &mut OpenEvent<'_>, fired: &mut [u64]) -> Verdict {
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.opening().is_some() || !rule.condition().holds_open(event) {
                continue;
            }
            if let Some(count) = fired.get_mut(index) {
                *count += 1;
            }
            if rule.drops() {
                return Verdict::Drop(index);
            }
            rule.change(event);
            if rule.stops() {
                return Verdict::Keep;
            }
        }
        Verdict::Keep
    }
}
