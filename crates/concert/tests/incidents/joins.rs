//! Incidents that are merged, split and linked, and taken apart again.

use serde_json::{Value, json};

use crate::site::Site;

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
impl Site {
    fn refused(&self, args: &[&str], want: &str) {
        let (code, _, err) = self.run(&[&["incident"], args].concat());
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    }

    fn write(&self, number: &str, args: &[&str]) {
        self.incident(&[&["write", number], args].concat());
    }

    /// An incident without what every entry changes.
    fn content(&self, args: &[&str]) -> Value {
        let mut shown = self.incident(&[&["show"], args].concat()).remove(0);
        for name in ["entries", "changed"] {
            shown.as_object_mut().unwrap().remove(name);
        }
        shown
    }

    fn fill(&self, number: &str, host: &str, party: &str) {
        self.write(number, &["party", &format!("party={party}"), "status=told", "text=x"]);
        self.write(number, &["host", &format!("host={host}"), &format!("party={party}")]);
        self.write(number, &["observable", "of=ip", &format!("value={host}")]);
        self.write(number, &["note", &format!("text=About {party} at {host}")]);
        let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z"];
        self.write(number, &[&["relation", &format!("from={host}"), "to=203.0.113.1", "port=22"], &times[..]].concat());
        self.write(number, &["happened", "time=2026-11-22T04:50:30Z", &format!("subject={host}"), "text=login"]);
    }

    fn user_with(&self, name: &str, roles: &[&str]) {
        let roles: Vec<&str> = roles.iter().flat_map(|role| ["--role", role]).collect();
        let (code, _, err) =
            self.run(&[&["user", "add", name, "--full-name", name, "--clearance", "red"], &roles[..]].concat());
        assert_eq!(code, 0, "{err}");
    }
}

#[expect(clippy::unwrap_used, reason = "a test that cannot read its answer must fail")]
fn names(shown: &Value, list: &str, member: &str) -> Vec<String> {
    shown[list].as_array().unwrap().iter().map(|row| row[member].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_merged_incident_shows_in_the_other_and_comes_back_as_it_was() {
    let site = Site::new();
    let (one, two, three) =
        (site.open_marked("One", "amber"), site.open_marked("Two", "amber"), site.open_marked("Three", "amber"));
    site.fill(&one, "192.0.2.1", "Net A");
    site.fill(&two, "192.0.2.2", "Net B");
    site.fill(&three, "192.0.2.3", "Net C");
    let before = [site.content(&[&one]), site.content(&[&two]), site.content(&[&three])];
    // As people say numbers: in any letters, and without zeros.
    let said = |number: &str| number.to_lowercase().replace("-00000", "-");
    site.incident(&["merge", &said(&one), "--into", &said(&two), "--reason", "the same intruder"]);
    site.incident(&["merge", &two, "--into", &three, "--reason", "and this one"]);
    // Everything of all three, over both steps.
    let shown = site.content(&[&three]);
    assert_eq!(names(&shown, "parties", "party"), ["Net A", "Net B", "Net C"]);
    assert_eq!(names(&shown, "observables", "value"), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert_eq!((shown["relations"].as_array().unwrap().len(), shown["hosts"].as_object().unwrap().len()), (3, 3));
    assert_eq!(names(&shown, "timeline", "subject").len(), 3);
    let log = site.incident(&["log", &three, "--limit", "0"]);
    let notes: Vec<&Value> =
        log.iter().filter(|row| row["kind"] == "note/1").map(|row| &row["content"]["text"]).collect();
    assert_eq!(notes, ["About Net A at 192.0.2.1", "About Net B at 192.0.2.2", "About Net C at 192.0.2.3"]);
    let upstream = site.incident(&["chain", &three, "--upstream", "203.0.113.1"]);
    assert_eq!(upstream.len(), 4, "{upstream:?}");
    let merged = site.content(&[&one]);
    assert_eq!((&merged["status"], &merged["merged_into"]), (&json!("merged"), &json!(two)));
    let open: Vec<Value> = site.incident(&["list", "--status", "open"]);
    assert_eq!(open.iter().map(|row| &row["number"]).collect::<Vec<_>>(), [&json!(three)]);
    assert_eq!(site.incident(&["list", "--status", "merged"]).len(), 2);
    let found = site.incident(&["search", "192.0.2.1"]);
    assert!(!found.is_empty() && found.iter().all(|row| row["merged_into"] == json!(three)), "{found:?}");
    let about = site.incident(&["about", "192.0.2.1"]).remove(0);
    assert_eq!(about["incidents"], json!([one, three]));
    // What is written belongs there; what has nowhere else to be stays.
    site.refused(&["write", &one, "note", "text=x"], &format!("write into {three}"));
    site.refused(&["mark", &one, "--tlp", "green", "--reason", "x"], "merged into another incident");
    let note = log.iter().find(|row| row["content"]["text"] == "About Net A at 192.0.2.1").unwrap();
    site.refused(&["merge", &one, "--into", &three, "--reason", "x"], "was merged already");
    site.refused(&["merge", &three, "--into", &one, "--reason", "x"], "was merged itself");
    site.refused(&["merge", &three, "--into", &three, "--reason", "x"], "joined with itself");
    site.refused(&["merge", &three, "--into", &one, "--reason", " "], "`reason` is empty");
    site.refused(&["unmerge", &one, "--from", &three, "--reason", "x"], "are not joined so");
    site.refused(&["write", &three, "joined", "as_what=merged", "joined=true", "incident=x"], "not written by hand");
    // Lists and searches made anew say the same.
    let shown = site.content(&[&three]);
    site.incident(&["rebuild"]);
    assert_eq!((site.content(&[&three]), site.incident(&["search", "192.0.2.1"])), (shown, found));
    assert_eq!(site.incident(&["list", "--status", "merged"]).len(), 2);
    site.incident(&["unmerge", &two, "--from", &three, "--reason", "it was not"]);
    site.incident(&["unmerge", &one, "--from", &two, "--reason", "it was not"]);
    assert_eq!([site.content(&[&one]), site.content(&[&two]), site.content(&[&three])], before);
    // An entry that shows elsewhere is erased where it was written.
    site.incident(&["merge", &one, "--into", &two, "--reason", "the same after all"]);
    site.incident(&["erase", &two, &note["seq"].to_string(), "--reason", "privacy law"]);
    assert!(site.incident(&["search", "About", "192.0.2.1"]).is_empty());
    assert_eq!(site.incident(&["log", &two, "--limit", "0"]).iter().filter(|row| row["sealed"] == true).count(), 1);
    assert_eq!(site.run(&["verify"]).0, 0);
}

/// INVARIANT: whoever may not see both sees of each what was there before.
#[test]
fn a_merge_shows_nothing_to_who_may_not_see_both() {
    let site = Site::new();
    site.user_with("anna", &["handler"]);
    site.user_with("ben", &["handler"]);
    let opened = site.incident(&[
        "open",
        "Secret",
        "--type",
        "scanner",
        "--severity",
        "medium",
        "--tlp",
        "red",
        "--for-person",
        "anna",
    ]);
    let secret = opened[0]["incident"].as_str().unwrap().to_owned();
    let plain = site.open_marked("Plain", "amber");
    site.fill(&secret, "192.0.2.1", "Net A");
    site.fill(&plain, "192.0.2.2", "Net B");
    let before = site.content(&[&plain, "--as", "ben"]);
    site.refused(&["merge", &secret, "--into", &plain, "--reason", "x", "--as", "ben"], "no such incident");
    site.incident(&["merge", &secret, "--into", &plain, "--reason", "the same intruder"]);
    let after = site.content(&[&plain, "--as", "ben"]);
    assert_eq!(after, before);
    let log = site.incident(&["log", &plain, "--limit", "0", "--as", "ben"]);
    assert!(!log.iter().any(|row| row["kind"] == "joined/1" || row.to_string().contains("192.0.2.1")), "{log:?}");
    assert!(site.incident(&["search", "192.0.2.1", "--as", "ben"]).is_empty());
    // Who may see both sees both.
    let shown = site.content(&[&plain, "--as", "anna"]);
    assert_eq!(names(&shown, "observables", "value"), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(shown["joined"][0]["incident"], json!(secret));
    // Merged the other way, the place to write is told to who may see it.
    site.incident(&["unmerge", &secret, "--from", &plain, "--reason", "x"]);
    site.incident(&["merge", &plain, "--into", &secret, "--reason", "x"]);
    site.refused(&["write", &plain, "note", "text=x", "--as", "ben"], "you may not see the other one");
    site.refused(&["write", &plain, "note", "text=x", "--as", "anna"], &format!("write into {secret}"));
    assert_eq!(site.content(&[&plain, "--as", "ben"])["merged_into"], json!(null));
}

/// INVARIANT: counts, `changed` and the status are those of what the person sees, in the list as in the incident.
#[test]
fn a_merge_moves_nothing_for_who_may_not_see_both() {
    let site = Site::new();
    site.user_with("lim", &["handler:Net A"]);
    let (one, two) = (site.open_marked("One", "amber"), site.open_marked("Two", "amber"));
    site.write(&one, &["party", "party=Net A", "status=told"]);
    site.write(&one, &["note", "text=first"]);
    let seen = || {
        let shown = site.incident(&["show", &one, "--as", "lim"]).remove(0);
        let [row] = &site.incident(&["list", "--as", "lim"])[..] else { panic!("lim sees one") };
        let rows = site.incident(&["log", &one, "--limit", "0", "--as", "lim"]).len();
        assert_eq!((&shown["status"], &shown["changed"]), (&row["status"], &row["changed"]));
        assert_eq!(shown["entries"], json!(rows));
        (row.clone(), rows)
    };
    let before = seen();
    site.incident(&["merge", &one, "--into", &two, "--reason", "x"]);
    assert_eq!(seen(), before);
    assert_eq!(site.incident(&["list", "--status", "open", "--as", "lim"]).len(), 1);
    assert_eq!(site.incident(&["list", "--status", "merged", "--as", "lim"]).len(), 0);
    assert_eq!(site.incident(&["list", "--status", "merged"]).len(), 1);
    // Who sees both has the rows of both.
    let rows = site.incident(&["log", &two, "--limit", "0"]).len();
    assert_eq!(site.incident(&["show", &two])[0]["entries"], json!(rows));
    site.incident(&["unmerge", &one, "--from", &two, "--reason", "x"]);
    site.incident(&["link", &one, "--parent", &two, "--reason", "x"]);
    assert_eq!(seen(), before);
    site.incident(&["rebuild"]);
    assert_eq!(seen(), before);
    assert_eq!(site.run(&["verify"]).0, 0);
    site.write(&one, &["note", "text=second"]);
    assert_ne!(seen(), before);
}

#[test]
fn a_split_moves_what_was_chosen_by_reference_and_can_be_undone() {
    let site = Site::new();
    site.user_with("ben", &["reader:Net Q"]);
    let all = site.open_marked("All", "amber");
    site.fill(&all, "192.0.2.1", "Net A");
    site.fill(&all, "192.0.2.2", "Net B");
    let before = site.content(&[&all]);
    let note = site.incident(&["log", &all, "--limit", "0"]).into_iter().find(|row| row["kind"] == "note/1").unwrap();
    let seq = note["seq"].to_string();
    let new = [
        "--title",
        "Part",
        "--type",
        "scanner",
        "--severity",
        "medium",
        "--tlp",
        "amber",
        "--reason",
        "another intruder",
    ];
    let refused = |more: &[&str], want| site.refused(&[&["split", &all], &new[..], more].concat(), want);
    refused(&[], "nothing was chosen");
    refused(&["--party", "Net X"], "`Net X` is not in");
    refused(&["--entries", "999"], "there is no entry 999");
    refused(&["--entries", &site.entries(&all)[0]], "belongs to the incident as a whole");
    let chosen = ["--party", "Net A", "--observable", "192.0.2.1", "--host", "192.0.2.1", "--entries", &seq];
    let part =
        site.incident(&[&["split", &all], &new[..], &chosen].concat())[0]["incident"].as_str().unwrap().to_owned();
    let (left, right) = (site.content(&[&all]), site.content(&[&part]));
    assert_eq!(
        (names(&left, "parties", "party"), names(&right, "parties", "party")),
        (vec!["Net B".into()], vec!["Net A".into()])
    );
    assert_eq!((&left["hosts"], &right["hosts"]), (&json!({"192.0.2.2": "Net B"}), &json!({"192.0.2.1": "Net A"})));
    assert_eq!(names(&right, "observables", "value"), ["192.0.2.1"]);
    assert_eq!(
        (names(&left, "relations", "from"), names(&right, "relations", "from")),
        (vec!["192.0.2.2".into()], vec!["192.0.2.1".into()])
    );
    assert!(site.incident(&["log", &part, "--limit", "0"]).iter().any(|row| row["seq"] == note["seq"]));
    // Access of what was moved stays that of where it was written.
    site.write(&part, &["role", "role=responder", "person=ben", "holds=true"]);
    let seen = site.content(&[&part, "--as", "ben"]);
    assert_eq!((&seen["title"], names(&seen, "parties", "party").len()), (&json!("Part"), 0));
    site.incident(&["rebuild"]);
    assert_eq!(site.content(&[&all]), left);
    // What shows here and stands elsewhere says where, and what to do.
    let elsewhere = |of: &str, more: &[&str], want: &str| {
        site.refused(&[&["split", of], &new[..], more].concat(), want);
    };
    elsewhere(&all, &["--host", "192.0.2.1"], &format!("`192.0.2.1` was split into {part}, and shows there"));
    elsewhere(&part, &["--party", "Net A"], &format!("`Net A` stands in {all}, off which it was split into {part}"));
    elsewhere(&part, &["--entries", &seq], &format!("`concert incident unsplit {all} --from {part}` first"));
    let other = site.open_marked("Other", "amber");
    site.fill(&other, "192.0.2.3", "Net C");
    site.incident(&["merge", &other, "--into", &all, "--reason", "the same"]);
    elsewhere(&all, &["--observable", "192.0.2.3"], &format!("stands in {other}, which was merged into {all}"));
    site.incident(&["unmerge", &other, "--from", &all, "--reason", "another"]);
    site.incident(&["unsplit", &all, "--from", &part, "--reason", "the same after all"]);
    assert_eq!(site.content(&[&all]), before);
    assert_eq!(names(&site.content(&[&part]), "parties", "party").len(), 0);
}

/// Also where both are marked alike: whoever is limited to a party sees those of the party alone.
#[test]
fn who_sees_one_of_two_does_not_read_that_they_are_joined() {
    let site = Site::new();
    site.user_with("otto", &["reader:Net A"]);
    site.user_with("anna", &["handler"]);
    let (one, other) = (site.open_marked("One", "green"), site.open_marked("Other", "green"));
    site.fill(&one, "192.0.2.1", "Net A");
    site.fill(&other, "192.0.2.2", "Net B");
    site.incident(&["link", &one, "--parent", &other, "--reason", "quickstep"]);
    let reads = |name: &str| {
        let log = site.incident(&["log", &one, "--limit", "0", "--as", name]);
        let exported = site.run(&["incident", "export", &one, "--as", name]).1;
        let found = site.incident(&["search", "quickstep", "--as", name]);
        let shown = site.content(&[&one, "--as", name])["joined"].clone();
        (
            log.iter().any(|row| row["kind"] == "joined/1"),
            exported.contains("quickstep"),
            !found.is_empty(),
            shown != json!([]),
        )
    };
    assert_eq!(reads("anna"), (true, true, true, true));
    assert_eq!(reads("otto"), (false, false, false, false));
}

#[test]
fn parents_and_children_are_told_and_never_go_round() {
    let site = Site::new();
    let (top, middle, low) =
        (site.open_marked("Top", "amber"), site.open_marked("Middle", "amber"), site.open_marked("Low", "amber"));
    site.incident(&["link", &middle, "--parent", &top, "--reason", "x"]);
    site.incident(&["link", &low, "--parent", &middle, "--reason", "x"]);
    let joined = site.content(&[&middle])["joined"].clone();
    let rows: Vec<(&Value, &Value)> =
        joined.as_array().unwrap().iter().map(|row| (&row["as"], &row["incident"])).collect();
    assert_eq!(rows, [(&json!("child"), &json!(low)), (&json!("parent"), &json!(top))]);
    site.refused(&["link", &top, "--parent", &low, "--reason", "x"], "cannot be its parent");
    site.incident(&["unlink", &low, "--parent", &middle, "--reason", "x"]);
    site.incident(&["link", &top, "--parent", &low, "--reason", "x"]);
    // Nor by way of a merge: what is above is not merged into what is below it, also over two steps.
    site.refused(&["merge", &low, "--into", &middle, "--reason", "x"], "cannot be merged into it");
    let other = site.open_marked("Other", "amber");
    site.incident(&["merge", &top, "--into", &other, "--reason", "x"]);
    site.refused(&["link", &other, "--parent", &middle, "--reason", "x"], "cannot be its parent");
    site.incident(&["unmerge", &top, "--from", &other, "--reason", "x"]);
    // Neither shows what the other says.
    site.fill(&top, "192.0.2.1", "Net A");
    assert_eq!(names(&site.content(&[&middle]), "parties", "party").len(), 0);
}

/// What was spent is told where it shows: after a split in the new incident, after a merge in the one that goes on. Asked
/// over all, it counts once; of one that was merged it is its own.
#[test]
fn what_work_cost_follows_merges_and_splits_and_counts_once() {
    let site = Site::with("[effort.rates]\ndefault = 60\n");
    site.user_with("anna", &["handler"]);
    let (one, two, three) =
        (site.open_marked("One", "amber"), site.open_marked("Two", "amber"), site.open_marked("Three", "amber"));
    let effort = |number: &str, minutes: &str, party: &str| {
        let (minutes, party) = (format!("minutes={minutes}"), format!("party={party}"));
        let written = site.incident(&["write", number, "effort", &minutes, "person=anna", "work=analysis", &party]);
        written[0]["entries"][0].to_string()
    };
    for number in [&one, &two, &three] {
        site.fill(number, "192.0.2.1", "Net A");
    }
    let moved = effort(&one, "40", "Net A");
    effort(&one, "2", "");
    effort(&two, "100", "Net A");
    effort(&three, "1000", "Net A");
    let cost = |args: &[&str]| {
        let by = args.iter().position(|arg| *arg == "--by").map_or("incident", |at| args[at + 1]);
        let rows = site.incident(&[&["cost"], args].concat());
        let row = |row: &Value| (row[by].as_str().unwrap().to_owned(), row["minutes"].as_u64().unwrap());
        let mut rows: Vec<_> = rows.iter().map(row).collect();
        let total = rows.pop().unwrap();
        assert_eq!(total, ("(total)".to_owned(), rows.iter().map(|(_, minutes)| minutes).sum()));
        rows
    };
    let rows = |rows: &[(&String, u64)]| rows.iter().map(|(name, minutes)| ((*name).clone(), *minutes)).collect();
    let before: Vec<(String, u64)> = rows(&[(&one, 42), (&two, 100), (&three, 1000)]);
    assert_eq!(cost(&[]), before);
    let new = ["--title", "Part", "--type", "phishing", "--severity", "low", "--tlp", "amber", "--reason", "x"];
    let opened = site.incident(&[&["split", &one, "--entries", &moved], &new[..]].concat());
    let part = opened[0]["incident"].as_str().unwrap().to_owned();
    let effort_of = |number: &str| {
        let shown = site.content(&[number])["effort"].clone();
        shown.as_array().unwrap().iter().map(|row| row["minutes"].as_u64().unwrap()).sum::<u64>()
    };
    let check = |want: &[(&String, u64)]| {
        for (number, minutes) in want {
            assert_eq!(cost(&[number]), [(String::clone(number), *minutes)]);
            assert_eq!(effort_of(number), *minutes, "{number}");
        }
    };
    assert_eq!(cost(&[]), rows(&[(&one, 2), (&two, 100), (&three, 1000), (&part, 40)]));
    assert_eq!(cost(&["--by", "type"]), [("phishing".to_owned(), 40), ("scanner".to_owned(), 1102)]);
    assert_eq!(cost(&[&part, "--by", "party"]), [("Net A".to_owned(), 40)]);
    check(&[(&one, 2), (&part, 40)]);
    // Over two steps; what was split off before goes on where it was.
    site.incident(&["merge", &one, "--into", &two, "--reason", "the same"]);
    site.incident(&["merge", &two, "--into", &three, "--reason", "the same"]);
    assert_eq!(cost(&[]), rows(&[(&three, 1102), (&part, 40)]));
    assert_eq!(cost(&["--by", "type"]), [("phishing".to_owned(), 40), ("scanner".to_owned(), 1102)]);
    assert_eq!(cost(&["--by", "party"]), [(String::new(), 2), ("Net A".to_owned(), 1140)]);
    check(&[(&one, 2), (&two, 102), (&three, 1102), (&part, 40)]);
    // What both halves show is told once there.
    site.incident(&["merge", &part, "--into", &three, "--reason", "the same"]);
    assert_eq!(cost(&[]), rows(&[(&three, 1142)]));
    // Whoever does not see where it goes on has it where it was.
    site.incident(&["mark", &three, "--tlp", "red", "--reason", "x"]);
    assert_eq!(cost(&["--as", "anna"]), rows(&[(&two, 102), (&part, 40)]));
    site.incident(&["unmerge", &part, "--from", &three, "--reason", "x"]);
    site.incident(&["unmerge", &two, "--from", &three, "--reason", "x"]);
    site.incident(&["unmerge", &one, "--from", &two, "--reason", "x"]);
    site.incident(&["unsplit", &one, "--from", &part, "--reason", "x"]);
    assert_eq!(cost(&[]), before);
}
