//! `concert who`: who answers for a value, best first, from the constituents and the lookup files.

use std::io::BufRead;

use concert_model::{Contact, Problem};
use concert_pipeline::enrich::{Constituents, Lookup};
use serde_json::{Value, json};

use super::SiteArg;
use super::contact::text_or_null;
use crate::print::AllRows;
use crate::problems::{Exit, Failure, outside};
use crate::settings::LoadFor;
use crate::wire::Site;

/// Longest line taken from standard input.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Tell who answers for an address, network, AS number, domain or URL.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert who 192.0.2.7 AS64500 www.example.com\n  concert who 192.0.2.0/24 --purpose incident\n  cut -d, -f2 list.csv | concert who - --format csv"
)]
pub(super) struct Args {
    /// The values; `-` reads them from standard input, one a line.
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    /// Only contacts for this purpose; those for abuse where a party has none.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    #[command(flatten)]
    rows: AllRows,
}

const COLUMNS: [&str; 8] = ["value", "party", "contact", "purpose", "origin", "specific", "last_alive", "reason"];

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings(LoadFor::Look)?;
    let site = super::runtime()?.block_on(Site::open(settings))?;
    let constituents = site.constituents();
    let mut table = args.rows.table(&COLUMNS);
    let mut tell = |value: &str| -> Result<bool, Failure> {
        for row in rows(value, args.purpose.as_deref(), &constituents, &site.lookup()) {
            if !table.row(&row)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    for value in &args.values {
        let go_on = if value == "-" { from_input(&mut tell)? } else { tell(value)? };
        if !go_on {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

fn from_input(tell: &mut dyn FnMut(&str) -> Result<bool, Failure>) -> Result<bool, Failure> {
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut capped = std::io::Read::take(&mut input, LINE_BYTES_MAX);
        let count =
            capped.read_until(b'\n', &mut line).map_err(|error| outside("standard input cannot be read", &error))?;
        if count == 0 {
            return Ok(true);
        }
        if count as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            return Err(Failure::usage(Problem::new(format!("a line is longer than {LINE_BYTES_MAX} bytes"))));
        }
        let value = String::from_utf8_lossy(&line);
        if !value.trim().is_empty() && !tell(value.trim())? {
            return Ok(false);
        }
    }
}

/// A row for each contact of each party that answers, or one that says why there is none.
fn rows(value: &str, purpose: Option<&str>, constituents: &Constituents, lookup: &Lookup) -> Vec<[Value; 8]> {
    let null = Value::Null;
    let who = constituents.who(value, lookup);
    let mut rows = Vec::new();
    for found in &who.found {
        let Some(party) = constituents.party(found.party) else { continue };
        let contacts: Vec<&Contact> = match purpose {
            Some(purpose) => party.contacts_for(purpose),
            // Whoever is asked first about abuse stands first.
            None => {
                let mut all: Vec<&Contact> = party.contacts.iter().collect();
                all.sort_by_key(|contact| !contact.purpose.eq_ignore_ascii_case("abuse"));
                all
            }
        };
        let (name, specific) = (json!(party.name), json!(found.by.to_string()));
        if contacts.is_empty() {
            let reason = json!("the party has no contact for this");
            rows.push([json!(value), name, null.clone(), null.clone(), null.clone(), specific, null.clone(), reason]);
            continue;
        }
        for one in contacts {
            rows.push([
                json!(value),
                name.clone(),
                text_or_null(&one.mail),
                json!(one.purpose),
                json!(one.origin),
                specific.clone(),
                json!(one.last_alive),
                null.clone(),
            ]);
        }
    }
    if rows.is_empty() {
        let mut row = [const { Value::Null }; 8];
        let [first, .., last] = &mut row;
        (*first, *last) = (json!(value), json!(who.reason));
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_pipeline::enrich::constituents::read_csv;

    #[test]
    fn every_value_gives_a_row() {
        let text = "party,prefixes,domains,mail,purpose\nA,192.0.2.0/24,,soc@a.example,incident\nA,,,abuse@a.example,\nB,,b.example,,\n";
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        let constituents = Constituents::new(parties);
        let check = |value: &str, purpose: Option<&str>, want: &[[&str; 4]]| {
            let rows = rows(value, purpose, &constituents, &Lookup::default());
            let shown: Vec<[String; 4]> =
                rows.iter().map(|row| [1, 2, 5, 7].map(|at| row[at].as_str().unwrap_or("-").to_owned())).collect();
            assert_eq!(shown, want, "{value}");
        };
        let net = "network 192.0.2.0/24";
        check("192.0.2.9", None, &[["A", "abuse@a.example", net, "-"], ["A", "soc@a.example", net, "-"]]);
        check("192.0.2.9", Some("incident"), &[["A", "soc@a.example", net, "-"]]);
        check("www.b.example", None, &[["B", "-", "domain b.example", "the party has no contact for this"]]);
        check("203.0.113.1", None, &[["-", "-", "-", "no party answers for 203.0.113.1"]]);
    }
}
