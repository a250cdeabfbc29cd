//! From the text of a condition to its steps: every name known, every value of the right kind.
//!
//! The syntax is CEL's own, by its parser. What CEL has and conditions have not (maps, `map` and `filter`) is refused
//! with a sentence, so that a condition costs little and always ends. A comparison of a field with what is fixed is
//! one step, also where the fixed value is reckoned; a choice is drawn out of comparisons, so that each of its values
//! is compared as if it stood alone. Only what is left is worked out for each event.

mod duration;
mod functions;
mod lists;
mod shape;
mod work;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use concert_model::problem::nearest;
use concert_model::{Field, Kind, Problem, field, taxonomy};

use self::shape::{depth_of, is_name, is_nameless, is_plain, is_sized, is_text, order_of};
use super::test::{Fixed, Order, Test};
use super::values::{Class, class, class_name, ranked};
use super::work::Work;
use super::{Id, KNOWN_LATER, NESTING_MAX, Name, Node, TEXT_BYTES_MAX};

/// Most mistakes told of one condition.
const PROBLEMS_MAX: usize = 10;
/// Most steps of a condition, with its lists written out.
const STEPS_MAX: usize = 20_000;
/// Deepest tree that is looked at; brackets and chains are some levels each.
const DEPTH_MAX: usize = 4 * NESTING_MAX;
/// What a condition looks like, for hints.
const EXAMPLE: &str = "compare fields, joined by && or ||: source.port == 23 && source.asn in [64500, 64501]";
/// What to do about one that is nested too deep.
const FLATTER: &str = "use fewer brackets: a && b && c needs none";
/// Reads a condition; about events that are stored, or about those that come.
pub(super) fn compile(text: &str, is_stored: bool) -> Result<Node, Vec<(usize, Problem)>> {
    let refuse = |at, what: String, hint: &str| Err(vec![(at, Problem::new(what).hint(hint))]);
    if text.len() > TEXT_BYTES_MAX {
        let hint = "make several of it, each with a part of what it asks";
        return refuse(0, format!("the condition is longer than {} KiB", TEXT_BYTES_MAX >> 10), hint);
    }
    if text.trim().is_empty() {
        return refuse(0, "the condition is empty".into(), EXAMPLE);
    }
    if let Some(at) = too_deep(text) {
        return refuse(at, format!("the condition is nested more than {NESTING_MAX} deep"), FLATTER);
    }
    let (expr, info) = match cel::parser::Parser::new().parse_with_source_info(text) {
        Ok(parsed) => parsed,
        Err(errors) => return Err(syntax(text, &errors)),
    };
    if depth_of(&expr).0 > DEPTH_MAX {
        return refuse(0, format!("the condition is nested more than {NESTING_MAX} deep"), FLATTER);
    }
    let mut compiler =
        Compiler { info: &info, is_stored, problems: Vec::new(), members: Vec::new(), drawn: 0, steps: 0 };
    match compiler.truth(&expr, 0) {
        Some(node) if compiler.problems.is_empty() => Ok(node),
        _ => {
            compiler.problems.sort_by_key(|(at, _)| *at);
            compiler.problems.dedup_by(|one, other| one.0 == other.0 && one.1.what == other.1.what);
            compiler.problems.truncate(PROBLEMS_MAX);
            Err(compiler.problems)
        }
    }
}

/// Where brackets nest too deep, before a parser that recurses sees them.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0usize, None);
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => {
                depth += 1;
                if depth > NESTING_MAX {
                    return Some(at);
                }
            }
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    None
}

/// The parser's own mistakes, told shortly.
fn syntax(text: &str, errors: &cel::ParseErrors) -> Vec<(usize, Problem)> {
    let place = |(line, column): (isize, isize)| {
        let line = usize::try_from(line).unwrap_or(1).max(1);
        let column = usize::try_from(column).unwrap_or(1).max(1);
        let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let rest = text.get(start..).unwrap_or_default();
        start + rest.char_indices().nth(column - 1).map_or(rest.trim_end().len(), |(at, _)| at)
    };
    let told = errors.errors.iter().take(PROBLEMS_MAX).map(|error| {
        let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
        let message = message.split(" expecting {").next().unwrap_or(message);
        let problem = if message.contains("has() macro") {
            Problem::new("has() asks for a field of two words or more")
                .hint("for a field of one word compare it: tlp != \"\"")
        } else if message.contains("<EOF>") {
            Problem::new("the condition ends too early")
                .hint("something must follow, such as a value: source.port == 23")
        } else {
            let short: String = message.chars().take(200).collect();
            Problem::new(format!("the condition cannot be read: {short}")).hint(EXAMPLE)
        };
        (place(error.pos), problem)
    });
    told.collect()
}

pub(super) struct Compiler<'a> {
    info: &'a SourceInfo,
    is_stored: bool,
    problems: Vec<(usize, Problem)>,
    /// Names of members of lists that are known here.
    members: Vec<String>,
    /// In how many choices and lists that are drawn out this stands: there two fixed values may meet.
    drawn: usize,
    steps: usize,
}

/// What stands on one side of a comparison.
enum Side {
    Field(Subject),
    Fixed(Fixed),
    Worked(Work, Class),
}

/// A field as it is asked for: in small letters, or by its number of characters.
pub(super) struct Subject {
    name: Name,
    pub(super) lower: bool,
    size: bool,
}

impl Subject {
    pub(super) fn kind(&self) -> Kind {
        match &self.name {
            Name::Field(field) => field.kind(),
            Name::Extra { .. } | Name::Member(_) => Kind::Extra,
            Name::Id(_) => Kind::Lower,
        }
    }

    /// Neither in small letters nor by its number of them.
    fn is_bare(&self) -> bool {
        !self.lower && !self.size
    }

    pub(super) fn shown(&self) -> String {
        match &self.name {
            Name::Field(field) => field.name().to_owned(),
            Name::Extra { name, .. } => format!("extra.{name}"),
            Name::Id(id) => id.name().to_owned(),
            Name::Member(path) => path.to_string(),
        }
    }
}

impl Compiler<'_> {
    fn told(&mut self, at: usize, problem: Problem) {
        self.problems.push((at, problem));
    }

    pub(super) fn wrong<T>(&mut self, expr: &IdedExpr, what: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        let at = self.start(expr);
        self.told(at, Problem::new(what).hint(hint));
        None
    }

    /// Counts steps, so that lists within lists end.
    fn spend(&mut self, expr: &IdedExpr, steps: usize, depth: usize) -> Option<()> {
        if depth > NESTING_MAX {
            return self.wrong(expr, format!("the condition is nested more than {NESTING_MAX} deep"), FLATTER);
        }
        let before = self.steps;
        self.steps = self.steps.saturating_add(steps);
        match self.steps > STEPS_MAX {
            false => Some(()),
            // Said once.
            true if before > STEPS_MAX => None,
            true => {
                let what = format!("the condition has more than {STEPS_MAX} steps once its lists are written out");
                self.wrong(expr, what, "make several of it, or use `in` for a list of values")
            }
        }
    }

    /// The byte where an expression begins: that of its leftmost part.
    fn start(&self, expr: &IdedExpr) -> usize {
        let own = self.info.offset_for(expr.id).map_or(0, |(start, _)| start as usize);
        let mut first = own;
        let mut inner = expr;
        loop {
            inner = match &inner.expr {
                Expr::Select(select) => &select.operand,
                Expr::Call(call) => match (&call.target, call.args.first()) {
                    (Some(target), _) => target,
                    (None, Some(arg)) if !is_name(&call.func_name) => arg,
                    // The place of a call is its bracket; its name stands before it.
                    (None, _) if is_name(&call.func_name) => return first.saturating_sub(call.func_name.len()),
                    _ => return first,
                },
                _ => return first,
            };
            first = first.min(self.info.offset_for(inner.id).map_or(first, |(start, _)| start as usize));
        }
    }

    /// An expression that is true or false.
    fn truth(&mut self, expr: &IdedExpr, depth: usize) -> Option<Node> {
        self.spend(expr, 1, depth)?;
        match &expr.expr {
            Expr::Literal(LiteralValue::Boolean(truth)) => Some(Node::Always(*truth.inner())),
            Expr::Select(select) if select.test => {
                let mut name = self.path(&select.operand)?;
                name.push('.');
                name.push_str(&select.field);
                Some(Node::Has(self.name(expr, &name)?))
            }
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::LOGICAL_AND, terms) => self.terms(terms, operators::LOGICAL_AND, depth).map(Node::All),
                (operators::LOGICAL_OR, terms) => self.terms(terms, operators::LOGICAL_OR, depth).map(Node::Any),
                (operators::LOGICAL_NOT, [inner]) => Some(Node::Not(Box::new(self.truth(inner, depth + 1)?))),
                (operators::CONDITIONAL, [asked, a, b]) => {
                    let nodes = [asked, a, b].map(|part| self.truth(part, depth + 1));
                    let [Some(asked), Some(a), Some(b)] = nodes else { return None };
                    Some(Node::Choice(Box::new([asked, a, b])))
                }
                (operators::IN, [item, list]) => self.is_in(item, list, depth),
                (name, [left, right]) if order_of(name).is_some() => self.compare(order_of(name)?, left, right, depth),
                (operators::INDEX, _) => self.flag(expr),
                (name, args) if is_name(name) => self.function(expr, name, call.target.as_deref(), args, depth),
                _ => self.wrong(expr, "this is neither true nor false", "compare it: source.port + 1 > 1024"),
            },
            Expr::Ident(_) | Expr::Select(_) => self.flag(expr),
            Expr::Comprehension(each) => self.each(expr, each, depth),
            _ => self.wrong(expr, "this is neither true nor false", "compare a field: source.port == 23"),
        }
    }

    /// The terms of a chain of `&&` or `||`. The parser makes a balanced tree of it.
    fn terms(&mut self, terms: &[IdedExpr], joint: &str, depth: usize) -> Option<Vec<Node>> {
        let (mut nodes, mut good) = (Vec::new(), true);
        for term in terms {
            match &term.expr {
                Expr::Call(call) if call.func_name == joint && depth < NESTING_MAX => {
                    match self.terms(&call.args, joint, depth + 1) {
                        Some(inner) => nodes.extend(inner),
                        None => good = false,
                    }
                }
                _ => match self.truth(term, depth + 1) {
                    Some(node) => nodes.push(node),
                    None => good = false,
                },
            }
        }
        good.then_some(nodes)
    }

    /// A field that is itself true or false.
    fn flag(&mut self, expr: &IdedExpr) -> Option<Node> {
        let path = self.path(expr)?;
        let name = self.name(expr, &path)?;
        let subject = Subject { name, lower: false, size: false };
        match class(subject.kind()) {
            Class::Bool | Class::Any => {
                let test = Test::Compare(Order::Equal, Fixed::Bool(true));
                Some(Node::Test { name: subject.name, lower: false, test })
            }
            other => self.wrong(
                expr,
                format!("`{path}` is {}, neither true nor false", class_name(other)),
                format!("compare it, or ask whether it is there: has({path})"),
            ),
        }
    }

    /// The dotted name that an expression spells; `extra["any name"]` too.
    fn path(&mut self, expr: &IdedExpr) -> Option<String> {
        let mut parts = Vec::new();
        let mut inner = expr;
        loop {
            match &inner.expr {
                Expr::Ident(name) => {
                    parts.push(name.as_str());
                    parts.reverse();
                    return Some(parts.join("."));
                }
                Expr::Select(select) if !select.test => {
                    parts.push(&select.field);
                    inner = &select.operand;
                }
                Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
                    [IdedExpr { expr: Expr::Ident(of), .. }, IdedExpr { expr: Expr::Literal(literal), .. }] => {
                        let LiteralValue::String(key) = literal else { break };
                        if of != "extra" {
                            break;
                        }
                        parts.push(key.inner());
                        parts.push("extra");
                        parts.reverse();
                        return Some(parts.join("."));
                    }
                    _ => break,
                },
                _ => break,
            }
        }
        self.wrong(expr, "a field is needed here", "write a field such as source.ip, or extra[\"any name\"]")
    }

    fn name(&mut self, expr: &IdedExpr, path: &str) -> Option<Name> {
        let first = path.split('.').next().unwrap_or_default();
        if self.members.iter().any(|member| member == first) {
            return Some(Name::Member(path.into()));
        }
        if let Some(extra) = path.strip_prefix("extra.").filter(|extra| !extra.is_empty()) {
            return Some(Name::extra(extra));
        }
        let id = Id::ALL.into_iter().find(|id| id.name() == path);
        match (id, Field::named(path)) {
            (Some(id), _) if self.is_stored => return Some(Name::Id(id)),
            (None, Some(field)) if self.is_stored || !KNOWN_LATER.contains(&field) => return Some(Name::Field(field)),
            (None, None) => {}
            _ => {
                let hint = "ask for it with `concert events`, or in /api/v1/events";
                return self.wrong(expr, format!("`{path}` is known only once an event is stored"), hint);
            }
        }
        let known = || field::TABLE.iter().map(|(name, _)| *name);
        let ending = format!(".{path}");
        // Who writes `asn` most often means that of the source.
        let ends = |start: &str| known().find(|name| name.starts_with(start) && name.ends_with(&ending));
        let near = nearest(path, known()).or_else(|| ends("source.")).or_else(|| ends(""));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "fields of the data format, or extra.NAME for others; text stands in quotes".to_owned(),
        };
        self.wrong(expr, format!("unknown field `{path}`"), hint)
    }

    /// One side of a comparison.
    fn side(&mut self, expr: &IdedExpr, depth: usize) -> Option<Side> {
        match &expr.expr {
            Expr::Literal(_) => self.fixed(expr).map(Side::Fixed),
            _ if is_plain(expr) => self.subject(expr, true).map(Side::Field),
            _ => self.work(expr, depth + 1).map(|(work, class)| match work {
                Work::Fixed(fixed) => Side::Fixed(fixed),
                work => Side::Worked(work, class),
            }),
        }
    }

    /// Whether an expression is true or false by its form. A field that is, is a field.
    fn answers(&self, expr: &IdedExpr) -> bool {
        match &expr.expr {
            Expr::Select(select) => select.test,
            Expr::Comprehension(_) => true,
            Expr::Call(call) => match call.func_name.as_str() {
                operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::IN => true,
                name => order_of(name).is_some() || functions::answers(name),
            },
            _ => false,
        }
    }

    /// A field, possibly as `.lowerAscii()` or `.size()`.
    fn subject(&mut self, expr: &IdedExpr, sized: bool) -> Option<Subject> {
        if let Expr::Call(call) = &expr.expr {
            let inner = match (&call.target, call.args.as_slice()) {
                (Some(target), []) => Some(&**target),
                (None, [arg]) if call.func_name == "size" => Some(arg),
                _ => None,
            };
            match (call.func_name.as_str(), inner) {
                (operators::INDEX, _) => {}
                ("lowerAscii", Some(inner)) => {
                    let subject = self.text_subject(inner)?;
                    return Some(Subject { lower: true, ..subject });
                }
                ("size", Some(inner)) if sized => {
                    let subject = self.text_subject(inner)?;
                    self.sized(&subject, expr)?;
                    return Some(Subject { size: true, ..subject });
                }
                (name, _) if is_name(name) => return self.unknown_function(expr, name),
                _ => return self.wrong(expr, "a field is needed here", "such as source.port"),
            }
        }
        let path = self.path(expr)?;
        Some(Subject { name: self.name(expr, &path)?, lower: false, size: false })
    }

    fn text_subject(&mut self, expr: &IdedExpr) -> Option<Subject> {
        let subject = self.subject(expr, false)?;
        match class(subject.kind()) {
            Class::Text | Class::Any => Some(subject),
            other => {
                let what = format!("`{}` is {}, not text", subject.shown(), class_name(other));
                let hint = match other {
                    Class::Ip => "ask for a network: cidr(source.ip, \"192.0.2.0/24\")",
                    _ => "compare it: source.port == 23",
                };
                self.wrong(expr, what, hint)
            }
        }
    }

    fn compare(&mut self, order: Order, left: &IdedExpr, right: &IdedExpr, depth: usize) -> Option<Node> {
        self.spend(left, 1, depth)?;
        // A choice is drawn out, so that each of its values is compared as if it stood alone.
        let drawn = |compiler: &mut Self, left: &IdedExpr, right: &IdedExpr| {
            compiler.drawn += 1;
            let node = compiler.compare(order, left, right, depth + 1);
            compiler.drawn -= 1;
            node
        };
        if let Some(node) = self.of_choice(left, depth, |compiler, part| drawn(compiler, part, right)) {
            return node;
        }
        if let Some(node) = self.of_choice(right, depth, |compiler, part| drawn(compiler, left, part)) {
            return node;
        }
        if let (Some(a), Some(b)) = (self.items(left), self.items(right)) {
            return self.lists(order, &a, &b, left, depth);
        }
        // Both sides are read before either is judged, so that all mistakes are told.
        let (left_side, right_side) = (self.side(left, depth), self.side(right, depth));
        match (left_side?, right_side?) {
            (Side::Field(subject), Side::Fixed(fixed)) => self.against(subject, order, fixed, right),
            (Side::Fixed(fixed), Side::Field(subject)) => self.against(subject, order.flipped(), fixed, left),
            (Side::Field(a), Side::Field(b)) if a.is_bare() && b.is_bare() => self.pair(a, order, b, right),
            (Side::Worked(work, class), Side::Fixed(fixed)) => self.worked((work, class), order, fixed, right),
            (Side::Fixed(fixed), Side::Worked(work, class)) => self.worked((work, class), order.flipped(), fixed, left),
            // Who writes two texts most often means a field by one of them.
            (Side::Fixed(Fixed::Text(_)), Side::Fixed(_)) | (Side::Fixed(_), Side::Fixed(Fixed::Text(_)))
                if self.drawn == 0 && is_text(left) && is_text(right) =>
            {
                let hint = "text that is meant as a field stands without quotes";
                self.wrong(left, "this compares two fixed values", hint)
            }
            (a, b) => {
                let (a, b) = (self.as_work(a), self.as_work(b));
                self.worked_pair(a, order, b, right)
            }
        }
    }

    fn pair(&mut self, a: Subject, order: Order, b: Subject, place: &IdedExpr) -> Option<Node> {
        let (class_a, class_b) = (class(a.kind()), class(b.kind()));
        if class_a != class_b && class_a != Class::Any && class_b != Class::Any {
            let what =
                format!("`{}` is {} and `{}` is {}", a.shown(), class_name(class_a), b.shown(), class_name(class_b));
            return self.wrong(place, what, "compare fields of one kind: source.ip == destination.ip");
        }
        Some(Node::Pair { left: a.name, order, right: b.name })
    }

    fn against(&mut self, subject: Subject, order: Order, fixed: Fixed, place: &IdedExpr) -> Option<Node> {
        if subject.size {
            let Fixed::Int(size) = fixed else {
                return self.wrong(place, "size() is a whole number", "comment.size() > 100");
            };
            return Some(Node::Test { name: subject.name, lower: subject.lower, test: Test::Size(order, size) });
        }
        let kind = subject.kind();
        let ranks = match kind {
            Kind::Severity if !order.is_equality() => Some(taxonomy::SEVERITIES),
            Kind::Tlp if !order.is_equality() => Some(taxonomy::TLP),
            _ => None,
        };
        let fixed = self.suited(&subject, fixed, place)?;
        let test = match (ranks, &fixed) {
            (Some(ranks), Fixed::Text(text)) => Test::In(ranked(ranks, order, text)),
            _ if kind == Kind::Extra => Test::Loose(order, fixed),
            _ if matches!(class(kind), Class::Ip | Class::Net | Class::Bool) && !order.is_equality() => {
                let what = format!("`{}` is {}, which has no order", subject.shown(), class_name(class(kind)));
                return self.wrong(place, what, "use ==, != or cidr()");
            }
            _ => Test::Compare(order, fixed),
        };
        Some(Node::Test { name: subject.name, lower: subject.lower, test })
    }

    fn is_in(&mut self, item: &IdedExpr, list: &IdedExpr, depth: usize) -> Option<Node> {
        let items = match self.items(list) {
            Some(items) if is_plain(item) && !is_sized(item) && items.iter().all(|item| is_nameless(item)) => items,
            _ => return self.is_in_list(item, list, depth),
        };
        let subject = self.subject(item, false);
        let mut fixed = Vec::new();
        for item in items {
            if let Some(value) = self.fixed(item)
                && let Some(subject) = &subject
                && let Some(value) = self.suited(subject, value, item)
            {
                fixed.push(value);
            }
        }
        let subject = subject?;
        let test = if subject.kind() == Kind::Extra { Test::LooseIn(fixed) } else { Test::In(fixed) };
        Some(Node::Test { name: subject.name, lower: subject.lower, test })
    }
}
