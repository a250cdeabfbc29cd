//! `concert user list` and `concert user show NAME`.

use concert_model::{Problem, User};
use concert_store::records::Records;
use serde_json::{Value, json};

use super::need_user;
use crate::command::contact::text_or_null;
use crate::login::secret;
use crate::print::{AllRows, Rows, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::wire;

const COLUMNS: [&str; 8] = ["name", "full_name", "mail", "roles", "clearance", "state", "second_factor", "made"];

#[derive(clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
pub(super) struct ShowArgs {
    /// The user.
    name: String,
    #[command(flatten)]
    rows: AllRows,
}

pub(super) async fn list(args: &ListArgs, records: &Records) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&COLUMNS);
    for user in records.users().await? {
        if !table.row(&values(&user, records).await?)? {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

pub(super) async fn show(args: &ShowArgs, records: &Records) -> Result<Exit, Failure> {
    let user = need_user(records, &args.name).await?;
    let mut fields: Vec<(&str, Value)> = COLUMNS.into_iter().zip(values(&user, records).await?).collect();
    let known = records.credentials(&user.name).await?;
    let password = match known.map(|known| (known.password.is_empty(), known.once)) {
        None | Some((true, _)) => "none",
        Some((false, true)) => "to be changed at the next login",
        Some((false, false)) => "chosen",
    };
    let until = records.locked_until(&secret::name_hash(&user.name), wire::now()).await?;
    fields.extend([
        ("password", json!(password)),
        ("recovery_codes", records.recovery_codes(&user.name).await?.map_or(Value::Null, |count| json!(count))),
        ("locked_until", until.map_or(Value::Null, |until| json!(until.to_string()))),
        ("sessions", json!(records.sessions(&user.name, wire::now()).await?)),
        ("tokens", json!(records.tokens(Some(&user.name)).await?.len())),
    ]);
    print_object(format_or_default(args.rows.format), &fields, &[])?;
    Ok(Exit::Done)
}

async fn values(user: &User, records: &Records) -> Result<[Value; 8], Problem> {
    let roles: Vec<String> = user.standing.iter().map(ToString::to_string).collect();
    Ok([
        json!(user.name),
        json!(user.full_name),
        text_or_null(&user.mail),
        json!(roles.join(", ")),
        json!(user.clearance.word()),
        json!(if user.disabled { "disabled" } else { "enabled" }),
        json!(records.recovery_codes(&user.name).await?.is_some()),
        json!(user.made.to_string()),
    ])
}
