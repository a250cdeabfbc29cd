//! Constituents as a CSV file, the form in which teams keep and exchange them.
//!
//! Columns in any order, named in the first line: `party`, `asns`, `prefixes`, `domains`, `countries`, `sectors`,
//! `mail`, `language`, `format`, `via`, `schedule`, `time_zone`, `purpose`, `consent`, `openpgp`. Lists are separated
//! by blanks, `;` or commas, in quotation marks where that separates cells (`sheet.rs`). A prefix or domain that begins
//! with `!` is excluded. A party may stand on many lines: what they list is joined, and each line with a mail address
//! adds a contact.

use concert_model::sheet::is_formula;
use concert_model::{Contact, Net, Party, Problem};
use hashbrown::HashMap;

use super::items::{self, Wrong};
use super::sheet::{self, Broken, Sheet};

/// The columns, in the order they are written.
pub const COLUMNS: [&str; 15] = [
    "party",
    "asns",
    "prefixes",
    "domains",
    "countries",
    "sectors",
    "mail",
    "language",
    "format",
    "via",
    "schedule",
    "time_zone",
    "purpose",
    "consent",
    "openpgp",
];
/// Most parties of one file.
pub(super) const PARTIES_MAX: usize = 1_000_000;
/// Most mistakes told of one file.
pub(super) const PROBLEMS_MAX: usize = 1000;

/// What a site says against a contact, beside what holds for all sites.
pub type Against<'a> = &'a dyn Fn(&Contact) -> Vec<Wrong>;

/// Reads a file. Lines with mistakes are told and left out whole; the others count.
pub fn read_csv(name: &str, bytes: &[u8]) -> (Vec<Party>, Vec<Problem>) {
    read_csv_for(name, bytes, &|_| Vec::new())
}

/// The same for a site, against whose contacts something else may speak.
pub fn read_csv_for(name: &str, bytes: &[u8], against: Against<'_>) -> (Vec<Party>, Vec<Problem>) {
    let mut reading = Reading { name, against, problems: Vec::new(), parties: Vec::new(), known: HashMap::new() };
    let bytes = match sheet::narrow(bytes) {
        Ok(bytes) => bytes,
        Err((what, hint)) => {
            reading.problem(1, what, hint);
            return (reading.parties, reading.problems);
        }
    };
    let sheet = Sheet::of(&bytes, &COLUMNS);
    let mut columns: Option<(Vec<Option<usize>>, usize)> = None;
    let broken = sheet.check(&bytes).err();
    sheet.each_record(&bytes, |line, fields| match &columns {
        _ if broken.as_ref().is_some_and(|broken| line >= broken.record) => {}
        None => {
            let fields = filled(fields);
            columns = Some((reading.heading(line, fields), fields.len()));
        }
        Some((columns, count)) => reading.row(line, (columns, *count), filled(fields)),
    });
    if let Some(Broken { line, wrong: (what, hint), .. }) = broken {
        reading.problem(line, what, hint);
    } else if columns.is_none() {
        reading.problem(1, "the file is empty", format!("the first line names the columns: {}", COLUMNS.join(",")));
    }
    (reading.parties, reading.problems)
}

/// Writes parties so that [`read_csv`] gives them back: a line for each contact, lists on the first.
pub fn write_csv(parties: &[Party]) -> String {
    let mut out = COLUMNS.join(",") + "\n";
    for party in parties {
        let with_excluded = |own: Vec<String>, excluded: Vec<String>| {
            let all: Vec<String> = own.into_iter().chain(excluded.into_iter().map(|item| format!("!{item}"))).collect();
            all.join(" ")
        };
        let texts = |nets: &[Net]| nets.iter().map(Net::to_string).collect();
        let lists = [
            party.asns.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
            with_excluded(texts(&party.prefixes), texts(&party.excluded_prefixes)),
            with_excluded(party.domains.clone(), party.excluded_domains.clone()),
            party.countries.join(" "),
            party.sectors.join(" "),
        ];
        let none = Contact::default();
        let contacts = if party.contacts.is_empty() { std::slice::from_ref(&none) } else { party.contacts.as_slice() };
        for (index, contact) in contacts.iter().enumerate() {
            let lists = lists.iter().map(|list| if index == 0 { list.as_str() } else { "" });
            let own: [&str; 9] = [
                &contact.mail,
                &contact.language,
                &contact.format,
                &contact.via,
                &contact.schedule,
                &contact.time_zone,
                &contact.purpose,
                if contact.has_consent { "yes" } else { "" },
                &contact.openpgp,
            ];
            let cells = [party.name.as_str()].into_iter().chain(lists).chain(own);
            out.push_str(&cells.map(cell).collect::<Vec<_>>().join(","));
            out.push('\n');
        }
    }
    out
}

/// What a spreadsheet would run gets a `'` in front, which [`read_csv`] takes away; so does what has one already.
fn cell(text: &str) -> String {
    let mark = if is_formula(text.trim_start_matches('\'')) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{mark}{}\"", text.replace('"', "\"\""));
    }
    format!("{mark}{text}")
}

struct Reading<'a> {
    name: &'a str,
    against: Against<'a>,
    problems: Vec<Problem>,
    parties: Vec<Party>,
    known: HashMap<String, usize>,
}

impl Reading<'_> {
    fn problem(&mut self, line: u64, what: impl Into<String>, hint: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(what).at(format!("{}:{line}", self.name)).hint(hint));
        }
    }

    /// A value that is as it should be; else the mistake is told.
    fn right<T>(&mut self, line: u64, value: Result<T, Wrong>) -> Option<T> {
        value.map_err(|(what, hint)| self.problem(line, what, hint)).ok()
    }

    /// Which field of a record is which column.
    fn heading(&mut self, line: u64, fields: &[String]) -> Vec<Option<usize>> {
        let known = || format!("columns: {}", COLUMNS.join(", "));
        for (at, field) in fields.iter().enumerate() {
            if !COLUMNS.contains(&field.as_str()) {
                let hint = match concert_model::problem::nearest(field, COLUMNS) {
                    Some(near) => format!("did you mean `{near}`? {}", known()),
                    None => known(),
                };
                self.problem(line, format!("unknown column `{}`", field.escape_debug()), hint);
            } else if fields.iter().take(at).any(|other| other == field) {
                self.problem(line, format!("the column `{field}` stands there twice"), "keep one of them");
            }
        }
        let columns: Vec<_> = COLUMNS.iter().map(|name| fields.iter().position(|field| field == name)).collect();
        if columns.first().is_none_or(Option::is_none) {
            self.problem(
                line,
                "there is no column `party`",
                format!("the first line names the columns: {}", COLUMNS.join(",")),
            );
        }
        columns
    }

    /// Takes a record of a file with so many columns.
    fn row(&mut self, line: u64, (columns, count): (&[Option<usize>], usize), fields: &[String]) {
        let text = |column: &str| {
            let at = COLUMNS.iter().position(|name| *name == column).and_then(|at| columns.get(at).copied().flatten());
            at.and_then(|at| fields.get(at)).map_or("", String::as_str)
        };
        if fields.is_empty() {
            return;
        }
        // Without names nothing can be said of rows.
        if columns.first().is_none_or(Option::is_none) {
            return;
        }
        let before = self.problems.len();
        if fields.len() > count {
            let what = format!("there are {} cells, and {count} columns", fields.len());
            return self.problem(
                line,
                what,
                "put a text with commas between quotation marks; separate lists by blanks",
            );
        }
        for name in COLUMNS {
            self.right(line, items::line(name, text(name)));
        }
        if self.problems.len() > before {
            return;
        }
        if text("party").is_empty() {
            return self.problem(line, "the party has no name", "every line names its party in the column `party`");
        }
        let mut row = Party { name: text("party").to_owned(), ..Party::default() };
        for item in listed(text("asns")) {
            row.asns.extend(self.right(line, items::asn(item)));
        }
        for item in listed(text("prefixes")) {
            let excluded = item.strip_prefix('!');
            let list = if excluded.is_some() { &mut row.excluded_prefixes } else { &mut row.prefixes };
            list.extend(self.right(line, items::net(excluded.unwrap_or(item))));
        }
        for item in listed(text("domains")) {
            let excluded = item.strip_prefix('!');
            let list = if excluded.is_some() { &mut row.excluded_domains } else { &mut row.domains };
            list.extend(self.right(line, items::domain(excluded.unwrap_or(item))));
        }
        for item in listed(text("countries")) {
            row.countries.extend(self.right(line, items::country(item)));
        }
        row.sectors = listed(text("sectors")).map(str::to_lowercase).collect();
        let has_consent = match text("consent") {
            "yes" => true,
            "" | "no" => false,
            other => {
                self.problem(
                    line,
                    format!("`{other}` in consent is neither yes nor no"),
                    "write yes, or leave it empty",
                );
                false
            }
        };
        let openpgp = self.right(line, items::fingerprint(text("openpgp"))).unwrap_or_default();
        if !openpgp.is_empty() && text("mail").is_empty() {
            self.problem(line, "there is a key in openpgp and no address in mail", "write both on one line");
        }
        for mail in listed(text("mail")) {
            self.right(line, items::mail(mail));
            let contact = Contact {
                purpose: if text("purpose").is_empty() { "abuse".into() } else { text("purpose").to_owned() },
                mail: mail.to_owned(),
                language: text("language").to_owned(),
                format: text("format").to_owned(),
                via: text("via").to_owned(),
                schedule: text("schedule").to_owned(),
                time_zone: text("time_zone").to_owned(),
                origin: "constituents".into(),
                has_consent,
                openpgp: openpgp.clone(),
                ..Contact::default()
            };
            let against = (self.against)(&contact);
            for (what, hint) in items::wishes(&contact).into_iter().chain(against) {
                self.problem(line, what, hint);
            }
            row.contacts.push(contact);
        }
        if self.problems.len() == before {
            self.join(line, row);
        }
    }

    fn join(&mut self, line: u64, row: Party) {
        if let Some(party) = self.known.get(&row.name).and_then(|at| self.parties.get_mut(*at)) {
            party.asns.extend(row.asns);
            party.prefixes.extend(row.prefixes);
            party.excluded_prefixes.extend(row.excluded_prefixes);
            party.domains.extend(row.domains);
            party.excluded_domains.extend(row.excluded_domains);
            party.countries.extend(row.countries);
            party.sectors.extend(row.sectors);
            party.contacts.extend(row.contacts);
        } else if self.parties.len() >= PARTIES_MAX {
            self.problem(line, format!("there are more than {PARTIES_MAX} parties"), "");
        } else {
            self.known.insert(row.name.clone(), self.parties.len());
            self.parties.push(row);
        }
    }
}

/// The cells of a record without empty ones at its end: a spreadsheet writes as many as its widest line ever had.
fn filled(fields: &[String]) -> &[String] {
    let count = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |at| at + 1);
    fields.get(..count).unwrap_or_default()
}

fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c.is_whitespace() || matches!(c, ';' | ',')).filter(|item| !item.is_empty())
}
