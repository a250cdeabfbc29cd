//! Reports of one record a line: the loop that every such parser shares.

use concert_model::{Field, Value};

use super::input::{TOO_LONG, decode, guess};
use super::{Fault, Input, Line, Sink};

/// Calls `each` with the number and text of every line that is not blank. A line beyond the cap is a
/// reject; the lines after it are read as usual.
pub(super) fn each_line<'s>(
    input: &mut Input<'_>,
    sink: &mut Sink<'s>,
    mut each: impl FnMut(&mut Sink<'s>, u64, &str),
) {
    let mut number = input.number();
    loop {
        let known = input.encoding();
        let Some(line) = input.next_line() else { return };
        number += 1;
        match line {
            Line::TooLong(bytes) => sink.reject(number, Fault::new("", TOO_LONG), bytes),
            Line::Whole(bytes) => {
                let plain = std::str::from_utf8(bytes).is_ok();
                let text = decode(bytes, known.or_else(|| (!plain).then(|| guess(bytes))));
                if !text.trim().is_empty() {
                    each(sink, number, &text);
                }
            }
        }
    }
}

/// Gives the events that follow these texts, which the feed's page states and no line repeats. Only
/// for values known to fit their fields.
pub(super) fn give_texts(sink: &mut Sink<'_>, texts: &[(Field, &'static str)]) {
    sink.give_constants(texts.iter().map(|(field, text)| (*field, Value::text(text))).collect());
}

/// The cells of one line of comma-separated values. A quoted cell that is not closed ends with the line.
pub(super) fn comma_cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut rest) = (Vec::new(), Vec::new(), line.as_bytes());
    let mut reader = csv_core::Reader::new();
    let mut room = [0u8; 1024];
    loop {
        let (result, read, written) = reader.read_field(rest, &mut room);
        rest = rest.get(read..).unwrap_or_default();
        cell.extend_from_slice(room.get(..written).unwrap_or_default());
        match result {
            csv_core::ReadFieldResult::OutputFull => {}
            csv_core::ReadFieldResult::InputEmpty if read > 0 => {}
            csv_core::ReadFieldResult::Field { .. } => {
                cells.push(String::from_utf8_lossy(&cell).into_owned());
                cell.clear();
            }
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::End => return cells,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_split_at_commas_outside_quotes() {
        assert_eq!(comma_cells(r#"a,"b,""c""",,d"#), ["a", r#"b,"c""#, "", "d"]);
        assert_eq!(comma_cells(r#"a,"b"#), ["a", "b"]);
        assert_eq!(
            comma_cells(&format!("a,{}", "x".repeat(5000))).iter().map(String::len).collect::<Vec<_>>(),
            [1, 5000]
        );
    }
}
