//! Printing: what was asked for goes to standard output, as a table for people or as rows for programs.
//!
//! Rows are written as they come, so a list may be as long as it likes. Text from outside is escaped
//! by each form: control characters never reach a terminal, cells never begin a spreadsheet formula.
//! A reader that closes the pipe (`| head`) ends the printing without an error.

mod age;
mod cells;
mod object;
mod table;

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use concert_model::json::write_string;
use concert_model::sheet::is_formula;
use serde_json::{Value, json};

use crate::problems::{Failure, outside};
use crate::wire;

pub use age::{age, span};
pub use cells::Cells;
pub use object::{List, object, print_object};

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns, for people.
    Table,
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// Comma-separated, with a header.
    Csv,
}

/// `--format` and `--limit`, for commands that print lists: so many rows, unless another limit is given.
#[derive(clap::Args, Clone, Debug)]
pub struct Rows<const MOST: usize = 100> {
    /// How rows are printed [default: table on a terminal, ndjson otherwise].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Most rows to print; 0 for all.
    #[arg(long, value_name = "N", default_value_t = MOST)]
    pub limit: usize,
}

/// `--format` alone, for commands that always print all they have.
#[derive(clap::Args, Clone, Debug)]
pub struct AllRows {
    /// How rows are printed [default: table on a terminal, ndjson otherwise].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
}

/// `--format` alone, for commands that tell people in words, also into a pipe.
#[derive(clap::Args, Clone, Debug)]
pub struct ToldRows {
    /// How it is told: json, ndjson and csv give rows [default: as text for people, also into a pipe].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

impl ToldRows {
    /// The rows that are asked for.
    pub fn rows(&self) -> AllRows {
        AllRows { format: self.format }
    }
}

/// Rows with a limit that does not hold unless it is given.
pub type LongRows = Rows<0>;

impl<const MOST: usize> Rows<MOST> {
    /// A table with these columns.
    pub fn table(&self, columns: &[&str]) -> Table<BufWriter<io::StdoutLock<'static>>> {
        Table::new(Out::stdout(), format_or_default(self.format), self.limit, columns)
    }
}

impl AllRows {
    /// A table with these columns.
    pub fn table(&self, columns: &[&str]) -> Table<BufWriter<io::StdoutLock<'static>>> {
        Table::new(Out::stdout(), format_or_default(self.format), 0, columns)
    }
}

/// Whether what is told on standard error is told as objects, as the log is.
static TELLS_OBJECTS: AtomicBool = AtomicBool::new(false);

/// Tells on standard error as objects from now on.
pub fn tell_objects() {
    TELLS_OBJECTS.store(true, Ordering::Relaxed);
}

/// Tells whoever asked something on standard error, beside the rows. A closed standard error leaves nobody to tell.
pub fn say(text: &str) {
    told(text).ok();
}

fn told(text: &str) -> io::Result<()> {
    let text = text.trim_end_matches('\n');
    let mut err = io::stderr().lock();
    if !TELLS_OBJECTS.load(Ordering::Relaxed) {
        return writeln!(err, "{text}");
    }
    let line = json!({"timestamp": wire::now().to_string(), "level": "INFO", "fields": {"message": text}});
    writeln!(err, "{line}")
}

/// The same; the error says that nobody can be told.
pub fn note(line: &str) -> Result<(), Failure> {
    told(line).map_err(|error| outside("standard error cannot be written", &error))
}

/// Says on standard error that there is more than was shown.
pub fn tell_cut(limit: usize) {
    say(&cut_words(limit));
}

fn cut_words(limit: usize) -> String {
    let first = if limit == 1 { "first is".to_owned() } else { format!("first {limit} are") };
    format!("only the {first} shown; --limit 0 shows all")
}

/// The format asked for, else the one that suits standard output.
pub fn format_or_default(format: Option<Format>) -> Format {
    format.unwrap_or(if io::stdout().is_terminal() { Format::Table } else { Format::Ndjson })
}

/// Somewhere to print to, until nobody reads any more.
pub struct Out<W: Write> {
    writer: W,
    closed: bool,
}

impl Out<BufWriter<io::StdoutLock<'static>>> {
    /// Standard output.
    pub fn stdout() -> Self {
        Self::new(BufWriter::with_capacity(64 * 1024, io::stdout().lock()))
    }
}

impl<W: Write> Out<W> {
    /// Prints to this writer.
    pub fn new(writer: W) -> Self {
        Self { writer, closed: false }
    }

    /// Prints some bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let result = self.writer.write_all(bytes);
        self.check(result)
    }

    /// Whether the reader went away, so that there is no use in going on.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Prints what is still held back.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let result = self.writer.flush();
        self.check(result)
    }

    fn check(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(outside("the output cannot be written", &error)),
        }
    }
}

/// Prints rows under columns.
pub struct Table<W: Write> {
    out: Out<W>,
    format: Format,
    limit: usize,
    columns: Vec<String>,
    rows: usize,
    aligned: table::Aligned,
    when_empty: &'static str,
}

impl<W: Write> Table<W> {
    /// A table with these columns. A limit of 0 means all rows.
    pub fn new(out: Out<W>, format: Format, limit: usize, columns: &[&str]) -> Self {
        let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        let aligned = table::Aligned::new(&columns);
        Self { out, format, limit, columns, rows: 0, aligned, when_empty: "" }
    }

    /// What people are told on standard error where there is no row: that this is no mistake, and what to do next.
    #[must_use]
    pub fn when_empty(self, when_empty: &'static str) -> Self {
        Self { when_empty, ..self }
    }

    /// Prints a row, its values in the order of the columns. Says whether more rows are wanted.
    pub fn row(&mut self, values: &[Value]) -> Result<bool, Failure> {
        if self.limit != 0 && self.rows >= self.limit {
            self.rows += 1;
            return Ok(false);
        }
        self.rows += 1;
        let mut text = Vec::new();
        match self.format {
            Format::Table => self.aligned.row(values, &mut text),
            Format::Ndjson => {
                write_object(&self.columns, values, &mut text);
                text.push(b'\n');
            }
            Format::Json => {
                text.extend_from_slice(if self.rows == 1 { b"[\n  " } else { b",\n  " });
                write_object(&self.columns, values, &mut text);
            }
            Format::Csv => {
                if self.rows == 1 {
                    write_header(&self.columns, &mut text);
                }
                write_record(values, &mut text);
            }
        }
        self.out.write(&text)?;
        Ok(!self.out.is_closed())
    }

    /// Ends the table. Says on standard error when rows were left out.
    pub fn finish(mut self) -> Result<(), Failure> {
        let mut text = Vec::new();
        match self.format {
            Format::Table => self.aligned.finish(&mut text),
            Format::Json => text.extend_from_slice(if self.rows == 0 { b"[]\n" } else { b"\n]\n" }),
            Format::Csv if self.rows == 0 => write_header(&self.columns, &mut text),
            Format::Csv | Format::Ndjson => {}
        }
        self.out.write(&text)?;
        self.out.finish()?;
        if self.limit != 0 && self.rows > self.limit && !self.out.is_closed() {
            tell_cut(self.limit);
        }
        if self.rows == 0 && self.format == Format::Table && !self.when_empty.is_empty() {
            note(self.when_empty)?;
        }
        Ok(())
    }
}

/// JSON in which nothing hides: what a terminal would not show, or would let run the other way, is escaped. For programs
/// it says the same.
fn visible(json: &str) -> Cow<'_, str> {
    let hides = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if json.is_ascii() && !json.contains('\u{7f}') || !json.contains(hides) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match hides(c) {
            true => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => text.push(c),
        }
    }
    Cow::Owned(text)
}

fn write_object(columns: &[String], values: &[Value], text: &mut Vec<u8>) {
    text.push(b'{');
    for (index, (column, value)) in columns.iter().zip(values).enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_string(column, text);
        text.push(b':');
        text.extend_from_slice(visible(&value.to_string()).as_bytes());
    }
    text.push(b'}');
}

fn write_header(columns: &[String], text: &mut Vec<u8>) {
    let values: Vec<Value> = columns.iter().map(|column| Value::String(column.clone())).collect();
    write_record(&values, text);
}

fn write_record(values: &[Value], text: &mut Vec<u8>) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_cell(&plain(value), value.is_string(), text);
    }
    text.extend_from_slice(b"\r\n");
}

/// A cell of text that a spreadsheet would run as a formula gets an apostrophe before it.
fn write_cell(cell: &str, is_text: bool, text: &mut Vec<u8>) {
    let formula = is_text && is_formula(cell);
    let quoted = formula || cell.contains([',', ';', '"', '\n', '\r']);
    if quoted {
        text.push(b'"');
    }
    if formula {
        text.push(b'\'');
    }
    text.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
    if quoted {
        text.push(b'"');
    }
}

/// A value as bare text; nothing for `null`.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(format: Format, limit: usize, rows: &[[Value; 2]], want: &str) {
        let mut bytes = Vec::new();
        let mut table = Table::new(Out::new(&mut bytes), format, limit, &["name", "count"]);
        for row in rows {
            table.row(row).unwrap();
        }
        table.finish().unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), want);
    }

    #[test]
    fn one_row_of_several_is_told_as_one() {
        assert_eq!(cut_words(1), "only the first is shown; --limit 0 shows all");
        assert_eq!(cut_words(100), "only the first 100 are shown; --limit 0 shows all");
    }

    #[test]
    fn rows_are_printed_in_every_format() {
        let rows = [[json!("a \"b\", c"), json!(3)], [json!("=1+1"), Value::Null]];
        check(Format::Csv, 0, &rows, "name,count\r\n\"a \"\"b\"\", c\",3\r\n\"'=1+1\",\r\n");
        check(
            Format::Ndjson,
            0,
            &rows,
            "{\"name\":\"a \\\"b\\\", c\",\"count\":3}\n{\"name\":\"=1+1\",\"count\":null}\n",
        );
        check(Format::Json, 1, &rows, "[\n  {\"name\":\"a \\\"b\\\", c\",\"count\":3}\n]\n");
        check(Format::Table, 0, &rows, "name      count\na \"b\", c      3\n=1+1\n");
        check(Format::Json, 0, &[], "[]\n");
        check(Format::Csv, 0, &[], "name,count\r\n");
        check(Format::Table, 0, &[], "");
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_printing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut table = Table::new(Out::new(Gone), Format::Ndjson, 0, &["a"]);
        assert_eq!(table.row(&[json!(1)]), Ok(false));
        assert_eq!(table.finish(), Ok(()));
    }
}
