//! Who works at the machine itself: named in the audit log for what commands do.
//!
//! Whoever can read `data/` is trusted, so the name is for the record and decides nothing.

use concert_store::account;
use concert_store::records::By;

use crate::wire;

/// The person at the machine, now.
pub(crate) fn operator() -> By {
    By { who: format!("operator ({})", unix_name()), from: String::new(), at: wire::now() }
}

/// The name of the account that became root by `sudo`, else of the one this process runs as, else its number.
fn unix_name() -> String {
    let sudo: String = std::env::var("SUDO_USER").unwrap_or_default();
    if !sudo.is_empty() && sudo.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)) {
        return sudo;
    }
    account::own().map_or_else(|| "unknown".into(), account::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_works_at_the_machine_is_an_operator() {
        assert!(operator().who.starts_with("operator ("));
    }
}
