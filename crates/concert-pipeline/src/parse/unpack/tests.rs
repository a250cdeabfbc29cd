//! Wrapped reports, good and bad.

use std::io::Write as _;

use super::*;
use crate::parse::check::{self, receipt};

/// `place|name|text` of every part, and `place: reason` of every reject.
fn open(bytes: &[u8], name: &str, limits: &Limits) -> (Vec<String>, Vec<String>) {
    let mut found = Vec::new();
    let rejects = parts(Cursor::new(bytes), &receipt(name), limits, &mut |part, input| {
        let mut text = String::new();
        while let Some(line) = input.next_line() {
            let crate::parse::Line::Whole(line) = line else { continue };
            text.push_str(std::str::from_utf8(line).unwrap_or("(not UTF-8)"));
            text.push(';');
        }
        found.push(format!("{}|{}|{}", part.place, part.name, text.get(..40).unwrap_or(&text)));
    });
    (found, rejects.iter().map(|reject| format!("{}: {}", reject.part, reject.reason)).collect())
}

fn check(bytes: &[u8], name: &str, want: &[&str], rejects: &[&str]) {
    let (found, refused) = open(bytes, name, &Limits::default());
    assert_eq!(
        (found, refused),
        (want.iter().map(ToString::to_string).collect(), rejects.iter().map(ToString::to_string).collect())
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn plain_and_packed_reports_are_opened() {
    check(b"a\nb", "x.csv", &["|x.csv|a;b;"], &[]);
    check(&gzip(b"a\n"), "x.csv.gz", &["|x.csv|a;"], &[]);
    check(&[gzip(b"a\n"), gzip(b"b\n")].concat(), "x.csv.GZ", &["|x.csv|a;b;"], &[]);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bzip2.write_all(b"a\n").unwrap();
    check(&bzip2.finish().unwrap(), "x.bz2", &["|x|a;"], &[]);
    let zip = zipped(&[("a.csv", b"1"), ("README.txt", b"no"), ("../../etc/b.csv", b"2")]);
    check(&zip, "x.zip", &["x.zip/a.csv|a.csv|1;", "x.zip/../../etc/b.csv|b.csv|2;"], &[]);
    check(&zipped(&[("a.csv.gz", &gzip(b"1"))]), "x.zip", &["x.zip/a.csv.gz|a.csv|1;"], &[]);
    check(b"", "x.csv", &["|x.csv|"], &[]);
}

#[test]
fn wide_text_becomes_utf8() {
    let wide: Vec<u8> = "\u{feff}é,a\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&wide, "x.csv", &["|x.csv|é,a;"], &[]);
    let wide: Vec<u8> = "\u{feff}b\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(&gzip(&wide), "x.csv.gz", &["|x.csv|b;"], &[]);
    // Some write no mark.
    let text = "time,name\n1,ü\n";
    for wide in [u16::to_le_bytes, u16::to_be_bytes] {
        let wide: Vec<u8> = text.encode_utf16().flat_map(wide).collect();
        check(&zipped(&[("a.csv", &wide)]), "x.zip", &["x.zip/a.csv|a.csv|time,name;1,ü;"], &[]);
    }
}

#[test]
fn what_cannot_be_opened_is_said_with_its_place() {
    let inner = zipped(&[("c.csv", b"3")]);
    let middle = zipped(&[("inner.zip", &inner), ("b.csv", b"2")]);
    let outer = zipped(&[("middle.zip", &middle), ("a.csv", b"1")]);
    check(
        &outer,
        "x.zip",
        &["x.zip/middle.zip/b.csv|b.csv|2;", "x.zip/a.csv|a.csv|1;"],
        &["x.zip/middle.zip/inner.zip: an archive more than 2 deep, which is not opened"],
    );
    let twice = gzip(&gzip(b"1"));
    check(
        &zipped(&[("a.csv.gz.gz", &twice), ("/etc/b.csv", b"2"), ("C:\\c.csv", b"3")]),
        "x.zip",
        &["x.zip//etc/b.csv|b.csv|2;", "x.zip/C:\\c.csv|c.csv|3;"],
        &["x.zip/a.csv.gz.gz: an archive more than 2 deep, which is not opened"],
    );
    let behind = [gzip(b"a\n"), b"more than that".to_vec()].concat();
    check(&behind, "x.gz", &["|x|a;"], &[": reading stopped: invalid gzip header"]);
    let cut = gzip(b"a\nb\nc\n");
    let (found, refused) = open(&cut[..cut.len() - 12], "x.gz", &Limits::default());
    assert_eq!((found.len(), refused.len()), (1, 1), "{refused:?}");
    let zip = zipped(&[("a.csv", b"1")]);
    let (found, refused) = open(&zip[..zip.len() - 30], "x.zip", &Limits::default());
    assert_eq!((found.len(), refused.len()), (0, 1), "{refused:?}");
    check(&zipped(&[]), "x.zip", &[], &[": nothing in it to read"]);
}

#[test]
fn a_line_that_reading_stopped_in_is_no_event() {
    let whole = gzip(b"192.0.2.101\n192.0.2.102\n192.0.2.103");
    // The checksum is wrong: what came before the last line stays.
    let mut damaged = whole.clone();
    let at = damaged.len() - 6;
    damaged[at] ^= 1;
    let no_files = |_: &str| Err("no files here".to_owned());
    for (parser, settings) in [("csv", "header = false\ncolumns = { 1 = \"source.ip\" }"), ("cins-army", "")] {
        let feed = check::feed(parser, settings, &no_files);
        let read = |bytes: &[u8]| {
            check::through(&feed, "x.gz", |receipt, sink| {
                super::read(Cursor::new(bytes), receipt, &Limits::default(), &*feed.parser, sink);
            })
        };
        assert_eq!((read(&whole).0.len(), read(&whole).1), (3, vec![]), "{parser}");
        let (events, rejects) = read(&damaged);
        assert_eq!((events.len(), rejects.len()), (2, 1), "{parser}: {events:?} {rejects:?}");
        assert!(rejects[0].starts_with("3 : reading stopped: "), "{parser}: {rejects:?}");
    }
}

#[test]
fn encrypted_members_are_said_to_be() {
    let mut zip = zipped(&[("a.csv", b"1"), ("b.csv", b"2")]);
    // The first bit of the flags says encrypted; the local header and its copy in the directory.
    let central = memchr::memmem::find(&zip, b"PK\x01\x02").unwrap();
    zip[6] |= 1;
    zip[central + 8] |= 1;
    let encrypted = "x.zip/a.csv: encrypted, and there is no way to give a password";
    check(&zip, "x.zip", &["x.zip/b.csv|b.csv|2;"], &[encrypted]);
}

#[test]
fn bombs_stop_early() {
    let bomb = gzip(&vec![b'\n'; 64 << 20]);
    let mut lines = 0;
    let rejects = parts(Cursor::new(&bomb), &receipt("x.gz"), &Limits::default(), &mut |_, input| {
        while input.next_line().is_some() {
            lines += 1;
        }
    });
    // What was read before the cap is handed on in blocks.
    assert!((15 << 20..20 << 20).contains(&lines), "{lines}");
    assert_eq!(rejects.len(), 1);
    assert!(rejects[0].reason.contains("200 times its size"), "{rejects:?}");

    let small = Limits { bytes: 100, ..Limits::default() };
    let (found, refused) = open(&zipped(&[("a", &[b'x'; 80]), ("b", &[b'y'; 80]), ("c", b"z")]), "x.zip", &small);
    assert!(found.len() == 2 && found[1] == "x.zip/b|b|", "{found:?}");
    let limit = "x.zip/b: reading stopped: the report unpacks to more than 100 bytes";
    assert_eq!(refused, [limit, "x.zip/b: 1 member behind this one is not read"]);

    let members: Vec<(String, Vec<u8>)> = (0..1100).map(|n| (format!("{n}.csv"), b"x".to_vec())).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let (found, refused) = open(&zipped(&members), "x.zip", &Limits::default());
    assert_eq!((found.len(), refused.len()), (1000, 1));
    assert!(refused[0].contains("more than 1000 members"), "{refused:?}");
}

const MAIL: &str = "From mbox Thu Jan 1\r\nFrom: feeds@cert.example\r\nTo: in@cert.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/signed; boundary=s; micalg=pgp-sha256\r\n\r\n--s\r\n\
Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--m\r\n\
Content-Type: text/csv; name=\"a.csv\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nM=FCnchen,1=\r\n2\r\n--m\r\n\
Content-Type: text/csv; charset=iso-8859-1\r\nContent-Disposition: attachment; filename*=utf-8''%C3%BC.csv\r\n\
Content-Transfer-Encoding: base64\r\n\r\nTfxuY2hlbg==\r\n--m\r\n\
Content-Type: message/rfc822\r\n\r\nFrom: b@cert.example\r\nTo: c@cert.example\r\nSubject: inner\r\n\r\ninner text\r\n--m--\r\n\
--s\r\nContent-Type: application/pgp-signature; name=s.asc\r\n\r\nxxx\r\n--s--\r\n";

#[test]
fn mails_are_taken_apart() {
    let with = |which: Parts, names: &[&str]| {
        let names = names.iter().map(ToString::to_string).collect();
        open(MAIL.as_bytes(), "", &Limits { parts: Some(which), names, ..Limits::default() })
    };
    let (found, refused) = with(Parts::Attachments, &[]);
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!(found, ["a.csv|a.csv|(not UTF-8);", "ü.csv|ü.csv|München;", "part 3/body.txt|body.txt|inner text;"]);
    assert_eq!(with(Parts::Bodies, &[]).0, ["body.txt|body.txt|See below.;"]);
    assert_eq!(with(Parts::All, &[]).0.len(), 4);
    assert_eq!(with(Parts::Attachments, &["a*.CSV"]).0[0], "a.csv|a.csv|(not UTF-8);");
    assert_eq!(with(Parts::Whole, &[]).0.len(), 1);
}

#[test]
fn attachments_with_wrong_labels_are_read() {
    let part = |label: &str, body: &str| {
        format!(
            "--m\r\nContent-Type: text/csv; {label}name=a.csv\r\nContent-Disposition: attachment; filename=a.csv\r\n{body}\r\n"
        )
    };
    let packed = "Content-Transfer-Encoding: base64\r\n\r\n";
    let mail = [
        "From: a@b.example\r\nTo: c@d.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n",
        &part("charset=x-klingon; ", "\r\none,ü"),
        &part("charset=; ", "\r\ntwo"),
        // Cut off within four letters.
        &part("charset=utf-8; ", &format!("{packed}dGhyZWUKZm91cgpmaX")),
        "--m--\r\n",
    ]
    .concat();
    let (found, refused) = open(mail.as_bytes(), "", &Limits::default());
    assert_eq!(
        (found, refused),
        (
            vec![
                "a.csv|a.csv|one,ü;".to_owned(),
                "a.csv|a.csv|two;".to_owned(),
                "a.csv|a.csv|three;four;f;".to_owned()
            ],
            Vec::new()
        )
    );
}

#[test]
fn a_mail_whose_first_header_is_very_long_is_a_mail() {
    let headers = "From: a@b.example\nSubject: x\nContent-Type: text/plain\n\none\n";
    for first in ["Received: ", "X-Whatever: ", "DKIM-Signature: a\n "] {
        let mail = format!("{first}{}\n{headers}", "x".repeat(1 << 20));
        check(mail.as_bytes(), "a.eml", &["a.eml/body.txt|body.txt|one;"], &[]);
        check(&gzip(mail.as_bytes()), "a.eml.gz", &["a.eml/body.txt|body.txt|one;"], &[]);
    }
    // What is none stays whole.
    let list = format!("ip: {}\nend\n", "x".repeat(1 << 15));
    let (found, refused) = open(list.as_bytes(), "a.txt", &Limits::default());
    assert!(found.len() == 1 && found[0].starts_with("|a.txt|ip: xxx") && refused.is_empty(), "{found:?} {refused:?}");
}

#[test]
fn what_stands_before_junk_in_base64_is_read() {
    let mail = |kind: &str, body: &str| {
        format!(
            "From: a@b.example\r\nTo: c@d.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n\
             --m\r\nContent-Type: {kind}; name=a.csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{body}\r\n--m\r\n\
             Content-Type: text/csv; name=b.csv\r\n\r\nb\r\n--m--\r\n"
        )
    };
    // one two three four five six, a line each, in lines of 16 letters.
    let broken = "b25lCnR3bwp0aHJl\r\nZQpmb3VyCmZp\u{1}dmUK\r\nc2l4Cg==";
    let why = "a.csv: reading stopped: its base64 is broken in line 2 of the attachment";
    for kind in ["text/csv", "text/csv; charset=utf-8", "application/octet-stream"] {
        let mail = mail(kind, broken);
        check(mail.as_bytes(), "", &["a.csv|a.csv|one;two;three;four;", "b.csv|b.csv|b;"], &[why]);
    }
    // A wrong label.
    let (found, refused) = open(mail("text/csv", "time,ip\r\n1,192.0.2.1").as_bytes(), "", &Limits::default());
    assert_eq!((found[0].as_str(), refused), ("a.csv|a.csv|time,ip;1,192.0.2.1;", Vec::<String>::new()));
}

#[test]
fn a_mail_cut_anywhere_never_panics() {
    for end in 0..MAIL.len() {
        let (found, refused) = open(&MAIL.as_bytes()[..end], "x.eml", &Limits::default());
        assert!(found.len() + refused.len() <= 8, "{end}");
    }
}

#[test]
fn names_are_matched_by_patterns() {
    for (pattern, name, want) in [
        ("*.csv", "a.csv", true),
        ("*.csv", "a.csv.txt", false),
        ("scan_*-x*.csv", "scan_dns-x-1.csv", true),
        ("a", "a", true),
        ("a*a", "a", false),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, name), want, "{pattern} {name}");
    }
}

/// Says the names of the parts it is given, as rejects.
struct Names(Parts);

impl Parser for Names {
    fn parse(&self, _: &mut Input<'_>, about: &About<'_>, sink: &mut Sink<'_>) {
        sink.reject(1, Fault::new("", about.name), b"");
    }

    fn parts(&self) -> Parts {
        self.0
    }
}

#[test]
fn the_parser_says_which_parts_of_a_mail_it_is_for() {
    for (wish, setting, want) in [
        (Parts::Bodies, None, "body.txt"),
        (Parts::Whole, None, "x.eml"),
        (Parts::Whole, Some(Parts::Bodies), "body.txt"),
    ] {
        let (receipt, mut names) = (receipt("x.eml"), Vec::new());
        let mut stage = |_: &mut concert_model::OpenEvent<'_>| true;
        let key_of = |_: &concert_model::OpenEvent<'_>| concert_model::ProblemKey::default();
        let mut flush = |batch: concert_model::Batch| batch;
        let mut reject = |reject: Reject| names.push((reject.part, reject.reason));
        let id = receipt.id(&[0; 32]);
        let mut sink = Sink::new(id, &receipt, Vec::new(), None, &mut stage, &key_of, &mut flush, &mut reject);
        let limits = Limits { parts: setting, ..Limits::default() };
        read(Cursor::new(MAIL), &receipt, &limits, &Names(wish), &mut sink);
        assert_eq!(sink.finish().rejects, 1);
        assert_eq!(names[0].1, want);
    }
}

#[test]
fn what_stands_beside_a_reject_is_in_the_letters_of_the_report() {
    let check = |settings: &str, bytes: &[u8], want: &str| {
        let feed =
            check::feed("csv", &format!("columns = {{ ip = \"source.ip\" }}\n{settings}"), &|_| Ok(String::new()));
        let (receipt, mut texts) = (receipt("list.csv"), Vec::new());
        let mut stage = |_: &mut concert_model::OpenEvent<'_>| true;
        let key_of = |_: &concert_model::OpenEvent<'_>| concert_model::ProblemKey::default();
        let mut flush = |batch: concert_model::Batch| batch;
        let mut reject = |reject: Reject| texts.push(reject.text);
        let id = receipt.id(&[0; 32]);
        let mut sink = Sink::new(id, &receipt, Vec::new(), None, &mut stage, &key_of, &mut flush, &mut reject);
        let encoding = if settings.is_empty() { None } else { Encoding::for_label(b"iso-8859-2") };
        let limits = Limits { encoding, ..Limits::default() };
        read(Cursor::new(bytes), &receipt, &limits, &*feed.parser, &mut sink);
        sink.finish();
        assert_eq!(texts, [want]);
    };
    check("", b"ip,name\nGr\xfc\xdfe aus K\xf6ln,x\n192.0.2.1,y\n", "Grüße aus Köln,x");
    check("", "ip,name\nGrüße,x\n".as_bytes(), "Grüße,x");
    check("# as the feed says", b"ip,name\nPozna\xf1,x\n", "Poznań,x");
}

#[test]
fn damaged_wrappings_never_panic() {
    let rows = b"time,ip\n2026-06-17,192.0.2.1\n".repeat(50);
    let inner = zipped(&[("a.csv.gz", &gzip(&rows)), ("b.csv", &rows)]);
    let wrapped = [gzip(&rows), zipped(&[("x.zip", &inner), ("c.csv", &rows)]), MAIL.as_bytes().to_vec()];
    // xorshift64: the same damage on every machine.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for bytes in &wrapped {
        for _ in 0..1000 {
            let mut bytes = bytes.clone();
            for _ in 0..=next(3) {
                let at = next(bytes.len());
                bytes[at] ^= 1 << next(8);
            }
            bytes.truncate(bytes.len() - next(bytes.len() / 4));
            let (found, refused) = open(&bytes, "x", &Limits::default());
            assert!((1..=12).contains(&(found.len() + refused.len())), "{found:?} {refused:?}");
        }
    }
}
