//! Sending what is queued: composed once, kept, then carried until the peer has it.
//!
//! The one place of the retry policy. A notice whose attempt ended unclear is sent again with the
//! same bytes and so the same Message-ID. Who is sent when says `lane.rs`.

use std::sync::Arc;

use concert_model::message::{Outcome, Partly};
use concert_model::{Message, Problem, Time};
use concert_store::records::{Notice, ON_TRIAL, ON_TRIAL_TO, Receiver, Way};

use super::lane::Lane;
use super::partly;
use super::split::TooLarge;
use crate::settings::MAIL;
use crate::wire::{self, Site};

/// Waits between attempts, in seconds; the last one repeats.
const WAITS_SECONDS: [i64; 7] = [60, 300, 900, 3600, 7200, 14_400, 28_800];
/// Longest wait that a peer may ask for.
const WAIT_SECONDS_MAX: i64 = 86_400;
/// A peer is believed so often that a short wait is enough.
const ASKED_TIMES: usize = 4;
/// After this long without success a notice has failed and a person must look.
const GIVE_UP_AFTER_SECONDS: i64 = 5 * 86_400;
/// What the reason then begins with.
pub(super) const GIVEN_UP: &str = "given up after five days: ";

/// The kind of a way out that writes into a folder.
pub(super) const FOLDER: &str = "file";
/// Contacts in a row, each of which refuses what the one before refused, that are tried in one go.
const ROUNDS_MAX: usize = 10;

/// How attempts ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Taken by the peer.
    pub delivered: usize,
    /// To be tried again.
    pub later: usize,
    /// Never taken.
    pub failed: usize,
    /// Refused, and made for somebody else since.
    pub(super) told_again: usize,
}

impl Sent {
    /// Counts these too.
    pub(super) fn count(&mut self, ended: &[Ended]) {
        for (_, state, _, _) in ended {
            match *state {
                "delivered" => self.delivered += 1,
                "queued" => self.later += 1,
                _ => self.failed += 1,
            }
        }
    }
}

/// How an attempt of one notice ended, or why there was none.
pub(super) type Ended = (String, &'static str, Time, String);

/// What follows from an attempt.
#[derive(Debug)]
pub(super) enum End {
    /// The state the notice has now, and what became of it for those of whom that is known beside the others.
    Settled(Ended, Vec<Receiver>),
    /// It is to be split.
    TooLarge(TooLarge),
}

/// The ways out, each of which has its notices sent without waiting for the others; and one for notices
/// whose way is no longer in the settings.
pub fn ways(site: &Site) -> Vec<Way> {
    let names: Vec<String> = site.settings.vias.keys().cloned().collect();
    let rest = Way::NoneOf(names.clone());
    names.into_iter().map(Way::Named).chain([rest]).collect()
}

/// Has what a clock that was ahead planned for later than it ever is wait no longer.
pub(super) async fn catch_up(site: &Site) -> Result<(), Problem> {
    let notices = site.store.records.catch_up_notices(WAIT_SECONDS_MAX, wire::now()).await?;
    if notices > 0 {
        tracing::warn!(notices, "notices that were planned by a clock that was ahead are due now");
    }
    Ok(())
}

/// Sends everything due, one attempt each. What a contact refused goes to the next one in order at once, which may go by
/// another way.
pub async fn send_due(site: &Arc<Site>) -> Result<Sent, Problem> {
    catch_up(site).await?;
    let mut all = Sent::default();
    for _ in 0..ROUNDS_MAX {
        let lanes = ways(site).into_iter().map(|way| Lane::new(Arc::clone(site), way).send_due());
        let mut told_again = 0;
        for sent in futures_util::future::join_all(lanes).await {
            let sent = sent?;
            all.delivered += sent.delivered;
            all.later += sent.later;
            all.failed += sent.failed;
            told_again += sent.told_again;
        }
        all.told_again += told_again;
        if told_again == 0 {
            break;
        }
    }
    Ok(all)
}

/// Sends the queued ones of these, one attempt each, whenever they are due.
pub async fn send_these(site: &Arc<Site>, ids: &[String]) -> Result<Sent, Problem> {
    let mut chosen = Vec::new();
    for id in ids {
        chosen.extend(site.store.records.notice(id).await?.filter(|(notice, _)| notice.state == "queued"));
    }
    Box::pin(Lane::new(Arc::clone(site), Way::Any).send(chosen)).await
}

/// One attempt.
pub(super) async fn attempt(site: &Site, notice: &Notice, message: &Message, bytes: &[u8]) -> Outcome {
    if site.settings.deliver.dry_run {
        return Outcome::Done(ON_TRIAL.into());
    }
    let test = site.settings.deliver.override_recipient.as_ref();
    match site.settings.vias.get(&notice.via) {
        // What is no mail cannot go to the test address. A folder of the site tells nobody.
        Some(via) if test.is_some() && ![MAIL, FOLDER].contains(&via.kind) => Outcome::Done(ON_TRIAL.into()),
        Some(via) => {
            let outcome = via.deliverer.deliver(message, bytes).await;
            said_on_trial(test.filter(|_| via.kind == MAIL), notice, outcome)
        }
        None => Outcome::Later(format!("there is no [via.{}] in the settings", notice.via), None),
    }
}

/// Says with what a server said that the notice went to the one address of a trial: lists and threads name the one
/// that it stands in for.
fn said_on_trial(test: Option<&String>, notice: &Notice, outcome: Outcome) -> Outcome {
    match (test, outcome) {
        (Some(test), Outcome::Done(said)) if !notice.to.is_empty() => {
            let said = if said.is_empty() { said } else { format!("; {said}") };
            Outcome::Done(format!("{ON_TRIAL_TO}{test}{said}"))
        }
        (_, outcome) => outcome,
    }
}

/// What follows from how an attempt with so many bytes ended. What somebody has by an attempt before is not split.
pub(super) fn end(
    notice: &Notice,
    message: &Message,
    bytes: u64,
    outcome: Outcome,
    before: &[Receiver],
    now: Time,
) -> End {
    match outcome {
        outcome if !before.is_empty() || matches!(outcome, Outcome::Partly(_)) => {
            let (ended, receivers) = partly::settled(notice, message, outcome, before, now);
            End::Settled(ended, receivers)
        }
        Outcome::TooLarge(reason, limit) => End::TooLarge(TooLarge { id: notice.id.clone(), bytes, limit, reason }),
        outcome => End::Settled(judge(notice, outcome, now), Vec::new()),
    }
}

/// Says that a notice will not arrive. Reasons hold addresses and words of others, which no log should keep.
pub(super) fn not_delivered(notice: &Notice, reason: &str) {
    tracing::error!(notice = notice.id, via = notice.via, "not delivered; `concert notice show` says why");
    tracing::debug!(notice = notice.id, "{reason}");
}

/// The retry policy. What some have and others not is judged by those who have it not.
pub(super) fn judge(notice: &Notice, outcome: Outcome, now: Time) -> Ended {
    let (reason, wait) = match outcome {
        Outcome::Done(answer) | Outcome::Partly(Partly { said: answer, .. }) => {
            return (notice.id.clone(), "delivered", now, answer);
        }
        Outcome::Never(reason) | Outcome::TooLarge(reason, _) => {
            not_delivered(notice, &reason);
            return (notice.id.clone(), "failed", now, reason);
        }
        Outcome::Later(reason, wait) => (reason, wait),
        Outcome::Unsure(reason) => (format!("unclear whether it arrived: {reason}"), None),
    };
    if now.seconds() - notice.since.seconds() > GIVE_UP_AFTER_SECONDS {
        let reason = format!("{GIVEN_UP}{reason}");
        not_delivered(notice, &reason);
        return (notice.id.clone(), "failed", now, reason);
    }
    let step = usize::try_from(notice.tries).unwrap_or(usize::MAX).min(WAITS_SECONDS.len() - 1);
    let planned = WAITS_SECONDS.get(step).copied().unwrap_or(3600);
    // A peer that says the same short time again and again is asked more and more rarely all the same.
    let least = step.checked_sub(ASKED_TIMES).and_then(|at| WAITS_SECONDS.get(at)).copied().unwrap_or(1);
    let wait =
        wait.and_then(|wait| i64::try_from(wait).ok()).map_or(planned, |asked| asked.clamp(least, WAIT_SECONDS_MAX));
    tracing::warn!(
        notice = notice.id,
        via = notice.via,
        wait_seconds = wait,
        "tried again later; `concert notice show` says why"
    );
    tracing::debug!(notice = notice.id, "{reason}");
    (notice.id.clone(), "queued", now.plus_seconds(wait), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    /// A notice that was made ten days ago, being sent for so long, tried so often.
    fn check(sent_for_seconds: i64, tries: u32, outcome: Outcome, want: (&str, i64)) {
        let now = Time::parse("2026-11-22T04:50:30Z", None).unwrap();
        let notice = Notice {
            made: now.plus_seconds(-10 * DAY),
            since: now.plus_seconds(-sent_for_seconds),
            attempts: 30,
            tries,
            ..Notice::default()
        };
        let (_, state, due, reason) = judge(&notice, outcome, now);
        assert_eq!((state, due.seconds() - now.seconds()), want, "{reason}");
    }

    #[test]
    fn waits_grow_and_end_five_days_after_the_sending_began() {
        let later = || Outcome::Later("busy".into(), None);
        check(0, 0, later(), ("queued", 60));
        check(60, 1, later(), ("queued", 300));
        check(4 * DAY, 20, later(), ("queued", 28_800));
        check(5 * DAY, 20, later(), ("queued", 28_800));
        check(5 * DAY + 1, 21, later(), ("failed", 0));
        check(5 * DAY + 1, 21, Outcome::Unsure("cut".into()), ("failed", 0));
        check(5 * DAY + 1, 21, Outcome::Done("taken".into()), ("delivered", 0));
        check(0, 0, Outcome::Later("busy".into(), Some(7)), ("queued", 7));
        check(9, 1, Outcome::Later("busy".into(), Some(7)), ("queued", 7));
        check(60, 4, Outcome::Later("busy".into(), Some(7)), ("queued", 60));
        check(DAY, 9, Outcome::Later("busy".into(), Some(7)), ("queued", 900));
        check(0, 0, Outcome::Later("busy".into(), Some(u64::MAX)), ("queued", 60));
        check(0, 0, Outcome::Later("busy".into(), Some(DAY as u64 * 9)), ("queued", DAY));
        check(0, 0, Outcome::Never("no such user".into()), ("failed", 0));
    }
}
