//! Files that are no TOML: every line that is none is told, and what is left is read for the other mistakes.
//!
//! Whatever cannot be read is taken out so that what follows keeps its meaning and its place: a line, a value with all
//! its lines, or the head of a table. A head is put right where it is plain what it should be, and a table that is there
//! twice is read by itself.

use std::ops::Range;

use concert_model::Problem;
use concert_model::keys::{Gap, Source};
use toml_edit::{Document, TomlError};

/// What TOML looks like, for hints.
const HINT: &str = "write name = \"text\", number = 25, list = [\"a\", \"b\"], and tables as [site] and [[feed]]";
/// What to do about what is there twice.
const TWICE_HINT: &str = "it is in this file before: write all of it there, and of two values keep one";
/// Most mistakes told of a file that is not TOML.
const PROBLEMS_MAX: usize = 20;
/// How texts of several lines begin and end.
const TEXTS: [&str; 2] = ["\"\"\"", "'''"];

/// Parses each file. A file that is not TOML is left out, and each of its lines that is none is a problem with its place.
pub(super) fn parse(sources: &[Source]) -> (Vec<(&Source, Document<&str>)>, Vec<Problem>) {
    let mut tables = Vec::new();
    let mut problems = Vec::new();
    for source in sources {
        match Document::parse(source.text.as_str()) {
            Ok(document) => tables.push((source, document)),
            Err(error) => problems.extend(without(source, error).problems),
        }
    }
    (tables, problems)
}

/// Takes what is not TOML out of files which can be read without it; tells of each place, and which tables are not whole.
pub(super) fn mend(sources: &mut Vec<Source>) -> (Vec<Problem>, Vec<Gap>) {
    let (mut problems, mut gaps) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(source) = sources.get_mut(at) {
        at += 1;
        let Err(error) = Document::parse(source.text.as_str()) else { continue };
        let found = without(source, error);
        let Some(text) = found.text else { continue };
        problems.extend(found.problems);
        gaps.extend(found.gaps.into_iter().map(|lines| Gap { source: source.name.clone(), lines }));
        let apart = found.apart.into_iter().map(|text| Source { name: source.name.clone(), text }).collect::<Vec<_>>();
        source.text = text;
        // Looked at in their turn.
        sources.splice(at..at, apart);
    }
    (problems, gaps)
}

/// What was found in a file that is not TOML.
#[derive(Default)]
struct Found {
    /// The first mistake, and those behind it.
    problems: Vec<Problem>,
    /// The file without them, where that is TOML.
    text: Option<String>,
    /// Tables to be read by themselves, each at its place in an else empty text.
    apart: Vec<String>,
    /// Lines of tables of which something was taken out.
    gaps: Vec<Range<usize>>,
}

fn without(source: &Source, mut error: TomlError) -> Found {
    let mut lines: Vec<String> = source.text.split('\n').map(str::to_owned).collect();
    let (mut left, mut found) = (Source { name: source.name.clone(), text: source.text.clone() }, Found::default());
    while found.problems.len() < PROBLEMS_MAX {
        let at = error.span().map_or(0, |span| span.start);
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        let hint = if what.starts_with("duplicate") { TWICE_HINT } else { HINT };
        found.problems.push(Problem::new(what).at(left.place(at)).hint(hint));
        let Some(before) = left.text.get(..at) else { break };
        take_out(&mut lines, before.matches('\n').count(), &mut found);
        left.text = lines.join("\n");
        match Document::parse(left.text.as_str()) {
            Err(next) => error = next,
            Ok(_) => {
                found.text = Some(left.text);
                break;
            }
        }
    }
    found
}

/// Takes the mistake that was found at a line out of the lines.
fn take_out(lines: &mut [String], at: usize, found: &mut Found) {
    let Some(line) = lines.get(at) else { return };
    if line.trim_start().starts_with('[') && !is_in_list(lines, at) {
        match head(line) {
            Some(right) if right != line.trim() => {
                if let Some(line) = lines.get_mut(at) {
                    *line = right;
                }
            }
            Some(_) => found.apart.push(cut(lines, at, end_of_table(lines, at))),
            None => drop(cut(lines, at, end_of_table(lines, at))),
        }
        return;
    }
    let (begin, end) = around(lines, at).unwrap_or_else(|| (at, value(lines, at).end.max(at + 1)));
    let head = (0..begin).rev().find(|line| is_head(lines, *line)).unwrap_or(0);
    cut(lines, begin, end);
    found.gaps.push(head + 1..end_of_table(lines, head) + 1);
}

/// Moves lines into a text in which they stand at their place, and leaves blank ones.
fn cut(lines: &mut [String], begin: usize, end: usize) -> String {
    let taken = lines.iter_mut().take(end).skip(begin).map(std::mem::take).collect::<Vec<_>>();
    "\n".repeat(begin) + &taken.join("\n")
}

/// Whether a line that begins like the head of a table is part of a list: the line before it that says something ends in
/// an open bracket or a comma.
fn is_in_list(lines: &[String], at: usize) -> bool {
    let said =
        lines.iter().take(at).rev().map(|line| line.trim()).find(|line| !line.is_empty() && !line.starts_with('#'));
    said.is_some_and(|line| line.ends_with(['[', ',']))
}

/// The head of a table as it should be: its name in as many brackets as it has on one side at least.
fn head(line: &str) -> Option<String> {
    let line = line.trim();
    let inner = line.trim_start_matches('[').trim_start();
    let name = inner.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))).next()?;
    let name = name.trim_matches('.');
    let double = line.starts_with("[[") || line.contains("]]");
    match (name, double) {
        ("", _) => None,
        (_, true) => Some(format!("[[{name}]]")),
        (_, false) => Some(format!("[{name}]")),
    }
}

fn line_at(lines: &[String], at: usize) -> &str {
    lines.get(at).map_or("", String::as_str)
}

/// Whether a line is the head of a table, maybe with mistakes in it.
fn is_head(lines: &[String], at: usize) -> bool {
    let line = line_at(lines, at).trim_start();
    line.starts_with('[') && !line.contains(['"', '\'', '=', ',']) && head(line).is_some() && !is_in_list(lines, at)
}

/// Whether a name and its value begin in a line.
fn is_begin(line: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '\t');
    line.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty() && name.chars().all(is_name))
}

/// The lines of the value of several lines that a line is part of, or that should have ended before it.
fn around(lines: &[String], at: usize) -> Option<(usize, usize)> {
    let before = (0..at).rev().take_while(|line| !is_head(lines, *line));
    let long = before.filter(|line| is_begin(line_at(lines, *line))).map(|line| (line, value(lines, line)));
    let (begin, Value { end, is_closed, .. }) = long.into_iter().find(|(_, value)| value.is_long)?;
    (end > at || end == at && !is_closed).then_some((begin, end))
}

/// A value that begins in some line.
struct Value {
    /// The line behind it: behind the one that closes it, and where none does, the next that begins another or a table.
    end: usize,
    is_long: bool,
    is_closed: bool,
}

/// The value that begins in a line.
fn value(lines: &[String], begin: usize) -> Value {
    let first = line_at(lines, begin).split_once('=').map_or("", |(_, value)| value.trim());
    let quote = TEXTS.iter().find(|quote| first.starts_with(**quote));
    let is_long = quote.is_some() || first.starts_with(['[', '{']);
    if !is_long {
        return Value { end: begin + 1, is_long, is_closed: true };
    }
    let mut open = 0;
    let mut closes = |line: &str| {
        open += depth(line);
        open <= 0
    };
    let mut closed = None;
    let mut next = lines.len();
    for (at, line) in lines.iter().enumerate().skip(begin) {
        let line = if at == begin { first } else { line };
        let is_end = match quote {
            // What a text says may look like anything.
            Some(quote) => {
                line.get(if at == begin { quote.len() } else { 0 }..).is_some_and(|rest| rest.contains(quote))
            }
            None => closes(line),
        };
        if is_end {
            closed = Some(at + 1);
            break;
        }
        if at > begin && next == lines.len() && (is_begin(line) || is_head(lines, at)) {
            next = at;
            if quote.is_none() {
                break;
            }
        }
    }
    Value { end: closed.unwrap_or(next), is_long, is_closed: closed.is_some() }
}

/// How many brackets a line opens more than it closes; those in texts and notes do not count.
fn depth(line: &str) -> i64 {
    let (mut depth, mut within) = (0, None);
    for c in line.chars() {
        match (within, c) {
            (Some(quote), _) if c == quote => within = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => within = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, '#') => break,
            (None, _) => {}
        }
    }
    depth
}

/// The line in which the next table begins.
fn end_of_table(lines: &[String], head: usize) -> usize {
    (head + 1..lines.len()).find(|at| is_head(lines, *at)).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places told, and what is left to be read.
    fn read(text: &str) -> (Vec<String>, Option<String>) {
        let mut sources = vec![Source { name: "a".into(), text: text.into() }];
        let (mut problems, gaps) = mend(&mut sources);
        assert!(gaps.iter().all(|gap| gap.lines.start < gap.lines.end), "{gaps:?}");
        let (tables, more) = parse(&sources);
        problems.extend(more);
        let places = problems.iter().map(|problem| problem.place.clone()).collect();
        let words = sources.iter().flat_map(|source| source.text.split_whitespace()).collect::<Vec<_>>().join(" ");
        (places, Some(words).filter(|_| tables.len() == sources.len()))
    }

    fn check(text: &str, places: &[&str], left: &str) {
        let (found, rest) = read(text);
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), rest.as_deref()),
            (places.to_vec(), Some(left)),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_toml_is_told_and_the_rest_is_read() {
        check("[site\nname = 'x'\n[[feed]\nname = 'y'\n", &["a:1:6", "a:3:8"], "[site] name = 'x' [[feed]] name = 'y'");
        check("[feed]]\na = 1\n[.]\nb = 2\n[c]\nd = 3", &["a:1:7", "a:3:2"], "[[feed]] a = 1 [c] d = 3");
        check("[site] name\na = 1\nb = \n", &["a:1:8", "a:3:5"], "[site] a = 1");
        // A list with a comma too few, one that is never closed, and one of lists.
        check("a = [\n 'x'\n 'y'\n]\nb = 1\n", &["a:3:2"], "b = 1");
        check("a = [\n 'x',\nb = 1\n[c]\nd = e\nf = 2\n", &["a:3:3", "a:5:5"], "b = 1 [c] f = 2");
        check("a = [\n ['x', 'y'],\n [z],\n]\nb = 1\n", &["a:3:3"], "b = 1");
        check("a = [\n ['x'],\n [z]\n]\nb = 1\n", &["a:3:3"], "b = 1");
        check("a = [ # [\n '[',\n z]\nb = 1\n", &["a:3:2"], "b = 1");
        // Texts of several lines.
        check("a = \"\"\"\nb = \\q\n\"\"\"\nc = 3\n", &["a:2:6"], "c = 3");
        check("a = {x = 1\nb = 2\n", &["a:2:1"], "b = 2");
        // What is there twice is read by itself.
        check("[site]\na = 1\n[feed]\n[site]\nb = x\nc = 2\n", &["a:4:2", "a:5:5"], "[site] a = 1 [feed] [site] c = 2");
    }

    #[test]
    fn a_file_of_another_kind_is_told_and_left_out() {
        let (places, left) = read(&"<p>what = this\n".repeat(50));
        assert_eq!((places.len(), left), (PROBLEMS_MAX, None));
    }
}
