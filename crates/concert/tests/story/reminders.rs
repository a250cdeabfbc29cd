//! Reminders of what comes due: to whoever answers for it and may see it, once for each stage.

use std::time::Duration;

use concert_testkit::smtp::{Act, Mail, SmtpServer, Stage};
use serde_json::{Value, json};

use super::site::Site;

fn settings(smtp: &SmtpServer, remind: &str) -> String {
    let port = smtp.address().port();
    format!("[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\n[remind]\n{remind}\n")
}

/// A moment so many minutes from now, as people write it.
fn ahead(minutes: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let micros = i64::try_from(now.as_micros()).unwrap();
    concert_model::Time(micros).plus_seconds(minutes * 60).to_string()
}

fn task(name: &str, role: Option<&str>, person: &str, minutes: i64) -> Value {
    let title = format!("title of {name}");
    json!({"name": name, "title": title, "role": role, "person": person, "due": ahead(minutes), "done": false})
}

async fn once(site: &Site) {
    let mut command = site.command(&["run", "--once", "--quiet"]);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

fn words(mail: &Mail) -> String {
    String::from_utf8_lossy(&mail.bytes).replace("=\r\n", "").replace("=3D", "=")
}

/// What went to an address.
fn to<'m>(mails: &'m [Mail], name: &str) -> Vec<&'m Mail> {
    let address = format!("{name}@cert.example");
    mails.iter().filter(|mail| mail.to == [address.clone()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_for_it_is_reminded_once_for_each_stage_of_what_may_be_seen() {
    let smtp = SmtpServer::start().await.unwrap();
    let site = Site::new(&settings(&smtp, ""));
    for (name, role, clearance) in [
        ("anna", "handler", "red"),
        ("ben", "reader", "amber"),
        ("cleo", "reader:Other", "red"),
        ("dan", "reader", "red"),
    ] {
        site.user(name, role, clearance);
    }
    let open = site.open("Open scans", &["--tlp", "green", "--as", "anna"]);
    let secret = site.open("Quiet matter", &["--tlp", "amber", "--as", "anna"]);
    site.role(&open, "responder", "ben");
    // By name; by role; nobody has the role, so the coordinator; too early; done; marked above the clearance.
    site.write(&open, "task", &task("logs", None, "dan", 30), &[]);
    site.write(&open, "task", &task("block", Some("responder"), "", 200), &[]);
    site.write(&open, "task", &task("statement", Some("communications"), "", -90), &[]);
    site.write(&open, "task", &task("later", None, "dan", 600), &[]);
    let done = json!({"name": "gone", "title": "t", "role": null, "person": "dan", "due": ahead(5), "done": true});
    site.write(&open, "task", &task("gone", None, "dan", 5), &[]);
    site.write(&open, "task", &done, &[]);
    site.write(&open, "task", &task("hidden", None, "ben", 20), &["--tlp", "red"]);
    // Marked so that its words stay in; and for somebody without a part in the incident.
    site.write(&secret, "task", &task("whisper", None, "dan", 50), &[]);
    site.write(&secret, "task", &task("foreign", None, "cleo", 50), &[]);
    once(&site).await;

    let mails = smtp.mails();
    assert_eq!(mails.len(), 4, "{:?}", mails.iter().map(|mail| &mail.to).collect::<Vec<_>>());
    let [dan, ben, anna, own] = ["dan", "ben", "anna", "cert"].map(|name| {
        let got = to(&mails, name);
        assert_eq!(got.len(), 1, "{name}");
        words(got[0])
    });
    assert!(dan.contains("task logs (in ") && dan.contains("title of logs") && dan.contains("Open scans"), "{dan}");
    assert!(dan.contains("a task (in ") && dan.contains(&secret), "{dan}");
    assert!(!dan.contains("whisper") && !dan.contains("Quiet matter") && !dan.contains("later"), "{dan}");
    assert!(dan.contains("Auto-Submitted: auto-generated") && !dan.contains("gone"), "{dan}");
    assert!(ben.contains("task block (in 3h ") && ben.contains("for responder"), "{ben}");
    assert!(!ben.contains("hidden") && !ben.contains("logs"), "{ben}");
    assert!(anna.contains("task statement (1h 30m overdue)") && anna.contains("for communications"), "{anna}");
    // What nobody who is reached may know of, the site is told that there is something.
    assert!(own.contains("2 things are due") && own.contains("a task (in ") && own.contains(&open), "{own}");
    assert!(!own.contains("hidden") && !own.contains("foreign") && !own.contains("Quiet"), "{own}");

    // Nothing is told twice; what is due at another time is.
    once(&site).await;
    assert_eq!(smtp.mails().len(), 4);
    site.write(&open, "task", &task("logs", None, "dan", 100), &[]);
    once(&site).await;
    let mails = smtp.mails();
    assert!(mails.len() == 5 && words(&mails[4]).contains("task logs (in 1h "), "{mails:?}");

    // The same is listed, with all its words, for those who see it.
    let due = |args: &[&str]| site.done(&[&["incident", "due"], args].concat());
    let names = |rows: Vec<Value>| rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(
        names(due(&[])),
        ["statement", "hidden", "whisper", "foreign", "logs", "block", "later"].map(String::from)
    );
    assert_eq!(names(due(&["--mine", "--as", "dan"])), ["whisper", "logs", "later"]);
    assert_eq!(names(due(&["--mine", "--as", "anna"])), ["statement"]);
    assert!(!names(due(&["--as", "ben"])).contains(&"hidden".to_owned()));
    assert_eq!(names(due(&["--as", "cleo"])), [""; 0]);
    assert_eq!((&due(&[])[0]["age"], &due(&[])[0]["state"]), (&json!("1h 30m overdue"), &json!("overdue")));
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_and_clocks_are_reminded_of_and_a_stage_that_says_nothing_new_is_left_out() {
    let smtp = SmtpServer::start().await.unwrap();
    let site = Site::new(&settings(&smtp, "ahead = [\"3d\", \"5h\", \"1h\"]\ntitles = \"amber\""));
    site.user("anna", "handler", "red");
    site.user("leo", "handler", "red");
    let number = site.open("Infected", &["--tlp", "amber", "--as", "anna"]);
    site.role(&number, "legal-and-privacy", "leo");
    site.done(&["incident", "process", &number, "start", "infected-host", "--as", "anna"]);
    site.done(&["incident", "clock", &number, "start", "gdpr-notification", "--since", "70h", "--as", "anna"]);
    once(&site).await;
    let mails = smtp.mails();
    let (anna, leo) = (to(&mails, "anna"), to(&mails, "leo"));
    assert_eq!((mails.len(), anna.len(), leo.len()), (2, 1, 1));
    for mail in [anna[0], leo[0]] {
        let text = words(mail);
        assert!(text.contains("clock gdpr-notification (in ") && text.contains("Infected"), "{text}");
    }
    let rows = site.done(&["incident", "due", "--as", "leo"]);
    let kinds: Vec<&str> = rows.iter().filter_map(|row| row["kind"].as_str()).collect();
    assert_eq!(kinds, ["step", "clock"]);
    site.done(&["incident", "clock", &number, "met", "gdpr-notification", "--proof", "receipt 17"]);
    let rows = site.done(&["incident", "due", "--as", "leo"]);
    assert!(rows.iter().all(|row| row["kind"] == "step"), "{rows:?}");

    // Nobody is reminded where the settings say so.
    site.settings(&settings(&smtp, "ahead = []"));
    site.write(&number, "task", &task("now", None, "anna", -1), &[]);
    once(&site).await;
    assert_eq!(smtp.mails().len(), 2);
    site.settings(&settings(&smtp, "ahead = [\"4x\"]"));
    let (code, out, _) = site.run(&["check"]);
    assert!(code == 1 && out.contains("`4x` is no time before something is due"), "{out}");
}

/// INVARIANT: a kill at whatever moment sends no second reminder and loses none.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_and_doubles_no_reminder() {
    let smtp = SmtpServer::start().await.unwrap();
    let site = Site::new(&settings(&smtp, ""));
    site.user("anna", "handler", "red");
    let number = site.open("Scans", &["--tlp", "green", "--as", "anna"]);
    let (rounds, mut wanted) = (8, 0);
    for round in 0..rounds {
        let drafts: Vec<Value> = (0..5)
            .map(|at| json!({"kind": "task", "content": task(&format!("t{round}x{at}"), None, "anna", 30)}))
            .collect();
        for draft in &drafts {
            site.write(&number, "task", &draft["content"], &[]);
            wanted += 1;
        }
        // Sometimes the peer has it and the program never learns so.
        if round % 2 == 0 {
            smtp.at(Stage::Mail, Act::Cut, 1);
        }
        let mut child = site.command(&["run", "--quiet"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(60 + 90 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // What was cut off is due again in a minute: it is put back to now.
    once(&site).await;
    let queued = site.done(&["notice", "list", "--limit", "0"]);
    let waiting: Vec<&str> =
        queued.iter().filter(|row| row["state"] == "queued").filter_map(|row| row["id"].as_str()).collect();
    if !waiting.is_empty() {
        site.done(&[&["notice", "send"], waiting.as_slice()].concat());
    }
    let notices = site.done(&["notice", "list", "--name", "(reminder)", "--limit", "0"]);
    assert!(notices.iter().all(|row| row["state"] == "delivered"), "{notices:?}");
    let mut told: Vec<String> = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for mail in smtp.mails() {
        let text = words(&mail);
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().to_owned();
        // A copy carries the same Message-ID.
        if known.insert(id) {
            told.extend(
                text.lines()
                    .filter(|line| line.contains("  task t"))
                    .map(|line| line.split("task ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned()),
            );
        }
    }
    let number_told = told.len();
    told.sort();
    told.dedup();
    assert_eq!((told.len(), number_told), (wanted, wanted), "{told:?}");
    assert_eq!(known.len(), notices.len());
}
