//! The chain of victims: where it came from, where it went, whom to ask next, and what a party may know.

use concert_model::access::Person;
use concert_model::incident::content::ProposalAnswered;
use concert_model::incident::marking::Tlp;
use serde_json::Value;

use super::draft::{MinutesArg, SeenArg, plain};
use super::refused;
use crate::incidents::{Incidents, hop_json, host_there, neighbour_json, proposal_json, request_json, some_left_out};
use crate::print::Rows;
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident chain 'CERT-EX#2026-000001'\n  concert incident chain 'CERT-EX#2026-000001' --upstream 198.51.100.9\n  concert incident chain 'CERT-EX#2026-000001' --party \"Example Net\""
)]
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
    /// What was proposed as next hop and waits for an answer.
    #[arg(long, conflicts_with_all = ["upstream", "downstream", "party"])]
    proposals: bool,
    /// Take a proposal up: the flow and the event become part of the incident.
    #[arg(long, value_name = "EVENT", requires = "reason", conflicts_with_all = ["upstream", "downstream", "party", "proposals"])]
    accept: Option<String>,
    /// Reject a proposal; it is not made again.
    #[arg(long, value_name = "EVENT", requires = "reason", conflicts_with_all = ["upstream", "downstream", "party", "proposals", "accept"])]
    reject: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    seen: SeenArg,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: Rows,
}

const HOPS: [&str; 5] = ["host", "steps", "next_to", "bound", "is_end"];
const REQUESTS: [&str; 5] = ["host", "party", "before", "ports", "text"];
const NEIGHBOURS: [&str; 9] =
    ["host", "direction", "neighbour", "first_seen", "last_seen", "clock_error", "port", "technique", "certainty"];

const PROPOSALS: [&str; 9] = ["event", "from", "to", "port", "first_seen", "last_seen", "clock_error", "zone", "text"];

async fn answer(
    args: &ChainArgs,
    incidents: &Incidents,
    person: &Person,
    (event, accepted): (&str, bool),
) -> Result<Exit, Failure> {
    let answer = ProposalAnswered { event: event.to_owned(), accepted, reason: args.reason.clone() };
    let ask = args.seen.with(args.minutes.ask(person));
    let written = incidents.write(ask, &args.incident, vec![plain(answer)]).await.map_err(refused)?;
    let mut table = args.rows.table(&["seq", "kind"]);
    for entry in &written.entries {
        let at = |name: &str| entry.get(name).cloned().unwrap_or_default();
        if !table.row(&[at("seq"), at("kind")])? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

pub(super) async fn run(args: &ChainArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    match (&args.accept, &args.reject) {
        (Some(event), _) => return answer(args, incidents, person, (event, true)).await,
        (_, Some(event)) => return answer(args, incidents, person, (event, false)).await,
        _ => {}
    }
    if let Some(party) = &args.party {
        let neighbours = incidents.neighbours(person, &args.incident, party).await.map_err(refused)?;
        if let Some(warning) = some_left_out(party, neighbours.left_out, Tlp::Amber) {
            tracing::warn!("{warning}");
        }
        return print(args, &NEIGHBOURS, neighbours.rows().iter().map(neighbour_json).collect());
    }
    let (state, chain) = incidents.chain(person, &args.incident).await.map_err(refused)?;
    for host in args.upstream.iter().chain(&args.downstream) {
        host_there(&state, host).map_err(refused)?;
    }
    let (columns, rows): (&[&str], Vec<Value>) = match (&args.upstream, &args.downstream) {
        (Some(host), _) => (&HOPS, chain.upstream(host).iter().map(hop_json).collect()),
        (_, Some(host)) => (&HOPS, chain.downstream(host).iter().map(hop_json).collect()),
        _ if args.proposals => (&PROPOSALS, state.open_proposals().map(proposal_json).collect()),
        _ => {
            let requests = chain.frontier();
            let row = requests.iter().map(|request| request_json(request, state.hosts.get(request.host)));
            (&REQUESTS, row.collect())
        }
    };
    print(args, columns, rows)
}

fn print(args: &ChainArgs, columns: &[&str], rows: Vec<Value>) -> Result<Exit, Failure> {
    let mut table = args.rows.table(columns).when_empty(
        "nothing of that is known; entries of the kind `relation` say who reached whom, and `host` whose a host is",
    );
    for row in rows {
        let values: Vec<Value> = columns.iter().map(|name| row.get(*name).cloned().unwrap_or_default()).collect();
        if !table.row(&values)? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}
