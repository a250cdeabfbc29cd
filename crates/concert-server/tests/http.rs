//! What a browser, a feed and a program see of the server, over a real connection.

#[cfg(test)]
mod fake;

use std::sync::Arc;
use std::time::Duration;

use concert_server::site::NewEvent;
use fake::{Fake, REPORT_BYTES_MAX, Server, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TOKEN: &str = "Authorization: Bearer s3cret\r\n";

#[tokio::test]
async fn pages_are_complete_and_carry_no_script() {
    let server = Server::start(Fake::new(true)).await;
    for path in ["/", "/?refresh=on", "/notices/20261122-0003", "/nowhere"] {
        let page = server.get(path).await;
        assert_eq!(page.status, if path == "/nowhere" { 404 } else { 200 }, "{path}");
        assert!(page.head.contains("content-type: text/html"), "{path}: {}", page.head);
        assert!(!page.body.contains("<script") && page.body.contains("</html>"), "{path}: {}", page.body);
        assert!(!page.body.contains("style=\"") && !page.body.contains("http://") && !page.body.contains("https://"));
        for header in [
            "content-security-policy: default-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "x-frame-options: deny",
        ] {
            assert!(page.head.contains(header), "{path} lacks {header}: {}", page.head);
        }
    }
    let page = server.get("/").await.body;
    for want in [
        "CERT Example",
        "4,812,004",
        "connection to irc.cert.example:6697 refused",
        "not an IP address",
        "&#60;b&#62;no&#60;/b&#62;",
        "title=\"2026-11-22T11:58:00Z\">22 Nov 13:58",
        "stale",
        "no report since 2026-11-20T09:00:00Z, which is longer than usual",
        "few events",
        "7 events in 24 hours where at least 22782 are expected",
        "ping timeout",
        "complaint, mail 17",
        "nothing in it became an event; &#60;b&#62;body",
        "`concert mailbox accept 17`",
    ] {
        assert!(page.contains(want), "{want} is not in the page");
    }
    assert!(page.contains("550 5.1.1 no such user"));
    assert_eq!(page.matches("<g class=\"bar\">").count(), 48);
    assert!(!page.contains("http-equiv=\"refresh\""));
    assert!(server.get("/?refresh=on").await.body.contains("http-equiv=\"refresh\""));
    server.stop().await;
}

#[tokio::test]
async fn an_empty_site_says_what_to_do() {
    let server = Server::start(Fake::new(false)).await;
    let page = server.get("/").await.body;
    for want in ["No feed is set up", "concert ingest --feed NAME FILE", "No notice yet", "No line was refused"] {
        assert!(page.contains(want), "{want}");
    }
    assert!(!page.contains("<table") && !page.contains("Needs a person"));
    assert_eq!(server.get("/api/v1/feeds").await.json(), serde_json::json!({ "feeds": [], "next": null }));
    server.stop().await;
}

#[tokio::test]
async fn the_exact_text_of_a_notice_is_shown_and_saved() {
    let server = Server::start(Fake::new(true)).await;
    let page = server.get("/notices/20261122-0003").await;
    assert!(page.body.contains("Subject: [20261122-0003] 2 events\n\n&#60;script&#62;"), "{}", page.body);
    let rows = "<th scope=\"row\">b@b.example</th><td>is waited for</td><td><span class=\"dim\">-</span></td><td></td>";
    assert!(page.body.contains(rows), "{}", page.body);
    assert!(page.body.contains("a@a.example</th><td>has it</td>") && page.body.contains("250 &#60;b&#62;taken"));
    let told = server.get("/api/v1/notices/20261122-0003").await.body;
    let want = r#""receivers":[{"contact":"b@b.example","said":"","since":null,"state":"is waited for"},{"contact":"a@a.example""#;
    assert!(told.contains(want), "{told}");
    let raw = server.get("/notices/20261122-0003/raw").await;
    assert_eq!(raw.body, "Subject: [20261122-0003] 2 events\r\n\r\n<script>alert(1)</script>\r\n");
    assert!(raw.head.contains("content-disposition: attachment") && raw.head.contains("octet-stream"), "{}", raw.head);
    assert_eq!(server.get("/notices/none").await.status, 404);
    assert_eq!(server.get("/notices/none/raw").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn of_an_encrypted_notice_the_page_shows_what_the_receiver_reads() {
    let server = Server::start(Fake::new(true)).await;
    let page = server.get("/notices/20261122-0001").await.body;
    assert!(
        page.contains("Dear &#60;b&#62;University&#60;/b&#62;") && page.contains("It is sent encrypted, in "),
        "{page}"
    );
    assert!(!page.contains("Exact text") && page.contains("/notices/20261122-0001/raw"), "{page}");
    server.stop().await;
}

#[tokio::test]
async fn names_from_elsewhere_are_refused() {
    let server = Server::start(Fake::new(true)).await;
    for host in ["evil.example", "192.0.2.1:8080", "localhost.evil.example"] {
        for path in ["/", "/api/v1/feeds", "/healthz", "/nowhere", "/api/v1/events/stream"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = server.send(request.as_bytes()).await;
            assert_eq!(answer.status, 421, "{host} {path}");
            assert_eq!(answer.json()["status"], 421);
        }
    }
    let answer = server.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(answer.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn a_pushed_report_is_taken_with_its_names() {
    let site = Fake::new(true);
    let server = Server::start(Arc::clone(&site)).await;
    let headers = format!(
        "{TOKEN}Idempotency-Key: k1\r\nContent-Type: application/x-nobody-knows\r\n\
         Content-Disposition: attachment; filename=\"../x.csv\"\r\n"
    );
    let first = server.push("pushed", &headers, b"a\xff\x00b").await;
    assert_eq!((first.status, first.json()), (202, serde_json::json!({ "report": "r1", "known": false })));
    let again = server.push("pushed", &headers, b"a\xff\x00b").await;
    assert_eq!((again.status, again.json()["known"].as_bool()), (202, Some(true)));
    let push = site.pushes.lock().unwrap()[0].clone();
    assert_eq!((push.feed.as_str(), push.body.as_slice()), ("pushed", b"a\xff\x00b".as_slice()));
    assert_eq!((push.media_type.as_str(), push.file_name.as_str()), ("application/x-nobody-knows", "x.csv"));
    assert_eq!(push.idempotency_key.as_deref(), Some("k1"));
    // No media type at all is as good.
    assert_eq!(server.push("pushed", TOKEN, b"x").await.status, 202);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_token_and_an_unknown_feed_look_alike() {
    let site = Fake::new(true);
    let server = Server::start(Arc::clone(&site)).await;
    let mut answers = Vec::new();
    for (feed, headers) in [
        ("pushed", "Authorization: Bearer wrong\r\n"),
        ("pushed", ""),
        ("nothing", TOKEN),
        ("nothing", ""),
        ("pushed", "Authorization: Basic s3cret\r\n"),
        ("a%2Fb", TOKEN),
    ] {
        let answer = server.push(feed, headers, b"x").await;
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        answers.push((answer.status, answer.body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 401), "{answers:?}");
    assert!(site.pushes.lock().unwrap().is_empty());
    // The same set-up with the right token and feed is taken.
    assert_eq!(server.push("pushed", TOKEN, b"x").await.status, 202);
    server.stop().await;
}

#[tokio::test]
async fn a_report_over_the_cap_is_refused_while_it_comes() {
    let site = Fake::new(true);
    let server = Server::start(Arc::clone(&site)).await;
    let exact = vec![b'x'; usize::try_from(REPORT_BYTES_MAX).unwrap()];
    assert_eq!(server.push("pushed", TOKEN, &exact).await.status, 202);
    // Stated too large: whoever waits for a word is told before a byte of it is read.
    let stated = format!(
        "POST /api/v1/feeds/pushed/reports HTTP/1.1\r\nHost: localhost\r\n{TOKEN}Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n"
    );
    assert_eq!(server.send(stated.as_bytes()).await.status, 413);
    // Whoever sends all of it first can do so, and reads why.
    for (path, head) in [("feeds/pushed/reports", TOKEN.to_owned()), ("incidents", format!("{GOOD}{JSON}"))] {
        let head =
            format!("POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {}\r\n\r\n", 16 << 20);
        let mut stream = server.connect().await;
        stream.write_all(&[head.as_bytes(), &vec![b' '; 16 << 20]].concat()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("can have at most"), "{path}: {answer}");
    }
    // Not stated: refused when nothing more comes, though it never ends.
    let mut endless = format!(
        "POST /api/v1/feeds/pushed/reports HTTP/1.1\r\nHost: localhost\r\n{TOKEN}Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..20 {
        endless.extend_from_slice(format!("4000\r\n{}\r\n", "x".repeat(0x4000)).as_bytes());
    }
    let answer = server.send(&endless).await;
    assert_eq!(answer.status, 413, "{}", answer.head);
    assert_eq!(answer.json()["status"], 413);
    assert_eq!(site.pushes.lock().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_report_that_is_empty_cut_or_badly_named_is_refused() {
    let site = Fake::new(true);
    let server = Server::start(Arc::clone(&site)).await;
    assert_eq!(server.push("pushed", TOKEN, b"").await.status, 400);
    let long = format!("{TOKEN}Idempotency-Key: {}\r\n", "k".repeat(300));
    assert_eq!(server.push("pushed", &long, b"x").await.status, 400);
    let failed = server.push("pushed", TOKEN, b"fail").await;
    assert_eq!(failed.status, 500);
    assert!(!failed.body.contains("secret") && failed.head.contains("application/problem+json"), "{}", failed.body);
    // Cut in the middle: nothing is kept.
    let mut stream = server.connect().await;
    let head = format!(
        "POST /api/v1/feeds/pushed/reports HTTP/1.1\r\nHost: localhost\r\n{TOKEN}Content-Length: 10\r\n\r\nabc"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap_or_default();
    assert!(site.pushes.lock().unwrap().is_empty());
    assert_eq!(server.get("/api/v1/feeds/pushed/reports").await.status, 405);
    server.stop().await;
}

#[tokio::test]
async fn lists_are_json_and_parameters_are_checked() {
    let site = Fake::new(true);
    let server = Server::start(Arc::clone(&site)).await;
    let feeds = server.get("/api/v1/feeds?limit=2").await.json();
    assert_eq!(feeds["feeds"][0]["name"], "shadowserver");
    assert_eq!(feeds["feeds"][0]["last_good"], "2026-11-22T11:58:00Z");
    assert_eq!(feeds["feeds"].as_array().unwrap().len(), 2);
    let rest = server.get(&format!("/api/v1/feeds?cursor={}", feeds["next"].as_str().unwrap())).await.json();
    assert_eq!(rest["feeds"][0]["name"], server.get("/api/v1/feeds").await.json()["feeds"][2]["name"]);
    assert_eq!((rest["feeds"].as_array().unwrap().len(), &rest["next"]), (3, &serde_json::Value::Null));
    assert_eq!(server.get("/api/v1/feeds?cursor=none").await.status, 400);

    let events = server.get("/api/v1/events?if=source.asn%20%3D%3D%2064500&limit=7&cursor=abc").await.json();
    assert_eq!(events, serde_json::json!({ "events": [{"event.id": "01"}, {"event.id": "02"}], "next": "c" }));
    let (condition, slice) = site.asked.lock().unwrap()[0].clone();
    assert_eq!(condition.as_deref(), Some("source.asn == 64500"));
    assert_eq!((slice.limit, slice.cursor.as_deref()), (7, Some("abc")));

    for path in ["/api/v1/events?if=(", "/api/v1/events?fi=x", "/api/v1/events?limit=0", "/api/v1/notices?if=x"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.head.contains("application/problem+json"), "{path}: {}", answer.head);
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    assert_eq!(server.get("/api/v1/notices/20261122-0005").await.json()["state"], "failed");
    assert_eq!(server.get("/api/v1/notices/none").await.json()["status"], 404);
    assert_eq!(server.get("/api/v1/none").await.json()["status"], 404);
    assert_eq!(server.get("/api/v1/openapi.json").await.json()["openapi"], "3.1.0");
    server.stop().await;
}

#[tokio::test]
async fn what_watches_from_outside_is_answered() {
    let server = Server::start(Fake::new(true)).await;
    assert_eq!(server.get("/healthz").await.body, "ok\n");
    assert_eq!(server.get("/readyz").await.status, 200);
    let metrics = server.get("/metrics").await;
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    for line in [
        "concert_feed_events_total{feed=\"shadowserver\"} 4812004",
        "concert_feed_up{feed=\"live\"} 0",
        "concert_notices{state=\"failed\"} 1",
        "# TYPE concert_feed_rejects_total counter",
        "# HELP concert_notices Notices by state; what is gathered for a later one is none yet.",
    ] {
        assert!(metrics.body.lines().any(|given| given == line), "{line}: {}", metrics.body);
    }
    server.stop().await;
    let mut site = Fake::new(true);
    Arc::get_mut(&mut site).unwrap().ready = false;
    let server = Server::start(site).await;
    let answer = server.get("/readyz").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready: the event store is read-only\n"));
    server.stop().await;
}

#[tokio::test]
async fn new_events_are_streamed_and_losses_told() {
    let site = Fake::new(true);
    let server = Server::start(Arc::clone(&site)).await;
    let mut stream = server.connect().await;
    let request = "GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0a\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = until(&mut stream, "{\"after\":\"0a\"}").await;
    assert!(head.to_lowercase().contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("event: gap"), "{head}");
    let event = |number: u32| {
        let (id, party) = (format!("e{number}"), String::new());
        let json = format!("{{\"event.id\":\"e{number}\",\n\"a\":1}}");
        Arc::new(NewEvent { id, party, feed: String::new(), label: None, json })
    };
    site.events.send(Arc::new(NewEvent { party: "others".into(), ..NewEvent::clone(&event(0)) })).unwrap();
    site.events.send(event(1)).unwrap();
    // One of somebody else in front of it is passed over.
    let text = until(&mut stream, "\"a\":1}").await;
    assert!(text.contains("event: event") && text.contains("id: e1"), "{text}");
    assert!(text.contains("data: {\"event.id\":\"e1\", \"a\":1}"), "{text}");
    // More at once than the queue holds: the reader is told how many it missed, and gets the newest.
    for number in 2..=12 {
        site.events.send(event(number)).unwrap();
    }
    let text = until(&mut stream, "\"e12\"").await;
    assert!(text.contains("event: lost") && text.contains("\"missed\":7"), "{text}");
    // The stream ends when the server does, and does not hold it up.
    server.stop().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn other_machines_are_not_served() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let site: Arc<Fake> = Fake::new(true);
    let result = concert_server::serve(listener, site, concert_server::Options::default(), async {}).await;
    assert!(result.unwrap_err().what.contains("no login yet"));
}

const GOOD: &str = "Authorization: Bearer good\r\n";
/// Somebody who may see nothing of what is there.
const STRANGER: &str = "Authorization: Bearer nobody\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

/// INVARIANT: who may not see an incident gets the very answer that a missing one gives.
#[tokio::test]
async fn a_session_is_shown_by_its_cookie_and_changes_nothing_from_elsewhere() {
    let server = Server::start(Fake::new(true)).await;
    let login = async |body: &str, headers: &str| {
        server.ask("POST", "/api/v1/login", &format!("{JSON}{headers}"), body.as_bytes()).await
    };
    let wrong = login(r#"{"name": "jane", "password": "wrong"}"#, "").await;
    assert!(wrong.status == 401 && wrong.json()["code_wanted"].is_null(), "{}", wrong.body);
    let half = login(r#"{"name": "jane", "password": "right"}"#, "").await;
    assert!(half.status == 401 && half.json()["code_wanted"] == true, "{}", half.body);
    let often = login(r#"{"name": "jane", "password": "often"}"#, "").await;
    assert!(often.status == 429 && often.head.contains("retry-after: 30"), "{}", often.head);
    let right = r#"{"name": "jane", "password": "right", "code": "1"}"#;
    assert_eq!(login(right, "Sec-Fetch-Site: cross-site\r\n").await.status, 403);
    assert_eq!(server.ask("POST", "/api/v1/login", "", right.as_bytes()).await.status, 415);
    let begun = login(right, "").await;
    assert!(begun.head.contains("set-cookie: concert_session=good; path=/; max-age=60; httponly"), "{}", begun.head);
    let ask = async |method: &str, path: &str, headers: &str| {
        server.ask(method, path, &format!("{JSON}{headers}"), br#"{"kind": "note", "content": {"text": "x"}}"#).await
    };
    let me = ask("GET", "/api/v1/me", "Cookie: concert_session=good\r\nX-Forwarded-For: 192.0.2.7\r\n").await.json();
    assert_eq!(me, serde_json::json!({"name": "good", "from": "127.0.0.1"}), "only a proxy that is set is believed");
    let entries = "/api/v1/incidents/X%232026-000001/entries";
    let cookie = "Cookie: concert_session=good\r\n";
    assert_eq!(ask("GET", entries, cookie).await.status, 200);
    for elsewhere in ["", "Origin: http://evil.example\r\n", "Sec-Fetch-Site: same-site\r\n"] {
        let refused = ask("POST", entries, &format!("{cookie}{elsewhere}")).await;
        assert!(refused.status == 403 && refused.body.contains("X-Concert-Request"), "{elsewhere}: {}", refused.body);
    }
    for ours in ["Origin: http://localhost\r\n", "Sec-Fetch-Site: same-origin\r\n", "X-Concert-Request: 1\r\n"] {
        assert_eq!(ask("POST", entries, &format!("{cookie}{ours}")).await.status, 201, "{ours}");
    }
    // Nobody's browser is made to act for whoever sits at the machine.
    assert_eq!(ask("POST", entries, "Origin: http://evil.example\r\n").await.status, 403);
    assert_eq!(ask("GET", entries, "Cookie: concert_session=bad\r\n").await.status, 401);
    let first = "Cookie: concert_session=first\r\n";
    assert_eq!((ask("GET", entries, first).await.status, ask("GET", "/api/v1/me", first).await.status), (403, 200));
    server.stop().await;
}

#[tokio::test]
async fn denied_is_answered_like_missing() {
    let server = Server::start(Fake::new(true)).await;
    let there = "/api/v1/incidents/X%232026-000001";
    for part in ["", "/entries", "/journal", "/access", "/chain", "/chain?upstream=192.0.2.7", "/processes"] {
        let seen = server.ask("GET", &format!("{there}{part}"), GOOD, b"").await;
        assert_eq!(seen.status, 200, "{part}: {}", seen.body);
        let denied = server.ask("GET", &format!("{there}{part}"), STRANGER, b"").await;
        let missing = server.ask("GET", &format!("/api/v1/incidents/X%232026-999999{part}"), GOOD, b"").await;
        assert_eq!((denied.status, &denied.body), (404, &missing.body), "{part}");
        assert_eq!(missing.status, 404);
    }
    let body = br#"{"kind": "note", "content": {"text": "x"}}"#;
    let denied = server.ask("POST", &format!("{there}/entries"), &format!("{STRANGER}{JSON}"), body).await;
    let missing = server.ask("POST", "/api/v1/incidents/none/entries", &format!("{GOOD}{JSON}"), body).await;
    assert_eq!((denied.status, &denied.body), (404, &missing.body));
    let unknown = server.ask("GET", "/api/v1/incidents", "Authorization: Bearer bad\r\n", b"").await;
    assert_eq!(unknown.status, 401);
    assert!(unknown.head.contains("www-authenticate: bearer"), "{}", unknown.head);
    server.stop().await;
}

#[tokio::test]
async fn no_address_passes_over_a_parameter_it_does_not_have_or_a_path_that_is_no_text() {
    let server = Server::start(Fake::new(true)).await;
    let described = server.get("/api/v1/openapi.json").await.json();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (route, methods) in described["paths"].as_object().unwrap() {
        let parts: Vec<&str> = route.split('/').collect();
        let filled = |with: &str| -> String {
            parts.iter().map(|part| if part.starts_with('{') { with } else { part }).collect::<Vec<_>>().join("/")
        };
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let mut asked = vec![(format!("{}?odd=17", filled("none")), "there is no parameter `odd`")];
            if route.contains('{') {
                asked.push((filled("%ff"), "the path of the address is not UTF-8"));
            }
            for (path, want) in asked {
                let answer = server.ask(&method, &path, GOOD, b"").await;
                let is_problem = answer.head.contains("application/problem+json");
                if answer.status != 400 || !is_problem || answer.json()["detail"] != want {
                    wrong.push(format!("{method} {path}: {} {}", answer.status, answer.body));
                }
                count += 1;
            }
            for one in operation["parameters"].as_array().into_iter().flatten() {
                let one = one["$ref"].as_str().map_or(one, |to| described.pointer(to.trim_start_matches('#')).unwrap());
                if one["in"] == "query" {
                    let path = format!("{}?{}=1", filled("none"), one["name"].as_str().unwrap());
                    let answer = server.ask(&method, &path, GOOD, b"").await;
                    if answer.body.contains("there is no parameter") {
                        wrong.push(format!("{method} {path}: {}", answer.body));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty() && count > 100, "{count} asked\n{}", wrong.join("\n"));
    let entries = "/api/v1/incidents/X%232026-000001/entries";
    let answer = server.ask("GET", &format!("{entries}?limti=5"), GOOD, b"").await.json();
    assert_eq!(answer["hint"], "did you mean `limit`?");
    let answer = server.ask("GET", "/api/v1/clocks?since=5", GOOD, b"").await.json();
    assert_eq!(answer["hint"], "known are limit, cursor");
    let answer = server.get("/api/v1/openapi.json?x=1").await;
    assert_eq!((answer.status, answer.json()["hint"].as_str()), (400, Some("none is taken here")));
    // Who is not let in learns no more than that, and a method that is not possible stays so.
    let bad = "Authorization: Bearer bad\r\n";
    assert_eq!(server.ask("GET", &format!("{entries}?x=1"), bad, b"").await.status, 401);
    assert_eq!(server.ask("GET", "/api/v1/incidents/%ff", bad, b"").await.status, 401);
    assert_eq!(server.ask("PATCH", &format!("{entries}?x=1"), GOOD, b"").await.status, 405);
    assert_eq!(server.get("/notices/%ff").await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn what_comes_due_and_how_processes_went_is_asked_strictly() {
    let server = Server::start(Fake::new(true)).await;
    let get = async |path: &str| server.ask("GET", path, GOOD, b"").await;
    let first = get("/api/v1/due?mine=true&limit=1").await.json();
    assert_eq!(first, serde_json::json!({"due": [{"name": "t1", "mine": true}], "next": "1"}));
    let rest = get("/api/v1/due?cursor=1").await.json();
    assert_eq!(rest, serde_json::json!({"due": [{"name": "t2", "mine": false}], "next": null}));
    assert_eq!(server.ask("GET", "/api/v1/due", "", b"").await.status, 401);
    let path = "/api/v1/processes/scanning/numbers?version=2&since=2026-11-22T04:50:30Z";
    let want = serde_json::json!({"process": "scanning", "version": 2, "since": "2026-11-22T04:50:30Z"});
    assert_eq!(get(path).await.json(), want);
    for (path, status) in [
        ("/api/v1/due?mine=yes", 400),
        ("/api/v1/due?cursor=x", 400),
        ("/api/v1/due?mien=true", 400),
        ("/api/v1/processes/scanning/numbers?version=two", 400),
        ("/api/v1/processes/scanning/numbers?since=soon", 400),
        ("/api/v1/processes/scaning/numbers", 404),
    ] {
        assert_eq!(get(path).await.status, status, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn evidence_waits_for_its_turn() {
    let server = Server::start(Fake::new(true)).await;
    let head = format!(
        "POST /api/v1/incidents/X%232026-000001/evidence HTTP/1.1\r\nHost: localhost\r\n{GOOD}\
         Content-Type: application/octet-stream\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
    );
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = server.connect().await;
        stream.write_all(&[head.as_bytes(), b"a"].concat()).await.unwrap();
        held.push(stream);
    }
    let mut ninth = server.connect().await;
    ninth.write_all(&[head.as_bytes(), b"abc"].concat()).await.unwrap();
    let mut bytes = Vec::new();
    let early = tokio::time::timeout(Duration::from_millis(300), ninth.read_buf(&mut bytes)).await;
    assert!(early.is_err(), "{}", String::from_utf8_lossy(&bytes));
    for stream in &mut held {
        stream.write_all(b"bc").await.unwrap();
    }
    ninth.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&bytes));
    server.stop().await;
}

#[tokio::test]
async fn what_is_written_is_read_strictly() {
    let server = Server::start(Fake::new(true)).await;
    let head = format!("{GOOD}{JSON}Idempotency-Key: k1\r\n");
    let new = br#"{"title": "t", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}}"#;
    let opened = server.ask("POST", "/api/v1/incidents", &head, new).await;
    assert_eq!((opened.status, opened.json()["key"].as_str()), (201, Some("k1")), "{}", opened.body);
    assert!(opened.head.contains("location: /api/v1/incidents/01a2"), "{}", opened.head);
    let check = async |path: &str, headers: &str, body: &[u8], status: u16, want: &str| {
        let answer = server.ask("POST", path, headers, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains(want) && answer.head.contains("application/problem+json"), "{}", answer.body);
    };
    let deep = "[".repeat(10_000);
    let large = format!("{{\"title\": \"{}\"}}", "x".repeat(5 << 20));
    let to = "/api/v1/incidents";
    check(to, &head, b"{\"titel\": 1}", 400, "did you mean `title`?").await;
    check(to, &head, b"{", 400, "no JSON").await;
    check(to, &head, b"\"\xff\"", 400, "no JSON").await;
    check(to, &head, deep.as_bytes(), 400, "recursion limit").await;
    check(to, &head, large.as_bytes(), 413, "at most 4 MiB").await;
    check(to, GOOD, new, 415, "application/json").await;
    check(to, &format!("{GOOD}Content-Type: text/plain\r\n"), new, 415, "application/json").await;
    let entries = "/api/v1/incidents/X%232026-000001/entries";
    let stale = br#"{"entries": [{"kind": "title", "content": {"title": "x"}}], "seen": 3}"#;
    check(entries, &head, stale, 409, "\"changed\":[{\"kind\":\"title/1\"}]").await;
    let alone = br#"{"kind": "title", "content": {"title": "x"}, "seen": 3}"#;
    check(entries, &head, alone, 409, "\"changed\":[{\"kind\":\"title/1\"}]").await;
    check(entries, &head, br#"{"kind": "notte"}"#, 400, "did you mean `note`?").await;
    let joins = entries.replace("entries", "joins");
    let merged = br#"{"as": "into", "incident": "merged", "joined": true, "reason": "x"}"#;
    check(&joins, &head, merged, 409, "\"merged_into\":\"X#2026-000002\"").await;
    check(&joins, &head, br#"{"as": "into", "incident": "x", "reason": "x"}"#, 400, "missing field `joined`").await;
    check(&joins, &head, br#"{"as": "into", "hoined": true}"#, 400, "`hoined` does not belong into the body").await;
    let splits = entries.replace("entries", "splits");
    check(&splits, &head, br#"{"new": {"titel": 1}, "reason": "x"}"#, 400, "did you mean `title`?").await;
    let lines = entries.replace("entries", "evidence/ba78/lines");
    check(&lines, &head, br#"{"parser": "csv", "clock_error": -1}"#, 400, "invalid value").await;
    check(&lines.replace("0001", "9999"), &head, br#"{"parser": "csv"}"#, 404, "").await;
    let asked = server.ask("GET", "/api/v1/incidents/x/access?action=fly", GOOD, b"").await;
    assert_eq!((asked.status, asked.body.contains("take up")), (400, true), "{}", asked.body);
    assert_eq!(server.ask("GET", "/api/v1/search", GOOD, b"").await.status, 400);
    assert_eq!(server.ask("GET", "/api/v1/search?q=scan", GOOD, b"").await.json()["entries"][0]["words"], "scan");
    server.stop().await;
}

#[tokio::test]
async fn evidence_goes_in_and_out_in_streams() {
    let server = Server::start(Fake::new(true)).await;
    let to = "/api/v1/incidents/X%232026-000001/evidence";
    let bytes =
        "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=../../disk.img\r\n";
    let body = vec![7u8; 3 << 20];
    let added = server.ask("POST", &format!("{to}?from=Net&reason=asked"), &format!("{GOOD}{bytes}"), &body).await;
    let told = added.json();
    assert_eq!((added.status, told["bytes"].as_u64(), told["ended"].as_bool()), (201, Some(3 << 20), Some(true)));
    assert_eq!((told["name"].as_str(), told["origin"].as_str()), (Some("disk.img"), Some("Received(\"Net\")")));
    assert!(added.head.contains("location: /api/v1/incidents/01a2/evidence/ba78"), "{}", added.head);
    // What a form of a page could send is refused, and so are parameters that are not known.
    for (path, headers, want) in [
        (to.to_owned(), format!("{GOOD}Content-Type: text/plain\r\n"), 415),
        (format!("{to}?tlp=white"), format!("{GOOD}{bytes}"), 400),
        (format!("{to}?form=Net"), format!("{GOOD}{bytes}"), 400),
        (to.replace("0001", "9999"), format!("{GOOD}{bytes}"), 404),
    ] {
        assert_eq!(server.ask("POST", &path, &headers, b"abc").await.status, want, "{path}");
    }
    let one = format!("{to}/ba7816bf");
    let got = server.ask("GET", &one, GOOD, b"").await;
    assert_eq!((got.status, got.body.as_str()), (200, "abc"));
    for want in ["content-length: 3", "nosniff", "attachment; filename=\"x_.html\"; filename*=utf-8''x%22.html"] {
        assert!(got.head.contains(want), "{want}: {}", got.head);
    }
    assert_eq!(server.ask("HEAD", &one, GOOD, b"").await.status, 405);
    assert_eq!(server.ask("GET", &one, STRANGER, b"").await.status, 404);
    // Bytes that are not those that were added never come to their end.
    let damaged = server.ask("GET", &format!("{one}?reason=damaged"), GOOD, b"").await;
    assert!(damaged.body.len() < 4, "{}", damaged.body);
    server.stop().await;
}
