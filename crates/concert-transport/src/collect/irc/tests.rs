//! Listening in a channel of a small server, and of ngircd with notices said by the other side.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use concert_model::Origin;
use concert_model::message::Outcome;
use concert_testkit::irc::{IrcServer, Manners, Mischief};
use concert_testkit::listen::loopback;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::LISTED;
use super::held::Held;
use crate::deliver::tests::{message, no_keys, read as read_way_out};
use crate::memory::{Memory, read, setup};
use crate::{Collector, Health, Intake};

const PATIENCE: Duration = Duration::from_secs(30);

fn collector(address: SocketAddr, more: &str) -> Box<dyn Collector> {
    let settings =
        format!("host = \"127.0.0.1\"\nport = {}\ntls = \"off\"\nchannel = \"#feeds\"\n{more}", address.port());
    read(&LISTED, &setup(Path::new("/nowhere")), &settings).unwrap()
}

/// Runs a collector beside a test and stops it afterwards.
async fn beside(collector: &dyn Collector, intake: &Memory, test: impl AsyncFnOnce()) {
    let stop = CancellationToken::new();
    let script = async {
        timeout(PATIENCE, test()).await.expect("the test ends in time");
        stop.cancel();
    };
    tokio::join!(collector.run(intake, stop.clone()), script);
}

async fn joined(server: &IrcServer) {
    server.wait_until(|server| server.members("#feeds") == ["concert"]).await;
}

async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn gaps(intake: &Memory) -> Vec<String> {
    let said = intake.health().into_iter().filter_map(|health| match health {
        Health::Gap(from, until, why) => {
            assert!(from <= until);
            Some(why)
        }
        _ => None,
    });
    said.collect()
}

#[tokio::test]
async fn lines_of_the_named_senders_become_one_report() {
    let server = IrcServer::start().await.unwrap();
    let intake = Memory::default();
    let collector = collector(server.address(), "from = [\"Feed[bot]\"]\n");
    beside(&*collector, &intake, async || {
        joined(&server).await;
        let begun = Instant::now();
        server.say("#feeds", "feed{BOT}", b"ip=192.0.2.1 \xe4");
        server.say("#feeds", "stranger", b"spam");
        server.say("#other", "feed[bot]", b"elsewhere");
        server.say("#feeds", "feed[bot]", b"ip=192.0.2.2");
        intake.wait_for(1).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "durable within a second");
    })
    .await;
    let kept = intake.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].1, b"ip=192.0.2.1 \xe4\nip=192.0.2.2\n");
    assert!(matches!(kept[0].0.origin, Origin::Live(_, 1)));
    assert_eq!(gaps(&intake), [""; 0]);
}

#[tokio::test]
async fn a_gap_is_recorded_when_the_connection_was_away() {
    let server = IrcServer::start().await.unwrap();
    let intake = Memory::default();
    let collector = collector(server.address(), "");
    beside(&*collector, &intake, async || {
        joined(&server).await;
        server.say("#feeds", "a", b"before");
        intake.wait_for(1).await;
        server.cut();
        until(|| !gaps(&intake).is_empty()).await;
        joined(&server).await;
        server.say("#feeds", "a", b"after");
        intake.wait_for(2).await;
    })
    .await;
    assert_eq!(intake.texts(), ["before\n", "after\n"]);
    assert_eq!(gaps(&intake), ["the server closed the connection"]);
    assert!(intake.trouble().contains("the server closed the connection"));
}

#[tokio::test]
async fn whoever_is_taken_out_of_the_channel_comes_back_and_records_a_gap() {
    let server = IrcServer::start().await.unwrap();
    let intake = Memory::default();
    let collector = collector(server.address(), "");
    beside(&*collector, &intake, async || {
        joined(&server).await;
        // Others may leave as they like.
        server.take_out("#feeds", "somebody", "bye");
        server.say("#feeds", "a", b"before");
        intake.wait_for(1).await;
        let nick = server.members("#feeds").remove(0);
        server.take_out("#feeds", &nick, "forced");
        until(|| !gaps(&intake).is_empty()).await;
        joined(&server).await;
        server.say("#feeds", "a", b"after");
        intake.wait_for(2).await;
    })
    .await;
    assert_eq!(gaps(&intake), ["we were taken out of the channel: forced"]);
    assert!(intake.trouble().contains("we were taken out of the channel"));
}

#[tokio::test]
async fn a_gap_is_recorded_across_a_restart_and_a_stop_keeps_what_is_held() {
    let server = IrcServer::start().await.unwrap();
    let intake = Memory::default();
    let collector = collector(server.address(), "");
    beside(&*collector, &intake, async || {
        joined(&server).await;
        server.say("#feeds", "a", b"first");
        intake.wait_for(1).await;
        server.say("#feeds", "a", b"last words");
        // Stopped at once after the line was read: the half second is not over.
        until(|| server.members("#feeds").len() == 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    })
    .await;
    assert_eq!(intake.texts(), ["first\n", "last words\n"]);
    server.wait_until(|server| server.members("#feeds").is_empty()).await;
    beside(&*collector, &intake, async || until(|| !gaps(&intake).is_empty()).await).await;
    assert_eq!(gaps(&intake), ["Concert was not listening"]);
}

#[tokio::test]
async fn a_single_look_takes_what_is_said_meanwhile() {
    let server = IrcServer::start().await.unwrap();
    let intake = Memory::default();
    let collector = collector(server.address(), "");
    let script = async {
        joined(&server).await;
        server.say("#feeds", "a", b"now");
    };
    let (done, ()) = tokio::join!(collector.once(&intake), script);
    assert_eq!(done, Ok(()));
    assert_eq!(intake.texts(), ["now\n"]);
    intake.refuse(Some("the disk is full"));
    server.wait_until(|server| server.members("#feeds").is_empty()).await;
    let script = async {
        joined(&server).await;
        server.say("#feeds", "a", b"again");
    };
    assert_eq!(tokio::join!(collector.once(&intake), script).0, Err("the disk is full".into()));
    assert!(collector.check().await.unwrap().starts_with("joined #feeds on 127.0.0.1 as concert"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let server = IrcServer::start().await.unwrap();
    let address = server.address();
    drop(server);
    let collector = collector(address, "");
    let intake = Memory::default();
    assert!(collector.once(&intake).await.unwrap_err().contains("cannot connect to 127.0.0.1"));
    assert!(collector.check().await.unwrap_err().what.contains("cannot connect"));
    beside(&*collector, &intake, async || until(|| intake.trouble().contains("cannot connect")).await).await;
}

#[tokio::test]
async fn an_endless_line_ends_the_attempt() {
    let manners = Manners { mischief: Mischief::Flood, ..Manners::default() };
    let server = IrcServer::start_with(loopback(), manners).await.unwrap();
    let collector = collector(server.address(), "");
    // Registration is bounded by a minute; what is tested is that memory and the loop stay bounded.
    let intake = Memory::default();
    assert!(timeout(Duration::from_millis(300), collector.once(&intake)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_report_that_cannot_be_kept_is_offered_again_as_it_was() {
    let intake = Memory::default();
    let mut held = Held::new("feed", 1 << 20);
    intake.refuse(Some("no room"));
    held.push(intake.now(), b"a", b"one".to_vec());
    assert!(held.keep(&intake).await.is_err());
    held.push(intake.now(), b"b", b"two".to_vec());
    assert!(held.keep(&intake).await.is_err());
    assert!(held.due().unwrap() > Instant::now(), "the next try does not come at once");
    intake.refuse(None);
    held.keep(&intake).await.unwrap();
    assert_eq!(intake.texts(), ["one\n", "two\n"]);
    assert_eq!(intake.kept()[1].0.sender, "b");
    assert_eq!(held.due(), None);
}

#[tokio::test(start_paused = true)]
async fn lines_beyond_the_cap_are_counted_as_a_gap() {
    let intake = Memory::default();
    let mut held = Held::new("feed", 100);
    intake.refuse(Some("no room"));
    for number in 0..100_003 {
        held.push(intake.now(), b"a", format!("{number}").into_bytes());
    }
    assert!(held.keep(&intake).await.is_err());
    intake.refuse(None);
    held.keep(&intake).await.unwrap();
    let texts = intake.texts();
    assert!(texts.iter().all(|text| text.len() <= 100), "the limit of a report holds");
    assert_eq!(texts.concat().lines().count(), 100_000);
    assert_eq!(gaps(&intake), ["3 lines came while reports could not be kept, and are lost"]);
}

#[test]
fn settings_say_what_is_wrong() {
    let check = |text: &str, want: &str| {
        let problems = read(&LISTED, &setup(Path::new("/")), text).err().unwrap_or_default();
        assert!(problems.contains(want), "{text}: {problems}");
    };
    let good = "host = \"irc.example\"\nchannel = \"#c\"\n";
    assert!(read(&LISTED, &setup(Path::new("/")), good).is_ok());
    check("channel = \"#c\"\n", "`host` is missing");
    check("host = \"irc.example\"\n", "`channel` is missing");
    check("host = \"irc.example\"\nchannel = \"c\"\n", "`c` is not a channel");
    check("host = \"irc.example\"\nchannel = \"#a,#b\"\n", "is not a channel");
    check(&format!("{good}nickname = \"1 x\"\n"), "is not a nickname");
    check(&format!("{good}user = \"u\"\n"), "`user` needs `password`");
    check(&format!("{good}tls = \"if-offered\"\n"), "is not a value of `tls`");
    check(&format!("{good}password = {{ env = \"a\\nb\" }}\n"), "holds a line break");
    check(&format!("{good}key = {{ env = \"a b\" }}\n"), "one word without commas");
    let not_fetched = format!("{good}key = {{ env = \"\" }}\n");
    assert!(read(&LISTED, &setup(Path::new("/")), &not_fetched).is_ok(), "commands that only look go without secrets");
}

/// A private ngircd on a free port.
struct Ngircd {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Ngircd {
    async fn start() -> Option<Self> {
        let binary = ["/usr/sbin/ngircd", "/usr/bin/ngircd", "/usr/local/sbin/ngircd"];
        let Some(binary) = binary.iter().find(|path| Path::new(path).exists()) else {
            println!("skipped: ngircd is not installed");
            return None;
        };
        let address = std::net::TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let settings = format!(
            "[Global]\nName = irc.test\nInfo = test\nAdminEMail = a@irc.test\nListen = 127.0.0.1\nPorts = {}\n\
             ServerUID = 0\nServerGID = 0\nMotdPhrase = hello\n[Limits]\nMaxConnectionsIP = 0\nMaxNickLength = 20\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n[Channel]\nName = #feeds\nModes = tnk\nKey = open\n",
            address.port()
        );
        let path = dir.path().join("ngircd.conf");
        std::fs::write(&path, settings).unwrap();
        let child = Command::new(binary)
            .arg("-n")
            .arg("-f")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address, _dir: dir };
        let up = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, up).await.expect("ngircd starts");
        Some(server)
    }
}

impl Drop for Ngircd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn a_notice_said_on_ngircd_is_heard_there() {
    let Some(server) = Ngircd::start().await else { return };
    let keyed = "key = { env = \"open\" }\n";
    let way_in = collector(server.address, &format!("{keyed}nickname = \"listener\"\nfrom = [\"Speaker\"]\n"));
    let settings = format!(
        "host = \"127.0.0.1\"\nport = {}\ntls = \"off\"\nchannel = \"#feeds\"\nnickname = \"speaker\"\npace = \"1ms\"\n{keyed}",
        server.address.port()
    );
    let way_out = read_way_out("irc", &settings, Path::new("/nowhere")).unwrap();
    let intake = Memory::default();
    let mut notice = message("N1");
    notice.payload.bytes = "ip=192.0.2.1 type=test\r\nü ip=192.0.2.2\n".into();
    let bytes = way_out.compose(&notice, &no_keys()).unwrap();
    assert_eq!(bytes, way_out.compose(&notice, &no_keys()).unwrap());
    beside(&*way_in, &intake, async || {
        until(|| intake.health().contains(&Health::Good)).await;
        assert_eq!(way_out.deliver(&notice, &bytes).await, Outcome::Done("said in #feeds on 127.0.0.1".into()));
        intake.wait_for(1).await;
        // The second notice goes over the connection of the first.
        assert!(matches!(way_out.deliver(&notice, &bytes).await, Outcome::Done(_)));
        intake.wait_for(2).await;
    })
    .await;
    let want = "ip=192.0.2.1 type=test\nü ip=192.0.2.2\n".to_owned();
    assert_eq!(intake.texts(), [want.clone(), want]);
    assert_eq!(intake.kept()[0].0.sender, "speaker");
    let wrong = collector(server.address, "key = { env = \"wrong\" }\n");
    assert!(wrong.check().await.unwrap_err().what.contains("the channel cannot be joined"));
}
