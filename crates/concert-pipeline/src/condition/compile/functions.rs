//! The functions of conditions.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use concert_model::problem::meant;
use concert_model::{Kind, Net, host};
use regex::RegexBuilder;

use super::shape::{choice, is_plain};
use super::{Compiler, Subject};
use crate::condition::test::{Fixed, Order, Test};
use crate::condition::values::{Class, class, class_name};
use crate::condition::work::Work;
use crate::condition::{Node, Place};

/// Largest compiled regular expression.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Steps that one costs: a condition has a few hundred at most.
const REGEX_STEPS: usize = 70;
/// The functions that answer yes or no, for hints.
const FUNCTIONS: [&str; 8] = ["cidr", "domain", "has", "contains", "startsWith", "endsWith", "matches", "timestamp"];

/// Whether a function answers yes or no.
pub(super) fn answers(name: &str) -> bool {
    FUNCTIONS.contains(&name) && name != "timestamp"
}

impl Compiler<'_> {
    /// A function that answers yes or no.
    pub(super) fn function(
        &mut self,
        expr: &IdedExpr,
        name: &str,
        target: Option<&IdedExpr>,
        args: &[IdedExpr],
        depth: usize,
    ) -> Option<Node> {
        match (name, target, args) {
            ("cidr", None, [subject, nets]) => self.cidr(subject, nets, depth),
            ("domain", None, [subject, names]) => self.domain(subject, names, depth),
            ("matches", None, [target, arg]) => {
                self.function(expr, name, Some(target), std::slice::from_ref(arg), depth)
            }
            ("contains" | "startsWith" | "endsWith" | "matches", Some(target), [arg]) => {
                let text = match &arg.expr {
                    Expr::Literal(LiteralValue::String(text)) if is_plain(target) => text,
                    _ => return self.parts(name, target, arg, depth),
                };
                let subject = self.text_subject(target);
                let test = self.text_test(name, subject.as_ref(), text.inner(), arg);
                let subject = subject?;
                Some(Node::Test { name: subject.name, lower: subject.lower, test: test? })
            }
            ("cidr", ..) => self.wrong(expr, "cidr() takes a field and a network", "cidr(source.ip, \"192.0.2.0/24\")"),
            ("domain", ..) => {
                self.wrong(expr, "domain() takes a field and a name", "domain(source.fqdn, \"example.com\")")
            }
            ("contains" | "startsWith" | "endsWith" | "matches", ..) => {
                self.wrong(expr, format!("{name}() is asked of a field"), format!("source.fqdn.{name}(\"text\")"))
            }
            ("size" | "lowerAscii" | "timestamp", ..) => {
                self.wrong(expr, format!("{name}() is neither true nor false"), "compare it with a fixed value")
            }
            ("bool", None, [_]) => {
                let (work, _) = self.work(expr, depth + 1)?;
                Some(Node::Worked(Box::new((work, Test::Compare(Order::Equal, Fixed::Bool(true))))))
            }
            ("int" | "double" | "string" | "duration", ..) => {
                self.wrong(expr, format!("{name}() is neither true nor false"), "compare it: int(extra.count) > 5")
            }
            _ => self.unknown_function(expr, name),
        }
    }

    pub(super) fn unknown_function<T>(&mut self, expr: &IdedExpr, name: &str) -> Option<T> {
        let hint = meant(name, FUNCTIONS, format!("known here: {}, size, lowerAscii", FUNCTIONS.join(", ")));
        self.wrong(expr, format!("unknown function `{name}`"), hint)
    }

    fn text_test(&mut self, name: &str, subject: Option<&Subject>, text: &str, place: &IdedExpr) -> Option<Test> {
        if name == "matches" {
            // Each is compiled, also where a list is written out.
            self.spend(place, REGEX_STEPS, 0)?;
            return match RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build() {
                Ok(regex) => Some(Test::Matches(regex)),
                Err(error) => {
                    let why = error.to_string();
                    let why = why.lines().last().unwrap_or_default().trim();
                    let hint = "such as source.fqdn.matches(\"^mail[0-9]*\")";
                    self.wrong(place, format!("the regular expression cannot be used: {why}"), hint)
                }
            };
        }
        // Parts of a text are brought into the letter case that the field keeps.
        let part: Box<str> = match subject.map(Subject::kind) {
            Some(
                Kind::Lower | Kind::Domain | Kind::Transport | Kind::Taxonomy | Kind::Type | Kind::Tlp | Kind::Severity,
            ) => text.to_lowercase().into(),
            Some(Kind::Country | Kind::Registry) => text.to_uppercase().into(),
            _ => text.into(),
        };
        match name {
            "contains" => Some(Test::Contains(part)),
            "startsWith" => Some(Test::StartsWith(part)),
            _ => Some(Test::EndsWith(part)),
        }
    }

    /// A part that is asked of a text, where one of them is worked out.
    fn parts(&mut self, name: &str, target: &IdedExpr, arg: &IdedExpr, depth: usize) -> Option<Node> {
        let (of, part) = (self.work(target, depth + 1), self.work(arg, depth + 1));
        let ((of, class_of), (part, class_part)) = (of?, part?);
        for (class, place) in [(class_of, target), (class_part, arg)] {
            if !matches!(class, Class::Text | Class::Any) {
                let what = format!("{name}() is asked of texts, and this is {}", class_name(class));
                return self.wrong(place, what, "string(source.ip).startsWith(\"192.0.2.\")");
            }
        }
        match part {
            Work::Fixed(Fixed::Text(text)) => {
                let test = self.text_test(name, None, &text, arg)?;
                Some(Node::Worked(Box::new((of, test))))
            }
            // One that comes with events would be made anew for each.
            _ if name == "matches" => {
                self.wrong(arg, "matches() takes a fixed text", "contains(), startsWith() and endsWith() take a field")
            }
            part => {
                let place = match name {
                    "contains" => Place::Anywhere,
                    "startsWith" => Place::Start,
                    _ => Place::End,
                };
                Some(Node::Parts(Box::new((of, place, part))))
            }
        }
    }

    /// The texts of an argument that is one text or a list of texts.
    fn texts(&mut self, expr: &IdedExpr) -> Option<Vec<(String, IdedExpr)>> {
        let items = match &expr.expr {
            Expr::List(list) => list.elements.as_slice(),
            _ => std::slice::from_ref(expr),
        };
        let mut texts = Vec::new();
        for item in items {
            let Expr::Literal(LiteralValue::String(text)) = &item.expr else {
                return self.wrong(item, "a text or a list of texts is needed here", "text stands in quotes");
            };
            texts.push((text.inner().to_owned(), item.clone()));
        }
        Some(texts)
    }

    /// A question about a choice: it is asked of what is chosen.
    pub(super) fn of_choice(
        &mut self,
        expr: &IdedExpr,
        depth: usize,
        mut ask: impl FnMut(&mut Self, &IdedExpr) -> Option<Node>,
    ) -> Option<Option<Node>> {
        let [asked, a, b] = choice(expr)?;
        let nodes = [self.truth(asked, depth + 1), ask(self, a), ask(self, b)];
        let [Some(asked), Some(a), Some(b)] = nodes else { return Some(None) };
        Some(Some(Node::Choice(Box::new([asked, a, b]))))
    }

    fn cidr(&mut self, subject: &IdedExpr, nets: &IdedExpr, depth: usize) -> Option<Node> {
        if let Some(node) = self.of_choice(subject, depth, |compiler, part| compiler.cidr(part, nets, depth + 1)) {
            return node;
        }
        let (subject, texts) = (self.subject(subject, false).map(|s| (s, subject)), self.texts(nets)?);
        let mut list = Vec::new();
        for (text, place) in &texts {
            match text.trim().parse::<Net>() {
                Ok(net) => list.push(net),
                Err(why) => self.wrong(place, format!("`{text}`: {why}"), "write it as 192.0.2.0/24")?,
            }
        }
        let (subject, place) = subject?;
        match class(subject.kind()) {
            Class::Ip | Class::Net | Class::Any if !subject.lower => {
                Some(Node::Test { name: subject.name, lower: false, test: Test::Nets(list) })
            }
            other => {
                let what = format!("`{}` is {}, not an address or network", subject.shown(), class_name(other));
                self.wrong(place, what, "cidr(source.ip, \"192.0.2.0/24\")")
            }
        }
    }

    fn domain(&mut self, subject: &IdedExpr, names: &IdedExpr, depth: usize) -> Option<Node> {
        if let Some(node) = self.of_choice(subject, depth, |compiler, part| compiler.domain(part, names, depth + 1)) {
            return node;
        }
        let (subject, texts) = (self.text_subject(subject), self.texts(names)?);
        let mut list: Vec<Box<str>> = Vec::new();
        for (text, place) in &texts {
            match host::domain(text.trim().trim_start_matches("*.")) {
                Ok(name) => list.push(name.into()),
                Err(why) => self.wrong(place, format!("`{text}`: {why}"), "domain(source.fqdn, \"example.com\")")?,
            }
        }
        list.sort_unstable();
        Some(Node::Test { name: subject?.name, lower: false, test: Test::Domains(list) })
    }
}
