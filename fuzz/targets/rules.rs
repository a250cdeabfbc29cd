//! Rules over events: a rule that settings accept changes any event into one that others can read, and
//! what it sets is there. The input are `[[rule]]` tables, a NUL, and events as key=value pairs.
#![no_main]

use concert_fuzz::{check, feed_named, parse};
use concert_model::keys::{Reading, Source};
use concert_model::{Batch, Event, Keys};
use concert_pipeline::judge::{Judge, Verdict};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (table, events) = text.split_once('\0').unwrap_or((text, "ip=192.0.2.1, asn=64496, type=phishing, a=1"));
    let Ok(document) = toml_edit::Document::parse(table) else { return };
    let source = Source { name: "rules".into(), text: table.into() };
    let no_secrets = |_: &str, _: &str| Err("no secrets here".to_owned());
    let reading = Reading::new(&no_secrets);
    let mut root = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
    let judge = Judge::read(root.tables("rule"));
    root.finish();
    let problems = reading.finish().problems;
    assert!(problems.iter().all(|problem| !problem.what.is_empty() && !problem.place.is_empty()), "{problems:?}");
    assert!(judge.rules().len() + problems.len() > 0 || document.is_empty(), "neither a rule nor a mistake: {table}");
    let mut fired = vec![0; judge.rules().len()];
    let mut each = |event: &Event<'_>| {
        let mut batch = Batch::new();
        let mut open = batch.open();
        for (field, value) in event.fields().filter(|(field, _)| !field.is_extra()) {
            open.set(field, &value);
        }
        if judge.judge(&mut open, &mut fired) != Verdict::Keep {
            return;
        }
        let row = event.row();
        open.keep(row.id, row.key, row.position);
        batch.iter().for_each(|event| check(&event));
    };
    parse(feed_named("keyvalue"), events.as_bytes(), &mut each);
});
