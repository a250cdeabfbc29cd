//! Evidence as somebody at the machine works with it, and bags that anybody can verify.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[path = "support/init.rs"]
mod init;

use init::init;

/// SHA-256 of `abc` (FIPS 180-2) and of nothing.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct Site {
    dir: tempfile::TempDir,
}

#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set itself up must fail")]
impl Site {
    fn new() -> (Self, String) {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        init(&site.path());
        let settings = "[site]\nname = \"CERT Example\"\nemail = \"cert@cert.example\"\nticket = \"CERT-EX\"\n";
        fs::write(site.path().join("concert.toml"), settings).unwrap();
        let number = site.open("Stolen: data");
        (site, number)
    }

    fn open(&self, title: &str) -> String {
        let opened =
            self.done(&["incident", "open", title, "--type", "data-leak", "--severity", "medium", "--tlp", "amber"]);
        opened[0]["incident"].as_str().unwrap().to_owned()
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn command(&self, person: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.args(args).arg("--site").arg(self.path()).env("SUDO_USER", person);
        command
    }

    fn run_as(&self, person: &str, args: &[&str]) -> (i32, String, String) {
        let output = self.command(person, args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        self.run_as("anna", args)
    }

    fn done_as(&self, person: &str, args: &[&str]) -> Vec<Value> {
        let (code, out, err) = self.run_as(person, args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn done(&self, args: &[&str]) -> Vec<Value> {
        self.done_as("anna", args)
    }

    /// What `concert evidence ...` prints.
    fn evidence(&self, args: &[&str]) -> Vec<Value> {
        self.done(&[&["evidence"], args].concat())
    }

    fn wrong(&self, args: &[&str], want: &str) {
        let (code, _, err) = self.run(&[&["evidence"], args].concat());
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    }

    /// Adds bytes and gives their SHA-256.
    fn add(&self, number: &str, name: &str, bytes: &[u8]) -> String {
        let (file, name) = (self.file("given", bytes), format!("--name={name}"));
        let added = self.evidence(&["add", number, &file, &name, "--from", "Example Net", "--reason", "asked"]);
        added[0]["sha256"].as_str().unwrap().to_owned()
    }

    fn stored(&self, sha256: &str) -> PathBuf {
        let (first, rest) = sha256.split_at(2);
        let (second, name) = rest.split_at(2);
        self.path().join("data/evidence").join(first).join(second).join(name)
    }

    fn acts(&self, number: &str, sha256: &str) -> Vec<String> {
        let shown = self.evidence(&["show", number, sha256]).remove(0);
        let acts = shown["custody"].as_array().unwrap().iter();
        acts.map(|one| format!("{} {}", one["act"].as_str().unwrap(), one["person"].as_str().unwrap())).collect()
    }

    /// Verifies a bag in Python, after the manual alone.
    fn check_bag(&self, bag: &Path) -> (bool, String) {
        let script = format!("{}\n{}", include_str!("journal/verify.py"), include_str!("evidence/bag.py"));
        let output = Command::new("python3").args(["-c", &script]).arg(bag).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
        (output.status.success(), said.trim_start_matches("0\n").to_owned())
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

/// Files of evidence, complete or not.
fn kept(site: &Site) -> Vec<PathBuf> {
    let mut files = files_below(&site.path().join("data/evidence"));
    files.retain(|path| !path.ends_with(".lock"));
    files
}

#[test]
fn evidence_is_added_shown_and_comes_back() {
    let (site, number) = Site::new();
    assert_eq!(site.add(&number, "letter.txt", b"abc"), ABC);
    assert_eq!(fs::metadata(site.stored(ABC)).unwrap().permissions().mode() & 0o777, 0o400);
    let listed = site.evidence(&["list", &number]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["bytes"], &listed[0]["tlp"]),
        (&json!("letter.txt"), &json!(3), &json!("amber"))
    );
    let out = site.dir.path().join("copy");
    let out = out.to_str().unwrap();
    site.evidence(&["get", &number, "BA7816BF", "-o", out, "--reason", "to read it", "--place", "desk 4"]);
    assert_eq!(fs::read(out).unwrap(), b"abc");
    site.wrong(&["get", &number, ABC, "-o", out], "there is such a file already");
    assert_eq!(site.run(&["evidence", "get", &number, ABC, "-o", "-"]).1, "abc");
    assert_eq!(site.run(&["evidence", "get", &number, ABC, "-o", "-", "--reason", "look"]).1, "abc");
    site.evidence(&["custody", &number, ABC, "moved", "--place", "safe", "--reason", "end of day"]);
    assert_eq!(
        site.acts(&number, ABC),
        [
            "received operator (anna)",
            "copied operator (anna)",
            "examined operator (anna)",
            "examined operator (anna)",
            "moved operator (anna)"
        ]
    );
    let custody = site.evidence(&["show", &number, ABC]).remove(0)["custody"].clone();
    assert_eq!(
        (&custody[0]["whom"], &custody[1]["place"], &custody[4]["place"]),
        (&json!("Example Net"), &json!("desk 4"), &json!("safe"))
    );
    // The same bytes are evidence once in an incident, and are kept once over all.
    let file = site.file("again", b"abc");
    site.wrong(&["add", &number, &file], "evidence of this incident already: letter.txt");
    let other = site.open("Another");
    site.add(&other, "same.txt", b"abc");
    assert_eq!(kept(&site), [site.stored(ABC)]);
    assert_eq!(site.run(&["verify"]).0, 0);
    let derived = site.file("redacted.txt", b"a*c");
    let made =
        site.evidence(&["derive", &number, "ba7816bf", &derived, "--text", "redacted", "--reason", "names removed"]);
    let shown = site.evidence(&["show", &number, made[0]["sha256"].as_str().unwrap()]).remove(0);
    assert_eq!((&shown["of"], &shown["name"]), (&json!(ABC), &json!("redacted.txt")));
    assert_eq!(site.acts(&number, ABC).last().map(String::as_str), Some("examined operator (anna)"));
    assert_eq!(site.run(&["verify"]).0, 0);
}

#[test]
fn what_is_wrong_is_told_and_keeps_nothing() {
    let (site, number) = Site::new();
    let file = site.file("x", b"x");
    site.wrong(&["add", "CERT-EX#2026-999999", &file], "there is no such incident or evidence");
    site.wrong(&["show", &number, ABC], "there is no such incident or evidence");
    site.wrong(&["show", &number, "ba78"], "at least 8");
    site.wrong(&["add", &number, &file, "--from", " "], "`from` is empty");
    site.wrong(&["add", &number, "/nowhere"], "cannot be read");
    site.wrong(&["add", &number, &file, "--tlp", "white"], "no label of TLP 2.0");
    site.wrong(&["derive", &number, ABC, &file, "--reason", "x"], "there is no such incident or evidence");
    assert_eq!(kept(&site), Vec::<PathBuf>::new());
    let by_hand = |kind: &str, more: &str| {
        let (code, _, err) = site.run(&["incident", "write", &number, kind, &format!("sha256={ABC}"), more]);
        assert!(code == 2 && err.contains("not written by hand"), "{kind}: {err}");
    };
    by_hand("evidence", "name=x");
    by_hand("custody", "act=collected");
    by_hand("release", "party=x");
    site.add(&number, "x", b"x");
    let sha256 = site.evidence(&["list", &number])[0]["sha256"].as_str().unwrap().to_owned();
    site.wrong(&["custody", &number, &sha256, "moved", "--reason", " "], "`reason` is empty");
    site.wrong(&["custody", &number, &sha256, "moved", "--reason", "tidied"], "not said where it was moved to");
    let log = site.done(&["incident", "log", &number, "--kind", "evidence"]);
    let entry = log[0]["seq"].to_string();
    let (code, _, err) = site.run(&["incident", "erase", &number, &entry, "--reason", "privacy law"]);
    assert!(code == 2 && err.contains("evidence is destroyed before"), "{err}");
}

#[test]
fn bytes_go_when_no_incident_holds_them() {
    let (site, one) = Site::new();
    let other = site.open("Another");
    for number in [&one, &other] {
        site.add(number, "x", b"abc");
    }
    let destroy = |number: &str| site.evidence(&["custody", number, ABC, "destroyed", "--reason", "retention"]);
    destroy(&one);
    assert!(site.stored(ABC).exists(), "the other incident holds them");
    site.wrong(&["get", &one, ABC, "-o", "-"], "it was destroyed");
    site.wrong(&["custody", &one, ABC, "moved", "--place", "x", "--reason", "x"], "it was destroyed");
    assert_eq!(site.run(&["verify"]).0, 0);
    destroy(&other);
    assert_eq!(kept(&site), Vec::<PathBuf>::new());
    assert_eq!(site.run(&["verify"]).0, 0);
    assert_eq!(site.acts(&one, ABC), ["received operator (anna)", "destroyed operator (anna)"]);
    // It may come back, and what a kill left undone is done by repeating it.
    site.add(&one, "x", b"abc");
    assert_eq!(site.run(&["evidence", "get", &one, ABC, "-o", "-"]).1, "abc");
    destroy(&one);
    fs::create_dir_all(site.stored(ABC).parent().unwrap()).unwrap();
    fs::write(site.stored(ABC), "abc").unwrap();
    let (code, out, _) = site.run(&["verify"]);
    assert!(code == 1 && out.contains("its bytes are still there"), "{out}");
    site.wrong(&["custody", &one, ABC, "destroyed", "--reason", "retention"], "it was destroyed");
    assert_eq!(kept(&site), Vec::<PathBuf>::new());
}

#[test]
fn verify_names_what_differs() {
    let (site, number) = Site::new();
    let sha256 = site.add(&number, "disk.img", &b"some bytes".repeat(100_000));
    let path = site.stored(&sha256);
    let check = |want: &[&str]| {
        let (code, out, err) = site.run(&["verify"]);
        assert!(code == 1 && want.iter().all(|want| out.contains(want)) && out.lines().count() == 1, "{out}{err}");
    };
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[500_000] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bad).unwrap();
    check(&["evidence", path.to_str().unwrap(), "holds other bytes than its name says"]);
    // Nor does it go out, be it alone or in a bag.
    let out = site.dir.path().join("out");
    for args in
        [["get", &number, &sha256, "-o", out.to_str().unwrap()].as_slice(), &["export", &number, out.to_str().unwrap()]]
    {
        let (code, _, err) = site.run(&[&["evidence"], args].concat());
        assert!(code == 3 && err.contains("holds other bytes"), "{code} {err}");
        assert_eq!(fs::read_dir(site.dir.path()).unwrap().count(), 2, "the site and what was given");
    }
    fs::write(&path, good).unwrap();
    assert_eq!(site.run(&["verify"]).0, 0);
    fs::write(path.with_file_name("note"), "x").unwrap();
    check(&["is no evidence"]);
    fs::remove_file(path.with_file_name("note")).unwrap();
    fs::remove_file(&path).unwrap();
    check(&["its bytes are missing: disk.img", &sha256]);
}

#[test]
fn a_release_takes_two_persons_and_a_bag_for_a_party_holds_nothing_else() {
    let (site, number) = Site::new();
    let (one, two) = (site.add(&number, "one", b"abc"), site.add(&number, "two", b"def"));
    let release = |person: &str, sha256: &str, party: &str| {
        site.run_as(person, &["evidence", "release", &number, sha256, "--to", party, "--reason", "order 12/26"])
    };
    let bag = site.dir.path().join("bag");
    let export = |party: &str| site.run(&["evidence", "export", &number, bag.to_str().unwrap(), "--for", party]);
    let told = release("anna", &one, "Police");
    assert!(told.0 == 2 && told.2.contains("`party` of release/1: there is no party `Police`"), "{}", told.2);
    for party in ["party=Police", "party=Secret Org"] {
        site.done(&["incident", "write", &number, "party", party, "status=told"]);
    }
    assert!(release("anna", &one, "Police").1.contains("\"released\":false"));
    let (code, _, err) = release("anna", &one, "Police");
    assert!(code == 2 && err.contains("you agreed to this release already"), "{err}");
    assert!(export("Police").2.contains("nothing was released to Police"));
    assert!(release("ben", &one, "Police").1.contains("\"released\":true"));
    assert!(release("ben", &two, "Secret Org").1.contains("\"released\":false"));
    assert!(release("anna", &two, "Secret Org").1.contains("\"released\":true"));
    assert!(!bag.exists());
    site.done(&["incident", "write", &number, "note", "text=only for us", "--tlp", "amber+strict"]);
    site.done(&["incident", "write", &number, "note", "text=for everybody", "--tlp", "green"]);
    let note = ["incident", "write", &number, "note", "--tlp", "amber", "--for-party", "Police"];
    site.done(&[&note[..], &["text=for them alone"]].concat());
    site.done(&[&note[..], &["text=for both", "--for-party", "Secret Org"]].concat());
    assert_eq!(export("Police").0, 0);
    let names: Vec<String> = fs::read_dir(bag.join("data/evidence"))
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["0001-one"]);
    let journal = fs::read_to_string(bag.join("data/journal.ndjson")).unwrap();
    let has = |text: &str| journal.contains(text);
    assert!(has("for everybody") && has("for them alone") && !has("only for us") && !has("for both"), "{journal}");
    for path in files_below(&bag) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("Secret Org") && !text.contains(&two), "{}", path.display());
    }
    let (good, said) = site.check_bag(&bag);
    assert!(good && said.starts_with("1 files, "), "{said}");
    let custody: Value = serde_json::from_slice(&fs::read(bag.join("data/custody.json")).unwrap()).unwrap();
    let last = custody["evidence"][0]["custody"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["act"], &last["whom"]), (&json!("copied"), &json!("Police")));
    assert_eq!(custody["evidence"][0]["released"], json!({"Police": ["operator (anna)", "operator (ben)"]}));
    // Of an incident in which it takes no part a party reads nothing, whatever evidence goes to it.
    let book = site.file("book.csv", b"party,prefixes,mail\nCourt,192.0.2.0/24,post@court.example\n");
    site.run(&["contact", "import", "constituents", &book]);
    let marked = ["--tlp", "amber", "--for-party", "Police", "--for-party", "Court", "--reason", "asked"];
    let file = site.file("three", b"ghi");
    let three =
        site.evidence(&[&["add", &number, &file][..], &marked].concat())[0]["sha256"].as_str().unwrap().to_owned();
    for person in ["anna", "ben"] {
        assert_eq!(release(person, &three, "Court").0, 0);
    }
    fs::remove_dir_all(&bag).unwrap();
    assert_eq!(export("Court").0, 0);
    let journal = fs::read_to_string(bag.join("data/journal.ndjson")).unwrap();
    assert!(journal.lines().all(|line| line.contains("\"body\":null")), "{journal}");
    let text = files_below(&bag).iter().map(|path| fs::read_to_string(path).unwrap()).collect::<String>();
    assert!(!text.contains("Police") && !text.contains("Stolen") && text.contains("Court"), "{text}");
    assert!(site.check_bag(&bag).0);
}

/// INVARIANT: in a bag for it a party reads of nobody of whom a message to it may not tell.
#[test]
fn a_bag_for_a_party_does_not_say_from_whom_evidence_came() {
    let (site, number) = Site::new();
    let opened = site.done(&["incident", "open", "Green", "--type", "scanner", "--severity", "low", "--tlp", "green"])
        [0]
    .clone();
    let green = opened["incident"].as_str().unwrap();
    for number in [&number, green] {
        for party in ["party=Police", "party=Secret Org", "party=Friend"] {
            site.done(&["incident", "write", number, "party", party, "status=told"]);
        }
        site.done(&["incident", "write", number, "host", "host=192.0.2.9", "party=Friend"]);
        site.done(&["incident", "write", number, "host", "host=192.0.2.7", "party=Police"]);
        site.done(&[
            "incident",
            "write",
            number,
            "relation",
            "from=192.0.2.9",
            "to=192.0.2.7",
            "first_seen=2026-11-22T04:50:30Z",
            "last_seen=2026-11-22T05:00:00Z",
        ]);
        site.done(&["incident", "write", number, "neighbour", "host=192.0.2.9", "party=Police", "reason=asked"]);
        let file = site.file("given", number.as_bytes());
        let added = site.evidence(&[
            "add",
            number,
            &file,
            "--name=log of secret org.txt",
            "--from",
            "Secret Org",
            "--reason",
            "received from Secret Org by mail",
        ]);
        let sha256 = added[0]["sha256"].as_str().unwrap();
        let act = |act: &str, reason: &str, whom: &str| {
            let place = if act == "moved" { "lab" } else { "" };
            site.evidence(&["custody", number, sha256, act, "--reason", reason, "--whom", whom, "--place", place]);
        };
        act("examined", "asked by SECRET-ORG", "");
        act("examined", "looked for web shells", "");
        act("moved", "to the lab", "Friend");
        for person in ["anna", "ben"] {
            let release = ["evidence", "release", number, sha256, "--to", "Police", "--reason", "order 12/26"];
            site.done_as(person, &release);
        }
        let bag = site.dir.path().join(format!("bag of {}", number.len()));
        site.evidence(&["export", number, bag.to_str().unwrap(), "--for", "Police"]);
        let custody: Value = serde_json::from_slice(&fs::read(bag.join("data/custody.json")).unwrap()).unwrap();
        let item = &custody["evidence"][0];
        let told: Vec<Value> = item["custody"]
            .as_array()
            .unwrap()
            .iter()
            .map(|act| json!([act["act"], act["whom"], act["reason"], act["withheld"]]))
            .collect();
        assert_eq!(
            told,
            [
                json!(["received", "", "", ["whom", "reason"]]),
                json!(["examined", "", "", ["reason"]]),
                json!(["examined", "", "looked for web shells", null]),
                json!(["moved", "Friend", "to the lab", null]),
                json!(["copied", "Police", "exported as a bag", null]),
            ]
        );
        assert_eq!((&item["name"], &item["withheld"]), (&json!(""), &json!(["name"])));
        let text = files_below(&bag)
            .iter()
            .map(|path| format!("{} {}", path.display(), fs::read_to_string(path).unwrap()))
            .collect::<String>();
        let text = text.replace("bag of", "").to_lowercase();
        // Who takes part in an incident for everybody is no secret there; of evidence nothing is told.
        let entries: Vec<&str> = text.lines().filter(|line| line.contains("secret")).collect();
        assert!(entries.iter().all(|line| number == green && line.contains("party/1")), "{entries:?}");
        assert!(text.contains("looked for web shells") && site.check_bag(&bag).0, "{text}");
        fs::remove_dir_all(&bag).unwrap();
    }
}

#[test]
fn a_title_that_names_a_machine_is_warned_of_and_stays_out_of_bags() {
    let (site, _) = Site::new();
    let open =
        ["incident", "open", "Scans from 192.0.2[.]9", "--type", "scanner", "--severity", "low", "--tlp", "green"];
    let (code, out, err) = site.run(&open);
    assert!(code == 0 && !err.contains("the title names"), "{err}");
    let number = serde_json::from_str::<Value>(&out).unwrap()["incident"].as_str().unwrap().to_owned();
    site.done(&["incident", "write", &number, "party", "party=Police", "status=told"]);
    site.done(&["incident", "write", &number, "party", "party=Friend", "status=told"]);
    let (_, _, err) = site.run(&["incident", "write", &number, "host", "host=192.0.2.9", "party=Friend"]);
    assert!(err.contains("the title names 192.0.2.9: parties that do not know it read no title"), "{err}");
    let sha256 = site.add(&number, "log", b"a log");
    for person in ["anna", "ben"] {
        for party in ["Police", "Friend"] {
            site.done_as(person, &["evidence", "release", &number, &sha256, "--to", party, "--reason", "order 12/26"]);
        }
    }
    for (party, is_told) in [("Friend", true), ("Police", false)] {
        let bag = site.dir.path().join(party);
        site.evidence(&["export", &number, bag.to_str().unwrap(), "--for", party]);
        let read = |name: &str| fs::read_to_string(bag.join(name)).unwrap();
        let texts = [read("bag-info.txt"), read("data/journal.ndjson")];
        assert!(texts.iter().all(|text| text.contains("Scans from") == is_told), "{party}: {texts:?}");
        assert!(site.check_bag(&bag).0, "{party}");
    }
}

#[test]
fn a_bag_is_verified_by_others_and_names_stay_in_it() {
    let (site, number) = Site::new();
    let names = ["../../x", "/etc/passwd", "CON", "a\nb.txt", "inv\u{202e}fdp.exe", "same", "same", "  ", "-rf", "%0A"];
    for (at, name) in names.iter().enumerate() {
        site.add(&number, name, format!("bytes {at}").as_bytes());
    }
    // SQLite's own files beside the records come and go.
    let is_ours = |path: &PathBuf| !path.to_string_lossy().contains("records.sqlite-");
    let outside = files_below(site.dir.path()).into_iter().filter(is_ours).count();
    let bag = site.dir.path().join("bag");
    let to = bag.to_str().unwrap();
    fs::create_dir(&bag).unwrap();
    let exported = site.evidence(&["export", &number, to]);
    assert_eq!((&exported[0]["evidence"], &exported[0]["folder"]), (&json!(names.len()), &json!(to)));
    assert_eq!(files_below(&bag.join("data/evidence")).len(), names.len());
    // Five tag files, two files about the evidence, and what was there before.
    assert_eq!(files_below(site.dir.path()).into_iter().filter(is_ours).count(), outside + names.len() + 7);
    let is_plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    for path in files_below(&bag.join("data/evidence")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(is_plain(name) && name.len() > 5, "{name}");
    }
    let (good, said) = site.check_bag(&bag);
    // Opened and coordinator, then three for each: evidence, received, copied.
    assert_eq!((good, said), (true, format!("{} files, {} entries", names.len(), 2 + 3 * names.len())));
    match Command::new("bagit.py").args(["--validate", to]).output() {
        Ok(told) => assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr)),
        Err(_) => eprintln!("skipped: `bagit` of PyPI is not installed"),
    }
    site.wrong(&["export", &number, to], "the folder is not empty");
    let list = bag.join("tagmanifest-sha256.txt");
    let changed = fs::read_to_string(&list).unwrap().to_uppercase();
    fs::write(&list, changed).unwrap();
    assert!(!site.check_bag(&bag).0);
}

/// INVARIANT: a bag has the evidence of what was merged into the incident too, with its custody and entries and whose it is;
/// nobody gets by it what is for others, and no party learns that two incidents belong together unless it sees both.
#[test]
fn a_bag_has_the_evidence_of_merged_incidents_as_far_as_it_may() {
    let (site, one) = Site::new();
    let strict = ["--type", "data-leak", "--severity", "low", "--tlp", "amber+strict"];
    let [two, three] = [site.open("More of it"), {
        let opened = site.done(&[&["incident", "open", "Ours alone"][..], &strict].concat());
        opened[0]["incident"].as_str().unwrap().to_owned()
    }];
    site.done(&["user", "add", "gus", "--full-name", "Gus", "--role", "handler", "--clearance", "amber"]);
    let given = [(&one, "a.log", b"one".as_slice()), (&two, "b.log", b"two"), (&three, "c.log", b"three")];
    let sums = given.map(|(number, name, bytes)| site.add(number, name, bytes));
    for number in [&one, &two] {
        site.add(number, "same.log", b"the same");
    }
    for number in [&two, &three] {
        site.done(&["incident", "merge", number, "--into", &one, "--reason", "the same intruder"]);
    }
    let bag = site.dir.path().join("bag");
    let export = |more: &[&str]| {
        fs::remove_dir_all(&bag).ok();
        let exported = site.evidence(&[&["export", &one, bag.to_str().unwrap()], more].concat());
        let custody: Value = serde_json::from_slice(&fs::read(bag.join("data/custody.json")).unwrap()).unwrap();
        let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        let items = custody["evidence"].as_array().unwrap().iter();
        let items: Vec<_> = items.map(|item| (text(item, "number"), text(item, "name"))).collect();
        let (good, said) = site.check_bag(&bag);
        assert!(good, "{said}");
        (exported[0]["evidence"].as_u64().unwrap(), items)
    };
    let item = |number: &String, name: &str| (number.clone(), name.to_owned());
    let (files, mut items) = export(&[]);
    items.sort();
    let mut want = vec![item(&one, "a.log"), item(&one, "same.log"), item(&two, "b.log"), item(&two, "same.log")];
    want.push(item(&three, "c.log"));
    assert_eq!((files, items), (4, want));
    let journal = fs::read_to_string(bag.join("data/journal.ndjson")).unwrap();
    let of = |line: &str| serde_json::from_str::<Value>(line).unwrap()["header"].as_str().map(str::to_owned).unwrap();
    let incident = |line| serde_json::from_str::<Value>(&of(line)).unwrap()["incident"].as_str().unwrap().to_owned();
    let incidents: std::collections::BTreeSet<String> = journal.lines().map(incident).collect();
    assert_eq!(incidents.len(), 3);
    // That it was copied is in the custody of each, where it is.
    for (number, sum) in [&one, &two, &three].into_iter().zip(&sums) {
        assert_eq!(site.acts(number, sum).last().unwrap(), "copied operator (anna)");
    }
    if let Ok(told) = Command::new("bagit.py").args(["--validate", bag.to_str().unwrap()]).output() {
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    }
    // Whoever does not see one of them has nothing of it.
    let (files, items) = export(&["--as", "gus"]);
    assert_eq!((files, items.iter().filter(|(number, _)| *number == three).count()), (3, 0));
    assert!(!fs::read_to_string(bag.join("data/journal.ndjson")).unwrap().contains("Ours alone"));
    // Of what was released to a party in a merged one it gets that here where it sees both.
    let takes_part = ["party", "party=Police", "status=told", "text=asked"];
    let write = |number: &str| site.run(&[&["incident", "write", number][..], &takes_part].concat());
    site.done(&["incident", "unmerge", &two, "--from", &one, "--reason", "x"]);
    assert_eq!(write(&two).0, 0);
    for person in ["anna", "ben"] {
        site.done_as(person, &["evidence", "release", &two, &sums[1], "--to", "Police", "--reason", "order 12/26"]);
    }
    site.done(&["incident", "merge", &two, "--into", &one, "--reason", "the same intruder"]);
    site.wrong(&["export", &one, bag.with_extension("x").to_str().unwrap(), "--for", "Police"], "nothing was released");
    assert_eq!(write(&one).0, 0);
    assert_eq!(export(&["--for", "Police"]), (1, vec![item(&two, "b.log")]));
}

#[test]
fn a_kill_in_the_middle_leaves_nothing_that_counts() {
    let (site, number) = Site::new();
    let mut adding = site
        .command("anna", &["evidence", "add", &number, "-", "--name", "big"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = adding.stdin.take().unwrap();
    input.write_all(&vec![7u8; 8 << 20]).unwrap();
    // The pipe holds less than that, so some of it is on disk.
    let end = Instant::now() + Duration::from_secs(60);
    while kept(&site).iter().all(|path| fs::metadata(path).map_or(0, |about| about.len()) == 0) {
        assert!(Instant::now() < end);
    }
    adding.kill().unwrap();
    adding.wait().unwrap();
    drop(input);
    assert_eq!(site.evidence(&["list", &number]), Vec::<Value>::new());
    let (code, out, err) = site.run(&["verify"]);
    assert!(code == 0 && err.contains("0 pieces of evidence"), "{out}{err}");
    assert_eq!(kept(&site).len(), 1, "a part");
    let sha256 = site.add(&number, "big", &vec![7u8; 8 << 20]);
    assert_eq!(kept(&site), [site.stored(&sha256)]);
    assert_eq!(site.acts(&number, &sha256), ["received operator (anna)"]);
}

/// A large file goes in and out within the same memory as a small one.
#[test]
fn memory_does_not_grow_with_the_file() {
    let (site, number) = Site::new();
    let peak = |args: &[&str]| -> u64 {
        let script = "import resource,subprocess,sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
        let mut command = Command::new("python3");
        command
            .args(["-c", script, env!("CARGO_BIN_EXE_concert"), "evidence"])
            .args(args)
            .arg("--site")
            .arg(site.path());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)))
    };
    let small = site.file("small", b"x");
    let large = site.file("large", b"");
    fs::File::options().write(true).open(&large).unwrap().set_len(200 << 20).unwrap();
    let base = peak(&["add", &number, &small]);
    let most = base + (24 << 10);
    assert!(peak(&["add", &number, &large]) < most, "kilobytes, and {base} for one byte");
    let bag = site.dir.path().join("bag");
    assert!(peak(&["export", &number, bag.to_str().unwrap()]) < most);
    assert_eq!(
        fs::metadata(bag.join("data/evidence/0001-large"))
            .or(fs::metadata(bag.join("data/evidence/0002-large")))
            .unwrap()
            .len(),
        200 << 20
    );
}

#[test]
fn a_backup_holds_evidence() {
    let (site, number) = Site::new();
    site.add(&number, "x", b"abc");
    fs::write(site.path().join("data/evidence/.part-4294967290-1"), "x").unwrap();
    let backup = site.dir.path().join("all.tar.zst");
    assert_eq!(site.run(&["backup", backup.to_str().unwrap()]).0, 0);
    let again = site.dir.path().join("again");
    let restored =
        Command::new(env!("CARGO_BIN_EXE_concert")).arg("restore").arg(&backup).arg("--site").arg(&again).output();
    assert!(restored.unwrap().status.success());
    let files: Vec<PathBuf> = files_below(&again.join("data/evidence"));
    assert_eq!(files, [again.join(site.stored(ABC).strip_prefix(site.path()).unwrap())]);
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o400);
    let verified =
        Command::new(env!("CARGO_BIN_EXE_concert")).arg("verify").arg("--site").arg(&again).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && told.contains("1 piece of evidence"), "{told}");
}
