//! Mailboxes that two look into: each mail goes to whoever looks first. Notices to the mailbox of answers, or to addresses
//! by a way out that is no mail. And blind copies for whose sake mails go out in clear.

use concert_model::address::canonical;
use concert_model::keys::Setting;
use concert_model::{Problem, Time};
use concert_transport::openpgp::Keyring;

use super::Finding;
use crate::settings::{Collect, Notice, Recipient, Settings};
use crate::wire;

/// What is told of feeds, and of `[mailbox]`, that take the same mails.
pub(super) fn check(settings: &Settings, keys: &[Setting]) -> Vec<Finding> {
    let feeds = settings.feeds.iter().filter_map(|feed| match &feed.collect {
        Collect::By(_, collector, _) => Some((format!("feed {}", feed.name), collector.mails()?)),
        Collect::Nothing | Collect::Push(_) => None,
    });
    let answers =
        settings.mailbox.iter().filter_map(|mailbox| Some(("[mailbox]".to_owned(), mailbox.collector.mails()?)));
    let all: Vec<(String, (String, &str))> = feeds.chain(answers).collect();
    let mut findings = Vec::new();
    for (at, (name, (folder, search))) in all.iter().enumerate() {
        let same = |(_, (other, by)): &&(String, (String, &str))| {
            other == folder && (by == search || takes_all(by) || takes_all(search))
        };
        if let Some((other, _)) = all.get(..at).unwrap_or_default().iter().find(same) {
            let what = format!("{other} takes mails out of {folder} too: each mail goes to whoever looks first");
            let hint = "give each a folder of its own, or searches that no mail fits both";
            findings.push(Finding::of("warning", Problem::new(what).at(name).hint(hint)));
        }
    }
    findings.extend(own(settings));
    findings.extend(copies(settings, wire::now()));
    findings.extend(idle(settings, keys));
    findings
}

/// Notices for which an address is written though their way out mails nobody.
fn idle(settings: &Settings, keys: &[Setting]) -> Vec<Finding> {
    let told = settings.notices.iter().filter(|notice| notice.to == Recipient::Target).filter_map(|notice| {
        let name = format!("notice.{}.to", notice.name);
        let written = keys.iter().find(|one| one.key == name && !one.value.is_empty())?;
        let kind = settings.vias.get(&notice.via)?.kind;
        let what = format!("`to` has no effect: [via.{}] is no way out for mail but of type `{kind}`", notice.via);
        let hint = "leave `to` out, or name a way out of type `smtp` in `via`";
        Some(Finding::of("warning", Problem::new(what).at(&written.origin).hint(hint)))
    });
    told.collect()
}

/// Notices that come back into the mailbox of answers.
fn own(settings: &Settings) -> Vec<Finding> {
    let Some(mailbox) = &settings.mailbox else { return Vec::new() };
    let reads = |to: &&String| mailbox.address.as_ref().is_some_and(|own| canonical(own) == canonical(to));
    let told = settings.notices.iter().filter_map(|notice| {
        let Recipient::Addresses(addresses) = &notice.to else { return None };
        let to = addresses.iter().find(reads)?;
        let what = format!("it goes to {to}, the address of [mailbox], which takes it for what came back");
        let hint = "give an address that people read";
        Some(Finding::of("warning", Problem::new(what).at(format!("notice {}", notice.name)).hint(hint)))
    });
    told.collect()
}

/// Blind copies to whom nothing can be encrypted, so that others who have a key get their mail in clear. Where nobody has
/// one, all mails are in clear anyway.
fn copies(settings: &Settings, now: Time) -> Vec<Finding> {
    let mut with_copies = settings.notices.iter().filter(|notice| !notice.bcc.is_empty()).peekable();
    if with_copies.peek().is_none() || settings.deliver.override_recipient.is_some() {
        return Vec::new();
    }
    let ring = Keyring::read(&settings.openpgp.keys);
    if ring.keys().is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for notice in with_copies {
        let Some(via) = in_clear_by(settings, notice) else { continue };
        for none in notice.bcc.iter().filter_map(|address| ring.find(address, now).err()) {
            let what =
                format!("{}: because of this blind copy its mails go out in clear, also to who has a key", none.why);
            let hint = format!(
                "import a good key with `concert key import`, leave the address out of `bcc`, \
                 or write encrypt = \"required\" into [via.{via}]"
            );
            findings.push(Finding::of("warning", Problem::new(what).at(format!("notice {}", notice.name)).hint(hint)));
        }
    }
    findings
}

/// The way out by which mails of a notice are encrypted or not, as can be: its own, or one that contacts may wish for.
fn in_clear_by<'s>(settings: &'s Settings, notice: &'s Notice) -> Option<&'s str> {
    let can = |name: &str| settings.vias.get(name).is_some_and(|via| via.deliverer.encrypts_where_it_can());
    if can(&notice.via) {
        return Some(&notice.via);
    }
    let wished = settings.vias.keys().filter(|_| notice.to == Recipient::Responsible);
    wished.map(String::as_str).find(|name| can(name))
}

/// Whether a search leaves no mail out.
fn takes_all(search: &str) -> bool {
    search
        .split_whitespace()
        .all(|word| ["ALL", "UNSEEN", "UNDELETED"].iter().any(|all| word.eq_ignore_ascii_case(all)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::LoadFor;

    #[test]
    fn a_mailbox_that_two_look_into_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |feed: &str, mailbox: &str| {
            let imap = |more: &str| {
                format!("host = \"mail.example\"\nuser = \"cert\"\npassword = {{ env = \"PATH\" }}\n{more}\n")
            };
            let settings = format!(
                "[site]\nname = \"x\"\nemail = \"x@cert.example\"\n[[feed]]\nname = \"f\"\nparser = \"csv\"\ncolumns = {{ a = \"source.ip\" }}\n\
                 [feed.collect]\ntype = \"imap\"\n{}[mailbox]\n{}",
                imap(feed),
                imap(mailbox),
            );
            std::fs::write(folder.path().join("concert.toml"), settings).unwrap();
            let loaded = Settings::read(folder.path(), LoadFor::Run).unwrap();
            assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
            check(&loaded.settings, &loaded.keys)
                .into_iter()
                .map(|finding| format!("{}: {}", finding.place, finding.what))
                .collect::<Vec<_>>()
        };
        let what = "[mailbox]: feed f takes mails out of the folder `INBOX` of cert at mail.example:993 too: each mail goes to whoever looks first";
        assert_eq!(told("", ""), [what]);
        assert_eq!(told("search = \"UNSEEN FROM reports@x.example\"", ""), [what]);
        assert!(told("search = \"UNSEEN FROM a@x.example\"", "search = \"UNSEEN NOT FROM a@x.example\"").is_empty());
        assert!(told("folder = \"Reports\"", "").is_empty());
        let notice = "[[notice]]\nname = \"n\"\ngroup_by = [\"source.asn\"]\nwhen = \"at once\"\nformat = \"csv\"\nvia = \"m\"\n\
            to = \"Cert@cert.example\"\n[via.m]\ntype = \"smtp\"\nhost = \"mail.example\"";
        let own = "notice n: it goes to Cert@cert.example, the address of [mailbox], which takes it for what came back";
        assert_eq!(told("folder = \"Reports\"", &format!("address = \"cert@cert.example\"\n{notice}")), [own]);
        let file =
            "[[notice]]\nname = \"n\"\nto = \"a@b.example\"\nvia = \"m\"\n[via.m]\ntype = \"file\"\npath = \"out/\"";
        let idle = "concert.toml:20:6: `to` has no effect: [via.m] is no way out for mail but of type `file`";
        assert_eq!(told("folder = \"Reports\"", file), [idle]);
        assert!(told("folder = \"Reports\"", &file.replace("to = \"a@b.example\"\n", "")).is_empty());
    }
}
