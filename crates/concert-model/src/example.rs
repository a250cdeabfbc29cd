//! What a value of each kind looks like, for hints about texts that are none.

use crate::problem::meant;
use crate::{Kind, taxonomy};

impl Kind {
    /// A text that is a value of this kind.
    pub fn example(self) -> &'static str {
        match self {
            Kind::Text | Kind::Lower | Kind::Extra => "word",
            Kind::Country => "FI",
            Kind::Time => "2026-11-22T04:50:30Z",
            Kind::Asn => "64500",
            Kind::Domain => "host.example",
            Kind::Ip => "192.0.2.1",
            Kind::Net => "192.0.2.0/24",
            Kind::Float => "60.17",
            Kind::Int => "1",
            Kind::Port => "8080",
            Kind::Percent => "100",
            Kind::Url => "https://host.example/path",
            Kind::Bool => "true",
            Kind::Registry => "RIPE",
            Kind::Taxonomy => "malicious-code",
            Kind::Type => "infected-system",
            Kind::Tlp => "amber",
            Kind::Severity => "high",
            Kind::Transport => "tcp",
            Kind::Json => "{\"key\": 1}",
        }
    }

    /// What to write instead of a text that is no value of this kind.
    pub fn hint(self, text: &str) -> String {
        let known: Vec<&str> = match self {
            Kind::Type => taxonomy::TYPES.iter().map(|(name, _)| *name).collect(),
            Kind::Severity => taxonomy::SEVERITIES.to_vec(),
            Kind::Tlp => taxonomy::TLP.to_vec(),
            _ => Vec::new(),
        };
        meant(text, known, format!("such as {}", self.example()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Field, Kind, Value};

    #[test]
    fn an_example_can_be_a_value_of_its_field() {
        for kind in Field::all().map(Field::kind).chain([Kind::Extra]) {
            assert!(Value::read(kind, kind.example(), None).is_ok(), "{kind:?}: {}", kind.example());
        }
    }

    #[test]
    fn a_word_that_is_nearly_right_is_named() {
        assert_eq!(Kind::Type.hint("phising"), "did you mean `phishing`?");
        assert_eq!(Kind::Tlp.hint("pink"), "such as amber");
        assert_eq!(Kind::Port.hint("http"), "such as 8080");
    }
}
