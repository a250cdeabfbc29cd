//! What holds for every parser in the catalogue: its samples, and that no bytes make it panic or
//! give more than it was given.

use super::check::{feed, run, run_feed};
use super::{ALL, Listed};

fn no_files(_: &str) -> Result<String, String> {
    Err("no files here".to_owned())
}

fn objects<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<serde_json::Value> {
    lines.filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Events and rejects are bounded by the bytes: nothing comes from nothing.
fn bounded(listed: &Listed, bytes: &[u8], found: &(Vec<String>, Vec<String>)) {
    let (count, lines) = (found.0.len() + found.1.len(), bytes.iter().filter(|b| b"\r\n".contains(b)).count());
    assert!(count <= 1 + bytes.len(), "{}: {count} pieces from {} bytes", listed.name, bytes.len());
    assert!(found.1.len() <= 2 + lines + bytes.len() / 4, "{}: {} rejects", listed.name, found.1.len());
}

#[test]
fn names_are_words_and_used_once() {
    for (index, listed) in ALL.iter().enumerate() {
        assert!(listed.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        assert!(listed.about.ends_with('.') && !listed.samples.is_empty(), "{}", listed.name);
        assert!(ALL.iter().skip(index + 1).all(|other| other.name != listed.name), "{} twice", listed.name);
    }
}

#[test]
fn samples_give_what_they_say() {
    for listed in ALL {
        for sample in listed.samples {
            let (events, rejects) = run(listed.name, sample.settings, sample.given.as_bytes(), sample.name);
            let given = objects(events.iter().map(String::as_str));
            assert_eq!(given, objects(sample.events.lines()), "{} {}: {events:#?}", listed.name, sample.name);
            assert_eq!(rejects, sample.rejects.lines().collect::<Vec<_>>(), "{} {}", listed.name, sample.name);
        }
    }
}

#[test]
fn a_report_cut_anywhere_keeps_the_lines_before_the_cut() {
    for listed in ALL {
        for sample in listed.samples {
            let feed = feed(listed.name, sample.settings, &no_files);
            for end in 0..sample.given.len() {
                let bytes = &sample.given.as_bytes()[..end];
                let found = run_feed(&feed, bytes, sample.name);
                bounded(listed, bytes, &found);
            }
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    // xorshift64: the same flips on every machine.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below is a usize")
    };
    for listed in ALL {
        for sample in listed.samples.iter().filter(|sample| !sample.given.is_empty()) {
            let feed = feed(listed.name, sample.settings, &no_files);
            for round in 0..400 {
                let mut bytes = sample.given.as_bytes().to_vec();
                for _ in 0..=round % 4 {
                    let at = next(bytes.len());
                    // Structural bytes are the likeliest to confuse, so every other flip is one.
                    bytes[at] =
                        if next(2) == 0 { b"\",;|{}[]\r\n\0\t= #"[next(15)] } else { bytes[at] ^ (1 << next(8)) };
                }
                let found = run_feed(&feed, &bytes, sample.name);
                bounded(listed, &bytes, &found);
            }
        }
    }
}
