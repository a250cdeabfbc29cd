//! A generated matrix of persons, actions and objects against a second statement of the rules, which is
//! slow and obvious and shares nothing with the first.

use super::*;
use crate::user::StandingRole;

/// Every kind of person: each standing, alone and limited, with each clearance; each role; a speaker.
fn persons() -> Vec<Person> {
    let mut standings: Vec<Vec<Standing>> = vec![vec![]];
    for role in StandingRole::ALL {
        for constituency in [None, Some("Net A"), Some("Net Z")] {
            standings.push(vec![Standing { role, constituency: constituency.map(str::to_owned) }]);
        }
    }
    let scopes = ["incidents:read", "incidents:write", "events:read", "metrics:read", "admin"];
    let tokens = scopes.map(|scope| Some(BTreeSet::from([scope.to_owned()])));
    let mut persons = vec![Person::operator("root")];
    let person = |name: &str, standing: &Vec<Standing>, clearance, scopes: &Option<BTreeSet<String>>| {
        let (name, standing, scopes) = (name.to_owned(), standing.clone(), scopes.clone());
        Person { name, is_operator: false, standing, clearance, scopes, ..Person::nobody() }
    };
    for name in names() {
        for standing in &standings {
            for clearance in [Tlp::Green, Tlp::AmberStrict, Tlp::Red] {
                persons.push(person(&name, standing, clearance, &None));
            }
        }
        // What a token allows is asked before everything else, so a few with each are enough.
        for scopes in &tokens {
            persons.extend(standings.iter().take(5).map(|standing| person(&name, standing, Tlp::Red, scopes)));
        }
    }
    persons
}

/// One person for each role, one with two of them, one who speaks for a party, one who speaks for two, one who speaks
/// and observes, a stranger, and two who answer for what became of one party and of two.
fn names() -> Vec<String> {
    let mut names: Vec<String> = Role::ALL.iter().map(|(_, word, _)| (*word).to_owned()).collect();
    names.extend(["both", "speaker", "speaks-twice", "speaks-and-observes", "stranger", "opener"].map(str::to_owned));
    names.extend(["victim", "victim-twice"].map(str::to_owned));
    names
}

fn circle(marking: Option<Marking>, is_staffed: bool) -> Circle {
    let mut holders: BTreeMap<Role, BTreeSet<String>> = BTreeMap::new();
    for (role, word, _) in Role::ALL {
        if role != Role::Coordinator || is_staffed {
            holders.entry(role).or_default().insert(word.to_owned());
        }
    }
    for role in [Role::Observer, Role::Investigator] {
        holders.entry(role).or_default().insert("both".into());
    }
    holders.entry(Role::Observer).or_default().insert("speaks-and-observes".into());
    holders.entry(Role::AffectedParty).or_default().extend(["victim".to_owned(), "victim-twice".to_owned()]);
    let names = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let speakers = BTreeMap::from([
        ("Net A".to_owned(), names(&["speaker", "speaks-twice", "speaks-and-observes", "victim", "victim-twice"])),
        ("Net B".to_owned(), names(&["speaks-twice", "victim-twice"])),
    ]);
    let constituencies = names(&["Net A", "energy"]);
    Circle { marking, opener: "opener".into(), holders, speakers, constituencies, ..Circle::default() }
}

fn markings() -> Vec<Marking> {
    let mut markings = Vec::new();
    for tlp in Tlp::ALL {
        for compartment in ["", "law-enforcement", "legal", "other"] {
            for persons in [vec![], vec!["speaker".to_owned(), "observer".to_owned(), "responder".to_owned()]] {
                for parties in [vec![], vec!["Net A".to_owned()], vec!["Net B".to_owned()]] {
                    let (persons, compartment) = (persons.clone(), compartment.to_owned());
                    markings.push(Marking { tlp, persons, parties, compartment });
                }
            }
        }
    }
    markings
}

/// The rules once more, as one would tell them to a person.
mod slow {
    use super::*;

    fn stands(person: &Person, word: &str, circle: &Circle) -> bool {
        person.standing.iter().any(|standing| {
            standing.role.word() == word
                && standing.constituency.as_ref().is_none_or(|limit| circle.constituencies.contains(limit))
        })
    }

    fn roles(person: &Person, circle: &Circle) -> BTreeSet<&'static str> {
        let all = Role::ALL.into_iter();
        all.filter(|(role, _, _)| circle.holders.get(role).is_some_and(|names| names.contains(&person.name)))
            .map(|(_, word, _)| word)
            .collect()
    }

    fn any(roles: &BTreeSet<&str>, of: &str) -> bool {
        of.split(' ').any(|word| roles.contains(word))
    }

    /// Reading.
    pub(super) fn reads(person: &Person, circle: &Circle, marking: &Marking, author: &str, is_incident: bool) -> bool {
        let roles = roles(person, circle);
        let works = any(
            &roles,
            "coordinator site-lead responder lead-investigator investigator law-enforcement-liaison legal-and-privacy",
        );
        let stands = stands(person, "handler", circle) || stands(person, "reader", circle);
        let gets_releases = any(&roles, "communications observer");
        let speaks = circle.speakers.values().any(|names| names.contains(&person.name));
        let named = marking.persons.contains(&person.name);
        let wrote = author == person.name;
        let in_compartment = match marking.compartment.as_str() {
            "" => true,
            "law-enforcement" => any(&roles, "law-enforcement-liaison") || named || wrote,
            "legal" => any(&roles, "legal-and-privacy") || named || wrote,
            _ => named || wrote,
        };
        let has_part = works || stands || gets_releases || speaks;
        if !has_part || !in_compartment || person.clearance < marking.tlp {
            return false;
        }
        if wrote {
            return true;
        }
        if marking.tlp == Tlp::Red && !named {
            return false;
        }
        // Whatever lets somebody in shows what it shows, and takes nothing from what another shows.
        let open = matches!(marking.tlp, Tlp::Clear | Tlp::Green);
        let by_work = works || stands;
        let by_release = gets_releases && (open || named);
        let is_for = |party: &String| circle.speakers.get(party).is_some_and(|names| names.contains(&person.name));
        let by_party = speaks
            && (open
                || marking.tlp != Tlp::AmberStrict && (is_incident || named || marking.parties.iter().any(is_for)));
        by_work || by_release || by_party
    }

    pub(super) fn allowed(person: &Person, action: Action, object: Object<'_>) -> bool {
        if person.is_operator {
            return true;
        }
        if person.scopes.as_ref().is_some_and(|has| !has.contains("admin") && !has.contains(action.scope())) {
            return false;
        }
        let (circle, item) = match object {
            Object::Incident(circle) => (circle, None),
            Object::Item { circle, marking, author: "concert (by itself)" } if marking.persons.is_empty() => {
                (circle, Some((marking, circle.opener.as_str())))
            }
            Object::Item { circle, marking, author } => (circle, Some((marking, author))),
            Object::Step { circle, marking, author, role, party } => {
                // It is as the entry that began its process.
                return allowed(person, action, Object::Item { circle, marking, author })
                    || own_step(person, action, circle, (marking, author), (role, party));
            }
            Object::Site | Object::Of(_) => return at_site(person, action, object),
        };
        let asks = matches!(action, Action::AskWho | Action::ReadLog);
        if asks && stands(person, "auditor", circle) {
            return true;
        }
        let Some(of_incident) = &circle.marking else { return false };
        if !reads(person, circle, of_incident, &circle.opener, true) {
            return false;
        }
        if let Some((marking, author)) = item {
            if !reads(person, circle, marking, author, false) {
                return false;
            }
            let wrote = matches!(object, Object::Item { author, .. } if author == person.name);
            if wrote && matches!(action, Action::Lower | Action::Raise) {
                return true;
            }
        }
        let roles = roles(person, circle);
        let handles = stands(person, "handler", circle);
        let notes = "coordinator site-lead responder lead-investigator investigator law-enforcement-liaison legal-and-privacy communications";
        let leads = "coordinator site-lead";
        match action {
            Action::See => true,
            Action::Note => {
                any(&roles, notes) || handles || circle.speakers.values().any(|names| names.contains(&person.name))
            }
            Action::Raise | Action::Follow => any(&roles, notes) || handles,
            Action::Conduct => any(&roles, "coordinator site-lead responder lead-investigator investigator") || handles,
            Action::Lower | Action::Staff => any(&roles, leads),
            Action::TakeUp => handles && circle.holders.get(&Role::Coordinator).is_none_or(BTreeSet::is_empty),
            Action::Release | Action::AskWho => any(&roles, "coordinator site-lead legal-and-privacy"),
            Action::Erase => any(&roles, "site-lead legal-and-privacy"),
            Action::ReadLog => any(&roles, "coordinator observer"),
            Action::Open | Action::SeeSite(_) | Action::ChangeSite(_) => false,
            Action::SeeMetrics | Action::ManageUsers | Action::ManageSite => false,
        }
    }

    /// Whoever answers for what became of a party does the steps that are the affected party's of a process which concerns
    /// it, as far as what is marked so may go to a party at all.
    fn own_step(
        person: &Person,
        action: Action,
        circle: &Circle,
        (marking, author): (&Marking, &str),
        (role, party): (Option<Role>, Option<&str>),
    ) -> bool {
        let Some(party) = party else { return false };
        let answers = circle.speakers.get(party).is_some_and(|names| names.contains(&person.name))
            && any(&roles(person, circle), "affected-party");
        let for_it = Marking { parties: vec![party.to_owned()], ..marking.clone() };
        let goes = Object::Item { circle, marking: &for_it, author };
        let reader = Person { scopes: None, ..person.clone() };
        matches!(action, Action::See | Action::Follow)
            && role.is_some_and(|role| role.word() == "affected-party")
            && answers
            && allowed(&reader, Action::See, goes)
    }

    fn at_site(person: &Person, action: Action, object: Object<'_>) -> bool {
        let of: &[&str] = if let Object::Of(of) = object { of } else { &[] };
        let is = |word: &str| {
            person.standing.iter().any(|standing| {
                standing.role.word() == word
                    && standing.constituency.as_ref().is_none_or(|limit| of.contains(&limit.as_str()))
            })
        };
        match action {
            Action::Open => person.standing.iter().any(|standing| standing.role.word() == "handler"),
            Action::SeeSite(_) => is("handler") || is("reader"),
            Action::ChangeSite(_) => is("handler"),
            Action::SeeMetrics => is("administrator") || is("handler") || is("reader"),
            Action::ManageUsers => is("administrator"),
            Action::ReadLog => is("auditor"),
            _ => false,
        }
    }
}

/// INVARIANT: both statements of the rules agree on everything, and every answer has a reason.
#[test]
fn the_matrix_agrees_with_the_slow_statement() {
    let (persons, markings) = (persons(), markings());
    let mut asked = 0u64;
    let mut ask = |person: &Person, action: Action, object: Object<'_>| {
        let decision = may(person, action, object);
        let want = slow::allowed(person, action, object);
        assert_eq!(decision.allowed, want, "{person:?} {action:?} {object:?}: {decision:?}");
        assert!(!decision.reason.is_empty() && !decision.policy.is_empty());
        asked += 1;
    };
    let staffed: Vec<Circle> = markings.iter().map(|marking| circle(Some(marking.clone()), true)).collect();
    let others = [circle(None, true), circle(Some(Marking::of(Tlp::Amber)), false)];
    let open = circle(Some(Marking::of(Tlp::Amber)), true);
    for person in &persons {
        for action in Action::ALL {
            ask(person, action, Object::Site);
            ask(person, action, Object::Of(&["Net A"]));
            ask(person, action, Object::Of(&["Net Q", "energy"]));
            for circle in staffed.iter().chain(&others) {
                ask(person, action, Object::Incident(circle));
            }
        }
        for action in [Action::See, Action::Note, Action::Lower, Action::Raise, Action::Release, Action::AskWho] {
            for marking in &markings {
                for author in ["responder", "observer", "speaker", "nobody", BY_ITSELF] {
                    ask(person, action, Object::Item { circle: &open, marking, author });
                }
            }
        }
    }
    assert!(asked > 2_000_000, "{asked}");
}

/// INVARIANT: a step is done by whoever follows its process, and one that is the affected party's also by who answers for the
/// party that it concerns; nobody else does or sees it.
#[test]
fn steps_of_an_affected_party_agree_with_the_slow_statement() {
    let (persons, markings) = (persons(), markings());
    let (mut own, mut denied) = (0u64, 0u64);
    for whole in [Marking::of(Tlp::Green), Marking::of(Tlp::Amber), Marking::of(Tlp::AmberStrict)] {
        let circle = circle(Some(whole), true);
        for person in &persons {
            for marking in &markings {
                for role in [Some(Role::AffectedParty), Some(Role::Responder), None] {
                    for party in [Some("Net A"), Some("Net B"), Some("Net Q"), None] {
                        let object = Object::Step { circle: &circle, marking, author: "coordinator", role, party };
                        for action in [Action::See, Action::Follow, Action::Conduct] {
                            let decision = may(person, action, object);
                            let want = slow::allowed(person, action, object);
                            assert_eq!(decision.allowed, want, "{person:?} {action:?} {object:?}: {decision:?}");
                            own += u64::from(decision.policy == "own-step");
                            denied += u64::from(!want && person.name.starts_with("victim"));
                        }
                    }
                }
            }
        }
    }
    assert!(own > 1_000 && denied > 1_000, "{own} {denied}");
}

/// INVARIANT: whoever speaks for a party and conducts nothing says how that party stands and hands in evidence, and no more;
/// whoever conducts writes all of it, and nobody else any.
#[test]
fn a_party_says_itself_how_it_stands_and_hands_in_what_it_has() {
    use crate::incident::content::{Act, Content, Custody, EvidenceAdded, PartyMoved, PartyStatus};
    let moved = |party: &str, status| Content::from(PartyMoved { party: party.into(), status, text: String::new() });
    let added = |of: &str| {
        let (sha256, of) = ("00".repeat(32), of.to_owned());
        Content::from(EvidenceAdded { sha256, name: "x".into(), bytes: 1, text: String::new(), of })
    };
    let custody = |act| {
        let (sha256, place, reason) = ("00".repeat(32), "safe".to_owned(), "x".to_owned());
        Content::from(Custody { sha256, act, person: "x".into(), whom: String::new(), place, reason })
    };
    // What is written, and for which party it is open to whoever speaks for that; `*` for any.
    let all = [
        (moved("Net A", PartyStatus::Cleaned), "Net A"),
        (moved("Net B", PartyStatus::Acknowledged), "Net B"),
        (moved("Net B", PartyStatus::Refuses), "Net B"),
        (moved("Net A", PartyStatus::Contained), "Net A"),
        (moved("Net A", PartyStatus::Seen), "Net A"),
        (moved("Net A", PartyStatus::Verified), ""),
        (moved("Net A", PartyStatus::Told), ""),
        (moved("Net A", PartyStatus::NoAnswer), ""),
        (moved("Net A", PartyStatus::Unknown), ""),
        (moved("Net A", PartyStatus::ContactSought), ""),
        (moved("Net Q", PartyStatus::Cleaned), ""),
        (added(""), "*"),
        (added(&"11".repeat(32)), ""),
        (custody(Act::Collected), "*"),
        (custody(Act::Received), "*"),
        (custody(Act::Moved), ""),
        (custody(Act::Destroyed), ""),
    ];
    let (mut by_party, mut denied) = (0u64, 0u64);
    for marking in [Marking::of(Tlp::Amber), Marking::of(Tlp::AmberStrict), Marking::of(Tlp::Red)] {
        let circle = circle(Some(marking), true);
        for person in &persons() {
            for (content, of) in &all {
                let got = may(person, Action::of(content, person, &circle), Object::Incident(&circle)).allowed;
                let asks = |action| slow::allowed(person, action, Object::Incident(&circle));
                let mut speaks = circle.speakers.iter().filter(|(_, names)| names.contains(&person.name));
                let is_own = speaks.any(|(party, _)| *of == "*" || party == of);
                let want = asks(Action::Conduct) || is_own && asks(Action::Note);
                assert_eq!(got, want, "{person:?} {content:?}");
                by_party += u64::from(got && !asks(Action::Conduct));
                denied += u64::from(!got);
            }
        }
    }
    assert!(by_party > 500 && denied > 500, "{by_party} {denied}");
}

/// INVARIANT: what nobody wrote is read by somebody, whoever the incident is for.
#[test]
fn what_nobody_wrote_is_read_by_whoever_opened_the_incident() {
    for marking in [Marking::of(Tlp::Red), Marking { compartment: "legal".into(), ..Marking::of(Tlp::Amber) }] {
        let circle = Circle { opener: "coordinator".into(), ..circle(Some(marking.clone()), true) };
        let sees = |name: &str, author| {
            let person = Person { name: name.into(), clearance: Tlp::Red, ..Person::nobody() };
            may(&person, Action::See, Object::Item { circle: &circle, marking: &marking, author }).allowed
        };
        assert!(sees("coordinator", BY_ITSELF) && !sees("coordinator", "observer"), "{marking:?}");
        assert!(!sees("responder", BY_ITSELF) && !sees("stranger", BY_ITSELF), "{marking:?}");
    }
}

/// INVARIANT: how a party stands is seen by whoever sees the entry, and by whoever speaks for that party, as if it were for it.
#[test]
fn how_a_party_stands_is_seen_by_whoever_speaks_for_it() {
    let (mut own, mut hidden) = (0u64, 0u64);
    for whole in [Marking::of(Tlp::Amber), Marking::of(Tlp::AmberStrict), Marking::of(Tlp::Red)] {
        let circle = circle(Some(whole), true);
        for person in &persons() {
            for marking in &markings() {
                for party in ["Net A", "Net B", "Net Q"] {
                    let got = sees_standing(person, &circle, (marking, "responder"), party);
                    let item = |marking| Object::Item { circle: &circle, marking, author: "responder" };
                    let speaks = circle.speakers.get(party).is_some_and(|names| names.contains(&person.name));
                    let for_it = Marking { parties: vec![party.to_owned()], ..marking.clone() };
                    let sees = slow::allowed(person, Action::See, item(marking));
                    let by_party = speaks && slow::allowed(person, Action::See, item(&for_it));
                    assert_eq!(got.allowed, sees || by_party, "{person:?} {marking:?} {party}: {got:?}");
                    own += u64::from(by_party && !sees);
                    hidden += u64::from(!got.allowed && speaks);
                }
            }
        }
    }
    assert!(own > 100 && hidden > 100, "{own} {hidden}");
}

/// Who opened an incident sees it whoever marks it RED for whom, with the clearance for that and a part in it; and no entry
/// that is RED for others.
#[test]
fn whoever_opened_an_incident_that_others_marked_red_sees_it_as_far_as_cleared() {
    let red = Marking { persons: vec!["site-lead".into()], ..Marking::of(Tlp::Red) };
    let circle = circle(Some(red.clone()), true);
    let standing = vec![Standing { role: StandingRole::Handler, constituency: None }];
    let opener = |clearance, standing: &[Standing]| Person {
        name: "opener".into(),
        clearance,
        standing: standing.to_vec(),
        ..Person::nobody()
    };
    let policy = |person: &Person| may(person, Action::See, Object::Incident(&circle)).policy;
    assert_eq!(policy(&opener(Tlp::Red, &standing)), "author");
    assert_eq!(policy(&opener(Tlp::AmberStrict, &standing)), "clearance");
    assert_eq!(policy(&opener(Tlp::Red, &[])), "no-part");
    let entry = Object::Item { circle: &circle, marking: &red, author: "site-lead" };
    assert_eq!(may(&opener(Tlp::Red, &standing), Action::See, entry).policy, "tlp-red");
}

/// INVARIANT: somebody is let in by a party exactly where a standing that is limited to it shows or allows what it did not
/// before: whoever writes down such a party must be one who may let out what is in the incident.
#[test]
fn whoever_gains_by_a_party_that_takes_part_is_let_in_by_it() {
    let names = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let markings = [Marking::of(Tlp::Green), Marking::of(Tlp::AmberStrict)];
    let (mut gained, mut asked) = (0u64, 0u64);
    for marking in markings {
        for (own, more) in [(&["Net A"][..], &["Net Z", "sector"][..]), (&[], &["Net A"]), (&["Net Z"], &["Net A"])] {
            let circle = Circle { constituencies: names(own), ..circle(Some(marking.clone()), true) };
            let with = Circle { constituencies: names(&[own, more].concat()), ..circle.clone() };
            // Without the roles, which may be taken at any time.
            let bare = |circle: &Circle| Circle {
                holders: BTreeMap::new(),
                speakers: BTreeMap::new(),
                opener: String::new(),
                ..circle.clone()
            };
            let (before, after) = (bare(&circle), bare(&with));
            for person in persons().iter().filter(|person| person.clearance == Tlp::Red && person.scopes.is_none()) {
                let may = |action, circle: &Circle| slow::allowed(person, action, Object::Incident(circle));
                let gains =
                    [Action::See, Action::Conduct].iter().any(|action| !may(*action, &before) && may(*action, &after));
                assert_eq!(lets_in(person, &circle, &names(more)), gains, "{person:?} {more:?}");
                gained += u64::from(gains);
                asked += 1;
            }
        }
    }
    assert!(gained > 100 && gained < asked, "{gained} of {asked}");
}

#[test]
fn answers_name_the_rule() {
    let red = Marking { persons: vec!["ben".into()], ..Marking::of(Tlp::Red) };
    let mut circle = circle(Some(red), true);
    circle.holders.entry(Role::Responder).or_default().extend(["anna".to_owned(), "ben".to_owned()]);
    let mut person = Person { is_operator: false, ..Person::operator("anna") };
    let decision = may(&person, Action::See, Object::Incident(&circle));
    assert_eq!((decision.policy, decision.reason.as_str()), ("tlp-red", "TLP:RED is for the named persons only"));
    person.name = "ben".into();
    assert_eq!(may(&person, Action::See, Object::Incident(&circle)).policy, "named");
    person.clearance = Tlp::Amber;
    assert_eq!(may(&person, Action::See, Object::Incident(&circle)).policy, "clearance");
    person.scopes = Some(BTreeSet::new());
    assert_eq!(may(&person, Action::See, Object::Incident(&circle)).reason, "the token lacks the scope incidents:read");
}

#[test]
fn whoever_has_two_parts_sees_what_either_shows() {
    let circle = circle(Some(Marking::of(Tlp::Amber)), true);
    let check = |name: &str, marking: Marking, want: bool| {
        let person = Person { is_operator: false, ..Person::operator(name) };
        let object = Object::Item { circle: &circle, marking: &marking, author: "responder" };
        assert_eq!(may(&person, Action::See, object).allowed, want, "{name} {marking:?}");
    };
    let amber = |party: &str| Marking { parties: vec![party.to_owned()], ..Marking::of(Tlp::Amber) };
    check("speaker", amber("Net A"), true);
    check("speaker", amber("Net B"), false);
    check("speaks-twice", amber("Net A"), true);
    check("speaks-twice", amber("Net B"), true);
    check("speaks-and-observes", amber("Net A"), true);
    check("speaks-and-observes", amber("Net B"), false);
    check("speaks-and-observes", Marking::of(Tlp::AmberStrict), false);
    // To observe shows who speaks for others only where it is the incident that it shows.
    let speakers = |name: &str, party: &str, circle: &Circle| {
        sees_speakers(&Person { is_operator: false, ..Person::operator(name) }, circle, party).allowed
    };
    assert!(speakers("speaks-twice", "Net B", &circle));
    assert!(!speakers("speaks-and-observes", "Net B", &circle));
    let green = Circle { marking: Some(Marking::of(Tlp::Green)), ..circle.clone() };
    assert!(speakers("speaks-and-observes", "Net B", &green));
    assert!(!speakers("speaker", "Net B", &green));
}

#[test]
fn persons_whom_a_marking_names_see_it_also_for_a_party() {
    let circle = circle(Some(Marking::of(Tlp::Amber)), true);
    let sees = |name: &str, clearance: Tlp, tlp: Tlp| {
        let marking = Marking { persons: vec!["speaker".into()], ..Marking::of(tlp) };
        let person = Person { is_operator: false, clearance, ..Person::operator(name) };
        may(&person, Action::See, Object::Item { circle: &circle, marking: &marking, author: "responder" })
    };
    assert_eq!(sees("speaker", Tlp::Red, Tlp::Red).policy, "named");
    assert_eq!(sees("speaker", Tlp::Red, Tlp::Amber).policy, "named");
    // What stays within the site does so whomever it names, and a name is no clearance.
    assert_eq!(sees("speaker", Tlp::Red, Tlp::AmberStrict).policy, "tlp-amber-strict");
    assert_eq!(sees("speaker", Tlp::Amber, Tlp::Red).policy, "clearance");
    assert_eq!(sees("speaks-twice", Tlp::Red, Tlp::Red).policy, "tlp-red");
    assert_eq!(sees("stranger", Tlp::Red, Tlp::Red).policy, "no-part");
}
