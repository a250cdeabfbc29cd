//! What is to be written into an incident, and what belongs to it in the same step.

use concert_model::Problem;
use concert_model::incident::content::{Content, Finding, Indicated, Observable, Task};
use concert_model::incident::draft::Draft;
use concert_model::incident::mail::Sort;
use concert_pipeline::observables::Kind;
use concert_store::records::{Home, MailRow, Settled};

use super::Refused;
use super::mail::Outgoing;

/// What is to be written, and what is done in the same step.
#[derive(Default)]
pub(super) struct Made {
    pub(super) drafts: Vec<Draft>,
    pub(super) beside: Beside,
}

impl From<Vec<Draft>> for Made {
    fn from(drafts: Vec<Draft>) -> Self {
        Self { drafts, beside: Beside::Nothing }
    }
}

/// What is done in the same step as entries are written.
#[derive(Default)]
pub(super) enum Beside {
    #[default]
    Nothing,
    /// Messages are queued, each of which has an entry of its own; parties that get none, and why.
    Queue { home: Home, letters: Vec<Outgoing>, left_out: Vec<(String, String)> },
    /// A mail that came in is settled; nothing is written where it was before.
    Settle(Box<Settled>),
    /// A person says what a mail is; nothing is written where somebody did before.
    Answer(Box<MailRow>),
    /// The journal takes up how sending a message ended: its notice, and the state of that.
    Prove(String, String),
}

/// Evidence is written about where its bytes are at hand, and mail where it is sent or came in. What people may write
/// gets the form in which it is kept.
pub(super) fn by_hand(drafts: &mut [Draft]) -> Result<(), Refused> {
    let is_one_of_many = drafts.len() > 1;
    for (at, draft) in (1..).zip(drafts) {
        let good = may_be_by_hand(&draft.content).and_then(|()| as_by_hand(&mut draft.content));
        good.map_err(|problem| {
            Refused::Wrong(if is_one_of_many { problem.at(format!("entry {at}")) } else { problem })
        })?;
    }
    Ok(())
}

fn may_be_by_hand(content: &Content) -> Result<(), Problem> {
    let hint = match content {
        Content::EvidenceAdded(_) | Content::Custody(_) | Content::Release(_) => "see `concert evidence --help`",
        Content::Joined(_) => "it belongs into both incidents: see `concert incident merge --help`, `split` and `link`",
        Content::Effort(effort) if !effort.entry.is_empty() => {
            "leave `entry` out, or give `minutes` beside the content of the entry that took them"
        }
        Content::Finding(Finding { item, .. })
        | Content::Task(Task { item, .. })
        | Content::Indicated(Indicated { item, .. })
            if !item.is_empty() =>
        {
            "leave `item` out: it follows from the name"
        }
        Content::Erased(erased) if !erased.joins.is_empty() => "leave `joins` out: it follows from the entry",
        Content::Ruled(_) | Content::LeftOut(_) => "it follows from events",
        Content::Remarked(_) => "see `concert incident mark --entry`",
        Content::Delivered(_) | Content::AttachmentSorted(_) => "see `concert incident mail --help`",
        Content::MessageKept(message)
            if message.mail != 0
                || message.sort.is_some_and(|sort| sort != Sort::ByHand)
                || message.openpgp.is_some()
                || !message.attachments.is_empty() =>
        {
            "what came by mail is told by `concert incident mail`; leave out sort, openpgp, attachments and mail"
        }
        _ => return Ok(()),
    };
    Err(Problem::new("such an entry is not written by hand").hint(hint))
}

/// Observables as they are found in texts, so that the same value is the same whoever writes it; and what somebody
/// writes down in the name of a party says that it was.
fn as_by_hand(content: &mut Content) -> Result<(), Problem> {
    match content {
        Content::MessageKept(message) => {
            message.sort = Some(Sort::ByHand);
            Ok(())
        }
        Content::Observable(one) => plain(one, ("`of` of observable/1", "`value` of observable/1")),
        Content::Indicated(shown) => {
            let member = "`observables` of indicators/1";
            shown.observables.iter_mut().try_for_each(|one| plain(one, (member, member)))
        }
        _ => Ok(()),
    }
}

fn plain(one: &mut Observable, (of, value): (&str, &str)) -> Result<(), Problem> {
    let at = |member: &str, problem: Problem| {
        let what = format!("{member}: {}", problem.what);
        Problem { what, ..problem }
    };
    let kind = Kind::named(&one.of).map_err(|problem| at(of, problem))?;
    one.value = kind.plain(&one.value).map_err(|problem| at(value, problem))?;
    Ok(())
}
