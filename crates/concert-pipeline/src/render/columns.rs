//! Which columns a notice has, and where each value of an event goes.
//!
//! Without the setting `columns` these are the fields that occur in the events: the ones looked at
//! first in a fixed order, the others by name, then `extra.*` by name. `event.id` is always first.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use concert_model::field::TABLE;
use concert_model::problem::meant;
use concert_model::{Field, Keys, Value, json};

use super::{Instead, Item};

/// Most columns of their own that `extra.*` names get; the others share the column `extra`, as JSON.
/// A feed whose every line has names of its own would make a table of nothing but commas.
const EXTRA_COLUMNS_MAX: usize = 200;
/// Most columns that can be chosen.
const CHOSEN_MAX: usize = 200;

/// What a reader looks at first.
const FIRST: &[Field] = &[
    Field::TIME_SOURCE,
    Field::SOURCE_IP,
    Field::SOURCE_PORT,
    Field::SOURCE_ASN,
    Field::SOURCE_AS_NAME,
    Field::SOURCE_NETWORK,
    Field::SOURCE_GEOLOCATION_CC,
    Field::SOURCE_FQDN,
    Field::SOURCE_REVERSE_DNS,
    Field::SOURCE_URL,
    Field::SOURCE_ACCOUNT,
    Field::PROTOCOL_TRANSPORT,
    Field::PROTOCOL_APPLICATION,
    Field::DESTINATION_IP,
    Field::DESTINATION_PORT,
    Field::DESTINATION_FQDN,
    Field::DESTINATION_URL,
    Field::CLASSIFICATION_TAXONOMY,
    Field::CLASSIFICATION_TYPE,
    Field::CLASSIFICATION_IDENTIFIER,
    Field::MALWARE_NAME,
    Field::SEVERITY,
    Field::CONFIDENCE,
    Field::TLP,
    Field::TIME_LAST_SEEN,
    Field::DUPLICATE_COUNT,
    Field::EVENT_DESCRIPTION_TEXT,
    Field::EVENT_DESCRIPTION_URL,
    Field::COMMENT,
    Field::FEED_PROVIDER,
    Field::FEED_NAME,
    Field::TIME_OBSERVATION,
];

/// Left out unless chosen: what is long and means nothing to others.
const LEFT_OUT: [Field; 2] = [Field::RAW, Field::OUTPUT];

/// The columns a notice shall have, and how they are shown to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Chosen columns in order; empty for those that occur.
    pub chosen: Vec<Column>,
    /// Whether URLs and domain names are taken apart in text and HTML.
    pub defang: bool,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// `event.id`
    EventId,
    /// `report.id`
    ReportId,
    /// `notice.state`
    State,
    /// `notice.because`
    Because,
    /// A field of the table.
    Field(Field),
    /// An `extra.*` field, by its name without the prefix.
    Extra(String),
    /// All `extra.*` fields without a column of their own, as a JSON object.
    OtherExtra,
}

impl Columns {
    /// Reads `columns` and `defang` of a table of settings.
    pub fn read(keys: &mut Keys<'_>) -> Columns {
        let about = "the columns of a CSV or HTML notice and the fields of the others; `event.id` is always the first. \
                     Without it, all that occur";
        let names = keys.texts("columns", about);
        let defang = keys.flag_or("defang", false, "whether URLs and domain names in text and HTML are taken apart");
        let mut chosen = Vec::new();
        for name in names.iter().take(CHOSEN_MAX) {
            match Column::named(name) {
                Some(Column::EventId) => {}
                Some(column) if chosen.contains(&column) => {
                    keys.problem("columns", format!("`{name}` stands twice in `columns`"), "name it once");
                }
                Some(column) => chosen.push(column),
                None => {
                    let known = TABLE.iter().map(|(name, _)| *name).chain([
                        "event.id",
                        "report.id",
                        "notice.state",
                        "notice.because",
                    ]);
                    let hint = meant(
                        name,
                        known,
                        "a field of the data format, extra.NAME, report.id, notice.state or notice.because",
                    );
                    keys.problem("columns", format!("`{name}` is not a field"), hint);
                }
            }
        }
        if names.len() > CHOSEN_MAX {
            keys.problem(
                "columns",
                format!("more than {CHOSEN_MAX} columns"),
                "without `columns` a notice has all that occur",
            );
        }
        Columns { chosen, defang }
    }

    /// The columns for these events, `event.id` first.
    pub fn of(&self, items: &[Item<'_>]) -> Vec<Column> {
        let mut columns = vec![Column::EventId];
        if self.chosen.is_empty() {
            columns.push(Column::State);
            if items.iter().any(|item| item.instead != Instead::Nobody) {
                columns.push(Column::Because);
            }
            occurring(items, &mut columns);
        } else {
            columns.extend(self.chosen.iter().cloned());
        }
        columns
    }
}

impl Column {
    /// The column with this name.
    pub fn named(name: &str) -> Option<Column> {
        match name {
            "event.id" => Some(Column::EventId),
            "report.id" => Some(Column::ReportId),
            "notice.state" => Some(Column::State),
            "notice.because" => Some(Column::Because),
            "extra" => Some(Column::OtherExtra),
            _ => match name.strip_prefix("extra.") {
                Some("") => None,
                Some(extra) => Some(Column::Extra(extra.to_owned())),
                None => Field::named(name).map(Column::Field),
            },
        }
    }

    /// The name as written in headers.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Column::EventId => Cow::Borrowed("event.id"),
            Column::ReportId => Cow::Borrowed("report.id"),
            Column::State => Cow::Borrowed("notice.state"),
            Column::Because => Cow::Borrowed("notice.because"),
            Column::Field(field) => Cow::Borrowed(field.name()),
            Column::Extra(name) => Cow::Owned(format!("extra.{name}")),
            Column::OtherExtra => Cow::Borrowed("extra"),
        }
    }

    /// The field, for how its values are shown; free text where it is none of the table.
    pub fn field(&self) -> Field {
        match self {
            Column::Field(field) => *field,
            _ => Field(Field::EXTRA),
        }
    }
}

/// Appends the columns that occur, in their order.
fn occurring(items: &[Item<'_>], columns: &mut Vec<Column>) {
    let mut fields = BTreeSet::new();
    let mut extra: BTreeSet<&str> = BTreeSet::new();
    for item in items {
        for (field, _) in item.event.fields() {
            match field.is_extra() {
                true => extra.insert(item.event.extra_name(field)),
                false => fields.insert(field),
            };
        }
        if item.seen > 1 {
            fields.insert(Field::DUPLICATE_COUNT);
        }
        if item.last_seen.is_some() {
            fields.insert(Field::TIME_LAST_SEEN);
        }
    }
    LEFT_OUT.iter().for_each(|field| _ = fields.remove(field));
    let first = FIRST.iter().filter(|field| fields.contains(field));
    let rest = fields.iter().filter(|field| !FIRST.contains(field));
    columns.extend(first.chain(rest).map(|field| Column::Field(*field)));
    columns.extend(extra.iter().take(EXTRA_COLUMNS_MAX).map(|name| Column::Extra((*name).to_owned())));
    if extra.len() > EXTRA_COLUMNS_MAX {
        columns.push(Column::OtherExtra);
    }
}

/// Where each value of an event goes, worked out once for a notice.
pub(crate) struct Places {
    /// Column of each field of the table.
    fields: Vec<Option<usize>>,
    extra: BTreeMap<String, usize>,
    other: Option<usize>,
    own: [Option<usize>; 4],
    count: usize,
}

impl Places {
    pub(crate) fn new(columns: &[Column]) -> Places {
        let find = |wanted: &Column| columns.iter().position(|column| column == wanted);
        let mut extra = BTreeMap::new();
        for (place, column) in columns.iter().enumerate() {
            if let Column::Extra(name) = column {
                extra.insert(name.clone(), place);
            }
        }
        Places {
            fields: Field::all().map(|field| find(&Column::Field(field))).collect(),
            extra,
            other: find(&Column::OtherExtra),
            own: [Column::EventId, Column::ReportId, Column::State, Column::Because].map(|column| find(&column)),
            count: columns.len(),
        }
    }

    /// Puts the values of one event into `cells`, one a column.
    pub(crate) fn fill<'a>(&self, item: &Item<'a>, cells: &mut Vec<Option<Value<'a>>>) {
        cells.clear();
        cells.resize(self.count, None);
        let mut put = |place: Option<usize>, value: Value<'a>| {
            if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
                *cell = Some(value);
            }
        };
        let mut others = BTreeMap::new();
        for (field, value) in item.event.fields() {
            if !field.is_extra() {
                put(self.fields.get(usize::from(field.0)).copied().flatten(), value);
                continue;
            }
            let name = item.event.extra_name(field);
            match self.extra.get(name) {
                Some(place) => put(Some(*place), value),
                None if self.other.is_some() => _ = others.insert(name, value),
                None => {}
            }
        }
        let own = |field: Field| self.fields.get(usize::from(field.0)).copied().flatten();
        if item.seen > 1 {
            put(own(Field::DUPLICATE_COUNT), Value::Int(i64::try_from(item.seen).unwrap_or(i64::MAX)));
        }
        if let Some(time) = item.last_seen {
            put(own(Field::TIME_LAST_SEEN), Value::Time(time));
        }
        let [id, report, state, because] = self.own;
        put(id, Value::Text(Cow::Owned(item.event.row().id.to_string())));
        if report.is_some() {
            put(report, Value::Text(Cow::Owned(item.report.to_string())));
        }
        put(state, Value::text(item.state));
        if because.is_some()
            && let Some(why) = item.instead.because(&item.event)
        {
            put(because, Value::Text(Cow::Owned(why)));
        }
        if !others.is_empty() {
            put(self.other, Value::Json(Cow::Owned(object(&others))));
        }
    }
}

fn object(members: &BTreeMap<&str, Value<'_>>) -> String {
    let mut out = Vec::new();
    for (name, value) in members {
        out.push(if out.is_empty() { b'{' } else { b',' });
        json::write_string(name, &mut out);
        out.push(b':');
        json::write_value(value, &mut out);
    }
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn names(columns: &Columns, events: &[&str]) -> Vec<String> {
        let batch = sample::batch(events);
        columns.of(&sample::items(&batch)).iter().map(|column| column.name().into_owned()).collect()
    }

    #[test]
    fn what_occurs_comes_in_a_useful_order() {
        let events = ["extra.z=1|status=x|source.ip=192.0.2.1|raw=QQ", "extra.a=1|time.source=2026-01-01T00:00:00Z"];
        let want = ["event.id", "notice.state", "time.source", "source.ip", "status", "extra.a", "extra.z"];
        assert_eq!(names(&Columns::default(), &events), want);
        assert_eq!(names(&Columns::default(), &[]), ["event.id", "notice.state"]);
    }

    #[test]
    fn too_many_extra_names_share_a_column() {
        let events: Vec<String> = (0..300).map(|number| format!("extra.n{number:03}={number}")).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let batch = {
            let mut batch = concert_model::Batch::new();
            let mut event = batch.open();
            for word in &events {
                let (name, value) = word.split_once('=').unwrap();
                let field = event.field(name).unwrap();
                event.read(field, value, None).unwrap();
            }
            event.keep(concert_model::EventId::default(), concert_model::ProblemKey::default(), 1);
            batch
        };
        let items = sample::items(&batch);
        let columns = Columns::default().of(&items);
        assert_eq!(columns.len(), 2 + EXTRA_COLUMNS_MAX + 1);
        let mut cells = Vec::new();
        Places::new(&columns).fill(&items[0], &mut cells);
        assert_eq!(cells[2], Some(Value::text("0")));
        let other = cells.last().unwrap().as_ref().unwrap().as_text().unwrap();
        let object: BTreeMap<String, String> = serde_json::from_str(other).unwrap();
        assert_eq!(object.len(), 100);
        assert_eq!(object["n299"], "299");
    }

    #[test]
    fn chosen_columns_are_checked() {
        use concert_model::keys::{Reading, Source};
        let text = "columns = [\"source.ip\", \"event.id\", \"sorce.port\", \"extra.x\", \"source.ip\"]\n";
        let source = Source { name: "concert.toml".into(), text: text.into() };
        let document = toml_edit::Document::parse(text).unwrap();
        let secrets = |_: &str, _: &str| Err(String::new());
        let reading = Reading::new(&secrets);
        let mut root = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
        let columns = Columns::read(&mut root);
        root.finish();
        assert_eq!(names(&columns, &["comment=x"]), ["event.id", "source.ip", "extra.x"]);
        let problems: Vec<String> = reading.finish().problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("did you mean `source.port`?"), "{problems:?}");
    }
}
