//! How far away a moment is, for people.

use concert_model::Time;

/// How far away a moment is, to the two largest units: `2h 5m overdue`, `in 3d 4h`.
pub fn age(due: Time, now: Time) -> String {
    let left = due.seconds().saturating_sub(now.seconds());
    let span = left.unsigned_abs();
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let first = units.iter().position(|(length, _)| span >= *length).unwrap_or(units.len() - 1);
    let mut rest = span;
    let parts: Vec<String> = units
        .iter()
        .skip(first)
        .take(2)
        .filter_map(|(length, name)| {
            let count = rest / length;
            rest %= length;
            (count > 0).then(|| format!("{count}{name}"))
        })
        .collect();
    match (parts.is_empty(), left < 0) {
        (true, _) => "now".to_owned(),
        (false, true) => format!("{} overdue", parts.join(" ")),
        (false, false) => format!("in {}", parts.join(" ")),
    }
}

/// How long something takes or took, as exact as it matters: `2d 4h`, `3h 20m`, `12m`.
pub fn span(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds % 86_400 / 3_600, seconds % 3_600 / 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m"),
        (0, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_the_two_largest_units() {
        let check = |seconds: i64, want: &str| assert_eq!(age(Time(0).plus_seconds(seconds), Time(0)), want);
        check(0, "now");
        check(59, "in 59s");
        check(-3600, "1h overdue");
        check(-(2 * 3600 + 300 + 7), "2h 5m overdue");
        check(3 * 86_400 + 4 * 3600, "in 3d 4h");
        check(86_400 + 59, "in 1d");
        check(61, "in 1m 1s");
    }

    #[test]
    fn spans_are_as_exact_as_it_matters() {
        assert_eq!([59, 3_700, 90_000].map(span), ["0m", "1h 1m", "1d 1h"]);
    }
}
