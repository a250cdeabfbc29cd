//! A small web server: it answers each request as the test says, well or badly.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::listen::{Listener, Stream, loopback};
use crate::tls::{self, Identity};

/// Longest request that is read.
const REQUEST_BYTES_MAX: u64 = 16 << 20;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, values as they came.
    pub headers: Vec<(String, String)>,
    /// The body, by its Content-Length.
    pub body: Vec<u8>,
}

impl Request {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Whole,
    /// The connection is closed after so many bytes of the body.
    Cut(usize),
    /// The body is sent over and over.
    Endless,
    /// After so many bytes of the body nothing more comes.
    Stall(usize),
    /// The body comes byte by byte, with such a pause before each.
    Drip(std::time::Duration),
    /// The connection is closed without any answer.
    Silent,
}

/// What the server answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, `200`.
    pub status: u16,
    /// Headers besides Content-Length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How it ends.
    pub end: End,
}

impl Answer {
    /// A good answer with this status and body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into(), end: End::Whole }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another end.
    #[must_use]
    pub fn end(mut self, end: End) -> Answer {
        self.end = end;
        self
    }
}

type Decide = dyn Fn(&Request) -> Answer + Send + Sync;

/// A running web server. Dropping it ends all its connections.
pub struct Web {
    listener: Listener,
    encrypted: bool,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Web {
    /// Starts on a free port of loopback, with TLS where an identity is given.
    pub async fn start(
        identity: Option<Identity>,
        decide: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Web> {
        let acceptor = identity.map(tls::acceptor).transpose()?;
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (decide, noted): (Arc<Decide>, _) = (Arc::new(decide), Arc::clone(&requests));
        let listener = Listener::start(loopback(), move |stream| {
            let (acceptor, decide, noted) = (acceptor.clone(), Arc::clone(&decide), Arc::clone(&noted));
            async move {
                let stream: Stream = match acceptor {
                    None => Box::new(stream),
                    Some(acceptor) => match tls::accept(&acceptor, stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => return,
                    },
                };
                // Whatever goes wrong with the peer ends its connection and nothing else.
                drop(serve(stream, &*decide, &noted).await);
            }
        });
        Ok(Web { listener: listener.await?, encrypted: identity.is_some(), requests })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Waits until everything sent by those who are gone was read. The caller bounds the time.
    pub async fn wait_until_left(&self) -> io::Result<()> {
        self.listener.wait_until_left().await
    }

    /// Address of a path on this server.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.address().port())
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(stream: Stream, decide: &Decide, noted: &Mutex<Vec<Request>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        let answer = decide(&request);
        noted.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        if !write(&mut stream, &answer).await? {
            return Ok(());
        }
    }
    Ok(())
}

async fn read(stream: &mut BufReader<Stream>) -> io::Result<Option<Request>> {
    let mut stream = stream.take(REQUEST_BYTES_MAX);
    let (mut request, mut line) = (Request::default(), String::new());
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    request.method = words.next().unwrap_or_default().to_owned();
    request.path = words.next().unwrap_or_default().to_owned();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    stream.take(length).read_to_end(&mut request.body).await?;
    Ok(Some(request))
}

/// Says whether the connection may be used again.
async fn write(stream: &mut BufReader<Stream>, answer: &Answer) -> io::Result<bool> {
    if answer.end == End::Silent {
        stream.shutdown().await?;
        return Ok(false);
    }
    let mut head = format!("HTTP/1.1 {} Said\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match answer.end {
        End::Endless => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
        _ if answer.status == 304 || answer.status == 204 => head.push_str("\r\n"),
        _ => head.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len())),
    }
    stream.write_all(head.as_bytes()).await?;
    match answer.end {
        End::Whole => stream.write_all(&answer.body).await?,
        End::Cut(length) | End::Stall(length) => {
            stream.write_all(answer.body.get(..length).unwrap_or(&answer.body)).await?;
        }
        End::Endless => loop {
            stream.write_all(format!("{:x}\r\n", answer.body.len()).as_bytes()).await?;
            stream.write_all(&answer.body).await?;
            stream.write_all(b"\r\n").await?;
            stream.flush().await?;
        },
        End::Drip(pause) => {
            for byte in &answer.body {
                tokio::time::sleep(pause).await;
                stream.write_all(&[*byte]).await?;
                stream.flush().await?;
            }
        }
        End::Silent => {}
    }
    stream.flush().await?;
    match answer.end {
        End::Whole => Ok(true),
        End::Stall(_) => {
            // Holds the connection until the peer gives up.
            let mut rest = [0; 64];
            while stream.read(&mut rest).await? > 0 {}
            Ok(false)
        }
        _ => {
            stream.shutdown().await?;
            Ok(false)
        }
    }
}
