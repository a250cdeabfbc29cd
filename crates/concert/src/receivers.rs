//! Who of those whom a mail is for has it, who is waited for and who never gets it: for whoever looks, where not all of them
//! got it at once.

use concert_model::Problem;
use concert_server::site::ReceiverRow;
use concert_store::records::{Notice, Receiver};

use crate::wire::Site;

/// The receivers of a notice, as far as somebody sees them; of one that another carries, those of the mail it is in. Those
/// who would have a copy are of the site, and shown to those who see all.
pub(crate) async fn of(site: &Site, notice: &Notice, sees_all: bool) -> Result<Vec<ReceiverRow>, Problem> {
    let mail = notice.carrier().unwrap_or(&notice.id);
    let known = site.store.records.receivers(&[mail]).await?.into_values().next().unwrap_or_default();
    let mut rows = Vec::new();
    let copies = site.settings.notice(&notice.name).map(|kind| kind.bcc.as_slice()).unwrap_or_default();
    let own: Vec<&str> = notice.to.split(',').filter(|to| !to.is_empty()).collect();
    if !known.is_empty() && notice.state == "queued" {
        let all = own.iter().copied().chain(copies.iter().map(String::as_str).filter(|_| sees_all));
        let is_left = |to: &&str| !known.iter().any(|one| one.address.eq_ignore_ascii_case(to));
        let waits =
            |to: &str| ReceiverRow { contact: to.to_owned(), state: "is waited for", since: None, said: String::new() };
        rows.extend(all.filter(is_left).map(waits));
    }
    let is_seen = |one: &Receiver| sees_all || own.contains(&one.address.as_str());
    rows.extend(known.into_iter().filter(is_seen).map(|Receiver { address, has_it, said, time }| ReceiverRow {
        contact: address,
        state: if has_it { "has it" } else { "never gets it" },
        since: Some(time),
        said,
    }));
    Ok(rows)
}
