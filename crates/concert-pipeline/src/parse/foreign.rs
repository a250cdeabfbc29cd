//! Reports of another kind: a web page where a list belongs, JSON whose members nobody named.
//!
//! Each line of such a report is a reject for the same reason, which tells nobody what happened. So rejects
//! are held back until something in the part is of the form that its parser reads. If nothing is, one reject
//! stands for all of them; its place is that of the first. A part of very many lines keeps its rejects.

use concert_model::Reject;

/// As many rejects are held back, and so as many pieces are refused together.
const HELD_MAX: usize = 10_000;

/// What a part looked like so far.
#[derive(Default)]
pub(super) struct Foreign {
    held: Vec<Reject>,
    is_over: bool,
}

impl Foreign {
    /// Whether something in the part was of the right form.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Holds a reject back, or hands it on together with those that were held back.
    pub(super) fn take(&mut self, reject: Reject, is_foreign: bool, outlet: &mut dyn FnMut(Reject)) {
        // Many parsers see in a web page just lines whose first value is wrong.
        let is_foreign = is_foreign || markup(self.held.first().unwrap_or(&reject)).is_some();
        if !self.is_over && is_foreign && self.held.len() < HELD_MAX {
            return self.held.push(reject);
        }
        self.give_up(outlet);
        outlet(reject);
    }

    /// Hands on what was held back: the part is of the right form, or too long.
    pub(super) fn give_up(&mut self, outlet: &mut dyn FnMut(Reject)) {
        self.is_over = true;
        self.held.drain(..).for_each(outlet);
    }

    /// Ends the part. Answers how many rejects and how many rows fewer there are than were taken.
    pub(super) fn end(&mut self, outlet: &mut dyn FnMut(Reject)) -> (u64, u64) {
        let count = self.held.len();
        let rows = self.held.chunk_by(|one, next| one.line == next.line).count();
        let Some(first) = self.held.first_mut().filter(|_| rows > 1) else {
            self.give_up(outlet);
            return (0, 0);
        };
        let looks = markup(first).map(|kind| format!(" (it looks like {kind})")).unwrap_or_default();
        let field = if first.field.is_empty() { String::new() } else { format!("{}: ", first.field) };
        let why = std::mem::take(&mut first.reason);
        first.reason = format!(
            "a report of another kind{looks}: none of its {rows} lines or records can be read, the first because: {field}{why}"
        );
        first.field.clear();
        self.held.truncate(1);
        self.give_up(outlet);
        (count as u64 - 1, rows as u64 - 1)
    }
}

/// What a text looks like that begins like a page or document of marks.
fn markup(reject: &Reject) -> Option<&'static str> {
    let text = reject.text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let begins = |start: &str| text.get(..start.len()).is_some_and(|given| given.eq_ignore_ascii_case(start));
    if begins("<!doctype html") || begins("<html") {
        return Some("a web page");
    }
    (begins("<?xml") || begins("<!doctype")).then_some("XML")
}
