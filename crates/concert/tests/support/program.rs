//! The built program as a command that is yet to be started.

use std::process::Command;

/// The program with these arguments, and nothing that whoever runs the tests has set for theirs.
pub(crate) fn concert(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    command.args(args).env_remove("CONCERT_SITE").env_remove("CONCERT_LOG");
    command
}
