//! How the text of a column becomes a value: the converters that Shadowserver's schema names.

use std::borrow::Cow;

use concert_model::{Field, Kind, Time, Value};
use jiff::tz::TimeZone;

use super::Row;

/// A converter of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Convert {
    /// As it is.
    Text,
    /// As it is, also where it is empty: what the schema gives to `extra.` without a converter.
    Bare,
    /// A moment in UTC.
    Utc,
    Int,
    Float,
    Bool,
    /// A moment where it can be read as one, else text.
    Date,
    /// A whole number other than 0.
    NotZero,
    /// Not `0` or `unknown`.
    Known,
    /// An address other than 0.0.0.0.
    Ip,
    Network,
    Domain,
    /// A URL put together from the columns for host and path.
    Url,
    Base64,
    /// The CVE numbers among tags.
    Cve,
    /// The category, else the detail.
    Category,
    ExchangeTaxonomy,
    ExchangeType,
    ExchangeIdentifier,
}

const NAMES: &[(&str, Convert)] = &[
    ("add_UTC_to_timestamp", Convert::Utc),
    ("category_or_detail", Convert::Category),
    ("convert_bool", Convert::Bool),
    ("convert_date", Convert::Date),
    ("convert_date_utc", Convert::Date),
    ("convert_float", Convert::Float),
    ("convert_http_host_and_url", Convert::Url),
    ("convert_int", Convert::Int),
    ("extract_cve_from_tag", Convert::Cve),
    ("force_base64", Convert::Base64),
    ("invalidate_zero", Convert::NotZero),
    ("scan_exchange_identifier", Convert::ExchangeIdentifier),
    ("scan_exchange_taxonomy", Convert::ExchangeTaxonomy),
    ("scan_exchange_type", Convert::ExchangeType),
    ("validate_fqdn", Convert::Domain),
    ("validate_ip", Convert::Ip),
    ("validate_network", Convert::Network),
    ("validate_to_none", Convert::Known),
];

impl Convert {
    /// The converter of this name in the schema.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, convert)| *convert)
    }

    /// Whether it says something of an empty column too.
    pub(super) fn takes_empty(self) -> bool {
        matches!(self, Self::Bare | Self::Category | Self::ExchangeType | Self::ExchangeIdentifier)
    }

    /// Whether a text it refuses is nothing, and not worth keeping beside the field.
    pub(super) fn drops(self) -> bool {
        matches!(self, Self::Ip | Self::Network | Self::Domain)
    }

    /// The value of a text without blanks around it, for a field. `Ok(None)` when it says nothing; the
    /// error is the reason why the field refuses it.
    pub(super) fn apply<'b>(
        self,
        field: Field,
        text: &'b str,
        row: &Row<'b>,
    ) -> Result<Option<Value<'b>>, &'static str> {
        let kind = field.kind();
        let read = |text: &'b str| Value::read(kind, text, Some(&TimeZone::UTC)).map(Some);
        match self {
            Self::Bare if text.is_empty() => Ok(Some(Value::text(text))),
            Self::Text | Self::Bare => read(text),
            Self::Known if matches!(text, "0" | "unknown") => Ok(None),
            Self::Known => read(text),
            Self::Utc => Time::parse(text, Some(&TimeZone::UTC)).map(|time| Some(Value::Time(time))),
            Self::Date => {
                Ok(Time::parse(text, Some(&TimeZone::UTC)).map_or(read(text)?, |time| Some(Value::Time(time))))
            }
            Self::NotZero if text == "0" => Ok(None),
            Self::Int | Self::NotZero if kind != Kind::Extra => read(text),
            Self::Int | Self::NotZero => Ok(Some(text.parse().map_or_else(|_| Value::text(text), Value::Int))),
            Self::Float if kind != Kind::Extra => read(text),
            Self::Float => {
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                Ok(Some(number.map_or_else(|| Value::text(text), Value::Float)))
            }
            Self::Bool => match text.to_ascii_lowercase().as_str() {
                "y" | "yes" | "true" | "enabled" | "1" => Ok(Some(Value::Bool(true))),
                "n" | "no" | "false" | "disabled" | "0" => Ok(Some(Value::Bool(false))),
                _ => Ok(None),
            },
            Self::Ip if text == "0.0.0.0" => Ok(None),
            Self::Ip => Value::read(Kind::Ip, text, None).map(Some),
            Self::Network => Value::read(Kind::Net, text, None).map(Some),
            Self::Domain => Value::read(Kind::Domain, text, None).map(Some),
            Self::Url => url(kind, text, row),
            Self::Base64 => Ok(Some(base64(text))),
            Self::Cve => Ok(cves(text)),
            Self::Category => {
                let text = if text.is_empty() { row.column("detail") } else { text };
                if text.is_empty() { Ok(None) } else { read(text) }
            }
            // The taxonomy follows from the type.
            Self::ExchangeTaxonomy => Ok(None),
            Self::ExchangeType if webshell(text) => Ok(Some(Value::text("system-compromise"))),
            Self::ExchangeType => Ok(Some(Value::text("vulnerable-system"))),
            Self::ExchangeIdentifier if webshell(text) => Ok(Some(Value::text("exchange-server-webshell"))),
            Self::ExchangeIdentifier => Ok(Some(Value::text("vulnerable-exchange-server"))),
        }
    }
}

fn webshell(tag: &str) -> bool {
    tag.contains("exchange;webshell")
}

/// A whole URL, or the path with scheme and host from the other columns. A path without a host is no
/// URL.
fn url<'b>(kind: Kind, text: &'b str, row: &Row<'b>) -> Result<Option<Value<'b>>, &'static str> {
    if text.contains("://") {
        return Value::read(kind, text, None).map(Some);
    }
    // Some reports give the request line instead of the path.
    let mut words = text.split_ascii_whitespace();
    let path = match (words.next(), words.next(), words.next()) {
        (Some(_), Some(path), Some(protocol)) if protocol.starts_with("HTTP/") => path,
        _ => text,
    };
    let host = ["http_host", "hostname", "cc_dns"].iter().map(|name| row.column(name)).find(|host| !host.is_empty());
    let host = host.ok_or("not an absolute URL, and no host is given")?;
    let scheme = ["url_scheme", "application"].iter().map(|name| row.column(name));
    let scheme = scheme.into_iter().find(|scheme| matches!(*scheme, "http" | "https")).unwrap_or("http");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("{scheme}://{host}{slash}{path}");
    concert_model::host::check_url(&url)?;
    Ok(Some(Value::Text(Cow::Owned(url))))
}

/// Base64 stays; anything else is written as base64.
fn base64(text: &str) -> Value<'_> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    match engine.decode(text) {
        Ok(_) => Value::text(text),
        Err(_) => Value::Text(Cow::Owned(engine.encode(text))),
    }
}

/// The CVE numbers in a list of tags, joined by semicolons.
fn cves(tags: &str) -> Option<Value<'_>> {
    // Nearly all tags hold none.
    if !tags.as_bytes().windows(4).any(|start| start.eq_ignore_ascii_case(b"cve-")) {
        return None;
    }
    let is_cve = |tag: &&str| {
        let Some((year, number)) = tag.get(4..).and_then(|rest| rest.split_once('-')) else { return false };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        tag.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("cve-")) && digits(year) && digits(number)
    };
    let mut found = tags.split([';', ',', ' ']).filter(is_cve);
    let first = found.next()?;
    let Some(second) = found.next() else { return Some(Value::Text(first.to_ascii_lowercase().into())) };
    let mut all = format!("{first};{second}");
    for cve in found {
        all.push(';');
        all.push_str(cve);
    }
    Some(Value::Text(all.to_ascii_lowercase().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_converter_of_the_schema_has_a_name() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| *name));
        assert_eq!(Convert::named("validate_ip"), Some(Convert::Ip));
        assert_eq!(Convert::named("nothing"), None);
    }

    #[test]
    fn cve_numbers_are_found_among_tags() {
        let check = |tags: &str, want: Option<&str>| {
            assert_eq!(cves(tags), want.map(Value::text), "{tags}");
        };
        check("smtp;21nails", None);
        check("cve-2019-0708;rdp", Some("cve-2019-0708"));
        check("CVE-2021-1,x;cve-2020-22", Some("cve-2021-1;cve-2020-22"));
        check("cve-;cve-x-1", None);
    }

    #[test]
    fn urls_are_put_together() {
        let columns = ["http_host".to_owned(), "url_scheme".to_owned()];
        let check = |text: &str, host: &str, scheme: &str, want: Result<&str, ()>| {
            let cells = [host, scheme];
            let get = |index: usize| cells.get(index).copied();
            let row = Row { columns: &columns, get: &get };
            let url = Convert::Url.apply(Field::SOURCE_URL, text, &row);
            assert_eq!(url.map_err(|_| ()), want.map(|url| Some(Value::text(url))), "{text}");
        };
        check("/a?b", "www.example.com", "https", Ok("https://www.example.com/a?b"));
        check("GET /a HTTP/1.1", "192.0.2.1", "", Ok("http://192.0.2.1/a"));
        check("http://other.example/", "www.example.com", "", Ok("http://other.example/"));
        check("/a", "", "", Err(()));
    }

    #[test]
    fn only_what_is_not_base64_is_written_as_base64() {
        assert_eq!(base64("dGVzdA=="), Value::text("dGVzdA=="));
        assert_eq!(base64("GET /\n"), Value::text("R0VUIC8K"));
    }
}
