//! What RDAP servers and domains say when they are asked for contacts: nothing panics, a question ends after
//! a few requests that are all encrypted, and whatever is named is a mail address within the caps.
#![no_main]

use concert_model::Time;
use concert_pipeline::registry::rdap::bootstrap::Kind;
use concert_pipeline::registry::rdap::{Bootstrap, Inquiry, Question};
use concert_pipeline::registry::security_txt::SecurityTxt;
use libfuzzer_sys::fuzz_target;

/// Most requests of one question: three names and three that others name.
const REQUESTS_MAX: usize = 6;

fn is_mail(text: &str) -> bool {
    text.len() <= 254 && text.contains('@') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fuzz_target!(|bytes: &[u8]| {
    for kind in Kind::ALL {
        Bootstrap::read(kind, bytes).ok();
    }
    let address = "192.0.2.7".parse().expect("an address");
    for question in [Question::Net(address), Question::Asn(64_500), Question::Name("a.b.www.uni.example".into())] {
        let list = br#"{"services": [[["64500", "192.0.2.0/24", "example"], ["https://r.example/"]]]}"#;
        let list = Bootstrap::read(Bootstrap::kind(&question), list).expect("a list");
        let mut inquiry = Inquiry::new(question, &list);
        let mut requests = 0;
        // Answers come one after another, apart by a zero byte; the last one over and over.
        let mut answers = bytes.split(|byte| *byte == 0);
        let mut last: &[u8] = b"";
        while let Some(url) = inquiry.next_url() {
            requests += 1;
            assert!(requests <= REQUESTS_MAX && url.starts_with("https://"), "{url}");
            last = answers.next().unwrap_or(last);
            inquiry.take(Ok((&url, last))).ok();
        }
        let (found, passed_over) = inquiry.finish();
        if let Some(found) = found {
            assert!(!found.mails.is_empty() && found.mails.len() <= 10, "{found:?}");
            assert!(found.mails.iter().all(|mail| is_mail(mail)), "{found:?}");
            let texts = [&found.handle, &found.party, &found.path, &found.specific];
            assert!(texts.iter().all(|text| !text.contains(char::is_control)), "{found:?}");
        }
        assert!(passed_over.iter().all(|line| !line.contains(char::is_control)), "{passed_over:?}");
    }
    let url = "https://uni.example/.well-known/security.txt";
    let now = Time(1_795_323_030_000_000);
    if let Ok(read) = SecurityTxt::read(bytes, [url, url], now) {
        assert!(read.expires > now && read.mails.len() + read.others.len() > 0, "{read:?}");
        assert!(read.mails.iter().all(|mail| is_mail(mail)), "{read:?}");
        assert!(!read.others.iter().any(|other| other.contains(char::is_control)), "{read:?}");
    }
});
