//! The outside world of the demo: four small servers on free ports of loopback.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use concert_testkit::imap::ImapServer;
use concert_testkit::irc::IrcServer;
use concert_testkit::smtp::SmtpServer;
use concert_testkit::web::{Answer, Web};

/// The list as it is first, and as it is later.
const LIST: &str = include_str!("data/ssh.txt");
const LIST_LATER: &str = include_str!("data/ssh-later.txt");

/// Servers that end when dropped.
pub(super) struct Peers {
    /// The mailbox that reports come to.
    pub(super) imap: ImapServer,
    /// A web server with a list, which also takes notices.
    pub(super) web: Web,
    /// An IRC server with a channel of reports and one of notices.
    pub(super) irc: IrcServer,
    /// A mail server that takes notices.
    pub(super) smtp: SmtpServer,
    later: Arc<AtomicBool>,
}

impl Peers {
    /// Starts all of them. `password` is that of the mailbox `feeds`.
    pub(super) async fn start(password: &str) -> io::Result<Self> {
        let later = Arc::new(AtomicBool::new(false));
        let is_later = Arc::clone(&later);
        let web = Web::start(None, move |request| match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/lists/ssh.txt") => {
                let list = if is_later.load(Ordering::Relaxed) { LIST_LATER } else { LIST };
                Answer::new(200, list).header("content-type", "text/plain")
            }
            ("POST", "/notices") => Answer::new(202, ""),
            _ => Answer::new(404, "there is nothing here\n"),
        });
        Ok(Self {
            imap: ImapServer::start("feeds", password).await?,
            web: web.await?,
            irc: IrcServer::start().await?,
            smtp: SmtpServer::start().await?,
            later,
        })
    }

    /// Lets the list grow.
    pub(super) fn change_list(&self) {
        self.later.store(true, Ordering::Relaxed);
    }
}
