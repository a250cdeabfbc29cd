//! Mails that reach some of those whom they are for, and not all at once.
//!
//! An address that is refused keeps a mail from nobody else. Who is refused for now is tried again alone, with the same
//! bytes and the same Message-ID, until all have the mail or were given up: then the notice is delivered, and its
//! reason names who was not told. Whom it goes to is not decided anew meanwhile, because somebody has it.

use concert_model::message::{Outcome, Partly};
use concert_model::{Message, Problem, Time};
use concert_store::records::{Notice, ON_TRIAL, Receiver};

use super::deliver::{Ended, GIVEN_UP, judge};
use crate::wire::Site;

/// What the reason of a notice begins with that was delivered by several attempts.
const IN_PARTS: &str = "sent in parts";
/// Said of an address that nothing is sent to any more.
const SUSPENDED: &str = "it was suspended since";

/// Leaves out of a message who has it and who never gets it. Gives those of the others that were suspended since, and
/// are left out too. Once somebody has it, a blind copy waits for nobody: all who are left count alike.
pub(super) fn leave_out(
    message: &mut Message,
    known: &[Receiver],
    is_suspended: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let mut suspended = Vec::new();
    let is_known = |address: &str| known.iter().any(|one| one.address.eq_ignore_ascii_case(address));
    for list in [&mut message.to, &mut message.bcc] {
        list.retain(|address| {
            if !is_known(address) && is_suspended(address) {
                suspended.push((address.clone(), SUSPENDED.to_owned()));
                return false;
            }
            !is_known(address)
        });
    }
    if known.iter().any(|one| one.has_it) {
        let left = std::mem::take(&mut message.to);
        message.bcc.splice(0..0, left);
    }
    suspended
}

/// A notice with when it was delivered, which it counts as once somebody has it, whoever else is waited for.
pub(super) async fn since_first(site: &Site, notice: Notice) -> Result<Notice, Problem> {
    if notice.delivered_at.is_some() {
        return Ok(notice);
    }
    // That of the mail in which it goes.
    let mail = if notice.within.len() > 1 { notice.within.as_str() } else { notice.id.as_str() };
    let mut known = site.store.records.receivers(&[mail]).await?;
    let got = known.remove(mail).unwrap_or_default().into_iter().filter(|one| one.has_it);
    let delivered_at = got.map(|one| one.time).min();
    Ok(Notice { delivered_at, ..notice })
}

/// Those who never get it, as they are kept.
pub(super) fn never(refused: &[(String, String)], time: Time) -> Vec<Receiver> {
    let receiver = |(address, said): &(String, String)| Receiver {
        address: address.clone(),
        has_it: false,
        said: said.clone(),
        time,
    };
    refused.iter().map(receiver).collect()
}

/// How an attempt ended by which, or before which, a notice went to some of those whom it is for; and what became of it
/// for each of whom that is known now. The message is for those who were tried; `before` says what became of others by
/// attempts before.
pub(super) fn settled(
    notice: &Notice,
    message: &Message,
    outcome: Outcome,
    before: &[Receiver],
    now: Time,
) -> (Ended, Vec<Receiver>) {
    let tried = || message.to.iter().chain(&message.bcc).cloned();
    let (mut partly, judged) = match outcome {
        Outcome::Partly(partly) if partly.later.is_empty() => (partly, None),
        Outcome::Partly(partly) => {
            let judged = judge(notice, Outcome::Later(listed(&partly.later), None), now);
            (partly, Some(judged))
        }
        Outcome::Done(said) => {
            let taken = if said == ON_TRIAL { Vec::new() } else { tried().collect() };
            (Partly { said, taken, ..Partly::default() }, None)
        }
        outcome => {
            let judged = judge(notice, outcome, now);
            let later = tried().map(|address| (address, String::new())).collect();
            (Partly { later, ..Partly::default() }, Some(judged))
        }
    };
    let is_queued = judged.as_ref().is_some_and(|(_, state, _, _)| *state == "queued");
    if let (false, Some((_, _, _, reason))) = (is_queued, &judged) {
        partly.refused.extend(partly.later.drain(..).map(|(address, _)| {
            let said = of(&address, reason);
            (address, said)
        }));
    }
    let taken = partly.taken.iter();
    let taken =
        taken.map(|address| Receiver { address: address.clone(), has_it: true, said: partly.said.clone(), time: now });
    let receivers = taken.chain(never(&partly.refused, now)).collect();
    let ended = match judged {
        // Nobody got it by this attempt.
        Some((id, state, due, reason)) if is_queued && partly.said.is_empty() => (id, state, due, reason),
        Some((id, state, due, _)) if is_queued => (id, state, due, reason(&partly, &[])),
        _ => (notice.id.clone(), "delivered", now, reason(&partly, before)),
    };
    (ended, receivers)
}

/// What an attempt did, in a sentence. Whoever is refused for good is named as where a notice is delivered by one; of
/// attempts before, in other words, because what follows from being refused followed then.
fn reason(partly: &Partly, before: &[Receiver]) -> String {
    let mut said = Vec::new();
    if !before.is_empty() {
        said.push(IN_PARTS.to_owned());
    }
    if !partly.said.is_empty() {
        said.push(partly.said.clone());
    }
    if !partly.refused.is_empty() {
        said.push(format!("refused: {}", listed(&partly.refused)));
    }
    let later = partly.later.iter().map(|(address, said)| format!("not yet {address} ({said})"));
    said.extend(later);
    let is_new = |address: &str| partly.refused.iter().any(|(refused, _)| refused == address);
    let never = before.iter().filter(|one| !one.has_it && !is_new(&one.address));
    said.extend(never.map(|one| format!("not to {} ({})", one.address, one.said)));
    said.join("; ")
}

fn listed(said: &[(String, String)]) -> String {
    said.iter().map(|(address, said)| format!("{address}: {said}")).collect::<Vec<_>>().join("; ")
}

/// What a reason says of one address: its own words where it is named, else all of them.
fn of(address: &str, reason: &str) -> String {
    let given_up = if reason.starts_with(GIVEN_UP) { GIVEN_UP } else { "" };
    said_of(address, reason).map_or_else(|| reason.to_owned(), |own| format!("{given_up}{own}"))
}

/// What a reason says of an address that it names: `a@x.example: 550 unknown; b@x.example: ...`. One that ends in the
/// same letters is another.
pub(super) fn said_of<'r>(address: &str, reason: &'r str) -> Option<&'r str> {
    let named = format!("{address}: ");
    let is_whole = |at: usize| reason.get(..at).is_some_and(|before| before.is_empty() || before.ends_with(' '));
    let (at, _) = reason.match_indices(&named).find(|(at, _)| !address.is_empty() && is_whole(*at))?;
    reason.get(at + named.len()..)?.split("; ").next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn later(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(address, said)| ((*address).to_owned(), (*said).to_owned())).collect()
    }

    fn check(sent_for: i64, was_partly: bool, outcome: Outcome, want: (&str, &str), known: &[(&str, bool, &str)]) {
        let has_it = Receiver { address: "a@a.example".into(), has_it: true, said: "250 taken".into(), time: Time(0) };
        check_after(&[has_it][usize::from(!was_partly)..], sent_for, outcome, want, known);
    }

    fn check_after(
        before: &[Receiver],
        sent_for: i64,
        outcome: Outcome,
        want: (&str, &str),
        known: &[(&str, bool, &str)],
    ) {
        let now = Time::parse("2026-11-22T04:50:30Z", None).unwrap();
        let notice = Notice { since: now.plus_seconds(-sent_for), ..Notice::default() };
        let message = Message { to: vec!["b@b.example".into()], ..Message::default() };
        let ((_, state, _, reason), receivers) = settled(&notice, &message, outcome, before, now);
        assert_eq!((state, reason.as_str()), want);
        let got: Vec<_> = receivers.iter().map(|one| (one.address.as_str(), one.has_it, one.said.as_str())).collect();
        assert_eq!(got, known, "{reason}");
    }

    #[test]
    fn a_notice_that_somebody_has_is_delivered_in_the_end_and_says_who_was_not_told() {
        let full = [("b@b.example", "450 full")];
        let gone = [("c@c.example", "550 5.1.1 unknown")];
        let partly = || Partly { said: "250 taken".into(), taken: vec!["a@a.example".into()], ..Partly::default() };
        let some = Outcome::Partly(Partly { later: later(&full), ..partly() });
        let a = ("a@a.example", true, "250 taken");
        check(0, false, some.clone(), ("queued", "250 taken; not yet b@b.example (450 full)"), &[a]);
        let given_up = "given up after five days: 450 full";
        let reason = format!("250 taken; refused: b@b.example: {given_up}");
        check(6 * DAY, false, some, ("delivered", &reason), &[a, ("b@b.example", false, given_up)]);
        let mixed = Outcome::Partly(Partly { refused: later(&gone), later: later(&full), ..partly() });
        let reason = "250 taken; refused: c@c.example: 550 5.1.1 unknown; not yet b@b.example (450 full)";
        check(0, false, mixed, ("queued", reason), &[a, ("c@c.example", false, "550 5.1.1 unknown")]);
        let refused = Outcome::Partly(Partly { refused: later(&gone), ..partly() });
        let reason = "250 taken; refused: c@c.example: 550 5.1.1 unknown";
        check(0, false, refused, ("delivered", reason), &[a, ("c@c.example", false, "550 5.1.1 unknown")]);

        let b = |has_it, said| [("b@b.example", has_it, said)];
        check(DAY, true, Outcome::Done("250 ok".into()), ("delivered", "sent in parts; 250 ok"), &b(true, "250 ok"));
        let again = || Outcome::Later("b@b.example: 450 full".into(), None);
        check(DAY, true, again(), ("queued", "b@b.example: 450 full"), &[]);
        let reason = format!("sent in parts; refused: b@b.example: {given_up}");
        check(6 * DAY, true, again(), ("delivered", &reason), &b(false, given_up));
        let never = Outcome::Never("550 5.1.1 unknown".into());
        let reason = "sent in parts; refused: b@b.example: 550 5.1.1 unknown";
        check(DAY, true, never, ("delivered", reason), &b(false, "550 5.1.1 unknown"));
        let large = Outcome::TooLarge("552 too large".into(), None);
        check(
            DAY,
            true,
            large,
            ("delivered", "sent in parts; refused: b@b.example: 552 too large"),
            &b(false, "552 too large"),
        );
    }

    #[test]
    fn a_reason_names_who_was_refused_by_attempts_before_in_other_words() {
        let refused = [("c@c.example".to_owned(), "550 5.1.1 unknown".to_owned())];
        let before = never(&refused, Time(0));
        let done = Outcome::Done("250 ok".into());
        let reason = "sent in parts; 250 ok; not to c@c.example (550 5.1.1 unknown)";
        // What follows from a refusal followed then.
        assert!(!reason.contains("refused: "));
        check_after(&before, DAY, done, ("delivered", reason), &[("b@b.example", true, "250 ok")]);
        let gone = Outcome::Never("550 5.1.1 gone".into());
        let reason = "sent in parts; refused: b@b.example: 550 5.1.1 gone; not to c@c.example (550 5.1.1 unknown)";
        check_after(&before, DAY, gone, ("delivered", reason), &[("b@b.example", false, "550 5.1.1 gone")]);
    }

    #[test]
    fn who_has_a_mail_is_left_out_and_so_is_who_was_suspended_since() {
        let mut message = Message {
            to: ["A@a.example", "b@b.example", "c@c.example"].map(String::from).to_vec(),
            bcc: vec!["d@d.example".into()],
            ..Message::default()
        };
        let known =
            |address: &str| Receiver { address: address.into(), has_it: true, said: String::new(), time: Time(0) };
        let known = [known("a@a.example"), known("d@d.example")];
        let suspended = leave_out(&mut message, &known, |address| address != "c@c.example");
        assert_eq!(suspended, [("b@b.example".to_owned(), SUSPENDED.to_owned())]);
        assert_eq!((message.to, message.bcc), (Vec::new(), vec!["c@c.example".to_owned()]));
    }
}
