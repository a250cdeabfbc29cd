//! `concert user`: who may work with the site.
//!
//! The person at the machine acts here, whatever users there are. Passwords made here are for one login
//! and stand on standard output once, alone; nothing else prints or logs them.

mod add;
mod change;
mod factor;
mod show;

use std::io::Read;

use concert_model::incident::Tlp;
use concert_model::user::Standing;
use concert_model::{Problem, User, problem};
use concert_store::Store;
use concert_store::records::{NewPassword, Parties, Records};

use super::SiteArg;
use crate::login::{password, secret};
use crate::print::Out;
use crate::problems::{Exit, Failure, outside};

/// Who may work with the site.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert user add jane --full-name \"Jane Doe\" --mail jane@cert.example --role handler\n  concert user add joe --full-name \"Joe Roe\" --role reader:energy --clearance green\n  concert user list\n  concert user change jane --role handler --role auditor --clearance red\n  concert user reset jane --second-factor\n  concert user second-factor jane\n  concert user disable joe"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Add a user; prints a password for the first login, once
    Add(add::Args),
    /// List users
    List(show::ListArgs),
    /// Show one user
    Show(show::ShowArgs),
    /// Change roles, clearance, full name or mail address
    Change(change::Args),
    /// Keep a user out; ends all its sessions, and its tokens do not work
    #[command(after_help = "Examples:\n  concert user disable joe")]
    Disable(change::NameArgs),
    /// Let a user in again, also one that failed logins have locked
    #[command(after_help = "Examples:\n  concert user enable joe")]
    Enable(change::NameArgs),
    /// Make a new password for one login, which ends all sessions
    Reset(change::ResetArgs),
    /// Give a user a second factor: prints what an app takes up, asks for a code, prints recovery codes
    #[command(after_help = "Examples:\n  concert user second-factor jane")]
    SecondFactor(change::NameArgs),
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings_for(matches!(args.action, Action::List(_) | Action::Show(_)))?;
    super::runtime()?.block_on(async {
        let (records, by) = (Store::open(&settings.data_dir()).await?.records, super::acting::by(site));
        match &args.action {
            Action::Add(args) => add::run(args, &records, &by).await,
            Action::List(args) => show::list(args, &records).await,
            Action::Show(args) => show::show(args, &records).await,
            Action::Change(args) => change::run(args, &records, &by).await,
            Action::Disable(args) => change::disable(&args.name, true, &records, &by).await,
            Action::Enable(args) => change::disable(&args.name, false, &records, &by).await,
            Action::Reset(args) => change::reset(args, &records, &by).await,
            Action::SecondFactor(args) => factor::run(&args.name, &settings.site.name, &records, &by).await,
        }
    })
}

/// The user with this name, or a problem that says which was meant.
pub(super) async fn need_user(records: &Records, name: &str) -> Result<User, Failure> {
    match records.user(name).await? {
        Some(user) => Ok(user),
        None => Err(nobody(records, name).await),
    }
}

async fn nobody(records: &Records, name: &str) -> Failure {
    let users = records.users().await.unwrap_or_default();
    let hint = problem::meant(name, users.iter().map(|user| user.name.as_str()), "`concert user list` has their names");
    Failure::usage(Problem::new(format!("there is no user `{}`", name.escape_debug())).hint(hint))
}

/// A password for one login, and what is kept of it.
fn one_time() -> Result<(String, NewPassword), Failure> {
    let text = secret::one_time_password()?;
    let new = NewPassword { hash: password::hash(&text)?, once: true };
    Ok((text, new))
}

/// A password from standard input, which its user may go on using.
fn from_stdin(name: &str) -> Result<NewPassword, Failure> {
    let mut text = String::new();
    let mut input = std::io::stdin().lock().take(password::BYTES_MAX as u64 + 3);
    input.read_to_string(&mut text).map_err(|error| outside("standard input cannot be read", &error))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    password::check_choice(name, text).map_err(|why| Failure::usage(Problem::new(why)))?;
    Ok(NewPassword { hash: password::hash(text)?, once: false })
}

/// Prints a secret alone.
pub(super) fn print_secret(text: &str) -> Result<Exit, Failure> {
    let mut out = Out::stdout();
    out.write(format!("{text}\n").as_bytes())?;
    out.finish().map(|()| Exit::Done)
}

/// Says which constituencies are neither a party nor a sector: constituents may be imported later, but a
/// typing mistake would only show when somebody sees nothing.
async fn note_unknown_constituencies(records: &Records, standing: &[Standing]) -> Result<(), Failure> {
    if standing.iter().all(|one| one.constituency.is_none()) {
        return Ok(());
    }
    let parties = records.parties(Parties::Constituents).await?;
    for constituency in standing.iter().filter_map(|one| one.constituency.as_deref()) {
        let is_known =
            |name: &str, sectors: &[String]| name == constituency || sectors.iter().any(|one| one == constituency);
        if !parties.iter().any(|party| is_known(&party.name, &party.sectors)) {
            let known = parties.iter().flat_map(|party| party.sectors.iter().chain([&party.name]));
            let near = problem::nearest(constituency, known.map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            tracing::warn!("no constituent and no sector is called `{constituency}` yet{hint}");
        }
    }
    Ok(())
}

/// Reads a label, for `--clearance`.
fn clearance(text: &str) -> Result<Tlp, String> {
    text.parse()
}
