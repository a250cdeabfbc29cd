//! The way from a question to whom to tell: which address to ask next, and what to make of each answer.
//!
//! Whoever carries the questions asks `next_url`, fetches, and hands back what came with `take`, until there is
//! nothing more to ask. Of a name the longest is asked first, because only a registry knows where its
//! customers' names begin. An answer without a contact for abuse leads on: to the entity that it only names,
//! to the registrar (`related`), and, if it has nobody at all, to the network around it (`up`).

use std::collections::VecDeque;
use std::net::IpAddr;

use super::bootstrap::{is_here, labels};
use super::choose::{Chosen, Later, choose, choose_entity, later, silence, unusable};
use super::object::{Covers, Object};
use super::{Bootstrap, Question};

/// Answers that are asked for because another named them.
const FOLLOWED_MAX: usize = 3;
/// Names that are asked for one name: with one, two and three labels more than their zone.
const NAMES_MAX: usize = 3;

/// Whom an answer names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The address that answered.
    pub url: String,
    /// The key of the network, AS or domain at the registry.
    pub handle: String,
    /// What it is for: `network 192.0.2.0 - 192.0.2.255 (NAME, NL)`.
    pub specific: String,
    /// The network, where it is one: its first and last address.
    pub network: Option<(IpAddr, IpAddr)>,
    /// The domain, where it is one.
    pub domain: Option<String>,
    /// Who holds it or answers for it.
    pub party: String,
    /// The role of the contact: `abuse`, else `technical` or `noc`.
    pub role: String,
    /// The way to the contact: `registrant EX-1 > abuse AR1`.
    pub path: String,
    /// Mail addresses, in order; never empty.
    pub mails: Vec<String>,
    /// Those of them that the registry says do not answer.
    pub invalid: Vec<String>,
    /// Whom the same answer names behind them: told where none of them can be any more.
    pub later: Vec<Later>,
    /// Languages that are understood there: `fr, en`; mostly empty.
    pub languages: String,
}

/// What is asked for.
#[derive(Clone, Debug)]
enum Wanted {
    /// An answer about the question, from where the way begins.
    First,
    /// An answer about the question that another one named.
    Object,
    /// An entity that another answer only names: with what was known of the rest.
    Entity { role: &'static str, path: String, about: Box<Object> },
}

/// One question on its way.
#[derive(Clone, Debug)]
pub struct Inquiry {
    question: Question,
    open: VecDeque<(String, Wanted)>,
    asked: Option<(String, Wanted)>,
    /// Every address that was put on the way, so that no loop goes round.
    seen: Vec<String>,
    followed: usize,
    /// Whether it begins on this machine: only such a server may lead to one there.
    is_here: bool,
    /// Answers about something else than what was asked.
    astray: u64,
    /// Answers that left out on purpose whom to tell.
    redacted: u64,
    /// Answers of which a mailbox cannot be used, and no other is for abuse.
    unusable: u64,
    found: Option<Found>,
    passed_over: Vec<String>,
}

impl Found {
    /// Whether the registry says that an address does not answer.
    pub fn is_invalid(&self, mail: &str) -> bool {
        self.invalid.iter().any(|dead| dead.eq_ignore_ascii_case(mail))
    }
}

impl Inquiry {
    /// Begins where the bootstrap file says.
    pub fn new(question: Question, bootstrap: &Bootstrap) -> Inquiry {
        let mut inquiry = Inquiry {
            open: VecDeque::new(),
            asked: None,
            seen: Vec::new(),
            followed: 0,
            is_here: false,
            astray: 0,
            redacted: 0,
            unusable: 0,
            found: None,
            passed_over: Vec::new(),
            question,
        };
        let Some((server, weight)) = bootstrap.find(&inquiry.question) else {
            inquiry.passed_over.push(format!(
                "passed over RDAP: no server is known for {} (list of {})",
                inquiry.question, bootstrap.published
            ));
            return inquiry;
        };
        let questions = match &inquiry.question {
            Question::Name(name) => names(name, weight).into_iter().map(Question::Name).collect(),
            other => vec![other.clone()],
        };
        inquiry.is_here = is_here(server);
        for question in questions {
            let url = format!("{server}{}", question.path());
            inquiry.seen.push(url.clone());
            inquiry.open.push_back((url, Wanted::First));
        }
        inquiry
    }

    /// The address to ask now; `None` when all is done.
    pub fn next_url(&mut self) -> Option<String> {
        let done = self.found.as_ref().is_some_and(|found| found.role == "abuse");
        self.asked = if done { None } else { self.open.pop_front() };
        self.asked.as_ref().map(|(url, _)| url.clone())
    }

    /// What came back for the address that `next_url` named: the address that answered in the end and its bytes,
    /// or why there is no answer. The error says that the bytes are of no use to anybody.
    pub fn take(&mut self, answer: Result<(&str, &[u8]), String>) -> Result<(), String> {
        let Some((asked, wanted)) = self.asked.take() else { return Ok(()) };
        let (url, bytes) = match answer {
            Ok(answer) => answer,
            Err(why) => {
                self.pass_over(&asked, &why);
                return Ok(());
            }
        };
        let object = match Object::read(bytes) {
            Ok(object) => object,
            Err(why) => {
                self.pass_over(url, &why);
                return Err(why);
            }
        };
        match wanted {
            Wanted::First | Wanted::Object => self.take_object(url, &object),
            Wanted::Entity { role, path, about } => match choose_entity(&object, role, &path) {
                Some(chosen) if object.covers == Covers::Nothing => self.keep(url, &about, chosen),
                _ => self.pass_over_silent(url, &object),
            },
        }
        Ok(())
    }

    /// Whether it begins on this machine, by the address of the server there.
    pub fn is_here(&self) -> bool {
        self.is_here
    }

    /// How many answers were about something else than what was asked.
    pub fn astray(&self) -> u64 {
        self.astray
    }

    /// How many answers named nobody and left something out on purpose.
    pub fn redacted(&self) -> u64 {
        self.redacted
    }

    /// How many answers named nobody for abuse, but something that is no mailbox.
    pub fn unusable(&self) -> u64 {
        self.unusable
    }

    /// Whom to tell, and what was passed over on the way.
    pub fn finish(self) -> (Option<Found>, Vec<String>) {
        (self.found, self.passed_over)
    }

    fn take_object(&mut self, url: &str, object: &Object) {
        if let Err(why) = object.check(&self.question) {
            self.astray += 1;
            self.pass_over(url, &why);
            return;
        }
        // The names left are other domains: those that hold this one.
        self.open.retain(|(_, wanted)| !matches!(wanted, Wanted::First));
        let chosen = choose(object);
        let is_for_abuse = chosen.as_ref().is_some_and(Chosen::is_for_abuse);
        let is_silent = chosen.is_none();
        if let Some(chosen) = chosen {
            if !is_for_abuse && self.found.is_none() {
                let wrong = unusable(object).map(|wrong| format!(" ({wrong})")).unwrap_or_default();
                self.unusable += u64::from(!wrong.is_empty());
                self.pass_over(url, &format!("nobody answers for abuse there{wrong}"));
            }
            self.keep(url, object, chosen);
        }
        if is_for_abuse {
            return;
        }
        let roles: &[&'static str] = if is_silent { &["abuse", "technical", "noc"] } else { &["abuse"] };
        let is_followed = self.follow_entity(url, object, roles);
        if is_silent && !is_followed {
            self.pass_over_silent(url, object);
        }
        for link in &object.related {
            self.follow(link.clone(), Wanted::Object);
        }
        for link in object.up.iter().filter(|_| is_silent) {
            self.follow(link.clone(), Wanted::Object);
        }
    }

    /// Asks for the first entity that is only named, by its link or else by its handle.
    fn follow_entity(&mut self, url: &str, object: &Object, roles: &[&'static str]) -> bool {
        for role in roles {
            let bare = object.entities.iter().find(|one| one.is_bare && one.roles.iter().any(|known| known == role));
            let Some(entity) = bare else { continue };
            let path = [entity.within.as_slice(), &[entity.label(role)]].concat().join(" > ");
            let by_handle = || Some(format!("{}entity/{}", base(url)?, handle_in_path(&entity.handle)?));
            let Some(address) = entity.link.clone().or_else(by_handle) else { continue };
            return self.follow(address, Wanted::Entity { role, path, about: Box::new(object.clone()) });
        }
        false
    }

    fn follow(&mut self, url: String, wanted: Wanted) -> bool {
        if self.seen.contains(&url) {
            return false;
        }
        if self.followed == FOLLOWED_MAX {
            self.pass_over(&url, &format!("more than {FOLLOWED_MAX} answers that others name"));
            return false;
        }
        if !(url.starts_with("https://") || self.is_here && is_here(&url)) {
            self.pass_over(&url, "it is asked without encryption, which is not done");
            return false;
        }
        self.followed += 1;
        self.seen.push(url.clone());
        self.open.push_back((url, wanted));
        true
    }

    fn pass_over_silent(&mut self, url: &str, object: &Object) {
        self.redacted += u64::from(!object.redacted.is_empty());
        self.unusable += u64::from(unusable(object).is_some());
        self.pass_over(url, &silence(object));
    }

    /// The first contact for abuse, else the first of all.
    fn keep(&mut self, url: &str, about: &Object, chosen: Chosen) {
        if self.found.is_some() && !chosen.is_for_abuse() {
            return;
        }
        self.found = Some(Found {
            later: later(about, &chosen),
            url: url.to_owned(),
            handle: about.handle.clone(),
            specific: about.to_string(),
            network: match about.covers {
                Covers::Range(first, last) => Some((first, last)),
                _ => None,
            },
            domain: match &about.covers {
                Covers::Domain(name) => Some(name.clone()),
                _ => None,
            },
            party: chosen.party,
            role: chosen.role,
            path: chosen.path,
            mails: chosen.mails,
            invalid: chosen.invalid,
            languages: chosen.languages,
        });
    }

    fn pass_over(&mut self, url: &str, why: &str) {
        self.passed_over.push(format!("passed over RDAP {url}: {why}"));
    }
}

/// A name and those above it, the longest first, that have one to three labels more than their zone.
fn names(name: &str, zone_labels: usize) -> Vec<String> {
    let all: Vec<&str> = name.split('.').collect();
    let most = labels(name).min(zone_labels + NAMES_MAX);
    let lengths = (zone_labels + 1..=most).rev();
    lengths.map(|length| all.get(all.len() - length..).unwrap_or_default().join(".")).collect()
}

/// What stands before `ip/`, `autnum/` or `domain/` in an address.
fn base(url: &str) -> Option<&str> {
    let at = ["/ip/", "/autnum/", "/domain/"].iter().filter_map(|word| url.rfind(word)).max()?;
    url.get(..=at)
}

/// A handle that may stand in an address as it is.
fn handle_in_path(handle: &str) -> Option<&str> {
    let good = !handle.is_empty() && handle.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    good.then_some(handle)
}
