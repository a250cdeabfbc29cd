//! Tests: servers that let in nobody without the right certificate, for every way in and out.

use std::path::Path;

use concert_model::message::Outcome;
use concert_testkit::imap::ImapServer;
use concert_testkit::irc::{IrcServer, Manners};
use concert_testkit::listen::loopback;
use concert_testkit::smtp::{Encrypt, SmtpServer};
use concert_testkit::tls::{Client, Identity, write_authority, write_client};
use concert_testkit::web::{Answer, Web};

use crate::collect::{Listed, http, imap, irc};
use crate::deliver::tests::{message, no_keys, read as way_out};
use crate::memory::{Memory, read as way_in, setup};

/// What a server says to a client without a certificate, and to one whose certificate it does not know.
const REFUSALS: [(Option<Client>, &str); 2] = [
    (None, "the server wants a certificate from us"),
    (Some(Client::Stranger), "does not know who signed our certificate"),
];

/// The settings of a client that trusts the server.
fn settings(folder: &Path, client: Option<Client>) -> String {
    write_authority(folder).unwrap();
    let trust = "ca_file = \"test-authority.pem\"\n";
    let Some(client) = client else { return trust.to_owned() };
    write_client(folder, client).unwrap();
    // In tests a secret is its own value.
    format!("{trust}client_certificate = \"client.pem\"\nclient_key = {{ env = \"\"\"{}\"\"\" }}\n", client.key())
}

/// Tries a way out with every client.
async fn check_out(kind: &str, more: &str) {
    let folder = tempfile::tempdir().unwrap();
    let send = async |client: Option<Client>| {
        let text = format!("{more}\n{}", settings(folder.path(), client));
        let out = way_out(kind, &text, folder.path()).map_err(|problems| problems.join("\n")).unwrap();
        let message = message("N7");
        let outcome = out.deliver(&message, &out.compose(&message, &no_keys()).unwrap()).await;
        (outcome, out.check().await.map_err(|problem| problem.to_string()))
    };
    let (outcome, checked) = send(Some(Client::Known)).await;
    assert!(matches!(outcome, Outcome::Done(_)) && checked.is_ok(), "{kind}: {outcome:?} {checked:?}");
    for (client, want) in REFUSALS {
        let (outcome, checked) = send(client).await;
        assert!(matches!(&outcome, Outcome::Later(why, None) if why.contains(want)), "{kind} {client:?}: {outcome:?}");
        assert!(checked.as_ref().is_err_and(|why| why.contains(want)), "{kind} {client:?}: {checked:?}");
    }
}

/// Tries a way in with every client.
async fn check_in(listed: &Listed, more: &str) {
    let folder = tempfile::tempdir().unwrap();
    let look = async |client: Option<Client>| {
        let text = format!("{more}\n{}", settings(folder.path(), client));
        let collector = way_in(listed, &setup(folder.path()), &text).unwrap();
        collector.check().await.map_err(|problem| problem.to_string())
    };
    let found = look(Some(Client::Known)).await;
    assert!(found.is_ok(), "{}: {found:?}", listed.name);
    for (client, want) in REFUSALS {
        let found = look(client).await;
        assert!(found.as_ref().is_err_and(|why| why.contains(want)), "{} {client:?}: {found:?}", listed.name);
    }
}

const TO_KNOWN: Identity = Identity::LocalhostToKnown;

#[tokio::test]
async fn a_web_server_gets_our_certificate() {
    let web = Web::start(Some(TO_KNOWN), |_| Answer::new(200, "192.0.2.1\n")).await.unwrap();
    let url = format!("url = \"{}\"", web.url("/list.txt"));
    check_out("http", &url).await;
    check_in(&http::LISTED, &url).await;
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::default();
    let text = format!("{url}\n{}", settings(folder.path(), Some(Client::Known)));
    way_in(&http::LISTED, &setup(folder.path()), &text).unwrap().once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["192.0.2.1\n"]);
}

#[tokio::test]
async fn a_mail_server_gets_our_certificate() {
    for (encrypt, more) in [(Encrypt::Offered(TO_KNOWN), ""), (Encrypt::First(TO_KNOWN), "implicit_tls = true")] {
        let server = SmtpServer::start_with(loopback(), encrypt, None).await.unwrap();
        check_out("smtp", &format!("host = \"localhost\"\nport = {}\n{more}", server.address().port())).await;
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_mailbox_gets_our_certificate() {
    let server = ImapServer::start_with(Some(TO_KNOWN), "feeds", "secret").await.unwrap();
    server.deliver(b"Subject: x\r\n\r\nbody\r\n");
    let port = server.address().port();
    let place = format!("host = \"localhost\"\nport = {port}\nuser = \"feeds\"\npassword = {{ env = \"secret\" }}");
    check_in(&imap::LISTED, &place).await;
}

#[tokio::test]
async fn a_chat_server_gets_our_certificate() {
    let manners = Manners { tls: Some(TO_KNOWN), ..Manners::default() };
    let server = IrcServer::start_with(loopback(), manners).await.unwrap();
    let place = format!("host = \"localhost\"\nport = {}\nchannel = \"#feeds\"", server.address().port());
    check_out("irc", &place).await;
    check_in(&irc::LISTED, &place).await;
}

#[tokio::test]
async fn a_key_of_another_certificate_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = settings(folder.path(), Some(Client::Known)).replace(Client::Known.key(), Client::Stranger.key());
    let out = way_out("http", &format!("url = \"https://localhost:9/\"\n{text}"), folder.path());
    let why = out.map_err(|problems| problems.join("\n")).unwrap().check().await.unwrap_err().to_string();
    assert!(why.contains("client.pem and client_key do not go together"), "{why}");
}
