//! What the demo prints: each thing as it happens, and a summary at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use concert_model::ReportId;
use concert_model::{Reject, Time};
use concert_store::records::{Notice, NoticeFilter, ReportRow};

use super::peers::Peers;
use crate::problems::Failure;
use crate::wire::{self, Site};

/// Keys named in a line; the rest is counted.
const KEYS_MAX: usize = 4;
/// Rejects of one report that are shown.
const REJECTS_MAX: usize = 5;
/// Lines of the mail that is shown at the end.
const MAIL_LINES_MAX: usize = 80;

/// Prints to standard output.
pub(super) struct Show {
    started: Instant,
    colour: bool,
}

impl Show {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), colour: std::io::stdout().is_terminal() }
    }

    /// Somebody who reads no further (`head`) does not end the demo.
    fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
    }

    /// A text in an ANSI style, on terminals.
    fn styled(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn heading(&self, text: &str) {
        self.print(&format!("\n{}\n", self.styled("1", text)));
    }

    fn line(&self, what: &str, style: &str, text: &str) {
        let time = format!("{:5.1}s", self.started.elapsed().as_secs_f64());
        self.print(&format!("{}  {}  {text}\n", self.styled("2", &time), self.styled(style, &format!("{what:<8}"))));
    }

    /// Something happens outside.
    pub(super) fn act(&self, text: &str) {
        self.line("outside", "2", text);
    }

    pub(super) fn begin(&self, site: &Site, dir: &Path, address: SocketAddr) -> Result<(), Failure> {
        self.heading("Concert demo: reports in, notices out. Everything stays on this machine.");
        self.print(&format!(
            "  site     {}   (settings: concert.toml)\n  pages    http://{address}/\n  feeds    ",
            dir.display()
        ));
        let feeds = site.settings.feeds.iter().map(|feed| format!("{} ({})", feed.name, feed.collect.kind()));
        self.print(&feeds.collect::<Vec<_>>().join(", "));
        let notices = site.settings.notices.iter().map(|notice| {
            let kind = site.settings.vias.get(&notice.via).map_or("", |via| via.kind);
            format!("{}: {} over {kind}, {}", notice.name, notice.format.name, notice.when)
        });
        self.print(&format!("\n  notices  {}\n\n", notices.collect::<Vec<_>>().join("\n           ")));
        Ok(())
    }

    fn report(&self, site: &Site, report: &ReportRow, rejects: &[Reject]) {
        let feed = &report.report.receipt.feed;
        let kind = site.settings.feed(feed).map_or("", |feed| feed.collect.kind());
        let counts = &report.counts;
        let mut text = format!("{feed:<10} {kind:<5} {:>3} new events", counts.events);
        for (count, one, many) in [
            (counts.duplicates, "duplicate", "duplicates"),
            (counts.dropped, "dropped by a rule", "dropped by rules"),
            (counts.rejects, "reject", "rejects"),
        ] {
            match count {
                0 => {}
                1 => text.push_str(&format!(", 1 {one}")),
                _ => text.push_str(&format!(", {count} {many}")),
            }
        }
        if report.state == "failed" {
            text = format!("{feed:<10} {kind:<5} cannot be processed: {}", report.reason);
        }
        self.line("report", "32", &text);
        for reject in rejects.iter().take(REJECTS_MAX) {
            let field = if reject.field.is_empty() { String::new() } else { format!(", {}", reject.field) };
            self.line("reject", "33", &format!("{feed:<10} line {}{field}: {}", reject.line, reject.reason));
        }
    }

    fn notices(&self, site: &Site, name: &str, state: &str, notices: &[&Notice]) {
        let via = notices.first().map_or("", |notice| notice.via.as_str());
        let kind = site.settings.vias.get(via).map_or("", |via| via.kind);
        let mut keys: Vec<String> = notices
            .iter()
            .take(KEYS_MAX)
            .map(|notice| {
                format!("{} ({} event{})", notice.key, notice.events, if notice.events == 1 { "" } else { "s" })
            })
            .collect();
        if notices.len() > KEYS_MAX {
            keys.push(format!("{} more", notices.len() - KEYS_MAX));
        }
        let style = if state == "delivered" { "36" } else { "33" };
        self.line("notice", style, &format!("{name:<12} {kind:<5} {state}: {}", keys.join(", ")));
    }

    /// The summary.
    pub(super) async fn end(
        &self,
        site: &Site,
        peers: &Peers,
        dir: &Path,
        kept: bool,
        address: SocketAddr,
        once: bool,
    ) -> Result<(), Failure> {
        self.feeds(site).await?;
        self.kinds(site).await?;
        self.mail(peers);
        self.heading("Where to look");
        let dir = dir.display();
        let http = peers.web.requests().iter().filter(|request| request.method == "POST").count();
        let said = peers.irc.said().iter().filter(|said| said.channel == "#notices").count();
        self.print(&format!(
            "  the outside got {http} notices over HTTP, {said} lines on IRC and {} mails\n",
            peers.smtp.count()
        ));
        if !once {
            self.print(&format!("  http://{address}/ shows feeds, rejects and notices, until Ctrl-C\n"));
        }
        if kept {
            self.print(&format!("  {dir} is an ordinary site; its settings are explained in {dir}/concert.toml\n"));
        } else if once {
            self.print("  the site is removed now; `concert demo --dir DIR` keeps it\n");
        } else {
            self.print(&format!("  {dir} is the site; it is removed at the end (`concert demo --dir DIR` keeps it)\n"));
        }
        if kept || !once {
            self.heading(if once { "What to try next" } else { "What to try next, in another terminal" });
            self.print(&format!(
                "  concert feed list --site {dir}\n\
                 \x20 concert events 'source.geolocation.cc == \"FI\"' --site {dir}\n\
                 \x20 concert events --count-by source.asn,classification.type --site {dir}\n\
                 \x20 concert notice list --site {dir}\n\
                 \x20 concert who 192.0.2.140 www.bank.example --site {dir}\n"
            ));
        }
        self.print("  concert init cert-site      makes a site of your own\n\n");
        Ok(())
    }

    async fn feeds(&self, site: &Site) -> Result<(), Failure> {
        let counts = site.store.records.feed_counts(wire::now()).await.map_err(Failure::outside)?;
        self.heading("What came in");
        let mut rows =
            vec![["feed", "way in", "reports", "events", "duplicates", "dropped", "rejects"].map(str::to_owned)];
        for feed in &site.settings.feeds {
            let of = counts.get(&feed.name).cloned().unwrap_or_default();
            let numbers = [of.reports, of.counts.events, of.counts.duplicates, of.counts.dropped, of.counts.rejects];
            let [reports, events, duplicates, dropped, rejects] = numbers.map(|number| number.to_string());
            rows.push([
                feed.name.clone(),
                feed.collect.kind().to_owned(),
                reports,
                events,
                duplicates,
                dropped,
                rejects,
            ]);
        }
        self.table(&rows, 2);
        Ok(())
    }

    async fn kinds(&self, site: &Site) -> Result<(), Failure> {
        let notices = all_notices(site).await?;
        self.heading("What went out");
        let mut rows = vec![["notice", "way out", "format", "when", "delivered", "no contact"].map(str::to_owned)];
        for kind in &site.settings.notices {
            let count = |state: &str| {
                let some = notices.iter().filter(|notice| notice.name == kind.name && notice.state == state);
                some.count().to_string()
            };
            let way = site.settings.vias.get(&kind.via).map_or("", |via| via.kind);
            let (format, when) = (kind.format.name.to_owned(), kind.when.to_string());
            rows.push([kind.name.clone(), way.to_owned(), format, when, count("delivered"), count("no-contact")]);
        }
        self.table(&rows, 4);
        Ok(())
    }

    /// Columns as wide as they must be; from `numbers` on they stand to the right.
    fn table<const N: usize>(&self, rows: &[[String; N]], numbers: usize) {
        let mut widths = [0; N];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
                if at >= numbers { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            let text = cells.collect::<Vec<_>>().join("  ");
            let text = if index == 0 { self.styled("2", &text) } else { text };
            self.print(&format!("  {}\n", text.trim_end()));
        }
    }

    /// One mail whole: the shortest, as the mail server took it.
    fn mail(&self, peers: &Peers) {
        let mails = peers.smtp.mails();
        let Some(mail) = mails.iter().min_by_key(|mail| mail.bytes.len()) else { return };
        self.heading(&format!("One of the mails, as the mail server took it for {}", mail.to.join(", ")));
        let text = String::from_utf8_lossy(&mail.bytes);
        for line in text.lines().take(MAIL_LINES_MAX) {
            self.print(&format!("  | {line}\n"));
        }
        if text.lines().count() > MAIL_LINES_MAX {
            self.print("  | ...\n");
        }
    }
}

async fn all_notices(site: &Site) -> Result<Vec<Notice>, Failure> {
    let mut notices = site.store.records.notices(&NoticeFilter::default()).await.map_err(Failure::outside)?;
    notices.reverse();
    Ok(notices)
}

/// What was shown already.
#[derive(Default)]
pub(super) struct Seen {
    reports: HashSet<ReportId>,
    notices: HashMap<String, String>,
}

impl Seen {
    /// Shows what is new since the last look.
    pub(super) async fn look(&mut self, site: &Site, show: &Show) -> Result<(), Failure> {
        let records = &site.store.records;
        for report in records.reports("", Time(0)).await.map_err(Failure::outside)? {
            if report.state == "waiting" || !self.reports.insert(report.report.id) {
                continue;
            }
            let rejects = records.rejects_of(report.report.id).await.map_err(Failure::outside)?;
            show.report(site, &report, &rejects);
        }
        let notices = all_notices(site).await?;
        let mut fresh: BTreeMap<(&str, &str), Vec<&Notice>> = BTreeMap::new();
        for notice in &notices {
            let ended = matches!(notice.state.as_str(), "delivered" | "failed" | "no-contact");
            if ended && self.notices.insert(notice.id.clone(), notice.state.clone()).as_ref() != Some(&notice.state) {
                fresh.entry((&notice.name, &notice.state)).or_default().push(notice);
            }
        }
        for ((name, state), notices) in fresh {
            show.notices(site, name, state, &notices);
        }
        Ok(())
    }
}

/// What is still to come, if anything is.
pub(super) async fn lacking(site: &Site) -> Result<Option<String>, Failure> {
    let records = &site.store.records;
    let counts = records.feed_counts(wire::now()).await.map_err(Failure::outside)?;
    for feed in &site.settings.feeds {
        // The list is fetched twice: as it is first, and grown.
        let wanted = if feed.collect.kind() == "http" { 2 } else { 1 };
        let of = counts.get(&feed.name).cloned().unwrap_or_default();
        if of.waiting > 0 || of.reports < wanted {
            return Ok(Some(format!("no report of the feed `{}`", feed.name)));
        }
    }
    let newest = site.store.last_batch().await.map_err(Failure::outside)?;
    for notice in &site.settings.notices {
        let cursor = records.notice_cursor(&notice.name).await.map_err(Failure::outside)?;
        if cursor.is_none_or(|(batch, _)| batch < newest) {
            return Ok(Some(format!("the notices `{}` are not made", notice.name)));
        }
    }
    let waiting = all_notices(site).await?.into_iter().find(|notice| notice.state == "queued");
    Ok(waiting.map(|notice| format!("notice {} is not delivered: {}", notice.id, notice.reason)))
}
