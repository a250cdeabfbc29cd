//! The last texts of a column, for columns that repeat a few: they are checked and stored once.

use concert_model::{Kept, OpenEvent};

/// Texts remembered of one column.
const SLOTS: usize = 16;
/// After so many texts a column that rarely repeats is given up.
const TRIAL: u32 = 256;

/// Texts that a column's field took as they are.
#[derive(Default)]
pub(super) struct Repeats {
    slots: [Option<Kept>; SLOTS],
    found: u32,
    missed: u32,
}

impl Repeats {
    /// Adds the text to the event if it is a known one.
    pub(super) fn add(&mut self, event: &mut OpenEvent<'_>, text: &str) -> bool {
        if self.is_given_up() {
            return false;
        }
        let known = self.slots.get(slot(text)).is_some_and(|kept| kept.is_some_and(|kept| event.add_kept(&kept, text)));
        self.found = self.found.saturating_add(u32::from(known));
        known
    }

    /// Remembers where a text stands that was not a known one.
    pub(super) fn learn(&mut self, text: &str, kept: Option<Kept>) {
        if self.is_given_up() {
            return;
        }
        self.missed = self.missed.saturating_add(1);
        if let Some(slot) = self.slots.get_mut(slot(text)) {
            *slot = kept;
        }
    }

    fn is_given_up(&self) -> bool {
        self.missed > TRIAL && self.found < self.missed
    }
}

/// Texts of one column differ in their length, their last or their middle character.
fn slot(text: &str) -> usize {
    let bytes = text.as_bytes();
    let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
    (bytes.len() + 3 * at(bytes.len().wrapping_sub(1)) + 5 * at(bytes.len() / 2)) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::{Batch, EventId, Field, ProblemKey};

    /// Adds texts as a parser does, each as an event; answers how many were known.
    fn known(texts: impl Iterator<Item = String>) -> usize {
        let (mut batch, mut repeats, mut count) = (Batch::new(), Repeats::default(), 0);
        for text in texts {
            let mut event = batch.open();
            if repeats.add(&mut event, &text) {
                count += 1;
            } else {
                repeats.learn(&text, event.add_text(Field::COMMENT, &text));
            }
            assert_eq!(event.view().text(Field::COMMENT).as_deref(), Some(text.as_str()));
            event.keep(EventId::default(), ProblemKey::default(), 1);
        }
        count
    }

    #[test]
    fn repeated_texts_are_known_and_others_given_up() {
        assert_eq!(known((0..1000).map(|n| ["tcp", "udp"][n % 2].to_owned())), 998);
        assert_eq!(known((0..1000).map(|n| n.to_string())), 0);
        assert_eq!(known(std::iter::repeat_n(String::new(), 3)), 2);
    }
}
