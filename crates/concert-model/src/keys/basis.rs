//! What a reader was told by a table: whether two readings come to the same is known without a look at what they made.

use super::{Keys, Secret};

/// What was asked of a table and what it answered, secrets and texts of files included as hashes.
///
/// Two that are equal gave their readers the same. What stands in files that are only named is for the caller to
/// [add](Basis::add).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    answers: Vec<(String, String)>,
    fetched: Vec<blake3::Hash>,
    files: Vec<String>,
}

impl Basis {
    /// The files that the table names, as it does.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Adds something else that the reader depends on.
    pub fn add(&mut self, name: &str, value: String) {
        self.answers.push((name.to_owned(), value));
    }
}

impl Keys<'_> {
    /// Reads from this table, and gives what was read with what it was read from.
    pub fn with_basis<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> (T, Basis) {
        let (settings, fetched, files) = {
            let before = self.reading.gathered.borrow();
            (before.settings.len(), before.fetched.len(), before.files.len())
        };
        let value = read(self);
        let after = self.reading.gathered.borrow();
        let answers = after.settings.iter().skip(settings).map(|one| (one.key.clone(), one.value.clone()));
        let basis = Basis {
            answers: answers.collect(),
            fetched: after.fetched.iter().skip(fetched).copied().collect(),
            // A secret counts by its value, wherever it stands.
            files: after.files.iter().skip(files).filter(|one| !one.is_secret).map(|one| one.path.clone()).collect(),
        };
        (value, basis)
    }

    /// Notes what was fetched from outside the settings.
    pub(super) fn note_fetched(&self, text: &str) {
        self.reading.gathered.borrow_mut().fetched.push(blake3::hash(text.as_bytes()));
    }

    /// Notes a secret.
    pub(super) fn secret_of(&self, text: String) -> Secret {
        self.note_fetched(&text);
        Secret::new(text)
    }
}

#[cfg(test)]
mod tests {
    use toml_edit::TableLike;

    use super::*;
    use crate::keys::{Reading, Source};

    /// The basis of `[way]` in these settings, with secrets that end so.
    fn basis(text: &str, secrets: &str) -> Basis {
        let source = Source { name: "concert.toml".into(), text: text.into() };
        let document = toml_edit::Document::parse(text).unwrap();
        let fetch = |_: &str, which: &str| Ok(format!("{which} {secrets}"));
        let file = |which: &str| Ok(format!("{which} {secrets}"));
        let reading = Reading::new(&fetch).with_files(&file);
        let mut root = Keys::root(&reading, vec![(&source, document.as_table() as &dyn TableLike)]);
        root.text("name", "of another table");
        root.table("way")
            .with_basis(|keys| {
                keys.number_or("port", 25, 1..=99, "the port");
                keys.pairs("headers", "headers");
                keys.secret("password", "the password");
                keys.file_text("schema", "a file that is read");
                keys.table("more").flag_or("on", true, "whether");
                if let Some(path) = keys.text("ca", "a file that is named") {
                    keys.needs_file(&path);
                }
            })
            .1
    }

    #[test]
    fn the_same_answers_are_one_basis_and_any_other_answer_is_another() {
        let way = "[way]\nport = 26\nheaders = { a = \"b\" }\npassword = { env = \"P\" }\n";
        let same = |text: &str, secrets: &str| basis(text, secrets) == basis(way, "1");
        assert!(same(way, "1"));
        assert!(same(&format!("name = \"x\"\n\n# Elsewhere.\n{way}"), "1"));
        for other in [
            way.replace("26", "27"),
            way.replace("port = 26\n", ""),
            way.replace("\"b\"", "\"c\""),
            way.replace("password = { env = \"P\" }\n", ""),
            format!("{way}ca = \"ca.pem\"\n"),
            format!("{way}more.on = false\n"),
        ] {
            assert!(!same(&other, "1"), "{other}");
        }
        assert!(!same(way, "2"), "another secret under the same name");
        let schema = "[way]\nschema = \"a.json\"\n";
        assert_ne!(basis(schema, "1"), basis(schema, "2"), "another text in the same file");
        assert_eq!(basis("[way]\nca = \"ca.pem\"\n", "").files(), ["ca.pem"]);
        let mut more = basis(way, "1");
        more.add("limit", "1".to_owned());
        assert_ne!(more, basis(way, "1"));
    }
}
