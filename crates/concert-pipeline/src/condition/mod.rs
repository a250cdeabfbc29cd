//! Conditions: CEL expressions over the fields of an event, checked when they are read.
//!
//! A condition compares fields with fixed values or with each other: `==`, `!=`, `<`, `<=`, `>`, `>=`,
//! `in [...]`, joined by `&&`, `||`, `!` and parentheses. `cidr(source.ip, "192.0.2.0/24")` asks for
//! a network (or one of a list), `domain(source.fqdn, "example.com")` for a name or any below it, in
//! a domain, the host of a URL or a mail address. Text has `.contains()`, `.startsWith()`,
//! `.endsWith()`, `.matches()` (a regular expression found anywhere), `.size()` and `.lowerAscii()`.
//! Times compare with RFC 3339 text, with or without `timestamp("...")`. `has(source.ip)` asks
//! whether a field is there. What is worked out for each event (sums, choices, conversions) is in `work.rs`, and what
//! is asked of lists in `lists.rs`; a condition that has none of it does not pay for them. `extra.name` and `extra["any name"]` are compared as they came: a
//! number also with text that spells it.
//!
//! What would surprise you: a comparison with a field that is absent is false, also `!=`; `!` of it
//! is true. Fixed values are brought into the form fields have, so `malware.name == "Conficker"`
//! finds `conficker`. Severities and TLP labels are ordered: `severity >= "high"` is high or critical,
//! `tlp >= "amber"` is amber or more restricted.

mod bounds;
mod compile;
mod lists;
mod test;
#[cfg(test)]
mod tests;
mod values;
mod work;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU16, Ordering};

use concert_model::{Event, Field, OpenEvent, Problem, ReportId, Value};

pub use bounds::{Bounds, Span};
use lists::{Each, How};
use test::{Order, Test};
use work::Work;

/// Longest condition.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting of a condition.
pub const NESTING_MAX: usize = 64;

/// A condition over events, ready to be asked.
#[derive(Debug)]
pub struct Condition {
    text: String,
    node: Node,
}

/// One step of a condition.
#[derive(Debug)]
enum Node {
    Always(bool),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Has(Name),
    Test {
        name: Name,
        lower: bool,
        test: Test,
    },
    Pair {
        left: Name,
        order: Order,
        right: Name,
    },
    /// The first decides which of the others is asked.
    Choice(Box<[Node; 3]>),
    /// Exactly one of them holds.
    One(Vec<Node>),
    Worked(Box<(Work, Test)>),
    WorkedPair(Box<(Work, Order, Work)>),
    /// Whether a text has another one in it, before it or behind it.
    Parts(Box<(Work, Place, Work)>),
    Within(Box<(Work, Name)>),
    Each(Box<Each>),
}

/// Where a text is looked for in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Anywhere,
    Start,
    End,
}

/// A field by number, or an `extra.*` field by name because its number differs between batches.
#[derive(Debug)]
enum Name {
    Field(Field),
    Extra {
        name: Box<str>,
        last: AtomicU16,
    },
    Id(Id),
    /// A member of a list, by the name that `exists` or `all` gives it.
    Member(Box<str>),
}

/// What tells an event from others; known of those that are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Event,
    Report,
}

impl Id {
    const ALL: [Id; 2] = [Id::Event, Id::Report];

    fn name(self) -> &'static str {
        match self {
            Id::Event => "event.id",
            Id::Report => "report.id",
        }
    }
}

/// What is known of an event only once it is stored: how often it came again, and when last.
const KNOWN_LATER: [Field; 2] = [Field::DUPLICATE_COUNT, Field::TIME_LAST_SEEN];

impl Condition {
    /// Reads a condition. All mistakes are told, each with the byte of the text where it stands.
    pub fn compile(text: &str) -> Result<Condition, Vec<(usize, Problem)>> {
        compile::compile(text, false).map(|node| Condition { text: text.to_owned(), node })
    }

    /// Reads a condition about events that are stored: `event.id` and `report.id` are known of these, and
    /// how often they came again.
    pub fn compile_for_stored(text: &str) -> Result<Condition, Vec<(usize, Problem)>> {
        compile::compile(text, true).map(|node| Condition { text: text.to_owned(), node })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds for an event.
    pub fn holds(&self, event: &Event<'_>) -> bool {
        self.node.holds(event)
    }

    /// Whether it holds for an event of this report.
    pub fn holds_stored(&self, event: &Event<'_>, report: ReportId) -> bool {
        self.node.holds(&OfReport { event, report })
    }

    /// Whether it asks how often an event came again, or when last.
    pub fn asks_for_repeats(&self) -> bool {
        self.fields().iter().any(|field| KNOWN_LATER.contains(field))
    }

    /// Whether it holds for an event that is still being filled.
    pub fn holds_open(&self, event: &OpenEvent<'_>) -> bool {
        self.node.holds(event)
    }

    /// What every event for which it holds has in common, for skipping data that cannot matter.
    pub fn bounds(&self) -> Bounds {
        Bounds::of(&self.node)
    }

    /// Whether it can hold for an event of which these values are known and no others.
    pub fn can_hold(&self, known: &[(Field, Value<'_>)]) -> bool {
        self.node.can_be(true, known)
    }

    /// The fields of the table that it looks at, each once.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        self.node.each_name(&mut |name| {
            if let Name::Field(field) = name {
                fields.push(*field);
            }
        });
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// The `extra.*` names that it looks at, without the prefix, each once.
    pub fn extra_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.node.each_name(&mut |name| {
            if let Name::Extra { name, .. } = name {
                names.push(name.to_string());
            }
        });
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Where values come from: a finished event, or one being filled.
trait Look {
    fn value(&self, field: Field) -> Option<Value<'_>>;
    fn has(&self, field: Field) -> bool;
    fn extra_name(&self, field: Field) -> &str;
    fn find_extra(&self, name: &str) -> Option<Field>;
    fn id(&self, _: Id) -> Option<Value<'_>> {
        None
    }
    fn member(&self, _: &str) -> Option<Value<'_>> {
        None
    }
}

/// An event that is stored.
struct OfReport<'a> {
    event: &'a Event<'a>,
    report: ReportId,
}

impl Look for OfReport<'_> {
    fn value(&self, field: Field) -> Option<Value<'_>> {
        self.event.get(field)
    }
    fn has(&self, field: Field) -> bool {
        self.event.get(field).is_some()
    }
    fn extra_name(&self, field: Field) -> &str {
        self.event.extra_name(field)
    }
    fn find_extra(&self, name: &str) -> Option<Field> {
        self.event.find_extra(name)
    }
    fn id(&self, id: Id) -> Option<Value<'_>> {
        let text = match id {
            Id::Event => self.event.row().id.to_string(),
            Id::Report => self.report.to_string(),
        };
        Some(Value::Text(text.into()))
    }
}

impl Look for Event<'_> {
    fn value(&self, field: Field) -> Option<Value<'_>> {
        self.get(field)
    }
    fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }
    fn extra_name(&self, field: Field) -> &str {
        Event::extra_name(self, field)
    }
    fn find_extra(&self, name: &str) -> Option<Field> {
        Event::find_extra(self, name)
    }
}

impl Look for OpenEvent<'_> {
    fn value(&self, field: Field) -> Option<Value<'_>> {
        self.get(field)
    }
    fn has(&self, field: Field) -> bool {
        OpenEvent::has(self, field)
    }
    fn extra_name(&self, field: Field) -> &str {
        self.batch().extra_name(field)
    }
    fn find_extra(&self, name: &str) -> Option<Field> {
        self.batch().find_extra(name)
    }
}

impl Name {
    fn extra(name: &str) -> Name {
        Name::Extra { name: name.into(), last: AtomicU16::new(0) }
    }

    /// The number in this batch. The number an extra name had last is tried before its name is hashed.
    fn number(&self, event: &impl Look) -> Option<Field> {
        match self {
            Name::Field(field) => Some(*field),
            Name::Extra { name, last } => {
                let guess = Field(last.load(Ordering::Relaxed));
                if guess.is_extra() && event.extra_name(guess) == &**name {
                    return Some(guess);
                }
                let field = event.find_extra(name)?;
                last.store(field.0, Ordering::Relaxed);
                Some(field)
            }
            Name::Id(_) | Name::Member(_) => None,
        }
    }

    fn value<'e>(&self, event: &'e impl Look) -> Option<Value<'e>> {
        match self {
            Name::Id(id) => event.id(*id),
            Name::Member(path) => event.member(path),
            _ => event.value(self.number(event)?),
        }
    }
}

impl Node {
    fn holds(&self, event: &impl Look) -> bool {
        match self {
            Node::Always(truth) => *truth,
            Node::All(nodes) => nodes.iter().all(|node| node.holds(event)),
            Node::Any(nodes) => nodes.iter().any(|node| node.holds(event)),
            Node::Not(node) => !node.holds(event),
            Node::Has(name @ (Name::Id(_) | Name::Member(_))) => name.value(event).is_some(),
            Node::Has(name) => name.number(event).is_some_and(|field| event.has(field)),
            Node::Test { name, lower: false, test } => name.value(event).is_some_and(|value| test.holds(&value)),
            Node::Test { name, lower: true, test } => match name.value(event) {
                Some(Value::Text(text) | Value::Json(text)) => test.holds(&Value::Text(lower(text))),
                _ => false,
            },
            Node::Pair { left, order, right } => match (left.value(event), right.value(event)) {
                (Some(left), Some(right)) => test::compare(&left, &right).is_some_and(|found| order.holds(found)),
                _ => false,
            },
            Node::Choice(nodes) => {
                let [asked, a, b] = &**nodes;
                if asked.holds(event) { a.holds(event) } else { b.holds(event) }
            }
            Node::One(nodes) => How::One.over(nodes, |node| node.holds(event)),
            Node::Worked(worked) => worked.0.find(event).is_some_and(|found| found.passes(&worked.1)),
            Node::WorkedPair(pair) => match (pair.0.find(event), pair.2.find(event)) {
                (Some(left), Some(right)) => left.stands(pair.1, &right),
                _ => false,
            },
            Node::Parts(parts) => match (parts.0.find(event), parts.2.find(event)) {
                (Some(text), Some(part)) => parts.1.holds(text.text(), part.text()),
                _ => false,
            },
            Node::Within(within) => lists::is_within(&within.0, &within.1, event),
            Node::Each(each) => each.holds(event),
        }
    }

    /// Whether it can come out so. What asks for a field that is not known can come out either way.
    fn can_be(&self, truth: bool, known: &[(Field, Value<'_>)]) -> bool {
        let value_of = |name: &Name| match name {
            Name::Field(field) => known.iter().find(|(given, _)| given == field).map(|(_, value)| value),
            Name::Extra { .. } | Name::Id(_) | Name::Member(_) => None,
        };
        match self {
            Node::Always(always) => *always == truth,
            Node::All(nodes) if truth => nodes.iter().all(|node| node.can_be(true, known)),
            Node::Any(nodes) if !truth => nodes.iter().all(|node| node.can_be(false, known)),
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().any(|node| node.can_be(truth, known)),
            Node::Not(node) => node.can_be(!truth, known),
            Node::Has(name) => truth || value_of(name).is_none(),
            Node::Test { name, lower: false, test } => value_of(name).is_none_or(|value| test.holds(value) == truth),
            Node::Choice(nodes) => nodes.iter().skip(1).any(|node| node.can_be(truth, known)),
            // What is worked out, and what is asked of lists, can come out either way.
            _ => true,
        }
    }

    fn each_name<'n>(&'n self, tell: &mut dyn FnMut(&'n Name)) {
        match self {
            Node::Always(_) => {}
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| node.each_name(tell)),
            Node::Not(node) => node.each_name(tell),
            Node::Has(name) | Node::Test { name, .. } => tell(name),
            Node::Pair { left, right, .. } => {
                tell(left);
                tell(right);
            }
            Node::Choice(nodes) => nodes.iter().for_each(|node| node.each_name(tell)),
            Node::One(nodes) => nodes.iter().for_each(|node| node.each_name(tell)),
            Node::Worked(worked) => worked.0.each_name(tell),
            Node::WorkedPair(pair) => {
                pair.0.each_name(tell);
                pair.2.each_name(tell);
            }
            Node::Parts(parts) => {
                parts.0.each_name(tell);
                parts.2.each_name(tell);
            }
            Node::Within(within) => {
                within.0.each_name(tell);
                tell(&within.1);
            }
            Node::Each(each) => {
                tell(&each.list);
                each.node.each_name(tell);
            }
        }
    }
}

impl Place {
    fn holds(self, text: Option<&str>, part: Option<&str>) -> bool {
        let (Some(text), Some(part)) = (text, part) else { return false };
        match self {
            Place::Anywhere => text.contains(part),
            Place::Start => text.starts_with(part),
            Place::End => text.ends_with(part),
        }
    }
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text }
}
