//! `concert completions`: a script for the shell.

use clap_complete::Shell;

use crate::print::Out;
use crate::problems::{Exit, Failure};

/// Print completions for a shell.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert completions bash > /etc/bash_completion.d/concert\n  concert completions fish > ~/.config/fish/completions/concert.fish"
)]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command_line(), "concert", &mut script);
    let mut out = Out::stdout();
    out.write(&script)?;
    out.finish()?;
    Ok(Exit::Done)
}
