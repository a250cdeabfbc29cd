//! What is given to somebody who does not see it is written, and warned of.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

fn site() -> Served {
    let served = Served::new();
    for (name, role, clearance) in [("anna", "handler", "red"), ("ben", "reader", "amber"), ("low", "reader", "green")]
    {
        served.done(&["user", "add", name, "--full-name", name, "--clearance", clearance, "--role", role]);
    }
    served.serve()
}

#[test]
fn a_role_or_task_for_somebody_who_does_not_see_it_is_warned_of_with_what_to_do() {
    let served = site();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let entries = format!("/incidents/{id}/entries");
    let check = |client: &Client<'_>, entry: Value, want: &[[&str; 2]]| {
        let answer = client.post(&entries, entry);
        let told = answer.get("warnings").cloned().unwrap_or_else(|| json!([]));
        let want = want.iter().map(|[what, hint]| json!({"what": what, "hint": hint})).collect::<Value>();
        assert_eq!((told, answer["entries"].as_array().unwrap().len()), (want, 1));
    };
    let role = |person: &str, role: &str| json!({"kind": "role", "content": {"role": role, "person": person}});
    let task = |person: &str, marking: Value| json!({"kind": "task", "content": {"name": "t", "title": "Think", "person": person}, "marking": marking});
    check(&anna, role("ben", "responder"), &[]);
    let clearance = [
        "low does not see the incident: TLP:amber is above the clearance of green",
        "`concert user change low --clearance amber`, or mark it less strictly",
    ];
    check(&anna, role("low", "responder"), &[clearance]);
    check(&anna, task("low", json!({"tlp": "green"})), &[clearance]);
    check(&anna, task("ben", Value::Null), &[]);
    let legal = [
        "ben does not see the task `t`: it lies in the compartment legal",
        "mark it for ben (`--for-person ben`), or otherwise",
    ];
    check(&anna, task("ben", json!({"tlp": "amber", "compartment": "legal"})), &[legal]);
    // Whoever may not ask who sees it is not told, and what is taken is not warned of.
    check(&ben, task("low", Value::Null), &[]);
    let taken = json!({"kind": "role", "content": {"role": "responder", "person": "low", "holds": false}});
    check(&anna, taken, &[]);
    // What a warning says to do helps.
    served.done(&["user", "change", "low", "--clearance", "amber"]);
    check(&anna, role("low", "responder"), &[]);
    // Sent again, it is answered as before.
    let keyed = format!("Content-Type: application/json\r\nIdempotency-Key: w1\r\n{}", anna.head());
    let strict = json!({"kind": "marking", "content": {"marking": "TLP:RED", "reason": "x"}});
    check(
        &anna,
        strict,
        &[
            [
                "ben does not see the incident any more: TLP:red is above the clearance of amber",
                "`concert user change ben --clearance red`, or mark it less strictly",
            ],
            [
                "low does not see the incident any more: TLP:red is above the clearance of amber",
                "`concert user change low --clearance red`, or mark it less strictly",
            ],
            [
                "one more user does not see the incident any more, without a role in it",
                "`concert incident who-can-see` tells who does, and why",
            ],
        ],
    );
    let body = role("ben", "investigator").to_string();
    let answers = [(); 2].map(|()| served.ask("POST", &format!("/api/v1{entries}"), &keyed, body.as_bytes()));
    assert_eq!((answers[0].status, &answers[0].body), (201, &answers[1].body));
    assert!(answers[0].body.contains("ben does not see the incident"), "{}", answers[0].body);
}
