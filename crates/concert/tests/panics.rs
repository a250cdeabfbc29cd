//! A mistake in the program that shows with one report or one peer must not stop the others. Collectors are
//! tested where they are run.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use concert::drive::{self, Worker, intake::Keeper};
use concert::settings::{LoadFor, Settings};
use concert::wire::Site;
use concert_model::message::Outcome;
use concert_model::{Message, Origin, Problem, Receipt, Time};
use concert_pipeline::parse::{About, Input, Parser, Sink};
use concert_transport::openpgp::KeysAt;
use concert_transport::{Body, Deliverer};
use tokio_util::sync::CancellationToken;

#[path = "support/init.rs"]
mod init;

use init::init;

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "broken"
parser = "ndjson"

[[feed]]
name = "whole"
parser = "ndjson"

[[notice]]
name = "posted"
group_by = ["source.ip"]
via = "out"

[via.out]
type = "file"
path = "out/"
"#;

struct Panics;

#[expect(clippy::panic, reason = "that is what it is for")]
impl Parser for Panics {
    fn parse(&self, _: &mut Input<'_>, _: &About<'_>, _: &mut Sink<'_>) {
        panic!("a mistake in a parser");
    }
}

/// Panics over the first notice, and takes the others.
struct Trips(AtomicUsize);

#[async_trait]
impl Deliverer for Trips {
    fn compose(&self, message: &Message, _: &KeysAt<'_>) -> Result<Vec<u8>, String> {
        Ok(message.payload.bytes.clone())
    }

    async fn deliver(&self, _: &Message, _: &[u8]) -> Outcome {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "a mistake in a deliverer");
        Outcome::Done("taken".into())
    }

    async fn check(&self) -> Result<String, Problem> {
        Ok(String::new())
    }
}

fn receipt(feed: &str) -> Receipt {
    Receipt {
        feed: feed.into(),
        origin: Origin::File("x".into()),
        received: Time(1_795_323_030_000_000),
        sender: String::new(),
        file_name: String::new(),
        url: String::new(),
        media_type: String::new(),
    }
}

fn settings(dir: &Path) -> Settings {
    init(dir);
    std::fs::write(dir.join("concert.toml"), SETTINGS).unwrap();
    Settings::load(dir, LoadFor::Run).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_stops_its_parser_fails_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    settings.feeds.first_mut().unwrap().parser = Arc::new(Panics);
    let site = Arc::new(Site::open(settings).await.unwrap());
    let keeper = Keeper::new(site.store.clone());
    let line = r#"{"source.ip":"192.0.2.1","classification.type":"scanner"}"#;
    let keep =
        async |feed: &str| keeper.keep_report(receipt(feed), Body::Bytes(line.as_bytes().to_vec())).await.unwrap().0;
    let (broken, whole) = (keep("broken").await, keep("whole").await);
    let mut worker = Worker::open(&site).await.unwrap().unwrap();
    let at_work = Arc::clone(&site);
    let done = tokio::task::spawn_blocking(move || worker.process_waiting(&at_work, &CancellationToken::new()));
    assert_eq!(done.await.unwrap().unwrap(), 2);
    let broken = site.store.records.report(broken).await.unwrap().unwrap();
    assert_eq!((&*broken.state, &*broken.reason), ("failed", "the parser stopped in the middle of the report"));
    let whole = site.store.records.report(whole).await.unwrap().unwrap();
    assert_eq!((&*whole.state, whole.counts.events), ("done", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_panics_counts_as_unclear_and_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    settings.vias.get_mut("out").unwrap().deliverer = Arc::new(Trips(AtomicUsize::new(0)));
    let site = Arc::new(Site::open(settings).await.unwrap());
    let mut worker = Worker::open(&site).await.unwrap().unwrap();
    worker.tell_due(&site).await.unwrap();
    let keeper = Keeper::new(site.store.clone());
    let lines = "{\"source.ip\":\"192.0.2.1\"}\n{\"source.ip\":\"192.0.2.2\"}\n";
    keeper.keep_report(receipt("whole"), Body::Bytes(lines.as_bytes().to_vec())).await.unwrap();
    let at_work = Arc::clone(&site);
    let worked = tokio::task::spawn_blocking(move || worker.process_waiting(&at_work, &CancellationToken::new()));
    assert_eq!(worked.await.unwrap().unwrap(), 1);
    let sent = drive::deliver::send_due(&site).await.unwrap();
    assert_eq!((sent.delivered, sent.later, sent.failed), (1, 1, 0));
}
