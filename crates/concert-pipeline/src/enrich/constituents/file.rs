//! Constituents as a CSV file, the form in which teams keep and exchange them.
//!
//! Columns in any order, named in the first line: `party`, `asns`, `prefixes`, `domains`, `countries`,
//! `sectors`, `mail`, `language`, `format`, `via`, `schedule`, `time_zone`, `purpose`, `consent`. Lists are
//! separated by blanks or `;`. A prefix or domain that begins with `!` is excluded. A party may stand on many
//! lines: what they list is joined, and each line with a mail address adds a contact.

use concert_model::{Contact, Kind, Net, Party, Problem, Value, host};
use hashbrown::HashMap;

/// The columns, in the order they are written.
pub const COLUMNS: [&str; 14] = [
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
];
/// Most parties of one file.
pub(super) const PARTIES_MAX: usize = 1_000_000;
/// Most mistakes told of one file.
pub(super) const PROBLEMS_MAX: usize = 1000;

/// Reads a file. Lines with mistakes are told and left out whole; the others count.
pub fn read_csv(name: &str, bytes: &[u8]) -> (Vec<Party>, Vec<Problem>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reading = Reading { name, problems: Vec::new(), parties: Vec::new(), known: HashMap::new() };
    let mut columns: Option<Vec<Option<usize>>> = None;
    each_record(bytes, |line, fields| match &columns {
        None => columns = Some(reading.heading(line, fields)),
        Some(columns) => reading.row(line, columns, fields),
    });
    if columns.is_none() {
        reading.problem(1, "the file is empty", "");
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
            let own: [&str; 8] = [
                &contact.mail,
                &contact.language,
                &contact.format,
                &contact.via,
                &contact.schedule,
                &contact.time_zone,
                &contact.purpose,
                if contact.has_consent { "yes" } else { "" },
            ];
            let cells = [party.name.as_str()].into_iter().chain(lists).chain(own);
            out.push_str(&cells.map(cell).collect::<Vec<_>>().join(","));
            out.push('\n');
        }
    }
    out
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Tells each record with the line it begins on. Empty lines are passed over.
fn each_record(bytes: &[u8], mut tell: impl FnMut(u64, &[String])) {
    let mut reader = csv_core::Reader::new();
    let (mut rest, mut out, mut ends) = (bytes, vec![0u8; bytes.len()], vec![0usize; 256]);
    loop {
        let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let line = reader.line() + empty.filter(|byte| **byte == b'\n').count() as u64;
        let (mut written, mut ended) = (0, 0);
        let finished = loop {
            let (result, read, wrote, count) = reader.read_record(
                rest,
                out.get_mut(written..).unwrap_or_default(),
                ends.get_mut(ended..).unwrap_or_default(),
            );
            rest = rest.get(read..).unwrap_or_default();
            written += wrote;
            ended += count;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull => out.resize(out.len() * 2 + 64, 0),
                csv_core::ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                csv_core::ReadRecordResult::Record => break false,
                csv_core::ReadRecordResult::End => break true,
            }
        };
        if finished {
            return;
        }
        let mut start = 0;
        let mut fields = Vec::with_capacity(ended);
        for end in ends.get(..ended).unwrap_or_default() {
            let field = out.get(start..*end).unwrap_or_default();
            fields.push(crate::parse::input::decode(field, None).trim().to_owned());
            start = *end;
        }
        tell(line, &fields);
    }
}

struct Reading<'a> {
    name: &'a str,
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

    /// Which field of a record is which column.
    fn heading(&mut self, line: u64, fields: &[String]) -> Vec<Option<usize>> {
        for field in fields {
            if !COLUMNS.contains(&field.as_str()) {
                let hint = match concert_model::problem::nearest(field, COLUMNS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("columns: {}", COLUMNS.join(", ")),
                };
                self.problem(line, format!("unknown column `{field}`"), hint);
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

    fn row(&mut self, line: u64, columns: &[Option<usize>], fields: &[String]) {
        let text = |column: &str| {
            let at = COLUMNS.iter().position(|name| *name == column).and_then(|at| columns.get(at).copied().flatten());
            at.and_then(|at| fields.get(at)).map_or("", String::as_str)
        };
        if fields.iter().all(String::is_empty) {
            return;
        }
        if text("party").is_empty() {
            return self.problem(line, "the party has no name", "");
        }
        let before = self.problems.len();
        let mut row = Party { name: text("party").to_owned(), ..Party::default() };
        for item in items(text("asns")) {
            match Value::read(Kind::Asn, item, None).ok().and_then(|asn| u32::try_from(asn.as_int()?).ok()) {
                Some(asn) => row.asns.push(asn),
                None => self.problem(line, format!("`{item}` in asns is not an AS number"), ""),
            }
        }
        for item in items(text("prefixes")) {
            let (list, net) = match item.strip_prefix('!') {
                Some(net) => (&mut row.excluded_prefixes, net),
                None => (&mut row.prefixes, item),
            };
            match net.parse::<Net>() {
                Ok(net) => list.push(net),
                Err(why) => self.problem(line, format!("`{item}` in prefixes: {why}"), "write it as 192.0.2.0/24"),
            }
        }
        for item in items(text("domains")) {
            let (list, domain) = match item.strip_prefix('!') {
                Some(domain) => (&mut row.excluded_domains, domain),
                None => (&mut row.domains, item),
            };
            match clean_domain(domain) {
                Ok(domain) => list.push(domain),
                Err(why) => self.problem(line, format!("`{item}` in domains: {why}"), ""),
            }
        }
        for item in items(text("countries")) {
            match Value::read(Kind::Country, item, None) {
                Ok(Value::Text(code)) => row.countries.push(code.into_owned()),
                _ => self.problem(line, format!("`{item}` in countries is not a two-letter code"), ""),
            }
        }
        row.sectors = items(text("sectors")).map(str::to_lowercase).collect();
        let has_consent = match text("consent") {
            "yes" => true,
            "" | "no" => false,
            other => {
                self.problem(line, format!("`{other}` in consent is neither yes nor no"), "");
                false
            }
        };
        for mail in items(text("mail")) {
            if !looks_like_mail(mail) {
                self.problem(line, format!("`{mail}` is not a mail address"), "");
            }
            row.contacts.push(Contact {
                purpose: if text("purpose").is_empty() { "abuse".into() } else { text("purpose").to_owned() },
                mail: mail.to_owned(),
                language: text("language").to_owned(),
                format: text("format").to_owned(),
                via: text("via").to_owned(),
                schedule: text("schedule").to_owned(),
                time_zone: text("time_zone").to_owned(),
                origin: "constituents".into(),
                has_consent,
                ..Contact::default()
            });
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

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c.is_whitespace() || c == ';').filter(|item| !item.is_empty())
}

pub(super) fn clean_domain(text: &str) -> Result<String, &'static str> {
    match text.strip_prefix("*.") {
        Some(above) => Ok(format!("*.{}", host::domain(above)?)),
        None => host::domain(text).map(std::borrow::Cow::into_owned),
    }
}

/// One `@` with a domain behind it; more is for the mail server to judge.
pub(super) fn looks_like_mail(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty() && text.len() <= 254 && !text.contains(char::is_control) && host::domain(domain).is_ok()
}
