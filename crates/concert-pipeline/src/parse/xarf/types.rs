//! What the types of XARF mean here: one table for all versions.
//!
//! Words are compared without case, blanks and signs: `login_attack`, `Login-Attack` and `LoginAttack` are one.

use concert_model::taxonomy;

/// Types of XARF, and the `classification.type` of each, by category.
const TYPES: &[(&str, &str)] = &[
    // messaging
    ("spam", "spam"),
    ("bulkmessaging", "spam"),
    ("unsolicitedbulkemail", "spam"),
    ("spamtrap", "spam"),
    ("spamvertised", "spam"),
    ("mailspam", "spam"),
    ("blogspam", "spam"),
    ("commentspam", "spam"),
    // content
    ("phishing", "phishing"),
    ("phishingattack", "phishing"),
    ("fraud", "masquerade"),
    ("brandinfringement", "masquerade"),
    ("trademark", "masquerade"),
    ("malware", "malware-distribution"),
    ("malwareattack", "malware-distribution"),
    ("trojan", "malware-distribution"),
    ("csam", "violence"),
    ("csem", "violence"),
    ("childabuse", "violence"),
    ("exposeddata", "data-leak"),
    ("dataleak", "data-leak"),
    ("remotecompromise", "system-compromise"),
    ("defacement", "unauthorised-information-modification"),
    ("suspiciousregistration", "other"),
    // copyright
    ("copyright", "copyright"),
    ("cyberlocker", "copyright"),
    ("linksite", "copyright"),
    ("p2p", "copyright"),
    ("ugcplatform", "copyright"),
    ("usenet", "copyright"),
    // connection
    ("loginattack", "brute-force"),
    ("bruteforce", "brute-force"),
    ("authfailure", "brute-force"),
    ("portscan", "scanner"),
    ("reconnaissance", "scanner"),
    ("vulnerabilityscan", "scanner"),
    ("harvesting", "scanner"),
    ("ddos", "ddos"),
    ("dos", "dos"),
    ("amplification", "ddos-amplifier"),
    ("infectedhost", "infected-system"),
    ("scraping", "unauthorized-use-of-resources"),
    ("regbot", "unauthorized-use-of-resources"),
    ("badbot", "unauthorized-use-of-resources"),
    ("sqlinjection", "exploit"),
    ("exploit", "exploit"),
    ("webattack", "exploit"),
    ("rfiattack", "exploit"),
    ("webhack", "exploit"),
    // infrastructure
    ("botnet", "infected-system"),
    ("bot", "infected-system"),
    ("botinfection", "infected-system"),
    ("malwareinfection", "infected-system"),
    ("compromisedserver", "system-compromise"),
    ("compromisedwebsite", "system-compromise"),
    ("hackedserver", "system-compromise"),
    ("commandandcontrol", "c2-server"),
    ("c2", "c2-server"),
    ("cnc", "c2-server"),
    ("botnetcontroller", "c2-server"),
    ("openproxy", "proxy"),
    ("proxy", "proxy"),
    // vulnerability
    ("cve", "vulnerable-system"),
    ("misconfiguration", "vulnerable-system"),
    ("vulnerability", "vulnerable-system"),
    ("openservice", "potentially-unwanted-accessible"),
    ("openresolver", "ddos-amplifier"),
    // reputation
    ("blocklist", "blacklist"),
    ("blacklist", "blacklist"),
    ("threatintelligence", "other"),
];
/// Categories, where nothing is known of the type.
const CATEGORIES: &[(&str, &str)] = &[
    ("messaging", "spam"),
    ("copyright", "copyright"),
    ("vulnerability", "vulnerable-system"),
    ("infrastructure", "system-compromise"),
    ("reputation", "blacklist"),
    ("fraud", "masquerade"),
];

/// The `classification.type` of a report. `detail` is what a reputation report says the threat is.
pub(super) fn kind_of(category: &str, kind: &str, detail: &str) -> &'static str {
    let of = |table: &[(&str, &'static str)], text: &str| {
        let word = word(text);
        table.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    };
    // What a list or a feed says of an address is more than that it is listed.
    let threat = match word(kind).as_str() {
        "threatintelligence" => taxonomy::type_of(detail).map(|(known, _)| known).or_else(|| of(TYPES, detail)),
        _ => None,
    };
    threat.or_else(|| of(TYPES, kind)).or_else(|| of(CATEGORIES, category)).unwrap_or("other")
}

/// Whether two texts are the same word: senders of 0.2 write the type as the service, too.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    word(one) == word(other)
}

fn word(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_one_of_ours_and_stands_once() {
        for (index, (name, kind)) in TYPES.iter().enumerate() {
            assert!(taxonomy::type_of(kind).is_some(), "{kind}");
            assert_eq!(word(name), *name);
            assert!(TYPES.iter().skip(index + 1).all(|(other, _)| other != name), "{name} twice");
        }
    }

    #[test]
    fn types_are_understood_in_every_spelling() {
        for spelling in ["login_attack", "Login-Attack", "LoginAttack", "login attack"] {
            assert_eq!(kind_of("connection", spelling, ""), "brute-force");
        }
        assert_eq!(kind_of("reputation", "threat_intelligence", "command_and_control"), "c2-server");
        assert_eq!(kind_of("messaging", "pigeon", ""), "spam");
        assert_eq!(kind_of("abuse", "pigeon", ""), "other");
    }
}
