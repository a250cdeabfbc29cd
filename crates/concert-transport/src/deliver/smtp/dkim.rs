//! DKIM signatures (RFC 6376, RFC 8463), relaxed in headers and body.
//!
//! The time in the signature is the message's, and both kinds of signature are deterministic, so
//! signing keeps composing pure. Prefer Ed25519; RSA is for receivers that know nothing else.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use sha2::{Digest, Sha256};

/// Headers that are signed where the mail has them. From stands twice: nobody can add another.
const SIGNED: [&str; 9] =
    ["from", "to", "subject", "date", "message-id", "mime-version", "content-type", "auto-submitted", "from"];
/// What stands before the 32 bytes of an Ed25519 seed in a PKCS#8 key.
const ED25519_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A key that can sign mail.
#[derive(Debug)]
pub(super) struct Key {
    algorithm: &'static str,
    scheme: SignatureScheme,
    key: Arc<dyn SigningKey>,
}

/// A key and whom it speaks for.
pub(super) struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} {} {})", self.selector, self.domain, self.key.algorithm)
    }
}

/// Whether a text can be the domain or the selector of a signature.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.len() <= 200 && text.bytes().all(plain)
}

impl Key {
    /// Reads a key. The error says why it cannot sign.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let der = read_key(text.trim()).ok_or("the key is neither PEM nor base64 of 32 bytes")?;
        let key = any_supported_type(&der).map_err(|error| format!("the key cannot be used: {error}"))?;
        let (algorithm, scheme) = match key.algorithm() {
            SignatureAlgorithm::ED25519 => ("ed25519-sha256", SignatureScheme::ED25519),
            SignatureAlgorithm::RSA => ("rsa-sha256", SignatureScheme::RSA_PKCS1_SHA256),
            _ => return Err("the key is neither Ed25519 nor RSA".to_owned()),
        };
        Ok(Self { algorithm, scheme, key })
    }
}

impl Signer {
    /// A key that speaks for a domain; both names are such as [`is_name`] holds for.
    pub(super) fn new(domain: String, selector: String, key: Key) -> Self {
        Self { domain, selector, key }
    }

    /// The mail with a signature in front.
    pub(super) fn sign(&self, mail: &[u8], seconds: u64) -> Result<Vec<u8>, String> {
        let split = mail.windows(4).position(|four| four == b"\r\n\r\n").ok_or("a mail without a body")?;
        let head = mail.get(..split + 2).unwrap_or(mail);
        let body = mail.get(split + 4..).unwrap_or_default();
        let headers = fields(head);
        let names: Vec<&str> =
            SIGNED.into_iter().filter(|name| headers.iter().any(|field| field.name() == *name)).collect();
        let body_hash = STANDARD.encode(Sha256::digest(relaxed_body(body)));
        let unsigned = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n\ts={}; t={seconds}; h={};\r\n\tbh={body_hash};\r\n\tb=",
            self.key.algorithm,
            self.domain,
            self.selector,
            names.join(":"),
        );
        let data = signing_input(&headers, &names, unsigned.as_bytes(), relaxed_field);
        let signature = STANDARD.encode(self.raw(&data)?);
        let mut signed = unsigned.into_bytes();
        for (index, piece) in signature.as_bytes().chunks(70).enumerate() {
            if index > 0 {
                signed.extend_from_slice(b"\r\n\t ");
            }
            signed.extend_from_slice(piece);
        }
        signed.extend_from_slice(b"\r\n");
        signed.extend_from_slice(mail);
        Ok(signed)
    }

    fn raw(&self, data: &[u8]) -> Result<Vec<u8>, String> {
        let signer = self.key.key.choose_scheme(&[self.key.scheme]).ok_or("the key does not sign this way")?;
        // RSA hashes by itself; Ed25519 signs the hash (RFC 8463, section 3).
        let signature = match self.key.scheme {
            SignatureScheme::ED25519 => signer.sign(&Sha256::digest(data)),
            _ => signer.sign(data),
        };
        signature.map_err(|error| format!("the mail cannot be signed: {error}"))
    }
}

fn read_key(text: &str) -> Option<PrivateKeyDer<'static>> {
    if text.contains("-----BEGIN") {
        return PrivateKeyDer::from_pem_slice(text.as_bytes()).ok();
    }
    let seed = STANDARD.decode(text).ok().filter(|seed| seed.len() == 32)?;
    let key = [&ED25519_PREFIX[..], &seed].concat();
    Some(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)))
}

/// A header field with its folds, without its last line end.
pub(crate) struct FieldText<'a>(pub(crate) &'a [u8]);

impl FieldText<'_> {
    pub(crate) fn name(&self) -> String {
        let name = self.0.split(|byte| *byte == b':').next().unwrap_or_default();
        String::from_utf8_lossy(name).trim().to_ascii_lowercase()
    }

    pub(crate) fn value(&self) -> &[u8] {
        let colon = self.0.iter().position(|byte| *byte == b':').unwrap_or(self.0.len());
        self.0.get(colon + 1..).unwrap_or_default()
    }
}

pub(crate) fn fields(head: &[u8]) -> Vec<FieldText<'_>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(length) = head.get(at..).and_then(|rest| rest.windows(2).position(|two| two == b"\r\n")) {
        at += length + 2;
        // A line that begins with a blank belongs to the field before it.
        if !matches!(head.get(at), Some(b' ' | b'\t')) {
            found.extend(head.get(start..at - 2).map(FieldText));
            start = at;
        }
    }
    found
}

/// What is signed: the named fields, the last of a name first, then the signature itself without
/// its value, each in its canonical form. A name that is listed more often than there are fields adds nothing (RFC 6376, 5.4.2).
pub(crate) fn signing_input(
    headers: &[FieldText<'_>],
    names: &[&str],
    unsigned: &[u8],
    form: fn(&FieldText<'_>, &mut Vec<u8>),
) -> Vec<u8> {
    let mut data = Vec::new();
    let mut used = vec![false; headers.len()];
    for name in names {
        let found = headers.iter().zip(&mut used).rev().find(|(field, used)| !**used && field.name() == *name);
        if let Some((field, used)) = found {
            *used = true;
            form(field, &mut data);
            data.extend_from_slice(b"\r\n");
        }
    }
    form(&FieldText(unsigned), &mut data);
    data
}

pub(crate) fn relaxed_field(field: &FieldText<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(field.name().as_bytes());
    out.push(b':');
    let words = field.value().split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    out.extend_from_slice(&words.join(&b' '));
}

pub(crate) fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut line_ends = 0;
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut clean = Vec::with_capacity(line.len());
        for byte in line {
            match byte {
                b' ' | b'\t' if clean.last() == Some(&b' ') => {}
                b' ' | b'\t' => clean.push(b' '),
                other => clean.push(*other),
            }
        }
        if clean.last() == Some(&b' ') {
            clean.pop();
        }
        if !clean.is_empty() {
            for _ in 0..line_ends {
                out.extend_from_slice(b"\r\n");
            }
            line_ends = 0;
            out.extend_from_slice(&clean);
        }
        line_ends += 1;
    }
    if !out.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn signer(domain: &str, selector: &str, key: &str) -> Signer {
        Signer::new(domain.to_owned(), selector.to_owned(), Key::read(key).unwrap())
    }

    /// The example of RFC 8463, appendix A: its key, its mail, its signature.
    #[test]
    fn the_published_example_comes_out() {
        let signer = signer("football.example.com", "brisbane", "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
        let head = b"From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
            Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
            Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";
        let body = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
        let hash = STANDARD.encode(Sha256::digest(relaxed_body(body)));
        assert_eq!(hash, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
        let unsigned = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; \
            i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
            subject : date : message-id : from : subject : date;\r\n \
            bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
        let names = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"];
        let data = signing_input(&fields(head), &names, unsigned.as_bytes(), relaxed_field);
        let signature = STANDARD.encode(signer.raw(&data).unwrap());
        assert_eq!(
            signature,
            "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
        );
    }

    #[test]
    fn blanks_and_empty_lines_do_not_count() {
        let check = |body: &[u8], want: &[u8]| assert_eq!(relaxed_body(body), want, "{body:?}");
        check(b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n");
        check(b"", b"");
        check(b"\r\n\r\n", b"");
        check(b"no end", b"no end\r\n");
        check(b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n");
    }

    #[test]
    fn keys_that_cannot_sign_are_told_apart() {
        let check = |key: &str, want: &str| {
            let why = Key::read(key).unwrap_err();
            assert!(why.contains(want), "{why}");
        };
        check("hunter2", "neither PEM nor base64");
        check("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key");
        check(concert_testkit::tls::AUTHORITY, "neither PEM");
        check(include_str!("../../../../concert-testkit/src/tls/localhost.key.pem"), "neither Ed25519");
    }

    /// RSA needs a key, which is made here, and somebody else's opinion of the signature.
    #[test]
    fn openssl_agrees_with_an_rsa_signature() {
        let dir = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let run = Command::new("openssl").args(arguments.split(' ')).current_dir(dir.path()).output();
            run.is_ok_and(|output| output.status.success())
        };
        if !openssl("genrsa -out key.pem 2048") || !openssl("rsa -in key.pem -pubout -out public.pem") {
            println!("skipped: openssl is not installed");
            return;
        }
        let key = std::fs::read_to_string(dir.path().join("key.pem")).unwrap();
        let signer = signer("net.example", "s1", &key);
        assert_eq!(format!("{signer:?}"), "Signer(s1 net.example rsa-sha256)");
        let signature = signer.raw(b"data").unwrap();
        assert_eq!(signature, signer.raw(b"data").unwrap());
        std::fs::write(dir.path().join("signature"), signature).unwrap();
        std::fs::write(dir.path().join("data"), b"data").unwrap();
        assert!(openssl("dgst -sha256 -verify public.pem -signature signature data"));
        std::fs::write(dir.path().join("data"), b"other").unwrap();
        assert!(!openssl("dgst -sha256 -verify public.pem -signature signature data"));
    }
}
