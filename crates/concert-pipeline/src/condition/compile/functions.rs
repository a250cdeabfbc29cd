//! The functions of conditions.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use concert_model::problem::meant;
use concert_model::{Kind, Net, host};
use regex::RegexBuilder;

use super::{Compiler, Subject};
use crate::condition::Node;
use crate::condition::test::Test;
use crate::condition::values::{Class, class, class_name};

/// Largest compiled regular expression.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// The functions that answer yes or no, for hints.
const FUNCTIONS: [&str; 8] = ["cidr", "domain", "has", "contains", "startsWith", "endsWith", "matches", "timestamp"];

impl Compiler<'_> {
    /// A function that answers yes or no.
    pub(super) fn function(
        &mut self,
        expr: &IdedExpr,
        name: &str,
        target: Option<&IdedExpr>,
        args: &[IdedExpr],
    ) -> Option<Node> {
        match (name, target, args) {
            ("cidr", None, [subject, nets]) => self.cidr(subject, nets),
            ("domain", None, [subject, names]) => self.domain(subject, names),
            ("contains" | "startsWith" | "endsWith" | "matches", Some(target), [arg]) => {
                let subject = self.text_subject(target);
                let Expr::Literal(LiteralValue::String(text)) = &arg.expr else {
                    return self.wrong(arg, format!("{name}() takes a fixed text"), "text stands in quotes");
                };
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
            _ => self.unknown_function(expr, name),
        }
    }

    pub(super) fn unknown_function<T>(&mut self, expr: &IdedExpr, name: &str) -> Option<T> {
        let hint = meant(name, FUNCTIONS, format!("known here: {}, size, lowerAscii", FUNCTIONS.join(", ")));
        self.wrong(expr, format!("unknown function `{name}`"), hint)
    }

    fn text_test(&mut self, name: &str, subject: Option<&Subject>, text: &str, place: &IdedExpr) -> Option<Test> {
        if name == "matches" {
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

    fn cidr(&mut self, subject: &IdedExpr, nets: &IdedExpr) -> Option<Node> {
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

    fn domain(&mut self, subject: &IdedExpr, names: &IdedExpr) -> Option<Node> {
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
