//! What a refusal means: for good, for now, or not about the address at all.
//!
//! Only a refusal that says the address does not exist counts as hard. A full mailbox, a filter that
//! takes us for spam and a server that is away say nothing about whether somebody is there.

use super::bounce::Weight;

/// Words of servers that mean: there is nobody with this address.
const NOBODY: [&str; 26] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such recipient",
    "no such mailbox",
    "no mailbox here",
    "mailbox not found",
    "mailbox unavailable",
    "user not found",
    "address not found",
    "recipient not found",
    "recipnotfound",
    "not found by smtp address lookup",
    "does not exist",
    "doesn't exist",
    "doesn't have a",
    "unknown address",
    "address rejected",
    "recipient unknown",
    "unknown recipient",
    "invalid recipient",
    "invalid mailbox",
    "not recognized",
    "account is disabled",
    "couldn't be found",
    "host or domain name not found",
];
/// Words that mean: not now, or not from you, or not this mail.
const NOT_NOW: [&str; 24] = [
    "quota",
    "mailbox full",
    "mailbox is full",
    "is full",
    "over the maximum",
    "too large",
    "too big",
    "spam",
    "blocked",
    "blacklist",
    "blocklist",
    "dnsbl",
    "reputation",
    "policy",
    "dmarc",
    "spf",
    "greylist",
    "try again",
    "temporar",
    "timed out",
    "connection refused",
    "disk space",
    "access denied",
    "relay",
];

/// How much a refusal weighs, from its enhanced status (RFC 3463), its reply code and its words.
pub(super) fn weight(enhanced: Option<(u16, u16, u16)>, code: Option<u16>, words: &str) -> Weight {
    let words = words.to_ascii_lowercase();
    let says = |list: &[&str]| list.iter().any(|one| words.contains(one));
    match enhanced {
        Some((5, 1, 0..=6 | 10) | (5, 2, 1) | (5, 4, 4)) => return Weight::Hard,
        Some((5, 0 | 5, _)) | None => {}
        Some(_) => return Weight::Soft,
    }
    if says(&NOBODY) && code.is_none_or(|code| code >= 500) {
        return Weight::Hard;
    }
    if says(&NOT_NOW) {
        return Weight::Soft;
    }
    match (enhanced, code) {
        // A failure for good that gives no reason of its own.
        (Some((5, 0, 0)), _) | (_, Some(550 | 551)) => Weight::Hard,
        _ => Weight::Soft,
    }
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
