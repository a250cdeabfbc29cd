//! `cargo xtask bench incidents`: how soon a site with many incidents answers.
//!
//! It fills a site through the API as programs would, starts it anew, and lets eight clients read and two
//! write at once. What it prints is what a client waits for, over a connection that stays open.

mod client;
mod decisions;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::random::Random;
use crate::step::{call, output, say};
use client::Client;

const HELP: &str = "usage: cargo xtask bench incidents [OPTIONS]

Fills a site with incidents through the API, then lets eight clients read and two write at once, and prints
how long they wait, and what it costs at most to tell of an entry whether somebody sees it.

  --incidents N    incidents of sixteen observables each [default: 25000]
  --seconds N      how long is measured [default: 20]
  --concert PATH   a program that is built already
  --keep           keep the site, and use it again where it is there
  --help

One incident has 50,000 entries and 120 parties, another a chain of 10,000 hosts and 100,000 relations, both
made smaller with fewer incidents. Filling 25,000 takes some minutes and 2 GB below TARGET/bench.
";

/// Sizes at the default number of incidents.
const INCIDENTS: u64 = 25_000;
const ENTRIES: u64 = 50_000;
const PARTIES: u64 = 120;
const HOSTS: u64 = 10_000;
const RELATIONS: u64 = 100_000;
const OBSERVABLES_EACH: u64 = 16;
/// One entry in so many of the long journal has a marking of its own.
const MARKED_EACH: u64 = 2;
/// Entries of one request.
const AT_ONCE: u64 = 1_000;
const READERS: u64 = 8;
const WRITERS: u64 = 2;

struct Options {
    incidents: u64,
    seconds: u64,
    concert: Option<PathBuf>,
    keep: bool,
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub(super) fn run(words: &[&str]) -> Result<(), String> {
    if let ["--help" | "-h"] = words {
        return super::print(HELP);
    }
    let options = read(words)?;
    if cfg!(debug_assertions) {
        let run = ["run", "--quiet", "--release", "--locked", "--package", "xtask", "--", "bench", "incidents"];
        return call("cargo", &[&run, words].concat(), &[]);
    }
    measure(&options)
}

fn read(words: &[&str]) -> Result<Options, String> {
    let mut options = Options { incidents: INCIDENTS, seconds: 20, concert: None, keep: false };
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word {
            "--incidents" => {
                options.incidents = value()?.parse().map_err(|_| "--incidents needs a number".to_owned())?
            }
            "--seconds" => options.seconds = value()?.parse().map_err(|_| "--seconds needs a number".to_owned())?,
            "--concert" => options.concert = Some(PathBuf::from(value()?)),
            "--keep" => options.keep = true,
            _ => return Err(format!("unknown option `{word}`; see `cargo xtask bench incidents --help`")),
        }
    }
    Ok(options)
}

fn serve(concert: &Path, site: &Path) -> Result<(Serving, u16, Duration), String> {
    let failed = |error: std::io::Error| error.to_string();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(failed)?.port();
    let settings = format!(
        "[site]\nname = \"Bench\"\nemail = \"bench@cert.example\"\nticket = \"BENCH\"\n[serve]\nlisten = \"127.0.0.1:{port}\"\nrequests_per_minute = 10000000\n"
    );
    fs::write(site.join("concert.toml"), settings).map_err(failed)?;
    let begun = Instant::now();
    let child = Command::new(concert).args(["serve", "--quiet", "--site"]).arg(site).stdout(Stdio::null()).spawn();
    let serving = Serving(child.map_err(failed)?);
    while begun.elapsed() < Duration::from_secs(60) {
        if Client::new(port).and_then(|mut client| client.get("/readyz")).is_ok() {
            return Ok((serving, port, begun.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err("the site does not answer".into())
}

fn measure(options: &Options) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let (concert, root) = super::program(&own, options.concert.as_deref())?;
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let site = root.join(format!("incidents-{}", options.incidents));
    if !site.join("filled").exists() {
        fs::remove_dir_all(&site).ok();
        call(&concert.display().to_string(), &["init", &site.display().to_string()], &[])?;
        let (_serving, port, _) = serve(&concert, &site)?;
        let begun = Instant::now();
        fill(port, options.incidents)?;
        say(&format!("filled in {:.0} s", begun.elapsed().as_secs_f64()));
        fs::write(site.join("filled"), "").map_err(|error| error.to_string())?;
    }
    let (_serving, port, started) = serve(&concert, &site)?;
    let users = Users::of(&concert, &site)?;
    let waits = load(&|| Ok(Client::new(port)?.with_token(&users.handler)), options)?;
    let mut reader = Client::new(port)?.with_token(&users.reader);
    let (page, entries) = (first_page(&mut reader, 1)?, part(ENTRIES, options.incidents));
    let decision = decisions::measure(&mut reader, &page, entries / MARKED_EACH)?;
    let mut text = format!(
        "{} incidents; {READERS} clients read and {WRITERS} write for {} s; started in {:.2} s\n\n| what | times | median ms | 95 % ms | longest ms |\n|---|--:|--:|--:|--:|\n",
        options.incidents,
        options.seconds,
        started.as_secs_f64(),
    );
    for (name, mut times) in waits {
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        let (median, most, longest) = (millis(at(50)), millis(at(95)), millis(times.last()));
        text.push_str(&format!("| {name} | {} | {median:.1} | {most:.1} | {longest:.1} |\n", times.len()));
    }
    let micros = decision.as_secs_f64() * 1e6;
    text.push_str(&format!("\nto tell of an entry whether somebody sees it: at most {micros:.2} microseconds\n"));
    fs::write(root.join("results-incidents.md"), &text).map_err(|error| error.to_string())?;
    if !options.keep {
        fs::remove_dir_all(&site).ok();
    }
    super::print(&text)
}

fn host(number: u64) -> String {
    format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)
}

/// A moment of one day, so many microseconds after its begin.
fn time(micros: u64) -> String {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    format!("2026-11-18T{:02}:{:02}:{:02}.{rest:06}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// An incident is found again by its number, which begins with 1 on a new site.
fn number(at: u64, year: &str) -> String {
    format!("BENCH%23{year}-{at:06}")
}

/// A size, made smaller with fewer incidents.
fn part(all: u64, incidents: u64) -> u64 {
    (all * incidents / INCIDENTS).max(10)
}

/// Tokens of those who ask: while a site has users, every request is somebody's.
struct Users {
    handler: String,
    /// A user whose clearance has a limit.
    reader: String,
}

impl Users {
    /// Makes them, or finds those of a site that was kept.
    fn of(concert: &Path, site: &Path) -> Result<Self, String> {
        let (program, folder) = (concert.display().to_string(), site.display().to_string());
        let run = |words: &[&str]| output(&program, &[words, &["--quiet", "--site", &folder]].concat());
        let user = |name: &str, clearance: &str, scope: &str| -> Result<String, String> {
            let kept = site.join(format!("token-{name}"));
            if !kept.exists() {
                let about = ["--full-name", name, "--role", name, "--clearance", clearance];
                run(&[&["user", "add", name], &about[..]].concat())?;
                let token = run(&["token", "create", "--user", name, "--scope", scope])?;
                fs::write(&kept, token).map_err(|error| error.to_string())?;
            }
            fs::read_to_string(&kept).map(|token| token.trim().to_owned()).map_err(|error| error.to_string())
        };
        let handler = user("handler", "red", "incidents:read,incidents:write")?;
        Ok(Self { handler, reader: user("reader", "amber", "incidents:read")? })
    }
}

/// How a client comes.
type Come<'a> = &'a (dyn Fn() -> Result<Client, String> + Sync);

/// The path of a page of few entries of the long journal.
fn first_page(client: &mut Client, limit: u64) -> Result<String, String> {
    Ok(format!("/api/v1/incidents/{}/entries?limit={limit}", number(1, &client.year()?)))
}

/// Where pages of the long journal begin.
fn cursors(mut client: Client) -> Result<Vec<String>, String> {
    let (page, mut found) = (first_page(&mut client, AT_ONCE)?, vec!["0".to_owned()]);
    while let Some(last) = found.last() {
        let body =
            String::from_utf8(client.get(&format!("{page}&cursor={last}"))?).map_err(|error| error.to_string())?;
        let next = body.rsplit_once("\"next\":\"").and_then(|(_, rest)| rest.split_once('"'));
        let Some((next, _)) = next else { break };
        found.push(next.to_owned());
    }
    Ok(found)
}

fn fill(port: u16, incidents: u64) -> Result<(), String> {
    let mut client = Client::new(port)?;
    let part = |all| part(all, incidents);
    let year = client.year()?;
    say("the incident of many entries and the chain");
    for title in ["Many entries", "A long chain"] {
        let new = format!(
            "{{\"title\":\"{title}\",\"classification\":\"scanner\",\"severity\":\"medium\",\"marking\":{{\"tlp\":\"amber\"}}}}"
        );
        client.post("/api/v1/incidents", &new)?;
    }
    let mut random = Random::at(1, 0);
    let mut batch = |path: &str, count: u64, entry: &mut dyn FnMut(u64) -> String| -> Result<(), String> {
        for from in (0..count).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
            let entries: Vec<String> = (from..count.min(from + AT_ONCE)).map(&mut *entry).collect();
            client.post(path, &format!("{{\"entries\":[{}]}}", entries.join(",")))?;
        }
        Ok(())
    };
    batch(&format!("/api/v1/incidents/{}/entries", number(1, &year)), part(ENTRIES), &mut |at| match at {
        at if at < PARTIES => {
            format!("{{\"kind\":\"party\",\"content\":{{\"party\":\"Net {at}\",\"status\":\"told\"}}}}")
        }
        at => {
            let marking = if at % MARKED_EACH == 0 { ",\"marking\":{\"tlp\":\"amber\"}" } else { "" };
            let text = format!("word{} seen at host {at}", at % 997);
            format!("{{\"kind\":\"note\",\"content\":{{\"text\":\"{text}\"}}{marking}}}")
        }
    })?;
    let hosts = part(HOSTS);
    batch(&format!("/api/v1/incidents/{}/entries", number(2, &year)), part(RELATIONS), &mut |at| {
        // Mostly forward in time and number, so that paths are long.
        let from = random.below(hosts);
        let to = (from + 1 + random.below(20)) % hosts;
        let first = from * 1_000_000 + at;
        let last = first + random.below(20_000_000);
        format!(
            "{{\"kind\":\"relation\",\"content\":{{\"from\":\"{}\",\"to\":\"{}\",\"first_seen\":\"{}\",\"last_seen\":\"{}\",\"port\":22,\"certainty\":80}}}}",
            host(from),
            host(to),
            time(first),
            time(last)
        )
    })?;
    say("the others");
    for at in 0..incidents {
        let observables: Vec<String> = (0..OBSERVABLES_EACH)
            .map(|_| {
                let value = host(random.below(1 << 22));
                format!("{{\"kind\":\"observable\",\"content\":{{\"of\":\"ip\",\"value\":\"{value}\"}}}}")
            })
            .collect();
        let kind = ["scanner", "phishing", "infected-system", "ddos"].get(usize::try_from(at % 4).unwrap_or(0));
        let new = format!(
            "{{\"title\":\"Incident {at}\",\"classification\":\"{}\",\"severity\":\"medium\",\"marking\":{{\"tlp\":\"amber\"}},\"entries\":[{}]}}",
            kind.copied().unwrap_or("scanner"),
            observables.join(",")
        );
        client.post("/api/v1/incidents", &new)?;
    }
    Ok(())
}

type Waits = Vec<(&'static str, Vec<Duration>)>;

const READS: [&str; 7] =
    ["list", "list by type", "open one", "open the one of many entries", "search", "path upstream", "log page"];

/// One thing that a reader asks for.
fn question(kind: usize, random: &mut Random, options: &Options, (year, cursors): (&str, &[String])) -> String {
    let any = number(3 + random.below(options.incidents), year);
    let hosts = part(HOSTS, options.incidents);
    match kind {
        0 => "/api/v1/incidents?limit=50".into(),
        1 => "/api/v1/incidents?limit=50&type=phishing".into(),
        2 => format!("/api/v1/incidents/{any}"),
        3 => format!("/api/v1/incidents/{}", number(1, year)),
        4 => format!("/api/v1/search?limit=20&q=word{}", random.below(997)),
        5 => format!("/api/v1/incidents/{}/chain?limit=100&upstream={}", number(2, year), host(random.below(hosts))),
        _ => {
            let place = usize::try_from(random.below(cursors.len() as u64)).unwrap_or(0);
            let cursor = cursors.get(place).map_or("0", String::as_str);
            format!("/api/v1/incidents/{}/entries?limit=100&cursor={cursor}", number(1, year))
        }
    }
}

fn load(come: Come, options: &Options) -> Result<Waits, String> {
    let (year, cursors) = (come()?.year()?, cursors(come()?)?);
    let places = (year.as_str(), cursors.as_slice());
    // The first look at a long incident reads it; a site that works has it in memory.
    for kind in 0..READS.len() {
        come()?.get(&question(kind, &mut Random::at(9, 9), options, places))?;
    }
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let year = &year;
    let reader = move |place: u64| -> Result<Vec<(usize, Duration)>, String> {
        let (mut client, mut random) = (come()?, Random::at(2, place));
        let mut waits = Vec::new();
        while Instant::now() < until {
            let kind = usize::try_from(random.below(READS.len() as u64)).unwrap_or(0);
            let path = question(kind, &mut random, options, places);
            let begun = Instant::now();
            client.get(&path)?;
            waits.push((kind, begun.elapsed()));
        }
        Ok(waits)
    };
    let writer = move |place: u64| -> Result<Vec<(usize, Duration)>, String> {
        let (mut client, mut random) = (come()?, Random::at(3, place));
        let mut waits = Vec::new();
        while Instant::now() < until {
            // One write in four goes into the long one.
            let at = if random.below(4) == 0 { 1 } else { 3 + random.below(options.incidents) };
            let path = format!("/api/v1/incidents/{}/entries", number(at, year));
            let begun = Instant::now();
            client.post(&path, "{\"kind\":\"note\",\"content\":{\"text\":\"Looked at it again.\"}}")?;
            waits.push((READS.len(), begun.elapsed()));
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(waits)
    };
    let all = std::thread::scope(|scope| {
        let readers = (0..READERS).map(|place| scope.spawn(move || reader(place)));
        let writers = (0..WRITERS).map(|place| scope.spawn(move || writer(place)));
        let threads: Vec<_> = readers.collect::<Vec<_>>().into_iter().chain(writers.collect::<Vec<_>>()).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a client stopped".into())))
            .collect::<Result<Vec<_>, String>>()
    })?;
    let mut waits: Waits = READS.into_iter().chain(["append an entry"]).map(|name| (name, Vec::new())).collect();
    for (kind, wait) in all.into_iter().flatten() {
        if let Some((_, times)) = waits.get_mut(kind) {
            times.push(wait);
        }
    }
    Ok(waits)
}
