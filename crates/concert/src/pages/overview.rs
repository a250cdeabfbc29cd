//! The overview: every feed with its health, the last two days by the hour, what went wrong lately.

use std::collections::BTreeMap;

use concert_model::{Problem, Time};
use concert_server::site::{
    Band, Feed, FeedState, GapRow, HeldMail, Hour, NoticeCounts, Overview, RejectRow, Stuck, Volume,
};
use concert_store::records::{FeedHealth, NoticeFilter, Records};
use concert_transport::collect::http::{FETCHING, fetching as fetching_of};

use super::notice_row;
use crate::reach::Reach;
use crate::settings::{self, Collect, Expect, MAILBOX, Settings};
use crate::wire::{self, Site};

/// Hours shown.
const HOURS: i64 = 48;
/// Rejects and notices shown.
const ROWS: u32 = 20;
/// Gaps shown.
const GAPS: u32 = 10;
/// Newest gaps among which those of a feed are sought.
const GAPS_OF_FEEDS: u32 = 1_000;
/// What is usual is learned from so many days, once there are at least so many.
const DAYS_LEARNED: i64 = 15;
const DAY_SECONDS: i64 = 86_400;
const DAYS_NEEDED: usize = 7;
/// So many times fewer or more events than learned are far outside.
const LEARNED_FACTOR: u64 = 2;

/// What is known of feeds besides what the records say.
type Said = BTreeMap<String, FeedHealth>;

/// Everything the overview page shows.
pub(super) async fn overview(site: &Site, said: &Said) -> Result<Overview, Problem> {
    // Whoever sees this page sees everybody's.
    let (now, records, all) = (wire::now(), &site.store.records, Reach::all());
    let book = site.addressees();
    let rejects = records.rejects("", ROWS).await?.into_iter().map(|(feed, time, report, reject)| RejectRow {
        time,
        feed,
        report: report.to_string(),
        part: reject.part,
        line: reject.line,
        field: reject.field,
        reason: reject.reason,
    });
    let filter = NoticeFilter { limit: u64::from(ROWS), without_reminders: true, ..NoticeFilter::default() };
    let notices = records.notices(&filter).await?.into_iter().map(|notice| notice_row(notice, &all, &book));
    let stuck = records.stuck(ROWS).await?.into_iter();
    let held = records.mails_for_a_person(ROWS).await?.into_iter();
    let gaps = records.gaps(GAPS).await?;
    let health = records.feed_health().await?;
    Ok(Overview {
        site: site.settings.site.name.clone(),
        zone: site.settings.site.time_zone.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        feeds: feeds_of(&site.settings, records, (&health, said), now).await?,
        hours: hours(site, now).await?,
        rejects: rejects.collect(),
        notices: notices.collect(),
        notice_counts: notice_counts(site).await?,
        stuck: stuck.map(|(notice, count)| Stuck { newest: notice_row(notice, &all, &book), count }).collect(),
        held: held.map(|row| HeldMail { number: row.seq, kind: row.kind, reason: row.reason }).collect(),
        mailbox: mailbox(site, &health, said, now).filter(is_in_trouble).map(|health| health.error),
        gaps: gaps.into_iter().map(|(feed, from, to, reason)| GapRow { feed, from, to, reason }).collect(),
        paused: site.settings.collecting.paused,
    })
}

/// How the mailbox of answers does, where there is one.
fn mailbox(site: &Site, health: &BTreeMap<String, FeedHealth>, said: &Said, now: Time) -> Option<FeedHealth> {
    site.settings.mailbox.as_ref()?;
    let known = health.get(MAILBOX).cloned().unwrap_or_default();
    Some(known.by(now).and(said.get(MAILBOX).cloned().unwrap_or_default().by(now)))
}

/// Whether the last look went wrong.
fn is_in_trouble(health: &FeedHealth) -> bool {
    health.last_error > health.last_good
}

/// Every feed, in the order of the settings.
pub(crate) async fn feeds(
    settings: &Settings,
    records: &Records,
    said: &Said,
    now: Time,
) -> Result<Vec<Feed>, Problem> {
    feeds_of(settings, records, (&records.feed_health().await?, said), now).await
}

async fn feeds_of(
    settings: &Settings,
    records: &Records,
    (health, said): (&BTreeMap<String, FeedHealth>, &Said),
    now: Time,
) -> Result<Vec<Feed>, Problem> {
    let counts = records.feed_counts(now).await?;
    let days = records.feed_days(now.seconds().div_euclid(3600), DAYS_LEARNED).await?;
    let gaps = records.gaps(GAPS_OF_FEEDS).await?;
    let fetching = records.recall_all(FETCHING).await?;
    let listed = records.recall_all(wire::LISTED_SINCE).await?;
    let since = now.plus_seconds(-DAY_SECONDS);
    let mut windows = BTreeMap::new();
    for (feed, seconds) in settings.feeds.iter().filter_map(|feed| Some((feed, own_seconds(feed.expect?)?))) {
        let events = records.feed_events_since(&feed.name, now.plus_seconds(-seconds)).await?;
        windows.insert(feed.name.as_str(), (events, seconds));
    }
    let feeds = settings.feeds.iter().map(|feed| {
        let health = health.get(&feed.name).cloned().unwrap_or_default().by(now);
        let health = health.and(said.get(&feed.name).cloned().unwrap_or_default().by(now));
        let counts = counts.get(&feed.name).cloned().unwrap_or_default();
        let days = days.get(&feed.name);
        let last_good = health.last_good.max(counts.last_report);
        let trouble = health.last_error.is_some_and(|error| last_good.is_none_or(|good| good < error));
        let state = match (trouble, last_good) {
            (true, _) => FeedState::Trouble,
            (false, Some(_)) => FeedState::Good,
            (false, None) => FeedState::Waiting,
        };
        let stale_after = i64::try_from(feed.stale_after.as_secs()).unwrap_or(i64::MAX);
        let expected_day = feed.expect.map(a_day).or_else(|| days.and_then(usual));
        let events_day = days.and_then(|days| days.get(&0)).copied().unwrap_or(0);
        // What is given by hand is not waited for before it came once.
        let listed = listed.get(&feed.name).filter(|_| !feed.collect.kind().is_empty());
        let listed = listed.and_then(|since| since.parse().ok()).map(Time);
        let begun = listed.into_iter().chain(counts.last_report).min();
        let (came, seconds) = windows.get(feed.name.as_str()).copied().unwrap_or((events_day, DAY_SECONDS));
        let expected = feed.expect.map(|expect| (expect.at_least, expect.at_most)).or(expected_day);
        let band = expected.map(|(low, high)| Band { events: came, low, high, seconds });
        // A feed that began within that time cannot have brought what comes in it, but too much.
        let is_old = begun.is_some_and(|begun| begun.plus_seconds(seconds) < now)
            || seconds <= DAY_SECONDS && days.is_some_and(|days| days.range(1..).next().is_some());
        let volume = band.map(|band| volume(band, feed.expect.is_some()));
        let volume = volume.filter(|volume| is_old || *volume == Volume::High);
        let quiet_since = counts.last_report.or(listed).map(|last| last.seconds().saturating_add(stale_after));
        Feed {
            name: feed.name.clone(),
            collector: feed.collect.kind().to_owned(),
            parser: feed.parser_name.clone(),
            state,
            last_good,
            last_error: trouble.then_some(health.error),
            reports: counts.reports,
            events: counts.counts.events,
            duplicates: counts.counts.duplicates,
            rejects: counts.counts.rejects,
            events_day,
            expected_day,
            band,
            volume: volume.unwrap_or_default(),
            last_report: counts.last_report,
            stale: quiet_since.is_some_and(|until| until < now.seconds()),
            // The newest are the first.
            missing: gaps.iter().find(|(of, _, until, _)| *of == feed.name && *until >= since).map(|gap| gap.3.clone()),
            fetching: fetching.get(&feed.name).and_then(|text| fetching_of(text, now)),
            refusal: if tells_refusals(feed) { counts.last_refusal } else { String::new() },
            paused: settings.collecting.paused && matches!(feed.collect, Collect::By(..)),
        }
    });
    Ok(feeds.collect())
}

/// Whether a report from which nothing was read needs a person. A chat has other lines too, and complaints that say
/// nothing wait for a person by themselves.
fn tells_refusals(feed: &settings::Feed) -> bool {
    feed.collect.kind() != "irc" && feed.parser_name != "complaint"
}

/// The time for which the settings say what is expected, where it is not a day.
fn own_seconds(expect: Expect) -> Option<i64> {
    let seconds = i64::try_from(expect.every.as_secs()).unwrap_or(i64::MAX);
    (seconds != DAY_SECONDS).then_some(seconds)
}

/// What the settings expect, for a day.
fn a_day(expect: Expect) -> (u64, u64) {
    let every = expect.every.as_secs().max(1);
    let scaled = |count: u64| u64::try_from(u128::from(count) * 86_400 / u128::from(every)).unwrap_or(u64::MAX);
    (scaled(expect.at_least), scaled(expect.at_most))
}

/// What settings say is meant; what was learned of a few days is exceeded now and then, and only counts when it is by
/// far.
fn volume(Band { events, low, high, .. }: Band, is_set: bool) -> Volume {
    let (low, high) = if is_set { (low, high) } else { (low / LEARNED_FACTOR, high.saturating_mul(LEARNED_FACTOR)) };
    match events {
        few if few < low => Volume::Low,
        many if many > high => Volume::High,
        _ => Volume::Usual,
    }
}

/// The lowest and the highest of the days before this one.
fn usual(days: &BTreeMap<i64, u64>) -> Option<(u64, u64)> {
    let before = || days.range(1..).map(|(_, events)| *events);
    (before().count() >= DAYS_NEEDED).then_some(())?;
    Some((before().min()?, before().max()?))
}

/// The last hours, also those in which nothing came.
async fn hours(site: &Site, now: Time) -> Result<Vec<Hour>, Problem> {
    let last = now.seconds().div_euclid(3600);
    let found = site.store.records.hours(last - HOURS + 1).await?;
    let mut hours = BTreeMap::new();
    for hour in last - HOURS + 1..=last {
        hours.insert(hour, Hour { start: Time(hour * 3_600_000_000), events: 0, rejects: 0 });
    }
    for some in found {
        if let Some(hour) = hours.get_mut(&some.hour) {
            (hour.events, hour.rejects) = (some.events, some.rejects);
        }
    }
    Ok(hours.into_values().collect())
}

async fn notice_counts(site: &Site) -> Result<NoticeCounts, Problem> {
    let mut counts = NoticeCounts::default();
    for (state, count) in site.store.records.notice_states().await? {
        match state.as_str() {
            "waiting" => counts.waiting = count,
            "queued" => counts.queued = count,
            "delivered" => counts.delivered = count,
            "failed" => counts.failed = count,
            "no-contact" => counts.no_contact = count,
            // A person decided, so nobody need look.
            "rejected" => {}
            state => tracing::warn!(state, "notices in a state that is not known"),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_usual_is_said_only_when_enough_is_known() {
        let few: BTreeMap<i64, u64> = (0..7).map(|back| (back, 10)).collect();
        assert_eq!(usual(&few), None);
        let many: BTreeMap<i64, u64> = (0..9).map(|back| (back, 100 - 10 * u64::try_from(back).unwrap())).collect();
        assert_eq!(usual(&many), Some((20, 90)));
    }

    #[test]
    fn what_settings_expect_is_meant_and_what_was_learned_has_room() {
        for (events, is_set, want) in [
            (500, true, Volume::Usual),
            (499, true, Volume::Low),
            (901, true, Volume::High),
            (250, false, Volume::Usual),
            (249, false, Volume::Low),
            (1800, false, Volume::Usual),
            (1801, false, Volume::High),
        ] {
            assert_eq!(
                volume(Band { events, low: 500, high: 900, seconds: DAY_SECONDS }, is_set),
                want,
                "{events} {is_set}"
            );
        }
    }

    #[test]
    fn what_is_expected_is_told_for_a_day() {
        let expect = Expect { at_least: 2, at_most: 10, every: Duration::from_secs(3600) };
        assert_eq!(a_day(expect), (48, 240));
    }
}
