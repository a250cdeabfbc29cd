//! Waiting for what the program does beside the test.

use std::time::{Duration, Instant};

/// Looks again and again until it is so, for a minute at most.
pub(crate) fn until(mut done: impl FnMut() -> bool, what: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
