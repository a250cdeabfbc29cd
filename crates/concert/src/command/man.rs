//! `concert man`: manual pages from the same definitions as the help.

use std::fs;
use std::path::PathBuf;

use crate::print::Out;
use crate::problems::{Exit, Failure, outside};

/// Write manual pages.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert man | man -l -\n  concert man /usr/local/share/man/man1")]
pub(super) struct Args {
    /// The folder to write a page for each command to; without it the main page is printed.
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let command = super::command_line();
    match &args.dir {
        None => {
            let mut out = Out::stdout();
            let mut text = Vec::new();
            clap_mangen::Man::new(command)
                .render(&mut text)
                .map_err(|error| outside("the manual page cannot be made", &error))?;
            out.write(&text)?;
            out.finish()?;
        }
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|error| outside(dir.display(), &error))?;
            clap_mangen::generate_to(command, dir).map_err(|error| outside(dir.display(), &error))?;
        }
    }
    Ok(Exit::Done)
}
