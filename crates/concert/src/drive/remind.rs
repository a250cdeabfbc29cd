//! Reminding those who answer for something in an incident before it is due, and when it is.
//!
//! A reminder is a notice that tells words: it is kept, carried and tried again like any other. What was
//! told to whom and for which stage is written down in the same transaction, so a kill sends none twice
//! and loses none. Who may see what is decided by [`crate::incidents`], and again each time.

use std::collections::{BTreeMap, HashMap};

use concert_model::access::{Forbids, Person};
use concert_model::user::User;
use concert_model::{Attachment, Message, Problem, Time};
use concert_store::records::reminders::{Reminded, is_reminded, keep_reminded};
use concert_store::records::{NewNotice, Notice, insert_words};

use super::compose::recipients;
use crate::incidents::{Incidents, Refused, Reminder, Reminding};
use crate::print::age;
use crate::settings::is_address;
use crate::wire::Site;

/// What such notices are called. No notice of the settings can have this name.
pub(super) const NAME: &str = "(reminder)";
/// Most things told in one mail; the rest is counted.
const THINGS_MAX: usize = 100;

/// What is known of incidents in which nothing comes up for a while.
#[derive(Default)]
pub(super) struct Reminders {
    /// The last entry that was looked at, and until when nothing comes up without another one.
    quiet: HashMap<String, (u64, Option<Time>)>,
}

/// Who can be reached: users by name, with their addresses.
struct Reachable {
    persons: BTreeMap<String, Person>,
    addresses: BTreeMap<String, String>,
}

impl Reachable {
    fn new(users: &[User], forbids: &Forbids) -> Self {
        let reached = || users.iter().filter(|user| !user.disabled && is_address(&user.mail));
        Self {
            persons: reached().map(|user| (user.name.clone(), forbids.on(user.person()))).collect(),
            addresses: reached().map(|user| (user.name.clone(), user.mail.clone())).collect(),
        }
    }
}

fn trouble(refused: Refused) -> Problem {
    match refused {
        Refused::Failed(problem) => problem,
        other => Problem::new(format!("what comes due cannot be worked out: {other:?}")),
    }
}

impl Reminders {
    /// Queues the reminders that have come up. Gives their number.
    pub(super) async fn round(&mut self, site: &Site, incidents: &Incidents, now: Time) -> Result<usize, Problem> {
        let remind = &site.settings.remind;
        let Some(via) = remind.via.as_deref().filter(|_| !remind.ahead_seconds.is_empty()) else { return Ok(0) };
        let open = incidents.may_come_due().await.map_err(trouble)?;
        let is_quiet = |id: &String, changed: u64| {
            self.quiet.get(id).is_some_and(|(last, until)| *last == changed && until.is_none_or(|until| now < until))
        };
        let stirring: Vec<(String, u64)> =
            open.iter().filter(|(id, changed)| !is_quiet(id, *changed)).cloned().collect();
        self.quiet.retain(|id, _| open.binary_search_by(|(other, _)| other.cmp(id)).is_ok());
        if stirring.is_empty() {
            return Ok(0);
        }
        let reachable = Reachable::new(&site.store.records.users().await?, &site.settings.forbids);
        let (ahead_seconds, titles, persons) = (&remind.ahead_seconds, remind.titles, &reachable.persons);
        let ask = Reminding { ahead_seconds, titles, persons, now };
        let mut by_receiver: BTreeMap<String, Vec<Reminder>> = BTreeMap::new();
        let mut looked = Vec::new();
        for (id, changed) in stirring {
            let (reminders, next) = incidents.reminders(&id, &ask).await.map_err(trouble)?;
            for reminder in reminders {
                by_receiver.entry(reminder.receiver.clone()).or_default().push(reminder);
            }
            looked.push((id, (changed, next)));
        }
        let mut queued = 0;
        for (receiver, reminders) in by_receiver {
            let own = &site.settings.site.email;
            let to = reachable.addresses.get(&receiver).unwrap_or(own);
            queued += usize::from(queue(site, via, &receiver, to, reminders, now).await?);
        }
        // Only what was told is quiet.
        self.quiet.extend(looked);
        Ok(queued)
    }
}

/// Queues one mail with all that a receiver was not reminded of yet; says whether there was anything.
async fn queue(
    site: &Site,
    via: &str,
    receiver: &str,
    to: &str,
    reminders: Vec<Reminder>,
    now: Time,
) -> Result<bool, Problem> {
    if to.is_empty() {
        tracing::warn!("nobody can be reminded of what comes due: [site] has no `email`");
        return Ok(false);
    }
    let records = &site.store.records;
    let mut change = records.change().await?;
    let (mut told, mut news) = (Vec::new(), Vec::new());
    for reminder in reminders {
        let [incident, _] = reminder.incident.clone();
        let thing = format!("{} {}", reminder.due.kind.word(), reminder.due.called());
        let (due, ahead) = (reminder.due.due, reminder.ahead);
        let one = Reminded { incident, thing, receiver: receiver.to_owned(), due, ahead };
        if !is_reminded(&mut change, &one).await? {
            told.push(one);
            news.push(reminder);
        }
    }
    if news.is_empty() {
        records.undo(change).await?;
        return Ok(false);
    }
    news.sort_by(|one, other| (one.due.due, &one.incident).cmp(&(other.due.due, &other.incident)));
    let notice = NewNotice {
        name: NAME.into(),
        key: receiver.to_owned(),
        recipient: to.to_owned(),
        via: via.into(),
        format: "text".into(),
        language: "en".into(),
        state: "queued",
        due: now,
        ..NewNotice::default()
    };
    insert_words(&mut change, &notice, &text(&news, now), &site.home(), now).await?;
    keep_reminded(&mut change, &told).await?;
    records.commit(change).await?;
    Ok(true)
}

/// The subject in the first line, then the things, what is due first before the rest.
fn text(news: &[Reminder], now: Time) -> String {
    let mut text = match news {
        [only] => {
            let due = if only.due.due < now { "" } else { "due " };
            format!("{}: {} is {due}{}\n", only.incident[1], what(only), age(only.due.due, now))
        }
        [first, ..] => format!("{} things are due, the first {}\n", news.len(), age(first.due.due, now)),
        [] => String::new(),
    };
    for one in news.iter().take(THINGS_MAX) {
        let at = Time(one.due.due.0 - one.due.due.0.rem_euclid(1_000_000));
        text.push_str(&format!("\n{at}  {} ({})\n", what(one), age(one.due.due, now)));
        let role = one.due.role.map(|role| format!(", for {}", role.word())).unwrap_or_default();
        if one.is_named && one.due.title != one.due.name {
            text.push_str(&format!("  {}{role}\n", one.due.title));
        }
        if let Some(default) = one.due.default.as_ref().filter(|_| one.is_named) {
            text.push_str(&format!("  where nobody decides by then, `{default}` comes into force\n"));
        }
        let title = one.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
        text.push_str(&format!("  {}{title}\n", one.incident[1]));
    }
    if news.len() > THINGS_MAX {
        text.push_str(&format!("\nand {} more\n", news.len() - THINGS_MAX));
    }
    text
}

/// A thing as far as it may be named.
fn what(one: &Reminder) -> String {
    let kind = one.due.kind.word();
    if one.is_named { format!("{kind} {}", one.due.called()) } else { format!("a {kind}") }
}

/// The message, the same each time it is composed.
pub(super) fn message(site: &Site, notice: &Notice) -> Message {
    let (name, email) = (&site.settings.site.name, &site.settings.site.email);
    let (subject, things) = notice.text.split_once('\n').unwrap_or((&notice.text, ""));
    let text = format!(
        "Hello,\n\nthis comes due, times are UTC:\n{things}\nAll of it, with titles: `concert incident due --mine`.\n\n-- \n{name}\n{email}\n"
    );
    Message {
        notice: notice.id.clone(),
        message_id: notice.message_id.clone(),
        to: recipients(site, notice),
        bcc: Vec::new(),
        return_path: None,
        answers: None,
        subject: format!("[{}] {subject}", notice.id),
        text,
        html: None,
        payload: Attachment { name: String::new(), media_type: String::new(), bytes: Vec::new() },
        more: Vec::new(),
        language: "en".to_owned(),
        date: notice.made,
        by_person: false,
    }
}
