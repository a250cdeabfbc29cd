//! The words that settings may name: parsers and ways in.

use concert_pipeline::parse;
use concert_transport::collect;

pub(super) const PARSERS: &[&parse::Listed] = parse::ALL;
pub(super) const COLLECTORS: &[collect::Listed] = collect::ALL;

pub(super) fn parser(name: &str) -> Option<&'static parse::Listed> {
    PARSERS.iter().find(|listed| listed.name == name).copied()
}
