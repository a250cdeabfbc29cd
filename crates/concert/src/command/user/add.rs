//! `concert user add NAME`.

use std::str::FromStr;

use concert_model::incident::Tlp;
use concert_model::user::Standing;
use concert_model::{Problem, User};
use concert_store::records::{By, Records};

use super::{clearance, from_stdin, note_unknown_constituencies, one_time, print_secret};
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert user add jane --full-name \"Jane Doe\" --mail jane@cert.example --role handler\n  concert user add joe --full-name \"Joe Roe\" --role reader:energy --clearance green"
)]
pub(super) struct Args {
    /// What the user logs in as: a-z, 0-9, dot, underscore and dash. It never changes.
    name: String,
    /// What others call the person.
    #[arg(long, value_name = "TEXT")]
    full_name: String,
    /// Mail address.
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    mail: String,
    /// administrator, handler, reader or auditor; handler and reader may be limited to a party or sector
    /// ("handler:energy"). May be given several times; without one the user sees the incidents alone in which it has a
    /// role.
    #[arg(long, value_name = "ROLE[:CONSTITUENCY]", value_parser = Standing::from_str)]
    role: Vec<Standing>,
    /// The strictest label the user may read: clear, green, amber, amber+strict, red.
    #[arg(long, value_name = "TLP", default_value = "amber", value_parser = clearance)]
    clearance: Tlp,
    /// Read the password from standard input instead of making one; it need not be changed.
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(args: &Args, records: &Records, by: &By) -> Result<Exit, Failure> {
    let mut standing = args.role.clone();
    standing.sort();
    standing.dedup();
    let user = User {
        name: args.name.clone(),
        full_name: args.full_name.clone(),
        mail: args.mail.clone(),
        standing,
        clearance: args.clearance,
        disabled: false,
        made: by.at,
    };
    user.check().map_err(|why| Failure::usage(Problem::new(why)))?;
    let (shown, password) = if args.password_stdin {
        (None, from_stdin(&user.name)?)
    } else {
        let (text, password) = one_time()?;
        (Some(text), password)
    };
    if !records.add_user(&user, &password, by).await? {
        let problem = Problem::new(format!("there is a user `{}` already", user.name));
        return Err(Failure::usage(
            problem.hint("`concert user change` changes it, `concert user reset` its password"),
        ));
    }
    note_unknown_constituencies(records, &user.standing).await?;
    shown.map_or(Ok(Exit::Done), |text| print_secret(&text))
}
