//! What of an object that counts is left out: languages that are none, and what it has more of than is kept.

use super::super::object::Object;
use super::super::text::{is_mail, mailbox};
use super::{IRTS_MAX, MAILS_MAX, is_language, shown};

/// Classes of which languages are kept.
const WITH_LANGUAGES: [&str; 3] = ["inetnum", "inet6num", "organisation"];
/// Classes of which teams are kept.
const WITH_TEAMS: [&str; 3] = ["inetnum", "inet6num", "aut-num"];
/// Classes of which mailboxes are kept.
const WITH_MAILBOXES: [&str; 7] = ["inetnum", "inet6num", "aut-num", "organisation", "role", "person", "irt"];

/// All of it, in sentences. Of nearly every object there is nothing, and there are millions.
pub(super) fn left_out(object: &Object) -> Vec<String> {
    let is_of = |classes: &[&str]| classes.contains(&object.class.as_str());
    let mut told = Vec::new();
    if is_of(&WITH_LANGUAGES) {
        let wrong = object.all("language").filter(|language| !is_language(language));
        told.extend(wrong.map(|language| {
            format!("`{}` is no language of two letters; the rest of the object counts", shown(language))
        }));
    }
    if is_of(&WITH_TEAMS) {
        let count = teams(object).count();
        if count > IRTS_MAX {
            told.push(format!("has {count} teams (mnt-irt), of which the first {IRTS_MAX} count"));
        }
    }
    if is_of(&WITH_MAILBOXES) {
        let (count, name) = match (mailboxes(object, "abuse-mailbox").len(), object.class.as_str()) {
            (0, "irt") => (mailboxes(object, "e-mail").len(), "e-mail"),
            (count, _) => (count, "abuse-mailbox"),
        };
        if count > MAILS_MAX {
            told.push(format!("has {count} mailboxes ({name}), of which the first {MAILS_MAX} count"));
        }
    }
    told
}

/// The handles of teams of an object.
pub(super) fn teams(object: &Object) -> impl Iterator<Item = &str> {
    object.all("mnt-irt").flat_map(|list| list.split(',')).map(str::trim).filter(|handle| !handle.is_empty())
}

/// The usable mailboxes of an attribute, each once.
pub(super) fn mailboxes<'o>(object: &'o Object, name: &'o str) -> Vec<&'o str> {
    let mut mails = Vec::<&str>::new();
    for mail in object.all(name).map(mailbox).filter(|mail| is_mail(mail)) {
        if !mails.iter().any(|known| known.eq_ignore_ascii_case(mail)) {
            mails.push(mail);
        }
    }
    mails
}
