//! What happens in the demo: who sends which report, and when.

use std::io::{Cursor, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zip::write::SimpleFileOptions;

use super::peers::Peers;
use super::show::Show;
use crate::wire;

const MAIL: &str = include_str!("data/mail.txt");
const TELNET: &str = include_str!("data/telnet.csv");
const SAID: &str = include_str!("data/said.txt");
const HONEYPOT: &str = include_str!("data/honeypot.ndjson");
const INCIDENTS: &str = include_str!("data/incidents.csv");

/// Between two acts, so that eyes can follow.
const PAUSE: Duration = Duration::from_millis(900);
/// How long the site may take to come into the channel.
const JOIN_MAX: Duration = Duration::from_secs(20);
/// Longest line of base64 in a mail.
const MAIL_LINE: usize = 76;
/// Longest answer to a push that is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// How long a push may take.
const PUSH_MAX: Duration = Duration::from_secs(20);

/// Where reports are pushed to.
pub(super) struct Push {
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

/// All acts, in order.
pub(super) async fn all(peers: &Peers, show: &Show, push: &Push, site: &Path) -> Result<(), String> {
    peers.imap.deliver(mail()?.as_bytes());
    show.act("a mail with a zipped report comes to the mailbox");
    let joined = peers.irc.wait_until(|irc| irc.members("#feeds").iter().any(|nick| nick.starts_with("concert-in")));
    tokio::time::timeout(JOIN_MAX, joined).await.map_err(|_| "nobody came to the channel #feeds")?;
    pause().await;

    let said = dated(SAID);
    let lines: Vec<&str> = said.lines().collect();
    show.act(&format!("feedbot says {} lines in #feeds", lines.len()));
    for line in &lines {
        peers.irc.say("#feeds", "feedbot", line.as_bytes());
    }
    pause().await;

    show.act("a honeypot sends JSON lines to the API");
    let report = dated(HONEYPOT);
    send(push, &report).await?;
    let again = send(push, &report).await?;
    show.act(&format!("and sends them again, as if the answer were lost: {again}"));
    pause().await;

    show.act("an analyst puts a CSV file into the folder in/");
    let folder = site.join("in");
    let (part, file) = (folder.join(".incidents.part"), folder.join("incidents.csv"));
    // Written under another name and renamed, so that nobody takes half a file.
    let dropped = std::fs::write(&part, dated(INCIDENTS)).and_then(|()| std::fs::rename(&part, &file));
    dropped.map_err(|error| error.to_string())?;
    pause().await;

    show.act("the list on the web server grows; it is fetched again every three seconds");
    peers.change_list();
    Ok(())
}

async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// Puts yesterday's date and the present moment into a recorded report.
fn dated(text: &str) -> String {
    let now = wire::now();
    let (mut moment, day) = (Vec::new(), now.plus_seconds(-86_400).date_text());
    concert_model::Time(now.seconds() * 1_000_000).write(&mut moment);
    text.replace("@DAY@", &day).replace("@NOW@", &String::from_utf8_lossy(&moment))
}

/// The mail, with the report zipped inside.
fn mail() -> Result<String, String> {
    let day = wire::now().plus_seconds(-86_400).date_text();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let name = format!("{day}-scan_telnet-example.csv");
    zip.start_file(name, SimpleFileOptions::default()).map_err(|error| error.to_string())?;
    zip.write_all(dated(TELNET).as_bytes()).map_err(|error| error.to_string())?;
    let bytes = zip.finish().map_err(|error| error.to_string())?.into_inner();
    let mut encoded = STANDARD.encode(bytes);
    let breaks: Vec<usize> = (MAIL_LINE..encoded.len()).step_by(MAIL_LINE).collect();
    for at in breaks.into_iter().rev() {
        encoded.insert(at, '\n');
    }
    let date = jiff::fmt::rfc2822::to_string(&wire::now().timestamp().to_zoned(jiff::tz::TimeZone::UTC));
    let date = date.map_err(|error| error.to_string())?;
    Ok(dated(MAIL).replace("@DATE@", &date).replace("@ZIP@", &encoded).replace('\n', "\r\n"))
}

/// Sends a report as any program would: one POST, and the answer must be 202. The same
/// `Idempotency-Key` says that it is the same delivery.
async fn send(push: &Push, report: &str) -> Result<&'static str, String> {
    let whole = async {
        let mut stream = TcpStream::connect(push.address).await?;
        let request = format!(
            "POST /api/v1/feeds/honeypot/reports HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/x-ndjson\r\nIdempotency-Key: honeypot-1\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{report}",
            push.address,
            push.token,
            report.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(PUSH_MAX, whole).await.map_err(|_| "the API did not answer a push")?;
    let answer = answer.map_err(|error| format!("a push failed: {error}"))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    match status {
        "202" if answer.contains("\"known\":true") => Ok("known, nothing is added"),
        "202" => Ok("taken"),
        _ => Err(format!("the API answered a push with: {}", answer.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_is_whole() {
        let mail = mail().unwrap();
        assert!(["@DAY@", "@ZIP@", "@DATE@", "@NOW@"].iter().all(|place| !mail.contains(place)), "{mail}");
        assert!(mail.lines().all(|line| line.len() < 200));
        let (_, zip) = mail.split_once("base64\r\n\r\n").unwrap();
        let (zip, _) = zip.split_once("\r\n--part--").unwrap();
        let bytes = STANDARD.decode(zip.replace("\r\n", "")).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut archive.by_index(0).unwrap(), &mut text).unwrap();
        assert_eq!(text, dated(TELNET));
    }
}
