//! `concert token`: tokens with which programs use the API.

use std::str::FromStr;
use std::time::Duration;

use concert_model::user::{Scope, Token};
use concert_model::{Problem, Time, keys};
use concert_store::Store;
use concert_store::records::{By, Records};
use serde_json::{Value, json};

use super::SiteArg;
use super::incident::refused;
use super::user::{need_user, print_secret};
use crate::people;
use crate::print::Rows;
use crate::problems::{Exit, Failure};
use crate::wire;

const COLUMNS: [&str; 8] = ["id", "user", "scopes", "state", "made", "made_by", "expires", "used"];

/// Tokens, with which programs use the API.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert token create --user jane --scope events:read,incidents:read --expires 30d\n  concert token create --user feeds --scope events:push --expires 365d > /etc/pusher/token\n  concert token list --user jane\n  concert token revoke 7"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a token and print it, once
    Create(CreateArgs),
    /// List tokens: whose they are, what they are good for, and until when
    List(ListArgs),
    /// End a token for good
    Revoke(RevokeArgs),
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert token create --user jane --scope events:read,incidents:read --expires 30d\n  concert token create --user feeds --scope events:push --expires 365d > /etc/pusher/token"
)]
struct CreateArgs {
    /// Whose it is; it never allows more than this user may.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// What it is good for: events:read, events:push, notices:read, notices:write, contacts:read,
    /// contacts:write, incidents:read, incidents:write, users:write,
    /// audit:read, metrics:read; or admin for all that the user may.
    #[arg(long, value_name = "SCOPE,...", value_delimiter = ',', required = true, value_parser = Scope::from_str)]
    scope: Vec<Scope>,
    /// How long it works.
    #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = life)]
    expires: Duration,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert token list\n  concert token list --user jane")]
struct ListArgs {
    /// Only tokens of this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert token revoke 7")]
struct RevokeArgs {
    /// The number of the token.
    id: i64,
}

fn life(text: &str) -> Result<Duration, String> {
    let life = keys::parse_duration(text).filter(|life| !life.is_zero() && *life <= people::TOKEN_LIFE_MAX);
    life.ok_or_else(|| "write how long it works, at most ten years: 12h, 30d, 365d".into())
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings_for(matches!(args.action, Action::List(_)))?;
    super::runtime()?.block_on(async {
        let (records, by) = (Store::open(&settings.data_dir()).await?.records, super::acting::by(site));
        match &args.action {
            Action::Create(args) => create(args, &records, &by).await,
            Action::List(args) => list(args, &records).await,
            Action::Revoke(args) => revoke(args, &records, &by).await,
        }
    })
}

async fn create(args: &CreateArgs, records: &Records, by: &By) -> Result<Exit, Failure> {
    let user = need_user(records, &args.user).await?;
    let (token, new) = people::new_token(&user, args.scope.clone(), args.expires, by.at).map_err(refused)?;
    records.add_token(&new, by).await?;
    print_secret(&token)
}

async fn list(args: &ListArgs, records: &Records) -> Result<Exit, Failure> {
    let now = wire::now();
    let mut table = args.rows.table(&COLUMNS).when_empty("there are no tokens; `concert token create` makes one");
    for token in records.tokens(args.user.as_deref()).await? {
        if !table.row(&values(&token, now))? {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

fn values(token: &Token, now: Time) -> [Value; 8] {
    let token = people::token_json(token, now);
    COLUMNS.map(|name| match token.get(name) {
        Some(Value::Array(scopes)) => json!(scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        value => value.cloned().unwrap_or_default(),
    })
}

async fn revoke(args: &RevokeArgs, records: &Records, by: &By) -> Result<Exit, Failure> {
    if records.revoke_token(args.id, by).await? {
        return Ok(Exit::Done);
    }
    let problem = Problem::new(format!("there is no token {}", args.id));
    Err(Failure::usage(problem.hint("`concert token list` has their numbers")))
}
