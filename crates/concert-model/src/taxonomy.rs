//! Classification: types and their RSIT taxonomy, TLP 2.0 labels, severities.
//!
//! The types are those of the IntelMQ data format; the taxonomy follows the Reference Security
//! Incident Taxonomy (RSIT).

/// `classification.type` values with the taxonomy each belongs to, sorted by type.
pub const TYPES: &[(&str, &str)] = &[
    ("application-compromise", "intrusions"),
    ("blacklist", "other"),
    ("brute-force", "intrusion-attempts"),
    ("burglary", "intrusions"),
    ("c2-server", "malicious-code"),
    ("copyright", "fraud"),
    ("data-leak", "information-content-security"),
    ("data-loss", "information-content-security"),
    ("ddos", "availability"),
    ("ddos-amplifier", "vulnerable"),
    ("dga-domain", "other"),
    ("dos", "availability"),
    ("exploit", "intrusion-attempts"),
    ("harmful-speech", "abusive-content"),
    ("ids-alert", "intrusion-attempts"),
    ("infected-system", "malicious-code"),
    ("information-disclosure", "vulnerable"),
    ("malware", "other"),
    ("malware-configuration", "malicious-code"),
    ("malware-distribution", "malicious-code"),
    ("masquerade", "fraud"),
    ("misconfiguration", "availability"),
    ("other", "other"),
    ("outage", "availability"),
    ("phishing", "fraud"),
    ("potentially-unwanted-accessible", "vulnerable"),
    ("privileged-account-compromise", "intrusions"),
    ("proxy", "other"),
    ("sabotage", "availability"),
    ("scanner", "information-gathering"),
    ("sniffing", "information-gathering"),
    ("social-engineering", "information-gathering"),
    ("spam", "abusive-content"),
    ("system-compromise", "intrusions"),
    ("test", "test"),
    ("tor", "other"),
    ("unauthorised-information-access", "information-content-security"),
    ("unauthorised-information-modification", "information-content-security"),
    ("unauthorized-use-of-resources", "fraud"),
    ("undetermined", "other"),
    ("unprivileged-account-compromise", "intrusions"),
    ("violence", "abusive-content"),
    ("vulnerable-system", "vulnerable"),
    ("weak-crypto", "vulnerable"),
];

/// TLP 2.0 labels, from the most to the least restricted.
pub const TLP: &[&str] = &["red", "amber+strict", "amber", "green", "clear"];

/// Severities, from the worst down.
pub const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "info", "undefined"];

/// The taxonomy a classification type belongs to.
pub fn taxonomy_of(kind: &str) -> Option<&'static str> {
    type_of(kind).map(|(_, taxonomy)| taxonomy)
}

/// The type as it is spelled here, with its taxonomy. Letter case is ignored.
pub fn type_of(kind: &str) -> Option<(&'static str, &'static str)> {
    TYPES.iter().copied().find(|(name, _)| name.eq_ignore_ascii_case(kind))
}

/// The TLP 2.0 label meant by a text: any letter case, with or without `TLP:`, and `white` of
/// TLP 1.0 for `clear`.
pub fn tlp(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let text = match text.get(..4) {
        Some(start) if start.eq_ignore_ascii_case("tlp:") => text.get(4..).unwrap_or(""),
        _ => text,
    };
    if text.eq_ignore_ascii_case("white") {
        return Some("clear");
    }
    TLP.iter().copied().find(|label| label.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_in_the_forms_people_write() {
        assert_eq!(tlp("TLP:AMBER+STRICT"), Some("amber+strict"));
        assert_eq!(tlp("WHITE"), Some("clear"));
        assert_eq!(tlp("purple"), None);
    }

    #[test]
    fn types_are_sorted_and_their_taxonomies_known() {
        assert!(TYPES.is_sorted());
        assert_eq!(taxonomy_of("C2-Server"), Some("malicious-code"));
    }
}
