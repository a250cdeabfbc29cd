//! GnuPG in a home of its own: the other OpenPGP program, which our keys and mails must suit.
//!
//! Its agent ends with the home. Where `gpg` is not installed there is none, and tests say that they skip.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A GnuPG with its own keys.
pub struct Gnupg {
    home: PathBuf,
}

/// How a call ended: whether well, what it printed, and what it said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Whether it ended well.
    pub good: bool,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub words: String,
}

impl Gnupg {
    /// A new one with its home in this folder, which must be new; the path must be short, since sockets lie
    /// there. `None` where GnuPG is not installed.
    pub fn new(home: &Path) -> Option<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(home).ok()?;
        fs::set_permissions(home, fs::Permissions::from_mode(0o700)).ok()?;
        let gnupg = Self { home: home.to_owned() };
        gnupg.run(&["--version"]).filter(|said| said.good).map(|_| gnupg)
    }

    /// Calls it. `None` when it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Option<Said> {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]);
        command.args(["--trust-model", "always", "--homedir"]).arg(&self.home).args(arguments);
        let ended = command.current_dir(&self.home).stdin(Stdio::null()).output().ok()?;
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        Some(Said { good: ended.status.success(), out: ended.stdout, words })
    }

    /// Calls it and gives what it prints; panics with its words when it does not end well.
    ///
    /// # Panics
    /// When it does not end well.
    #[expect(clippy::panic, reason = "a test whose peer does not work must fail")]
    pub fn must(&self, arguments: &[&str]) -> Vec<u8> {
        match self.run(arguments) {
            Some(said) if said.good => said.out,
            said => panic!("gpg {arguments:?}: {said:?}"),
        }
    }

    /// Makes a key that signs and one that encrypts, and gives the public part, armoured.
    /// `how` are arguments of its own, `life` is `never`, `1y`, `20d`.
    ///
    /// # Panics
    /// When it cannot.
    pub fn make_key(&self, user: &str, primary: &str, subkey: &str, life: &str, how: &[&str]) -> Vec<u8> {
        self.must(&[how, &["--quick-gen-key", user, primary, "sign,cert", life]].concat());
        if !subkey.is_empty() {
            let listed = self.must(&["--with-colons", "--list-keys", user]);
            let listed = String::from_utf8_lossy(&listed).into_owned();
            let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")?.split(':').nth(8));
            self.must(&[how, &["--quick-add-key", fingerprint.unwrap_or_default(), subkey, "encr", life]].concat());
        }
        self.must(&["--armor", "--export", user])
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        &self.home
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let mut command = Command::new("gpgconf");
        command.arg("--homedir").arg(&self.home).args(["--kill", "gpg-agent"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}
