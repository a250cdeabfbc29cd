//! Taking connections: a cap on how many, a time for headers to come, an orderly end.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use concert_model::Problem;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::readers::Readers;
use crate::{Options, Site};

/// Connections at the same time; others wait to be taken.
const CONNECTIONS_MAX: u32 = 256;
/// How long the headers of a request can take, and how long a connection can wait for the next one.
const HEADERS_MAX: Duration = Duration::from_secs(20);
/// Most bytes of headers.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// How long requests under way can take to finish once the program ends.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken, for want of file handles.
const PAUSE: Duration = Duration::from_millis(200);

/// The address at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Whether the site may listen there.
pub fn check_listen(address: SocketAddr) -> Result<(), Problem> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(Problem::new(format!("`{address}` can be reached from other machines, and pages have no login yet"))
        .hint("listen on 127.0.0.1 or [::1]; use a tunnel or a proxy with a log-in in front"))
}

/// Answers requests until `stop` comes true, then lets those under way finish.
pub async fn serve(
    listener: TcpListener,
    site: Arc<dyn Site>,
    options: Options,
    stop: impl Future<Output = ()>,
) -> Result<(), Problem> {
    let address = listener.local_addr().map_err(|error| Problem::new(format!("cannot listen: {error}")))?;
    check_listen(address)?;
    let (tell, stopped) = watch::channel(false);
    let readers = Readers::start()?;
    if let Some(handle) = readers.handle() {
        let site = Arc::clone(&site);
        handle.spawn(async move { site.open_readers().await });
    }
    if let Err(why) = site.ready().await {
        tracing::warn!("the site is not ready: {why}");
    }
    let router = crate::router(site, options, readers.handle(), stopped.clone());
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let mut stop = pin!(stop);
    loop {
        let place = tokio::select! {
            () = &mut stop => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    tokio::spawn(connection((stream, peer.ip()), router.clone(), stopped.clone(), place));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    tell.send_replace(true);
    if tokio::time::timeout(GRACE, places.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::warn!("requests under way were cut off at the end");
    }
    Ok(())
}

async fn connection(
    (stream, peer): (TcpStream, IpAddr),
    router: Router,
    stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended");
        return;
    }
    converse((stream, peer), router, stop).await;
}

/// Answers the requests of one connection.
pub(crate) async fn converse<S>((stream, peer): (S, IpAddr), router: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Waits until the program ends. That nobody is left to say so means the same.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let told = stop.wait_for(|stop| *stop).await;
    drop(told);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_listened_to() {
        assert!(check_listen("127.0.0.1:8080".parse().unwrap()).is_ok());
        assert!(check_listen("[::1]:8080".parse().unwrap()).is_ok());
        for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
            assert!(check_listen(address.parse().unwrap()).unwrap_err().hint.contains("127.0.0.1"), "{address}");
        }
    }
}
