//! Mails that wait for a person, and the files of those that were taken.

use std::collections::HashMap;
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Action, Circle, Kept, Object, Person, may};
use concert_model::incident::content::{Act, AttachmentSorted, Content, Decision};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::{Incident, Letter};
use concert_model::incident::mail::Attached;
use concert_store::records::MailRow;
use concert_store::records::messages::{DROPPED, is_dropped};

use super::super::case::Case;
use super::super::made::{Beside, Made};
use super::super::neighbours::takes_no_part;
use super::super::report::{REPORTER, of_reporter};
use super::super::write::{Right, absent, wrong};
use super::super::{Added, Ask, Handling, Incidents, NewEvidence, Refused, Written, text};
use super::receive::{Incoming, kept, line, marking, moved};

/// What reads mails for incidents, which know no archive and no keys.
pub trait Reader: Sync {
    /// What a mail says.
    fn read(&self, row: &MailRow) -> Result<Incoming, Problem>;

    /// One of its files, by the SHA-256 of its bytes.
    fn file(&self, row: &MailRow, sha256: &str) -> Result<Option<Vec<u8>>, Problem>;
}

/// Where files of mails are got, in their custody.
const PLACE: &str = "mailbox";

/// Whether somebody may say what mails are: they have no marking of their own yet.
fn may_sort(person: &Person, circle: &Circle) -> Result<(), Refused> {
    let decision = may(person, Action::Conduct, Object::Incident(circle));
    if decision.allowed { Ok(()) } else { Err(Refused::Denied(decision)) }
}

/// Whether somebody who may sort mails sees this one: what whoever reported it wrote is for those who see the report.
fn may_see(person: &Person, (case, circle): (&Case, &Circle), row: &MailRow) -> bool {
    if row.party != REPORTER {
        return true;
    }
    let own = of_reporter(case, &row.party);
    own.is_some_and(|marking| may(person, Action::See, Object::Item { circle, marking: &marking, author: "" }).allowed)
}

impl Incidents {
    /// Mails that wait for a person, oldest first, each with the number of its incident: those of one, or of all
    /// that the person may sort. Given are the mail after which they begin, and how many are wanted.
    pub async fn held_mails(
        &self,
        person: &Person,
        name: Option<&str>,
        (mut after, limit): (i64, usize),
    ) -> Result<Vec<(String, MailRow)>, Refused> {
        let wanted = match name {
            None => None,
            Some(name) => {
                let (case, circle) = self.find(person, name).await?;
                may_sort(person, &circle)?;
                Some(case.id.clone())
            }
        };
        let mut found = Vec::new();
        // Each incident is asked about once: there may be many mails of few.
        let mut asked: HashMap<String, Option<(Arc<Case>, Circle)>> = HashMap::new();
        loop {
            let rows = self.store.records.mails_held(wanted.as_deref(), after).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            after = last.seq;
            for row in rows {
                if !asked.contains_key(&row.incident) {
                    let seen = self.found(person, &row.incident).await?;
                    let seen = seen.filter(|(_, circle)| may_sort(person, circle).is_ok());
                    asked.insert(row.incident.clone(), seen);
                }
                if let Some(Some((case, circle))) = asked.get(&row.incident)
                    && may_see(person, (case, circle), &row)
                {
                    found.push((case.head.number.clone(), self.as_known(person, (case, circle), row)));
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
        }
    }

    /// A mail that waits, without the party whose address it is from where the person knows of no such party: what
    /// says whose address it is, and answers no message, is the contact book.
    fn as_known(&self, person: &Person, (case, circle): (&Case, &Circle), row: MailRow) -> MailRow {
        let takes_part = |kept: &Arc<super::super::Kept>| match &kept.body {
            Some((_, Content::PartyMoved(moved))) => moved.party == row.party,
            _ => false,
        };
        let is_answer = !row.notice.is_empty();
        if self.sees_party(person, &row.party) || is_answer && case.seen_by(circle, person).any(takes_part) {
            return row;
        }
        MailRow { party: String::new(), ..row }
    }

    /// A mail that waits in an incident.
    async fn held_mail(&self, person: &Person, name: &str, number: i64) -> Result<(String, MailRow), Refused> {
        let (id, row) = self.mail_to_take(person, name, number).await?;
        match row.state.as_str() {
            "held" => Ok((id, row)),
            _ => Err(wrong(format!("mail {number} was dropped already"))),
        }
    }

    /// A mail that waits in an incident, or was dropped there.
    async fn mail_to_take(&self, person: &Person, name: &str, number: i64) -> Result<(String, MailRow), Refused> {
        let (case, circle) = self.find(person, name).await?;
        may_sort(person, &circle)?;
        let row = self.store.records.mail(number).await?;
        let is_here = |row: &MailRow| row.incident == case.id && (row.state == "held" || is_dropped(row));
        let row = row.filter(|row| is_here(row) && may_see(person, (&case, &circle), row));
        let row = row.ok_or_else(|| absent(format!("no mail {number} waits in this incident")))?;
        Ok((case.id.clone(), row))
    }

    /// A mail that waits or was dropped, as it reads.
    pub async fn read_held(
        &self,
        person: &Person,
        name: &str,
        number: i64,
        reader: &dyn Reader,
    ) -> Result<(MailRow, Incoming), Refused> {
        let (_, row) = self.mail_to_take(person, name, number).await?;
        let incoming = reader.read(&row)?;
        let (case, circle) = self.find(person, name).await?;
        Ok((self.as_known(person, (&case, &circle), row), incoming))
    }

    /// Takes a mail into the conversation of a party, also one that was dropped.
    pub async fn accept(
        &self,
        ask: Ask<'_>,
        name: &str,
        number: i64,
        party: &str,
        reader: &dyn Reader,
    ) -> Result<Written, Refused> {
        text::line("party", party)?;
        if let Some(written) = self.answered(ask).await? {
            return Ok(written);
        }
        let party = &self.party_named(ask.person, name, party).await?;
        let (id, row) = self.mail_to_take(ask.person, name, number).await?;
        let incoming = reader.read(&row)?;
        let row = MailRow {
            state: "taken".into(),
            kind: "reply".into(),
            party: party.to_owned(),
            reason: format!("accepted by {}", ask.person.name),
            doubt: String::new(),
            ..row
        };
        let warnings = self.of_another(ask.person, &row.from, party).into_iter().collect();
        let written = self.write_made(ask, &id, Right::OfContent, |case, circle| {
            let state = case.state_for(circle, ask.person);
            if !state.parties.contains_key(party) {
                return Err(Refused::Absent(takes_no_part(&state, party)));
            }
            let marking = marking((case, &state), party, &incoming.answers);
            let mut drafts = vec![Draft { content: kept(&row, &incoming).into(), marking, minutes: 0 }];
            drafts.extend(moved(&state, party, &incoming, ""));
            Ok(Made { drafts, beside: Beside::Answer(Box::new(row)) })
        });
        Ok(Written { warnings, ..written.await? })
    }

    /// What is told where the contact book has the address that a mail came from for other parties alone, as far as a
    /// person sees the book.
    fn of_another(&self, person: &Person, from: &str, party: &str) -> Option<Problem> {
        let reach = self.reach(person, Kept::Contacts).ok()?;
        let all = self.constituents.parties().iter().chain(self.teams.parties());
        let mut of = all.filter(|one| {
            one.contacts.iter().any(|contact| !contact.mail.is_empty() && contact.mail.eq_ignore_ascii_case(from))
        });
        let other = of.next().filter(|one| one.name != party && reach.has(&one.name))?;
        if of.any(|one| one.name == party) {
            return None;
        }
        let problem = Problem::new(format!("{} is an address of {}, not of {party}", line(from), other.name));
        Some(problem.hint("it stands in the conversation now; where that is wrong, erase its entry"))
    }

    /// Says that a mail does not belong here.
    pub async fn drop_mail(&self, ask: Ask<'_>, name: &str, number: i64, reason: &str) -> Result<Written, Refused> {
        if reason.trim().is_empty() {
            return Err(wrong("`reason` is empty"));
        }
        if let Some(written) = self.answered(ask).await? {
            return Ok(written);
        }
        let (id, row) = self.held_mail(ask.person, name, number).await?;
        let text = format!("Mail {number} of {} was not taken into a conversation.", line(&row.from));
        let decision = Decision { text, reason: reason.to_owned() };
        let reason = format!("{DROPPED}{}: {reason}", ask.person.name);
        let row = MailRow { state: "aside".into(), reason, ..row };
        self.write_made(ask, &id, Right::OfContent, |_, _| {
            let drafts = vec![Draft { content: decision.into(), marking: None, minutes: 0 }];
            Ok(Made { drafts, beside: Beside::Answer(Box::new(row)) })
        })
        .await
    }

    /// Keeps a file of a message as evidence. Its custody begins with the party it came from.
    pub async fn keep_file(
        &self,
        ask: Ask<'_>,
        name: &str,
        number: i64,
        digits: &str,
        reader: &dyn Reader,
    ) -> Result<Added, Refused> {
        let (case, circle) = self.find(ask.person, name).await?;
        may_sort(ask.person, &circle)?;
        let state = case.state_for(&circle, ask.person);
        let (letter, file) = waiting_file(&state, number, digits)?;
        let message = &letter.message;
        let row = self.store.records.mail(number).await?.filter(|row| row.incident == case.id);
        let row = row.ok_or_else(|| wrong("the mail is not kept any more"))?;
        let bytes = reader.file(&row, &file.sha256)?;
        let bytes = bytes.ok_or_else(|| wrong("the file is not in the mail any more, or the mail cannot be opened"))?;
        let new = NewEvidence {
            name: file.name.clone(),
            text: format!("came with message {} (mail {number})", message.message_id),
            marking: Some(letter.marking.clone()),
            handling: Handling {
                act: Act::Received,
                whom: message.party.clone(),
                place: PLACE.into(),
                reason: "received by mail".into(),
            },
        };
        let sorted = sorted(number, file, true, "");
        self.take(ask, &case.id, std::io::Cursor::new(bytes), |_, kept| {
            let mut drafts = new.drafts(ask, kept);
            drafts.push(Draft { content: sorted.clone().into(), marking: Some(letter.marking.clone()), minutes: 0 });
            Ok(drafts)
        })
        .await
    }

    /// Says that a file of a message is not wanted.
    pub async fn leave_file(
        &self,
        ask: Ask<'_>,
        name: &str,
        number: i64,
        digits: &str,
        reason: &str,
    ) -> Result<Written, Refused> {
        if reason.trim().is_empty() {
            return Err(wrong("`reason` is empty"));
        }
        self.write_made(ask, name, Right::OfContent, |case, circle| {
            let state = case.state_for(circle, ask.person);
            let (letter, file) = waiting_file(&state, number, digits)?;
            let content = sorted(number, file, false, reason).into();
            Ok(vec![Draft { content, marking: Some(letter.marking.clone()), minutes: 0 }])
        })
        .await
    }
}

fn sorted(number: i64, file: &Attached, kept: bool, reason: &str) -> AttachmentSorted {
    let reason = reason.to_owned();
    AttachmentSorted { mail: number.cast_unsigned(), sha256: file.sha256.clone(), kept, reason }
}

/// The one file of a message that begins with these digits, or is called so, and was not sorted yet.
fn waiting_file<'s>(state: &'s Incident, number: i64, which: &str) -> Result<(&'s Letter, &'s Attached), Refused> {
    let number = number.cast_unsigned();
    let letter = state.messages.iter().find(|letter| number != 0 && letter.message.mail == number);
    let letter = letter.ok_or_else(|| absent(format!("mail {number} is in no conversation of this incident")))?;
    let is_it = |file: &&Attached| file.name == which || which.len() >= 8 && file.sha256.starts_with(which);
    let mut found = letter.message.attachments.iter().filter(is_it);
    let file = match (found.next(), found.next()) {
        (Some(file), None) => file,
        (None, _) => {
            let names: Vec<&str> = letter.message.attachments.iter().map(|file| file.name.as_str()).collect();
            let problem = Problem::new(format!("mail {number} has no file `{which}`"));
            return Err(Refused::Absent(problem.hint(format!("files: {}", names.join(", ")))));
        }
        (Some(_), Some(_)) => return Err(wrong("more than one is called so: give the first digits of its SHA-256")),
    };
    match state.sorted.get(&(number, file.sha256.clone())) {
        None => Ok((letter, file)),
        Some(true) => Err(wrong("it was kept already")),
        Some(false) => Err(wrong("it was left already")),
    }
}
