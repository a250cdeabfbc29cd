//! `concert user second-factor NAME`: nothing is kept until a code shows that the app has the secret.

use std::io::{BufRead, IsTerminal, Read, Write};

use concert_model::Problem;
use concert_store::records::{By, NewFactor, Records};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

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
    let uri = code::uri(site, &user.name, &factor);
    // Beside the text, which programs read: whoever sits there points a telephone at it.
    if std::io::stderr().is_terminal() {
        tell(&picture(&uri));
    }
    let mut out = Out::stdout();
    out.write(format!("{uri}\n").as_bytes())?;
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

/// A QR code of a text, white on the black of most terminals; nothing where the text is too long for one.
fn picture(text: &str) -> String {
    let Ok(code) = QrCode::new(text) else { return String::new() };
    // What is dark on paper is left empty.
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    format!("{drawn}\n")
}

fn tell(text: &str) {
    // A closed standard error leaves nobody to tell.
    std::io::stderr().write_all(text.as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_takes_up_is_drawn_with_a_margin_around_it() {
        let drawn = picture(&code::uri("CERT Example", "jane", &[7; 20]));
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        // A code of 41 to 57 modules, and four on each side; two of them in a line.
        let width = lines[0].len();
        assert!((49..=65).contains(&width) && lines.len() == width.div_ceil(2), "{drawn}");
        let whole = &lines[..lines.len() - 1];
        assert!(whole.iter().all(|line| line.len() == width && line[..4].iter().all(|c| *c == '█')), "{drawn}");
        // The corner of a code: seven modules that are dark on paper.
        assert!(lines[2][4..11].iter().all(|c| *c != '█'), "{drawn}");
        assert_eq!(picture(&"x".repeat(5_000)), "");
    }
}
