//! `[remind]`: who answers for what comes due in incidents is reminded of it.

use std::time::Duration;

use concert_model::Keys;
use concert_model::incident::marking::Tlp;
use concert_model::keys::parse_duration;

use super::mailbox::mail_way;
use super::via::Vias;

/// Most reminders of one thing before it is due.
const STAGES_MAX: usize = 10;
/// The earliest reminder.
const AHEAD_MAX: Duration = Duration::from_secs(90 * 86_400);

/// Reminders of tasks, steps of processes and clocks of laws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remind {
    /// How many seconds before something is due. Nobody is reminded of anything where this is empty.
    pub ahead_seconds: Vec<i64>,
    /// The strictest label whose titles and names may stand in a reminder.
    pub titles: Tlp,
    /// The way out of reminders.
    pub via: Option<String>,
}

impl Remind {
    pub(super) fn read(mut keys: Keys<'_>, vias: &Vias) -> Self {
        let is_set = !keys.is_empty();
        let about = "how long before a task, a step of a process or a clock of a law is due those who answer for it are reminded, and when it is due; [] for no reminders at all";
        let given = keys.texts_or("ahead", &["4h", "1h"], about);
        if given.len() > STAGES_MAX {
            keys.problem(
                "ahead",
                format!("at most {STAGES_MAX} reminders of one thing"),
                "ahead = [\"1d\", \"4h\", \"1h\"]",
            );
        }
        let mut ahead_seconds = Vec::new();
        for text in given.iter().take(STAGES_MAX) {
            match parse_duration(text).filter(|span| !span.is_zero() && *span <= AHEAD_MAX) {
                Some(span) if ahead_seconds.contains(&i64::try_from(span.as_secs()).unwrap_or(i64::MAX)) => {
                    keys.problem("ahead", format!("`{text}` stands twice in `ahead`"), "name it once");
                }
                Some(span) => ahead_seconds.push(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)),
                None => keys.problem(
                    "ahead",
                    format!("`{text}` is no time before something is due"),
                    "a number and m, h or d, up to 90d: ahead = [\"1d\", \"4h\", \"1h\"]",
                ),
            }
        }
        let words: Vec<(String, Tlp)> = Tlp::ALL.into_iter().map(|tlp| (tlp.to_string(), tlp)).collect();
        let words: Vec<(&str, Tlp)> = words.iter().map(|(word, tlp)| (word.as_str(), *tlp)).collect();
        let about = "the strictest label whose titles and names stand in reminders, which are mails that anybody on their way may read";
        let titles = keys.choice_or("titles", &words, "green", about).unwrap_or(Tlp::Green);
        let about = "the way out of reminders; the only one for mail without it";
        let via = mail_way(&mut keys, vias, about, is_set && !ahead_seconds.is_empty());
        keys.finish();
        Self { ahead_seconds, titles, via }
    }
}
