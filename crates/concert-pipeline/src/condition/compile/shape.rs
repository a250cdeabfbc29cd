//! What can be told of an expression by its form alone.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use crate::condition::test::Order;

/// How deep an expression is, and of how many parts.
pub(super) fn depth_of(expr: &IdedExpr) -> (usize, usize) {
    let (mut rest, mut deepest, mut parts) = (vec![(expr, 1)], 0, 0);
    while let Some((expr, depth)) = rest.pop() {
        (deepest, parts) = (deepest.max(depth), parts + 1);
        let mut add = |inner| rest.push((inner, depth + 1));
        match &expr.expr {
            Expr::Select(select) => add(&*select.operand),
            Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(add),
            Expr::List(list) => list.elements.iter().for_each(add),
            Expr::Comprehension(each) => [&each.iter_range, &each.loop_step].into_iter().for_each(add),
            _ => {}
        }
    }
    (deepest, parts)
}

/// A field, possibly by its letters or in small ones.
pub(super) fn is_plain(expr: &IdedExpr) -> bool {
    match &expr.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test && is_plain(&select.operand),
        Expr::Call(call) => match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::INDEX, None, [of, _]) => is_plain(of),
            ("lowerAscii", Some(inner), []) | ("size", Some(inner), []) | ("size", None, [inner]) => is_plain(inner),
            _ => false,
        },
        _ => false,
    }
}

pub(super) fn is_sized(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Call(call) if call.func_name == "size")
}

pub(super) fn is_text(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Literal(LiteralValue::String(_)))
}

/// Whether no field is named in it.
pub(super) fn is_nameless(expr: &IdedExpr) -> bool {
    match &expr.expr {
        Expr::Literal(_) => true,
        Expr::Call(call) => call.target.as_deref().is_none_or(is_nameless) && call.args.iter().all(is_nameless),
        _ => false,
    }
}

pub(super) fn choice(expr: &IdedExpr) -> Option<[&IdedExpr; 3]> {
    match &expr.expr {
        Expr::Call(call) if call.func_name == operators::CONDITIONAL => match call.args.as_slice() {
            [asked, a, b] => Some([asked, a, b]),
            _ => None,
        },
        _ => None,
    }
}

/// Names of functions begin with a letter; operators do not.
pub(super) fn is_name(function: &str) -> bool {
    function.starts_with(|first: char| first.is_ascii_alphabetic())
}

pub(super) fn order_of(operator: &str) -> Option<Order> {
    match operator {
        operators::EQUALS => Some(Order::Equal),
        operators::NOT_EQUALS => Some(Order::Unequal),
        operators::LESS => Some(Order::Less),
        operators::LESS_EQUALS => Some(Order::LessOrEqual),
        operators::GREATER => Some(Order::Greater),
        operators::GREATER_EQUALS => Some(Order::GreaterOrEqual),
        _ => None,
    }
}
