//! Parties as JSON, for programs that keep them: an array of objects, or one object a line.
//!
//! Members have the names of the model, which `concert contact show` prints. They are checked as the
//! columns of the CSV form are.

use concert_model::{Contact, Party, Problem};
use hashbrown::HashSet;

use super::file::{Against, PARTIES_MAX, PROBLEMS_MAX};
use super::items::{self, Wrong};
use super::sheet;
use super::written::{Members, Written, called};

/// Reads a file. Parties with mistakes are told and left out whole; the others count. Behind text that
/// is no such JSON nothing is read.
pub fn read_json(name: &str, bytes: &[u8]) -> (Vec<Party>, Vec<Problem>) {
    read_json_for(name, bytes, &|_| Vec::new())
}

/// The same for a site, against whose contacts something else may speak.
pub fn read_json_for(name: &str, bytes: &[u8], against: Against<'_>) -> (Vec<Party>, Vec<Problem>) {
    let bytes = match sheet::narrow(bytes) {
        Ok(bytes) => bytes,
        Err((what, hint)) => return (Vec::new(), vec![Problem::new(what).at(name).hint(hint)]),
    };
    let bytes = bytes.as_ref();
    let (mut parties, mut problems) = (Vec::new(), Vec::new());
    let mut known = HashSet::new();
    let is_array = bytes.trim_ascii_start().starts_with(b"[");
    let mut number = 0_usize;
    let mut take = |members: Members| {
        number += 1;
        let (written, mut mistakes) = Written::of(members, number);
        let is_named = !written.name.is_empty();
        let (party, more) = clean(written, number, against);
        mistakes.extend(more);
        if is_named && !known.insert(party.name.clone()) {
            mistakes.push((
                format!("the party `{}` stands there twice", party.name),
                "put all of it into one object".into(),
            ));
        }
        if mistakes.is_empty() {
            parties.push(party);
        }
        let room = PROBLEMS_MAX.saturating_sub(problems.len());
        problems.extend(mistakes.into_iter().take(room).map(|(what, hint)| Problem::new(what).at(name).hint(hint)));
    };
    let result = if is_array {
        serde_json::from_slice::<Vec<Members>>(bytes).map(|list| list.into_iter().take(PARTIES_MAX).for_each(&mut take))
    } else {
        let mut lines = serde_json::Deserializer::from_slice(bytes).into_iter::<Members>().take(PARTIES_MAX);
        lines.try_for_each(|party| party.map(&mut take))
    };
    if let Err(error) = result {
        let hint = "`concert contact export --format json` writes the form that is read";
        let place = format!("{name}:{}:{}", error.line(), error.column());
        // The place stands in the text too.
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        problems.push(Problem::new(what).at(place).hint(hint));
    }
    (parties, problems)
}

/// Writes parties so that [`read_json`] gives them back: an array, without what is empty.
pub fn write_json(parties: &[Party]) -> String {
    // Plain data becomes JSON without fail.
    serde_json::to_string_pretty(&plain(parties)).unwrap_or_default() + "\n"
}

/// The same, one object a line.
pub fn write_ndjson(parties: &[Party]) -> String {
    let mut out = String::new();
    for party in plain(parties).as_array().into_iter().flatten() {
        out.push_str(&party.to_string());
        out.push('\n');
    }
    out
}

/// Parties without what is empty or this site's own.
fn plain(parties: &[Party]) -> serde_json::Value {
    let mut all = serde_json::to_value(parties).unwrap_or_default();
    for party in all.as_array_mut().into_iter().flatten() {
        for contact in party.get_mut("contacts").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            // Where it came from and how it does is this site's knowledge.
            if let Some(members) = contact.as_object_mut() {
                members.retain(|name, _| !["origin", "last_alive"].contains(&name.as_str()));
            }
            drop_empty(contact);
        }
        drop_empty(party);
    }
    all
}

fn drop_empty(object: &mut serde_json::Value) {
    let is_empty = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(list) => list.is_empty(),
        serde_json::Value::Bool(is_so) => !is_so,
        other => other.is_null(),
    };
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, value| !is_empty(value));
    }
}

/// Brings a party into the form of the CSV reader. Gives the mistakes too.
fn clean(written: Written, number: usize, against: Against<'_>) -> (Party, Vec<Wrong>) {
    let mut mistakes = Vec::new();
    let Written { name, asns: numbers, prefixes: nets, excluded_prefixes: excluded_nets, .. } = written;
    let Written { domains, excluded_domains, countries, sectors, contacts, .. } = written;
    let mut party = Party { name, domains, excluded_domains, countries, sectors, contacts, ..Party::default() };
    let Party { name, asns, prefixes, excluded_prefixes, domains, excluded_domains, countries, sectors, contacts } =
        &mut party;
    let of = called(name, number);
    let mut wrong = |(what, hint): Wrong| mistakes.push((format!("{of}: {what}"), hint));
    let mut right = |value: Result<(), Wrong>| value.unwrap_or_else(&mut wrong);
    right(items::line("name", name));
    for number in &numbers {
        let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        right(items::asn(&text).map(|asn| asns.push(asn)));
    }
    for (texts, nets) in [(&nets, prefixes), (&excluded_nets, excluded_prefixes)] {
        texts.iter().for_each(|text| right(items::net(text).map(|net| nets.push(net))));
    }
    for domain in domains.iter_mut().chain(excluded_domains) {
        right(items::domain(domain).map(|clean| *domain = clean));
    }
    for country in countries {
        right(items::country(country).map(|code| *country = code));
    }
    for sector in sectors {
        right(items::sector(sector));
        *sector = sector.to_lowercase();
    }
    for contact in contacts {
        let Contact { purpose, mail, language, format, via, schedule, time_zone, origin, openpgp, .. } = &mut *contact;
        right(items::mail(mail));
        right(items::fingerprint(openpgp).map(|plain| *openpgp = plain));
        let texts: [(&str, &String); 7] = [
            ("purpose", purpose),
            ("mail", mail),
            ("language", language),
            ("format", format),
            ("via", via),
            ("schedule", schedule),
            ("time_zone", time_zone),
        ];
        texts.into_iter().for_each(|(name, text)| right(items::line(name, text)));
        if purpose.is_empty() {
            *purpose = "abuse".into();
        }
        *origin = "constituents".into();
        items::wishes(contact).into_iter().chain(against(contact)).for_each(|one| right(Err(one)));
    }
    (party, mistakes)
}

#[cfg(test)]
mod tests {
    use super::super::{read_csv, write_csv};
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "party,asns,prefixes,domains,countries,sectors,mail,language,schedule\n\
            A,64500,192.0.2.0/24 !192.0.2.8/29,a.example,FI,energy,abuse@a.example,fi,at 06:00\nB,1,,,,,,,\n";
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        let written = write_json(&parties);
        assert!(!written.contains("origin") && !written.contains("null"), "{written}");
        assert_eq!(read_json("c.json", written.as_bytes()), (parties.clone(), vec![]));
        let lines: Vec<String> = parties.iter().map(|party| serde_json::to_string(party).unwrap()).collect();
        assert_eq!(read_json("c.json", lines.join("\n").as_bytes()), (parties, vec![]));
    }

    #[test]
    fn what_json_takes_stays_the_same_in_csv() {
        let text =
            r#"[{"name":"'=x","sectors":["Energy"],"contacts":[{"mail":"a@a.example"}]},{"name":"''-y","sectors":[]}]"#;
        let (parties, problems) = read_json("c.json", text.as_bytes());
        assert_eq!(problems, []);
        assert_eq!(read_csv("c.csv", write_csv(&parties).as_bytes()), (parties, vec![]));
        for sector in ["financial services", "a,b", "a; b"] {
            let text = format!(r#"[{{"name":"A","sectors":["{sector}"]}}]"#);
            let (_, problems) = read_json("c.json", text.as_bytes());
            let told: Vec<String> = problems.iter().map(|one| format!("{} {}", one.what, one.hint)).collect();
            let want = format!("A: `{sector}` in sectors is more than one word write it without blanks, `,` and `;`: ");
            assert!(told.len() == 1 && told[0].starts_with(&want), "{told:?}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let check = |text: &str, want: &[&str]| {
            let (_, problems) = read_json("c.json", text.as_bytes());
            let shown: Vec<String> =
                problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect();
            assert_eq!(shown, want, "{text}");
        };
        check("[", &["c.json:1:1: EOF while parsing a list"]);
        check(
            r#"[{"name":"A","prefixes":["192.0.2.0/33","x"],"asns":["AS64500x",0,-1,64500]},{"name":"B","asns":[1.5]}]"#,
            &[
                "c.json: A: `AS64500x` in asns is not an AS number",
                "c.json: A: `0` in asns is reserved and belongs to nobody",
                "c.json: A: `-1` in asns is not an AS number",
                "c.json: A: `192.0.2.0/33` in prefixes: the prefix length is too large",
                "c.json: A: `x` in prefixes: not a network in CIDR form",
                "c.json: B: `1.5` in asns is not an AS number",
            ],
        );
        check(
            "{\"name\":\"A\",\"domains\":[\"a b\"],\"countries\":[\"Finland\"],\"contacts\":[{\"mail\":\"x\"}]}\n{\"name\":\"A\"}",
            &[
                "c.json: A: `a b` in domains: not a domain name",
                "c.json: A: `Finland` in countries is not a two-letter code",
                "c.json: A: `x` is not a mail address",
                "c.json: the party `A` stands there twice",
            ],
        );
        check(
            r#"[{"name":"A","prefixes":["192.0.2.0/24","192.0.2.200/24"],"contacts":[{"mail":"a@a.example","purpose":"lunch"}]}]"#,
            &[
                "c.json: A: `192.0.2.200/24` in prefixes does not begin at its first address",
                "c.json: A: `lunch` in purpose is none",
            ],
        );
        check("{}", &["c.json: object 1: there is no `name`"]);
        check(
            r#"[{"nam":"A","asns":7},{"name":"B","prefixes":["192.0.2.0/24",5],"name":"C","contacts":[{"mial":"a@b.example","has_consent":"yes"},4]},
                {"name":"D","countries":"FI","sectors":null,"asns":[true]},5]"#,
            &[
                "c.json: object 1: unknown member `nam`",
                "c.json: object 1: `asns` is no list",
                "c.json: object 1: there is no `name`",
                "c.json: B: `name` stands there twice",
                "c.json: B: `5` in prefixes is no text",
                "c.json: B: unknown member `mial` of a contact",
                "c.json: B: `has_consent` of a contact is neither true nor false",
                "c.json: B: `4` in contacts is no object",
                "c.json: D: `countries` is no list",
                "c.json: D: `true` in asns is not an AS number",
                "c.json: object 4: it is no object",
            ],
        );
        let (parties, problems) = read_json("c.json", br#"[{"name":"A","asns":["AS64500",64501,"64502"]}]"#);
        assert_eq!((parties[0].asns.as_slice(), problems.len()), (&[64_500, 64_501, 64_502][..], 0));
        let (parties, _) = read_json("c.json", b"{\"name\":\"A\"}\n{\"nam\":\"B\"}");
        assert_eq!(parties.len(), 1);
    }
}
