//! What a notice that waits for a contact becomes, now that somebody can be told: one notice or several.
//!
//! The same words say it beforehand (`concert notice preview`) and afterwards (`concert notice retry`, the API). They
//! name addresses, so they are for those alone who see all parties.

use concert_store::records::NewNotice;

use super::responsible::NO_CONTACT;

/// Said to those who do not see all parties.
pub(crate) const SOMEBODY: &str = "somebody can be told by now";

/// What a notice would become now.
pub(crate) struct Becomes {
    /// Those that go to somebody first. Where nobody can be told, all of them wait.
    pub(crate) notices: Vec<NewNotice>,
    /// Whether that happens by itself; else a person must want it.
    pub(crate) by_itself: bool,
}

impl Becomes {
    /// Whether somebody can be told of any of its events.
    pub(crate) fn is_told(&self) -> bool {
        self.notices.first().is_some_and(|first| first.state != NO_CONTACT)
    }

    /// Whom it would go to, or why it still waits.
    pub(crate) fn why(&self, id: &str, sees_all: bool) -> String {
        match self.notices.first() {
            Some(first) if !self.is_told() => first.reason.clone(),
            _ if !sees_all => SOMEBODY.to_owned(),
            _ if self.by_itself => said(&self.notices),
            _ => format!("{}, when you try it again: `concert notice retry {id}`", said(&self.notices)),
        }
    }
}

/// `it goes to soc@one.example`; `it becomes 2 notices: 3 events to soc@one.example, 1 event waits for a contact`.
pub(crate) fn said(notices: &[NewNotice]) -> String {
    let approved = match notices.iter().any(|one| one.state == "waiting") {
        true => " when that is approved",
        false => "",
    };
    if let [one] = notices {
        return format!("it goes {}{approved}", to(one));
    }
    let each = notices.iter().map(|one| {
        let (count, waits) = (one.members.len(), one.state == NO_CONTACT);
        let events = if count == 1 { "event" } else { "events" };
        match (waits, count) {
            (true, 1) => "1 event waits for a contact".to_owned(),
            (true, _) => format!("{count} events wait for a contact"),
            (false, _) => format!("{count} {events} {}", to(one)),
        }
    });
    format!("it becomes {} notices: {}{approved}", notices.len(), each.collect::<Vec<_>>().join(", "))
}

/// A way that needs no address takes what is for a party without one.
fn to(notice: &NewNotice) -> String {
    match notice.recipient.is_empty() {
        true => format!("to `{}` by {}", notice.party, notice.via),
        false => format!("to {}", notice.recipient),
    }
}

#[cfg(test)]
mod tests {
    use concert_store::Members;

    use super::*;

    fn made(to: &str, state: &'static str, events: u32) -> NewNotice {
        let mut members = Members::default();
        for row in 0..events {
            members.add(1, row);
        }
        let (party, via, reason) = ("Net".to_owned(), "outbox".into(), "nobody is there".to_owned());
        NewNotice { recipient: to.to_owned(), state, members, party, via, reason, ..NewNotice::default() }
    }

    #[test]
    fn all_who_are_told_are_named_and_what_still_waits() {
        let check = |notices: &[NewNotice], want: &str| assert_eq!(said(notices), want);
        check(&[made("a@x.example,b@x.example", "queued", 2)], "it goes to a@x.example,b@x.example");
        check(&[made("a@x.example", "waiting", 2)], "it goes to a@x.example when that is approved");
        check(&[made("", "queued", 2)], "it goes to `Net` by outbox");
        check(
            &[made("a@x.example", "queued", 2), made("b@y.example", "queued", 1), made("", NO_CONTACT, 1)],
            "it becomes 3 notices: 2 events to a@x.example, 1 event to b@y.example, 1 event waits for a contact",
        );
    }

    #[test]
    fn who_does_not_see_all_parties_learns_no_address() {
        let check = |notice: NewNotice, by_itself: bool, sees_all: bool, want: &str| {
            assert_eq!(Becomes { notices: vec![notice], by_itself }.why("N-7", sees_all), want);
        };
        check(made("a@x.example", "queued", 1), true, true, "it goes to a@x.example");
        let by_hand = "it goes to a@x.example, when you try it again: `concert notice retry N-7`";
        check(made("a@x.example", "queued", 1), false, true, by_hand);
        check(made("a@x.example", "queued", 1), true, false, SOMEBODY);
        check(made("", NO_CONTACT, 1), true, false, "nobody is there");
    }
}
