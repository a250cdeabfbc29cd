//! One question through RDAP: fetches what the inquiry asks for until it is done.

use concert_pipeline::registry::rdap::{ANSWER_BYTES_MAX, Bootstrap, Found, Inquiry, Question};
use concert_transport::lookup::polite::{Polite, Want};
use tokio::time::Instant;

use super::bootstrap::Bootstraps;
use super::{DEADLINE, Refused};
use crate::wire::now;

/// RFC 7480 section 4.2: what a server should answer, and what some answer.
const ACCEPT: &str = "application/rdap+json, application/json;q=0.9";

/// Whom RDAP names, and what was passed over. Counts what was refused.
pub(super) async fn ask(
    polite: &Polite,
    known: &Bootstraps,
    question: Question,
    refused: &mut Refused,
) -> (Option<Found>, Vec<String>) {
    let before = polite.refusals();
    let bootstrap = match known.get(Bootstrap::kind(&question)) {
        Ok(bootstrap) => bootstrap,
        Err(why) => return (None, vec![format!("passed over RDAP: {why}")]),
    };
    let until = Instant::now() + DEADLINE;
    let mut inquiry = Inquiry::new(question, bootstrap);
    while let Some(url) = inquiry.next_url() {
        let want = Want {
            url: &url,
            accept: ACCEPT,
            media_type: "",
            bytes_max: ANSWER_BYTES_MAX,
            hosts: &[],
            may_be_here: known.may_be_here() && inquiry.is_here(),
            is_remembered: true,
        };
        let answer = polite.get(&want, now(), until).await;
        let answer =
            answer.as_ref().map(|got| (got.url.as_str(), got.body.as_slice())).map_err(|missing| missing.why.clone());
        if let Err(why) = inquiry.take(answer) {
            // A broken answer is not worth a day.
            polite.refuse(&url, &why, now());
            refused.unreadable += 1;
        }
    }
    refused.add(before, polite.refusals());
    refused.astray += inquiry.astray();
    refused.redacted += inquiry.redacted();
    refused.unusable += inquiry.unusable();
    inquiry.finish()
}
