//! Signing in: capabilities and SASL where an account is set, nickname, then the channel.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::line::{Line, same_name};
use super::{Client, Place, Trouble};

/// Nicknames tried when ours is taken: the first with a digit, the others with three, which many feeds on one server need.
const NICKNAMES_MAX: u32 = 29;
const DIGITS: u32 = 9;
/// SASL answers go out in pieces of this size (IRCv3 SASL 3.1).
const SASL_BYTES: usize = 400;
/// Most lines before we are let in: a long message of the day has hundreds.
const LINES_MAX: u32 = 10_000;

/// Signs in and joins. The caller bounds the time.
pub(super) async fn register(client: &mut Client, place: &Place) -> Result<(), Trouble> {
    let sasl = place.user.is_some();
    if sasl {
        client.send(b"CAP LS 302");
    } else if let Some(password) = &place.password {
        client.send(format!("PASS :{}", password.reveal()).as_bytes());
    }
    client.send(format!("NICK {}", place.nickname).as_bytes());
    client.send(format!("USER {} 0 * :Concert", place.nickname).as_bytes());
    let mut step = Step { signed_in: !sasl, offers_sasl: false, tries: 0 };
    for _ in 0..LINES_MAX {
        let Some(line) = client.next_line().await? else { continue };
        if step.weigh(client, place, &line)? {
            return Ok(());
        }
    }
    Err(Trouble::Lost("the server talks without letting us in".into()))
}

struct Step {
    signed_in: bool,
    offers_sasl: bool,
    tries: u32,
}

impl Step {
    /// Answers one line of the server; true once we are in the channel.
    fn weigh(&mut self, client: &mut Client, place: &Place, line: &Line) -> Result<bool, Trouble> {
        match line.command.as_str() {
            "CAP" => self.capability(client, line)?,
            "AUTHENTICATE" if line.parameter(0) == b"+" && !self.signed_in => authenticate(client, place),
            "001" if !self.signed_in => return Err(no_sasl()),
            "001" => {
                // The server may have cut our nickname; this is what it calls us.
                client.nick = line.parameter(0).to_vec();
                let key = place.key.as_ref().map(|key| format!(" {}", key.reveal())).unwrap_or_default();
                client.send(format!("JOIN {}{key}", place.channel).as_bytes());
            }
            "903" => {
                self.signed_in = true;
                client.send(b"CAP END");
            }
            "902" | "904" | "905" | "906" => return Err(refused("the account was not accepted", line)),
            "433" | "436" | "437" if same_name(line.parameter(1), &client.nick) => {
                self.next_nickname(client, place, line)?;
            }
            "432" => return Err(refused("the nickname is not accepted", line)),
            "464" => return Err(refused("the password was not accepted", line)),
            "465" | "463" => return Err(refused("we are not allowed on this server", line)),
            "403" | "405" | "407" | "437" | "471" | "473" | "474" | "475" | "476" | "477" | "489" | "520" => {
                return Err(refused("the channel cannot be joined", line));
            }
            "421" if line.parameter(1) == b"CAP" => return Err(no_sasl()),
            "JOIN" if same_name(&line.from, &client.nick) => {
                return Ok(same_name(line.parameter(0), &client.channel));
            }
            _ => {
                // Pings, and an ERROR that says goodbye.
                client.weigh(line.clone())?;
            }
        }
        Ok(false)
    }

    fn capability(&mut self, client: &mut Client, line: &Line) -> Result<(), Trouble> {
        let listed = line.parameters.last().map_or(&[][..], Vec::as_slice);
        let has_sasl = listed
            .split(|byte| *byte == b' ')
            .any(|word| word == b"sasl" || word.starts_with(b"sasl=") && contains(word, b"PLAIN"));
        match line.parameter(1) {
            b"LS" => {
                self.offers_sasl |= has_sasl;
                // A star says that more lines of the list follow.
                if line.parameter(2) != b"*" || line.parameters.len() < 4 {
                    if !self.offers_sasl {
                        return Err(no_sasl());
                    }
                    client.send(b"CAP REQ :sasl");
                }
            }
            b"ACK" if has_sasl => client.send(b"AUTHENTICATE PLAIN"),
            b"NAK" => return Err(no_sasl()),
            _ => {}
        }
        Ok(())
    }

    fn next_nickname(&mut self, client: &mut Client, place: &Place, line: &Line) -> Result<(), Trouble> {
        self.tries += 1;
        if self.tries > NICKNAMES_MAX {
            return Err(refused("our nickname and many others like it are taken", line));
        }
        client.nick = like(&place.nickname, &place.channel, self.tries).into_bytes();
        let nick = client.nick.clone();
        client.send(&[b"NICK ", nick.as_slice()].concat());
        Ok(())
    }
}

/// A nickname like ours. Many servers take nine bytes only, and would cut the digits off again.
fn like(nickname: &str, channel: &str, tries: u32) -> String {
    let number = if tries <= DIGITS {
        tries.to_string()
    } else {
        // Whoever is in another channel tries others.
        let hash = blake3::hash(format!("{channel} {tries}").as_bytes());
        let drawn = hash.as_bytes().iter().fold(0u32, |sum, byte| (sum * 256 + u32::from(*byte)) % 900);
        (100 + drawn).to_string()
    };
    let length = if nickname.len() > 9 { 30 } else { 9 };
    let stem: String = nickname.chars().take(length - number.len()).collect();
    format!("{stem}{number}")
}

fn authenticate(client: &mut Client, place: &Place) {
    let (user, password) = (place.user.as_deref().unwrap_or_default(), place.password.as_ref());
    let password = password.map(|secret| secret.reveal()).unwrap_or_default();
    let answer = STANDARD.encode(format!("\0{user}\0{password}"));
    let pieces = answer.as_bytes().chunks(SASL_BYTES);
    let full = answer.len() % SASL_BYTES == 0;
    for piece in pieces {
        client.send(&[b"AUTHENTICATE ", piece].concat());
    }
    if full {
        client.send(b"AUTHENTICATE +");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn refused(what: &str, line: &Line) -> Trouble {
    Trouble::Refused(format!("{what}: {}", line.text()))
}

fn no_sasl() -> Trouble {
    Trouble::Refused("the server offers no SASL PLAIN; leave `user` out to send the password with PASS".into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn many_in_other_channels_find_nicknames_that_are_free() {
        let mut taken = HashSet::from(["concert".to_owned()]);
        for count in 0..200 {
            let mut tries = 1..=NICKNAMES_MAX;
            let free = tries.find(|tries| taken.insert(like("concert", &format!("#c{count}"), *tries)));
            assert!(free.is_some(), "{count}");
        }
        assert!(taken.iter().all(|nickname| nickname.len() <= 9 && nickname.starts_with("concer")), "{taken:?}");
        assert_eq!(like(&"x".repeat(30), "#c", 3), format!("{}3", "x".repeat(29)));
    }
}
