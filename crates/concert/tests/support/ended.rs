//! The built program from its start to its end.

use std::path::Path;
use std::process::{Command, Stdio};

/// How a command ended, and what it printed on standard output and standard error.
pub(crate) type Ended = (i32, String, String);

/// Runs it in a folder, with nothing to read.
#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
pub(crate) fn run(dir: &Path, args: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_concert"))
        .args(args)
        .current_dir(dir)
        .env_remove("CONCERT_SITE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
