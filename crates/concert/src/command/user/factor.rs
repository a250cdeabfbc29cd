//! `concert user second-factor NAME`: nothing is kept until a code shows that the app has the secret.

use std::io::{BufRead, Read, Write};

use concert_model::Problem;
use concert_store::records::{By, NewFactor, Records};

use super::{need_user, nobody, print_secret};
use crate::login::{code, secret};
use crate::print::Out;
use crate::problems::{Exit, Failure, outside};
use crate::wire;

/// How often a code may be wrong.
const TRIES_MAX: usize = 3;
/// Longest line that is read as a code.
const LINE_BYTES_MAX: u64 = 100;

pub(super) async fn run(name: &str, site: &str, records: &Records, by: &By) -> Result<Exit, Failure> {
    let user = need_user(records, name).await?;
    if records.recovery_codes(name).await?.is_some() {
        tell("there is a second factor already; the new one takes its place\n");
    }
    let factor = code::new_secret()?;
    let mut out = Out::stdout();
    out.write(format!("{}\n", code::uri(site, &user.name, &factor)).as_bytes())?;
    out.finish()?;
    drop(out);
    let step = confirmed(&factor)?;
    let codes = secret::recovery_codes()?;
    let recovery = codes.iter().map(|code| secret::recovery_hash(&user.name, code)).collect();
    if !records.set_second_factor(name, &NewFactor { secret: factor, step, recovery }, by).await? {
        return Err(nobody(records, name).await);
    }
    tell(
        "the second factor is set; this code is used up, so log in with the next\n\
         each of these codes works once when the app is lost:\n",
    );
    print_secret(&codes.join("\n"))
}

/// The step of a code that somebody reads from the app.
fn confirmed(factor: &[u8]) -> Result<i64, Failure> {
    for _ in 0..TRIES_MAX {
        tell("code that the app shows: ");
        let mut line = String::new();
        let mut input = std::io::stdin().lock().take(LINE_BYTES_MAX);
        let read = input.read_line(&mut line).map_err(|error| outside("standard input cannot be read", &error))?;
        if read == 0 {
            break;
        }
        let step = code::digits(&line).and_then(|digits| code::step(factor, digits, wire::now()));
        if let Some(step) = step {
            return Ok(step);
        }
        tell("this is not the code of this moment; is the clock of the device right?\n");
    }
    Err(Failure::usage(Problem::new("no right code was given").hint("nothing was changed")))
}

fn tell(text: &str) {
    // A closed standard error leaves nobody to tell.
    std::io::stderr().write_all(text.as_bytes()).ok();
}
