//! Mails as we compose them, from words that came from outside: whatever stands in a subject, a name
//! or a text, the mail is one that others can read, and the hash in its signature is that of its body.
//! The input is subject, name of a file, media type, address and text, each on a line of its own, then
//! the attachment.
#![no_main]

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use concert_fuzz::deliverer;
use concert_model::{Attachment, Message, Time};
use concert_transport::Deliverer;
use concert_transport::openpgp::{Keyring, KeysAt};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const SETTINGS: &str = "host = \"mail.example\"\nzip_over = \"1KiB\"\nfrom_name = \"CERT Ääkkönen\"\n\
    dkim = { domain = \"cert.example\", selector = \"s\", key = { env = \"KEY\" } }\n";

fuzz_target!(|bytes: &[u8]| {
    static SMTP: OnceLock<Box<dyn Deliverer>> = OnceLock::new();
    let smtp = SMTP.get_or_init(|| deliverer("smtp", SETTINGS));
    let mut parts = bytes.splitn(6, |byte| *byte == b'\n');
    let mut part = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (subject, name, media_type, to, text) = (part(), part(), part(), part(), part());
    let attached = parts.next().unwrap_or_default().to_vec();
    let message = Message {
        notice: "N7".into(),
        message_id: "N7@cert.example".into(),
        to: vec![to],
        bcc: vec!["hidden@net.example".into()],
        return_path: None,
        answers: None,
        by_person: false,
        subject,
        text: text.replace("\\n", "\n"),
        html: name.starts_with('<').then(|| name.clone()),
        payload: Attachment { name, media_type, bytes: attached },
        more: Vec::new(),
        language: "en".into(),
        date: Time(1_795_323_030_000_000),
    };
    let keys = KeysAt { keyring: &Keyring::default(), now: message.date };
    let Ok(mail) = smtp.compose(&message, &keys) else { return };
    assert_eq!(smtp.compose(&message, &keys).as_ref(), Ok(&mail), "composing twice");
    check(&message, &String::from_utf8(mail).expect("a mail is ASCII"));
});

fn check(message: &Message, mail: &str) {
    assert!(mail.is_ascii() && !mail.contains('\0') && !mail.contains("hidden@"), "{mail}");
    assert!(!mail.replace("\r\n", "").contains(['\r', '\n']), "a bare line end: {mail:?}");
    assert!(mail.lines().all(|line| line.len() <= 998), "a line that is too long: {mail}");
    let (head, body) = mail.split_once("\r\n\r\n").expect("a head and a body");
    for name in ["from", "to", "subject", "date", "message-id", "content-type", "dkim-signature", "mime-version"] {
        let named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        assert_eq!(head.split("\r\n").filter(named).count(), 1, "{name}: {head}");
    }
    let bare =
        |line: &str| line.starts_with([' ', '\t']) || line.split_once(':').is_some_and(|(name, _)| is_name(name));
    assert!(head.split("\r\n").all(bare), "{head}");
    let hash = STANDARD.encode(Sha256::digest(relaxed(body)));
    assert!(head.replace("\r\n\t", "").contains(&format!("bh={hash};")), "{head}");
    let read = mail_parser::MessageParser::default().parse(mail.as_bytes()).expect("a mail");
    let given = &message.payload.bytes;
    assert_eq!(read.attachment_count(), usize::from(!given.is_empty()), "{mail}");
    // The reader above makes text of what says that it is text, so the bytes are taken by hand.
    let Some((_, last)) = body.rsplit_once("Content-Transfer-Encoding: base64\r\n\r\n") else { return };
    let (last, _) = last.split_once("--=_").expect("an end");
    let attached = STANDARD.decode(last.replace("\r\n", "")).expect("base64");
    // A large one is zipped; how well that is done is the business of another test.
    assert!(attached == *given || (given.len() > 1024 && attached.starts_with(b"PK")), "{mail}");
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The relaxed form of a body (RFC 6376, 3.4.4), by the word instead of by the byte.
fn relaxed(body: &str) -> String {
    let squeeze = |line: &str| {
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let blank = if line.starts_with([' ', '\t']) && !words.is_empty() { " " } else { "" };
        format!("{blank}{}", words.join(" "))
    };
    let lines: Vec<String> = body.split("\r\n").map(squeeze).collect();
    let last = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    lines[..last].iter().map(|line| format!("{line}\r\n")).collect()
}
