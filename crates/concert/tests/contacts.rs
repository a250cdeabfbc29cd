//! Who is responsible, as the manual says: its example is imported, asked, and events go through it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[path = "support/init.rs"]
mod init;

use init::init;

#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
fn concert(site: &Path, args: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_concert")).args(args).args(["--site"]).arg(site).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The page of the manual.
const MANUAL: &str = include_str!("../../../docs/contacts.md");

/// The blocks of a kind in it.
fn blocks(kind: &str) -> Vec<&'static str> {
    let begins = format!("```{kind}\n");
    MANUAL.split(begins.as_str()).skip(1).filter_map(|part| part.split("```").next()).collect()
}

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn site(folder: &Path) -> std::path::PathBuf {
    let site = folder.join("site");
    init(&site);
    let settings = "[site]\nname = \"CERT Example\"\nemail = \"desk@site.example\"\n\
        [lookup]\nasn = [\"asn.csv\"]\ncountry = [\"country.csv\"]\n\
        [[feed]]\nname = \"given\"\nparser = \"ndjson\"\ncollect = { type = \"file\", path = \"in/\" }\n\
        [[notice]]\nname = \"told\"\ngroup_by = [\"party\"]\nto = \"responsible\"\nwhen = \"at once\"\n\
        format = \"csv\"\nvia = \"mail\"\n\
        [via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n\
        [via.api]\ntype = \"file\"\npath = \"out/\"\n";
    fs::write(site.join("concert.toml"), settings).unwrap();
    fs::write(site.join("asn.csv"), "198.51.100.0,198.51.100.255,64498,TELECOM\n").unwrap();
    fs::write(site.join("country.csv"), "203.0.113.0,203.0.113.255,FI\n").unwrap();
    let texts = blocks("csv").into_iter().chain(blocks("rpsl"));
    for (name, text) in ["parties.csv", "teams.csv", "ripe.db"].into_iter().zip(texts) {
        fs::write(folder.join(name), text).unwrap();
    }
    let file = |name: &str| folder.join(name).display().to_string();
    concert(&site, &["contact", "import", "constituents", &file("parties.csv")]);
    concert(&site, &["contact", "import", "teams", &file("teams.csv")]);
    concert(&site, &["contact", "import", "rpsl", &file("ripe.db")]);
    site
}

/// The table of the manual: value, who is told, why.
fn table() -> Vec<[String; 3]> {
    let rows = MANUAL.split("| value | who is told | why |").nth(1).unwrap_or_default().lines().skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    let rows = rows.map_while(|line| line.starts_with('|').then(|| cells(line)));
    rows.filter_map(|row: Vec<String>| row.try_into().ok()).collect()
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or("nobody")
}

#[test]
fn the_table_of_the_manual_is_true_for_questions_and_for_events() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let table = table();
    assert!(table.len() >= 10, "{table:?}");
    let mut events = String::new();
    let mut parties = Vec::new();
    for [value, told, why] in &table {
        let rows = concert(&site, &["who", value, "--format", "ndjson"]);
        let first = &rows[0];
        assert_eq!(text(first, "contact"), told, "{value}: {rows:?}");
        let specific = text(first, "specific").split(" (").next().unwrap_or_default();
        assert!(told == "nobody" || why.contains(specific), "{value}: `{specific}` is not in `{why}`");
        let member = match value.as_str() {
            url if url.contains("://") => "source.url",
            mail if mail.contains('@') => "source.account",
            asn if asn.starts_with("AS") => "source.asn",
            net if net.contains('/') => "source.network",
            name if [".example", ".fi", ".se"].iter().any(|zone| name.ends_with(zone)) => "source.fqdn",
            _ => "source.ip",
        };
        let shown =
            if member == "source.asn" { value.trim_start_matches("AS").to_owned() } else { format!("\"{value}\"") };
        events +=
            &format!("{{\"{member}\":{shown},\"classification.type\":\"scanner\",\"extra.value\":\"{value}\"}}\n");
        parties.push((value.clone(), text(first, "party").to_owned(), told.clone()));
    }
    let file = folder.path().join("given.ndjson");
    fs::write(&file, events).unwrap();
    concert(&site, &["ingest", "--feed", "given", &file.display().to_string()]);
    let stored = concert(&site, &["events", "--format", "ndjson"]);
    let notices = concert(&site, &["notice", "list", "--format", "ndjson"]);
    for (value, party, told) in parties {
        let event = stored.iter().find(|event| event["extra.value"] == value.as_str());
        let event = event.unwrap_or_else(|| panic!("{value}: {stored:?}"));
        assert_eq!(text(event, "party"), party, "{value}");
        let key = if party == "nobody" { "unknown" } else { &party };
        let to: Vec<&str> =
            notices.iter().filter(|notice| notice["key"] == key).map(|notice| text(notice, "to")).collect();
        assert!(to.iter().any(|to| to.contains(told.as_str()) || told == "nobody" && to.is_empty()), "{value}: {to:?}");
    }
}

/// What the program says on standard error, and how it ends.
#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
fn said(site: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_concert")).args(args).args(["--site"]).arg(site).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn the_first_example_of_the_manual_is_taken_by_a_new_site() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    assert_eq!(said(&site, &["init", &site.display().to_string()]).0, 0);
    let parties = folder.path().join("parties.csv");
    fs::write(&parties, blocks("csv")[0]).unwrap();
    let rows = concert(&site, &["contact", "import", "constituents", &parties.display().to_string()]);
    assert_eq!(rows.len(), 3, "{rows:?}");
}

#[test]
fn a_site_without_an_address_is_told_where_to_write_one() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    fs::write(site.join("concert.toml"), settings.replace("email = \"desk@site.example\"\n", "")).unwrap();
    let (code, told) = said(&site, &["notice", "preview"]);
    assert_ne!(code, 0);
    assert!(told.contains("there is no address that mail comes from"), "{told}");
    assert!(told.contains("write into [site]: email = \"cert@cert.example\""), "{told}");
}

#[test]
fn whoever_wishes_a_language_without_templates_is_told_by_check_and_preview() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let event = "{\"source.fqdn\":\"shop.telecom.example\",\"classification.type\":\"scanner\"}\n";
    fs::write(folder.path().join("given.ndjson"), event).unwrap();
    concert(&site, &["ingest", "--feed", "given", &folder.path().join("given.ndjson").display().to_string()]);
    let why = || text_of(&concert(&site, &["notice", "preview", "--format", "ndjson"])[0], "why");
    let what = "there are no templates in `fi`, so";
    assert!(said(&site, &["contact", "check"]).1.contains(what));
    assert!(why().contains(what), "{}", why());
    fs::create_dir_all(site.join("templates/fi")).unwrap();
    fs::write(site.join("templates/fi/notice.subject.j2"), "Ilmoitus").unwrap();
    assert!(!said(&site, &["contact", "check"]).1.contains(what));
    assert!(!why().contains(what), "{}", why());
}

#[test]
fn a_domain_below_which_anybody_gets_a_name_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let file = folder.path().join("now.csv");
    fs::write(&file, "party,domains,mail\nShop,co.uk shop.example,abuse@shop.example\n").unwrap();
    let what =
        "domain co.uk: anybody gets names below co.uk, and all of them fall to this party; name its own: example.co.uk";
    let (code, told) = said(&site, &["contact", "import", "constituents", &file.display().to_string()]);
    assert!(code == 0 && told.contains(&format!("`Shop`: {what}")), "{told}");
    let found = concert(&site, &["contact", "check", "--format", "ndjson"]);
    assert!(found.iter().any(|row| text(row, "kind") == "remark" && text(row, "what") == what), "{found:?}");
    assert!(!found.iter().any(|row| text(row, "what").contains("shop.example")), "{found:?}");
}

#[test]
fn an_import_of_nobody_is_refused_and_one_to_whom_nothing_can_be_sent_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let import = |text: &str, more: &[&str]| {
        let file = folder.path().join("now.csv");
        fs::write(&file, text).unwrap();
        let file = file.display().to_string();
        said(&site, &[&["contact", "import", "constituents", file.as_str(), "--format", "ndjson"], more].concat())
    };
    let known = || concert(&site, &["contact", "list", "--format", "ndjson"]).len();
    let before = known();
    let (code, text) = import("party,prefixes,mail\n", &[]);
    assert!(
        code == 2 && text.contains("the files hold no party, so all that there are would be removed (3)"),
        "{text}"
    );
    assert!(text.contains("if that is meant: `--remove-all`"), "{text}");
    let (code, text) = import("party,prefixes,mail\n", &["--dry-run"]);
    assert!(code == 0 && text.contains("\"removed\"") && text.contains("will be refused"), "{text}");
    assert_eq!(known(), before);
    assert_eq!(import("party,prefixes,mail\n", &["--remove-all"]).0, 0);
    assert!(known() < before);
    assert_eq!(import("party,prefixes,mail\n", &[]).0, 0, "nobody is left who could be removed");
    let (code, text) = import("party,prefixes,mail\nUni,192.0.2.0/24,j\u{f6}rg@uni.example\n", &[]);
    assert!(code == 2 && text.contains("other letters than ASCII before the @"), "{text}");
    let (code, text) =
        import("party,prefixes,mail\nUni,192.0.2.0/24,a@uni.invalid\nLab,192.0.2.0/26,a@lab.example\n", &[]);
    assert!(code == 0 && text.contains("there are findings about these parties"), "{text}");
    let (code, text) = said(&site, &["contact", "check", "--format", "ndjson"]);
    assert!(code == 1 && text.contains("its domain is reserved"), "{text}");
    assert!(text.contains("192.0.2.0/26 lies in 192.0.2.0/24 of `Uni`"), "{text}");
    // A remark alone is nothing bad.
    import("party,prefixes,mail\nUni,192.0.2.0/24,a@uni.example\nLab,192.0.2.0/26,a@lab.example\n", &[]);
    let (code, text) = said(&site, &["contact", "check", "--format", "ndjson"]);
    assert!(code == 0 && text.contains("\"remark\""), "{text}");
}

#[test]
fn a_value_that_is_none_has_a_row_among_others_and_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let rows = concert(&site, &["who", "192.0.2.1", "AS4294967296", "AS64500", "--format", "ndjson"]);
    let values: Vec<&str> = rows.iter().map(|row| text(row, "value")).collect();
    assert!(["192.0.2.1", "AS4294967296", "AS64500"].iter().all(|value| values.contains(value)), "{values:?}");
    let wrong = rows.iter().find(|row| row["value"] == "AS4294967296").unwrap();
    assert!(wrong["contact"].is_null() && text(wrong, "reason").contains("beyond the highest AS number"), "{wrong}");
    let (code, told) = said(&site, &["who", "AS4294967296"]);
    assert!(code == 2 && told.contains("beyond the highest AS number"), "{told}");
}

#[test]
fn a_line_that_is_too_long_is_told_and_the_others_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let input = folder.path().join("values.txt");
    fs::write(&input, format!("192.0.2.140\n{}\n192.0.2.20\n", "x".repeat(100_000))).unwrap();
    let mut ask = Command::new(env!("CARGO_BIN_EXE_concert"));
    ask.args(["who", "-", "--format", "csv", "--site"]).arg(&site).stdin(fs::File::open(&input).unwrap());
    let output = ask.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.contains("cert@uni.example") && out.contains("abuse@hosting.example"), "{out} {err}");
    assert!(output.status.code() == Some(1) && err.contains("line 2 is longer than 65536 bytes"), "{err}");
}

#[test]
fn values_are_answered_as_people_paste_them() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    for [pasted, plain] in [
        ["192.0.2[.]140", "192.0.2.140"],
        ["192.0.2.140:443", "192.0.2.140"],
        ["[2001:db8:1::5]", "2001:db8:1::5"],
        ["www[.]uni[.]example", "www.uni.example"],
        ["uni.example:443", "uni.example"],
        ["uni.example/login", "uni.example"],
        ["Somebody <somebody@uni.example>", "somebody@uni.example"],
        ["ASN64498", "AS64498"],
        ["192.0.2.128 - 192.0.2.255", "192.0.2.128/25"],
    ] {
        let rows = |value: &str| {
            let mut rows = concert(&site, &["who", value, "--format", "ndjson"]);
            rows.iter_mut().for_each(|row| assert!(row.as_object_mut().unwrap().remove("value").is_some()));
            rows
        };
        assert!(rows(plain)[0]["contact"].is_string(), "{plain}");
        assert_eq!(rows(pasted), rows(plain), "{pasted}");
    }
    let row = &concert(&site, &["who", "192.0.2[.]140", "--format", "ndjson"])[0];
    assert_eq!(row["value"], "192.0.2[.]140");
}

/// Without an address, that of the URL or the whole network decides, also by AS, country and registry.
#[test]
fn events_without_an_address_fall_to_whom_who_names() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (mut events, mut wanted) = (String::new(), Vec::new());
    for (value, address) in [
        ("source.url\":\"http://203.0.113.77/x", "203.0.113.77"),
        ("source.url\":\"http://198.51.100.200:8080/", "198.51.100.200"),
        ("source.url\":\"http://192.0.2.140/x", "192.0.2.140"),
        ("source.network\":\"203.0.113.64/27", "203.0.113.77"),
        ("source.network\":\"192.0.2.128/26", "192.0.2.140"),
    ] {
        events += &format!("{{\"{value}\",\"classification.type\":\"scanner\",\"extra.at\":{}}}\n", wanted.len());
        wanted.push(text(&concert(&site, &["who", address, "--format", "ndjson"])[0], "party").to_owned());
    }
    let file = folder.path().join("given.ndjson");
    fs::write(&file, events).unwrap();
    concert(&site, &["ingest", "--feed", "given", &file.display().to_string()]);
    let mut stored = concert(&site, &["events", "--format", "ndjson"]);
    stored.sort_by_key(|event| event["extra.at"].as_u64());
    let found: Vec<&str> = stored.iter().map(|event| text(event, "party")).collect();
    assert_eq!(found, wanted, "{stored:?}");
}

#[test]
fn a_party_is_shown_whichever_part_of_the_contact_book_it_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let show = |name: &str, format: &str| {
        let args = ["contact", "show", name, "--format", format, "--site"];
        let output = Command::new(env!("CARGO_BIN_EXE_concert")).args(args).arg(&site).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let check = |name: &str, part: &str, registry: Option<&str>, contact: [&str; 3]| {
        let shown: Value = serde_json::from_str(&show(name, "json").1).unwrap();
        assert_eq!((text(&shown, "part"), shown["registry"].as_str()), (part, registry), "{shown}");
        assert_eq!(["mail", "origin", "state"].map(|member| text(&shown["contacts"][0], member)), contact, "{shown}");
    };
    let hosting = "Example Hosting (RIPE EH1-RIPE)";
    check("Example University", "constituents", None, ["cert@uni.example", "constituents", "unknown"]);
    check("National team FI", "teams", None, ["cert@cert.example", "teams", "unknown"]);
    check(hosting, "registries", Some("RIPE"), ["abuse@hosting.example", "org RIPE EH1-RIPE", "unknown"]);
    let table = show("Example Telecom", "table").1;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    for want in [&["part", "constituents"][..], &["asns", "64498,", "64499"], &["excluded_prefixes", "198.51.100.0/24"]]
    {
        assert!(lines.iter().any(|line| line == want), "{want:?} is not in {table}");
    }
    assert!(!table.contains("registry") && table.contains("abuse@telecom.example  abuse"), "{table}");
    for (name, meant) in [
        ("Example Hosting", hosting),
        ("Example Hosting (RIPE EH2-RIPE)", hosting),
        ("National team FO", "National team FI"),
        ("Example Universty", "Example University"),
    ] {
        let (code, out, err) = show(name, "json");
        assert_eq!((code, out.as_str()), (2, ""), "{name}");
        assert!(err.contains(&format!("there is no party `{name}`")), "{err}");
        assert!(err.contains(&format!("did you mean `{meant}`?")), "{name}: {err}");
    }
    assert!(show("Somebody else", "json").2.contains("`concert who` whom registries name"));
}

#[test]
fn what_registries_say_of_languages_and_of_space_that_nobody_owns_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let templates = site.join("templates/fr");
    fs::create_dir_all(&templates).unwrap();
    fs::write(templates.join("notice.txt.j2"), "Bonjour {{ party.name }}\n").unwrap();
    let objects = "role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
        organisation: ORG-A\norg-name: A\nabuse-c: AR1\nlanguage: DE\nlanguage: FR\nsource: RIPE\n\n\
        inetnum: 192.0.2.0 - 192.0.2.63\norg: ORG-A\nsource: RIPE\n\n\
        inetnum: 10.0.0.0 - 10.0.0.255\norg: ORG-A\nsource: RIPE\n\n\
        route: 192.168.0.0/24\norigin: AS64500\nsource: RIPE\n\nroute: 100.64.0.0/16\norigin: AS64500\nsource: RIPE\n";
    fs::write(folder.path().join("some.db"), objects).unwrap();
    let file = folder.path().join("some.db").display().to_string();
    let mut rows = concert(&site, &["contact", "import", "rpsl", "--replace", &file]);
    rows.retain(|row| row["change"] != "changed");
    let told: Vec<[&str; 2]> = rows.iter().map(|row| ["value", "what"].map(|member| text(row, member))).collect();
    let what = |count: u8| format!("{count} in space that nobody can own fall to nobody");
    assert_eq!(told, [["inetnum", &what(1)], ["route", &what(2)]]);
    assert!(rows.iter().all(|row| row["change"] == "reserved" && row["party"].is_null()), "{rows:?}");
    let who = concert(&site, &["who", "192.0.2.1", "--format", "ndjson"]);
    assert_eq!(["party", "language"].map(|member| text(&who[0], member)), ["A (RIPE AR1)", "de, fr"]);
    let event = "{\"source.ip\":\"192.0.2.1\",\"classification.type\":\"scanner\"}\n";
    fs::write(folder.path().join("given.ndjson"), event).unwrap();
    concert(&site, &["ingest", "--feed", "given", &folder.path().join("given.ndjson").display().to_string()]);
    let notice = concert(&site, &["notice", "list", "--format", "ndjson"]).remove(0);
    let shown = concert(&site, &["notice", "show", text(&notice, "id"), "--format", "ndjson"]).remove(0);
    assert!(text(&shown, "text").contains("Bonjour A (RIPE AR1)"), "{shown}");
}

#[test]
fn an_import_of_a_part_of_the_registries_files_is_refused_and_what_was_set_aside_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let file = folder.path().join("part.db");
    fs::write(&file, "inetnum: 192.0.2.0 - 192.0.2.255\nnetname: HOSTING\nabuse-c: EH1-RIPE\nsource: RIPE\n").unwrap();
    let file = file.display().to_string();
    let import = ["contact", "import", "rpsl", &file];
    let gone = "aut-num of RIPE (1), organisation of RIPE (1), role of RIPE (1)";
    let (code, told) = said(&site, &import);
    assert!(code == 2 && told.contains(gone) && told.contains("if that is meant: `--replace`"), "{told}");
    let (code, told) = said(&site, &[&import[..], &["--dry-run"]].concat());
    assert!(code == 0 && told.contains(gone) && told.contains("will be refused without `--replace`"), "{told}");
    let told = |value: &str| text_of(&concert(&site, &["who", value, "--format", "ndjson"])[0], "contact");
    assert_eq!(told("192.0.2.20"), "abuse@hosting.example", "nothing was replaced");
    let aside = concert(&site, &["contact", "aside", "--format", "ndjson"]);
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(text(&aside[0], "place").starts_with("ripe.db:") && text(&aside[0], "what").contains("10."), "{aside:?}");
    assert_eq!(said(&site, &[&import[..], &["--replace"]].concat()).0, 0);
    assert_eq!(told("192.0.2.20"), "nobody");
    // Files of another registry that name somebody replace all.
    let other = folder.path().join("other.db").display().to_string();
    let net =
        |name: &str| format!("inetnum: 192.0.2.0 - 192.0.2.255\nabuse-mailbox: a@{name}.example\nsource: {name}\n");
    for (name, is_first) in [("RIPE", true), ("APNIC", false)] {
        fs::write(&other, net(name)).unwrap();
        let (code, said) = said(&site, &["contact", "import", "rpsl", &other]);
        assert!(
            code == 0 && said.contains("none of what the last import read: inetnum of RIPE (1)") != is_first,
            "{said}"
        );
        assert_eq!(told("192.0.2.20"), format!("a@{name}.example"));
    }
    assert_eq!(concert(&site, &["contact", "aside", "--format", "ndjson"]), [] as [Value; 0]);
}

#[test]
fn a_dry_run_shows_what_is_found_about_the_parties() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let file = folder.path().join("two.csv");
    fs::write(&file, "party,prefixes,mail\nA,192.0.2.0/24,a@a.example\nB,192.0.2.0/24,\nC,192.0.2.0/25,c@c.example\n")
        .unwrap();
    let import = ["contact", "import", "constituents", &file.display().to_string(), "--format", "ndjson"];
    let rows = concert(&site, &[&import[..], &["--dry-run"]].concat());
    let found =
        |kind: &str, party: &str| rows.iter().any(|row| text(row, "change") == kind && text(row, "party") == party);
    assert!(found("added", "A") && found("overlap", "B") && found("gap", "B") && found("remark", "C"), "{rows:?}");
    let rows = concert(&site, &import);
    assert!(rows.iter().all(|row| ["added", "removed"].contains(&text(row, "change"))), "{rows:?}");
}

#[test]
fn whoever_wishes_it_is_told_ahead_of_the_schedule_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    let yearly = settings.replace("when = \"at once\"", "cron = \"0 6 29 2 *\"");
    fs::write(site.join("concert.toml"), yearly).unwrap();
    let parties = "party,prefixes,mail,schedule\nHasty,192.0.2.0/25,abuse@hasty.example,at once\n\
        Patient,192.0.2.128/25,abuse@patient.example,\n";
    fs::write(folder.path().join("parties.csv"), parties).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let event = |host: u8| format!("{{\"source.ip\":\"192.0.2.{host}\",\"classification.type\":\"scanner\"}}\n");
    let ingest = |name: &str, text: String| {
        fs::write(folder.path().join(name), text).unwrap();
        concert(&site, &["ingest", "--feed", "given", &file(name)]);
    };
    // Also what waited when the wish came in.
    ingest("one.ndjson", event(1));
    concert(&site, &["contact", "import", "constituents", &file("parties.csv")]);
    ingest("two.ndjson", event(2) + &event(200) + &event(3));
    ingest("three.ndjson", event(201) + &event(4));
    let listed = concert(&site, &["notice", "list", "--format", "ndjson"]);
    let mut told: Vec<(&str, &str, Option<u64>)> =
        listed.iter().map(|row| (text(row, "key"), text(row, "state"), row["events"].as_u64())).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("Example Hosting (RIPE EH1-RIPE)", "waiting", Some(1)),
            ("Hasty", "queued", Some(1)),
            ("Hasty", "queued", Some(2)),
            ("Patient", "waiting", Some(2)),
        ]
    );
}

#[test]
fn the_schedule_of_a_party_holds_in_place_of_that_of_the_notice_where_it_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    fs::write(site.join("concert.toml"), settings.replace("when = \"at once\"", "cron = \"0 6 29 2 *\"")).unwrap();
    let parties = "party,prefixes,mail,purpose,schedule\nSoon,192.0.2.0/25,abuse@soon.example,abuse,every 1h\n\
        Soon,,late@soon.example,abuse,\nPatient,192.0.2.128/25,abuse@patient.example,abuse,\n";
    fs::write(folder.path().join("parties.csv"), parties).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    concert(&site, &["contact", "import", "constituents", &file("parties.csv")]);
    let event = |host: u8| format!("{{\"source.ip\":\"192.0.2.{host}\",\"classification.type\":\"scanner\"}}\n");
    fs::write(folder.path().join("one.ndjson"), event(1) + &event(200)).unwrap();
    concert(&site, &["ingest", "--feed", "given", &file("one.ndjson")]);
    let due = |command: &str| {
        let rows = concert(&site, &["notice", command, "--format", "ndjson"]);
        let soon = concert_model::Time(jiff::Timestamp::now().as_microsecond()).plus_seconds(3_600).to_string();
        let mut due: Vec<_> = rows
            .iter()
            .map(|row| (text(row, "to").to_owned(), text(row, "state").to_owned(), *text(row, "due") <= *soon))
            .collect();
        due.sort();
        due
    };
    let of = |to: &str, state: &str, soon| (to.to_owned(), state.to_owned(), soon);
    let waits = |to: &str| of(to, "waiting", false);
    let all = [waits("abuse@patient.example"), of("abuse@soon.example", "waiting", true), waits("late@soon.example")];
    assert_eq!(due("preview"), all);
    // The hour is over, while nothing worked.
    let script = "import sqlite3\nd = sqlite3.connect('data/records.sqlite')\n\
        d.execute(\"UPDATE batch SET received = received - 7200000000\")\nd.commit()\n";
    let done = Command::new("python3").args(["-c", script]).current_dir(&site).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    fs::write(folder.path().join("two.ndjson"), event(2)).unwrap();
    concert(&site, &["ingest", "--feed", "given", &file("two.ndjson")]);
    let told = |rows: Vec<(String, String, bool)>| {
        rows.into_iter().filter(|(to, ..)| to.ends_with("soon.example")).collect::<Vec<_>>()
    };
    let [now, later] = ["abuse@soon.example", "late@soon.example"];
    // What came since waits anew.
    let all = [of(now, "queued", true), of(now, "waiting", true), of(later, "queued", false), waits(later)];
    assert_eq!(told(due("list")), all);
}

#[test]
fn who_has_a_time_of_its_own_gets_one_notice_then_whatever_the_notice_tells_before() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    fs::write(site.join("concert.toml"), settings.replace("when = \"at once\"", "cron = \"0 6 29 2 *\"")).unwrap();
    let later = jiff::Timestamp::now().as_second() + 6 * 3_600;
    let own = format!("at {:02}:{:02}", later / 3_600 % 24, later / 60 % 60);
    let parties = format!(
        "party,prefixes,mail,purpose,schedule\nOwn,192.0.2.0/25,a@own.example,abuse,{own}\nOwn,,b@own.example,abuse,{own}\n\
         Own,,noc@own.example,technical,\nPatient,192.0.2.128/25,abuse@patient.example,abuse,\n"
    );
    fs::write(folder.path().join("parties.csv"), parties).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    concert(&site, &["contact", "import", "constituents", &file("parties.csv")]);
    let ingest = |hosts: &[u8]| {
        let event = |host: &u8| format!("{{\"source.ip\":\"192.0.2.{host}\",\"classification.type\":\"scanner\"}}\n");
        fs::write(folder.path().join("now.ndjson"), hosts.iter().map(event).collect::<String>()).unwrap();
        concert(&site, &["ingest", "--feed", "given", &file("now.ndjson")]);
    };
    let records = |sql: &str| {
        let script =
            format!("import sqlite3\nd = sqlite3.connect('data/records.sqlite')\nd.execute(\"{sql}\")\nd.commit()\n");
        let done = Command::new("python3").args(["-c", &script]).current_dir(&site).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    let told = |command: &str| {
        let rows = concert(&site, &["notice", command, "--format", "ndjson"]);
        let mut told: Vec<_> = rows
            .iter()
            .map(|row| (text_of(row, "to"), text_of(row, "state"), row["events"].as_u64().unwrap_or(0)))
            .filter(|(to, state, _)| to.ends_with("own.example") || state == "queued")
            .collect();
        told.sort();
        told
    };
    let of = |to: &str, state: &str, events: u64| (to.to_owned(), state.to_owned(), events);
    let (both, patient) = ("a@own.example,b@own.example", "abuse@patient.example");
    ingest(&[1, 200]);
    // The time of the notice comes twice, and passes the party by.
    for host in [2, 3] {
        records("UPDATE notice_cursor SET due = 1");
        ingest(&[host]);
    }
    assert_eq!(told("list"), [of(both, "waiting", 3), of(patient, "queued", 1)]);
    assert_eq!(told("preview")[0], of(both, "waiting", 3));
    // Its own comes, while nothing worked.
    records("UPDATE batch SET received = received - 86400000000");
    ingest(&[4]);
    assert_eq!(told("list"), [of(both, "queued", 3), of(both, "waiting", 1), of(patient, "queued", 1)]);
    // What comes then waits anew, and is told with the notice where the party wishes nothing any more.
    ingest(&[5]);
    records("UPDATE notice_cursor SET due = 1");
    ingest(&[6]);
    assert_eq!(told("list"), [of(both, "queued", 3), of(both, "waiting", 3), of(patient, "queued", 1)]);
    let parties = fs::read_to_string(folder.path().join("parties.csv")).unwrap().replace(&own, "");
    fs::write(folder.path().join("parties.csv"), parties).unwrap();
    concert(&site, &["contact", "import", "constituents", &file("parties.csv")]);
    records("UPDATE notice_cursor SET due = 1");
    ingest(&[201]);
    assert_eq!(told("list"), [of(both, "queued", 3), of(both, "queued", 3), of(patient, "queued", 1)]);
}

/// What is told at once waits for a party that has a time of its own, and is one notice then.
#[test]
fn what_is_told_at_once_is_gathered_for_a_party_with_a_time_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let later = jiff::Timestamp::now().as_second() + 6 * 3_600;
    let own = format!("at {:02}:{:02}", later / 3_600 % 24, later / 60 % 60);
    let parties = |own: &str| {
        let parties = format!(
            "party,prefixes,mail,purpose,schedule\nOwn,192.0.2.0/25,a@own.example,abuse,{own}\n\
             Patient,192.0.2.128/26,abuse@patient.example,abuse,\n\
             Both,192.0.2.192/26,soon@both.example,abuse,\nBoth,,late@both.example,abuse,{own}\n"
        );
        fs::write(folder.path().join("parties.csv"), parties).unwrap();
        let file = folder.path().join("parties.csv").display().to_string();
        concert(&site, &["contact", "import", "constituents", &file]);
    };
    parties(&own);
    let ingest = |hosts: &[u8]| {
        let event = |host: &u8| format!("{{\"source.ip\":\"192.0.2.{host}\",\"classification.type\":\"scanner\"}}\n");
        fs::write(folder.path().join("now.ndjson"), hosts.iter().map(event).collect::<String>()).unwrap();
        concert(&site, &["ingest", "--feed", "given", &folder.path().join("now.ndjson").display().to_string()]);
    };
    let told = |command: &str, of: &str| {
        let rows = concert(&site, &["notice", command, "--format", "ndjson"]);
        let mut told: Vec<_> = rows
            .iter()
            .map(|row| (text_of(row, "to"), text_of(row, "state"), row["events"].as_u64().unwrap_or(0)))
            .filter(|(to, ..)| to.ends_with(of))
            .collect();
        told.sort();
        told
    };
    let of = |to: &str, state: &str, events: u64| (to.to_owned(), state.to_owned(), events);
    let (a, patient) = ("a@own.example", "abuse@patient.example");
    ingest(&[1, 2, 130]);
    ingest(&[3]);
    ingest(&[4, 131, 200]);
    assert_eq!(told("list", "own.example"), [of(a, "waiting", 4)]);
    assert_eq!(told("preview", "own.example"), [of(a, "waiting", 4)]);
    assert_eq!(told("list", patient), [of(patient, "queued", 1), of(patient, "queued", 1)]);
    // Who wish different times get what is told when it is told, each at its own.
    assert_eq!(
        told("list", "both.example"),
        [of("late@both.example", "queued", 1), of("soon@both.example", "queued", 1)]
    );
    // Its time comes, while nothing worked.
    let records = |sql: &str| {
        let script =
            format!("import sqlite3\nd = sqlite3.connect('data/records.sqlite')\nd.execute(\"{sql}\")\nd.commit()\n");
        let done = Command::new("python3").args(["-c", &script]).current_dir(&site).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    records("UPDATE batch SET received = received - 86400000000");
    ingest(&[5, 132]);
    assert_eq!(told("list", "own.example"), [of(a, "queued", 4), of(a, "waiting", 1)]);
    ingest(&[133]);
    assert_eq!(told("list", "own.example"), [of(a, "queued", 4), of(a, "waiting", 1)]);
    // A party that wishes nothing any more is told at once, and of what waited.
    parties("");
    ingest(&[6]);
    assert_eq!(told("list", "own.example"), [of(a, "queued", 1), of(a, "queued", 1), of(a, "queued", 4)]);
    assert_eq!(told("list", patient).len(), 4);
}

/// So many events do not wait for the time of their party to become a notice.
#[test]
fn what_waits_for_a_party_becomes_a_notice_at_its_number_of_events_too() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    let settings = settings.replace("when = \"at once\"", "when = \"at once\"\nor_at_events = 3");
    fs::write(site.join("concert.toml"), settings).unwrap();
    let parties = "party,prefixes,mail,schedule\nOwn,192.0.2.0/25,a@own.example,at 06:00 on mon\n";
    fs::write(folder.path().join("parties.csv"), parties).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    concert(&site, &["contact", "import", "constituents", &file("parties.csv")]);
    for host in 1..=7 {
        let event = format!("{{\"source.ip\":\"192.0.2.{host}\",\"classification.type\":\"scanner\"}}\n");
        fs::write(folder.path().join("now.ndjson"), event).unwrap();
        concert(&site, &["ingest", "--feed", "given", &file("now.ndjson")]);
    }
    let rows = concert(&site, &["notice", "list", "--format", "ndjson"]);
    let mut told: Vec<_> = rows.iter().map(|row| (text(row, "state"), row["events"].as_u64())).collect();
    told.sort_unstable();
    assert_eq!(told, [("queued", Some(3)), ("queued", Some(3)), ("waiting", Some(1))]);
}

#[test]
fn what_waits_for_a_party_goes_to_its_new_name() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    let (head, kind) = settings.split_once("[[notice]]").unwrap();
    let (kind, ways) = kind.split_once("[via.mail]").unwrap();
    let named = |from: &str, to: &str| format!("[[notice]]{}", kind.replace(from, to));
    let gathered = named("name = \"told\"", "name = \"daily\"").replace("at once", "at 06:00");
    let asked = named("name = \"told\"", "name = \"asked\"\napprove = true");
    fs::write(site.join("concert.toml"), format!("{head}[[notice]]{kind}{gathered}{asked}[via.mail]{ways}")).unwrap();
    // Strangers hold the network too, and must not be told in place of a constituent.
    let event = "{\"source.ip\":\"192.0.2.140\",\"classification.type\":\"scanner\"}\n";
    fs::write(folder.path().join("given.ndjson"), event).unwrap();
    concert(&site, &["notice", "send"]);
    concert(&site, &["ingest", "--feed", "given", &folder.path().join("given.ndjson").display().to_string()]);
    let parties = blocks("csv")[0].replace("Example University", "University of Example");
    let parties = parties.replace("noc@uni.example", "desk@uni.example");
    let file = folder.path().join("parties.csv");
    fs::write(&file, parties).unwrap();
    concert(&site, &["contact", "import", "constituents", &file.display().to_string()]);
    let gone = "the party `Example University` is no longer in the contact book";
    let shown = concert(&site, &["notice", "preview", "--format", "ndjson"]);
    let kinds = ["daily", "told", "asked"];
    for kind in kinds {
        let rows: Vec<&Value> = shown.iter().filter(|row| row["name"] == kind).collect();
        assert!(!rows.is_empty() && rows.iter().all(|row| text_of(row, "why").contains(gone)), "{kind}: {shown:?}");
    }
    let first = |kind: &str, to: &str| {
        let list = concert(&site, &["notice", "list", "--name", kind, "--format", "ndjson"]);
        let found = list.iter().find(|row| text(row, "to").contains(to)).cloned();
        found.unwrap_or_else(|| panic!("{kind} {to}: {list:?}"))
    };
    assert_eq!(text(&first("daily", "cert@uni.example"), "key"), "University of Example");
    let asked = text_of(&first("asked", "cert@uni.example"), "id");
    assert_eq!(text(&first("asked", "cert@uni.example"), "key"), "Example University");
    // What was approved for one party is not approved for another.
    let (code, told) = said(&site, &["notice", "approve", &asked]);
    assert!(code == 1 && told.contains(gone), "{told}");
    let row = first("asked", "cert@uni.example");
    assert_eq!((text(&row, "key"), text(&row, "state")), ("University of Example", "waiting"));
    concert(&site, &["notice", "approve", &asked]);
    assert_eq!(text(&first("asked", "cert@uni.example"), "state"), "queued");
    // Nothing listens there.
    assert_eq!(said(&site, &["notice", "send"]).0, 1);
    let row = first("told", "cert@uni.example");
    assert_eq!((text(&row, "key"), text(&row, "state")), ("University of Example", "queued"));
    let object = concert(&site, &["notice", "show", text(&row, "id"), "--format", "ndjson"]);
    assert!(text_of(&object[0], "passed_over").contains(gone), "{object:?}");
    let list = concert(&site, &["notice", "list", "--format", "ndjson"]);
    let is_lost = |row: &Value| text(row, "state") == "queued" && text(row, "to").contains("noc@uni.example");
    assert!(!list.iter().any(is_lost), "{list:?}");
    assert!(list.iter().all(|row| !text(row, "to").contains("hosting.example")), "{list:?}");
    // Each of its contacts had a notice of its own, and each of the new ones gets one.
    for to in ["cert@uni.example", "desk@uni.example"] {
        let told =
            |row: &&Value| text(row, "name") == "told" && text(row, "to") == to && text(row, "state") == "queued";
        assert_eq!(list.iter().filter(told).count(), 1, "{to}: {list:?}");
    }
}

#[test]
fn mailboxes_that_nothing_can_be_sent_to_are_told_and_never_used() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let parties =
        "party,prefixes,mail\nGone,198.51.100.0/24,abuse@gone.invalid\nHere,203.0.113.0/24,abuse@here.example\n";
    concert(&site, &["contact", "import", "constituents", &file("some.csv", parties)]);
    let objects = "role: B\nnic-hdl: BR1\nabuse-mailbox: abuse@mail.local\nsource: RIPE\n\n\
        inetnum: 192.0.2.0 - 192.0.2.255\nabuse-c: BR1\nsource: RIPE\n";
    concert(&site, &["contact", "import", "rpsl", "--replace", &file("some.db", objects)]);
    let check = |want_code: i32| {
        let args = ["contact", "check", "--format", "ndjson", "--site"];
        let output = Command::new(env!("CARGO_BIN_EXE_concert")).args(args).arg(&site).output().unwrap();
        assert_eq!(output.status.code(), Some(want_code), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let found = check(1);
    assert!(
        found.contains("abuse@gone.invalid: its domain is reserved, and nobody gets mail there, so nothing is"),
        "{found}"
    );
    assert!(found.contains("`abuse@mail.local` of RIPE BR1: its domain means nothing"), "{found}");
    fs::write(
        folder.path().join("given.ndjson"),
        "{\"source.ip\":\"198.51.100.1\",\"classification.type\":\"scanner\"}\n\
         {\"source.ip\":\"192.0.2.1\",\"classification.type\":\"scanner\"}\n",
    )
    .unwrap();
    concert(&site, &["ingest", "--feed", "given", &folder.path().join("given.ndjson").display().to_string()]);
    let notices = concert(&site, &["notice", "list", "--format", "ndjson"]);
    assert!(notices.iter().all(|notice| text(notice, "state") == "no-contact"), "{notices:?}");
    let why = "no contact of the party `Gone` is left; unusable are abuse@gone.invalid: its domain is reserved, and nobody \
        gets mail there";
    assert!(notices.iter().any(|notice| text(notice, "reason").starts_with(why)), "{notices:?}");
    // What registries hold is theirs to mend.
    concert(&site, &["contact", "import", "constituents", &file("some.csv", &parties.replace("invalid", "example"))]);
    assert!(check(0).contains("abuse@mail.local"));
}

#[test]
fn a_national_team_that_is_in_its_own_list_is_told_what_becomes_of_its_events() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let parties = "party,prefixes,mail\nHere,198.51.100.0/24,abuse@here.example\n";
    concert(&site, &["contact", "import", "constituents", &file("some.csv", parties)]);
    let teams = |more: &str| format!("party,countries,mail\nTeam FI,FI,desk@site.example\n{more}");
    concert(&site, &["contact", "import", "teams", &file("own.csv", &teams(""))]);
    let found = concert(&site, &["contact", "check", "--format", "ndjson"]);
    let [remark] = found.as_slice() else { panic!("{found:?}") };
    let what = "desk@site.example: this is this team's own address; events of FI that nobody else answers for are yours: \
        `concert events 'party == \"Team FI\"'` shows them; notices for this team are not sent but wait: `concert notice list \
        --state no-contact`";
    assert_eq!(["kind", "party", "what"].map(|member| text(remark, member)), ["remark", "Team FI", what]);
    let event = "{\"source.ip\":\"203.0.113.9\",\"classification.type\":\"scanner\"}\n";
    // Whoever gets what is left over does not get what is this team's own.
    concert(&site, &["contact", "import", "teams", &file("own.csv", &teams("Rest,*,rest@world.example\n"))]);
    concert(&site, &["ingest", "--feed", "given", &file("given.ndjson", event)]);
    assert_eq!(concert(&site, &["events", "party == \"Team FI\"", "--format", "ndjson"]).len(), 1);
    let waiting = concert(&site, &["notice", "list", "--state", "no-contact", "--format", "ndjson"]);
    let [notice] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert!(text(notice, "reason").contains("desk@site.example: this is this team's own address"), "{notice}");
    // With somebody else there, only that one is told.
    concert(&site, &["contact", "import", "teams", &file("own.csv", &teams("Team FI,,desk@other.example\n"))]);
    let found = concert(&site, &["contact", "check", "--format", "ndjson"]);
    assert!(
        text(&found[0], "what").ends_with("; notices for this team go to desk@other.example without it"),
        "{found:?}"
    );
}

#[test]
fn parts_of_the_contact_book_can_be_left_out_and_a_sector_team_stands_in() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    let only = settings.replace("[lookup]\n", "[lookup]\nresponsible = [\"constituents\", \"teams\"]\n");
    fs::write(site.join("concert.toml"), only).unwrap();
    // Without its contacts the university is told through the team of its sector.
    let parties = fs::read_to_string(folder.path().join("parties.csv")).unwrap();
    let silent = parties.replace("cert@uni.example", "").replace("noc@uni.example", "");
    fs::write(folder.path().join("parties.csv"), silent).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    concert(&site, &["contact", "import", "constituents", &file("parties.csv")]);
    let events = "{\"source.ip\":\"192.0.2.20\",\"classification.type\":\"scanner\"}\n\
        {\"source.ip\":\"192.0.2.140\",\"classification.type\":\"scanner\"}\n";
    fs::write(folder.path().join("given.ndjson"), events).unwrap();
    concert(&site, &["ingest", "--feed", "given", &file("given.ndjson")]);
    let notices = concert(&site, &["notice", "list", "--format", "ndjson"]);
    let mut told: Vec<[&str; 4]> =
        notices.iter().map(|notice| ["key", "state", "to", "reason"].map(|member| text(notice, member))).collect();
    told.sort_unstable();
    let why = "told to the team `Research CERT` (sector research) because the party `Example University` has no contact with a mail \
        address for abuse";
    assert_eq!(
        told,
        [
            ["Example University", "queued", "cert@research.example", why],
            [
                "unknown",
                "no-contact",
                "",
                "no party answers for these events; asked were the constituents, the teams of last resort",
            ],
        ]
    );
}

#[test]
fn a_team_for_any_country_gets_what_nobody_else_answers_for() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let import = |which: &str, text: &str| {
        let file = folder.path().join("now.csv");
        fs::write(&file, text).unwrap();
        said(&site, &["contact", "import", which, &file.display().to_string()])
    };
    let (code, said_of) = import("constituents", "party,countries,mail\nAll,*,a@a.example\n");
    assert_eq!(code, 2, "{said_of}");
    assert!(said_of.contains("`*` in countries of `All` is every country"), "{said_of}");
    let teams = "party,countries,sectors,mail\nTeam FI,FI,,cert@cert.example\nLast,*,,last@last.example\n\
        Research CERT,,research,cert@research.example\n";
    assert_eq!(import("teams", teams).0, 0);
    let first = |value: &str| {
        let row = concert(&site, &["who", value, "--format", "ndjson"]).remove(0);
        ["contact", "specific", "reason"].map(|member| text_of(&row, member))
    };
    let any = "any country, because no team is known for the one that it lies in";
    assert_eq!(first("8.8.8.8"), ["last@last.example", "any country", any]);
    assert_eq!(first("www.shop.com"), ["last@last.example", "any country", any]);
    assert_eq!(first("AS64505"), ["last@last.example", "any country", any]);
    assert_eq!(first("203.0.113.9")[1], "country FI");
    let last = "the country of the last label, because nothing more specific decides";
    assert_eq!(first("www.shop.fi")[1..], ["country FI", last]);
    assert_eq!(first("10.0.0.1")[0], "nobody");
    let (_, told) = said(&site, &["who", "203.0.113.9", "--explain"]);
    assert!(told.contains("passed over the team `Last`: any country, but country FI of `Team FI` decides"), "{told}");
    // A language without templates is told too, so it does not end with 0.
    let found = said(&site, &["contact", "check", "--format", "ndjson"]).1;
    let mut found = found.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = &found.find(|row| row["party"] == "Last").unwrap();
    assert!(text_of(found, "what").starts_with("no other team is known for 248 countries: AD AE"), "{found}");
    // An event of which nothing is known but a name, one of which the country is not known, one of another country.
    let events = "{\"source.fqdn\":\"www.shop.com\",\"classification.type\":\"scanner\"}\n\
        {\"source.ip\":\"8.8.8.8\",\"classification.type\":\"scanner\"}\n\
        {\"source.ip\":\"8.8.4.4\",\"source.geolocation.cc\":\"NO\",\"classification.type\":\"scanner\"}\n\
        {\"source.fqdn\":\"www.shop.fi\",\"classification.type\":\"scanner\"}\n";
    fs::write(folder.path().join("given.ndjson"), events).unwrap();
    let file = folder.path().join("given.ndjson").display().to_string();
    concert(&site, &["ingest", "--feed", "given", &file]);
    let notices = concert(&site, &["notice", "list", "--format", "ndjson"]);
    let of = |party: &str| notices.iter().find(|notice| notice["key"] == party).unwrap();
    assert_eq!((&of("Last")["to"], &of("Last")["events"]), (&"last@last.example".into(), &3.into()));
    let from = |party: &str| {
        let shown = concert(&site, &["notice", "show", text(of(party), "id"), "--format", "ndjson"]).remove(0);
        text_of(&shown, "party_from")
    };
    assert_eq!(from("Last"), "teams; any country, because nothing more specific decides");
    assert_eq!(from("Team FI"), "teams; country FI by the last label, because nothing more specific decides");
}

fn text_of(row: &Value, member: &str) -> String {
    text(row, member).to_owned()
}

#[test]
fn what_is_gathered_of_nobody_is_foretold_for_whom_the_contact_book_names_by_now() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    let daily = "[[notice]]\nname = \"daily\"\ngroup_by = [\"party\"]\nto = \"responsible\"\nwhen = \"every 30d\"\n\
        format = \"csv\"\nvia = \"mail\"\n";
    fs::write(site.join("concert.toml"), settings + daily).unwrap();
    let event = |address: &str| format!("{{\"source.ip\":\"{address}\",\"classification.type\":\"scanner\"}}\n");
    let given = folder.path().join("given.ndjson");
    fs::write(&given, event("198.18.5.1") + &event("198.18.6.1") + &event("198.18.7.1")).unwrap();
    concert(&site, &["ingest", "--feed", "given", &given.display().to_string()]);
    let told = || -> Vec<[String; 3]> {
        let rows = concert(&site, &["notice", "preview", "daily", "--format", "ndjson"]);
        rows.iter().map(|row| ["key", "to", "state"].map(|member| text_of(row, member))).collect()
    };
    assert_eq!(told(), [["unknown", "", "no-contact"]]);
    let file = folder.path().join("parties.csv");
    fs::write(&file, "party,prefixes,mail\nA,198.18.5.0/24,a@a.example\nB,198.18.6.0/24,b@b.example\n").unwrap();
    concert(&site, &["contact", "import", "constituents", &file.display().to_string()]);
    let want = [["A", "a@a.example", "waiting"], ["B", "b@b.example", "waiting"], ["unknown", "", "no-contact"]];
    assert_eq!(told(), want);
}

#[test]
fn the_texts_of_what_waits_for_a_contact_are_those_that_go_out() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let event = |address: &str| format!("{{\"source.ip\":\"{address}\",\"classification.type\":\"scanner\"}}\n");
    let given = folder.path().join("given.ndjson");
    fs::write(&given, event("198.18.5.1") + &event("198.18.6.1") + &event("198.18.7.1")).unwrap();
    concert(&site, &["ingest", "--feed", "given", &given.display().to_string()]);
    let file = folder.path().join("parties.csv");
    fs::write(&file, "party,prefixes,mail\nA,198.18.5.0/24,a@a.example\nB,198.18.6.0/24,b@b.example\n").unwrap();
    concert(&site, &["contact", "import", "constituents", &file.display().to_string()]);
    // The events know their party by now, and the notices that wait are of nobody.
    said(&site, &["feed", "replay", "given"]);
    let rows = concert(&site, &["notice", "preview", "--text", "--format", "ndjson"]);
    assert_eq!(rows.iter().map(|row| text(row, "key")).collect::<Vec<_>>(), ["A", "B", "unknown"]);
    let told: Vec<(String, bool)> =
        rows.iter().map(|row| (text_of(row, "to"), text(row, "text").starts_with("Dear "))).collect();
    let want = [("a@a.example", true), ("b@b.example", true), ("", false)];
    assert_eq!(told, want.map(|(to, named)| (to.to_owned(), named)), "{rows:?}");
    assert!(text(&rows[0], "content").contains("198.18.5.1") && !text(&rows[0], "content").contains("198.18.6.1"));
    assert_eq!(said(&site, &["notice", "preview", "--text", "--format", "table"]).1.matches("== told").count(), 3);
}

#[test]
fn what_commands_decide_of_notices_and_contacts_is_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    fs::write(site.join("concert.toml"), settings.replace("format = \"csv\"\n", "format = \"csv\"\napprove = true\n"))
        .unwrap();
    let events = "{\"source.ip\":\"192.0.2.20\",\"classification.type\":\"scanner\"}\n\
        {\"source.ip\":\"192.0.2.140\",\"classification.type\":\"scanner\"}\n";
    fs::write(folder.path().join("given.ndjson"), events).unwrap();
    concert(&site, &["ingest", "--feed", "given", &folder.path().join("given.ndjson").display().to_string()]);
    let notices = concert(&site, &["notice", "list", "--state", "waiting", "--format", "ndjson"]);
    let ids: Vec<&str> = notices.iter().map(|notice| text(notice, "id")).collect();
    let [one, two, ..] = ids[..] else { panic!("{notices:?}") };
    concert(&site, &["notice", "approve", one]);
    assert_eq!(said(&site, &["notice", "approve", one]).0, 1, "what is not done is not written");
    concert(&site, &["notice", "reject", two, "--why", "told by telephone"]);
    concert(&site, &["notice", "retry", two]);
    // Nothing listens there.
    assert_eq!(said(&site, &["notice", "send", one]).0, 3);
    let rows = concert(&site, &["audit", "--limit", "0", "--format", "ndjson"]);
    let mut done: Vec<String> = rows
        .iter()
        .filter(|row| text(row, "who").starts_with("operator"))
        .map(|row| format!("{}, {}", text(row, "action"), text(row, "object")))
        .filter(|row| row.starts_with("notice ") || row.starts_with("contact "))
        .collect();
    done.sort();
    let mut want = vec![
        "contact import, constituents".to_owned(),
        "contact import, rpsl".to_owned(),
        "contact import, teams".to_owned(),
        format!("notice approve, notice {one}"),
        format!("notice reject, notice {two}"),
        format!("notice retry, notice {two}"),
        format!("notice send, notice {one}"),
    ];
    want.sort();
    assert_eq!(done, want);
}

#[test]
fn a_site_that_was_restored_knows_what_registries_say() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let objects = "role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
        aut-num: AS64500\nabuse-c: AR1\nsource: RIPE\n";
    fs::write(path("some.db"), objects).unwrap();
    concert(&site, &["contact", "import", "rpsl", "--replace", &path("some.db")]);
    let (code, told) = said(&site, &["backup", &path("all.tar.zst")]);
    assert_eq!(code, 0, "{told}");
    let again = folder.path().join("again");
    let (code, told) = said(&again, &["restore", &path("all.tar.zst")]);
    assert_eq!(code, 0, "{told}");
    let who = concert(&again, &["who", "AS64500", "--format", "ndjson"]);
    assert_eq!(text(&who[0], "contact"), "abuse@a.example");
}
