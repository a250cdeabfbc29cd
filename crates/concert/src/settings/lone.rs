//! A parser without a site: its settings come as TOML lines from the command line.

use std::path::Path;
use std::sync::Arc;

use concert_model::keys::{Reading, Source};
use concert_model::problem::instead;
use concert_model::{Keys, Problem};
use concert_pipeline::parse::{Fixed, Parser, unpack};

use super::{LoadFor, catalogue, files, unreadable};
use crate::problems::Failure;

/// The parser of this name with these settings, and what the settings say for every event and part. Whoever
/// asks from elsewhere names no files and secrets of this machine.
pub fn lone_parser(
    name: &str,
    lines: &[String],
    is_here: bool,
) -> Result<(Arc<dyn Parser>, Fixed, unpack::Limits), Failure> {
    let Some(listed) = catalogue::parser(name) else {
        let known: Vec<_> = catalogue::PARSERS.iter().map(|listed| listed.name).collect();
        return Err(Failure::usage(Problem::new(format!("there is no parser `{name}`")).hint(instead(name, &known))));
    };
    let sources = [Source { name: "--set".to_owned(), text: lines.join("\n") }];
    let (tables, problems) = unreadable::parse(&sources);
    if !problems.is_empty() {
        return Err(Failure::settings(problems));
    }
    let outside = files::Outside::new(Path::new(""), LoadFor::Look);
    let nothing = || Err("it is not read for whoever asks from elsewhere".to_owned());
    let fetch = |how: &str, which: &str| if is_here { outside.fetch(how, which) } else { nothing() };
    let file = |which: &str| if is_here { outside.file(which) } else { nothing() };
    let reading = Reading::new(&fetch).with_files(&file);
    let mut keys =
        Keys::root(&reading, tables.iter().map(|(source, table)| (*source, table.as_table() as _)).collect());
    let parser = (listed.read)(&mut keys);
    let fixed = Fixed::read(&mut keys);
    let unpack = unpack::Limits::read(&mut keys);
    keys.finish();
    let gathered = reading.finish();
    if gathered.problems.is_empty() {
        Ok((Arc::from(parser), fixed, unpack))
    } else {
        Err(Failure::settings(gathered.problems))
    }
}
