//! People set up and remove their own second factor. Nothing is kept until a code shows that the app has the secret.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::PoisonError;

use concert_model::Time;
use concert_store::records::{By, NewFactor};

use super::{Logins, Refused, Typed, code, secret};

/// How long a new secret waits for its first code.
const WAIT_SECONDS: i64 = 600;
/// Most secrets that wait.
const WAITING_MAX: usize = 256;
/// How often a code of one may be wrong.
const TRIES_MAX: u32 = 10;

/// New secrets, each for the session that asked for it. In memory only: after a restart one asks again.
pub(super) type Waiting = BTreeMap<[u8; 32], New>;

/// A secret that waits for its first code.
#[derive(Debug)]
pub(super) struct New {
    secret: Vec<u8>,
    ends: Time,
    tries: u32,
}

impl Logins {
    /// A new second factor for the user of a session who proves again who they are, with a code of the one before
    /// where there is one. Gives the name of the user and the secret.
    pub async fn new_factor(
        &self,
        session: &str,
        password: &str,
        code: Option<&str>,
        address: IpAddr,
        now: Time,
    ) -> Result<(String, Vec<u8>), Refused> {
        let name = self.prove_again(session, password, code, address, now).await?;
        let secret = code::new_secret()?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, new| new.ends > now);
        let session = secret::hash(session);
        if waiting.len() >= WAITING_MAX && !waiting.contains_key(&session) {
            return Err(Refused::Busy);
        }
        let new = New { secret: secret.clone(), ends: now.plus_seconds(WAIT_SECONDS), tries: 0 };
        waiting.insert(session, new);
        Ok((name, secret))
    }

    /// Sets the factor that a session asked for, where this is a code of it. Gives the recovery codes.
    pub async fn confirm_factor(
        &self,
        session: &str,
        code: &str,
        address: IpAddr,
        now: Time,
    ) -> Result<Vec<String>, Refused> {
        let name = self.session(session, address, now).await?.ok_or(Refused::Wrong)?.user.name;
        let (secret, step) = self.confirmed(&secret::hash(session), code, now)?;
        let codes = secret::recovery_codes()?;
        let recovery = codes.iter().map(|code| secret::recovery_hash(&name, code)).collect();
        let by = By { who: name.clone(), from: address.to_string(), at: now };
        if !self.records.set_second_factor(&name, &NewFactor { secret, step, recovery }, &by).await? {
            return Err(Refused::Wrong);
        }
        Ok(codes)
    }

    /// The secret that waits for a session, and the step of this code of it.
    fn confirmed(&self, session: &[u8; 32], code: &str, now: Time) -> Result<(Vec<u8>, i64), Refused> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let new = waiting.get_mut(session).filter(|new| new.ends > now);
        let Some(new) = new else { return Err(Refused::Unfit("no second factor waits for its first code".into())) };
        new.tries += 1;
        let is_last = new.tries >= TRIES_MAX;
        let step = code::digits(code).and_then(|digits| code::step(&new.secret, digits, now));
        let found = step.map(|step| (std::mem::take(&mut new.secret), step));
        if found.is_some() || is_last {
            waiting.remove(session);
        }
        let why = "this is not the code of this moment; is the clock of the device right?";
        found.ok_or_else(|| Refused::Unfit(why.into()))
    }

    /// Removes the second factor of the user of a session who proves again who they are. `false` when there was none.
    pub async fn remove_factor(
        &self,
        session: &str,
        password: &str,
        code: Option<&str>,
        address: IpAddr,
        now: Time,
    ) -> Result<bool, Refused> {
        let name = self.prove_again(session, password, code, address, now).await?;
        let by = By { who: name.clone(), from: address.to_string(), at: now };
        Ok(self.records.remove_second_factor(&name, &by).await?)
    }

    /// The user of a session, who is the one at the keyboard now.
    async fn prove_again(
        &self,
        session: &str,
        password: &str,
        code: Option<&str>,
        address: IpAddr,
        now: Time,
    ) -> Result<String, Refused> {
        let name = self.session(session, address, now).await?.ok_or(Refused::Wrong)?.user.name;
        let (_, counted) = self.prove(&Typed { name: &name, password, code }, address, now).await?;
        self.forgive(&name, counted, address).await?;
        Ok(name)
    }
}
