//! A small name server that knows names of addresses (PTR), texts (TXT) and mail servers (MX), over UDP, and can
//! misbehave.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::listen::loopback;

/// Kinds of answers.
const PTR: u8 = 12;
const MX: u8 = 15;
const TXT: u8 = 16;

/// What the server says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// These names.
    Names(Vec<String>),
    /// These texts.
    Texts(Vec<String>),
    /// These servers take its mail; `.` for none.
    Exchangers(Vec<String>),
    /// There is no such name.
    Absent,
    /// The server failed.
    Failure,
    /// No answer at all.
    Nothing,
    /// Bytes that are no answer.
    Noise,
}

/// A running name server. It ends when dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    questions: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Dns {
    /// Starts on a free port of loopback. Questions come in lower case without a final dot.
    pub async fn start(decide: impl Fn(&str) -> Said + Send + 'static) -> io::Result<Dns> {
        let socket = UdpSocket::bind(loopback()).await?;
        let address = socket.local_addr()?;
        let questions: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&questions);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let Some((name, end)) = buffer.get(..length).and_then(question) else { continue };
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
                let asked = buffer.get(..end).unwrap_or_default();
                if let Some(answer) = answer(asked, &decide(&name)) {
                    // A peer that is gone does not end the server.
                    drop(socket.send_to(&answer, peer).await);
                }
            }
        });
        Ok(Dns { address, questions, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every name asked for so far.
    pub fn questions(&self) -> Vec<String> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The name of the first question, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    packet.get(at..at + 4)?;
    Some((labels.join("."), at + 4))
}

/// An answer to a packet cut after its question.
fn answer(asked: &[u8], said: &Said) -> Option<Vec<u8>> {
    let (code, kind, all) = match said {
        Said::Names(names) => (0, PTR, names.as_slice()),
        Said::Texts(texts) => (0, TXT, texts.as_slice()),
        Said::Exchangers(names) => (0, MX, names.as_slice()),
        Said::Absent => (3, PTR, &[][..]),
        Said::Failure => (2, PTR, &[][..]),
        Said::Nothing => return None,
        Said::Noise => return Some(b"noise".to_vec()),
    };
    let count = u16::try_from(all.len()).ok()?;
    let mut out = asked.get(..2)?.to_vec();
    // A recursive answer to one question, without authority and additional records.
    out.extend([0x81, 0x80 | code, 0, 1]);
    out.extend(count.to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(asked.get(12..)?);
    for one in all {
        let mut data = Vec::new();
        if kind == TXT {
            for piece in one.as_bytes().chunks(255) {
                data.push(u8::try_from(piece.len()).ok()?);
                data.extend(piece);
            }
        } else {
            if kind == MX {
                data.extend([0, 10]);
            }
            for label in one.split('.').filter(|label| !label.is_empty()) {
                data.push(u8::try_from(label.len()).ok()?);
                data.extend(label.as_bytes());
            }
            data.push(0);
        }
        // The name of the question, the kind, IN, ten minutes.
        out.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 2, 88]);
        out.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        out.extend(data);
    }
    Some(out)
}
