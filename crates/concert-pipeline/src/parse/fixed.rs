//! What every feed can say besides its parser's own settings: values that hold for all its events, and
//! the zone of times that name none. Read once for a feed and handed to each [`super::Sink`].

use concert_model::problem::meant;
use concert_model::{Field, Keys, Value, field};
use jiff::tz::TimeZone;

/// What holds for every event of a feed.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// Values for events that have none of their own.
    pub constants: Vec<(Field, Value<'static>)>,
    /// The zone for times that name none.
    pub zone: Option<TimeZone>,
}

impl Fixed {
    /// Reads `constant` and `time_zone` of a feed's table.
    pub fn read(keys: &mut Keys<'_>) -> Self {
        let mut constants = Vec::new();
        for (name, text) in keys.pairs("constant", "values for events that have none of their own: field = value") {
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
        Self { constants, zone }
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
        let hint = meant(name, known, "fields of the data format, such as classification.type");
        return Err((format!("`{name}` is not a field that can be constant"), hint));
    };
    let value = Value::read(field.kind(), text, Some(&TimeZone::UTC))
        .map_err(|why| (format!("`{text}` is no value of {name}: {why}"), field.kind().hint(text)))?;
    Ok((field, owned(value)))
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
