//! Why an encrypted connection did not come about: a peer that speaks no TLS, whose certificate nobody
//! we know signed, that does not accept ours, or wants one and got none.
//!
//! In TLS 1.3 the client has finished before the server has looked at its certificate, so the refusal
//! comes with the first bytes that are read. Without this it would look like a connection that broke.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use concert_model::Time;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// What is said of a certificate that may sign others, as those do that `openssl req -x509` makes.
const SIGNED_BY_ITSELF: &str = "CaUsedAsEndEntity";
/// Names of a certificate that are told.
const NAMES_MAX: usize = 3;
/// Errors below errors that are looked at.
const DEPTH_MAX: usize = 12;

/// Why there is no encrypted connection, as a sentence; `None` when the error is about something else.
pub fn why(error: &(dyn Error + 'static)) -> Option<String> {
    match of_tls(error)? {
        rustls::Error::InvalidMessage(_) => Some("the server does not speak TLS at this port".to_owned()),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("the certificate of the server is signed by nobody we trust (UnknownIssuer); see `ca_file`".to_owned())
        }
        // It says no more than this word, and not by its type.
        rustls::Error::InvalidCertificate(error) if format!("{error:?}").contains(SIGNED_BY_ITSELF) => Some(format!(
            "the certificate of the server signs itself, as that of an authority does ({SIGNED_BY_ITSELF}), and is not \
             the one in `ca_file`: put it there, or give the server one that another signed"
        )),
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::AlertReceived(alert) => sentence(*alert),
        _ => None,
    }
}

/// What is wrong with the certificate of the server: mostly one that nobody renewed, or that of another server.
fn of_certificate(error: &CertificateError) -> Option<String> {
    let day = |moment: &UnixTime| {
        let time = i64::try_from(moment.as_secs()).ok().and_then(Time::from_seconds);
        time.map_or_else(String::new, |time| time.to_string())
    };
    let what = match error {
        CertificateError::NotValidForNameContext { expected, presented } => {
            // The library writes them as `DnsName("a.example")`.
            let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            let mut names: Vec<String> = presented.iter().take(NAMES_MAX).map(plain).collect();
            if presented.len() > NAMES_MAX {
                names.push("and more".to_owned());
            }
            let names = if names.is_empty() { "it has none".to_owned() } else { names.join(", ") };
            format!("is for another name than {}: {names}", expected.to_str())
        }
        CertificateError::ExpiredContext { not_after, .. } => format!("has expired, at {}", day(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}; is the clock of this machine right?", day(not_before))
        }
        CertificateError::Revoked => "was revoked".to_owned(),
        _ => return None,
    };
    Some(format!("the certificate of the server {what}"))
}

/// The error of TLS that lies beneath.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    for _ in 0..DEPTH_MAX {
        let error = next?;
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // The source of an I/O error is that of the error inside, not the error inside.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

/// What the peer holds against our certificate.
fn sentence(alert: AlertDescription) -> Option<String> {
    use AlertDescription as Alert;
    let what = match alert {
        Alert::CertificateRequired => "the server wants a certificate from us",
        Alert::CertificateExpired => "the server says that our certificate has expired",
        Alert::CertificateRevoked => "the server says that our certificate was revoked",
        Alert::UnknownCA => "the server does not know who signed our certificate",
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::DecryptError
        | Alert::AccessDenied => "the server does not accept our certificate",
        // All that TLS 1.2 has for a certificate that is missing.
        Alert::HandshakeFailure => "the server refuses us, perhaps because it wants a certificate from us",
        _ => return None,
    };
    Some(format!("{what} ({alert:?}); see `client_certificate`"))
}

/// An encrypted connection whose errors say when they are about our certificate.
#[derive(Debug)]
pub struct Explained<S>(pub TlsStream<S>);

fn explained(error: io::Error) -> io::Error {
    match why(&error) {
        Some(why) => io::Error::new(error.kind(), why),
        None => error,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Explained<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer).map_err(explained)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes).map_err(explained)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context).map_err(explained)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context).map_err(explained)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    #[test]
    fn certificates_of_servers_that_are_none_are_told_in_words() {
        let check = |error: CertificateError, want: &str| {
            let error = io::Error::other(rustls::Error::InvalidCertificate(error));
            let told = why(&error).unwrap_or_default();
            assert!(told.contains(want) && told.is_empty() == want.is_empty(), "{told}");
        };
        check(CertificateError::UnknownIssuer, "signed by nobody we trust");
        let itself = OtherError(Arc::new(io::Error::other(SIGNED_BY_ITSELF)));
        check(CertificateError::Other(itself), "not the one in `ca_file`");
        // The library says it well enough.
        check(CertificateError::Expired, "");
        let moment = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let (time, past, future) = (moment(1_800_000_000), moment(1_700_000_000), moment(1_900_000_000));
        let expired = CertificateError::ExpiredContext { time, not_after: past };
        check(expired, "has expired, at 2023-11-14T22:13:20Z");
        let early = CertificateError::NotValidYetContext { time, not_before: future };
        check(early, "is not valid before 2030-03-17T17:46:40Z; is the clock");
        let other = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("lists.example").unwrap(),
            presented: presented.iter().map(ToString::to_string).collect(),
        };
        check(other(&["DnsName(\"a.example\")"]), "is for another name than lists.example: a.example");
        check(other(&["DnsName(\"a\")"; 4]), "a, a, a, and more");
        check(other(&[]), "it has none");
    }
}
