//! Markings: TLP 2.0 with the audience that may receive an item.
//!
//! Source: FIRST, Traffic Light Protocol 2.0, <https://www.first.org/tlp/>.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A label of the Traffic Light Protocol 2.0; the stricter is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tlp {
    /// Anyone.
    #[serde(rename = "clear")]
    Clear,
    /// The community.
    #[serde(rename = "green")]
    Green,
    /// The site and its constituents who need to know.
    #[serde(rename = "amber")]
    Amber,
    /// The receiving site only.
    #[serde(rename = "amber+strict")]
    AmberStrict,
    /// The named persons only.
    #[serde(rename = "red")]
    Red,
}

impl Tlp {
    /// All of them, the most open first.
    pub const ALL: [Self; 5] = [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// How it is written: `amber+strict`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::AmberStrict => "amber+strict",
            Self::Red => "red",
        }
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Tlp {
    type Err = String;

    /// Reads a label as people write it: `TLP:AMBER`, `amber+strict`.
    fn from_str(text: &str) -> Result<Self, String> {
        let label = text.trim();
        let has_prefix = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("tlp:"));
        let word = label.get(4..).filter(|_| has_prefix).unwrap_or(label);
        Self::ALL.into_iter().find(|label| label.word().eq_ignore_ascii_case(word)).ok_or_else(|| {
            format!("`{}` is no label of TLP 2.0: red, amber+strict, amber, green or clear", text.trim())
        })
    }
}

/// Who may receive an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marking {
    /// The label.
    pub tlp: Tlp,
    /// Persons of the audience, by name: whoever may read what is red.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub persons: Vec<String>,
    /// Parties that may read it in spite of the label; empty for those that the label admits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<String>,
    /// The compartment it lies in, such as that of law enforcement; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub compartment: String,
}

impl Marking {
    /// A label without a named audience.
    pub fn of(tlp: Tlp) -> Self {
        Self { tlp, persons: Vec::new(), parties: Vec::new(), compartment: String::new() }
    }

    /// What admits only those whom both admit, as far as markings say it. Of two compartments whom both name.
    pub fn and(&self, other: &Self) -> Self {
        let both = |mine: &[String], theirs: &[String]| -> Vec<String> {
            mine.iter().filter(|one| theirs.contains(one)).cloned().collect()
        };
        let names = |marking: &Self| marking.tlp == Tlp::Red || !marking.compartment.is_empty();
        let persons = match (names(self), names(other)) {
            (true, false) => self.persons.clone(),
            (false, true) => other.persons.clone(),
            _ => both(&self.persons, &other.persons),
        };
        let parties = both(&self.parties, &other.parties);
        let is_apart =
            !self.compartment.is_empty() && !other.compartment.is_empty() && self.compartment != other.compartment;
        match is_apart {
            true => Self { tlp: Tlp::Red, persons, parties, compartment: String::new() },
            false => {
                let compartment = [&self.compartment, &other.compartment].into_iter().find(|one| !one.is_empty());
                let compartment = compartment.cloned().unwrap_or_default();
                Self { tlp: self.tlp.max(other.tlp), persons, parties, compartment }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_people_write_them() {
        assert_eq!("TLP:AMBER+STRICT".parse(), Ok(Tlp::AmberStrict));
        assert_eq!(" green ".parse(), Ok(Tlp::Green));
        assert!("white".parse::<Tlp>().unwrap_err().contains("no label of TLP 2.0"));
        assert!(Tlp::Red > Tlp::AmberStrict && Tlp::AmberStrict > Tlp::Amber && Tlp::Green > Tlp::Clear);
        let text = serde_json::to_string(&Marking::of(Tlp::AmberStrict)).unwrap();
        assert_eq!(text, "{\"tlp\":\"amber+strict\"}");
        assert_eq!(serde_json::from_str::<Marking>(&text).unwrap(), Marking::of(Tlp::AmberStrict));
    }

    #[test]
    fn what_concerns_two_is_for_whom_both_admit() {
        let marked = |tlp, persons: &[&str], compartment: &str| Marking {
            persons: persons.iter().map(|one| (*one).to_owned()).collect(),
            compartment: compartment.to_owned(),
            ..Marking::of(tlp)
        };
        let red = |persons: &[&str]| marked(Tlp::Red, persons, "");
        let cases = [
            (Marking::of(Tlp::Green), Marking::of(Tlp::Amber), Marking::of(Tlp::Amber)),
            (red(&["anna", "ben"]), red(&["anna", "carl"]), red(&["anna"])),
            (Marking::of(Tlp::Amber), red(&["anna"]), red(&["anna"])),
            (marked(Tlp::Amber, &[], "legal"), red(&["anna"]), marked(Tlp::Red, &[], "legal")),
            (marked(Tlp::Amber, &["anna"], "legal"), marked(Tlp::Green, &["anna", "ben"], "police"), red(&["anna"])),
        ];
        for (one, other, want) in cases {
            assert_eq!((one.and(&other), other.and(&one)), (want.clone(), want));
        }
    }
}
