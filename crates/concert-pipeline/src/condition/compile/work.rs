//! Values that are worked out: sums, choices, conversions. Kinds are checked; what is fixed is worked out at once.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use concert_model::problem::meant;
use concert_model::{Kind, Value};

use super::duration::span;
use super::shape::is_name;
use super::{Compiler, Side};
use crate::condition::test::{Fixed, Order, Test};
use crate::condition::values::{Class, class, class_name, shown};
use crate::condition::work::{Form, Operation, Part, Work};
use crate::condition::{Look, Name, Node};

/// Functions that make a value of another, for hints.
const MAKING: [&str; 9] = ["int", "uint", "double", "string", "bool", "timestamp", "duration", "size", "lowerAscii"];

/// An event that has nothing, for what is fixed.
struct Nothing;

impl Look for Nothing {
    fn value(&self, _: concert_model::Field) -> Option<Value<'_>> {
        None
    }
    fn has(&self, _: concert_model::Field) -> bool {
        false
    }
    fn extra_name(&self, _: concert_model::Field) -> &str {
        ""
    }
    fn find_extra(&self, _: &str) -> Option<concert_model::Field> {
        None
    }
}

impl Compiler<'_> {
    /// Any value, and of which class it is.
    pub(in crate::condition) fn work(&mut self, expr: &IdedExpr, depth: usize) -> Option<(Work, Class)> {
        self.spend(expr, 1, depth)?;
        if self.answers(expr) {
            return Some((Work::Truth(Box::new(self.truth(expr, depth + 1)?)), Class::Bool));
        }
        let Expr::Call(call) = &expr.expr else {
            return match &expr.expr {
                Expr::Literal(_) => {
                    let fixed = self.fixed(expr)?;
                    let class = class_of(&fixed);
                    Some((Work::Fixed(fixed), class))
                }
                Expr::List(_) => self.wrong(
                    expr,
                    "a list has no place here",
                    "ask for what is in it: source.port in [22, 23], or [22, 23].exists(x, x == source.port)",
                ),
                Expr::Map(_) | Expr::Struct(_) => {
                    self.wrong(expr, "maps have no place in a condition", "compare fields, or ask in [...]")
                }
                Expr::Comprehension(_) => {
                    self.wrong(expr, "map and filter are not known here", "use exists, all or exists_one")
                }
                _ => {
                    let path = self.path(expr)?;
                    let name = self.name(expr, &path)?;
                    let class = class(kind(&name));
                    Some((Work::Field(name), class))
                }
            };
        };
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::INDEX, ..) => {
                let path = self.path(expr)?;
                let name = self.name(expr, &path)?;
                Some((Work::Field(name), Class::Any))
            }
            (operators::NEGATE, None, [inner]) => {
                let (work, class) = self.work(inner, depth + 1)?;
                match class {
                    Class::Number | Class::Span | Class::Any => {
                        self.settled(expr, Work::Negative(Box::new(work)), class)
                    }
                    _ => self.wrong(expr, "only a number can have a minus sign", "such as -5"),
                }
            }
            (operators::CONDITIONAL, None, [asked, a, b]) => {
                let (asked, first) = (self.truth(asked, depth + 1), self.work(a, depth + 1));
                let (other, class_b) = self.work(b, depth + 1)?;
                let (asked, (first, class_a)) = (asked?, first?);
                let class = match (class_a, class_b) {
                    (a, b) if a == b => a,
                    (Class::Any, _) | (_, Class::Any) => Class::Any,
                    _ => return self.unlike(b, class_a, class_b, "both values of a choice are of one kind"),
                };
                Some((Work::Choice(Box::new(asked), Box::new(first), Box::new(other)), class))
            }
            (name, None, [a, b]) if operation(name).is_some() => self.sum(expr, operation(name)?, a, b, depth),
            (name, target, args) => self.made(expr, name, target, args, depth),
        }
    }

    fn sum(
        &mut self,
        expr: &IdedExpr,
        operation: Operation,
        a: &IdedExpr,
        b: &IdedExpr,
        depth: usize,
    ) -> Option<(Work, Class)> {
        let (first, other) = (self.work(a, depth + 1), self.work(b, depth + 1));
        let ((first, class_a), (other, class_b)) = (first?, other?);
        use {Class::*, Operation::*};
        let class = match (operation, class_a, class_b) {
            (Rest, Number, Number) if is_decimal(&first) || is_decimal(&other) => {
                return self.wrong(expr, "% takes whole numbers", "int(feed.accuracy) % 10");
            }
            (_, Number, Number) | (_, Number, Any) | (_, Any, Number) => Number,
            (Add, Text, Text) | (Add, Text, Any) | (Add, Any, Text) => Text,
            (Add, Time, Span) | (Add, Span, Time) | (Subtract, Time, Span) => Time,
            (Subtract, Time, Time) | (Add | Subtract, Span, Span) => Span,
            (_, Any, Any) => Any,
            _ => {
                let hint = match (class_a, class_b) {
                    (Text, Number) | (Number, Text) => "make both of one kind: string(source.port) + \"/tcp\"",
                    (Time, _) | (_, Time) => "time.source + duration(\"1h\"), or time.observation - time.source",
                    _ => "numbers are reckoned with, texts are joined by +",
                };
                return self.unlike(b, class_a, class_b, hint);
            }
        };
        let by_zero = match &other {
            Work::Fixed(Fixed::Int(number)) => *number == 0,
            Work::Fixed(Fixed::Float(number)) => *number == 0.0,
            _ => false,
        };
        if by_zero && matches!(operation, Divide | Rest) {
            return self.wrong(b, "this divides by zero", "nothing equals that: divide by another number");
        }
        self.settled(expr, Work::Both(operation, Box::new(first), Box::new(other)), class)
    }

    /// A function that makes a value of another.
    fn made(
        &mut self,
        expr: &IdedExpr,
        name: &str,
        target: Option<&IdedExpr>,
        args: &[IdedExpr],
        depth: usize,
    ) -> Option<(Work, Class)> {
        let inner = match (target, args) {
            (Some(inner), []) | (None, [inner]) => inner,
            (Some(_), _) if part(name).is_some() => {
                return self.wrong(
                    expr,
                    format!("{name}() takes no value: times are in UTC here"),
                    "time.source.getHours()",
                );
            }
            _ if is_name(name) && (MAKING.contains(&name) || part(name).is_some()) => {
                return self.wrong(expr, format!("{name}() takes one value"), "such as int(extra.count)");
            }
            _ if is_name(name) => return self.unknown_function(expr, name),
            _ => return self.wrong(expr, "a field or a fixed value is needed here", "such as source.port or 23"),
        };
        if name == "size"
            && let Some(items) = self.items(inner)
        {
            let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
            return Some((Work::Fixed(Fixed::Int(count)), Class::Number));
        }
        if name == "duration" && target.is_none() {
            let Expr::Literal(LiteralValue::String(text)) = &inner.expr else {
                return self.wrong(inner, "duration() takes a fixed text", "such as duration(\"1h30m\")");
            };
            return match span(text.inner()) {
                Some(span) => Some((Work::Fixed(Fixed::Span(span)), Class::Span)),
                None => self.wrong(
                    inner,
                    format!("`{}` is no duration", text.inner()),
                    "numbers with h, m, s or ms: \"1h30m\"; a week is \"168h\"",
                ),
            };
        }
        if let (Some(part), Some(_)) = (part(name), target) {
            let (work, class) = self.work(inner, depth + 1)?;
            let fits = match part {
                Part::Hours | Part::Minutes | Part::Seconds | Part::Milliseconds => {
                    matches!(class, Class::Time | Class::Span)
                }
                _ => class == Class::Time,
            };
            return match fits {
                true => self.settled(expr, Work::Part(part, Box::new(work)), Class::Number),
                false => {
                    let hint = "time.source.getHours(); for extra fields timestamp(extra.seen).getHours()";
                    self.wrong(expr, format!("{name}() is asked of a time, and this is {}", class_name(class)), hint)
                }
            };
        }
        let (form, made) = match (name, target.is_some()) {
            ("int", false) => (Some(Form::Int), Class::Number),
            ("uint", false) => (Some(Form::Uint), Class::Number),
            ("double", false) => (Some(Form::Double), Class::Number),
            ("string", false) => (Some(Form::Text), Class::Text),
            ("bool", false) => (Some(Form::Bool), Class::Bool),
            ("timestamp", false) => (Some(Form::Time), Class::Time),
            ("size", _) => (None, Class::Number),
            ("lowerAscii", true) => (None, Class::Text),
            _ if MAKING.contains(&name) => {
                let hint = "string(source.port), comment.lowerAscii()";
                return self.wrong(expr, format!("{name}() is not written so"), hint);
            }
            _ => {
                let hint = meant(name, MAKING, format!("known here: {}", MAKING.join(", ")));
                return self.wrong(expr, format!("unknown function `{name}`"), hint);
            }
        };
        if let (Some(Form::Time), Expr::Literal(LiteralValue::String(_))) = (form, &inner.expr) {
            return self.fixed(expr).map(|fixed| (Work::Fixed(fixed), Class::Time));
        }
        let (work, class) = self.work(inner, depth + 1)?;
        let fits = match (form, class) {
            (_, Class::Any) | (Some(Form::Text), _) => true,
            (Some(Form::Int | Form::Uint), class) => matches!(class, Class::Number | Class::Text | Class::Time),
            (Some(Form::Double), class) => matches!(class, Class::Number | Class::Text),
            (Some(Form::Bool), class) => matches!(class, Class::Bool | Class::Text),
            (Some(Form::Time), class) => matches!(class, Class::Time | Class::Text | Class::Number),
            (None, class) => class == Class::Text,
        };
        if !fits {
            let what = format!("{name}() cannot be made of {}", class_name(class));
            return self.wrong(inner, what, "int(extra.count), double(\"1.5\"), string(source.ip), comment.size()");
        }
        let work = Box::new(work);
        let work = match (form, name) {
            (Some(form), _) => Work::To(form, work),
            (None, "size") => Work::Size(work),
            (None, _) => Work::Lower(work),
        };
        self.settled(expr, work, made)
    }

    /// What is fixed is worked out now, and what cannot be is a mistake.
    fn settled(&mut self, expr: &IdedExpr, work: Work, class: Class) -> Option<(Work, Class)> {
        if !work.is_settled() {
            return Some((work, class));
        }
        match work.find(&Nothing) {
            Some(found) => {
                let fixed = found.fixed();
                let class = class_of(&fixed);
                Some((Work::Fixed(fixed), class))
            }
            None => self.wrong(
                expr,
                "this cannot be worked out",
                "a division by zero, a number that is too large, or a text that spells none",
            ),
        }
    }

    fn unlike<T>(&mut self, place: &IdedExpr, a: Class, b: Class, hint: &str) -> Option<T> {
        self.wrong(place, format!("this does not go together: {} and {}", class_name(a), class_name(b)), hint)
    }

    /// A value that is worked out, against a fixed one.
    pub(super) fn worked(
        &mut self,
        (work, class): (Work, Class),
        order: Order,
        fixed: Fixed,
        place: &IdedExpr,
    ) -> Option<Node> {
        let test = match (class, fixed) {
            (Class::Any, fixed) => Test::Loose(order, fixed),
            (class, fixed) if class == class_of(&fixed) => {
                self.ordered(class, order, place)?;
                Test::Compare(order, fixed)
            }
            (Class::Time | Class::Ip | Class::Net, Fixed::Text(text)) => {
                let kind = match class {
                    Class::Time => Kind::Time,
                    Class::Ip => Kind::Ip,
                    _ => Kind::Net,
                };
                self.ordered(class, order, place)?;
                let value = match Value::read(kind, &text, None) {
                    Ok(Value::Time(time)) => Fixed::Time(time),
                    Ok(Value::Ip(address)) => Fixed::Ip(address),
                    Ok(Value::Net(net)) => Fixed::Net(net),
                    Ok(_) => return None,
                    Err(why) => return self.wrong(place, format!("`{text}`: {why}"), kind.hint(&text)),
                };
                Test::Compare(order, value)
            }
            (class, fixed) => {
                let what = format!("this compares {} with {}", class_name(class), shown(&fixed));
                return self.wrong(place, what, "int(), double() and string() make one of the other");
            }
        };
        Some(Node::Worked(Box::new((work, test))))
    }

    /// Two values of which one at least is worked out.
    pub(super) fn worked_pair(
        &mut self,
        (a, class_a): (Work, Class),
        order: Order,
        (b, class_b): (Work, Class),
        place: &IdedExpr,
    ) -> Option<Node> {
        if class_a != class_b && class_a != Class::Any && class_b != Class::Any {
            let hint = "int(), double() and string() make one of the other";
            return self.unlike(place, class_a, class_b, hint);
        }
        self.ordered(class_a, order, place)?;
        Some(Node::WorkedPair(Box::new((a, order, b))))
    }

    fn ordered(&mut self, class: Class, order: Order, place: &IdedExpr) -> Option<()> {
        match class {
            Class::Ip | Class::Net | Class::Bool if !order.is_equality() => {
                self.wrong(place, format!("this is {}, which has no order", class_name(class)), "use ==, != or cidr()")
            }
            _ => Some(()),
        }
    }

    /// A side as a value that is worked out.
    pub(super) fn as_work(&mut self, side: Side) -> (Work, Class) {
        match side {
            Side::Worked(work, class) => (work, class),
            Side::Fixed(fixed) => {
                let class = class_of(&fixed);
                (Work::Fixed(fixed), class)
            }
            Side::Field(subject) => {
                let mut found = class(subject.kind());
                let mut work = Work::Field(subject.name);
                if subject.lower {
                    (work, found) = (Work::Lower(Box::new(work)), Class::Text);
                }
                if subject.size {
                    (work, found) = (Work::Size(Box::new(work)), Class::Number);
                }
                (work, found)
            }
        }
    }
}

fn kind(name: &Name) -> Kind {
    match name {
        Name::Field(field) => field.kind(),
        Name::Extra { .. } | Name::Member(_) => Kind::Extra,
        Name::Id(_) => Kind::Lower,
    }
}

pub(super) fn class_of(fixed: &Fixed) -> Class {
    match fixed {
        Fixed::Text(_) => Class::Text,
        Fixed::Int(_) | Fixed::Float(_) => Class::Number,
        Fixed::Bool(_) => Class::Bool,
        Fixed::Time(_) => Class::Time,
        Fixed::Span(_) => Class::Span,
        Fixed::Ip(_) => Class::Ip,
        Fixed::Net(_) => Class::Net,
    }
}

fn is_decimal(work: &Work) -> bool {
    match work {
        Work::Fixed(Fixed::Float(_)) | Work::To(Form::Double, _) => true,
        Work::Field(name) => matches!(kind(name), Kind::Float | Kind::Percent),
        _ => false,
    }
}

pub(super) fn operation(operator: &str) -> Option<Operation> {
    match operator {
        operators::ADD => Some(Operation::Add),
        operators::SUBSTRACT => Some(Operation::Subtract),
        operators::MULTIPLY => Some(Operation::Multiply),
        operators::DIVIDE => Some(Operation::Divide),
        operators::MODULO => Some(Operation::Rest),
        _ => None,
    }
}

fn part(function: &str) -> Option<Part> {
    Some(match function {
        "getFullYear" => Part::Year,
        "getMonth" => Part::Month,
        "getDate" => Part::Date,
        "getDayOfMonth" => Part::DayOfMonth,
        "getDayOfWeek" => Part::DayOfWeek,
        "getDayOfYear" => Part::DayOfYear,
        "getHours" => Part::Hours,
        "getMinutes" => Part::Minutes,
        "getSeconds" => Part::Seconds,
        "getMilliseconds" => Part::Milliseconds,
        _ => return None,
    })
}
