//! Bounces without a delivery status: qmail, Exchange, Exim, old sendmail, and text as Postfix writes it.
//!
//! They are known by their sender, subject or first words; one that a mail server wrote and that nobody can answer also
//! by what it says of an address, whatever its subject is and in whatever language. Failed addresses are those that stand at the
//! beginning of a line (or behind a name) before the copy of the returned mail; the words that follow,
//! up to the next address, say why.

use mail_parser::Message;

use super::bounce::{Failed, Weight, one_line, push};
use super::{address, header, lower, status};

/// Lines looked at.
const LINES_MAX: usize = 400;
/// Lines behind an address that may say why it failed.
const REASON_LINES_MAX: usize = 8;

/// Subjects of bounces begin so, in lower case.
const SUBJECTS: [&str; 22] = [
    "undelivered mail returned",
    "undeliverable",
    "undelivered",
    "delivery status notification",
    "delivery failure",
    "delivery failed",
    "delivery notification",
    "delivery has failed",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery system",
    "mail system error",
    "message delivery failure",
    "returned mail",
    "failure notice",
    "unzustellbar",
    "nicht zustellbar",
    "non remis",
    "no se puede entregar",
    "no se ha podido entregar",
    "warning: message",
    "warning: could not send message",
];
/// Words of bounces, in lower case.
const WORDS: [&str; 15] = [
    "this is the qmail-send program",
    "i wasn't able to deliver your message",
    "i'm afraid i wasn't able to deliver",
    "your message could not be delivered",
    "could not be delivered to one or more",
    "your message did not reach",
    "did not reach the following recipient",
    "delivery has failed to these recipients",
    "diagnostic information for administrators",
    "had permanent fatal errors",
    "had permanent delivery errors",
    "this is the mail system at host",
    "message that you sent could not be delivered",
    "couldn't be delivered",
    "your message wasn't delivered to",
];
/// Words of warnings that a mail is late and still being tried, in lower case.
const DELAYS: [&str; 9] = [
    "not yet been delivered",
    "has been delayed",
    "could not be delivered yet",
    "delivery attempts will continue",
    "this is a warning message only",
    "you do not need to resend",
    "will keep trying",
    "will continue to try",
    "will be retried",
];
/// Words of bounces that are none of those.
const GIVEN_UP: [&str; 3] = ["permanent", "given up", "giving up"];
/// Where the copy of the returned mail begins.
const COPIES: [&str; 9] = [
    "is a copy of the message",
    "is a copy of the original message",
    "is a copy of your message",
    "original message headers",
    "original message follows",
    "returned message follows",
    "-- original message --",
    "unsent message below",
    "message header follows",
];
const DAEMONS: [&str; 6] =
    ["mailer-daemon", "postmaster", "mail-daemon", "maildaemon", "mailerdaemon", "microsoftexchange"];

/// Whether the mail is such a bounce, and what showed it. One sign is not enough: people write about
/// undeliverable mail, and postmasters write mails.
pub(super) fn because(message: &Message<'_>, from: &str, subject: &str, text: &str) -> Option<String> {
    let local = from.split('@').next().unwrap_or_default();
    let is_daemon = DAEMONS.iter().any(|daemon| local.starts_with(daemon));
    let (subject, words) = (subject.to_lowercase(), before_copy(text).to_ascii_lowercase());
    let names_it = SUBJECTS.iter().any(|one| subject.starts_with(one));
    let says_it = WORDS.iter().find(|one| words.contains(**one));
    let has_no_way_back = header(message, "Return-Path").is_some_and(|path| path == "<>");
    let is_marked =
        header(message, "X-Failed-Recipients").is_some() || header(message, "X-MS-Exchange-Message-Is-Ndr").is_some();
    if is_marked {
        return Some("it names failed recipients in a header".into());
    }
    if is_daemon && has_no_way_back && !names_it && says_it.is_none() {
        let refusal = failed(text).into_iter().find(is_refusal)?;
        return Some(format!("a mail server says of an address: {}", refusal.why()));
    }
    let signs = [is_daemon, names_it, says_it.is_some(), has_no_way_back];
    if signs.iter().filter(|sign| **sign).count() < 2 || !(names_it || says_it.is_some()) {
        return None;
    }
    Some(match says_it {
        Some(one) => format!("it says `{one}`"),
        None => "its sender and subject are those of a bounce".into(),
    })
}

/// Whether what is said of an address is what a server said when it refused it: a status or reply code in front of the
/// words, or words that nobody has the address. A number somewhere in a text is none.
fn is_refusal(failed: &Failed) -> bool {
    let first = failed.diagnostic.split([' ', '-']).next().unwrap_or_default();
    let has_status = failed.status.starts_with(['4', '5']);
    failed.weight == Weight::Hard || has_status || !failed.address.is_empty() && status::code(first).is_some()
}

/// What says of a bounce that it only warns of a delay.
pub(super) fn warning(text: &str) -> Option<&'static str> {
    let words = before_copy(text).split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let is_final = GIVEN_UP.iter().any(|one| words.contains(one));
    DELAYS.iter().find(|one| !is_final && words.contains(**one)).copied()
}

/// The text before the copy of the returned mail.
pub(super) fn before_copy(text: &str) -> &str {
    copy_begins(text).and_then(|at| text.get(..at)).unwrap_or(text)
}

/// The copy of the returned mail: its headers, without the empty lines before them.
pub(super) fn copy(text: &str) -> &str {
    let rest = copy_begins(text).and_then(|at| text.get(at..)).unwrap_or_default();
    let rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    let end = rest.find("\n\n").or_else(|| rest.find("\r\n\r\n")).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

/// Where the line with which the copy begins begins.
fn copy_begins(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n').take(LINES_MAX) {
        let lower = line.to_ascii_lowercase();
        if COPIES.iter().any(|one| lower.contains(one)) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// Failed addresses of a text, each with what follows it.
pub(super) fn failed(text: &str) -> Vec<Failed> {
    let lines: Vec<&str> = before_copy(text).lines().take(LINES_MAX).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((address, rest)) = leading_address(line) else { continue };
        let mut words = vec![rest];
        for next in lines.iter().skip(index + 1).take(REASON_LINES_MAX) {
            let has_begun = words.iter().any(|word| !word.trim().is_empty());
            if leading_address(next).is_some() || next.trim().is_empty() && has_begun {
                break;
            }
            words.push(next);
        }
        let words = words.join(" ");
        let (enhanced, code) = (status::enhanced(&words), status::code(&words));
        // Domino says `because:` and names the address once more.
        let says_nothing = words.trim().is_empty() || words.trim().ends_with(':') && !words.trim().contains(' ');
        if enhanced.is_none() && code.is_none() && says_nothing {
            continue;
        }
        let status = enhanced.map(|(a, b, c)| format!("{a}.{b}.{c}")).unwrap_or_default();
        // Exchange tells people of an address first, and administrators of its status below.
        if let Some(known) = found.iter_mut().find(|known: &&mut Failed| known.address == address) {
            if known.status.is_empty() && !status.is_empty() {
                known.weight = status::weight(enhanced, code, &format!("{} {words}", known.diagnostic));
                (known.status, known.diagnostic) = (status, one_line(&words));
            }
            continue;
        }
        let weight = status::weight(enhanced, code, &words);
        push(&mut found, Failed { address, original: String::new(), weight, status, diagnostic: one_line(&words) });
    }
    if found.is_empty() {
        found.extend(gmail(&lines));
    }
    if found.is_empty() {
        found.extend(in_sentences(&lines));
    }
    found
}

/// What a bounce says that begins no line with an address: of the one address in its sentences, or of nobody by name,
/// since the return address says whom it is about. Where several are named, nobody knows which is meant.
fn in_sentences(lines: &[&str]) -> Option<Failed> {
    let words = lines.join(" ");
    let (enhanced, code) = (status::enhanced(&words), status::code(&words));
    let weight = status::weight(enhanced, code, &words);
    if enhanced.is_none() && code.is_none() && weight != Weight::Hard {
        return None;
    }
    let is_around = |c: char| "<>()[]\"',;:.".contains(c);
    let all = words.split_whitespace().map(|word| lower(word.trim_matches(is_around)));
    let mut all = all.filter(|word| address::is_plain(word));
    let address = all.next().unwrap_or_default();
    if all.any(|other| other != address) {
        return None;
    }
    let status = enhanced.map(|(a, b, c)| format!("{a}.{b}.{c}")).unwrap_or_default();
    Some(Failed { address, original: String::new(), weight, status, diagnostic: one_line(&words) })
}

/// Gmail names the address within a sentence, and what the server said below other words.
fn gmail(lines: &[&str]) -> Option<Failed> {
    const NAMED: &str = "message wasn't delivered to ";
    const SAID: &str = "The response was:";
    let words = lines.join(" ").replace('\u{2019}', "'");
    let (_, rest) = words.split_once(NAMED)?;
    let address = lower(rest.split_whitespace().next()?.trim_matches(['<', '>', '.', ',']));
    let said = rest.split_once(SAID).map_or(rest, |(_, said)| said);
    let (enhanced, code) = (status::enhanced(said), status::code(said));
    let status = enhanced.map(|(a, b, c)| format!("{a}.{b}.{c}")).unwrap_or_default();
    let weight = status::weight(enhanced, code, said);
    let diagnostic = one_line(said);
    address::is_plain(&address).then_some(Failed { address, original: String::new(), weight, status, diagnostic })
}

/// The address at the beginning of a line: `<a@b>: why`, `a@b on Tue`, `Name (a@b)<mailto:a@b>`.
fn leading_address(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    if line.starts_with('>') || line.starts_with("To:") || line.starts_with("From:") {
        return None;
    }
    let is_end = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"' | '\'');
    // Behind a name it stands in brackets.
    let begin = match line.starts_with(['<', '(']) {
        true => 1,
        false => line
            .find(['<', '('])
            .filter(|at| {
                line.get(..*at).is_some_and(|name| !name.contains('@') && name.split_whitespace().count() <= 4)
            })
            .map_or(0, |at| at + 1),
    };
    let tail = line.get(begin..)?;
    let tail = tail.strip_prefix("mailto:").unwrap_or(tail);
    let end = tail.find(is_end).unwrap_or(tail.len());
    let (word, rest) = tail.split_at_checked(end)?;
    let word = lower(word.trim_end_matches([':', '.']));
    address::is_plain(&word).then_some((word, rest.trim_start_matches(['>', ')', ':', ' '])))
}
