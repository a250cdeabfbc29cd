//! How a command ends: its exit code, and the problems it tells on standard error.
//!
//! A [`Problem`] alone becomes exit code 3 (something outside failed); wrong usage and wrong settings
//! are code 2 and say so with [`Failure::usage`].

use std::fmt;
use std::io::Write;

use concert_model::Problem;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, and what was found is bad: rejects, a difference, mistakes.
    Bad,
    /// Wrong usage or settings.
    Usage,
    /// Something outside failed.
    Outside,
}

impl Exit {
    /// The number the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Outside => 3,
        }
    }
}

/// Why a command could not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What to tell, in order; never empty.
    pub problems: Vec<Problem>,
    /// [`Exit::Usage`] or [`Exit::Outside`].
    pub exit: Exit,
}

impl Failure {
    /// Wrong usage or settings.
    pub fn usage(problem: Problem) -> Self {
        Self { problems: vec![problem], exit: Exit::Usage }
    }

    /// Something outside failed.
    pub fn outside(problem: Problem) -> Self {
        Self { problems: vec![problem], exit: Exit::Outside }
    }

    /// Mistakes in the settings, in the order of their places.
    pub fn settings(mut problems: Vec<Problem>) -> Self {
        sort_by_place(&mut problems);
        Self { problems, exit: Exit::Usage }
    }

    /// Tells every problem on standard error.
    pub fn tell(&self) {
        let mut out = std::io::stderr().lock();
        for problem in &self.problems {
            // A closed standard error leaves nobody to tell.
            writeln!(out, "{problem}").ok();
        }
    }

    /// Logs every problem.
    pub fn log(&self) {
        for Problem { what, place, hint } in &self.problems {
            tracing::error!(place, hint, "{what}");
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::outside(problem)
    }
}

/// A failure of the machine: a file that cannot be opened, a disk that is full.
pub fn outside(what: impl fmt::Display, error: &std::io::Error) -> Failure {
    Failure::outside(Problem::new(format!("{what}: {error}")))
}

/// Sorts by file, then line and column as numbers. Problems without a place come last.
pub fn sort_by_place(problems: &mut [Problem]) {
    problems.sort_by_cached_key(|problem| {
        // Rows have a line alone.
        let number = |text: &str| text.rsplit_once(':').and_then(|(rest, last)| Some((rest.len(), last.parse().ok()?)));
        let end = number(&problem.place);
        let before = end.and_then(|(length, _)| number(problem.place.get(..length)?));
        let (length, line, column): (usize, u64, u64) = match (before, end) {
            (Some((length, line)), Some((_, column))) => (length, line, column),
            (None, Some((length, line))) => (length, line, 0),
            (_, None) => (problem.place.len(), 0, 0),
        };
        (problem.place.is_empty(), problem.place.get(..length).unwrap_or_default().to_owned(), line, column)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_in_the_order_of_their_places() {
        let at = |place: &str| Problem::new("x").at(place);
        let failure = Failure::settings(vec![at(""), at("b.toml:1:1"), at("a.toml:10:1"), at("a.toml:9:2")]);
        let places: Vec<_> = failure.problems.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["a.toml:9:2", "a.toml:10:1", "b.toml:1:1", ""]);
        assert_eq!(failure.exit.code(), 2);
        let rows = Failure::settings(vec![at("c.csv:10"), at("c.csv:2"), at("b.json: A"), at("c.csv")]);
        let places: Vec<_> = rows.problems.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["b.json: A", "c.csv", "c.csv:2", "c.csv:10"]);
    }
}
