//! Answers of `concert who`.

use super::*;
use concert_pipeline::enrich::constituents::read_csv;

/// A contact book without registries, all of which whoever asks sees, and where nothing must be encrypted.
fn book<'b>(
    (constituents, teams): (&'b Constituents, &'b Constituents),
    lookup: &'b Lookup,
    health: &'b BTreeMap<String, Health>,
    barred: &'b Barred,
) -> Book<'b> {
    Book {
        constituents,
        teams,
        all_teams: teams,
        lookup,
        registry: None,
        health,
        barred,
        no_key: &|_: &Contact| None,
        purpose: None,
        responsible: &ALL,
        is_whole: true,
        outside: None,
    }
}

#[test]
fn every_value_gives_a_row() {
    let text = "party,prefixes,domains,mail,purpose\nA,192.0.2.0/24,,soc@a.example,incident\nA,,,abuse@a.example,\nB,,b.example,,\n";
    let (parties, problems) = read_csv("c.csv", text.as_bytes());
    assert_eq!(problems, []);
    let constituents = Constituents::new(parties);
    let (teams, problems) = read_csv("t.csv", b"party,countries,mail\nTeam GB,GB,cert@team.example\n");
    assert_eq!(problems, []);
    let teams = Constituents::new(teams);
    let check = |value: &str, purpose: Option<&str>, want: &[[&str; 4]]| {
        let (lookup, health) = (Lookup::default(), BTreeMap::new());
        let barred = Barred::default();
        let book = Book { purpose, ..book((&constituents, &teams), &lookup, &health, &barred) };
        let (rows, _) = rows(value, &book).unwrap();
        let shown: Vec<[String; 4]> =
            rows.iter().map(|row| [1, 2, 6, 8].map(|at| row.cells[at].as_str().unwrap_or("-").to_owned())).collect();
        assert_eq!(shown, want, "{value}");
    };
    let net = "network 192.0.2.0/24";
    let rule = "the most specific network that covers it";
    check("192.0.2.9", None, &[["A", "abuse@a.example", net, rule], ["A", "soc@a.example", net, rule]]);
    check("192.0.2.9", Some("incident"), &[["A", "soc@a.example", net, rule]]);
    let rule = "the country of the last label, because nothing more specific decides";
    check("www.shop.co.uk", None, &[["Team GB", "cert@team.example", "country GB", rule]]);
    check(
        "www.b.example",
        None,
        &[[
            "B",
            "-",
            "domain b.example",
            "the party `B` has no contact with a mail address for abuse, so its notices wait",
        ]],
    );
    check("203.0.113.1", None, &[["-", "-", "-", "no party answers for 203.0.113.1"]]);
}

const PARTIES: &str = "party,prefixes,domains,sectors,mail,purpose,language\n\
    Uni,192.0.2.0/24 !192.0.2.128/25,uni.example,research,abuse@uni.example,,fi\n\
    Uni,,,,noc@uni.example,technical,\nUni,,,,law@uni.example,law,\n\
    Provider,192.0.0.0/16,uni.example,,abuse@provider.example,,\n\
    Quiet,198.51.100.0/24,,energy research,abuse@quiet.example,,\n";
const TEAMS: &str = "party,sectors,mail,language\nPower,energy,cert@power.example,\n\
    Research,research,cert@research.example,en\n";

/// What is told of a value while mails to some come back: rows as `party contact language, specific: reason`.
fn check(gone: &[&str], value: &str, want: &[&str], passed: &[&str]) {
    check_keys(gone, &[], value, want, passed);
}

/// The same where notices must be encrypted and these have no key.
fn check_keys(gone: &[&str], keyless: &[&str], value: &str, want: &[&str], passed: &[&str]) {
    let read = |text: &str| {
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        Constituents::new(parties)
    };
    let (constituents, teams, lookup) = (read(PARTIES), read(TEAMS), Lookup::default());
    let bounced = Health { suspended: Some(concert_model::Time(0)), why: "it bounced".into(), ..Health::default() };
    let health = gone.iter().map(|mail| ((*mail).to_owned(), bounced.clone())).collect();
    let barred = suspended(&health);
    let no_key = |contact: &Contact| {
        let is_keyless = keyless.contains(&contact.mail.as_str());
        is_keyless.then(|| format!("it must be encrypted, but there is no key of {}", contact.mail))
    };
    let seen = Constituents::default();
    let mut book = Book { no_key: &no_key, ..book((&constituents, &teams), &lookup, &health, &barred) };
    let line = |row: &Row| {
        let [party, contact, language, specific, reason] =
            [1, 2, 4, 6, 8].map(|at| row.cells[at].as_str().unwrap_or("-").to_owned());
        format!("{party} {contact} {language}, {specific}: {reason}")
    };
    let shown: Vec<String> = rows(value, &book).unwrap().0.iter().map(line).collect();
    assert_eq!(shown, want, "{value}");
    assert_eq!(passed_over(value, &book).unwrap(), passed, "{value}");
    // Who does not see the teams is told that somebody gets them, not who.
    book.teams = &seen;
    let shown: Vec<String> = rows(value, &book).unwrap().0.iter().map(line).collect();
    let passed = passed_over(value, &book).unwrap();
    assert!(!format!("{shown:?}{passed:?}").contains("cert@"), "{shown:?}{passed:?}");
    let stands_in = want.iter().filter(|row| row.contains("stands in for")).count();
    let somebody = shown.iter().filter(|row| row.ends_with("so somebody else gets its notices")).count();
    assert_eq!(somebody, stands_in, "{shown:?}");
    // Where events do not fall to teams, none of them stands in.
    book.teams = &teams;
    let short = answers(value, &book, false).unwrap().remove(0).1;
    let told: Vec<&str> = want.iter().filter(|row| !row.contains(": passed over, ")).copied().collect();
    assert_eq!(short.iter().map(line).collect::<Vec<_>>(), told, "{value}");
    book.responsible = &[Whom::Constituents];
    let alone = rows(value, &book).unwrap().0;
    assert!(alone.iter().all(|row| row.cells[5] != "teams"), "{:?}", alone.iter().map(line).collect::<Vec<_>>());
    let said = "it stands in for nobody here (`responsible` of [lookup])";
    assert!(passed_over(value, &book).unwrap().iter().all(|line| !line.contains("the team") || line.ends_with(said)));
}

/// What the records say of those that bounced.
fn suspended(health: &BTreeMap<String, Health>) -> Barred {
    let mut barred = Barred::default();
    health.iter().for_each(|(mail, health)| barred.suspend(mail, &health.why));
    barred
}

const ALL: [Whom; 3] = [Whom::Constituents, Whom::Registries, Whom::Teams];

#[test]
fn whoever_is_really_asked_stands_first() {
    let rule = "the most specific network that covers it";
    let provider = "passed over `Provider`: network 192.0.0.0/16, but network 192.0.2.0/24 of `Uni` decides";
    let research = "Research cert@research.example en, sector research: next in order, but stands in only where nobody of \
        `Uni` is left";
    let row = |who: &str| format!("Uni {who}, network 192.0.2.0/24: {rule}");
    let (abuse, noc, law) = (row("abuse@uni.example fi"), row("noc@uni.example -"), row("law@uni.example -"));
    check(&[], "192.0.2.1", &[&abuse, &noc, &law, research], &[provider]);
    let next = format!("{noc}; next in order, because none for abuse is left");
    let gone = "Uni abuse@uni.example fi, network 192.0.2.0/24: passed over, suspended: it bounced";
    check(&["abuse@uni.example"], "192.0.2.1", &[&next, &law, gone, research], &[provider]);
    let team = "Research cert@research.example en, sector research: stands in for `Uni` (network 192.0.2.0/24), because \
        no contact of the party `Uni` is left; suspended are abuse@uni.example: it bounced; noc@uni.example: it bounced";
    let noc = "Uni noc@uni.example -, network 192.0.2.0/24: passed over, suspended: it bounced";
    check(&["abuse@uni.example", "noc@uni.example"], "192.0.2.1", &[team, &law, gone, noc], &[provider]);
}

#[test]
fn a_team_that_is_told_stands_before_those_that_cannot_be_and_nobody_behind_this_site() {
    let text = b"party,countries,mail\nFI,FI,fi@t.example\nOwn,SE,cert@cert.example\nAny,*,any@t.example\n";
    let (parties, problems) = read_csv("t.csv", text);
    assert_eq!(problems, []);
    let (constituents, teams, lookup) = (Constituents::default(), Constituents::new(parties), Lookup::default());
    let health = BTreeMap::new();
    let own = ["cert@cert.example"].into_iter().collect::<crate::settings::Own>();
    let mut barred = Barred::new(own, std::collections::HashMap::new());
    barred.suspend("fi@t.example", "it bounced");
    let book = book((&constituents, &teams), &lookup, &health, &barred);
    let told = |value: &str| -> Vec<String> {
        let rows = rows(value, &book).unwrap().0;
        let shown = rows.iter().map(|row| [1, 2].map(|at| row.cells[at].as_str().unwrap_or("-")).join(" "));
        shown.collect()
    };
    assert_eq!(told("www.x.fi"), ["Any any@t.example", "FI fi@t.example"]);
    assert_eq!(told("www.x.se"), ["Own -", "Own cert@cert.example"]);
}

#[test]
fn who_has_no_key_where_one_is_needed_is_passed_over_in_words() {
    let rule = "the most specific network that covers it";
    let provider = "passed over `Provider`: network 192.0.0.0/16, but network 192.0.2.0/24 of `Uni` decides";
    let research = "Research cert@research.example en, sector research: next in order, but stands in only where nobody of \
        `Uni` is left";
    let row = |who: &str| format!("Uni {who}, network 192.0.2.0/24: {rule}");
    let (noc, law) = (row("noc@uni.example -"), row("law@uni.example -"));
    let next = format!("{noc}; next in order, because none for abuse is left");
    let must = "it must be encrypted, but there is no key of abuse@uni.example";
    let over = format!("Uni abuse@uni.example fi, network 192.0.2.0/24: passed over, {must}");
    check_keys(&[], &["abuse@uni.example"], "192.0.2.1", &[&next, &law, &over, research], &[provider]);
    // Where nobody has one, nobody is passed over for it.
    let fails = format!("{}; {must}, so its notices fail", row("abuse@uni.example fi"));
    let no_noc = "Uni noc@uni.example -, network 192.0.2.0/24: passed over, it must be encrypted, but there is no key of noc@uni.example";
    check_keys(
        &[],
        &["abuse@uni.example", "noc@uni.example"],
        "192.0.2.1",
        &[&fails, &law, no_noc, research],
        &[provider],
    );
}

#[test]
fn of_sector_teams_the_first_that_can_be_told_stands_in() {
    let quiet = ["abuse@quiet.example", "cert@power.example", "cert@research.example"];
    let gone = "Quiet abuse@quiet.example -, network 198.51.100.0/24: passed over, suspended: it bounced";
    let why = "no contact of the party `Quiet` is left; suspended are abuse@quiet.example: it bounced";
    let stands_in = |who: &str| format!("{who}: stands in for `Quiet` (network 198.51.100.0/24), because {why}");
    let power = "passed over the team `Power` of the sector energy: no contact of the party `Power` is left; suspended are cert@power.example: it bounced";
    let research = "passed over the team `Research` of the sector research: `Power` stands in, which is listed first";
    check(&quiet[..1], "198.51.100.1", &[&stands_in("Power cert@power.example -, sector energy"), gone], &[research]);
    let row = stands_in("Research cert@research.example en, sector research");
    check(&quiet[..2], "198.51.100.1", &[&row, gone], &[power]);
    let row = format!("Quiet - -, network 198.51.100.0/24: {why}, so its notices wait");
    let none = "passed over the team `Research` of the sector research: no contact of the party `Research` is left; suspended are cert@research.example: it bounced";
    check(&quiet, "198.51.100.1", &[&row, gone], &[power, none]);
}

#[test]
fn registries_are_asked_after_constituents() {
    let dir = tempfile::tempdir().unwrap();
    let objects = "organisation: ORG-A\norg-name: Example A\nabuse-c: AR1\nsource: RIPE\n\n\
        role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
        inetnum: 192.0.2.0 - 192.0.2.255\nnetname: A-NET\norg: ORG-A\nsource: RIPE\n\n\
        inetnum: 192.0.2.8 - 192.0.2.11\nnetname: B-NET\nsource: RIPE\n\n\
        inetnum: 10.0.0.0 - 10.255.255.255\norg: ORG-A\nsource: RIPE\n\n\
        aut-num: AS64500\nas-name: A-AS\nsource: RIPE\n\n\
        aut-num: AS64501\nas-name: B-AS\nabuse-c: BR1\nsource: RIPE\n\n\
        role: B\nnic-hdl: BR1\nabuse-mailbox: abuse@b.example\nsource: RIPE\n\n\
        route: 203.0.113.0/24\norigin: AS64501\nsource: RIPE\n\n\
        route: 203.0.113.0/25\norigin: AS64502\nsource: RIPE\n";
    let mut builder = concert_pipeline::registry::Builder::new();
    builder.read("t.db", objects.as_bytes()).unwrap();
    let mut part = registry::begin(dir.path()).unwrap();
    builder.finish(&mut part).unwrap();
    registry::replace(dir.path(), part).unwrap();
    let (parties, problems) = read_csv("c.csv", b"party,prefixes,mail\nOurs,192.0.2.0/29,abuse@ours.example\n");
    assert_eq!(problems, []);
    let (constituents, teams, lookup) = (Constituents::new(parties), Constituents::default(), Lookup::default());
    let gone = Health { suspended: Some(concert_model::Time(0)), why: "it bounced".into(), ..Health::default() };
    let health = BTreeMap::from([("abuse@a.example".to_owned(), gone)]);
    let barred = suspended(&health);
    for whole in [false, true] {
        let opened = registry::open(dir.path(), whole).unwrap();
        let all = (&constituents, &teams);
        let book = Book { registry: opened.as_ref(), ..book(all, &lookup, &health, &barred) };
        let check = |value: &str, want: &[[&str; 3]], passed: &[&str]| {
            let (rows, passed_over) = rows(value, &book).unwrap();
            let shown: Vec<[&str; 3]> =
                rows.iter().map(|row| [2, 5, 8].map(|at| row.cells[at].as_str().unwrap_or("-"))).collect();
            assert_eq!(
                (shown.as_slice(), passed_over.as_slice()),
                (want, passed.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
                "{value}"
            );
        };
        let ours = ["abuse@ours.example", "constituents", "the most specific network that covers it"];
        let net = "RIPE inetnum 192.0.2.0 - 192.0.2.255";
        let theirs = ["abuse@a.example", net, "passed over, suspended: it bounced"];
        let why = "nobody is left of `Example A (RIPE AR1)` (RIPE inetnum 192.0.2.0 - 192.0.2.255; abuse@a.example: \
            suspended: it bounced), so its notices wait";
        let nobody = ["-", "-", why];
        check("192.0.2.1", &[ours, theirs], &[]);
        check(
            "192.0.2.9",
            &[nobody, theirs],
            &["passed over RIPE inetnum 192.0.2.8 - 192.0.2.11: it names no contact"],
        );
        check("http://192.0.2.99/x", &[nobody, theirs], &[]);
        check("192.0.2.128/25", &[nobody, theirs], &[]);
        let all = "0.0.0.0/0 is all addresses of IPv4 and belongs to nobody";
        check("0.0.0.0/0", &[["-", "-", all]], &[]);
        check("10.0.0.1", &[["-", "-", "10.0.0.1 is private space (RFC 1918) and belongs to nobody"]], &[]);
        let silent = "no party answers for AS64500; RIPE aut-num AS64500 knows no contact: it names no contact";
        let passed = "passed over RIPE aut-num AS64500: it names no contact";
        check("AS64500", &[["-", "-", silent]], &[passed]);
        let by_route = ["abuse@b.example", "RIPE route 203.0.113.0/24, origin AS64501", "abuse-c RIPE BR1"];
        let passed = "passed over route 203.0.113.0/25, origin AS64502: AS64502 is not there";
        check("203.0.113.1", &[by_route], &[passed]);
        check("203.0.113.0/24", &[by_route], &[]);
        check("198.51.100.1", &[["-", "-", "no party answers for 198.51.100.1"]], &[]);
    }
    std::fs::write(registry::path(dir.path()), b"rubbish").unwrap();
    assert!(registry::open(dir.path(), false).is_err());
}
#[test]
fn the_sites_own_address_is_passed_over_and_all_that_was_tried_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let objects = "inetnum: 192.0.2.0 - 192.0.2.255\nabuse-c: AR1\nsource: RIPE\n\n\
        inetnum: 192.0.0.0 - 192.0.255.255\nabuse-c: CERT1\nsource: RIPE\n\n\
        role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
        role: C\nnic-hdl: CERT1\nabuse-mailbox: cert@cert.example\nsource: RIPE\n";
    let mut builder = concert_pipeline::registry::Builder::new();
    builder.read("t.db", objects.as_bytes()).unwrap();
    let mut part = registry::begin(dir.path()).unwrap();
    builder.finish(&mut part).unwrap();
    registry::replace(dir.path(), part).unwrap();
    let opened = registry::open(dir.path(), false).unwrap();
    let (constituents, teams, lookup) = (Constituents::default(), Constituents::default(), Lookup::default());
    let (health, own) = (BTreeMap::new(), ["cert@cert.example"].into_iter().collect::<crate::settings::Own>());
    let mut barred = Barred::new(own, std::collections::HashMap::new());
    let told = |barred: &Barred| {
        let all = (&constituents, &teams);
        let book = Book { registry: opened.as_ref(), ..book(all, &lookup, &health, barred) };
        let rows = rows("192.0.2.9", &book).unwrap().0;
        let first = [2, 8].map(|at| rows[0].cells[at].as_str().unwrap_or("-").to_owned());
        (first, passed_over("192.0.2.9", &book).unwrap())
    };
    let (first, others) = told(&barred);
    assert_eq!(first[0], "abuse@a.example");
    let wide = "passed over RIPE inetnum 192.0.0.0 - 192.0.255.255 (cert@cert.example of `RIPE CERT1`), \
        because RIPE inetnum 192.0.2.0 - 192.0.2.255 comes before it";
    assert_eq!(others, [wide]);
    barred.suspend("abuse@a.example", "it bounced");
    let why = "nobody is left of `RIPE AR1` (RIPE inetnum 192.0.2.0 - 192.0.2.255; abuse@a.example: suspended: it \
        bounced), nor of `RIPE CERT1` (RIPE inetnum 192.0.0.0 - 192.0.255.255; cert@cert.example: this is this team's \
        own address), so its notices wait";
    assert_eq!(told(&barred).0, ["-", why]);
}
