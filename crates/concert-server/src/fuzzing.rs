//! A door for the fuzzer: one connection, without a network around it.
//!
//! Compiled with the feature `fuzzing` alone, which only `fuzz/` asks for.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::{Options, Site};

/// Answers what comes over this stream as `serve` does, until it ends.
pub async fn converse<S>(stream: S, site: Arc<dyn Site>, options: Options)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Held to the end: a stop that nobody can tell any more counts as told.
    let (_tell, stop) = watch::channel(false);
    let peer = std::net::Ipv4Addr::LOCALHOST.into();
    crate::serve::converse((stream, peer), crate::router(site, options, None, stop.clone()), stop).await;
}
