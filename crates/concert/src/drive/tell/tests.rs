//! What is held back for the time of its party: told once, whatever goes wrong meanwhile, and written down once.

use std::sync::Arc;

use concert_model::{Contact, Origin, Party, Receipt};
use concert_store::records::{NoticeFilter, Parties};
use concert_transport::Body;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::addressees::PURPOSE;
use crate::drive::Worker;
use crate::drive::intake::Keeper;
use crate::settings::{LoadFor, Settings};

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "given"
parser = "ndjson"

[[notice]]
name = "told"
to = "responsible"
when = "at once"
via = "out"

[via.out]
type = "file"
path = "out/"
"#;

struct World {
    _folder: tempfile::TempDir,
    site: Arc<Site>,
    worker: Option<Worker>,
}

impl World {
    /// A site whose party wishes to be told once a week.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("concert.toml"), SETTINGS).unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let site = Arc::new(Site::open(Settings::load(folder.path(), LoadFor::Run).unwrap()).await.unwrap());
        let mut world = Self { _folder: folder, site: Arc::clone(&site), worker: Worker::open(&site).await.unwrap() };
        world.wishes("at 06:00 on mon").await;
        world.worker().tell_due(&site).await.unwrap();
        world
    }

    /// The party, which wishes to be told so.
    async fn wishes(&self, schedule: &str) {
        let contact = Contact {
            mail: "abuse@own.example".into(),
            purpose: PURPOSE.into(),
            schedule: schedule.into(),
            ..Contact::default()
        };
        let (name, prefixes) = ("Own".into(), vec!["192.0.2.0/24".parse().unwrap()]);
        let party = Party { name, prefixes, contacts: vec![contact], ..Party::default() };
        self.site.store.records.import_parties(Parties::Constituents, &[party]).await.unwrap();
        assert!(self.site.refresh_parties().await.unwrap());
    }

    /// A report with an event of the party comes and is processed.
    async fn report(&mut self, address: &str) {
        let receipt = Receipt {
            feed: "given".into(),
            origin: Origin::File(address.into()),
            received: wire::now(),
            sender: String::new(),
            file_name: String::new(),
            url: String::new(),
            media_type: String::new(),
        };
        let line = format!("{{\"source.ip\":\"{address}\",\"classification.type\":\"scanner\"}}\n");
        let keeper = Keeper::new(self.site.store.clone());
        keeper.keep_report(receipt, Body::Bytes(line.into_bytes())).await.unwrap();
        let (site, mut worker) = (Arc::clone(&self.site), self.worker.take().unwrap());
        let processed = tokio::task::spawn_blocking(move || {
            let done = worker.process_waiting(&site, &CancellationToken::new());
            (worker, done)
        });
        let (worker, done) = processed.await.unwrap();
        assert_eq!(done.unwrap(), 1);
        self.worker = Some(worker);
    }

    fn worker(&mut self) -> &mut Worker {
        self.worker.as_mut().unwrap()
    }

    /// Numbers of events of notices, the oldest first.
    async fn told(&self) -> Vec<u64> {
        let filter = NoticeFilter { limit: 100, ..NoticeFilter::default() };
        let mut told = self.site.store.records.notices(&filter).await.unwrap();
        told.reverse();
        told.into_iter().map(|notice| notice.events).collect()
    }
}

/// INVARIANT: an event is in one notice of a kind, also where that its party wishes no time of its own any more was taken
/// up, and nothing could be written then.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_back_is_told_once_after_an_error_in_between() {
    let mut world = World::new().await;
    world.report("192.0.2.1").await;
    assert_eq!(world.told().await, [] as [u64; 0]);
    world.wishes("").await;
    let site = Arc::clone(&world.site);
    // What is due is told with an error, behind this.
    world.worker().teller.refresh_hasty(&site).await.unwrap();
    world.report("192.0.2.2").await;
    world.worker().tell_due(&site).await.unwrap();
    assert_eq!(world.told().await.iter().sum::<u64>(), 2);
    assert!(site.store.records.notice_early("told").await.unwrap().is_empty());
    world.worker().tell_due(&site).await.unwrap();
    assert_eq!(world.told().await.iter().sum::<u64>(), 2);
}

/// What is held back is written down with its first event, and not with every report that comes until it is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_writes_nothing_about_what_was_held_back_before() {
    let mut world = World::new().await;
    world.report("192.0.2.1").await;
    let site = Arc::clone(&world.site);
    let held = site.store.records.notice_early("told").await.unwrap();
    assert_eq!(held.len(), 1);
    let newest = site.store.last_batch().await.unwrap();
    let telling = world.worker().teller.finish_report(&site, newest, wire::now()).await.unwrap();
    assert!(telling.early.is_empty(), "{:?}", telling.early);
    world.report("192.0.2.2").await;
    assert_eq!(site.store.records.notice_early("told").await.unwrap(), held);
    assert_eq!(world.told().await, [] as [u64; 0]);
    // It is all there when its time comes.
    world.wishes("").await;
    world.worker().tell_due(&site).await.unwrap();
    assert_eq!(world.told().await, [2]);
    assert!(site.store.records.notice_early("told").await.unwrap().is_empty());
}
