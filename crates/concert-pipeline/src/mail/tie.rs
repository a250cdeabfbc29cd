//! Which notice a mail is about, and whether that is to be believed.
//!
//! Numbers and Message-IDs of notices can be guessed, so they alone prove nothing. A bounce is believed
//! when it comes to the return address of the notice, which only its receiver can know; where notices
//! go out without such an address, when it returns the notice's Message-ID and names its receiver. An
//! answer is believed when its sender is one the notice went to, or of the same domain or party; one of anybody else
//! waits for a person.

use super::address::{Key, Returned, canonical};
use super::{Failed, Kind, Mail, Weight, providers};

/// Notices that one mail is held against.
pub const CANDIDATES_MAX: usize = 20;

/// How a mail names a notice, the most certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It came to the notice's return address.
    ReturnAddress,
    /// It answers or returns its Message-ID.
    MessageId,
    /// Its number stands in the subject.
    Ticket,
}

/// A notice that a mail may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How it is named.
    pub how: How,
    /// The number of the notice.
    pub notice: String,
    /// The whole Message-ID, where that names it.
    pub message_id: String,
}

/// What is known of a notice that was sent.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Its number.
    pub id: String,
    /// Its Message-ID.
    pub message_id: String,
    /// The addresses it went to, in their canonical form.
    pub to: Vec<String>,
    /// Those of them that bounced since, or are suspended: an answer of somebody else says nothing of them.
    pub dead: Vec<String>,
    /// Other addresses (in that form too) and domains of the same party.
    pub party: Vec<String>,
    /// Domains in which anybody gets an address, beside those of known providers.
    pub shared: Vec<String>,
    /// Whether it was sent from a return address of its own.
    pub has_return_address: bool,
}

/// What a mail means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A bounce: each of the notice's addresses that it is about. Those of nobody we wrote to are
    /// left out.
    Bounced(Vec<Failed>),
    /// A person answered for this contact; it is empty where all that the notice went to are dead.
    Answered(String),
    /// A machine did.
    AutoAnswered(String),
    /// It belongs to the notice and says nothing about an address.
    Noted,
    /// Somebody wrote it of whom it is not known whether the notice went there, and why: a person must say.
    Unsure(Doubt, String),
    /// It is not to be believed, and why.
    Aside(Doubt, String),
}

/// What is wrong with a mail that is not believed, for those who count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It tells of a message that this site never sent.
    NeverSent,
    /// It is not from where it says, as far as can be told.
    Forged,
    /// Nothing shows that whoever wrote it got what it answers: forged, or forwarded. A person must say.
    Stranger,
    /// It is not signed, although all from that domain were. A person must say.
    Unsigned,
}

impl Doubt {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NeverSent, Self::Forged, Self::Stranger, Self::Unsigned];

    /// The word for it in lists and numbers.
    pub fn word(self) -> &'static str {
        match self {
            Self::NeverSent => "never-sent",
            Self::Forged => "forged",
            Self::Stranger => "unknown-sender",
            Self::Unsigned => "unsigned",
        }
    }
}

/// The notices that a mail may be about, the most certain first. The error says why it is forged.
///
/// `own` are the addresses that return addresses were made of, now and before, with what they are checked with.
pub fn candidates(mail: &Mail, own: Option<(&[&str], &Key)>) -> Result<Vec<Candidate>, String> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut note = |how, notice: &str, message_id: &str| {
        let (notice, message_id) = (notice.to_owned(), message_id.to_owned());
        if found.len() < CANDIDATES_MAX && found.iter().all(|one| one.notice != notice) {
            found.push(Candidate { how, notice, message_id });
        }
    };
    let mut is_forged = false;
    if let Some((bases, key)) = own {
        for (address, base) in mail.names.sent_to.iter().flat_map(|to| bases.iter().map(move |base| (to, base))) {
            match key.look(base, address) {
                Returned::Ours(notice) => note(How::ReturnAddress, &notice, ""),
                Returned::Forged => is_forged = true,
                Returned::Other => {}
            }
        }
    }
    for id in mail.names.returned.iter().chain(&mail.names.answers) {
        if let Some((local, _)) = id.split_once('@') {
            // What stands behind the number nobody can guess.
            note(How::MessageId, local.split('.').next().unwrap_or(local), id);
        }
    }
    for ticket in &mail.names.tickets {
        note(How::Ticket, ticket, "");
    }
    let certain = found.iter().any(|one| one.how == How::ReturnAddress);
    if is_forged && !certain {
        return Err("it was sent to a return address that this site never made: forged".into());
    }
    Ok(found)
}

/// What a mail means that names this notice.
pub fn judge(mail: &Mail, candidate: &Candidate, sent: &Sent) -> Verdict {
    if candidate.how == How::MessageId && !candidate.message_id.eq_ignore_ascii_case(&sent.message_id) {
        let why = format!("it names the Message-ID {}, which we never sent", candidate.message_id);
        return Verdict::Aside(Doubt::NeverSent, why);
    }
    match &mail.kind {
        Kind::Bounce(failed) => bounced(mail, failed, candidate, sent),
        Kind::Feedback => Verdict::Noted,
        kind => match answering(&mail.from, sent) {
            Some(contact) if matches!(kind, Kind::AutoReply | Kind::Generated | Kind::Bulk) => {
                Verdict::AutoAnswered(contact)
            }
            Some(contact) => Verdict::Answered(contact),
            None => {
                let (id, by) = (&sent.id, if candidate.how == How::Ticket { " by its number alone" } else { "" });
                let domain = domain(&mail.from);
                let what = match is_shared(domain, sent) {
                    true => format!("its sender, and in {domain} anybody gets an address"),
                    false => "its sender or that domain".to_owned(),
                };
                let why = format!("it answers notice {id}{by}, which did not go to {what}: forged, or forwarded");
                match *kind == Kind::Written {
                    true => Verdict::Unsure(Doubt::Stranger, why),
                    false => Verdict::Aside(Doubt::Forged, why),
                }
            }
        },
    }
}

fn bounced(mail: &Mail, failed: &[Failed], candidate: &Candidate, sent: &Sent) -> Verdict {
    let id = &sent.id;
    match candidate.how {
        How::ReturnAddress => {}
        // What stands behind the number there nobody can guess. Notices of long ago have nothing there.
        How::MessageId if !sent.has_return_address || sent.message_id.starts_with(&format!("{id}.")) => {}
        How::MessageId => {
            let why = "it does not come to the address that notice was sent from: forged, or from a server that answers the wrong one";
            return Verdict::Aside(Doubt::Forged, format!("a bounce of notice {id}, but {why}"));
        }
        How::Ticket => {
            let why = format!("a bounce that names notice {id} by its number alone, as anybody could");
            return Verdict::Aside(Doubt::Forged, why);
        }
    }
    let is_ours = |address: &String| sent.to.contains(&canonical(address));
    let is_other = !mail.names.returned_to.is_empty() && !mail.names.returned_to.iter().any(is_ours);
    let mut found: Vec<Failed> = Vec::new();
    for one in failed {
        let address = match [&one.original, &one.address].into_iter().find(|address| is_ours(address)) {
            Some(address) => canonical(address),
            None => match sent.to.as_slice() {
                [only] if !is_other => only.clone(),
                _ => continue,
            },
        };
        // Where it names another, ours was forwarded there: behind it stand several perhaps, of whom one is gone.
        let is_meant = one.address.is_empty() || is_ours(&one.original) || is_same_mailbox(&one.address, &address);
        let behind =
            Failed { weight: Weight::Behind, diagnostic: format!("{}: {}", one.address, one.why()), ..one.clone() };
        let one = if is_meant || one.weight < Weight::Soft { one } else { &behind };
        match found.iter_mut().find(|known| known.address == address) {
            Some(known) if known.weight >= one.weight => {}
            Some(known) => *known = Failed { address, ..one.clone() },
            None => found.push(Failed { address, ..one.clone() }),
        }
    }
    match (found.is_empty(), candidate.how, sent.to.as_slice()) {
        // What comes to the return address is a bounce of it, even where nothing of it can be read.
        (true, How::ReturnAddress, [only]) if failed.is_empty() && !is_other => {
            let (address, original, status) = (only.clone(), String::new(), String::new());
            let diagnostic = String::new();
            Verdict::Bounced(vec![Failed { address, original, weight: Weight::Soft, status, diagnostic }])
        }
        (true, How::MessageId, _) => {
            let why = format!("a bounce of notice {id} for an address that notice did not go to");
            Verdict::Aside(Doubt::Forged, why)
        }
        (true, ..) => Verdict::Noted,
        (false, ..) => Verdict::Bounced(found),
    }
}

/// Whether two addresses are one mailbox, as a server names it: `abuse@net.example` and `abuse@mx.net.example`.
fn is_same_mailbox(one: &str, other: &str) -> bool {
    let (one, other) = (canonical(one), canonical(other));
    let local =
        |address: &str| address.rsplit_once('@').map_or_else(|| address.to_owned(), |(local, _)| local.to_owned());
    let is_near = is_below(domain(&one), domain(&other)) || is_below(domain(&other), domain(&one));
    local(&one) == local(&other) && (is_near || !one.contains('@'))
}

/// The contact that the sender of an answer stands for: itself, where it is one, else an address of the notice that is
/// not dead. It is empty where none is left: that the answer belongs to the notice is sure all the same.
fn answering(from: &str, sent: &Sent) -> Option<String> {
    let from = canonical(from);
    if sent.to.contains(&from) {
        return Some(from);
    }
    let near = |known: &str| is_near(&from, known, sent);
    if !sent.to.iter().chain(&sent.party).any(|known| near(known)) {
        return None;
    }
    if sent.party.contains(&from) {
        return Some(from);
    }
    // Somebody else of the same party: that the notice arrived is sure, and the nearest address is most likely.
    let alive = || sent.to.iter().filter(|address| !sent.dead.contains(address));
    Some(alive().find(|address| near(address)).or_else(|| alive().next()).cloned().unwrap_or_default())
}

/// Whether an address, in canonical form, is another or in the domain of it, unless anybody gets an address there.
pub fn is_near(from: &str, known: &str, sent: &Sent) -> bool {
    let (own, above) = (domain(from), domain(known).trim_start_matches("*."));
    let is_one = !own.is_empty() && (is_below(own, above) || is_below(above, own));
    known == from || is_one && !is_shared(own, sent) && !is_shared(above, sent)
}

/// What stands behind the @; all of what has none.
fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

/// Whether anybody gets an address in a domain, so that whoever writes from there stands for nobody else.
fn is_shared(domain: &str, sent: &Sent) -> bool {
    providers::is_shared(domain) || sent.shared.iter().any(|shared| is_below(domain, shared))
}

/// Whether a domain is another or stands below it. A top-level domain is nobody's own.
pub(super) fn is_below(domain: &str, above: &str) -> bool {
    above.contains('.') && (domain == above || domain.strip_suffix(above).is_some_and(|rest| rest.ends_with('.')))
}
