use super::*;

const GOOD: &str = r#"
[[clock]]
name = "x"
jurisdiction = "FI"
law = "A law"
article = "1"
starts = "It begins."
within = 1
unit = "months"
from = 2026-01-01
until = 2026-12-31
report = "All of it."
"#;

#[test]
fn what_is_shipped_has_no_mistakes_and_says_where_it_comes_from() {
    let laws = read("shipped.toml", SHIPPED).unwrap();
    assert_eq!((laws.len(), Catalogue::shipped().0.len()), (15, 15));
    for law in &laws {
        assert!(law.article.contains("Article") && law.starts.ends_with('.') && law.report.ends_with('.'), "{law:?}");
    }
    let check = |name: &str, within: u16, unit: Unit| {
        let catalogue = Catalogue::shipped();
        let law = catalogue.need(name).unwrap();
        assert_eq!((law.within, law.unit), (within, unit), "{name}");
    };
    check("nis2-early-warning", 24, Unit::Hours);
    check("nis2-notification", 72, Unit::Hours);
    check("nis2-final-report", 1, Unit::Months);
    check("gdpr-notification", 72, Unit::Hours);
    check("cra-vulnerability-final-report", 14, Unit::Days);
    check("cra-incident-final-report", 1, Unit::Months);
    check("dora-initial-after-classification", 4, Unit::Hours);
    check("dora-intermediate", 72, Unit::Hours);
}

#[test]
fn months_and_days_are_those_of_the_calendar_of_the_zone() {
    let mut law = read("clocks.toml", GOOD).unwrap().remove(0);
    let zone = TimeZone::get("Europe/Helsinki").unwrap();
    let mut check = |within: u16, unit: Unit, since: &str, want: &str| {
        (law.within, law.unit) = (within, unit);
        let due = law.due(Time::parse(since, None).unwrap(), &zone).unwrap();
        assert_eq!(due.to_string(), want, "{within} {} from {since}", unit.word());
    };
    check(1, Unit::Months, "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z");
    check(1, Unit::Months, "2024-01-31T10:00:00Z", "2024-02-29T10:00:00Z");
    // Clocks go forward on 2026-03-29: the same time of day is an hour earlier, and hours are hours.
    check(1, Unit::Months, "2026-03-10T10:00:00Z", "2026-04-10T09:00:00Z");
    check(1, Unit::Days, "2026-03-28T10:00:00Z", "2026-03-29T09:00:00Z");
    check(24, Unit::Hours, "2026-03-28T10:00:00Z", "2026-03-29T10:00:00Z");
    // 03:30 is skipped then, as is 03:00: it is 04:00. In autumn it occurs twice: the first one.
    check(1, Unit::Days, "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z");
    check(1, Unit::Days, "2026-03-28T01:00:00Z", "2026-03-29T01:00:00Z");
    check(1, Unit::Months, "2026-02-28T01:59:59Z", "2026-03-28T01:59:59Z");
    check(1, Unit::Days, "2026-03-28T00:59:59Z", "2026-03-29T00:59:59Z");
    check(1, Unit::Days, "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z");
    // The day of the month is that of the zone: half past midnight in Helsinki.
    check(1, Unit::Months, "2026-05-30T22:30:00Z", "2026-06-29T22:30:00Z");
    check(72, Unit::Hours, "2026-11-22T04:50:30Z", "2026-11-25T04:50:30Z");
}

#[test]
fn a_law_applies_from_its_first_day_to_its_last() {
    let law = read("clocks.toml", GOOD).unwrap().remove(0);
    let applies = |text| law.applies(Time::parse(text, None).unwrap(), &TimeZone::UTC);
    assert_eq!(
        ["2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"].map(applies),
        [false, true, true, false]
    );
    let replaced = Catalogue::shipped().with(vec![Law { name: "gdpr-notification".into(), ..law.clone() }]);
    assert_eq!((replaced.0.len(), replaced.0["gdpr-notification"].law.as_str()), (15, "A law"));
    assert!(replaced.need("gdpr-notifcation").unwrap_err().to_string().contains("did you mean `gdpr-notification`?"));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let check = |from: &str, to: &str, want: &[&str]| {
        let told: Vec<String> =
            read("clocks.toml", &GOOD.replace(from, to)).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), want.len(), "{told:?}");
        for (told, want) in told.iter().zip(want) {
            assert!(told.starts_with(want), "{told}");
        }
    };
    check("from = 2026-01-01\n", "", &["clocks.toml:3:1: `from` is missing"]);
    check("from = 2026-01-01", "from = \"2026\"", &["clocks.toml:10:8: `from` must be a date"]);
    check("until = 2026", "until = 2025", &["clocks.toml:11:1: `until` is before `from`"]);
    check("unit = \"months\"", "unit = \"month\"", &["clocks.toml:9:8: `month` is not a value of `unit`"]);
    check("within = 1", "within = 0", &["clocks.toml:8:1: `within` must be 1 to"]);
    check(
        "name = \"x\"",
        "name = \"X y\"\nnote = 1",
        &["clocks.toml:3:1: `X y` is not a name", "clocks.toml:4:1: unknown key `note`"],
    );
    check("[[clock]]", "[[clok]]", &["clocks.toml:2:3: unknown key `clok`"]);
    check("[[clock]]", "[[clock]", &["clocks.toml:2"]);
    let twice = read("clocks.toml", &GOOD.repeat(2)).unwrap_err();
    assert!(twice.len() == 1 && twice[0].to_string().contains("the name `x` is taken"), "{twice:?}");
}
