//! Servers that answer well and badly.

use concert_testkit::proxy::{Proxy, Rules, Speaks};
use concert_testkit::web::{Answer, End, Web as Server};

use crate::net::web::ProxyAt;

use super::{Duration, Instant, Options, Polite, Refusals, Time, Want, whole};

const NOW: Time = Time(1_795_323_030_000_000);

struct Given {
    server: Server,
    _dir: tempfile::TempDir,
    options: Options,
    polite: Polite,
}

impl Given {
    async fn new(decide: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Given {
        let decide = move |request: &concert_testkit::web::Request| {
            decide(request.header("host").unwrap_or_default(), &request.path)
        };
        let server = Server::start(None, decide).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::new("Concert", dir.path().join("live"));
        options.trial_server = Some(server.address());
        options.interval = Duration::from_millis(1);
        let polite = Polite::new(options.clone(), NOW).await.unwrap();
        Given { server, _dir: dir, options, polite }
    }

    async fn get(&self, url: &str) -> Result<String, String> {
        self.want(&want(url), NOW).await
    }

    async fn want(&self, want: &Want<'_>, now: Time) -> Result<String, String> {
        let until = Instant::now() + Duration::from_millis(1500);
        let got = self.polite.get(want, now, until).await.map_err(|missing| missing.why)?;
        Ok(format!("{} {}", got.url, String::from_utf8(got.body).unwrap()))
    }

    fn asked(&self) -> usize {
        self.server.requests().len()
    }
}

fn want(url: &str) -> Want<'_> {
    Want {
        url,
        accept: "application/rdap+json",
        media_type: "",
        bytes_max: 1000,
        hosts: &[],
        may_be_here: false,
        is_remembered: true,
    }
}

#[tokio::test]
async fn a_good_answer_is_remembered_for_a_day_and_a_refusal_for_an_hour() {
    let given = Given::new(|host, path| match path {
        "/here" => Answer::new(200, format!("{host}!")),
        _ => Answer::new(404, ""),
    });
    let mut given = given.await;
    let (here, gone) = ("https://a.example/here", "https://a.example/gone");
    for _ in 0..2 {
        assert_eq!(given.get(here).await, Ok("https://a.example/here a.example!".into()));
        assert_eq!(given.get(gone).await, Err("it is not there (404)".into()));
    }
    assert_eq!(given.asked(), 2);
    assert_eq!(given.server.requests()[0].header("accept"), Some("application/rdap+json"));
    // Another run of the program knows them too.
    given.polite = Polite::new(given.options.clone(), NOW).await.unwrap();
    assert!(given.want(&want(here), NOW.plus_seconds(86_399)).await.is_ok());
    assert!(given.want(&want(gone), NOW.plus_seconds(3_599)).await.is_err());
    assert_eq!(given.asked(), 2);
    assert!(given.want(&want(here), NOW.plus_seconds(86_400)).await.is_ok());
    assert!(given.want(&want(gone), NOW.plus_seconds(3_600)).await.is_err());
    assert_eq!(given.asked(), 4);
    assert!(given.want(&Want { is_remembered: false, ..want(here) }, NOW).await.is_ok());
    assert_eq!(given.asked(), 5);
    given.polite.refuse(here, "no sense in it", NOW);
    assert_eq!(given.get(here).await, Err("no sense in it".into()));
}

/// What is in the way for a moment is not taken for the answer of a whole hour.
#[tokio::test]
async fn a_trouble_that_may_pass_is_remembered_for_minutes_that_grow() {
    let given = Given::new(|_, path| match path {
        "/no" => Answer::new(403, ""),
        _ => Answer::new(502, ""),
    });
    let given = given.await;
    let (url, until) = ("https://a.example/x", || Instant::now() + Duration::from_millis(1500));
    let mut now = NOW;
    let mut waits = Vec::new();
    for asked in 1..=6 {
        let missing = given.polite.get(&want(url), now, until()).await.unwrap_err();
        assert!(missing.why.starts_with("the server answered 502 Bad Gateway; it is not asked again before 2026-"));
        let again = missing.again.unwrap();
        assert!(missing.why.ends_with(&again.to_string()), "{missing:?}");
        // Nobody is asked before.
        assert_eq!(given.polite.get(&want(url), again.plus_seconds(-1), until()).await, Err(missing));
        assert_eq!(given.asked(), asked);
        waits.push(again.seconds() - now.seconds() - 1);
        now = again;
    }
    assert_eq!(waits, [60, 120, 240, 480, 900, 900]);
    let no = given.polite.get(&want("https://a.example/no"), NOW, until()).await.unwrap_err();
    assert_eq!((no.why.as_str(), no.again), ("the server answered 403 Forbidden", None));
}

#[tokio::test]
async fn a_server_that_has_too_much_to_do_is_left_alone_as_long_as_it_says() {
    let given = Given::new(|host, _| match host {
        "busy.example" => Answer::new(429, "").header("Retry-After", "120"),
        "dated.example" => Answer::new(503, "").header("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"),
        "mute.example" => Answer::new(429, ""),
        _ => Answer::new(200, "x"),
    });
    let mut given = given.await;
    let why = "the server has too much to do (429) and is left alone until 2026-11-22T04:52:31Z";
    assert_eq!(given.get("https://busy.example/1").await, Err(why.into()));
    assert_eq!(given.get("https://busy.example/2").await, Err(why.into()));
    assert_eq!(given.asked(), 1);
    given.polite = Polite::new(given.options.clone(), NOW).await.unwrap();
    assert!(given.want(&want("https://busy.example/3"), NOW.plus_seconds(119)).await.is_err());
    assert_eq!(given.asked(), 1);
    assert!(given.want(&want("https://busy.example/3"), NOW.plus_seconds(121)).await.is_err());
    assert_eq!(given.asked(), 2);
    assert!(given.get("https://dated.example/1").await.unwrap_err().contains("(503)"));
    assert!(given.get("https://mute.example/1").await.unwrap_err().contains(&at(60)));
    assert!(given.get("https://other.example/").await.is_ok());
}

fn at(seconds: i64) -> String {
    // The next whole second.
    let text = NOW.plus_seconds(seconds + 1).to_string();
    text.split(['T', 'Z']).nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn redirects_lead_to_other_servers_but_never_out_of_encryption_or_the_internet() {
    let given = Given::new(|host, path| {
        let to = |location: &str| Answer::new(302, "").header("Location", location);
        match (host, path) {
            ("a.example", "/other") => to("https://b.example/there"),
            ("a.example", "/plain") => to("http://b.example/there"),
            ("a.example", "/inside") => to("https://10.0.0.1/there"),
            ("a.example", "/six") => to("https://[::1]/there"),
            ("a.example", "/self") => to("https://localhost/there"),
            ("a.example", "/here") | ("127.0.0.1:1", "/on") => to("http://127.0.0.1:2/there"),
            ("127.0.0.1:1", "/in") => to("http://10.0.0.1/there"),
            ("127.0.0.1:1", "/name") => to("http://localhost/there"),
            ("127.0.0.1:2", "/there") => Answer::new(200, "there"),
            ("a.example", "/login") => to("https://me:secret@b.example/there"),
            ("a.example", "/file") => to("file:///etc/passwd"),
            ("a.example", "/round") => to("/round"),
            ("b.example", "/there") => Answer::new(200, "there"),
            _ => Answer::new(500, ""),
        }
    });
    let given = given.await;
    assert_eq!(given.get("https://a.example/other").await, Ok("https://b.example/there there".into()));
    for (path, why) in [
        ("plain", "without encryption"),
        ("inside", "leads to 10.0.0.1, which is not on the Internet"),
        ("six", "not on the Internet"),
        ("self", "leads to this machine"),
        ("here", "without encryption"),
        ("login", "user name"),
        ("file", "not followed"),
        ("round", "more than 5 redirects"),
        ("odd", "the server answered 500"),
    ] {
        let before = given.polite.refusals();
        let refused = given.get(&format!("https://a.example/{path}")).await.unwrap_err();
        assert!(refused.contains(why), "{path}: {refused}");
        let after = given.polite.refusals();
        let counted = [after.failed - before.failed, after.unwanted - before.unwanted];
        assert_eq!(counted, if ["round", "odd"].contains(&path) { [1, 0] } else { [0, 1] }, "{path}");
    }
    // Whoever runs the site wrote down that the way begins on this machine.
    let on = Want { may_be_here: true, is_remembered: false, ..want("http://127.0.0.1:1/on") };
    assert_eq!(given.want(&on, NOW).await, Ok("http://127.0.0.1:2/there there".into()));
    for (url, why) in
        [("http://127.0.0.1:1/in", "without encryption"), ("http://127.0.0.1:1/name", "without encryption")]
    {
        assert!(given.want(&Want { url, ..on }, NOW).await.unwrap_err().contains(why), "{url}");
    }
    let stranger = Want { may_be_here: false, ..on };
    assert!(given.want(&stranger, NOW).await.unwrap_err().contains("without encryption"));
    let narrow = Want { hosts: &["a.example"], is_remembered: false, ..want("https://a.example/other") };
    assert_eq!(given.want(&narrow, NOW).await, Err("it redirects to b.example, which is another host".into()));
    for url in ["http://a.example/", "https://192.168.0.1/", "a.example", "ftp://a.example/"] {
        assert!(given.get(url).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_of_another_kind_is_refused() {
    let given = Given::new(|host, _| match host {
        "endless.example" => Answer::new(200, vec![b'x'; 500]).end(End::Endless),
        "large.example" => Answer::new(200, vec![b'x'; 1001]),
        "slow.example" => Answer::new(200, vec![b'x'; 500]).end(End::Stall(10)),
        "cut.example" => Answer::new(200, vec![b'x'; 500]).end(End::Cut(10)),
        "silent.example" => Answer::new(200, "").end(End::Silent),
        _ => Answer::new(200, "<html>").header("Content-Type", "Text/HTML; charset=utf-8"),
    });
    let given = given.await;
    let too_long = "the body is longer than 1000 bytes";
    assert_eq!(given.get("https://endless.example/").await, Err(too_long.into()));
    assert_eq!(given.get("https://large.example/").await, Err(too_long.into()));
    assert!(given.get("https://cut.example/").await.is_err());
    let begun = std::time::Instant::now();
    let slow = format!("there was no answer in time; it is not asked again before {}", whole(NOW.plus_seconds(60)));
    assert_eq!(given.get("https://slow.example/").await, Err(slow));
    let asked = given.asked();
    // Neither is asked again in this run.
    let why = "it was not asked: https://slow.example did not answer before (there was no answer in time)";
    assert_eq!(given.get("https://slow.example/other").await, Err(why.into()));
    assert_eq!(given.asked(), asked);
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert!(given.get("https://silent.example/").await.is_err());
    let asked = given.asked();
    assert!(given.get("https://silent.example/").await.is_err());
    assert_eq!(given.asked(), asked);
    let plain = Want { media_type: "text/plain", ..want("https://page.example/") };
    assert_eq!(given.want(&plain, NOW).await, Err("it is `text/html` in place of text/plain".into()));
    // What was not asked is not counted again.
    assert_eq!(given.polite.refusals(), Refusals { too_large: 2, failed: 3, unwanted: 1, busy: 0 });
}

#[tokio::test]
async fn one_server_is_asked_no_faster_than_the_interval() {
    let mut given = Given::new(|_, _| Answer::new(200, "x")).await;
    given.options.interval = Duration::from_millis(200);
    given.polite = Polite::new(given.options.clone(), NOW).await.unwrap();
    let begun = std::time::Instant::now();
    for url in ["https://a.example/1", "https://a.example/2", "https://a.example/3", "https://b.example/1"] {
        assert!(given.get(url).await.is_ok());
    }
    assert!((Duration::from_millis(400)..Duration::from_millis(1200)).contains(&begun.elapsed()));
}

#[tokio::test]
async fn others_are_asked_through_the_proxy_and_this_machine_is_not() {
    for (scheme, speaks, want_of) in [
        ("http", Speaks::Http, "CONNECT rdap.example:443"),
        ("socks5", Speaks::Socks, "rdap.example:443"),
        ("socks5h", Speaks::Socks, "rdap.example:443"),
    ] {
        let mut given = Given::new(|_, _| Answer::new(200, "here")).await;
        let proxy = Proxy::start(speaks, Rules { refuses: true, ..Rules::default() }).await.unwrap();
        // Proxies have names, and lie in our own network.
        let url = format!("{scheme}://localhost:{}", proxy.address().port()).parse().unwrap();
        given.options.proxy = ProxyAt { url: Some(url), user: None };
        given.options.trial_server = None;
        given.polite = Polite::new(given.options.clone(), NOW).await.unwrap();
        assert!(given.get("https://rdap.example/ip/192.0.2.1").await.is_err());
        assert_eq!(proxy.asked(), [want_of], "{scheme}");
        let here = format!("http://{}/x", given.server.address());
        let own = Want { may_be_here: true, ..want(&here) };
        assert_eq!(given.want(&own, NOW).await, Ok(format!("{here} here")));
        assert!(given.get("https://127.0.0.1/x").await.unwrap_err().contains("not on the Internet"));
        assert_eq!(proxy.asked().len(), 1, "{scheme}");
    }
}
