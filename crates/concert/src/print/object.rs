//! One thing with what is known of it: a line for each field, and lists of rows below.

use std::io::{BufWriter, StdoutLock};

use serde_json::{Map, Value};

use super::table::visible;
use super::{Format, Out, Table, plain};
use crate::problems::Failure;

/// Rows that belong to a thing.
pub struct List {
    /// What they are.
    pub name: &'static str,
    /// Their columns.
    pub columns: &'static [&'static str],
    /// The rows, their values in the order of the columns.
    pub rows: Vec<Vec<Value>>,
}

impl List {
    fn objects(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let members = self.columns.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value.clone()));
            Value::Object(members.collect())
        };
        self.rows.iter().map(object).collect()
    }
}

/// Prints a thing: one object for programs, lines for people. CSV has its fields alone.
pub fn print_object(format: Format, fields: &[(&str, Value)], lists: &[List]) -> Result<(), Failure> {
    match format {
        Format::Table => print_lines(fields, lists),
        Format::Csv => {
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            let values: Vec<Value> = fields.iter().map(|(_, value)| value.clone()).collect();
            let mut table = Table::new(Out::stdout(), format, 0, &names);
            table.row(&values)?;
            table.finish()
        }
        Format::Json | Format::Ndjson => {
            let object = object(fields, lists);
            let text = if format == Format::Json { format!("{object:#}\n") } else { format!("{object}\n") };
            let mut out = Out::stdout();
            out.write(super::visible(&text).as_bytes())?;
            out.finish()
        }
    }
}

/// A thing as one object.
pub fn object(fields: &[(&str, Value)], lists: &[List]) -> Value {
    let mut object: Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    object.extend(lists.iter().map(|list| (list.name.to_owned(), list.objects())));
    Value::Object(object)
}

fn print_lines(fields: &[(&str, Value)], lists: &[List]) -> Result<(), Failure> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out: Out<BufWriter<StdoutLock<'static>>> = Out::stdout();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let text = plain(value);
        // A text of several lines stands below its name.
        if text.trim_end().contains('\n') {
            out.write(format!("{name}\n").as_bytes())?;
            for line in text.trim_end().lines() {
                out.write(format!("  {}\n", visible(line)).as_bytes())?;
            }
        } else {
            out.write(format!("{name:width$}  {}\n", visible(&text)).as_bytes())?;
        }
    }
    out.finish()?;
    drop(out);
    for list in lists.iter().filter(|list| !list.rows.is_empty()) {
        let mut out = Out::stdout();
        out.write(format!("\n{}\n", list.name.replace('_', " ")).as_bytes())?;
        let mut table = Table::new(out, Format::Table, 0, list.columns);
        for row in &list.rows {
            table.row(row)?;
        }
        table.finish()?;
    }
    Ok(())
}
