//! `concert contact prove` and `concert contact resume`: asking whether somebody is there, and telling
//! a contact again that was suspended.

use std::io::{self, Write};
use std::time::Duration;

use concert_model::Problem;
use concert_model::keys::parse_duration;
use concert_pipeline::mail::address::canonical;
use concert_store::records::{Act, By, append_audit};

use crate::drive::prove::{self, Whom};
use crate::drive::responsible;
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::wire::Site;
use serde_json::json;

/// Ask contacts whether they are there: a short mail that wants an answer.
#[derive(clap::Args)]
#[command(
    after_help = "`concert run` or `serve` sends the messages. A contact that was asked and has not answered is not asked again.\n\nExamples:\n  concert contact prove \"Example University\"\n  concert contact prove \"Example Hosting (RIPE EH1-RIPE)\"\n  concert contact prove --all-older-than 180d"
)]
pub(super) struct ProveArgs {
    /// The name of the party whose contacts are asked.
    #[arg(required_unless_present = "all_older_than", conflicts_with = "all_older_than")]
    party: Option<String>,
    /// Every contact that did not prove alive for so long, and was not asked within it; of teams and registries those
    /// that a notice went to.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    all_older_than: Option<Duration>,
    #[command(flatten)]
    rows: AllRows,
}

/// Tell a contact again that was suspended.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert contact resume abuse@net.example")]
pub(super) struct ResumeArgs {
    /// The mail address.
    address: String,
    #[command(flatten)]
    rows: AllRows,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a number and s, m, h or d: 180d".to_owned())
}

pub(super) async fn prove(args: &ProveArgs, site: &Site, by: &By) -> Result<Exit, Failure> {
    let whom = match (&args.party, args.all_older_than) {
        (Some(party), _) => {
            let book = site.addressees();
            if book.find(party).is_none() {
                let known = [book.constituents.parties(), book.teams.parties()].concat();
                return Err(super::show::missing(party, &known, book.registry.as_ref()));
            }
            Whom::Party(party)
        }
        (None, span) => Whom::Silent(span.unwrap_or_default()),
    };
    let asked = prove::ask(site, whom).await?;
    if let (0, Some(party)) = (asked, &args.party) {
        let why = prove::why_not(site, party).await?;
        let why = if why.is_empty() { "it has no contacts".to_owned() } else { why.join("; ") };
        writeln!(io::stderr(), "nobody was asked: {why}").ok();
    }
    let object = args.party.as_ref().map_or_else(|| "contacts".to_owned(), |party| format!("party {party}"));
    let mut change = site.store.records.change().await?;
    append_audit(&mut change, by, &Act::done("contact prove", object, format!("{asked} asked"))).await?;
    site.store.records.commit(change).await?;
    let mut table = args.rows.table(&["asked"]);
    table.row(&[json!(asked)])?;
    table.finish().map(|()| Exit::Done)
}

pub(super) async fn resume(args: &ResumeArgs, site: &Site, by: &By) -> Result<Exit, Failure> {
    let address = canonical(&args.address);
    if !site.store.records.resume_contact(&address, by).await? {
        let what = format!("the contact {address} is not suspended");
        return Err(Failure::usage(Problem::new(what).hint("`concert contact health` shows which are")));
    }
    // What waited for a contact has one now.
    let queued = responsible::address_waiting(site).await?;
    let mut table = args.rows.table(&["contact", "state", "queued"]);
    table.row(&[json!(address), json!("resumed"), json!(queued)])?;
    table.finish().map(|()| Exit::Done)
}
