//! What is done over the API besides writing entries and adding evidence: each is what a command does too.

use concert_model::access::{ALL_SCOPES, Action, Person};
use concert_model::incident::content::{ClockStarted, Marked};
use concert_model::incident::draft::Draft;
use concert_model::problem::meant;
use concert_model::{Problem, User};
use concert_server::desk::{Change, Deed, HandingOver, Handling, NewUser, StartingClock, UserChange};
use concert_server::site::Refusal;
use concert_store::records::incidents::{answered, keep_answer};
use concert_store::records::{By, Change as Records, Factor, add_token_in, add_user_in, revoke_token_in};
use serde_json::{Value, json};

use super::desk::{ask, refusal, written_json};
use super::looks::{aside, broken, need, processes_of};
use super::{Pages, book, failed, messages, telling};
use crate::incidents::{self, ANSWERS_KEPT_MICROS};
use crate::wire::site_key;
use crate::{clocks, people, wire};

pub(super) async fn act(pages: &Pages, change: Change, deed: Deed) -> Result<Value, Refusal> {
    match deed {
        Deed::Handle(incident, sha256, Handling { act, whom, place, reason }) => {
            let handling = incidents::Handling { act, whom, place, reason };
            let handled = pages.desk()?.handle(ask(&change), &incident, &sha256, handling).await;
            handled.map(|written| written_json(&written)).map_err(refusal)
        }
        Deed::Release(incident, sha256, party, reason) => {
            let released = pages.desk()?.release(ask(&change), &incident, &sha256, &party, &reason).await;
            let (written, is_released) = released.map_err(refusal)?;
            let mut answer = written_json(&written);
            if let Some(members) = answer.as_object_mut() {
                members.insert("party".into(), json!(party));
                members.insert("released".into(), json!(is_released));
            }
            Ok(answer)
        }
        Deed::Mark(incident, None, marking, reason) => {
            write(pages, &change, &incident, Marked { marking, reason }).await
        }
        Deed::Mark(incident, Some(entry), marking, reason) => {
            let marked = Marked { marking, reason };
            let written = pages.desk()?.mark_entry(ask(&change), &incident, entry, marked).await;
            written.map(|written| written_json(&written)).map_err(refusal)
        }
        Deed::Erase(incident, entry, reason) => {
            let erased = pages.desk()?.erase_entry(ask(&change), &incident, entry, &reason).await;
            erased.map(|written| written_json(&written)).map_err(refusal)
        }
        Deed::OpenFrom(new, beginning) => {
            let opened = pages.desk()?.open_from(ask(&change), new, &beginning).await;
            opened.map(|written| written_json(&written)).map_err(refusal)
        }
        Deed::HandOver(incident, wanted) => {
            let wanted = hand_over(&change.person, wanted);
            let written = pages.desk()?.hand_over(ask(&change), &incident, &wanted).await;
            written.map(|written| written_json(&written)).map_err(refusal)
        }
        Deed::Tell(incident, telling) => messages::tell(pages, &change, &incident, &telling).await,
        Deed::StartClock(incident, StartingClock { clock, since, party, again }) => {
            // Whoever may not see the incident learns nothing, not even that the clock is a wrong one.
            pages.desk()?.find(&change.person, &incident).await.map_err(refusal)?;
            let site = pages.site();
            let dir = site.settings.dir.clone();
            let known = aside(move || clocks::catalogue(&dir)).await?.map_err(broken)?;
            let since = since.unwrap_or_else(wire::now);
            let started = clocks::started(&known, &site.settings.site.time_zone, &clock, since);
            let started = started.map_err(Refusal::Mistake)?;
            write(pages, &change, &incident, ClockStarted { party, again, ..started }).await
        }
        Deed::StartProcess(incident, name, run, party) => {
            pages.desk()?.find(&change.person, &incident).await.map_err(refusal)?;
            let all = processes_of(pages).await?.all;
            let found = all.iter().find(|(process, _)| process.name == name);
            let (process, _) = found.ok_or_else(|| {
                let names = all.iter().map(|(process, _)| process.name.as_str());
                let hint = meant(&name, names, "`GET /api/v1/processes` shows all");
                Refusal::Absent(Problem::new(format!("there is no process `{name}`")).hint(hint))
            })?;
            write(pages, &change, &incident, process.start(run.as_deref().unwrap_or(&name), &party)).await
        }
        Deed::AddUser(new) => add_user(pages, &change, new).await,
        Deed::ChangeUser(name, wanted) => change_user(pages, &change, &name, wanted).await,
        Deed::SetPassword(name, password, stays) => set_password(pages, &change, &name, password, stays).await,
        Deed::AddToken(user, scopes, life) => add_token(pages, &change, &user, scopes, life).await,
        Deed::RevokeToken(id) => revoke_token(pages, &change, id).await,
        Deed::Import(import) => book::import(pages, &change, import).await,
        Deed::Notice(id, deed) => telling::act(pages, &change, &id, deed).await,
        Deed::DropNotice(name) => telling::let_go(pages, &change, name).await,
        Deed::Replay(feed, since) => telling::replay(pages, &change, &feed, since).await,
    }
}

/// What is to go, where nobody is named from who asks.
pub(super) fn hand_over(person: &Person, wanted: HandingOver) -> incidents::HandOver {
    let HandingOver { from, to, role, open_tasks } = wanted;
    incidents::HandOver { from: from.unwrap_or_else(|| person.name.clone()), to, role, open_tasks }
}

async fn write(
    pages: &Pages,
    change: &Change,
    incident: &str,
    content: impl Into<concert_model::incident::Content>,
) -> Result<Value, Refusal> {
    let draft = Draft { content: content.into(), marking: None, minutes: 0 };
    let written = pages.desk()?.write(ask(change), incident, vec![draft]).await;
    written.map(|written| written_json(&written)).map_err(refusal)
}

pub(super) fn by(person: &Person) -> By {
    By { who: person.name.clone(), from: person.from.clone(), at: wire::now() }
}

/// The answer to the same request, if it was answered before.
pub(super) async fn again(records: &mut Records<'_>, change: &Change) -> Result<Option<Value>, Refusal> {
    let Some((key, digest)) = &change.key else { return Ok(None) };
    match answered(records, &change.person.name, key).await.map_err(failed)? {
        Some((before, answer)) if before == digest => Ok(serde_json::from_str(&answer).ok()),
        Some(_) => Err(Refusal::Used),
        None => Ok(None),
    }
}

async fn keep(records: &mut Records<'_>, change: &Change, answer: &Value) -> Result<(), Refusal> {
    let Some((key, digest)) = &change.key else { return Ok(()) };
    let now = wire::now();
    let times = (now, concert_model::Time(now.0.saturating_sub(ANSWERS_KEPT_MICROS)));
    let kept = keep_answer(records, (&change.person.name, key), digest, &answer.to_string(), times).await;
    kept.map_err(failed)
}

/// Keeps the answer with what was done.
pub(super) async fn done(
    records: &concert_store::records::Records,
    mut writing: Records<'static>,
    change: &Change,
    answer: Value,
) -> Result<Value, Refusal> {
    keep(&mut writing, change, &answer).await?;
    records.commit(writing).await.map_err(failed)?;
    Ok(answer)
}

/// The request with what it is known by when it is sent again: its password counts, of which no more is kept than what takes
/// as long to guess by as the hash of the user's.
async fn with_password(pages: &Pages, change: &Change, password: &str) -> Result<Change, Refusal> {
    let Some((key, digest)) = &change.key else { return Ok(change.clone()) };
    // A site without its key, as restored without keys, knows requests again all the same.
    let secret = site_key(&pages.site().settings).unwrap_or_default();
    let secret = blake3::derive_key("concert 2026 passwords of requests", &secret);
    let request = [change.person.name.as_bytes(), &[0], key.as_bytes(), &[0], digest].concat();
    let salt = blake3::keyed_hash(&secret, &request);
    let known = people::known_again(password, *salt.as_bytes()).await.map_err(refusal)?;
    let digest = blake3::keyed_hash(&known, digest);
    Ok(Change { key: Some((key.clone(), *digest.as_bytes())), ..change.clone() })
}

async fn add_user(pages: &Pages, change: &Change, new: NewUser) -> Result<Value, Refusal> {
    need(&change.person, Action::ManageUsers)?;
    let NewUser { name, full_name, mail, mut standing, clearance, password } = new;
    standing.sort();
    standing.dedup();
    let by = by(&change.person);
    let user = User { name, full_name, mail, standing, clearance, disabled: false, made: by.at };
    people::check(&user).map_err(refusal)?;
    let change = &with_password(pages, change, &password).await?;
    let password = people::for_one_login(&user.name, password).await.map_err(refusal)?;
    let records = &pages.site().store.records;
    let answer = Value::Object(people::user_json(&user, records).await.map_err(failed)?);
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    if !add_user_in(&mut writing, &user, &password, &by).await.map_err(failed)? {
        return Err(Refusal::Taken(format!("there is a user `{}` already", user.name)));
    }
    done(records, writing, change, answer).await
}

async fn change_user(pages: &Pages, change: &Change, name: &str, wanted: UserChange) -> Result<Value, Refusal> {
    need(&change.person, Action::ManageUsers)?;
    let UserChange { full_name, mail, mut standing, clearance, disabled } = wanted;
    if let Some(standing) = &mut standing {
        standing.sort();
        standing.dedup();
    }
    let wanted = concert_store::records::UserChange { full_name, mail, standing, clearance };
    let records = &pages.site().store.records;
    // Nothing is asked beside a change: whoever waits for it may hold all there is to ask with.
    let has_factor = records.recovery_codes(name).await.map_err(failed)?.is_some();
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    let changed = people::change_user(&mut writing, name, &wanted, disabled, &by(&change.person)).await;
    let answer = Value::Object(people::user_members(&changed.map_err(refusal)?, has_factor));
    done(records, writing, change, answer).await
}

async fn set_password(
    pages: &Pages,
    change: &Change,
    name: &str,
    password: String,
    stays: bool,
) -> Result<Value, Refusal> {
    need(&change.person, Action::ManageUsers)?;
    let records = &pages.site().store.records;
    if records.user(name).await.map_err(failed)?.is_none() {
        return Err(Refusal::Missing);
    }
    let change = &with_password(pages, change, &password).await?;
    let password = people::for_one_login(name, password).await.map_err(refusal)?;
    let factor = if stays { Factor::Stays } else { Factor::Goes };
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    let set = people::reset_user(&mut writing, name, (&password, factor), &by(&change.person)).await;
    set.map_err(refusal)?;
    done(records, writing, change, Value::Null).await
}

async fn revoke_token(pages: &Pages, change: &Change, id: i64) -> Result<Value, Refusal> {
    need(&change.person, Action::ManageUsers)?;
    let records = &pages.site().store.records;
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    if !revoke_token_in(&mut writing, id, &by(&change.person)).await.map_err(failed)? {
        return Err(Refusal::Missing);
    }
    done(records, writing, change, Value::Null).await
}

async fn add_token(
    pages: &Pages,
    change: &Change,
    user: &str,
    scopes: Vec<concert_model::user::Scope>,
    life: std::time::Duration,
) -> Result<Value, Refusal> {
    need(&change.person, Action::ManageUsers)?;
    // A token makes none that allows more than it does.
    if let Some(own) = change.person.scopes.as_ref().filter(|own| !own.contains(ALL_SCOPES))
        && let Some(more) = scopes.iter().find(|scope| !own.contains(scope.word()))
    {
        return Err(Refusal::Wrong(format!(
            "your token lacks the scope {}, so it makes none that has it",
            more.word()
        )));
    }
    let records = &pages.site().store.records;
    let by = by(&change.person);
    let found = records.user(user).await.map_err(failed)?;
    let none = || Problem::new(format!("there is no user `{user}`")).hint("`GET /api/v1/users` has their names");
    let user = found.ok_or_else(|| Refusal::Absent(none()))?;
    let (token, new) = people::new_token(&user, scopes, life, by.at).map_err(refusal)?;
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    let id = add_token_in(&mut writing, &new, &by).await.map_err(Refusal::Mistake)?;
    // The token itself is kept nowhere, not even as the answer to this request.
    keep(&mut writing, change, &json!({"id": id, "token": null})).await?;
    records.commit(writing).await.map_err(failed)?;
    Ok(json!({"id": id, "token": token}))
}
