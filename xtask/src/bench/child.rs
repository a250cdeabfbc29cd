//! A program that is run to its end, and what it used.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at a program's memory.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// The kernel tells times of processes in hundredths of a second, whatever its own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a finished program used.
#[derive(Clone, Debug)]
pub(super) struct Used {
    /// From start to end, on the wall.
    pub(super) wall: Duration,
    /// Processor time of all its threads, user and system, to a hundredth of a second.
    pub(super) cpu_seconds: f64,
    /// Most memory it held at once. The kernel keeps this mark itself and it is read every two
    /// milliseconds, so only growth in the last two can be missed. 0 where there is no `/proc`.
    pub(super) peak_kib: u64,
    /// What it printed.
    pub(super) printed: String,
}

/// Runs a program; an error names it and shows what it said.
pub(super) fn run(command: &mut Command) -> Result<Used, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let cpu_before = children_cpu_seconds();
    let start = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name}: {error}"))?;
    let (status, done) = (format!("/proc/{}/status", child.id()), AtomicBool::new(false));
    let (output, wall, peak_kib) = std::thread::scope(|scope| {
        let peak = scope.spawn(|| watch(&status, &done));
        let output = child.wait_with_output();
        let wall = start.elapsed();
        done.store(true, Ordering::Relaxed);
        (output, wall, peak.join().unwrap_or(0))
    });
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(format!("{name} ended with {}\n{}", output.status, String::from_utf8_lossy(&said)));
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Used { wall, cpu_seconds: children_cpu_seconds() - cpu_before, peak_kib, printed })
}

/// The highest mark until `done`.
fn watch(status: &str, done: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !done.load(Ordering::Relaxed) {
        if let Ok(text) = fs::read_to_string(status) {
            peak = peak.max(peak_kib(&text));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    peak
}

/// `VmHWM:  1234 kB`. A program that has just ended has no such line any more.
fn peak_kib(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Processor time of all children that ended and were waited for.
fn children_cpu_seconds() -> f64 {
    fs::read_to_string("/proc/self/stat").ok().and_then(|text| children_ticks(&text)).unwrap_or(0.0) / TICKS_PER_SECOND
}

/// The fields `cutime` and `cstime`, 16th and 17th. The name of the program, 2nd, may hold blanks and
/// parentheses itself.
fn children_ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(13);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        assert_eq!(peak_kib("VmPeak:\t  9 kB\nVmHWM:\t   1234 kB\nVmRSS:\t 8 kB\n"), 1234);
        assert_eq!(peak_kib("State:\tZ (zombie)\n"), 0);
        let stat = "17 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 130 14 15 16 17";
        assert_eq!(children_ticks(stat), Some(130.0 + 14.0));
        assert_eq!(children_ticks("17 (a"), None);
    }

    #[test]
    fn a_program_that_fails_says_why() {
        let why = run(Command::new("sh").args(["-c", "echo no >&2; exit 3"])).unwrap_err();
        assert!(why.contains("sh ended with") && why.contains("no"), "{why}");
        assert_eq!(run(Command::new("sh").args(["-c", "echo yes"])).unwrap().printed, "yes\n");
    }
}
