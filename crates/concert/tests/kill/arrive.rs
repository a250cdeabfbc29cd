//! What comes: files, mails and pushes, each from a thread of its own, all the time.
//!
//! A push is sent until it was answered, always with the same key, as the manual asks senders to. Some
//! that were answered are sent once more. Every row of every report is an address of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use crate::program::Program;
use crate::random::Random;
use crate::world::World;

/// What senders of pushes show.
pub(crate) const TOKEN: &str = "the-token";
/// Rows of files and mails: few go to the journal, many become a file of events at once.
const ROWS: [u64; 10] = [1, 2, 3, 5, 8, 20, 40, 90, 400, 2_500];
/// Rows of a push. A notice in a channel has at most 50 lines.
const PUSH_ROWS_MAX: u64 = 15;
/// Longest wait between two of a kind, in milliseconds.
const PAUSE_MAX: u64 = 400;
/// How long one attempt to push may take.
const PUSH_MAX: Duration = Duration::from_secs(10);

/// The addresses that came.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) all: Vec<String>,
    pub(crate) pushed: Vec<String>,
}

#[derive(Default)]
struct Shared {
    ending: AtomicBool,
    files: AtomicUsize,
    answered: AtomicUsize,
    server: Mutex<Arc<Mutex<Option<String>>>>,
}

/// Everything that comes, until it is ended.
pub(crate) struct Arriving {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Arriving {
    pub(crate) fn start(world: Arc<World>, seed: u64) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let ways: [fn(&World, &Shared, usize, &str); 3] = [file, mail, push];
        let threads = ways.into_iter().zip(1u64..).map(|(way, number)| {
            let (world, shared) = (Arc::clone(&world), Arc::clone(&shared));
            std::thread::spawn(move || come(way, number, &world, &shared, Random::new(seed ^ (number << 40))))
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// From now on pushes go to this program.
    pub(crate) fn serve(&self, program: &Program) {
        *self.shared.server.lock().unwrap() = program.place();
    }

    pub(crate) fn files_put(&self) -> usize {
        self.shared.files.load(Ordering::SeqCst)
    }

    pub(crate) fn pushes_answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Lets nothing more come, and gives what came.
    pub(crate) fn finish(self) -> Expected {
        self.shared.ending.store(true, Ordering::SeqCst);
        let came: Vec<Vec<String>> = self.threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let pushed = came.last().unwrap().clone();
        Expected { all: came.concat(), pushed }
    }
}

/// Sends report after report one way, and gives the addresses in them.
fn come(
    way: fn(&World, &Shared, usize, &str),
    number: u64,
    world: &World,
    shared: &Shared,
    mut random: Random,
) -> Vec<String> {
    let mut came = Vec::new();
    let mut count = 0;
    while !shared.ending.load(Ordering::SeqCst) {
        let rows = match number {
            3 => 1 + random.below(PUSH_ROWS_MAX),
            _ => ROWS[usize::try_from(random.below(10)).unwrap()],
        };
        let mut text = String::new();
        for _ in 0..rows {
            let place = came.len();
            let address = format!("10.{}.{}.{}", number * 64 + place as u64 / 65_536, place / 256 % 256, place % 256);
            let asn = 64_496 + random.below(3);
            text += &format!(r#"{{"source.ip":"{address}","source.asn":{asn},"classification.type":"scanner"}}"#);
            text.push('\n');
            came.push(address);
        }
        way(world, shared, count, &text);
        count += 1;
        sleep(Duration::from_millis(random.below(PAUSE_MAX)));
    }
    came
}

/// Puts a report into the folder, whole.
fn file(world: &World, shared: &Shared, count: usize, text: &str) {
    let part = world.site.join("in/.part");
    fs::write(&part, text).unwrap();
    fs::rename(part, world.site.join(format!("in/{count}.jsonl"))).unwrap();
    shared.files.fetch_add(1, Ordering::SeqCst);
}

fn mail(world: &World, _: &Shared, count: usize, text: &str) {
    let head = format!(
        "From: reports@provider.example\r\nTo: feeds@cert.example\r\nSubject: report {count}\r\n\
         Message-ID: <{count}@provider.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\nContent-Type: text/plain\r\n\r\n\
         Attached.\r\n--part\r\nContent-Type: application/x-ndjson\r\n\
         Content-Disposition: attachment; filename=report.ndjson\r\n\r\n"
    );
    world.deliver(&format!("{head}{}--part--\r\n", text.replace('\n', "\r\n")));
}

fn push(_: &World, shared: &Shared, count: usize, text: &str) {
    // Every fifth one is answered twice, as if the first answer had been lost.
    for _ in 0..if count.is_multiple_of(5) { 2 } else { 1 } {
        loop {
            let server = Arc::clone(&shared.server.lock().unwrap());
            let address = server.lock().unwrap().clone();
            if address.is_some_and(|address| attempt(&address, count, text).unwrap_or(false)) {
                shared.answered.fetch_add(1, Ordering::SeqCst);
                break;
            }
            sleep(Duration::from_millis(5));
        }
    }
}

/// One attempt to push. `Ok(true)` when it was answered that the report is durable.
fn attempt(address: &str, count: usize, text: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PUSH_MAX))?;
    write!(
        stream,
        "POST /api/v1/feeds/pushed/reports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {TOKEN}\r\nIdempotency-Key: push-{count}\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 202"))
}
