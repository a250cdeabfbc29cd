//! Users and tokens, as commands and the API work on them. Whether somebody may is decided before.

use std::time::Duration;

use concert_model::user::{Scope, Token};
use concert_model::{Problem, Time, User};
use concert_store::records::{
    By, Change, Factor, NewPassword, NewToken, Records, UserChange, administrators_in, change_user_in, disable_user_in,
    find_user, forget_failures_in, reset_user_in,
};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::incidents::Refused;
use crate::login::{password, secret};

/// Passwords that are hashed at the same time.
static HASHING: Semaphore = Semaphore::const_new(2);
/// Longest life of a token.
pub(crate) const TOKEN_LIFE_MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

fn wrong(problem: Problem) -> Refused {
    Refused::Wrong(problem)
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

fn time_or_null(time: Option<Time>) -> Value {
    time.map_or(Value::Null, |time| json!(time.to_string()))
}

/// A user in a list.
pub(crate) async fn user_json(user: &User, records: &Records) -> Result<Map<String, Value>, Problem> {
    Ok(user_members(user, records.recovery_codes(&user.name).await?.is_some()))
}

/// The same, where it is known whether there is a second factor.
pub(crate) fn user_members(user: &User, has_factor: bool) -> Map<String, Value> {
    let roles: Vec<String> = user.standing.iter().map(ToString::to_string).collect();
    let members = [
        ("name", json!(user.name)),
        ("full_name", json!(user.full_name)),
        ("mail", text_or_null(&user.mail)),
        ("roles", json!(roles)),
        ("clearance", json!(user.clearance.word())),
        ("state", json!(if user.disabled { "disabled" } else { "enabled" })),
        ("second_factor", json!(has_factor)),
        ("made", json!(user.made.to_string())),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What is known of a user's ways to come in, and nothing that opens them.
pub(crate) async fn user_details(
    user: &User,
    records: &Records,
    now: Time,
) -> Result<[(&'static str, Value); 5], Problem> {
    let known = records.credentials(&user.name).await?;
    let password = match known.map(|known| (known.password.is_empty(), known.once)) {
        None | Some((true, _)) => "none",
        Some((false, true)) => "to be changed at the next login",
        Some((false, false)) => "chosen",
    };
    let until = records.locked_until(&secret::name_hash(&user.name), now).await?;
    Ok([
        ("password", json!(password)),
        ("recovery_codes", records.recovery_codes(&user.name).await?.map_or(Value::Null, |count| json!(count))),
        ("locked_until", time_or_null(until)),
        ("sessions", json!(records.sessions(&user.name, now).await?)),
        ("tokens", json!(records.tokens(Some(&user.name)).await?.len())),
    ])
}

/// A token in a list, without the token.
pub(crate) fn token_json(token: &Token, now: Time) -> Value {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.word()).collect();
    json!({
        "id": token.id,
        "user": token.user,
        "scopes": scopes,
        "state": if token.expires > now { "good" } else { "expired" },
        "made": token.made.to_string(),
        "made_by": token.made_by,
        "expires": token.expires.to_string(),
        "used": time_or_null(token.used),
    })
}

/// What is kept of a password that somebody else chose for a user: it is good for one login.
pub(crate) async fn for_one_login(name: &str, text: String) -> Result<NewPassword, Refused> {
    password::check_choice(name, &text).map_err(|why| wrong(Problem::new(why)))?;
    Ok(NewPassword { hash: in_turn(move || password::hash(&text)).await?, once: true })
}

/// What a password is known again by that comes with the same request.
pub(crate) async fn known_again(text: &str, salt: [u8; 32]) -> Result<[u8; 32], Refused> {
    // None that can be chosen is longer.
    let text: String = text.chars().take(password::BYTES_MAX).collect();
    in_turn(move || password::known_again(&text, &salt)).await
}

async fn in_turn<T: Send + 'static>(hash: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Refused> {
    // Each hash takes 19 MiB; the turn goes along, as who asked may be gone before it is done.
    let turn = HASHING.acquire().await.map_err(|error| Refused::Failed(Problem::new(error.to_string())))?;
    let hashing = tokio::task::spawn_blocking(move || {
        let hash = hash();
        drop(turn);
        hash
    });
    let hashing = hashing.await;
    Ok(hashing.map_err(|error| Refused::Failed(Problem::new(error.to_string())))??)
}

/// Whether a user can be as it is.
pub(crate) fn check(user: &User) -> Result<(), Refused> {
    user.check().map_err(|why| wrong(Problem::new(why)))
}

/// Changes a user as part of a change, and keeps it out or lets it in where that is said. Gives it as it is then.
pub(crate) async fn change_user(
    change: &mut Change<'_>,
    name: &str,
    wanted: &UserChange,
    disabled: Option<bool>,
    by: &By,
) -> Result<User, Refused> {
    let before = find_user(change, name).await?.ok_or(Refused::Missing)?;
    let administrators = administrators_in(change).await?;
    let mut user = before.clone();
    wanted.apply(&mut user);
    check(&user)?;
    if user != before || disabled.is_none() {
        change_user_in(change, &user, by).await?;
    }
    if let Some(disabled) = disabled {
        disable_user(change, name, disabled, by).await?;
        user.disabled = disabled;
    }
    somebody_is_left(change, administrators).await?;
    Ok(user)
}

/// Refuses a change after which nobody would look after users, where somebody did before.
async fn somebody_is_left(change: &mut Change<'_>, before: usize) -> Result<(), Refused> {
    if before == 0 || administrators_in(change).await? > 0 {
        return Ok(());
    }
    let problem = Problem::new("nobody would look after users and tokens any more");
    Err(wrong(
        problem.hint("give another user the role administrator first: `concert user change NAME --role administrator`"),
    ))
}

/// Keeps a user out, or lets it in again, also one that failed logins have locked.
pub(crate) async fn disable_user(change: &mut Change<'_>, name: &str, disabled: bool, by: &By) -> Result<(), Refused> {
    let administrators = administrators_in(change).await?;
    if !disable_user_in(change, name, disabled, by).await? {
        return Err(Refused::Missing);
    }
    somebody_is_left(change, administrators).await?;
    if !disabled {
        forget_failures_in(change, &secret::name_hash(name)).await?;
    }
    Ok(())
}

/// Gives a user a password that somebody else chose, and lets it in again where failed logins have locked it.
pub(crate) async fn reset_user(
    change: &mut Change<'_>,
    name: &str,
    (password, factor): (&NewPassword, Factor),
    by: &By,
) -> Result<(), Refused> {
    if !reset_user_in(change, name, (password, factor), by).await? {
        return Err(Refused::Missing);
    }
    forget_failures_in(change, &secret::name_hash(name)).await?;
    Ok(())
}

/// A token for a user who may do all that it is good for, and what is kept of it.
pub(crate) fn new_token(
    user: &User,
    mut scopes: Vec<Scope>,
    life: Duration,
    now: Time,
) -> Result<(String, NewToken), Refused> {
    if user.disabled {
        let problem = Problem::new(format!("the user {} is disabled, so the token would not work", user.name));
        return Err(wrong(problem.hint(format!("`concert user enable {}` lets it in again", user.name))));
    }
    scopes.sort_unstable();
    scopes.dedup();
    let may_not = |scope: &&Scope| **scope != Scope::Admin && !user.admits(**scope);
    let more: Vec<&str> = scopes.iter().filter(may_not).map(|scope| scope.word()).collect();
    if !more.is_empty() {
        let what = format!("a token never allows more than its user, and {} may not: {}", user.name, more.join(", "));
        return Err(wrong(Problem::new(what).hint("give the user the role first, or leave the scope out")));
    }
    let token = secret::token()?;
    let expires = now.plus_seconds(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
    let new = NewToken { hash: secret::hash(&token), user: user.name.clone(), scopes, expires };
    Ok((token, new))
}
