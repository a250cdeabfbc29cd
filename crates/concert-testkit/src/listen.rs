//! Accepting connections on loopback until dropped.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections served at once; a further one waits.
const CONNECTIONS_MAX: usize = 256;

/// Any connection, encrypted or not.
pub trait Peer: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Peer for T {}

/// A connection whose kind no longer matters.
pub type Stream = Box<dyn Peer>;

/// A listening socket. Dropping it ends all its connections.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    task: JoinHandle<()>,
    open: watch::Receiver<usize>,
}

impl Listener {
    /// Listens at an address (port 0 for a free one) and serves each connection in a task of its own.
    pub async fn start<Serve, Served>(at: SocketAddr, serve: Serve) -> io::Result<Self>
    where
        Serve: Fn(TcpStream) -> Served + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        let socket = TcpListener::bind(at).await?;
        let address = socket.local_addr()?;
        let (count, open) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                count.send_replace(connections.len());
                while connections.len() >= CONNECTIONS_MAX {
                    connections.join_next().await;
                }
                tokio::select! {
                    accepted = socket.accept() => match accepted {
                        Ok((stream, _)) => drop(connections.spawn(serve(stream))),
                        // Out of file handles: the next connection may find one.
                        Err(_) => tokio::task::yield_now().await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, task, open })
    }

    /// Waits until everything that was sent by those who are gone was read. The caller bounds the time;
    /// whoever stays connected is waited for.
    pub async fn wait_until_left(&self) -> io::Result<()> {
        // Connections are accepted in their order: when this one was served, so were those before it.
        let mut last = TcpStream::connect(self.address).await?;
        last.shutdown().await?;
        last.read_to_end(&mut Vec::new()).await?;
        let mut open = self.open.clone();
        open.wait_for(|count| *count == 0).await.map_err(io::Error::other).map(drop)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A free port of loopback.
pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
