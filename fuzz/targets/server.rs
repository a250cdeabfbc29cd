//! Requests to our own server: pages, API, pushed reports, whatever stands in head and body. Bytes as
//! they come over a connection.
#![no_main]

use std::sync::Arc;

use concert_fuzz::site::Empty;
use concert_fuzz::talk;
use concert_server::Options;
use concert_server::fuzzing::converse;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fuzz_target!(|bytes: &[u8]| {
    talk(async {
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        let site = Arc::new(Empty::default());
        let options = Options { hosts: vec!["concert.example".into()], ..Options::default() };
        let serving = converse(theirs, Arc::clone(&site) as Arc<_>, options);
        let asking = async {
            // The server may hang up before it has read everything.
            let written = ours.write_all(bytes).await.is_ok() && ours.shutdown().await.is_ok();
            let mut answer = Vec::new();
            let read = ours.read_to_end(&mut answer).await.is_ok();
            (written && read).then_some(answer)
        };
        // Streams of events have no end, so there is one for both.
        let both = async { tokio::join!(asking, serving).0 };
        let both = tokio::time::timeout(std::time::Duration::from_secs(3600), both);
        if let Ok(Some(answer)) = both.await {
            check(&answer);
        }
        for push in site.pushes() {
            assert!(!push.body.is_empty() && push.body.len() as u64 <= Empty::REPORT_BYTES_MAX);
            assert!(!push.file_name.contains(['/', '\\']) && !push.file_name.contains(char::is_control));
        }
    });
});

/// An answer begins like one, and carries what keeps a browser from harm.
fn check(answer: &[u8]) {
    if answer.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(answer);
    assert!(text.starts_with("HTTP/1."), "{text}");
    let status: u16 = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    assert!((200..600).contains(&status) && status != 500, "{text}");
}
