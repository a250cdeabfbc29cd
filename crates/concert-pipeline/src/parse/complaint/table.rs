//! Tables whose head names the sides: `source ip;destination ip;port;time`. The rows are told in the words of log
//! lines, which the rest of the parser understands.

use super::wrap::is_address;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Source,
    Target,
    SourcePort,
    TargetPort,
    Other,
}

/// The head of a table.
#[derive(Debug)]
pub(super) struct Table {
    separator: char,
    columns: Vec<Column>,
}

const SEPARATORS: [char; 4] = [';', '\t', '|', ','];
const SOURCES: &[&str] = &[
    "source",
    "src",
    "s",
    "from",
    "attacker",
    "attacking",
    "offender",
    "client",
    "quell",
    "quelle",
    "von",
    "angreifer",
];
const TARGETS: &[&str] =
    &["destination", "dest", "dst", "d", "to", "target", "victim", "attacked", "ziel", "nach", "opfer"];
/// Most columns of a table.
const COLUMNS_MAX: usize = 64;

impl Table {
    /// Reads a line as the head of a table. `None` where it is none, or names no side.
    pub(super) fn head(line: &str) -> Option<Self> {
        let separator = SEPARATORS.into_iter().find(|sign| line.contains(*sign))?;
        if line.split(separator).any(|cell| cell.split_whitespace().any(is_address)) {
            return None;
        }
        let columns: Vec<Column> = line.split(separator).take(COLUMNS_MAX).map(column).collect();
        let names_side = columns.iter().any(|column| matches!(column, Column::Source | Column::Target));
        (names_side && columns.len() > 1).then_some(Self { separator, columns })
    }

    /// Whether a line can be of this table.
    pub(super) fn goes_on(&self, line: &str) -> bool {
        line.contains(self.separator)
    }

    /// A row in the words of log lines: `src=192.0.2.1 dst=198.51.100.1 DPT=22`, and then what else is in it.
    pub(super) fn row(&self, line: &str) -> String {
        let cells: Vec<&str> = line.split(self.separator).collect();
        let (mut told, mut others) = (String::with_capacity(line.len() + 16), String::new());
        for (wanted, word) in [
            (Column::Source, " src="),
            (Column::Target, " dst="),
            (Column::SourcePort, " SPT="),
            (Column::TargetPort, " DPT="),
        ] {
            for cell in cells.iter().zip(&self.columns).filter(|(_, column)| **column == wanted).map(|(cell, _)| cell) {
                let cell = plain(cell);
                if !cell.is_empty() {
                    told.extend([word, cell]);
                }
            }
        }
        for (at, cell) in cells.iter().enumerate() {
            if self.columns.get(at).is_none_or(|column| *column == Column::Other) {
                others.extend([" ; ", plain(cell)]);
            }
        }
        told + &others
    }
}

fn plain(cell: &str) -> &str {
    cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
}

/// What the name of a column says: `Source IP`, `src_port`, `Ziel-Adresse`.
fn column(name: &str) -> Column {
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(40).collect();
    if let Some(side) = ["port", "pt"].iter().find_map(|end| name.strip_suffix(end)) {
        return match side {
            _ if SOURCES.contains(&side) => Column::SourcePort,
            _ if side.is_empty() || TARGETS.contains(&side) => Column::TargetPort,
            _ => Column::Other,
        };
    }
    let side = ["ipaddress", "ipadresse", "address", "adresse", "addr", "ips", "ip", "host", "rechner"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    let side = side.strip_prefix("ip").unwrap_or(side);
    match side {
        // One letter says a side only before what it is of: `dport`.
        _ if side.len() < 2 => Column::Other,
        _ if SOURCES.contains(&side) => Column::Source,
        _ if TARGETS.contains(&side) => Column::Target,
        _ => Column::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_table_say_the_sides_that_its_head_names() {
        let check = |head: &str, row: &str, want: &str| {
            let table = Table::head(head).unwrap();
            assert!(table.row(row).starts_with(want), "{head}: {}", table.row(row));
        };
        let want = " src=192.0.2.1 dst=198.51.100.1 DPT=22";
        check("source ip;destination ip;port;time", "192.0.2.1;198.51.100.1;22;", want);
        check("time,src,dst,dport", ",192.0.2.1,198.51.100.1,22", want);
        check("| Attacker | Victim | Port |", "| 192.0.2.1 | 198.51.100.1 | 22 |", want);
        check("Ziel-IP\tQuell-IP\tZielport", "198.51.100.1\t192.0.2.1\t22", want);
        check("Quelle;Ziel;Port", "\"192.0.2.1\";\"198.51.100.1\";22", want);
        check("dst_port;source address;src_port", "22;192.0.2.1;4242", " src=192.0.2.1 SPT=4242 DPT=22");
    }

    #[test]
    fn a_sentence_is_no_head_of_a_table() {
        for line in ["Dear team, your host attacks", "time;ip;port", "source", "d;s", "Attacker\t192.0.2.1", ""] {
            assert!(Table::head(line).is_none(), "{line}");
        }
    }
}
