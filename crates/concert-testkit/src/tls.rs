//! TLS for test peers: an authority, a certificate for `localhost`, one for somebody else, and those of
//! two clients.
//!
//! The keys are public, so they prove nothing to anybody; trust them in tests only.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// PEM of the authority that signed the certificates of servers.
pub const AUTHORITY: &str = include_str!("tls/authority.pem");
/// PEM of the authority whose clients are let in by [`Identity::LocalhostToKnown`].
const CLIENTS: &str = include_str!("tls/clients.pem");
/// How long a client that was refused has to hear of it.
const REFUSED_WAIT: Duration = Duration::from_secs(5);

/// Whose certificate a peer shows, and which clients it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// `localhost`, 127.0.0.1 and ::1, to anybody.
    Localhost,
    /// `elsewhere.example`, which no test peer is.
    Elsewhere,
    /// `localhost`, to nobody but [`Client::Known`].
    LocalhostToKnown,
    /// `localhost`, signed by itself; see [`write_alone`].
    Alone,
    /// `elsewhere.example`, signed by itself.
    AloneElsewhere,
}

/// Who a client can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Signed by the authority that servers ask for.
    Known,
    /// Signed by another.
    Stranger,
}

impl Client {
    /// PEM of the certificate.
    pub fn certificate(self) -> &'static str {
        match self {
            Client::Known => include_str!("tls/known.pem"),
            Client::Stranger => include_str!("tls/stranger.pem"),
        }
    }

    /// PEM of its key.
    pub fn key(self) -> &'static str {
        match self {
            Client::Known => include_str!("tls/known.key.pem"),
            Client::Stranger => include_str!("tls/stranger.key.pem"),
        }
    }
}

/// What accepts TLS connections with this certificate; see [`accept`].
pub fn acceptor(identity: Identity) -> io::Result<TlsAcceptor> {
    let (certificate, key) = match identity {
        Identity::Localhost | Identity::LocalhostToKnown => {
            (include_bytes!("tls/localhost.pem").as_slice(), include_bytes!("tls/localhost.key.pem").as_slice())
        }
        Identity::Alone => (include_bytes!("tls/alone.pem").as_slice(), include_bytes!("tls/alone.key.pem").as_slice()),
        Identity::AloneElsewhere => (
            include_bytes!("tls/alone-elsewhere.pem").as_slice(),
            include_bytes!("tls/alone-elsewhere.key.pem").as_slice(),
        ),
        Identity::Elsewhere => {
            (include_bytes!("tls/elsewhere.pem").as_slice(), include_bytes!("tls/elsewhere.key.pem").as_slice())
        }
    };
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match identity {
        Identity::Localhost | Identity::Elsewhere | Identity::Alone | Identity::AloneElsewhere => {
            builder.with_no_client_auth()
        }
        Identity::LocalhostToKnown => {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_slice(CLIENTS.as_bytes()).map_err(io::Error::other)?;
            roots.add(authority).map_err(io::Error::other)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts a connection. A client that is refused can hear why: closing at once would throw away what
/// it has sent meanwhile, and then its system forgets our last words.
pub async fn accept<S>(acceptor: &TlsAcceptor, stream: S) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => Ok(stream),
        Err((error, mut stream)) => {
            let mut rest = [0; 1024];
            let listen = async { while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {} };
            drop(tokio::time::timeout(REFUSED_WAIT, listen).await);
            Err(error)
        }
    }
}

/// Writes the authority's certificate into a folder, for `ca_file`.
pub fn write_authority(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("test-authority.pem");
    std::fs::write(&path, AUTHORITY)?;
    Ok(path)
}

/// Writes the certificates that are signed by themselves into a folder, for `ca_file`.
pub fn write_alone(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("alone.pem");
    std::fs::write(&path, concat!(include_str!("tls/alone.pem"), include_str!("tls/alone-elsewhere.pem")))?;
    Ok(path)
}

/// Writes a client's certificate and key into a folder, for `client_certificate` and `client_key`.
pub fn write_client(folder: &Path, client: Client) -> io::Result<(PathBuf, PathBuf)> {
    let paths = (folder.join("client.pem"), folder.join("client.key.pem"));
    std::fs::write(&paths.0, client.certificate())?;
    std::fs::write(&paths.1, client.key())?;
    Ok(paths)
}
