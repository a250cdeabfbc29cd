//! Mailboxes that two look into: each mail goes to whoever looks first. And notices to the mailbox of answers.

use concert_model::Problem;
use concert_model::address::canonical;

use super::Finding;
use crate::settings::{Collect, Recipient, Settings};

/// What is told of feeds, and of `[mailbox]`, that take the same mails.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
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
    findings
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
            check(&loaded.settings)
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
    }
}
