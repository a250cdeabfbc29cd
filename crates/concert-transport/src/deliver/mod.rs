//! Ways out, one file each.
//!
//! A deliverer makes one attempt and says how it ended. When to try again, how often and how many at
//! a time is decided by the caller, once for all of them. Composing is pure; carrying is not.

pub mod file;
pub mod http;
pub mod irc;
pub mod smtp;

use std::path::PathBuf;

use concert_model::Keys;

use crate::Deliverer;

/// What every deliverer is told.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Its name in the settings: `mail` of `[via.mail]`.
    pub name: String,
    /// The folder that relative paths begin in.
    pub site_dir: PathBuf,
    /// The site's name, for people.
    pub site_name: String,
    /// The site's own mail address.
    pub site_email: String,
    /// How the site calls itself towards servers.
    pub user_agent: String,
}

/// A way out in the catalogue.
#[derive(Clone, Copy)]
pub struct Listed {
    /// The word in settings, `type = "file"`.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Reads its settings, all keys of the table but `type`. `None` when a mistake was recorded.
    pub read: fn(&mut Keys<'_>, &Setup) -> Option<Box<dyn Deliverer>>,
}

/// Least that a way out can be told to take; below it not even a single event fits.
const SIZE_LEAST: u64 = 1024;

/// Reads `size_max`, the most bytes of one notice.
fn read_size_max(keys: &mut Keys<'_>, default: &str, about: &str) -> u64 {
    let size = keys.size_or("size_max", default, about);
    if size < SIZE_LEAST {
        keys.problem(
            "size_max",
            "`size_max` is less than 1 KiB, which is too little for anything",
            "size_max = \"25MiB\"",
        );
    }
    size.max(SIZE_LEAST)
}

/// Every way out.
pub const ALL: &[Listed] = &[smtp::LISTED, http::LISTED, file::LISTED, irc::LISTED];

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::sync::LazyLock;

    use concert_model::keys::{Keys, Reading, Source};
    use concert_model::{Attachment, Message, Time};
    use toml_edit::TableLike;

    use super::{ALL, Setup};
    use crate::Deliverer;
    use crate::openpgp::{Keyring, KeysAt};

    static NO_KEYS: LazyLock<Keyring> = LazyLock::new(Keyring::default);

    /// For composing where nobody has a key.
    pub(crate) fn no_keys() -> KeysAt<'static> {
        KeysAt { keyring: &NO_KEYS, now: Time::parse("2026-11-22T05:00:00Z", None).unwrap() }
    }

    pub(crate) fn setup(site_dir: &Path) -> Setup {
        Setup {
            name: "out".into(),
            site_dir: site_dir.to_owned(),
            site_name: "CERT Example".into(),
            site_email: "cert@cert.example".into(),
            user_agent: "concert-test".into(),
        }
    }

    /// Reads settings as the program does; the error holds every mistake. A secret is its own value.
    pub(crate) fn read(kind: &str, settings: &str, site_dir: &Path) -> Result<Box<dyn Deliverer>, Vec<String>> {
        let listed = ALL.iter().find(|listed| listed.name == kind).expect("a known way out");
        let source = Source { name: "concert.toml".into(), text: settings.into() };
        let document = toml_edit::Document::parse(settings).unwrap();
        let secrets = |_: &str, which: &str| Ok(which.to_owned());
        let reading = Reading::new(&secrets);
        let mut keys = Keys::root(&reading, vec![(&source, document.as_table() as &dyn TableLike)]);
        let deliverer = (listed.read)(&mut keys, &setup(site_dir));
        keys.finish();
        let problems: Vec<String> = reading.finish().problems.iter().map(ToString::to_string).collect();
        match deliverer {
            Some(deliverer) if problems.is_empty() => Ok(deliverer),
            _ => Err(problems),
        }
    }

    pub(crate) fn message(notice: &str) -> Message {
        Message {
            notice: notice.into(),
            message_id: format!("{notice}@cert.example"),
            to: vec!["abuse@net.example".into()],
            bcc: Vec::new(),
            return_path: None,
            answers: None,
            by_person: false,
            subject: format!("[{notice}] 1 problem in your network"),
            text: "Hello,\n\nsee the attachment.\n".into(),
            html: None,
            payload: Attachment {
                name: "events.csv".into(),
                media_type: "text/csv; charset=utf-8".into(),
                bytes: b"event.id,source.ip\r\n1,192.0.2.1\r\n".to_vec(),
            },
            more: Vec::new(),
            language: "en".into(),
            date: Time::parse("2026-11-22T04:50:30Z", None).unwrap(),
        }
    }

    #[test]
    fn every_way_out_tells_all_missing_settings_and_never_panics() {
        for listed in ALL {
            let problems = read(listed.name, "nonsense = 1\n", Path::new("/nowhere")).err().expect("mistakes");
            assert!(problems.iter().any(|problem| problem.contains("unknown key `nonsense`")), "{problems:?}");
            assert!(problems.iter().any(|problem| problem.contains("is missing")), "{}: {problems:?}", listed.name);
        }
    }
}
