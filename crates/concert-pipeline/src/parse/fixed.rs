//! What every feed can say besides its parser's own settings: values that hold for all its events, and
//! the zone of times that name none. Read once for a feed and handed to each [`super::Sink`].

use concert_model::problem::meant;
use concert_model::{Batch, Field, Keys, Kind, Value, field};
use jiff::tz::TimeZone;

/// What holds for every event of a feed.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// Values for events that have none of their own.
    pub constants: Vec<(Field, Value<'static>)>,
    /// The same below `extra.`, by names without that.
    pub extras: Vec<(String, Value<'static>)>,
    /// The zone for times that name none.
    pub zone: Option<TimeZone>,
}

impl Fixed {
    /// Reads `constant` and `time_zone` of a feed's table.
    pub fn read(keys: &mut Keys<'_>) -> Self {
        let (mut constants, mut extras) = (Vec::new(), Vec::new());
        for (name, text) in keys.pairs("constant", "values for events that have none of their own: field = value") {
            if let Some(extra) = name.strip_prefix("extra.").filter(|extra| Batch::new().extra(extra).is_some()) {
                match read_value(&name, Kind::Text, &text) {
                    Ok(value) => extras.push((extra.to_owned(), value)),
                    Err((what, hint)) => keys.problem("constant", what, hint),
                }
                continue;
            }
            match constant(&name, &text) {
                Ok(pair) => constants.push(pair),
                Err((what, hint)) => keys.problem("constant", what, hint),
            }
        }
        let name = keys.text_or("time_zone", "UTC", "zone of times that name none, such as Europe/Helsinki");
        let zone = zone(&name);
        if zone.is_none() {
            keys.problem(
                "time_zone",
                format!("`{name}` is not a time zone"),
                "write UTC or a name like Europe/Helsinki",
            );
        }
        Self { constants, extras, zone }
    }
}

fn zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("UTC") {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(name).ok()
}

fn constant(name: &str, text: &str) -> Result<(Field, Value<'static>), (String, String)> {
    let Some(field) = Field::named(name) else {
        let known = field::TABLE.iter().map(|(name, _)| *name);
        let hint =
            meant(name, known, "fields of the data format, such as classification.type, or extra.NAME for others");
        return Err((format!("`{name}` is not a field that can be constant"), hint));
    };
    Ok((field, read_value(name, field.kind(), text)?))
}

fn read_value(name: &str, kind: Kind, text: &str) -> Result<Value<'static>, (String, String)> {
    Value::read(kind, text, Some(&TimeZone::UTC))
        .map(owned)
        .map_err(|why| (format!("`{text}` is no value of {name}: {why}"), kind.hint(text)))
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Json(text) => Value::Json(text.into_owned().into()),
        Value::Int(number) => Value::Int(number),
        Value::Float(number) => Value::Float(number),
        Value::Bool(truth) => Value::Bool(truth),
        Value::Time(time) => Value::Time(time),
        Value::Ip(address) => Value::Ip(address),
        Value::Net(net) => Value::Net(net),
    }
}
