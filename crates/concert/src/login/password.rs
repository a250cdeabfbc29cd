//! Passwords: argon2id, two at a time at most, away from the threads that everything else waits on.
//!
//! A verification takes 19 MiB and some ten milliseconds. Without a bound a flood of logins would take
//! the memory; without the cap on those that wait it would take it more slowly.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use concert_model::Problem;
use tokio::sync::Semaphore;

use super::secret::random;

/// Memory of one hash in KiB, passes over it, and lanes: the first choice of OWASP.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes worked out at the same time.
const AT_ONCE_MAX: usize = 2;
/// Logins that wait for their turn; more are sent away.
const WAITING_MAX: usize = 64;
/// Shortest and longest password.
const CHARS_MIN: usize = 12;
pub(crate) const BYTES_MAX: usize = 1024;
/// What is worked out for names that nobody has: a hash with the same cost, which no password has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Works out hashes of passwords in turn.
#[derive(Debug)]
pub(super) struct Passwords {
    doors: Semaphore,
    work: Arc<Semaphore>,
}

/// Too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

impl Default for Passwords {
    fn default() -> Self {
        Self { doors: Semaphore::new(WAITING_MAX), work: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

impl Passwords {
    /// A place among those that wait, held for the whole of a login.
    pub(super) fn enter(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Busy> {
        self.doors.try_acquire().map_err(|_| Busy)
    }

    /// Whether a password is the one of a hash. An empty hash stands for nobody's and takes as long.
    pub(super) async fn is_right(&self, hash: &str, password: &str) -> Result<bool, Problem> {
        let (hash, password) = (hash.to_owned(), password.to_owned());
        self.work(move || Ok(is_right(&hash, &password))).await
    }

    /// The hash of a password.
    pub(super) async fn hash(&self, password: &str) -> Result<String, Problem> {
        let password = password.to_owned();
        self.work(move || hash(&password)).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let failed = |why: String| Problem::new(format!("a password cannot be checked: {why}"));
        let turn = Arc::clone(&self.work).acquire_owned().await.map_err(|error| failed(error.to_string()))?;
        // The turn goes along: who asked may be gone before the work is done.
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        working.await.map_err(|error| failed(error.to_string()))?
    }
}

fn is_right(hash: &str, password: &str) -> bool {
    // A password that is too long is nobody's, and is not hashed in full length.
    let (hash, password) = if password.len() > BYTES_MAX { (NOBODY, "") } else { (hash, password) };
    let hash = if hash.is_empty() { NOBODY } else { hash };
    PasswordHash::new(hash).is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

/// The hash of a password as a PHC string.
pub(crate) fn hash(password: &str) -> Result<String, Problem> {
    with_cost(password, MEMORY_KIB, PASSES)
}

fn with_cost(password: &str, memory_kib: u32, passes: u32) -> Result<String, Problem> {
    let salt = SaltString::encode_b64(&random::<16>()?).map_err(failed)?;
    let hash = argon2(memory_kib, passes)?.hash_password(password.as_bytes(), &salt).map_err(failed)?;
    Ok(hash.to_string())
}

fn argon2(memory_kib: u32, passes: u32) -> Result<Argon2<'static>, Problem> {
    let params = Params::new(memory_kib, passes, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(why: impl std::fmt::Display) -> Problem {
    Problem::new(format!("a password cannot be hashed: {why}"))
}

/// What a password is known again by that comes with the same request: it takes as long to guess by as what is kept of the
/// password itself, whoever has the salt.
pub(crate) fn known_again(password: &str, salt: &[u8; 32]) -> Result<[u8; 32], Problem> {
    let mut known = [0; 32];
    argon2(MEMORY_KIB, PASSES)?.hash_password_into(password.as_bytes(), salt, &mut known).map_err(failed)?;
    Ok(known)
}

/// Whether a hash costs less than hashes do that are made today.
pub(super) fn is_weak(hash: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(hash) else { return true };
    let Ok(params) = Params::try_from(&parsed) else { return true };
    parsed.algorithm != Algorithm::Argon2id.ident() || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES
}

/// Whether a person may choose this password; else why not, as a sentence.
pub(crate) fn check_choice(name: &str, password: &str) -> Result<(), String> {
    if password.chars().count() < CHARS_MIN {
        return Err(format!("a password has at least {CHARS_MIN} characters; a few words are easy to remember"));
    }
    if password.len() > BYTES_MAX {
        return Err(format!("a password has at most {BYTES_MAX} bytes"));
    }
    if password.to_lowercase().contains(name) {
        return Err("a password does not contain the name of its user".into());
    }
    if password.chars().all(|c| password.starts_with(c)) {
        return Err("a password is more than one character again and again".into());
    }
    Ok(())
}

/// For tests: a hash as it would have been made long ago.
#[cfg(test)]
pub(super) fn weak_hash(password: &str) -> String {
    with_cost(password, 1024, 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_its_cost() {
        let hash = hash("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_right(&hash, "correct horse battery") && !is_right(&hash, "correct horse batterx"));
        assert!(!is_right("", "") && !is_right(NOBODY, "") && !is_right("broken", "x"));
        assert!(!is_right(&hash, &"x".repeat(1 << 20)));
        assert!(!is_weak(&hash) && is_weak(&weak_hash("x")) && is_weak("broken") && !is_weak(NOBODY));
    }

    #[test]
    fn a_password_is_known_again_by_its_salt() {
        let known = |password, salt| known_again(password, &[salt; 32]).unwrap();
        assert_eq!(known("correct horse battery", 1), known("correct horse battery", 1));
        assert_ne!(known("correct horse battery", 1), known("correct horse batterx", 1));
        assert_ne!(known("correct horse battery", 1), known("correct horse battery", 2));
    }

    #[test]
    fn passwords_that_are_guessed_first_are_refused() {
        assert_eq!(check_choice("jane", "correct horse battery"), Ok(()));
        for bad in ["", "short", "my name is Jane!", "aaaaaaaaaaaaaaa", &"ab".repeat(1000)] {
            assert!(check_choice("jane", bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::default();
        let held: Vec<_> = (0..WAITING_MAX).map(|_| passwords.enter().unwrap()).collect();
        assert_eq!(passwords.enter().err(), Some(Busy));
        drop(held);
        assert!(passwords.enter().is_ok());
    }
}
