//! Mails that are encrypted to the site, opened with the keys of its ways out.
//!
//! What is kept stays as it came; who needs to read it opens it anew. A mail that is not encrypted, or cannot be
//! opened, is read as it is. Nothing of this is for mails of which nobody reads more than the head.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use concert_model::incident::mail::{Openpgp, Signature};
use concert_transport::Deliverer;
use concert_transport::openpgp::{Keyring, open};

use crate::settings::Settings;
use crate::wire;

/// Most bytes of a mail that is opened.
pub(crate) const MAIL_BYTES_MAX: u64 = 64 << 20;

/// What opens mails.
#[derive(Clone)]
pub(crate) struct Opener {
    ways: Vec<Arc<dyn Deliverer>>,
    ring: Arc<Keyring>,
}

impl Opener {
    /// With the keys of a site, and those that signatures are held against.
    pub(crate) fn new(settings: &Settings, ring: Arc<Keyring>) -> Self {
        Self { ways: settings.vias.values().map(|via| Arc::clone(&via.deliverer)).collect(), ring }
    }

    /// A mail as its receiver reads it. Blocks.
    pub(crate) fn open(&self, mail: &[u8]) -> open::Opened {
        let own: Vec<_> = self.ways.iter().filter_map(|way| way.site_key()).collect();
        let keys = open::Keys { own: &own, ring: &self.ring, now: wire::now() };
        // One that a library panics over must not stop the program, and with it all others.
        catch_unwind(AssertUnwindSafe(|| open::open(mail, keys))).unwrap_or_else(|_| {
            tracing::error!("opening a mail stopped; this is a mistake in Concert");
            let why = "opening it stopped; this is a mistake in Concert".to_owned();
            let openpgp = Openpgp { encrypted: true, signature: Signature::None, key: String::new(), why };
            open::Opened { mail: mail.to_owned(), openpgp }
        })
    }

    /// A mail in clear, where it was encrypted and could be opened, and else as it is: what is signed and not encrypted
    /// is read as it came. With it what OpenPGP says of it. Blocks.
    pub(crate) fn clear<'m>(&self, mail: &'m [u8]) -> (Cow<'m, [u8]>, Openpgp) {
        let opened = self.open(mail);
        match opened.openpgp.encrypted && !opened.is_closed() {
            true => (Cow::Owned(opened.mail), opened.openpgp),
            false => (Cow::Borrowed(mail), opened.openpgp),
        }
    }
}

/// Whether a site has any key to open with.
pub(crate) fn has_key(settings: &Settings) -> bool {
    settings.vias.values().any(|via| via.deliverer.site_key().is_some())
}

/// What OpenPGP says of a mail, for people; empty where it has none of it.
pub(crate) fn said(openpgp: &Openpgp) -> String {
    let Openpgp { encrypted, signature, key, why } = openpgp;
    let signed = match signature {
        Signature::None if why.is_empty() => String::new(),
        Signature::None => format!("not opened: {why}"),
        Signature::Good => format!("good signature of {key}"),
        Signature::Bad => format!("bad signature: {why}"),
        Signature::UnknownKey => format!("signature of an unknown key: {why}"),
    };
    match (encrypted, signed.is_empty()) {
        (false, true) => String::new(),
        (false, false) => format!("openpgp: {signed}"),
        (true, true) => "openpgp: encrypted, no signature".to_owned(),
        (true, false) => format!("openpgp: encrypted, {signed}"),
    }
}
