//! Aligned columns. Widths come from the first rows; a later row that is wider only pushes its own
//! cells to the right.

use serde_json::Value;

use super::plain;

/// Rows looked at for widths.
const MEASURED_ROWS: usize = 1000;
/// Widest column that is padded; longer cells stand out.
const WIDTH_MAX: usize = 48;

/// Rows waiting for their widths.
pub(super) struct Aligned {
    header: Vec<String>,
    held: Vec<Vec<(String, bool)>>,
    widths: Vec<usize>,
    started: bool,
}

impl Aligned {
    pub(super) fn new(columns: &[String]) -> Self {
        Self { header: columns.to_vec(), held: Vec::new(), widths: Vec::new(), started: false }
    }

    pub(super) fn row(&mut self, values: &[Value], text: &mut Vec<u8>) {
        let cells: Vec<(String, bool)> =
            values.iter().map(|value| (visible(&plain(value)), value.is_number())).collect();
        if self.started {
            return self.write(&cells, text);
        }
        self.held.push(cells);
        if self.held.len() >= MEASURED_ROWS {
            self.start(text);
        }
    }

    pub(super) fn finish(&mut self, text: &mut Vec<u8>) {
        if !self.started && !self.held.is_empty() {
            self.start(text);
        }
    }

    /// Measures what is held, then writes it under the header. A column of numbers has its header
    /// above their last digit.
    fn start(&mut self, text: &mut Vec<u8>) {
        self.started = true;
        let held = std::mem::take(&mut self.held);
        let mut header = Vec::new();
        for (index, name) in self.header.iter().enumerate() {
            let column = || held.iter().filter_map(|cells| cells.get(index));
            let width = column().map(|(cell, _)| cell.chars().count()).chain([name.chars().count()]).max();
            self.widths.push(width.unwrap_or(0).min(WIDTH_MAX));
            let numbers =
                column().any(|(_, number)| *number) && column().all(|(cell, number)| *number || cell.is_empty());
            header.push((name.clone(), numbers));
        }
        self.write(&header, text);
        for cells in &held {
            self.write(cells, text);
        }
    }

    fn write(&self, cells: &[(String, bool)], text: &mut Vec<u8>) {
        for (index, (cell, to_the_right)) in cells.iter().enumerate() {
            if index > 0 {
                text.extend_from_slice(b"  ");
            }
            let width = self.widths.get(index).copied().unwrap_or(0);
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let last = index + 1 == cells.len();
            match (to_the_right, last) {
                (true, _) => text.extend_from_slice(format!("{padding}{cell}").as_bytes()),
                (false, true) => text.extend_from_slice(cell.as_bytes()),
                (false, false) => text.extend_from_slice(format!("{cell}{padding}").as_bytes()),
            }
        }
        while text.last() == Some(&b' ') {
            text.pop();
        }
        text.push(b'\n');
    }
}

/// Text without anything that a terminal would act on, on one line.
pub(super) fn visible(text: &str) -> String {
    let bidi = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    text.chars()
        .map(|c| match c {
            '\n' | '\t' | '\r' => ' ',
            c if c.is_control() || bidi(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_it_would_act_on() {
        assert_eq!(visible("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb c\u{fffd}d");
    }
}
