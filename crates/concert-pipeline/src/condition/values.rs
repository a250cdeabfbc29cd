//! Fixed values of a condition: what may be compared with what, and the form fields keep their values in.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use concert_model::{Kind, Net, Time, Value};

use super::compile::{Compiler, Subject};
use super::test::{Fixed, Order};
use super::work::Work;

/// Kinds whose values compare with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Text,
    Number,
    Bool,
    Time,
    Ip,
    Net,
    /// Between two moments; no field has one.
    Span,
    Any,
}

pub(super) fn class(kind: Kind) -> Class {
    match kind {
        Kind::Time => Class::Time,
        Kind::Asn | Kind::Int | Kind::Port | Kind::Float | Kind::Percent => Class::Number,
        Kind::Ip => Class::Ip,
        Kind::Net => Class::Net,
        Kind::Bool => Class::Bool,
        Kind::Extra => Class::Any,
        _ => Class::Text,
    }
}

pub(super) fn class_name(class: Class) -> &'static str {
    match class {
        Class::Text => "text",
        Class::Number => "a number",
        Class::Bool => "true or false",
        Class::Time => "a time",
        Class::Ip => "an address",
        Class::Net => "a network",
        Class::Span => "a duration",
        Class::Any => "any value",
    }
}

impl Compiler<'_> {
    /// A fixed value as it is written.
    pub(super) fn fixed(&mut self, expr: &IdedExpr) -> Option<Fixed> {
        match &expr.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(Fixed::Text(text.inner().into())),
            Expr::Literal(LiteralValue::Int(number)) => Some(Fixed::Int(*number.inner())),
            Expr::Literal(LiteralValue::UInt(number)) => match i64::try_from(*number.inner()) {
                Ok(number) => Some(Fixed::Int(number)),
                Err(_) => self.wrong(expr, "the number is too large", format!("it is at most {}", i64::MAX)),
            },
            Expr::Literal(LiteralValue::Double(number)) => Some(Fixed::Float(*number.inner())),
            Expr::Literal(LiteralValue::Boolean(truth)) => Some(Fixed::Bool(*truth.inner())),
            Expr::Literal(LiteralValue::Null) => self.wrong(
                expr,
                "there is no null here: a field is there or not",
                "ask has(source.ip) or !has(source.ip)",
            ),
            Expr::Call(call) if call.func_name == "timestamp" => match call.args.as_slice() {
                [IdedExpr { expr: Expr::Literal(LiteralValue::String(text)), .. }] => self.time(expr, text.inner()),
                [IdedExpr { expr: Expr::Literal(_), .. }] => self.settled_value(expr),
                _ => self.wrong(expr, "timestamp() takes one text", "timestamp(\"2026-11-22T04:50:30Z\")"),
            },
            Expr::Call(_) => self.settled_value(expr),
            _ => self.wrong(expr, "a fixed value is needed here", "text in quotes, a number, true or false"),
        }
    }

    /// What is worked out of fixed values alone.
    fn settled_value(&mut self, expr: &IdedExpr) -> Option<Fixed> {
        match self.work(expr, 0)? {
            (Work::Fixed(fixed), _) => Some(fixed),
            _ => self.wrong(expr, "a fixed value is needed here", "text in quotes, a number, true or false"),
        }
    }

    fn time(&mut self, expr: &IdedExpr, text: &str) -> Option<Fixed> {
        match Time::parse(text, None) {
            Ok(time) => Some(Fixed::Time(time)),
            Err(why) => self.wrong(expr, format!("`{text}`: {why}"), "write it as 2026-11-22T04:50:30Z"),
        }
    }

    /// A fixed value in the form that the field's values have.
    pub(super) fn suited(&mut self, subject: &Subject, fixed: Fixed, place: &IdedExpr) -> Option<Fixed> {
        let kind = subject.kind();
        match (class(kind), fixed) {
            (Class::Any, fixed) => Some(fixed),
            (Class::Number, fixed @ (Fixed::Int(_) | Fixed::Float(_)))
            | (Class::Bool, fixed @ Fixed::Bool(_))
            | (Class::Time, fixed @ Fixed::Time(_)) => Some(fixed),
            (Class::Text, Fixed::Text(text)) if text.is_empty() || subject.lower => Some(Fixed::Text(text)),
            (Class::Text | Class::Time | Class::Ip | Class::Net, Fixed::Text(text)) => self.read(subject, &text, place),
            (Class::Number, Fixed::Text(text)) if kind == Kind::Asn => self.read(subject, &text, place),
            (wanted, given) => {
                let what =
                    format!("`{}` is {} and is compared with {}", subject.shown(), class_name(wanted), shown(&given));
                let hint = match (wanted, &given) {
                    (Class::Text | Class::Ip | Class::Net | Class::Time, _) => "write the value in quotes",
                    (_, Fixed::Text(_)) => "write the value without quotes",
                    (Class::Bool, _) => "compare it with true or false",
                    _ => "compare it with a number",
                };
                self.wrong(place, what, hint)
            }
        }
    }

    fn read(&mut self, subject: &Subject, text: &str, place: &IdedExpr) -> Option<Fixed> {
        match Value::read(subject.kind(), text, None) {
            Ok(Value::Text(text) | Value::Json(text)) => Some(Fixed::Text(text.into())),
            Ok(Value::Int(number)) => Some(Fixed::Int(number)),
            Ok(Value::Time(time)) => Some(Fixed::Time(time)),
            Ok(Value::Ip(address)) => Some(Fixed::Ip(address)),
            Ok(Value::Net(net)) => Some(Fixed::Net(net)),
            Ok(Value::Float(number)) => Some(Fixed::Float(number)),
            Ok(Value::Bool(truth)) => Some(Fixed::Bool(truth)),
            Err(why) => {
                let hint = match subject.kind() {
                    Kind::Ip if text.parse::<Net>().is_ok() => {
                        format!("ask for a network with cidr({}, \"{text}\")", subject.shown())
                    }
                    kind => kind.hint(text),
                };
                self.wrong(place, format!("`{text}` cannot be a value of `{}`: {why}", subject.shown()), hint)
            }
        }
    }
}

/// The words of a ranking (highest first) that stand so to one of them.
pub(super) fn ranked(ranks: &[&str], order: Order, text: &str) -> Vec<Fixed> {
    let rank = |word: &str| ranks.iter().position(|known| *known == word).map(std::cmp::Reverse);
    let words = ranks.iter().filter(|word| order.holds(rank(word).cmp(&rank(text))));
    words.map(|word| Fixed::Text((*word).into())).collect()
}

pub(super) fn shown(fixed: &Fixed) -> &'static str {
    match fixed {
        Fixed::Text(_) => "text",
        Fixed::Int(_) | Fixed::Float(_) => "a number",
        Fixed::Bool(_) => "true or false",
        Fixed::Time(_) => "a time",
        Fixed::Ip(_) => "an address",
        Fixed::Net(_) => "a network",
        Fixed::Span(_) => "a duration",
    }
}
