//! For tests: a listed parser with settings as text, over bytes in memory.

use std::cell::RefCell;

use concert_model::keys::{Gathered, Reading, Source};
use concert_model::{Batch, Event, Keys, OpenEvent, Origin, ProblemKey, Receipt, Reject, Time, json};
use concert_pipeline::parse::{ALL, About, Fixed, Input, Listed, Parser, Sink};

/// The parser of this name in the catalogue.
pub(crate) fn listed(name: &str) -> &'static Listed {
    ALL.iter().copied().find(|listed| listed.name == name).unwrap_or_else(|| panic!("no parser `{name}`"))
}

/// A feed as its settings make it.
pub(crate) struct Feed {
    /// The parser.
    pub(crate) parser: Box<dyn Parser>,
    /// Its constants and zone.
    pub(crate) fixed: Fixed,
}

/// A parser with the settings of its feed, as TOML lines. Wrong settings fail the test. `files` holds
/// the text of the file a setting names.
pub(crate) fn feed(parser: &str, settings: &str, files: &dyn Fn(&str) -> Result<String, String>) -> Feed {
    let source = Source { name: "settings".into(), text: settings.into() };
    let document = toml_edit::Document::parse(settings).unwrap_or_else(|why| panic!("{settings}: {why}"));
    let no_secrets = |_: &str, _: &str| Err("no secrets here".to_owned());
    let reading = Reading::new(&no_secrets).with_files(files);
    let table = document.as_table() as &dyn toml_edit::TableLike;
    let mut keys = Keys::root(&reading, vec![(&source, table)]);
    let parser = (listed(parser).read)(&mut keys);
    let fixed = Fixed::read(&mut keys);
    keys.finish();
    let Gathered { problems, .. } = reading.finish();
    assert!(problems.is_empty(), "{settings}\n{problems:?}");
    Feed { parser, fixed }
}

/// Runs a listed parser over the bytes of a report with this file name. Gives events as JSON objects,
/// without identifiers and `time.observation`, and rejects as `line field: reason`.
pub(crate) fn run(parser: &str, settings: &str, bytes: &[u8], name: &str) -> (Vec<String>, Vec<String>) {
    let no_files = |_: &str| Err("no files here".to_owned());
    run_feed(&feed(parser, settings, &no_files), bytes, name)
}

/// The same with a parser that was made already.
pub(crate) fn run_feed(feed: &Feed, bytes: &[u8], name: &str) -> (Vec<String>, Vec<String>) {
    through(feed, name, |receipt, sink| {
        let mut reader = bytes;
        let mut input = Input::new(&mut reader, None);
        feed.parser.parse(&mut input, &About { receipt, name, is_last: true }, sink);
        assert_eq!(input.failure(), None);
    })
}

/// Runs something that gives to a sink, as a feed would.
pub(crate) fn through(
    feed: &Feed,
    name: &str,
    work: impl FnOnce(&Receipt, &mut Sink<'_>),
) -> (Vec<String>, Vec<String>) {
    let receipt = receipt(name);
    let (events, rejects) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let mut stage = |_: &mut OpenEvent<'_>| true;
    let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
    let mut flush = |batch: Batch| {
        events.borrow_mut().extend(batch.iter().map(|event| object(&event)));
        batch
    };
    let mut reject = |reject: Reject| {
        let part = if reject.part.is_empty() { String::new() } else { format!("{} ", reject.part) };
        rejects.borrow_mut().push(format!("{part}{} {}: {}", reject.line, reject.field, reject.reason));
    };
    let Fixed { constants, extras, zone } = feed.fixed.clone();
    let mut sink =
        Sink::new(receipt.id(&[0; 32]), &receipt, constants, zone, &mut stage, &key_of, &mut flush, &mut reject);
    sink.give_extras(extras);
    work(&receipt, &mut sink);
    let counts = sink.finish();
    let (events, rejects) = (events.into_inner(), rejects.into_inner());
    assert_eq!((counts.events, counts.rejects), (events.len() as u64, rejects.len() as u64));
    (events, rejects)
}

/// A receipt of a file, at one fixed moment: 2026-06-18T00:00:00Z.
pub(crate) fn receipt(name: &str) -> Receipt {
    Receipt {
        feed: "test".into(),
        origin: Origin::File(name.into()),
        received: Time(1_781_740_800_000_000),
        sender: String::new(),
        file_name: name.into(),
        url: String::new(),
        media_type: String::new(),
    }
}

fn object(event: &Event<'_>) -> String {
    let mut members = Vec::new();
    json::write_members(event, &mut members);
    let text = String::from_utf8(members).expect("JSON is UTF-8");
    let mut object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{}}}", text.trim_start_matches(','))).expect("events are JSON");
    object.remove("time.observation");
    serde_json::Value::Object(object).to_string()
}
