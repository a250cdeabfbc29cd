//! Addresses on the Internet alone, for requests to names that others chose.
//!
//! A name that somebody outside made up may lead into our own network. Whoever asks such names takes only
//! addresses that anybody on the Internet could reach; with a proxy, the proxy resolves and must see to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::ADDRESSES_MAX;

/// Whether an address is neither this machine, nor a private, link-local or shared one, nor a group.
///
/// Source: the tables of RFC 6890. Ranges for documentation lead nowhere and need no word.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => is_public_v4(four),
        IpAddr::V6(six) => {
            let [first, second, .., high, low] = six.segments();
            // 6to4 and NAT64 carry an IPv4 address that is reached in the end.
            let within = match (first, second) {
                (0x2002, _) => six.segments().get(1..3).and_then(|two| Some(four(*two.first()?, *two.get(1)?))),
                (0x64, 0xff9b) => Some(four(high, low)),
                _ => None,
            };
            !(six.is_unspecified()
                || six.is_loopback()
                || six.is_multicast()
                || six.is_unique_local()
                || six.is_unicast_link_local()
                || first & 0xffc0 == 0xfec0)
                && within.is_none_or(is_public_v4)
        }
    }
}

fn four(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    !(first == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || first >= 240
        || (first == 100 && (64..128).contains(&second)))
}

/// Asks the system, and leaves out every address that is not public.
#[derive(Debug)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).take(ADDRESSES_MAX).collect();
            if public.is_empty() {
                return Err("its name leads to no address on the Internet".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_networks_are_not_public_in_any_writing() {
        for own in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "2002:a00:1::1",
            "64:ff9b::7f00:1",
        ] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
        for public in ["192.0.2.1", "8.8.8.8", "100.128.0.1", "2001:db8::1", "2600::1", "64:ff9b::808:808"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_asked() {
        let server =
            concert_testkit::web::Web::start(None, |_| concert_testkit::web::Answer::new(200, "x")).await.unwrap();
        let url = server.url("/").parse::<url::Url>().unwrap();
        let mut web = crate::net::web::Web::new("Concert");
        web.client().await.unwrap().get(url.clone()).send().await.unwrap();
        web.public_only = true;
        let error = web.client().await.unwrap().get(url).send().await.unwrap_err();
        let why = crate::net::web::reason(error);
        assert!(why.contains("its name leads to no address on the Internet"), "{why}");
        assert_eq!(server.requests().len(), 1);
    }
}
