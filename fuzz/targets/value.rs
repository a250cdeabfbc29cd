//! Values of every kind of field: what is written is read back as the same value. The first byte chooses
//! the field.
#![no_main]

use concert_model::{Field, Value, host, json};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let fields: Vec<Field> = Field::all().collect();
    let kind = fields[usize::from(*choice) % fields.len()].kind();
    let refanged = host::refang(text);
    if let Some((host::Host::Domain(name), _)) = host::url_host(&refanged) {
        assert_eq!(host::domain(&name).as_deref(), Ok(&*name), "the one form stays as it is");
    }
    if host::check_url(text).is_ok() {
        assert!(host::url_host(text).is_some() || text.contains(".."), "a URL names a place: {text:?}");
    }
    let Ok(value) = Value::read(kind, text, Some(&TimeZone::UTC)) else { return };
    let mut out = Vec::new();
    json::write_plain(&value, &mut out);
    let written = String::from_utf8(out).expect("values are UTF-8");
    assert_eq!(Value::read(kind, &written, None).as_ref(), Ok(&value), "{kind:?}: {text:?} as {written:?}");
    let mut out = Vec::new();
    json::write_value(&value, &mut out);
    serde_json::from_slice::<serde_json::Value>(&out).expect("values are JSON");
});
