//! What was said of parties and hosts holds on after they were split off or merged: who must wait, who is told before
//! whom, who a neighbour is, and who may see it.

use serde_json::{Value, json};

use crate::site::Site;

const SETTINGS: &str = "[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n";

const PARTIES: &str = "party,prefixes,mail,purpose\n\
    Example Net,192.0.2.0/24,abuse@net.example,abuse\n\
    Example Hosting,198.51.100.0/24,abuse@hosting.example,abuse\n";

const TIMES: [&str; 2] = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z"];

#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set itself up must fail")]
impl Site {
    /// A site that can write mails, with two parties.
    fn that_writes() -> Self {
        let site = Self::with(SETTINGS);
        let file = site.path().join("parties.csv");
        std::fs::write(&file, PARTIES).unwrap();
        site.json(&["contact", "import", "constituents", &file.display().to_string()]);
        site
    }

    /// An incident in which a host of Example Hosting attacked one of Example Net.
    fn attack(&self) -> String {
        let number = self.open("All");
        for (host, party) in [("198.51.100.9", "Example Hosting"), ("192.0.2.7", "Example Net")] {
            let (host, party) = (format!("host={host}"), format!("party={party}"));
            self.incident(&["write", &number, "party", &party, "status=unknown", "text=x"]);
            self.incident(&["write", &number, "host", &host, &party]);
        }
        let flow = ["relation", "from=198.51.100.9", "to=192.0.2.7", "port=22"];
        self.incident(&[&["write", &number][..], &flow, &TIMES].concat());
        number
    }

    fn split(&self, number: &str, chosen: &[&str]) -> String {
        let new = ["--title", "Part", "--type", "scanner", "--severity", "medium", "--tlp", "amber", "--reason", "x"];
        let opened = self.incident(&[&["split", number], &new[..], chosen].concat());
        opened[0]["incident"].as_str().unwrap().to_owned()
    }

    /// Why a message is refused; nothing where it would be sent.
    fn letter(&self, number: &str, party: &str, text: &str) -> String {
        let args = ["incident", "send", number, "--party", party, "--subject", "s", "--text", text, "--preview"];
        let (code, _, err) = self.run(&args);
        if code == 0 { String::new() } else { err }
    }

    fn sees(&self, number: &str, name: &str) -> bool {
        self.run(&["incident", "show", number, "--as", name]).0 == 0
    }
}

/// INVARIANT: nothing that was forbidden of a party becomes allowed by a split, in either of the two.
#[test]
fn what_was_forbidden_before_a_split_is_forbidden_after_it() {
    let site = Site::that_writes();
    let number = site.attack();
    let write = |args: &[&str]| site.incident(&[&["write", &number], args].concat());
    write(&["hold", "party=Example Net", "held=true", "reason=the police asks for it"]);
    write(&["order", "parties=Example Hosting,Example Net", "reason=the source first"]);
    let part = site.split(&number, &["--host", "192.0.2.7", "--party", "Example Net"]);
    let shown = site.incident(&["show", &part]).remove(0);
    assert_eq!(
        (&shown["parties"][0]["party"], &shown["parties"][0]["held"]),
        (&json!("Example Net"), &json!("the police asks for it"))
    );
    // Whose the host at the other end is, is known too.
    assert_eq!(shown["hosts"], json!({"192.0.2.7": "Example Net", "198.51.100.9": "Example Hosting"}));
    let refused = |of: &str, party: &str, text: &str, want: &str| {
        let why = site.letter(of, party, text);
        assert!(why.contains(want), "{of} {party} {text}: {why}");
    };
    refused(&part, "Example Net", "x", "must not be told yet: the police asks for it");
    write(&["hold", "party=Example Net", "held=false", "reason=over"]);
    refused(&part, "Example Net", "x", "Example Hosting is to be told before Example Net");
    write(&["party", "party=Example Hosting", "status=told", "text=x"]);
    assert_eq!(site.letter(&part, "Example Net", "x"), "");
    for name in ["198.51.100.9", "Example Hosting"] {
        refused(&part, "Example Net", &format!("Ask {name}."), &format!("it names {name}"));
    }
    // In the one that was left, too, where the flow shows no more.
    for name in ["192.0.2.7", "Example Net"] {
        refused(&number, "Example Hosting", &format!("Ask {name}."), &format!("it names {name}"));
    }
    // What is released in the one holds for both, as it did before.
    write(&["neighbour", "host=198.51.100.9", "party=Example Net", "reason=they agreed"]);
    assert_eq!(site.letter(&part, "Example Net", "Ask Example Hosting about 198.51.100.9."), "");
    // Taken back, everything is as it was.
    site.incident(&["unsplit", &number, "--from", &part, "--reason", "x"]);
    assert_eq!(site.letter(&part, "Example Net", "Ask Example Hosting."), "");
    refused(&number, "Example Hosting", "Ask Example Net.", "it names Example Net");
}

/// A role that is limited to a party goes with it: to what is said of it, and to nothing else that was there.
#[test]
fn a_role_that_is_limited_to_a_party_goes_with_it() {
    let site = Site::that_writes();
    for (name, party) in [("nora", "Example Net"), ("hans", "Example Hosting")] {
        let role = format!("reader:{party}");
        site.json(&["user", "add", name, "--full-name", name, "--role", &role, "--clearance", "amber"]);
    }
    let number = site.attack();
    site.incident(&["write", &number, "note", "text=what remained"]);
    assert!(site.sees(&number, "nora") && site.sees(&number, "hans"));
    let part = site.split(&number, &["--host", "192.0.2.7", "--party", "Example Net"]);
    let seen = |name: &str| [&number, &part].map(|one| site.sees(one, name));
    assert_eq!((seen("nora"), seen("hans")), ([false, true], [true, false]));
    let numbers = |name: &str| -> Vec<Value> {
        let listed = site.incident(&["list", "--as", name]);
        listed.into_iter().map(|row| row["number"].clone()).collect()
    };
    assert_eq!((numbers("nora"), numbers("hans")), (vec![json!(part)], vec![json!(number)]));
    let shown = site.incident(&["show", &part, "--as", "nora"]).remove(0);
    assert_eq!(
        (&shown["parties"][0]["party"], shown["relations"].as_array().map(Vec::len)),
        (&json!("Example Net"), Some(1))
    );
    assert!(site.incident(&["search", "remained", "--as", "nora"]).is_empty());
    let log = site.incident(&["log", &part, "--limit", "0", "--as", "nora"]);
    assert!(log.iter().any(|row| row["kind"] == "relation/1") && !log.iter().any(|row| row["kind"] == "note/1"));
    // Derived tables say the same when they are made anew, and all of it can be undone.
    site.incident(&["rebuild"]);
    assert_eq!((seen("nora"), seen("hans")), ([false, true], [true, false]));
    assert_eq!(site.run(&["verify"]).0, 0);
    site.incident(&["unsplit", &number, "--from", &part, "--reason", "x"]);
    assert_eq!((seen("nora"), seen("hans")), ([true, false], [true, false]));
}

/// What the site forbids of a party holds where it was, and where it went.
#[test]
fn what_is_forbidden_of_a_party_holds_in_both() {
    let site = Site::that_writes();
    site.json(&["user", "add", "anna", "--full-name", "Anna", "--role", "handler", "--clearance", "amber"]);
    let number = site.attack();
    let part = site.split(&number, &["--party", "Example Net"]);
    let forbid = "[[forbid]]\nname = \"F\"\nactions = [\"note\"]\nof = [\"Example Net\"]\n";
    site.settings(&format!("{SETTINGS}{forbid}"));
    for one in [&number, &part] {
        let (code, _, err) = site.run(&["incident", "write", one, "note", "text=x", "--as", "anna"]);
        assert!(code != 0 && err.contains("this site forbids it: F"), "{one}: {code} {err}");
    }
}

/// Whoever is told after a merge is told what the merged incident says, too; and no more than was open to it there.
#[test]
fn a_telling_after_a_merge_has_the_hosts_and_flows_of_both() {
    let site = Site::that_writes();
    let (number, other) = (site.attack(), site.open("Other"));
    let red = ["host=192.0.2.66", "party=Example Net", "--tlp", "red", "--for-person", "root"];
    site.incident(&[&["write", &number, "host"], &red[..]].concat());
    site.incident(&["merge", &number, "--into", &other, "--reason", "the same"]);
    let file = site.dir.path().join("all.txt");
    let template = "{{ hosts|join(', ') }}: {{ flow_count }} on {{ ports|join(', ') }}";
    assert!(std::fs::write(&file, template).is_ok());
    let tell = |of: &str| {
        let file = file.display().to_string();
        let args = ["incident", "tell", of, &file, "--to", "all", "--subject", "m", "--text", "--format", "ndjson"];
        site.run(&args)
    };
    let (code, out, err) = tell(&other);
    assert!(out.contains("198.51.100.9: 1 on 22") && out.contains("192.0.2.7: 1 on 22"), "{code} {out} {err}");
    assert!(err.contains("1 hosts and flows of Example Net are left out"), "{err}");
    site.incident(&["unmerge", &number, "--from", &other, "--reason", "x"]);
    let part = site.split(&number, &["--host", "192.0.2.7", "--party", "Example Net"]);
    let (_, out, _) = tell(&part);
    assert!(out.contains("192.0.2.7: 1 on 22") && !out.contains("198.51.100.9"), "{out}");
}

/// INVARIANT: a message tells no fact that is marked more strictly than the message is, and its writer learns that it does
/// not; also of a party that is not told at all.
#[test]
fn a_message_tells_no_more_than_its_label_allows() {
    let site = Site::that_writes();
    let number = site.attack();
    let open = ["relation", "from=198.51.100.9", "to=192.0.2.7", "port=80", "--tlp", "green"];
    site.incident(&[&["write", &number][..], &open, &TIMES].concat());
    site.incident(&["write", &number, "host", "host=192.0.2.8", "party=Example Net", "--tlp", "green"]);
    let file = site.dir.path().join("all.txt");
    let template = "{{ title }}: {{ hosts|join(', ') }}: {{ flow_count }} on {{ ports|join(', ') }}";
    assert!(std::fs::write(&file, template).is_ok());
    let tell = |more: &[&str]| {
        let file = file.display().to_string();
        let args =
            ["incident", "tell", &number, &file, "--to", "all", "--subject", "m", "--text", "--format", "ndjson"];
        site.run(&[&args, more].concat())
    };
    let (_, out, err) = tell(&[]);
    assert!(out.contains("All: 192.0.2.7, 192.0.2.8: 2 on 22, 80") && !err.contains("left out"), "{out} {err}");
    let (_, out, err) = tell(&["--tlp", "green"]);
    assert!(out.contains("marked more strictly than this message): 192.0.2.8: 0 on") && !out.contains("All"), "{out}");
    assert!(err.contains("3 hosts and flows of Example Net are left out") && err.contains("TLP:green"), "{err}");
    site.incident(&["write", &number, "hold", "party=Example Net", "held=true", "reason=x"]);
    let (_, out, err) = tell(&["--tlp", "green"]);
    assert!(
        out.contains("must not be told yet") && err.contains("3 hosts and flows of Example Net are left out"),
        "{err}"
    );
}

/// A neighbour is no less named by the network, the range or the domain in which it is.
#[test]
fn a_neighbour_is_recognised_by_its_network_its_range_and_its_domain() {
    let site = Site::that_writes();
    let number = site.attack();
    let flow = ["relation", "from=www.hosting.example", "to=192.0.2.7", "port=22"];
    site.incident(&[&["write", &number][..], &flow, &TIMES].concat());
    site.incident(&["write", &number, "host", "host=shop.net.example", "party=Example Net"]);
    for (named, host) in [
        ("198.51.100.0/24", "198.51.100.9"),
        ("198.51.100[.]0/25", "198.51.100.9"),
        ("198.51.100.1 - 198.51.100.20", "198.51.100.9"),
        ("198.51.100.1-20", "198.51.100.9"),
        ("198.51.100.*", "198.51.100.9"),
        ("hosting.example", "www.hosting.example"),
        ("https://hosting[.]example/x", "www.hosting.example"),
    ] {
        let why = site.letter(&number, "Example Net", &format!("It came from {named}, so look."));
        assert!(why.contains(&format!("it names {host}")), "{named}: {why}");
    }
    // What is its own, or has nothing to do with it, is told.
    for open in ["192.0.2.0/24", "192.0.2.1 to 198.51.100.20", "198.51.100.128/25", "net.example", "other.example"] {
        assert_eq!(site.letter(&number, "Example Net", &format!("Look at {open}.")), "", "{open}");
    }
}
