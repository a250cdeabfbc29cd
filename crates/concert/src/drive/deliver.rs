//! Sending what is queued: composed once, kept, then carried until the peer has it.
//!
//! The one place of the retry policy. A notice whose attempt ended unclear is sent again with the
//! same bytes and so the same Message-ID.

use std::collections::{BTreeMap, HashSet};

use concert_model::message::Outcome;
use concert_model::{Field, Message, Problem, Time};
use concert_pipeline::render::{self, Item};
use concert_store::events::Repeats;
use concert_store::records::Notice;
use concert_store::{Loaded, Members};

use crate::wire::{self, Site};

/// Notices composed and sent together.
const NOTICES_AT_ONCE: u32 = 500;
/// Waits between attempts, in seconds; the last one repeats.
const WAITS_SECONDS: [i64; 7] = [60, 300, 900, 3600, 7200, 14_400, 28_800];
/// After this long without success a notice has failed and a person must look.
const GIVE_UP_AFTER_SECONDS: i64 = 5 * 86_400;
/// Attempts at the same time to one destination.
const DESTINATION_AT_ONCE: usize = 4;

/// How attempts ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Taken by the peer.
    pub delivered: usize,
    /// To be tried again.
    pub later: usize,
    /// Never taken.
    pub failed: usize,
}

/// Sends everything due, one attempt each.
pub async fn send_due(site: &Site) -> Result<Sent, Problem> {
    let (mut sent, now) = (Sent::default(), wire::now());
    let mut tried: HashSet<String> = HashSet::new();
    loop {
        let due = site.store.records.notices_due(now, NOTICES_AT_ONCE).await?;
        let due: Vec<(Notice, Members)> =
            due.into_iter().filter(|(notice, _)| tried.insert(notice.id.clone())).collect();
        if due.is_empty() {
            return Ok(sent);
        }
        let some = send(site, due).await?;
        sent.delivered += some.delivered;
        sent.later += some.later;
        sent.failed += some.failed;
    }
}

/// Sends the queued ones of these, one attempt each, whenever they are due.
pub async fn send_these(site: &Site, ids: &[String]) -> Result<Sent, Problem> {
    let mut chosen: Vec<(Notice, Members)> = Vec::new();
    for id in ids {
        chosen.extend(site.store.records.notice(id).await?.filter(|(notice, _)| notice.state == "queued"));
    }
    send(site, chosen).await
}

/// How an attempt of one notice ended, or why there was none.
type Ended = (String, &'static str, Time, String);

async fn send(site: &Site, due: Vec<(Notice, Members)>) -> Result<Sent, Problem> {
    let mut ended: Vec<Ended> = Vec::new();
    let mut ready: Vec<(Notice, Message, Vec<u8>)> = Vec::new();
    let mut fresh: Vec<(String, Vec<u8>)> = Vec::new();
    let wanted: Vec<&Members> = due.iter().map(|(_, members)| members).collect();
    let loaded = site.store.load(&wanted).await?;
    let repeats = repeats(site, &loaded, &wanted).await?;
    for (notice, members) in &due {
        let items = items(site, notice, &loaded, members, &repeats);
        match compose(site, notice, &items) {
            Ok((message, bytes)) => {
                let bytes = match site.store.records.notice_bytes(&notice.id).await? {
                    Some(kept) => kept,
                    None => {
                        fresh.push((notice.id.clone(), bytes.clone()));
                        bytes
                    }
                };
                ready.push((notice.clone(), message, bytes));
            }
            Err(problem) => ended.push((notice.id.clone(), "failed", wire::now(), problem.what)),
        }
    }
    site.store.records.keep_notice_bytes(&fresh).await?;
    let mut by_destination: BTreeMap<String, Vec<(Notice, Message, Vec<u8>)>> = BTreeMap::new();
    for (notice, message, bytes) in ready {
        let destination = match site.settings.vias.get(&notice.via) {
            Some(via) => format!("{} {}", notice.via, via.deliverer.destination(&message)),
            None => notice.via.clone(),
        };
        by_destination.entry(destination).or_default().push((notice, message, bytes));
    }
    // One dead host blocks nobody else: each destination has its own few attempts at a time.
    let lanes = by_destination.into_values().map(|notices| lane(site, notices));
    for lane in futures_util::future::join_all(lanes).await {
        ended.extend(lane);
    }
    let mut sent = Sent::default();
    for (_, state, _, _) in &ended {
        match *state {
            "delivered" => sent.delivered += 1,
            "queued" => sent.later += 1,
            _ => sent.failed += 1,
        }
    }
    site.store.records.settle_notices(&ended).await?;
    Ok(sent)
}

async fn lane(site: &Site, notices: Vec<(Notice, Message, Vec<u8>)>) -> Vec<Ended> {
    use futures_util::StreamExt;
    let attempts = notices.into_iter().map(async |(notice, message, bytes)| {
        let outcome = attempt(site, &notice, &message, &bytes).await;
        judge(&notice, outcome)
    });
    futures_util::stream::iter(attempts).buffer_unordered(DESTINATION_AT_ONCE).collect().await
}

async fn attempt(site: &Site, notice: &Notice, message: &Message, bytes: &[u8]) -> Outcome {
    if site.settings.deliver.dry_run {
        return Outcome::Done("dry run: nothing was sent".into());
    }
    match site.settings.vias.get(&notice.via) {
        Some(via) => via.deliverer.deliver(message, bytes).await,
        None => Outcome::Later(format!("there is no [via.{}] in the settings", notice.via), None),
    }
}

/// The retry policy.
fn judge(notice: &Notice, outcome: Outcome) -> Ended {
    let now = wire::now();
    let (reason, wait) = match outcome {
        Outcome::Done(answer) => return (notice.id.clone(), "delivered", now, answer),
        Outcome::Never(reason) => {
            tracing::error!(notice = notice.id, via = notice.via, "not delivered: {reason}");
            return (notice.id.clone(), "failed", now, reason);
        }
        Outcome::Later(reason, wait) => (reason, wait),
        Outcome::Unsure(reason) => (format!("unclear whether it arrived: {reason}"), None),
    };
    if now.seconds() - notice.made.seconds() > GIVE_UP_AFTER_SECONDS {
        return (notice.id.clone(), "failed", now, format!("given up after five days: {reason}"));
    }
    let step = usize::try_from(notice.attempts).unwrap_or(usize::MAX).min(WAITS_SECONDS.len() - 1);
    let planned = WAITS_SECONDS.get(step).copied().unwrap_or(3600);
    let wait = wait.and_then(|wait| i64::try_from(wait).ok()).map_or(planned, |asked| asked.clamp(1, 86_400));
    tracing::warn!(notice = notice.id, via = notice.via, wait_seconds = wait, "tried again later: {reason}");
    (notice.id.clone(), "queued", now.plus_seconds(wait), reason)
}

/// How often the events of these notices were seen again.
pub async fn repeats(site: &Site, loaded: &Loaded, wanted: &[&Members]) -> Result<Repeats, Problem> {
    let events = || wanted.iter().flat_map(|members| loaded.of(members));
    let problems: HashSet<_> = events().map(|stored| stored.event.row().key).collect();
    let first = events().filter_map(|stored| stored.event.time(Field::TIME_OBSERVATION)).min().unwrap_or_default();
    site.store.repeats(Some(&problems), &first.date_text()).await
}

/// The events of a notice with what is told about each.
pub fn items<'a>(
    site: &Site,
    notice: &Notice,
    loaded: &'a Loaded,
    members: &'a Members,
    repeats: &Repeats,
) -> Vec<Item<'a>> {
    let clean_after = site.settings.notice(&notice.name).map(|kind| kind.clean_after).unwrap_or_default();
    let clean_seconds = i64::try_from(clean_after.as_secs()).unwrap_or(i64::MAX);
    let mut items: Vec<Item<'a>> = loaded
        .of(members)
        .map(|stored| {
            let time = concert_store::events::time_of(&stored.event);
            let state = match stored.event.time(Field::TIME_PREVIOUS) {
                None => render::NEW,
                Some(previous) if time >= previous.plus_seconds(clean_seconds) => render::RELAPSE,
                Some(_) => render::STILL_OPEN,
            };
            let again = repeats.get(&(stored.event.row().key, time.seconds()));
            Item {
                event: stored.event,
                report: stored.report,
                state,
                seen: 1 + again.map_or(0, |(count, _)| *count),
                last_seen: again.map(|(_, last)| *last),
            }
        })
        .collect();
    items.sort_by_key(|item| concert_store::events::time_of(&item.event));
    items
}

/// Renders a notice and gives it its final bytes. The same notice gives the same bytes.
pub fn compose(site: &Site, notice: &Notice, items: &[Item<'_>]) -> Result<(Message, Vec<u8>), Problem> {
    if items.is_empty() {
        return Err(Problem::new("its events are no longer stored"));
    }
    let kind = site.settings.notice(&notice.name);
    let columns = kind.map(|kind| kind.columns.clone()).unwrap_or_default();
    let format = render::format(&notice.format)
        .ok_or_else(|| Problem::new(format!("there is no format `{}`", notice.format)))?;
    let addresses = |text: &str| text.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (mut to, mut bcc) = (addresses(&notice.to), kind.map(|kind| kind.bcc.clone()).unwrap_or_default());
    if let Some(test) = &site.settings.deliver.override_recipient
        && !to.is_empty()
    {
        (to, bcc) = (vec![test.clone()], Vec::new());
    }
    let message = site.settings.templates.render(&render::Notice {
        id: &notice.id,
        name: &notice.name,
        key: &notice.key,
        message_id: notice.message_id.clone(),
        to,
        bcc,
        party: &notice.party,
        site_name: &site.settings.site.name,
        site_email: &site.settings.site.email,
        language: &notice.language,
        date: notice.made,
        format,
        columns: &columns,
        items,
    })?;
    let via = site
        .settings
        .vias
        .get(&notice.via)
        .ok_or_else(|| Problem::new(format!("there is no [via.{}] in the settings", notice.via)))?;
    let bytes = via.deliverer.compose(&message).map_err(Problem::new)?;
    Ok((message, bytes))
}
