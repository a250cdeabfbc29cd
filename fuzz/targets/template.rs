//! Templates of a site and the notices made with them: the subject is one line with the ticket, the
//! text holds nothing that is not seen, and no template runs or writes without end. The first byte
//! chooses which of the three files the template is; the second line on are events.
#![no_main]

use concert_fuzz::{feed_named, parse};
use concert_model::{Event, ReportId, Time};
use concert_pipeline::render::visible::is_hidden;
use concert_pipeline::render::{ALL, Columns, Instead, Item, NEW, Notice, Templates};
use libfuzzer_sys::fuzz_target;

const PARTS: [&str; 3] = ["notice.subject.j2", "notice.txt.j2", "notice.html.j2"];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (template, events) = text.split_once('\0').unwrap_or((text, "ip=192.0.2.1, type=phishing, a=1"));
    let mut templates = Templates::new();
    templates.add("fi", PARTS[usize::from(*choice) % PARTS.len()], template.to_owned());
    for problem in templates.check() {
        assert!(!problem.what.is_empty() && problem.place.starts_with("templates/fi/"), "{problem:?}");
    }
    let format = ALL[usize::from(choice >> 3) % ALL.len()];
    let columns = Columns { chosen: Vec::new(), defang: choice & 4 != 0 };
    let mut each = |event: &Event<'_>| {
        let item = Item {
            event: *event,
            report: ReportId([7; 16]),
            state: NEW,
            seen: 2,
            last_seen: None,
            instead: Instead::Party("Net \"Example\""),
        };
        let notice = Notice {
            is_responsible: choice & 2 == 0,
            id: "20261122-0001",
            name: "daily",
            key: "AS64500",
            message_id: "20261122-0001@cert.example".into(),
            to: vec!["abuse@net.example".into()],
            bcc: Vec::new(),
            party: "Example\u{202e} Hosting",
            site_name: "CERT Example",
            site_email: "cert@cert.example",
            language: "fi",
            date: Time(1_795_323_030_000_000),
            format,
            columns: &columns,
            items: &[item],
        };
        let Ok(message) = templates.render(&notice) else { return };
        let subject = &message.subject;
        assert!(subject.contains("[20261122-0001]") && !subject.contains(is_hidden), "{subject:?}");
        let seen = |c: char| !is_hidden(c) || c == '\n' || c == '\t';
        assert!(message.text.chars().all(seen), "{:?}", message.text);
        assert!(message.text.len() <= 8 << 20 && message.html.is_none_or(|html| html.len() <= 1 << 20));
    };
    parse(feed_named("keyvalue"), events.as_bytes(), &mut each);
});
