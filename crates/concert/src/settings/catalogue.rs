//! The words that settings may name: parsers, collectors, formats. Deliverers are in `via.rs`.

use concert_pipeline::parse;
use concert_transport::collect;

pub(super) const PARSERS: &[&parse::Listed] = parse::ALL;
pub(super) const COLLECTORS: &[collect::Listed] = collect::ALL;

pub(super) fn parser(name: &str) -> Option<&'static parse::Listed> {
    PARSERS.iter().find(|listed| listed.name == name).copied()
}

pub(super) fn formats() -> Vec<&'static str> {
    vec!["csv", "json", "ndjson", "text", "html"]
}
