//! The format `text` where lines are dear: one line for each event, for a chat.
//!
//! A line says when, who, what kind, and what else somebody has to know; nothing is on it that does not
//! help at once. What was left out is in the notice at the site, under the number in the heading that
//! the way out writes. With chosen columns a line has those, by name where the value does not say it.

use concert_model::{Event, Field};

use super::columns::Places;
use super::{Columns, Instead, Item, Listed, NEW, Teller, visible};

/// What the format `text` is on a way out of lines. It is no word in settings.
pub const LISTED: Listed = Listed {
    name: "text",
    extension: "txt",
    media_type: "text/plain; charset=utf-8",
    about: "A line for each event, for people in a chat.",
    write,
};

/// What belongs to a kind, in order; the first two that are there are said.
const KIND: [Field; 3] = [Field::CLASSIFICATION_TYPE, Field::MALWARE_NAME, Field::CLASSIFICATION_IDENTIFIER];
const KINDS_MAX: usize = 2;
/// Fields whose values say what they are.
const PLAIN: [Field; 8] = [
    Field::TIME_SOURCE,
    Field::SOURCE_IP,
    Field::SOURCE_URL,
    Field::SOURCE_FQDN,
    Field::CLASSIFICATION_TYPE,
    Field::CLASSIFICATION_IDENTIFIER,
    Field::MALWARE_NAME,
    Field::EVENT_DESCRIPTION_TEXT,
];

fn write(items: &[Item<'_>], columns: &Columns, _: &Teller<'_>, out: &mut Vec<u8>) {
    let places = Places::new(&columns.chosen);
    let mut cells = Vec::new();
    for item in items {
        let mut parts = Vec::new();
        if columns.chosen.is_empty() {
            say(item, columns.defang, &mut parts);
        } else {
            places.fill(item, &mut cells);
            for (column, cell) in columns.chosen.iter().zip(&cells) {
                if let Some(value) = cell {
                    let shown = visible::value(column.field(), value, columns.defang);
                    parts.push(match PLAIN.contains(&column.field()) {
                        true => shown.into_owned(),
                        false => format!("{}={shown}", visible::line(&column.name())),
                    });
                }
            }
        }
        if parts.is_empty() {
            // An event stays a line where it has none of the columns.
            parts.push(item.event.row().id.to_string());
        }
        out.extend_from_slice(parts.join(" | ").as_bytes());
        out.push(b'\n');
    }
}

/// When, who, what kind, and what else is needed.
fn say(item: &Item<'_>, defang: bool, parts: &mut Vec<String>) {
    let event = &item.event;
    let text = |field: Field| {
        let value = event.get(field)?;
        let shown = visible::value(field, &value, defang).into_owned();
        Some(shown).filter(|text| !text.is_empty())
    };
    parts.extend(text(Field::TIME_SOURCE).or_else(|| text(Field::TIME_OBSERVATION)));
    parts.extend(end(event, &text, Side::SOURCE));
    let kinds: Vec<String> = KIND.into_iter().filter_map(text).take(KINDS_MAX).collect();
    parts.extend((!kinds.is_empty()).then(|| kinds.join(" ")));
    if let Some(target) = end(event, &text, Side::DESTINATION) {
        parts.push(format!("to {target}"));
    }
    if item.state != NEW {
        parts.push(item.state.to_owned());
    }
    if item.seen > 1 {
        parts.push(format!("seen {} times", item.seen));
    }
    if item.instead != Instead::Nobody
        && let Some(why) = item.instead.because(event)
    {
        parts.push(visible::line(&why).into_owned());
    }
    parts.extend(text(Field::EVENT_DESCRIPTION_TEXT));
}

/// The fields of one end of what happened.
struct Side {
    ip: Field,
    port: Field,
    /// Where there is no address: the first that is there.
    others: [Field; 4],
    /// What is said beside an address.
    beside: [Field; 2],
}

impl Side {
    const SOURCE: Side = Side {
        ip: Field::SOURCE_IP,
        port: Field::SOURCE_PORT,
        others: [Field::SOURCE_NETWORK, Field::SOURCE_ACCOUNT, Field::SOURCE_ASN, Field::SOURCE_REVERSE_DNS],
        beside: [Field::SOURCE_URL, Field::SOURCE_FQDN],
    };
    const DESTINATION: Side = Side {
        ip: Field::DESTINATION_IP,
        port: Field::DESTINATION_PORT,
        others: [
            Field::DESTINATION_NETWORK,
            Field::DESTINATION_ACCOUNT,
            Field::DESTINATION_ASN,
            Field::DESTINATION_REVERSE_DNS,
        ],
        beside: [Field::DESTINATION_URL, Field::DESTINATION_FQDN],
    };
}

fn end(event: &Event<'_>, text: &dyn Fn(Field) -> Option<String>, side: Side) -> Option<String> {
    let with_port = |ip: String| match text(side.port) {
        Some(port) if ip.contains(':') => format!("[{ip}]:{port}"),
        Some(port) => format!("{ip}:{port}"),
        None => ip,
    };
    let lone_port = || text(side.port).map(|port| format!("port {port}"));
    let beside = side.beside.into_iter().find_map(text);
    let other = || {
        side.others.into_iter().find(|field| event.get(*field).is_some()).and_then(|field| {
            let is_number = field == Field::SOURCE_ASN || field == Field::DESTINATION_ASN;
            text(field).map(|shown| if is_number { format!("AS{shown}") } else { shown })
        })
    };
    let first = text(side.ip).map(with_port);
    let parts: Vec<String> = match (first, beside) {
        (None, None) => return other().or_else(lone_port),
        (first, beside) => first.into_iter().chain(beside).collect(),
    };
    Some(parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::{STILL_OPEN, columns::Column};
    use super::*;

    #[test]
    fn an_event_is_a_line_of_what_somebody_has_to_know() {
        let check = |event: &str, want: &str| {
            let columns = Columns { defang: true, ..Columns::default() };
            assert_eq!(sample::write(&LISTED, &[event], &columns), format!("{want}\n"), "{event}");
        };
        check(
            "time.source=2026-11-28T22:00:00Z|source.ip=192.0.2.1|source.port=4711|classification.type=scanner|\
             classification.identifier=ssh|destination.ip=2001:db8::1|destination.port=22|source.asn=64500|extra.a=1",
            "2026-11-28T22:00:00Z | 192.0.2.1:4711 | scanner ssh | to [2001:db8::1]:22",
        );
        check(
            "source.url=http://a.example/x|source.fqdn=a.example|malware.name=x|event_description.text=two\nlines",
            "hxxp://a[.]example/x | x | two\\nlines",
        );
        check("source.ip=192.0.2.1|source.fqdn=a.example", "192.0.2.1 a[.]example");
        check("source.asn=64500|destination.port=22", "AS64500 | to port 22");
        check("source.account=bob", "bob");
        check("extra.a=1", "01010101010101010101010101010101");
    }

    #[test]
    fn what_came_again_is_said_and_chosen_columns_are() {
        let batch = sample::batch(&["source.ip=192.0.2.1|comment=x"]);
        let mut items = sample::items(&batch);
        for item in &mut items {
            (item.state, item.seen) = (STILL_OPEN, 3);
        }
        let write = |columns: &Columns| {
            let mut out = Vec::new();
            (LISTED.write)(&items, columns, &Teller::default(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(write(&Columns::default()), "192.0.2.1 | still open | seen 3 times\n");
        let chosen =
            ["source.ip", "comment", "source.fqdn", "notice.state"].map(|name| Column::named(name).unwrap()).to_vec();
        assert_eq!(write(&Columns { chosen, defang: false }), "192.0.2.1 | comment=x | notice.state=still open\n");
    }

    #[test]
    fn hostile_text_stays_on_its_line() {
        let out = sample::write(&LISTED, sample::HOSTILE, &Columns::default());
        assert_eq!(out.lines().count(), sample::HOSTILE.len(), "{out}");
        assert!(!out.contains(['\u{202e}', '\r', '\0']), "{out}");
    }
}
