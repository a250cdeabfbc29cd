//! A run: what the entries of an incident say about one process that was started in it.
//!
//! It is only gathered here. What it means is worked out by the engine, which reads the definition.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::content::{Answer, Answered, Started, Stepped};
use super::super::journal::Stamp;
use super::super::marking::Marking;
use super::definition::Process;
use super::read_begun;
use crate::Problem;
use crate::keys::Source;

/// Processes that were read.
static READ: Read = Read(Mutex::new(BTreeMap::new()));
/// How many are remembered: one for each version that is followed. Forgetting them costs time and changes nothing.
const READ_MAX: usize = 100;

/// Processes by their texts. Thousands of runs follow the same few, and to read one takes longer than all else that is
/// worked out of a run.
struct Read(Mutex<BTreeMap<String, Arc<Process>>>);

impl Read {
    /// The process of a run, which is read where it is not known yet.
    fn process(&self, run: &Run) -> Result<Arc<Process>, Vec<Problem>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = known().get(&run.definition) {
            return Ok(Arc::clone(process));
        }
        let name = format!("{}, version {}", run.name, run.version);
        let process = Arc::new(read_begun(&Source { name, text: run.definition.clone() })?);
        let mut all = known();
        if all.len() >= READ_MAX {
            all.clear();
        }
        all.insert(run.definition.clone(), Arc::clone(&process));
        Ok(process)
    }
}

/// One process in one incident, as its entries tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The name of the process.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The whole text of its file; empty where the entry that started it may not be read.
    pub definition: String,
    /// When it was started.
    pub started: Stamp,
    /// How the entry is marked that started it, and who wrote that; `None` where it may not be read.
    pub begun: Option<(Marking, String)>,
    /// The party that it concerns, empty for none in particular; `None` where that is the only one of its incident.
    pub party: Option<String>,
    /// What was done with its steps, the earliest first.
    pub marks: Vec<Mark>,
    /// Answers to the closing questions: when, by whom, what.
    pub answers: Vec<(Stamp, String, Vec<Answer>)>,
    /// Where it was begun, when that is another incident which shows here; `None` in its own.
    pub home: Option<Home>,
}

/// The incident in which a run was begun that shows in another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The incident, by its identity.
    pub incident: String,
    /// What the run is called there.
    pub run: String,
    /// Whether that incident was closed, so that nothing of the run is left to be done.
    pub is_closed: bool,
}

/// Something that was done with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When it was written down.
    pub at: Stamp,
    /// By whom.
    pub by: String,
    /// What.
    pub stepped: Stepped,
}

impl Run {
    /// Whether it goes on in the incident that has it or shows it.
    pub fn goes_on(&self) -> bool {
        self.home.as_ref().is_none_or(|home| !home.is_closed)
    }

    /// What tells a step of it from those of other runs, whatever these are called; empty in the own incident, where no
    /// two have one name.
    pub fn item(&self, step: &str) -> String {
        self.home.as_ref().map_or_else(String::new, |home| format!("{}/{}/{step}", home.incident, home.run))
    }

    /// The process as it was when the run began. The error says what is wrong with its text, which
    /// another site may have written, or that it may not be read.
    pub fn process(&self) -> Result<Arc<Process>, Vec<Problem>> {
        if self.definition.is_empty() {
            return Err(vec![Problem::new("the entry that began this run may not be read here")]);
        }
        READ.process(self)
    }

    /// It begins. The first definition holds: a run cannot be given other steps later.
    pub(in crate::incident) fn start(&mut self, at: Stamp, (author, marking): (&str, &Marking), started: Started) {
        if self.definition.is_empty() {
            self.name = started.name;
            self.version = started.version;
            self.definition = started.definition;
            self.started = at;
            self.begun = Some((marking.clone(), author.to_owned()));
            self.party = Some(started.party).filter(|party| !party.is_empty());
        }
    }

    /// Something was done with a step.
    pub(in crate::incident) fn mark(&mut self, at: Stamp, by: &str, stepped: Stepped) {
        self.marks.push(Mark { at, by: by.to_owned(), stepped });
    }

    /// The closing questions were answered.
    pub(in crate::incident) fn answer(&mut self, at: Stamp, by: &str, answered: Answered) {
        self.answers.push((at, by.to_owned(), answered.answers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// INVARIANT: a run follows its own text, however many others were read, and one that is broken is told each time.
    #[test]
    fn a_process_is_read_once_for_all_runs_of_one_text() {
        let text = |version: usize, step: &str| {
            format!(
                "name = \"p\"\nversion = {version}\ntitle = \"P\"\ndescription = \"x\"\nfor = [\"scanner\"]\n\
                 [[step]]\nid = \"{step}\"\ntitle = \"Close\"\ntrack = \"response\"\nphase = \"close\"\nkind = \"action\"\n\
                 role = \"coordinator\"\ndue = \"1d\"\nmeets = \"closing\"\ntext = \"Do it.\"\n"
            )
        };
        let known = Read(Mutex::default());
        let read = |definition| known.process(&Run { name: "p".into(), version: 1, definition, ..Run::default() });
        let first = read(text(1, "close")).unwrap();
        assert!(Arc::ptr_eq(&first, &read(text(1, "close")).unwrap()));
        for version in 2..2 + READ_MAX {
            let process = read(text(version, "end")).unwrap();
            assert_eq!((process.version.to_string(), process.steps[0].id.as_str()), (version.to_string(), "end"));
            assert!(known.0.lock().unwrap().len() <= READ_MAX);
        }
        let again = read(text(1, "close")).unwrap();
        assert!(again == first && !Arc::ptr_eq(&again, &first), "it was forgotten, and read anew");
        for _ in 0..2 {
            let broken = read("name = 1".into()).unwrap_err();
            assert!(broken[0].place.starts_with("p, version 1"), "{broken:?}");
        }
    }
}
