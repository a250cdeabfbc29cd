//! One rule: a condition, and what happens to the events for which it holds.

use concert_model::problem::meant;
use concert_model::{Field, Keys, OpenEvent, Value, field, taxonomy};

use super::Opening;
use crate::condition::Condition;

/// Most fields one rule changes.
const CHANGES_MAX: usize = 100;

/// A condition and what it leads to.
#[derive(Debug)]
pub struct Rule {
    name: String,
    condition: Condition,
    drop: bool,
    stop: bool,
    changes: Vec<Change>,
    opening: Option<Opening>,
}

#[derive(Debug)]
enum Change {
    Set(Target, Value<'static>),
    Add(Target, Value<'static>),
    Unset(Target),
}

/// A field of the table, or the name of an `extra.*` field.
#[derive(Clone, Debug)]
enum Target {
    Field(Field),
    Extra(Box<str>),
}

impl Rule {
    /// Reads one `[[rule]]`. `None` when it has mistakes, all of which are told.
    pub fn read(keys: &mut Keys<'_>) -> Option<Rule> {
        let name = keys.require("name", "what the rule is called in counts and logs");
        let text = keys.require("if", "the condition, in CEL: source.port == 23; true holds for every event");
        let condition = text.and_then(|text| read_condition(keys, &text));
        let drop = keys.flag_or("drop", false, "whether the event is dropped; it is counted, not stored");
        let stop = keys.flag_or("stop", false, "whether the rules after this one are left out");
        let mut changes = Vec::new();
        let mut good = true;
        for (key, about) in [
            ("set", "fields and the values they get: { severity = \"high\" }"),
            ("add", "fields and the values they get where the event has none"),
        ] {
            for (field, text) in keys.pairs(key, about) {
                match read_change(keys, key, &field, &text) {
                    Some((target, value)) if key == "set" => changes.push(Change::Set(target, value)),
                    Some((target, value)) => changes.push(Change::Add(target, value)),
                    None => good = false,
                }
            }
        }
        for field in keys.texts("unset", "fields that are removed") {
            match target(keys, "unset", &field) {
                Some(target) => changes.push(Change::Unset(target)),
                None => good = false,
            }
        }
        let opens = keys.has("open_incident");
        let mut table = keys.table("open_incident");
        let opening = if opens { Opening::read(&mut table, name.as_deref().unwrap_or_default()) } else { None };
        if opens {
            table.finish();
            good &= opening.is_some();
        }
        let (name, condition) = (name?, condition?);
        if changes.len() > CHANGES_MAX {
            keys.problem("name", format!("the rule changes more than {CHANGES_MAX} fields"), "make two of it");
            good = false;
        } else if drop && !changes.is_empty() {
            keys.problem("drop", "an event that is dropped is not changed", "leave out drop, or set, add and unset");
            good = false;
        } else if opens && (drop || stop || !changes.is_empty()) {
            let what = "a rule that opens incidents sees events as they are stored, and does nothing else with them";
            keys.problem("open_incident", what, "write two rules");
            good = false;
        } else if good && !opens && !drop && !stop && changes.is_empty() {
            let hint = "give it drop, set, add, unset, stop or open_incident";
            keys.problem("name", format!("rule `{name}` does nothing"), hint);
            good = false;
        }
        good.then_some(Rule { name, condition, drop, stop, changes, opening })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it applies.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How it opens incidents, if it does.
    pub fn opening(&self) -> Option<&Opening> {
        self.opening.as_ref()
    }

    /// Whether events are dropped.
    pub fn drops(&self) -> bool {
        self.drop
    }

    /// Whether later rules are left out.
    pub fn stops(&self) -> bool {
        self.stop
    }

    /// Changes an event for which the condition holds.
    pub fn change(&self, event: &mut OpenEvent<'_>) {
        for change in &self.changes {
            match change {
                Change::Set(target, value) => set(event, target, value),
                Change::Add(target, value) => {
                    if number(event, target).is_some_and(|field| !event.has(field)) {
                        set(event, target, value);
                    }
                }
                Change::Unset(Target::Field(field)) => {
                    remove(event, *field);
                    // The taxonomy is derived and goes with its type.
                    if *field == Field::CLASSIFICATION_TYPE {
                        remove(event, Field::CLASSIFICATION_TAXONOMY);
                    }
                }
                Change::Unset(Target::Extra(name)) => {
                    if let Some(field) = event.batch().find_extra(name) {
                        remove(event, field);
                    }
                }
            }
        }
    }
}

fn number(event: &mut OpenEvent<'_>, target: &Target) -> Option<Field> {
    match target {
        Target::Field(field) => Some(*field),
        Target::Extra(name) => event.extra(name),
    }
}

fn remove(event: &mut OpenEvent<'_>, field: Field) {
    if event.has(field) {
        event.unset(field);
    }
}

fn set(event: &mut OpenEvent<'_>, target: &Target, value: &Value<'static>) {
    let Some(field) = number(event, target) else { return };
    event.set(field, value);
    if field == Field::CLASSIFICATION_TYPE
        && let Some(taxonomy) = value.as_text().and_then(taxonomy::taxonomy_of)
    {
        event.set(Field::CLASSIFICATION_TAXONOMY, &Value::text(taxonomy));
    }
}

fn read_condition(keys: &Keys<'_>, text: &str) -> Option<Condition> {
    match Condition::compile(text) {
        Ok(condition) => Some(condition),
        Err(problems) => {
            for (offset, problem) in problems {
                keys.problem_in("if", offset, problem.what, problem.hint);
            }
            None
        }
    }
}

fn read_change(keys: &Keys<'_>, key: &str, field: &str, text: &str) -> Option<(Target, Value<'static>)> {
    let target = target(keys, key, field)?;
    let kind = match &target {
        Target::Field(field) => field.kind(),
        Target::Extra(_) => concert_model::Kind::Extra,
    };
    match Value::read(kind, text, None) {
        Ok(value) => Some((target, value.into_owned())),
        Err(why) => {
            keys.problem(key, format!("`{text}` cannot be a value of `{field}`: {why}"), kind.hint(text));
            None
        }
    }
}

fn target(keys: &Keys<'_>, key: &str, name: &str) -> Option<Target> {
    if let Some(extra) = name.strip_prefix("extra.").filter(|extra| !extra.is_empty()) {
        return Some(Target::Extra(extra.into()));
    }
    if let Some(field) = Field::named(name) {
        return Some(Target::Field(field));
    }
    let hint = meant(name, field::TABLE.iter().map(|(name, _)| *name), "fields of the data format, or extra.NAME");
    keys.problem(key, format!("unknown field `{name}` in `{key}`"), hint);
    None
}
