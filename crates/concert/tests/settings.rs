//! Settings that are right load and mean what they say; settings that are wrong are told so in words
//! that help. One file in `settings/right/` or `settings/wrong/` is one case.

use std::fs;
use std::path::Path;
use std::time::Duration;

use concert::settings::{Collect, LoadFor, Loaded, Recipient, Settings, processes};
use concert_model::{Field, Value};
use concert_pipeline::group::schedule::When;

/// A site with this file as its settings.
#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn read(name: &str, load_for: LoadFor) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/settings").join(name);
    fs::copy(path, folder.path().join("concert.toml")).unwrap();
    Settings::read(folder.path(), load_for).unwrap()
}

fn right(name: &str) -> Settings {
    let loaded = read(name, LoadFor::Look);
    assert_eq!(loaded.problems, [], "{name}");
    loaded.settings
}

/// Every mistake of a file, as people read them.
fn wrong(name: &str) -> String {
    let loaded = read(name, LoadFor::Run);
    let folder = loaded.settings.dir.display().to_string();
    let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    told.join("\n").replace(&folder, "SITE")
}

#[test]
fn a_site_with_everything_means_what_it_says() {
    let settings = right("right/everything.toml");
    assert_eq!(settings.site.name, "CERT Example");
    assert_eq!(settings.site.email, "cert@cert.example");
    assert_eq!(settings.site.time_zone.iana_name(), Some("Europe/Helsinki"));
    assert_eq!(settings.serve.listen.to_string(), "127.0.0.1:8080");
    let days = |count: u64| Duration::from_secs(count * 86_400);
    assert_eq!((settings.store.keep_raw, settings.store.keep_events), (days(90), days(400)));
    assert_eq!((settings.limits.report, settings.limits.file), (64 << 20, 4 << 30));
    assert_eq!(settings.openpgp.keys, Path::new("/srv/keys"));
    let data = settings.data_dir();
    assert_eq!(settings.lookup.asn, [data.join("asn-ipv4.csv"), data.join("asn-ipv6.csv")]);
    assert_eq!(settings.lookup.country, [data.join("country-ipv4.csv"), data.join("country-ipv6.csv")]);
    assert!(settings.lookup.rdap && settings.lookup.security_txt);
    assert_eq!(settings.lookup.rdap_bootstrap, Some(settings.dir.join("lists")));
    assert_eq!(settings.lookup.trial_server, Some("[::1]:8080".parse().unwrap()));

    let feeds: Vec<_> = settings
        .feeds
        .iter()
        .map(|feed| (feed.name.as_str(), feed.parser_name.as_str(), feed.collect.kind()))
        .collect();
    assert_eq!(
        feeds,
        [
            ("shadowserver", "shadowserver", "imap"),
            ("scanners", "blocklistde", "http"),
            ("live", "keyvalue", "irc"),
            ("pushed", "ndjson", "push"),
            ("drop", "csv", "file"),
        ]
    );
    let constant = |feed: &str, field: Field| {
        let constants = &settings.feed(feed).unwrap().fixed.constants;
        constants.iter().find(|(given, _)| *given == field).map(|(_, value)| value.clone())
    };
    assert_eq!(constant("shadowserver", Field::TLP), Some(Value::text("amber")));
    assert_eq!(constant("shadowserver", Field::FEED_PROVIDER), Some(Value::text("Shadowserver")));
    assert_eq!(constant("shadowserver", Field::FEED_NAME), Some(Value::text("shadowserver")));
    assert_eq!(constant("drop", Field::PROTOCOL_TRANSPORT), Some(Value::text("tcp")));
    assert_eq!(constant("drop", Field::TLP), None);
    assert!(matches!(settings.feed("pushed").unwrap().collect, Collect::Push(_)));

    let rules: Vec<_> = settings.judge.rules().iter().map(|rule| (rule.name(), rule.drops())).collect();
    assert_eq!(rules, [("tests are not for others", true), ("our own networks first", false)]);

    let daily = settings.notice("daily").unwrap();
    assert_eq!((daily.group_by.as_slice(), &daily.to), (["party".to_owned()].as_slice(), &Recipient::Responsible));
    assert_eq!(daily.when, When::parse("at 06:00").unwrap());
    assert_eq!((daily.or_at_events, daily.remind_after), (Some(1000), days(7)));
    assert_eq!((daily.format.name, daily.via.as_str()), ("csv", "mail"));
    let network = settings.notice("per network").unwrap();
    assert!(network.when.is_at_once() && network.to == Recipient::Target);
    assert_eq!((network.group_by.as_slice(), network.via.as_str()), (["source.asn".to_owned()].as_slice(), "outbox"));
    let vias: Vec<_> = settings.vias.values().map(|via| (via.name.as_str(), via.kind)).collect();
    assert_eq!(vias, [("mail", "smtp"), ("outbox", "file")]);
}

#[test]
fn defaults_and_fine_points() {
    let least = right("right/least.toml");
    assert_eq!((least.feeds.len(), least.notices.len()), (0, 0));
    assert!(!least.deliver.dry_run);

    let settings = right("right/fine-points.toml");
    assert!(settings.deliver.dry_run);
    assert_eq!(settings.deliver.override_recipient.as_deref(), Some("me@team.example"));
    let feed = settings.feed("own dedup").unwrap();
    assert_eq!(settings.dedup.window(), Duration::from_secs(12 * 3600));
    assert_eq!(feed.dedup.window(), Duration::from_secs(3600));
    assert_eq!(feed.expect.unwrap().at_most, 100_000);
    let names: Vec<_> = feed.fixed.constants.iter().filter(|(field, _)| *field == Field::FEED_NAME).collect();
    assert_eq!(names, [&(Field::FEED_NAME, Value::text("another name"))]);
    let notice = settings.notice("by cron").unwrap();
    assert_eq!(notice.to, Recipient::Addresses(vec!["a@x.example".into(), "b@x.example".into()]));
    assert_eq!(notice.condition.as_ref().unwrap().text(), "source.asn == 64500");
    assert_eq!(notice.group_by, ["party"]);
}

#[test]
fn files_are_joined_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    write("concert.toml", "[site]\nname = \"A\"\n[[feed]]\nname = \"one\"\nparser = \"ndjson\"\n");
    write("conf.d/20-b.toml", "[[feed]]\nname = \"three\"\nparser = \"ndjson\"\n");
    write("conf.d/10-a.toml", "[site]\nemail = \"a@team.example\"\n[[feed]]\nname = \"two\"\nparser = \"ndjson\"\n");
    write("conf.d/ignored.txt", "not settings");
    let settings = Settings::load(folder.path(), LoadFor::Run).map_err(|why| why.to_string()).unwrap();
    assert_eq!(settings.feeds.iter().map(|feed| feed.name.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert_eq!((settings.site.name.as_str(), settings.site.email.as_str()), ("A", "a@team.example"));

    write("conf.d/30-c.toml", "[[feed]]\nname = \"one\"\nparser = \"ndjson\"\n");
    let told = Settings::load(folder.path(), LoadFor::Run).err().unwrap().to_string();
    insta::assert_snapshot!(told, @r#"
    conf.d/30-c.toml:2:1: the name `one` is taken at concert.toml:4:1
      hint: give each its own name
    "#);
}

#[test]
fn every_example_of_a_feed_goes_beside_what_a_new_site_has() {
    let folder = tempfile::tempdir().unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    fs::copy(sources.join("src/command/init/concert.toml"), folder.path().join("concert.toml")).unwrap();
    let mut count = 0;
    for file in fs::read_dir(sources.join("../../examples/feeds")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            fs::copy(&path, folder.path().join("conf.d").join(path.file_name().unwrap())).unwrap();
            count += 1;
        }
    }
    let loaded = Settings::read(folder.path(), LoadFor::Look).unwrap();
    assert_eq!(loaded.problems, []);
    assert!(count >= 28 && loaded.settings.feeds.len() > count, "{count}");
}

#[test]
fn of_a_key_in_several_files_the_last_is_in_force_and_what_it_replaced_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let hook = "[via.hook]\ntype = \"http\"\nurl = \"https://a.example/\"\n";
    let headers = "headers = { X-A = \"1\", X-B = \"2\" }\ntoken = { file = \"one\" }\n";
    write("concert.toml", &format!("[site]\nname = 5\nemail = \"a@team.example\"\n{hook}{headers}"));
    write("conf.d/1.toml", "[site]\nname = \"B\"\n[lookup]\nasn = [\"x.csv\", \"y.csv\"]\n");
    write(
        "conf.d/2.toml",
        "site.name = \"C\"\nvia.hook.headers.X-B = \"3\"\nvia.hook.token = { file = \"two\" }\nlookup.asn = []\n",
    );
    let loaded = Settings::read(folder.path(), LoadFor::Look).unwrap();
    assert_eq!(loaded.problems, []);
    assert_eq!((loaded.settings.site.name.as_str(), loaded.settings.site.email.as_str()), ("C", "a@team.example"));
    let shown: Vec<String> = loaded
        .keys
        .iter()
        .filter(|key| !key.replaces.is_empty())
        .map(|key| format!("{} = {} | {} | {}", key.key, key.value, key.origin, key.replaces))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    site.name = "C" | conf.d/2.toml:1:13 | "B" at conf.d/1.toml:2:8; 5 at concert.toml:2:8
    lookup.asn = [] | conf.d/2.toml:4:14 | ["x.csv", "y.csv"] at conf.d/1.toml:4:7
    via.hook.token = (secret) | conf.d/2.toml:3:18 | (secret) at concert.toml:8:9
    via.hook.headers = { X-A = "1", X-B = "3" } | concert.toml:7:19, conf.d/2.toml:2:24 | X-B = "2" at concert.toml:7:30
    "#);

    // A mistake is told where the value in force is written, and a table that is none in its own file.
    write("conf.d/3.toml", "site.email = 7\nvia.hook.url = \"ftp://x\"\nlookup = 1\n[via.hook.headers]\nX-B = []\n");
    write("conf.d/4.toml", "feed = 1\nsite.nmae = \"x\"\n");
    let told: Vec<String> =
        Settings::read(folder.path(), LoadFor::Look).unwrap().problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    conf.d/3.toml:1:14: `email` must be a text
      hint: email: the address mail comes from and replies go to
    conf.d/3.toml:2:10: `url` is not a web address
      hint: write url = "https://host.example/notices"
    conf.d/3.toml:3:1: `lookup` must be a table
      hint: write [lookup] or lookup = { ... }
    conf.d/3.toml:4:11: `X-B` in `headers` must be a text
      hint: write headers = { "X-B" = "text" }
    conf.d/4.toml:1:1: `feed` must be a list of tables
      hint: write [[feed]]
    conf.d/4.toml:2:6: unknown key `nmae` in [site]
      hint: did you mean `name`?
    "#);
}

#[test]
fn a_secret_everybody_can_read_is_told_and_a_final_line_end_is_not_part_of_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("concert.toml", "[[feed]]\nname=\"p\"\nparser=\"ndjson\"\ncollect={type=\"push\",token={file=\"token\"}}\n");
    write("token", "s3cret\n");
    let allow = |mode| fs::set_permissions(folder.path().join("token"), fs::Permissions::from_mode(mode)).unwrap();
    allow(0o644);
    let loaded = Settings::read(folder.path(), LoadFor::Run).unwrap();
    let Collect::Push(token) = &loaded.settings.feeds[0].collect else { panic!("a push feed") };
    assert_eq!(token.reveal(), "s3cret");
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.keys.iter().all(|key| !key.value.contains("s3cret")));
    allow(0o600);
    assert_eq!(Settings::read(folder.path(), LoadFor::Run).unwrap().warnings, []);
}

#[test]
fn a_data_folder_that_everybody_can_look_into_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("concert.toml"), "[site]\nname = \"a\"\nemail = \"a@b.example\"\n").unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let warned = |mode: u32| {
        fs::set_permissions(folder.path().join("data"), fs::Permissions::from_mode(mode)).unwrap();
        Settings::read(folder.path(), LoadFor::Run).unwrap().warnings
    };
    assert_eq!((warned(0o700), warned(0o750)), (vec![], vec![]));
    for mode in [0o755, 0o701] {
        let told = warned(mode);
        assert!(
            told.len() == 1 && told[0].place.ends_with("/data") && told[0].hint.starts_with("chmod o-rwx "),
            "{told:?}"
        );
    }
}

#[test]
fn unreadable_secrets_do_not_stop_those_who_only_look() {
    assert_eq!(read("wrong/secrets.toml", LoadFor::Look).problems.len(), 2);
}

#[test]
fn files_of_a_site_that_cannot_be_read_are_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    for name in ["processes", "templates/en", "conf.d"] {
        fs::create_dir_all(site.join(name)).unwrap();
    }
    fs::write(site.join("concert.toml"), "[site]\nname = \"A\"\n").unwrap();
    fs::write(site.join("templates/en/notice.txt.j2"), b"caf\xe9").unwrap();
    fs::write(site.join("processes/ours.toml"), b"name = \"caf\xe9\"").unwrap();
    let mut problems = Settings::read(site, LoadFor::Look).unwrap().problems;
    problems.extend(processes::load(site).problems);
    for file in 0..=1000 {
        fs::write(site.join(format!("conf.d/{file}.toml")), "").unwrap();
    }
    let failure = Settings::read(site, LoadFor::Look).err().unwrap();
    let told: Vec<String> = problems.iter().map(ToString::to_string).chain([failure.to_string()]).collect();
    insta::assert_snapshot!(told.join("\n").replace(&site.display().to_string(), "SITE"), @"
    templates/en/notice.txt.j2: the template cannot be read: SITE/templates/en/notice.txt.j2: stream did not contain valid UTF-8
      hint: it is a file of UTF-8 text that the user of Concert can read
    processes/ours.toml: the process cannot be read: stream did not contain valid UTF-8
      hint: it is a file of UTF-8 text that the user of Concert can read
    there are more than 1000 files in SITE/conf.d
      hint: put several of them into one; names that do not end in .toml are passed over
    ");
}

#[test]
fn a_process_with_a_mistake_is_not_begun_as_it_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let has = |name: &str| processes::load(folder.path()).all.iter().any(|(process, _)| process.name == name);
    assert!(has("scanning") && has("phishing"));
    fs::create_dir(folder.path().join("processes")).unwrap();
    fs::write(folder.path().join("processes/scanning.toml"), "name = \"scanning\"\nversion = \"two\"\n").unwrap();
    assert!(!has("scanning") && has("phishing"));
    assert!(!processes::load(folder.path()).problems.is_empty());
}

#[test]
fn a_folder_without_settings_is_no_site() {
    let folder = tempfile::tempdir().unwrap();
    let failure = Settings::load(folder.path(), LoadFor::Look).err().unwrap();
    assert_eq!(failure.exit.code(), 2);
    assert!(failure.to_string().contains("concert init"));
}

#[test]
fn unknown_words() {
    insta::assert_snapshot!(wrong("wrong/unknown-words.toml"), @r#"
    concert.toml:1:2: unknown key `sit` in the settings
      hint: did you mean `site`?
    concert.toml:5:1: unknown key `nmae` in [site]
      hint: did you mean `name`?
    concert.toml:6:1: `Europe/Helsinky` is not a time zone
      hint: did you mean `Europe/Helsinki`?
    concert.toml:10:1: there is no parser `shadowsever`
      hint: did you mean `shadowserver`?
    concert.toml:15:13: there is no way in called `flie`
      hint: did you mean `file`?
    concert.toml:20:1: `ambre` is not a TLP 2.0 label
      hint: did you mean `amber`?
    concert.toml:21:1: unknown key `colect` in [feed.c]
      hint: did you mean `collect`?
    concert.toml:25:1: `source.ans` is not a field of events
      hint: did you mean `source.asn`?
    concert.toml:26:10: `csw` is not a value of `format`
      hint: did you mean `csv`?
    concert.toml:27:1: `noon` is not a time from 00:00 to 23:59
      hint: write "at once", "every 1h", "at 06:00", "at 06:00 on mon,thu", "at 06:00 on weekdays", or cron = "0 6 * * 1"
    concert.toml:28:1: there is no way out [via.outbx]
      hint: did you mean `outbox`?
    concert.toml:31:1: there is no way out called `fil`
      hint: did you mean `file`?
    concert.toml:35:7: unknown field `classification.tpye`
      hint: did you mean `classification.type`?
    concert.toml:40:22: `source.port` is a number and is compared with text
      hint: write the value without quotes
    concert.toml:41:1: unknown key `sett` in [rule.r]
      hint: did you mean `set`?
    "#);
}

#[test]
fn wrong_values() {
    insta::assert_snapshot!(wrong("wrong/values.toml"), @r#"
    concert.toml:2:1: the name of the site must be 1 to 200 letters on one line
      hint: name = "CERT Example"
    concert.toml:3:1: `nobody` is not a mail address
      hint: write it like cert@cert.example
    concert.toml:6:1: `0.0.0.0:80` can be reached from other machines, and pages have no login yet
      hint: listen on 127.0.0.1 or [::1]; use a tunnel or a proxy with a log-in in front
    concert.toml:9:1: `keep_raw` must be a duration, not `90`
      hint: write a number and s, m, h or d: "90s", "15m", "24h", "7d"
    concert.toml:10:1: `keep_events` must be at least "1d"
      hint: keep_events = "90d"
    concert.toml:13:1: `report` must be a size, not `64MB`
      hint: write a number and B, KiB, MiB, GiB or TiB: "64MiB"
    concert.toml:14:1: `depth` must be 0 to 8
      hint: depth = 2
    concert.toml:17:7: `asn` must be a list of texts
      hint: asn: CSV files `first,last,asn,name`, or one .mmdb, for AS numbers
    concert.toml:18:1: one .mmdb stands alone
      hint: country = ["data/country.mmdb"]
    concert.toml:19:1: `dns.example` is not an address and a port
      hint: name_server = "192.0.2.53:53"
    concert.toml:20:1: `192.0.2.1:80` is not an address and port of this machine
      hint: trial_server = "127.0.0.1:8080"
    concert.toml:25:12: `at_least` is more than `at_most`
      hint: swap the two, or leave one out
    concert.toml:26:1: `300.1.1.1` is no value of source.ip: not an IP address
      hint: such as 192.0.2.1
    concert.toml:27:15: `stale_after` must be a duration
      hint: stale_after: after this long without a report the feed is shown as stale
    "#);
}

#[test]
fn what_cannot_be_forbidden_is_told() {
    insta::assert_snapshot!(wrong("wrong/forbid.toml"), @r#"
    concert.toml:5:1: `name` is missing in [forbid]
      hint: name: why, as people are told it: "Otto works for Net A"
    concert.toml:6:13: `raeder` is not known here
      hint: did you mean `reader`?
    concert.toml:7:12: `sea` is not known here
      hint: did you mean `see`?
    concert.toml:7:19: `manage the site` is not known here
      hint: one of see, note, conduct, follow, raise, lower, staff, take up, release, erase, ask who, read log, open, see events, see notices, see contacts, change events, change notices, change contacts, see metrics, manage users
    concert.toml:7:38: `fly to the moon` is not known here
      hint: one of see, note, conduct, follow, raise, lower, staff, take up, release, erase, ask who, read log, open, see events, see notices, see contacts, change events, change notices, change contacts, see metrics, manage users
    concert.toml:8:1: nothing is above `red`
      hint: one of clear, green, amber, amber+strict
    concert.toml:9:1: unknown key `people` in [forbid]
      hint: known here: above, actions, name, of, persons, standing
    concert.toml:13:19: `see events` is about what bears no label: with `above` it is never forbidden
      hint: leave `above` out, or give it a [[forbid]] of its own
    concert.toml:13:41: `open` is about what bears no label: with `above` it is never forbidden
      hint: leave `above` out, or give it a [[forbid]] of its own
    "#);
}

#[test]
fn settings_without_effect() {
    let told: Vec<String> =
        read("wrong/no-effect.toml", LoadFor::Look).problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    concert.toml:7:1: there is no parser `ndjsn`
      hint: did you mean `ndjson`?
    concert.toml:8:1: unknown key `colect` in [feed.mail]
      hint: did you mean `collect`?
    concert.toml:9:1: unknown key `fields` in [feed.mail]
      hint: known here: collect, constant, dedup, encoding, expect, name, parser, part_names, parts, provider, stale_after, time_zone, tlp
    concert.toml:10:94: `move_to` has no effect without after = "move"
      hint: add after = "move", or leave `move_to` out
    concert.toml:20:1: the feed `one` takes files of this folder too: `*.json` and `a*` can be the same
      hint: give each feed a folder of its own, or patterns that no name can match both
    concert.toml:20:59: `from` has no effect in mode `drop`
      hint: write mode = "tail", or leave `from` out
    concert.toml:25:28: `in/*.csv` is one name: * and ? stand for themselves in `path`
      hint: name the folder in `path`, and the files in it by `pattern`: path = "in/", pattern = "*.csv"
    concert.toml:30:1: the feed `two` takes files of this folder too: `a*` and `*.csv` can be the same
      hint: give each feed a folder of its own, or patterns that no name can match both
    concert.toml:35:70: unknown key `nick` in [feed.chat.collect]
      hint: did you mean `nickname`?
    concert.toml:35:82: `1b` is not a nickname
      hint: nickname = "concert": a letter, then letters, digits and any of -_[]\`^{|}, at most 30 in all
    concert.toml:39:6: `to` must be a text
      hint: to: "responsible", or an address, or several with commas between them
    concert.toml:49:1: `bcc` has no effect: [via.chat] is no way out for mail but of type `irc`
      hint: leave `bcc` out, or name a way out of type `smtp` in `via`
    concert.toml:50:1: `merge` has no effect: [via.chat] is no way out for mail but of type `irc`
      hint: leave `merge` out, or name a way out of type `smtp` in `via`
    concert.toml:51:1: `defang` has no effect in format `csv`
      hint: write format = "text", or leave `defang` out
    concert.toml:65:1: `merge` has no effect in format `html`: such a notice has a mail of its own
      hint: leave `merge` out, or write format = "text"
    "#);
}

#[test]
fn wrong_mailbox() {
    insta::assert_snapshot!(wrong("wrong/mailbox.toml"), @r#"
    concert.toml:5:1: `not one` is neither a mail address nor a domain
      hint: agreed = ["anna@bank.example", "partner.example"]
    concert.toml:5:1: `user` is missing in [mailbox]
      hint: user: user name at the mail server
    concert.toml:5:1: `password` is missing in [mailbox]
      hint: password: password at the mail server
    concert.toml:7:1: `cert+x@cert.example` cannot be extended: before the @ at most 28 letters and no +
      hint: write it like cert@cert.example
    concert.toml:8:1: `prove_every` must be at least "7d"
      hint: prove_every = "180d"
    concert.toml:9:1: `outcome_after` must be from "1d" to "60d"
      hint: outcome_after = "14d"
    concert.toml:10:1: there is no feed `compaints`
      hint: did you mean `complaints`?
    concert.toml:11:1: links in mails that come back are not followed
      hint: leave `links` away
    concert.toml:12:1: there is no [via.outbox] with type = "smtp"
      hint: write a table [via.mail] with type = "smtp", and via = "mail"
    concert.toml:13:1: unknown key `frequency` in [mailbox]
      hint: known here: address, after, agreed, ca_file, client_certificate, client_key, complaints, connect_timeout, dkim, every, folder, host, language, links, move_to, outcome_after, password, port, prove_every, proxy, proxy_password, proxy_user, read_timeout, receipts, receipts_max, search, shared_domains, starttls, timeout, tls, user, via
    concert.toml:14:1: `a b` is not a domain
      hint: shared_domains = ["mail.example"]
    concert.toml:15:1: `german` is no language
      hint: write `de`
    "#);
}

#[test]
fn wrong_names() {
    insta::assert_snapshot!(wrong("wrong/names.toml"), @r#"
    concert.toml:5:1: `name` is missing in [feed]
      hint: name: what the feed is called
    concert.toml:12:1: the name `twice` is taken at concert.toml:8:1
      hint: give each its own name
    concert.toml:16:1: `with/slash` is not a name
      hint: a name has 1 to 64 letters, digits, blanks, dots, dashes and underlines
    concert.toml:20:1: `to` is missing in [notice.mail to nobody]
      hint: to: "responsible" or a mail address; mail cannot go out without it
    concert.toml:25:1: `responsibel` is not a mail address
      hint: did you mean `responsible`?
    concert.toml:26:1: `a@b\nX: y` is not a mail address
      hint: bcc = ["cert@cert.example"]
    concert.toml:27:7: unknown field `source.ipp`
      hint: did you mean `source.ip`?
    "#);
}

#[test]
fn wrong_secrets() {
    insta::assert_snapshot!(wrong("wrong/secrets.toml"), @r#"
    concert.toml:4:28: `token` is a secret and not written here
      hint: write token = { file = "secrets/token" } or { env = "NAME" }
    concert.toml:9:13: `token` is missing in [feed.missing.collect]
      hint: token: what a sender must show: { file = "secrets/NAME" } or { env = "NAME" }
    concert.toml:14:28: the secret for `token` cannot be read: SITE/secrets/nothing: No such file or directory (os error 2)
      hint: paths begin in the folder of the site
    concert.toml:19:28: the secret for `token` cannot be read: the environment has no CONCERT_TEST_NOT_SET
      hint: set it where the program is started
    "#);
}

#[test]
fn wrong_syntax() {
    assert!(!read("wrong/syntax.toml", LoadFor::Look).is_sound, "nothing goes on with lines left out");
    insta::assert_snapshot!(wrong("wrong/syntax.toml"), @r#"
    concert.toml:2:13: invalid basic string, expected `"`
      hint: write name = "text", number = 25, list = ["a", "b"], and tables as [site] and [[feed]]
    concert.toml:4:13: string values must be quoted, expected literal string
      hint: write name = "text", number = 25, list = ["a", "b"], and tables as [site] and [[feed]]
    concert.toml:7:15: invalid float, expected nothing
      hint: write name = "text", number = 25, list = ["a", "b"], and tables as [site] and [[feed]]
    concert.toml:8:1: unknown key `requests` in [serve]
      hint: did you mean `requests_per_minute`?
    concert.toml:12:10: string values must be quoted, expected literal string
      hint: write name = "text", number = 25, list = ["a", "b"], and tables as [site] and [[feed]]
    concert.toml:14:8: unclosed array table, expected `]`
      hint: write name = "text", number = 25, list = ["a", "b"], and tables as [site] and [[feed]]
    concert.toml:16:1: there is no parser `cvs`
      hint: did you mean `csv`?
    concert.toml:19:5: missing comma between array elements, expected `,`
      hint: write name = "text", number = 25, list = ["a", "b"], and tables as [site] and [[feed]]
    concert.toml:21:1: unknown key `ever` in [feed.y]
      hint: known here: collect, constant, dedup, encoding, expect, name, parser, part_names, parts, provider, stale_after, time_zone, tlp
    concert.toml:23:2: duplicate key
      hint: it is in this file before: write all of it there, and of two values keep one
    concert.toml:24:1: unknown key `requests` in [serve]
      hint: did you mean `requests_per_minute`?
    concert.toml:28:10: string values must be quoted, expected literal string
      hint: write name = "text", number = 25, list = ["a", "b"], and tables as [site] and [[feed]]
    concert.toml:31:1: `name` is missing in [notice]
      hint: name: what the notice is called
    concert.toml:31:1: `via` is missing in [notice]
      hint: via: the way out: the NAME of a [via.NAME]
    "#);
}
