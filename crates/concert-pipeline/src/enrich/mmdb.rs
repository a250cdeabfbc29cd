//! MMDB files (GeoLite2, DB-IP, IPinfo): the whole tree is read once into ranges, so that looking up
//! costs the same whatever the file was, and the compiled copy serves both.
//!
//! Read: `autonomous_system_number` and `autonomous_system_organization`; `country.iso_code`, else
//! `registered_country.iso_code`, else a plain `country_code` or `country`.

use std::borrow::Cow;
use std::net::IpAddr;

use concert_model::{Kind, Net, Value};
use hashbrown::HashMap;
use maxminddb::{PathElement, Reader, WithinOptions};

use super::ranges::{Builder, What};

/// Longest AS name that is kept.
const NAME_BYTES_MAX: usize = 200;

/// Adds the networks of one file. Networks read before a mistake in the file are kept.
pub(super) fn read(what: What, bytes: &[u8], builder: &mut Builder<'_>) -> Result<(), String> {
    let reader = Reader::from_source(bytes).map_err(|error| error.to_string())?;
    let networks = reader.networks(WithinOptions::default()).map_err(|error| error.to_string())?;
    // Thousands of networks share one record, so each record is read once.
    let mut records: HashMap<usize, Option<u32>> = HashMap::new();
    for found in networks {
        let found = found.map_err(|error| error.to_string())?;
        let Some(offset) = found.offset() else { continue };
        let value = match records.get(&offset) {
            Some(value) => *value,
            None => {
                let value = match read_record(what, &found).map_err(|error| error.to_string())? {
                    Some((number, text)) => Some(builder.value(None, number, &text)?),
                    None => None,
                };
                records.insert(offset, value);
                value
            }
        };
        let network = found.network().map_err(|error| error.to_string())?;
        let (Some(value), Some(net)) = (value, plain(network.network(), network.prefix())) else { continue };
        builder.range(net.first(), net.last(), value)?;
    }
    Ok(())
}

type Record<'a> = maxminddb::LookupResult<'a, &'a [u8]>;

fn read_record(what: What, found: &Record<'_>) -> Result<Option<(u32, String)>, maxminddb::MaxMindDbError> {
    let key = PathElement::Key;
    match what {
        What::Asn => {
            let asn = found.decode_path::<u32>(&[key("autonomous_system_number")])?.filter(|asn| *asn != 0);
            let name = found.decode_path::<Cow<'_, str>>(&[key("autonomous_system_organization")])?;
            let name = super::tidy_name(name.unwrap_or_default(), NAME_BYTES_MAX).into_owned();
            Ok(asn.map(|asn| (asn, name)))
        }
        What::Country => {
            let paths: [&[PathElement<'_>]; 4] = [
                &[key("country"), key("iso_code")],
                &[key("registered_country"), key("iso_code")],
                &[key("country_code")],
                &[key("country")],
            ];
            for path in paths {
                // A key of another shape than expected belongs to another publisher's layout.
                let Ok(Some(code)) = found.decode_path::<Cow<'_, str>>(path) else { continue };
                if let Ok(Value::Text(code)) = Value::read(Kind::Country, &code, None) {
                    return Ok(Some((0, code.into_owned())));
                }
            }
            Ok(None)
        }
    }
}

/// IPv4 networks stand in an IPv6 tree as `::a.b.c.d/96+n`.
fn plain(first: IpAddr, prefix: u8) -> Option<Net> {
    match first {
        IpAddr::V6(address) if prefix >= 96 && address.to_bits() >> 32 == 0 => {
            let low = u32::try_from(address.to_bits()).ok()?;
            Net::new(IpAddr::V4(std::net::Ipv4Addr::from_bits(low)), prefix - 96)
        }
        _ => Net::new(first, prefix),
    }
}
