//! The site and everybody around it: a mailbox, and receivers of mails, posts and lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use concert_testkit::dovecot::Dovecot;
use concert_testkit::imap::ImapServer;
use concert_testkit::irc::IrcServer;
use concert_testkit::smtp::SmtpServer;
use concert_testkit::web::{Answer, Web};
use tokio::runtime::Runtime;

use crate::What;
use crate::arrive::Arriving;
use crate::init::init;

/// `PLACES` are filled in. Each kind of notice goes another way.
const SETTINGS: &str = r##"
[site]
name = "CERT Example"
email = "cert@cert.example"

[serve]
listen = "127.0.0.1:0"

[[feed]]
name = "drop"
parser = "ndjson"
collect = { type = "file", path = "in/", pattern = "*.jsonl", every = "20ms", settle = "10ms" }

[[feed]]
name = "mailbox"
parser = "ndjson"
collect = { type = "imap", host = "127.0.0.1", port = IMAP, tls = "off", every = "1s", user = "feeds", password = { file = "secrets/mailbox" } }

[[feed]]
name = "pushed"
parser = "ndjson"
collect = { type = "push", token = { file = "secrets/push" } }

[[rule]]
name = "everything of a type"
if = "true"
open_incident = { key = ["classification.type"], title = "All of {classification.type}", marking = "amber" }

[[notice]]
name = "as files"
group_by = ["source.asn"]
columns = ["source.ip"]
via = "files"

[[notice]]
name = "by the clock"
group_by = ["source.asn"]
when = "every 1s"
or_at_events = 300
columns = ["source.ip"]
to = "abuse@provider.example"
via = "mail"

[[notice]]
name = "posted"
group_by = ["classification.type"]
columns = ["source.ip"]
via = "post"

[[notice]]
name = "said"
if = 'feed.name == "pushed"'
group_by = ["feed.name"]
format = "ndjson"
columns = ["source.ip"]
via = "channel"

[via.files]
type = "file"
path = "out/"

[via.mail]
type = "smtp"
host = "127.0.0.1"
port = SMTP
zip_over = "1GiB"
tls = "off"

[via.post]
type = "http"
url = "WEB"

[via.channel]
type = "irc"
host = "127.0.0.1"
port = IRC
tls = "off"
channel = "#notices"
pace = "1ms"
"##;

/// How long the receiver of posts thinks before it answers: long enough to be killed in.
const THINKS: Duration = Duration::from_millis(3);

/// How long receivers may take to notice that the program is gone.
const LEFT_MAX: Duration = Duration::from_secs(30);

/// Where mails to the site arrive.
enum Mailbox {
    Dovecot(Dovecot),
    /// Where no Dovecot is installed.
    Own(ImapServer),
}

impl Mailbox {
    fn port(&self) -> u16 {
        match self {
            Mailbox::Dovecot(server) => server.plain_port(),
            Mailbox::Own(server) => server.address().port(),
        }
    }

    fn marked(&self) -> usize {
        match self {
            Mailbox::Dovecot(server) => server.flags("").unwrap().iter().filter(|flags| flags.contains('S')).count(),
            Mailbox::Own(server) => {
                server.flags().iter().filter(|flags| flags.iter().any(|one| one == "\\Seen")).count()
            }
        }
    }
}

/// How much each receiver had got when a life ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Life {
    pub(crate) mails: usize,
    pub(crate) posts: usize,
    pub(crate) lines: usize,
}

/// Everything besides the program itself.
pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) site: PathBuf,
    mailbox: Mailbox,
    pub(crate) smtp: SmtpServer,
    pub(crate) web: Web,
    posts: Arc<AtomicUsize>,
    pub(crate) irc: IrcServer,
    pub(crate) lives: Mutex<Vec<Life>>,
    // Last, because the servers need it until they are dropped.
    runtime: Runtime,
}

impl World {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let posts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&posts);
        let (mailbox, password, smtp, web, irc) = runtime.block_on(async {
            let (mailbox, password) = match Dovecot::start().unwrap() {
                Some(server) => (Mailbox::Dovecot(server), Dovecot::PASSWORD),
                None => (Mailbox::Own(ImapServer::start("feeds", "secret").await.unwrap()), "secret"),
            };
            let smtp = SmtpServer::start().await.unwrap();
            let web = Web::start(None, move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(THINKS);
                Answer::new(200, "")
            });
            (mailbox, password, smtp, web.await.unwrap(), IrcServer::start().await.unwrap())
        });
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        init(&site);
        let settings = SETTINGS
            .replace("IMAP", &mailbox.port().to_string())
            .replace("SMTP", &smtp.address().port().to_string())
            .replace("WEB", &web.url("/notices"))
            .replace("IRC", &irc.address().port().to_string());
        fs::write(site.join("concert.toml"), settings).unwrap();
        fs::write(site.join("secrets/mailbox"), password).unwrap();
        fs::write(site.join("secrets/push"), crate::arrive::TOKEN).unwrap();
        fs::create_dir_all(site.join("out")).unwrap();
        let lives = Mutex::default();
        Self { _folder: folder, site, mailbox, smtp, web, posts, irc, lives, runtime }
    }

    /// How often this happened so far.
    pub(crate) fn seen(&self, what: What, arriving: &Arriving) -> usize {
        match what {
            What::FileTaken => arriving.files_put() - count(&self.site.join("in"), "jsonl").min(arriving.files_put()),
            What::PushAnswered => arriving.pushes_answered(),
            What::MailMarked => self.mailbox.marked(),
            What::FileWritten => count(&self.site.join("out"), "csv"),
            What::MailTaken => self.smtp.count(),
            What::Posted => self.posts.load(Ordering::SeqCst),
            What::Said => self.irc.said().len(),
        }
    }

    /// Puts a mail into the mailbox.
    pub(crate) fn deliver(&self, mail: &str) {
        match &self.mailbox {
            Mailbox::Dovecot(server) => server.deliver(mail).unwrap(),
            Mailbox::Own(server) => server.deliver(mail.as_bytes()),
        }
    }

    /// Notes what receivers have got from a program that was killed, what was still on its way included.
    pub(crate) fn mark_life(&self) {
        let left = async {
            self.smtp.wait_until_left().await?;
            self.web.wait_until_left().await?;
            self.irc.wait_until_left().await
        };
        self.runtime.block_on(async { tokio::time::timeout(LEFT_MAX, left).await.unwrap().unwrap() });
        let life = Life { mails: self.smtp.count(), posts: self.web.requests().len(), lines: self.irc.said().len() };
        self.lives.lock().unwrap().push(life);
    }
}

/// How many files of a folder have this ending.
fn count(folder: &Path, ending: &str) -> usize {
    let names =
        fs::read_dir(folder).unwrap().filter_map(|entry| entry.ok()?.path().extension().map(|end| end == ending));
    names.filter(|is_one| *is_one).count()
}
