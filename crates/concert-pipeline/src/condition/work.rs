//! Values that a condition works out for each event: sums, choices, conversions, parts of times.
//!
//! What cannot be worked out (a division by zero, a number that is too large, a text that spells no number) is
//! like a field that is absent. Only conditions that have such values pay for them.

use std::borrow::Cow;
use std::cmp::Ordering;

use concert_model::value::TEXT_BYTES_MAX;
use concert_model::{Time, Value};

use super::test::{self, Fixed, Order, Test};
use super::{Look, Name, Node, lower};

const SECOND: i64 = 1_000_000;

/// A value and how it is worked out.
#[derive(Debug)]
pub(super) enum Work {
    Fixed(Fixed),
    Field(Name),
    Lower(Box<Work>),
    Negative(Box<Work>),
    Both(Operation, Box<Work>, Box<Work>),
    Choice(Box<Node>, Box<Work>, Box<Work>),
    Truth(Box<Node>),
    Size(Box<Work>),
    To(Form, Box<Work>),
    Part(Part, Box<Work>),
}

/// What is done with two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Rest,
}

/// What a value is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Int,
    /// A whole number that is not below zero.
    Uint,
    Double,
    Text,
    Bool,
    Time,
}

/// A part of a time in UTC, or all of a duration in this unit; counted as CEL counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// A value that was worked out: one that a field can have, or the time between two moments in microseconds.
#[derive(Clone, Debug)]
pub(super) enum Found<'e> {
    Value(Value<'e>),
    Span(i64),
}

impl Work {
    /// The value for an event.
    pub(super) fn find<'e>(&'e self, event: &'e impl Look) -> Option<Found<'e>> {
        let value = match self {
            Work::Fixed(fixed) => return Some(fixed.found()),
            Work::Field(name) => name.value(event)?,
            Work::Truth(node) => Value::Bool(node.holds(event)),
            Work::Choice(node, a, b) => return if node.holds(event) { a.find(event) } else { b.find(event) },
            Work::Both(operation, a, b) => return both(*operation, a.find(event)?, b.find(event)?),
            Work::Lower(inner) => match inner.find(event)? {
                Found::Value(Value::Text(text) | Value::Json(text)) => Value::Text(lower(text)),
                _ => return None,
            },
            Work::Negative(inner) => match inner.find(event)? {
                Found::Span(span) => return Some(Found::Span(span.checked_neg()?)),
                Found::Value(value) => return numbers(Operation::Subtract, &Value::Int(0), &value).map(Found::Value),
            },
            Work::Size(inner) => match inner.find(event)? {
                Found::Value(value) => Value::Int(size(&value)?),
                Found::Span(_) => return None,
            },
            Work::To(form, inner) => convert(*form, inner.find(event)?)?,
            Work::Part(part, inner) => Value::Int(part.of(&inner.find(event)?)?),
        };
        Some(Found::Value(value))
    }

    /// Whether all that it needs is fixed, so that it is worked out once.
    pub(super) fn is_settled(&self) -> bool {
        let fixed = |work: &Work| matches!(work, Work::Fixed(_));
        match self {
            Work::Fixed(_) => true,
            Work::Both(_, a, b) => fixed(a) && fixed(b),
            Work::Lower(inner) | Work::Negative(inner) | Work::Size(inner) => fixed(inner),
            Work::To(_, inner) | Work::Part(_, inner) => fixed(inner),
            Work::Field(_) | Work::Choice(..) | Work::Truth(_) => false,
        }
    }

    pub(super) fn each_name<'n>(&'n self, tell: &mut dyn FnMut(&'n Name)) {
        match self {
            Work::Fixed(_) => {}
            Work::Field(name) => tell(name),
            Work::Truth(node) => node.each_name(tell),
            Work::Lower(inner) | Work::Negative(inner) | Work::Size(inner) => inner.each_name(tell),
            Work::To(_, inner) | Work::Part(_, inner) => inner.each_name(tell),
            Work::Both(_, a, b) => {
                a.each_name(tell);
                b.each_name(tell);
            }
            Work::Choice(node, a, b) => {
                node.each_name(tell);
                a.each_name(tell);
                b.each_name(tell);
            }
        }
    }
}

impl Found<'_> {
    /// Whether a question about it is answered with yes.
    pub(super) fn passes(&self, test: &Test) -> bool {
        match (self, test) {
            (Found::Value(value), test) => test.holds(value),
            (Found::Span(span), Test::Compare(order, Fixed::Span(fixed))) => order.holds(span.cmp(fixed)),
            (Found::Span(_), _) => false,
        }
    }

    /// How it stands to another; a number also to text that spells one, because that is how `extra.*` comes.
    pub(super) fn compare(&self, other: &Found<'_>) -> Option<Ordering> {
        match (self, other) {
            (Found::Span(a), Found::Span(b)) => Some(a.cmp(b)),
            (Found::Value(a), Found::Value(b)) => test::compare(a, b).or_else(|| {
                let is_number = |value: &Value<'_>| matches!(value, Value::Int(_) | Value::Float(_));
                let (a, b) = (is_number(a) || is_number(b)).then(|| (number(a), number(b)))?;
                test::compare(&a?, &b?)
            }),
            _ => None,
        }
    }

    pub(super) fn stands(&self, order: Order, other: &Found<'_>) -> bool {
        self.compare(other).is_some_and(|found| order.holds(found))
    }

    /// The text of a text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Found::Value(value) => value.as_text(),
            Found::Span(_) => None,
        }
    }

    /// The same as a fixed value.
    pub(super) fn fixed(self) -> Fixed {
        match self {
            Found::Span(span) => Fixed::Span(span),
            Found::Value(Value::Text(text) | Value::Json(text)) => Fixed::Text(text.into()),
            Found::Value(Value::Int(number)) => Fixed::Int(number),
            Found::Value(Value::Float(number)) => Fixed::Float(number),
            Found::Value(Value::Bool(truth)) => Fixed::Bool(truth),
            Found::Value(Value::Time(time)) => Fixed::Time(time),
            Found::Value(Value::Ip(address)) => Fixed::Ip(address),
            Found::Value(Value::Net(net)) => Fixed::Net(net),
        }
    }
}

impl Fixed {
    fn found(&self) -> Found<'_> {
        Found::Value(match self {
            Fixed::Span(span) => return Found::Span(*span),
            Fixed::Text(text) => Value::text(text),
            Fixed::Int(number) => Value::Int(*number),
            Fixed::Float(number) => Value::Float(*number),
            Fixed::Bool(truth) => Value::Bool(*truth),
            Fixed::Time(time) => Value::Time(*time),
            Fixed::Ip(address) => Value::Ip(*address),
            Fixed::Net(net) => Value::Net(*net),
        })
    }
}

fn both<'e>(operation: Operation, a: Found<'e>, b: Found<'e>) -> Option<Found<'e>> {
    use Found::Span;
    Some(match (operation, a, b) {
        (Operation::Add, Found::Value(Value::Time(time)), Span(span))
        | (Operation::Add, Span(span), Found::Value(Value::Time(time))) => {
            Found::Value(Value::Time(moved(time, span)?))
        }
        (Operation::Subtract, Found::Value(Value::Time(time)), Span(span)) => {
            Found::Value(Value::Time(moved(time, span.checked_neg()?)?))
        }
        (Operation::Subtract, Found::Value(Value::Time(a)), Found::Value(Value::Time(b))) => {
            Span(a.0.checked_sub(b.0)?)
        }
        (Operation::Add, Span(a), Span(b)) => Span(a.checked_add(b)?),
        (Operation::Subtract, Span(a), Span(b)) => Span(a.checked_sub(b)?),
        (Operation::Add, Found::Value(Value::Text(a)), Found::Value(Value::Text(b))) => {
            // Texts that grow with each step would cost without end.
            if a.len() + b.len() > TEXT_BYTES_MAX {
                return None;
            }
            Found::Value(Value::Text(Cow::Owned(format!("{a}{b}"))))
        }
        (operation, Found::Value(a), Found::Value(b)) => Found::Value(numbers(operation, &a, &b)?),
        _ => return None,
    })
}

/// A moment that still has a year of four digits.
fn moved(time: Time, span: i64) -> Option<Time> {
    let moved = Time(time.0.checked_add(span)?);
    Time::from_seconds(moved.seconds()).map(|_| moved)
}

/// A number, or the one that a text spells.
fn number(value: &Value<'_>) -> Option<Value<'static>> {
    match value {
        Value::Int(number) => Some(Value::Int(*number)),
        Value::Float(number) => Some(Value::Float(*number)),
        Value::Text(text) => match text.trim().parse() {
            Ok(number) => Some(Value::Int(number)),
            Err(_) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
        },
        _ => None,
    }
}

fn numbers<'e>(operation: Operation, a: &Value<'_>, b: &Value<'_>) -> Option<Value<'e>> {
    let (a, b) = (number(a)?, number(b)?);
    let decimal = |value: &Value<'_>| match value {
        Value::Float(number) => *number,
        other => test::decimal(other.as_int().unwrap_or_default()),
    };
    if let (Value::Int(a), Value::Int(b)) = (&a, &b) {
        let number = match operation {
            Operation::Add => a.checked_add(*b),
            Operation::Subtract => a.checked_sub(*b),
            Operation::Multiply => a.checked_mul(*b),
            Operation::Divide => a.checked_div(*b),
            Operation::Rest => a.checked_rem(*b),
        };
        return number.map(Value::Int);
    }
    let (a, b) = (decimal(&a), decimal(&b));
    let number = match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
        Operation::Rest => return None,
    };
    number.is_finite().then_some(Value::Float(number))
}

/// Letters of a text, or members of a list or object.
pub(super) fn size(value: &Value<'_>) -> Option<i64> {
    let count = match value {
        Value::Text(text) => text.chars().count(),
        Value::Json(text) => match serde_json::from_str(text) {
            Ok(serde_json::Value::Array(items)) => items.len(),
            Ok(serde_json::Value::Object(members)) => members.len(),
            _ => text.chars().count(),
        },
        _ => return None,
    };
    i64::try_from(count).ok()
}

fn convert<'e>(form: Form, found: Found<'e>) -> Option<Value<'e>> {
    let value = match found {
        Found::Value(value) => value,
        Found::Span(span) if form == Form::Text => {
            return Some(Value::Text(format!("{}s", test::decimal(span) / test::decimal(SECOND)).into()));
        }
        Found::Span(_) => return None,
    };
    match (form, value) {
        (Form::Uint, value) => {
            convert(Form::Int, Found::Value(value)).filter(|number| number.as_int().is_some_and(|number| number >= 0))
        }
        (Form::Int, Value::Int(number)) => Some(Value::Int(number)),
        (Form::Int, Value::Float(number)) => whole(number).map(Value::Int),
        (Form::Int, Value::Text(text)) => text.trim().parse().ok().map(Value::Int),
        (Form::Int, Value::Time(time)) => Some(Value::Int(time.seconds())),
        (Form::Double, Value::Int(number)) => Some(Value::Float(test::decimal(number))),
        (Form::Double, Value::Float(number)) => Some(Value::Float(number)),
        (Form::Double, Value::Text(text)) => {
            text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float)
        }
        (Form::Bool, Value::Bool(truth)) => Some(Value::Bool(truth)),
        (Form::Bool, Value::Text(text)) => text.trim().to_ascii_lowercase().parse().ok().map(Value::Bool),
        (Form::Time, Value::Time(time)) => Some(Value::Time(time)),
        (Form::Time, Value::Int(seconds)) => Time::from_seconds(seconds).map(Value::Time),
        (Form::Time, Value::Text(text)) => Time::parse(&text, None).ok().map(Value::Time),
        (Form::Text, Value::Text(text) | Value::Json(text)) => Some(Value::Text(text)),
        (Form::Text, Value::Int(number)) => Some(Value::Text(number.to_string().into())),
        (Form::Text, Value::Float(number)) => Some(Value::Text(number.to_string().into())),
        (Form::Text, Value::Bool(truth)) => Some(Value::text(if truth { "true" } else { "false" })),
        (Form::Text, Value::Ip(address)) => Some(Value::Text(address.to_string().into())),
        (Form::Text, Value::Net(net)) => Some(Value::Text(net.to_string().into())),
        (Form::Text, Value::Time(time)) => {
            let mut text = Vec::new();
            time.write(&mut text);
            String::from_utf8(text).ok().map(|text| Value::Text(text.into()))
        }
        _ => None,
    }
}

/// A decimal number without its fraction.
fn whole(number: f64) -> Option<i64> {
    // As text, since casts of numbers that are too large give another number.
    format!("{:.0}", number.trunc()).parse().ok()
}

impl Part {
    fn of(self, found: &Found<'_>) -> Option<i64> {
        match found {
            Found::Value(Value::Time(time)) => Some(self.of_time(*time)),
            Found::Span(span) => self.of_span(*span),
            Found::Value(_) => None,
        }
    }

    fn of_time(self, time: Time) -> i64 {
        let at = jiff::tz::Offset::UTC.to_datetime(time.timestamp());
        match self {
            Part::Year => at.year().into(),
            Part::Month => i64::from(at.month()) - 1,
            Part::Date => at.day().into(),
            Part::DayOfMonth => i64::from(at.day()) - 1,
            Part::DayOfWeek => at.weekday().to_sunday_zero_offset().into(),
            Part::DayOfYear => i64::from(at.day_of_year()) - 1,
            Part::Hours => at.hour().into(),
            Part::Minutes => at.minute().into(),
            Part::Seconds => at.second().into(),
            Part::Milliseconds => at.millisecond().into(),
        }
    }

    fn of_span(self, span: i64) -> Option<i64> {
        match self {
            Part::Hours => Some(span / (3600 * SECOND)),
            Part::Minutes => Some(span / (60 * SECOND)),
            Part::Seconds => Some(span / SECOND),
            Part::Milliseconds => Some(span / 1000 % 1000),
            _ => None,
        }
    }
}
