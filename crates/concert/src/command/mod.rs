//! Commands, one file each: `pub struct Args` with the help text, and `run`.
//!
//! A command prints to standard output only what was asked for; everything else goes to standard
//! error. To add one: write its file after the model of `check.rs` (settings and rows) or `init.rs`
//! (neither), add its `mod` line, its variant of `Command` with the one-line help, and its arm in
//! `run`.

mod acting;
mod audit;
mod backup;
mod check;
mod clock;
mod completions;
pub(crate) mod contact;
mod demo;
mod events;
mod evidence;
mod examples;
mod feed;
mod forget;
mod incident;
mod ingest;
mod init;
mod key;
mod mailbox;
mod man;
mod misused;
pub(crate) mod notice;
mod parse;
mod process;
mod reload;
mod replay;
mod restore;
mod run;
mod serve;
mod settings;
mod sql;
mod tips;
mod token;
mod user;
mod verify;
pub(crate) mod who;

/// The door of `fuzz/`.
#[cfg(feature = "fuzzing")]
pub use restore::unpack_into;

use acting::{acting, reach};

use std::fs::{File, OpenOptions};
use std::io::IsTerminal;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use concert_model::Problem;

use crate::print::say;
use crate::problems::{Exit, Failure};
use crate::settings::{LoadFor, Settings};

/// Incident coordination for response teams: reports about abuse in, notices to those responsible out.
#[derive(Parser)]
#[command(name = "concert", version, max_term_width = 100, subcommand_required = true)]
#[command(
    after_help = "Examples:\n  concert init cert-site\n  concert check --site cert-site\n  concert run --site cert-site"
)]
pub struct Cli {
    #[command(flatten)]
    site: SiteArg,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct SiteArg {
    /// The folder of the site.
    #[arg(
        id = "site",
        long,
        value_name = "DIR",
        default_value = ".",
        env = "CONCERT_SITE",
        hide_env_values = true,
        global = true
    )]
    pub dir: PathBuf,
    /// How log lines are written to standard error.
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,
    /// Act as this user, with that user's rights, instead of as whoever sits at the machine.
    #[arg(id = "as", long = "as", value_name = "USER", global = true)]
    pub as_user: Option<String>,
    /// Log only what needs a person.
    #[arg(long, global = true)]
    pub quiet: bool,
}

impl SiteArg {
    /// The settings of the site.
    pub fn settings(&self, load_for: LoadFor) -> Result<Settings, Failure> {
        Settings::load(&self.dir, load_for)
    }

    /// The settings of the site for whoever works on it, and what is unwise about them, for [`log_unwise`].
    pub fn settings_to_work(&self) -> Result<(Settings, Vec<Problem>), Failure> {
        Settings::load_warned(&self.dir, LoadFor::Run)
    }

    /// The settings of the site for a command that only looks: mistakes are told, and what is right is used. Nothing is
    /// where it cannot be known what the site is: a file is no TOML, or `[site]` itself has mistakes.
    pub fn settings_to_look(&self) -> Result<Settings, Failure> {
        let loaded = Settings::read(&self.dir, LoadFor::Look)?;
        if !loaded.problems.is_empty() && !loaded.is_sound {
            return Err(Failure::settings(loaded.problems));
        }
        warn_of(&loaded.problems);
        Ok(loaded.settings)
    }

    /// The settings for a command that reads mails, which may be encrypted to the site: with its secrets, where this
    /// user may read them. Else such mails stay closed, and the settings are read so.
    fn settings_to_open(&self, or: impl FnOnce(&Self) -> Result<Settings, Failure>) -> Result<Settings, Failure> {
        let loaded = Settings::read(&self.dir, LoadFor::Run)?;
        if loaded.problems.is_empty() {
            return Ok(loaded.settings);
        }
        let settings = or(self)?;
        tracing::warn!("secrets cannot all be read here: what is encrypted to this site stays closed");
        Ok(settings)
    }

    /// The settings for a command that may only look.
    fn settings_for(&self, only_looks: bool) -> Result<Settings, Failure> {
        if only_looks { self.settings_to_look() } else { self.settings(LoadFor::Look) }
    }
}

/// Tells mistakes in the settings to whoever goes on without what they concern.
/// Writes into the log what is unwise about settings.
fn log_unwise(warnings: &[Problem]) {
    for Problem { what, place, hint } in warnings {
        tracing::warn!("{place}: {what}; {hint}");
    }
}

fn warn_of(problems: &[Problem]) {
    for problem in problems {
        say(&format!("warning: {problem}"));
    }
    if !problems.is_empty() {
        say("warning: the settings have mistakes, and what they concern may be missing here");
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new site: commented settings, folders, keys
    Init(init::Args),
    /// The OpenPGP key that signs mails, and those of contacts to encrypt to
    Key(key::Args),
    /// Show a whole site at work, with made-up reports and local peers
    Demo(demo::Args),
    /// Tell all mistakes in the settings; with --live also talk to every peer
    Check(check::Args),
    /// Show every setting in force, where it comes from and what it means
    Settings(settings::Args),
    /// Turn a report into events without keeping anything
    Parse(parse::Args),
    /// Collect, process and deliver, until told to stop
    Run(run::Args),
    /// Tell the running process to take up changed settings
    Reload(reload::Args),
    /// Run, with the pages and the API
    Serve(serve::Args),
    /// Take files in as reports of a feed
    Ingest(ingest::Args),
    /// Show the events of the store, or count them
    Events(events::Args),
    /// Import, list and check who this site answers for
    Contact(contact::Args),
    /// Tell who answers for an address, network, AS number, domain or URL
    Who(who::Args),
    /// Show how feeds do; collect from one now
    Feed(feed::Args),
    /// Show notices and what became of them; send them or try again
    Notice(notice::Args),
    /// Open incidents, work on them, and see who can see what
    Incident(incident::Args),
    /// Add evidence, say what was done with it, release and export it
    Evidence(evidence::Args),
    /// Clocks of laws: what has to be reported until when, and which run out next
    Clock(clock::Args),
    /// Show mails that came back, and what was set aside and why
    Mailbox(mailbox::Args),
    /// Add users, change what they may do, give them passwords and second factors
    User(user::Args),
    /// Make, list and revoke tokens, with which programs use the API
    Token(token::Args),
    /// Show who did what, and what was denied
    Audit(audit::Args),
    /// Show and check processes: written ways of handling a kind of incident
    Process(process::Args),
    /// Ask the event files anything, in SQL
    Sql(sql::Args),
    /// Re-check everything that is stored
    Verify(verify::Args),
    /// Write the whole site into one file, also while it is working
    Backup(backup::Args),
    /// Make a site from a backup
    Restore(restore::Args),
    /// Remove a person's address or account from what is kept
    Forget(forget::Args),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Write manual pages
    Man(man::Args),
}

fn run(command: Command, site: &SiteArg) -> Result<Exit, Failure> {
    acting::check(&command, site)?;
    match command {
        Command::Init(args) => init::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args, site),
        Command::Settings(args) => settings::run(&args, site),
        Command::Parse(args) => parse::run(&args, site),
        Command::Run(args) => self::run::run(&args, site),
        Command::Reload(args) => reload::run(&args, site),
        Command::Serve(args) => serve::run(&args, site),
        Command::Ingest(args) => ingest::run(&args, site),
        Command::Events(args) => events::run(&args, site),
        Command::Contact(args) => contact::run(&args, site),
        Command::Who(args) => who::run(&args, site),
        Command::Feed(args) => feed::run(&args, site),
        Command::Notice(args) => notice::run(&args, site),
        Command::Incident(args) => incident::run(&args, site),
        Command::Evidence(args) => evidence::run(&args, site),
        Command::Clock(args) => clock::run(&args, site),
        Command::Mailbox(args) => mailbox::run(&args, site),
        Command::User(args) => user::run(&args, site),
        Command::Token(args) => token::run(&args, site),
        Command::Audit(args) => audit::run(&args, site),
        Command::Process(args) => process::run(&args, site),
        Command::Sql(args) => sql::run(&args, site),
        Command::Verify(args) => verify::run(&args, site),
        Command::Backup(args) => backup::run(&args, site),
        Command::Restore(args) => restore::run(&args, site),
        Command::Key(args) => key::run(&args, site),
        Command::Forget(args) => forget::run(&args, site),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// The whole command line, for completions, manual pages and generated documents.
pub fn command_line() -> clap::Command {
    examples::broken(Cli::command())
}

/// What the process was started with.
fn asked() -> Result<Cli, clap::Error> {
    let mut command = command_line();
    let matches = match command.try_get_matches_from_mut(std::env::args_os()) {
        Ok(matches) => matches,
        Err(error) => {
            return Err(tips::mended(error, &mut command, &words()));
        }
    };
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The level at which the log tells only what needs a person.
const ONLY_ERRORS: &str = "error";

/// The words behind the name of the program.
fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into()).collect()
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match asked() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if !asked && misused::wants_objects(&words()) {
                start_log(LogFormat::Json, ONLY_ERRORS);
                misused::failure(&error).log();
            } else {
                // A closed output leaves nobody to tell.
                error.print().ok();
            }
            return ExitCode::from(if asked { Exit::Done.code() } else { Exit::Usage.code() });
        }
    };
    // The demo tells itself what happens.
    let quiet = cli.site.quiet || matches!(cli.command, Command::Demo(_));
    start_log(cli.site.log_format, if quiet { ONLY_ERRORS } else { "warn,concert=info" });
    let exit = run(cli.command, &cli.site).unwrap_or_else(|failure| {
        match cli.site.log_format {
            LogFormat::Text => failure.tell(),
            // Whoever reads the log as objects gets what ended the program as one too.
            LogFormat::Json => failure.log(),
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}

/// Log lines go to standard error, from a level on. `CONCERT_LOG` changes what is logged: `debug`, `concert=debug`.
fn start_log(format: LogFormat, level: &str) {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_env_var("CONCERT_LOG")
        .try_from_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // A log that cannot be written (a full disk) must not end the program.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start (in tests) keeps the first log.
    match format {
        LogFormat::Text => builder.try_init().ok(),
        LogFormat::Json => {
            crate::print::tell_objects();
            builder.json().try_init().ok()
        }
    };
}

/// A runtime for the commands that wait for something.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| crate::problems::outside("no threads can be started", &error))
}

/// A file for the time being, which has no name and so is gone when it is closed.
pub(crate) fn nameless_file() -> std::io::Result<File> {
    for attempt in 0..100u32 {
        let path = std::env::temp_dir().join(format!("concert-{}-{attempt}", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return std::fs::remove_file(&path).map(|()| file),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::other("no free name for a temporary file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        let command = command_line();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            // An argument named like one that every command takes would silently get its value.
            let taken = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
            assert!(sub.get_arguments().all(|arg| !taken(arg.get_id().as_str())), "{}", sub.get_name());
        }
    }

    #[test]
    fn every_command_has_examples() {
        let mut found = Vec::new();
        without_examples(&command_line(), "", &mut found);
        assert!(found.is_empty(), "no examples in the help of: {}", found.join(", "));
    }

    /// Adds the names of the command and of those below it whose help has no examples.
    fn without_examples(command: &clap::Command, above: &str, found: &mut Vec<String>) {
        let name = format!("{above} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if !help.lines().any(|line| line == "Examples:") {
            found.push(name.trim_start().to_owned());
        }
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            without_examples(sub, &name, found);
        }
    }
}
