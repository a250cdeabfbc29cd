//! What a party must have written of itself to answer for a value: for questions about a few values, which need not
//! read the whole contact book.

use concert_model::Net;

use super::Subject;
use super::zones::country_of;
use crate::enrich::lookup::Lookup;

/// What every party has one of that [`super::Constituents::who`] can name for a value.
///
/// They are networks, domains without `*.`, AS numbers (`AS64500`) and countries; `lookup` tells the AS and country of
/// addresses. Parties without any of them change nothing of its answer. The table `claim` of the records has them in
/// the same form.
pub fn about(value: &str, lookup: &Lookup) -> Vec<String> {
    let Some(subject) = Subject::read(value) else { return Vec::new() };
    // A team may answer for all that is left.
    let mut claims = vec![super::ANYWHERE.to_owned()];
    match &subject {
        Subject::Asn(asn) => claims.push(format!("AS{asn}")),
        Subject::Name(name) => {
            let mut rest = Some(&**name);
            while let Some(name) = rest {
                claims.push(name.to_owned());
                rest = name.split_once('.').map(|(_, above)| above);
            }
            claims.extend(country_of(name).map(|code| String::from_utf8_lossy(&code).into_owned()));
        }
        Subject::Address(_) | Subject::Net(_) => {
            let (first, longest) = match &subject {
                Subject::Net(net) => (net.first(), net.prefix()),
                Subject::Address(address) => (address.to_canonical(), u8::MAX),
                Subject::Asn(_) | Subject::Name(_) => return claims,
            };
            claims.extend((0..=longest).map_while(|prefix| Net::new(first, prefix)).map(|net| net.to_string()));
            let known = lookup.find(first);
            claims.extend(known.asn.map(|(asn, _)| format!("AS{asn}")));
            claims.extend(known.country.map(|code| String::from_utf8_lossy(&code).to_ascii_uppercase()));
        }
    }
    claims
}
