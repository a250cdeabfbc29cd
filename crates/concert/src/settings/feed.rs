//! `[[feed]]`: where reports come from, how they are read, and what to expect of them.
//!
//! The feed's table holds the keys here and those of its parser; `collect` holds `type` and the keys
//! of that collector.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concert_model::access::{Person, cleared};
use concert_model::incident::Tlp;
use concert_model::keys::{Basis, Reading, Secret};
use concert_model::problem::instead;
use concert_model::{Field, Keys, Value, taxonomy};
use concert_pipeline::judge::Dedup;
use concert_pipeline::parse::{Fixed, Parser, unpack};
use concert_transport::Collector;
use concert_transport::collect::{Setup, file};

use super::site::Limits;
use super::{Taken, same, unique_name};

/// A configured stream of reports.
pub struct Feed {
    /// Its name, which every event carries as `feed.code` and, where the report says no other, `feed.name`.
    pub name: String,
    /// Who makes the reports; empty when not said.
    pub provider: String,
    /// The word of its parser.
    pub parser_name: String,
    /// Its parser.
    pub parser: Arc<dyn Parser>,
    /// How reports come in.
    pub collect: Collect,
    /// What every event gets where it has no value of its own (name, provider, label, `constant`), and
    /// the zone of times that name none.
    pub fixed: Fixed,
    /// When an event is a repeat of another: the feed's own `dedup`, else the site's.
    pub dedup: Dedup,
    /// How many events to expect.
    pub expect: Option<Expect>,
    /// After this long without a report the feed is shown as stale.
    pub stale_after: Duration,
    /// What is unpacked from its reports, and how much.
    pub unpack: unpack::Limits,
}

impl Feed {
    /// The label of what it brings, where that has none of its own.
    pub fn label(&self) -> Option<Tlp> {
        let label = self.fixed.constants.iter().find(|(field, _)| *field == Field::TLP);
        label.and_then(|(_, value)| value.as_text()?.parse().ok())
    }

    /// Whether a person may know of it: what it brings is counted together, and bears its label.
    pub fn is_for(&self, person: &Person) -> bool {
        self.label().is_none_or(|label| cleared(person, label))
    }
}

/// How the reports of a feed come in.
pub enum Collect {
    /// Only by `concert ingest` and replay.
    Nothing,
    /// Pushed to the HTTP API with this token.
    Push(Secret),
    /// By a collector, with the word of its kind and what it was made from.
    By(&'static str, Arc<dyn Collector>, Basis),
}

impl Collect {
    /// The word of `collect.type`; empty when nothing collects.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Push(_) => "push",
            Self::By(kind, ..) => kind,
        }
    }
}

/// How many events a feed should bring; outside of it somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Fewer are too few.
    pub at_least: u64,
    /// More are too many.
    pub at_most: u64,
    /// Within this time.
    pub every: Duration,
}

/// What of the site a feed depends on.
pub(super) struct Around<'a> {
    pub(super) dir: &'a Path,
    pub(super) keep_raw: Duration,
    pub(super) limits: &'a Limits,
    pub(super) dedup: &'a Dedup,
}

/// Every feed. One with mistakes is left out; its mistakes are told.
pub(super) fn read_all(tables: Vec<Keys<'_>>, site: &Around<'_>) -> Vec<Feed> {
    let (mut taken, mut sources) = (Taken::new(), Sources::default());
    tables.into_iter().filter_map(|keys| read(keys, site, &mut taken, &mut sources)).collect()
}

/// What feeds take so that no other gets it.
#[derive(Default)]
struct Sources {
    /// From which folder a feed takes which files: the name of the feed, the folder and the pattern.
    folders: Vec<(String, PathBuf, String)>,
    /// What there is one of, and the name of the feed that reads it.
    only: Vec<(&'static str, String)>,
}

fn read(mut keys: Keys<'_>, site: &Around<'_>, taken: &mut Taken, sources: &mut Sources) -> Option<Feed> {
    let name = unique_name(&mut keys, "what the feed is called", taken);
    let provider = keys.text_or("provider", "", "who makes the reports");
    let tlp = tlp(&mut keys);
    let own_dedup = super::dedup(keys.table("dedup"));
    let dedup = if keys.has("dedup") { own_dedup } else { site.dedup.clone() };
    let expect = expect(keys.table("expect"));
    let stale_after =
        keys.duration_or("stale_after", "2d", "after this long without a report the feed is shown as stale");
    let unpack = unpack_limits(&mut keys, site.limits);
    let shown = name.as_deref().unwrap_or("feed");
    let collect = collect(keys.table("collect"), shown, site);
    if let Some(Collect::By(_, collector, _)) = &collect {
        one_reader(&keys, shown, &**collector, sources);
        one_taker(&keys, shown, &**collector, sources);
    }
    let parser = parser(&mut keys);
    let fixed = fixed(&mut keys, name.as_deref().unwrap_or_default(), &provider, tlp);
    if parser.is_none() {
        // Which key belongs to a parser that is not known is not known either, so any parser's is taken for one.
        keys.take_for_known(&any_parsers());
    }
    keys.finish();
    let (parser_name, parser) = parser?;
    Some(Feed {
        name: name?,
        provider,
        parser_name,
        parser,
        collect: collect?,
        fixed,
        dedup,
        expect,
        stale_after,
        unpack,
    })
}

/// The parser and its settings, which stand in the feed's own table.
fn parser(keys: &mut Keys<'_>) -> Option<(String, Arc<dyn Parser>)> {
    let word = keys.require("parser", "how the reports are read")?;
    match super::catalogue::parser(&word) {
        Some(listed) => Some((listed.name.to_owned(), Arc::from((listed.read)(keys)))),
        None => {
            let known: Vec<_> = super::catalogue::PARSERS.iter().map(|listed| listed.name).collect();
            keys.problem("parser", format!("there is no parser `{word}`"), instead(&word, &known));
            None
        }
    }
}

/// The keys of all parsers.
fn any_parsers() -> BTreeSet<String> {
    let nothing = |_: &str, _: &str| Ok(String::new());
    let reading = Reading::new(&nothing);
    for listed in super::catalogue::PARSERS {
        (listed.read)(&mut Keys::empty(&reading, ""));
    }
    let first = |key: String| key.split('.').next().unwrap_or_default().to_owned();
    reading.finish().settings.into_iter().map(|setting| first(setting.key)).collect()
}

/// Tells of what there is one of, standard input, that two feeds would read: the one that begins first gets all of it.
fn one_reader(keys: &Keys<'_>, feed: &str, collector: &dyn Collector, sources: &mut Sources) {
    let Some(source) = collector.only_source() else { return };
    match sources.only.iter().find(|(known, _)| *known == source) {
        Some((_, other)) => {
            let what = format!("the feed `{other}` reads {source} too, which only one can");
            keys.problem("collect", what, "let one feed read it, and give the other a file or a folder");
        }
        None => sources.only.push((source, feed.to_owned())),
    }
}

/// Tells of a file that two feeds would take: the one that looks first gets it.
fn one_taker(keys: &Keys<'_>, feed: &str, collector: &dyn Collector, sources: &mut Sources) {
    let folders = &mut sources.folders;
    let Some((folder, pattern)) = collector.takes() else { return };
    // `in/`, `in` and `./in` are one.
    let folder: PathBuf = folder.components().collect();
    let overlaps = |(_, other, files): &&(String, PathBuf, String)| *other == folder && file::overlap(files, pattern);
    if let Some((other, _, files)) = folders.iter().find(overlaps) {
        let what =
            format!("the feed `{other}` takes files of this folder too: `{files}` and `{pattern}` can be the same");
        keys.problem("collect", what, "give each feed a folder of its own, or patterns that no name can match both");
    }
    folders.push((feed.to_owned(), folder, pattern.to_owned()));
}

/// `collect = { type = ..., ... }`. `None` when it has a mistake.
fn collect(mut keys: Keys<'_>, feed: &str, site: &Around<'_>) -> Option<Collect> {
    if keys.is_empty() {
        return Some(Collect::Nothing);
    }
    let word = keys.require("type", "how reports come in")?;
    if word == "push" {
        let token = keys.secret("token", "what a sender must show");
        if !keys.has("token") {
            keys.missing("token", "what a sender must show: { file = \"secrets/NAME\" } or { env = \"NAME\" }");
        }
        keys.finish();
        return token.map(Collect::Push);
    }
    let Some(listed) = super::catalogue::COLLECTORS.iter().find(|listed| listed.name == word) else {
        let mut known: Vec<_> = super::catalogue::COLLECTORS.iter().map(|listed| listed.name).collect();
        known.push("push");
        keys.problem("type", format!("there is no way in called `{word}`"), instead(&word, &known));
        return None;
    };
    let setup = setup(feed, site.dir, site.keep_raw, site.limits);
    let (collector, basis) = same::with_basis(&mut keys, site.dir, &setup, |keys| (listed.read)(keys, &setup));
    keys.finish();
    collector.map(|collector| Collect::By(listed.name, Arc::from(collector), basis))
}

/// What every collector is told.
pub(super) fn setup(feed: &str, dir: &Path, keep_raw: Duration, limits: &Limits) -> Setup {
    Setup {
        feed: feed.to_owned(),
        site_dir: dir.to_owned(),
        report_bytes_max: limits.report,
        file_bytes_max: limits.file,
        keep_raw,
        user_agent: super::USER_AGENT.to_owned(),
    }
}

fn tlp(keys: &mut Keys<'_>) -> Option<&'static str> {
    let word = keys.text("tlp", "TLP label of every event that has none of its own")?;
    let label = taxonomy::tlp(&word);
    if label.is_none() {
        keys.problem("tlp", format!("`{word}` is not a TLP 2.0 label"), instead(&word, taxonomy::TLP));
    }
    label
}

/// What holds for every event of the feed. What `constant` says comes before what the feed says.
fn fixed(keys: &mut Keys<'_>, name: &str, provider: &str, tlp: Option<&'static str>) -> Fixed {
    let mut fixed = Fixed::read(keys);
    let owned = |text: &str| Value::Text(text.to_owned().into());
    let mut own = vec![(Field::FEED_CODE, owned(name)), (Field::FEED_NAME, owned(name))];
    if !provider.trim().is_empty() {
        own.push((Field::FEED_PROVIDER, owned(provider.trim())));
    }
    if let Some(label) = tlp {
        own.push((Field::TLP, Value::text(label)));
    }
    for (field, value) in own {
        if fixed.constants.iter().all(|(given, _)| *given != field) {
            fixed.constants.push((field, value));
        }
    }
    fixed
}

fn expect(mut keys: Keys<'_>) -> Option<Expect> {
    if keys.is_empty() {
        return None;
    }
    let expect = read_expect(&mut keys);
    if expect.at_least > expect.at_most {
        keys.problem("at_least", "`at_least` is more than `at_most`", "swap the two, or leave one out");
    }
    if expect.every < Duration::from_secs(60) {
        keys.problem("every", "`every` must be at least \"1m\"", "every = \"24h\"");
    }
    keys.finish();
    Some(expect)
}

/// The keys of `expect`.
pub(super) fn read_expect(keys: &mut Keys<'_>) -> Expect {
    Expect {
        at_least: keys.number_or("at_least", 0, 0..=EVENTS_MAX, "fewer events than this are too few"),
        at_most: keys.number_or("at_most", EVENTS_MAX, 1..=EVENTS_MAX, "more events than this are too many"),
        every: keys.duration_or("every", "24h", "within this time"),
    }
}

/// More events than any feed has.
const EVENTS_MAX: u64 = 1_000_000_000_000;

/// `parts`, `part_names` and `encoding` of the feed, within the caps of the site.
fn unpack_limits(keys: &mut Keys<'_>, limits: &Limits) -> unpack::Limits {
    let mut unpack = unpack::Limits::read(keys);
    unpack.bytes = limits.unpacked;
    unpack.members = limits.members;
    unpack.depth = limits.depth;
    unpack.line = limits.line;
    unpack
}
