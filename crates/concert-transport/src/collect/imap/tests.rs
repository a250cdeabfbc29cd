//! Against a real Dovecot where it is installed, and against servers that misbehave.

use std::sync::Arc;
use std::time::Duration;

use concert_model::Origin;
use concert_testkit::dovecot::Dovecot;
use concert_testkit::imap::ImapServer;
use concert_testkit::tls::write_authority;
use concert_testkit::web::{Answer, Web};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

use super::LISTED;
use super::links::LINKS_MAX;
use crate::memory::{Memory, read, setup};
use crate::{Collector, Health};

/// A Dovecot, a site that trusts it, and an intake.
struct Given {
    dovecot: Dovecot,
    site: TempDir,
    memory: Arc<Memory>,
}

impl Given {
    fn new() -> Option<Given> {
        let Some(dovecot) = Dovecot::start().unwrap() else {
            println!("skipped: dovecot is not installed");
            return None;
        };
        let site = tempfile::tempdir().unwrap();
        write_authority(site.path()).unwrap();
        Some(Given { dovecot, site, memory: Arc::new(Memory::default()) })
    }

    fn collector(&self, more: &str) -> Box<dyn Collector> {
        self.at(self.dovecot.tls_port(), Dovecot::PASSWORD, more)
    }

    fn at(&self, port: u16, password: &str, more: &str) -> Box<dyn Collector> {
        let text = format!(
            "host = \"localhost\"\nport = {port}\nuser = \"{}\"\npassword = {{ env = '{password}' }}\n\
             ca_file = \"test-authority.pem\"\n{more}",
            Dovecot::USER
        );
        read(&LISTED, &setup(self.site.path()), &text).unwrap()
    }
}

fn mail(id: &str, body: &str) -> String {
    let head = "From: Reports <reports@provider.example>\r\nTo: feeds@cert.example\r\nSubject: x\r\n";
    let id = if id.is_empty() { String::new() } else { format!("Message-ID: <{id}>\r\n") };
    format!("{head}{id}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n")
}

#[tokio::test]
async fn mails_are_taken_and_marked_seen() {
    let Some(given) = Given::new() else { return };
    given.dovecot.deliver(&mail("one@provider.example", "first")).unwrap();
    given.dovecot.deliver(&mail("", "second")).unwrap();
    let checked = given.collector("").check().await.unwrap();
    assert_eq!(checked, "2 messages in INBOX match UNSEEN");
    assert_eq!(given.dovecot.flags("").unwrap(), ["", ""], "a check marks nothing");
    for _ in 0..2 {
        given.collector("").once(&*given.memory).await.unwrap();
    }
    let kept = given.memory.kept();
    assert_eq!(given.memory.texts(), [mail("one@provider.example", "first"), mail("", "second")]);
    assert_eq!(kept[0].0.origin, Origin::Mail("one@provider.example".into()));
    assert_eq!(kept[0].0.sender, "reports@provider.example");
    assert_eq!(kept[0].0.media_type, "message/rfc822");
    assert!(matches!(&kept[1].0.origin, Origin::Mail(id) if id.starts_with("hash ")), "{:?}", kept[1].0.origin);
    assert_eq!(given.dovecot.flags("").unwrap(), ["S", "S"]);
    // The same mails under other numbers, as after a move to another server, are the same.
    given.dovecot.deliver(&mail("one@provider.example", "first")).unwrap();
    given.dovecot.deliver(&mail("", "second")).unwrap();
    given.collector("").once(&*given.memory).await.unwrap();
    assert_eq!(given.dovecot.flags("").unwrap(), ["S", "S", "S", "S"]);
    assert_eq!(given.memory.kept().len(), 2);
}

#[tokio::test]
async fn mails_are_moved_or_deleted_where_told() {
    let Some(given) = Given::new() else { return };
    given.dovecot.deliver(&mail("one@provider.example", "first")).unwrap();
    let moving = given.collector("after = \"move\"\nmove_to = \"Done\"\nsearch = \"ALL\"");
    moving.once(&*given.memory).await.unwrap();
    assert_eq!(given.dovecot.flags("").unwrap().len(), 0);
    assert_eq!(given.dovecot.flags("Done").unwrap().len(), 1);
    given.dovecot.deliver(&mail("two@provider.example", "second")).unwrap();
    given.collector("after = \"delete\"").once(&*given.memory).await.unwrap();
    assert_eq!(given.dovecot.flags("").unwrap().len(), 0);
    assert_eq!(given.memory.kept().len(), 2);
}

#[tokio::test]
async fn a_mail_is_not_marked_while_the_intake_takes_nothing() {
    let Some(given) = Given::new() else { return };
    given.dovecot.deliver(&mail("one@provider.example", "first")).unwrap();
    given.memory.refuse(Some("the disk is full"));
    let why = given.collector("").once(&*given.memory).await.unwrap_err();
    assert!(why.contains("a mail cannot be kept now: the disk is full"), "{why}");
    assert!(!given.dovecot.flags("").unwrap().contains(&"S".to_owned()));
    given.memory.refuse(None);
    given.collector("").once(&*given.memory).await.unwrap();
    assert_eq!(given.memory.kept().len(), 1);
}

#[tokio::test]
async fn a_kill_at_any_step_neither_loses_nor_doubles_a_mail() {
    for steps in 0..20 {
        let Some(given) = Given::new() else { return };
        for count in 0..3 {
            given.dovecot.deliver(&mail(&format!("{count}@provider.example"), "x")).unwrap();
        }
        given.memory.kill_after(Some(steps));
        let once = given.collector("");
        let ended = tokio::time::timeout(Duration::from_millis(700), once.once(&*given.memory)).await.is_ok();
        given.memory.kill_after(None);
        given.collector("").once(&*given.memory).await.unwrap();
        assert_eq!(given.memory.kept().len(), 3, "killed after {steps} steps");
        assert_eq!(given.dovecot.flags("").unwrap(), ["S", "S", "S"]);
        if ended {
            assert!(steps >= 6, "each mail takes two steps");
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn new_mail_is_taken_while_the_connection_stands() {
    let Some(given) = Given::new() else { return };
    let stop = CancellationToken::new();
    // Longer than the test may take: only the server's word brings the mail in time.
    let collector = given.collector("every = \"20m\"");
    let task = tokio::spawn({
        let (memory, stop) = (Arc::clone(&given.memory), stop.clone());
        async move { collector.run(&*memory, stop).await }
    });
    for count in 1..=3 {
        given.dovecot.deliver(&mail(&format!("{count}@provider.example"), "x")).unwrap();
        given.memory.wait_for(count).await;
    }
    stop.cancel();
    task.await.unwrap();
    assert_eq!(given.memory.trouble(), "");
}

#[tokio::test]
async fn what_is_too_large_is_flagged_left_alone_and_told() {
    let Some(given) = Given::new() else { return };
    given.dovecot.deliver(&mail("big@provider.example", &"x".repeat(1 << 20))).unwrap();
    given.dovecot.deliver(&mail("small@provider.example", "small")).unwrap();
    let why = given.collector("").once(&*given.memory).await.unwrap_err();
    assert!(why.contains("1 message in INBOX is larger than 1048576 bytes"), "{why}");
    assert_eq!(given.memory.texts(), [mail("small@provider.example", "small")]);
    assert_eq!(given.dovecot.flags("").unwrap(), ["F", "S"]);
}

/// Some servers answer so for a message whose file they have lost.
#[tokio::test]
async fn a_mail_of_which_the_server_gives_no_body_is_flagged_and_told_with_its_number() {
    let server = ImapServer::start("feeds", "secret").await.unwrap();
    server.deliver_bodiless(mail("lost@provider.example", "lost").as_bytes());
    server.deliver(mail("small@provider.example", "small").as_bytes());
    let memory = Memory::default();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "host = \"127.0.0.1\"\nport = {}\nuser = \"feeds\"\npassword = {{ env = 'secret' }}\ntls = \"off\"\n",
        server.address().port()
    );
    let collector = read(&LISTED, &setup(folder.path()), &text).unwrap();
    let want = "1 message in INBOX has no body that the server gives (UID 1); it is flagged";
    for _ in 0..3 {
        assert_eq!(collector.once(&memory).await.unwrap_err(), want);
    }
    assert_eq!(memory.texts(), [mail("small@provider.example", "small")]);
    assert_eq!(server.flags(), [["\\Flagged"], ["\\Seen"]]);
    let troubles = memory.health().iter().filter(|health| matches!(health, Health::Trouble(_))).count();
    assert_eq!((memory.trouble().as_str(), troubles), (want, 1), "{:?}", memory.health());
    server.mend();
    collector.once(&memory).await.unwrap();
    assert_eq!((memory.health().last(), memory.kept().len()), (Some(&Health::Good), 2));
}

#[tokio::test]
async fn links_are_fetched_before_the_mail_is_marked() {
    let Some(given) = Given::new() else { return };
    let count = std::sync::atomic::AtomicUsize::new(0);
    let web = Web::start(None, move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Answer::new(503, ""),
        _ => Answer::new(200, "a,b\n1,2\n").header("Content-Type", "text/csv"),
    });
    let web = web.await.unwrap();
    let body = format!("Get it at {} or https://evil.example/list.csv.", web.url("/list.csv"));
    given.dovecot.deliver(&mail("link@provider.example", &body)).unwrap();
    let linked = given.collector("links = [\"localhost\"]");
    let why = linked.once(&*given.memory).await.unwrap_err();
    assert!(why.contains("a link to localhost in a mail cannot be fetched: the server answered 503"), "{why}");
    assert!(!given.dovecot.flags("").unwrap().contains(&"S".to_owned()));
    linked.once(&*given.memory).await.unwrap();
    let kept = given.memory.kept();
    assert_eq!(kept.len(), 2);
    let (receipt, bytes) = &kept[1];
    assert_eq!(bytes, b"a,b\n1,2\n");
    assert_eq!(receipt.url, web.url("/list.csv"));
    assert_eq!(receipt.file_name, "list.csv");
    assert_eq!(receipt.origin, Origin::Mail(format!("link@provider.example {}", receipt.url)));
    assert_eq!(given.dovecot.flags("").unwrap(), ["S"]);
}

#[tokio::test]
async fn many_links_are_all_fetched_and_too_many_are_told() {
    let Some(given) = Given::new() else { return };
    let web = Web::start(None, |request| Answer::new(200, &*request.path)).await.unwrap();
    let body: Vec<String> = (0..=LINKS_MAX).map(|count| web.url(&format!("/{count}.csv"))).collect();
    given.dovecot.deliver(&mail("many@provider.example", &body.join("\r\n"))).unwrap();
    given.collector("links = [\"localhost\"]").once(&*given.memory).await.unwrap();
    assert_eq!(given.memory.kept().len(), 1 + LINKS_MAX);
    let gaps = given.memory.health().into_iter().filter_map(|one| match one {
        Health::Gap(_, _, why) => Some(why),
        Health::Good | Health::Trouble(_) => None,
    });
    let want = format!("mail many@provider.example holds more than {LINKS_MAX} links; the first are fetched");
    assert_eq!(gaps.collect::<Vec<_>>(), [want]);
    assert_eq!(given.dovecot.flags("").unwrap(), ["S"]);
}

#[tokio::test]
async fn a_dead_link_blocks_no_other_and_ends_after_a_day() {
    let Some(given) = Given::new() else { return };
    let good = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&good);
    let web = Web::start(None, move |request| match request.path.starts_with("/dead") {
        true => Answer::new(404, "gone"),
        false => {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Answer::new(200, "a,b\n1,2\n")
        }
    });
    let web = web.await.unwrap();
    let links = ["/dead.csv?token=secret", "/good.csv"].map(|path| web.url(path));
    given.dovecot.deliver(&mail("links@provider.example", &links.join(" "))).unwrap();
    given.dovecot.deliver(&mail("next@provider.example", "another")).unwrap();
    let kept = || given.memory.kept().len();
    for _ in 0..3 {
        // Each is another process, which knows what was fetched.
        let why = given.collector("links = [\"localhost\"]").once(&*given.memory).await.unwrap_err();
        assert!(why.contains("a link to localhost in a mail cannot be fetched: the server answered 404"), "{why}");
        assert_eq!((kept(), good.load(std::sync::atomic::Ordering::SeqCst)), (3, 1));
        assert_eq!(given.dovecot.flags("").unwrap(), ["", "S"]);
        given.memory.pass(3600);
    }
    given.memory.pass(86_400);
    given.collector("links = [\"localhost\"]").once(&*given.memory).await.unwrap();
    assert_eq!((kept(), good.load(std::sync::atomic::Ordering::SeqCst)), (3, 1));
    assert_eq!(given.dovecot.flags("").unwrap(), ["S", "S"]);
    let health = given.memory.health();
    let gaps: Vec<&String> =
        health.iter().filter_map(|one| if let Health::Gap(_, _, why) = one { Some(why) } else { None }).collect();
    assert!(
        matches!(&*gaps, [why] if why.contains("links@provider.example") && why.contains("/dead.csv;")),
        "the mail and its link are named, without a token: {gaps:?}"
    );
    assert_eq!(health.last(), Some(&Health::Good));
}

#[tokio::test]
async fn a_folder_that_the_server_refuses_keeps_no_mail_from_being_read() {
    let Some(given) = Given::new() else { return };
    // Maildir has no folders with a slash in their names.
    let refused = given.collector("after = \"move\"\nmove_to = \"no/such\"\nsearch = \"ALL\"");
    for (at, id) in ["one", "two", "three"].into_iter().enumerate() {
        given.dovecot.deliver(&mail(&format!("{id}@provider.example"), id)).unwrap();
        let why = refused.once(&*given.memory).await.unwrap_err();
        assert!(why.starts_with("mails are read and cannot be moved to no/such: "), "{why}");
        assert_eq!(given.memory.kept().len(), at + 1);
    }
    let problem = refused.check().await.unwrap_err();
    assert!(problem.what.contains("messages cannot be moved to no/such"), "{problem}");
    let good = given.collector("after = \"move\"\nmove_to = \"Done\"\nsearch = \"ALL\"");
    assert_eq!(good.check().await.as_deref(), Ok("3 messages in INBOX match ALL"));
    good.once(&*given.memory).await.unwrap();
    assert_eq!((given.memory.kept().len(), given.dovecot.flags("Done").unwrap().len()), (3, 3));
}

#[tokio::test]
async fn each_kind_of_encryption_works_and_a_wrong_certificate_does_not() {
    let Some(given) = Given::new() else { return };
    let plain = given.dovecot.plain_port();
    for more in ["starttls = true", "tls = \"if-offered\"", "tls = \"off\""] {
        let said = given.at(plain, Dovecot::PASSWORD, more).check().await;
        assert_eq!(said.as_deref(), Ok("0 messages in INBOX match UNSEEN"), "{more}");
    }
    for (port, more) in [(given.dovecot.tls_port(), ""), (plain, "starttls = true"), (plain, "tls = \"if-offered\"")] {
        let text = format!("host = \"localhost\"\nport = {port}\nuser = \"x\"\npassword = {{ env = 'x' }}\n{more}");
        let stranger = read(&LISTED, &setup(given.site.path()), &text).unwrap();
        let problem = stranger.check().await.unwrap_err();
        assert!(problem.what.contains("UnknownIssuer"), "{more}: {problem}");
    }
}

#[tokio::test]
async fn refusals_are_told_with_the_word_of_the_server() {
    let Some(given) = Given::new() else { return };
    let check = async |collector: Box<dyn Collector>, want: &str| {
        let why = collector.once(&*given.memory).await.unwrap_err();
        assert!(why.contains(want), "{why:?} lacks {want:?}");
        assert!(!why.contains("horse"), "{why}");
    };
    check(given.at(given.dovecot.tls_port(), "wrong", ""), "login failed").await;
    check(given.collector("folder = \"Nowhere\""), "SELECT: the server refused: Mailbox doesn't exist").await;
    check(given.collector("search = \"UNSEEN FORM x\""), "SEARCH: the server refused: Error").await;
}

#[tokio::test]
async fn bad_servers_are_told_and_never_waited_for_without_end() {
    let check = async |script: &'static [u8], want: &str| {
        let server =
            concert_testkit::listen::Listener::start(concert_testkit::listen::loopback(), move |mut stream| {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                async move {
                    let mut asked = [0; 1024];
                    for (at, piece) in script.split(|byte| *byte == b'|').enumerate() {
                        if at > 0 && stream.read(&mut asked).await.is_err() {
                            return;
                        }
                        if stream.write_all(piece).await.is_err() {
                            return;
                        }
                    }
                }
            });
        let server = server.await.unwrap();
        let text = format!(
            "host = \"127.0.0.1\"\nport = {}\ntls = \"off\"\nuser = \"x\"\npassword = {{ env = 'x' }}",
            server.address().port()
        );
        let site = tempfile::tempdir().unwrap();
        let memory = Memory::default();
        let why = read(&LISTED, &setup(site.path()), &text).unwrap().once(&memory).await.unwrap_err();
        assert!(why.contains(want), "{why:?} lacks {want:?}");
        assert_eq!(memory.trouble(), why);
    };
    check(b"* BYE too many connections\r\n", "does not want us: too many connections").await;
    check(b"220 mail.example ESMTP\r\n", "no greeting").await;
    check(b"", "no greeting").await;
    // Found by the fuzzer: the library cuts the text behind the bracket in the middle of a letter.
    check("* OK [ALERT]ä\r\n".as_bytes(), "the server's answer cannot be read").await;
    check("* OK hello\r\n|A0001 OK\r\n|A0002 OK [ALERT]ä\r\n".as_bytes(), "CAPABILITY: the server's answer").await;
    check(b"* OK hello\r\n|A0001 NO wrong password\r\n", "login failed").await;
    check(b"* OK hello\r\n|A0001 OK\r\n|\xff\xfe nonsense\r\n", "the connection broke").await;
    check(b"* OK hello\r\n|A0001 OK\r\n|* CAPABILITY IMAP4rev1\r\n", "CAPABILITY: the server closed").await;
}

#[tokio::test]
async fn a_server_that_sends_without_end_is_cut_off() {
    use tokio::io::AsyncWriteExt;
    let server =
        concert_testkit::listen::Listener::start(concert_testkit::listen::loopback(), |mut stream| async move {
            let flood = b"* OK hello\r\n* LIST () \"/\" {99999999}\r\n";
            let mut sent = stream.write_all(flood).await;
            while sent.is_ok() {
                sent = stream.write_all(&[b'x'; 65_536]).await;
            }
        });
    let server = server.await.unwrap();
    let text = format!(
        "host = \"127.0.0.1\"\nport = {}\ntls = \"off\"\nuser = \"x\"\npassword = {{ env = 'x' }}",
        server.address().port()
    );
    let site = tempfile::tempdir().unwrap();
    let why = read(&LISTED, &setup(site.path()), &text).unwrap().once(&Memory::default()).await.unwrap_err();
    assert!(why.contains("sent more than it may"), "{why}");
}

#[test]
fn mistakes_in_the_settings_are_told() {
    let check = |text: &str, want: &str| {
        let text = format!("host = \"h\"\nuser = \"u\"\npassword = {{ env = 'x' }}\n{text}");
        let Err(problems) = read(&LISTED, &setup(std::path::Path::new("/nowhere")), &text) else {
            panic!("{text} was taken")
        };
        assert!(problems.contains(want), "{problems}");
    };
    check("search = \"UNSEEN\\r\\nA1 DELETE INBOX\"", "printable ASCII on one line");
    check("search = \"SUBJECT {5}\"", "must not end in a literal");
    check("search = \"\"", "1 to 500 characters");
    check("after = \"keep\"", "`keep` is not a value of `after`");
    check("links = [\"https://a.example/\"]", "not a domain name");
    check("tls = \"on\"", "`on` is not a value of `tls`");
    let Err(problems) = read(&LISTED, &setup(std::path::Path::new("/nowhere")), "folder = \"x\"") else {
        panic!("taken without a host")
    };
    for key in ["host", "user", "password"] {
        assert!(problems.contains(&format!("`{key}` is missing")), "{problems}");
    }
}

/// A server that says these things, each as the answer to a line, and then nothing more. Gives its port.
async fn that_stalls(said: &'static [&'static str]) -> (u16, tokio::task::JoinHandle<()>) {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        for said in said {
            stream.write_all(said.as_bytes()).await.unwrap();
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    (port, task)
}

#[tokio::test]
async fn a_server_that_stalls_is_given_up_when_the_settings_say_so() {
    let site = tempfile::tempdir().unwrap();
    let trouble = async |said: &'static [&'static str], limits: &str| {
        let (port, task) = that_stalls(said).await;
        let text = format!(
            "host = \"127.0.0.1\"\nport = {port}\nuser = \"a\"\npassword = {{ env = 'x' }}\ntls = \"off\"\n{limits}"
        );
        let collector = read(&LISTED, &setup(site.path()), &text).unwrap();
        let checked = tokio::time::timeout(Duration::from_secs(10), collector.check()).await;
        task.abort();
        checked.expect("it is given up").unwrap_err().what
    };
    let silent = "read_timeout = \"300ms\"";
    assert!(trouble(&[], silent).await.contains("no greeting"), "greeting");
    let want = "nothing came for `read_timeout` (300ms)";
    let login = trouble(&["* OK hi\r\n"], silent).await;
    assert!(login.contains(want), "{login}");
    let later = trouble(&["* OK hi\r\n", "A0001 OK in\r\n"], silent).await;
    assert!(later.contains(want), "{later}");
    let whole = trouble(&["* OK hi\r\n"], "timeout = \"400ms\"").await;
    assert!(whole.contains("no login within 400ms"), "{whole}");
}
