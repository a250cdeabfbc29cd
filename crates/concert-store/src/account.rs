//! Accounts of the machine: as whom this process runs, and whose a site is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use concert_model::Problem;

/// The number of the account that this process runs as.
pub fn own() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|about| about.uid())
}

/// The name of an account, else its number.
pub fn name(uid: u32) -> String {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(uid, &accounts).unwrap_or_else(|| format!("uid {uid}"))
}

fn name_in(uid: u32, accounts: &str) -> Option<String> {
    let uid = uid.to_string();
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

/// That a data folder belongs to whoever runs this process. Others cannot read it, as it is private; and what root
/// wrote there its owner could not read, so that the service would stand still at the first such file.
pub(crate) fn is_owner(data: &Path) -> Result<(), Problem> {
    let owner = fs::metadata(data).map(|about| about.uid());
    match (owner, own()) {
        (Ok(owner), Some(own)) if owner != own => {
            let (owner, own) = (name(owner), name(own));
            let to = match owner.strip_prefix("uid ") {
                Some(number) => format!("'#{number}'"),
                None => owner.clone(),
            };
            let what = format!("it belongs to {owner}, and this is {own}: each would write what the other cannot read");
            let hint = format!("`sudo -u {to} concert ...`");
            Err(Problem::new(what).at(data.display().to_string()).hint(hint))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_name_or_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\ncert:x:1000:1000::/home/cert:/bin/sh\n";
        assert_eq!(name_in(1000, accounts).as_deref(), Some("cert"));
        assert_eq!(name_in(0, accounts).as_deref(), Some("root"));
        assert_eq!(name_in(7, accounts), None);
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(is_owner(dir.path()), Ok(()));
        // Only root gives a folder away.
        if std::os::unix::fs::chown(dir.path(), Some(4_242), None).is_ok() {
            let told = is_owner(dir.path()).unwrap_err().to_string();
            assert!(told.contains("it belongs to uid 4242") && told.contains("sudo -u '#4242' concert"), "{told}");
        }
    }
}
