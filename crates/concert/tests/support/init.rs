//! A new site.

use std::path::Path;
use std::process::Command;

/// Makes one in a folder.
#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
pub(crate) fn init(site: &Path) {
    let made = Command::new(env!("CARGO_BIN_EXE_concert")).arg("init").arg(site).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}
