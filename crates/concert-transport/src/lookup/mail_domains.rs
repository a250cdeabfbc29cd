//! Whether domains take mail at all, as the DNS says (RFC 5321, section 5.1; RFC 7505): for a person who looks after
//! contacts.
//!
//! A domain takes mail at its mail exchangers, else at its own address. What the DNS does not answer is unknown, and
//! nothing is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RData};

use super::reverse::resolver;

/// Questions under way at a time.
const CONCURRENT_MAX: usize = 16;
/// Domains that are asked about at once.
const DOMAINS_MAX: usize = 10_000;

/// Asks which domains take mail.
pub struct MailDomains {
    resolver: TokioResolver,
}

impl MailDomains {
    /// Sets up the resolver: this server, or the system's. The error is a sentence.
    pub fn new(server: Option<SocketAddr>, timeout: Duration) -> Result<Self, String> {
        Ok(Self { resolver: resolver(server, timeout)? })
    }

    /// Those of these domains that take no mail, and why; and how many nothing is known of.
    pub async fn closed(&self, domains: &BTreeSet<String>) -> (BTreeMap<String, &'static str>, usize) {
        let asked = futures_util::stream::iter(domains.iter().take(DOMAINS_MAX));
        let mut answers =
            asked.map(|domain| async move { (domain, self.ask(domain).await) }).buffer_unordered(CONCURRENT_MAX);
        let (mut closed, mut unknown) = (BTreeMap::new(), domains.len().saturating_sub(DOMAINS_MAX));
        while let Some((domain, answer)) = answers.next().await {
            match answer {
                Ok(Some(why)) => drop(closed.insert(domain.clone(), why)),
                Ok(None) => {}
                Err(()) => unknown += 1,
            }
        }
        (closed, unknown)
    }

    /// Why a domain takes no mail, if it takes none.
    async fn ask(&self, domain: &str) -> Result<Option<&'static str>, ()> {
        let mut question = Name::from_ascii(domain).map_err(|_| ())?;
        question.set_fqdn(true);
        match self.resolver.mx_lookup(question.clone()).await {
            Ok(answer) => {
                let exchangers = answer.answers().iter().filter_map(|record| match &record.data {
                    RData::MX(mx) => Some(&mx.exchange),
                    _ => None,
                });
                let mut exchangers = exchangers.peekable();
                let is_null = exchangers.peek().is_some() && exchangers.all(Name::is_root);
                return Ok(is_null.then_some("its domain says that it takes no mail"));
            }
            Err(error) if error.is_nx_domain() => return Ok(Some("its domain is not in the DNS")),
            Err(error) if error.is_no_records_found() => {}
            Err(_) => return Err(()),
        }
        for answer in [self.resolver.ipv4_lookup(question.clone()).await, self.resolver.ipv6_lookup(question).await] {
            match answer {
                Ok(_) => return Ok(None),
                Err(error) if error.is_no_records_found() => {}
                Err(_) => return Err(()),
            }
        }
        Ok(Some("its domain has neither a mail server nor an address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_testkit::dns::{Dns, Said};

    #[tokio::test]
    async fn domains_that_take_no_mail_say_why() {
        let dns = Dns::start(|question| match question {
            "good.example" => Said::Exchangers(vec!["mx.good.example".into()]),
            "null.example" => Said::Exchangers(vec![".".into()]),
            "bare.example" => Said::Names(Vec::new()),
            "broken.example" => Said::Failure,
            _ => Said::Absent,
        });
        let dns = dns.await.unwrap();
        let domains = ["good", "null", "bare", "broken", "gone"].map(|name| format!("{name}.example")).into();
        let lookup = MailDomains::new(Some(dns.address()), Duration::from_secs(2)).unwrap();
        let (closed, unknown) = lookup.closed(&domains).await;
        let want = [
            ("bare.example", "its domain has neither a mail server nor an address"),
            ("gone.example", "its domain is not in the DNS"),
            ("null.example", "its domain says that it takes no mail"),
        ];
        assert_eq!(closed.iter().map(|(domain, why)| (domain.as_str(), *why)).collect::<Vec<_>>(), want);
        assert_eq!(unknown, 1);
    }
}
