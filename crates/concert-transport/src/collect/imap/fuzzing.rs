//! Rounds over a mail folder of a server that says what the fuzzer says.

use std::time::Duration;

use concert_model::keys::Secret;

use super::session::{Limits, Session};
use super::{After, Imap, Known, Server, links};
use crate::collect::{Setup, Told};
use crate::fuzzing::{Basket, Script};
use crate::net::web::Web;
use crate::net::{Tls, Trust};

/// Largest mail taken.
const REPORT_BYTES_MAX: u64 = 4096;
/// Rounds; the script is over long before.
const ROUNDS_MAX: usize = 20;

/// Logs in and takes what is found. What was kept fits into its caps, whatever was said.
pub async fn converse(words: &[u8], piece: usize, stays: bool, after: u8) {
    let (script, heard) = Script::new(words, piece, stays);
    let imap = Imap {
        setup: Setup {
            feed: "fuzz".into(),
            site_dir: "/nowhere".into(),
            report_bytes_max: REPORT_BYTES_MAX,
            file_bytes_max: REPORT_BYTES_MAX,
            keep_raw: std::time::Duration::from_secs(90 * 86_400),
            user_agent: "Concert".into(),
        },
        server: Server {
            host: "mail.example".into(),
            port: 143,
            tls: Tls::Off,
            starttls: false,
            trust: Trust::default(),
            user: "feeds".into(),
            password: Secret::new("pa\"ss"),
            limits: Limits::of(Duration::from_secs(20), Duration::from_secs(60), Duration::from_secs(600)),
        },
        folder: "INBOX".into(),
        search: "UNSEEN".into(),
        after: [After::Seen, After::Move, After::Delete].get(usize::from(after % 3)).copied().unwrap_or(After::Seen),
        move_to: "Ärchive".into(),
        every: Duration::from_secs(60),
        // Nothing is fetched here; `look_into` below finds links on hosts that are listed.
        links: Vec::new(),
        web: Web::new("Concert"),
        told: Told::default(),
    };
    let basket = Basket::default();
    if let Err(trouble) = rounds(&imap, Box::new(script), &basket).await {
        assert!(!trouble.is_empty() && !trouble.contains(['\r', '\n', '\0']), "{trouble:?}");
    }
    for (receipt, bytes) in basket.reports().iter() {
        assert!(bytes.len() as u64 <= REPORT_BYTES_MAX, "{receipt:?}");
        look_for_links(bytes);
    }
    let said = String::from_utf8_lossy(&heard.bytes()).into_owned();
    let commands: Vec<&str> = said.split_terminator("\r\n").collect();
    assert!(commands.iter().all(|line| !line.contains(['\r', '\n', '\0'])), "{said:?}");
}

async fn rounds(imap: &Imap, stream: crate::net::Stream, basket: &Basket) -> Result<(), String> {
    let mut session = Session::over(stream, &imap.server).await?;
    session.select(&imap.folder, false).await?;
    let mut known = Known::default();
    for _ in 0..ROUNDS_MAX {
        let round = imap.round(basket, &mut session, &mut known).await?;
        if !round.more {
            session.wait(imap.every).await?;
        }
    }
    session.close().await;
    Ok(())
}

fn look_for_links(bytes: &[u8]) {
    let hosts = ["dl.example".to_owned()];
    let Some(message) = mail_parser::MessageParser::default().parse(bytes) else { return };
    for url in links::find(&message, &hosts) {
        assert!(url.host_str() == Some("dl.example") && url.password().is_none(), "{url}");
    }
}
