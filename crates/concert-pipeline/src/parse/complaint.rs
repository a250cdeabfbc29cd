//! A complaint that a person wrote: the plain text of a mail, with addresses, log lines and URLs in it.
//!
//! Of a mail in HTML, the text that a person sees and the targets of its links are read.
//!
//! Each address that is complained of is an event, once for each time it is named with. In a line with
//! two addresses the one after `to`, `dst`, `->` is the destination, and where one stands after
//! `from`, `src`, `client` only that one is complained of. A port is read from `192.0.2.1:4242` and
//! `port 4242`. `[.]`, `hxxp` and the like are undone. Loopback, multicast and `0.0.0.0` are nobody's. What follows
//! `version`, `firmware`, `section` and the like, the name of a browser, or a product and a slash, is no address.
//!
//! **Who was attacked.** What is written as `our server`, `against`, `target`, `dst=`, `was attacked by`,
//! `192.0.2.1 is scanning ...` (in English or German) is not complained of, here and wherever the text names it again. It is the destination of the
//! addresses in its line, and of all that have none where the text names one such address alone; else it is
//! a reject that says so. The words are in `complaint/sides.rs`.
//!
//! **What is in order again.** Of what is said to be clean (`192.0.2.7 is clean now`, `wurde bereinigt`) or gone
//! (`http://evil.example/ is offline`) nothing is complained of in that line; where no other line does, a reject says so.
//! The words are in `complaint/clean.rs`.
//!
//! `Source: A` and `Destination: B` in the lines of a paragraph belong together, and so do the cells of a table whose head
//! names the sides (`source ip;destination ip;port`). A sentence that breaks at an address is read over the break.
//!
//! The two ends of a range (`192.0.2.1-192.0.2.9`, `192.0.2.1-9`, `2001:db8::1-2001:db8::9`) are two addresses. The subject of the mail is read where neither its
//! text nor a log names anything.
//!
//! **URLs.** Also without their scheme (`evil.example/login`). A defanged one is complained of. A plain one only when its line or the line before says so
//! (any kind of abuse, `URL:` ...) and neither asks to visit, click or read; a link into the domain of a
//! mail address in the text, or of the sender, is the sender's own. Where a mail names nothing else, up to five URLs that
//! nobody is asked to open are complained of, whatever their lines say. `urls` = `all` or `defanged` change that. A name
//! like `www.uni.example` is complained of where its line says that it hosts something, and a defanged one
//! (`evil[.]example`) where its line says what is wrong with it, each where the line names nothing else.
//!
//! **Times.** The time in the line, else the nearest in the ten lines before it in its paragraph, else one behind it
//! there, else when a day began that is named without a time (`since 2026-06-17`; none in a line that names a time
//! in a zone nobody knows), else the nearest of an earlier
//! paragraph in the ten lines before, else one called so (`Time:`, `Zeit:`) in the six lines behind it, else none. A time without a zone
//! is in the zone that the text states (`times in UTC`), else in the feed's `time_zone`; one without a
//! year is the last such day before the mail came.
//!
//! **Type.** By words in the line, else in the nearest line before it in its paragraph, else behind it there, else in
//! the nearest line of an earlier paragraph that has any, else anywhere, else the setting `type`. Where paragraphs say
//! different types, one without any is not taken for what others say of theirs: it has the type that the text says of the
//! same address elsewhere, else that of a paragraph which only introduces it, else the setting `type`. The words are in
//! `complaint/words.rs`. A malware name as anti-virus programs write it
//! (`TROJ_X.Y`, `Win32/X`) becomes `malware.name`.
//!
//! **Attachments** of plain text (`.log`, `.txt`, `.csv`) are read like the text, each for itself; of mails that are
//! attached, from where they came (`forwarded.rs`) where the text names nothing and says what they are, else what they
//! say themselves, as the complaint that somebody forwards, two deep at most; others are not. An encrypted archive is a
//! reject.
//!
//! **Passed over:** quoted lines (`>`), what follows `-----Original Message-----` or `-- `, lines with telephone numbers
//! and the like below `Regards` and its kin, and mail header lines: hops of a mail are not the ones complained of.
//!
//! Longer than others because its samples are its manual. This is a guess made to be looked at by a person; structured reports have their own parsers.

mod attacked;
mod clean;
mod find;
mod forms;
mod moment;
mod own;
mod sides;
mod table;
mod words;
mod wrap;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;

use concert_model::{Field, Keys, Net, Time, Value, taxonomy};

use super::mapping::settings::TYPES_HINT;
use super::unpack::SUBJECT;
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};
use crate::mail::mask::without_passwords;
use attacked::Attacked;
use find::{Found, Line, Urls};
use moment::When;
use sides::Side;
use table::Table;
pub(super) use words::kind_of;
use wrap::Passage;

/// Complaints written by people.
pub const LISTED: Listed = Listed {
    name: "complaint",
    about: "A complaint written by a person: addresses, log lines and URLs in plain text.",
    source: "",
    read,
    samples: &[
        Sample {
            name: "mail.txt",
            settings: "",
            given: "\
Dear team,

your customer 192.0.2[.]7 tries passwords on our servers (times in UTC+2):

2026-06-17 03:04:05 sshd: Failed password for root from 192.0.2.7 port 4242 on 198.51.100.1
2026-06-17 03:04:09 sshd: Failed password for root from 192.0.2.7 port 4243 on 198.51.100.1

There is also a phishing page: hxxps://login[.]bank[.]example/a
and malware at http://files.example/x.exe

Please see http://www.reporter.example/help, or write to soc@reporter.example.
On 2026-06-16 cert@cert.example wrote:
> 203.0.113.99 is fine
-- 
198.51.100.200
",
            events: r#"
{"source.ip":"192.0.2.7","source.port":4242,"destination.ip":"198.51.100.1","time.source":"2026-06-17T01:04:05Z","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","event_description.text":"2026-06-17 03:04:05 sshd: Failed password for root from 192.0.2.7 port 4242 on 198.51.100.1"}
{"source.ip":"192.0.2.7","source.port":4243,"destination.ip":"198.51.100.1","time.source":"2026-06-17T01:04:09Z","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","event_description.text":"2026-06-17 03:04:09 sshd: Failed password for root from 192.0.2.7 port 4243 on 198.51.100.1"}
{"source.url":"https://login.bank.example/a","time.source":"2026-06-17T01:04:09Z","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"There is also a phishing page: hxxps://login[.]bank[.]example/a"}
{"source.url":"http://files.example/x.exe","time.source":"2026-06-17T01:04:09Z","classification.type":"malware-distribution","classification.taxonomy":"malicious-code","event_description.text":"and malware at http://files.example/x.exe"}
"#,
            rejects: "",
        },
        Sample {
            name: "two.txt",
            settings: "",
            given: "\
There is a phishing page of our bank: hxxps://login[.]bank[.]example/a

And 192.0.2.7
192.0.2.8
try passwords of our users all day: failed logins by the thousand (failed password for root).

192.0.2.9

Spam comes from these:

192.0.2.10

192.0.2.11
",
            events: r#"
{"source.url":"https://login.bank.example/a","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"There is a phishing page of our bank: hxxps://login[.]bank[.]example/a"}
{"source.ip":"192.0.2.7","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","event_description.text":"And 192.0.2.7"}
{"source.ip":"192.0.2.8","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","event_description.text":"192.0.2.8"}
{"source.ip":"192.0.2.9","classification.type":"undetermined","classification.taxonomy":"other","event_description.text":"192.0.2.9"}
{"source.ip":"192.0.2.10","classification.type":"spam","classification.taxonomy":"abusive-content","event_description.text":"192.0.2.10"}
{"source.ip":"192.0.2.11","classification.type":"spam","classification.taxonomy":"abusive-content","event_description.text":"192.0.2.11"}
"#,
            rejects: "",
        },
        Sample {
            name: "page.txt",
            settings: "",
            given: "Please take a look at http://www.shop.example/x now.\n",
            events: r#"
{"source.url":"http://www.shop.example/x","classification.type":"undetermined","classification.taxonomy":"other","event_description.text":"Please take a look at http://www.shop.example/x now."}
"#,
            rejects: "",
        },
        Sample {
            name: "pages.txt",
            settings: "",
            given: "Phishing: http://a.example/x\nhttp://b.example/y\nhttp://b.example/z\n\n\
                    Please help us to take down http://c.example/ as well.\nThe domain evil[.]example is malicious.\n\
                    More at http://www.shop.example/. Attacks from 192.0.2.1:8080 and 192.0.2.2 port 22.\n",
            events: r#"
{"source.url":"http://a.example/x","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"Phishing: http://a.example/x"}
{"source.url":"http://b.example/y","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"http://b.example/y"}
{"source.url":"http://b.example/z","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"http://b.example/z"}
{"source.url":"http://c.example/","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"Please help us to take down http://c.example/ as well."}
{"source.fqdn":"evil.example","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"The domain evil[.]example is malicious."}
{"source.ip":"192.0.2.1","source.port":8080,"classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"More at http://www.shop.example/. Attacks from 192.0.2.1:8080 and 192.0.2.2 port 22."}
{"source.ip":"192.0.2.2","source.port":22,"classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"More at http://www.shop.example/. Attacks from 192.0.2.1:8080 and 192.0.2.2 port 22."}
"#,
            rejects: "",
        },
        Sample {
            name: "nothing.txt",
            settings: "",
            given: "Hello,\nplease call us, or click http://www.shop.example/.\n",
            events: "",
            rejects: "1 : no address or URL that is complained of was found",
        },
        Sample {
            name: "attacked.txt",
            settings: "",
            given: "Guten Tag,\n\
                    unser Mailserver 198.51.100.1 wird seit heute von 192.0.2.7 mit Login-Versuchen angegriffen.\n\
                    Attackers:\n\
                    192.0.2[.]8\n\
                    192.0.2[.]9\n\
                    Time: 2026-06-17 03:04:05 +02:00\n",
            events: r#"
{"source.ip":"192.0.2.7","destination.ip":"198.51.100.1","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","event_description.text":"unser Mailserver 198.51.100.1 wird seit heute von 192.0.2.7 mit Login-Versuchen angegriffen."}
{"source.ip":"192.0.2.8","destination.ip":"198.51.100.1","time.source":"2026-06-17T01:04:05Z","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","event_description.text":"192.0.2[.]8"}
{"source.ip":"192.0.2.9","destination.ip":"198.51.100.1","time.source":"2026-06-17T01:04:05Z","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","event_description.text":"192.0.2[.]9"}
"#,
            rejects: "",
        },
        Sample {
            name: "own.txt",
            settings: "",
            given: "Hallo, ich betreibe den Server 198.51.100.1. Phishing: hxxp://anna:secret@evil.example/a\n\
                    Von 203.0.113.* kommen am 28. November 2025 um 10 Uhr UTC Portscans gegen uns, 198.51.100.1.\n",
            events: r#"
{"source.url":"http://evil.example/a","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"Hallo, ich betreibe den Server 198.51.100.1. Phishing: hxxp://evil.example/a"}
{"source.network":"203.0.113.0/24","destination.ip":"198.51.100.1","time.source":"2025-11-28T10:00:00Z","classification.type":"scanner","classification.taxonomy":"information-gathering","event_description.text":"Von 203.0.113.* kommen am 28. November 2025 um 10 Uhr UTC Portscans gegen uns, 198.51.100.1."}
"#,
            rejects: "",
        },
        Sample {
            name: "victim.txt",
            settings: "",
            given: "Attacks against our servers 198.51.100.1 and 198.51.100.2:\n\
                    Sender: 192.0.2.7\n\
                    198.51.100.2 was down for an hour.\n",
            events: r#"{"source.ip":"192.0.2.7","classification.type":"undetermined","classification.taxonomy":"other","event_description.text":"Sender: 192.0.2.7"}"#,
            rejects: "1 : 198.51.100.1 was attacked, as the text says, and by whom is not clear: it is no event\n\
                      1 : 198.51.100.2 was attacked, as the text says, and by whom is not clear: it is no event",
        },
        Sample {
            name: "clean.txt",
            settings: "",
            given: "Thank you: 192.0.2.7 and 192.0.2.9 are clean now, but 192.0.2.8 still scans our servers.\n\
                    Of the phishing pages http://a.example/x is offline, and http://b.example/x is not.\n\
                    Please confirm that 192.0.2.10 is clean, which scanned us too.\n",
            events: r#"
{"source.ip":"192.0.2.8","classification.type":"scanner","classification.taxonomy":"information-gathering","event_description.text":"Thank you: 192.0.2.7 and 192.0.2.9 are clean now, but 192.0.2.8 still scans our servers."}
{"source.url":"http://b.example/x","classification.type":"phishing","classification.taxonomy":"fraud","event_description.text":"Of the phishing pages http://a.example/x is offline, and http://b.example/x is not."}
{"source.ip":"192.0.2.10","classification.type":"scanner","classification.taxonomy":"information-gathering","event_description.text":"Please confirm that 192.0.2.10 is clean, which scanned us too."}
"#,
            rejects: "1 : 192.0.2.7 is in order again, as the text says: it is no event\n\
                      1 : 192.0.2.9 is in order again, as the text says: it is no event\n\
                      2 : http://a.example/x is in order again, as the text says: it is no event",
        },
        Sample {
            name: "table.txt",
            settings: "type = \"other\"",
            given: "Jun 17 03:04:05 fw DROP SRC=192.0.2.8 DST=198.51.100.1 SPT=1024 DPT=22\n\
                    17/Jun/2026:03:04:06 +0200 2001:db8::9 -> [198.51.100.2]:80\n\
                    network 192.0.2.0/25 and 127.0.0.1 and version 1.2.3.4.5\n",
            events: r#"
{"source.ip":"192.0.2.8","destination.ip":"198.51.100.1","destination.port":22,"source.port":1024,"time.source":"2026-06-17T03:04:05Z","classification.type":"other","classification.taxonomy":"other","event_description.text":"Jun 17 03:04:05 fw DROP SRC=192.0.2.8 DST=198.51.100.1 SPT=1024 DPT=22"}
{"source.ip":"2001:db8::9","destination.ip":"198.51.100.2","destination.port":80,"time.source":"2026-06-17T01:04:06Z","classification.type":"other","classification.taxonomy":"other","event_description.text":"17/Jun/2026:03:04:06 +0200 2001:db8::9 -> [198.51.100.2]:80"}
{"source.network":"192.0.2.0/25","time.source":"2026-06-17T01:04:06Z","classification.type":"other","classification.taxonomy":"other","event_description.text":"network 192.0.2.0/25 and 127.0.0.1 and version 1.2.3.4.5"}
"#,
            rejects: "",
        },
    ],
};

/// Most events from one mail.
const EVENTS_MAX: usize = 10_000;
/// Most lines of one mail that are read; a log belongs into an attachment.
const LINES_MAX: u64 = 50_000;
/// Longer lines are cut: a log line is shorter, and every line is searched several times.
const LINE_BYTES_MAX: usize = 4096;
/// Most URLs of a text that says nothing of them and names nothing else; a newsletter has more.
const URLS_ALONE_MAX: usize = 5;
/// How far back a time may stand.
const TIME_LINES_MAX: u64 = 10;
/// How far behind an address a time may stand that is called so.
const TIME_BEHIND_LINES_MAX: u64 = 6;
/// How much of the line is kept with the event.
const TEXT_CHARS_MAX: usize = 500;

/// What is complained of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Address(IpAddr),
    Network(Net),
    Url(String),
    /// The name of a host that serves what is complained of.
    Name(String),
}

impl Subject {
    /// As a reject names it.
    fn text(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Network(net) => net.to_string(),
            Self::Url(text) | Self::Name(text) => text.clone(),
        }
    }
}

struct Finding {
    subject: Subject,
    port: Option<u16>,
    destination: Option<(IpAddr, Option<u16>)>,
    /// The network that was attacked, where the text names one alone.
    network: Option<Net>,
    is_said: bool,
    /// The time in its line or paragraph.
    time: Option<Time>,
    /// When it was where neither has one: a day alone, or what an earlier paragraph says.
    else_time: Option<Time>,
    /// What its line or paragraph says it did.
    kind: Option<&'static str>,
    /// What an earlier paragraph says.
    earlier: Option<&'static str>,
    /// Whether that one names none itself, but what stands below it.
    is_introduced: bool,
    malware: Option<String>,
    number: u64,
    text: String,
}

struct Complaint {
    urls: Urls,
    kind: &'static str,
}

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    let words = [("likely", Urls::Likely), ("defanged", Urls::Defanged), ("all", Urls::All)];
    let urls = keys.choice_or("urls", &words, "likely", "which URLs are complained of");
    let name = keys.text_or("type", "undetermined", "classification.type where no word of the text says it");
    let kind = taxonomy::type_of(&name).map(|(kind, _)| kind);
    if kind.is_none() {
        keys.problem("type", format!("`{name}` is not a classification type"), TYPES_HINT);
    }
    Box::new(Complaint { urls: urls.unwrap_or(Urls::Likely), kind: kind.unwrap_or("undetermined") })
}

impl Parser for Complaint {
    fn parts(&self) -> super::unpack::Parts {
        super::unpack::Parts::Letters
    }

    fn parse(&self, input: &mut Input<'_>, about: &About<'_>, sink: &mut Sink<'_>) {
        // The subject says in short what the text says, and counts where that names nothing.
        if about.name == SUBJECT && sink.has_events() {
            return;
        }
        let lines = own::lines(input, sink);
        let zone = moment::stated_zone(&lines).unwrap_or_else(|| sink.zone().cloned());
        let own = find::own_domains(&lines, &about.receipt.sender);
        let clock = moment::Clock { zone, received: about.receipt.received };
        let lines = wrap::passages(lines);
        let (mut findings, mut attacked) = gather(&lines, &clock, &own, self.urls, sink);
        // Who names a page and nothing else complains of it.
        if findings.is_empty() && self.urls == Urls::Likely && about.is_last && !sink.has_events() {
            let (pages, others) = gather(&lines, &clock, &own, Urls::Alone, sink);
            if pages.len() <= URLS_ALONE_MAX {
                (findings, attacked) = (pages, others);
            }
        }
        let anywhere = findings
            .iter()
            .find_map(|finding| finding.kind.or(finding.earlier))
            .or_else(|| lines.iter().find_map(|line| words::kind_of(&line.text)));
        attacked.leave_out(&mut findings, sink);
        self.tell(findings, anywhere, about.is_last, sink);
    }
}

/// What a text complains of, and what it says was attacked.
fn gather(
    lines: &[Passage],
    clock: &moment::Clock,
    own: &[String],
    urls: Urls,
    sink: &mut Sink<'_>,
) -> (Vec<Finding>, Attacked) {
    let (mut findings, mut attacked): (Vec<Finding>, Attacked) = (Vec::new(), Attacked::default());
    let (mut heading, mut open, mut table): (Side, Range<usize>, Option<Table>) = (Side::Unsaid, 0..0, None);
    let (mut last, mut last_time, mut before): (u64, Option<(u64, Time)>, &str) = (0, None, "");
    let mut paragraph = Paragraph::default();
    for Passage { number, last: last_line, text: line } in lines {
        // Blank lines are not among them.
        if *number > last + 1 {
            paragraph = paragraph.next(findings.len());
            attacked.end_block(&mut findings);
            table = None;
        }
        last = *last_line;
        let (when, mut rest) = clock.find(line);
        let (time, day) = match when {
            When::Time(time) => (Some(time), None),
            // Rather no time than a wrong one: it says whose the address was.
            When::Unclear => (None, Some(None)),
            When::Unsaid => (None, clock.day(line)),
        };
        if let Some(said) = words::kind_of(line) {
            paragraph.kind = Some(said);
            for finding in findings.get_mut(paragraph.begin..).unwrap_or_default() {
                finding.kind.get_or_insert(said);
            }
        }
        table = Table::head(line).or(table).filter(|table| table.goes_on(line));
        if let Some(table) = &table {
            rest = table.row(&rest);
        }
        let Line { found, attacked: others, clean } = find::subjects(&rest, before, heading, urls, own);
        attacked.clean.extend(clean.into_iter().map(|subject| (*number, subject)));
        // A list of URLs is about what the line above it says.
        let is_link_alone = line.contains("//") && line.split_whitespace().count() == 1;
        before = if is_link_alone { before } else { line };
        if let Some(time) = time {
            let behind = match words::calls_time(line) {
                true => open.clone(),
                false if found.is_empty() => paragraph.begin..findings.len(),
                false => 0..0,
            };
            give_time(&mut findings, behind, paragraph.begin, *number, time);
            (last_time, paragraph.time) = (Some((*number, time)), Some((*number, time)));
        }
        paragraph.day = day.or(paragraph.day);
        // A heading holds as long as nothing but addresses follows.
        if heading == Side::Unsaid || rest.chars().any(char::is_alphabetic) {
            heading = sides::heading(line);
        }
        let has_room = attacked.add(*number, others, !found.is_empty(), &mut findings);
        if findings.len() + found.len() > EVENTS_MAX || !has_room {
            let fault = Fault::new("", format!("more than {EVENTS_MAX} addresses and URLs; the rest is not read"));
            sink.reject(*number, fault, line.as_bytes());
            break;
        }
        if found.is_empty() {
            continue;
        }
        // Lines that follow each other are about the same.
        let follows = findings.last().is_some_and(|last| number - last.number <= 1);
        open.start = if follows { open.start } else { findings.len() };
        let is_near = |(at, _): &(u64, Time)| number - at <= TIME_LINES_MAX;
        let near = |time: Option<(u64, Time)>| time.filter(is_near).map(|(_, time)| time);
        let own_time = if day.is_some() { None } else { near(paragraph.time) };
        // A password stays with whoever wrote it.
        let text: String = without_passwords(line.trim()).chars().take(TEXT_CHARS_MAX).collect();
        let malware = words::malware_name(line);
        for Found { subject, port, destination, is_said } in found {
            findings.push(Finding {
                subject,
                port,
                destination,
                network: None,
                is_said,
                time: own_time,
                else_time: paragraph.day.unwrap_or_else(|| near(last_time)),
                kind: paragraph.kind,
                earlier: paragraph.earlier,
                is_introduced: paragraph.is_introduced,
                malware: malware.clone(),
                number: *last_line,
                text: text.clone(),
            });
        }
        open.end = findings.len();
    }
    (findings, attacked)
}

/// What the lines between two blank ones say.
#[derive(Default)]
struct Paragraph {
    /// Where its findings begin.
    begin: usize,
    /// What it says they did.
    kind: Option<&'static str>,
    /// What those before it say.
    earlier: Option<&'static str>,
    /// Whether the one of them that says so has no findings.
    is_introduced: bool,
    /// The last time that it names, with its line.
    time: Option<(u64, Time)>,
    /// The last day that it names without a time; when that began is not known where no zone is.
    day: Option<Option<Time>>,
}

impl Paragraph {
    fn next(self, begin: usize) -> Self {
        let is_introduced = if self.kind.is_some() { begin == self.begin } else { self.is_introduced };
        Self { begin, earlier: self.kind.or(self.earlier), is_introduced, ..Self::default() }
    }
}

/// Gives a time to those that have none yet and stand close enough before it; what belongs to an earlier paragraph
/// keeps the time of one before that.
fn give_time(findings: &mut [Finding], which: Range<usize>, paragraph: usize, number: u64, time: Time) {
    for (index, finding) in findings.iter_mut().enumerate().take(which.end).skip(which.start) {
        let is_close = number - finding.number <= TIME_BEHIND_LINES_MAX;
        if is_close && (index >= paragraph || finding.else_time.is_none()) {
            finding.time.get_or_insert(time);
        }
    }
}

impl Complaint {
    fn tell(&self, findings: Vec<Finding>, anywhere: Option<&'static str>, is_last: bool, sink: &mut Sink<'_>) {
        if findings.is_empty() {
            // Another part of the mail may say it: the log that is attached.
            if sink.has_events() || !is_last {
                return;
            }
            return sink.reject(1, Fault::new("", "no address or URL that is complained of was found"), b"");
        }
        let kinds = Kinds::of(&findings, anywhere);
        let kind_of = |finding: &Finding| kinds.kind(finding).unwrap_or(self.kind);
        // The sentence that names an address which log lines name with times says nothing more.
        let mut dated: HashMap<Subject, HashSet<&'static str>> = HashMap::new();
        for finding in findings.iter().filter(|finding| finding.time.is_some()) {
            dated.entry(finding.subject.clone()).or_default().insert(kind_of(finding));
        }
        let mut told = HashSet::new();
        for mut finding in findings {
            let kind = kind_of(&finding);
            let says_nothing = |kinds: &HashSet<&str>| finding.else_time.is_none() || kinds.contains(kind);
            if finding.time.is_none() && dated.get(&finding.subject).is_some_and(says_nothing) {
                continue;
            }
            finding.time = finding.time.or(finding.else_time);
            if !told.insert((finding.subject.clone(), finding.time, finding.port, finding.destination)) {
                continue;
            }
            sink.event(finding.number, finding.text.as_bytes(), |draft| put(draft, &finding, kind));
        }
    }
}

/// What a text says of what, where its paragraphs disagree; else what it says of all.
enum Kinds {
    Same(Option<&'static str>),
    Of(HashMap<Subject, &'static str>),
}

impl Kinds {
    fn of(findings: &[Finding], anywhere: Option<&'static str>) -> Self {
        let said: HashSet<&str> = findings.iter().filter_map(|one| one.kind.or(one.earlier)).collect();
        if said.len() < 2 {
            return Self::Same(anywhere);
        }
        // What is said first of something counts.
        let said = findings.iter().rev().filter_map(|one| Some((one.subject.clone(), one.kind?)));
        Self::Of(said.collect())
    }

    fn kind(&self, finding: &Finding) -> Option<&'static str> {
        match self {
            _ if finding.kind.is_some() => finding.kind,
            Self::Same(anywhere) => finding.earlier.or(*anywhere),
            Self::Of(said) => said.get(&finding.subject).copied().or(finding.earlier.filter(|_| finding.is_introduced)),
        }
    }
}

fn put(draft: &mut Draft<'_>, finding: &Finding, kind: &'static str) -> Result<(), Fault> {
    match &finding.subject {
        Subject::Address(address) => draft.set(Field::SOURCE_IP, &Value::Ip(*address)),
        Subject::Network(net) => draft.set(Field::SOURCE_NETWORK, &Value::Net(*net)),
        Subject::Url(url) => draft.need(Field::SOURCE_URL, url)?,
        Subject::Name(name) => draft.need(Field::SOURCE_FQDN, name)?,
    }
    if let Some(port) = finding.port {
        draft.set(Field::SOURCE_PORT, &Value::Int(port.into()));
    }
    if let Some((address, port)) = finding.destination {
        draft.set(Field::DESTINATION_IP, &Value::Ip(address));
        if let Some(port) = port {
            draft.set(Field::DESTINATION_PORT, &Value::Int(port.into()));
        }
    }
    if let Some(net) = finding.network {
        draft.set(Field::DESTINATION_NETWORK, &Value::Net(net));
    }
    if let Some(time) = finding.time {
        draft.set(Field::TIME_SOURCE, &Value::Time(time));
    }
    draft.set(Field::CLASSIFICATION_TYPE, &Value::text(kind));
    draft.put(Field::MALWARE_NAME, finding.malware.as_deref().unwrap_or(""))?;
    draft.put(Field::EVENT_DESCRIPTION_TEXT, &finding.text)
}
