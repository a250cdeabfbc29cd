//! Which side of what happened an address is on, by the words around it, in English and German.

use std::sync::LazyLock;

use regex::Regex;

use super::clean::is_clean;
use super::wrap::is_address;

/// A side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It did something: `from`, `src=`, `Angreifer`.
    From,
    /// The same in fewer words, which often mean something else: `by`, `durch`.
    By,
    /// Perhaps something was done to it: `to`, `on`.
    To,
    /// Something was done to it, or it is the writer's own: `dst=`, `against`, `our server`.
    Target,
    /// It is in order again.
    Clean,
    /// Nothing is said.
    Unsaid,
}

const FROM: &[&str] = &[
    "from",
    "src",
    "srcip",
    "src_ip",
    "saddr",
    "source",
    "source_ip",
    "sources",
    "client",
    "rhost",
    "attacker",
    "attackers",
    "offender",
    "von",
    "angreifer",
    "quelle",
    "quellen",
    "quell-ip",
];
const BY: &[&str] = &["by", "durch"];
const TO: &[&str] = &["to", "on", "auf", "nach"];
const TARGET: &[&str] = &[
    "dst",
    "dstip",
    "dst_ip",
    "daddr",
    "dest",
    "dest_ip",
    "destination",
    "destination_ip",
    "destinations",
    "target",
    "target_ip",
    "targets",
    "targeted",
    "victim",
    "victims",
    "against",
    "ziel",
    "ziele",
    "ziel-ip",
    "opfer",
    "gegen",
    "->",
    "-->",
    "=>",
];
/// Most words between what says that something is attacked and its address.
const BETWEEN_MAX: usize = 4;

pub(super) fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

fn is_in(list: &[&str], word: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// The side of an address between these texts: `from `, `SRC=`, `from host[`, `source ip: `, `our server `, or
/// ` was attacked by ...` behind it.
pub(super) fn side(before: &str, after: &str) -> Side {
    if is_ours(before) || is_called_ours(after) || is_beside_us(before, after) {
        return Side::Target;
    }
    if is_clean(before, after) {
        return Side::Clean;
    }
    let words: Vec<&str> = words_back(before).take(BETWEEN_MAX + 1).collect();
    for word in words.iter().take(2) {
        match *word {
            word if is_in(FROM, word) => return Side::From,
            word if is_in(BY, word) => return Side::By,
            word if is_in(TARGET, word) => return Side::Target,
            word if is_in(TO, word) => return if is_attacked(before) { Side::Target } else { Side::To },
            _ => {}
        }
    }
    let decided = words.iter().find(|word| [FROM, BY, TARGET].iter().any(|list| is_in(list, word)));
    match decided {
        // `against the mail server 192.0.2.1`; farther back than two words `from` is about something else.
        Some(word) if is_in(&["against", "gegen"], word) => Side::Target,
        _ if is_attacked(before) || is_passive(after) || is_struck(before, after) => Side::Target,
        _ => Side::Unsaid,
    }
}

/// The words before an address, the nearest first, to the beginning of its sentence.
fn words_back(before: &str) -> impl Iterator<Item = &str> {
    let sentence = before.rsplit([';', '|', '!', '?']).next().unwrap_or_default();
    let sentence = sentence.rsplit(". ").next().unwrap_or_default();
    sentence
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | '[' | '(' | '<' | ',' | '"' | '\''))
        .filter(|word| !word.is_empty())
}

/// Whether a text ends in `our mail server`, `unseren Webserver mx.bank.example (IP `, and the like.
fn is_ours(before: &str) -> bool {
    static OURS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)\b(?-i:us|uns)(?:\s*,?\s+(?:at|on|unter|auf)\s+ | \s*[\[(])(?:ips?[\s:]+)?$ |
            \b(?:i|we)\s+(?:own|operate|run|administer|manage)\s+ (?:(?:the|a|ips?|address|hosts?|servers?|systems?|networks?)\s+){0,4}[\[(<\x22]*$ |
            \b(?:ich|wir)\s+(?:besitzen?|betreiben?|verwalten?)\s+ (?:(?:die|den|das|ip|ips|adresse|rechner|server|netz)\s+){0,4}[\[(<\x22]*$ |
            \b(?:i\s+am|i'm|we\s+are|ich\s+bin|wir\s+sind)\s+ (?:(?:the|an?|der|die)\s+)? (?:owners?|operators?|admin(?:istrator)?s?|betreiber|besitzer|inhaber)(?:in)?
            \s+ (?:of|von|der|des)\s+ (?:(?:the|der|des|ips?|address|adresse|hosts?|servers?|rechners?|networks?|netzes)\s+){0,3}[\[(<\x22]*$ |
            \b(?:our|my|unser(?:e[nmrs]?)?|mein(?:e[nmrs]?)?)\s+[\[(<\x22]*$ |
            \b(?:our|my|unser(?:e[nmrs]?)?|mein(?:e[nmrs]?)?)\s+ (?:[\w-]+\s+){0,3}?
            [\w-]*(?:servers?|servern|hosts?|systems?|systeme?n?|machines?|rechnern?|networks?|netze?|netzwerke?|ranges?
            |addresses|address|adressen?|ips?|sites?|websites?|webseiten?|seiten?|shops?|honeypots?|sensors?|sensoren
            |firewalls?|routers?|gateways?|vps|customers?|kunden?|clients?)
            (?:\s+[\w-]+(?:\.[\w-]+)+)?
            (?:[\s:,=]*(?:\bips?\b|\bip-adressen?\b|\bipv[46]\b|\baddress(?:es)?\b|\badressen?\b|\bat\b|\bon\b|\bwith\b|\bmit\b|\bder\b|\bden\b|\bunter\b|\bthe\b)){0,4}
            [\s:=\[(<\x22]*$",
        )
    });
    before.len() <= LOOK_BYTES_MAX && OURS.is_match(before) || tail(before).is_some_and(|tail| OURS.is_match(tail))
}

/// `attacks us, 192.0.2.1, every night`: the address is another name for us. A clause of its own says who it is:
/// `attacks us, 192.0.2.7 is its address`.
fn is_beside_us(before: &str, after: &str) -> bool {
    static US: LazyLock<Regex> = LazyLock::new(|| compile(r"\b(?:us|uns)\s*,\s*(?:[Ii][Pp]s?[\s:]+)?$"));
    static ENDS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)^(?:[\])>:\d]*\s*(?:[,.;!?]|$)|[\])>]*\s+(?:from|with|by|via|at|on|since|over|and\s+\d|von|mit|seit|\x{fc}ber|an)\b)",
        )
    });
    US.is_match(tail(before).unwrap_or(before)) && ENDS.is_match(after)
}

/// Longest text in which the words of one address are looked for.
const LOOK_BYTES_MAX: usize = 200;

/// The end of a longer text.
pub(super) fn tail(text: &str) -> Option<&str> {
    let from = text.len().checked_sub(LOOK_BYTES_MAX)?;
    (from..text.len()).find_map(|at| text.get(at..))
}

/// ` (our web server)`, `, unser Server,`, ` is our honeypot`, ` (target)`.
fn is_called_ours(after: &str) -> bool {
    static CALLED: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)^[\])>:\d]*\s* (?: (?:,\s*|\(\s*|-+\s+|(?:which\s+)?is\s+|ist\s+)(?:our|my|unser(?:e[nmrs]?)?|mein(?:e[nmrs]?)?)\b
            | ,?\s*(?:which|that)\s+(?:i|we)\s+(?:own|operate|run|administer|manage)\b
            | ,\s*(?:die|den|das|der)\s+(?:ich|wir|mir|uns)\s+(?:besitzen?|betreiben?|verwalten?|geh\x{f6}r(?:t|en))\b
            | \(\s*(?:victim|target|destination|dst|opfer|ziel)\s*\))",
        )
    });
    CALLED.is_match(after)
}

/// `attacks on `, `Angriff auf die Adresse `, `login attempts to `.
fn is_attacked(before: &str) -> bool {
    static ATTACKED: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)\b(?:attack(?:s|ed|ing)?|attempts?|scan(?:s|ned|ning)?|probes?|floods?|angriffe?n?|versuche?n?|zugriffe?n?|portscans?)\s+
            (?:on|at|to|auf|an)\s+ (?:(?:the|host|server|ip|address|die|den|der|adresse|rechner)\s+){0,3} [\[(<\x22]*$",
        )
    });
    ATTACKED.is_match(tail(before).unwrap_or(before))
}

/// ` was attacked by ...`, ` wurde von ... angegriffen`.
fn is_passive(after: &str) -> bool {
    static PASSIVE: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"(?i)^[\])>]*,?\s+(?:was|were|is being|are being|has been|have been|wurden?|wird|werden)\b(.{0,200})")
    });
    static VERB: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)\b(?:attacked|scanned|probed|flooded|targeted|bombarded|hit|angegriffen|gescannt|attackiert|geflutet)\b",
        )
    });
    static DOER: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i)\b(?:by|from|von|durch)\b"));
    let rest = PASSIVE.captures(after).and_then(|found| found.get(1)).map_or("", |rest| rest.as_str());
    VERB.is_match(rest) && DOER.is_match(rest)
}

/// `192.0.2.7 is scanning `, `your customer attacks the server `, `192.0.2.7 greift `, `192.0.2.7 hat ` before ` gescannt`:
/// a host does something to the next. What people do themselves (`we scanned `) says nothing.
fn is_struck(before: &str, after: &str) -> bool {
    static STRIKES: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)(?P<who>\S+)\s+ (?:(?:is|are|was|were|has|have|had|been|keeps?|kept|starts?|started|began|repeatedly|actively
            |currently|still|now|also|just|then|constantly|continuously)\s+){0,4}
            (?:attack(?:s|ed|ing)|scan(?:s|ned|ning)|prob(?:es|ed|ing)|flood(?:s|ed|ing)|target(?:s|ed|ing)|hammer(?:s|ed|ing)
            |brute-?forc(?:es|ed|ing)|ddos(?:es|ed|ing)|greift|griff|greifen|griffen|scannt(?:en?)?|scannen|attackier(?:t|te|ten|en)
            |flutet(?:en?)?|(?P<perfect>hat|haben|hatten?))\s+
            (?:(?:the|a|our|my|hosts?|servers?|systems?|machines?|networks?|ips?|address|ports?|\d{1,5}|on|of|den|die|das|der
            |server|rechner|adresse|heute|gestern|seit)\s+){0,5}[\[(<\x22]*$",
        )
    });
    static DONE: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"(?i)^[\])>\x22]*\s+(?:\S+\s+){0,6}?(?:angegriffen|gescannt|attackiert|geflutet|gehackt)\b")
    });
    const HOSTS: &[&str] = &[
        "it",
        "he",
        "they",
        "which",
        "that",
        "who",
        "host",
        "hosts",
        "server",
        "servers",
        "machine",
        "machines",
        "customer",
        "customers",
        "system",
        "systems",
        "computer",
        "computers",
        "bot",
        "bots",
        "ips",
        "er",
        "es",
        "sie",
        "kunde",
        "rechner",
        "system",
        "systeme",
    ];
    let Some(found) = STRIKES.captures(tail(before).unwrap_or(before)) else { return false };
    let who = found.name("who").map_or("", |who| who.as_str());
    let who = who.trim_matches(|c: char| !c.is_alphanumeric() && c != ':');
    let is_done = found.name("perfect").is_none() || DONE.is_match(after);
    is_done && (is_address(who) || is_in(HOSTS, who))
}

/// Whether a line ends in words that say the side of what comes next: `... against our server`, `... from`.
pub(super) fn is_open(line: &str) -> bool {
    let last = words_back(line).next().unwrap_or_default();
    let is_said = [FROM, BY, TO, TARGET].iter().any(|list| is_in(list, last));
    is_said || is_in(&["our", "unser", "unsere", "unseren", "unserem", "unserer"], last) || is_ours(line)
}

/// Whether two addresses with this between them belong to one list.
pub(super) fn is_list(between: &str) -> bool {
    let rest = between.trim_matches(|c: char| c.is_whitespace() || ",;|&[]()<>\"'".contains(c));
    rest.is_empty() || is_in(&["and", "und", "or", "oder", "sowie", "also", "auch"], rest)
}

/// What a line that ends in a colon says of the addresses in the lines below it.
pub(super) fn heading(line: &str) -> Side {
    let Some(text) = line.trim_end().strip_suffix(':') else { return Side::Unsaid };
    let says = |list: &[&str]| words_back(text).take(20).any(|word| is_in(list, word));
    let is_target = is_ours(text)
        || says(&[
            "target",
            "targets",
            "destination",
            "destinations",
            "victim",
            "victims",
            "attacked",
            "ziel",
            "ziele",
            "opfer",
            "angegriffene",
        ]);
    let is_source = says(&[
        "source",
        "sources",
        "attacker",
        "attackers",
        "offender",
        "offenders",
        "attacking",
        "angreifer",
        "quelle",
        "quellen",
    ]);
    match (is_target, is_source) {
        (true, false) => Side::Target,
        (false, true) => Side::From,
        _ => Side::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_around_an_address_say_which_side_it_is_on() {
        let check = |line: &str, want: Side| {
            let (before, after) = line.split_once('*').unwrap();
            assert_eq!(side(before, after), want, "{line}");
        };
        check("attacks against our server *", Side::Target);
        check("attacks against our mail server mx.bank.example (*)", Side::Target);
        check("Angriffe gegen unseren Webserver *", Side::Target);
        check("auf unserem Server mit der IP *", Side::Target);
        check("Our customer with IP address * complains", Side::Target);
        check("* (our honeypot) saw", Side::Target);
        check("*, unser Mailserver, meldet", Side::Target);
        check("192.0.2.7 attacked us (*) yesterday", Side::Target);
        check("192.0.2.7 attacks us at *", Side::Target);
        check("192.0.2.7 greift uns (IP *) an", Side::Target);
        check("a host in the US (*)", Side::Unsaid);
        check("your host attacks us, *.", Side::Target);
        check("your host attacks us, * since Monday", Side::Target);
        check("192.0.2.7 greift uns, *, seit gestern an", Side::Target);
        check("your host attacks us, * is its address", Side::Unsaid);
        check("a host in the US, *, attacks", Side::Unsaid);
        check("I own *, and it is attacked", Side::Target);
        check("we operate the server *", Side::Target);
        check("I am the owner of *", Side::Target);
        check("the owner of * should know", Side::Unsaid);
        check("*, which we own, is attacked", Side::Target);
        check("Ich betreibe den Server *", Side::Target);
        check("wir sind Betreiber von *", Side::Target);
        check("*, die uns gehört,", Side::Target);
        check("our *", Side::Target);
        check("unsere *", Side::Target);
        check("unser Server *", Side::Target);
        check("our server *", Side::Target);
        check("we see * in our logs", Side::Unsaid);
        check("target: *", Side::Target);
        check("Targeted Range:  *", Side::Target);
        check("\"dest_ip\": \"*\"", Side::Target);
        check("against the mail server *", Side::Target);
        check("Angriff auf die Adresse *", Side::Target);
        check("attempts to *", Side::Target);
        check("* was attacked last night by your host", Side::Target);
        check("* wurde von 192.0.2.7 angegriffen", Side::Target);
        check("our server was attacked by *", Side::By);
        check("attacks our server from *", Side::From);
        check("Angreifer: *", Side::From);
        check("phishing on *", Side::To);
        check("our firewall blocked *", Side::Unsaid);
        check("our log shows that * attacks", Side::Unsaid);
        check("against us. Your host *", Side::Unsaid);
        check("* has been reported by others", Side::Unsaid);
        check("* was hacked, and attacks by it go on", Side::Unsaid);
        for verb in ["is scanning", "is attacking", "attacked", "probed", "has repeatedly scanned", "scannt", "greift"]
        {
            check(&format!("192.0.2.7 {verb} *"), Side::Target);
            check(&format!("192.0.2.7 {verb} the server * now"), Side::Target);
            check(&format!("* {verb} 198.51.100.1"), Side::Unsaid);
        }
        check("192.0.2.7 hat gestern * angegriffen", Side::Target);
        check("192.0.2.7 hat * als Nachbarn", Side::Unsaid);
        check("It scanned port 22 of *", Side::Target);
        check("192.0.2.7 (your customer) attacked *", Side::Target);
        check("We scanned *", Side::Unsaid);
        check("SSH attacks *", Side::Unsaid);
        check("a list of scans *", Side::Unsaid);
    }

    #[test]
    fn headings_speak_for_the_lines_below() {
        assert_eq!(heading("Attacked hosts:"), Side::Target);
        assert_eq!(heading("Our servers:"), Side::Target);
        assert_eq!(heading("Angreifer:"), Side::From);
        assert_eq!(heading("Source and target:"), Side::Unsaid);
        assert_eq!(heading("IPs Engaged In Harvesting On Your Network:"), Side::Unsaid);
        assert_eq!(heading("target"), Side::Unsaid);
    }
}
