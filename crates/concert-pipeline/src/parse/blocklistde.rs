//! blocklist.de: addresses reported for attacks in the last 48 hours, one a line.
//!
//! Eleven lists at <https://lists.blocklist.de/lists/>: `all`, `ssh`, `mail`, `apache`, `imap`, `ftp`,
//! `sip`, `bots`, `strongips`, `ircbot`, `bruteforcelogin`. The lines are the same in all of them, so
//! the kind of attack is known only by the list: by the name of the file or the address it was
//! fetched from (`imap.txt`), or by the setting `list`. Anything else is read as `all`.
//!
//! The lists say no time; an event has only the time it was received.

use concert_model::{Field, Keys};

use super::lines::{each_line, give_texts};
use super::{About, Input, Listed, Parser, Sample, Sink};

/// blocklist.de.
pub const LISTED: Listed = Listed {
    name: "blocklistde",
    about: "Addresses that attacked, from the lists of blocklist.de.",
    source: "https://www.blocklist.de/en/export.html",
    read,
    samples: &[
        Sample {
            name: "imap.txt",
            settings: "",
            given: "192.0.2.4\n\n2001:db8::7\nnot an address\n198.51.100.34\n",
            events: r#"
{"source.ip":"192.0.2.4","classification.type":"ids-alert","classification.taxonomy":"intrusion-attempts","protocol.application":"imap","event_description.text":"IP reported as having run attacks on the service IMAP, SASL, POP3"}
{"source.ip":"2001:db8::7","classification.type":"ids-alert","classification.taxonomy":"intrusion-attempts","protocol.application":"imap","event_description.text":"IP reported as having run attacks on the service IMAP, SASL, POP3"}
{"source.ip":"198.51.100.34","classification.type":"ids-alert","classification.taxonomy":"intrusion-attempts","protocol.application":"imap","event_description.text":"IP reported as having run attacks on the service IMAP, SASL, POP3"}
"#,
            rejects: "4 source.ip: not an IP address",
        },
        Sample {
            name: "export.txt",
            settings: "list = \"ssh\"",
            given: "# comment\r\n203.0.113.34\r\n",
            events: r#"{"source.ip":"203.0.113.34","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","protocol.application":"ssh","event_description.text":"IP reported as having run attacks on the service SSH"}"#,
            rejects: "",
        },
    ],
};

/// What is known of every address of one list.
struct List {
    name: &'static str,
    kind: &'static str,
    /// Empty where the list is of several.
    application: &'static str,
    text: &'static str,
}

const fn list(name: &'static str, kind: &'static str, application: &'static str, text: &'static str) -> List {
    List { name, kind, application, text }
}

const ALL: List = list("all", "ids-alert", "", "IP reported as having run attacks on a service");
const LISTS: &[List] = &[
    ALL,
    list("ssh", "brute-force", "ssh", "IP reported as having run attacks on the service SSH"),
    list("mail", "ids-alert", "smtp", "IP reported as having run attacks on the service Mail, Postfix"),
    list(
        "apache",
        "ids-alert",
        "http",
        "IP reported as having run attacks on the service Apache, or DDoS or RFI attacks",
    ),
    list("imap", "ids-alert", "imap", "IP reported as having run attacks on the service IMAP, SASL, POP3"),
    list("ftp", "ids-alert", "ftp", "IP reported as having run attacks on the service FTP"),
    list("sip", "brute-force", "sip", "IP reported as having tried to log in to a SIP, VoIP or Asterisk server"),
    list(
        "bots",
        "ids-alert",
        "",
        "IP reported as having run RFI attacks, or as a registration, IRC or comment spam bot",
    ),
    list(
        "strongips",
        "ids-alert",
        "",
        "IP that has been reported for more than two months and for more than 5000 attacks",
    ),
    list("ircbot", "ids-alert", "irc", "IP reported as an IRC bot"),
    list(
        "bruteforcelogin",
        "brute-force",
        "http",
        "IP reported as having tried passwords on Joomla, WordPress or other web logins",
    ),
];

struct BlocklistDe {
    list: Option<&'static List>,
}

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    let words: Vec<(&str, &'static List)> = LISTS.iter().map(|list| (list.name, list)).collect();
    let list = keys.choice_or("list", &words, "", "which list it is, where the file name or address does not say");
    Box::new(BlocklistDe { list })
}

impl Parser for BlocklistDe {
    fn parse(&self, input: &mut Input<'_>, about: &About<'_>, sink: &mut Sink<'_>) {
        let names = [about.name, &about.receipt.url, &about.receipt.file_name];
        let list = self.list.or_else(|| names.iter().find_map(|name| named(name))).unwrap_or(&ALL);
        let mut texts = vec![(Field::CLASSIFICATION_TYPE, list.kind), (Field::EVENT_DESCRIPTION_TEXT, list.text)];
        if !list.application.is_empty() {
            texts.push((Field::PROTOCOL_APPLICATION, list.application));
        }
        give_texts(sink, &texts);
        each_line(input, sink, |sink, number, line| {
            if !line.starts_with('#') {
                sink.event(number, line.as_bytes(), |draft| draft.need(Field::SOURCE_IP, line));
            }
        });
    }
}

/// The list that a file name or address ends with: `imap.txt`, `https://.../lists/imap.txt.gz`.
fn named(name: &str) -> Option<&'static List> {
    let last = name.split(['?', '#']).next()?.rsplit(['/', '\\']).next()?;
    let stem = last.split('.').next()?.to_ascii_lowercase();
    LISTS.iter().find(|list| list.name == stem)
}
