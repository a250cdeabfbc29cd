//! Names of addresses from DNS, asked from a real server on loopback.

use std::fs;
use std::process::Command;

use concert_testkit::dns::{Dns, Said};

#[tokio::test(flavor = "multi_thread")]
async fn addresses_without_a_name_get_the_one_that_dns_knows() {
    let dns = Dns::start(|name| match name {
        "1.2.0.192.in-addr.arpa" => Said::Names(vec!["host1.example.net".into()]),
        _ => Said::Absent,
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("site");
    let concert = |args: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_concert")).current_dir(folder.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    concert(&["init", "site"]);
    let settings = format!(
        "[lookup]\nreverse_dns = true\nname_server = \"{}\"\n[[feed]]\nname = \"drop\"\nparser = \"csv\"\nheader = true\n\
         columns = {{ ip = \"source.ip\", name = \"source.reverse_dns\" }}\n",
        dns.address()
    );
    fs::write(dir.join("concert.toml"), settings).unwrap();
    let report = folder.path().join("report.csv");
    fs::write(&report, "ip,name\n192.0.2.1,\n192.0.2.2,\n192.0.2.3,named.example.org\n").unwrap();
    tokio::task::block_in_place(|| concert(&["ingest", "--site", "site", "--feed", "drop", "report.csv"]));
    let events = concert(&["events", "--site", "site", "--format", "ndjson"]);
    let mut names: Vec<Option<String>> = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|event| event.get("source.reverse_dns").and_then(|name| name.as_str().map(str::to_owned)))
        .collect();
    names.sort();
    assert_eq!(names, [None, Some("host1.example.net".into()), Some("named.example.org".into())]);
    assert!(!dns.questions().iter().any(|asked| asked.starts_with("3.2.0.192")), "a named address is not asked for");
}
