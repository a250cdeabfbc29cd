//! Following a file through rotation: where it lies now, what was born since, and what is lost.

use std::path::Path;

use super::rotated::{Rotated, Sought, search};
use super::state::{Followed, State};
use super::{FOLLOWED_MAX, Here, Tail, shown};
use crate::{Health, Intake};

/// How often the files beside one are looked through again because they were renamed meanwhile.
const SEARCHES_MAX: usize = 20;

impl Tail {
    /// The youngest that is known of the one file to follow. It is remembered also when it was read to its end: what is
    /// born after it is known by that.
    pub(super) fn last_of(&self, state: &State) -> Option<u64> {
        let name = shown(self.path.file_name()?);
        state.files.iter().filter(|file| file.name == name).map(|file| file.serial).max()
    }

    /// Finds the files that were rotated away, and what was born after them and rotated away before it was seen. Gives what
    /// is lost, which was told as a gap.
    pub(super) async fn follow_rotated(
        &self,
        intake: &dyn Intake,
        state: &mut State,
        here: &Here<'_>,
    ) -> Result<Option<String>, String> {
        let last = self.last_of(state);
        let is_there = |file: &Followed| {
            here.get(&(file.device, file.inode))
                .is_some_and(|found| !file.finished || Sought::new(file).is_in(&found.path, &found.stamp) == Some(true))
        };
        let is_sought = |file: &&Followed| {
            let is_lost = file.file.is_none() && file.place.is_none() && !file.finished;
            let is_last = state.is_youngest(file) && (!file.finished || Some(file.serial) == last);
            (is_lost || is_last) && !is_there(file)
        };
        let sought: Vec<u64> = state.files.iter().filter(is_sought).map(|file| file.serial).collect();
        let mut lost = None;
        for serial in sought {
            let Some(at) = state.files.iter().position(|file| file.serial == serial) else { continue };
            let Some(file) = state.files.get_mut(at) else { continue };
            let rotated = self.search(Sought::new(file), state, serial).await?;
            let Some(file) = state.files.get_mut(at) else { continue };
            let is_lost = file.file.is_none() && file.place.is_none() && !file.finished;
            let mut gap = None;
            if let Some(itself) = &rotated.itself {
                file.moved_to(itself);
            } else if is_lost {
                file.finished = true;
                gap = Some(format!(
                    "{} was moved away while Concert did not run; what may have followed byte {} in it is not read",
                    file.name, file.offset
                ));
            }
            if !is_lost && rotated.younger.is_empty() {
                continue;
            }
            let name = file.name.clone();
            lost = self.take_up(intake, state, &name, &rotated, gap).or(lost);
            self.remember(intake, state).await?;
        }
        Ok(lost)
    }

    async fn search(&self, sought: Sought, state: &State, serial: u64) -> Result<Rotated, String> {
        let (path, known) = (self.path.clone(), state.known_besides(serial));
        let is_youngest = state.files.iter().any(|file| file.serial == serial && state.is_youngest(file));
        let search = move || {
            let folder = if path.is_dir() { &path } else { path.parent().unwrap_or(Path::new(".")) };
            (0..SEARCHES_MAX).find_map(|_| search(folder, &sought, &known))
        };
        let rotated = tokio::task::spawn_blocking(search).await.map_err(|error| error.to_string())?;
        let mut rotated =
            rotated.ok_or_else(|| format!("{}: files are renamed while they are looked for", self.path.display()))?;
        if !is_youngest {
            // They were taken up, and may have been read to their ends and forgotten.
            rotated.younger.clear();
        }
        Ok(rotated)
    }

    /// Takes up what was born after a file of this name. What is lost is told as a gap, and given.
    fn take_up(
        &self,
        intake: &dyn Intake,
        state: &mut State,
        name: &str,
        rotated: &Rotated,
        gap: Option<String>,
    ) -> Option<String> {
        let mut gaps: Vec<String> = gap.into_iter().collect();
        for generation in &rotated.younger {
            if state.files.len() >= FOLLOWED_MAX {
                gaps.push(format!(
                    "{name} was rotated more than {FOLLOWED_MAX} times; {} is not read",
                    generation.name
                ));
                continue;
            }
            state.add_generation(name, generation);
            if generation.is_packed {
                gaps.push(format!(
                    "{} was packed before it was read to its end; `concert ingest --feed {} {}` reads it",
                    generation.name,
                    self.setup.feed,
                    generation.path.display()
                ));
            }
        }
        let now = intake.now();
        for gap in &gaps {
            intake.health(&self.setup.feed, Health::Gap(now, now, gap.clone()));
        }
        (!gaps.is_empty()).then(|| gaps.join("; "))
    }

    /// A file holds something else than what was read from it: what it held may have been copied, and something may have
    /// been born since. Says whether any of it was found.
    pub(super) async fn begin_anew(&self, intake: &dyn Intake, state: &mut State, at: usize) -> Result<bool, String> {
        let Some(file) = state.files.get(at) else { return Ok(false) };
        tracing::info!(feed = self.setup.feed, "{} was begun anew; it is read from its start.", file.name);
        let name = file.name.clone();
        let rotated = self.search(Sought::before_it_was_begun_anew(file), state, file.serial).await?;
        if rotated.itself.is_none() && rotated.younger.is_empty() {
            state.begin_anew(at);
            return Ok(false);
        }
        let Some(file) = state.files.get_mut(at) else { return Ok(false) };
        let (anew, mut gap) = (file.anew(), None);
        if let Some(itself) = &rotated.itself {
            file.moved_to(itself);
            file.gone = true;
        } else {
            gap = Some(format!(
                "{name} was begun anew; what may have followed byte {} in it before is not read",
                file.offset
            ));
            state.files.remove(at);
        }
        let lost = self.take_up(intake, state, &name, &rotated, gap);
        state.push(anew);
        self.remember(intake, state).await?;
        lost.map_or(Ok(true), Err)
    }
}
