//! Words by which a complaint is understood: kinds of abuse, quoted mail, malware names.

use std::sync::LazyLock;

use regex::Regex;

/// Words, in lower case, and the type they speak for. The first that is found counts, so the narrower
/// come first.
const KINDS: &[(&str, &[&str])] = &[
    ("phishing", &["phish"]),
    ("c2-server", &["command and control", "command & control", "c&c server", "c2 server", "botnet controller"]),
    (
        "brute-force",
        &[
            "brute force",
            "brute-force",
            "bruteforce",
            "failed password",
            "failed login",
            "failed ssh",
            "login attempt",
            "login fail",
            "logon fail",
            "ssh attack",
            "ssh-attack",
            "ssh attempt",
            "ssh-angriff",
            "ftp attack",
            "rdp attack",
            "password attack",
            "password spray",
            "credential stuffing",
            "authentication fail",
            "invalid user",
            "password guess",
            "dictionary attack",
            "tries passwords",
            "login-versuch",
            "failed to authenticate",
            "passwörter",
            "anmeldeversuch",
            "einbruchsversuch",
            "einbruchversuch",
        ],
    ),
    ("ddos-amplifier", &["amplification", "amplifier", "open resolver", "reflection attack"]),
    (
        "ddos",
        &[
            "ddos",
            "denial of service",
            "denial-of-service",
            "dos attack",
            "dos-angriff",
            "syn flood",
            "syn-flood",
            "udp flood",
            "udp-flood",
            "flooding",
        ],
    ),
    ("copyright", &["copyright", "infring", "dmca", "urheberrecht"]),
    ("spam", &["spam", "unsolicited", "bulk mail", "junk mail"]),
    ("unauthorised-information-modification", &["deface"]),
    ("exploit", &["sql injection", "sql-injection", "exploit", "shellshock", "web attack", "path traversal"]),
    (
        "scanner",
        &[
            "port scan",
            "portscan",
            "port-scan",
            "network scan",
            "scan from",
            "scans from",
            "scans our",
            "scans us",
            "scannt",
            "scanning",
            "scanned",
            "scanner",
            "probing",
            "probed",
            "harvest",
        ],
    ),
    ("infected-system", &["infected", "botnet", "zombie", "infiziert"]),
    (
        "malware-distribution",
        &["malware", "malicious code", "malicious file", "trojan", "virus", "ransomware", "schadsoftware"],
    ),
    ("proxy", &["open proxy", "open relay"]),
    ("vulnerable-system", &["vulnerab", "verwundbar"]),
    ("data-leak", &["leaked", "data leak"]),
];

/// The type that the words of a line speak for.
pub(in crate::parse) fn kind_of(line: &str) -> Option<&'static str> {
    // A letter that was scanned (`eingescannt`) is no scan.
    let lower = line.to_lowercase().replace("eingescannt", "");
    KINDS.iter().find(|(_, words)| words.iter().any(|word| lower.contains(word))).map(|(kind, _)| *kind)
}

/// Whether a word of the line begins with one that speaks for a type: `Spam from`, and not the company `Unspam`.
pub(super) fn begins_kind(line: &str) -> bool {
    let lower = line.to_lowercase();
    let begins = |at: usize| !lower.get(..at).unwrap_or_default().ends_with(char::is_alphanumeric);
    KINDS.iter().flat_map(|(_, words)| *words).any(|word| lower.match_indices(word).any(|(at, _)| begins(at)))
}

/// A malware name in the forms of anti-virus programs.
pub(super) fn malware_name(line: &str) -> Option<String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        let families =
            "TROJ|TROJAN|WORM|BKDR|BACKDOOR|RANSOM|W32|W97M|WIN32|WIN64|HTML|JS|PE|EXPLOIT|TSPY|DOWNLOADER|MAL|ELF";
        Regex::new(&format!(r"(?i)(?:^|\s)((?:{families})[_/:][A-Za-z0-9][\w.!/:-]{{2,80}})"))
            .expect("a constant pattern")
    });
    let name = NAME.captures(line)?.get(1)?.as_str().trim_end_matches(['.', ':', '/']);
    Some(name.to_owned())
}

/// Whether a line says that its time is that of what stands before it: `Time: ...`, `- Zeitpunkt: ...`.
pub(super) fn calls_time(line: &str) -> bool {
    let plain = line.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    ["time", "date", "zeit", "datum", "when", "first seen", "last seen", "seen"]
        .iter()
        .any(|word| plain.starts_with(word))
}

/// Whether all that follows is another mail, quoted without marks.
pub(super) fn begins_quoted_mail(line: &str) -> bool {
    if !line.starts_with("---") && !line.starts_with("___") {
        return false;
    }
    let lower = line.to_lowercase();
    ["original message", "ursprüngliche nachricht", "message d'origine", "mensaje original"]
        .iter()
        .any(|words| lower.contains(words))
}

/// Whether the line only says who is quoted below it.
pub(super) fn introduces_quote(line: &str) -> bool {
    if !line.ends_with(':') || line.len() > 300 {
        return false;
    }
    let lower = line.to_lowercase();
    [("on ", " wrote"), ("am ", " schrieb"), ("le ", " écrit"), ("el ", " escribió")]
        .iter()
        .any(|(start, verb)| lower.starts_with(start) && lower.contains(verb))
}

/// Names of header lines, in lower case.
const HEADERS: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "sent",
    "reply-to",
    "return-path",
    "received",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "delivered-to",
    "dkim-signature",
    "authentication-results",
    "received-spf",
    "arc-seal",
    "user-agent",
    "list-id",
    "list-unsubscribe",
    "von",
    "an",
    "gesendet",
    "betreff",
];

/// Whether this is a header line of a mail that was pasted into the text.
pub(super) fn is_header(line: &str) -> bool {
    let Some((name, _)) = line.split_once(':') else { return false };
    if name.len() > 40 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    HEADERS.contains(&lower.as_str()) || lower.starts_with("x-") || lower.starts_with("arc-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        assert_eq!(kind_of("IPs Engaged In Comment Spamming"), Some("spam"));
        assert_eq!(kind_of("verschickt Phishing-Mails"), Some("phishing"));
        assert_eq!(kind_of("Dear team"), None);
        assert_eq!(kind_of("Das Schreiben ist eingescannt"), None);
        assert!(begins_kind("Comment Spamming") && !begins_kind("c/o Unspam Technologies"));
        for (line, want) in [
            ("SSH attack from 192.0.2.1", "brute-force"),
            ("many ssh login attempts", "brute-force"),
            ("Brute force against RDP", "brute-force"),
            ("a port scan", "scanner"),
            ("Network scans from 192.0.2.1", "scanner"),
            ("192.0.2.1 scans our network", "scanner"),
            ("hat unsere Server gescannt", "scanner"),
            ("192.0.2.1 scannt unser Netz", "scanner"),
            ("Portscan von 192.0.2.1", "scanner"),
            ("Phishing-Seite auf einem Ihrer Server", "phishing"),
            ("Spam von 192.0.2.1", "spam"),
            ("Brute-Force von 192.0.2.1", "brute-force"),
            ("Einbruchsversuche von 192.0.2.1", "brute-force"),
            ("DDoS against us", "ddos"),
            ("a DoS attack", "ddos"),
            ("a phishing site", "phishing"),
            ("a malware download", "malware-distribution"),
            ("it is in a botnet", "infected-system"),
        ] {
            assert_eq!(kind_of(line), Some(want), "{line}");
        }
        assert_eq!(malware_name("81 TROJ_DROPR.VEN  UPS").as_deref(), Some("TROJ_DROPR.VEN"));
        assert_eq!(malware_name("html page about js"), None);
    }

    #[test]
    fn quoted_mail_is_recognised() {
        assert!(begins_quoted_mail("-----Original Message-----"));
        assert!(!begins_quoted_mail("--------------------"));
        assert!(introduces_quote("On 2026-06-16, Joe <joe@x.example> wrote:"));
        assert!(!introduces_quote("On Monday we saw this:"));
        assert!(is_header("X-Spam: yes") && is_header("Received: from a"));
        assert!(!is_header("Source: 192.0.2.1") && !is_header("10:02:03 x"));
    }
}
