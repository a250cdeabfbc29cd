//! The addresses of the site itself: a notice to one of them would come back as a report, and be told again.
//!
//! They are that of `[site]`, those that mails come from, and that of `[mailbox]`; each also with what somebody wrote
//! behind a `+`, as return addresses of notices have it.

use std::collections::BTreeSet;

use concert_model::address::canonical;

use super::Settings;

/// Said of an address that is the site's own.
pub(crate) const OWN: &str = "this is this team's own address";

/// The site's own addresses, in canonical form and without `+...`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own(BTreeSet<String>);

impl Own {
    /// Whether an address is the site's own.
    pub(crate) fn has(&self, mail: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&plain(mail))
    }
}

impl<'a> FromIterator<&'a str> for Own {
    fn from_iter<I: IntoIterator<Item = &'a str>>(mails: I) -> Self {
        Self(mails.into_iter().filter(|mail| !mail.is_empty()).map(plain).collect())
    }
}

impl Settings {
    /// The site's own addresses.
    pub(crate) fn own(&self) -> Own {
        let from = self.vias.values().flat_map(|via| via.deliverer.from());
        let mailbox = self.mailbox.iter().filter_map(|mailbox| mailbox.address.as_deref());
        [self.site.email.as_str()].into_iter().chain(from).chain(mailbox).collect()
    }
}

/// An address in canonical form, without what is behind a `+`.
fn plain(mail: &str) -> String {
    let mail = canonical(mail);
    match mail.rsplit_once('@').and_then(|(local, domain)| Some((local.split_once('+')?.0, domain))) {
        Some((local, domain)) => format!("{local}@{domain}"),
        None => mail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sites_own_addresses_are_known_however_they_are_written() {
        let own: Own = ["CERT@cert.example", "cert+reports@mail.example", ""].into_iter().collect();
        for ours in
            ["cert@cert.example", "Cert@CERT.example.", "cert+n-20261122-000001-x@cert.example", "cert@mail.example"]
        {
            assert!(own.has(ours), "{ours}");
        }
        for other in ["abuse@cert.example", "cert@x.cert.example", "cert", "", "+@cert.example"] {
            assert!(!own.has(other), "{other}");
        }
    }
}
