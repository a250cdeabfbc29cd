//! RDAP: what a registry's server answers about a network, AS number or domain.
//!
//! Nothing here talks to anybody. `Inquiry` says which address to ask next, is handed what came back, and
//! ends with whom to tell or with the reasons why nobody was found. `Bootstrap` says where to begin, `Object`
//! is one answer, `choose` picks the mailbox in it.
//!
//! Postal addresses, telephone numbers and notices are read past. The mailbox of a registrant is never taken:
//! that is a customer or a person, and whoever holds a stolen domain is often the very one to keep unaware.
//!
//! Source: RFC 9082 (questions), RFC 9083 (answers), RFC 7095 (cards), RFC 9537 (what is redacted).

pub mod bootstrap;
mod card;
mod choose;
mod inquiry;
mod object;
#[cfg(test)]
mod tests;

use std::fmt;

use concert_model::Net;

pub use bootstrap::Bootstrap;
pub use choose::Later;
pub use inquiry::{Found, Inquiry};
pub use object::{ANSWER_BYTES_MAX, Covers, Object};

/// Longest name or handle that is told.
const NAME_BYTES_MAX: usize = 100;
/// Longest address of a page or server that is told or followed.
const URL_BYTES_MAX: usize = 500;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// An address, as a network of one, or a network.
    Net(Net),
    /// An AS number.
    Asn(u32),
    /// A domain name in its one form.
    Name(String),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) if net.first() == net.last() => write!(f, "{}", net.first()),
            Self::Net(net) => write!(f, "{net}"),
            Self::Asn(asn) => write!(f, "AS{asn}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Question {
    /// What stands behind the address of a server, RFC 9082 section 3.1: `ip/192.0.2.7`.
    fn path(&self) -> String {
        match self {
            Self::Net(_) => format!("ip/{self}"),
            Self::Asn(asn) => format!("autnum/{asn}"),
            Self::Name(name) => format!("domain/{name}"),
        }
    }
}
