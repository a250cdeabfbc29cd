//! `[effort]`: what an hour of work costs, by kind of work.

use std::collections::BTreeMap;

use concert_model::Keys;

/// Highest cost of an hour.
const RATE_MAX: u64 = 1_000_000;
/// The rate of work that has none of its own.
const DEFAULT: &str = "default";

/// What work costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// The currency of the rates.
    pub currency: String,
    /// Hundredths of the currency for an hour, by kind of work in small letters.
    pub rates: BTreeMap<String, u64>,
}

impl Effort {
    pub(super) fn read(mut keys: Keys<'_>) -> Self {
        let currency = keys.text_or("currency", "EUR", "the currency of the rates, as ISO 4217 writes it");
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            keys.problem("currency", format!("`{currency}` is not a currency"), "three letters: EUR");
        }
        let about =
            "what an hour costs, by the kind of work that `effort` entries name; `default` for every other kind";
        let mut rates = BTreeMap::new();
        for (work, text) in keys.pairs("rates", about) {
            match hundredths(&text) {
                Some(rate) => _ = rates.insert(work_kind(&work), rate),
                None => keys.problem(
                    "rates",
                    format!("`{text}` for `{work}` is not what an hour costs"),
                    format!("a number up to {RATE_MAX} with at most two decimals: {work} = 80"),
                ),
            }
        }
        keys.finish();
        Self { currency, rates }
    }

    /// Hundredths for an hour of a kind of work; `None` where the settings do not say it.
    pub fn rate(&self, work: &str) -> Option<u64> {
        self.rates.get(&work_kind(work)).or_else(|| self.rates.get(DEFAULT)).copied()
    }

    /// Whether a kind of work goes by the rate of all others, though some have their own: it may be misspelt.
    pub fn is_by_default(&self, work: &str) -> bool {
        self.rates.len() > 1 && self.rates.contains_key(DEFAULT) && !self.rates.contains_key(&work_kind(work))
    }
}

/// A kind of work as it is compared: blanks around it and the case of letters say nothing.
pub(crate) fn work_kind(work: &str) -> String {
    work.trim().to_lowercase()
}

/// Reads `80` and `79.5`: money is not counted in binary fractions.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u64 = whole.parse().ok().filter(|whole| *whole <= RATE_MAX)?;
    let part: u64 = format!("{part:0<2}").parse().ok()?;
    Some(whole * 100 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_to_the_hundredth() {
        let cases = [("80", Some(8_000)), ("79.5", Some(7_950)), ("0.05", Some(5)), ("1.005", None), ("-1", None)];
        for (text, want) in cases.into_iter().chain([("", None), ("1e3", None), ("1000001", None), (".5", None)]) {
            assert_eq!(hundredths(text), want, "{text}");
        }
    }
}
