//! How people and programs come in over HTTP: tokens, sessions, and what people change about their own account.

use std::net::IpAddr;

use async_trait::async_trait;
use concert_model::access::{Action, Decision, Person};
use concert_server::door::{Came, Door, Entered, Proof, Somebody, Typed};
use concert_server::site::Refusal;
use concert_store::records::SESSION_SECONDS_MAX;
use serde_json::{Value, json};

use super::{Pages, failed};
use crate::login::{Login, Refused, code};
use crate::{people, wire};

/// Where requests come from, for the audit log.
const FROM: &str = "api";
/// Whoever sits at the machine, in journals. No user can be called so, whoever comes later.
const OPERATOR: &str = "operator (api)";
/// Who finds too many at the door comes again after so many seconds.
const BUSY_SECONDS: u64 = 5;

fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Wrong => Refusal::Unproven { code_wanted: false },
        Refused::SecondFactorWanted => Refusal::Unproven { code_wanted: true },
        Refused::LockedUntil(until) => {
            let seconds = until.seconds().saturating_sub(wire::now().seconds()).saturating_add(1);
            let why = "too many attempts under this name or from this address".to_owned();
            Refusal::TooMany(why, u64::try_from(seconds).unwrap_or(1).max(1))
        }
        Refused::Unfit(why) => Refusal::Wrong(why),
        Refused::Busy => Refusal::Busy("too many log in at this moment".into(), BUSY_SECONDS),
        Refused::Failed(problem) => failed(problem),
    }
}

/// Nothing of the account changes before the first password did.
fn settled(somebody: &Somebody) -> Result<(), Refusal> {
    match somebody.must_change_password {
        false => Ok(()),
        true => Err(Refusal::Denied(Decision {
            allowed: false,
            policy: "password",
            reason: "another password is to be chosen first".into(),
        })),
    }
}

impl Pages {
    async fn entered(&self, login: Login) -> Result<Entered, Refusal> {
        let person = login.user.person();
        let account = self.own(&person, "session", login.must_change_password).await?;
        Ok(Entered { session: login.session, seconds_max: SESSION_SECONDS_MAX, account })
    }

    async fn own(&self, person: &Person, by: &str, must_change_password: bool) -> Result<Value, Refusal> {
        let records = &self.site().store.records;
        let user = if person.is_operator { None } else { records.user(&person.name).await.map_err(failed)? };
        let mut account = match &user {
            Some(user) => people::user_json(user, records).await.map_err(failed)?,
            None => [("name".to_owned(), json!(person.name))].into_iter().collect(),
        };
        account.insert("came_with".into(), json!(by));
        account.insert("scopes".into(), json!(person.scopes));
        account.insert("must_change_password".into(), json!(must_change_password));
        let left = if user.is_some() { records.recovery_codes(&person.name).await.map_err(failed)? } else { None };
        account.insert("recovery_codes".into(), json!(left));
        Ok(Value::Object(account))
    }
}

#[async_trait]
impl Door for Pages {
    async fn person(&self, came: &Came) -> Result<Somebody, Refusal> {
        let site = self.site();
        let is_here = |person: Person, must_change_password| Somebody {
            person: Person { from: FROM.into(), ..site.settings.forbids.on(person) },
            must_change_password,
        };
        match &came.proof {
            // As long as there are no users, whoever sits at the machine is asked nothing.
            Proof::Nothing => match site.store.records.has_users().await.map_err(failed)? {
                true => Err(Refusal::Unknown),
                false => {
                    let person = Person { from: FROM.into(), ..Person::operator(OPERATOR) };
                    Ok(Somebody { person, must_change_password: false })
                }
            },
            Proof::Token(token) => {
                let bearer = self.logins.bearer(token, came.from, wire::now()).await.map_err(refusal)?;
                bearer.map(|bearer| is_here(bearer.person(), false)).ok_or(Refusal::Unknown)
            }
            Proof::Session(secret) => {
                let session = self.logins.session(secret, came.from, wire::now()).await.map_err(refusal)?;
                let session = session.ok_or(Refusal::Unknown)?;
                Ok(is_here(session.user.person(), session.must_change_password))
            }
        }
    }

    async fn denied(&self, person: &Person, action: Action, decision: &Decision) -> Result<(), Refusal> {
        self.reads.denied(person, action, decision).await.map_err(failed)
    }

    async fn login(&self, typed: Typed, from: IpAddr) -> Result<Entered, Refusal> {
        let Typed { name, password, code } = typed;
        let login = self.logins.login(&name, &password, code.as_deref(), from, wire::now()).await;
        self.entered(login.map_err(refusal)?).await
    }

    async fn logout(&self, came: &Came) -> Result<(), Refusal> {
        let secret = came.session()?;
        let person = self.person(came).await?.person;
        self.logins.logout(secret, &person.name, came.from, wire::now()).await.map_err(failed)?;
        Ok(())
    }

    async fn account(&self, person: &Person, came: &Came) -> Result<Value, Refusal> {
        let (by, must_change) = match &came.proof {
            Proof::Nothing => ("nothing", false),
            Proof::Token(_) => ("token", false),
            Proof::Session(_) => ("session", self.person(came).await?.must_change_password),
        };
        self.own(person, by, must_change).await
    }

    async fn change_own_password(&self, came: &Came, old: &str, new: &str) -> Result<Entered, Refusal> {
        let changed = self.logins.change_password(came.session()?, old, new, came.from, wire::now()).await;
        self.entered(changed.map_err(refusal)?).await
    }

    async fn new_factor(&self, came: &Came, typed: Typed) -> Result<Value, Refusal> {
        let session = came.session()?;
        settled(&self.person(came).await?)?;
        let Typed { password, code, .. } = typed;
        let made = self.logins.new_factor(session, &password, code.as_deref(), came.from, wire::now()).await;
        let (name, secret) = made.map_err(refusal)?;
        Ok(json!({"otpauth": code::uri(&self.site().settings.site.name, &name, &secret)}))
    }

    async fn confirm_factor(&self, came: &Came, code: &str) -> Result<Value, Refusal> {
        let session = came.session()?;
        settled(&self.person(came).await?)?;
        let codes = self.logins.confirm_factor(session, code, came.from, wire::now()).await.map_err(refusal)?;
        Ok(json!({"recovery_codes": codes}))
    }

    async fn remove_factor(&self, came: &Came, typed: Typed) -> Result<(), Refusal> {
        let session = came.session()?;
        settled(&self.person(came).await?)?;
        let Typed { password, code, .. } = typed;
        let removed = self.logins.remove_factor(session, &password, code.as_deref(), came.from, wire::now()).await;
        if removed.map_err(refusal)? { Ok(()) } else { Err(Refusal::Missing) }
    }
}
