//! PGP/MIME (RFC 3156): a mail whose content is signed with the site's key.
//!
//! What is signed are the very bytes between the boundaries. They are ASCII with CRLF and without blanks at
//! the ends of lines, because text is quoted-printable and files are base64; a line that begins with
//! `From ` is rewritten, since mailboxes put a `>` before it. Subject, addresses and Message-ID stand
//! outside: they are neither signed nor hidden.

use crate::openpgp::{MICALG, SiteKey};

/// The mail with its content inside `multipart/signed`.
pub(super) fn sign(mail: &[u8], key: &SiteKey, boundary: &str, seconds: i64) -> Result<Vec<u8>, String> {
    let (mut head, content) = apart(mail)?;
    let armour = key.sign(&content, seconds)?;
    head.extend_from_slice(
        format!(
            "Content-Type: multipart/signed; micalg={MICALG};\r\n protocol=\"application/pgp-signature\";\r\n boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
        )
        .as_bytes(),
    );
    head.extend_from_slice(&content);
    head.extend_from_slice(
        format!(
            "\r\n--{boundary}\r\nContent-Type: application/pgp-signature; name=\"signature.asc\"\r\nContent-Description: OpenPGP signature\r\n\r\n{}\r\n--{boundary}--\r\n",
            crlf(armour.trim_end())
        )
        .as_bytes(),
    );
    Ok(head)
}

/// The head of a mail without what says how its content is read, and the content that begins with it.
fn apart(mail: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let text = std::str::from_utf8(mail).map_err(|_| "a mail that is not ASCII cannot be signed")?;
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
        return Err("a mail that does not say what it holds cannot be signed".into());
    }
    let body = body.trim_end_matches("\r\n").replace("\r\nFrom ", "\r\n=46rom ");
    Ok((outside.into_bytes(), format!("{inside}\r\n{body}").into_bytes()))
}

fn crlf(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\r\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::deliver::tests::{message, read as read_settings};

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
        let mail = way_out.compose(&given).unwrap();
        assert_eq!(mail, way_out.compose(&given).unwrap(), "composing twice gives the same bytes");
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
