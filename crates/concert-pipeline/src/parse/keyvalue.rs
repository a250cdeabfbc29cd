//! AbuseHelper's text forms: one event a line, as `key=value, key=value` or as a JSON object.
//!
//! A key or value that holds a blank, quote, backslash, comma or `=` stands in double quotes, where a
//! backslash comes before a quote or backslash; `\n` and `\r` are line breaks. Without quotes a value
//! reaches to the next comma, so lines written by hand are read too. The same key may stand several
//! times. A line that begins with `{` is JSON; each value is a text or a list of texts.
//!
//! Keys are those of AbuseHelper's data harmonisation ontology (`ip`, `source time`, `malware family`;
//! see [`KNOWN_KEYS`]); the setting `keys` adds to them or overrides them. Field names (`source.ip`)
//! are keys too, and all others are kept as `extra.<key>`. Of several values where one belongs the
//! first is the field's, and all are kept as a list in `extra.<key>`. A `type` that is no
//! classification type is kept as `extra.type`. `protocol` is the transport where it is tcp, udp or
//! icmp, and the application otherwise.
//!
//! [`write_keyvalue`] and [`write_json`] write the same forms.

mod names;
mod write;

use concert_model::Keys;

use super::flat::{Flat, record};
use super::lines::each_line;
use super::{About, Fault, Input, Listed, Mapping, Parser, Sample, Sink};
pub use names::KNOWN_KEYS;
use names::TYPES;
pub(crate) use write::{Pair, extra_key, key, texts, write_object, write_pairs};
pub use write::{write_json, write_keyvalue, write_pair};

/// AbuseHelper's text forms.
pub const LISTED: Listed = Listed {
    name: "keyvalue",
    about: "AbuseHelper's text forms: key=value pairs or JSON, one event a line.",
    source: "https://github.com/abusesa/abusehelper/blob/master/docs/Harmonization.md",
    read,
    samples: &[
        Sample {
            name: "lines.txt",
            settings: "",
            given: r#"
ip=192.0.2.1, "source time"="2026-06-17 03:04:05Z", type="botnet drone", asn=64496, cc=FI, "malware family"=Exampler, protocol=tcp, feeder=example
url="http://evil.example/a,b", type=phishing, tag=a, tag=b, description="say \"hi\""
ip=192.0.2.2, ip=192.0.2.3, type=strange, source.port=80
{"ip":["192.0.2.4"],"domain name":"evil.example","protocol":"http","note":["a","b"]}
ip=192.0.2.5, description=a few words, port=80
ip="192.0.2.6
just words
{"ip":["nowhere"]}
"#,
            events: r#"
{"source.ip":"192.0.2.1","time.source":"2026-06-17T03:04:05Z","classification.type":"infected-system","classification.taxonomy":"malicious-code","source.asn":64496,"source.geolocation.cc":"FI","malware.name":"exampler","protocol.transport":"tcp","feed.provider":"example"}
{"source.url":"http://evil.example/a,b","classification.type":"phishing","classification.taxonomy":"fraud","extra.tag":["a","b"],"event_description.text":"say \"hi\""}
{"source.ip":"192.0.2.2","extra.ip":["192.0.2.2","192.0.2.3"],"extra.type":"strange","source.port":80}
{"source.ip":"192.0.2.4","source.fqdn":"evil.example","protocol.application":"http","extra.note":["a","b"]}
{"source.ip":"192.0.2.5","event_description.text":"a few words","source.port":80}
"#,
            rejects: "7 : a quote is not closed\n8 : no `=` after `just words`\n9 source.ip: not an IP address",
        },
        Sample {
            name: "own-keys.txt",
            settings: "keys = { attacker = \"source.ip\", port = \"destination.port\" }",
            given: "attacker=192.0.2.1, port=22",
            events: r#"{"source.ip":"192.0.2.1","destination.port":22}"#,
            rejects: "",
        },
    ],
};

/// Most pairs in one line.
const PAIRS_MAX: usize = 2000;

struct KeyValue {
    flat: Flat,
}

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    let mapping = Mapping::read_known(keys, "keys", KNOWN_KEYS, TYPES);
    let drop = keys.texts("drop", "keys that are never kept");
    Box::new(KeyValue { flat: Flat::new(mapping, drop) })
}

impl Parser for KeyValue {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        each_line(input, sink, |sink, number, line| {
            match read_line(line) {
                Ok(object) => sink.event(number, line.as_bytes(), |draft| self.flat.put(draft, &object)),
                Err(fault) => sink.reject(number, fault, line.as_bytes()),
            };
        });
    }
}

/// A line of either form as a JSON object.
fn read_line(line: &str) -> Result<serde_json::Value, Fault> {
    let mut members = if line.trim_start().starts_with('{') {
        match record(line.as_bytes())? {
            serde_json::Value::Object(members) => members,
            _ => return Err(Fault::foreign("not an object")),
        }
    } else {
        gather(read_pairs(line)?)
    };
    // A JSON line gives lists even for one value.
    for value in members.values_mut() {
        if let serde_json::Value::Array(items) = value
            && items.len() == 1
            && let Some(only) = items.pop()
        {
            *value = only;
        }
    }
    if let Some(protocol) = members.remove("protocol") {
        let word = protocol.as_str().unwrap_or("").to_ascii_lowercase();
        let transport = matches!(word.as_str(), "tcp" | "udp" | "icmp" | "6" | "17" | "1");
        members.insert(if transport { "transport protocol" } else { "application protocol" }.into(), protocol);
    }
    Ok(serde_json::Value::Object(members))
}

fn gather(pairs: Vec<(String, String)>) -> serde_json::Map<String, serde_json::Value> {
    let mut members = serde_json::Map::new();
    for (key, value) in pairs {
        let list = members.entry(key).or_insert_with(|| serde_json::Value::Array(Vec::new()));
        if let serde_json::Value::Array(items) = list {
            items.push(serde_json::Value::String(value));
        }
    }
    members
}

/// Reads `key=value, key=value`, in order.
pub fn read_pairs(line: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (key, after) = read_word(rest, &['=', ','])?;
        let Some(after) = after.strip_prefix('=') else {
            return Err(Fault::foreign(format!("no `=` after `{}`", key.chars().take(40).collect::<String>())));
        };
        if key.is_empty() {
            return Err(Fault::new("", "a key is empty"));
        }
        let (value, after) = read_word(after.trim_start(), &[','])?;
        pairs.push((key, value));
        if pairs.len() > PAIRS_MAX {
            return Err(Fault::new("", format!("more than {PAIRS_MAX} pairs")));
        }
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    Ok(pairs)
}

/// One key or value, quoted or reaching to one of `ends`, and what follows it.
fn read_word<'t>(text: &'t str, ends: &[char]) -> Result<(String, &'t str), Fault> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(ends).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return Ok((word.trim().to_owned(), rest));
    };
    let (mut word, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match (escaped, c) {
            (true, 'n') => word.push('\n'),
            (true, 'r') => word.push('\r'),
            (true, other) => word.push(other),
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (false, '"') => {
                let rest = quoted.get(at + 1..).unwrap_or("").trim_start();
                return match rest.chars().next() {
                    Some(next) if !ends.contains(&next) => Err(Fault::new("", "a comma or `=` belongs after a quote")),
                    _ => Ok((word, rest)),
                };
            }
            (false, other) => word.push(other),
        }
        escaped = false;
    }
    Err(Fault::new("", "a quote is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::check;
    use concert_model::{Batch, EventId, ProblemKey, Value, json};
    use names::WRITTEN_KEYS;
    use proptest::prelude::*;

    fn check_pairs(line: &str, want: &[(&str, &str)]) {
        let got = read_pairs(line).unwrap_or_else(|fault| panic!("{line}: {}", fault.reason));
        let got: Vec<(&str, &str)> = got.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(got, want, "{line}");
    }

    #[test]
    fn quotes_are_read_as_they_are_written() {
        check_pairs("a=b", &[("a", "b")]);
        check_pairs("a=b,c=d , e = f", &[("a", "b"), ("c", "d"), ("e", "f")]);
        check_pairs(r#""a b"="c, \"d\" \\ = e", f="""#, &[("a b", r#"c, "d" \ = e"#), ("f", "")]);
        check_pairs("url=http://x.example/?a=b", &[("url", "http://x.example/?a=b")]);
        check_pairs("a=", &[("a", "")]);
        check_pairs("a=b,", &[("a", "b")]);
        for bad in ["a", "a=\"b", "a=\"b\"c", "=b", "a=b, c", "\"a\\"] {
            assert!(read_pairs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_what_is_written_is_read_back() {
        assert!(KNOWN_KEYS.is_sorted());
        for (field, key) in WRITTEN_KEYS {
            let (_, known) = KNOWN_KEYS.iter().find(|(name, _)| name == key).expect("a known key");
            // What is ours to say is read as what somebody else said.
            let reported = format!("extra.reported_{}", field.name().replace('.', "_"));
            let want = if known.starts_with("extra.reported_") { reported.as_str() } else { field.name() };
            assert_eq!(known.split('|').next(), Some(want), "{key}");
        }
    }

    /// Writes the fields in both forms and reads them back.
    fn round_trip(fields: &[(String, String)], list: &[String]) {
        let mut batch = Batch::new();
        let mut event = batch.open();
        for (name, text) in fields {
            let field = event.field(name).expect("a field");
            event.read(field, text, None).expect("a value");
        }
        if !list.is_empty() {
            let field = event.extra("list").expect("a field");
            event.set(field, &Value::Json(serde_json::to_string(list).expect("JSON").into()));
        }
        event.keep(EventId::default(), ProblemKey::default(), 1);
        let event = batch.get(0).expect("one event");
        let mut want = b"{\"\":0".to_vec();
        json::write_members(&event, &mut want);
        want.push(b'}');
        let mut want: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&want).expect("JSON");
        want.remove("");
        let (mut pairs, mut object) = (Vec::new(), Vec::new());
        write_keyvalue(&event, &mut pairs);
        write_json(&event, &mut object);
        for line in [pairs, object] {
            let settings = "ignore_values = []";
            let (events, rejects) = check::run("keyvalue", settings, &line, "x");
            assert!(rejects.is_empty(), "{}: {rejects:?}", String::from_utf8_lossy(&line));
            let got: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&events[0]).expect("JSON");
            assert_eq!(got, want, "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn hard_names_and_values_come_back() {
        round_trip(
            &[
                ("source.ip".into(), "192.0.2.1".into()),
                ("extra.ip".into(), "not, an \"address\"".into()),
                ("extra.protocol".into(), "tcp".into()),
                ("extra.source.ip".into(), "x".into()),
                ("extra.a=b".into(), "{\"c\"".into()),
                ("comment".into(), "two\nlines\\n".into()),
            ],
            &[],
        );
    }

    proptest! {
        #[test]
        fn words_come_back(words in proptest::collection::vec(("[^\\pC\\s]{1,8}( [^\\pC]{0,8})?", "\\PC{0,12}"), 1..6)) {
            let mut line = Vec::new();
            for (index, (key, value)) in words.iter().enumerate() {
                write_pair(key, value, index == 0, &mut line);
            }
            let line = String::from_utf8(line).expect("text");
            prop_assert_eq!(read_pairs(&line).expect("pairs"), words);
        }

        #[test]
        fn events_come_back(address: std::net::Ipv4Addr, port in 1u16.., text in "[^\\pC\\s][ -~é\n]{0,20}[^\\pC\\s]", name in "[a-z][ -~]{0,10}[a-z]", list in proptest::collection::vec("[!-~]{1,6}", 2..4)) {
            prop_assume!(!name.contains(['.', '[']) && name != "list");
            round_trip(&[
                ("source.ip".into(), address.to_string()),
                ("source.port".into(), port.to_string()),
                ("comment".into(), text.clone()),
                (format!("extra.{name}"), text),
            ], &list);
        }
    }
}
