//! What makes two events the same problem: a hash of a few fields, without any time.
//!
//! The key is kept in the store for years, so its bytes depend only on the list of fields and their
//! values, never on field numbers of this version. Absent fields take part by being absent; but where nothing is there
//! that says what an event is about (a list of hashes, of accounts that leaked), all that it says takes part, or the
//! second line of such a list would be a repeat of the first, and lost. Counting
//! repeats within the window is the store's work.

use std::cell::RefCell;
use std::net::IpAddr;
use std::time::Duration;

use concert_model::batch::Raw;
use concert_model::problem::meant;
use concert_model::{Event, Field, Keys, OpenEvent, ProblemKey, Time, field};

/// Most fields in a key, alternatives counted.
const FIELDS_MAX: usize = 64;
/// The fields when none are set. `or` takes the first that the event has.
const DEFAULT: [&str; 9] = [
    "feed.code or feed.name",
    "classification.type",
    "classification.identifier",
    "source.ip or source.fqdn or source.url or source.account or source.network or source.asn",
    "source.port",
    "destination.ip",
    "destination.port",
    "protocol.transport",
    "malware.name",
];

/// Fields of [`DEFAULT`] that were added when keys were kept already: their numbers come last, so that
/// the others stay what they were.
const LATER: [Field; 2] = [Field::SOURCE_NETWORK, Field::SOURCE_ASN];

/// Fields that say what an event is about. A key that names none of them says by that what its site wants.
const ABOUT: [Field; 13] = [
    Field::SOURCE_IP,
    Field::SOURCE_FQDN,
    Field::SOURCE_URL,
    Field::SOURCE_ACCOUNT,
    Field::SOURCE_NETWORK,
    Field::SOURCE_ASN,
    Field::SOURCE_REVERSE_DNS,
    Field::DESTINATION_IP,
    Field::DESTINATION_FQDN,
    Field::DESTINATION_URL,
    Field::DESTINATION_ACCOUNT,
    Field::DESTINATION_NETWORK,
    Field::DESTINATION_ASN,
];
/// Fields that say nothing of what was observed, beside times: what this site adds, by its rules too.
const OURS: [Field; 6] =
    [Field::FEED_CODE, Field::FEED_NAME, Field::PARTY, Field::DUPLICATE_COUNT, Field::TLP, Field::SEVERITY];
/// Stands before what takes part only where nothing says what an event is about.
const REST: u8 = u8::MAX;

/// How repeats are recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedup {
    parts: Vec<Part>,
    window: Duration,
}

/// A part of a key: of its names, with their numbers, the first that the event has counts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    names: Vec<(u8, Name)>,
    /// Whether it says what an event is about.
    is_about: bool,
}

/// A field of the table, or the name of an `extra.*` field, whose number differs between batches.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Field(Field),
    Extra(Box<str>),
}

impl Default for Dedup {
    fn default() -> Self {
        let parts = DEFAULT.iter().map(|part| part.split(" or ").filter_map(|name| parse(name).ok()).collect());
        Self { parts: numbered(parts.collect(), &LATER), window: Duration::from_secs(86_400) }
    }
}

/// Numbers names in their order, some of them behind all others.
fn numbered(parts: Vec<Vec<Name>>, later: &[Field]) -> Vec<Part> {
    let is_later = |name: &Name| matches!(name, Name::Field(field) if later.contains(field));
    let mut last = parts.iter().flatten().filter(|name| !is_later(name)).count();
    let mut next = 0;
    let mut number = |name: Name| {
        let place = if is_later(&name) { &mut last } else { &mut next };
        *place += 1;
        (u8::try_from(*place - 1).unwrap_or(u8::MAX), name)
    };
    let mut part = |names: Vec<Name>| {
        let is_about = names.iter().any(says_what_about);
        Part { names: names.into_iter().map(&mut number).collect(), is_about }
    };
    parts.into_iter().map(&mut part).collect()
}

impl Dedup {
    /// Reads `fields` and `window`.
    pub fn read(keys: &mut Keys<'_>) -> Dedup {
        let about = "a repeat within this time of the first sighting is no new event";
        let mut dedup = Dedup { window: keys.duration_or("window", "24h", about), ..Dedup::default() };
        let about = format!("fields that make two events the same problem; without it: {}", DEFAULT.join(", "));
        let given = keys.texts("fields", &about);
        if keys.has("fields") {
            let parts: Vec<Vec<Name>> = given.iter().map(|part| read_part(keys, part)).collect();
            for (part, at) in
                given.iter().zip(0..).filter(|(part, at)| given.iter().take(*at).any(|other| other == *part))
            {
                keys.problem_item("fields", at, format!("`{part}` stands twice in `fields`"), "name it once");
            }
            // Names that are not known were told already.
            if given.is_empty() {
                keys.problem("fields", "`fields` names no field", "leave it out for the usual ones");
            } else if parts.iter().map(Vec::len).sum::<usize>() > FIELDS_MAX {
                keys.problem("fields", format!("`fields` names more than {FIELDS_MAX} fields"), "leave some out");
            } else if !parts.iter().all(Vec::is_empty) {
                dedup.parts = numbered(parts, &[]);
            }
        }
        dedup
    }

    /// The time within which a repeat is no new event.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// Whether a sighting at a time is a repeat of one first seen at another.
    pub fn is_repeat(&self, first: Time, this: Time) -> bool {
        u128::from(first.0.abs_diff(this.0)) < self.window.as_micros()
    }

    /// What makes this event the same problem as another.
    pub fn key(&self, event: &OpenEvent<'_>) -> ProblemKey {
        thread_local! {
            static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        BYTES.with_borrow_mut(|bytes| {
            bytes.clear();
            self.write(event, bytes);
            ProblemKey::of(bytes)
        })
    }

    /// The fields of an event that make its key: whoever names the problem again says the same in them, whatever else
    /// it says.
    pub fn fields(&self, event: &Event<'_>) -> Vec<Field> {
        let field = |name: &Name| match name {
            Name::Field(field) => event.raw(*field).map(|_| *field),
            Name::Extra(name) => event.find_extra(name).filter(|field| event.raw(*field).is_some()),
        };
        let taken = |part: &Part| part.names.iter().find_map(|(_, name)| field(name));
        let mut fields: Vec<Field> = self.parts.iter().filter_map(taken).collect();
        let mut about = self.parts.iter().filter(|part| part.is_about).peekable();
        if about.peek().is_some() && about.all(|part| taken(part).is_none()) {
            event.each_own(|field, value| fields.extend(is_said(field, value).then_some(field)));
        }
        fields
    }

    fn write(&self, event: &OpenEvent<'_>, out: &mut Vec<u8>) {
        let (mut is_asked, mut is_about) = (false, false);
        for part in &self.parts {
            let value = part.names.iter().find_map(|(number, name)| Some((*number, value(event, name)?)));
            is_asked |= part.is_about;
            if let Some((number, value)) = value {
                is_about |= part.is_about;
                write_value(number, value, out);
            }
        }
        if is_asked && !is_about {
            write_rest(event, out);
        }
    }
}

/// Whether a part of a key says what an event is about: a name of the site's own does.
fn says_what_about(name: &Name) -> bool {
    match name {
        Name::Field(field) => ABOUT.contains(field),
        Name::Extra(_) => true,
    }
}

/// Writes all that an event says by itself, by name: the order of `extra.` differs. What holds for all events is what
/// the settings or the kind of report add, and these change.
fn write_rest(event: &OpenEvent<'_>, out: &mut Vec<u8>) {
    let event = event.view();
    let mut said = Vec::new();
    event.each_own(|field, value| {
        if is_said(field, value) {
            said.push((event.name(field), value));
        }
    });
    said.sort_by(|(one, _), (other, _)| one.cmp(other));
    said.dedup_by(|(one, _), (other, _)| one == other);
    for (name, value) in said {
        write_value(REST, Raw::Text(&name), out);
        write_value(REST, value, out);
    }
}

/// Whether a value is of what was observed, and no time.
fn is_said(field: Field, value: Raw<'_>) -> bool {
    !OURS.contains(&field) && !matches!(value, Raw::Time(_))
}

fn read_part(keys: &Keys<'_>, part: &str) -> Vec<Name> {
    let mut names = Vec::new();
    for name in part.split(" or ") {
        match parse(name.trim()) {
            Ok(name) => names.push(name),
            Err(hint) => keys.problem("fields", format!("unknown field `{}`", name.trim()), hint),
        }
    }
    names
}

fn parse(name: &str) -> Result<Name, String> {
    if let Some(extra) = name.strip_prefix("extra.").filter(|extra| !extra.is_empty()) {
        return Ok(Name::Extra(extra.into()));
    }
    Field::named(name).map(Name::Field).ok_or_else(|| {
        let otherwise = "write a field such as source.ip, or several as \"source.ip or source.fqdn\"";
        meant(name, field::TABLE.iter().map(|(name, _)| *name), otherwise)
    })
}

fn value<'e>(event: &'e OpenEvent<'_>, name: &Name) -> Option<Raw<'e>> {
    match name {
        Name::Field(field) => event.raw(*field),
        Name::Extra(name) => event.raw(event.batch().find_extra(name)?),
    }
}

/// Writes one value with the number of its field among all of the key.
///
/// INVARIANT: two lists of values write the same bytes only when they are the same. Each begins with
/// number and kind, and is of known length or says its length. Short, because one block of the hash
/// holds 64 bytes and most keys fit.
fn write_value(number: u8, value: Raw<'_>, out: &mut Vec<u8>) {
    let mut begin = |kind: u8, bytes: &[u8]| {
        out.extend_from_slice(&[number, kind]);
        out.extend_from_slice(bytes);
    };
    match value {
        // The commonest kind has no byte of its own: 16 and more is text of so many bytes.
        Raw::Text(text) if text.len() < 200 => {
            begin(16 + u8::try_from(text.len()).unwrap_or(0), text.as_bytes());
        }
        Raw::Text(text) => {
            begin(1, &(text.len() as u64).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Raw::Json(text) => {
            begin(2, &(text.len() as u64).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Raw::Int(whole) => match u16::try_from(whole) {
            Ok(small) => begin(3, &small.to_le_bytes()),
            Err(_) => begin(4, &whole.to_le_bytes()),
        },
        Raw::Float(decimal) => begin(5, &decimal.to_bits().to_le_bytes()),
        Raw::Bool(truth) => begin(6, &[u8::from(truth)]),
        Raw::Time(time) => begin(7, &time.0.to_le_bytes()),
        Raw::Ip(IpAddr::V4(address)) => begin(8, &address.octets()),
        Raw::Ip(IpAddr::V6(address)) => begin(9, &address.octets()),
        Raw::Net(net) => {
            begin(10, &[net.prefix()]);
            write_value(number, Raw::Ip(net.first()), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::Batch;
    use concert_model::keys::{Reading, Source};

    fn key(dedup: &Dedup, given: &[(&str, &str)]) -> ProblemKey {
        let mut batch = Batch::new();
        let mut event = batch.open();
        for (name, text) in given {
            let field = event.field(name).unwrap();
            event.read(field, text, None).unwrap();
        }
        dedup.key(&event)
    }

    #[test]
    fn only_the_fields_of_the_key_count_and_time_never_does() {
        let dedup = Dedup::default();
        let base = [("source.ip", "192.0.2.1"), ("source.port", "23")];
        let same = [
            ("source.port", "23"),
            ("source.ip", "192.0.2.1"),
            ("time.source", "2026-01-01T00:00:00Z"),
            ("comment", "x"),
        ];
        assert_eq!(key(&dedup, &base), key(&dedup, &same));
        for other in
            [("source.port", "24"), ("source.ip", "192.0.2.2"), ("malware.name", "x"), ("destination.port", "23")]
        {
            assert_ne!(key(&dedup, &base), key(&dedup, &[base[0], base[1], other]), "{other:?}");
        }
    }

    #[test]
    fn the_first_of_several_that_is_there_counts() {
        let dedup = Dedup::default();
        let (ip, name) = (("source.ip", "192.0.2.1"), ("source.fqdn", "a.example"));
        assert_eq!(key(&dedup, &[ip, name]), key(&dedup, &[ip]));
        assert_ne!(key(&dedup, &[name]), key(&dedup, &[("source.account", "a.example")]));
        // Lists of networks name nothing else.
        let (net, other) = (("source.network", "192.0.2.0/24"), ("source.network", "192.0.2.0/25"));
        assert_ne!(key(&dedup, &[net]), key(&dedup, &[other]));
        assert_eq!(key(&dedup, &[ip, net]), key(&dedup, &[ip, other]));
        assert_ne!(key(&dedup, &[("source.asn", "64500")]), key(&dedup, &[("source.asn", "64501")]));
    }

    #[test]
    fn the_fields_of_a_key_are_told() {
        let check = |dedup: &Dedup, given: &[(&str, &str)], want: &[&str]| {
            let mut batch = Batch::new();
            let mut event = batch.open();
            for (name, text) in given {
                let field = event.field(name).unwrap();
                event.read(field, text, None).unwrap();
            }
            let event = event.view();
            let fields: Vec<_> = dedup.fields(&event).into_iter().map(|field| event.name(field)).collect();
            assert_eq!(fields, want, "{given:?}");
        };
        let (ip, name, user) = (("source.ip", "192.0.2.1"), ("source.fqdn", "a.example"), ("extra.user", "a"));
        check(&Dedup::default(), &[ip, name, user], &["source.ip"]);
        check(&Dedup::default(), &[name, user], &["source.fqdn"]);
        check(&Dedup::default(), &[user, ("time.source", "2026-01-01T00:00:00Z")], &["extra.user"]);
        let (own, problems) = read("fields = [\"extra.user or source.ip\"]\n");
        assert_eq!(problems, [""; 0]);
        check(&own, &[ip, user], &["extra.user"]);
        check(&own, &[ip], &["source.ip"]);
    }

    #[test]
    fn what_says_not_what_it_is_about_is_a_repeat_of_the_very_same_alone() {
        let (own, problems) = read("fields = [\"source.url\"]\n");
        assert_eq!(problems, [""; 0]);
        let (plain, problems) = read("fields = [\"classification.type\"]\n");
        assert_eq!(problems, [""; 0]);
        let leak = ("classification.type", "data-leak");
        for (name, one, other) in [
            ("malware.hash.sha256", "a".repeat(64), "b".repeat(64)),
            ("destination.account", "a@x.example".into(), "b@x.example".into()),
            ("destination.fqdn", "a.example".into(), "b.example".into()),
            ("source.reverse_dns", "a.example".into(), "b.example".into()),
            ("extra.user", "a".into(), "b".into()),
        ] {
            let (one, other) = ((name, one.as_str()), (name, other.as_str()));
            for dedup in [&Dedup::default(), &own] {
                assert_ne!(key(dedup, &[leak, one]), key(dedup, &[leak, other]), "{name}");
                let times = [("time.source", "2026-01-01T00:00:00Z"), ("extra.b", "1"), leak, ("extra.a", "2"), one];
                let same = [one, ("extra.a", "2"), leak, ("extra.b", "1")];
                assert_eq!(key(dedup, &times), key(dedup, &same), "{name}");
            }
            // What the site adds, or its rules, is not of the thing.
            let added = [("tlp", "amber"), ("severity", "high"), leak, one];
            assert_eq!(key(&Dedup::default(), &added), key(&Dedup::default(), &[leak, one]), "{name}");
            // Whoever names nothing of the kind wants it so.
            assert_eq!(key(&plain, &[leak, one]), key(&plain, &[leak, other]), "{name}");
        }
        let address = ("source.ip", "192.0.2.1");
        assert_eq!(key(&Dedup::default(), &[address, ("extra.user", "a")]), key(&Dedup::default(), &[address]));
    }

    #[test]
    fn values_cannot_be_shifted_into_each_other() {
        let dedup = Dedup::default();
        let of =
            |kind, identifier| key(&dedup, &[("classification.type", kind), ("classification.identifier", identifier)]);
        assert_ne!(of("test", "ab"), of("test", "a"));
        assert_ne!(key(&dedup, &[("classification.identifier", "x")]), key(&dedup, &[("malware.name", "x")]),);
    }

    /// INVARIANT: keys are kept for years, so the bytes they are made of never change.
    #[test]
    fn a_key_stays_what_it_was() {
        let given = [
            ("feed.code", "f"),
            ("classification.type", "scanner"),
            ("source.ip", "192.0.2.1"),
            ("source.port", "23"),
            ("destination.ip", "2001:db8::1"),
            ("protocol.transport", "tcp"),
        ];
        let mut batch = Batch::new();
        let mut event = batch.open();
        for (name, text) in given {
            let field = event.field(name).unwrap();
            event.read(field, text, None).unwrap();
        }
        let mut bytes = Vec::new();
        Dedup::default().write(&event, &mut bytes);
        let mut want = b"\x00\x11f\x02\x17scanner\x04\x08\xc0\x00\x02\x01\x08\x03\x17\x00".to_vec();
        want.extend_from_slice(b"\x09\x09\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x0b\x13tcp");
        assert_eq!(bytes, want);
    }

    fn read(text: &str) -> (Dedup, Vec<String>) {
        let source = Source { name: "concert.toml".into(), text: text.into() };
        let document = toml_edit::Document::parse(text).unwrap();
        let secrets = |_: &str, _: &str| Ok(String::new());
        let reading = Reading::new(&secrets);
        let mut keys = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
        let dedup = Dedup::read(&mut keys);
        keys.finish();
        (dedup, reading.finish().problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn fields_and_window_are_settings() {
        let (dedup, problems) = read("fields = [\"extra.tag or source.ip\"]\nwindow = \"1h\"\n");
        assert_eq!((problems, dedup.window().as_secs()), (vec![], 3600));
        assert_eq!(key(&dedup, &[("extra.tag", "x"), ("source.ip", "192.0.2.1")]), key(&dedup, &[("extra.tag", "x")]));
        assert!(dedup.is_repeat(Time(0), Time(3_599_999_999)) && !dedup.is_repeat(Time(0), Time(3_600_000_000)));
        let (dedup, problems) = read("fields = [\"source.pi\"]\n");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("unknown field `source.pi`") && problems[0].contains("did you mean `source.ip`?"));
        assert_eq!(dedup, Dedup::default());
    }
}
