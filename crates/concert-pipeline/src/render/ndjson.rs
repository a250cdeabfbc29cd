//! `ndjson`: one flat object a line, one event each.
//!
//! Names and types are those of the data format, with `event.id`, `report.id` and `notice.state`
//! first, and `notice.because` where a team of last resort is told. Numbers and truth values are bare, everything else is a string. Lines end in LF. With the
//! setting `columns` an object has just those of them that the event has. Characters that are not seen
//! are escaped, which changes nothing for a program that reads them.

use concert_model::{Field, Value, json};

use super::columns::{Column, Places};
use super::{Columns, Item, Listed, Teller, visible};

/// The format in the catalogue.
pub const LISTED: Listed = Listed {
    name: "ndjson",
    extension: "ndjson",
    media_type: "application/x-ndjson",
    about: "One flat JSON object a line.",
    write,
};

fn write(items: &[Item<'_>], columns: &Columns, _: &Teller<'_>, out: &mut Vec<u8>) {
    let objects = Objects::new(columns);
    for item in items {
        objects.write(item, out);
        out.push(b'\n');
    }
}

/// Writes events as objects; what the settings choose is worked out once.
pub(super) struct Objects {
    chosen: Option<(Vec<Column>, Places)>,
}

impl Objects {
    pub(super) fn new(columns: &Columns) -> Self {
        if columns.chosen.is_empty() {
            return Self { chosen: None };
        }
        let columns = columns.of(&[]);
        let places = Places::new(&columns);
        Self { chosen: Some((columns, places)) }
    }

    /// Appends the object of one event, without a line end.
    pub(super) fn write(&self, item: &Item<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        match &self.chosen {
            None => write_all(item, out),
            Some((columns, places)) => write_chosen(item, columns, places, out),
        }
        visible::json(start, out);
    }
}

fn write_all(item: &Item<'_>, out: &mut Vec<u8>) {
    let id = item.event.row().id;
    let first =
        format!("{{\"event.id\":\"{id}\",\"report.id\":\"{}\",\"notice.state\":\"{}\"", item.report, item.state);
    out.extend_from_slice(first.as_bytes());
    if let Some(why) = item.instead.because(&item.event) {
        write_member("notice.because", &Value::text(&why), out);
    }
    let known = item.seen > 1 || item.last_seen.is_some();
    if !known {
        json::write_members(&item.event, out);
        out.push(b'}');
        return;
    }
    let mut fields: Vec<(Field, Value<'_>)> = item.event.fields().collect();
    if item.seen > 1 {
        fields.push((Field::DUPLICATE_COUNT, Value::Int(i64::try_from(item.seen).unwrap_or(i64::MAX))));
    }
    if let Some(time) = item.last_seen {
        fields.push((Field::TIME_LAST_SEEN, Value::Time(time)));
    }
    // The sort keeps the order of equal fields, and the last of them counts.
    fields.sort_by_key(|(field, _)| *field);
    for (index, (field, value)) in fields.iter().enumerate() {
        if fields.get(index + 1).is_none_or(|(next, _)| next != field) {
            write_member(&item.event.name(*field), value, out);
        }
    }
    out.push(b'}');
}

fn write_chosen(item: &Item<'_>, columns: &[Column], places: &Places, out: &mut Vec<u8>) {
    let mut cells = Vec::new();
    places.fill(item, &mut cells);
    out.push(b'{');
    for (column, cell) in columns.iter().zip(&cells) {
        let Some(value) = cell else { continue };
        write_member(&column.name(), value, out);
    }
    out.push(b'}');
}

fn write_member(name: &str, value: &Value<'_>, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    json::write_string(name, out);
    out.push(b':');
    json::write_value(value, out);
}

#[cfg(test)]
mod tests {
    use super::super::{STILL_OPEN, sample};
    use super::*;
    use concert_model::Time;

    #[test]
    fn bytes_are_as_agreed() {
        let events = ["time.source=2026-11-22T04:50:30Z|source.ip=192.0.2.1|extra.a=x\"y|source.tor_node=true"];
        assert_eq!(
            sample::write(&LISTED, &events, &Columns::default()),
            "{\"event.id\":\"01010101010101010101010101010101\",\"report.id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\
             \"notice.state\":\"new\",\"source.ip\":\"192.0.2.1\",\"source.tor_node\":true,\
             \"time.source\":\"2026-11-22T04:50:30Z\",\"extra.a\":\"x\\\"y\"}\n"
        );
    }

    #[test]
    fn chosen_fields_come_in_their_order() {
        let chosen = ["extra.a", "source.ip", "comment"].map(|name| Column::named(name).unwrap()).to_vec();
        let columns = Columns { chosen, defang: false };
        assert_eq!(
            sample::write(&LISTED, &["source.ip=192.0.2.1|extra.a=x|status=y"], &columns),
            "{\"event.id\":\"01010101010101010101010101010101\",\"extra.a\":\"x\",\"source.ip\":\"192.0.2.1\"}\n"
        );
    }

    #[test]
    fn what_the_store_knows_replaces_what_the_report_said() {
        let batch = sample::batch(&["duplicate.count=2|comment=x"]);
        let mut items = sample::items(&batch);
        (items[0].state, items[0].seen, items[0].last_seen) = (STILL_OPEN, 9, Time::from_seconds(0));
        let mut out = Vec::new();
        write(&items, &Columns::default(), &Teller::default(), &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.ends_with(
                "\"notice.state\":\"still open\",\"comment\":\"x\",\"duplicate.count\":9,\
                 \"time.last_seen\":\"1970-01-01T00:00:00Z\"}\n"
            ),
            "{out}"
        );
    }
}
