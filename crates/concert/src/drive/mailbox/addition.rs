//! What whoever complained adds later: a person's answer to a receipt, or to what was told of the outcome, is read as the
//! complaint was.
//!
//! It stays an answer in the thread of its ticket and becomes a report of the feed of complaints besides. It gets no
//! receipt: its sender has the ticket already, and two machines that take each other for people would never stop. What
//! it quotes is passed over by the parser, as it is in a complaint.

use concert_model::{Origin, Receipt, ReportId};
use concert_pipeline::mail::Kind;
use concert_pipeline::mail::tie::Verdict;
use concert_store::records::{MailRow, Notice};

use super::super::{outcome, receipt};
use crate::wire::Site;

/// The report that an answer to a notice is, where that told whoever complained something, and the answer is believed and
/// a person's.
pub(super) fn answered(
    site: &Site,
    row: &MailRow,
    kind: &Kind,
    verdict: &Verdict,
    notice: &Notice,
) -> Option<(ReportId, Receipt)> {
    let is_believed = *kind == Kind::Written && matches!(verdict, Verdict::Answered(_));
    if is_believed { accepted(site, row, notice) } else { None }
}

/// The same for an answer of which a person says that it is one.
pub(super) fn accepted(site: &Site, row: &MailRow, notice: &Notice) -> Option<(ReportId, Receipt)> {
    let is_to_reporter = [receipt::NAME, outcome::NAME].contains(&notice.name.as_str());
    let feed = site.settings.mailbox.as_ref()?.complaints.as_ref()?;
    (is_to_reporter && !site.settings.own().has(&row.from)).then(|| report(row, feed))
}

/// The report that a mail is, of the feed of complaints.
pub(super) fn report(row: &MailRow, feed: &str) -> (ReportId, Receipt) {
    let receipt = Receipt {
        feed: feed.to_owned(),
        origin: Origin::Mail(outcome::origin(row)),
        received: row.received,
        sender: row.from.clone(),
        file_name: String::new(),
        url: String::new(),
        media_type: "message/rfc822".into(),
    };
    (receipt.id(&row.content), receipt)
}
