//! `type = "irc"`: says notices in a channel.
//!
//! The payload goes out as lines. In `format = "text"` that is the subject and a line for each event; a
//! line that is too long is cut, with the number of the notice, under which the site shows all of it.
//! Lines of other formats go on in the next one. A long notice is cut with a last line that says so.
//! IRC has no receipt for a line, so a ping afterwards asks whether the server has seen everything. A
//! notice cut off before that answer is said again from its beginning.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use concert_model::message::Outcome;
use concert_model::{Keys, Message, Problem};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Listed, Setup};
use crate::Deliverer;
use crate::irc::{Client, Place, Trouble, settings};
use crate::openpgp::KeysAt;

/// The catalogue line.
pub const LISTED: Listed = Listed { name: "irc", about: "says each notice in an IRC channel", read };

/// Most lines of one notice, besides the one that says how many are left out.
const LINES_MAX: usize = 50;
/// Bytes of one line of text.
const LINE_BYTES_MAX: usize = 400;
/// The server puts our full name, up to this long, before a line when it passes it on, and cuts the
/// whole at 512 bytes.
const NAME_BYTES: usize = 130;
/// A connection without work is closed after this.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// An open connection, and when it was last used.
type Kept = Arc<Mutex<Option<(Client, Instant)>>>;

struct IrcOut {
    place: Place,
    kept: Kept,
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Deliverer>> {
    let place = settings::read(keys, &setup.site_dir)?;
    Some(Box::new(IrcOut { place, kept: Kept::default() }))
}

#[async_trait]
impl Deliverer for IrcOut {
    fn trust(&self) -> Option<&crate::net::Trust> {
        self.place.trust.as_ref()
    }

    fn compose(&self, message: &Message, _: &KeysAt<'_>) -> Result<Vec<u8>, String> {
        let room = crate::irc::line::SEND_BYTES_MAX - NAME_BYTES - self.place.channel.len();
        let text = String::from_utf8_lossy(&message.payload.bytes);
        let is_text = message.payload.media_type.starts_with("text/plain");
        let too_long = if is_text { TooLong::Cut } else { TooLong::GoesOn };
        let text = if is_text || text.trim().is_empty() { format!("{}\n{text}", message.subject) } else { text.into() };
        Ok(lines(&text, room.min(LINE_BYTES_MAX), LINES_MAX, (too_long, &message.notice)).join("\n").into_bytes())
    }

    async fn deliver(&self, _message: &Message, bytes: &[u8]) -> Outcome {
        let mut kept = self.kept.lock().await;
        let mut client = match self.client(kept.take()).await {
            Ok(client) => client,
            Err(trouble) => return Outcome::Later(trouble.text(), None),
        };
        match say(&mut client, bytes).await {
            Ok(()) => {
                let used = Instant::now();
                *kept = Some((client, used));
                drop(kept);
                tokio::spawn(close_when_idle(Arc::clone(&self.kept), used));
                Outcome::Done(format!("said in {} on {}", self.place.channel, self.place.host))
            }
            Err(Trouble::Refused(why)) => {
                client.leave().await;
                Outcome::Later(why, None)
            }
            Err(Trouble::Lost(why)) => Outcome::Unsure(why),
        }
    }

    async fn check(&self) -> Result<String, Problem> {
        let (host, channel) = (&self.place.host, &self.place.channel);
        match Client::connect(&self.place).await {
            Ok(client) => {
                let nick = client.nick();
                client.leave().await;
                Ok(format!("joined {channel} on {host} as {nick}"))
            }
            Err(trouble) => Err(Problem::new(format!("{channel} on {host}: {}", trouble.text()))),
        }
    }
}

impl IrcOut {
    /// The connection of the last delivery when the server still answers on it, else a new one.
    async fn client(&self, kept: Option<(Client, Instant)>) -> Result<Client, Trouble> {
        if let Some((mut client, used)) = kept {
            if used.elapsed() < IDLE_MAX && client.confirm().await.is_ok() {
                return Ok(client);
            }
            client.leave().await;
        }
        Client::connect(&self.place).await
    }
}

async fn say(client: &mut Client, bytes: &[u8]) -> Result<(), Trouble> {
    for line in bytes.split(|byte| *byte == b'\n') {
        client.say(line).await?;
    }
    client.confirm().await
}

async fn close_when_idle(kept: Kept, used: Instant) {
    tokio::time::sleep_until(used + IDLE_MAX).await;
    let mut kept = kept.lock().await;
    if kept.as_ref().is_some_and(|(_, last)| *last == used)
        && let Some((client, _)) = kept.take()
    {
        client.leave().await;
    }
}

/// What becomes of a line that is too long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TooLong {
    /// Its end is left out, and it says so.
    Cut,
    /// It goes on in the next one.
    GoesOn,
}

/// Text as lines of at most `bytes_max` bytes, at most `lines_max` of them; the last one then says
/// how many are left out, and of which notice. Control characters go, because they mean commands to
/// some clients.
fn lines(text: &str, bytes_max: usize, lines_max: usize, (too_long, notice): (TooLong, &str)) -> Vec<String> {
    let mut lines = Vec::new();
    let mut more = 0usize;
    for line in text.lines() {
        let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut rest = clean.trim_end();
        let end = format!(" ... [{notice}]");
        let cut;
        if too_long == TooLong::Cut && rest.len() > bytes_max {
            let kept = rest.get(..rest.floor_char_boundary(bytes_max.saturating_sub(end.len()))).unwrap_or_default();
            cut = format!("{}{end}", kept.trim_end());
            rest = &cut;
        }
        while !rest.is_empty() {
            let (piece, after) = rest.split_at_checked(rest.floor_char_boundary(bytes_max)).unwrap_or((rest, ""));
            if piece.is_empty() {
                break;
            }
            if lines.len() < lines_max {
                lines.push(piece.to_owned());
            } else {
                more += 1;
            }
            rest = after;
        }
    }
    if more > 0 {
        let word = if more == 1 { "line" } else { "lines" };
        lines.push(format!("... and {more} more {word}: concert notice show {notice}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use concert_testkit::irc::{IrcServer, Manners, Mischief};
    use concert_testkit::listen::loopback;

    use super::super::tests::{message, no_keys, read as read_settings};
    use super::*;

    async fn server(mischief: Mischief) -> (IrcServer, Box<dyn Deliverer>) {
        let server = IrcServer::start_with(loopback(), Manners { mischief, ..Manners::default() }).await.unwrap();
        let port = server.address().port();
        let settings =
            format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\nchannel = \"#out\"\npace = \"1ms\"\n");
        let way_out = read_settings("irc", &settings, Path::new("/nowhere")).unwrap();
        (server, way_out)
    }

    async fn send(way_out: &dyn Deliverer) -> Outcome {
        let message = message("N1");
        way_out.deliver(&message, &way_out.compose(&message, &no_keys()).unwrap()).await
    }

    #[tokio::test]
    async fn a_notice_is_done_only_when_the_server_has_seen_it() {
        let (server, way_out) = server(Mischief::None).await;
        assert!(matches!(send(&*way_out).await, Outcome::Done(_)));
        let said: Vec<_> = server.said().into_iter().map(|said| said.text).collect();
        assert_eq!(said, [&b"event.id,source.ip"[..], b"1,192.0.2.1"]);
        // The kept connection is cut behind our back: the next notice finds out before it speaks.
        server.cut();
        assert!(matches!(send(&*way_out).await, Outcome::Done(_)));
        assert_eq!(server.said().len(), 4);
        assert!(way_out.check().await.unwrap().starts_with("joined #out"));
    }

    #[tokio::test]
    async fn bad_servers_end_an_attempt_as_they_should() {
        let (_server, way_out) = server(Mischief::CutOnTalk).await;
        assert!(matches!(send(&*way_out).await, Outcome::Unsure(_)));
        let (_server, way_out) = server(Mischief::Moderated).await;
        let Outcome::Later(why, None) = send(&*way_out).await else { panic!("not later") };
        assert_eq!(why, "the server says 404: Cannot send to channel");
        let (gone, way_out) = server(Mischief::None).await;
        drop(gone);
        assert!(matches!(send(&*way_out).await, Outcome::Later(_, None)));
        assert!(way_out.check().await.is_err());
    }

    #[test]
    fn text_becomes_lines_that_fit() {
        let check = |text: &str, bytes: usize, want: &[&str]| {
            assert_eq!(lines(text, bytes, 3, (TooLong::GoesOn, "N1")), want, "{text:?}");
        };
        check("one\r\n\r\ntwo", 10, &["one", "two"]);
        check("a\u{1}ACTION\u{3}b\0", 20, &["a ACTION b"]);
        check("äöü", 4, &["äö", "ü"]);
        check("1\n2\n3\n4\n5", 10, &["1", "2", "3", "... and 2 more lines: concert notice show N1"]);
        check("\n \n", 10, &[]);
        check("ä", 1, &[]);
    }

    #[test]
    fn a_line_for_people_is_cut_and_names_its_notice() {
        let check = |text: &str, bytes: usize, want: &[&str]| {
            assert_eq!(lines(text, bytes, 3, (TooLong::Cut, "N1")), want, "{text:?}");
        };
        check("one two three four\nfive", 18, &["one two three four", "five"]);
        check("one two three four five\nsix", 18, &["one two t ... [N1]", "six"]);
        check("ööööööööööö", 14, &["öö ... [N1]"]);
        check("1\n2\n3\n4", 18, &["1", "2", "3", "... and 1 more line: concert notice show N1"]);
    }

    #[tokio::test]
    async fn text_has_a_heading_and_lines_that_fit_behind_our_full_name() {
        let (server, way_out) = server(Mischief::None).await;
        let mut message = message("N1");
        message.payload.media_type = "text/plain; charset=utf-8".into();
        message.payload.bytes = format!("first\n{}\n", "long ".repeat(200)).into_bytes();
        let bytes = way_out.compose(&message, &no_keys()).unwrap();
        assert!(matches!(way_out.deliver(&message, &bytes).await, Outcome::Done(_)));
        let said: Vec<_> = server.said().into_iter().map(|said| String::from_utf8(said.text).unwrap()).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[..2], [message.subject, "first".into()]);
        assert!(said[2].ends_with("long ... [N1]") && (300..=400).contains(&said[2].len()), "{}", said[2]);
    }
}
