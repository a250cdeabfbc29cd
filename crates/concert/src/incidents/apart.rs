//! Incidents that are not merged, because something was split off the one into the other.
//!
//! One that shows what it moved away by showing where it went would show it twice, or not at all. So it is of all that was
//! merged into either of the two, too.

use std::collections::BTreeMap;

use concert_model::Problem;
use concert_model::access::{Action, Object, Person, may};
use concert_store::records::Change;

use super::Incidents;
use super::case::Case;
use super::together::SHOWN_MAX;

impl Incidents {
    /// Why two are not merged. Of what the person does not see it is told that it is there, and nothing else.
    pub(super) async fn apart(
        &self,
        change: &mut Change<'_>,
        person: &Person,
        (first, second): (&Case, &Case),
    ) -> Result<Option<Problem>, Problem> {
        let (one, other) = (self.with_merged(change, first).await?, self.with_merged(change, second).await?);
        let found = split(&one, &other).map(|pair| (pair, first, second));
        let found = found.or_else(|| split(&other, &one).map(|pair| (pair, second, first)));
        let Some(((source, part), of_source, of_part)) = found else { return Ok(None) };
        let sees = |case: &Case| may(person, Action::See, Object::Incident(&self.circle(case))).allowed;
        if !sees(source) || !sees(part) {
            let problem = Problem::new("something that you may not see was split off the one into the other");
            return Ok(Some(problem.hint("such two are not merged; ask whoever coordinates them")));
        }
        let (source, part) = ((source, &source.head.number), (part, &part.head.number));
        let into = |(case, number): (&Case, &String), of: &Case| {
            (case.id != of.id).then(|| format!(", and {number} was merged into {}", of.head.number))
        };
        let ways = [into(part, of_part), into(source, of_source)].into_iter().flatten().collect::<String>();
        let (source, part) = (source.1, part.1);
        let problem = Problem::new(format!("{part} was split off {source}{ways}, so the two are not merged"));
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

/// One of the first, and one of the second that was split off it.
fn split<'c>(sources: &'c BTreeMap<String, Case>, parts: &'c BTreeMap<String, Case>) -> Option<(&'c Case, &'c Case)> {
    sources.values().find_map(|source| {
        let mut to = source.head.split.keys().filter(|(how, _)| how == "split-to");
        to.find_map(|(_, id)| Some((source, parts.get(id)?)))
    })
}
