//! The chain of victims: where it came from, where it went, whom to ask next, and what a party may know.

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::chain::{Chain, neighbours};
use serde_json::Value;

use super::refused;
use crate::incidents::{Incidents, hop_json, neighbour_json, request_json};
use crate::print::Rows;
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
pub(super) struct ChainArgs {
    /// Number or identity of the incident.
    incident: String,
    /// Hosts from which this one may have been reached, back to the earliest known.
    #[arg(long, value_name = "HOST", conflicts_with_all = ["downstream", "party"])]
    upstream: Option<String>,
    /// Hosts that may have been reached from this one.
    #[arg(long, value_name = "HOST", conflicts_with = "party")]
    downstream: Option<String>,
    /// The flows of this party's hosts, as the party may know them.
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

const HOPS: [&str; 5] = ["host", "steps", "next_to", "bound", "is_end"];
const REQUESTS: [&str; 5] = ["host", "party", "before", "ports", "text"];
const NEIGHBOURS: [&str; 9] =
    ["host", "direction", "neighbour", "first_seen", "last_seen", "clock_error", "port", "technique", "certainty"];

pub(super) async fn run(args: &ChainArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let state = incidents.show(person, &args.incident).await.map_err(refused)?;
    let chain = Chain::new(&state.relations);
    let (columns, rows): (&[&str], Vec<Value>) = match (&args.upstream, &args.downstream, &args.party) {
        (Some(host), _, _) => (&HOPS, chain.upstream(host).iter().map(hop_json).collect()),
        (_, Some(host), _) => (&HOPS, chain.downstream(host).iter().map(hop_json).collect()),
        (_, _, Some(party)) if !state.parties.contains_key(party) => {
            let known: Vec<&str> = state.parties.keys().map(String::as_str).collect();
            let problem = Problem::new(format!("`{party}` takes no part in it"));
            return Err(Failure::usage(problem.hint(format!("parties: {}", known.join(", ")))));
        }
        (_, _, Some(party)) => (&NEIGHBOURS, neighbours(&state, party).iter().map(neighbour_json).collect()),
        _ => {
            let requests = chain.frontier();
            let row = requests.iter().map(|request| request_json(request, state.hosts.get(request.host)));
            (&REQUESTS, row.collect())
        }
    };
    let mut table = args.rows.table(columns);
    for row in rows {
        let values: Vec<Value> = columns.iter().map(|name| row.get(*name).cloned().unwrap_or_default()).collect();
        if !table.row(&values)? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}
