//! `[mailbox]`: where bounces and answers come back to, and what is done with them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use concert_model::address::canonical;
use concert_model::problem::instead;
use concert_model::{Keys, host, language};
use concert_pipeline::render::Templates;
use concert_pipeline::render::template::DEFAULT_LANGUAGE;
use concert_transport::Collector;
use concert_transport::collect::imap;

use super::feed::Feed;
use super::notice::is_address;
use super::site::Limits;
use super::via::{MAIL, Vias};

/// What the mailbox is called where feeds have names. No feed can be called so.
pub const OWNER: &str = "[mailbox]";
/// Contacts are not asked more often.
const PROVE_EVERY_MIN: Duration = Duration::from_secs(7 * 86_400);
/// Nothing counts as stopped sooner; longer is what nobody waits for, and what is known of a problem is gone.
const OUTCOME_AFTER: [Duration; 2] = [Duration::from_secs(86_400), Duration::from_secs(60 * 86_400)];

/// The mailbox that mail comes back to.
pub struct Mailbox {
    /// What reads it.
    pub collector: Arc<dyn Collector>,
    /// The address whose plus-addresses come to it: notices are sent from such.
    pub address: Option<String>,
    /// How often contacts are asked whether they are there.
    pub prove_every: Option<Duration>,
    /// The way out of what is sent to contacts besides notices.
    pub via: Option<String>,
    /// The language of what is sent besides notices, where whoever gets it wishes none that there is.
    pub language: String,
    /// The feed that mails which answer nothing are reports of.
    pub complaints: Option<String>,
    /// Whether whoever wrote such a mail is told that it came.
    pub receipts: bool,
    /// Receipts in an hour, to all together.
    pub receipts_max: u32,
    /// Whoever complained is told so, once what was complained of was not seen again for so long.
    pub outcome_after: Option<Duration>,
    /// Whether the DNS is asked for the keys of domains that sign their mail.
    pub dkim: bool,
    /// Domains in which anybody gets an address, beside those of known providers.
    pub shared_domains: Vec<String>,
    /// Addresses and domains of reporters who agreed to be named, in canonical form.
    agreed: Vec<String>,
}

impl Mailbox {
    /// `None` where nothing is set, or with mistakes.
    pub(super) fn read(
        mut keys: Keys<'_>,
        dir: &Path,
        limits: &Limits,
        (vias, feeds, templates): (&Vias, &[Feed], &Templates),
    ) -> Option<Self> {
        let is_set = !keys.is_empty();
        let language = language(&mut keys, templates);
        let complaints = complaints(&mut keys, feeds);
        let receipts = keys.flag_or(
            "receipts",
            true,
            "with `complaints`: tell whoever wrote by hand that it came, with its number",
        );
        let about =
            "receipts in an hour, to all senders together, as addresses of spam are forged; 30 go to one sender";
        let receipts_max = keys.number_or("receipts_max", 1_000, 1..=1_000_000, about);
        let agreed = agreed(&mut keys);
        let shared_domains = shared_domains(&mut keys);
        let about = "check signatures of answers that have one (DKIM); the DNS is asked for the key of their domain";
        let dkim = keys.flag_or("dkim", true, about);
        let address = address(&mut keys);
        let prove_every = keys
            .duration("prove_every", "how often contacts are asked whether they are there, \"180d\"; never without it");
        if prove_every.is_some_and(|every| every < PROVE_EVERY_MIN) {
            keys.problem("prove_every", "`prove_every` must be at least \"7d\"", "prove_every = \"180d\"");
        }
        let about = "with `complaints`: tell whoever wrote by hand, once, that nothing was seen again for so long, \"14d\"; never without it";
        let outcome_after = keys.duration("outcome_after", about);
        let [least, most] = OUTCOME_AFTER;
        if outcome_after.is_some_and(|after| after < least || after > most) {
            let what = "`outcome_after` must be from \"1d\" to \"60d\"";
            keys.problem("outcome_after", what, "outcome_after = \"14d\"");
        }
        let about = "the way out of messages to contacts; the only one for mail without it";
        let is_needed = prove_every.is_some() || complaints.is_some() && (receipts || outcome_after.is_some());
        let via = mail_way(&mut keys, vias, about, is_needed);
        let setup = super::feed::setup(OWNER, dir, Duration::ZERO, limits);
        let collector = (imap::LISTED.read)(&mut keys, &setup);
        if keys.has("links") {
            keys.problem("links", "links in mails that come back are not followed", "leave `links` away");
        }
        keys.finish();
        let collector = collector.filter(|_| is_set)?;
        Some(Self {
            collector: Arc::from(collector),
            address,
            prove_every,
            via,
            language,
            complaints,
            receipts,
            receipts_max: u32::try_from(receipts_max).unwrap_or(u32::MAX),
            outcome_after,
            dkim,
            shared_domains,
            agreed,
        })
    }

    /// Whether whoever reported something agreed to be named to the party that is told of it.
    pub fn may_name(&self, reporter: &str) -> bool {
        let reporter = canonical(reporter);
        let domain = reporter.rsplit_once('@').map_or("", |(_, domain)| domain);
        !domain.is_empty() && self.agreed.iter().any(|agreed| *agreed == reporter || agreed == domain)
    }
}

fn language(keys: &mut Keys<'_>, templates: &Templates) -> String {
    let about = "language of receipts, outcomes and questions to contacts for those who wish none that has templates";
    let language = keys.text_or("language", DEFAULT_LANGUAGE, about);
    if let Err(hint) = language::tag(&language) {
        keys.problem("language", format!("`{language}` is no language"), hint);
    } else if !templates.writes(&language) {
        let hint = format!("put receipt.txt.j2 and others into templates/{language}/");
        keys.problem("language", format!("there are no templates of letters in `{language}`"), hint);
    }
    language
}

fn agreed(keys: &mut Keys<'_>) -> Vec<String> {
    let about =
        "with `complaints`: addresses and domains of reporters who agreed to be named to the party that is told";
    let given = keys.texts("agreed", about);
    for one in given.iter().filter(|one| !is_address(one) && host::domain(one).is_err()) {
        let hint = "agreed = [\"anna@bank.example\", \"partner.example\"]";
        keys.problem("agreed", format!("`{one}` is neither a mail address nor a domain"), hint);
    }
    given.iter().map(|one| canonical(one)).collect()
}

fn shared_domains(keys: &mut Keys<'_>) -> Vec<String> {
    let about = "domains in which anybody gets an address, beside those of known providers: whoever answers from one stands for nobody else there";
    let mut domains = Vec::new();
    for given in keys.texts("shared_domains", about) {
        match host::domain(&given) {
            Ok(domain) => domains.push(domain.into_owned()),
            Err(_) => {
                let what = format!("`{given}` is not a domain");
                keys.problem("shared_domains", what, "shared_domains = [\"mail.example\"]");
            }
        }
    }
    domains
}

fn address(keys: &mut Keys<'_>) -> Option<String> {
    let about = "address that this mailbox gets mail for, also as address+anything@: notices are sent from such, so that bounces tell what they are about";
    let address = keys.text("address", about)?;
    let hint = "write it like cert@cert.example";
    if !is_address(&address) || !address.is_ascii() {
        keys.problem("address", format!("`{address}` is not a mail address"), hint);
        return None;
    }
    let local = address.rsplit_once('@').map_or("", |(local, _)| local);
    // What is added takes 36 letters of the 64 that may stand before the @.
    if local.contains('+') || local.len() > 28 {
        keys.problem(
            "address",
            format!("`{address}` cannot be extended: before the @ at most 28 letters and no +"),
            hint,
        );
        return None;
    }
    Some(address)
}

fn complaints(keys: &mut Keys<'_>, feeds: &[Feed]) -> Option<String> {
    let about =
        "feed that mails become reports of when they answer nothing that was sent; without it they are set aside";
    let name = keys.text("complaints", about)?;
    if feeds.iter().all(|feed| feed.name != name) {
        let known: Vec<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
        let hint = match known.as_slice() {
            [] => format!("write a table [[feed]] with name = \"{name}\""),
            known => instead(&name, known),
        };
        keys.problem("complaints", format!("there is no feed `{name}`"), hint);
    }
    Some(name)
}

/// `via` of a section that sends mails of its own: a way out for mail, the only one there is without it.
pub(super) fn mail_way(keys: &mut Keys<'_>, vias: &Vias, about: &str, is_needed: bool) -> Option<String> {
    let mails: Vec<&String> = vias.good.values().filter(|via| via.kind == MAIL).map(|via| &via.name).collect();
    match keys.text("via", about) {
        Some(name) if mails.contains(&&name) => Some(name),
        Some(name) => {
            // The mistakes of a way out that is not good were told already.
            if !vias.names.contains(&name) || vias.good.contains_key(&name) {
                let known: Vec<&str> = mails.iter().map(|name| name.as_str()).collect();
                let hint = match known.as_slice() {
                    [] => format!("write a table [via.mail] with type = \"{MAIL}\", and via = \"mail\""),
                    known => instead(&name, known),
                };
                keys.problem("via", format!("there is no [via.{name}] with type = \"{MAIL}\""), hint);
            }
            None
        }
        None => match mails.as_slice() {
            [only] => Some((*only).clone()),
            _ if is_needed && (vias.names.is_empty() || mails.len() > 1) => {
                keys.missing("via", about);
                None
            }
            _ => None,
        },
    }
}
