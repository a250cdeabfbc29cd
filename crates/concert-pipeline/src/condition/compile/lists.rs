//! Lists: what is in them, and what holds for their members. A list that is written out becomes a chain of `||` or
//! `&&`; one that events carry is read for each event.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use super::shape::depth_of;
use super::{Compiler, DEPTH_MAX, FLATTER, Subject};
use crate::condition::lists::{Each, How};
use crate::condition::test::Order;
use crate::condition::values::Class;
use crate::condition::work::Work;
use crate::condition::{NESTING_MAX, Name, Node};

/// Most lists of events that are gone through within one another.
const WITHIN_MAX: usize = 2;

impl Compiler<'_> {
    /// The members of a list that is written out, also as a sum of lists.
    pub(super) fn items<'e>(&self, expr: &'e IdedExpr) -> Option<Vec<&'e IdedExpr>> {
        match &expr.expr {
            Expr::List(list) => Some(list.elements.iter().collect()),
            Expr::Call(call) if call.func_name == operators::ADD => match call.args.as_slice() {
                [a, b] => {
                    let mut items = self.items(a)?;
                    items.extend(self.items(b)?);
                    Some(items)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Two lists that are written out.
    pub(super) fn lists(
        &mut self,
        order: Order,
        a: &[&IdedExpr],
        b: &[&IdedExpr],
        place: &IdedExpr,
        depth: usize,
    ) -> Option<Node> {
        if !order.is_equality() {
            return self.wrong(place, "a list has no order", "use ==, != or in");
        }
        if a.len() != b.len() {
            return Some(Node::Always(order == Order::Unequal));
        }
        let nodes: Vec<_> = a.iter().zip(b).map(|(a, b)| self.compare(order, a, b, depth + 1)).collect();
        let nodes = nodes.into_iter().collect::<Option<Vec<_>>>()?;
        Some(if order == Order::Equal { Node::All(nodes) } else { Node::Any(nodes) })
    }

    /// `in` with a list that is not made of fixed values alone.
    pub(super) fn is_in_list(&mut self, item: &IdedExpr, list: &IdedExpr, depth: usize) -> Option<Node> {
        if let (Expr::Literal(LiteralValue::String(name)), Expr::Ident(of)) = (&item.expr, &list.expr)
            && of == "extra"
        {
            return Some(Node::Has(Name::extra(name.inner())));
        }
        if let Some(items) = self.items(list) {
            self.spend(list, items.len(), depth)?;
            let nodes: Vec<_> =
                items.into_iter().map(|other| self.compare(Order::Equal, item, other, depth + 1)).collect();
            return Some(Node::Any(nodes.into_iter().collect::<Option<Vec<_>>>()?));
        }
        if self.members.len() >= WITHIN_MAX {
            return self.too_deep(list);
        }
        let (work, list) = (self.work(item, depth + 1), self.carried(list));
        Some(Node::Within(Box::new((work?.0, list?))))
    }

    /// A field that can hold a list.
    fn carried(&mut self, list: &IdedExpr) -> Option<Name> {
        let hint = "source.port in [22, 23], or a list that came as extra: \"x\" in extra.tags";
        match &list.expr {
            Expr::Ident(_) | Expr::Select(_) => {}
            Expr::Call(call) if call.func_name == operators::INDEX => {}
            _ => return self.wrong(list, "a list is needed here", hint),
        }
        match self.work(list, 0)? {
            (Work::Field(name), Class::Any) => Some(name),
            _ => self.wrong(list, "`in` takes a list of fixed values", hint),
        }
    }

    /// Whether it may be asked here how large a field is: of a list of an event that is read anew each time.
    pub(super) fn sized(&mut self, subject: &Subject, place: &IdedExpr) -> Option<()> {
        let is_list = matches!(subject.name, Name::Extra { .. });
        if is_list && self.members.len() >= WITHIN_MAX { self.too_deep(place) } else { Some(()) }
    }

    fn too_deep<T>(&mut self, expr: &IdedExpr) -> Option<T> {
        let what = format!("lists of events are gone through at most {WITHIN_MAX} within one another");
        self.wrong(expr, what, "make several conditions of it")
    }

    /// `exists`, `all` and `exists_one`.
    pub(super) fn each(&mut self, expr: &IdedExpr, each: &ComprehensionExpr, depth: usize) -> Option<Node> {
        let Some((how, asked)) = asked_of_each(each) else {
            return self.wrong(
                expr,
                "map and filter have no place in a condition",
                "use exists, all or exists_one: [22, 23].exists(x, x == source.port)",
            );
        };
        let Some(items) = self.items(&each.iter_range) else {
            let list = self.carried(&each.iter_range)?;
            if self.members.len() >= WITHIN_MAX {
                return self.too_deep(expr);
            }
            // A member that is put in place of a name in between would be taken for one of this list.
            if self.members.contains(&each.iter_var) {
                let what = format!("the name `{}` stands for the members of another list here", each.iter_var);
                return self.wrong(expr, what, "take another name");
            }
            self.members.push(each.iter_var.clone());
            let node = self.truth(asked, depth + 1);
            self.members.pop();
            return Some(Node::Each(Box::new(Each { list, name: each.iter_var.as_str().into(), how, node: node? })));
        };
        let (deep, wide) = depth_of(asked);
        let mut nodes = Vec::new();
        for item in items {
            let (item_deep, item_wide) = depth_of(item);
            self.spend(expr, wide.saturating_mul(item_wide), depth)?;
            if deep + item_deep > DEPTH_MAX {
                return self.wrong(expr, format!("the condition is nested more than {NESTING_MAX} deep"), FLATTER);
            }
            self.drawn += 1;
            let node = self.truth(&with(asked, &each.iter_var, item), depth + 1);
            self.drawn -= 1;
            nodes.push(node?);
        }
        Some(match how {
            How::Some => Node::Any(nodes),
            How::All => Node::All(nodes),
            How::One => Node::One(nodes),
        })
    }
}

/// What a macro asks, and of how many. The parser writes macros out as loops.
fn asked_of_each(each: &ComprehensionExpr) -> Option<(How, &IdedExpr)> {
    let (Expr::Literal(start), Expr::Call(step)) = (&each.accu_init.expr, &each.loop_step.expr) else { return None };
    match (start, step.func_name.as_str(), step.args.as_slice()) {
        (LiteralValue::Boolean(_), operators::LOGICAL_OR, [_, asked]) => Some((How::Some, asked)),
        (LiteralValue::Boolean(_), operators::LOGICAL_AND, [_, asked]) => Some((How::All, asked)),
        (LiteralValue::Int(_), operators::CONDITIONAL, [asked, ..]) => Some((How::One, asked)),
        _ => None,
    }
}

/// The expression with a value in place of a name.
fn with(expr: &IdedExpr, name: &str, value: &IdedExpr) -> IdedExpr {
    let mut new = expr.clone();
    put(&mut new, name, value);
    new
}

fn put(expr: &mut IdedExpr, name: &str, value: &IdedExpr) {
    match &mut expr.expr {
        Expr::Ident(found) if found == name => *expr = value.clone(),
        Expr::Select(select) => put(&mut select.operand, name, value),
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                put(target, name, value);
            }
            call.args.iter_mut().for_each(|arg| put(arg, name, value));
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|item| put(item, name, value)),
        Expr::Comprehension(each) => {
            put(&mut each.iter_range, name, value);
            // A name of its own hides this one.
            if each.iter_var != name {
                put(&mut each.loop_step, name, value);
            }
        }
        _ => {}
    }
}
