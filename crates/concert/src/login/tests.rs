use std::net::Ipv4Addr;

use concert_model::incident::Tlp;
use concert_model::user::Scope;
use concert_store::records::{AuditFilter, Factor, NewFactor, NewPassword, NewToken};

use super::*;
use crate::people;

const PASSWORD: &str = "correct horse battery";
const SECRET: &[u8] = b"12345678901234567890";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn at(seconds: i64) -> Time {
    Time(0).plus_seconds(1_800_000_000 + seconds)
}

fn by() -> By {
    By { who: "operator (test)".into(), from: String::new(), at: at(0) }
}

struct World {
    dir: tempfile::TempDir,
    logins: Logins,
}

impl World {
    /// A site with the user jane, whose password is hashed cheaply so that tests are fast.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let user = User {
            name: "jane".into(),
            full_name: "Jane Doe".into(),
            mail: String::new(),
            standing: vec!["handler".parse().unwrap()],
            clearance: Tlp::Amber,
            disabled: false,
            made: at(0),
        };
        let first = NewPassword { hash: password::weak_hash(PASSWORD), once: false };
        assert!(records.add_user(&user, &first, &by()).await.unwrap());
        assert!(!records.add_user(&user, &first, &by()).await.unwrap(), "once");
        Self { dir, logins: Logins::new(records) }
    }

    fn records(&self) -> &Records {
        &self.logins.records
    }

    async fn login(&self, name: &str, password: &str, code: Option<&str>, now: Time) -> Result<Login, Refused> {
        self.logins.login(name, password, code, HERE, now).await
    }

    async fn set_factor(&self, codes: &[String]) {
        let recovery = codes.iter().map(|code| secret::recovery_hash("jane", code)).collect();
        let new = NewFactor { secret: SECRET.to_vec(), step: 0, recovery };
        assert!(self.records().set_second_factor("jane", &new, &by()).await.unwrap());
    }

    async fn disable(&self, disabled: bool) {
        let mut change = self.records().change().await.unwrap();
        people::disable_user(&mut change, "jane", disabled, &by()).await.unwrap();
        self.records().commit(change).await.unwrap();
    }

    /// Everything in the files of the records.
    fn raw(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.dir.path()).unwrap().flatten();
        files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect()
    }
}

fn holds(raw: &[u8], text: &str) -> bool {
    raw.windows(text.len()).any(|some| some == text.as_bytes())
}

#[tokio::test]
async fn whoever_knows_the_password_comes_in_and_the_hash_is_made_stronger() {
    let world = World::new().await;
    assert_eq!(world.login("jane", "wrong horse battery", None, at(0)).await, Err(Refused::Wrong));
    let login = world.login("jane", PASSWORD, None, at(0)).await.unwrap();
    assert_eq!((login.user.name.as_str(), login.must_change_password), ("jane", false));
    let session = world.logins.session(&login.session, HERE, at(60)).await.unwrap().unwrap();
    assert_eq!(session.user, login.user);
    assert_eq!(world.records().failures(&secret::name_hash("jane")).await.unwrap(), 0);
    let hash = world.records().credentials("jane").await.unwrap().unwrap().password;
    assert!(!password::is_weak(&hash), "{hash}");
    world.login("jane", PASSWORD, None, at(1)).await.unwrap();
    assert!(world.logins.logout(&login.session, "jane", HERE, at(61)).await.unwrap());
    assert_eq!(world.logins.session(&login.session, HERE, at(62)).await.unwrap(), None);
}

#[tokio::test]
async fn an_unknown_name_is_refused_counted_and_locked_like_a_known_one() {
    let world = World::new().await;
    for name in ["jane", "nobody", "Hunter2 Hunter2!"] {
        for _ in 0..5 {
            assert_eq!(world.login(name, "wrong", None, at(0)).await, Err(Refused::Wrong), "{name}");
        }
        assert_eq!(world.login(name, "wrong", None, at(29)).await, Err(Refused::LockedUntil(at(30))), "{name}");
        assert_eq!(world.login(name, "wrong", None, at(30)).await, Err(Refused::Wrong), "{name}");
        assert_eq!(world.login(name, PASSWORD, None, at(31)).await, Err(Refused::LockedUntil(at(90))), "{name}");
    }
    world.login("jane", PASSWORD, None, at(400)).await.unwrap();
    let rows = world.records().audit_rows(&AuditFilter { denied: true, ..AuditFilter::default() }).await.unwrap();
    let objects: Vec<&str> = rows.iter().map(|row| row.object.as_str()).collect();
    assert_eq!(objects, [["unknown name"; 12].as_slice(), &["user jane"; 6]].concat());
    assert!(!holds(&world.raw(), "Hunter2"), "what was typed as a name may have been a password");
}

#[tokio::test]
async fn attempts_at_once_are_all_counted_and_no_more_than_five_are_looked_at() {
    let world = World::new().await;
    let attempts = (0..10).map(|_| world.login("jane", "wrong", None, at(0)));
    let ends = futures_util::future::join_all(attempts).await;
    let count = |end: Refused| ends.iter().filter(|one| **one == Err(end.clone())).count();
    assert_eq!((count(Refused::Wrong), count(Refused::LockedUntil(at(30)))), (5, 5));
    assert_eq!(world.login("jane", PASSWORD, None, at(1)).await, Err(Refused::LockedUntil(at(30))));
}

#[tokio::test]
async fn a_code_works_once_and_so_does_a_recovery_code() {
    let world = World::new().await;
    let codes = secret::recovery_codes().unwrap();
    world.set_factor(&codes).await;
    assert_eq!(world.login("jane", PASSWORD, None, at(0)).await, Err(Refused::SecondFactorWanted));
    assert_eq!(world.login("jane", "wrong", None, at(0)).await, Err(Refused::Wrong), "the password comes first");
    let code = code::code_at(SECRET, at(0));
    world.login("jane", PASSWORD, Some(&code), at(0)).await.unwrap();
    assert_eq!(world.login("jane", PASSWORD, Some(&code), at(1)).await, Err(Refused::Wrong), "used");
    let before = code::code_at(SECRET, at(-30));
    assert_eq!(world.login("jane", PASSWORD, Some(&before), at(1)).await, Err(Refused::Wrong), "older than used");
    let next = code::code_at(SECRET, at(30));
    world.login("jane", PASSWORD, Some(&next), at(1)).await.unwrap();
    world.login("jane", PASSWORD, Some(&codes[3].to_uppercase()), at(2)).await.unwrap();
    assert_eq!(world.login("jane", PASSWORD, Some(&codes[3]), at(3)).await, Err(Refused::Wrong), "used");
    assert_eq!(world.records().recovery_codes("jane").await.unwrap(), Some(9));
    assert!(!holds(&world.raw(), &codes[4]), "recovery codes are hashed");
}

#[tokio::test]
async fn codes_cannot_be_guessed_by_asking_without_one_in_between() {
    let world = World::new().await;
    world.set_factor(&[]).await;
    for _ in 0..5 {
        assert_eq!(world.login("jane", PASSWORD, None, at(0)).await, Err(Refused::SecondFactorWanted));
        assert_eq!(world.login("jane", PASSWORD, Some("000000"), at(0)).await, Err(Refused::Wrong));
    }
    assert_eq!(world.login("jane", PASSWORD, None, at(0)).await, Err(Refused::LockedUntil(at(30))));
}

#[tokio::test]
async fn sessions_end_by_themselves_by_a_new_password_and_with_their_user() {
    let world = World::new().await;
    let hour = 3600;
    let holds = async |session: &str, now| world.logins.session(session, HERE, now).await.unwrap().is_some();
    let idle = world.login("jane", PASSWORD, None, at(0)).await.unwrap().session;
    assert!(holds(&idle, at(0)).await && !holds(&idle, at(12 * hour + 1)).await);
    let busy = world.login("jane", PASSWORD, None, at(0)).await.unwrap().session;
    for step in 1..=14 {
        assert!(holds(&busy, at(step * 12 * hour)).await, "{step}");
    }
    assert!(!holds(&busy, at(7 * 24 * hour + 1)).await);
    // A one-time password lets in to choose another, and whoever changes it is the only one left.
    let once = NewPassword { hash: password::weak_hash("once-once-once"), once: true };
    let mut reset = world.records().change().await.unwrap();
    people::reset_user(&mut reset, "jane", (&once, Factor::Stays), &by()).await.unwrap();
    world.records().commit(reset).await.unwrap();
    assert_eq!(world.login("jane", PASSWORD, None, at(0)).await, Err(Refused::Wrong));
    let first = world.login("jane", "once-once-once", None, at(0)).await.unwrap();
    assert!(first.must_change_password);
    let change =
        async |session: &str, old: &str, new: &str| world.logins.change_password(session, old, new, HERE, at(1)).await;
    assert!(matches!(change(&first.session, "once-once-once", "short").await, Err(Refused::Unfit(_))));
    assert!(matches!(change(&first.session, "once-once-once", "once-once-once").await, Err(Refused::Unfit(_))));
    assert_eq!(change(&first.session, "not this one", "another horse battery").await, Err(Refused::Wrong));
    assert_eq!(change("no session", "once-once-once", "another horse battery").await, Err(Refused::Wrong));
    let then = change(&first.session, "once-once-once", "another horse battery").await.unwrap();
    assert!(!then.must_change_password && holds(&then.session, at(2)).await && !holds(&first.session, at(2)).await);
    world.disable(true).await;
    assert!(!holds(&then.session, at(3)).await);
    assert_eq!(world.login("jane", "another horse battery", None, at(3)).await, Err(Refused::Wrong));
    world.disable(false).await;
    assert!(!holds(&then.session, at(4)).await, "a session that ended stays so");
    world.login("jane", "another horse battery", None, at(4)).await.unwrap();
}

#[tokio::test]
async fn a_token_works_until_it_expires_or_is_revoked_and_only_while_its_user_may() {
    let world = World::new().await;
    let token = secret::token().unwrap();
    let new = NewToken {
        hash: secret::hash(&token),
        user: "jane".into(),
        scopes: vec![Scope::EventsRead, Scope::UsersWrite],
        expires: at(100_000),
    };
    let id = world.records().add_token(&new, &by()).await.unwrap();
    let bearer = async |seconds| world.logins.bearer(&token, HERE, at(seconds)).await.unwrap();
    let found = bearer(0).await.unwrap();
    assert!(found.allows(Scope::EventsRead) && !found.allows(Scope::NoticesWrite));
    assert!(!found.allows(Scope::UsersWrite), "more than its user");
    let used = async || world.records().tokens(Some("jane")).await.unwrap()[0].used;
    bearer(3599).await.unwrap();
    assert_eq!(used().await, Some(at(0)), "written at most once an hour");
    bearer(3601).await.unwrap();
    assert_eq!(used().await, Some(at(3601)));
    assert!(bearer(99_999).await.is_some() && bearer(100_000).await.is_none(), "expired");
    world.disable(true).await;
    assert!(bearer(1).await.is_none());
    world.disable(false).await;
    assert!(bearer(1).await.is_some());
    let bare = token.strip_prefix("concert_").unwrap();
    let other = secret::token().unwrap();
    for other in ["", "concert_", bare, &other, &format!("{token}a"), &"concert_x".repeat(100_000)] {
        assert!(world.logins.bearer(other, HERE, at(1)).await.unwrap().is_none());
    }
    assert!(!holds(&world.raw(), &token) && !holds(&world.raw(), bare), "only its hash is kept");
    assert!(world.records().revoke_token(id, &by()).await.unwrap());
    assert!(!world.records().revoke_token(id, &by()).await.unwrap());
    assert!(bearer(1).await.is_none());
}

#[tokio::test]
async fn an_address_that_tries_many_names_is_held_back() {
    let world = World::new().await;
    let mut last = Ok(());
    for number in 0..31 {
        last = world.login(&format!("name{number}"), "wrong", None, at(0)).await.map(|_| ());
    }
    assert_eq!(last, Err(Refused::LockedUntil(at(300))));
    let elsewhere = "192.0.2.2".parse().unwrap();
    world.logins.login("jane", PASSWORD, None, elsewhere, at(0)).await.unwrap();
}
