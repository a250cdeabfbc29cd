//! `concert sql`: the installed DuckDB over the event files, as the views `events` and `repeats`.
//!
//! `events` has every field of the data format, `event.id`, `report.id` and `problem` as text, `line`,
//! `batch`, `row`, and `extra` as one JSON text. Times are in UTC. `duplicate.count` and `time.last_seen` are
//! what `concert events` says: how often an event came, and when last. `repeats` has a row for each time that an
//! event came again. DuckDB is not part of Concert: the program `duckdb` is used, else the
//! Python module of that name.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use concert_model::field::Kind;
use concert_model::{Field, Problem};
use concert_store::upkeep::Folder;

use super::SiteArg;
use crate::print::{AllRows, Cells, Format, Out, format_or_default};
use crate::problems::{Exit, Failure, outside};

/// Ask the event files anything, in SQL, with the installed DuckDB. Names with dots are written in
/// double quotes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert sql 'SELECT \"source.asn\", count(*) FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10'\n  concert sql --print-view > view.sql"
)]
pub(super) struct Args {
    /// The query.
    #[arg(required_unless_present = "print_view")]
    query: Option<String>,
    /// Print the SQL that makes the view, for use in other programs. Events that are not in files yet
    /// are not in it, and files go away when they are merged.
    #[arg(long, conflicts_with = "query")]
    print_view: bool,
    #[command(flatten)]
    rows: AllRows,
}

/// Said by the Python below when it has no DuckDB.
const NO_MODULE: i32 = 86;
/// Arguments: file with the view, query, format.
const PYTHON: &str = "
import sys
try:
    import duckdb
except ImportError:
    sys.exit(86)
view, query, form = sys.argv[1:]
query = query.strip().rstrip(';')
try:
    db = duckdb.connect()
    db.execute(open(view).read())
    if form == 'table':
        answer = db.sql(query)
        if answer is not None:
            print(answer)
    else:
        how = {'csv': 'FORMAT csv, HEADER true', 'json': 'FORMAT json, ARRAY true', 'ndjson': 'FORMAT json'}[form]
        db.execute(f\"COPY ({query}) TO '/dev/stdout' ({how})\")
except duckdb.Error as error:
    sys.exit(str(error))
";

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let runtime = super::runtime()?;
    let store = runtime.block_on(super::events::open(site))?;
    let Some(query) = &args.query else {
        let files = |kind| {
            let segments = runtime.block_on(store.segments(kind, 0))?;
            Ok::<_, Problem>(segments.iter().map(|segment| store.data().join(&segment.path)).collect::<Vec<_>>())
        };
        let (events, sightings) = (files("events")?, files("sightings")?);
        let mut out = Out::stdout();
        out.write(b"-- The newest events may not be in files yet and then are not in this view.\n")?;
        out.write(view(&events, &sightings).as_bytes())?;
        out.finish()?;
        return Ok(Exit::Done);
    };
    let folder = Folder::new(store.data()).map_err(|error| outside("no temporary folder can be made", &error))?;
    let files = runtime.block_on(store.export_files(folder.path()))?;
    let events = held_still(folder.path(), "events", files.events);
    let sightings = held_still(folder.path(), "repeats", files.sightings);
    let view_file = folder.path().join("view.sql");
    std::fs::write(&view_file, view(&events, &sightings)).map_err(|error| outside(view_file.display(), &error))?;
    let format = format_or_default(args.rows.format);
    let code = match ask_program(&view_file, query, format)? {
        Some(code) => Some(code),
        None => ask_python(&view_file, query, format)?.filter(|code| *code != NO_MODULE),
    };
    match code {
        Some(0) => Ok(Exit::Done),
        // DuckDB has said on standard error what was wrong.
        Some(_) => Ok(Exit::Usage),
        None => Err(Failure::outside(
            Problem::new("DuckDB is not installed")
                .hint("put the program `duckdb` (https://duckdb.org) on the PATH, or `pip install duckdb`"),
        )),
    }
}

/// Gives every file a second name, under which it stays for as long as the query runs, even when it is
/// merged with others meanwhile. Where that cannot be, the file itself must do.
fn held_still(folder: &Path, kind: &str, files: Vec<PathBuf>) -> Vec<PathBuf> {
    let held = |(number, file): (usize, PathBuf)| {
        let link = folder.join(format!("{kind}-{number}.parquet"));
        let linked =
            std::fs::hard_link(&file, &link).or_else(|_| std::fs::hard_link(file.with_extension("parquet.old"), &link));
        if linked.is_ok() { link } else { file }
    };
    files.into_iter().enumerate().map(held).collect()
}

/// SQL that makes the views: `events` with every field there is, whatever the files hold, and `repeats`.
fn view(events: &[PathBuf], sightings: &[PathBuf]) -> String {
    let mut columns: Vec<String> = ["event.id", "report.id", "problem"].map(|name| column(name, "BLOB")).to_vec();
    columns.extend(["line", "batch", "row"].map(|name| column(name, "BIGINT")));
    columns.extend(Field::all().map(|field| column(field.name(), kind(field.kind()))));
    columns.push(column("extra", "VARCHAR"));
    let rows = rows(&columns, events);
    let ids = |names: &[&str]| {
        names.iter().map(|name| format!("lower(hex({0})) AS {0}", quoted(name))).collect::<Vec<_>>().join(", ")
    };
    let all = ids(&["event.id", "report.id", "problem"]);
    let zone = "SET TimeZone = 'UTC';\n";
    let again: Vec<String> = [column("problem", "BLOB"), column("first", "TIMESTAMPTZ")]
        .into_iter()
        .chain([column("time.source", "TIMESTAMPTZ"), column("report.id", "BLOB"), column("batch", "BIGINT")])
        .collect();
    let again = self::rows(&again, sightings);
    let of_repeats = format!(
        "CREATE VIEW repeats AS SELECT problem, first, \"time.source\", \"report.id\" FROM (\n  \
         SELECT * REPLACE ({}) FROM (\n  {again}));\n",
        ids(&["problem", "report.id"])
    );
    // Questions need not pay for repeats where there are none.
    if sightings.is_empty() {
        return format!("{zone}{of_repeats}CREATE VIEW events AS SELECT * REPLACE ({all}) FROM (\n  {rows});\n");
    }
    // As `concert events` joins them: by the problem, and the second of the event that came first.
    let all = ["event.id", "report.id", "problem"].map(|name| format!("lower(hex(event.{0})) AS {0}", quoted(name)));
    format!(
        "{zone}{of_repeats}CREATE VIEW events AS SELECT event.* REPLACE ({},\n    \
         coalesce(again.times + 1, event.\"duplicate.count\") AS \"duplicate.count\",\n    \
         coalesce(again.last, event.\"time.last_seen\") AS \"time.last_seen\")\n  FROM (\n  {rows}) AS event\n  \
         LEFT JOIN (SELECT problem, date_trunc('second', first) AS first, count(*) AS times, \
         max(\"time.source\") AS last\n    FROM ({again}) GROUP BY ALL) AS again\n  \
         ON again.problem = event.problem AND again.first = date_trunc('second', \
         coalesce(event.\"time.source\", event.\"time.observation\", to_timestamp(0)));\n",
        all.join(", ")
    )
}

/// All rows of these files, with the columns that must be there.
fn rows(columns: &[String], files: &[PathBuf]) -> String {
    let mut rows = format!("SELECT {} WHERE false", columns.join(", "));
    if !files.is_empty() {
        let files: Vec<String> = files.iter().map(|file| text(&file.display().to_string())).collect();
        rows.push_str("\n  UNION ALL BY NAME SELECT * FROM read_parquet([\n    ");
        rows.push_str(&files.join(",\n    "));
        rows.push_str("], union_by_name = true)");
    }
    rows
}

fn column(name: &str, kind: &str) -> String {
    format!("NULL::{kind} AS {}", quoted(name))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Int | Kind::Port | Kind::Asn => "BIGINT",
        Kind::Float | Kind::Percent => "DOUBLE",
        Kind::Bool => "BOOLEAN",
        Kind::Time => "TIMESTAMPTZ",
        _ => "VARCHAR",
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Asks the program `duckdb`. `None` when there is none.
fn ask_program(view: &Path, query: &str, format: Format) -> Result<Option<i32>, Failure> {
    let mode = match format {
        Format::Table => "-box",
        Format::Json => "-json",
        Format::Ndjson => "-jsonlines",
        Format::Csv => "-csv",
    };
    // The view comes as a file, because it may be longer than an argument can be; the person's own
    // settings of the program are left out.
    let read_view = format!(".read {}", text(&view.display().to_string()));
    let mut command = Command::new("duckdb");
    command.args(["-init", "/dev/null", "-cmd", &read_view, mode]);
    if format == Format::Csv {
        command.args(["-nullvalue", ""]);
    }
    ask(command.args(["-c", query]), format)
}

/// Asks the Python module `duckdb`. `None` when there is no Python.
fn ask_python(view: &Path, query: &str, format: Format) -> Result<Option<i32>, Failure> {
    let form = match format {
        Format::Table => "table",
        Format::Json => "json",
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
    };
    let arguments = ["-c".as_ref(), PYTHON.as_ref(), view.as_os_str(), query.as_ref(), form.as_ref()];
    ask(Command::new("python3").args(arguments), format)
}

/// Runs a program, whose output goes to ours, and gives its exit code. In CSV no cell is left that a spreadsheet runs.
fn ask(command: &mut Command, format: Format) -> Result<Option<i32>, Failure> {
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(outside("DuckDB cannot be started", &error)),
    };
    let mut out = Out::stdout();
    if let Some(mut answer) = child.stdout.take() {
        let mut block = vec![0u8; 64 * 1024];
        let (mut cells, mut harmless) = (Cells::default(), Vec::new());
        while !out.is_closed() {
            let count = answer.read(&mut block).map_err(|error| outside("the answer cannot be read", &error))?;
            let read = block.get(..count).unwrap_or_default();
            if format == Format::Csv {
                harmless.clear();
                if read.is_empty() {
                    cells.finish(&mut harmless)
                } else {
                    cells.take(read, &mut harmless)
                }
                out.write(&harmless)?;
            } else {
                out.write(read)?;
            }
            if count == 0 {
                break;
            }
        }
    }
    out.finish()?;
    // With nobody to read, DuckDB ends at its next line, which is no mistake.
    let closed = out.is_closed();
    let ended = child.wait().map_err(|error| outside("DuckDB did not end", &error))?;
    Ok(Some(if closed { 0 } else { ended.code().unwrap_or(1) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_cannot_leave_their_quotes() {
        let sql = view(&[PathBuf::from("/srv/o'brien/1.parquet")], &[]);
        assert!(sql.contains("'/srv/o''brien/1.parquet'"), "{sql}");
        assert!(sql.contains("NULL::BIGINT AS \"source.asn\""), "{sql}");
        assert!(!view(&[], &[]).contains("read_parquet") && !view(&[], &[]).contains("JOIN"));
        assert!(view(&[], &[PathBuf::from("/srv/1.parquet")]).contains("JOIN"));
    }
}
