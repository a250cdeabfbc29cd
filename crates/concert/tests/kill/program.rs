//! The built program at work, to be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long the program may take to end in order.
const STOP_MAX: Duration = Duration::from_secs(60);

/// A command of the program on a site.
pub(crate) fn concert(site: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    command.args(args).arg("--site").arg(site).stdin(Stdio::null()).stderr(Stdio::null());
    command.env_remove("CONCERT_SITE").env_remove("CONCERT_LOG");
    command
}

/// `concert serve`, from its start to its end.
pub(crate) struct Program {
    child: Child,
    address: Arc<Mutex<Option<String>>>,
}

impl Program {
    pub(crate) fn start(site: &Path) -> Self {
        let mut command = concert(site, &["serve", "--quiet"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let address: Arc<Mutex<Option<String>>> = Arc::default();
        let found = Arc::clone(&address);
        std::thread::spawn(move || {
            // Read to the end, or the program would stand still with a full pipe.
            for line in said.lines().map_while(Result::ok) {
                match line.split_once("http://") {
                    Some((_, place)) => *found.lock().unwrap() = Some(place.trim_end_matches('/').to_owned()),
                    None => eprintln!("{line}"),
                }
            }
        });
        Self { child, address }
    }

    /// Where it takes pushes, when it does.
    pub(crate) fn address(&self) -> Option<String> {
        self.address.lock().unwrap().clone()
    }

    /// A place where others see the address.
    pub(crate) fn place(&self) -> Arc<Mutex<Option<String>>> {
        Arc::clone(&self.address)
    }

    /// SIGKILL. It must have lived until now: a program that ends by itself is a fault of its own.
    pub(crate) fn kill(mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before it was killed: {ended:?}");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, after which it ends in order.
    pub(crate) fn stop(mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(begun.elapsed() < STOP_MAX, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A test that failed must not leave it behind. It may have ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
