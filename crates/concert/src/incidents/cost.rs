//! What work on incidents took and cost: minutes from `effort` entries, rates from the settings.

use std::collections::BTreeMap;

use clap::ValueEnum;

use super::Spent;
use crate::settings::{Effort, work_kind};

/// What a row of costs is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    #[default]
    /// The incident.
    Incident,
    /// Its type.
    Type,
    /// The party it was done for.
    Party,
    /// Who did it.
    Person,
    /// The kind of work.
    Work,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Incident, Self::Type, Self::Party, Self::Person, Self::Work];

    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Type => "type",
            Self::Party => "party",
            Self::Person => "person",
            Self::Work => "work",
        }
    }

    fn of(self, spent: &Spent) -> &str {
        match self {
            Self::Incident => &spent.number,
            Self::Type => &spent.classification,
            Self::Party => &spent.effort.party,
            Self::Person => &spent.effort.person,
            Self::Work => &spent.effort.work,
        }
    }

    /// What a row is called: work is the same whatever its case, and the blanks around it.
    fn name(self, spent: &Spent) -> String {
        if self == Self::Work { work_kind(self.of(spent)) } else { self.of(spent).to_owned() }
    }
}

/// A sum of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Minutes of work.
    pub minutes: u64,
    /// Minutes whose kind of work has no rate.
    pub without_rate: u64,
    /// Hundredths, times the 60 minutes of an hour: rounded once, when it is printed.
    sixtieths: u128,
}

impl Sum {
    fn add(&mut self, minutes: u32, rate: Option<u64>) {
        let minutes = u64::from(minutes);
        self.minutes = self.minutes.saturating_add(minutes);
        match rate {
            Some(rate) => self.sixtieths = self.sixtieths.saturating_add(u128::from(minutes) * u128::from(rate)),
            None => self.without_rate = self.without_rate.saturating_add(minutes),
        }
    }

    /// The cost in the currency, with two decimals: as a text, because programs round numbers.
    pub fn cost(&self) -> String {
        let hundredths = (self.sixtieths + 30) / 60;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

/// Sums by what the rows are for, and the total.
pub fn sums(spent: &[Spent], by: By, effort: &Effort) -> (BTreeMap<String, Sum>, Sum) {
    let (mut sums, mut total): (BTreeMap<String, Sum>, Sum) = Default::default();
    for one in spent {
        let rate = effort.rate(&one.effort.work);
        sums.entry(by.name(one)).or_default().add(one.effort.minutes, rate);
        total.add(one.effort.minutes, rate);
    }
    (sums, total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::Time;
    use concert_model::incident::content;

    #[test]
    fn costs_are_rounded_once_and_add_up() {
        let spent = |number: &str, minutes: u32, person: &str, work: &str| Spent {
            number: number.into(),
            classification: "scanner".into(),
            time: Time(0),
            effort: content::Effort {
                minutes,
                person: person.into(),
                party: String::new(),
                work: work.into(),
                entry: String::new(),
            },
        };
        let rates = [("analysis", 8_000), ("default", 6_000)].map(|(work, rate)| (work.to_owned(), rate));
        let effort = Effort { currency: "EUR".into(), rates: rates.into() };
        let all = [
            spent("1", 90, "anna", "analysis"),
            spent("1", 1, "ben", "Analysis"),
            spent("2", 1, "ben", "analysis"),
            spent("2", 30, "anna", "travel"),
        ];
        let check = |by: By, want: &[(&str, u64, &str)]| {
            let (sums, total) = sums(&all, by, &effort);
            let rows: Vec<(&str, u64, String)> =
                sums.iter().map(|(name, sum)| (name.as_str(), sum.minutes, sum.cost())).collect();
            let want: Vec<(&str, u64, String)> =
                want.iter().map(|(name, minutes, cost)| (*name, *minutes, (*cost).to_owned())).collect();
            assert_eq!(rows, want, "{by:?}");
            // 92 minutes at 80 and 30 at 60: 122.666... and 30.
            assert_eq!((total.minutes, total.cost().as_str()), (122, "152.67"));
        };
        check(By::Incident, &[("1", 91, "121.33"), ("2", 31, "31.33")]);
        check(By::Person, &[("anna", 120, "150.00"), ("ben", 2, "2.67")]);
        check(By::Work, &[("analysis", 92, "122.67"), ("travel", 30, "30.00")]);
        check(By::Type, &[("scanner", 122, "152.67")]);
        check(By::Party, &[("", 122, "152.67")]);
        let (_, total) = sums(&all, By::Work, &Effort::default());
        assert_eq!((total.without_rate, total.cost().as_str()), (122, "0.00"));
    }
}
