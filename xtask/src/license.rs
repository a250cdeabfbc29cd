//! SPDX licence expressions: `(MIT OR Apache-2.0) AND Unicode-3.0`.

/// Whether an expression can be met with licences of the list alone. An empty one cannot.
pub(crate) fn allows(expression: &str, allowed: &[&str]) -> bool {
    // Old manifests write `MIT/Apache-2.0`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allowed, 0) == Some(true) && rest.is_empty()
}

const NESTING_MAX: usize = 16;

/// `None` where the expression is not one.
fn any(rest: &mut &[&str], allowed: &[&str], depth: usize) -> Option<bool> {
    let mut holds = all(rest, allowed, depth)?;
    while let ["OR", after @ ..] = rest {
        *rest = after;
        holds |= all(rest, allowed, depth)?;
    }
    Some(holds)
}

fn all(rest: &mut &[&str], allowed: &[&str], depth: usize) -> Option<bool> {
    let mut holds = one(rest, allowed, depth)?;
    while let ["AND", after @ ..] = rest {
        *rest = after;
        holds &= one(rest, allowed, depth)?;
    }
    Some(holds)
}

fn one(rest: &mut &[&str], allowed: &[&str], depth: usize) -> Option<bool> {
    match rest {
        ["(", after @ ..] if depth < NESTING_MAX => {
            *rest = after;
            let holds = any(rest, allowed, depth + 1)?;
            let [")", after @ ..] = rest else { return None };
            *rest = after;
            Some(holds)
        }
        [] | ["(" | ")" | "AND" | "OR" | "WITH", ..] => None,
        [name, "WITH", exception, after @ ..] => {
            *rest = after;
            Some(allowed.contains(&format!("{name} WITH {exception}").as_str()))
        }
        [name, after @ ..] => {
            *rest = after;
            Some(allowed.contains(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_or_not() {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        for good in [
            "MIT",
            "MIT/GPL-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(allows(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "MIT WITH LLVM-exception", "OR", "MIT OR"] {
            assert!(!allows(bad, &allowed), "{bad}");
        }
    }
}
