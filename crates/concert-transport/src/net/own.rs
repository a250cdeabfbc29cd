//! A certificate that is named itself in `ca_file`, as `openssl req -x509` makes it.
//!
//! Such a certificate says that it is an authority, and an authority's is refused as that of a server. Whoever
//! put this very one into `ca_file` meant it, so it is taken for the names in it, as long as it is valid.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// Asks another, and looks among the certificates of `ca_file` where that one has this against a certificate.
#[derive(Debug)]
pub(super) struct OrOwn {
    pub(super) first: Arc<dyn ServerCertVerifier>,
    pub(super) named: Vec<CertificateDer<'static>>,
}

/// What is said of an authority's certificate only after it was found to be valid at this time.
const IS_AUTHORITY: &str = "CaUsedAsEndEntity";

impl ServerCertVerifier for OrOwn {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let first = self.first.verify_server_cert(certificate, others, name, ocsp, now);
        match &first {
            Err(Error::InvalidCertificate(why))
                if format!("{why:?}").contains(IS_AUTHORITY) && self.named.iter().any(|own| own == certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            _ => first,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}
