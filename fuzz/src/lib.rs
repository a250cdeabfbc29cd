//! What the targets share: feeds made from the samples of parsers, and reports run through them.

#[cfg(feature = "site")]
pub mod site;

use std::sync::OnceLock;

use concert_model::keys::{Gathered, Reading, Source};
use concert_model::{Batch, Event, Keys, OpenEvent, Origin, ProblemKey, Receipt, Reject, Time, json};
use concert_pipeline::parse::sink::Counts;
use concert_pipeline::parse::{ALL, About, Fixed, Input, Listed, Parser, Sink, unpack};

/// A parser with settings of its own samples.
pub struct Feed {
    /// Its word in settings.
    pub parser_name: &'static str,
    /// The parser.
    pub parser: Box<dyn Parser>,
    /// Constants and zone.
    pub fixed: Fixed,
    /// A file name it looks at.
    pub file_name: &'static str,
}

/// A parser with these settings, as TOML lines; `None` where they do not load by themselves.
pub fn feed(listed: &'static Listed, settings: &str, file_name: &'static str) -> Option<Feed> {
    let source = Source { name: "settings".into(), text: settings.into() };
    let document = toml_edit::Document::parse(settings).ok()?;
    let no_secrets = |_: &str, _: &str| Err("no secrets here".to_owned());
    let no_files = |_: &str| Err("no files here".to_owned());
    let reading = Reading::new(&no_secrets).with_files(&no_files);
    let mut keys = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
    let parser = (listed.read)(&mut keys);
    let fixed = Fixed::read(&mut keys);
    keys.finish();
    let Gathered { problems, .. } = reading.finish();
    problems.is_empty().then_some(Feed { parser_name: listed.name, parser, fixed, file_name })
}

/// A feed for every parser and every different settings of its samples.
pub fn feeds() -> &'static [Feed] {
    static FEEDS: OnceLock<Vec<Feed>> = OnceLock::new();
    FEEDS.get_or_init(|| {
        let each = |listed: &&'static Listed| {
            let mut seen = Vec::new();
            let listed = *listed;
            let wanted = listed.samples.iter().filter(move |sample| {
                let new = !seen.contains(&(sample.settings, sample.name));
                seen.push((sample.settings, sample.name));
                new
            });
            wanted.filter_map(move |sample| feed(listed, sample.settings, sample.name))
        };
        ALL.iter().flat_map(each).collect()
    })
}

/// The feed of the parser with this name, with the settings of its first sample.
pub fn feed_named(name: &str) -> &'static Feed {
    feeds().iter().find(|feed| feed.parser_name == name).expect("the parser is in the catalogue")
}

/// A report that came at one fixed moment.
pub fn receipt(file_name: &str, media_type: &str) -> Receipt {
    Receipt {
        feed: "fuzz".into(),
        origin: Origin::File(file_name.into()),
        received: Time(1_781_740_800_000_000),
        sender: String::new(),
        file_name: file_name.into(),
        url: String::new(),
        media_type: media_type.into(),
    }
}

/// Runs a parser over the bytes of one part, and gives every event to `each`.
pub fn parse(feed: &Feed, bytes: &[u8], each: &mut dyn FnMut(&Event<'_>)) -> Counts {
    let receipt = receipt(feed.file_name, "");
    through(feed, &receipt, each, |sink| {
        let mut reader = bytes;
        let mut input = Input::new(&mut reader, None);
        feed.parser.parse(&mut input, &About { receipt: &receipt, name: feed.file_name, is_last: true }, sink);
    })
}

/// Runs a whole report, packed in whatever way, through a parser.
pub fn unpack(feed: &Feed, receipt: &Receipt, bytes: &[u8], limits: &unpack::Limits) -> Counts {
    through(feed, receipt, &mut check, |sink| {
        unpack::read(std::io::Cursor::new(bytes), receipt, limits, feed.parser.as_ref(), sink);
    })
}

fn through(
    feed: &Feed,
    receipt: &Receipt,
    each: &mut dyn FnMut(&Event<'_>),
    work: impl FnOnce(&mut Sink<'_>),
) -> Counts {
    let (mut events, mut rejects) = (0u64, 0u64);
    let mut stage = |_: &mut OpenEvent<'_>| true;
    let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
    let mut flush = |batch: Batch| {
        for event in batch.iter() {
            each(&event);
            events += 1;
        }
        batch
    };
    let mut reject = |reject: Reject| {
        assert!(!reject.reason.is_empty(), "a reject without a reason");
        assert!(reject.text.len() <= 3 * Reject::TEXT_BYTES_MAX, "a reject that keeps too much");
        rejects += 1;
    };
    let Fixed { constants, extras, zone } = feed.fixed.clone();
    let id = receipt.id(&[0; 32]);
    let mut sink = Sink::new(id, receipt, constants, zone, &mut stage, &key_of, &mut flush, &mut reject);
    sink.give_extras(extras);
    work(&mut sink);
    let counts = sink.finish();
    assert_eq!((counts.events, counts.rejects), (events, rejects), "{}", feed.parser_name);
    counts
}

/// An event in any form must be one that others can read.
pub fn check(event: &Event<'_>) {
    let mut members = vec![b'{'];
    json::write_members(event, &mut members);
    members.push(b'}');
    if let Some(comma) = members.get_mut(1).filter(|byte| **byte == b',') {
        *comma = b' ';
    }
    let text = std::str::from_utf8(&members).expect("JSON is UTF-8");
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).expect("events are JSON");
    assert!(object.contains_key("time.observation"), "{text}");
}

/// Bytes that a peer says at a time, by the two lowest bits of a choice.
pub fn pieces(choice: u8) -> usize {
    [usize::MAX, 1, 7, 600][usize::from(choice & 3)]
}

/// Has a conversation. The clock stands still and jumps when both sides wait, so silence costs nothing.
#[cfg(feature = "site")]
pub fn talk(conversation: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(conversation);
}

/// Panics of libraries do not count where our code catches them on purpose. Those that nobody catches
/// still end the run.
pub fn forgive_libraries() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let strict = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|place| place.file().contains("/registry/")) {
                strict(panic);
            }
        }));
    });
}

/// A way out with these settings. Secrets are a made-up Ed25519 key.
#[cfg(feature = "site")]
pub fn deliverer(kind: &str, settings: &str) -> Box<dyn concert_transport::Deliverer> {
    let setup = concert_transport::deliver::Setup {
        name: "out".into(),
        site_dir: "/nowhere".into(),
        site_name: "CERT Example".into(),
        site_email: "cert@cert.example".into(),
        user_agent: "Concert".into(),
    };
    let listed = concert_transport::deliver::ALL.iter().find(|listed| listed.name == kind).expect("a way out");
    let source = Source { name: "settings".into(), text: settings.into() };
    let document = toml_edit::Document::parse(settings).expect("settings");
    let secrets = |_: &str, _: &str| Ok("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=".to_owned());
    let reading = Reading::new(&secrets);
    let mut keys = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
    let deliverer = (listed.read)(&mut keys, &setup);
    keys.finish();
    let problems = reading.finish().problems;
    assert!(problems.is_empty(), "{problems:?}");
    deliverer.expect("settings without mistakes")
}

/// A folder of this run of a target, which stays.
#[cfg(feature = "site")]
pub fn folder() -> &'static std::path::Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    DIR.get_or_init(|| tempfile::tempdir().expect("a folder")).path()
}
