//! Who wrote a mail, as its From says: the address, and the names of whoever it is.
//!
//! Only the headers are read. What stands in the text below them is looked for elsewhere.

use mail_parser::MessageParser;

/// Bytes that are looked at: more headers than servers let through.
pub const HEAD_BYTES: u64 = 64 << 10;
/// Entries of a From that are read.
const ENTRIES_MAX: usize = 5;

/// Whoever wrote a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    /// The address; empty without one.
    pub address: String,
    /// The names beside it.
    pub names: Vec<String>,
}

/// Reads the head of a mail. What is no mail has no writer.
pub fn read(head: &[u8]) -> Writer {
    let Some(mail) = MessageParser::default().parse_headers(head) else { return Writer::default() };
    let Some(from) = mail.from() else { return Writer::default() };
    let (mut writer, mut open) = (Writer::default(), Vec::new());
    for entry in from.iter().take(ENTRIES_MAX) {
        let address = entry.address.as_deref().unwrap_or_default();
        open.extend(entry.name.as_deref().or(Some(address).filter(|word| !word.is_empty() && !word.contains('@'))));
        // `Muster, Erika <erika@bank.example>` without quotes reads like two entries, of which one has no address.
        if address.contains('@') {
            if writer.address.is_empty() {
                writer.address = address.to_lowercase();
            }
            if !open.is_empty() {
                writer.names.push(std::mem::take(&mut open).join(", "));
            }
        }
    }
    writer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_the_forms_of_mail_programs() {
        let check = |from: &str, address: &str, names: &[&str]| {
            let got = read(format!("Received: by x\r\nFrom: {from}\r\nTo: a@b.example\r\n\r\nFrom: no\r\n").as_bytes());
            assert_eq!(
                (got.address.as_str(), got.names),
                (address, names.iter().map(|one| (*one).to_owned()).collect()),
                "{from}"
            );
        };
        check("Erika Muster <Erika@bank.example>", "erika@bank.example", &["Erika Muster"]);
        check("\"Muster, Erika\" <erika@bank.example>", "erika@bank.example", &["Muster, Erika"]);
        check("Muster, Erika <erika@bank.example>", "erika@bank.example", &["Muster, Erika"]);
        check("erika@bank.example (Erika Muster)", "erika@bank.example", &["Erika Muster"]);
        check("=?UTF-8?Q?J=C3=B6rg_M=C3=BCller?= <j@bank.example>", "j@bank.example", &["Jörg Müller"]);
        check("=?iso-8859-1?Q?M=FCller=2C_J=F6rg?= <j@bank.example>", "j@bank.example", &["Müller, Jörg"]);
        check("erika@bank.example", "erika@bank.example", &[]);
        check("", "", &[]);
        assert_eq!(read(b"192.0.2.7,22\n"), Writer::default());
    }
}
