//! Spans of time and numbers of bytes, each with its unit.

use std::time::Duration;

/// Reads `"90s"`, `"15m"`, `"24h"`, `"7d"`, `"500ms"`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let number: u64 = number.parse().ok()?;
    let seconds = |each: u64| number.checked_mul(each).filter(|total| *total < 1 << 40).map(Duration::from_secs);
    match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" | "min" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        "w" => seconds(7 * 86_400),
        _ => None,
    }
}

/// Reads the same, and several of them behind each other: `"23h30m"`, `"1d 12h"`.
pub fn parse_span(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (Duration::ZERO, text.trim());
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let end = rest.get(unit..)?.find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| unit + end);
        let (one, after) = rest.split_at_checked(end)?;
        total = total.checked_add(parse_duration(one)?)?;
        rest = after;
    }
    (total > Duration::ZERO || text.contains('0')).then_some(total)
}

/// Reads `"512B"`, `"64KiB"`, `"64MiB"`, `"4GiB"`, `"1TiB"`.
pub fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let shift = match unit.trim() {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(parse_duration("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("24"), None);
        assert_eq!(parse_size("64MiB"), Some(64 << 20));
        assert_eq!(parse_size("99999999999TiB"), None);
    }
}
