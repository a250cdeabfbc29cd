//! `concert user list` and `concert user show NAME`.

use concert_model::{Problem, User};
use concert_store::records::Records;
use serde_json::{Value, json};

use super::need_user;
use crate::people;
use crate::print::{AllRows, Rows, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::wire;

const COLUMNS: [&str; 8] = ["name", "full_name", "mail", "roles", "clearance", "state", "second_factor", "made"];

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert user list\n  concert user list --limit 0 --format csv")]
pub(super) struct ListArgs {
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert user show jane")]
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
    fields.extend(people::user_details(&user, records, wire::now()).await?);
    print_object(format_or_default(args.rows.format), &fields, &[])?;
    Ok(Exit::Done)
}

async fn values(user: &User, records: &Records) -> Result<[Value; 8], Problem> {
    let user = people::user_json(user, records).await?;
    Ok(COLUMNS.map(|name| match user.get(name) {
        Some(Value::Array(roles)) => json!(roles.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        value => value.cloned().unwrap_or_default(),
    }))
}
