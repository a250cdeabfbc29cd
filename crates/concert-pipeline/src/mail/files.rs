//! The files that came with a mail.

use mail_parser::{MessageParser, MimeHeaders, PartType};

/// Files of one mail that are looked at.
const FILES_MAX: usize = 100;
/// Letters of a name that are kept.
const NAME_CHARS_MAX: usize = 200;

/// A file of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, as it came, on one line.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The files of a mail, each set of bytes once. Signatures are none.
pub fn files(mail: &[u8]) -> Vec<File> {
    let Some(message) = MessageParser::default().parse(mail) else { return Vec::new() };
    let mut found: Vec<File> = Vec::new();
    for part in message.attachments().take(FILES_MAX) {
        let is_signature = part
            .content_type()
            .is_some_and(|kind| kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("pgp-signature")));
        let bytes = match &part.body {
            PartType::Message(inner) => inner.raw_message().to_owned(),
            _ => part.contents().to_owned(),
        };
        if is_signature || bytes.is_empty() || found.iter().any(|file| file.bytes == bytes) {
            continue;
        }
        let name = part.attachment_name().unwrap_or("attachment");
        let name = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        found.push(File { name, bytes });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_with_their_names_and_each_once() {
        let mail = "From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/plain\r\n\r\nsee there\r\n\
            --b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"auth.log\"\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nYWJj\r\n\
            --b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"copy.log\"\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b--\r\n";
        let found = files(mail.as_bytes());
        assert_eq!(found, [File { name: "auth.log".into(), bytes: b"abc".to_vec() }]);
        assert!(files(b"From: a@x.example\r\n\r\nplain").is_empty());
    }
}
