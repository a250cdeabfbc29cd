//! The small sections: `[site]`, `[serve]`, `[store]`, `[limits]`, `[lookup]`, `[collect]`, `[deliver]`, `[openpgp]`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use concert_model::Keys;
use concert_model::problem::meant;
use concert_transport::net::web::ProxyAt;
use jiff::tz::TimeZone;

/// Who runs this site.
pub struct Site {
    /// Name of the team, as it stands in mail.
    pub name: String,
    /// The address mail comes from and replies go to.
    pub email: String,
    /// The zone of clock times in settings and on pages.
    pub time_zone: TimeZone,
    /// What stands before the `#` in numbers of incidents.
    pub ticket: String,
}

/// Longest beginning of numbers of incidents.
const TICKET_CHARS_MAX: usize = 32;

fn is_ticket(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !text.is_empty() && text.len() <= TICKET_CHARS_MAX && text.chars().all(fits)
}

/// The name of a team as its numbers begin: `CERT-EXAMPLE`.
fn ticket_of(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let ticket = words.collect::<Vec<_>>().join("-").to_ascii_uppercase();
    let ticket: String = ticket.chars().take(TICKET_CHARS_MAX).collect();
    if ticket.is_empty() { "CONCERT".into() } else { ticket }
}

impl Site {
    pub(super) fn read(mut keys: Keys<'_>) -> Self {
        let name = keys.text_or("name", "Concert", "name of your team, as it stands in mail");
        if name.trim().is_empty() || name.chars().count() > 200 || name.contains(char::is_control) {
            keys.problem(
                "name",
                "the name of the site must be 1 to 200 letters on one line",
                "name = \"CERT Example\"",
            );
        }
        let email = keys.text_or("email", "", "the address mail comes from and replies go to");
        if !email.is_empty() && !super::notice::is_address(&email) {
            keys.problem("email", format!("`{email}` is not a mail address"), "write it like cert@cert.example");
        }
        let time_zone =
            time_zone(&mut keys, "UTC", "zone of clock times in settings and on pages").unwrap_or(TimeZone::UTC);
        let about =
            "what numbers of incidents begin with: letters, digits and `-`; made from the name where it is not set";
        let ticket = keys.text_or("ticket", &ticket_of(&name), about);
        if !is_ticket(&ticket) {
            keys.problem("ticket", format!("`{ticket}` cannot begin a number"), "write it like CERT-EX");
        }
        keys.finish();
        Self { name, email, time_zone, ticket }
    }
}

/// `time_zone`, by its name in the time zone database. `None` without one (or with a wrong one).
pub(super) fn time_zone(keys: &mut Keys<'_>, default: &str, about: &str) -> Option<TimeZone> {
    let name =
        if default.is_empty() { keys.text("time_zone", about)? } else { keys.text_or("time_zone", default, about) };
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let hint = meant(&name, known.iter().map(String::as_str), "write it like Europe/Helsinki, or UTC");
        keys.problem("time_zone", format!("`{name}` is not a time zone"), hint);
    }
    zone
}

/// The pages and the API.
#[derive(Clone, PartialEq, Eq)]
pub struct Serve {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// What else the server lets be set.
    pub options: concert_server::Options,
}

impl Serve {
    pub(super) fn read(mut keys: Keys<'_>) -> Self {
        let (listen, options) = concert_server::Options::read(&mut keys);
        keys.finish();
        Self { listen, options }
    }
}

/// How long things are kept.
pub struct Store {
    /// Reports as they were received.
    pub keep_raw: Duration,
    /// Events and their sightings.
    pub keep_events: Duration,
    /// The bytes of delivered notices.
    pub keep_notices: Duration,
    /// Rows of the audit log.
    pub keep_audit: Duration,
}

impl Store {
    pub(super) fn read(mut keys: Keys<'_>) -> Self {
        let store = Self {
            keep_raw: keys.duration_or(
                "keep_raw",
                "90d",
                "how long reports are kept as they were received, also in done/ and refused/ of `file` feeds",
            ),
            keep_events: keys.duration_or("keep_events", "400d", "how long events are kept"),
            keep_notices: keys.duration_or("keep_notices", "400d", "how long the bytes of delivered notices are kept"),
            keep_audit: keys.duration_or("keep_audit", "1095d", "how long rows of the audit log are kept"),
        };
        for (name, kept) in [
            ("keep_raw", store.keep_raw),
            ("keep_events", store.keep_events),
            ("keep_notices", store.keep_notices),
            ("keep_audit", store.keep_audit),
        ] {
            if kept < Duration::from_secs(86_400) {
                keys.problem(name, format!("`{name}` must be at least \"1d\""), format!("{name} = \"90d\""));
            }
        }
        keys.finish();
        store
    }
}

/// Caps on what comes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one report from a network.
    pub report: u64,
    /// Bytes of one report from a folder or `concert ingest`.
    pub file: u64,
    /// Bytes of one report after unpacking archives.
    pub unpacked: u64,
    /// Members of all archives and parts of all mails in one report.
    pub members: usize,
    /// Archives inside archives.
    pub depth: usize,
    /// Bytes of one line or record of text.
    pub line: usize,
}

impl Limits {
    /// The defaults.
    pub(super) fn read_nothing() -> Self {
        let no_secrets = |_: &str, _: &str| Ok(String::new());
        Self::read(Keys::empty(&concert_model::keys::Reading::new(&no_secrets), "limits"))
    }

    pub(super) fn read(mut keys: Keys<'_>) -> Self {
        let limits = Self {
            report: keys.size_or("report", "64MiB", "largest report taken from a network"),
            file: keys.size_or("file", "4GiB", "largest report taken from a folder or by `concert ingest`"),
            unpacked: keys.size_or("unpacked", "16GiB", "most bytes of one report after unpacking archives"),
            members: count(
                &mut keys,
                "members",
                1000,
                1..=100_000,
                "most members of archives and parts of mails in one report",
            ),
            depth: count(&mut keys, "depth", 2, 0..=8, "how deep archives may stand inside archives"),
            line: line(&mut keys),
        };
        for (name, size) in [("report", limits.report), ("file", limits.file), ("unpacked", limits.unpacked)] {
            if size == 0 {
                keys.problem(name, format!("`{name}` must be more than nothing"), format!("{name} = \"64MiB\""));
            }
        }
        keys.finish();
        limits
    }
}

/// The cap on lines, which are held in memory.
fn line(keys: &mut Keys<'_>) -> usize {
    let bytes = keys.size_or("line", "1MiB", "longest line or record of a text report; a longer one is a reject");
    if !(1 << 10..=256 << 20).contains(&bytes) {
        keys.problem("line", "`line` must be from \"1KiB\" to \"256MiB\"", "line = \"1MiB\"");
    }
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// A number that counts things in memory.
fn count(keys: &mut Keys<'_>, name: &str, default: u32, range: RangeInclusive<u64>, about: &str) -> usize {
    let given = keys.number_or(name, u64::from(default), range, about);
    usize::try_from(given).unwrap_or(usize::MAX)
}

/// Data about addresses, from local files, reverse DNS, and whom `concert who` may ask.
pub struct Lookup {
    /// AS numbers: CSV files of ranges, or one `.mmdb`. Absolute paths.
    pub asn: Vec<PathBuf>,
    /// Countries: CSV files of ranges, or one `.mmdb`. Absolute paths.
    pub country: Vec<PathBuf>,
    /// Where those of `asn`, then those of `country`, are named in the settings.
    pub range_places: Vec<String>,
    /// Whether names of addresses are asked from DNS.
    pub reverse_dns: bool,
    /// Longest time one batch of events waits for names.
    pub reverse_dns_deadline: Duration,
    /// The name server to ask; the machine's own when there is none.
    pub name_server: Option<SocketAddr>,
    /// Whether `concert who` asks registries through RDAP.
    pub rdap: bool,
    /// Whether `concert who` asks domains for their security.txt.
    pub security_txt: bool,
    /// The folder of the files that say which server of RDAP knows what. Absolute.
    pub rdap_bootstrap: Option<PathBuf>,
    /// For trials: a server on this machine that takes the place of all that RDAP and security.txt ask.
    pub trial_server: Option<SocketAddr>,
    /// Through which RDAP and security.txt are asked.
    pub proxy: ProxyAt,
    /// Whom events may fall to.
    pub responsible: Vec<Whom>,
}

/// Of whom the contact book knows: in this order they are asked who is responsible for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Those this site answers for.
    Constituents,
    /// Whom registries name.
    Registries,
    /// Whom the servers of registries name when they are asked for what else nobody would be told of.
    Rdap,
    /// Whom domains name in their security.txt, likewise.
    SecurityTxt,
    /// Teams of last resort.
    Teams,
}

impl Whom {
    const ALL: [(&'static str, Self); 5] = [
        ("constituents", Self::Constituents),
        ("registries", Self::Registries),
        ("rdap", Self::Rdap),
        ("security_txt", Self::SecurityTxt),
        ("teams", Self::Teams),
    ];
    /// Those that the site has itself.
    const AT_FIRST: [&'static str; 3] = ["constituents", "registries", "teams"];
}

impl Lookup {
    pub(super) fn read(mut keys: Keys<'_>, dir: &Path) -> Self {
        let mut range_places = Vec::new();
        let about = "CSV files `first,last,asn,name`, or one .mmdb, for AS numbers";
        let asn = range_files(&mut keys, "asn", about, dir, &mut range_places);
        let about = "CSV files `first,last,cc`, or one .mmdb, for countries";
        let country = range_files(&mut keys, "country", about, dir, &mut range_places);
        let reverse_dns = keys.flag_or("reverse_dns", false, "ask DNS for the names of source addresses");
        let reverse_dns_deadline =
            keys.duration_or("reverse_dns_deadline", "5s", "longest time one batch of events waits for names");
        let server = keys.text("name_server", "name server to ask, as address:port; the machine's own without it");
        let name_server = server.as_ref().and_then(|text| text.parse().ok());
        if let (Some(text), None) = (&server, name_server) {
            keys.problem(
                "name_server",
                format!("`{text}` is not an address and a port"),
                "name_server = \"192.0.2.53:53\"",
            );
        }
        let rdap = keys.flag_or("rdap", false, "let `concert who` ask registries through RDAP");
        let security_txt = keys.flag_or("security_txt", false, "let `concert who` ask domains for their security.txt");
        let bootstrap = keys.text(
            "rdap_bootstrap",
            "folder with asn.json, ipv4.json, ipv6.json and dns.json of IANA; those of `concert contact refresh rdap` without it",
        );
        let rdap_bootstrap = bootstrap.map(|text| {
            keys.needs_file(&text);
            dir.join(text)
        });
        let trial_server = trial_server(&mut keys);
        let proxy = ProxyAt::read(&mut keys);
        let responsible = whom(&mut keys);
        if responsible.contains(&Whom::Rdap) && !rdap {
            let why = "nothing falls to whom RDAP names as long as it is not asked";
            keys.problem("responsible", why, "rdap = true");
        }
        if responsible.contains(&Whom::SecurityTxt) && !security_txt {
            let why = "nothing falls to whom domains name as long as they are not asked";
            keys.problem("responsible", why, "security_txt = true");
        }
        keys.finish();
        Self {
            asn,
            country,
            range_places,
            reverse_dns,
            reverse_dns_deadline,
            name_server,
            rdap,
            security_txt,
            rdap_bootstrap,
            trial_server,
            proxy,
            responsible,
        }
    }
}

/// What takes the place of everybody `concert who` asks. Questions go there without encryption, so it is on
/// this machine or nowhere.
fn trial_server(keys: &mut Keys<'_>) -> Option<SocketAddr> {
    let about =
        "for trials: address:port of a web server on this machine that takes all questions of rdap and security_txt";
    let text = keys.text("trial_server", about)?;
    let server = text.parse().ok().filter(|server: &SocketAddr| server.ip().is_loopback());
    if server.is_none() {
        let why = format!("`{text}` is not an address and port of this machine");
        keys.problem("trial_server", why, "trial_server = \"127.0.0.1:8080\"");
    }
    server
}

/// Whom events may fall to; everybody without the setting.
fn whom(keys: &mut Keys<'_>) -> Vec<Whom> {
    let about = "whom events may fall to: `constituents`, `registries` and `teams`, as far as they were imported, and \
                 `rdap` and `security_txt`: notices that would wait for a contact go to whom the servers of registries, or \
                 the domains themselves, name";
    let words = keys.texts_or("responsible", &Whom::AT_FIRST, about);
    let mut whom = Vec::new();
    if words.is_empty() {
        let hint = "leave it out, or responsible = [\"constituents\"]";
        keys.problem("responsible", "events could fall to nobody", hint);
    }
    for word in &words {
        match Whom::ALL.iter().find(|(known, _)| known == word) {
            Some((_, known)) => whom.push(*known),
            None => {
                let what = format!("`{word}` is nobody events can fall to");
                keys.problem("responsible", what, "responsible = [\"constituents\", \"registries\", \"teams\"]");
            }
        }
    }
    whom
}

/// The files of one lookup. They are not opened here: they may arrive after the settings.
fn range_files(keys: &mut Keys<'_>, name: &str, about: &str, dir: &Path, places: &mut Vec<String>) -> Vec<PathBuf> {
    let texts = keys.texts(name, about);
    let is_mmdb = |text: &String| text.ends_with(".mmdb");
    if texts.len() > 1 && texts.iter().any(is_mmdb) {
        keys.problem(name, "one .mmdb stands alone", format!("{name} = [\"data/{name}.mmdb\"]"));
    }
    if texts.len() > 16 {
        keys.problem(name, format!("`{name}` takes at most 16 files"), "join them into fewer");
    }
    places.extend((0..texts.len()).map(|index| keys.item_place(name, index).unwrap_or_default()));
    texts.iter().for_each(|text| keys.needs_file(text));
    texts.iter().map(|text| dir.join(text)).collect()
}

/// A safety catch of collecting.
pub struct Collecting {
    /// Nothing is fetched: no feed and no mailbox is looked at.
    pub paused: bool,
}

impl Collecting {
    pub(super) fn read(mut keys: Keys<'_>) -> Self {
        let about = "look at no feed and no mailbox, settle no mail that came in, and ask no contact, as in a copy of a site; what is pushed or ingested is taken";
        let paused = keys.flag_or("paused", false, about);
        keys.finish();
        Self { paused }
    }
}

/// Safety catches of delivering.
pub struct Deliver {
    /// Notices are made and queued but nothing is sent.
    pub dry_run: bool,
    /// Every mail goes to this address instead of the real one.
    pub override_recipient: Option<String>,
}

impl Deliver {
    pub(super) fn read(mut keys: Keys<'_>) -> Self {
        let dry_run = keys.flag_or(
            "dry_run",
            false,
            "make notices, but send nothing; they count as delivered but not as told, and `concert notice resend` sends them",
        );
        let about = "every mail goes to this address instead of the real one; nothing is sent by HTTP and IRC";
        let override_recipient = keys.text("override_recipient", about);
        if let Some(address) = override_recipient.as_ref().filter(|text| !super::notice::is_address(text)) {
            keys.problem(
                "override_recipient",
                format!("`{address}` is not a mail address"),
                "write it like me@cert.example",
            );
        }
        keys.finish();
        Self { dry_run, override_recipient }
    }
}

/// Keys of contacts.
pub struct Openpgp {
    /// The folder with the public keys of contacts. Absolute.
    pub keys: PathBuf,
}

impl Openpgp {
    pub(super) fn read(mut keys: Keys<'_>, dir: &Path) -> Self {
        let folder = keys.text_or("keys", "keys/", "folder with the public keys of contacts, one in each file");
        if folder.is_empty() {
            keys.problem("keys", "`keys` is empty", "keys = \"keys/\"");
        } else if keys.has("keys") {
            keys.needs_file(&folder);
        }
        keys.finish();
        Self { keys: dir.join(folder) }
    }
}
