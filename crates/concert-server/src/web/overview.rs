//! `/`: how the site does, on one page: what needs a person first, then feeds, notices and rejects.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use concert_model::Time;
use concert_model::access::Person;
use jiff::tz::TimeZone;

use super::chart::{self, Chart};
use super::show::{self, Moment};
use crate::App;
use crate::problem::Problem;
use crate::site::{Feed, FeedState, GapRow, HeldMail, Hour, NoticeRow, NoticeText, Overview, RejectRow, Stuck, Volume};

/// Rows of each list that the page shows.
const ROWS_MAX: usize = 20;
/// Notices whose text the page shows, and most bytes of each; their own page has all of it.
const TEXTS_MAX: usize = 5;
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Feeds that the page shows; the API has all.
const FEEDS_MAX: usize = 500;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    site: String,
    version: String,
    zone: String,
    now: Moment,
    refresh: bool,
    tiles: Vec<Tile>,
    troubles: Vec<Trouble>,
    troubles_left: usize,
    chart: Option<Chart>,
    chart_size: (u64, u64),
    feeds: Vec<FeedView>,
    notices: Vec<NoticeView>,
    texts: Vec<TextView>,
    rejects: Vec<RejectView>,
    gaps: Vec<GapView>,
}

/// A number at the top.
struct Tile {
    label: &'static str,
    value: String,
    note: String,
    class: &'static str,
}

/// Something that needs a person.
struct Trouble {
    class: &'static str,
    word: &'static str,
    what: String,
    why: String,
    link: Option<String>,
}

struct FeedView {
    name: String,
    collector: String,
    parser: String,
    state: &'static str,
    class: &'static str,
    last_good: Option<Moment>,
    last_error: String,
    remark: String,
    day: String,
    expected: String,
    reports: String,
    events: String,
    duplicates: String,
    rejects: String,
    has_rejects: bool,
}

struct NoticeView {
    row: NoticeRow,
    class: &'static str,
    events: String,
    due: Option<Moment>,
    delivered_at: Option<Moment>,
}

/// The exact text of a notice.
struct TextView {
    id: String,
    link: String,
    state: String,
    text: String,
    is_cut: bool,
}

struct RejectView {
    row: RejectRow,
    time: Moment,
    place: String,
}

struct GapView {
    feed: String,
    from: Moment,
    to: Moment,
    reason: String,
}

pub(super) async fn overview(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let refresh = query.get("refresh").is_some_and(|on| on == "on");
    let overview = app.site.overview(&person).await?;
    let mut texts = Vec::new();
    for row in overview.notices.iter().take(TEXTS_MAX) {
        texts.extend(app.site.notice(&person, &row.id).await?.map(text_view));
    }
    Ok(super::page(&Page { texts, ..view(overview, app.site.now(), refresh) }))
}

fn text_view(notice: NoticeText) -> TextView {
    let text = notice.plain.as_ref().unwrap_or(&notice.bytes);
    let shown = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
    TextView {
        link: notice_link(&notice.row.id),
        state: notice.row.state,
        id: notice.row.id,
        text: show::lines(&String::from_utf8_lossy(shown)),
        is_cut: text.len() > shown.len(),
    }
}

fn view(overview: Overview, now: Time, refresh: bool) -> Page {
    let zone = overview.zone.clone();
    let mut troubles = troubles(&overview);
    let troubles_left = troubles.len().saturating_sub(ROWS_MAX);
    troubles.truncate(ROWS_MAX);
    Page {
        zone: zone.iana_name().unwrap_or("site time").to_owned(),
        now: Moment::new(now, now, &zone),
        refresh,
        tiles: tiles(&overview),
        troubles,
        troubles_left,
        chart: chart::draw(&overview.hours, &zone),
        chart_size: (chart::WIDTH, chart::HEIGHT),
        feeds: overview.feeds.into_iter().take(FEEDS_MAX).map(|feed| feed_view(feed, now, &zone)).collect(),
        notices: overview
            .notices
            .into_iter()
            .take(ROWS_MAX)
            .map(|row| notice_view(show::row(row), now, &zone))
            .collect(),
        texts: Vec::new(),
        rejects: overview.rejects.into_iter().take(ROWS_MAX).map(|row| reject_view(row, now, &zone)).collect(),
        gaps: overview.gaps.into_iter().take(ROWS_MAX).map(|row| gap_view(row, now, &zone)).collect(),
        site: overview.site,
        version: overview.version,
    }
}

/// State of a feed as a word and the class of its colour.
fn state_of(feed: &Feed) -> (&'static str, &'static str) {
    match (feed.state, feed.stale, feed.volume) {
        _ if feed.paused => ("paused", "warn"),
        (FeedState::Trouble, ..) => ("trouble", "bad"),
        _ if !feed.refusal.is_empty() => ("not read", "warn"),
        (_, true, _) => ("stale", "warn"),
        (_, _, Volume::Low) => ("few events", "warn"),
        (_, _, Volume::High) => ("many events", "warn"),
        _ if feed.has_left_out() => ("left out", "warn"),
        (FeedState::Good, ..) => ("good", "good"),
        (FeedState::Waiting, ..) => ("waiting", "idle"),
    }
}

fn tiles(overview: &Overview) -> Vec<Tile> {
    let with = |class: &str| overview.feeds.iter().filter(|feed| state_of(feed).1 == class).count() as u64;
    let (good, warn, bad) = (with("good"), with("warn"), with("bad"));
    let day = overview.hours.get(overview.hours.len().saturating_sub(24)..).unwrap_or_default();
    let before = overview.hours.get(..overview.hours.len().saturating_sub(24)).unwrap_or_default();
    let sum = |hours: &[Hour], of: fn(&Hour) -> u64| hours.iter().map(of).fold(0, u64::saturating_add);
    let (events, events_before) = (sum(day, |hour| hour.events), sum(before, |hour| hour.events));
    let rejects = sum(day, |hour| hour.rejects);
    let counts = overview.notice_counts;
    let open = counts.waiting.saturating_add(counts.queued);
    let stuck = counts.failed.saturating_add(counts.no_contact);
    let feed_note = match (bad, warn) {
        _ if overview.paused => "paused".to_owned(),
        (0, 0) => "none in trouble".to_owned(),
        (bad, 0) => format!("{bad} in trouble"),
        (0, warn) => format!("{warn} stale or unusual"),
        (bad, warn) => format!("{bad} in trouble, {warn} stale or unusual"),
    };
    let class = |is: bool, class| if is { class } else { "" };
    vec![
        Tile {
            label: "Feeds doing well",
            value: format!("{good} of {}", overview.feeds.len()),
            note: feed_note,
            class: if bad > 0 { "bad" } else { class(warn > 0, "warn") },
        },
        Tile {
            label: "Events, 24 hours",
            value: show::number(events),
            note: format!("{} the day before", show::number(events_before)),
            class: "",
        },
        Tile {
            label: "Rejects, 24 hours",
            value: show::number(rejects),
            note: share(rejects, events),
            class: class(rejects > events && rejects > 0, "warn"),
        },
        Tile {
            label: "Notices under way",
            value: show::number(open),
            note: format!("{} waiting, {} queued", show::number(counts.waiting), show::number(counts.queued)),
            class: "",
        },
        Tile {
            label: "Notices delivered",
            value: show::number(counts.delivered),
            note: "in all".to_owned(),
            class: "",
        },
        Tile {
            label: "Notices stuck",
            value: show::number(stuck),
            note: format!(
                "{} failed, {} without contact",
                show::number(counts.failed),
                show::number(counts.no_contact)
            ),
            class: class(stuck > 0, "bad"),
        },
    ]
}

fn share(rejects: u64, events: u64) -> String {
    let all = rejects.saturating_add(events);
    if rejects == 0 || all == 0 {
        return "no line was refused".to_owned();
    }
    let per_mille = rejects.saturating_mul(1000) / all;
    match per_mille {
        0 => "less than 0.1 % of all".to_owned(),
        _ => format!("{}.{} % of all", per_mille / 10, per_mille % 10),
    }
}

fn troubles(overview: &Overview) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if overview.paused {
        troubles.push(Trouble {
            class: "warn",
            word: "paused",
            what: "this site".to_owned(),
            why: show::lines("no feed and no mailbox is looked at: `paused` of [collect] is set"),
            link: None,
        });
    }
    // Of feeds that nobody looks at that is all there is to say.
    for feed in overview.feeds.iter().filter(|feed| !feed.paused) {
        let why = match state_of(feed).1 {
            "bad" => feed.last_error.clone().unwrap_or_else(|| "the last look went wrong".to_owned()),
            "warn" => feed.remark(),
            _ => continue,
        };
        let (word, class) = state_of(feed);
        let why = show::lines(&why);
        troubles.push(Trouble { class, word, what: format!("feed {}", feed.name), why, link: None });
    }
    troubles.extend(overview.mailbox.iter().map(|why| Trouble {
        class: "bad",
        word: "trouble",
        what: "the mailbox of answers".to_owned(),
        why: show::lines(why),
        link: None,
    }));
    troubles.extend(overview.stuck.iter().map(stuck));
    troubles.extend(overview.held.iter().map(held));
    // What is broken comes before what may be.
    troubles.sort_by_key(|trouble| trouble.class != "bad");
    troubles
}

/// Notices that are stuck, with what to do about it.
fn stuck(stuck: &Stuck) -> Trouble {
    let notice = &stuck.newest;
    if notice.state == "waiting" {
        return waits(stuck);
    }
    let has_failed = notice.state == "failed";
    let word = if has_failed { "failed" } else { "no contact" };
    let mut why = match (notice.reason.as_str(), has_failed) {
        ("", true) => "it was never taken".to_owned(),
        ("", false) => format!("nobody is known to answer for {}", notice.key),
        (reason, _) => reason.to_owned(),
    };
    // Some reasons end with what to do.
    if !why.contains("concert notice retry") {
        why.push_str(&match (has_failed, stuck.count) {
            (true, 0 | 1) => format!("; when that is mended, `concert notice retry {}` sends it again", notice.id),
            (true, _) => {
                format!(
                    "; when that is mended, `concert notice retry --all-failed --via {}` sends them again",
                    notice.via
                )
            }
            (false, _) => {
                let id = &notice.id;
                format!("; mend the contacts, or give an address: `concert notice retry {id} --to ADDRESS`")
            }
        });
    }
    let what = match stuck.count {
        0 | 1 => format!("notice {}", notice.id),
        count => format!("{} notices by {}, the last {}", show::number(count), notice.via, notice.id),
    };
    Trouble { class: "bad", word, what, why: show::lines(&why), link: Some(notice_link(&notice.id)) }
}

/// Notices that a person must let go.
fn waits(stuck: &Stuck) -> Trouble {
    let (id, name) = (&stuck.newest.id, &stuck.newest.name);
    let (what, why) = match stuck.count {
        0 | 1 => (format!("notice {id}"), format!("`concert notice approve {id}` sends it")),
        count => (
            format!("{} notices, the last {id}", show::number(count)),
            format!("`concert notice approve --all {name}` sends those of its kind"),
        ),
    };
    Trouble { class: "busy", word: "waits for approval", what, why: show::lines(&why), link: Some(notice_link(id)) }
}

/// A mail that a person must look at.
fn held(mail: &HeldMail) -> Trouble {
    let HeldMail { number, kind, reason } = mail;
    let why = format!(
        "{reason}; `concert mailbox show {number}` tells it, `concert mailbox accept {number}` or `refuse` settles it"
    );
    let what = format!("{kind}, mail {number}");
    Trouble { class: "warn", word: "mail waits", what, why: show::lines(&why), link: None }
}

/// Numbers of notices are ours, but a link is written so that none of its characters can end it.
fn notice_link(id: &str) -> String {
    let mut link = "/notices/".to_owned();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => link.push(char::from(byte)),
            _ => link.push_str(&format!("%{byte:02X}")),
        }
    }
    link
}

fn feed_view(feed: Feed, now: Time, zone: &TimeZone) -> FeedView {
    let (state, class) = state_of(&feed);
    FeedView {
        state,
        class,
        remark: show::lines(&feed.remark()),
        last_good: feed.last_good.map(|time| Moment::new(time, now, zone)),
        last_error: show::lines(&feed.last_error.unwrap_or_default()),
        day: show::number(feed.events_day),
        expected: match feed.expected_day {
            Some((low, high)) => format!("{}\u{2013}{}", show::number(low), show::number(high)),
            None => String::new(),
        },
        reports: show::number(feed.reports),
        events: show::number(feed.events),
        duplicates: show::number(feed.duplicates),
        rejects: show::number(feed.rejects),
        has_rejects: feed.rejects > 0,
        name: feed.name,
        collector: feed.collector,
        parser: feed.parser,
    }
}

fn notice_view(row: NoticeRow, now: Time, zone: &TimeZone) -> NoticeView {
    let class = match row.state.as_str() {
        "delivered" => "good",
        "failed" | "no-contact" => "bad",
        "queued" => "busy",
        _ => "idle",
    };
    NoticeView {
        class,
        events: show::number(row.events),
        due: row.due.map(|time| Moment::new(time, now, zone)),
        delivered_at: row.delivered_at.map(|time| Moment::new(time, now, zone)),
        row,
    }
}

impl NoticeView {
    fn link(&self) -> String {
        notice_link(&self.row.id)
    }
}

fn reject_view(row: RejectRow, now: Time, zone: &TimeZone) -> RejectView {
    let row = RejectRow {
        part: show::lines(&row.part),
        field: show::lines(&row.field),
        reason: show::lines(&row.reason),
        ..row
    };
    let place =
        if row.part.is_empty() { format!("line {}", row.line) } else { format!("{}, line {}", row.part, row.line) };
    RejectView { time: Moment::new(row.time, now, zone), place, row }
}

fn gap_view(row: GapRow, now: Time, zone: &TimeZone) -> GapView {
    GapView {
        from: Moment::new(row.from, now, zone),
        to: Moment::new(row.to, now, zone),
        feed: row.feed,
        reason: show::lines(&row.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::NoticeCounts;

    #[test]
    fn trouble_counts_before_staleness() {
        let feed = |state, stale| state_of(&Feed { state, stale, ..Feed::default() }).0;
        assert_eq!(feed(FeedState::Good, false), "good");
        assert_eq!(feed(FeedState::Good, true), "stale");
        assert_eq!(feed(FeedState::Trouble, true), "trouble");
        assert_eq!(feed(FeedState::Waiting, false), "waiting");
        let volume = |volume, stale| state_of(&Feed { state: FeedState::Good, volume, stale, ..Feed::default() }).0;
        assert_eq!(volume(Volume::Low, false), "few events");
        assert_eq!(volume(Volume::High, false), "many events");
        assert_eq!(volume(Volume::High, true), "stale");
        assert_eq!(volume(Volume::Usual, false), "good");
        let refused = |state| state_of(&Feed { state, refusal: "a web page".into(), ..Feed::default() }).0;
        assert_eq!(refused(FeedState::Good), "not read");
        assert_eq!(refused(FeedState::Trouble), "trouble");
    }

    #[test]
    fn a_feed_of_which_a_file_was_refused_is_not_doing_well_and_says_why() {
        let why = "the file link was refused: it is a link";
        let feed = Feed { name: "files".into(), state: FeedState::Good, missing: Some(why.into()), ..Feed::default() };
        assert!(feed.is_unusual());
        let chat = Feed { collector: "irc".into(), ..feed.clone() };
        assert_eq!((state_of(&chat).0, chat.is_unusual()), ("good", false));
        let row = feed_view(feed.clone(), Time(0), &TimeZone::UTC);
        let remark = format!("something of the last 24 hours may be missing: {why}");
        assert_eq!((row.state, row.class, row.remark.as_str()), ("left out", "warn", remark.as_str()));
        let overview = Overview {
            site: String::new(),
            zone: TimeZone::UTC,
            version: String::new(),
            feeds: vec![feed, Feed { state: FeedState::Good, ..Feed::default() }],
            hours: Vec::new(),
            rejects: Vec::new(),
            notices: Vec::new(),
            notice_counts: NoticeCounts::default(),
            stuck: Vec::new(),
            held: Vec::new(),
            mailbox: Some("no answer within 30 s".to_owned()),
            gaps: Vec::new(),
            paused: false,
        };
        let tiles = tiles(&overview);
        let first = tiles.first().map(|tile| (tile.value.as_str(), tile.note.as_str(), tile.class));
        assert_eq!(first, Some(("1 of 2", "1 stale or unusual", "warn")));
        let told: Vec<String> = troubles(&overview).into_iter().map(|trouble| trouble.why).collect();
        assert_eq!(told, ["no answer within 30 s".to_owned(), remark]);
        let feeds = overview.feeds.into_iter().map(|feed| Feed { paused: true, ..feed }).collect();
        let overview = Overview { feeds, mailbox: None, paused: true, ..overview };
        let told: Vec<_> = troubles(&overview).into_iter().map(|trouble| (trouble.word, trouble.why)).collect();
        assert_eq!(told, [("paused", "no feed and no mailbox is looked at: `paused` of [collect] is set".to_owned())]);
    }

    #[test]
    fn shares_are_said_in_words() {
        assert_eq!(share(0, 10), "no line was refused");
        assert_eq!(share(1, 1_000_000), "less than 0.1 % of all");
        assert_eq!(share(123, 877), "12.3 % of all");
    }

    #[test]
    fn what_is_stuck_says_what_to_do() {
        let check = |state: &str, reason: &str, count: u64, what: &str, why: &str| {
            let newest = NoticeRow {
                id: "N-7".into(),
                via: "api".into(),
                key: "AS64500".into(),
                state: state.into(),
                reason: reason.into(),
                ..NoticeRow::default()
            };
            let trouble = stuck(&Stuck { newest, count });
            assert_eq!((trouble.what.as_str(), trouble.why.as_str()), (what, why));
        };
        let again = "when that is mended, `concert notice retry N-7` sends it again";
        check("failed", "550 no", 1, "notice N-7", &format!("550 no; {again}"));
        check("failed", "", 1, "notice N-7", &format!("it was never taken; {again}"));
        let all = "550 no; when that is mended, `concert notice retry --all-failed --via api` sends them again";
        check("failed", "550 no", 1_312, "1,312 notices by api, the last N-7", all);
        check(
            "failed",
            "401: `concert notice retry`",
            2,
            "2 notices by api, the last N-7",
            "401: `concert notice retry`",
        );
        let address = "mend the contacts, or give an address: `concert notice retry N-7 --to ADDRESS`";
        let approve = "`concert notice approve N-7` sends it";
        check("waiting", "waits for approval", 1, "notice N-7", approve);
        check("no-contact", "", 1, "notice N-7", &format!("nobody is known to answer for AS64500; {address}"));
    }

    #[test]
    fn a_link_cannot_be_left() {
        assert_eq!(notice_link("N-1.2_a"), "/notices/N-1.2_a");
        assert_eq!(notice_link("a\"/../b"), "/notices/a%22%2F..%2Fb");
    }
}
