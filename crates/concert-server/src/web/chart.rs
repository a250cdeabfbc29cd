//! Events an hour as bars: pure numbers for the template, which draws them as inline SVG.

use jiff::tz::TimeZone;

use super::show;
use crate::site::Hour;

/// Size of the drawing, in its own units.
pub(super) const WIDTH: u64 = 960;
pub(super) const HEIGHT: u64 = 190;
const LEFT: u64 = 52;
const RIGHT: u64 = 8;
const TOP: u64 = 12;
const BOTTOM: u64 = 26;
/// Most bars that are drawn.
const BARS_MAX: usize = 96;

/// A drawing.
#[derive(Debug, Default)]
pub(super) struct Chart {
    pub bars: Vec<Bar>,
    pub lines: Vec<Line>,
    pub labels: Vec<Label>,
    /// What it shows, in a sentence.
    pub summary: String,
}

/// One hour.
#[derive(Debug)]
pub(super) struct Bar {
    pub x: String,
    pub width: String,
    pub events_y: String,
    pub events_height: String,
    pub rejects_y: String,
    pub rejects_height: String,
    /// `22 Nov 14:00: 1,234 events, 2 rejects`
    pub title: String,
}

/// A line across, with its number.
#[derive(Debug)]
pub(super) struct Line {
    pub y: String,
    pub label: String,
}

/// A time below.
#[derive(Debug)]
pub(super) struct Label {
    pub x: String,
    pub text: String,
}

/// The drawing of these hours; nothing at all when nothing came.
pub(super) fn draw(hours: &[Hour], zone: &TimeZone) -> Option<Chart> {
    let hours = hours.get(hours.len().saturating_sub(BARS_MAX)..).unwrap_or_default();
    let total = |hour: &Hour| hour.events.saturating_add(hour.rejects);
    let highest = hours.iter().map(total).max().filter(|highest| *highest > 0)?;
    let top = round_up(highest);
    let plot = (HEIGHT - TOP - BOTTOM) as f64;
    let base = (HEIGHT - BOTTOM) as f64;
    let step = (WIDTH - LEFT - RIGHT) as f64 / hours.len().max(1) as f64;
    let height = |count: u64| if count == 0 { 0.0 } else { (count as f64 / top as f64 * plot).max(1.0) };
    let mut chart = Chart { summary: summary(hours), ..Chart::default() };
    for (index, hour) in hours.iter().enumerate() {
        let x = LEFT as f64 + step * index as f64;
        let (events, rejects) = (height(hour.events), height(hour.rejects));
        let at = hour.start.timestamp().to_zoned(zone.clone());
        chart.bars.push(Bar {
            x: places(x + step * 0.1),
            width: places(step * 0.8),
            events_y: places(base - events),
            events_height: places(events),
            rejects_y: places(base - events - rejects),
            rejects_height: places(rejects),
            title: format!(
                "{}: {}, {}",
                at.strftime("%-d %b %H:%M"),
                show::count(hour.events, "event"),
                show::count(hour.rejects, "reject")
            ),
        });
        if at.hour() % 6 == 0 {
            let format = if at.hour() == 0 { "%-d %b" } else { "%H:%M" };
            chart.labels.push(Label { x: places(x), text: at.strftime(format).to_string() });
        }
    }
    for count in [0, top / 2, top] {
        let y = base - count as f64 / top as f64 * plot;
        chart.lines.push(Line { y: places(y), label: show::number(count) });
    }
    Some(chart)
}

fn summary(hours: &[Hour]) -> String {
    let events = hours.iter().fold(0u64, |sum, hour| sum.saturating_add(hour.events));
    let rejects = hours.iter().fold(0u64, |sum, hour| sum.saturating_add(hour.rejects));
    let parts = [show::count(events, "event"), show::count(rejects, "reject")];
    format!("{} and {} in {} hours", parts[0], parts[1], hours.len())
}

/// The next even number of the sort 2, 4, 6, 10, 20, 40, ..., so that half of it is a number too.
fn round_up(highest: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for step in [2, 4, 6, 10] {
            let top = unit.saturating_mul(step);
            if top >= highest {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn places(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::Time;

    #[test]
    fn the_axis_ends_on_a_round_number() {
        assert_eq!([1, 2, 3, 7, 11, 99, 100, 101, 4001].map(round_up), [2, 2, 4, 10, 20, 100, 100, 200, 6000]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn bars_stay_in_the_drawing() {
        let start = Time::parse("2026-11-20T12:00:00Z", None).unwrap();
        let hours: Vec<Hour> = (0..48u64)
            .map(|index| Hour { start: start.plus_seconds(3600 * index as i64), events: index * 100, rejects: index })
            .collect();
        let chart = draw(&hours, &TimeZone::UTC).unwrap();
        assert_eq!((chart.bars.len(), chart.labels.len()), (48, 8));
        assert_eq!(chart.bars[1].title, "20 Nov 13:00: 100 events, 1 reject");
        for bar in &chart.bars {
            let number = |text: &str| text.parse::<f64>().unwrap();
            assert!(number(&bar.rejects_y) >= TOP as f64 - 0.1, "{bar:?}");
            assert!(number(&bar.events_y) + number(&bar.events_height) <= HEIGHT as f64, "{bar:?}");
        }
        assert!(draw(&[Hour::default(); 48], &TimeZone::UTC).is_none());
        assert!(draw(&[], &TimeZone::UTC).is_none());
        let huge = [Hour { start, events: u64::MAX, rejects: 5 }; 2];
        assert_eq!(draw(&huge, &TimeZone::UTC).unwrap().bars.len(), 2);
    }
}
