//! TLS for test peers: an authority, a certificate for `localhost` and one for somebody else.
//!
//! The keys are public, so they prove nothing to anybody; trust them in tests only.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// PEM of the authority that signed both certificates.
pub const AUTHORITY: &str = include_str!("tls/authority.pem");

/// Whose certificate a peer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// `localhost`, 127.0.0.1 and ::1.
    Localhost,
    /// `elsewhere.example`, which no test peer is.
    Elsewhere,
}

/// What accepts TLS connections with this certificate.
pub fn acceptor(identity: Identity) -> io::Result<TlsAcceptor> {
    let (certificate, key) = match identity {
        Identity::Localhost => (&include_bytes!("tls/localhost.pem")[..], &include_bytes!("tls/localhost.key.pem")[..]),
        Identity::Elsewhere => (&include_bytes!("tls/elsewhere.pem")[..], &include_bytes!("tls/elsewhere.key.pem")[..]),
    };
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Writes the authority's certificate into a folder, for `ca_file`.
pub fn write_authority(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("test-authority.pem");
    std::fs::write(&path, AUTHORITY)?;
    Ok(path)
}
