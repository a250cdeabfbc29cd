//! The settings of a site: `concert.toml` and `conf.d/*.toml` in name order.
//!
//! Reading goes on after a mistake, so that all of them are told at once. Each section is one file
//! of `settings/`; a key is asked for once, with its default and its sentence. What is read here is
//! plain data plus the parsers, collectors and deliverers it stands for; nothing is opened or
//! connected but the settings files, the secrets and the files that settings name.

mod catalogue;
mod effort;
mod feed;
mod files;
mod forbid;
mod lone;
mod mailbox;
pub mod manual;
mod notice;
mod own;
pub mod processes;
mod remind;
mod same;
mod site;
mod unreadable;
mod via;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use concert_model::access::{Forbids, Person};
use concert_model::keys::{NamedFile, Reading, Setting, Source};
use concert_model::{Keys, Problem};
use concert_pipeline::judge::{Dedup, Judge};
use concert_pipeline::render::Templates;
use concert_transport::Collector;
use toml_edit::TableLike;

use crate::problems::{Failure, sort_by_place};

pub use effort::Effort;
pub(crate) use effort::work_kind;
pub use feed::{Collect, Expect, Feed};
pub use files::LoadFor;
pub use forbid::Named;
pub use lone::lone_parser;
pub use mailbox::{Mailbox, OWNER as MAILBOX};
pub(crate) use notice::is_address;
pub use notice::{Notice, Recipient};
pub(crate) use own::{OWN, Own};
pub use remind::Remind;
pub use site::{Collecting, Deliver, Limits, Lookup, Openpgp, Serve, Site, Store, Whom};
pub use via::{MAIL, Via};

/// Everything in force on a site.
pub struct Settings {
    /// The folder of the site, absolute.
    pub dir: PathBuf,
    /// Who runs it.
    pub site: Site,
    /// The pages and the API.
    pub serve: Serve,
    /// How long things are kept.
    pub store: Store,
    /// Caps on what comes from outside.
    pub limits: Limits,
    /// Data about addresses.
    pub lookup: Lookup,
    /// When an event is a repeat of another, for feeds that do not say their own.
    pub dedup: Dedup,
    /// A safety catch of collecting.
    pub collecting: Collecting,
    /// Safety catches of delivering.
    pub deliver: Deliver,
    /// Keys of contacts.
    pub openpgp: Openpgp,
    /// What work on incidents costs.
    pub effort: Effort,
    /// What is forbidden here beyond the shipped rules of access.
    pub forbids: Forbids,
    /// The names that it is forbidden to and of.
    pub forbidden_names: Vec<forbid::Named>,
    /// The feeds, in the order they are written.
    pub feeds: Vec<Feed>,
    /// The rules, in the order they are written.
    pub judge: Judge,
    /// The notices, in the order they are written.
    pub notices: Vec<Notice>,
    /// The ways out, by name.
    pub vias: BTreeMap<String, Via>,
    /// Who is reminded of what comes due in incidents.
    pub remind: Remind,
    /// Where bounces and answers come back to.
    pub mailbox: Option<Mailbox>,
    /// Subjects and texts of notices, by language.
    pub templates: Templates,
}

/// Everything that one reading of the settings gives.
pub struct Loaded {
    /// The settings, with defaults where there were mistakes. Not to be used if there are any.
    pub settings: Settings,
    /// Every mistake, in the order of their places.
    pub problems: Vec<Problem>,
    /// Whether all files could be parsed and `[site]` has no mistakes, so that the rest can be looked at.
    pub is_sound: bool,
    /// What is allowed but unwise.
    pub warnings: Vec<Problem>,
    /// Every key in force, in the order it was asked for.
    pub keys: Vec<Setting>,
    /// Every file that a setting names and the site needs, once.
    pub files: BTreeSet<NamedFile>,
}

impl Settings {
    /// Reads the settings of the site in this folder. May be called again at any time; what is in
    /// force stays untouched when this fails.
    pub fn load(dir: &Path, load_for: LoadFor) -> Result<Settings, Failure> {
        Settings::load_warned(dir, load_for).map(|(settings, _)| settings)
    }

    /// The same, with what is allowed but unwise.
    pub fn load_warned(dir: &Path, load_for: LoadFor) -> Result<(Settings, Vec<Problem>), Failure> {
        let loaded = Settings::read(dir, load_for)?;
        let good = loaded.problems.is_empty();
        if good { Ok((loaded.settings, loaded.warnings)) } else { Err(Failure::settings(loaded.problems)) }
    }

    /// Reads the settings and gives everything found. Fails only when there is nothing to read.
    pub fn read(dir: &Path, load_for: LoadFor) -> Result<Loaded, Failure> {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let mut sources = files::sources(&dir)?;
        let (mended, gaps) = unreadable::mend(&mut sources);
        let (tables, mut problems) = unreadable::parse(&sources);
        let outside = files::Outside::new(&dir, load_for);
        let fetch = |how: &str, which: &str| outside.fetch(how, which);
        let file = |which: &str| outside.file(which);
        let reading = Reading::new(&fetch).with_files(&file).with_gaps(gaps);
        let layers: Vec<(&Source, &dyn TableLike)> =
            tables.iter().map(|(source, table)| (*source, table.as_table() as _)).collect();
        let is_sound = mended.is_empty() && problems.is_empty() && is_site_sound(layers.clone());
        let (templates, template_problems) = files::templates(&dir);
        let open = files::open_data(&dir);
        let settings = Settings::from_keys(dir, Keys::root(&reading, layers), templates);
        let gathered = reading.finish();
        // With a file unread, whatever it should have held would be told as missing.
        match problems.last_mut() {
            None => problems = gathered.problems,
            Some(last) => last.hint.push_str("; what else is wrong is told when every file can be read"),
        }
        problems.extend(mended);
        problems.extend(template_problems);
        sort_by_place(&mut problems);
        problems.dedup();
        let mut seen = BTreeSet::new();
        let keys = gathered.settings.into_iter().filter(|one| seen.insert(one.key.clone())).collect();
        let files = gathered.files.into_iter().collect();
        let warnings = outside.warnings().into_iter().chain(open).collect();
        Ok(Loaded { settings, problems, is_sound, warnings, keys, files })
    }

    fn from_keys(dir: PathBuf, mut root: Keys<'_>, templates: Templates) -> Settings {
        let site = Site::read(root.table("site"));
        let serve = Serve::read(root.table("serve"));
        let store = Store::read(root.table("store"));
        let limits = Limits::read(root.table("limits"));
        let lookup = Lookup::read(root.table("lookup"), &dir);
        let collecting = Collecting::read(root.table("collect"));
        let deliver = Deliver::read(root.table("deliver"));
        let openpgp = Openpgp::read(root.table("openpgp"), &dir);
        let effort = Effort::read(root.table("effort"));
        let (forbids, forbidden_names) = forbid::read_all(root.tables("forbid"));
        let dedup = dedup(root.table("dedup"));
        let around = feed::Around { dir: &dir, keep_raw: store.keep_raw, limits: &limits, dedup: &dedup };
        let feeds = feed::read_all(root.tables("feed"), &around);
        let judge = Judge::read(root.tables("rule"));
        let vias = via::read_all(root.table("via"), &dir, &site);
        let notices = notice::read_all(root.tables("notice"), &vias, &templates);
        let mailbox = Mailbox::read(root.table("mailbox"), &dir, &limits, (&vias, &feeds, &templates));
        let remind = Remind::read(root.table("remind"), &vias);
        root.finish();
        Settings {
            dir,
            site,
            serve,
            store,
            limits,
            lookup,
            dedup,
            collecting,
            deliver,
            openpgp,
            effort,
            forbids,
            forbidden_names,
            feeds,
            judge,
            notices,
            vias: vias.good,
            remind,
            mailbox,
            templates,
        }
    }

    /// Where the site keeps what it knows.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A path as people write it: from the folder of the site on, where it lies in there.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.dir).unwrap_or(path).display().to_string()
    }

    /// What collects, by feed; nothing while that is paused.
    pub fn collectors(&self) -> impl Iterator<Item = (&str, &Arc<dyn Collector>)> {
        let feeds = self.feeds.iter().filter(|_| !self.collecting.paused);
        feeds.filter_map(|feed| match &feed.collect {
            Collect::By(_, collector, _) => Some((feed.name.as_str(), collector)),
            Collect::Nothing | Collect::Push(_) => None,
        })
    }

    /// The mailbox to look into; none while that is paused.
    pub fn mailbox_to_read(&self) -> Option<&Mailbox> {
        self.mailbox.as_ref().filter(|_| !self.collecting.paused)
    }

    /// The feed of this name.
    pub fn feed(&self, name: &str) -> Option<&Feed> {
        self.feeds.iter().find(|feed| feed.name == name)
    }

    /// The feed of this name, which somebody asked for.
    pub fn need_feed(&self, name: &str) -> Result<&Feed, Failure> {
        self.feed_among(name, |_| true)
    }

    /// The feed of this name, as far as a person may know of it.
    pub fn feed_for(&self, name: &str, person: &Person) -> Result<&Feed, Failure> {
        self.feed_among(name, |feed| feed.is_for(person))
    }

    /// Whether a person may know of the feed of this name. One that the settings do not have any more has no label.
    pub fn shows_feed(&self, name: &str, person: &Person) -> bool {
        self.feed(name).is_none_or(|feed| feed.is_for(person))
    }

    fn feed_among(&self, name: &str, is_there: impl Fn(&Feed) -> bool) -> Result<&Feed, Failure> {
        self.feed(name).filter(|feed| is_there(feed)).ok_or_else(|| {
            let known = self.feeds.iter().filter(|feed| is_there(feed));
            let known: Vec<&str> = known.map(|feed| feed.name.as_str()).collect();
            let hint = if known.is_empty() {
                "the settings have no feeds".to_owned()
            } else {
                concert_model::problem::instead(name, &known)
            };
            Failure::usage(Problem::new(format!("there is no feed `{name}`")).hint(hint))
        })
    }

    /// The notice of this name.
    pub fn notice(&self, name: &str) -> Option<&Notice> {
        self.notices.iter().find(|notice| notice.name == name)
    }
}

/// Whether `[site]` alone has no mistakes.
fn is_site_sound(layers: Vec<(&Source, &dyn TableLike)>) -> bool {
    let none = |_: &str, _: &str| Ok(String::new());
    let reading = Reading::new(&none);
    Site::read(Keys::root(&reading, layers).table("site"));
    reading.finish().problems.is_empty()
}

/// A table of its own, for all feeds or for one.
fn dedup(mut keys: Keys<'_>) -> Dedup {
    let dedup = Dedup::read(&mut keys);
    keys.finish();
    dedup
}

/// How the program calls itself towards servers.
pub(crate) const USER_AGENT: &str = concat!("concert/", env!("CARGO_PKG_VERSION"));
/// Most letters of a name.
const NAME_CHARS_MAX: usize = 64;

/// Names that are given, and where.
type Taken = BTreeMap<String, String>;

/// The `name` of a feed or notice: checked, and told when another has it.
fn unique_name(keys: &mut Keys<'_>, about: &str, taken: &mut Taken) -> Option<String> {
    let name = keys.require("name", about)?;
    if !good_name(&name) {
        keys.problem("name", format!("`{name}` is not a name"), NAME_RULE);
        return None;
    }
    if let Some(other) = taken.get(&name) {
        keys.problem("name", format!("the name `{name}` is taken at {other}"), "give each its own name");
        return None;
    }
    taken.insert(name.clone(), keys.key_place("name").unwrap_or_default());
    Some(name)
}

const NAME_RULE: &str = "a name has 1 to 64 letters, digits, blanks, dots, dashes and underlines";

fn good_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(good) && name.trim() == name
}
