//! Every key there is, section by section, for the manual: found by reading settings that hold nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use concert_model::Keys;
use concert_model::keys::{Reading, Setting};
use concert_pipeline::judge::{Opening, Rule};
use concert_pipeline::parse::Fixed;
use concert_pipeline::render::Templates;

use super::{
    Collecting, Deliver, Effort, Limits, Lookup, Mailbox, Openpgp, Remind, Serve, Site, Store, catalogue, dedup, feed,
    forbid, notice, via,
};

/// The keys of one table.
pub struct Section {
    /// The table as it is written, `[site]`, `[[feed]]`.
    pub table: String,
    /// Its keys, in the order they are read.
    pub keys: Vec<Setting>,
}

/// Every table but those of parsers and transports.
pub fn sections() -> Vec<Section> {
    let dir = Path::new("");
    let limits = Limits::read_nothing();
    let common = concert_pipeline::judge::Dedup::default();
    let around = feed::Around { dir, keep_raw: Duration::ZERO, limits: &limits, dedup: &common };
    let vias = via::Vias::default();
    let templates = Templates::new();
    vec![
        section("[site]", "site", Site::read),
        section("[serve]", "serve", Serve::read),
        section("[store]", "store", Store::read),
        section("[limits]", "limits", Limits::read),
        section("[lookup]", "lookup", |keys| Lookup::read(keys, dir)),
        section("[dedup]", "dedup", dedup),
        section("[collect]", "collect", Collecting::read),
        section("[deliver]", "deliver", Deliver::read),
        section("[openpgp]", "openpgp", |keys| Openpgp::read(keys, dir)),
        section("[effort]", "effort", Effort::read),
        section("[[feed]]", "feed", |mut keys| {
            Fixed::read(&mut keys);
            feed::read_all(vec![keys], &around)
        }),
        section("expect = { ... } of a [[feed]]", "feed.expect", |mut keys| feed::read_expect(&mut keys)),
        section("[[rule]]", "rule", |mut keys| Rule::read(&mut keys)),
        section("open_incident = { ... } of a [[rule]]", "rule.open_incident", |mut keys| Opening::read(&mut keys, "")),
        section("[[forbid]]", "forbid", |mut keys| forbid::read(&mut keys, &mut Vec::new())),
        section("[[notice]]", "notice", |keys| notice::read_all(vec![keys], &vias, &templates)),
        section("[mailbox]", "mailbox", |keys| Mailbox::read(keys, dir, &limits, (&vias, &[], &templates))),
        section("[remind]", "remind", |keys| Remind::read(keys, &vias)),
    ]
}

/// The keys of a parser.
pub fn parser(name: &str) -> Section {
    section(&format!("parser = \"{name}\""), "feed", |mut keys| {
        catalogue::parser(name).map(|listed| (listed.read)(&mut keys))
    })
}

/// The keys of a way in.
pub fn collector(name: &str) -> Section {
    section(&format!("collect = {{ type = \"{name}\", ... }}"), "feed.collect", |mut keys| {
        let setup = feed::setup("feed", Path::new(""), Duration::ZERO, &Limits::read_nothing());
        let listed = catalogue::COLLECTORS.iter().find(|listed| listed.name == name);
        listed.and_then(|listed| (listed.read)(&mut keys, &setup))
    })
}

/// The keys of a way out.
pub fn deliverer(name: &str) -> Section {
    section("[via.NAME]", "via.NAME", |mut keys| {
        let listed = concert_transport::deliver::ALL.iter().find(|listed| listed.name == name);
        listed.and_then(|listed| (listed.read)(&mut keys, &concert_transport::deliver::Setup::default()))
    })
}

/// What a reader asks for when nothing is written. Its complaints about that are of no interest.
fn section<T>(table: &str, path: &str, read: impl FnOnce(Keys<'_>) -> T) -> Section {
    let no_secrets = |_: &str, _: &str| Ok(String::new());
    let reading = Reading::new(&no_secrets);
    read(Keys::empty(&reading, path));
    let mut seen = BTreeSet::new();
    let mut keys = reading.finish().settings;
    keys.retain(|key| seen.insert(key.key.clone()));
    Section { table: table.to_owned(), keys }
}
