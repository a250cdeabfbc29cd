//! People log in over the API, look after their account, and are held back where they try too often.

use serde_json::{Value, json};

use crate::served::{Answer, Served};

const JSON: &str = "Content-Type: application/json\r\n";
/// What a program sends that keeps the cookie; a browser says by itself where a request comes from.
const OURS: &str = "X-Concert-Request: 1\r\n";
const CHOSEN: &str = "correct horse battery";

/// Jane, who reads, with the password for her first login.
fn site(more: &str) -> (Served, String) {
    let served = Served::new();
    served.settings_of_serve(more);
    let added = served.done(&["user", "add", "jane", "--full-name", "Jane Doe", "--role", "reader"]);
    (served.serve(), added.trim().to_owned())
}

fn send(served: &Served, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
    served.ask(method, &format!("/api/v1/{path}"), &format!("{JSON}{headers}"), body.to_string().as_bytes())
}

fn login(served: &Served, name: &str, password: &str, code: Option<&str>) -> Answer {
    send(served, "POST", "login", "", &json!({"name": name, "password": password, "code": code}))
}

fn get(served: &Served, path: &str, cookie: &str) -> Answer {
    served.ask("GET", &format!("/api/v1/{path}"), cookie, b"")
}

/// Logs in and chooses the password; gives the cookie.
fn settle(served: &Served, first: &str) -> String {
    let cookie = login(served, "jane", first, None).cookie();
    let changed = send(served, "PUT", "me/password", &format!("{cookie}{OURS}"), &json!({"old": first, "new": CHOSEN}));
    assert_eq!(changed.status, 200, "{}", changed.body);
    changed.cookie()
}

/// The code of this moment, as an app works it out.
fn code_of(otpauth: &str) -> String {
    use hmac::{Hmac, Mac};
    let secret = otpauth.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let (mut key, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in secret.bytes() {
        let five = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        (held, bits) = (held << 5 | u32::from(five), bits + 5);
        if bits >= 8 {
            bits -= 8;
            key.push(u8::try_from(held >> bits & 0xff).unwrap());
        }
    }
    let step = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 30;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let bytes = mac.finalize().into_bytes();
    let start = usize::from(bytes[19] & 15);
    let number = u32::from_be_bytes(bytes[start..start + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn whoever_logs_in_first_chooses_a_password_before_anything_else() {
    let (served, first) = site("");
    let entered = login(&served, "jane", &first, None);
    assert!(
        entered.head.contains("; httponly; samesite=strict") && !entered.head.contains("secure"),
        "{}",
        entered.head
    );
    assert_eq!(entered.json()["must_change_password"], true);
    let cookie = entered.cookie();
    let me = get(&served, "me", &cookie).json();
    assert_eq!(
        (&me["name"], &me["came_with"], &me["must_change_password"]),
        (&json!("jane"), &json!("session"), &json!(true))
    );
    let held = get(&served, "events", &cookie);
    assert_eq!((held.status, &held.json()["policy"]), (403, &json!("password")));
    let own = format!("{cookie}{OURS}");
    let factor = send(&served, "POST", "me/second-factor", &own, &json!({"password": first}));
    assert_eq!(factor.status, 403, "{}", factor.body);
    for (old, new, status) in [(first.as_str(), "short", 400), (first.as_str(), &first, 400), ("wrong", CHOSEN, 401)] {
        let refused = send(&served, "PUT", "me/password", &own, &json!({"old": old, "new": new}));
        assert_eq!(refused.status, status, "{new}: {}", refused.body);
    }
    let new = settle(&served, &first);
    assert_eq!(get(&served, "events", &new).status, 200);
    assert_eq!(get(&served, "events", &cookie).status, 401, "the sessions before have ended");
    assert_eq!(login(&served, "jane", &first, None).status, 401);
    let left = served.ask("POST", "/api/v1/logout", &format!("{new}{OURS}"), b"");
    assert!(left.status == 204 && left.head.contains("concert_session=; path=/; max-age=0"), "{}", left.head);
    assert_eq!(get(&served, "events", &new).status, 401);
}

#[test]
fn a_session_ends_with_its_user_and_with_a_reset() {
    let (served, first) = site("");
    let cookie = settle(&served, &first);
    served.done(&["user", "disable", "jane"]);
    assert_eq!(get(&served, "me", &cookie).status, 401);
    served.done(&["user", "enable", "jane"]);
    assert_eq!(get(&served, "me", &cookie).status, 401, "it does not come back");
    let cookie = login(&served, "jane", CHOSEN, None).cookie();
    served.done(&["user", "reset", "jane"]);
    assert_eq!(get(&served, "me", &cookie).status, 401);
}

#[test]
fn a_page_from_elsewhere_changes_nothing_in_a_session() {
    let (served, first) = site("");
    let cookie = settle(&served, &first);
    let own = |headers: &str| {
        let body = json!({"old": "wrong", "new": CHOSEN});
        send(&served, "PUT", "me/password", &format!("{cookie}{headers}"), &body).status
    };
    for elsewhere in [
        "",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://evil.example\r\n",
        "Origin: null\r\nX-Concert-Request: 1\r\n",
    ] {
        assert_eq!(own(elsewhere), 403, "{elsewhere}");
    }
    for ours in ["Sec-Fetch-Site: same-origin\r\n", "Origin: http://localhost\r\n", OURS] {
        assert_eq!(own(ours), 401, "{ours}");
    }
    let body = json!({"name": "jane", "password": CHOSEN});
    let made = send(&served, "POST", "login", "Origin: http://evil.example\r\n", &body);
    assert_eq!(made.status, 403, "{}", made.body);
    let secure = send(&served, "POST", "login", "X-Forwarded-Proto: https\r\n", &body);
    assert!(secure.head.contains("; samesite=strict; secure"), "{}", secure.head);
    // A token is shown by programs alone, and is asked for nothing else; it does not change how its user comes in.
    let token = format!("Authorization: Bearer {}\r\n", served.token("jane", "admin"));
    let by_token = send(&served, "PUT", "me/password", &token, &json!({"old": CHOSEN, "new": "another good one"}));
    assert_eq!((by_token.status, by_token.json()["hint"].as_str()), (403, Some("log in with POST /api/v1/login")));
    assert_eq!(get(&served, "me", &token).json()["scopes"], json!(["admin"]));
}

#[test]
fn a_second_factor_is_set_up_used_and_removed_over_the_api() {
    let (served, first) = site("");
    let cookie = settle(&served, &first);
    let own = format!("{cookie}{OURS}");
    let factor =
        |method: &str, path: &str, body: Value| send(&served, method, &format!("me/second-factor{path}"), &own, &body);
    assert_eq!(factor("PUT", "", json!({"code": "000000"})).status, 400, "none waits");
    assert_eq!(factor("POST", "", json!({"password": "wrong"})).status, 401);
    let made = factor("POST", "", json!({"password": CHOSEN})).json()["otpauth"].as_str().unwrap().to_owned();
    assert!(made.starts_with("otpauth://totp/CERT%20Example:jane?secret="), "{made}");
    assert_eq!(get(&served, "me", &cookie).json()["second_factor"], false, "before its first code");
    assert_eq!(factor("PUT", "", json!({"code": "abc"})).status, 400);
    let first_code = code_of(&made);
    let set = factor("PUT", "", json!({"code": first_code}));
    assert_eq!(set.status, 200, "{}", set.body);
    // It is used up; whoever logs in with it is told what may be wrong, as for any other mistake.
    let again = login(&served, "jane", CHOSEN, Some(&first_code));
    assert_eq!((again.status, &again.body), (401, &login(&served, "jane", "wrong", None).body));
    assert!(again.json()["hint"].as_str().unwrap().contains("wait for the next"), "{}", again.body);
    let codes: Vec<String> = serde_json::from_value(set.json()["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    let me = get(&served, "me", &cookie).json();
    assert_eq!((&me["second_factor"], &me["recovery_codes"]), (&json!(true), &json!(10)));
    // Half of it is no session at all.
    let half = login(&served, "jane", CHOSEN, None);
    assert!(
        half.status == 401 && half.json()["code_wanted"] == true && !half.head.contains("set-cookie"),
        "{}",
        half.head
    );
    assert!(login(&served, "jane", "wrong", Some(&codes[0])).json()["code_wanted"].is_null());
    let other = login(&served, "jane", CHOSEN, Some(&codes[0]));
    assert_eq!(other.json()["recovery_codes"], 9, "{}", other.body);
    assert_eq!(login(&served, "jane", CHOSEN, Some(&codes[0])).status, 401, "it was used up");
    assert_eq!(factor("POST", "/removals", json!({"password": CHOSEN})).json()["code_wanted"], true);
    assert_eq!(
        factor("POST", "", json!({"password": CHOSEN})).json()["code_wanted"],
        true,
        "a new one wants the old one"
    );
    assert_eq!(factor("POST", "/removals", json!({"password": CHOSEN, "code": codes[1]})).status, 204);
    assert_eq!(factor("POST", "/removals", json!({"password": CHOSEN})).status, 404);
    assert_eq!(login(&served, "jane", CHOSEN, None).status, 200);
    let log = served.done(&["audit", "--object", "user jane", "--format", "ndjson"]);
    for act in
        ["\"second factor set\"", "\"second factor removed\"", "\"recovery code\"", "\"password change\"", "\"login\""]
    {
        assert!(log.contains(act), "{act}: {log}");
    }
    assert!(codes.iter().all(|code| !log.contains(code)));
}

#[test]
fn wrong_logins_wait_alike_for_known_and_unknown_names() {
    let (served, _) = site("");
    let mut answers = Vec::new();
    for name in ["jane", "nobody-here"] {
        let tries: Vec<(u16, String)> = (0..6)
            .map(|_| {
                let answer = login(&served, name, "wrong", None);
                if answer.status == 429 {
                    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
                }
                (answer.status, answer.body)
            })
            .collect();
        assert_eq!(tries.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [401, 401, 401, 401, 401, 429]);
        answers.push(tries);
    }
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn an_address_that_guesses_tokens_waits_and_others_do_not() {
    let (served, _) = site("forwarded = true\n");
    let good = format!("Authorization: Bearer {}\r\n", served.token("jane", "events:read"));
    let from = |address: &str| format!("X-Forwarded-For: 203.0.113.9, {address}\r\n");
    let ask =
        |address: &str, headers: &str| served.ask("GET", "/api/v1/events", &format!("{}{headers}", from(address)), b"");
    assert_eq!(ask("192.0.2.1", &good).status, 200);
    let wrong = |number: u32| format!("Authorization: Bearer concert_{number}\r\n");
    let statuses: Vec<u16> = (0..101).map(|number| ask("192.0.2.1", &wrong(number)).status).collect();
    assert!(statuses[..100].iter().all(|status| *status == 401) && statuses[100] == 429, "{statuses:?}");
    let held = ask("192.0.2.1", "Cookie: concert_session=guessed\r\n");
    assert!(held.status == 429 && held.head.contains("retry-after: "), "{}", held.head);
    assert_eq!(ask("192.0.2.1", &good).status, 200, "a token that was good before is not kept out by the others");
    assert_eq!(ask("192.0.2.2", &wrong(0)).status, 401);
}

#[test]
fn a_person_asks_so_often_in_a_minute_and_reads_so_many_streams() {
    let (served, _) = site("requests_per_minute = 20\n");
    let bearer = |scope: &str| format!("Authorization: Bearer {}\r\n", served.token("jane", scope));
    let (one, other) = (bearer("events:read"), bearer("incidents:read,events:read"));
    let mut held: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = served.connect("/api/v1/events/stream", &one);
            crate::served::until(&mut stream, "text/event-stream");
            stream
        })
        .collect();
    let more = served.begin("/api/v1/incidents/stream", &other);
    assert!(more.status == 429 && more.body.contains("8 streams already"), "{}", more.body);
    held.clear();
    let statuses: Vec<u16> = (0..12).map(|_| served.ask("GET", "/api/v1/events", &other, b"").status).collect();
    assert_eq!((statuses[10], statuses[11]), (200, 429), "{statuses:?}");
    let held = served.ask("GET", "/api/v1/me", &one, b"");
    assert!(held.status == 429 && held.head.contains("retry-after: "), "whatever token a person has: {}", held.head);
    // A report that is pushed with such a token is a request too.
    served.done(&["user", "add", "mia", "--full-name", "Mia Moe", "--role", "handler"]);
    let mia = format!("Authorization: Bearer {}\r\n", served.token("mia", "events:push"));
    let push = || served.ask("POST", "/api/v1/feeds/pushed/reports", &mia, b"{\"source.ip\":\"192.0.2.1\"}\n").status;
    let statuses: Vec<u16> = (0..21).map(|_| push()).collect();
    assert_eq!((statuses[19], statuses[20]), (202, 429), "{statuses:?}");
    served.done(&["user", "add", "joe", "--full-name", "Joe Roe", "--role", "reader"]);
    let joe = format!("Authorization: Bearer {}\r\n", served.token("joe", "events:read"));
    assert_eq!(served.ask("GET", "/api/v1/events", &joe, b"").status, 200);
}
