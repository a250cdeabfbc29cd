//! How people and programs come in: what they show, and what the site answers.
//!
//! The site knows passwords, codes, sessions and tokens; here they are only taken from a request and handed on.

use std::net::IpAddr;

use async_trait::async_trait;
use concert_model::access::{Action, Decision, Person};
use serde_json::Value;

use crate::site::Refusal;

/// How every token of a user begins.
pub const TOKEN_PREFIX: &str = "concert_";

/// What somebody shows.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    Nothing,
    /// A token.
    Token(String),
    /// The secret of a session.
    Session(String),
}

/// What a request came with, and from where.
#[derive(Clone)]
pub struct Came {
    /// What was shown.
    pub proof: Proof,
    /// From this address.
    pub from: IpAddr,
}

impl Came {
    /// The session it belongs to; what changes how somebody comes in needs one.
    pub fn session(&self) -> Result<&str, Refusal> {
        match &self.proof {
            Proof::Session(secret) => Ok(secret),
            Proof::Token(_) | Proof::Nothing => Err(Refusal::NoSession),
        }
    }
}

/// Somebody whom the site knows.
#[derive(Clone, Debug)]
pub struct Somebody {
    /// Who, as access is decided.
    pub person: Person,
    /// Whether another password must be chosen before anything else.
    pub must_change_password: bool,
}

/// What somebody types to prove who they are.
#[derive(Clone)]
pub struct Typed {
    /// The name; empty where the session says it.
    pub name: String,
    /// The password.
    pub password: String,
    /// A code of the second factor, or a recovery code.
    pub code: Option<String>,
}

/// A session that began.
#[derive(Clone)]
pub struct Entered {
    /// Its secret, for the browser alone.
    pub session: String,
    /// After so many seconds it ends, whatever is done in it.
    pub seconds_max: i64,
    /// The account, as [`Door::account`] gives it.
    pub account: Value,
}

/// The way into a site.
#[async_trait]
pub trait Door: Send + Sync + 'static {
    /// Who comes.
    async fn person(&self, came: &Came) -> Result<Somebody, Refusal>;

    /// Takes note that a person was denied something that is about the site as a whole, before that is answered.
    async fn denied(&self, person: &Person, action: Action, decision: &Decision) -> Result<(), Refusal>;

    /// Begins a session.
    async fn login(&self, typed: Typed, from: IpAddr) -> Result<Entered, Refusal>;

    /// Ends a session.
    async fn logout(&self, came: &Came) -> Result<(), Refusal>;

    /// What somebody may know of their own account.
    async fn account(&self, person: &Person, came: &Came) -> Result<Value, Refusal>;

    /// Gives the user of a session another password; that ends all sessions, and begins a new one.
    async fn change_own_password(&self, came: &Came, old: &str, new: &str) -> Result<Entered, Refusal>;

    /// A new second factor for the user of a session, as the text that apps take up. It is kept nowhere
    /// for long until a code confirms it.
    async fn new_factor(&self, came: &Came, typed: Typed) -> Result<Value, Refusal>;

    /// Sets the new second factor, where this is a code of it. Gives the recovery codes.
    async fn confirm_factor(&self, came: &Came, code: &str) -> Result<Value, Refusal>;

    /// Removes the second factor of the user of a session.
    async fn remove_factor(&self, came: &Came, typed: Typed) -> Result<(), Refusal>;
}
