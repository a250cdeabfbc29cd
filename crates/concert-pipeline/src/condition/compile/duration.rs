//! Durations as CEL writes them.

use concert_model::Time;

/// Microseconds of `1h30m`, `-1.5h` or `250ms`.
pub(super) fn span(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut all = 0i64;
    while !rest.is_empty() || all == 0 {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let nanoseconds: i128 = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (before, after) = number.split_once('.').unwrap_or((number, ""));
        if (before.is_empty() && after.is_empty()) || after.len() > 9 || before.len() > 12 || after.contains('.') {
            return None;
        }
        let whole: i128 = if before.is_empty() { 0 } else { before.parse().ok()? };
        let part: i128 = if after.is_empty() { 0 } else { after.parse().ok()? };
        let tens = 10i128.pow(u32::try_from(after.len()).ok()?);
        let found = whole * nanoseconds + part * nanoseconds / tens;
        all = all.checked_add(i64::try_from(found / 1000).ok()?)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    // No longer than there are years of four digits.
    Time::from_seconds(all / 1_000_000).map(|_| sign * all)
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn durations_are_read() {
        let check = |text: &str, want: Option<i64>| assert_eq!(span(text), want, "{text}");
        check("1h30m", Some(5_400_000_000));
        check("-1.5h", Some(-5_400_000_000));
        check("250ms", Some(250_000));
        check("0", Some(0));
        check("0s", Some(0));
        for bad in ["", "-", "1", "h", "1d", "1.2.3s", ".s", "1h ", "9999999999999h", "999999999999h"] {
            check(bad, None);
        }
    }
}
