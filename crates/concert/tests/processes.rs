//! `concert process` as a user meets it.

use std::fs;
use std::path::Path;
use std::process::Command;

use concert_model::incident::process::shipped;

/// How it ended, and what it printed on standard output and standard error.
#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
fn process(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    let output = command.arg("process").args(args).current_dir(dir).env_remove("CONCERT_SITE").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn shipped_processes_are_listed_and_shown_without_a_site() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = process(folder.path(), &["list", "--format", "csv"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.starts_with("name,version,title,steps,origin\r\nbotnet-c2,1,Botnet command and control,15,shipped\r\n")
    );
    assert_eq!(out.lines().count(), 11);
    for known in shipped() {
        let (code, out, _) = process(folder.path(), &["show", &known.name, "--format", "toml"]);
        assert_eq!((code, out), (0, known.text.clone()));
    }
    let (_, out, _) = process(folder.path(), &["show", "ransomware"]);
    assert!(out.starts_with("Ransomware (ransomware, version 1)\n=="), "{out}");
    let (_, out, _) = process(folder.path(), &["show", "ransomware", "--format", "mermaid"]);
    assert!(out.contains("flowchart TB"), "{out}");
    let (_, out, _) = process(folder.path(), &["show", "ransomware", "--format", "svg"]);
    assert!(out.starts_with("<svg ") && out.ends_with("</svg>\n"), "{out}");
    let (code, out, err) = process(folder.path(), &["show", "ransomwear"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(err, "there is no process `ransomwear`\n  hint: did you mean `ransomware`?\n");
}

/// Names that cannot be right do nothing to the terminal.
#[test]
fn wrong_names_are_shown_harmless() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("odd.toml"), "name = \"a\\u001b[31mX\\u202e\"\n").unwrap();
    let (code, out, _) = process(folder.path(), &["check", "odd.toml"]);
    assert!(code == 1 && out.contains("`a\\u001B[31mX\\u202E` is not a name of a process"), "{out}");
    fs::write(folder.path().join("clocks.toml"), "[[clock]]\nname = \"a\\u001b[31mX\\u202e\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    let output = command.args(["clock", "check", "clocks.toml"]).current_dir(folder.path()).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("a\\u001B[31mX") && !out.contains(['\u{1b}', '\u{202e}']), "{out}");
}

#[test]
fn a_site_replaces_a_process_by_a_higher_version_and_is_told_its_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("processes");
    fs::create_dir(&own).unwrap();
    let (_, text, _) = process(folder.path(), &["show", "scanning", "--format", "toml"]);
    fs::write(own.join("scanning.toml"), text.replace("version = 1", "version = 2")).unwrap();
    let (code, out, _) = process(folder.path(), &["list", "--format", "csv"]);
    assert!(code == 0 && out.contains("scanning,2,Scanning and login attempts,13,site\r\n"), "{out}");
    assert_eq!(process(folder.path(), &["check"]), (0, "no mistakes\n".into(), String::new()));

    // Two mistakes at once, each with its place, and a file that is never used.
    let wrong = text.replace("needs = [\"triage\"]\noutcomes", "needs = [\"triag\"]\noutcomes");
    let wrong = wrong.replacen("role = \"coordinator\"", "role = \"coordinater\"", 1);
    fs::write(own.join("wrong.toml"), &wrong).unwrap();
    fs::write(own.join("zold.toml"), &text).unwrap();
    let line = |needle: &str| 1 + wrong.lines().position(|line| line.contains(needle)).unwrap();
    let want = format!(
        "processes/wrong.toml:{}:8: `coordinater` is not a value of `role`\n  hint: did you mean `coordinator`?\n\
         processes/wrong.toml:{}:10: there is no step `triag`\n  hint: did you mean `triage`?\n\
         processes/zold.toml: version 1 of `scanning` is not used: version 2 is there already (site)\n  hint: write version = 3\n",
        line("coordinater"),
        line("\"triag\""),
    );
    assert_eq!(process(folder.path(), &["check"]), (1, want.clone(), String::new()));
    let (code, out, err) = process(folder.path(), &["list", "--format", "csv"]);
    assert_eq!((code, out.lines().count(), err), (1, 11, want));
    let (code, out, _) = process(folder.path(), &["check", "processes/wrong.toml"]);
    assert!(code == 1 && out.starts_with("processes/wrong.toml:"), "{out}");
    let (code, _, err) = process(folder.path(), &["check", "processes/wrong.toml", "absent.toml"]);
    assert!(code == 2 && err.contains("absent.toml: there is no such file"), "{err}");
    assert_eq!(process(folder.path(), &["check", "processes/scanning.toml"]).0, 0);
}
