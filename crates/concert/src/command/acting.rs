//! As whom a command acts: whoever sits at the machine, or with `--as USER` a user with that user's rights.

use concert_model::Problem;
use concert_model::access::{Action, Decision, Kept, Object, Person, cleared, may};
use concert_model::incident::Tlp;
use concert_store::Store;
use concert_store::records::By;

use super::{Command, SiteArg};
use crate::operator::operator;
use crate::problems::Failure;
use crate::reach::Reach;
use crate::reads::ReadLog;
use crate::settings::{Feed, LoadFor, Settings};

/// Who acts. A user who is not there or disabled is told; whoever sits at the machine may know.
pub(super) async fn acting(site: &SiteArg, store: &Store) -> Result<Person, Failure> {
    let Some(name) = &site.as_user else { return Ok(Person::operator(&operator().who)) };
    match store.records.user(name).await? {
        Some(user) if !user.disabled => Ok(site.settings(LoadFor::Look)?.forbids.on(user.person())),
        Some(_) => Err(Failure::usage(Problem::new(format!("the user `{name}` is disabled")))),
        None => {
            let problem = Problem::new(format!("there is no user `{name}`"));
            Err(Failure::usage(problem.hint("see `concert user list`")))
        }
    }
}

/// Who acts, for the log of changes to users: with `--as` the user, and beside it who sits at the machine.
pub(super) fn by(site: &SiteArg) -> By {
    let operator = operator();
    match &site.as_user {
        Some(name) => By { who: name.clone(), from: operator.who, at: operator.at },
        None => operator,
    }
}

/// How far who acts sees into events, notices or contacts.
pub(super) async fn reach(site: &SiteArg, store: &Store, kept: Kept) -> Result<Reach, Failure> {
    if site.as_user.is_none() {
        return Ok(Reach::all());
    }
    let (person, parties) = (acting(site, store).await?, super::contact::all(store).await?);
    Reach::of(&person, kept, parties.iter()).map_err(denied)
}

/// The feed of this name, as far as who acts may know of it.
pub(super) fn feed<'s>(site: &SiteArg, settings: &'s Settings, name: &str) -> Result<&'s Feed, Failure> {
    if site.as_user.is_none() {
        return settings.need_feed(name);
    }
    let who = async { acting(site, &Store::open(&settings.data_dir()).await?).await };
    settings.feed_for(name, &super::runtime()?.block_on(who)?)
}

fn denied(decision: Decision) -> Failure {
    Failure::usage(Problem::new(format!("not allowed: {}", decision.reason)))
}

/// What a command does to the site as a whole; nothing for those that ask about each thing themselves.
fn action(command: &Command) -> Option<Action> {
    match command {
        Command::Incident(args) if args.is_of_site() => Some(Action::ManageSite),
        Command::Incident(_) | Command::Evidence(_) | Command::Clock(_) | Command::Process(_) => None,
        // They ask how far the user sees: [`reach`].
        Command::Events(_) | Command::Who(_) => None,
        Command::Notice(args) if !args.changes() => None,
        Command::Contact(args) if !args.changes() => None,
        Command::Feed(args) if args.changes() => Some(Action::ChangeSite(Kept::Events)),
        Command::Feed(_) | Command::Sql(_) => Some(Action::SeeSite(Kept::Events)),
        Command::Ingest(_) => Some(Action::ChangeSite(Kept::Events)),
        Command::Notice(_) => Some(Action::ChangeSite(Kept::Notices)),
        Command::Contact(_) => Some(Action::ChangeSite(Kept::Contacts)),
        Command::User(_) | Command::Token(_) => Some(Action::ManageUsers),
        Command::Audit(_) => Some(Action::ReadLog),
        // What is left is for whoever sits at the machine.
        _ => Some(Action::ManageSite),
    }
}

/// Whether the user that a command acts as may do what it does.
pub(super) fn check(command: &Command, site: &SiteArg) -> Result<(), Failure> {
    let (Some(_), Some(action)) = (&site.as_user, action(command)) else { return Ok(()) };
    let settings = site.settings(LoadFor::Look)?;
    let runtime = super::runtime()?;
    let store = runtime.block_on(Store::open(&settings.data_dir()))?;
    let person = runtime.block_on(acting(site, &store))?;
    if matches!(command, Command::Sql(_)) && !cleared(&person, Tlp::Red) {
        return Err(Failure::usage(Problem::new("not allowed: `concert sql` shows events of every label")));
    }
    let decision = may(&person, action, Object::Site);
    match decision.allowed {
        true => Ok(()),
        false => {
            runtime.block_on(ReadLog::new(store.records).denied(&person, action, &decision))?;
            Err(denied(decision))
        }
    }
}
