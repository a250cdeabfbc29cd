//! A site that was restored beside the one it was made of.

use std::fs;
use std::path::Path;
use std::process::Command;

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "drop"
parser = "csv"
columns = { ip = "source.ip" }
collect = { type = "file", path = "in/" }

[[notice]]
name = "all"
when = "at once"
format = "csv"
via = "outbox"

[via.outbox]
type = "file"
path = "out/"
"#;

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn concert(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_concert")).current_dir(dir).args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_copy_collects_and_sends_nothing_until_its_file_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert!(concert(dir, &["init", "site"]).0);
    fs::write(dir.join("site/concert.toml"), SETTINGS).unwrap();
    fs::write(dir.join("list.csv"), "ip\n192.0.2.1\n").unwrap();
    // Makes a notice and leaves it in the queue.
    assert!(concert(dir, &["ingest", "--site", "site", "--feed", "drop", "list.csv"]).0);
    assert!(concert(dir, &["backup", "--site", "site", "all.tar.zst"]).0);
    let (_, said) = concert(dir, &["restore", "--site", "plain", "all.tar.zst"]);
    assert!(said.contains("one notice is queued and goes out when this site runs"), "{said}");
    assert!(said.contains("--copy"), "{said}");
    let (_, said) = concert(dir, &["restore", "--copy", "--site", "copy", "all.tar.zst"]);
    assert!(said.contains("it collects and sends nothing until conf.d/zz-copy.toml is removed"), "{said}");
    let counts = || {
        let count = |name: &str| fs::read_dir(dir.join("copy").join(name)).map_or(0, |all| all.flatten().count());
        (count("in"), count("out"))
    };
    fs::create_dir_all(dir.join("copy/in")).unwrap();
    fs::write(dir.join("copy/in/new.csv"), "ip\n192.0.2.2\n").unwrap();
    let (done, said) = concert(dir, &["run", "--once", "--site", "copy"]);
    assert!(done && said.contains("no feed and no mailbox is looked at"), "{said}");
    assert_eq!(counts(), (1, 0));
    let (done, said) = concert(dir, &["feed", "pull", "drop", "--site", "copy"]);
    assert!(!done && said.contains("nothing is collected: `paused` of [collect] is set"), "{said}");
    let (_, said) = concert(dir, &["check", "--site", "copy"]);
    assert!(said.contains("`paused` is set"), "{said}");
    let (_, said) = concert(dir, &["feed", "list", "--site", "copy", "--format", "ndjson"]);
    assert!(said.contains("not looked at: `paused` of [collect] is set"), "{said}");
    fs::remove_file(dir.join("copy/conf.d/zz-copy.toml")).unwrap();
    assert!(concert(dir, &["run", "--once", "--site", "copy"]).0);
    assert_eq!(counts().1, 1, "what came to its folder is read and told");
}
