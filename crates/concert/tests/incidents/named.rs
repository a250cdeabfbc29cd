//! Names of parties: what is known is recognised however it is written.

use serde_json::{Value, json};

use crate::site::Site;

const PARTIES: &str = "party,prefixes,mail\nExample University,192.0.2.0/25,abuse@uni.example\n\
                       Universität Köln,192.0.2.128/25,abuse@koeln.example\n";
const SETTINGS: &str = "[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n\n\
                        [[forbid]]\nname = \"Otto works there\"\npersons = [\"otto\"]\nof = [\"Example University\", \"Nowhere\"]\n";

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn site() -> (Site, String) {
    let site = Site::with(SETTINGS);
    let book = site.dir.path().join("parties.csv");
    std::fs::write(&book, PARTIES).unwrap();
    assert_eq!(site.run(&["contact", "import", "constituents", book.to_str().unwrap()]).0, 0);
    for (name, role) in [("otto", "handler"), ("lena", "reader:nobody")] {
        let (code, _, err) =
            site.run(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
        assert_eq!(code, 0, "{err}");
    }
    let number = site.open("Scans");
    (site, number)
}

#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not shown must fail the test")]
fn parties(site: &Site, number: &str) -> Vec<String> {
    let shown = site.incident(&["show", number]).remove(0);
    shown["parties"].as_array().unwrap().iter().map(|row| row["party"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_party_is_the_same_whatever_its_case_blanks_and_unicode_form() {
    let (site, number) = site();
    assert_eq!(site.run(&["incident", "show", &number, "--as", "otto"]).0, 0);
    for name in [
        " example university ",
        "EXAMPLE UNIVERSITY",
        "UNIVERSITA\u{308}T KO\u{308}LN",
        " Own Net",
        "own net",
        "EXAMPLE  University",
    ] {
        site.incident(&["write", &number, "party", &format!("party={name}"), "status=told"]);
    }
    assert_eq!(parties(&site, &number), ["Example University", "Own Net", "Universität Köln"]);
    // Whoever is kept from it is.
    assert_eq!(site.run(&["incident", "show", &number, "--as", "otto"]).0, 2);
    site.incident(&["write", &number, "host", "host=192.0.2.7", "party=OWN NET"]);
    let shown = site.incident(&["show", &number]).remove(0);
    assert!(shown["hosts"].to_string().contains("Own Net"), "{shown}");
    // Asked for, it is the same too.
    let letter = ["--subject", "s", "--text", "t"];
    let send = |party: &str, more: &[&str]| {
        site.incident(&[&["send", &number, "--party", party][..], &letter, more].concat()).remove(0)
    };
    assert_eq!(send("example university", &["--preview"])["to"], json!("abuse@uni.example"));
    send("  universität köln", &[]);
    let thread = site.incident(&["mail", "thread", &number, "--party", "UNIVERSITÄT köln"]);
    assert_eq!(thread.iter().map(|row| &row["party"]).collect::<Vec<_>>(), [&json!("Universität Köln")]);
    let (code, _, err) = site.run(&["incident", "chain", &number, "--party", "own net"]);
    assert_eq!(code, 0, "{err}");
    let other = site.open("Other");
    site.incident(&["write", &other, "party", "party=nowhere", "status=told"]);
    assert_eq!(site.run(&["incident", "show", &other, "--as", "otto"]).0, 2, "also where only the settings know it");
}

/// INVARIANT: nobody learns from the form of a name that the contact book has it.
#[test]
fn a_name_of_a_party_that_is_not_to_be_seen_stays_as_it_is_written() {
    let (site, number) = site();
    site.incident(&["write", &number, "role", "role=lead-investigator", "person=lena"]);
    for name in ["example university", "made up"] {
        let write = ["write", &number, "party", &format!("party={name}"), "status=told", "--as", "lena"];
        let written = site.incident(&write);
        let names: Vec<&Value> = written.iter().map(|row| &row["content"]["party"]).collect();
        assert!(names.iter().all(|party| party.is_null() || **party == name), "{written:?}");
    }
    assert_eq!(parties(&site, &number), ["example university", "made up"]);
    assert_eq!(site.run(&["incident", "show", &number, "--as", "otto"]).0, 2, "it is forbidden all the same");
    let send = ["send", &number, "--party", "example university", "--subject", "s", "--text", "t", "--preview"];
    assert_eq!(site.incident(&send)[0]["to"], json!("abuse@uni.example"), "who sees the book writes to it");
    let (code, _, err) = site.run(&[&["incident"], &send[..], &["--as", "lena"]].concat());
    assert!(code == 2 && err.contains("no mail address of example university is known"), "{err}");
}

/// Names are brought to the known form wherever they are given, and one that is new is told of.
#[test]
fn a_party_is_recognised_wherever_it_is_named_and_a_new_one_is_told_of() {
    let (site, number) = site();
    let write = |party: &str| {
        let party = format!("party={party}");
        let (code, _, err) = site.run(&["incident", "write", &number, "party", &party, "status=told"]);
        assert_eq!(code, 0, "{err}");
        err
    };
    let told = write("Exmaple University");
    assert!(told.contains("`Exmaple University` is a new party, not in the contact book"), "{told}");
    assert!(told.contains("did you mean `Example University`?"), "{told}");
    for known in ["example university", "exmaple university"] {
        let told = write(known);
        assert!(!told.contains("is a new party"), "{told}");
    }
    let file = site.dir.path().join("auth.log");
    std::fs::write(&file, "a line").unwrap();
    let add = ["evidence", "add", &number, file.to_str().unwrap(), "--from", " EXAMPLE university", "--reason", "sent"];
    let (code, _, err) = site.run(&add);
    assert_eq!(code, 0, "{err}");
    let shown = site.incident(&["show", &number]).remove(0);
    assert_eq!(shown["evidence"][0]["custody"][0]["whom"], "Example University");
    site.incident(&["clock", &number, "start", "gdpr-notification", "--party", "EXAMPLE UNIVERSITY"]);
    let shown = site.incident(&["show", &number]).remove(0);
    assert_eq!(shown["clocks"][0]["party"], "Example University");
    let split = |party: &str| {
        let new = ["--title", "Other", "--type", "scanner", "--severity", "high", "--tlp", "amber", "--reason", "x"];
        site.run(&[&["incident", "split", &number, "--party", party][..], &new].concat())
    };
    let (code, _, err) = split("Exmaple Universty");
    assert!(code == 2 && err.contains("did you mean `Exmaple University`?"), "{err}");
    let (code, _, err) = split("exmaple UNIVERSITY");
    assert_eq!(code, 0, "{err}");
    assert_eq!(parties(&site, &number), ["Example University"]);
}
