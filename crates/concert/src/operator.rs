//! Who works at the machine itself: named in the audit log for what commands do.
//!
//! Whoever can read `data/` is trusted, so the name is for the record and decides nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;

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
    let Ok(about) = fs::metadata("/proc/self") else { return "unknown".into() };
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(about.uid(), &accounts).unwrap_or_else(|| format!("uid {}", about.uid()))
}

fn name_of(uid: u32, accounts: &str) -> Option<String> {
    let uid = uid.to_string();
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_name_or_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\ncert:x:1000:1000::/home/cert:/bin/sh\n";
        assert_eq!(name_of(1000, accounts).as_deref(), Some("cert"));
        assert_eq!(name_of(0, accounts).as_deref(), Some("root"));
        assert_eq!(name_of(7, accounts), None);
        assert!(operator().who.starts_with("operator ("));
    }
}
