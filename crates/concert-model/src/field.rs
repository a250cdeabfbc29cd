//! The fields of an event: names and types of the IntelMQ data format, and a few of Concert's own.
//!
//! Ours are `confidence`, `duplicate.count`, `party`, `time.last_seen` (when a repeat of the event was
//! seen last) and `time.previous` (when an earlier event of the same problem happened; of a
//! report that came late, the next one).
//!
//! A field of the table has a fixed number. `extra.*` fields are free; each batch numbers the ones it
//! holds after the table (see [`crate::Batch::extra`]).

use std::collections::HashMap;
use std::sync::LazyLock;

/// A field by number: an index of [`TABLE`], or from [`Field::EXTRA`] on a name of the batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Field(pub u16);

/// What a field holds, and so how its text is checked and written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text in lower case.
    Lower,
    /// Country code, ISO 3166-1 alpha-2, upper case.
    Country,
    /// A moment with a zone, kept in UTC with microseconds.
    Time,
    /// AS number, 1 to 4294967294.
    Asn,
    /// Domain name, IDNA, lower case, no final dot.
    Domain,
    /// One IPv4 or IPv6 address.
    Ip,
    /// A network in CIDR form.
    Net,
    /// A decimal number.
    Float,
    /// A whole number.
    Int,
    /// 1 to 65535.
    Port,
    /// 0 to 100.
    Percent,
    /// An absolute URL, kept as written.
    Url,
    /// true or false.
    Bool,
    /// A regional registry: AFRINIC, APNIC, ARIN, LACNIC, RIPE.
    Registry,
    /// RSIT taxonomy.
    Taxonomy,
    /// `classification.type`.
    Type,
    /// TLP 2.0 label.
    Tlp,
    /// critical, high, medium, low, info, undefined.
    Severity,
    /// Transport protocol name, lower case; IP protocol numbers are turned into names.
    Transport,
    /// JSON text.
    Json,
    /// `extra.*`: text, number, truth value or JSON as it came.
    Extra,
}

macro_rules! fields {
    ($($constant:ident = $number:literal, $name:literal, $kind:ident;)*) => {
        impl Field {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: Field = Field($number);)*
        }
        /// Every field of the data format, sorted by name; a [`Field`] is an index of it.
        pub const TABLE: &[(&str, Kind)] = &[$(($name, Kind::$kind)),*];
    };
}

fields! {
    CLASSIFICATION_IDENTIFIER = 0, "classification.identifier", Text;
    CLASSIFICATION_TAXONOMY = 1, "classification.taxonomy", Taxonomy;
    CLASSIFICATION_TYPE = 2, "classification.type", Type;
    COMMENT = 3, "comment", Text;
    CONFIDENCE = 4, "confidence", Percent;
    CONSTITUENCY = 5, "constituency", Text;
    DESTINATION_ABUSE_CONTACT = 6, "destination.abuse_contact", Lower;
    DESTINATION_ACCOUNT = 7, "destination.account", Text;
    DESTINATION_ALLOCATED = 8, "destination.allocated", Time;
    DESTINATION_AS_NAME = 9, "destination.as_name", Text;
    DESTINATION_ASN = 10, "destination.asn", Asn;
    DESTINATION_DOMAIN_SUFFIX = 11, "destination.domain_suffix", Domain;
    DESTINATION_FQDN = 12, "destination.fqdn", Domain;
    DESTINATION_GEOLOCATION_CC = 13, "destination.geolocation.cc", Country;
    DESTINATION_GEOLOCATION_CITY = 14, "destination.geolocation.city", Text;
    DESTINATION_GEOLOCATION_COUNTRY = 15, "destination.geolocation.country", Text;
    DESTINATION_GEOLOCATION_LATITUDE = 16, "destination.geolocation.latitude", Float;
    DESTINATION_GEOLOCATION_LONGITUDE = 17, "destination.geolocation.longitude", Float;
    DESTINATION_GEOLOCATION_REGION = 18, "destination.geolocation.region", Text;
    DESTINATION_GEOLOCATION_STATE = 19, "destination.geolocation.state", Text;
    DESTINATION_IP = 20, "destination.ip", Ip;
    DESTINATION_LOCAL_HOSTNAME = 21, "destination.local_hostname", Text;
    DESTINATION_LOCAL_IP = 22, "destination.local_ip", Ip;
    DESTINATION_NETWORK = 23, "destination.network", Net;
    DESTINATION_PORT = 24, "destination.port", Port;
    DESTINATION_REGISTRY = 25, "destination.registry", Registry;
    DESTINATION_REVERSE_DNS = 26, "destination.reverse_dns", Domain;
    DESTINATION_TOR_NODE = 27, "destination.tor_node", Bool;
    DESTINATION_URL = 28, "destination.url", Url;
    DESTINATION_URLPATH = 29, "destination.urlpath", Text;
    DUPLICATE_COUNT = 30, "duplicate.count", Int;
    EVENT_DESCRIPTION_TARGET = 31, "event_description.target", Text;
    EVENT_DESCRIPTION_TEXT = 32, "event_description.text", Text;
    EVENT_DESCRIPTION_URL = 33, "event_description.url", Url;
    EVENT_HASH = 34, "event_hash", Text;
    FEED_ACCURACY = 35, "feed.accuracy", Percent;
    FEED_CODE = 36, "feed.code", Text;
    FEED_DOCUMENTATION = 37, "feed.documentation", Text;
    FEED_NAME = 38, "feed.name", Text;
    FEED_PROVIDER = 39, "feed.provider", Text;
    FEED_URL = 40, "feed.url", Url;
    MALWARE_HASH_MD5 = 41, "malware.hash.md5", Text;
    MALWARE_HASH_SHA1 = 42, "malware.hash.sha1", Text;
    MALWARE_HASH_SHA256 = 43, "malware.hash.sha256", Text;
    MALWARE_NAME = 44, "malware.name", Lower;
    MALWARE_VERSION = 45, "malware.version", Text;
    MISP_ATTRIBUTE_UUID = 46, "misp.attribute_uuid", Lower;
    MISP_EVENT_UUID = 47, "misp.event_uuid", Lower;
    OUTPUT = 48, "output", Json;
    PARTY = 49, "party", Text;
    PRODUCT_FULL_NAME = 50, "product.full_name", Text;
    PRODUCT_NAME = 51, "product.name", Lower;
    PRODUCT_VENDOR = 52, "product.vendor", Lower;
    PRODUCT_VERSION = 53, "product.version", Lower;
    PRODUCT_VULNERABILITIES = 54, "product.vulnerabilities", Lower;
    PROTOCOL_APPLICATION = 55, "protocol.application", Lower;
    PROTOCOL_TRANSPORT = 56, "protocol.transport", Transport;
    RAW = 57, "raw", Text;
    RTIR_ID = 58, "rtir_id", Int;
    SCREENSHOT_URL = 59, "screenshot_url", Url;
    SEVERITY = 60, "severity", Severity;
    SOURCE_ABUSE_CONTACT = 61, "source.abuse_contact", Lower;
    SOURCE_ACCOUNT = 62, "source.account", Text;
    SOURCE_ALLOCATED = 63, "source.allocated", Time;
    SOURCE_AS_NAME = 64, "source.as_name", Text;
    SOURCE_ASN = 65, "source.asn", Asn;
    SOURCE_DOMAIN_SUFFIX = 66, "source.domain_suffix", Domain;
    SOURCE_FQDN = 67, "source.fqdn", Domain;
    SOURCE_GEOLOCATION_CC = 68, "source.geolocation.cc", Country;
    SOURCE_GEOLOCATION_CITY = 69, "source.geolocation.city", Text;
    SOURCE_GEOLOCATION_COUNTRY = 70, "source.geolocation.country", Text;
    SOURCE_GEOLOCATION_CYMRU_CC = 71, "source.geolocation.cymru_cc", Country;
    SOURCE_GEOLOCATION_GEOIP_CC = 72, "source.geolocation.geoip_cc", Country;
    SOURCE_GEOLOCATION_LATITUDE = 73, "source.geolocation.latitude", Float;
    SOURCE_GEOLOCATION_LONGITUDE = 74, "source.geolocation.longitude", Float;
    SOURCE_GEOLOCATION_REGION = 75, "source.geolocation.region", Text;
    SOURCE_GEOLOCATION_STATE = 76, "source.geolocation.state", Text;
    SOURCE_IP = 77, "source.ip", Ip;
    SOURCE_LOCAL_HOSTNAME = 78, "source.local_hostname", Text;
    SOURCE_LOCAL_IP = 79, "source.local_ip", Ip;
    SOURCE_NETWORK = 80, "source.network", Net;
    SOURCE_PORT = 81, "source.port", Port;
    SOURCE_REGISTRY = 82, "source.registry", Registry;
    SOURCE_REVERSE_DNS = 83, "source.reverse_dns", Domain;
    SOURCE_TOR_NODE = 84, "source.tor_node", Bool;
    SOURCE_URL = 85, "source.url", Url;
    SOURCE_URLPATH = 86, "source.urlpath", Text;
    STATUS = 87, "status", Text;
    TIME_LAST_SEEN = 88, "time.last_seen", Time;
    TIME_OBSERVATION = 89, "time.observation", Time;
    TIME_PREVIOUS = 90, "time.previous", Time;
    TIME_SOURCE = 91, "time.source", Time;
    TLP = 92, "tlp", Tlp;
}

static BY_NAME: LazyLock<HashMap<&'static str, Field>> =
    LazyLock::new(|| TABLE.iter().zip(0u16..).map(|((name, _), number)| (*name, Field(number))).collect());

impl Field {
    /// Numbers from here on are `extra.*` names of one batch.
    pub const EXTRA: u16 = 1000;

    /// The field of the table with this name. `extra.*` names are not in the table.
    pub fn named(name: &str) -> Option<Field> {
        BY_NAME.get(name).copied()
    }

    /// Whether this is an `extra.*` field.
    pub fn is_extra(self) -> bool {
        self.0 >= Self::EXTRA
    }

    /// What the field holds.
    pub fn kind(self) -> Kind {
        TABLE.get(usize::from(self.0)).map_or(Kind::Extra, |(_, kind)| *kind)
    }

    /// The name of a field of the table; `extra` for the others, whose names only the batch knows.
    pub fn name(self) -> &'static str {
        TABLE.get(usize::from(self.0)).map_or("extra", |(name, _)| *name)
    }

    /// Every field of the table.
    pub fn all() -> impl Iterator<Item = Field> {
        (0u16..).map(Field).take(TABLE.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_numbers_match() {
        assert!(TABLE.is_sorted_by_key(|(name, _)| *name));
        assert_eq!(Field::SOURCE_IP.name(), "source.ip");
        assert_eq!(Field::named("time.source"), Some(Field::TIME_SOURCE));
        assert!(Field::all().all(|field| Field::named(field.name()) == Some(field)));
    }
}
