//! What a refusal means: for good, for now, or not about the address at all.
//!
//! Only a refusal that says that nobody has this address counts as hard, because whoever it is about is told nothing
//! any more. A full mailbox and a server that is away say nothing of that, and neither does what is said of us: a
//! server that blocks ours refuses every address, and most do so with the words that they have for unknown ones
//! (`550 mailbox unavailable`). So any word about us, about what we wrote, or about now makes a refusal soft, whatever
//! else stands there; and one that gives no reason is soft too. A contact that is gone and was not known to be bounces
//! again; one that was suspended without cause is not told.

use super::bounce::Weight;

/// Statuses of RFC 3463 and RFC 7505 that say that nobody has the address: no such mailbox or system, no address, moved,
/// takes no mail, disabled.
const GONE: [(u16, u16, u16); 6] = [(5, 1, 1), (5, 1, 2), (5, 1, 3), (5, 1, 6), (5, 1, 10), (5, 2, 1)];
/// Words of servers that mean: there is nobody with this address.
const NOBODY: [&str; 65] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such person",
    "no such recipient",
    "no such mailbox",
    "no such address",
    "no mailbox here",
    "mailbox not found",
    "mailbox unknown",
    "unknown mailbox",
    "user not found",
    "address not found",
    "recipient not found",
    "not found by smtp address lookup",
    "does not exist",
    "doesn't exist",
    "no longer exists",
    "user doesn't have a",
    "unknown address",
    "address unknown",
    "recipient unknown",
    "unknown recipient",
    "unknown local part",
    "unknown or illegal alias",
    "invalid recipient",
    "invalid mailbox",
    "not a valid mailbox",
    "not a known user",
    "not our customer",
    "not listed in domino directory",
    "recipient name is not recognized",
    "account is disabled",
    "account has been disabled",
    "mailbox is disabled",
    "mailbox disabled",
    "address couldn't be found",
    "address you entered couldn't be found",
    "address you entered could not be found",
    "adresse wurde nicht gefunden",
    "wasn't found at",
    "adresse konnte nicht gefunden werden",
    "postfach existiert nicht",
    "adresse existiert nicht",
    "empfänger existiert nicht",
    "benutzer existiert nicht",
    "empfänger unbekannt",
    "empfaenger unbekannt",
    "empfängeradresse unbekannt",
    "benutzer unbekannt",
    "unbekannter empfänger",
    "unbekannter benutzer",
    "n'existe pas",
    "est inconnu",
    "est inconnue",
    "adresse inconnue",
    "destinataire inconnu",
    "utilisateur inconnu",
    "no existe",
    "usuario desconocido",
    "destinatario desconocido",
    "buzón desconocido",
    "host or domain name not found",
    "unrouteable address",
    "unroutable address",
];
/// Words that mean: not now, or not from you, or not this mail. Each stands where a word begins; one that ends in a
/// blank is a whole word.
const NOT_NOBODY: [&str; 83] = [
    // Not now.
    "quota",
    "mailbox full",
    "is full",
    "over the maximum",
    "exceed",
    "too large",
    "too big",
    "too many",
    "rate",
    "throttl",
    "greylist",
    "graylist",
    "try again",
    "try later",
    "temporar",
    "deferred",
    "timed out",
    "timeout",
    "connection refused",
    "disk space",
    "storage",
    // Not from you.
    "sender",
    "mail from",
    "helo ",
    "ehlo ",
    "client",
    "reverse",
    "rdns",
    "ptr ",
    "ip ",
    "your ip",
    "your host",
    "your server",
    "your domain",
    "your mail server",
    "your address",
    "your network",
    "your provider",
    "your isp",
    "our network",
    "verification failed",
    "verify failed",
    "could not verify",
    "callout",
    "block",
    "blacklist",
    "black list",
    "denylist",
    "dnsbl",
    "rbl ",
    "is listed",
    "been listed",
    "reputation",
    "policy",
    "policies",
    "dmarc",
    "spf ",
    "dkim",
    "authenticat",
    "authori",
    "unauthori",
    "permission",
    "permitted",
    "not allowed",
    "not accept",
    "denied",
    "prohibit",
    "forbidden",
    "restrict",
    "administrative",
    "relay",
    "tls",
    "security",
    // Not this mail.
    "spam",
    "junk",
    "unsolicited",
    "suspicious",
    "virus",
    "malware",
    "phish",
    "content",
    "message rejected",
    "mail rejected",
];

/// How much a refusal weighs, from its enhanced status (RFC 3463), its reply code and its words.
pub(super) fn weight(enhanced: Option<(u16, u16, u16)>, code: Option<u16>, words: &str) -> Weight {
    let words = plain(words);
    if NOT_NOBODY.iter().any(|one| words.contains(&format!(" {one}"))) {
        return Weight::Soft;
    }
    match enhanced {
        Some(status) if GONE.contains(&status) => Weight::Hard,
        // These say less than the words beside them.
        None | Some((5, 0 | 1 | 3..=5, _)) => {
            let is_for_good = enhanced.is_some() || code.is_none_or(|code| code >= 500);
            let is_nobody = NOBODY.iter().any(|one| words.contains(&format!(" {one}")));
            if is_for_good && is_nobody { Weight::Hard } else { Weight::Soft }
        }
        Some(_) => Weight::Soft,
    }
}

/// Words in lower case with one blank around each, without addresses, names of hosts and links: what is somebody's name
/// (`spam@net.example`, `mx.policy.example`) says nothing.
fn plain(words: &str) -> String {
    let mut plain = String::from(" ");
    let is_between = |c: char| c.is_whitespace() || "<>()[]{},;:\"".contains(c);
    for word in words.split(is_between).map(|word| word.trim_matches(['.', '!', '\'', '#', '/'])) {
        if !word.is_empty() && !word.contains(['@', '.', '/']) {
            plain.push_str(&word.to_lowercase());
            plain.push(' ');
        }
    }
    plain
}

/// The first `5.1.1` of a text.
pub(super) fn enhanced(text: &str) -> Option<(u16, u16, u16)> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.split('.');
        let mut next = |digits: usize| {
            let part = parts.next().filter(|part| (1..=digits).contains(&part.len()))?;
            part.parse::<u16>().ok()
        };
        let found = (next(1)?, next(3)?, next(3)?);
        (parts.next().is_none_or(str::is_empty) && matches!(found.0, 2 | 4 | 5)).then_some(found)
    })
}

/// The first `550` of a text that is a reply code.
pub(super) fn code(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').find_map(|word| {
        let code = word.parse::<u16>().ok().filter(|_| word.len() == 3)?;
        matches!(code, 400..=599).then_some(code)
    })
}

/// How much an answer of a server to RCPT weighs, as a deliverer tells it.
pub fn weight_of_answer(answer: &str) -> Weight {
    weight(enhanced(answer), code(answer), answer)
}

/// Whether a text has a status that is about the mailbox alone. That of its system (5.1.2) is not: whoever asks a DNS that
/// is down in vain gives it for every address.
pub(super) fn is_of_mailbox(text: &str) -> bool {
    enhanced(text).is_some_and(|status| status != (5, 1, 2) && GONE.contains(&status))
}

/// Whether an answer of a server begins with a reply code and a status that are about the address: `550 5.1.1 `.
pub fn is_about_address(answer: &str) -> bool {
    let mut words = answer.split([' ', '-']);
    let is_final = words.next().is_some_and(|word| code(word).is_some_and(|code| code >= 500));
    is_final && words.next().and_then(enhanced).is_some_and(|(class, subject, _)| (class, subject) == (5, 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_says_that_nobody_is_there_is_hard() {
        let check = |said: &str, want: Weight| assert_eq!(weight_of_answer(said), want, "{said}");
        let hard = |said: &str| check(said, Weight::Hard);
        let soft = |said: &str| check(said, Weight::Soft);
        hard("550 5.1.1 <spam@net.example>: Recipient address rejected: User unknown in local recipient table");
        hard(
            "550-5.1.1 The email account that you tried to reach does not exist. See https://x.example/policy?p=NoSuchUser",
        );
        hard("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup");
        hard("550 5.2.1 disabled");
        hard("550 No such user here");
        hard("552 552 1 Requested mail action aborted, mailbox not found");
        hard("550 Unrouteable address");
        hard("554 delivery error: This user doesn't have a mx.example account (abuse@mx.example)");
        hard("550 5.4.310 DNS domain net.example does not exist");
        hard("550 abuse wasn't found at net.example");
        hard("550 Postfach existiert nicht");
        hard("550 5.0.0 Empfänger unbekannt");
        hard("550 L'adresse de messagerie n'existe pas");
        hard("550 El destinatario no existe");
        soft("450 El destinatario no existe");
        soft("450 Postfach existiert nicht");
        soft("550");
        soft("550 5.0.0");
        soft("450 4.1.1 user unknown in table");
        soft("450 user unknown");
        soft("552 5.2.2 mailbox full");
        soft("550 5.7.1 user unknown");
        soft("550 mailbox unavailable");
        soft("550 5.1.1 <abuse@net.example>: user unknown; 192.0.2.1 is blocked");
    }

    /// A server that takes us for a nuisance refuses every address: none of them may be suspended for it.
    #[test]
    fn what_is_said_of_us_or_of_a_mail_suspends_nobody() {
        for said in ABOUT_US {
            assert_eq!(weight_of_answer(said), Weight::Soft, "{said}");
        }
    }

    /// Answers of servers that are no word about the address.
    const ABOUT_US: [&str; 24] = [
        "Administrative prohibition",
        "Sender verify failed",
        "Verification failed for <cert@cert.example>",
        "IP 192.0.2.1 is not allowed to send mail",
        "No RBL please: your host is listed at dnsbl.example",
        "Message rejected: content not accepted here",
        "Recipient address rejected: Access denied",
        "mailbox unavailable (content filter)",
        "Address rejected: sender not authorised",
        "Client host [192.0.2.1] blocked using bl.example",
        "Sender address rejected: Domain not found",
        "Domain of sender address cert@cert.example does not exist",
        "Relaying denied. IP name lookup failed",
        "Helo command rejected: Host not found",
        "SPF check failed",
        "Message looks like spam",
        "your domain does not exist in our allow list, not accepted",
        "Message contains a virus",
        "rejected by policy",
        "Client host rejected: cannot find your reverse hostname",
        "Too many recipients unknown to us from your IP",
        "Your network is on our blocklist",
        "unauthenticated mail is prohibited",
        "mailbox quota exceeded",
    ];
    const CODES: [&str; 9] =
        ["", "550 ", "551 ", "553 ", "554 ", "550 5.1.0 ", "550 5.1.1 ", "550 5.2.1 ", "550 5.7.1 "];

    proptest! {
        #[test]
        fn no_words_around_it_make_what_is_said_of_us_hard(
            at in 0..ABOUT_US.len(), code in 0..CODES.len(), nobody in 0..NOBODY.len(), is_first: bool, more in "[a-z .,;]{0,40}"
        ) {
            let (said, nobody) = (ABOUT_US[at], NOBODY[nobody]);
            let words = if is_first { format!("{said}; {nobody} {more}") } else { format!("{nobody}. {said}; {more}") };
            prop_assert_eq!(weight_of_answer(&format!("{}{words}", CODES[code])), Weight::Soft);
        }
    }
}
