//! What proves that a clock was met, besides words: something that is there and that the writer sees.
//!
//! People name an entry by its number in the log, which is known at this site alone; the journal names it by its place
//! in its chain. What the others name is asked in `refers.rs`.

use concert_model::Problem;
use concert_model::access::{Circle, Person};
use concert_model::incident::content::Content;
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::place;

use super::Refused;
use super::case::Case;

/// What it can be.
pub(super) const FORMS: &str =
    "write entry:17, notice:20261122-000001-dkvr, mail:7, or evidence: and the whole SHA-256";

/// A draft with the entry that it points to as the journal names it.
pub(super) fn placed(case: &Case, circle: &Circle, person: &Person, mut draft: Draft) -> Result<Draft, Refused> {
    let Content::ClockMet(met) = &mut draft.content else { return Ok(draft) };
    let Some(named) = met.points_to.strip_prefix("entry:") else { return Ok(draft) };
    let is_it = |kept: &super::Kept| kept.seq.to_string() == named || place(&kept.header) == named;
    let kept = case.seen_by(circle, person).find(|kept| kept.body.is_some() && is_it(kept)).ok_or_else(|| {
        let problem = Problem::new(format!("`points_to` of clock-met/1: there is no entry `{named}` in it"));
        Refused::Absent(problem.hint("`concert incident log` shows their numbers"))
    })?;
    met.points_to = format!("entry:{}", place(&kept.header));
    Ok(draft)
}
