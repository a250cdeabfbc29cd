//! Real mails that carry reports, unpacked and parsed. `CONCERT_SAMPLES` names the folder of samples.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod check;

use std::io::Cursor;
use std::path::Path;

use concert_model::{Batch, OpenEvent, ProblemKey};
use concert_pipeline::parse::unpack::{self, Limits};
use concert_pipeline::parse::{Fixed, Sink};

/// The bytes of a mail; `None` where there are no samples.
fn mail(name: &str) -> Option<Vec<u8>> {
    let Some(root) = std::env::var_os("CONCERT_SAMPLES") else {
        println!("skipped: CONCERT_SAMPLES is not set");
        return None;
    };
    Some(std::fs::read(Path::new(&root).join("mail").join(name)).unwrap())
}

/// `place: lines` of every part, and why something could not be opened.
fn parts(name: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let rejects =
        unpack::parts(Cursor::new(mail(name)?), &check::receipt(name), &Limits::default(), &mut |part, input| {
            let mut count = 0;
            while input.next_line().is_some() {
                count += 1;
            }
            found.push(format!("{}: {count}", part.place));
        });
    found.extend(rejects.iter().map(|reject| format!("{}: {}", reject.part, reject.reason)));
    Some(found)
}

fn check_parts(name: &str, want: &[&str]) {
    if let Some(found) = parts(name) {
        assert_eq!(found, want, "{name}");
    }
}

#[test]
fn attachments_are_found_in_real_mails() {
    check_parts(
        "built-zip-mixed-members.eml",
        &[
            "built-zip-mixed-members.eml/meldungen-übersicht.zip/2022-02-10-scan_smb-x.CSV: 2",
            "built-zip-mixed-members.eml/meldungen-übersicht.zip/2022-02-10-scan_adb-x.csv: 3",
        ],
    );
    check_parts("csv-attachment-and-link.eml", &["csv-attachment-and-link.eml/2016-01-01-single_event-test.csv: 2"]);
}

#[test]
fn every_real_mail_is_opened() {
    let Some(root) = std::env::var_os("CONCERT_SAMPLES") else {
        return println!("skipped: CONCERT_SAMPLES is not set");
    };
    for entry in std::fs::read_dir(Path::new(&root).join("mail")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".eml") {
            let found = parts(&name).unwrap();
            assert!(!found.is_empty(), "{name}");
            println!("{name}: {found:?}");
        }
    }
}

/// The whole way: mail, zip, CSV.
#[test]
fn a_shadowserver_mail_gives_its_events() {
    for (name, events) in [
        ("built-shadowserver-zip-coap.eml", 3),
        ("shadowserver-link-and-zip-afp.eml", 2),
        ("built-zip-mixed-members.eml", 3),
    ] {
        let Some(bytes) = mail(name) else { return };
        let receipt = check::receipt(name);
        let feed = check::feed("shadowserver", "", &|_| Err("no files here".to_owned()));
        let Fixed { constants, extras, zone } = feed.fixed;
        let mut stage = |_: &mut OpenEvent<'_>| true;
        let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
        let mut flush = |batch: Batch| batch;
        let mut rejects = Vec::new();
        let mut reject = |reject| rejects.push(reject);
        let mut sink =
            Sink::new(receipt.id(&[0; 32]), &receipt, constants, zone, &mut stage, &key_of, &mut flush, &mut reject);
        sink.give_extras(extras);
        unpack::read(Cursor::new(bytes), &receipt, &Limits::default(), feed.parser.as_ref(), &mut sink);
        let counts = sink.finish();
        assert_eq!((counts.events, &rejects), (events, &Vec::new()), "{name}");
    }
}
