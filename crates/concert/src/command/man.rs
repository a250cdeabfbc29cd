//! `concert man`: manual pages from the same definitions as the help.

use std::fs;
use std::path::{Path, PathBuf};

use super::examples;
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
    let mut command = super::command_line().disable_help_subcommand(true);
    match &args.dir {
        None => {
            let mut out = Out::stdout();
            let mut text = Vec::new();
            examples::page(command, &mut text).map_err(|error| outside("the manual page cannot be made", &error))?;
            out.write(&text)?;
            out.finish()?;
        }
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|error| outside(dir.display(), &error))?;
            command.build();
            write(&command, dir)?;
        }
    }
    Ok(Exit::Done)
}

/// Writes the page of a command, and those of the commands below it.
fn write(command: &clap::Command, dir: &Path) -> Result<(), Failure> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, dir)?;
    }
    let path = dir.join(clap_mangen::Man::new(command.clone()).get_filename());
    let mut text = Vec::new();
    let written = examples::page(command.clone(), &mut text).and_then(|()| fs::write(&path, text));
    written.map_err(|error| outside(path.display(), &error))
}
