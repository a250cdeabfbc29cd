//! Connections out: the only place where TCP, TLS and HTTP clients are set up.
//!
//! Certificates are checked against what the system trusts, plus `ca_file` where one is given;
//! there is no way to switch the check off. Certificate files are read at each connection, so a
//! renewed one is taken up by itself. Nothing here retries.

mod own;
pub mod public;
pub mod refused;
pub mod web;

#[cfg(test)]
mod certificate;
#[cfg(test)]
mod proxy;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concert_model::keys::Secret;
use concert_model::{Keys, Problem};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::own::OrOwn;
use self::refused::Explained;

/// Largest certificate file that is read.
const PEM_BYTES_MAX: u64 = 1 << 20;
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 8;
/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(20);

/// When a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Always, with a checked certificate; else there is no connection.
    Required,
    /// When the peer offers it, with a checked certificate.
    IfOffered,
    /// Never.
    Off,
}

impl Tls {
    /// The words of the settings.
    pub const WORDS: [(&str, Tls); 3] =
        [("required", Tls::Required), ("if-offered", Tls::IfOffered), ("off", Tls::Off)];

    /// Reads the key `tls`, by default `required`.
    pub fn read(keys: &mut Keys<'_>) -> Option<Tls> {
        keys.choice_or("tls", &Self::WORDS, "required", "whether the connection is encrypted")
    }
}

/// Whether the text of `host` can be the name or address of a server; the error says why not.
pub(crate) fn check_host(host: &str) -> Result<(), String> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = bare.split_once('%').map_or(bare, |(address, _)| address);
    let can_be_in_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '.' | '_');
    if host.is_empty() {
        return Err("`host` is empty".to_owned());
    }
    if address.parse::<IpAddr>().is_err() && !host.chars().all(can_be_in_name) {
        return Err(format!("`{}` is not the name or address of a server", host.escape_debug()));
    }
    Ok(())
}

/// Whom we trust, and who we are, in TLS.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// PEM file of certificate authorities trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of our own certificate and its chain.
    pub certificate: Option<PathBuf>,
    /// PEM text of the key of our certificate.
    pub key: Option<Secret>,
    /// Where `ca_file` and `client_certificate` are written.
    pub(crate) places: [String; 2],
}

impl Trust {
    /// Reads `ca_file`, `client_certificate` and `client_key`; paths are relative to the site.
    pub fn read(keys: &mut Keys<'_>, site_dir: &Path) -> Trust {
        let ca_file = keys.text(
            "ca_file",
            "PEM file of certificate authorities, or of the server's own certificate, to trust besides the system's",
        );
        let certificate = keys.text("client_certificate", "PEM file of the certificate to show to the peer");
        let key = keys.secret("client_key", "PEM key of the certificate in client_certificate");
        if certificate.is_some() && !keys.has("client_key") {
            keys.missing("client_key", "PEM key of the certificate in client_certificate");
        }
        if certificate.is_none() && key.is_some() {
            keys.missing("client_certificate", "PEM file of the certificate to show to the peer");
        }
        let path = |text: String| {
            keys.needs_file(&text);
            site_dir.join(text)
        };
        let places = ["ca_file", "client_certificate"].map(|name| keys.key_place(name).unwrap_or_default());
        Trust { ca_file: ca_file.map(path), certificate: certificate.map(path), key, places }
    }

    /// Reads the files that it names, if any. The mistake has its place in the settings.
    pub fn check(&self) -> Result<(), Problem> {
        let [ca_file, certificate] = &self.places;
        let at = |place: &String, name: &str| {
            let (place, hint) = (place.clone(), format!("see `{name}`"));
            move |why: String| Problem::new(why).at(place).hint(hint)
        };
        if !self.has_files() {
            return Ok(());
        }
        let extra = self.authorities().map_err(at(ca_file, "ca_file"))?;
        let (place, name) =
            if self.certificate.is_some() { (certificate, "client_certificate") } else { (ca_file, "ca_file") };
        self.config_with(extra).map(drop).map_err(at(place, name))
    }

    /// Whether it names files of its own.
    pub fn has_files(&self) -> bool {
        self.ca_file.is_some() || self.certificate.is_some()
    }

    /// The client set-up that follows from it. Reads files: not for a thread that must not wait.
    pub fn config(&self) -> Result<ClientConfig, String> {
        self.config_with(self.authorities()?)
    }

    /// The certificates of `ca_file`.
    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        self.ca_file.as_deref().map_or(Ok(Vec::new()), certificates)
    }

    /// The same where these are trusted besides the system's.
    fn config_with(&self, extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra.clone(), Arc::clone(&provider))
            .map_err(|error| format!("the trusted certificates cannot be loaded: {error}"))?;
        let verifier = OrOwn { first: Arc::new(verifier), named: extra };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (Some(path), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(builder.with_no_client_auth());
        };
        let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes())
            .map_err(|error| format!("client_key is not a PEM key: {error}"))?;
        builder
            .with_client_auth_cert(certificates(path)?, key)
            .map_err(|error| format!("{} and client_key do not go together: {error}", path.display()))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let say = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let size = std::fs::metadata(path).map_err(|error| say(&error))?.len();
    if size > PEM_BYTES_MAX {
        return Err(say(&"too large for a file of certificates"));
    }
    let text = std::fs::read(path).map_err(|error| say(&error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| say(&error))?;
    if found.is_empty() { Err(say(&"no certificate in it")) } else { Ok(found) }
}

/// Any connection, encrypted or not.
pub trait Peer: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Peer for T {}

/// A connection whose kind no longer matters.
pub type Stream = Box<dyn Peer>;

/// Connects, trying the addresses of the host in turn. The error is a sentence.
pub async fn connect(host: &str, port: u16, deadline: Duration) -> Result<TcpStream, String> {
    let all = async {
        // A host in brackets is an IPv6 address as it is written in a URL.
        let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let found = tokio::net::lookup_host((name, port)).await;
        let addresses: Vec<_> = found.map_err(|error| error.to_string())?.take(ADDRESSES_MAX).collect();
        let share = deadline / u32::try_from(addresses.len().max(1)).unwrap_or(1);
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Small commands go back and forth; waiting to fill packets only adds delay.
                    return stream.set_nodelay(true).map_err(|error| error.to_string()).map(|()| stream);
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = format!("{address} did not answer within {share:?}"),
            }
        }
        Err(why)
    };
    let outcome = tokio::time::timeout(deadline, all).await;
    let outcome = outcome.unwrap_or_else(|_| Err(format!("no connection within {deadline:?}")));
    outcome.map_err(|why| format!("cannot connect to {host} port {port}: {why}"))
}

/// Reads how long a peer may take for something.
pub fn read_limit(keys: &mut Keys<'_>, name: &str, default: &str, about: &str) -> Duration {
    let limit = keys.duration_or(name, default, about);
    if limit.is_zero() {
        let hint = format!("write {name} = \"{default}\", or leave it out");
        keys.problem(name, format!("`{name}` is zero: no server answers in no time"), hint);
    }
    limit
}

/// Encrypts a connection and checks that the peer is `host`. The error is a sentence.
pub async fn tls<S>(stream: S, host: &str, trust: &Trust) -> Result<Explained<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let server = ServerName::try_from(name.to_owned()).map_err(|_| format!("`{host}` is not a host name"))?;
    let config = config(trust).await?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(server, stream);
    match tokio::time::timeout(HANDSHAKE_MAX, handshake).await {
        Ok(Ok(stream)) => Ok(Explained(stream)),
        Ok(Err(error)) => match refused::why(&error) {
            Some(why) => Err(format!("TLS with {host} failed: {why}")),
            None => Err(format!("TLS with {host} failed: {error}")),
        },
        Err(_) => Err(format!("TLS with {host} took longer than {HANDSHAKE_MAX:?}")),
    }
}

/// [`Trust::config`] for a thread that must not wait.
pub async fn config(trust: &Trust) -> Result<ClientConfig, String> {
    let trust = trust.clone();
    let task = tokio::task::spawn_blocking(move || trust.config());
    task.await.map_err(|error| format!("the trusted certificates cannot be loaded: {error}"))?
}

#[cfg(test)]
mod tests {
    use super::check_host;

    #[test]
    fn a_host_is_a_name_or_an_address_without_port_and_path() {
        for good in ["mail.cert.example", "localhost", "mail_1", "192.0.2.1", "::1", "[2001:db8::1]", "fe80::1%eth0"] {
            assert_eq!(check_host(good), Ok(()), "{good}");
        }
        for bad in ["", "m host", "mail.example:25", "https://mail.example", "mail.example/", "a,b", "a\nb"] {
            assert!(check_host(bad).is_err(), "{bad:?}");
        }
    }
}
