//! The lines of a complaint that its writer wrote, without what is quoted, pasted or a signature.

use std::sync::LazyLock;

use regex::Regex;

use super::{LINE_BYTES_MAX, LINES_MAX, words};
use crate::parse::lines::each_line;
use crate::parse::{Fault, Input, Sink};

/// The lines that the writer of the mail wrote, with their numbers.
pub(super) fn lines(input: &mut Input<'_>, sink: &mut Sink<'_>) -> Vec<(u64, String)> {
    let (mut lines, mut ended, mut in_header, mut is_signed) = (Vec::new(), false, false, false);
    each_line(input, sink, |sink, number, line| {
        if ended {
            return;
        }
        if number > LINES_MAX {
            let fault = Fault::new("", format!("more than {LINES_MAX} lines; the rest is not read"));
            sink.reject(number, fault, b"");
            ended = true;
            return;
        }
        let plain = line.trim();
        ended = matches!(line, "-- " | "--") || words::begins_quoted_mail(plain);
        // A header goes on in lines that begin with a blank.
        in_header = words::is_header(line) || in_header && line.starts_with([' ', '\t']);
        is_signed |= is_closing(plain);
        let is_own = !in_header && !plain.starts_with('>') && !words::introduces_quote(plain);
        if !ended && is_own && !(is_signed && is_card(plain)) {
            let end = (0..=LINE_BYTES_MAX.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            lines.push((number, line.get(..end).unwrap_or_default().to_owned()));
        }
    });
    lines
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Whether a line closes a letter: `Kind regards,`, `Mit freundlichen Grüßen`.
fn is_closing(line: &str) -> bool {
    static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)^(?: (?:(?:best|kind|warm|many|with|our|my|kindest)\s+){0,3}(?:regards|wishes)
            | (?:yours\s+)?(?:sincerely|faithfully|truly)(?:\s+yours)? | cheers | (?:many\s+)?thanks(?:\s+and\s+regards)? | thank\s+you
            | (?:mit\s+)?(?:freundlich|best|viel|lieb|herzlich|sch(?:ö|oe)n)\w*\s+gr(?:ü|ue)(?:ß|ss)\w* | mfg | gru(?:ß|ss)
            | cordialement | saludos )(?:\s+(?:aus|from)\s+\p{L}+)?[\s,.!]*$",
        )
    });
    line.len() <= 60 && CLOSING.is_match(line)
}

/// Whether a line below the closing says how to reach the writer, and nothing that happened. Log lines and lists of
/// addresses below it are no such lines.
fn is_card(line: &str) -> bool {
    static CARD: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)\b(?:tel|telefon|telephone|phone|fax|telefax|mobile?|handy|cell|e-?mail|web|www)\b|\bwww\.|[\w.+-]+@[\w-]+\.\w",
        )
    });
    static LOG: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)[=;<>]|\[\.\]|\bhxxp|\d\d:\d\d|\b\d{4}-\d\d-\d\d|\[\d+\]|\b(?:from|src|source|attack\w*|log\w*|post|get)\b",
        )
    });
    CARD.is_match(line) && !LOG.is_match(line) && words::kind_of(line).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_below_the_closing_is_a_signature_where_it_tells_how_to_reach_the_writer() {
        for line in [
            "Regards",
            "Kind regards,",
            "Best wishes!",
            "Mit freundlichen Grüßen",
            "Viele Gruesse aus Wien",
            "MfG",
            "Thanks,",
        ] {
            assert!(is_closing(line), "{line}");
        }
        for line in [
            "Regards from 192.0.2.1",
            "With regards to the attack we saw:",
            "Thanks to your host 192.0.2.1",
            "Dear team,",
        ] {
            assert!(!is_closing(line), "{line}");
        }
        for line in ["Tel +43 1 5 | 203.0.113.83 | www.bank.example", "E-Mail: anna@bank.example 203.0.113.83"] {
            assert!(is_card(line), "{line}");
        }
        for line in [
            "192.0.2.1",
            "192.0.2.1 | 192.0.2.2",
            "2026-06-17 03:04 192.0.2.1 joe@bank.example",
            "mail from=<joe@bank.example> client 192.0.2.1",
            "spam to joe@bank.example by 192.0.2.1",
            "www[.]bank[.]example 192.0.2[.]1",
            "postfix/smtpd[12]: joe@bank.example 192.0.2.1",
        ] {
            assert!(!is_card(line), "{line}");
        }
    }
}
