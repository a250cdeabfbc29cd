//! Chains that were made lately, so that a long one is not made anew for every path asked of it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::chain::Chain;
use concert_model::incident::fold::Incident;
use concert_model::problem::meant;

use super::{Incidents, Refused};

/// Shorter chains are made as quickly as they are looked up.
const RELATIONS_MIN: usize = 1_000;
/// Chains held; one of 100,000 relations has 7 MB.
const CHAINS_MAX: usize = 8;

/// Chains by the state whose relations they are of.
#[derive(Default)]
pub(super) struct Chains(Mutex<Vec<(Weak<Incident>, Arc<Chain>)>>);

impl Chains {
    fn of(&self, state: &Arc<Incident>) -> Arc<Chain> {
        if state.relations.len() < RELATIONS_MIN {
            return Arc::new(Chain::new(&state.relations));
        }
        let wanted = Arc::downgrade(state);
        let held = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held().iter().find(|(state, _)| state.ptr_eq(&wanted)).map(|(_, chain)| Arc::clone(chain));
        if let Some(chain) = known {
            return chain;
        }
        let chain = Arc::new(Chain::new(&state.relations));
        let mut held = held();
        held.retain(|(state, _)| state.strong_count() > 0);
        if held.len() >= CHAINS_MAX {
            held.remove(0);
        }
        held.push((wanted, Arc::clone(&chain)));
        chain
    }
}

impl Incidents {
    /// The state of an incident as a person sees it, and the chain of its relations.
    pub async fn chain(&self, person: &Person, name: &str) -> Result<(Arc<Incident>, Arc<Chain>), Refused> {
        let state = self.show(person, name).await?;
        let chain = self.chains.of(&state);
        Ok((state, chain))
    }
}

/// Whether a host is known in an incident, as whoever asks sees that.
pub fn host_there(state: &Incident, host: &str) -> Result<(), Refused> {
    if state.found.contains_key(host) || state.hosts.contains_key(host) {
        return Ok(());
    }
    let known = state.found.keys().chain(state.hosts.keys()).map(String::as_str);
    let hint = meant(host, known, "hosts stand in `relations` and `hosts` of `concert incident show`");
    let host: String = host.chars().take(100).collect();
    Err(Refused::Absent(Problem::new(format!("there is no host `{host}` in it")).hint(hint)))
}
