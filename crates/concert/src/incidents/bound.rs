//! What binds an incident of what others say of its parties: who is not to be told yet, who is told before whom, whose
//! a host is, and next to which others it is.
//!
//! A merge shows that of the other incident. A split shows a part alone, so that what was said of the whole before
//! would be forgotten in both: here it is put together again, to refuse and for nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use concert_model::access::{Circle, Person};
use concert_model::incident::fold::Incident;

use super::case::Case;
use super::{Incidents, Refused};

/// Incidents that are asked about, over all steps.
const ASKED_MAX: usize = 200;

/// An incident with what binds it.
pub(super) struct Bound {
    /// What it and all others say of its parties, hosts and flows, put together.
    pub(super) state: Incident,
    /// The orders of telling of those that it was split off.
    pub(super) orders: Vec<Vec<String>>,
}

impl Bound {
    /// Why nothing may be sent to a party yet.
    pub(super) fn why_not_told(&self, party: &str) -> Option<String> {
        let behind = || self.orders.iter().find_map(|order| self.state.why_behind(order, party));
        self.state.why_not_told(party).or_else(behind)
    }

    /// The same with what an incident says by now.
    pub(super) fn with(&self, own: &Incident) -> Self {
        let mut state = own.binding();
        state.order.clone_from(&own.order);
        state.include(self.state.binding(), "");
        Self { state, orders: self.orders.clone() }
    }
}

impl Incidents {
    /// An incident with what binds it, as far as a person sees that.
    pub(super) async fn bound(&self, person: &Person, (case, circle): (&Case, &Circle)) -> Result<Bound, Refused> {
        let mut bound =
            Bound { state: Incident::clone(&*self.joint(person, (case, circle)).await?), orders: Vec::new() };
        let mut asked = BTreeSet::from([case.id.clone()]);
        let mut left = vec![(Arc::new(case.clone()), circle.clone())];
        while let Some((case, circle)) = left.pop() {
            if case.head.split.keys().any(|(how, _)| how == "split-to") {
                bound.state.include(case.undivided(&circle, person).binding(), "");
            }
            for (how, id) in &case.head.joined {
                let is_source = matches!(how.as_str(), "merged" | "split-from");
                if !is_source && how != "split-to" || asked.len() >= ASKED_MAX || !asked.insert(id.clone()) {
                    continue;
                }
                let Some((other, circle)) = self.found(person, id).await? else { continue };
                let state = self.states.of(&other, &circle, person);
                if !is_source {
                    // Of what was split off alone how its parties stand: whoever was told there was told.
                    bound.state.include(state.standings(), "");
                    continue;
                }
                if how == "split-from" {
                    bound.orders.push(state.order.clone());
                    bound.state.include(state.binding(), "");
                }
                left.push((other, circle));
            }
        }
        Ok(bound)
    }
}
