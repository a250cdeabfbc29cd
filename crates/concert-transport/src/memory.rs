//! An intake in memory, for tests: it can refuse, and it can be killed at any step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use concert_model::keys::{Reading, Source};
use concert_model::{Keys, Receipt, ReportId, Time};

use crate::collect::{Listed, Setup};
use crate::{Body, Collector, Health, Intake, Kept};

#[derive(Default)]
pub(crate) struct Memory {
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    kept: Vec<(Receipt, Vec<u8>)>,
    ids: BTreeSet<ReportId>,
    values: BTreeMap<String, String>,
    health: Vec<Health>,
    refuse: Option<String>,
    steps_left: Option<usize>,
    ahead_seconds: i64,
    remembered: usize,
}

impl Memory {
    /// Every report kept, in order.
    pub(crate) fn kept(&self) -> Vec<(Receipt, Vec<u8>)> {
        self.inside.lock().unwrap().kept.clone()
    }

    /// Only the bytes, as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.kept().into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
    }

    pub(crate) fn health(&self) -> Vec<Health> {
        self.inside.lock().unwrap().health.clone()
    }

    /// All that was said of trouble, in one text.
    pub(crate) fn trouble(&self) -> String {
        let said = self.health().into_iter().filter_map(|health| match health {
            Health::Trouble(why) => Some(why),
            _ => None,
        });
        said.collect::<Vec<_>>().join("; ")
    }

    /// Refuses everything from now on, or takes it again.
    pub(crate) fn refuse(&self, why: Option<&str>) {
        self.inside.lock().unwrap().refuse = why.map(str::to_owned);
    }

    /// How often something was remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.inside.lock().unwrap().remembered
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.inside.lock().unwrap().ahead_seconds += seconds;
    }

    /// Whoever asks is stopped dead after so many more writes, each of which is done or not.
    pub(crate) fn kill_after(&self, steps: Option<usize>) {
        self.inside.lock().unwrap().steps_left = steps;
    }

    /// Waits until so many reports are kept.
    pub(crate) async fn wait_for(&self, count: usize) {
        let arrived = async {
            while self.inside.lock().unwrap().kept.len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("the reports come in time");
    }

    /// One step of two: before it is done, and after.
    async fn step(&self) {
        let dead = {
            let mut inside = self.inside.lock().unwrap();
            match &mut inside.steps_left {
                Some(0) => true,
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => false,
            }
        };
        if dead {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Intake for Memory {
    async fn keep(&self, receipt: Receipt, body: Body) -> Result<Kept, String> {
        self.step().await;
        let bytes = match body {
            Body::Bytes(bytes) => bytes,
            Body::File(path) => std::fs::read(path).unwrap(),
        };
        let known = {
            let mut inside = self.inside.lock().unwrap();
            if let Some(why) = &inside.refuse {
                return Err(why.clone());
            }
            let known = !inside.ids.insert(receipt.id(blake3::hash(&bytes).as_bytes()));
            if !known {
                inside.kept.push((receipt, bytes));
            }
            known
        };
        self.step().await;
        Ok(if known { Kept::Known } else { Kept::New })
    }

    async fn recall(&self, feed: &str, name: &str) -> Option<String> {
        self.inside.lock().unwrap().values.get(&format!("{feed} {name}")).cloned()
    }

    async fn remember(&self, feed: &str, name: &str, value: &str) -> Result<(), String> {
        self.step().await;
        {
            let mut inside = self.inside.lock().unwrap();
            inside.remembered += 1;
            inside.values.insert(format!("{feed} {name}"), value.to_owned());
        }
        self.step().await;
        Ok(())
    }

    fn health(&self, _feed: &str, health: Health) {
        self.inside.lock().unwrap().health.push(health);
    }

    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Time(i64::try_from(since.as_micros()).unwrap()).plus_seconds(self.inside.lock().unwrap().ahead_seconds)
    }
}

/// A set-up for a site in this folder.
pub(crate) fn setup(site: &std::path::Path) -> Setup {
    Setup {
        feed: "feed".into(),
        site_dir: site.to_owned(),
        report_bytes_max: 1 << 20,
        file_bytes_max: 1 << 20,
        keep_raw: Duration::from_secs(90 * 86_400),
        user_agent: "Concert/test".into(),
    }
}

/// Reads one collector from settings text, secrets being what their `env` says.
pub(crate) fn read(listed: &Listed, setup: &Setup, text: &str) -> Result<Box<dyn Collector>, String> {
    let source = Source { name: "concert.toml".into(), text: text.into() };
    let document = toml_edit::Document::parse(text).unwrap();
    let secrets = |_: &str, which: &str| Ok(which.to_owned());
    let reading = Reading::new(&secrets);
    let mut keys = Keys::root(&reading, vec![(&source, document.as_table())]);
    let collector = (listed.read)(&mut keys, setup);
    keys.finish();
    let problems: Vec<String> = reading.finish().problems.iter().map(ToString::to_string).collect();
    match collector {
        Some(collector) if problems.is_empty() => Ok(collector),
        _ => Err(problems.join("\n")),
    }
}
