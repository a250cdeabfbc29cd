//! `/healthz`, `/readyz` and `/metrics`: for what watches the program from outside.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;

use crate::App;
use crate::problem::Problem;
use crate::site::{FeedState, Metric, Overview};

/// The program runs.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Work can be taken.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    match app.site.ready().await {
        Ok(()) if app.site.is_paused() => "ready, and paused: no feed and no mailbox is looked at\n".into_response(),
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

/// Numbers in the text form that Prometheus reads.
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
) -> Result<Response, Problem> {
    let overview = app.site.overview(&person).await?;
    let mut all = of_overview(&overview);
    all.extend(app.site.metrics(&person, &overview).await);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], write(&all)).into_response())
}

/// What the overview knows, as numbers.
fn of_overview(overview: &Overview) -> Vec<Metric> {
    type Of = fn(&crate::site::Feed) -> Option<f64>;
    let feeds: [(&'static str, &'static str, bool, Of); 9] = [
        ("concert_feed_reports_total", "Reports received.", true, |feed| Some(feed.reports as f64)),
        ("concert_feed_events_total", "Events read.", true, |feed| Some(feed.events as f64)),
        ("concert_feed_duplicates_total", "Repeats of events.", true, |feed| Some(feed.duplicates as f64)),
        ("concert_feed_rejects_total", "Pieces that became no event.", true, |feed| Some(feed.rejects as f64)),
        ("concert_feed_up", "Whether the last look went well; nothing before the first.", false, |feed| {
            (feed.state != FeedState::Waiting).then(|| f64::from(u8::from(feed.state == FeedState::Good)))
        }),
        ("concert_feed_stale", "Whether the feed is quiet for too long.", false, |feed| {
            Some(f64::from(u8::from(feed.stale)))
        }),
        ("concert_feed_events_day", "Events of the last 24 hours.", false, |feed| Some(feed.events_day as f64)),
        (
            "concert_feed_unusual",
            "Whether a day has far fewer or more events than expected, nothing was read from the newest report, or a file was refused.",
            false,
            |feed| Some(f64::from(u8::from(feed.is_unusual()))),
        ),
        ("concert_feed_last_good_timestamp_seconds", "When the last look went well.", false, |feed| {
            feed.last_good.map(|time| time.seconds() as f64)
        }),
    ];
    let mut all: Vec<Metric> = Vec::new();
    for (name, about, counter, of) in feeds {
        let rows = overview.feeds.iter().filter_map(|feed| Some((vec![("feed", feed.name.clone())], of(feed)?)));
        all.push(Metric { name, about, counter, values: rows.collect() });
    }
    let counts = overview.notice_counts;
    let states = [
        ("waiting", counts.waiting),
        ("queued", counts.queued),
        ("delivered", counts.delivered),
        ("failed", counts.failed),
        ("no-contact", counts.no_contact),
    ];
    let values = states.map(|(state, count)| (vec![("state", state.to_owned())], count as f64)).to_vec();
    all.push(Metric {
        name: "concert_notices",
        about: "Notices by state; what is gathered for a later one is none yet.",
        counter: false,
        values,
    });
    all.push(Metric {
        name: "concert_collect_paused",
        about: "Whether no feed and no mailbox is looked at, because the settings say so.",
        counter: false,
        values: vec![(Vec::new(), f64::from(u8::from(overview.paused)))],
    });
    let version = vec![(vec![("version", overview.version.clone())], 1.0)];
    all.push(Metric { name: "concert_info", about: "The program.", counter: false, values: version });
    all
}

fn write(metrics: &[Metric]) -> String {
    let mut out = String::new();
    for metric in metrics {
        let kind = if metric.counter { "counter" } else { "gauge" };
        // Writing into a String cannot fail.
        writeln!(out, "# HELP {0} {1}\n# TYPE {0} {kind}", metric.name, metric.about).unwrap_or_default();
        for (labels, value) in &metric.values {
            let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name}=\"{}\"", label(text))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            writeln!(out, "{}{labels} {value}", metric.name).unwrap_or_default();
        }
    }
    out
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_a_line() {
        let values = vec![(vec![("feed", "a\"b\\c\nd".to_owned())], 1.5), (vec![], 2.0)];
        let metric = Metric { name: "concert_x", about: "X.", counter: true, values };
        assert_eq!(
            write(&[metric]),
            "# HELP concert_x X.\n# TYPE concert_x counter\nconcert_x{feed=\"a\\\"b\\\\c\\nd\"} 1.5\nconcert_x 2\n"
        );
    }
}
