//! The country that a domain name lies in, by its last label.
//!
//! Source: <https://www.iana.org/domains/root/db>. Zones in other scripts are written as names are in DNS.

/// Zones of countries that are not called like them, in order.
const ZONES: [(&str, [u8; 2]); 63] = [
    ("uk", *b"GB"),
    ("xn--2scrj9c", *b"IN"),
    ("xn--3e0b707e", *b"KR"),
    ("xn--3hcrj9c", *b"IN"),
    ("xn--45br5cyl", *b"IN"),
    ("xn--45brj9c", *b"IN"),
    ("xn--54b7fta0cc", *b"BD"),
    ("xn--80ao21a", *b"KZ"),
    ("xn--90a3ac", *b"RS"),
    ("xn--90ae", *b"BG"),
    ("xn--90ais", *b"BY"),
    ("xn--clchc0ea0b2g2a9gcd", *b"SG"),
    ("xn--d1alf", *b"MK"),
    ("xn--e1a4c", *b"EU"),
    ("xn--fiqs8s", *b"CN"),
    ("xn--fiqz9s", *b"CN"),
    ("xn--fpcrj9c3d", *b"IN"),
    ("xn--fzc2c9e2c", *b"LK"),
    ("xn--gecrj9c", *b"IN"),
    ("xn--h2breg3eve", *b"IN"),
    ("xn--h2brj9c", *b"IN"),
    ("xn--h2brj9c8c", *b"IN"),
    ("xn--j1amh", *b"UA"),
    ("xn--j6w193g", *b"HK"),
    ("xn--kprw13d", *b"TW"),
    ("xn--kpry57d", *b"TW"),
    ("xn--l1acc", *b"MN"),
    ("xn--lgbbat1ad8j", *b"DZ"),
    ("xn--mgb2ddes", *b"YE"),
    ("xn--mgb9awbf", *b"OM"),
    ("xn--mgba3a4f16a", *b"IR"),
    ("xn--mgbaam7a8h", *b"AE"),
    ("xn--mgbah1a3hjkrd", *b"MR"),
    ("xn--mgbai9azgqp6j", *b"PK"),
    ("xn--mgbayh7gpa", *b"JO"),
    ("xn--mgbbh1a", *b"IN"),
    ("xn--mgbbh1a71e", *b"IN"),
    ("xn--mgbc0a9azcg", *b"MA"),
    ("xn--mgbcpq6gpa1a", *b"BH"),
    ("xn--mgberp4a5d4ar", *b"SA"),
    ("xn--mgbgu82a", *b"IN"),
    ("xn--mgbpl2fh", *b"SD"),
    ("xn--mgbtx2b", *b"IQ"),
    ("xn--mgbx4cd0ab", *b"MY"),
    ("xn--mix082f", *b"MO"),
    ("xn--mix891f", *b"MO"),
    ("xn--node", *b"GE"),
    ("xn--o3cw4h", *b"TH"),
    ("xn--ogbpf8fl", *b"SY"),
    ("xn--p1ai", *b"RU"),
    ("xn--pgbs0dh", *b"TN"),
    ("xn--q7ce6a", *b"LA"),
    ("xn--qxa6a", *b"EU"),
    ("xn--qxam", *b"GR"),
    ("xn--rvc1e0am3e", *b"IN"),
    ("xn--s9brj9c", *b"IN"),
    ("xn--wgbh1c", *b"EG"),
    ("xn--wgbl6a", *b"QA"),
    ("xn--xkc2al3hye2a", *b"LK"),
    ("xn--xkc2dl3a5ee0h", *b"IN"),
    ("xn--y9a3aq", *b"AM"),
    ("xn--yfro4i67o", *b"SG"),
    ("xn--ygbi2ammx", *b"PS"),
];

/// The country whose zone a name lies in, `GB` for `www.shop.co.uk`. Whether there is such a country is not known here.
pub(super) fn country_of(name: &str) -> Option<[u8; 2]> {
    let last = name.trim_end_matches('.').rsplit('.').next()?;
    if let Ok(at) = ZONES.binary_search_by(|(zone, _)| (*zone).cmp(last)) {
        return ZONES.get(at).map(|(_, code)| *code);
    }
    let code = <[u8; 2]>::try_from(last.as_bytes()).ok()?;
    code.iter().all(u8::is_ascii_alphabetic).then(|| code.map(|letter| letter.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::host;

    #[test]
    fn a_name_lies_in_the_country_of_its_last_label() {
        let check = |name: &str, want: Option<&str>| {
            let name = host::domain(name).unwrap();
            let found = country_of(&name);
            assert_eq!(found.as_ref().map(|code| std::str::from_utf8(code).unwrap()), want, "{name}");
        };
        check("www.shop.fi", Some("FI"));
        check("www.shop.FI.", Some("FI"));
        check("www.shop.co.uk", Some("GB"));
        check("shop.рф", Some("RU"));
        check("shop.भारत", Some("IN"));
        check("shop.中国", Some("CN"));
        check("shop.中國", Some("CN"));
        check("shop.ею", Some("EU"));
        check("shop.com", None);
        check("shop.москва", None);
        check("shop.example", None);
    }

    #[test]
    fn zones_are_in_order() {
        assert!(ZONES.is_sorted_by(|one, next| one.0 < next.0));
    }
}
