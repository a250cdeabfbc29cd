//! Joins the parts: what the settings say becomes what runs.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use concert_model::access::{self, Person};
use concert_model::{Contact, Problem, Time, host};
use concert_pipeline::enrich::constituents;
use concert_pipeline::enrich::{Book, Constituents, Lookup};
use concert_pipeline::mail::address::Key;
use concert_pipeline::mail::number;
use concert_pipeline::registry::Registered;
use concert_store::Store;
use concert_store::records::{Home, Parties, remember_in};
use concert_transport::lookup::dkim::Verifier;
use concert_transport::lookup::reverse::{Options, Reverse};
use concert_transport::openpgp::Keyring;

use crate::addressees::Addressees;
use crate::barred::Barred;
use crate::drive::learn;
use crate::drive::live::{self, Live};
use crate::drive::tell::Kind;
use crate::incidents::Incidents;
use crate::opener::Opener;
use crate::problems::Failure;
use crate::ranges;
use crate::reach::Reach;
use crate::registry;
use crate::settings::{Feed, Recipient, Settings, Whom};

mod keys;

/// A site, ready to work.
pub struct Site {
    /// Its settings.
    pub settings: Settings,
    /// Its store.
    pub store: Store,
    /// Kinds of notices.
    pub kinds: Vec<Kind>,
    /// Local data about addresses, and what the files looked like when they were read.
    lookup: RwLock<Local>,
    /// What the files look like while they are another than those.
    changing: Mutex<Option<Changing>>,
    /// Asks for the names of addresses, where the settings want it.
    pub reverse: Option<Reverse>,
    /// Asks for the keys of domains that sign their mail, where the settings want it.
    pub verifier: Option<Verifier>,
    /// Who this site answers for, and teams of last resort.
    parties: RwLock<Imported>,
    /// The keys of contacts.
    keys: keys::Keys,
    /// Where new events are sent for those who listen.
    pub live: Live,
    /// The address whose plus-addresses come back, and what checks them.
    pub return_address: Option<(String, Key)>,
    /// The letters of this site in numbers of notices; none without its key.
    letters: String,
}

/// For more values than these all parties are read.
const FEW_VALUES: usize = 64;

/// How long the DNS may take to tell the key of a signature.
const KEY_DEADLINE: Duration = Duration::from_secs(5);

/// How long holds whom a server of a registry named for a network.
const LEARNED_SECONDS: i64 = 30 * 86_400;

/// What no longer holds of it is left out within so long, so that many who end one after another are no trouble.
const LEARNED_ENDS_SECONDS: i64 = 60;

/// A shorter key of the site could be guessed.
const KEY_BYTES_MIN: usize = 32;

/// A file that changes is read once it has been the same for so long.
const SETTLED: Duration = Duration::from_secs(3);

/// Name, size and time of change of files.
type Marks = Vec<(PathBuf, u64, SystemTime)>;

/// How much of the data about addresses is read.
#[derive(Clone, Copy)]
enum Data<'v> {
    Nothing,
    /// All but who is responsible by registries, which is looked up in their file; of parties those alone that may
    /// answer for these values, or all where there are many.
    ForQuestions(&'v [String]),
    /// All, with whom registries name worked out for every address.
    ForEvents,
}

/// Data about addresses, and what its files looked like when they were read.
struct Local {
    marks: Marks,
    lookup: Arc<Lookup>,
    registered: Option<Arc<Registered>>,
    /// Whether all files were read without a mistake.
    is_good: bool,
}

/// Files that look otherwise than those in force.
struct Changing {
    marks: Marks,
    since: Instant,
    /// They were read, and are not fit to take the place of what is in force.
    is_refused: bool,
}

/// Parties, and the number of the import they come from.
struct Imported {
    number: u64,
    constituents: Arc<Constituents>,
    /// Whom servers of registries named.
    learned: Arc<Constituents>,
    /// When the first of those no longer holds.
    learned_until: Option<Time>,
    teams: Arc<Constituents>,
}

/// The present moment. The one place where the program asks the system for it.
pub fn now() -> Time {
    Time(jiff::Timestamp::now().as_microsecond())
}

/// What is remembered of a feed: since when it is in the settings.
pub(crate) const LISTED_SINCE: &str = "listed since";

impl Site {
    /// Remembers since when each feed is there: one that never brings anything is missed after a while too.
    pub(crate) async fn remember_feeds(&self) -> Result<(), Problem> {
        let (records, now) = (&self.store.records, now().0.to_string());
        let known = records.recall_all(LISTED_SINCE).await?;
        let new: Vec<&Feed> = self.settings.feeds.iter().filter(|feed| !known.contains_key(&feed.name)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut change = records.change().await?;
        for feed in new {
            remember_in(&mut change, &feed.name, LISTED_SINCE, &now).await?;
        }
        records.commit(change).await
    }
}

impl Site {
    /// Opens the store and joins everything.
    pub async fn open(settings: Settings) -> Result<Self, Failure> {
        Self::open_with(settings, Data::ForEvents).await
    }

    /// Opens the store for questions about a few values: who is responsible is not worked out for all addresses, and
    /// parties that cannot answer are not read. With no values it is open for questions about any.
    pub async fn open_to_ask(settings: Settings, values: &[String]) -> Result<Self, Failure> {
        Self::open_with(settings, Data::ForQuestions(values)).await
    }

    /// Opens the store for commands that process no reports and so need no data about addresses.
    pub async fn open_to_look(settings: Settings) -> Result<Self, Failure> {
        Self::open_with(settings, Data::Nothing).await
    }

    async fn open_with(settings: Settings, data: Data<'_>) -> Result<Self, Failure> {
        let responsible = settings.lookup.responsible.clone();
        let store = Store::open(&settings.data_dir()).await.map_err(Failure::outside)?;
        let (with_addresses, for_events) = (!matches!(data, Data::Nothing), matches!(data, Data::ForEvents));
        let reading = tokio::task::spawn_blocking(move || {
            let local = match with_addresses {
                false => Local { marks: Vec::new(), lookup: Arc::default(), registered: None, is_good: true },
                true => {
                    let (local, problems) = load_local(&settings, for_events);
                    problems.tell();
                    local
                }
            };
            (local, settings)
        });
        let few = match data {
            Data::ForQuestions(values) if !values.is_empty() && values.len() <= FEW_VALUES => Some(values),
            _ => None,
        };
        // What makes a party answer for an address is its AS too, so few parties wait for that.
        let parties = if few.is_none() { Some(load_parties(&store, &responsible).await) } else { None };
        let (local, settings) = reading.await.map_err(|error| Failure::outside(Problem::new(error.to_string())))?;
        let parties = match parties {
            Some(parties) => parties,
            None => load_few(&store, few.unwrap_or_default(), &local.lookup).await,
        };
        let parties = parties.map_err(Failure::outside)?;
        let (lookup, parties) = (RwLock::new(local), RwLock::new(parties));
        let (reverse, verifier) = (reverse(&settings), verifier(&settings));
        let kinds = settings.notices.iter().map(Kind::new).collect();
        let return_address = return_address(&settings);
        // What cannot be read is told where it is needed.
        let letters = site_key(&settings).map_or_else(|_| String::new(), |secret| number::letters(&secret));
        let keys = keys::Keys::new(settings.openpgp.keys.clone());
        Ok(Self {
            settings,
            store,
            kinds,
            lookup,
            changing: Mutex::default(),
            reverse,
            verifier,
            parties,
            keys,
            live: live::new(),
            return_address,
            letters,
        })
    }

    /// Where bounces of a notice come back to; nothing where the settings have no address for it.
    pub fn return_path(&self, notice: &str) -> Option<String> {
        self.return_address.as_ref().and_then(|(base, key)| key.return_address(base, notice))
    }

    /// Who this site answers for.
    pub fn constituents(&self) -> Arc<Constituents> {
        // A reader that panicked cannot have left half an import behind: it is one pointer.
        Arc::clone(&self.parties.read().unwrap_or_else(PoisonError::into_inner).constituents)
    }

    /// Teams of last resort.
    pub fn teams(&self) -> Arc<Constituents> {
        Arc::clone(&self.parties.read().unwrap_or_else(PoisonError::into_inner).teams)
    }

    /// Everybody whom events may fall to, as far as the settings want it.
    pub fn book(&self) -> Book {
        let wanted = &self.settings.lookup.responsible;
        let only = |whom, parties| if wanted.contains(&whom) { parties } else { Arc::default() };
        Book {
            constituents: only(Whom::Constituents, self.constituents()),
            // It is read only where it is wanted.
            registered: self.lookup.read().unwrap_or_else(PoisonError::into_inner).registered.clone(),
            teams: only(Whom::Teams, self.teams()),
        }
    }

    /// How far a person sees into events, notices or contacts; else why the person sees nothing of them.
    pub(crate) fn reach(&self, person: &Person, kept: access::Kept) -> Result<Reach, access::Decision> {
        let (constituents, teams) = (self.constituents(), self.teams());
        Reach::of(person, kept, constituents.parties().iter().chain(teams.parties()))
    }

    /// How far a person may change or send events, notices or contacts; else why nothing of them.
    pub(crate) fn reach_to_change(&self, person: &Person, kept: access::Kept) -> Result<Reach, access::Decision> {
        let (constituents, teams) = (self.constituents(), self.teams());
        let action = access::Action::ChangeSite(kept);
        Reach::to(person, action, constituents.parties().iter().chain(teams.parties()))
    }

    /// Whether a person sees what belongs to one party, or to nobody: the same as [`Self::reach`] says, for one.
    pub(crate) fn sees(&self, person: &Person, kept: access::Kept, party: &str) -> bool {
        let (constituents, teams) = (self.constituents(), self.teams());
        let known = constituents.named(party).into_iter().chain(teams.named(party));
        let of: Vec<&str> = known.flat_map(|party| &party.sectors).map(String::as_str).chain([party]).collect();
        let sees = |object| access::may(person, access::Action::SeeSite(kept), object).allowed;
        sees(access::Object::Site) || !party.is_empty() && sees(access::Object::Of(&of))
    }

    /// Everybody whom notices may go to, as far as the settings want it.
    pub(crate) fn addressees(&self) -> Addressees {
        let Book { constituents, teams, .. } = self.book();
        let is_asked = [Whom::Rdap, Whom::SecurityTxt].iter().any(|one| self.settings.lookup.responsible.contains(one));
        let learned = || Arc::clone(&self.parties.read().unwrap_or_else(PoisonError::into_inner).learned);
        let registry = open_registry(&self.settings, false);
        Addressees { constituents, registry, learned: is_asked.then(learned), teams }
    }

    /// Addresses that nothing is sent to, as the records and the settings say now.
    pub(crate) async fn barred(&self) -> Result<Barred, Problem> {
        Ok(Barred::new(self.settings.own(), self.store.records.suspended_contacts().await?))
    }

    /// Why an address gets nothing by a way out: it sends nothing in clear, and there is no good key. While everything
    /// goes to one test address, that one's key alone counts.
    pub(crate) fn no_key(&self, mail: &str, via: &str) -> Option<String> {
        let via = self.settings.vias.get(via)?;
        if !via.deliverer.must_encrypt() || self.settings.deliver.override_recipient.is_some() {
            return None;
        }
        let none = self.keyring().find(mail, now()).err()?;
        Some(format!("it must be encrypted, but {}", none.why))
    }

    /// The same for a contact and every kind of notice that goes to whoever is responsible; nothing where one reaches it.
    pub(crate) fn keyless(&self, contact: &Contact) -> Option<String> {
        let is_known = self.settings.vias.contains_key(&contact.via);
        let kinds = self.settings.notices.iter().filter(|kind| kind.to == Recipient::Responsible);
        let mut whys = kinds.map(|kind| self.no_key(&contact.mail, if is_known { &contact.via } else { &kind.via }));
        let first = whys.next()??;
        whys.all(|why| why.is_some()).then_some(first)
    }

    /// Takes up parties that were imported since they were read. Says whether there were any.
    pub async fn refresh_parties(&self) -> Result<bool, Problem> {
        let (known, learned_until) = {
            let parties = self.parties.read().unwrap_or_else(PoisonError::into_inner);
            (parties.number, parties.learned_until)
        };
        if self.store.records.parties_import().await? == known {
            if learned_until.is_some_and(|until| until <= now()) {
                let (learned, until) = load_learned(&self.store, &self.settings.lookup.responsible).await?;
                let mut parties = self.parties.write().unwrap_or_else(PoisonError::into_inner);
                (parties.learned, parties.learned_until) = (learned, until);
            }
            return Ok(false);
        }
        let fresh = load_parties(&self.store, &self.settings.lookup.responsible).await?;
        *self.parties.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }

    /// The incidents of the site. Their entries are signed, so they need its key.
    pub fn incidents(&self) -> Result<Incidents, Failure> {
        let secret = site_key(&self.settings).map_err(Failure::outside)?;
        Ok(Incidents::new(self.store.clone(), &secret, &self.settings.site.ticket, self.constituents())
            .with_teams(self.teams())
            .with_opener(Opener::new(&self.settings, Arc::default()))
            .forbidding(self.settings.forbids.clone())
            .labelling(self.settings.feeds.iter().filter_map(|feed| Some((feed.name.clone(), feed.label()?))).collect())
            .of_site(self.settings.dir.clone(), self.settings.site.time_zone.clone()))
    }

    /// The domain of Message-IDs: that of the site's address.
    pub fn domain(&self) -> String {
        let email = &self.settings.site.email;
        let Some((_, domain)) = email.rsplit_once('@') else { return "localhost".to_owned() };
        // As the DNS has it: nothing else may stand in a Message-ID.
        host::domain(domain).map_or_else(|_| domain.to_ascii_lowercase(), Cow::into_owned)
    }

    /// What the numbers and Message-IDs of notices end in.
    pub fn home(&self) -> Home {
        Home { letters: self.letters.clone(), domain: self.domain() }
    }

    /// The longest time within which a repeat is no new event, over all feeds.
    pub fn window(&self) -> Duration {
        let feeds = self.settings.feeds.iter().map(|feed| feed.dedup.window());
        feeds.max().unwrap_or_default().max(self.settings.dedup.window())
    }

    /// How far back an earlier event of a problem matters to some notice. Twice as long as it takes to be clean, or
    /// whatever comes back would be new at the very moment at which it begins to be a relapse.
    pub fn look_back(&self) -> Duration {
        let spans = self.settings.notices.iter().map(|notice| notice.remind_after.max(notice.clean_after));
        spans.max().unwrap_or_default().saturating_mul(2)
    }

    /// Local data about addresses.
    pub fn lookup(&self) -> Arc<Lookup> {
        Arc::clone(&self.lookup.read().unwrap_or_else(PoisonError::into_inner).lookup)
    }

    /// The keys of contacts. Blocks when it is asked for the first time.
    pub fn keyring(&self) -> Arc<Keyring> {
        self.keys.get()
    }

    /// What opens mails that are encrypted to the site. Blocks like [`keyring`](Self::keyring).
    pub(crate) fn opener(&self) -> Opener {
        Opener::new(&self.settings, self.keyring())
    }

    /// Reads the keys of contacts anew if their folder changed since. Says whether it did. Blocks.
    pub fn refresh_keys(&self) -> bool {
        self.keys.refresh()
    }

    /// Reads data about addresses anew if its files changed since, have settled, and have no mistakes; else what is in
    /// force stays. Says whether they were taken up. Blocks.
    pub fn refresh_lookup(&self) -> bool {
        self.refresh_settled(SETTLED)
    }

    fn refresh_settled(&self, settled: Duration) -> bool {
        let fresh = marks(&self.settings);
        let (is_known, had_registry) = {
            let local = self.lookup.read().unwrap_or_else(PoisonError::into_inner);
            (local.marks == fresh, local.registered.is_some())
        };
        {
            let mut changing = self.changing();
            if is_known {
                *changing = None;
                return false;
            }
            match changing.as_mut().filter(|changing| changing.marks == fresh) {
                Some(changing) if changing.is_refused || changing.since.elapsed() < settled => return false,
                Some(_) => {}
                None => {
                    *changing = Some(Changing { marks: fresh, since: Instant::now(), is_refused: false });
                    return false;
                }
            }
        }
        let (local, problems) = load_local(&self.settings, true);
        if local.marks != fresh {
            return false;
        }
        if !local.is_good || had_registry && local.registered.is_none() {
            problems.tell();
            tracing::error!(
                "changed data about addresses has mistakes; what was read before stays in force. `concert check` tells them"
            );
            self.changing().iter_mut().for_each(|changing| changing.is_refused = true);
            return false;
        }
        *self.changing() = None;
        *self.lookup.write().unwrap_or_else(PoisonError::into_inner) = local;
        true
    }

    fn changing(&self) -> MutexGuard<'_, Option<Changing>> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the files with data about addresses have changed and are not fit to be used.
    pub fn is_lookup_refused(&self) -> bool {
        self.changing().as_ref().is_some_and(|changing| changing.is_refused)
    }

    /// With settings read anew, goes on with the data about addresses of the site as it was, where its files are the
    /// same by name and no longer good.
    pub fn keep_lookup_of(&self, before: &Site) {
        let names = |marks: &Marks| marks.iter().map(|(path, ..)| path.clone()).collect::<Vec<_>>();
        let mut local = self.lookup.write().unwrap_or_else(PoisonError::into_inner);
        let known = before.lookup.read().unwrap_or_else(PoisonError::into_inner);
        if names(&local.marks) != names(&known.marks) || local.marks == known.marks || local.is_good {
            return;
        }
        tracing::error!("changed data about addresses has mistakes; what was read before stays in force");
        *self.changing() = Some(Changing { marks: local.marks.clone(), since: Instant::now(), is_refused: true });
        *local = Local {
            marks: known.marks.clone(),
            lookup: Arc::clone(&known.lookup),
            registered: known.registered.clone(),
            is_good: known.is_good,
        };
    }
}

/// A resolver that cannot be set up is told once; reports go on without names.
fn reverse(settings: &Settings) -> Option<Reverse> {
    let lookup = &settings.lookup;
    if !lookup.reverse_dns {
        return None;
    }
    let options = Options { server: lookup.name_server, deadline: lookup.reverse_dns_deadline, ..Options::default() };
    Reverse::new(options).map_err(|why| tracing::error!("names cannot be asked from DNS: {why}")).ok()
}

/// The key of the site, which signs what it says.
pub(crate) fn site_key(settings: &Settings) -> Result<Vec<u8>, Problem> {
    let path = settings.data_dir().join("site.key");
    let problem = |why: String| {
        Problem::new(why)
            .at(settings.shown(&path))
            .hint("put it back, or make it anew: `concert init` of the folder of the site")
    };
    let secret =
        std::fs::read(&path).map_err(|error| problem(format!("the key of the site cannot be read: {error}")))?;
    if secret.len() < KEY_BYTES_MIN {
        return Err(problem("too short to be the key of this site".into()));
    }
    Ok(secret)
}

/// One that cannot be set up is told once; answers are then taken as if nobody had asked.
fn verifier(settings: &Settings) -> Option<Verifier> {
    if !settings.mailbox.as_ref().is_some_and(|mailbox| mailbox.dkim) {
        return None;
    }
    let made = Verifier::new(settings.lookup.name_server, KEY_DEADLINE);
    made.map_err(|why| tracing::error!("signatures of answers cannot be checked: {why}")).ok()
}

/// Without the site's key (a backup made without keys) notices go out as if no address was set.
fn return_address(settings: &Settings) -> Option<(String, Key)> {
    let address = settings.mailbox.as_ref()?.address.clone()?;
    let path = settings.data_dir().join("site.key");
    match std::fs::read(&path) {
        Ok(secret) if secret.len() >= KEY_BYTES_MIN => Some((address, Key::new(&secret))),
        Ok(_) => {
            tracing::error!("{} is too short to be the key of this site; bounces cannot be checked", path.display());
            None
        }
        Err(error) => {
            tracing::error!("{} cannot be read, so bounces cannot be checked: {error}", path.display());
            None
        }
    }
}

/// Since when whom a server of a registry, or a domain, named holds.
pub(crate) fn learned_since() -> Time {
    now().plus_seconds(-LEARNED_SECONDS)
}

/// The moment as of which something is kept as learned that holds until then.
pub(crate) fn learned_at(until: Time) -> Time {
    until.plus_seconds(-LEARNED_SECONDS)
}

/// Whom servers of registries and domains named, and when the first of it no longer holds.
async fn load_learned(store: &Store, responsible: &[Whom]) -> Result<(Arc<Constituents>, Option<Time>), Problem> {
    let since = learned_since();
    // What was learned while others were asked too is no longer wanted.
    let mut learned = store.records.learned(since, now().latest()).await?;
    learned.retain(|party| responsible.contains(&learn::told_by(party)));
    // Of two that were named for the same domain the first answers: rather the domain's own contact than its registrar's.
    learned.sort_by_key(|party| learn::told_by(party) != Whom::SecurityTxt);
    let first = store.records.first_learned(since).await?;
    let until =
        first.map(|first| first.plus_seconds(LEARNED_SECONDS + 1).max(now().plus_seconds(LEARNED_ENDS_SECONDS)));
    Ok((Arc::new(Constituents::new(learned)), until))
}

async fn load_parties(store: &Store, responsible: &[Whom]) -> Result<Imported, Problem> {
    // The number first: an import in between is then seen as new once more, never missed.
    let number = store.records.parties_import().await?;
    let constituents = Arc::new(Constituents::new(store.records.parties(Parties::Constituents).await?));
    let (learned, learned_until) = load_learned(store, responsible).await?;
    let teams = Arc::new(Constituents::new(store.records.parties(Parties::Teams).await?));
    Ok(Imported { number, constituents, learned, learned_until, teams })
}

/// The parties that may answer for these values.
async fn load_few(store: &Store, values: &[String], lookup: &Lookup) -> Result<Imported, Problem> {
    let number = store.records.parties_import().await?;
    let claims: Vec<String> = values.iter().flat_map(|value| constituents::about(value, lookup)).collect();
    let constituents = store.records.parties_with(Parties::Constituents, &claims, &[]).await?;
    // Teams of their sectors may stand in for them.
    let sectors: Vec<String> = constituents.iter().flat_map(|party| party.sectors.iter().cloned()).collect();
    let teams = store.records.parties_with(Parties::Teams, &claims, &sectors).await?;
    let (constituents, teams) = (Arc::new(Constituents::new(constituents)), Arc::new(Constituents::new(teams)));
    // What servers of registries named stands for notices alone: a question asks them anew.
    Ok(Imported { number, constituents, learned: Arc::default(), learned_until: None, teams })
}

/// The marks first: a file that changes in between is then seen as new once more, never missed.
fn load_local(settings: &Settings, for_events: bool) -> (Local, ranges::Loaded) {
    let marks = marks(settings);
    let registry = if for_events { open_registry(settings, true) } else { None };
    let has_registry = registry.is_some();
    let registered = registry.and_then(|registry| {
        let read = Registered::read(&registry).map_err(|why| registry::damaged(&settings.data_dir(), &why));
        read.map_err(|problem| tracing::error!("{problem}")).ok()
    });
    let mut loaded = ranges::load(settings, for_events);
    let is_good = loaded.is_good() && has_registry == registered.is_some();
    let lookup = Arc::new(std::mem::take(&mut loaded.lookup));
    (Local { marks, lookup, registered: registered.map(Arc::new), is_good }, loaded)
}

/// The registry file where it is wanted. One that cannot be used is told and left out: reports must go
/// on without it.
fn open_registry(settings: &Settings, tell: bool) -> Option<registry::Opened> {
    if !settings.lookup.responsible.contains(&Whom::Registries) {
        return None;
    }
    let opened = registry::open(&settings.data_dir(), false);
    opened.unwrap_or_else(|problem| {
        if tell {
            tracing::error!("{problem}");
        }
        None
    })
}

fn marks(settings: &Settings) -> Marks {
    let registry = [registry::path(&settings.data_dir())];
    let files = settings.lookup.asn.iter().chain(&settings.lookup.country).chain(&registry);
    files
        .map(|path| {
            let meta = std::fs::metadata(path);
            let (length, changed) = meta.map_or((0, None), |meta| (meta.len(), meta.modified().ok()));
            (path.clone(), length, changed.unwrap_or(SystemTime::UNIX_EPOCH))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::settings::LoadFor;

    const GOOD: &str = "192.0.2.0,192.0.2.255,64496,Example\n";

    async fn open(dir: &Path) -> Site {
        let settings = "[site]\nname = \"X\"\nemail = \"cert@cert.example\"\n[lookup]\nasn = [\"asn.csv\"]\n";
        fs::create_dir_all(dir.join("data")).unwrap();
        fs::write(dir.join("concert.toml"), settings).unwrap();
        fs::write(dir.join("asn.csv"), GOOD).unwrap();
        Site::open(Settings::load(dir, LoadFor::Run).unwrap()).await.unwrap()
    }

    /// The AS that is in force for an address.
    fn asn(site: &Site, address: &str) -> Option<u32> {
        site.lookup().find(address.parse().unwrap()).asn.map(|(asn, _)| asn)
    }

    #[tokio::test]
    async fn good_data_about_addresses_is_not_exchanged_for_bad() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("site");
        let site = open(&dir).await;
        let file = dir.join("asn.csv");
        for bad in ["", "192.0.2.0,192.0.2.255,64496,Example\n198.51.100.0,198.5", "<html>404</html>\n"] {
            fs::write(&file, bad).unwrap();
            let taken = (0..4).any(|_| site.refresh_settled(Duration::ZERO));
            assert!(!taken && site.is_lookup_refused(), "{bad:?}");
            assert_eq!(asn(&site, "192.0.2.1"), Some(64496), "{bad:?}");
        }
        fs::remove_file(&file).unwrap();
        assert!(!(0..4).any(|_| site.refresh_settled(Duration::ZERO)) && site.is_lookup_refused());
        assert_eq!(asn(&site, "192.0.2.1"), Some(64496));
        // A reload of the settings takes it along.
        let fresh = Site::open(Settings::load(&dir, LoadFor::Run).unwrap()).await.unwrap();
        assert_eq!(asn(&fresh, "192.0.2.1"), None);
        fresh.keep_lookup_of(&site);
        assert_eq!((asn(&fresh, "192.0.2.1"), fresh.is_lookup_refused()), (Some(64496), true));
        fs::write(&file, "192.0.2.0,192.0.2.255,64497,Example\n").unwrap();
        assert!((0..4).any(|_| fresh.refresh_settled(Duration::ZERO)));
        assert_eq!((asn(&fresh, "192.0.2.1"), fresh.is_lookup_refused()), (Some(64497), false));
    }

    #[tokio::test]
    async fn a_file_that_is_being_written_is_read_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let site = open(&folder.path().join("site")).await;
        let file = folder.path().join("site/asn.csv");
        let long = Duration::from_secs(3600);
        // It is whole lines all the while, but each look finds another file.
        for last in 1..5 {
            fs::write(&file, format!("192.0.2.0,192.0.2.{last},64497,Example\n")).unwrap();
            assert!(!site.refresh_settled(Duration::ZERO));
        }
        assert!(!site.refresh_settled(long));
        assert_eq!(asn(&site, "192.0.2.1"), Some(64496));
        assert!(site.refresh_settled(Duration::ZERO));
        assert_eq!(asn(&site, "192.0.2.1"), Some(64497));
    }
}
