//! The words that settings may name: parsers and ways in.

use concert_pipeline::parse;
use concert_transport::collect;

pub(super) const PARSERS: &[&parse::Listed] = parse::ALL;
pub(super) const COLLECTORS: &[collect::Listed] = collect::ALL;

/// The parser that is called so. Underscores stand for dashes: its file is called so, and people who script write so.
pub(super) fn parser(name: &str) -> Option<&'static parse::Listed> {
    let name = name.replace('_', "-");
    PARSERS.iter().find(|listed| listed.name == name).copied()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_found_with_underscores_too() {
        assert!(["spamhaus-drop", "spamhaus_drop", "cymru_bogons"].iter().all(|name| super::parser(name).is_some()));
        assert!(super::parser("spamhaus drop").is_none());
    }
}
