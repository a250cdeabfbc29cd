//! PGP/MIME (RFC 3156): a mail whose content is signed with the site's key, encrypted to its receivers, or
//! first the one and then the other.
//!
//! What is signed are the very bytes between the boundaries. They are ASCII with CRLF and without blanks at
//! the ends of lines, because text is quoted-printable and files are base64; a line that begins with
//! `From ` is rewritten, since mailboxes put a `>` before it. Subject, addresses and Message-ID stand
//! outside: they are neither signed nor hidden.
//!
//! Of the two ways to sign and encrypt, this is that of section 6.1: the whole `multipart/signed` is
//! encrypted. What comes out of decrypting is then the mail that would have gone out in clear, whose
//! signature can be kept and checked again by those who never had the key.

use concert_model::Message;

use crate::openpgp::contact::ContactKey;
use crate::openpgp::keyring::NoKey;
use crate::openpgp::seal::seal;
use crate::openpgp::{KeysAt, MICALG, SiteKey};

/// A head of ours is shorter: at most a hundred addresses and a few lines.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Whether the mails of a way out are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encrypt {
    /// Never.
    Never,
    /// When there is a good key for everybody who gets the mail.
    IfKey,
    /// Always; a mail that cannot be does not go out.
    Required,
}

impl Encrypt {
    /// The words of the settings.
    pub(super) const WORDS: [(&str, Self); 3] =
        [("never", Self::Never), ("if-key", Self::IfKey), ("required", Self::Required)];
}

/// The keys that a mail is encrypted to.
pub(super) struct Receivers<'a> {
    /// Of those in To.
    open: Vec<&'a ContactKey>,
    /// Of those who get a blind copy.
    hidden: Vec<&'a ContactKey>,
}

/// The keys of everybody who gets this mail. `None` when it goes out unencrypted.
pub(super) fn receivers<'a>(
    encrypt: Encrypt,
    message: &Message,
    keys: &KeysAt<'a>,
) -> Result<Option<Receivers<'a>>, String> {
    if encrypt == Encrypt::Never {
        return Ok(None);
    }
    let mut missing: Vec<NoKey> = Vec::new();
    let mut of = |addresses: &[String]| {
        let found = addresses.iter().map(|address| keys.keyring.find(address, keys.now));
        found.filter_map(|found| found.map_err(|none| missing.push(none)).ok()).collect()
    };
    let (open, hidden) = (of(&message.to), of(&message.bcc));
    if missing.is_empty() {
        return Ok(Some(Receivers { open, hidden }));
    }
    if encrypt == Encrypt::Required {
        let why: Vec<&str> = missing.iter().map(|none| none.why.as_str()).collect();
        return Err(format!(
            "it must be encrypted, but {}; import a good one with `concert key import`, then `concert notice retry`",
            why.join(", and ")
        ));
    }
    // A contact that had encrypted mail so far is worth a word; one without a key is as it always was.
    for fingerprint in missing.iter().filter_map(|none| none.fingerprint.as_ref()) {
        let notice = &message.notice;
        tracing::warn!(notice, fingerprint, "not encrypted, because a key is not good any more: {fingerprint}");
    }
    Ok(None)
}

/// The mail with its content inside `multipart/signed` (section 5).
pub(super) fn sign(mail: &[u8], key: &SiteKey, boundary: &str, seconds: i64) -> Result<Vec<u8>, String> {
    let (mut head, content) = apart(mail)?;
    let content = content.trim_end_matches("\r\n").replace("\r\nFrom ", "\r\n=46rom ");
    let armour = key.sign(content.as_bytes(), seconds)?;
    head.push_str(&format!(
        "Content-Type: multipart/signed; micalg={MICALG};\r\n protocol=\"application/pgp-signature\";\r\n boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
    ));
    head.push_str(&content);
    head.push_str(&format!(
        "\r\n--{boundary}\r\nContent-Type: application/pgp-signature; name=\"signature.asc\"\r\nContent-Description: OpenPGP signature\r\n\r\n{}\r\n--{boundary}--\r\n",
        crlf(armour.trim_end())
    ));
    Ok(head.into_bytes())
}

/// The mail with its content inside `multipart/encrypted` (section 4).
pub(super) fn encrypt(mail: &[u8], to: &Receivers<'_>, keys: &KeysAt<'_>, boundary: &str) -> Result<Vec<u8>, String> {
    let (mut head, content) = apart(mail)?;
    let armour = seal(content.as_bytes(), &to.open, &to.hidden, keys.now)?;
    head.push_str(&format!(
        "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\nContent-Type: application/pgp-encrypted\r\nContent-Description: PGP/MIME version identification\r\n\r\nVersion: 1\r\n\r\n--{boundary}\r\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\r\nContent-Description: OpenPGP encrypted message\r\nContent-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"
    ));
    head.push_str(&crlf(armour.trim_end()));
    head.push_str(&format!("\r\n--{boundary}--\r\n"));
    Ok(head.into_bytes())
}

/// Whether the content of a mail is encrypted.
pub fn is_encrypted(mail: &[u8]) -> bool {
    let text = String::from_utf8_lossy(mail.get(..HEAD_BYTES_MAX).unwrap_or(mail));
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    head.contains("\r\nContent-Type: multipart/encrypted;")
}

/// The head of a mail without what says how its content is read, and the content that begins with it.
fn apart(mail: &[u8]) -> Result<(String, String), String> {
    let text = std::str::from_utf8(mail).map_err(|_| "a mail that is not ASCII cannot be signed or encrypted")?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("a mail without a body")?;
    let (mut outside, mut inside, mut is_content) = (String::new(), String::new(), false);
    for line in head.split("\r\n") {
        // A line that begins with a blank belongs to the field before it.
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default();
            is_content = ["content-type", "content-transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own));
        }
        let to = if is_content { &mut inside } else { &mut outside };
        to.push_str(line);
        to.push_str("\r\n");
    }
    if inside.is_empty() {
        return Err("a mail that does not say what it holds cannot be signed or encrypted".into());
    }
    Ok((outside, format!("{inside}\r\n{body}")))
}

fn crlf(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\r\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::deliver::tests::{message, no_keys, read as read_settings};

    /// GnuPG in a folder of its own; `None` where it is not installed.
    fn gpg(home: &Path, arguments: &[&str]) -> Option<(bool, String)> {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--no-tty", "--no-autostart", "--homedir"]).arg(home).args(arguments);
        let output = command.current_dir(home).output().ok()?;
        Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Where settings are read in tests, an `env` is the secret itself.
    fn with_key(armour: &str) -> String {
        format!("host = \"localhost\"\nopenpgp_key = {{ env = {armour:?} }}\n")
    }

    /// The signed part and the signature, taken out as RFC 3156 says.
    fn parts(mail: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let text = std::str::from_utf8(mail).unwrap();
        let (_, rest) = text.split_once("boundary=\"").unwrap();
        let boundary = rest.split('"').next().unwrap();
        let line = format!("--{boundary}");
        let mut parts = text.split(&line).skip(1);
        let signed = parts.next().unwrap().strip_prefix("\r\n").unwrap().strip_suffix("\r\n").unwrap();
        let (_, signature) = parts.next().unwrap().split_once("\r\n\r\n").unwrap();
        (signed.into(), signature.into())
    }

    #[test]
    fn gnupg_agrees_with_a_signed_mail_and_not_with_a_changed_one() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        let key = SiteKey::make("CERT Example <cert@cert.example>", 1_790_000_000).unwrap();
        std::fs::write(home.join("public.asc"), key.public().unwrap()).unwrap();
        let settings = with_key(&key.secret().unwrap());
        let way_out = read_settings("smtp", &settings, home).map_err(|problems| problems.join("\n")).unwrap();
        let mut given = message("N7");
        given.text = "Gr\u{fc}\u{df}e,  \n.\nFrom here on, blanks at the end: \t\n-- \n\n\n".into();
        given.html = Some("<p>From here</p>\n".into());
        given.bcc = vec!["hidden@cert.example".into()];
        let mail = way_out.compose(&given, &no_keys()).unwrap();
        assert_eq!(mail, way_out.compose(&given, &no_keys()).unwrap(), "composing twice gives the same bytes");
        let (signed, signature) = parts(&mail);
        let text = String::from_utf8(signed.clone()).unwrap();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']) && text.is_ascii());
        assert!(text.split("\r\n").all(|line| !line.ends_with([' ', '\t']) && !line.starts_with("From ")), "{text}");
        let head = String::from_utf8_lossy(&mail).split_once("\r\n\r\n").unwrap().0.to_owned();
        assert!(head.contains("Message-ID: <N7@") && head.contains("micalg=pgp-sha256") && !head.contains("hidden"));
        let read = mail_parser::MessageParser::default().parse(&mail).unwrap();
        assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), given.text);
        assert_eq!(mail_parser::MimeHeaders::attachment_name(read.attachment(0).unwrap()), Some("events.csv"));
        std::fs::write(home.join("signed"), &signed).unwrap();
        std::fs::write(home.join("signature.asc"), &signature).unwrap();
        let Some((imported, said)) = gpg(home, &["--import", "public.asc"]) else {
            println!("skipped: gpg is not installed");
            return;
        };
        assert!(imported, "{said}");
        let (good, said) = gpg(home, &["--verify", "signature.asc", "signed"]).unwrap();
        assert!(good && said.contains("Good signature from \"CERT Example"), "{said}");
        std::fs::write(home.join("signed"), text.replacen("events.csv", "events.csw", 1)).unwrap();
        let (good, said) = gpg(home, &["--verify", "signature.asc", "signed"]).unwrap();
        assert!(!good && said.contains("BAD signature"), "{said}");
    }

    #[test]
    fn keys_that_cannot_sign_are_refused() {
        let key = SiteKey::make("A <a@a.example>", 1_790_000_000).unwrap();
        let secret = key.secret().unwrap();
        let middle = secret.len() / 2;
        for (text, want) in [
            ("hunter2".to_owned(), "no OpenPGP secret key"),
            (key.public().unwrap(), "no OpenPGP secret key"),
            (secret.chars().take(middle).collect(), "OpenPGP"),
        ] {
            let problems =
                read_settings("smtp", &with_key(&text), Path::new("/nowhere")).map(|_| ()).unwrap_err().join("\n");
            assert!(problems.contains(want), "{problems}");
        }
    }
}
