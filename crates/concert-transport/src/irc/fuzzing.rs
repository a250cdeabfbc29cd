//! A whole conversation on IRC with a server that says what the fuzzer says.

use std::time::Duration;

use concert_model::keys::Secret;

use super::line::SEND_BYTES_MAX;
use super::{Client, Heard, Place, RECEIVE_BYTES_MAX};
use crate::fuzzing::Script;

/// Signs in, says a line, and listens to the end. Everything heard is a line within its cap, and so
/// is everything said.
#[expect(clippy::panic, reason = "that is how a target says what it found")]
pub async fn converse(words: &[u8], piece: usize, stays: bool, account: bool) {
    let (script, heard) = Script::new(words, piece, stays);
    let place = Place {
        host: "irc.example".into(),
        port: 6667,
        trust: None,
        nickname: "concert".into(),
        user: account.then(|| "feeds".into()),
        password: account.then(|| Secret::new("pa ss")),
        channel: "#feeds".into(),
        key: None,
        pace: Duration::from_millis(500),
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(60),
    };
    let trouble = match Client::join(Box::new(script), &place).await {
        Ok(client) => listen(client).await,
        Err(trouble) => trouble.text(),
    };
    assert!(!trouble.is_empty() && !trouble.contains(char::is_control), "{trouble:?}");
    let said = heard.bytes();
    let said = said.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("a line without an end"));
    for line in said.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() + 2 <= SEND_BYTES_MAX && !line.contains(&b'\r') && !line.contains(&0), "{line:?}");
    }
}

async fn listen(mut client: Client) -> String {
    let spoken = client.say(b"a\r\nQUIT :b").await;
    let confirmed = match spoken {
        Ok(()) => client.confirm().await,
        Err(trouble) => Err(trouble),
    };
    if let Err(trouble) = confirmed {
        assert!(!trouble.text().is_empty());
    }
    loop {
        match client.next().await {
            Ok(Heard::Said { from, text }) => {
                assert!(from.len() + text.len() <= RECEIVE_BYTES_MAX && !text.contains(&b'\n'));
            }
            Ok(_) => {}
            Err(trouble) => return trouble.text(),
        }
    }
}
