//! `concert contact prove`, `concert contact suspend` and `concert contact resume`: asking whether somebody is there, having
//! nothing be sent to a contact, and telling it again.

use std::collections::BTreeSet;
use std::time::Duration;

use concert_model::Problem;
use concert_model::keys::parse_duration;
use concert_pipeline::mail::address::canonical;
use concert_store::records::{Act, By, append_audit};

use crate::drive::mailbox::mass;
use crate::drive::prove::{self, Whom};
use crate::drive::responsible;
use crate::print::{AllRows, say};
use crate::problems::{Exit, Failure};
use crate::wire::{self, Site};
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

/// Have nothing be sent to contacts any more, as after a bounce that says that nobody is there.
#[derive(clap::Args)]
#[command(
    after_help = "An answer of the contact, or `concert contact resume`, takes it back. What is not sent yet goes to whoever is next in\norder; what bounced does with `concert notice resend`.\n\nExamples:\n  concert contact suspend abuse@net.example --why \"left the company\"\n  concert contact suspend --held-back"
)]
pub(super) struct SuspendArgs {
    /// Mail addresses.
    #[arg(required_unless_present = "held_back", conflicts_with = "held_back")]
    addresses: Vec<String>,
    /// Those that very many bounces at once did not suspend: they have really gone.
    #[arg(long)]
    held_back: bool,
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT", conflicts_with = "held_back")]
    why: Option<String>,
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
    prove::way(site).map_err(Failure::usage)?;
    let asked = prove::ask(site, whom).await?;
    if let (0, Some(party)) = (asked, &args.party) {
        let why = prove::why_not(site, party).await?;
        let why = if why.is_empty() { "it has no contacts".to_owned() } else { why.join("; ") };
        say(&format!("nobody was asked: {why}"));
    }
    let object = args.party.as_ref().map_or_else(|| "contacts".to_owned(), |party| format!("party {party}"));
    let mut change = site.store.records.change().await?;
    append_audit(&mut change, by, &Act::done("contact prove", object, format!("{asked} asked"))).await?;
    site.store.records.commit(change).await?;
    let mut table = args.rows.table(&["asked"]);
    table.row(&[json!(asked)])?;
    table.finish().map(|()| Exit::Done)
}

pub(super) async fn suspend(args: &SuspendArgs, site: &Site, by: &By) -> Result<Exit, Failure> {
    let now = wire::now();
    let wanted: Vec<(String, String)> = if args.held_back {
        let held = mass::contacts(site).await?;
        held.into_iter()
            .map(|(address, said)| (address, format!("it bounced on {}: {said}", now.date_text())))
            .collect()
    } else {
        let why = args.why.as_deref().unwrap_or("a person suspended it");
        args.addresses.iter().map(|address| (canonical(address), why.to_owned())).collect()
    };
    if wanted.is_empty() {
        let problem = Problem::new("no contact was held back in the last day");
        return Err(Failure::usage(problem.hint("`concert contact health` shows how contacts do")));
    }
    let (book, constituents) = (site.addressees(), site.constituents());
    let others = book.parties_of(&wanted.iter().map(|(address, _)| address.clone()).collect());
    let own: BTreeSet<String> = constituents
        .parties()
        .iter()
        .flat_map(|party| party.contacts.iter().map(|contact| canonical(&contact.mail)))
        .collect();
    let is_known = |address: &String| own.contains(address) || others.contains_key(address);
    if let Some((unknown, _)) = wanted.iter().find(|(address, _)| !args.held_back && !is_known(address)) {
        let problem = Problem::new(format!("{unknown} is no contact of a constituent, team or registry"));
        return Err(Failure::usage(problem.hint("`concert contact list` and `concert contact health` show which are")));
    }
    let mut table = args.rows.table(&["contact", "state", "why"]);
    for (address, why) in &wanted {
        let state = match site.store.records.suspend_contact(address, why, by, now).await? {
            true => "suspended",
            false => "is suspended already",
        };
        table.row(&[json!(address), json!(state), json!(why)])?;
    }
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
