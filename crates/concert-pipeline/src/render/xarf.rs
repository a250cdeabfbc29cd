//! `xarf`: reports in XARF 4, one document for each event.
//!
//! One event is one document, several are a list of documents. Programs of abuse desks expect one in each mail:
//! `events_max = 1` makes one notice of each event. The site is reporter and sender; who complained is not named.
//! A reminder has the `report_id` of what it reminds of. `tags` say the type and the label, `event.id` is that of
//! the other formats. With the setting `columns`, what is not among them is left out, but for what every report must
//! have; and what XARF has no name for is left out always.
//!
//! A type is written as XARF calls it only where the event has all that XARF asks of it: `login_attack` needs the
//! port and the protocol, `phishing` the URL. Everything else is `reputation/threat_intelligence`, with the type as
//! `threat_type`, so that no document says more than was reported.

use concert_model::json::write_plain;
use concert_model::{Event, Field, Time, Value, host};
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::columns::Column;
use super::{Columns, Item, Listed, Teller, visible};

/// The format in the catalogue.
pub const LISTED: Listed = Listed {
    name: "xarf",
    extension: "json",
    media_type: "application/json",
    about: "Reports in XARF 4: one document, or a list of one for each event.",
    write,
};

/// The version of the schema that documents keep to.
const VERSION: &str = "4.2.0";
/// Longest texts that the schema allows.
const DESCRIPTION_CHARS_MAX: usize = 1_000;
const NAME_CHARS_MAX: usize = 200;

fn write(items: &[Item<'_>], columns: &Columns, teller: &Teller<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    for (index, item) in items.iter().enumerate() {
        if items.len() > 1 {
            out.extend_from_slice(if index == 0 { b"[\n" } else { b",\n" });
        }
        let document = Json::Object(Document::new(item, columns, teller).members);
        out.extend_from_slice(document.to_string().as_bytes());
    }
    out.extend_from_slice(match items.len() {
        0 => b"[]\n",
        1 => b"\n",
        _ => b"\n]\n",
    });
    visible::json(start, out);
}

struct Document<'a> {
    event: Event<'a>,
    columns: &'a Columns,
    members: Map<String, Json>,
}

impl<'a> Document<'a> {
    fn new(item: &Item<'a>, columns: &'a Columns, teller: &Teller<'_>) -> Self {
        let mut document = Self { event: item.event, columns, members: Map::new() };
        document.begin(item, teller);
        document.classify();
        document.more(item);
        document
    }

    /// What every report has.
    fn begin(&mut self, item: &Item<'_>, teller: &Teller<'_>) {
        let id = self.event.row().id.to_string();
        let (mailbox, domain) = teller.mail.rsplit_once('@').unwrap_or((teller.mail, ""));
        let domain = host::domain(domain).unwrap_or(domain.into());
        let contact = if domain.is_empty() { mailbox.to_owned() } else { format!("{mailbox}@{domain}") };
        let who = json!({ "org": cut(teller.name, NAME_CHARS_MAX), "contact": contact, "domain": domain });
        let times = [Field::TIME_SOURCE, Field::TIME_OBSERVATION].into_iter().find_map(|field| self.event.time(field));
        let time = item.last_seen.or(times).unwrap_or(Time(0));
        let sources =
            [Field::SOURCE_IP, Field::SOURCE_FQDN, Field::SOURCE_URL, Field::SOURCE_NETWORK, Field::SOURCE_ACCOUNT];
        let source = sources.into_iter().find_map(|field| self.plain(field));
        self.put("xarf_version", VERSION);
        self.put("report_id", uuid(&id));
        self.put("event.id", id);
        self.put("timestamp", time.to_string());
        self.put("reporter", who.clone());
        self.put("sender", who);
        self.put("source_identifier", source.unwrap_or_else(|| "unknown".to_owned()));
    }

    /// The category and type, with what they ask for.
    fn classify(&mut self) {
        let kind = self.event.text(Field::CLASSIFICATION_TYPE).unwrap_or_else(|| "undetermined".into()).into_owned();
        let of_connections = match kind.as_str() {
            "brute-force" => "login_attack",
            "scanner" => "port_scan",
            "ddos" | "dos" => "ddos",
            _ => "",
        };
        if !of_connections.is_empty() && self.is_connection() {
            return self.name("connection", of_connections);
        }
        let has_url = self.shown(Field::SOURCE_URL).is_some();
        match kind.as_str() {
            "phishing" if has_url => self.name("content", "phishing"),
            "malware-distribution" if has_url => self.name("content", "malware"),
            "copyright" if has_url => {
                self.take_url("infringing_url");
                self.name("copyright", "copyright");
            }
            "infected-system" => {
                let told = [Field::EVENT_DESCRIPTION_TEXT, Field::MALWARE_NAME, Field::CLASSIFICATION_IDENTIFIER];
                let told = told.into_iter().find_map(|field| self.shown(field));
                self.put("compromise_evidence", told.unwrap_or_else(|| json!("reported as infected")));
                self.name("infrastructure", "botnet");
            }
            "vulnerable-system" | "weak-crypto" | "ddos-amplifier" | "potentially-unwanted-accessible" => {
                self.open_service(&kind);
            }
            "blacklist" => {
                self.put("threat_type", kind);
                self.name("reputation", "blocklist");
            }
            _ => self.threat(&kind),
        }
    }

    fn threat(&mut self, kind: &str) {
        self.put("threat_type", kind);
        self.name("reputation", "threat_intelligence");
    }

    fn open_service(&mut self, kind: &str) {
        let names = [Field::PROTOCOL_APPLICATION, Field::PRODUCT_NAME, Field::CLASSIFICATION_IDENTIFIER];
        let Some(service) = names.into_iter().find_map(|field| self.shown(field)) else { return self.threat(kind) };
        self.put("service", service);
        self.take("service_port", Field::SOURCE_PORT);
        self.name("vulnerability", "open_service");
    }

    /// Whether it has what XARF asks of connections; puts it then.
    fn is_connection(&mut self) -> bool {
        let protocol = self.event.text(Field::PROTOCOL_TRANSPORT).unwrap_or_default();
        let known = ["tcp", "udp", "icmp", "sctp"].contains(&protocol.as_ref());
        let first = self.event.time(Field::TIME_SOURCE);
        let (Some(first), true, true) = (first, known, self.event.int(Field::SOURCE_PORT).is_some()) else {
            return false;
        };
        self.put("protocol", protocol.as_ref());
        self.put("first_seen", first.to_string());
        true
    }

    /// What else there is, where XARF has a name for it.
    fn more(&mut self, item: &Item<'_>) {
        for (name, field) in [
            ("source_port", Field::SOURCE_PORT),
            ("destination_ip", Field::DESTINATION_IP),
            ("destination_port", Field::DESTINATION_PORT),
            ("asn", Field::SOURCE_ASN),
            ("country_code", Field::SOURCE_GEOLOCATION_CC),
            ("malware_family", Field::MALWARE_NAME),
            ("target_brand", Field::EVENT_DESCRIPTION_TARGET),
        ] {
            self.take(name, field);
        }
        self.take_url("url");
        if let Some(domain) = self.shown(Field::SOURCE_FQDN).filter(|name| name.as_str().is_some_and(is_domain)) {
            self.put("domain", domain);
        }
        let text = self.shown(Field::EVENT_DESCRIPTION_TEXT).and_then(|text| Some(text.as_str()?.to_owned()));
        if let Some(text) = text {
            self.put("description", cut(&text, DESCRIPTION_CHARS_MAX));
        }
        if self.is_chosen(&Column::Field(Field::CONFIDENCE))
            && let Some(Value::Float(percent)) = self.event.get(Field::CONFIDENCE)
        {
            self.put("confidence", percent / 100.0);
        }
        if let Some(time) = item.last_seen {
            self.put("last_seen", time.to_string());
        }
        let mut tags = Vec::new();
        for (name, field) in [("type", Field::CLASSIFICATION_TYPE), ("tlp", Field::TLP)] {
            tags.extend(self.event.text(field).map(|word| json!(format!("{name}:{word}"))));
        }
        tags.push(json!(format!("state:{}", item.state.replace(' ', "-"))));
        self.put("tags", tags);
    }

    fn put(&mut self, name: &str, value: impl Into<Json>) {
        self.members.insert(name.to_owned(), value.into());
    }

    fn name(&mut self, category: &str, kind: &str) {
        self.put("category", category);
        self.put("type", kind);
    }

    /// Puts a field, where it is there and may be shown.
    fn take(&mut self, name: &str, field: Field) {
        if let Some(value) = self.shown(field) {
            self.put(name, value);
        }
    }

    /// Puts the URL, where it is there and may be shown.
    fn take_url(&mut self, name: &str) {
        if self.is_chosen(&Column::Field(Field::SOURCE_URL))
            && let Some(url) = self.plain(Field::SOURCE_URL)
        {
            self.put(name, uri(&url));
        }
    }

    fn shown(&self, field: Field) -> Option<Json> {
        if !self.is_chosen(&Column::Field(field)) {
            return None;
        }
        match self.event.get(field)? {
            Value::Int(number) => Some(json!(number)),
            _ => Some(json!(cut(&self.plain(field)?, DESCRIPTION_CHARS_MAX))),
        }
    }

    /// A value as text, of whatever kind it is.
    fn plain(&self, field: Field) -> Option<String> {
        let mut bytes = Vec::new();
        write_plain(&self.event.get(field)?, &mut bytes);
        String::from_utf8(bytes).ok()
    }

    fn is_chosen(&self, column: &Column) -> bool {
        self.columns.chosen.is_empty() || self.columns.chosen.contains(column)
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// Whether the schema of XARF takes it for a domain, as it does not take names with `--` (those of IDNA) or `_`.
fn is_domain(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let mut labels = name.rsplit('.');
    let is_top = labels.next().is_some_and(|top| top.len() > 1 && top.bytes().all(|b| b.is_ascii_lowercase()));
    is_top && name.contains('.') && labels.all(|label| label.split('-').all(is_word))
}

/// A URL in the letters of RFC 3986, which is all that readers of XARF need to take: its host as IDNA writes it,
/// and what has no place in it percent-encoded. URLs of malware have all of that.
fn uri(text: &str) -> String {
    let plain = Url::parse(text).map_or_else(|_| text.to_owned(), String::from);
    let authority = plain.find("://").map_or(0, |at| at + 3);
    let length = plain.get(authority..).and_then(|rest| rest.find(['/', '?', '#'])).unwrap_or(plain.len());
    let (host, fragment) = (authority..authority + length, plain.find('#'));
    let mut uri = String::with_capacity(plain.len());
    for (at, byte) in plain.bytes().enumerate() {
        let is_escape = || {
            let digits = plain.as_bytes().get(at + 1..at + 3);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        let has_place = match byte {
            b'%' => is_escape(),
            b'[' | b']' => host.contains(&at),
            b'#' => fragment == Some(at),
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&byte),
        };
        if has_place {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The id of an event in the form of a random UUID, which its hash serves as well as any.
fn uuid(id: &str) -> String {
    let part = |range: std::ops::Range<usize>| id.get(range).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0..8), part(8..12), part(13..16), part(17..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::parse::check;

    const LOGIN: &str = "classification.type=brute-force|source.ip=192.0.2.1|source.port=4242|protocol.transport=tcp|\
        destination.ip=198.51.100.1|destination.port=22|time.source=2026-11-22T04:50:30Z|tlp=amber+strict|confidence=95|extra.a=x";

    #[test]
    fn bytes_are_as_agreed() {
        assert_eq!(
            sample::write(&LISTED, &[LOGIN], &Columns::default()),
            "{\"category\":\"connection\",\"confidence\":0.95,\"destination_ip\":\"198.51.100.1\",\"destination_port\":22,\
             \"event.id\":\"01010101010101010101010101010101\",\"first_seen\":\"2026-11-22T04:50:30Z\",\"protocol\":\"tcp\",\
             \"report_id\":\"01010101-0101-4101-a101-010101010101\",\
             \"reporter\":{\"contact\":\"cert@cert.example\",\"domain\":\"cert.example\",\"org\":\"CERT Example\"},\
             \"sender\":{\"contact\":\"cert@cert.example\",\"domain\":\"cert.example\",\"org\":\"CERT Example\"},\
             \"source_identifier\":\"192.0.2.1\",\"source_port\":4242,\
             \"tags\":[\"type:brute-force\",\"tlp:amber+strict\",\"state:new\"],\"timestamp\":\"2026-11-22T04:50:30Z\",\
             \"type\":\"login_attack\",\"xarf_version\":\"4.2.0\"}\n"
        );
    }

    #[test]
    fn what_was_not_chosen_is_left_out() {
        let columns = Columns { chosen: vec![Column::Field(Field::DESTINATION_PORT)], defang: false };
        let out = sample::write(&LISTED, &[LOGIN], &columns);
        assert!(out.contains("\"destination_port\":22") && !out.contains("198.51.100.1"), "{out}");
    }

    #[test]
    fn urls_and_domains_are_such_as_the_schema_takes() {
        for (given, want) in [
            ("http://bücher.example/ü?q=ä", "http://xn--bcher-kva.example/%C3%BC?q=%C3%A4"),
            ("http://a.example/x|y{z}^\\`?%zz&%41", "http://a.example/x%7Cy%7Bz%7D%5E/%60?%25zz&%41"),
            ("http://[2001:db8::1]:8080/a[0]#b#c", "http://[2001:db8::1]:8080/a%5B0%5D#b%23c"),
        ] {
            assert_eq!(uri(given), want);
        }
        for (name, want) in [
            ("a.example", true),
            ("a-b.c1.example", true),
            ("xn--bcher-kva.example", false),
            ("_dmarc.a.example", false),
            ("a.xn--p1ai", false),
            ("example", false),
        ] {
            assert_eq!(is_domain(name), want, "{name}");
        }
    }

    #[test]
    fn a_long_url_and_a_domain_of_any_letters_are_whole() {
        let url = format!("http://a.example/{}ü", "a".repeat(2_000));
        let given = format!("classification.type=phishing|source.url={url}");
        let out = sample::write(&LISTED, &[&given], &Columns::default());
        assert!(out.contains(&format!("\"url\":\"{}\"", uri(&url))), "{out}");
        let (batch, mut out) = (sample::batch(&[LOGIN]), Vec::new());
        let teller = Teller { name: "CERT Example", mail: "cert@bücher.example" };
        (LISTED.write)(&sample::items(&batch), &Columns::default(), &teller, &mut out);
        let want = r#"{"contact":"cert@xn--bcher-kva.example","domain":"xn--bcher-kva.example","org":"CERT Example"}"#;
        assert!(String::from_utf8(out).unwrap().contains(want));
    }

    #[test]
    fn our_own_parser_reads_what_was_written() {
        for (given, want) in [
            (LOGIN, "brute-force"),
            ("classification.type=brute-force|source.ip=192.0.2.1", "brute-force"),
            ("classification.type=phishing|source.url=http://a.example/x", "phishing"),
            ("classification.type=c2-server|source.fqdn=a.example", "c2-server"),
            ("classification.type=copyright|source.url=http://a.example/x", "copyright"),
            ("classification.type=infected-system|source.ip=192.0.2.1|malware.name=x", "infected-system"),
            (
                "classification.type=ddos-amplifier|source.ip=192.0.2.1|protocol.application=dns",
                "potentially-unwanted-accessible",
            ),
            ("classification.type=blacklist|source.ip=192.0.2.1", "blacklist"),
        ] {
            let out = sample::write(&LISTED, &[given, given], &Columns::default());
            let (events, rejects) = check::run("xarf", "", out.as_bytes(), "x.json");
            assert_eq!((events.len(), rejects), (2, Vec::new()), "{out}");
            let kind = format!("\"classification.type\":\"{want}\"");
            assert!(events.iter().all(|event| event.contains(&kind)), "{events:?}");
        }
    }

    #[test]
    fn hostile_text_is_read_back_as_it_was() {
        let hostile = ["event_description.text=a\r\nBcc: x@example.com \u{202e}fdp.exe <b>|source.ip=192.0.2.1"];
        let out = sample::write(&LISTED, &hostile, &Columns::default());
        let back: Json = serde_json::from_str(&out).unwrap();
        assert_eq!(back["description"], "a\r\nBcc: x@example.com \u{202e}fdp.exe <b>");
        assert_eq!(out.lines().count(), 1);
    }
}
