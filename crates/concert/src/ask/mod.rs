//! Questions to servers of others while a person waits: RDAP and security.txt, for `concert who`.
//!
//! Nothing of this stands in the way of events. Where to ask and what an answer means is decided in
//! `concert-pipeline`, how to ask politely in `concert-transport`; here the two are joined.

mod bootstrap;
mod rdap;
mod security_txt;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use concert_model::{Problem, Time};
use concert_pipeline::enrich::constituents::Subject;
use concert_pipeline::registry::rdap::{Found, Question};
use concert_pipeline::registry::security_txt::SecurityTxt;
use concert_transport::lookup::polite::{Options, Polite, Refusals};

use self::bootstrap::Bootstraps;
pub(crate) use self::bootstrap::refresh;
use crate::settings::{Lookup, Settings, USER_AGENT};
use crate::wire::now;

/// How long one value may take with each of the two, all its requests together.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks what the settings allow.
pub(crate) struct Asker {
    polite: Polite,
    /// Where RDAP begins; `None` where it is not asked.
    rdap: Option<Bootstraps>,
    security_txt: bool,
    refused: Mutex<Refused>,
    /// Of files of domains.
    refused_files: Mutex<Refused>,
}

/// Where refused answers of RDAP, and refused files of domains, are counted.
const RDAP: &str = "rdap";
const SECURITY_TXT: &str = "security.txt";

/// Answers that were refused, by why.
#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    busy: u64,
    too_large: u64,
    failed: u64,
    unwanted: u64,
    astray: u64,
    unreadable: u64,
    redacted: u64,
    unusable: u64,
}

impl Refused {
    /// Each with its word in lists and numbers.
    fn counts(&self) -> [(&'static str, u64); 8] {
        let Self { busy, too_large, failed, unwanted, astray, unreadable, redacted, unusable } = *self;
        [
            ("busy", busy),
            ("too-large", too_large),
            ("failed", failed),
            ("unwanted", unwanted),
            ("wrong-subject", astray),
            ("unreadable", unreadable),
            ("redacted", redacted),
            ("unusable", unusable),
        ]
    }

    /// Adds what servers refused between two moments.
    fn add(&mut self, before: Refusals, after: Refusals) {
        self.busy += after.busy - before.busy;
        self.too_large += after.too_large - before.too_large;
        self.failed += after.failed - before.failed;
        self.unwanted += after.unwanted - before.unwanted;
    }
}

/// What is wrong with the files that say which server of RDAP knows what.
pub(crate) fn bootstrap_mistakes(given: Option<&Path>, data: &Path) -> Vec<Problem> {
    let hint = "fetch them with `concert contact refresh rdap`, or put those of IANA into the folder";
    Bootstraps::open(given, data).mistakes().map(|why| Problem::new(why).hint(hint)).collect()
}

/// Where the files that say which server of RDAP knows what are from, and of which day.
pub(crate) fn bootstrap_origins(given: Option<&Path>, data: &Path) -> Vec<String> {
    Bootstraps::open(given, data).said()
}

/// Whom a domain names: the address of the file, the domain and what it says.
pub(crate) type NamedByDomain = (String, String, SecurityTxt);

/// What a domain, and those above it, say of whom to tell.
#[derive(Default)]
pub(crate) struct Domain {
    /// Whom the nearest of them names.
    pub(crate) named: Option<NamedByDomain>,
    /// What was passed over and why.
    pub(crate) passed_over: Vec<String>,
    /// When to ask again, where nobody is named and that may be so for a moment alone.
    pub(crate) again: Option<Time>,
}

/// What was learned of one value.
#[derive(Default)]
pub(crate) struct Learned {
    /// Whom RDAP names.
    pub(crate) rdap: Option<Found>,
    /// Whom the domain itself names.
    pub(crate) security_txt: Option<NamedByDomain>,
    /// What was passed over and why.
    pub(crate) passed_over: Vec<String>,
}

impl Asker {
    /// Sets up what the settings allow; `None` where they allow nothing.
    pub(crate) async fn open(settings: &Settings) -> Result<Option<Asker>, Problem> {
        let lookup = &settings.lookup;
        if !lookup.rdap && !lookup.security_txt {
            return Ok(None);
        }
        let data = settings.data_dir();
        let rdap = lookup.rdap.then(|| Bootstraps::open(lookup.rdap_bootstrap.as_deref(), &data));
        let polite = polite(&data, lookup).await?;
        Ok(Some(Asker {
            polite,
            rdap,
            security_txt: lookup.security_txt,
            refused: Mutex::default(),
            refused_files: Mutex::default(),
        }))
    }

    /// How many answers of RDAP and files of domains were refused so far, by why.
    pub(crate) fn refused(&self) -> [(&'static str, [(&'static str, u64); 8]); 2] {
        let counts = |refused: &Mutex<Refused>| refused.lock().unwrap_or_else(PoisonError::into_inner).counts();
        [(RDAP, counts(&self.refused)), (SECURITY_TXT, counts(&self.refused_files))]
    }

    /// Asks about a value. `purpose` is what the contacts are wanted for: security.txt is for one alone.
    pub(crate) async fn ask(&self, value: &str, purpose: Option<&str>) -> Learned {
        let mut learned = Learned::default();
        let Some(subject) = Subject::read(value) else { return learned };
        (learned.rdap, learned.passed_over) = self.ask_rdap(value).await;
        let is_wanted = purpose.is_none_or(|purpose| purpose.eq_ignore_ascii_case(security_txt::PURPOSE));
        if let (true, Subject::Name(name), None) = (is_wanted, &subject, subject.nobodys()) {
            let Domain { named, passed_over, .. } = self.ask_domain(name).await;
            learned.security_txt = named;
            learned.passed_over.extend(passed_over);
        }
        learned
    }

    /// Asks the server of its registry about a value.
    pub(crate) async fn ask_rdap(&self, value: &str) -> (Option<Found>, Vec<String>) {
        let question = Subject::read(value).and_then(|subject| question(&subject));
        let (Some(bootstraps), Some(question)) = (&self.rdap, question) else { return (None, Vec::new()) };
        let mut refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = rdap::ask(&self.polite, bootstraps, question, &mut refused).await;
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        asked
    }

    /// Asks a name, and the domains above it, whom they name themselves.
    pub(crate) async fn ask_domain(&self, name: &str) -> Domain {
        if !self.security_txt {
            return Domain::default();
        }
        let mut refused = *self.refused_files.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = security_txt::ask(&self.polite, name, &mut refused).await;
        *self.refused_files.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        asked
    }
}

/// What security.txt is for.
pub(crate) const SECURITY_TXT_PURPOSE: &str = security_txt::PURPOSE;

/// What RDAP is asked; `None` for what belongs to nobody.
fn question(subject: &Subject<'_>) -> Option<Question> {
    if subject.nobodys().is_some() {
        return None;
    }
    match subject {
        Subject::Address(address) => {
            let address = address.to_canonical();
            let prefix = if address.is_ipv4() { 32 } else { 128 };
            Some(Question::Net(concert_model::Net::new(address, prefix)?))
        }
        Subject::Net(net) => Some(Question::Net(*net)),
        Subject::Asn(asn) => Some(Question::Asn(*asn)),
        Subject::Name(name) => Some(Question::Name(name.to_string())),
    }
}

async fn polite(data: &Path, lookup: &Lookup) -> Result<Polite, Problem> {
    let (trial_server, proxy) = (lookup.trial_server, lookup.proxy.clone());
    let options = Options { trial_server, proxy, ..Options::new(USER_AGENT, folder(data).join("live")) };
    Polite::new(options, now()).await.map_err(|why| Problem::new(format!("nobody outside can be asked: {why}")))
}

/// Where data about others is, in the folder of a site's data.
fn folder(data: &Path) -> PathBuf {
    data.join("lookup")
}
