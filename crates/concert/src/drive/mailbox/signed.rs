//! Whether answers are from whom they say: signed by the domain of their sender (DKIM), unless the settings do not want
//! it looked at, or by a key of their sender (OpenPGP).
//!
//! A signature that is there and wrong is forged. One that is right proves who wrote. One that is missing says something
//! only of a domain whose answers always had one: then a person must look. A mail that knows nothing but the number of a
//! notice is an answer of the very address that it names as its sender, and of nobody beside it.

use concert_model::Problem;
use concert_model::incident::mail::{Openpgp, Signature};
use concert_pipeline::mail::address::canonical;
use concert_pipeline::mail::{self, Kind, Mail, tie};
use concert_store::records::MailRow;

use crate::wire::{self, Site};

/// Writes down whether the domain of its sender signed a mail.
pub(super) async fn look(site: &Site, row: MailRow, mail: &Mail, bytes: &[u8]) -> MailRow {
    let Some(verifier) = &site.verifier else { return row };
    if !matches!(mail.kind, Kind::Written | Kind::AutoReply | Kind::Generated | Kind::Bulk) {
        return row;
    }
    let signed = match bytes.len() < mail::BYTES_MAX {
        true => Box::pin(verifier.check(bytes, &mail.from, wire::now())).await.to_string(),
        false => "none: it is too large to be looked at".to_owned(),
    };
    let signed =
        [signed.as_str(), &row.signed].into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join("; ");
    MailRow { signed, ..row }
}

/// What a mail means, where its signature is asked too.
pub(super) async fn doubt(
    site: &Site,
    row: &MailRow,
    openpgp: Option<&Openpgp>,
    verdict: tie::Verdict,
) -> Result<tie::Verdict, Problem> {
    let (tie::Verdict::Answered(contact) | tie::Verdict::AutoAnswered(contact)) = &verdict else { return Ok(verdict) };
    let signature = openpgp.map_or(Signature::None, |openpgp| openpgp.signature);
    if is_proved(row) || signature == Signature::Good {
        return Ok(verdict);
    }
    if let Some(openpgp) = openpgp.filter(|_| signature == Signature::Bad) {
        let why = format!("its OpenPGP signature is wrong, so {} may not have written it: {}", row.from, openpgp.why);
        return Ok(tie::Verdict::Aside(tie::Doubt::Forged, why));
    }
    if !is_looked_at(row) {
        return Ok(verdict);
    }
    if let Some(why) = row.signed.strip_prefix("fail: ") {
        let why = format!("its signature is wrong, so {} may not have written it: {why}", row.from);
        return Ok(tie::Verdict::Aside(tie::Doubt::Forged, why));
    }
    for domain in [&row.from, contact].into_iter().filter_map(|address| Some(address.rsplit_once('@')?.1)) {
        if site.store.records.always_signed(domain).await? {
            let why = format!("answers from {domain} were always signed, and this one is not ({})", row.signed);
            return Ok(match verdict {
                tie::Verdict::Answered(_) => tie::Verdict::Unsure(tie::Doubt::Unsigned, why),
                _ => tie::Verdict::Aside(tie::Doubt::Forged, why),
            });
        }
    }
    Ok(verdict)
}

/// The same where a mail names a notice by its number alone, which whoever got any notice may guess: it answers where its
/// sender is a contact itself, or it is proved who wrote it; else a person must say.
pub(super) fn by_number(row: &MailRow, openpgp: &Openpgp, how: tie::How, verdict: tie::Verdict) -> tie::Verdict {
    match verdict {
        tie::Verdict::Answered(contact)
            if how == tie::How::Ticket
                && !is_proved(row)
                && openpgp.signature != Signature::Good
                && contact != canonical(&row.from) =>
        {
            let why = "it names its notice by the number alone, and comes from no contact";
            tie::Verdict::Unsure(tie::Doubt::Stranger, why.to_owned())
        }
        verdict => verdict,
    }
}

/// Why a mail is not from whom it says, where something speaks against it: a wrong signature, or none of a domain that
/// always signs.
pub(super) async fn against(site: &Site, row: &MailRow) -> Result<Option<String>, Problem> {
    if let Some(why) = row.signed.strip_prefix("fail: ") {
        return Ok(Some(format!("its signature is wrong: {why}")));
    }
    let domain = row.from.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_odd = !is_proved(row) && is_looked_at(row) && site.store.records.always_signed(domain).await?;
    Ok(is_odd.then(|| format!("mails from {domain} were always signed, and this one is not ({})", row.signed)))
}

/// Whether the DNS was asked for the key of its domain.
fn is_looked_at(row: &MailRow) -> bool {
    !row.signed.is_empty() && !row.signed.starts_with("openpgp: ")
}

fn is_proved(row: &MailRow) -> bool {
    row.signed.starts_with("pass ")
}
