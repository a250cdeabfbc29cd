//! Incidents that are not merged, because something was split off the one into the other.
//!
//! An incident shows what was split off others for it, and all of what was merged into it. One that had below itself what
//! was split off itself would show what was moved nowhere. Where both come below a third, it shows once.

use std::collections::BTreeMap;

use concert_model::Problem;
use concert_model::access::{Action, Object, Person, may};
use concert_store::records::Change;

use super::Incidents;
use super::case::Case;
use super::together::SHOWN_MAX;

impl Incidents {
    /// Why the first is not merged into the second. Of what the person does not see it is told that it is there, and nothing
    /// else.
    pub(super) async fn apart(
        &self,
        change: &mut Change<'_>,
        person: &Person,
        (first, second): (&Case, &Case),
    ) -> Result<Option<Problem>, Problem> {
        let below = self.with_merged(change, first).await?;
        let found = below.values().find(|part| is_split(second, part)).map(|part| (second, part));
        let Some((source, part)) = found.or_else(|| is_split(first, second).then_some((first, second))) else {
            return Ok(None);
        };
        if !may(person, Action::See, Object::Incident(&self.circle(part))).allowed {
            let problem = Problem::new("something that you may not see was split off the one into the other");
            return Ok(Some(problem.hint("such two are not merged; ask whoever coordinates them")));
        }
        let is_below = part.id != first.id && part.id != second.id;
        let way = is_below.then(|| format!(", and {} was merged into {}", part.head.number, first.head.number));
        let (source, part, way) = (&source.head.number, &part.head.number, way.unwrap_or_default());
        let problem = Problem::new(format!("{part} was split off {source}{way}, so the two are not merged"));
        Ok(Some(problem.hint(format!(
            "`concert incident unsplit {source} --from {part}` brings back what was moved; then they can be merged"
        ))))
    }

    /// An incident and those that were merged into it, over all steps, by identity.
    async fn with_merged(&self, change: &mut Change<'_>, case: &Case) -> Result<BTreeMap<String, Case>, Problem> {
        let mut all = BTreeMap::from([(case.id.clone(), case.clone())]);
        let mut at = merged(case);
        while let Some(id) = at.pop() {
            if all.len() < SHOWN_MAX && !all.contains_key(&id) {
                let case = self.case_in(change, &id).await?;
                at.extend(merged(&case));
                all.insert(id, case);
            }
        }
        Ok(all)
    }
}

/// Those that were merged into an incident, by its own entries.
fn merged(case: &Case) -> Vec<String> {
    case.head.joined.iter().filter(|(how, _)| how == "merged").map(|(_, id)| id.clone()).collect()
}

/// Whether something was split off an incident into another.
fn is_split(source: &Case, part: &Case) -> bool {
    source.head.split.contains_key(&("split-to".to_owned(), part.id.clone()))
}
