//! How long parsing a file takes, without enriching, judging or storing:
//! `cargo run --release -p concert-pipeline --example parse_speed -- shadowserver FILE`.

#![expect(clippy::print_stdout, reason = "this program prints one line and ends")]

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use concert_model::keys::Reading;
use concert_model::{Batch, Keys, OpenEvent, Origin, ProblemKey, Receipt, Reject, Time};
use concert_pipeline::parse::{ALL, About, Input, Sink};

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let (Some(parser), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: parse_speed PARSER FILE".into());
    };
    let listed = ALL.iter().find(|listed| listed.name == parser).ok_or("no such parser")?;
    let no_secrets = |_: &str, _: &str| Err("no secrets".to_owned());
    let reading = Reading::new(&no_secrets);
    let parser = (listed.read)(&mut Keys::empty(&reading, "feed"));
    let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let receipt = Receipt {
        feed: "speed".into(),
        origin: Origin::File(name.clone()),
        received: Time(0),
        sender: String::new(),
        file_name: name.clone(),
        url: String::new(),
        media_type: String::new(),
    };
    let mut reader = BufReader::with_capacity(256 << 10, File::open(&path).map_err(|why| why.to_string())?);
    let begin = jiff::Timestamp::now();
    let mut stage = |_: &mut OpenEvent<'_>| true;
    let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
    let mut flush = |batch: Batch| batch;
    let mut reject = |_: Reject| {};
    let zone = Some(jiff::tz::TimeZone::UTC);
    let mut sink =
        Sink::new(receipt.id(&[0; 32]), &receipt, Vec::new(), zone, &mut stage, &key_of, &mut flush, &mut reject);
    parser.parse(&mut Input::new(&mut reader, None), &About { receipt: &receipt, name: &name }, &mut sink);
    let counts = sink.finish();
    println!("{counts:?} in {:#}", jiff::Timestamp::now() - begin);
    Ok(())
}
