//! The security.txt of a domain or of the ones above it.

use concert_pipeline::registry::security_txt::{FILE_BYTES_MAX, SecurityTxt, addresses, domains};
use concert_transport::lookup::polite::{Missing, Polite, Want};
use tokio::time::Instant;

use super::{DEADLINE, Domain, Refused};
use crate::suffixes;
use crate::wire::now;

/// What its contacts are for, RFC 9116 section 1: telling of weaknesses.
pub(super) const PURPOSE: &str = "vulnerability";

/// The first file that can be used, and what was passed over. Counts what was refused.
pub(super) async fn ask(polite: &Polite, name: &str, refused: &mut Refused) -> Domain {
    let before = polite.refusals();
    let found = find(polite, name, refused).await;
    refused.add(before, polite.refusals());
    found
}

/// The domains that are asked for a name: no one below which anybody gets a name speaks for those.
fn asked(name: &str) -> impl Iterator<Item = &str> {
    domains(name).into_iter().filter(move |domain| *domain == name || !suffixes::is_shared(domain))
}

async fn find(polite: &Polite, name: &str, refused: &mut Refused) -> Domain {
    let until = Instant::now() + DEADLINE;
    let mut all = Domain::default();
    for domain in asked(name) {
        let www = format!("www.{domain}");
        let hosts = [domain, www.as_str()];
        for url in addresses(domain) {
            let want = Want {
                url: &url,
                accept: "text/plain",
                media_type: "text/plain",
                bytes_max: FILE_BYTES_MAX,
                hosts: &hosts,
                may_be_here: false,
                is_remembered: true,
            };
            let got = polite.get(&want, now(), until).await;
            let read = got.and_then(|got| {
                let read = SecurityTxt::read(&got.body, [&url, &got.url], now()).map_err(|why| {
                    // As with answers of RDAP: it is not worth a day.
                    polite.refuse(&url, &why, now());
                    refused.unreadable += 1;
                    Missing::from(why)
                })?;
                Ok((got.url, domain.to_owned(), read))
            });
            match read {
                Ok(named) => return Domain { named: Some(named), again: None, ..all },
                Err(missing) => {
                    all.passed_over.push(format!("passed over security.txt {url}: {}", missing.why));
                    all.again = all.again.max(missing.again);
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_below_which_anybody_gets_a_name_speaks_for_itself_alone() {
        let check = |name: &str, want: &[&str]| assert_eq!(asked(name).collect::<Vec<_>>(), want, "{name}");
        check("www.shop.co.uk", &["www.shop.co.uk", "shop.co.uk"]);
        check("shop.co.uk", &["shop.co.uk"]);
        check("anna.github.io", &["anna.github.io"]);
        check("co.uk", &["co.uk"]);
        check("www.uni.example", &["www.uni.example", "uni.example"]);
    }
}
