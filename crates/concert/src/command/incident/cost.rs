//! What work on incidents took and cost.

use std::collections::BTreeSet;

use concert_model::access::Person;
use concert_model::{Problem, Time};
use serde_json::{Value, json};

use super::refused;
use crate::command::events::moment;
use crate::incidents::Incidents;
use crate::incidents::cost::{By, Sum, sums};
use crate::print::{LongRows, say};
use crate::problems::{Exit, Failure};
use crate::settings::Effort;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident cost\n  concert incident cost 'CERT-EX#2026-000001' --by work\n  concert incident cost --by party --since 2026-01-01"
)]
pub(super) struct CostArgs {
    /// Number or identity of one incident; else all that you may see.
    incident: Option<String>,
    /// What each row is for.
    #[arg(long, value_name = "WHAT", default_value = "incident")]
    by: By,
    /// Only work that was written down from this moment on: a time, a date (UTC), or how long ago ("7d").
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Time>,
    /// Only work that was written down before this moment.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Time>,
    #[command(flatten)]
    rows: LongRows,
}

pub(super) async fn run(
    args: &CostArgs,
    incidents: &Incidents,
    person: &Person,
    effort: &Effort,
) -> Result<Exit, Failure> {
    if args.since.zip(args.until).is_some_and(|(since, until)| since > until) {
        let problem = Problem::new("`--since` is later than `--until`: nothing was written down between them");
        return Err(Failure::usage(problem.hint("exchange the two")));
    }
    let mut spent = incidents.spent(person, args.incident.as_deref()).await.map_err(refused)?;
    let counts = |time: Time| args.since.is_none_or(|since| time >= since) && args.until.is_none_or(|end| time < end);
    spent.retain(|one| counts(one.time));
    let (sums, total) = sums(&spent, args.by, effort);
    let mut table = args.rows.table(&[args.by.word(), "minutes", "cost", "currency"]);
    let row = |name: Value, sum: &Sum| [name, json!(sum.minutes), json!(sum.cost()), json!(effort.currency)];
    for (name, sum) in &sums {
        table.row(&row(json!(name), sum))?;
    }
    // No incident, party or person is called so: names are not in brackets.
    table.row(&row(json!("(total)"), &total))?;
    table.finish()?;
    let works: BTreeSet<String> = spent.iter().map(|one| one.effort.work.to_lowercase()).collect();
    let by_default: Vec<&str> = works.iter().map(String::as_str).filter(|work| effort.is_by_default(work)).collect();
    if !by_default.is_empty() {
        let what = "go by `default`, since [effort.rates] has no rate of their own";
        say(&format!("these kinds of work {what}: {}", by_default.join(", ")));
    }
    if total.without_rate > 0 {
        let what = "minutes are of kinds of work without a rate, and cost nothing here";
        let hint = "give `default` in [effort.rates]";
        say(&format!("{} {what}\n  hint: {hint}", total.without_rate));
    }
    Ok(Exit::Done)
}
