//! `concert contact import`: files into parties or registry data, as one piece, with what changes.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use concert_model::problem::counted;
use concert_model::problem::instead;
use concert_model::{Contact, Party, Problem};
use concert_pipeline::enrich::constituents::{ANYWHERE, Wrong, read_csv_for, read_json_for};
use concert_store::Store;
use concert_store::records::{Act, By, Parties, append_audit, import_parties_in};
use concert_transport::openpgp::Keyring;
use serde_json::json;

use super::{check, rpsl};
use crate::drive::responsible;
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::settings::{OWN, Own, Settings, Whom};

/// The file that stands for standard input.
const STDIN: &str = "-";
/// What names of files end in that hold objects: an array of them, or one a line.
const JSON_NAMES: [&str; 3] = ["json", "ndjson", "jsonl"];
/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Replace the parties, or the data of registries, by those of files.
#[derive(clap::Args)]
#[command(
    after_help = "The first line of a CSV file names its columns: party,asns,prefixes,domains,countries,sectors,mail,language,format,via,schedule,time_zone,purpose,consent,openpgp\nA file that ends in .json or .ndjson is what `concert contact export` writes with --format json or ndjson.\n\nExamples:\n  concert contact import constituents parties.csv --dry-run\n  concert contact import constituents universities.csv companies.json\n  concert contact import rpsl ripe.db.*.gz apnic.db.*.gz\n  concert contact import teams national-teams.csv"
)]
pub(super) struct Args {
    /// What the files are.
    kind: Kind,
    /// The files; together they are all parties. `-` is standard input, for parties.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write what cannot be used of registries' files into this file, with places and reasons; the first twenty pieces
    /// are shown in any case.
    #[arg(long, value_name = "FILE")]
    aside: Option<PathBuf>,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
    /// Let go of all parties where the files hold none.
    #[arg(long)]
    remove_all: bool,
    /// Replace the data of registries also where the files name nobody, and lack a kind that the last import read.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    rows: AllRows,
}

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Parties this site answers for, as CSV or JSON.
    Constituents,
    /// Networks and their contacts as registries publish them (RIPE, APNIC, AFRINIC), also with gzip.
    Rpsl,
    /// Teams of last resort, by country or sector, as CSV or JSON.
    Teams,
}

pub(super) async fn run(args: &Args, settings: &Settings, store: &Store, by: &By) -> Result<Exit, Failure> {
    let is_rpsl = args.kind == Kind::Rpsl;
    if args.aside.is_some() && !is_rpsl {
        let problem = Problem::new("`--aside` is for files of registries");
        return Err(Failure::usage(problem.hint("files of parties with a mistake are refused whole")));
    }
    if args.replace && !is_rpsl {
        let problem = Problem::new("`--replace` is for files of registries");
        return Err(Failure::usage(problem.hint("files of parties always replace all that there are")));
    }
    if args.remove_all && is_rpsl {
        let problem = Problem::new("`--remove-all` is for files of parties");
        return Err(Failure::usage(
            problem.hint("files of registries that name nobody replace the others by `--replace`"),
        ));
    }
    let which = match args.kind {
        Kind::Constituents => Parties::Constituents,
        Kind::Teams => Parties::Teams,
        Kind::Rpsl => {
            let constituents = store.records.parties(Parties::Constituents).await?;
            let done = rpsl::run(
                (&args.files, args.aside.as_deref()),
                &rpsl::Meant { is_trial: args.dry_run, replaces: args.replace },
                &args.rows,
                &settings.data_dir(),
                &constituents,
            )?;
            if !args.dry_run && done == Exit::Done {
                let mut change = store.records.change().await?;
                append_audit(&mut change, by, &Act::done("contact import", "rpsl", "")).await?;
                store.records.commit(change).await?;
                tell_waiting(store).await?;
            }
            tell_strangers(settings, Whom::Registries, args.dry_run);
            return Ok(done);
        }
    };
    let before = store.records.parties(which).await?;
    let others = store.records.parties(of_other_part(which)).await?;
    let parties = read_all(&args.files, which, settings, &others)?;
    let refused = removes_all(&before, &parties, "`--remove-all`").filter(|_| !args.remove_all);
    if let (Some(problem), false) = (&refused, args.dry_run) {
        return Err(Failure::usage(problem.clone()));
    }
    let mut table = args.rows.table(&["change", "party", "what"]);
    let changes = differences(&before, &parties);
    for (change, party, what) in &changes {
        table.row(&[json!(change), json!(party), json!(what)])?;
    }
    if !args.dry_run {
        let mut writing = store.records.change().await?;
        import_parties_in(&mut writing, which, &parties).await?;
        append_audit(&mut writing, by, &imported(which, parties.len(), changes.len())).await?;
        store.records.commit(writing).await?;
    }
    let found = check::findings(settings, check::Parts::one(which, &parties));
    let constituents = if which == Parties::Constituents { parties.as_slice() } else { &[] };
    if args.dry_run {
        // What `contact check` would say, for whoever can still mend the files.
        for (kind, party, what) in found.iter().chain(&check::remarks(constituents)) {
            table.row(&[json!(kind), json!(party), json!(what)])?;
        }
    }
    table.finish()?;
    if refused.is_some() {
        tracing::warn!("the files hold no party, so the import will be refused without `--remove-all`");
    }
    if which == Parties::Teams {
        tell_strangers(settings, Whom::Teams, args.dry_run);
    }
    if !args.dry_run {
        tell_waiting(store).await?;
    }
    for (_, party, what) in check::shared(constituents) {
        tracing::warn!("`{party}`: {what}");
    }
    let findings = found.iter().filter(|one| check::is_bad(one)).count();
    match args.dry_run {
        _ if findings == 0 => {}
        true => tracing::warn!(findings, "there are findings about these parties, shown behind the changes"),
        false => tracing::warn!(findings, "there are findings about these parties; see `concert contact check`"),
    }
    Ok(Exit::Done)
}

/// What stands in the audit log of an import.
pub(crate) fn imported(which: Parties, parties: usize, changes: usize) -> Act {
    let whose = if which == Parties::Teams { "teams" } else { "constituents" };
    Act::done("contact import", whose, {
        let whole = if parties == 1 { "1 party".to_owned() } else { format!("{parties} parties") };
        format!("{whole}; {}", counted(changes, "change"))
    })
}

/// Says that events fall to others than constituents from now on: notices to the responsible go to
/// strangers then.
fn tell_strangers(settings: &Settings, whom: Whom, is_trial: bool) {
    if !is_trial && settings.lookup.responsible.contains(&whom) {
        tracing::info!(
            "events that no constituent answers for fall to them from now on, and notices to the responsible go there; `responsible` of [lookup] says otherwise"
        );
    }
}

/// Says what waits for a contact, and when it goes to whoever answers for it by now.
async fn tell_waiting(store: &Store) -> Result<(), Problem> {
    let waiting = responsible::waiting(store).await?;
    if waiting > 0 {
        tracing::info!(
            waiting,
            "notices wait for a contact; what somebody answers for by now goes out by itself, and where nothing runs with the next `concert run --once`"
        );
    }
    Ok(())
}

/// All parties of all files. Any mistake refuses the import, since a line left out would silently
/// stop somebody's notices.
fn read_all(files: &[PathBuf], which: Parties, settings: &Settings, others: &[Party]) -> Result<Vec<Party>, Failure> {
    let named = |path: &PathBuf| {
        let bytes = read(path)?;
        // Standard input has no name that says what it is; no head of a table begins like that.
        let is_json = path == Path::new(STDIN) && matches!(bytes.trim_ascii_start(), [b'[' | b'{', ..]);
        Ok((if is_json { "-.json".to_owned() } else { path.display().to_string() }, bytes))
    };
    let files: Vec<(String, Vec<u8>)> = files.iter().map(named).collect::<Result<_, Failure>>()?;
    read_texts(&files, which, settings, others).map_err(Failure::settings)
}

/// The part of the contact book beside one: no name stands in both.
pub(crate) fn of_other_part(which: Parties) -> Parties {
    match which {
        Parties::Constituents => Parties::Teams,
        Parties::Teams => Parties::Constituents,
    }
}

/// That the other part of the contact book has a name already. Events and notices tell parties apart by their names
/// alone, so what falls to one of the two would go to the other.
fn name_taken(party: &Party, which: Parties, file: &str) -> Problem {
    let name = &party.name;
    let (other, what) = match which {
        Parties::Teams => ("a constituent", "this team"),
        Parties::Constituents => ("a team of last resort", "one of them"),
    };
    let hint = format!("give {what} another name, such as `{name} (team)`: notices go to parties by their names");
    Problem::new(format!("the name `{name}` is that of {other} too")).at(file).hint(hint)
}

/// That nobody would be left. Files without a party are rather a mistake than meant so; `word` says that they are.
pub(crate) fn removes_all(before: &[Party], after: &[Party], word: &str) -> Option<Problem> {
    let (count, is_all) = (before.len(), after.is_empty() && !before.is_empty());
    let them = if count == 1 { "the only one there is" } else { "all that there are" };
    let what = format!("the files hold no party, so {them} would be removed ({count})");
    is_all.then(|| Problem::new(what).hint(format!("if that is meant: {word}")))
}

/// All parties of files by their names and bytes; `others` are those of the other part of the contact book.
pub(crate) fn read_texts(
    files: &[(String, Vec<u8>)],
    which: Parties,
    settings: &Settings,
    others: &[Party],
) -> Result<Vec<Party>, Vec<Problem>> {
    let taken: BTreeSet<&str> = others.iter().map(|party| party.name.as_str()).collect();
    let own = settings.own();
    // Few files name keys, and reading them takes a while.
    let ring = LazyCell::new(|| Keyring::read(&settings.openpgp.keys));
    let against = |contact: &Contact| {
        let mut wrong = against(contact, settings, (which == Parties::Constituents).then_some(&own));
        if !contact.openpgp.is_empty() && !ring.has(&contact.mail, &contact.openpgp) {
            wrong.push(no_such_key(contact, &settings.shown(&settings.openpgp.keys)));
        }
        wrong
    };
    let (mut all, mut problems, mut whose) = (Vec::<Party>::new(), Vec::new(), BTreeMap::<String, &str>::new());
    for (name, bytes) in files {
        let extension = Path::new(name).extension().unwrap_or_default();
        let is_json = JSON_NAMES.iter().any(|json| extension.eq_ignore_ascii_case(json));
        let (mut parties, mistakes) = match is_json {
            true => read_json_for(name, bytes, &against),
            false => read_csv_for(name, bytes, &against),
        };
        problems.extend(mistakes);
        if which == Parties::Constituents {
            problems.extend(parties.iter().filter(|party| has_all(party)).map(|party| too_much(party, name)));
        }
        if which == Parties::Teams {
            problems.extend(parties.iter().filter_map(|party| lost_team(party, name)));
            let contacts = parties.iter_mut().flat_map(|party| &mut party.contacts);
            contacts.for_each(|contact| contact.origin = "teams".into());
        }
        let clashes = parties.iter().filter(|party| taken.contains(party.name.as_str()));
        problems.extend(clashes.map(|party| name_taken(party, which, name)));
        for party in parties {
            if let Some(other) = whose.insert(party.name.clone(), name) {
                let what = format!("the party `{}` stands in {other} too", party.name);
                let hint = "keep all lines of a party in one file";
                problems.push(Problem::new(what).at(name.clone()).hint(hint));
            }
            all.push(party);
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// What this site says against a contact. Among teams of last resort it may stand itself: it is passed over there.
fn against(contact: &Contact, settings: &Settings, own: Option<&Own>) -> Vec<Wrong> {
    let (mut wrong, Contact { mail, via, time_zone, .. }) = (Vec::new(), contact);
    if own.is_some_and(|own| own.has(mail)) {
        let hint = "name an address of the party: notices to this one would come back";
        wrong.push((format!("`{mail}`: {OWN}"), hint.into()));
    }
    if !via.is_empty() && !settings.vias.contains_key(via) {
        let known: Vec<&str> = settings.vias.keys().map(String::as_str).collect();
        let hint = match known.as_slice() {
            [] => "leave it empty: the notice's own holds then".to_owned(),
            known => instead(via, known),
        };
        wrong.push((format!("there is no [via.{via}] in the settings"), hint.into()));
    }
    if !time_zone.is_empty() && jiff::tz::TimeZone::get(time_zone).is_err() {
        wrong.push((format!("`{time_zone}` in time_zone is none"), "write it as Europe/Helsinki".into()));
    }
    wrong
}

/// That the key of an address that a file names is not among those of contacts.
fn no_such_key(contact: &Contact, folder: &str) -> Wrong {
    let Contact { mail, openpgp, .. } = contact;
    let what = format!("there is no key {openpgp} of {mail} in {folder}");
    (what, "import it first: concert key import FILE; or look at `concert key list` and mend the fingerprint".into())
}

/// Whether a party would answer for any country.
fn has_all(party: &Party) -> bool {
    party.countries.iter().any(|code| code == ANYWHERE)
}

/// That a constituent is no team of last resort.
fn too_much(party: &Party, file: &str) -> Problem {
    let what = format!("`{ANYWHERE}` in countries of `{}` is every country", party.name);
    let hint =
        "name countries of its own: FI; only one of the teams (`contact import teams`) may answer for all that is left";
    Problem::new(what).at(file).hint(hint)
}

/// A team that nothing would ever fall to.
fn lost_team(team: &Party, file: &str) -> Option<Problem> {
    let is_found = !team.countries.is_empty()
        || !team.sectors.is_empty()
        || !team.asns.is_empty()
        || !team.prefixes.is_empty()
        || !team.domains.is_empty();
    let what = format!("the team `{}` has no country and no sector", team.name);
    (!is_found).then(|| {
        Problem::new(what)
            .at(file)
            .hint("name its countries in the column `countries`: FI; or `*` for all that no other team answers for")
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let refused = |why: String| Failure::usage(Problem::new(why).at(path.display().to_string()));
    let mut bytes = Vec::new();
    let file: Box<dyn Read> = match path == Path::new(STDIN) {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(path).map_err(|error| refused(format!("cannot be read: {error}")))?),
    };
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refused(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// What an import changes: word, party, what of it.
pub(crate) fn differences(before: &[Party], after: &[Party]) -> Vec<(&'static str, String, String)> {
    let old: BTreeMap<&str, &Party> = before.iter().map(|party| (party.name.as_str(), party)).collect();
    let new: BTreeMap<&str, &Party> = after.iter().map(|party| (party.name.as_str(), party)).collect();
    let mut found = Vec::new();
    for (name, party) in &new {
        match old.get(name) {
            None => found.push(("added", party.name.clone(), summary(party))),
            Some(was) if *was != *party => found.push(("changed", party.name.clone(), changed(was, party))),
            Some(_) => {}
        }
    }
    for (name, party) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        found.push(("removed", (*name).to_owned(), summary(party)));
    }
    found
}

fn summary(party: &Party) -> String {
    let counts = [
        ("network", "networks", party.prefixes.len()),
        ("domain", "domains", party.domains.len()),
        ("AS", "ASes", party.asns.len()),
        ("country", "countries", party.countries.len()),
        ("sector", "sectors", party.sectors.len()),
        ("contact", "contacts", party.contacts.len()),
    ];
    let shown = |(one, many, count): &(&str, &str, usize)| format!("{count} {}", if *count == 1 { one } else { many });
    let parts: Vec<String> = counts.iter().filter(|(.., count)| *count > 0).map(shown).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// Items of each list that came and went.
fn changed(was: &Party, is: &Party) -> String {
    let mut parts = Vec::new();
    let mut compare = |what: &str, old: Vec<String>, new: Vec<String>| {
        parts.extend(new.iter().filter(|item| !old.contains(item)).map(|item| format!("+{what} {item}")));
        parts.extend(old.iter().filter(|item| !new.contains(item)).map(|item| format!("-{what} {item}")));
    };
    let nets = |list: &[concert_model::Net]| list.iter().map(ToString::to_string).collect();
    let asns = |list: &[u32]| list.iter().map(|asn| format!("AS{asn}")).collect();
    compare("network", nets(&was.prefixes), nets(&is.prefixes));
    compare("excluded network", nets(&was.excluded_prefixes), nets(&is.excluded_prefixes));
    compare("domain", was.domains.clone(), is.domains.clone());
    compare("excluded domain", was.excluded_domains.clone(), is.excluded_domains.clone());
    compare("AS", asns(&was.asns), asns(&is.asns));
    compare("country", was.countries.clone(), is.countries.clone());
    compare("sector", was.sectors.clone(), is.sectors.clone());
    let mails = |party: &Party| party.contacts.iter().map(|contact| contact.mail.clone()).collect::<Vec<_>>();
    compare("contact", mails(was), mails(is));
    parts.extend(wishes(was, is));
    if parts.is_empty() { "the order in which something is listed".to_owned() } else { parts.join(", ") }
}

/// What contacts are for and wish that they were not for or did not wish before. Those with the same address are
/// compared in their order.
fn wishes(was: &Party, is: &Party) -> Vec<String> {
    let (mut found, mut before) = (Vec::new(), was.contacts.iter().collect::<Vec<&Contact>>());
    for now in &is.contacts {
        let Some(at) = before.iter().position(|old| old.mail == now.mail) else { continue };
        let old = before.remove(at);
        let consent = |contact: &Contact| if contact.has_consent { "yes" } else { "" };
        for (name, old, new) in [
            ("purpose", old.purpose.as_str(), now.purpose.as_str()),
            ("language", &old.language, &now.language),
            ("format", &old.format, &now.format),
            ("via", &old.via, &now.via),
            ("schedule", &old.schedule, &now.schedule),
            ("time_zone", &old.time_zone, &now.time_zone),
            ("consent", consent(old), consent(now)),
            ("openpgp", &old.openpgp, &now.openpgp),
        ] {
            let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("`{text}`") };
            if old != new {
                found.push(format!("{name} of {} is {} (was {})", now.mail, shown(new), shown(old)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::LoadFor;
    use concert_pipeline::enrich::constituents::read_csv;

    fn parties(text: &str) -> Vec<Party> {
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        parties
    }

    #[test]
    fn an_import_says_what_it_changes() {
        let before =
            parties("party,asns,prefixes,mail,language\nA,1,192.0.2.0/24,a@a.example,\nB,2,,,\nC,,,c@c.example,\n");
        let after =
            parties("party,asns,prefixes,mail,language\nA,1,192.0.2.0/25,a@a.example,\nD,4,,,\nC,,,c@c.example,fi\n");
        let shown: Vec<String> = differences(&before, &after)
            .into_iter()
            .map(|(change, party, what)| format!("{change} {party}: {what}"))
            .collect();
        assert_eq!(
            shown,
            [
                "changed A: +network 192.0.2.0/25, -network 192.0.2.0/24",
                "changed C: language of c@c.example is `fi` (was none)",
                "added D: 1 AS",
                "removed B: 1 AS",
            ]
        );
        assert_eq!(differences(&after, &after), []);
        assert!(removes_all(&before, &after, "x").is_none() && removes_all(&[], &[], "x").is_none());
        let refused = removes_all(&before, &[], "`--remove-all`").unwrap();
        assert_eq!(refused.what, "the files hold no party, so all that there are would be removed (3)");
        // Also beside other changes, of contacts that share an address, and where nothing but the order changed.
        let changed = |before: &str, after: &str| {
            let columns = "party,prefixes,mail,purpose,schedule,consent\n";
            let [before, after] = [before, after].map(|text| parties(&format!("{columns}{text}")));
            differences(&before, &after).into_iter().map(|(_, _, what)| what).collect::<Vec<_>>()
        };
        let (before, after) = ("A,,a@a.example,,,\n", "A,192.0.2.0/24,a@a.example,,at 06:00,yes\n");
        let want = "+network 192.0.2.0/24, schedule of a@a.example is `at 06:00` (was none), consent of a@a.example is `yes` (was none)";
        assert_eq!(changed(before, after), [want]);
        let (before, after) =
            ("A,,a@a.example,abuse,,\nA,,a@a.example,incident,,\n", "A,,a@a.example,abuse,,\nA,,a@a.example,law,,\n");
        assert_eq!(changed(before, after), ["purpose of a@a.example is `law` (was `incident`)"]);
        let (before, after) = ("A,192.0.2.0/25 192.0.2.128/25,,,,\n", "A,192.0.2.128/25 192.0.2.0/25,,,,\n");
        assert_eq!(changed(before, after), ["the order in which something is listed"]);
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let good = path("good.csv", "party,asns\nA,1\n");
        let bad = path("bad.csv", "party,asns\nB,x\n");
        let again = path("again.csv", "party,asns\nA,2\n");
        path(
            "concert.toml",
            "[site]\nname = \"CERT\"\nemail = \"cert@cert.example\"\n[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\n\
             from = \"reports@cert.example\"\n",
        );
        let settings = Settings::load(dir.path(), LoadFor::Look).unwrap();
        let ours = |files: &[PathBuf]| read_all(files, Parties::Constituents, &settings, &[]);
        assert_eq!(ours(std::slice::from_ref(&good)).unwrap().len(), 1);
        assert!(ours(&[good.clone(), bad]).unwrap_err().to_string().contains("bad.csv:2"));
        assert!(ours(&[good.clone(), again]).unwrap_err().to_string().contains("the party `A` stands in"));
        let own = path(
            "own.csv",
            "party,countries,mail,via,time_zone\nA,FI,cert+x@cert.example,,\nB,SE,Reports@cert.example,,\nC,NO,c@c.example,mial,Mars/Olympus\n",
        );
        let refused = ours(std::slice::from_ref(&own)).unwrap_err().to_string();
        for told in [
            "own.csv:2: `cert+x@cert.example`: this is this team's own address",
            "own.csv:3: `Reports@cert.example`: this is this team's own address",
            "own.csv:4: there is no [via.mial] in the settings",
            "did you mean `mail`?",
            "own.csv:4: `Mars/Olympus` in time_zone is none",
        ] {
            assert!(refused.contains(told), "{told}: {refused}");
        }
        // A list of all national teams has this one too, which is passed over.
        let teams = path("teams.csv", "party,countries,mail\nA,FI,cert@cert.example\n");
        assert_eq!(read_all(&[teams], Parties::Teams, &settings, &[]).unwrap().len(), 1);
        let lost = path("lost.csv", "party,mail\nB,b@b.example\n");
        let team =
            |file: &PathBuf, others: &[Party]| read_all(std::slice::from_ref(file), Parties::Teams, &settings, others);
        assert!(team(&lost, &[]).unwrap_err().to_string().contains("no country and no sector"));
        assert_eq!(team(&good, &[]).unwrap().len(), 1);
        // A constituent and a team of one name would get each other's notices.
        let refused = team(&good, &parties("party,asns\nA,1\n")).unwrap_err().to_string();
        assert!(refused.contains("good.csv: the name `A` is that of a constituent too"), "{refused}");
        let refused = read_all(&[good], Parties::Constituents, &settings, &parties("party,asns\nA,1\n"));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("the name `A` is that of a team of last resort too"), "{refused}");
    }
}
