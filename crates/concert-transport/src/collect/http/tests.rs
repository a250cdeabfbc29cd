//! Fetching from a real server on loopback: what is a report, what is not, what is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use concert_model::Origin;
use concert_testkit::tls::{Identity, write_alone, write_authority};
use concert_testkit::web::{Answer, End, Web};

use super::LISTED;
use crate::Collector;
use crate::memory::{Memory, read, setup};

const LIST: &str = "192.0.2.1\n192.0.2.2\n";

fn collector(text: &str) -> Box<dyn Collector> {
    read(&LISTED, &setup(std::path::Path::new("/nowhere")), text).unwrap()
}

/// A collector for this server with short limits.
fn of(web: &Web, more: &str) -> Box<dyn Collector> {
    collector(&format!(
        "url = \"{}\"\nread_timeout = \"300ms\"\ntimeout = \"2s\"\nminimum_interval = \"1ms\"\n{more}",
        web.url("/list.txt")
    ))
}

/// Serves these answers in turn, the last one over and over.
async fn serving(answers: Vec<Answer>) -> Web {
    let count = AtomicUsize::new(0);
    let next = move |_: &_| {
        let at = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        answers[at].clone()
    };
    Web::start(None, next).await.unwrap()
}

#[tokio::test]
async fn a_list_is_a_report_with_its_name_type_and_address() {
    let web = serving(vec![
        Answer::new(200, LIST)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("Content-Disposition", "attachment; filename=\"blocked.txt\""),
    ])
    .await;
    let memory = Memory::default();
    of(&web, "").once(&memory).await.unwrap();
    let (receipt, bytes) = memory.kept().remove(0);
    assert_eq!(bytes, LIST.as_bytes());
    assert_eq!(receipt.file_name, "blocked.txt");
    assert_eq!(receipt.media_type, "text/plain; charset=utf-8");
    assert_eq!(receipt.url, web.url("/list.txt"));
    assert_eq!(receipt.origin, Origin::Fetch(receipt.received));
    assert_eq!(web.requests()[0].header("user-agent"), Some("Concert/test"));
    assert_eq!(web.requests()[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn an_unchanged_list_is_no_new_report() {
    let list = Answer::new(200, LIST).header("ETag", "\"v1\"").header("Last-Modified", "Sun, 22 Nov 2026 04:00:00 GMT");
    let web = serving(vec![list.clone(), Answer::new(304, ""), list, Answer::new(200, "192.0.2.3\n")]).await;
    let memory = Memory::default();
    for _ in 0..4 {
        of(&web, "").once(&memory).await.unwrap();
    }
    assert_eq!(memory.texts(), [LIST, "192.0.2.3\n"]);
    let requests = web.requests();
    assert_eq!(requests[0].header("if-none-match"), None);
    assert_eq!(requests[1].header("if-none-match"), Some("\"v1\""));
    assert_eq!(requests[1].header("if-modified-since"), Some("Sun, 22 Nov 2026 04:00:00 GMT"));
    assert_eq!(memory.trouble(), "");
}

#[tokio::test]
async fn a_kill_at_any_step_neither_loses_nor_doubles_a_list() {
    for steps in 0..20 {
        let web = serving(vec![Answer::new(200, LIST).header("ETag", "\"v1\"")]).await;
        let memory = Memory::default();
        memory.kill_after(Some(steps));
        let ended = tokio::time::timeout(Duration::from_millis(500), of(&web, "").once(&memory)).await.is_ok();
        memory.kill_after(None);
        of(&web, "").once(&memory).await.unwrap();
        assert_eq!(memory.texts(), [LIST], "killed after {steps} steps");
        if ended {
            assert_eq!(steps, 6);
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn bad_answers_keep_nothing_and_say_why() {
    let check = async |answer: Answer, want: &str| {
        let web = serving(vec![answer]).await;
        let memory = Memory::default();
        let why = of(&web, "").once(&memory).await.unwrap_err();
        assert!(why.contains(want), "{why:?} lacks {want:?}");
        assert!(!why.contains("list.txt"), "the address may hold a key: {why}");
        assert!(memory.kept().is_empty(), "{want}");
        assert_eq!(memory.trouble(), why);
    };
    let big = "x".repeat(100_000);
    check(Answer::new(500, ""), "500 Internal Server Error").await;
    check(Answer::new(404, "gone"), "404 Not Found").await;
    check(Answer::new(304, ""), "304 Not Modified, though it was not asked").await;
    check(Answer::new(206, LIST), "206 Partial Content").await;
    check(Answer::new(200, LIST).end(End::Cut(5)), "the body broke off: end of file before message length reached")
        .await;
    check(Answer::new(200, LIST).end(End::Silent), "no answer: ").await;
    let stalled = "took too long: nothing came for `read_timeout` (300ms), with 5 bytes of the body until then";
    check(Answer::new(200, LIST).end(End::Stall(5)), stalled).await;
    let slow = Answer::new(200, LIST.repeat(9)).end(End::Drip(Duration::from_millis(50)));
    check(slow, "took too long: all took longer than `timeout` (2s), with ").await;
    check(Answer::new(400, "<p>The plain HTTP request was sent to HTTPS port</p>"), "it wants https://").await;
    let too_large = "longer than 1048576 bytes, the most that `limits.report` takes";
    check(Answer::new(200, big).end(End::Endless), too_large).await;
    check(Answer::new(200, "x".repeat((1 << 20) + 1)), too_large).await;
    check(Answer::new(302, "").header("Location", "/list.txt"), "more than 5 redirects").await;
    check(Answer::new(302, "").header("Location", "file:///etc/passwd"), "a redirect to `file:`").await;
    check(Answer::new(302, ""), "a redirect without a location").await;
}

#[tokio::test]
async fn a_server_that_sends_a_byte_now_and_then_is_ended() {
    let drip = |pause| Answer::new(200, LIST.repeat(4)).end(End::Drip(Duration::from_millis(pause)));
    let web = serving(vec![drip(30), drip(5)]).await;
    let read = async |bytes: u64| {
        let client = crate::net::web::Web::new("test").client().await.unwrap();
        let ask = crate::net::web::Ask::get(web.url("/").parse().unwrap());
        let response = crate::net::web::fetch(&client, &ask).await.unwrap();
        let progress = super::Progress::begin(concert_model::Time(0));
        let pace = super::Pace { bytes, within: Duration::from_millis(200) };
        super::body::read(response, 1 << 20, pace, &progress).await.map(|bytes| (bytes.len() as u64, progress.came()))
    };
    let why = read(20).await.unwrap_err();
    assert!(why.starts_with("the server is too slow: ") && why.contains("where `minimum_rate` wants 20"), "{why}");
    let all = 4 * LIST.len() as u64;
    assert_eq!(read(2).await, Ok((all, all)));
    assert_eq!(read(0).await, Ok((all, all)));
}

#[tokio::test]
async fn tls_towards_a_server_without_it_and_the_other_way_round_are_told() {
    let check = async |url: String, want: &str| {
        let why = collector(&format!("url = \"{url}\"")).once(&Memory::default()).await.unwrap_err();
        assert!(why.starts_with(want), "{why}");
    };
    let plain = serving(vec![Answer::new(200, LIST)]).await;
    let want = "the server hung up while TLS was set up, so perhaps it does not speak TLS";
    check(plain.url("/").replace("http:", "https:"), want).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await.ok();
    });
    check(format!("https://{address}/"), "the server does not speak TLS at this port").await;
    answering.abort();
    let encrypted = Web::start(Some(Identity::Localhost), |_| Answer::new(200, LIST)).await.unwrap();
    let want =
        "the server answered with something that is not HTTP; where it speaks TLS, its address begins with https";
    check(encrypted.url("/").replace("https:", "http:"), want).await;
}

#[tokio::test]
async fn a_refused_connection_is_told() {
    let address = serving(vec![Answer::new(200, "")]).await.url("/");
    let memory = Memory::default();
    let why = collector(&format!("url = \"{address}\"")).once(&memory).await.unwrap_err();
    assert!(why.contains("Connection refused"), "{why}");
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_left_alone_even_after_a_restart() {
    let web = serving(vec![Answer::new(429, "").header("Retry-After", "3600"), Answer::new(200, LIST)]).await;
    let memory = Memory::default();
    let why = of(&web, "").once(&memory).await.unwrap_err();
    assert!(why.contains("429 Too Many Requests and asks to wait until 20"), "{why}");
    let why = of(&web, "").once(&memory).await.unwrap_err();
    assert!(why.contains("asked to wait until"), "{why}");
    assert_eq!(web.requests().len(), 1);
    let dated = serving(vec![Answer::new(503, "").header("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")]).await;
    let memory = Memory::default();
    for _ in 0..2 {
        assert!(of(&dated, "").once(&memory).await.unwrap_err().contains("503"));
    }
    assert_eq!(dated.requests().len(), 2, "that moment is over");
}

#[tokio::test]
async fn a_running_feed_goes_on_after_trouble_and_a_restart_does_not_fetch_early() {
    let web = serving(vec![Answer::new(500, ""), Answer::new(200, LIST), Answer::new(200, "new\n")]).await;
    let memory = Arc::new(Memory::default());
    let run = async |every: &str, want: usize| {
        let stop = tokio_util::sync::CancellationToken::new();
        let (feed, given, told) = (of(&web, &format!("every = \"{every}\"")), Arc::clone(&memory), stop.clone());
        let task = tokio::spawn(async move { feed.run(&*given, told).await });
        memory.wait_for(want).await;
        // Long enough for a fetch that should not come.
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.cancel();
        task.await.unwrap();
    };
    run("50ms", 2).await;
    assert_eq!(memory.texts(), [LIST, "new\n"]);
    assert!(memory.trouble().contains("500"));
    let before = web.requests().len();
    run("1h", 2).await;
    assert_eq!(web.requests().len(), before);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_list_from_being_fetched() {
    let web = serving(vec![Answer::new(200, LIST), Answer::new(500, "")]).await;
    let memory = Arc::new(Memory::default());
    of(&web, "").once(&*memory).await.unwrap();
    memory.pass(-30 * 86_400);
    let feed = of(&web, "every = \"1h\"");
    assert_eq!(feed.rests_until(&*memory).await, None);
    let (given, stop) = (Arc::clone(&memory), tokio_util::sync::CancellationToken::new());
    let told = stop.clone();
    let task = tokio::spawn(async move { feed.run(&*given, told).await });
    // The attempt that fails is made at once, and its pause holds.
    let failed = async {
        while web.requests().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), failed).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(web.requests().len(), 2);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn credentials_are_sent_and_not_passed_on_to_another_server() {
    let other = serving(vec![Answer::new(200, LIST)]).await;
    let target = other.url("/elsewhere");
    let web = serving(vec![Answer::new(303, "").header("Location", &target)]).await;
    let memory = Memory::default();
    let more = "method = \"POST\"\nbody = \"give\"\nuser = \"me\"\npassword = { env = \"secret\" }\n\
                api_key = { env = \"key\" }\napi_key_header = \"X-Key\"\n\
                headers = { Accept = \"text/csv\", Cookie = \"s=1\", X-Token = \"t\" }";
    of(&web, more).once(&memory).await.unwrap();
    let (first, second) = (web.requests().remove(0), other.requests().remove(0));
    assert_eq!(first.header("authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(first.header("x-key"), Some("key"));
    assert_eq!((first.header("cookie"), first.header("x-token")), (Some("s=1"), Some("t")));
    assert_eq!((second.header("cookie"), second.header("x-token")), (None, None));
    assert_eq!((first.method.as_str(), first.body.as_slice()), ("POST", &b"give"[..]));
    assert_eq!((second.method.as_str(), second.body.as_slice()), ("GET", &b""[..]));
    assert_eq!(second.header("accept"), Some("text/csv"));
    assert_eq!((second.header("authorization"), second.header("x-key")), (None, None));
}

#[tokio::test]
async fn what_is_posted_goes_on_to_the_same_server_alone() {
    for status in [307, 308] {
        let other = serving(vec![Answer::new(200, LIST)]).await;
        let target = other.url("/elsewhere?key=k");
        let web = serving(vec![Answer::new(status, "").header("Location", &target)]).await;
        let memory = Memory::default();
        let more = "method = \"POST\"\nbody = \"key=secret\"";
        let why = of(&web, more).once(&memory).await.unwrap_err();
        // Only the port is another; the path may hold a key.
        let want =
            format!("the server sends us on to {}, another server,", target.trim_end_matches("/elsewhere?key=k"));
        assert!(why.contains(&want) && !why.contains("key=k"), "{why}");
        assert!(other.requests().is_empty() && memory.kept().is_empty());
        let web = serving(vec![Answer::new(status, "").header("Location", "/there"), Answer::new(200, LIST)]).await;
        of(&web, more).once(&memory).await.unwrap();
        let second = web.requests().remove(1);
        assert_eq!((second.path.as_str(), second.body.as_slice()), ("/there", &b"key=secret"[..]));
    }
}

#[tokio::test]
async fn dates_are_filled_in_in_headers_and_body_too() {
    let web = serving(vec![Answer::new(200, LIST)]).await;
    let memory = Memory::default();
    let more = "method = \"POST\"\nbody = '{\"days\": [\"{yesterday:%j}\", \"{today:%j}\"], \"x\": {}}'\n\
                headers = { X-Day = \"{today}\" }";
    of(&web, more).once(&memory).await.unwrap();
    let asked = web.requests().remove(0);
    let day = |ago: i64, form: &str| {
        let moment =
            crate::Intake::now(&memory).plus_seconds(ago * -86_400).timestamp().to_zoned(jiff::tz::TimeZone::UTC);
        jiff::fmt::strtime::format(form, &moment).unwrap()
    };
    let want = format!("{{\"days\": [\"{}\", \"{}\"], \"x\": {{}}}}", day(1, "%j"), day(0, "%j"));
    assert_eq!(String::from_utf8(asked.body.clone()).unwrap(), want);
    assert_eq!(asked.header("x-day"), Some(day(0, "%Y-%m-%d").as_str()));
}

#[tokio::test]
async fn certificates_are_checked() {
    let site = tempfile::tempdir().unwrap();
    let (authority, alone) = (write_authority(site.path()).unwrap(), write_alone(site.path()).unwrap());
    let check = async |identity: Identity, ca: Option<&Path>, want: Option<&str>| {
        let web = Web::start(Some(identity), |_| Answer::new(200, LIST)).await.unwrap();
        let more = ca.map(|path| format!("ca_file = \"{}\"", path.display())).unwrap_or_default();
        let memory = Memory::default();
        let outcome = of(&web, &more).once(&memory).await;
        match want {
            None => assert_eq!((outcome, memory.texts()), (Ok(()), vec![LIST.to_owned()])),
            Some(want) => assert!(outcome.as_ref().unwrap_err().contains(want), "{outcome:?}"),
        }
    };
    check(Identity::Localhost, Some(&authority), None).await;
    check(Identity::Localhost, None, Some("UnknownIssuer")).await;
    check(Identity::Elsewhere, Some(&authority), Some("is for another name than localhost: ")).await;
    // One that is its own authority is taken where it is named itself.
    check(Identity::Alone, Some(&alone), None).await;
    check(Identity::Alone, Some(&authority), Some("CaUsedAsEndEntity")).await;
    check(Identity::AloneElsewhere, Some(&alone), Some("is for another name than localhost: ")).await;
}

#[tokio::test]
async fn a_redirect_out_of_encryption_is_not_followed() {
    let site = tempfile::tempdir().unwrap();
    let authority = write_authority(site.path()).unwrap();
    let plain = serving(vec![Answer::new(200, LIST)]).await;
    let target = plain.url("/");
    let web = Web::start(Some(Identity::Localhost), move |_| Answer::new(301, "").header("Location", &target));
    let web = web.await.unwrap();
    let memory = Memory::default();
    let feed = of(&web, &format!("ca_file = \"{}\"", authority.display()));
    let why = feed.once(&memory).await.unwrap_err();
    assert!(why.contains("from https to http"), "{why}");
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn a_proxy_is_used() {
    let proxy = serving(vec![Answer::new(200, LIST)]).await;
    let memory = Memory::default();
    let text = format!("url = \"http://lists.example/a\"\nproxy = \"{}\"", proxy.url("/"));
    collector(&text).once(&memory).await.unwrap();
    assert_eq!(proxy.requests()[0].path, "http://lists.example/a");
    assert_eq!(memory.texts(), [LIST]);
}

#[tokio::test]
async fn a_check_takes_nothing() {
    let web = serving(vec![Answer::new(200, LIST), Answer::new(403, "")]).await;
    let said = of(&web, "").check().await.unwrap();
    assert_eq!(said, "the server answered 200 OK, 20 bytes");
    let problem = of(&web, "").check().await.unwrap_err();
    assert_eq!(problem.what, "the server answered 403 Forbidden");
}

#[test]
fn mistakes_in_the_settings_are_told() {
    let check = |text: &str, want: &str| {
        let Err(problems) = read(&LISTED, &setup(std::path::Path::new("/nowhere")), text) else {
            panic!("{text} was taken")
        };
        assert!(problems.contains(want), "{problems}");
    };
    check("every = \"1h\"", "`url` is missing");
    check("url = \"lists\"", "not an absolute URL");
    check("url = \"https://a.example\"\nevery = \"5s\"", "shorter than is polite");
    check("url = \"https://a.example\"\nbody = \"x\"", "only sent with POST");
    check("url = \"https://a.example\"\nheaders = { \"a b\" = \"x\" }", "is not a header");
    check("url = \"https://a.example\"\nheaders = { a = \"{today:%!}\" }", "is not a header");
    check("url = \"https://a.example\"\nmethod = \"POST\"\nbody = \"{today:%!}\"", "not the form of a date");
    check("url = \"https://a.example\"\nuser = \"a\"\nbearer = { env = \"x\" }", "two ways to log in");
    check("url = \"https://a.example\"\napi_key = \"x\"", "is a secret and not written here");
    check("url = \"https://a.example\"\nclient_certificate = \"x.pem\"", "`client_key` is missing");
    check("url = \"https://a.example\"\nproxy = \"nonsense\"", "not the address of a proxy");
}
