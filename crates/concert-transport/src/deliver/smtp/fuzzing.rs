//! Mails handed to a mail server that says what the fuzzer says.

use std::time::Duration;

use concert_model::keys::Secret;
use concert_model::message::Outcome;

use super::wire::{Connection, Server};
use crate::fuzzing::Script;
use crate::net::{Tls, Trust};

/// Mails sent over one connection.
const MAILS: usize = 3;
/// A mail with every line that could be taken for its end.
const MAIL: &[u8] = b"Subject: x\r\n\r\n.\r\n..\r\n.RSET\r\nend";

/// Signs in and sends mails. A mail counts as taken only when its last dot went out, and whatever the
/// server says, we say commands and mails and nothing else.
pub async fn converse(words: &[u8], piece: usize, stays: bool, account: bool) {
    let (script, heard) = Script::new(words, piece, stays);
    let server = Server {
        host: "mail.example".into(),
        port: 25,
        tls: Tls::Off,
        implicit_tls: false,
        trust: Trust::default(),
        account: account.then(|| ("feeds".into(), Secret::new("pa ss"))),
        hello: "cert.example".into(),
        timeout: Duration::from_secs(300),
    };
    let (mut taken, mut unsure) = (0, 0);
    match Connection::over(Box::new(script), &server).await {
        Ok(mut connection) => {
            let to = ["a@net.example".to_owned(), "b@net.example".to_owned()];
            for _ in 0..MAILS {
                let text = match connection.send("cert@cert.example", &to, to.len(), MAIL).await {
                    Outcome::Done(text) => {
                        taken += 1;
                        text
                    }
                    Outcome::Partly(partly) => {
                        taken += 1;
                        assert_eq!(partly.taken.len() + partly.refused.len() + partly.later.len(), to.len());
                        partly.said
                    }
                    Outcome::Unsure(text) => {
                        unsure += 1;
                        text
                    }
                    Outcome::Later(text, wait) => {
                        assert_eq!(wait, None);
                        text
                    }
                    Outcome::Never(text) | Outcome::TooLarge(text, _) => text,
                };
                assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
                if !connection.is_usable() {
                    break;
                }
            }
            connection.quit().await;
        }
        Err(trouble) => assert!(!trouble.is_empty() && !trouble.contains(char::is_control), "{trouble:?}"),
    }
    check(&String::from_utf8_lossy(&heard.bytes()), taken, unsure);
}

fn check(said: &str, taken: usize, unsure: usize) {
    let (mut inside, mut ends) = (false, 0);
    for line in said.split_terminator("\r\n") {
        match (inside, line) {
            (true, ".") => (inside, ends) = (false, ends + 1),
            (true, "Subject: x" | "" | ".." | "..." | "..RSET" | "end") => {}
            // A mail begins only behind DATA, which the server may refuse.
            (false, "Subject: x") => inside = true,
            (false, line) => {
                let word = line.split([' ', ':']).next().unwrap_or_default();
                let known = ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "QUIT", "AUTH"].contains(&word);
                let secret = line == "ZmVlZHM=" || line == "cGEgc3M=";
                assert!(known || secret, "{line:?} in {said:?}");
            }
            (true, line) => assert_eq!(line, "", "in a mail: {said:?}"),
        }
    }
    assert!(taken <= ends && ends <= taken + unsure + MAILS, "{taken} taken, {ends} sent: {said:?}");
}
