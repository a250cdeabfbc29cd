//! Bounces: RFC 3464 with its parts, and whatever else says that a mail did not arrive.

use mail_parser::{Message, PartType};

use super::{
    DEPTH_MAX, Names, address, clean_id, contents, first_address, header, imitation, lower, note, parts, status,
    tickets,
};

/// Failed addresses taken from one mail.
pub(super) const FAILED_MAX: usize = 100;
/// Statuses that say no more than that it failed.
const VAGUE: [&str; 4] = ["", "5.0.0", "5.3.0", "5.5.0"];
/// Letters of a diagnostic that are kept.
const DIAGNOSTIC_CHARS_MAX: usize = 300;

/// What a bounce means for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It arrived, or went on to where nobody tells.
    Arrived,
    /// It is still being tried.
    Delayed,
    /// Somebody to whom it was forwarded from there did not get it.
    Behind,
    /// It did not arrive this time: full, away, refused for what it is.
    Soft,
    /// There is nobody with this address.
    Hard,
}

impl Weight {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Delayed => "delayed",
            Self::Behind => "behind it",
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

/// An address a mail did not reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The address that failed, lower case; empty where the bounce does not say.
    pub address: String,
    /// The address we wrote to, where the bounce says so and it is another one.
    pub original: String,
    /// What it means.
    pub weight: Weight,
    /// `5.1.1`; empty where there is none.
    pub status: String,
    /// What the server said, on one line.
    pub diagnostic: String,
}

impl Failed {
    /// Whether a status says that this mailbox is gone, so that it says nothing of whoever asked, however many are.
    pub fn is_mailbox_gone(&self) -> bool {
        let texts = [&self.diagnostic, &self.status];
        self.weight == Weight::Hard && texts.into_iter().any(|text| status::is_of_mailbox(text))
    }

    /// Why it failed, as far as the bounce says so.
    pub fn why(&self) -> String {
        match (self.diagnostic.is_empty(), self.status.is_empty()) {
            (false, _) => self.diagnostic.clone(),
            (true, false) => format!("status {}", self.status),
            (true, true) => "the bounce does not say why".to_owned(),
        }
    }
}

/// Failed addresses if the mail is a bounce, and what showed that it is one. Adds what is returned.
pub(super) fn read(
    message: &Message<'_>,
    from: &str,
    subject: &str,
    text: &str,
    names: &mut Names,
) -> Option<(Vec<Failed>, String)> {
    let mut failed = Vec::new();
    let mut is_report = false;
    for (kind, part) in parts(message) {
        match kind.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => {
                is_report = true;
                report(&contents(part), &mut failed);
            }
            "text/rfc822-headers" | "message/global-headers" => returned_headers(&contents(part), names),
            _ => {
                if let PartType::Message(inner) = &part.body {
                    returned(inner, names, 0);
                }
            }
        }
    }
    if is_report {
        // Some reports have no recipient that can be read, and some no word of the server: OpenSMTPD
        // writes `5.3.0` and nothing else whatever happened. The text for people has both.
        let told = imitation::failed(text);
        for one in failed.iter_mut().filter(|one| one.diagnostic.is_empty() && one.weight >= Weight::Soft) {
            if let Some(told) = told.iter().find(|told| told.address == one.address) {
                one.diagnostic.clone_from(&told.diagnostic);
                if VAGUE.contains(&one.status.as_str()) && !told.status.is_empty() {
                    one.weight = told.weight;
                }
            }
        }
        if failed.is_empty() {
            failed = told;
            delay(text, &mut failed);
        }
        return Some((failed, "it has a delivery status".into()));
    }
    let because = imitation::because(message, from, subject, text).or_else(|| {
        let kind = super::report_type(message).filter(|kind| kind == "delivery-status")?;
        Some(format!("it is a report of {kind}"))
    });
    let because = because?;
    if let Some(list) = header(message, "X-Failed-Recipients") {
        let (words, told) = (imitation::before_copy(text), imitation::failed(text));
        let weight = status::weight(status::enhanced(words), status::code(words), words);
        for address in list.split([',', ' ', '\n', '\t']).map(lower).filter(|one| address::is_plain(one)) {
            // What stands below an address says more than all that the mail says.
            let (original, status, diagnostic) = (String::new(), String::new(), one_line(words));
            let told = told.iter().find(|told| told.address == address).cloned();
            push(&mut failed, told.unwrap_or(Failed { address, original, weight, status, diagnostic }));
        }
    }
    if failed.is_empty() {
        failed = imitation::failed(text);
    }
    delay(text, &mut failed);
    returned_headers(imitation::copy(text), names);
    Some((failed, because))
}

/// What only warns of a delay says nothing against an address: whatever the server said, it goes on trying.
fn delay(text: &str, failed: &mut Vec<Failed>) {
    let Some(words) = imitation::warning(text) else { return };
    for one in failed.iter_mut().filter(|one| one.weight > Weight::Delayed) {
        one.weight = Weight::Delayed;
    }
    if failed.is_empty() {
        let (address, original, status) = (String::new(), String::new(), String::new());
        failed.push(Failed { address, original, weight: Weight::Delayed, status, diagnostic: words.to_owned() });
    }
}

pub(super) fn push(failed: &mut Vec<Failed>, one: Failed) {
    if failed.len() < FAILED_MAX && !failed.iter().any(|known| known.address == one.address) {
        failed.push(one);
    }
}

pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let clean = words.join(" ");
    clean.chars().filter(|c| !c.is_control()).take(DIAGNOSTIC_CHARS_MAX).collect()
}

/// The groups of fields of a message/delivery-status, one for each recipient after the first.
fn report(text: &str, failed: &mut Vec<Failed>) {
    let text = text.replace("\r\n", "\n");
    for group in text.split("\n\n").filter(|group| group.contains(':')) {
        let fields = fields(group);
        let get = |name: &str| fields.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let Some(recipient) = get("final-recipient").or_else(|| get("original-recipient")) else { continue };
        let original = get("original-recipient").map(typed).unwrap_or_default();
        let (address, diagnostic) = (typed(recipient), get("diagnostic-code").unwrap_or_default());
        // The type in front of a diagnostic (`smtp;`) is no part of it.
        let said = diagnostic.split_once(';').map_or(diagnostic, |(_, said)| said);
        let stated = status::enhanced(get("status").unwrap_or_default());
        let weight =
            match get("action").map(str::to_ascii_lowercase).as_deref().and_then(|one| one.split_whitespace().next()) {
                Some("delivered" | "relayed" | "expanded") => Weight::Arrived,
                Some("delayed") => Weight::Delayed,
                // Without an action a status of 4 is a delay, as it is with most that leave it out.
                None if stated.is_some_and(|(class, _, _)| class == 4) => Weight::Delayed,
                _ => {
                    // A vague status says less than the server's own words.
                    let precise = stated.filter(|(_, subject, detail)| (*subject, *detail) != (0, 0));
                    status::weight(precise.or_else(|| status::enhanced(said)).or(stated), status::code(said), said)
                }
            };
        let status = stated.map(|(class, subject, detail)| format!("{class}.{subject}.{detail}")).unwrap_or_default();
        let original = if original == address { String::new() } else { original };
        push(failed, Failed { address, original, weight, status, diagnostic: one_line(said) });
    }
}

/// `rfc822; user@example.com` without its type.
fn typed(value: &str) -> String {
    lower(value.split_once(';').map_or(value, |(_, address)| address))
}

/// `Name: value` with folded lines, names in lower case.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines().take(500) {
        match line.split_once(':') {
            _ if line.starts_with([' ', '\t']) => {
                if let Some((_, value)) = found.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
            Some((name, value)) if !name.contains(' ') => {
                found.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            _ => {}
        }
    }
    found
}

/// What a mail that came back says of itself.
fn returned(inner: &Message<'_>, names: &mut Names, depth: usize) {
    if let Some(id) = inner.message_id() {
        note(&mut names.returned, clean_id(id));
    }
    note(&mut names.returned_to, first_address(inner.to()));
    tickets(inner.subject().unwrap_or_default()).into_iter().for_each(|ticket| note(&mut names.tickets, ticket));
    for part in inner.parts.iter().take(super::PARTS_MAX) {
        if let PartType::Message(deeper) = &part.body
            && depth + 1 < DEPTH_MAX
        {
            returned(deeper, names, depth + 1);
        }
    }
}

/// The same from headers that came back as text.
fn returned_headers(text: &str, names: &mut Names) {
    for (name, value) in fields(text) {
        match name.as_str() {
            "message-id" => note(&mut names.returned, clean_id(&value)),
            "subject" => tickets(&value).into_iter().for_each(|ticket| note(&mut names.tickets, ticket)),
            "to" => {
                let one = value.rsplit_once('<').map_or(value.as_str(), |(_, rest)| rest);
                let one = lower(one.split([',', '>']).next().unwrap_or_default());
                if address::is_plain(&one) {
                    note(&mut names.returned_to, one);
                }
            }
            _ => {}
        }
    }
}
