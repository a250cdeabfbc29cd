//! The face: the overview page and the HTTP API.
//!
//! Knows the site only through [`Site`]. Decides nothing about events or notices; it asks, and shows.

pub mod site;

pub use site::Site;

/// Whether two secrets are the same, in a time that does not depend on where they differ.
pub fn same_secret(given: &str, wanted: &str) -> bool {
    if wanted.is_empty() || given.len() != wanted.len() {
        return false;
    }
    let differing = given.bytes().zip(wanted.bytes()).fold(0u8, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_or_not() {
        assert!(same_secret("abc", "abc"));
        assert!(!same_secret("abd", "abc") && !same_secret("ab", "abc") && !same_secret("", ""));
    }
}
