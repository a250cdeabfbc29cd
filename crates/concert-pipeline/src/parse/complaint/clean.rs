//! What a text says to be in order again, in English or German: `192.0.2.7 is clean now`, `192.0.2.7 wurde bereinigt`,
//! `http://evil.example/ is offline`. It is not complained of there.
//!
//! Only what stands directly behind an address counts, and only where it is plainly said. What is asked, wished or
//! reported of others says nothing: `make sure that 192.0.2.7 is clean`, `you wrote that it was clean`, `is clean, but
//! attacks again`.

use std::sync::LazyLock;

use regex::Regex;

use super::sides::{compile, tail};

/// What stands between an address and what is said of it: other addresses of a list, a verb, and words that only say when.
const BEFORE: &str = r"^[\])>\x22']*
    (?:\s*(?:,|;|&|\band\b|\bund\b|\bsowie\b)\s*(?:and\s+|und\s+)?[\[(<]?[0-9A-Fa-f:.]{7,45}[\])>]?)*
    \s+(?:is|are|was|were|has\s+been|have\s+been|seems?|looks?|appears?|ist|sind|wurden?|scheint|scheinen)\s+
    (?:(?:to\s+be|now|already|again|all|both|completely|fully|finally|meanwhile|today|yesterday|jetzt|nun|inzwischen
    |mittlerweile|wieder|bereits|schon|heute|gestern|alle|beide|vollst\x{e4}ndig|komplett)\s+){0,4}";
/// A host that is in order again.
const CLEAN: &str = r"(?:clean|cleaned(?:\s+up)?|disinfected|remediated
    |(?:fixed|repaired|resolved)(?:\s+(?:now|again|today|meanwhile))?\s*(?:[.,;!)]|$)
    |no\s+longer\s+(?:infected|compromised|affected)|not\s+(?:infected|compromised|affected)\s+any\s?more
    |sauber|bereinigt|ges\x{e4}ubert|gereinigt|desinfiziert|behoben|nicht\s+mehr\s+(?:infiziert|kompromittiert|betroffen))
    (?:[\s.,;!)]|$)";
/// A page that is not there any more.
const GONE: &str = r"(?:gone|down|offline|taken\s+(?:down|offline)|removed|deleted|cleaned(?:\s+up)?|clean
    |no\s+longer\s+(?:online|reachable|available|there)|weg|gel\x{f6}scht|entfernt|abgeschaltet|bereinigt|vom\s+netz
    |nicht\s+mehr\s+(?:online|erreichbar|verf\x{fc}gbar|da))(?:[\s.,;!)]|$)";

/// Whether a text says of the address between these two that it is in order again.
pub(super) fn is_clean(before: &str, after: &str) -> bool {
    static SAID: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?ix){BEFORE}{CLEAN}")));
    is_said(&SAID, before, after)
}

/// The same of a page.
pub(super) fn is_gone(before: &str, after: &str) -> bool {
    static SAID: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?ix){BEFORE}{GONE}")));
    is_said(&SAID, before, after)
}

fn is_said(said: &Regex, before: &str, after: &str) -> bool {
    // What somebody asks, wishes, or says that another says.
    static ASKS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)\b(?:if|whether|until|till|unless|when|once|after|sure|ensure|confirm\w*|verify|check|claim\w*|told|tell|said
            |says?|wrote|write|according|allegedly|supposedly|ob|bis|wenn|falls|sobald|nachdem|sicher\w*|best\x{e4}tig\w*|pr\x{fc}f\w*
            |behaupt\w*|angeblich|laut|sag\w*|schrieb\w*|schreib\w*|geschrieben|gesagt)\b",
        )
    });
    // What takes it back.
    static TAKES_BACK: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)\?|\b(?:but|however|although|though|yet|still|until|till|except|aber|jedoch|obwohl|trotzdem|dennoch|weiterhin|noch|bis
            |sondern)\b\s*\S",
        )
    });
    static NEXT: LazyLock<Regex> = LazyLock::new(|| compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4}::|//"));
    let Some(found) = said.find(after) else { return false };
    let rest = after.get(found.end()..).unwrap_or_default();
    // `is clean, but 192.0.2.8 attacks` takes back nothing.
    let rest = NEXT.find(rest).map_or(rest, |next| rest.get(..next.start()).unwrap_or_default().trim_end());
    let sentence = tail(before).unwrap_or(before).rsplit(['.', ';', '!', '?']).next().unwrap_or_default();
    !ASKS.is_match(sentence) && !TAKES_BACK.is_match(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: fn(&str, &str) -> bool, text: &str, what: &str, want: bool) {
        let (before, after) = text.split_once(what).unwrap();
        assert_eq!(said(before, after), want, "{text}");
    }

    #[test]
    fn what_is_plainly_said_to_be_in_order_again_is() {
        for text in [
            "192.0.2.7 is clean",
            "Thank you, [192.0.2.7] is now clean again.",
            "The host 192.0.2.7 has been cleaned up today, but 192.0.2.8 still attacks us.",
            "192.0.2.7, 192.0.2.8 and 192.0.2.9 are clean now.",
            "192.0.2.7 is no longer infected",
            "192.0.2.7 is not compromised any more.",
            "192.0.2.7 is fixed now, thanks!",
            "Danke, 192.0.2.7 ist inzwischen sauber.",
            "192.0.2.7 und 192.0.2.8 wurden gestern bereinigt.",
            "192.0.2.7 ist nicht mehr infiziert.",
        ] {
            check(is_clean, text, "192.0.2.7", true);
        }
    }

    #[test]
    fn what_is_asked_reported_or_taken_back_is_not() {
        for text in [
            "192.0.2.7 is not clean",
            "192.0.2.7 is still not clean",
            "Please make sure that 192.0.2.7 is clean.",
            "You wrote that 192.0.2.7 is clean now.",
            "Tell us when 192.0.2.7 is cleaned.",
            "192.0.2.7 is clean now?",
            "192.0.2.7 was clean, but attacks again.",
            "192.0.2.7 is clean, however it still sends spam",
            "192.0.2.7 was clean until yesterday.",
            "192.0.2.7 was resolved from evil.example",
            "192.0.2.7 is fixed to one port",
            "192.0.2.7 is cleaning our disks",
            "192.0.2.7 attacks us",
            "clean 192.0.2.7",
            "Angeblich ist alles gut; laut Betreiber 192.0.2.7 ist sauber",
            "192.0.2.7 ist sauber, greift aber weiter an",
            "192.0.2.7 ist noch nicht sauber",
        ] {
            check(is_clean, text, "192.0.2.7", false);
        }
    }

    #[test]
    fn a_page_is_gone() {
        for (text, want) in [
            ("The phishing page http://a.example/ is offline now.", true),
            ("http://a.example/ has been taken down, thank you", true),
            ("Die Seite http://a.example/ ist nicht mehr erreichbar.", true),
            ("Please confirm that http://a.example/ is offline.", false),
            ("http://a.example/ was removed, but is back", false),
            ("http://a.example/ is online", false),
        ] {
            check(is_gone, text, "http://a.example/", want);
        }
    }
}
