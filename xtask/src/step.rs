//! One step: a command that must succeed, and how long it took.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The steps of a run with their times.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs a step; its error names it.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        say(&format!("\n== {name}"));
        let start = Instant::now();
        let result = work();
        self.done.push((name.to_owned(), start.elapsed()));
        result.map_err(|why| format!("{name}: {why}"))
    }

    /// Tells how long each step took.
    pub(crate) fn tell(&self) {
        let total: Duration = self.done.iter().map(|(_, time)| *time).sum();
        say("\n== times");
        for (name, time) in &self.done {
            say(&format!("{:>7.1} s  {name}", time.as_secs_f64()));
        }
        say(&format!("{:>7.1} s  all", total.as_secs_f64()));
    }
}

/// Runs a program to its end with its output shown.
pub(crate) fn call(program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(args).envs(env.iter().copied()).stdin(Stdio::null());
    let status = command.status().map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} {} ended with {status}", args.join(" "))) }
}

/// What a program prints, or why it failed.
pub(crate) fn output(program: &str, args: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("{program} ended with {}", output.status)) }
}

/// Whether a program of this name can be started, looking also where servers are installed.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(sbin).any(|dir| dir.join(program).is_file())
}

/// Tells the developer something. A closed standard error leaves nobody to tell.
pub(crate) fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}
