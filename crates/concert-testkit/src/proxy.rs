//! Small proxies: one for HTTP (requests with a whole address, and CONNECT), one for SOCKS5 (RFC 1928,
//! RFC 1929). Each can ask for a log-in or refuse to go anywhere.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::irc::base64;
use crate::listen::{Listener, Stream, loopback};
use crate::tls::{Identity, accept, acceptor};

/// Longest head of a request.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP.
    Http,
    /// SOCKS5.
    Socks,
}

/// How a proxy treats its clients.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// User and password that it wants.
    pub account: Option<(String, String)>,
    /// Whether it goes nowhere.
    pub refuses: bool,
    /// TLS with the proxy itself, with this certificate.
    pub tls: Option<Identity>,
}

struct Shared {
    speaks: Speaks,
    rules: Rules,
    asked: Mutex<Vec<String>>,
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Vec<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running proxy. Dropping it ends it.
pub struct Proxy {
    listener: Listener,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts on a free port of loopback.
    pub async fn start(speaks: Speaks, rules: Rules) -> io::Result<Proxy> {
        let tls = rules.tls.map(acceptor).transpose()?;
        let shared = Arc::new(Shared { speaks, rules, asked: Mutex::default() });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(loopback(), move |stream| {
            let (shared, tls) = (Arc::clone(&serving), tls.clone());
            async move {
                let stream: Stream = match tls {
                    None => Box::new(stream),
                    Some(tls) => match accept(&tls, stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => return,
                    },
                };
                // Whatever goes wrong with a peer ends its connection and nothing else.
                drop(match shared.speaks {
                    Speaks::Http => http(stream, &shared).await,
                    Speaks::Socks => socks(stream, &shared).await,
                });
            }
        });
        Ok(Proxy { listener: listener.await?, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Where it was asked to go, in order: `CONNECT host:port`, `GET http://host:port/path`, or for
    /// SOCKS `host:port`. Those it refused are among them.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked().clone()
    }
}

async fn http(stream: Stream, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if (&mut stream).take(HEAD_BYTES_MAX).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        head.push(line.clone());
    }
    let words: Vec<String> =
        head.first().map(String::as_str).unwrap_or_default().split(' ').map(str::to_owned).collect();
    let [method, target, _] = words.as_slice() else { return Ok(()) };
    shared.asked().push(format!("{method} {target}"));
    let shown = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
    });
    let wanted = shared.rules.account.as_ref().map(|(user, password)| {
        let login = base64(format!("{user}:{password}").as_bytes());
        format!("Basic {login}")
    });
    if wanted.is_some() && shown != wanted {
        return refuse(stream, "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"").await;
    }
    if shared.rules.refuses {
        return refuse(stream, "403 Forbidden").await;
    }
    let rest = target.strip_prefix("http://").unwrap_or(target);
    let (place, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let Ok(mut there) = TcpStream::connect(place).await else { return refuse(stream, "502 Bad Gateway").await };
    if method == "CONNECT" {
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    } else {
        // One request for each connection, so that nothing has to be read of the next one.
        let mut passed = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let ours = ["proxy-authorization:", "connection:", "proxy-connection:"];
        for line in
            head.iter().skip(1).filter(|line| !ours.iter().any(|name| line.to_ascii_lowercase().starts_with(name)))
        {
            passed.push_str(line);
        }
        there.write_all(passed.as_bytes()).await?;
    }
    tokio::io::copy_bidirectional(&mut stream, &mut there).await.map(drop)
}

async fn refuse(mut stream: BufReader<Stream>, how: &str) -> io::Result<()> {
    let body = "the proxy says no";
    let answer = format!("HTTP/1.1 {how}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

async fn socks(mut stream: Stream, shared: &Shared) -> io::Result<()> {
    const NO_LOGIN: u8 = 0;
    const LOGIN: u8 = 2;
    const NONE_FITS: u8 = 0xff;
    if stream.read_u8().await? != 5 {
        return Ok(());
    }
    let offered = counted(&mut stream).await?;
    let wanted = if shared.rules.account.is_some() { LOGIN } else { NO_LOGIN };
    let chosen = if offered.contains(&wanted) { wanted } else { NONE_FITS };
    stream.write_all(&[5, chosen]).await?;
    if chosen == NONE_FITS {
        return stream.shutdown().await;
    }
    if let Some((user, password)) = &shared.rules.account {
        stream.read_u8().await?;
        let shown = (counted(&mut stream).await?, counted(&mut stream).await?);
        let is_right = shown == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return stream.shutdown().await;
        }
    }
    // Version, command and a zero; only CONNECT is known.
    let mut head = [0; 3];
    stream.read_exact(&mut head).await?;
    let host = match stream.read_u8().await? {
        1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        3 => String::from_utf8_lossy(&counted(&mut stream).await?).into_owned(),
        4 => format!("[{}]", std::net::Ipv6Addr::from(stream.read_u128().await?)),
        _ => return Ok(()),
    };
    let place = format!("{host}:{}", stream.read_u16().await?);
    shared.asked().push(place.clone());
    let there = if shared.rules.refuses { None } else { TcpStream::connect(&place).await.ok() };
    // 2: not allowed by the rules, 4: the host cannot be reached.
    let answer = match (&there, shared.rules.refuses) {
        (Some(_), _) => 0,
        (None, true) => 2,
        (None, false) => 4,
    };
    stream.write_all(&[5, answer, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    match there {
        Some(mut there) => tokio::io::copy_bidirectional(&mut stream, &mut there).await.map(drop),
        None => stream.shutdown().await,
    }
}

/// Bytes behind their number.
async fn counted(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
