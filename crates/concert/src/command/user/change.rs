//! `concert user change`, `disable`, `enable` and `reset`.

use std::str::FromStr;

use concert_model::Problem;
use concert_model::incident::Tlp;
use concert_model::user::Standing;
use concert_store::records::{By, Factor, Records, UserChange};

use super::{clearance, need_user, note_unknown_constituencies, one_time, print_secret};
use crate::command::incident::refused;
use crate::people;
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
pub(super) struct NameArgs {
    /// The user.
    pub name: String,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert user change jane --role handler --role auditor --clearance red\n  concert user change jane --mail jane@cert.example\n  concert user change otto --no-role"
)]
pub(super) struct Args {
    /// The user.
    name: String,
    /// Roles, instead of all that the user had. May be given several times.
    #[arg(long, value_name = "ROLE[:CONSTITUENCY]", value_parser = Standing::from_str)]
    role: Vec<Standing>,
    /// Take away all standing roles: the user sees the incidents alone in which it has a role.
    #[arg(long, conflicts_with = "role")]
    no_role: bool,
    /// The strictest label the user may read.
    #[arg(long, value_name = "TLP", value_parser = clearance)]
    clearance: Option<Tlp>,
    /// What others call the person.
    #[arg(long, value_name = "TEXT")]
    full_name: Option<String>,
    /// Mail address; empty for none.
    #[arg(long, value_name = "ADDRESS")]
    mail: Option<String>,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert user reset jane\n  concert user reset jane --second-factor")]
pub(super) struct ResetArgs {
    /// The user.
    name: String,
    /// Remove the second factor and the recovery codes too.
    #[arg(long)]
    second_factor: bool,
}

pub(super) async fn run(args: &Args, records: &Records, by: &By) -> Result<Exit, Failure> {
    let mut standing = args.role.clone();
    standing.sort();
    standing.dedup();
    let is_standing = args.no_role || !standing.is_empty();
    if !is_standing && args.clearance.is_none() && args.full_name.is_none() && args.mail.is_none() {
        let problem = Problem::new("nothing is to be changed");
        return Err(Failure::usage(problem.hint("give --role, --no-role, --clearance, --full-name or --mail")));
    }
    let wanted = UserChange {
        full_name: args.full_name.clone(),
        mail: args.mail.clone(),
        standing: is_standing.then_some(standing),
        clearance: args.clearance,
    };
    need_user(records, &args.name).await?;
    let mut change = records.change().await?;
    people::change_user(&mut change, &args.name, &wanted, None, by).await.map_err(refused)?;
    records.commit(change).await?;
    note_unknown_constituencies(records, wanted.standing.as_deref().unwrap_or_default()).await?;
    Ok(Exit::Done)
}

pub(super) async fn disable(name: &str, disabled: bool, records: &Records, by: &By) -> Result<Exit, Failure> {
    need_user(records, name).await?;
    let mut change = records.change().await?;
    people::disable_user(&mut change, name, disabled, by).await.map_err(refused)?;
    records.commit(change).await?;
    Ok(Exit::Done)
}

pub(super) async fn reset(args: &ResetArgs, records: &Records, by: &By) -> Result<Exit, Failure> {
    let (text, password) = one_time()?;
    let factor = if args.second_factor { Factor::Goes } else { Factor::Stays };
    need_user(records, &args.name).await?;
    let mut change = records.change().await?;
    people::reset_user(&mut change, &args.name, (&password, factor), by).await.map_err(refused)?;
    records.commit(change).await?;
    print_secret(&text)
}
