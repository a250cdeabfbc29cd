//! Addresses and URLs in the lines of a complaint, and which of them are complained of.

use std::net::IpAddr;
use std::sync::LazyLock;

use concert_model::host::{self, Host};
use concert_model::{Net, value};
use regex::Regex;

use super::clean::is_gone;
use super::sides::{self, Side};
use super::{Subject, forms, words};
use crate::mail::mask::without_passwords;
use crate::observables::link::{self, Link};
use crate::observables::{is_gap, somebodys};

/// Which URLs are complained of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urls {
    /// Defanged ones, and plain ones whose line says so.
    Likely,
    /// Only those written so that nobody clicks them.
    Defanged,
    /// Every one that nobody is asked to open.
    Alone,
    /// Every one.
    All,
}

/// One thing that a line complains of.
pub(super) struct Found {
    pub subject: Subject,
    pub port: Option<u16>,
    pub destination: Option<(IpAddr, Option<u16>)>,
    /// Whether the line says that it is the one that did something.
    pub is_said: bool,
}

/// What a line is about.
#[derive(Default)]
pub(super) struct Line {
    /// What it complains of.
    pub found: Vec<Found>,
    /// What it says was attacked.
    pub attacked: Vec<Subject>,
    /// What it says is in order again.
    pub clean: Vec<Subject>,
}

/// Most things looked at in one line.
const LINE_FOUND_MAX: usize = 64;

const SAY_SO: &[&str] = &[
    "phish",
    "malware",
    "malicious",
    "fraud",
    "scam",
    "fake",
    "infring",
    "deface",
    "exploit",
    "url:",
    "url=",
    "urls:",
    "following url",
    "hosted at",
    "hosts ",
    "abusive",
    "offending",
    "betrug",
    "schadsoftware",
    "hacked",
    "compromised",
    "distribut",
    "gehackt",
];
/// What is asked for of a page that is complained of, whatever else is asked.
const END_IT: &[&str] = &[
    "take down",
    "taken down",
    "takedown",
    "take-down",
    "take it down",
    "take offline",
    "shut down",
    "suspend",
    "abschalten",
];
const ASK: &[&str] = &[
    "visit",
    "click",
    "more information",
    "more details",
    "further information",
    "unsubscribe",
    "please see",
    "see also",
    "read ",
    "documentation",
    "faq",
    "help",
];

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// What a line complains of. `rest` is the line without its time, `before` the line before it, and `heading` what
/// the last heading says of addresses that stand alone.
pub(super) fn subjects(rest: &str, before: &str, heading: Side, urls: Urls, own: &[String]) -> Line {
    // URLs are taken out: a host in one is not found again, and its words are not the writer's.
    let (mut words, mut links, mut names) = (String::with_capacity(rest.len()), Vec::new(), Vec::new());
    for word in rest.split_whitespace() {
        if !word.contains("//") {
            match link::bare(word) {
                Some(link) => links.push((link, link_side(rest, &words, word))),
                None => {
                    let plain = host::refang(word);
                    if plain != word && sides::side(&words, "") != Side::Target {
                        names.extend(defanged_name(&plain));
                    }
                    words.extend([" ", &plain]);
                }
            }
            continue;
        }
        // What touches a URL is no part of it: `http://a.example/<http://a.example/>`, `http://a.example/|Bob`.
        for part in word.split(is_gap).flat_map(link::parts) {
            let link = link::url(part);
            let before = link.as_ref().map_or(part, |link| part.get(..link.start).unwrap_or_default());
            words.extend([" ", &host::refang(before)]);
            links.extend(link.map(|link| (link, link_side(rest, &words, word))));
        }
    }
    let mut line = Line::default();
    if links.is_empty() && urls == Urls::Likely && says_so(&words, before) {
        names.retain(|name| !is_among(name, own));
        names.dedup();
        line.found.extend(names.into_iter().take(LINE_FOUND_MAX).map(named));
        if line.found.is_empty() {
            line.found.extend(name(&words, own));
        }
    }
    let has_name = !line.found.is_empty();
    if !links.is_empty() {
        let said = match urls {
            Urls::Likely => says_so(&words, before),
            Urls::Alone => !asks(&words, before),
            Urls::Defanged | Urls::All => false,
        };
        for (Link { url, is_defanged, .. }, side) in links.into_iter().take(LINE_FOUND_MAX) {
            let is_attacked = side == Side::Target;
            if urls == Urls::All || is_defanged || said && !is_attacked && !is_own(&url, own) {
                let url = without_passwords(&url).into_owned();
                if side == Side::Clean {
                    line.clean.push(Subject::Url(url));
                    continue;
                }
                line.found.push(Found { subject: Subject::Url(url), port: None, destination: None, is_said: false });
            }
        }
    }
    addresses(&forms::plain(&words), heading, &mut line);
    if has_name && line.found.len() + line.attacked.len() > 1 {
        line.found.retain(|found| !matches!(found.subject, Subject::Name(_)));
    }
    line
}

/// What a line says of a URL in one of its words; given is also what stands before it, without other URLs.
fn link_side(line: &str, before: &str, word: &str) -> Side {
    let after = line.split_once(word).map_or("", |(_, after)| after);
    match sides::side(before, "") {
        Side::Target => Side::Target,
        _ if is_gone(before, after) => Side::Clean,
        side => side,
    }
}

/// Whether a line complains of its URLs, or the line before it does, and neither asks to open them.
fn says_so(line: &str, before: &str) -> bool {
    let introduced = is_introduced(line, before);
    let (line, before) = (line.to_lowercase(), before.to_lowercase());
    let has = |words: &[&str]| words.iter().any(|word| line.contains(word) || introduced && before.contains(word));
    let names_kind = words::begins_kind(&line) || introduced && words::begins_kind(&before);
    has(END_IT) || (names_kind || has(SAY_SO)) && !has(ASK)
}

/// Whether the line before says what a line is about. A URL alone goes on with that.
fn is_introduced(line: &str, before: &str) -> bool {
    before.trim_end().ends_with(':') || line.trim().is_empty()
}

/// Whether a line, or the one that introduces it, asks to open its URLs.
fn asks(line: &str, before: &str) -> bool {
    let text = if is_introduced(line, before) { format!("{before} {line}") } else { line.to_owned() };
    let text = text.to_lowercase();
    ASK.iter().any(|word| text.contains(word)) && !END_IT.iter().any(|word| text.contains(word))
}

/// The name of a host that a line says to serve something: `www.uni.example - it hosts phishing`.
fn name(line: &str, own: &[String]) -> Option<Found> {
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i)(?:^|[\s(\x22'<])(www\d?\.(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,20})\b"));
    static SERVES: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)^[\s,;:)>\x22'-]*(?:(?:it|which|that|and|er|es|sie|die)\s+)?(?:also\s+)?
            (?:hosts?|serves?|distributes?|spreads?|sends?|contains?|steals?|is\s+(?:hosting|serving|spreading|sending)
            |is\s+(?:an?\s+)?(?:phish|fake|fraud|scam|malicious|infected|hacked|compromised|defaced|spam)\w*
            |hostet|verbreitet|verschickt|verteilt|ist\s+(?:eine?\s+)?(?:phish|betr|gef(?:\u{e4}|ae)lscht|gehackt|infiziert)\w*)\b",
        )
    });
    static ON: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)\b(?:phish\w*|malware|scam\w*|fraud\w*|spam|pages?|sites?|websites?|seiten?|hosted|found|schadsoftware)\s+
            (?:is\s+|are\s+|ist\s+)?(?:on|at|under|auf|unter)\s*:?[\s\x22'(<]*$",
        )
    });
    let found = NAME.captures_iter(line).take(LINE_FOUND_MAX).filter_map(|found| found.get(1)).find(|found| {
        let before = line.get(..found.start()).unwrap_or_default();
        let after = line.get(found.end()..).unwrap_or_default();
        let is_host = !after.starts_with(['.', '@', '-'])
            || !after.get(1..).is_some_and(|after| after.starts_with(char::is_alphanumeric));
        is_host && sides::side(before, after) != Side::Target && (SERVES.is_match(after) || ON.is_match(before))
    })?;
    let name = host::domain(found.as_str()).ok()?.into_owned();
    (!is_among(&name, own)).then(|| named(name))
}

fn named(name: String) -> Found {
    Found { subject: Subject::Name(name), port: None, destination: None, is_said: false }
}

/// A host that somebody wrote so that nobody opens it: `evil[.]example`.
fn defanged_name(plain: &str) -> Option<String> {
    let name = plain.trim_matches(|c: char| !c.is_alphanumeric());
    let is_host =
        !plain.contains('@') && name.rsplit('.').next().is_some_and(|last| last.chars().all(char::is_alphabetic));
    let name = host::domain(name).ok().filter(|name| is_host && name.contains('.'))?;
    Some(name.into_owned())
}

fn is_own(url: &str, own: &[String]) -> bool {
    matches!(host::url_host(url), Some((Host::Domain(name), _)) if is_among(&name, own))
}

fn is_among(name: &str, own: &[String]) -> bool {
    own.iter().any(|own| name.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Domains of mail addresses in the text, and of the sender.
pub(super) fn own_domains(lines: &[(u64, String)], sender: &str) -> Vec<String> {
    static MAIL: LazyLock<Regex> = LazyLock::new(|| compile(r"[\w.+-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"));
    let texts = lines.iter().map(|(_, line)| line.as_str()).chain([sender]);
    // What logs in at a URL is no mail address: `http://joe:secret@evil.example/`.
    let is_word = |word: &&str| word.contains('@') && !word.contains("//");
    let mut domains: Vec<String> = texts
        .filter(|text| text.contains('@'))
        .flat_map(|text| text.split(|c: char| c.is_whitespace() || is_gap(c)).filter(is_word))
        .flat_map(|text| MAIL.captures_iter(text))
        .filter_map(|found| Some(found.get(1)?.as_str().to_ascii_lowercase()))
        .take(1000)
        .collect();
    domains.sort();
    domains.dedup();
    domains
}

fn addresses(text: &str, heading: Side, line: &mut Line) {
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2}\b)?|(?:::|(?:[0-9A-Fa-f]{1,4}:){1,7})[0-9A-Fa-f:.]*(?:/\d{1,3}\b)?",
        )
    });
    let mut sides: Vec<(Side, Subject, Option<u16>)> = Vec::new();
    let (mut end, mut version_end) = (0, None);
    for piece in ADDRESS.find_iter(text).take(LINE_FOUND_MAX) {
        let before = text.get(..piece.start()).unwrap_or("");
        let after = text.get(piece.end()..).unwrap_or("");
        let is_next = version_end.and_then(|end| text.get(end..piece.start())).is_some_and(sides::is_list);
        if is_next || is_version(before) {
            version_end = Some(piece.end());
            continue;
        }
        let Some(subject) = subject(piece.as_str(), before, after) else { continue };
        let between = without_port(text.get(end..piece.start()).unwrap_or(""));
        end = piece.end();
        // What is said of the first of a list is said of all.
        let side = match sides.last() {
            Some((last, ..)) if sides::is_list(between) => *last,
            _ => sides::side(before, after),
        };
        sides.push((side, subject, port(after, side)));
    }
    if !text.chars().any(char::is_alphabetic) {
        sides.iter_mut().filter(|(side, ..)| *side == Side::Unsaid).for_each(|(side, ..)| *side = heading);
    }
    // Where every address seems to be a destination, the first is not.
    if sides.iter().all(|(side, ..)| *side == Side::To)
        && let Some((first, ..)) = sides.first_mut()
    {
        *first = Side::Unsaid;
    }
    let is_said = |wanted: Side| sides.iter().any(|(side, ..)| *side == wanted);
    let complained = [Side::From, Side::By].into_iter().find(|side| is_said(*side)).unwrap_or(Side::Unsaid);
    let destination = sides.iter().find_map(|(side, subject, port)| match subject {
        Subject::Address(address) if matches!(side, Side::To | Side::Target) => Some((*address, *port)),
        _ => None,
    });
    for (side, subject, port) in sides {
        if side == complained && line.found.len() < LINE_FOUND_MAX {
            line.found.push(Found { subject, port, destination, is_said: side != Side::Unsaid });
        } else if matches!(side, Side::To | Side::Target) {
            line.attacked.push(subject);
        } else if side == Side::Clean {
            line.clean.push(subject);
        }
    }
}

/// Whether what follows is the version of a program or the number of a section: `Version 1.2.3.4`, `Chrome/120.0.0.1`.
/// Behind a slash only known products count, for logs write `outside/192.0.2.1` too.
fn is_version(before: &str) -> bool {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)\b(?:(?:versions?|versionen|release|build|firmware|revision|patch(?:level)?|sections?|chapter|abschnitt|kapitel
            |ziffer|firefox|chrome|chromium|safari|opera)(?:\s+(?:is|ist|no\.?|nr\.?|number|nummer))?\s*[:=\#(]?\s*
            |(?:mozilla|firefox|fxios|chrome|headlesschrome|chromium|crios|safari|version|edge?|edga|opr|opera|applewebkit
            |gecko|trident|vivaldi|yabrowser|samsungbrowser|electron|thunderbird|nginx|apache|openssl|php|curl|wget)/)$",
        )
    });
    // `please release 192.0.2.1` is about an address.
    static VERB: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i)\b(?:please|to|bitte)\s+(?:release|patch|build)\s+$"));
    NAMED.is_match(before) && !VERB.is_match(before)
}

/// An address or network that somebody has, and that is not part of a longer word.
fn subject(text: &str, before: &str, after: &str) -> Option<Subject> {
    let (last, mut next) = (before.chars().next_back(), after.chars());
    if last.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '@' | '-' | '_' | ':')) || before.ends_with("@[") {
        return None;
    }
    let (first, second) = (next.next(), next.next());
    if first.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '@'))
        || matches!(first, Some('.' | '-')) && second.is_some_and(char::is_alphanumeric)
    {
        return None;
    }
    let text = text.trim_end_matches('.');
    let text = if text.ends_with(':') && !text.ends_with("::") { text.trim_end_matches(':') } else { text };
    if let Some((address, _)) = text.split_once('/') {
        somebodys(value::ip(address).ok()?)?;
        let net: Net = text.parse().ok()?;
        let one = if net.first().is_ipv4() { 32 } else { 128 };
        return Some(if net.prefix() == one { Subject::Address(net.first()) } else { Subject::Network(net) });
    }
    // `::ffff:192.0.2.1` is an IPv4 address to everybody but a socket.
    somebodys(value::ip(text).ok()?.to_canonical()).map(Subject::Address)
}

/// What stands between two addresses, behind the port of the first.
fn without_port(between: &str) -> &str {
    static PORT: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i)^\]?(?::|[,\s]+port[\s:=#]*)\d{1,5}\b"));
    PORT.find(between).and_then(|port| between.get(port.end()..)).unwrap_or(between)
}

/// A port behind an address: `:4242`, `]:4242`, ` port 4242`, or by its name in the rest of the line:
/// ` SPT=4242`, ` DPT=22`.
fn port(after: &str, side: Side) -> Option<u16> {
    static BESIDE: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i)^[\])]?(?::|[,\s]+(?:source |src )?port[\s:=#]*)(\d{1,5})\b"));
    let named = if matches!(side, Side::To | Side::Target) { "DPT=" } else { "SPT=" };
    let digits = match BESIDE.captures(after) {
        Some(found) => found.get(1)?.as_str(),
        None => {
            let (_, rest) = after.split_once(named)?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?
        }
    };
    digits.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: &[&str]) {
        let own = ["reporter.example".to_owned()];
        let got: Vec<String> = subjects(line, "", Side::Unsaid, Urls::Likely, &own)
            .found
            .into_iter()
            .map(|found| {
                let subject = match found.subject {
                    Subject::Address(address) => address.to_string(),
                    Subject::Network(net) => net.to_string(),
                    Subject::Url(text) | Subject::Name(text) => text,
                };
                let port = found.port.map(|port| format!(" {port}")).unwrap_or_default();
                let to = found.destination.map(|(to, _)| format!(" > {to}")).unwrap_or_default();
                format!("{subject}{port}{to}")
            })
            .collect();
        assert_eq!(got, want, "{line}");
    }

    #[test]
    fn addresses_are_found_and_sides_told_apart() {
        check("Address 203[.]0[.]113[.]77 sends", &["203.0.113.77"]);
        check("connect from unknown[203.0.113.77]", &["203.0.113.77"]);
        check("192.0.2.1:4242 -> 198.51.100.1:22", &["192.0.2.1 4242 > 198.51.100.1"]);
        check("on 192.0.2.1", &["192.0.2.1"]);
        check("attack on 198.51.100.1 from 192.0.2.1", &["192.0.2.1 > 198.51.100.1"]);
        check("on 198.51.100.1 we saw 192.0.2.1", &["192.0.2.1 > 198.51.100.1"]);
        check("our mail server 198.51.100.1 was attacked by 192.0.2.1", &["192.0.2.1 > 198.51.100.1"]);
        check("received from 192.0.2.1 by 198.51.100.1", &["192.0.2.1"]);
        check("attacks against our servers 198.51.100.1, 198.51.100.2", &[]);
        check("src_ip=192.0.2.1 dst_ip=198.51.100.1", &["192.0.2.1 > 198.51.100.1"]);
        check("{\"dst\": \"198.51.100.1\"}", &[]);
        check("192.0.2.1, 192.0.2.2 and 2001:db8::5.", &["192.0.2.1", "192.0.2.2", "2001:db8::5"]);
        check("see v1.2.3.4 or 1.2.3.4.5 or 1.2.3.4.host.example or std::fmt", &[]);
        check("192.0.2.142 is scanning 198.51.100.7", &["192.0.2.142 > 198.51.100.7"]);
        check("IP 192.0.2.1.5555 > 198.51.100.7.22: Flags [S]", &["192.0.2.1 5555 > 198.51.100.7"]);
        check("192.0.2.1:5555 > 198.51.100.7:22", &["192.0.2.1 5555 > 198.51.100.7"]);
        check("Deny tcp src outside:192.0.2.1/4444 dst inside:198.51.100.7/22", &["192.0.2.1 4444 > 198.51.100.7"]);
        check("look at www.uni.example - it hosts phishing", &["www.uni.example"]);
        check("There is phishing on www[.]uni[.]example.", &["www.uni.example"]);
        check("phishing that imitates www.bank.example", &[]);
        check("www.reporter.example hosts our list of phishing", &[]);
        check("127.0.0.1 0.0.0.0 224.0.0.1 255.255.255.0 joe@[192.0.2.1]", &[]);
        check("12:34:56 aa:bb:cc:dd:ee:ff", &[]);
    }

    #[test]
    fn lists_ranges_and_other_forms_of_addresses_are_read() {
        check("src=192.0.2.1|dst=198.51.100.1", &["192.0.2.1 > 198.51.100.1"]);
        check("\"src=192.0.2.1\",\"dst=198.51.100.1\"", &["192.0.2.1 > 198.51.100.1"]);
        check(
            "attacks from 192.0.2.1|192.0.2.2 and \"192.0.2.3\",\"192.0.2.4\"",
            &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"],
        );
        check("from ::ffff:192.0.2.1", &["192.0.2.1"]);
        check("from [::ffff:c000:201]:22", &["192.0.2.1 22"]);
        check("std::fmt a::b ::1", &[]);
        check("scans from 203.0.113.*, and 198.51.100.x", &["203.0.113.0/24", "198.51.100.0/24"]);
        check("PHP version 1.2.3.x", &[]);
        check("192.0.2.7 attacks us, 198.51.100.1, every night", &["192.0.2.7 > 198.51.100.1"]);
        check("I own 198.51.100.1, which 192.0.2.7 attacks", &["192.0.2.7 > 198.51.100.1"]);
        check("our server 198.51.100.1", &[]);
        check("attacks from 192.0.2.1-192.0.2.9.", &["192.0.2.1", "192.0.2.9"]);
        check("(192.0.2.1\u{2013}192.0.2.9)", &["192.0.2.1", "192.0.2.9"]);
        check("on 198.51.100.1 by 192.0.2.1-192.0.2.9", &["192.0.2.1 > 198.51.100.1", "192.0.2.9 > 198.51.100.1"]);
        check("ip-192.0.2.1-192.0.2.9.host.example", &[]);
        check("attacks from 203.0.113.1-255.", &["203.0.113.1", "203.0.113.255"]);
        check(
            "scans from 203.0.113.1-203.0.113.5, also 198.51.100.1-20 and 198.51.100.9",
            &["203.0.113.1", "203.0.113.5", "198.51.100.1", "198.51.100.20", "198.51.100.9"],
        );
        check("192.0.2.1-4 192.0.2.6-9", &["192.0.2.1", "192.0.2.4", "192.0.2.6", "192.0.2.9"]);
        check("from 2001:db8::1-2001:db8::5: scans", &["2001:db8::1", "2001:db8::5"]);
        check("from 2001:db8::1\u{2013}2001:db8::5 and 192.0.2.1", &["2001:db8::1", "2001:db8::5", "192.0.2.1"]);
        for line in ["192.0.2.9-1", "192.0.2.1-256", "192.0.2.1-2-3", "192.0.2.1-2.host.example", "version 1.2.3.4-5"] {
            check(line, &[]);
        }
        check("12:00:00-12:30:00 aa:bb:cc:dd:ee:ff-aa:bb:cc:dd:ee:fe", &[]);
    }

    #[test]
    fn a_url_without_its_scheme_is_one() {
        check("Phishing at evil.example/login", &["http://evil.example/login"]);
        check("see evil[.]example/login, please", &["http://evil.example/login"]);
        check("(evil[.]sub(dot)example/)", &["http://evil.sub.example/"]);
        check("Phishing: <evil.example/a>", &["http://evil.example/a"]);
        check("visit evil.example/login", &[]);
        check("malware in index.php/x, and/or n.1/2, joe@evil.example/x", &[]);
        check("phishing of www.reporter.example/a", &[]);
    }

    #[test]
    fn whoever_logs_in_at_a_url_is_no_mail_address() {
        let lines = [(1, "Phishing at http://joe:secret@evil.example/, write to <soc@reporter.example>".to_owned())];
        assert_eq!(own_domains(&lines, ""), ["reporter.example"]);
    }

    #[test]
    fn versions_and_sections_are_no_addresses() {
        for line in [
            "it runs Version 1.2.3.4",
            "version: 1.2.3.4, build=1.2.3.5",
            "versions 1.2.3.4 and 1.2.3.5",
            "firmware version is 1.2.3.4",
            "(Firmware 1.2.3.4)",
            "Firefox 120.0.0.1 on Windows",
            "see section 1.2.3.4 of our terms",
            "siehe Abschnitt 1.2.3.4",
            "Release 1.2.3.4",
            "Server: nginx/1.2.3.4",
            "\"Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.1 Safari/537.36 Edg/120.0.0.1\"",
        ] {
            check(line, &[]);
        }
        check("from 1.2.3.4", &["1.2.3.4"]);
        check("IP: 1.2.3.4", &["1.2.3.4"]);
        check("v 1.2.3.4", &["1.2.3.4"]);
        check("1.2.3.4 runs version 5.6.7.8", &["1.2.3.4"]);
        check("version 5.6.7.8 at 1.2.3.4", &["1.2.3.4"]);
        check("Chrome/120.0.0.1 from 1.2.3.4", &["1.2.3.4"]);
        check("new version of malware on 1.2.3.4", &["1.2.3.4"]);
        check("please release 1.2.3.4", &["1.2.3.4"]);
        check("permitted tcp outside/1.2.3.4(1234)", &["1.2.3.4"]);
        check("conversion 1.2.3.4", &["1.2.3.4"]);
    }

    #[test]
    fn urls_are_complained_of_when_defanged_or_said_so() {
        check("hXXps://a[.]example[/]x, and", &["https://a.example/x"]);
        check("(hxxp[://]192.0.2.1/x)", &["http://192.0.2.1/x"]);
        check("Phishing page <http://a.example/x>", &["http://a.example/x"]);
        check("Phishing? Please visit http://a.example/x", &[]);
        check("malware report: http://www.reporter.example/1", &[]);
        check("GET http://a.example/x", &[]);
        check("exploits against our website http://a.example/x", &[]);
        check("Targeted URL: http://a.example/x", &[]);
        check("URL: http://[removed for privacy]/x", &[]);
        check("Spam from https://www.uni.example/report?id=1", &["https://www.uni.example/report?id=1"]);
        check("a page for DDoS attacks is at http://a.example/x", &["http://a.example/x"]);
        check("Spam from http://anna:secret@a.example/x", &["http://a.example/x"]);
        for word in [
            "http://a.example/x<http://a.example/x>",
            "[http://a.example/x](http://a.example/x)",
            "http://a.example/x;http://a.example/x",
        ] {
            check(&format!("Phishing at {word}"), &["http://a.example/x"; 2]);
        }
        for word in [
            "http://a.example/x|Bob|+35840123",
            "http://a.example/x;Bob;+35840123",
            "http://a.example/x,Bob,+35840123",
            "http://a.example/x,Bob",
            "http://a.example/x,Müller-Lüdenscheidt,FI.",
            "(http://a.example/x,192.0.2.1,2026-06-17)",
            "http://a.example/x,2001:db8::1",
            "\"http://a.example/x\"",
            "http://a.example/x\"",
            "<http://a.example/x>",
            "[page](http://a.example/x)",
        ] {
            check(&format!("Phishing at {word}"), &["http://a.example/x"]);
        }
        for url in [
            "http://a.example/x,12.html",
            "http://a.example/a,b",
            "http://a.example/@52.5,13.4",
            "http://a.example/x,Bob/1",
        ] {
            check(&format!("Phishing at {url}"), &[url]);
        }
        check("Phishing at http://a.example/x;jsessionid=1?a,b", &["http://a.example/x;jsessionid=1?a,b"]);
        check("a fake of our site is at http://a.example/x", &["http://a.example/x"]);
    }
}
