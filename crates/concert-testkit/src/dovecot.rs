//! A private Dovecot: a real mail server with one user, one folder and the test certificate.
//!
//! It runs from a folder of its own on free ports of loopback and ends when dropped.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where Debian puts it.
const PROGRAM: &str = "/usr/sbin/dovecot";
/// Who owns mail where the tests run as root, whom Dovecot does not let log in.
const NOBODY: u32 = 65_534;
/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(20);
/// How often it is tried: somebody else may take a port before it does.
const TRIES: usize = 3;

/// A running Dovecot.
#[derive(Debug)]
pub struct Dovecot {
    child: Child,
    folder: TempDir,
    plain_port: u16,
    tls_port: u16,
    owner: Option<u32>,
    count: AtomicU32,
}

impl Dovecot {
    /// The one user.
    pub const USER: &'static str = "feeds";
    /// Its password.
    pub const PASSWORD: &'static str = "correct \"horse\"";

    /// Starts it; `None` when it is not installed.
    pub fn start() -> io::Result<Option<Dovecot>> {
        if !Path::new(PROGRAM).exists() {
            return Ok(None);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::start_once() {
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => {}
                Ok(server) => return Ok(Some(server)),
            }
        }
    }

    fn start_once() -> io::Result<Dovecot> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let owner = (fs::metadata(folder.path())?.uid() == 0).then_some(NOBODY);
        let (plain_port, tls_port) = free_ports()?;
        fs::write(folder.path().join("certificate.pem"), include_str!("tls/localhost.pem"))?;
        fs::write(folder.path().join("key.pem"), include_str!("tls/localhost.key.pem"))?;
        fs::write(folder.path().join("users"), format!("{}:{{PLAIN}}{}\n", Self::USER, Self::PASSWORD))?;
        let settings = folder.path().join("dovecot.conf");
        fs::write(&settings, text(folder.path(), plain_port, tls_port, owner)?)?;
        let mut command = Command::new(PROGRAM);
        command.arg("-F").arg("-c").arg(&settings).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn()?;
        let mut server = Dovecot { child, folder, plain_port, tls_port, owner, count: AtomicU32::new(0) };
        for name in ["mail", "mail/cur", "mail/new", "mail/tmp"] {
            fs::create_dir(server.folder.path().join(name))?;
            server.own(&server.folder.path().join(name))?;
        }
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, tls_port)).is_err() || !greets(plain_port) {
            if begun.elapsed() > START_MAX || server.child.try_wait()?.is_some() {
                return Err(io::Error::other(format!("dovecot does not start: {}", server.log())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// The port that begins in the clear and offers STARTTLS.
    pub fn plain_port(&self) -> u16 {
        self.plain_port
    }

    /// The port that is encrypted from the start.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// Delivers a mail into the inbox.
    pub fn deliver(&self, mail: &str) -> io::Result<()> {
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        let name = format!("{count:010}.test.localhost");
        let (made, placed) = (self.mail().join("tmp").join(&name), self.mail().join("new").join(&name));
        fs::write(&made, mail)?;
        self.own(&made)?;
        fs::rename(made, placed)
    }

    /// Flags of the mails in a folder (`""` for the inbox) as Maildir writes them, sorted: `S` for
    /// seen, `F` for flagged.
    pub fn flags(&self, folder: &str) -> io::Result<Vec<String>> {
        let place = if folder.is_empty() { self.mail() } else { self.mail().join(format!(".{folder}")) };
        let mut found = Vec::new();
        for part in ["new", "cur"] {
            let Ok(entries) = fs::read_dir(place.join(part)) else { continue };
            for entry in entries {
                let name = entry?.file_name().to_string_lossy().into_owned();
                found.push(name.rsplit_once(":2,").map_or_else(String::new, |(_, flags)| flags.to_owned()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// What it wrote into its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn mail(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    fn own(&self, path: &Path) -> io::Result<()> {
        self.owner.map_or(Ok(()), |owner| chown(path, Some(owner), Some(owner)))
    }
}

/// Whether it greets: one that has just started may let its first guests wait longer than programs do.
fn greets(port: u16) -> bool {
    let greeting = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.read_exact(&mut [0; 4])
    };
    greeting().is_ok()
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // Asked kindly it takes its children along.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if asked.is_err() {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// Two ports, held together until both are known, so that they differ.
fn free_ports() -> io::Result<(u16, u16)> {
    let bound = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (one, other) = (bound()?, bound()?);
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}

fn text(folder: &Path, plain_port: u16, tls_port: u16, owner: Option<u32>) -> io::Result<String> {
    let metadata = fs::metadata(folder)?;
    let (user, group) = owner.map_or((metadata.uid(), metadata.gid()), |owner| (owner, owner));
    // Without root there is nobody else to be.
    let as_self = match owner {
        Some(_) => String::new(),
        None => {
            let name = String::from_utf8_lossy(&Command::new("id").arg("-un").output()?.stdout).trim().to_owned();
            format!(
                "default_internal_user = {name}\ndefault_login_user = {name}\ndefault_internal_group =\n\
                 service anvil {{\n chroot =\n}}\nservice imap-login {{\n chroot =\n}}\n"
            )
        }
    };
    let place = folder.display();
    Ok(format!(
        "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {place}/run\nstate_dir = {place}/state\nlog_path = {place}/log\n\
         ssl = yes\nssl_cert = <{place}/certificate.pem\nssl_key = <{place}/key.pem\ndisable_plaintext_auth = no\n\
         auth_mechanisms = plain login\nfirst_valid_uid = {user}\nmail_location = maildir:{place}/mail\n\
         passdb {{\n driver = passwd-file\n args = {place}/users\n}}\n\
         userdb {{\n driver = static\n args = uid={user} gid={group} home={place}/mail\n}}\n\
         service imap-login {{\n inet_listener imap {{\n  port = {plain_port}\n }}\n\
         inet_listener imaps {{\n  port = {tls_port}\n  ssl = yes\n }}\n}}\n{as_self}"
    ))
}
