//! DKIM signatures as the domains of parties make them.

use base64::Engine;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

/// A mail of a domain with its signature in front: what is signed of it is the From and the text.
#[expect(clippy::unwrap_used, reason = "a test that cannot make its mail must fail")]
pub(crate) fn signed(mail: &str, domain: &str, key: &SigningKey) -> String {
    let base64 = base64::engine::general_purpose::STANDARD;
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let from = head.lines().find_map(|line| line.strip_prefix("From: ")).unwrap();
    let hash = base64.encode(Sha256::digest(body));
    let unsigned = format!("v=1; a=ed25519-sha256; c=relaxed/relaxed; d={domain}; s=s1; h=from; bh={hash}; b=");
    let data = Sha256::digest(format!("from:{from}\r\ndkim-signature:{unsigned}"));
    format!("DKIM-Signature: {unsigned}{}\r\n{mail}", base64.encode(key.sign(&data).to_bytes()))
}
