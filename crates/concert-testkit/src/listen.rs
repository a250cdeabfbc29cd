//! Accepting connections on loopback until dropped.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
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
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
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
        Ok(Self { address, task })
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
