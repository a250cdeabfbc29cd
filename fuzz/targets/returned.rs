//! Mails that came back: whatever a mail says, it is understood within the caps, the same each time, and
//! nothing of it is taken for a return address of ours that we did not make.
#![no_main]

use concert_pipeline::mail::address::Key;
use concert_pipeline::mail::tie::{How, Sent, candidates, judge};
use concert_pipeline::mail::{self, answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(read) = mail::read(bytes) else { return };
    assert_eq!(mail::read(bytes).as_ref(), Some(&read), "reading twice");
    let key = Key::new(b"a secret that no input knows");
    let Ok(found) = candidates(&read, Some((&["cert@cert.example"], &key))) else { return };
    for candidate in found {
        assert_ne!(candidate.how, How::ReturnAddress, "{candidate:?}");
        let sent = Sent {
            id: candidate.notice.clone(),
            message_id: format!("{}@cert.example", candidate.notice),
            to: vec!["abuse@net.example".into()],
            ..Sent::default()
        };
        judge(&read, &candidate, &sent);
    }
    if let Ok(to) = answer::answer_to(&read, &["cert@cert.example".into()]) {
        assert!(to.contains('@') && !to.contains(['\r', '\n', ',', ' ']), "{to:?}");
    }
});
