//! `keyvalue` and `keyvalue-json`: the text forms of AbuseHelper, one event a line.
//!
//! `keyvalue` is `key=value, key=value` with its quoting rules, and `keyvalue-json` an object in which each value is a
//! text or a list of texts. Keys are those of its ontology where it has one, as the parser `keyvalue` reads them;
//! `event.id` and `notice.state` come first. The taxonomy is left out, which the type says. With the setting `columns`
//! a line has just those that the event has. Characters that are not seen are escaped.

use concert_model::Field;

use super::columns::{Column, Places};
use super::{Columns, Item, Listed, Teller, visible};
use crate::parse::keyvalue::{Pair, extra_key, key, texts, write_object, write_pairs};

/// Pairs in the catalogue.
pub const PAIRS: Listed = Listed {
    name: "keyvalue",
    extension: "txt",
    media_type: "text/plain; charset=utf-8",
    about: "A line of `key=value, key=value` for each event, as AbuseHelper writes them.",
    write: |items, columns, _: &Teller<'_>, out| {
        each(items, columns, |pairs| {
            for (_, values) in pairs.iter_mut() {
                values.iter_mut().for_each(|value| *value = visible::lines(value).into_owned());
            }
            write_pairs(pairs, out);
            out.push(b'\n');
        });
    },
};

/// Objects in the catalogue.
pub const OBJECTS: Listed = Listed {
    name: "keyvalue-json",
    extension: "ndjson",
    media_type: "application/x-ndjson",
    about: "A JSON object of texts for each event, as AbuseHelper writes them.",
    write: |items, columns, _: &Teller<'_>, out| {
        each(items, columns, |pairs| {
            let start = out.len();
            write_object(pairs, out);
            visible::json(start, out);
            out.push(b'\n');
        });
    },
};

/// Gives the pairs of each event.
fn each(items: &[Item<'_>], columns: &Columns, mut give: impl FnMut(&mut [Pair])) {
    let is_chosen = !columns.chosen.is_empty();
    let mut columns = columns.of(items);
    columns.retain(|column| is_chosen || *column != Column::Field(Field::CLASSIFICATION_TAXONOMY));
    let (places, mut cells) = (Places::new(&columns), Vec::new());
    let mut pairs = Vec::new();
    for item in items {
        places.fill(item, &mut cells);
        pairs.clear();
        for (column, cell) in columns.iter().zip(&cells) {
            let Some(value) = cell else { continue };
            let key = match column {
                Column::Field(field) => key(*field).to_owned(),
                Column::Extra(name) => extra_key(name),
                own => own.name().into_owned(),
            };
            pairs.push((key, texts(value)));
        }
        give(&mut pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn bytes_are_as_agreed() {
        let events = [
            "time.source=2026-11-22T04:50:30Z|source.ip=192.0.2.1|source.asn=64500|classification.type=scanner|extra.a=x\"y, z",
            "source.fqdn=a.example|comment=two\nlines\u{202e}",
        ];
        assert_eq!(
            sample::write(&PAIRS, &events, &Columns::default()),
            "event.id=01010101010101010101010101010101, notice.state=new, \"source time\"=2026-11-22T04:50:30Z, \
             ip=192.0.2.1, asn=64500, type=scanner, a=\"x\\\"y, z\"\n\
             event.id=02020202020202020202020202020202, notice.state=new, \"domain name\"=a.example, \
             \"additional information\"=\"two\\nlines\\\\u202E\"\n"
        );
        assert_eq!(
            sample::write(&OBJECTS, &events[1..], &Columns::default()),
            "{\"event.id\":\"01010101010101010101010101010101\",\"notice.state\":\"new\",\"domain name\":\"a.example\",\
             \"additional information\":\"two\\nlines\\u202e\"}\n"
        );
    }

    #[test]
    fn chosen_fields_come_in_their_order() {
        let chosen = ["extra.a", "source.ip", "status"].map(|name| Column::named(name).unwrap()).to_vec();
        let columns = Columns { chosen, defang: false };
        assert_eq!(
            sample::write(&PAIRS, &["source.ip=192.0.2.1|extra.a=x|comment=y"], &columns),
            "event.id=01010101010101010101010101010101, a=x, ip=192.0.2.1\n"
        );
    }
}
