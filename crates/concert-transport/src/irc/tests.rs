//! The client against good and bad servers; collecting and delivering are tested in their own files.

use std::net::SocketAddr;
use std::time::Duration;

use concert_model::keys::Secret;
use concert_testkit::irc::{IrcServer, Manners, Mischief};
use concert_testkit::listen::loopback;
use concert_testkit::tls::{Identity, write_authority};

use super::{Client, Heard, Place, Trouble};
use crate::net::{self, Trust};

fn place(address: SocketAddr) -> Place {
    Place {
        host: "127.0.0.1".into(),
        port: address.port(),
        trust: None,
        nickname: "concert".into(),
        user: None,
        password: None,
        channel: "#feeds".into(),
        key: None,
        pace: Duration::from_millis(1),
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(60),
    }
}

async fn server(manners: Manners) -> IrcServer {
    IrcServer::start_with(loopback(), manners).await.unwrap()
}

async fn refusal(place: &Place) -> String {
    match Client::connect(place).await {
        Ok(_) => panic!("the server let us in"),
        Err(Trouble::Refused(why)) => why,
        Err(Trouble::Lost(why)) => panic!("not refused but lost: {why}"),
    }
}

#[tokio::test]
async fn a_taken_nickname_gets_a_digit() {
    let server = server(Manners::default()).await;
    let first = Client::connect(&place(server.address())).await.unwrap();
    let second = Client::connect(&place(server.address())).await.unwrap();
    assert_eq!((first.nick(), second.nick()), ("concert".into(), "concert1".into()));
    assert_eq!(server.members("#feeds"), ["concert", "concert1"]);
}

#[tokio::test]
async fn an_account_signs_in_with_sasl_and_a_wrong_password_is_told() {
    let account = Some(("feeds".to_owned(), "pa ss".to_owned()));
    let server = server(Manners { account, ..Manners::default() }).await;
    let mut place = place(server.address());
    (place.user, place.password) = (Some("feeds".into()), Some(Secret::new("pa ss")));
    Client::connect(&place).await.unwrap().leave().await;
    place.password = Some(Secret::new("wrong"));
    assert!(refusal(&place).await.starts_with("the account was not accepted"));
}

#[tokio::test]
async fn a_server_without_sasl_is_told_and_the_password_not_sent() {
    let server = server(Manners::default()).await;
    let mut place = place(server.address());
    (place.user, place.password) = (Some("feeds".into()), Some(Secret::new("secret")));
    assert!(refusal(&place).await.contains("leave `user` out"));
}

#[tokio::test]
async fn a_server_password_goes_with_pass() {
    let server = server(Manners { password: Some("let me in".into()), ..Manners::default() }).await;
    let mut place = place(server.address());
    assert!(refusal(&place).await.starts_with("the password was not accepted"));
    place.password = Some(Secret::new("let me in"));
    Client::connect(&place).await.unwrap().leave().await;
}

#[tokio::test]
async fn certificates_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let trust = Trust { ca_file: Some(write_authority(dir.path()).unwrap()), ..Trust::default() };
    let check = async |identity, trust: Trust, want: bool| {
        let server = server(Manners { tls: Some(identity), ..Manners::default() }).await;
        let place = Place { trust: Some(trust), ..place(server.address()) };
        match Client::connect(&place).await {
            Ok(client) => {
                assert!(want, "a bad certificate was taken");
                client.leave().await;
            }
            Err(trouble) => assert!(!want && trouble.clone().text().contains("TLS"), "{trouble:?}"),
        }
    };
    check(Identity::Localhost, trust.clone(), true).await;
    check(Identity::Localhost, Trust::default(), false).await;
    check(Identity::Elsewhere, trust, false).await;
}

/// The clock is stopped once the connection stands, so that waiting takes no time.
#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = server(Manners { mischief: Mischief::Silent, ..Manners::default() }).await;
    let place = place(server.address());
    let stream = net::connect(&place.host, place.port, Duration::from_secs(5)).await.unwrap();
    tokio::time::pause();
    let trouble = Client::join(Box::new(stream), &place).await.err().unwrap();
    assert_eq!(trouble, Trouble::Lost("the server did not let us in within a minute".into()));
}

#[tokio::test]
async fn a_server_that_stops_answering_is_given_up() {
    // Asked after the silence of the settings, and left as long after that, but half a minute at most.
    for (read_timeout, want) in [(60, 90), (5, 10)] {
        given_up_after(Duration::from_secs(read_timeout), Duration::from_secs(want)).await;
    }
}

async fn given_up_after(read_timeout: Duration, want: Duration) {
    let server = server(Manners::default()).await;
    let place = Place { read_timeout, ..place(server.address()) };
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let relay = tokio::spawn(async move {
        let mut upstream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut far, &mut upstream) => {}
            _ = stopped => {}
        }
        // The far end is there and says nothing any more.
        std::future::pending::<()>().await;
        drop((server, far));
    });
    let mut client = Client::join(Box::new(near), &place).await.unwrap();
    client.confirm().await.unwrap();
    stop.send(()).unwrap();
    tokio::time::pause();
    let since = tokio::time::Instant::now();
    assert_eq!(client.next().await, Err(Trouble::Lost("the server does not answer any more".into())));
    let waited = since.elapsed();
    assert!(waited > want - Duration::from_secs(1) && waited < want + Duration::from_secs(1), "{waited:?}");
    tokio::time::resume();
    relay.abort();
}

#[tokio::test]
async fn a_line_without_end_is_dropped_and_memory_stays_small() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let peer = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        far.write_all(b":s 001 concert :hi\r\n:concert!c@h JOIN :#feeds\r\n").await.unwrap();
        far.write_all(b":a!a@h PRIVMSG #feeds :").await.unwrap();
        for _ in 0..1000 {
            far.write_all(&[b'x'; 4096]).await.unwrap();
        }
        far.write_all(b"\r\n:a!a@h PRIVMSG #FEEDS :\xff next\r\n").await.unwrap();
        far
    });
    let mut client = Client::join(Box::new(near), &place(SocketAddr::from(([127, 0, 0, 1], 1)))).await.unwrap();
    assert_eq!(client.next().await, Ok(Heard::TooLong));
    assert!(client.received.capacity() < 256 * 1024, "{}", client.received.capacity());
    assert_eq!(client.next().await, Ok(Heard::Said { from: b"a".to_vec(), text: b"\xff next".to_vec() }));
    drop(peer.await.unwrap());
    assert!(matches!(client.next().await, Err(Trouble::Lost(_))));
}

#[tokio::test]
async fn lines_go_out_no_faster_than_the_pace() {
    let server = server(Manners::default()).await;
    let mut client =
        Client::connect(&Place { pace: Duration::from_millis(40), ..place(server.address()) }).await.unwrap();
    let begun = tokio::time::Instant::now();
    for number in 0..10 {
        client.say(format!("line {number}\r\nQUIT").as_bytes()).await.unwrap();
    }
    client.confirm().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(5 * 40 - 20), "{:?}", begun.elapsed());
    let said = server.said();
    assert_eq!(said.len(), 10);
    assert_eq!(said[9].text, b"line 9  QUIT");
}
