//! Logging in: by name, password and, where a user has one, a second factor.
//!
//! Whoever is refused learns nothing of whether there is such a user: names that nobody has take the
//! same path, the same time, and are counted and locked in the same way. What stands in the audit log
//! is more exact, but never what was typed as an unknown name, since that may have been a password.

mod addresses;
pub(crate) mod code;
mod factor;
mod guesses;
pub(crate) mod password;
pub(crate) mod secret;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use concert_model::user::{Bearer, User};
use concert_model::{Problem, Time};
use concert_store::records::{Act, Attempt, By, Counted, Credentials, Records, Session};

use addresses::Addresses;
use guesses::Guesses;
use password::Passwords;

/// What the audit log names who has not proven yet who they are.
const SOMEBODY: &str = "not logged in";
/// Longest secret that is looked at.
const SECRET_BYTES_MAX: usize = 256;
/// Most attempts to log in from one address within five minutes.
const ATTEMPTS_MAX: u32 = 30;

/// Lets people and programs in.
#[derive(Debug)]
pub struct Logins {
    records: Records,
    passwords: Passwords,
    addresses: Mutex<Addresses>,
    guesses: Mutex<Guesses>,
    waiting: Mutex<factor::Waiting>,
}

/// Somebody came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Who.
    pub user: User,
    /// The secret of the session, for the browser alone.
    pub session: String,
    /// Whether another password must be chosen before anything else.
    pub must_change_password: bool,
}

/// Why somebody did not come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such name, not its password, not its code, or the user is disabled.
    Wrong,
    /// The password is right; a code of the second factor or a recovery code is needed with it.
    SecondFactorWanted,
    /// Nobody comes in under this name, or from this address, before this moment.
    LockedUntil(Time),
    /// The new password cannot be taken, and why.
    Unfit(String),
    /// Too many log in at this moment.
    Busy,
    /// Something failed; it is for the log, not for whoever wants in.
    Failed(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

/// What somebody typed.
struct Typed<'a> {
    name: &'a str,
    password: &'a str,
    code: Option<&'a str>,
}

impl Logins {
    /// Lets in those whom the records know.
    pub fn new(records: Records) -> Self {
        Self {
            records,
            passwords: Passwords::default(),
            addresses: Mutex::new(Addresses::new(ATTEMPTS_MAX)),
            guesses: Mutex::default(),
            waiting: Mutex::default(),
        }
    }

    /// Begins a session for whoever knows the password of a name, and has its second factor.
    pub async fn login(
        &self,
        name: &str,
        password: &str,
        code: Option<&str>,
        address: IpAddr,
        now: Time,
    ) -> Result<Login, Refused> {
        let (proven, _) = self.prove(&Typed { name, password, code }, address, now).await?;
        let proven = self.strengthened(proven, password).await?;
        self.begin(proven, address, now).await
    }

    /// Gives the user of a session another password, which ends all sessions, and begins a new one.
    pub async fn change_password(
        &self,
        session: &str,
        old: &str,
        new: &str,
        address: IpAddr,
        now: Time,
    ) -> Result<Login, Refused> {
        // The second factor was asked for when the session began.
        let name = self.session(session, address, now).await?.ok_or(Refused::Wrong)?.user.name;
        password::check_choice(&name, new).map_err(Refused::Unfit)?;
        if old == new {
            return Err(Refused::Unfit("the new password is the one before".into()));
        }
        let (mut proven, _) =
            self.prove_password(&Typed { name: &name, password: old, code: None }, address, now).await?;
        let hash = self.passwords.hash(new).await?;
        let by = By { who: name.clone(), from: address.to_string(), at: now };
        if !self.records.change_password(&name, &proven.password, &hash, &by).await? {
            return Err(Refused::Wrong);
        }
        (proven.password, proven.once) = (hash, false);
        self.begin(proven, address, now).await
    }

    /// Whose session a secret belongs to, while it holds.
    pub async fn session(&self, secret: &str, address: IpAddr, now: Time) -> Result<Option<Session>, Refused> {
        if secret.len() > SECRET_BYTES_MAX {
            return Ok(None);
        }
        let hash = secret::hash(secret);
        self.before(&hash, address, now)?;
        let found = self.records.session(&hash, now).await?;
        self.after(&hash, address, found.is_some());
        Ok(found)
    }

    /// Ends a session.
    pub async fn logout(&self, secret: &str, user: &str, address: IpAddr, now: Time) -> Result<bool, Problem> {
        let by = By { who: user.into(), from: address.to_string(), at: now };
        self.records.end_session(&secret::hash(secret), &by).await
    }

    /// Who comes with a token of the API, while it works.
    pub async fn bearer(&self, token: &str, address: IpAddr, now: Time) -> Result<Option<Bearer>, Refused> {
        let hash = secret::hash(token);
        self.before(&hash, address, now)?;
        let is_token = token.len() <= SECRET_BYTES_MAX && token.starts_with(secret::TOKEN_PREFIX);
        let found = if is_token { self.records.bearer(&hash, now).await? } else { None };
        self.after(&hash, address, found.is_some());
        Ok(found)
    }

    fn before(&self, hash: &[u8; 32], address: IpAddr, now: Time) -> Result<(), Refused> {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.before(hash, address, now).map_err(Refused::LockedUntil)
    }

    fn after(&self, hash: &[u8; 32], address: IpAddr, is_right: bool) {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner).after(hash, address, is_right);
    }

    /// Whoever typed the right things, and how the attempt was counted.
    async fn prove(&self, typed: &Typed<'_>, address: IpAddr, now: Time) -> Result<(Credentials, Counted), Refused> {
        let (proven, counted) = self.prove_password(typed, address, now).await?;
        let Some(factor) = &proven.second_factor else { return Ok((proven, counted)) };
        let Some(code) = typed.code.filter(|code| !code.trim().is_empty()) else {
            // Neither failure nor success: failures before it stay, or codes could be guessed without end.
            self.forgive(typed.name, counted, address).await?;
            return Err(Refused::SecondFactorWanted);
        };
        if self.is_right_code(typed.name, factor, code, address, now).await? {
            return Ok((proven, counted));
        }
        Err(self.failure(format!("user {}", typed.name), "wrong code, or used before", address, now).await)
    }

    /// Whoever typed the right password, and how the attempt was counted. It stays counted as a failure
    /// until a session begins.
    async fn prove_password(
        &self,
        typed: &Typed<'_>,
        address: IpAddr,
        now: Time,
    ) -> Result<(Credentials, Counted), Refused> {
        let _place = self.passwords.enter().map_err(|_| Refused::Busy)?;
        let attempt = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).count(address, now);
        attempt.map_err(Refused::LockedUntil)?;
        let counted = match self.records.count_attempt(&secret::name_hash(typed.name), now).await? {
            Attempt::Counted(counted) => counted,
            Attempt::Locked(until) => return Err(Refused::LockedUntil(until)),
        };
        let known = self.records.credentials(typed.name).await?;
        let hash = known.as_ref().map(|known| known.password.as_str()).unwrap_or_default();
        let is_right = self.passwords.is_right(hash, typed.password).await?;
        let (object, why) = match known {
            Some(known) if is_right && !known.user.disabled => return Ok((known, counted)),
            Some(known) if known.user.disabled => (format!("user {}", typed.name), "the user is disabled"),
            Some(_) => (format!("user {}", typed.name), "wrong password"),
            None => ("unknown name".to_owned(), "there is no such user"),
        };
        Err(self.failure(object, why, address, now).await)
    }

    /// Uses the code up where it is right.
    async fn is_right_code(
        &self,
        name: &str,
        factor: &[u8],
        code: &str,
        address: IpAddr,
        now: Time,
    ) -> Result<bool, Problem> {
        if let Some(digits) = code::digits(code) {
            return match code::step(factor, digits, now) {
                Some(step) => self.records.use_step(name, step).await,
                None => Ok(false),
            };
        }
        let is_right = self.records.use_recovery_code(name, &secret::recovery_hash(name, code)).await?;
        if is_right {
            let by = By { who: name.into(), from: address.to_string(), at: now };
            self.records.audit(&by, &Act::done("recovery code", format!("user {name}"), "used up")).await?;
        }
        Ok(is_right)
    }

    /// Takes an attempt back that was no failure. Failures before it stay counted.
    async fn forgive(&self, name: &str, counted: Counted, address: IpAddr) -> Result<(), Problem> {
        self.records.take_back_attempt(&secret::name_hash(name), counted).await?;
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).take_back(address);
        Ok(())
    }

    /// Writes down a failure, and gives the one answer that all of them have.
    async fn failure(&self, object: String, why: &str, address: IpAddr, now: Time) -> Refused {
        let by = By { who: SOMEBODY.into(), from: address.to_string(), at: now };
        match self.records.audit(&by, &Act::denied("login", object, why)).await {
            Ok(()) => Refused::Wrong,
            Err(problem) => Refused::Failed(problem),
        }
    }

    /// Hashes the password anew where that was done more cheaply once.
    async fn strengthened(&self, mut proven: Credentials, password: &str) -> Result<Credentials, Problem> {
        if password::is_weak(&proven.password) {
            let stronger = self.passwords.hash(password).await?;
            if self.records.strengthen_password(&proven.user.name, &proven.password, &stronger).await? {
                proven.password = stronger;
            }
        }
        Ok(proven)
    }

    async fn begin(&self, proven: Credentials, address: IpAddr, now: Time) -> Result<Login, Refused> {
        let session = secret::session()?;
        let by = By { who: proven.user.name.clone(), from: address.to_string(), at: now };
        let lockout = secret::name_hash(&proven.user.name);
        if !self.records.begin_session(&proven, &secret::hash(&session), &lockout, &by).await? {
            return Err(Refused::Wrong);
        }
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).take_back(address);
        Ok(Login { user: proven.user, session, must_change_password: proven.once })
    }
}

#[cfg(test)]
mod tests;
