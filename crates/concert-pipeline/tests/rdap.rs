//! Answers of RDAP as registries give them. `CONCERT_SAMPLES` names the folder of samples.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::path::Path;

use concert_pipeline::registry::rdap::bootstrap::Kind;
use concert_pipeline::registry::rdap::{Bootstrap, Inquiry, Object, Question};

/// Asks once, with the sample as the answer to everything.
fn ask(name: &str, question: &Question) -> Option<(String, Vec<String>)> {
    let Some(root) = std::env::var_os("CONCERT_SAMPLES") else {
        println!("skipped: CONCERT_SAMPLES is not set");
        return None;
    };
    let bytes = std::fs::read(Path::new(&root).join("rpsl").join(format!("rdap-{name}.json"))).unwrap();
    let kind = Bootstrap::kind(question);
    let all = match kind {
        Kind::Asn => r#"{"services": [[["0-4294967295"], ["https://r.example/"]]]}"#,
        _ => r#"{"services": [[["0.0.0.0/0", "::/0"], ["https://r.example/"]]]}"#,
    };
    let mut inquiry = Inquiry::new(question.clone(), &Bootstrap::read(kind, all.as_bytes()).unwrap());
    while let Some(url) = inquiry.next_url() {
        inquiry.take(Ok((&url, &bytes))).unwrap();
    }
    let (found, passed_over) = inquiry.finish();
    let shown = found.map(|found| {
        let invalid = if found.invalid.is_empty() { String::new() } else { format!(" !{}", found.invalid.join(" ")) };
        let mails = found.mails.join(" ");
        format!("{} {mails}{invalid} | {} | {} | {}", found.role, found.path, found.party, found.specific)
    });
    Some((shown.unwrap_or_default(), passed_over))
}

#[test]
fn real_answers_name_whom_they_name() {
    let check = |name: &str, question: Question, want: &str| {
        let Some((found, _)) = ask(name, &question) else { return };
        assert_eq!(found, want, "{name}");
    };
    let net = |text: &str| Question::Net(text.parse().unwrap());
    check(
        "ip-ripe-style",
        net("192.0.2.7"),
        "abuse abuse1@lir1.example | abuse AR1-RIPE | Synthetic LIR 1 B.V. | network 192.0.2.0 - 192.0.2.255 (SYN-TESTNET1-ALLOC, NL)",
    );
    check(
        "ip-arin-style",
        net("198.51.100.0/25"),
        "abuse abuse@hosting.example | registrant EXAMP-1 > abuse ABUSE1-ARIN | Example Hosting LLC | network 198.51.100.0 - 198.51.100.255 (EXAMPLE-NET-2)",
    );
    check(
        "ip-apnic-style",
        net("203.0.113.50"),
        "abuse abuse@gone.example !abuse@gone.example | abuse IRT-INVALID-AP | IRT-INVALID-AP | network 203.0.113.48 - 203.0.113.63 (SYNAP-03, AU)",
    );
    check(
        "autnum-arin-16509",
        Question::Asn(16_509),
        "abuse abuse@amazonaws.com | registrant AMAZON-4 > abuse AEA8-ARIN | Amazon.com, Inc. | AS16509 (AMAZON-02)",
    );
}

#[test]
fn an_answer_about_another_network_or_without_a_contact_names_nobody() {
    let check = |name: &str, address: &str, want: &str| {
        let question = Question::Net(address.parse().unwrap());
        let Some((found, passed_over)) = ask(name, &question) else { return };
        assert_eq!(found, "");
        assert!(passed_over.iter().any(|line| line.contains(want)), "{passed_over:?}");
    };
    check(
        "ip-ripe-style",
        "192.0.3.1",
        "about network 192.0.2.0 - 192.0.2.255 (SYN-TESTNET1-ALLOC, NL), which does not cover",
    );
    check("rfc9083-ip-network", "2001:db8::7", "it names no contact");
    check("entity-arin-hostmaster", "192.0.2.7", "about an entity, which does not cover 192.0.2.7");
}

#[test]
fn real_answers_that_are_cut_or_changed_never_panic() {
    let Some(root) = std::env::var_os("CONCERT_SAMPLES") else {
        return println!("skipped: CONCERT_SAMPLES is not set");
    };
    for name in ["ip-arin-style", "ip-apnic-style", "rfc9083-ip-network"] {
        let bytes = std::fs::read(Path::new(&root).join("rpsl").join(format!("rdap-{name}.json"))).unwrap();
        for at in 0..bytes.len() {
            Object::read(bytes.get(..at).unwrap_or_default()).ok();
            let mut changed = bytes.clone();
            changed.get_mut(at).into_iter().for_each(|byte| *byte ^= 2);
            Object::read(&changed).ok();
        }
    }
}
