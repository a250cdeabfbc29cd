//! Both modes over real folders: what is taken, what is left, what survives a kill.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use concert_model::Origin;
use tokio_util::sync::CancellationToken;

use super::lines::{Lines, Source};
use super::tail::Tail;
use super::{From, LISTED, Pattern};
use crate::memory::{Memory, read, setup};
use crate::{Collector, Health};

fn collector(site: &Path, text: &str) -> Box<dyn Collector> {
    read(&LISTED, &setup(site), text).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.metadata().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Writes a file as if it had been written long ago.
fn old(path: &Path, text: &str, age: u64) {
    fs::write(path, text).unwrap();
    let time = std::time::SystemTime::now() - Duration::from_secs(age);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Runs `once`, stopped dead after so many steps. Says whether it came to its end.
async fn killed_after(collector: &dyn Collector, memory: &Memory, steps: usize) -> bool {
    memory.kill_after(Some(steps));
    let ended = tokio::time::timeout(Duration::from_millis(300), collector.once(memory)).await.is_ok();
    memory.kill_after(None);
    ended
}

#[tokio::test]
async fn files_are_taken_oldest_first_and_moved_to_done() {
    let site = tempfile::tempdir().unwrap();
    let folder = site.path().join("in");
    fs::create_dir(&folder).unwrap();
    old(&folder.join("b.csv"), "first\n", 500);
    old(&folder.join("a.csv"), "second\n", 400);
    old(&folder.join(".c.csv"), "hidden\n", 300);
    old(&folder.join("d.txt"), "other\n", 300);
    let memory = Memory::default();
    collector(site.path(), "path = \"in/\"\npattern = \"*.csv\"").once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["first\n", "second\n"]);
    assert_eq!(memory.kept()[0].0.origin, Origin::File("b.csv".into()));
    assert_eq!(names(&folder), [".c.csv", "d.txt"]);
    assert_eq!(names(&folder.join("done")), ["a.csv", "b.csv"]);
}

#[tokio::test]
async fn another_file_of_the_same_name_is_another_report_and_overwrites_nothing() {
    let site = tempfile::tempdir().unwrap();
    let memory = Memory::default();
    let collector = collector(site.path(), "path = \".\"");
    for text in ["one\n", "two\n", "two\n", "three\n"] {
        old(&site.path().join("list.csv"), text, 60);
        collector.once(&memory).await.unwrap();
    }
    assert_eq!(memory.texts(), ["one\n", "two\n", "three\n"]);
    let done = names(&site.path().join("done"));
    assert_eq!(done.len(), 4, "{done:?}");
    assert!(done.iter().all(|name| name.starts_with("list") && name.ends_with(".csv")), "{done:?}");
}

#[tokio::test]
async fn a_file_still_being_written_is_not_taken() {
    let site = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::default());
    let stop = CancellationToken::new();
    let collector = collector(site.path(), "path = \".\"\nevery = \"100ms\"\nsettle = \"300ms\"");
    let task = tokio::spawn({
        let (memory, stop) = (Arc::clone(&memory), stop.clone());
        async move { collector.run(&*memory, stop).await }
    });
    let path = site.path().join("slow.csv");
    for count in 0..8 {
        use std::io::Write;
        let mut file = fs::File::options().create(true).append(true).open(&path).unwrap();
        writeln!(file, "{count}").unwrap();
        drop(file);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(memory.kept().len(), 0, "taken after line {count}");
    }
    memory.wait_for(1).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(memory.texts(), ["0\n1\n2\n3\n4\n5\n6\n7\n"]);
}

#[tokio::test]
async fn what_is_written_after_the_move_is_not_lost() {
    let site = tempfile::tempdir().unwrap();
    let (memory, stop) = (Arc::new(Memory::default()), CancellationToken::new());
    let collector = collector(site.path(), "path = \".\"\nevery = \"100ms\"\nsettle = \"200ms\"");
    let task = tokio::spawn({
        let (memory, stop) = (Arc::clone(&memory), stop.clone());
        async move { collector.run(&*memory, stop).await }
    });
    use std::io::Write;
    let mut writer = fs::File::create(site.path().join("slow.csv")).unwrap();
    writer.write_all(b"one\ntw").unwrap();
    // Its writer stands still until the file is put away, twice.
    let done = || names(&site.path().join("done"));
    memory.wait_for(1).await;
    while done().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    writer.write_all(b"o\nthree\n").unwrap();
    memory.wait_for(2).await;
    writer.write_all(b"four\n").unwrap();
    memory.wait_for(3).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(memory.texts(), ["one\ntw", "one\ntwo\nthree\n", "one\ntwo\nthree\nfour\n"]);
    // The last line may come while the lines before it are being put away.
    assert!(["", "slow.csv changed while it was read; it is taken again"].contains(&&*memory.trouble()));
    assert_eq!((names(site.path()).len(), done().len()), (0, 1));
}

#[tokio::test]
async fn what_is_written_after_the_move_is_found_by_the_next_process_too() {
    let site = tempfile::tempdir().unwrap();
    let memory = Memory::default();
    old(&site.path().join("a.csv"), "one\n", 60);
    old(&site.path().join("b.csv"), "other\n", 50);
    let once = async || collector(site.path(), "path = \".\"").once(&memory).await.unwrap();
    once().await;
    append(&site.path().join("done/a.csv"), "two\n");
    // What somebody else puts there is nothing of ours.
    fs::write(site.path().join("done/c.csv"), "another\n").unwrap();
    for _ in 0..2 {
        once().await;
        assert_eq!(memory.texts(), ["one\n", "other\n", "one\ntwo\n"]);
    }
    let done = names(&site.path().join("done"));
    assert!(done.len() == 3 && done[0].starts_with("a-"), "{done:?}");
}

#[tokio::test]
async fn a_kill_while_a_grown_file_is_taken_neither_loses_nor_doubles_it() {
    for steps in 0..20 {
        let site = tempfile::tempdir().unwrap();
        let memory = Memory::default();
        old(&site.path().join("a"), "one", 60);
        let text = "path = \".\"\nsettle = \"100ms\"";
        collector(site.path(), text).once(&memory).await.unwrap();
        old(&site.path().join("done/a"), "one two", 30);
        let ended = killed_after(&*collector(site.path(), text), &memory, steps).await;
        collector(site.path(), text).once(&memory).await.unwrap();
        assert_eq!(memory.texts(), ["one", "one two"], "killed after {steps} steps");
        if ended {
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn a_file_moved_into_place_is_taken_at_once() {
    let site = tempfile::tempdir().unwrap();
    let memory = Memory::default();
    old(&site.path().join(".a.csv"), "a\n", 60);
    fs::rename(site.path().join(".a.csv"), site.path().join("a.csv")).unwrap();
    let begun = std::time::Instant::now();
    // Two looks would be an hour apart.
    collector(site.path(), "path = \".\"\nsettle = \"1h\"").once(&memory).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(memory.texts(), ["a\n"]);
}

#[tokio::test]
async fn what_cannot_be_taken_goes_to_refused_with_a_reason() {
    let site = tempfile::tempdir().unwrap();
    old(&site.path().join("big.csv"), &"x".repeat((1 << 20) + 1), 60);
    old(&site.path().join("good.csv"), "good\n", 60);
    let memory = Memory::default();
    collector(site.path(), "path = \".\"").once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["good\n"]);
    assert_eq!(names(&site.path().join("refused")), ["big.csv", "big.csv.reason"]);
    let reason = fs::read_to_string(site.path().join("refused/big.csv.reason")).unwrap();
    assert!(reason.contains("1048577 bytes are more than the 1048576 allowed"), "{reason}");
    let Some(Health::Gap(_, _, told)) = memory.health().into_iter().next() else { panic!("{:?}", memory.health()) };
    assert_eq!(told, "the file big.csv was refused: 1048577 bytes are more than the 1048576 allowed");
}

#[tokio::test]
async fn links_and_sockets_are_refused_unread_and_folders_left_alone() {
    let site = tempfile::tempdir().unwrap();
    let (folder, secret) = (site.path().join("in"), site.path().join("secret.csv"));
    fs::create_dir_all(folder.join("sub.csv")).unwrap();
    old(&secret, "not for them\n", 60);
    old(&folder.join("a.csv"), "1\n", 60);
    std::os::unix::fs::symlink(&secret, folder.join("link.csv")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("other.txt")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("s.csv")).unwrap();
    let memory = Memory::default();
    collector(site.path(), "path = \"in/\"\npattern = \"*.csv\"").once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["1\n"]);
    let refused = folder.join("refused");
    assert_eq!(names(&refused), ["link.csv.reason", "s.csv.reason"]);
    assert!(
        fs::read_link(refused.join("link.csv")).unwrap() == secret
            && fs::symlink_metadata(refused.join("s.csv")).is_ok()
    );
    let reason = fs::read_to_string(refused.join("link.csv.reason")).unwrap();
    assert_eq!(reason, "link.csv was not taken: it is a link, and links are not followed\n");
    // What does not match is not ours.
    assert!(folder.join("sub.csv").is_dir() && fs::symlink_metadata(folder.join("other.txt")).is_ok());
    assert_eq!(fs::read_to_string(&secret).unwrap(), "not for them\n");
}

#[tokio::test]
async fn a_file_stays_where_it_is_while_the_intake_takes_nothing() {
    let site = tempfile::tempdir().unwrap();
    old(&site.path().join("a.csv"), "a\n", 60);
    let memory = Memory::default();
    let collector = collector(site.path(), "path = \".\"");
    memory.refuse(Some("the disk is full"));
    let why = collector.once(&memory).await.unwrap_err();
    assert!(why.contains("a.csv cannot be kept now: the disk is full"), "{why}");
    assert!(memory.trouble().contains("the disk is full"));
    assert_eq!(names(site.path()), ["a.csv"]);
    memory.refuse(None);
    collector.once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["a\n"]);
}

#[tokio::test]
async fn a_kill_at_any_step_neither_loses_nor_doubles_a_file() {
    for steps in 0..20 {
        let site = tempfile::tempdir().unwrap();
        let memory = Memory::default();
        for name in ["a", "b", "c"] {
            old(&site.path().join(name), name, 60);
        }
        let ended = killed_after(&*collector(site.path(), "path = \".\""), &memory, steps).await;
        collector(site.path(), "path = \".\"").once(&memory).await.unwrap();
        assert_eq!(memory.texts(), ["a", "b", "c"], "killed after {steps} steps");
        assert_eq!(names(&site.path().join("done")), ["a", "b", "c"]);
        if ended {
            // Three files and the list of those that were moved, each with a step before and after.
            assert_eq!(steps, 8);
            return;
        }
    }
    panic!("it never came to its end");
}

#[test]
fn mistakes_in_the_settings_are_told() {
    let site = Path::new("/nowhere");
    let check = |text: &str, want: &str| {
        let Err(problems) = read(&LISTED, &setup(site), text) else { panic!("{text} was taken") };
        assert!(problems.contains(want), "{problems}");
    };
    check("pattern = \"*\"", "`path` is missing");
    check("path = \".\"\nmode = \"trail\"", "did you mean `tail`?");
    check("path = \".\"\npattern = \"a/b\"", "is not a pattern");
    check("path = \".\"\npatern = \"a\"", "did you mean `pattern`?");
    check("path = \"in/*.csv\"", "`in/*.csv` is one name: * and ? stand for themselves in `path`");
    check("path = \"in/\"\nfrom = \"end\"", "`from` has no effect in mode `drop`");
    check("path = \"in/\"\nmode = \"tail\"\nevery = \"1s\"", "`every` has no effect in mode `tail`");
    check("path = \"-\"\npattern = \"*.csv\"", "`pattern` has no effect for standard input");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), "").unwrap();
    let follow = "mode = \"tail\"\npattern = \"*\"";
    let Err(problems) = read(&LISTED, &setup(folder.path()), &format!("path = \"log\"\n{follow}")) else { panic!() };
    assert!(problems.contains("`pattern` has no effect: `log` is one file to follow"), "{problems}");
    assert!(read(&LISTED, &setup(folder.path()), &format!("path = \".\"\n{follow}")).is_ok());
}

#[test]
fn what_belongs_to_the_site_is_never_taken_away_as_reports() {
    let site = tempfile::tempdir().unwrap();
    for own in ["data/archive", "secrets", "in"] {
        fs::create_dir_all(site.path().join(own)).unwrap();
    }
    fs::write(site.path().join("concert.toml"), "").unwrap();
    std::os::unix::fs::symlink("data", site.path().join("link")).unwrap();
    let check = |text: &str, want: &str| {
        let told = read(&LISTED, &setup(site.path()), text).err().unwrap_or_default();
        assert!(told.contains(want) && told.is_empty() == want.is_empty(), "{text}: {told}");
    };
    check("path = \"\"", "`path` is empty");
    check("path = \".\"", "`.` is the folder of the site itself");
    check("path = \"in/..\"", "`in/..` is the folder of the site itself");
    check("path = \"secrets/\"", "`secrets/` is in the folder `secrets/` of the site");
    check("path = \"data/archive\"", "is in the folder `data/`");
    check("path = \"data/not/yet\"", "is in the folder `data/`");
    check("path = \"link\"", "is in the folder `data/`");
    check("path = \"concert.toml\"", "`concert.toml` is a file: in mode `drop` whole files are taken from a folder");
    check("path = \".\"\npattern = \"*.csv\"", "");
    check("path = \"in\"", "");
    check("path = \"not/yet\"", "");
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn complete_lines_of_a_growing_file_are_taken_once() {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("app.log");
    let memory = Memory::default();
    let text = "path = \"app.log\"\nmode = \"tail\"";
    collector(site.path(), text).once(&memory).await.unwrap();
    append(&path, "one\ntwo\nthr");
    collector(site.path(), text).once(&memory).await.unwrap();
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["one\ntwo\n"]);
    append(&path, "ee\n");
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["one\ntwo\n", "three\n"]);
}

#[tokio::test]
async fn a_rotated_file_is_finished_before_the_new_one() {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("app.log");
    let memory = Memory::default();
    let text = "path = \"app.log\"\nmode = \"tail\"";
    append(&path, "one\n");
    collector(site.path(), text).once(&memory).await.unwrap();
    append(&path, "two\nlast");
    fs::rename(&path, site.path().join("app.log.1")).unwrap();
    append(&path, "three\n");
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["one\n", "two\n", "three\n"]);
    // Its writer lets go of it: the last line will have no end.
    old(&site.path().join("app.log.1"), "one\ntwo\nlast", 60);
    collector(site.path(), text).once(&memory).await.unwrap();
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["one\n", "two\n", "three\n", "last"]);
    assert_eq!(memory.trouble(), "");
}

#[tokio::test]
async fn a_file_that_was_moved_out_of_the_folder_leaves_a_gap() {
    let (site, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = site.path().join("app.log");
    let memory = Memory::default();
    let text = "path = \"app.log\"\nmode = \"tail\"";
    append(&path, "one\n");
    collector(site.path(), text).once(&memory).await.unwrap();
    append(&path, "two\n");
    fs::rename(&path, elsewhere.path().join("app.log")).unwrap();
    append(&path, "three\n");
    let why = collector(site.path(), text).once(&memory).await.unwrap_err();
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["one\n", "three\n"]);
    assert_eq!(gaps(&memory), [why], "it is told once");
}

/// What was told as lost.
fn gaps(memory: &Memory) -> Vec<String> {
    let gaps = memory.health().into_iter().filter_map(|one| match one {
        Health::Gap(_, _, why) => Some(why),
        Health::Good | Health::Trouble(_) => None,
    });
    gaps.collect()
}

/// Rotates as logrotate does, by so many steps; what was packed stays packed.
fn rotate(path: &Path, keeps: u32) {
    let place = |count: u32, ending: &str| path.with_file_name(format!("app.log.{count}{ending}"));
    for ending in ["", ".gz"] {
        fs::remove_file(place(keeps, ending)).ok();
        for count in (1..keeps).rev() {
            fs::rename(place(count, ending), place(count + 1, ending)).ok();
        }
    }
    fs::rename(path, place(1, "")).ok();
}

#[tokio::test]
async fn files_beyond_the_most_that_are_followed_are_told_and_the_newest_are_read() {
    let site = tempfile::tempdir().unwrap();
    let memory = Memory::default();
    let mut tail = Tail::new(&setup(site.path()), "logs/", Pattern::new("*.log").unwrap(), From::Start);
    tail.followed_max = 3;
    let folder = site.path().join("logs");
    fs::create_dir(&folder).unwrap();
    for age in 1..=5 {
        old(&folder.join(format!("{age}.log")), &format!("{age}\n"), age * 1000);
    }
    for _ in 0..2 {
        tail.once(&memory).await.unwrap();
        assert_eq!(memory.texts(), ["3\n", "2\n", "1\n"]);
    }
    let told =
        |count: &str| format!("{count} left out of {}/, where 3 are followed; move old ones away", folder.display());
    assert_eq!(gaps(&memory), [told("2 files are")], "once, not with every look");
    assert!(tail.check().await.unwrap().ends_with("5 files to follow, of which 3 are followed"));

    // One that is followed stays so however old it becomes, and one that is left out comes in as soon as there is room.
    append(&folder.join("3.log"), "more\n");
    old(&folder.join("0.log"), "0\n", 10);
    memory.pass(3600);
    tail.once(&memory).await.unwrap();
    assert_eq!(memory.texts().last().unwrap(), "more\n");
    assert_eq!(gaps(&memory)[1..], [told("3 files are")], "others are told after an hour");
    for name in ["1.log", "4.log", "5.log"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    for _ in 0..3 {
        tail.once(&memory).await.ok();
    }
    assert_eq!(memory.texts()[4..], ["0\n"]);
}

const FOLLOW: &str = "path = \"app.log\"\nmode = \"tail\"";

#[tokio::test]
async fn what_was_born_and_rotated_away_while_nobody_looked_is_read_in_order() {
    for steps in 0..60 {
        let is_created = steps % 2 == 0;
        let site = tempfile::tempdir().unwrap();
        let path = site.path().join("app.log");
        let memory = Memory::default();
        let once = async || collector(site.path(), FOLLOW).once(&memory).await.unwrap();
        old(&site.path().join("app.log.1"), "before\n", 4000);
        old(&site.path().join("app-2.log"), "another log\n", 10);
        old(&path, "1\n", 3000);
        once().await;
        append(&path, "2\n");
        old(&path, "1\n2\n", 2900);
        rotate(&path, 9);
        for (count, age) in [(3, 2000), (4, 1000)] {
            old(&path, &format!("{count}\n"), age);
            rotate(&path, 9);
        }
        if is_created {
            append(&path, "5\n");
        }
        let ended = killed_after(&*collector(site.path(), FOLLOW), &memory, steps).await;
        rotate(&path, 9);
        append(&path, "6\n");
        once().await;
        once().await;
        let want = if is_created { "1\n2\n3\n4\n5\n6\n" } else { "1\n2\n3\n4\n6\n" };
        assert_eq!(memory.texts().concat(), want, "killed after {steps} steps");
        assert_eq!((memory.trouble(), gaps(&memory)), (String::new(), Vec::new()));
        if ended {
            assert!(steps > 10, "{steps}");
            return;
        }
    }
    panic!("it never came to its end");
}

/// Whoever rotates does not wait for a look to end: a file may lie elsewhere between being found and being opened.
#[tokio::test]
async fn rotation_in_the_middle_of_a_look_neither_loses_nor_doubles_a_line() {
    const FILES: u32 = 100;
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("app.log");
    let memory = Memory::default();
    let tail = collector(site.path(), FOLLOW);
    append(&path, "0\n");
    tail.once(&memory).await.unwrap();
    let writer = std::thread::spawn({
        let path = path.clone();
        move || {
            for count in 1..FILES {
                rotate(&path, FILES);
                append(&path, &format!("{count}\n"));
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    let mut troubles = Vec::new();
    while !writer.is_finished() {
        troubles.extend(tail.once(&memory).await.err());
    }
    writer.join().unwrap();
    for _ in 0..3 {
        tail.once(&memory).await.unwrap();
    }
    let mut lines: Vec<u32> = memory.texts().concat().lines().map(|line| line.parse().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, Vec::from_iter(0..FILES), "{troubles:?}");
    assert_eq!(gaps(&memory), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_born_after_a_file_that_was_read_to_its_end_is_read_too() {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("app.log");
    let memory = Memory::default();
    let once = async || collector(site.path(), FOLLOW).once(&memory).await.unwrap();
    old(&path, "1\n", 3000);
    once().await;
    rotate(&path, 9);
    // Nothing is there for a while.
    once().await;
    once().await;
    old(&path, "2\n", 2000);
    rotate(&path, 9);
    old(&path, "3\n", 1000);
    for _ in 0..3 {
        once().await;
        assert_eq!(memory.texts(), ["1\n", "2\n", "3\n"]);
    }
    // Moved away and back, it is the same.
    fs::rename(&path, site.path().join("elsewhere")).unwrap();
    once().await;
    fs::rename(site.path().join("elsewhere"), &path).unwrap();
    append(&path, "4\n");
    once().await;
    assert_eq!(memory.texts(), ["1\n", "2\n", "3\n", "4\n"]);
    assert_eq!(gaps(&memory), Vec::<String>::new());
}

#[tokio::test]
async fn generations_that_are_packed_or_gone_are_told_once() {
    let check = async |keeps: u32, packs: &[u32], texts: &str, want: &[&str]| {
        let site = tempfile::tempdir().unwrap();
        let path = site.path().join("app.log");
        let memory = Memory::default();
        old(&path, "1\n", 3000);
        collector(site.path(), FOLLOW).once(&memory).await.unwrap();
        old(&path, "1\n2\n", 2900);
        for (count, age) in [(3, 2000), (4, 1000), (5, 500)] {
            rotate(&path, keeps);
            old(&path, &format!("{count}\n"), age);
        }
        for count in packs {
            let place = site.path().join(format!("app.log.{count}"));
            let written = fs::metadata(&place).unwrap().modified().unwrap();
            let packed = fs::File::create(place.with_extension(format!("{count}.gz"))).unwrap();
            packed.set_modified(written).unwrap();
            fs::remove_file(place).unwrap();
        }
        let why = collector(site.path(), FOLLOW).once(&memory).await.unwrap_err();
        for _ in 0..2 {
            collector(site.path(), FOLLOW).once(&memory).await.unwrap();
        }
        assert_eq!(memory.texts().concat(), texts, "{keeps} {packs:?}");
        let told = gaps(&memory);
        assert_eq!(why, told.join("; "));
        assert_eq!(told.len(), want.len(), "{told:?}");
        assert!(told.iter().zip(want).all(|(told, want)| told.contains(want)), "{told:?}");
    };
    check(9, &[2], "1\n2\n4\n5\n", &["app.log.2.gz was packed before it was read to its end"]).await;
    let away = "app.log was moved away while Concert did not run; what may have followed byte 2 in it is not read";
    let anew = "what may have followed byte 2 in it";
    // The inode of what was removed is given to the next one on some file systems.
    check(2, &[], "1\n3\n4\n5\n", &[anew]).await;
    check(9, &[3, 2], "1\n4\n5\n", &[away, "app.log.3.gz was packed", "app.log.2.gz was packed"]).await;
}

#[tokio::test]
async fn what_was_copied_before_the_file_was_truncated_is_read_on() {
    for is_twice in [false, true] {
        let site = tempfile::tempdir().unwrap();
        let path = site.path().join("app.log");
        let memory = Memory::default();
        let once = async || collector(site.path(), FOLLOW).once(&memory).await.unwrap();
        append(&path, "1\n");
        once().await;
        append(&path, "2\n");
        fs::copy(&path, site.path().join("app.log.1")).unwrap();
        fs::write(&path, "").unwrap();
        append(&path, "3\n");
        if is_twice {
            fs::rename(site.path().join("app.log.1"), site.path().join("app.log.2")).unwrap();
            fs::copy(&path, site.path().join("app.log.1")).unwrap();
            fs::write(&path, "").unwrap();
        }
        append(&path, "4\n");
        for _ in 0..3 {
            once().await;
            assert_eq!(memory.texts().concat(), "1\n2\n3\n4\n", "{is_twice}");
        }
        assert_eq!(gaps(&memory), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_truncated_file_is_read_from_its_start() {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("app.log");
    let memory = Memory::default();
    let text = "path = \".\"\npattern = \"*.log\"\nmode = \"tail\"";
    for content in ["one\n", "a longer line\n", "one\n", "one\n"] {
        // The inode stays, and the second content is longer than the first.
        fs::write(&path, "").unwrap();
        append(&path, content);
        collector(site.path(), text).once(&memory).await.unwrap();
    }
    // The last write could not be told from no write at all: same bytes, same length.
    assert_eq!(memory.texts(), ["one\n", "a longer line\n", "one\n"]);
}

#[tokio::test]
async fn from_end_skips_what_was_there_and_nothing_after() {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("app.log");
    let memory = Memory::default();
    let text = "path = \"app.log\"\nmode = \"tail\"\nfrom = \"end\"";
    append(&path, "old\nhal");
    collector(site.path(), text).once(&memory).await.unwrap();
    append(&path, "f\nnew\n");
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!(memory.texts(), ["half\nnew\n"]);
}

#[tokio::test]
async fn a_kill_at_any_step_neither_loses_nor_doubles_a_line() {
    let text = "path = \"app.log\"\nmode = \"tail\"";
    for steps in 0..40 {
        let site = tempfile::tempdir().unwrap();
        let path = site.path().join("app.log");
        let memory = Memory::default();
        append(&path, "one\ntwo\n");
        let mut ended = killed_after(&*collector(site.path(), text), &memory, steps).await;
        append(&path, "three\n");
        ended &= killed_after(&*collector(site.path(), text), &memory, steps).await;
        append(&path, "four\n");
        collector(site.path(), text).once(&memory).await.unwrap();
        assert_eq!(memory.texts().concat(), "one\ntwo\nthree\nfour\n", "killed after {steps} steps");
        if ended {
            assert!(steps >= 6);
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn what_is_remembered_of_many_files_is_written_once_for_many() {
    let site = tempfile::tempdir().unwrap();
    let folder = site.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let lines = (0..250).map(|number| format!("{number}\n")).collect::<Vec<_>>();
    for (line, age) in lines.iter().zip((1..=250).rev()) {
        old(&folder.join(format!("{}.log", line.trim())), line, age * 60);
    }
    let memory = Memory::default();
    let text = "path = \"logs/\"\npattern = \"*.log\"\nmode = \"tail\"";
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!(memory.texts(), lines);
    // That they are there, then twice for each batch of a hundred.
    assert_eq!(memory.remembered(), 7);
    for line in &lines[..2] {
        fs::write(folder.join(format!("{}.log", line.trim())), format!("{line}more\n")).unwrap();
    }
    collector(site.path(), text).once(&memory).await.unwrap();
    assert_eq!((memory.kept().len(), memory.remembered()), (252, 9));
}

#[tokio::test]
async fn a_kill_at_any_step_neither_loses_nor_doubles_a_line_of_many_files() {
    let text = "path = \"logs/\"\npattern = \"*.log\"\nmode = \"tail\"";
    let lines = ["1\n", "2\n", "3\n", "4\n"];
    for steps in 0..60 {
        let site = tempfile::tempdir().unwrap();
        let folder = site.path().join("logs");
        fs::create_dir(&folder).unwrap();
        for (line, age) in lines.iter().zip((1..=4).rev()) {
            old(&folder.join(format!("{}.log", line.trim())), line, age * 60);
        }
        let memory = Memory::default();
        let ended = killed_after(&*collector(site.path(), text), &memory, steps).await;
        // Each goes on growing before the next process looks.
        for line in lines {
            let path = folder.join(format!("{}.log", line.trim()));
            fs::write(&path, format!("{line}more {line}")).unwrap();
        }
        collector(site.path(), text).once(&memory).await.unwrap();
        let mut got: Vec<String> =
            memory.texts().iter().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        got.sort();
        let mut want: Vec<String> =
            lines.iter().flat_map(|line| [line.trim().to_owned(), format!("more {}", line.trim())]).collect();
        want.sort();
        assert_eq!(got, want, "killed after {steps} steps");
        if ended {
            return;
        }
    }
    panic!("the look never came to its end");
}

#[tokio::test]
async fn live_lines_come_within_half_a_second_and_a_bit() {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("app.log");
    let (memory, stop) = (Arc::new(Memory::default()), CancellationToken::new());
    let collector = collector(site.path(), "path = \"app.log\"\nmode = \"tail\"");
    let task = tokio::spawn({
        let (memory, stop) = (Arc::clone(&memory), stop.clone());
        async move { collector.run(&*memory, stop).await }
    });
    for count in 1..=3 {
        append(&path, "line\n");
        memory.wait_for(count).await;
    }
    stop.cancel();
    task.await.unwrap();
    assert_eq!(memory.texts(), ["line\n", "line\n", "line\n"]);
}

/// Gives what it is told to, and waits meanwhile.
struct Pipe(std::sync::mpsc::Receiver<&'static str>);

impl std::io::Read for Pipe {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        let Ok(text) = self.0.recv() else { return Ok(0) };
        space[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

/// A reload gives the feed another name: what was read and what comes then is all there, each line whole.
#[tokio::test]
async fn a_feed_in_place_of_another_reads_on_where_that_one_ended() {
    let site = tempfile::tempdir().unwrap();
    let (say, heard) = std::sync::mpsc::channel();
    let source = Arc::new(Source::new(Box::new(Pipe(heard))));
    let (memory, mut spoken) = (Memory::default(), String::new());
    let mut speak = |text: &'static str| {
        say.send(text).unwrap();
        spoken.push_str(text);
    };
    for pause in [0, 300, 700] {
        let lines = Lines::of(&setup(site.path()), Arc::clone(&source));
        let stop = CancellationToken::new();
        let stopping = async {
            speak("one\ntwo\nbegun");
            tokio::time::sleep(Duration::from_millis(pause)).await;
            lines.hand_on();
            speak(" and\nthree\nagain begun");
            stop.cancel();
            speak(" and ended\n");
        };
        tokio::join!(lines.run(&memory, stop.clone()), stopping);
    }
    drop(say);
    Lines::of(&setup(site.path()), Arc::clone(&source)).once(&memory).await.unwrap();
    assert_eq!(memory.texts().concat(), spoken);
    assert!(memory.texts().iter().all(|text| text.ends_with('\n')), "{:?}", memory.texts());
    let again = Lines::of(&setup(site.path()), source).once(&memory).await;
    assert_eq!(again, Err("standard input was read before".into()));
}

/// Where nobody reads on, what was read is kept, and the half of a line too.
#[tokio::test]
async fn a_feed_that_ends_keeps_all_that_it_read_of_standard_input() {
    let site = tempfile::tempdir().unwrap();
    let (say, heard) = std::sync::mpsc::channel();
    let source = Arc::new(Source::new(Box::new(Pipe(heard))));
    let lines = Lines::of(&setup(site.path()), Arc::clone(&source));
    let (memory, stop) = (Memory::default(), CancellationToken::new());
    let stopping = async {
        say.send("one\ntwo\nhalf").unwrap();
        // Whole lines are kept once all of that was read.
        memory.wait_for(1).await;
        stop.cancel();
    };
    tokio::join!(lines.run(&memory, stop.clone()), stopping);
    assert_eq!(memory.texts().concat(), "one\ntwo\nhalf");
}

#[tokio::test]
async fn a_feed_that_breaks_off_gives_standard_input_back() {
    let site = tempfile::tempdir().unwrap();
    let (say, heard) = std::sync::mpsc::channel();
    let source = Arc::new(Source::new(Box::new(Pipe(heard))));
    let memory = Memory::default();
    say.send("one\nhalf ").unwrap();
    let first = Lines::of(&setup(site.path()), Arc::clone(&source));
    tokio::select! {
        () = first.run(&memory, CancellationToken::new()) => {}
        () = memory.wait_for(1) => {}
    }
    say.send("of it\n").unwrap();
    drop(say);
    Lines::of(&setup(site.path()), source).once(&memory).await.unwrap();
    assert_eq!(memory.texts().concat(), "one\nhalf of it\n");
}

#[tokio::test]
async fn standard_input_is_read_to_its_end() {
    let site = tempfile::tempdir().unwrap();
    let memory = Memory::default();
    let text = format!("{}last without end", "a line of some length\n".repeat(100_000));
    let source = Arc::new(Source::new(Box::new(std::io::Cursor::new(text.clone().into_bytes()))));
    let lines = Lines::of(&setup(site.path()), source);
    lines.once(&memory).await.unwrap();
    assert_eq!(memory.texts().concat(), text);
    let kept = memory.kept();
    assert!(kept.iter().all(|(_, bytes)| bytes.len() <= 1 << 20), "within the cap");
    let ends = kept.iter().take(kept.len() - 1).all(|(_, bytes)| bytes.ends_with(b"\n"));
    assert!(ends, "lines are whole");
}
