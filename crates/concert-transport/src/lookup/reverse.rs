//! Reverse DNS: the names of addresses, for a batch of events at a time.
//!
//! Each address is asked for once, a bounded number at a time, all within one deadline: what has no
//! answer by then is a miss, never a stall. Answers and their absence are remembered for a while;
//! failures are not. A name here is what the owner of the address says; nobody has checked that the
//! name leads back to it.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use concert_model::host;
use futures_util::StreamExt;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::{Resolver, TokioResolver};
use tokio::time::Instant;

/// Questions under way at a time.
const CONCURRENT_MAX: usize = 32;
/// Names of one address that are looked at; some addresses have hundreds.
const NAMES_MAX: usize = 100;

/// How names are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A resolver of our own choice; the system's otherwise.
    pub server: Option<SocketAddr>,
    /// How long one batch may take.
    pub deadline: Duration,
    /// How long one question may take.
    pub timeout: Duration,
    /// How long an answer is remembered.
    pub keep: Duration,
    /// Answers remembered at most.
    pub answers_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: None,
            deadline: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            keep: Duration::from_secs(3600),
            answers_max: 100_000,
        }
    }
}

/// What became of all addresses so far. Each address of a batch is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered from memory.
    pub remembered: u64,
    /// Answered with a name.
    pub named: u64,
    /// Answered: it has no name.
    pub nameless: u64,
    /// The resolver failed or did not answer.
    pub failed: u64,
    /// Not answered before the deadline of the batch.
    pub late: u64,
}

/// Asks for names of addresses.
pub struct Reverse {
    resolver: TokioResolver,
    options: Options,
    memory: Mutex<Memory>,
    remembered: AtomicU64,
    named: AtomicU64,
    nameless: AtomicU64,
    failed: AtomicU64,
    late: AtomicU64,
}

/// Answers of two generations: when the young are as many as half the cap, the old are forgotten.
#[derive(Default)]
struct Memory {
    young: HashMap<IpAddr, Answer>,
    old: HashMap<IpAddr, Answer>,
}

#[derive(Clone)]
struct Answer {
    name: Option<String>,
    until: Instant,
}

impl Reverse {
    /// Sets up the resolver. The error is a sentence.
    pub fn new(options: Options) -> Result<Reverse, String> {
        Ok(Reverse {
            resolver: resolver(options.server, options.timeout)?,
            options,
            memory: Mutex::default(),
            remembered: AtomicU64::new(0),
            named: AtomicU64::new(0),
            nameless: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            late: AtomicU64::new(0),
        })
    }

    /// A name for each address, in their order; `None` where there is none or it is not known in time.
    pub async fn names(&self, addresses: &[IpAddr]) -> Vec<Option<String>> {
        let begun = Instant::now();
        let mut found: HashMap<IpAddr, Option<String>> = HashMap::new();
        let mut open = Vec::new();
        let mut seen = HashSet::new();
        for address in addresses.iter().map(IpAddr::to_canonical) {
            if !seen.insert(address) {
                continue;
            }
            match self.recall(address, begun) {
                Some(name) => drop(found.insert(address, name)),
                None => open.push(address),
            }
        }
        add(&self.remembered, found.len());
        let asked = open.len();
        let mut answers = futures_util::stream::iter(open)
            .map(|address| async move { (address, self.ask(address).await) })
            .buffer_unordered(CONCURRENT_MAX);
        let mut answered = 0;
        let until = begun + self.options.deadline;
        while let Ok(Some((address, name))) = tokio::time::timeout_at(until, answers.next()).await {
            answered += 1;
            found.insert(address, name);
        }
        if answered < asked {
            add(&self.late, asked - answered);
            tracing::warn!("{} of {asked} addresses were not named within the deadline.", asked - answered);
        }
        let name = |address: &IpAddr| found.get(&address.to_canonical()).cloned().flatten();
        addresses.iter().map(name).collect()
    }

    /// What became of all addresses so far.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            remembered: read(&self.remembered),
            named: read(&self.named),
            nameless: read(&self.nameless),
            failed: read(&self.failed),
            late: read(&self.late),
        }
    }

    async fn ask(&self, address: IpAddr) -> Option<String> {
        let mut question = Name::from(address);
        // A name with its final dot is not tried within the search domains of the system.
        question.set_fqdn(true);
        let name = match self.resolver.reverse_lookup(question).await {
            Ok(answer) => {
                let records = answer.answers().iter().take(NAMES_MAX);
                let names = records.filter_map(|record| match &record.data {
                    RData::PTR(name) => host::domain(&name.0.to_utf8()).ok().map(std::borrow::Cow::into_owned),
                    _ => None,
                });
                // Servers turn their answers round; the first in the alphabet is the same every time.
                names.min()
            }
            Err(error) if error.is_no_records_found() => None,
            Err(_) => {
                add(&self.failed, 1);
                return None;
            }
        };
        add(if name.is_some() { &self.named } else { &self.nameless }, 1);
        self.remember(address, name.clone());
        name
    }

    fn recall(&self, address: IpAddr, now: Instant) -> Option<Option<String>> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = memory.young.get(&address).or_else(|| memory.old.get(&address))?;
        (answer.until > now).then(|| answer.name.clone())
    }

    fn remember(&self, address: IpAddr, name: Option<String>) {
        let answer = Answer { name, until: Instant::now() + self.options.keep };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.young.len() >= self.options.answers_max.div_ceil(2) {
            memory.old = std::mem::take(&mut memory.young);
        }
        memory.young.insert(address, answer);
    }
}

/// What asks this name server, or the system's. The error is a sentence.
pub(super) fn resolver(server: Option<SocketAddr>, timeout: Duration) -> Result<TokioResolver, String> {
    let mut builder = match server {
        Some(server) => {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = server.port();
            }
            let server = NameServerConfig::new(server.ip(), true, connections);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio()
            .map_err(|error| format!("the system's resolver settings cannot be read: {error}"))?,
    };
    let settings = builder.options_mut();
    settings.timeout = timeout;
    settings.attempts = 1;
    settings.max_active_requests = CONCURRENT_MAX * 2;
    // Whoever asks remembers answers, with a cap and a time of its own.
    settings.cache_size = 0;
    builder.build().map_err(|error| format!("the resolver cannot be set up: {error}"))
}

fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(more as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_testkit::dns::{Dns, Said};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    async fn given(options: Options) -> (Dns, Reverse) {
        let dns = Dns::start(|question| match question {
            "1.2.0.192.in-addr.arpa" => Said::Names(vec!["Zeta.Example.".into(), "mail.example.".into()]),
            "2.2.0.192.in-addr.arpa" => Said::Absent,
            "3.2.0.192.in-addr.arpa" => Said::Failure,
            "4.2.0.192.in-addr.arpa" => Said::Names(vec!["not a name.example.".into()]),
            "5.2.0.192.in-addr.arpa" => Said::Nothing,
            "6.2.0.192.in-addr.arpa" => Said::Noise,
            name if name.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa") => Said::Names(vec!["six.example.".into()]),
            _ => Said::Names(vec!["other.example.".into()]),
        });
        let dns = dns.await.unwrap();
        let reverse = Reverse::new(Options { server: Some(dns.address()), ..options }).unwrap();
        (dns, reverse)
    }

    #[tokio::test]
    async fn each_address_is_asked_once_and_remembered() {
        let (dns, reverse) = given(Options::default()).await;
        let batch = [ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.1"), ip("::ffff:192.0.2.1"), ip("2001:db8::1")];
        let want = [Some("mail.example"), None, Some("mail.example"), Some("mail.example"), Some("six.example")];
        for _ in 0..2 {
            let names = reverse.names(&batch).await;
            assert_eq!(names.iter().map(Option::as_deref).collect::<Vec<_>>(), want);
        }
        assert_eq!(dns.questions().len(), 3, "{:?}", dns.questions());
        assert_eq!(reverse.counts(), Counts { remembered: 3, named: 2, nameless: 1, failed: 0, late: 0 });
    }

    #[tokio::test]
    async fn failures_are_counted_and_asked_again() {
        let short = Options { timeout: Duration::from_millis(200), ..Options::default() };
        let (_dns, reverse) = given(short).await;
        let batch = [ip("192.0.2.3"), ip("192.0.2.4"), ip("192.0.2.6")];
        assert_eq!(reverse.names(&batch).await, [None, None, None]);
        assert_eq!(reverse.counts(), Counts { nameless: 1, failed: 2, ..Counts::default() });
        assert_eq!(reverse.names(&[ip("192.0.2.3")]).await, [None]);
        assert_eq!(reverse.counts().failed, 3);
    }

    #[tokio::test]
    async fn a_silent_server_costs_no_more_than_the_deadline() {
        let short = Options { deadline: Duration::from_millis(300), ..Options::default() };
        let (_dns, reverse) = given(short).await;
        let mut batch = vec![ip("192.0.2.5"), ip("192.0.2.1")];
        let begun = std::time::Instant::now();
        let names = reverse.names(&batch).await;
        assert_eq!(names, [None, Some("mail.example".into())]);
        batch.truncate(1);
        assert_eq!(reverse.names(&batch).await, [None]);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert_eq!(reverse.counts().late, 2);
    }

    #[tokio::test]
    async fn many_addresses_are_named_and_memory_has_its_cap() {
        let (dns, reverse) = given(Options { answers_max: 100, ..Options::default() }).await;
        let batch: Vec<IpAddr> = (0..1000_u32).map(|n| IpAddr::V4((0x0a00_0000 + n).into())).collect();
        let names = reverse.names(&batch).await;
        assert!(names.iter().all(|name| name.as_deref() == Some("other.example")));
        assert_eq!(dns.questions().len(), 1000);
        let memory = reverse.memory.lock().unwrap();
        assert!(memory.young.len() + memory.old.len() <= 100);
    }
}
