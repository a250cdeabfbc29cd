//! Answers of RDAP in the shapes of the registries, served from `CONCERT_SAMPLES` and asked by `concert who`.

use concert_testkit::web::{Answer, Request};
use serde_json::{Value, json};

use super::{Path, RDAP, World, cells, fs};

/// A document of a hundred megabytes.
const HUGE: usize = 100 << 20;

const LISTS: [(&str, &str); 4] = [
    (
        "ipv4",
        r#"[["192.0.2.0/24"], ["https://ripe.example/"]], [["198.51.100.0/24"], ["https://arin.example/"]],
           [["203.0.113.0/24"], ["https://apnic.example/"]]"#,
    ),
    ("ipv6", r#"[["2001:db8::/32"], ["https://rfc.example/"]]"#),
    ("asn", r#"[["16509"], ["https://arin.example/"]]"#),
    ("dns", r#"[["example"], ["https://zone.example/"]]"#),
];

/// The servers of the registries, with the samples.
fn server(ripe: Value, arin: Value, apnic: Value, asn: Value, rfc: Value) -> impl Fn(&Request) -> Answer {
    // Somebody who is left out on purpose.
    let mut hidden = ripe.clone();
    let entities = hidden.get_mut("entities").and_then(Value::as_array_mut).unwrap();
    entities.retain(|entity| entity["roles"] != json!(["abuse"]));
    entities.iter_mut().for_each(|entity| entity["vcardArray"] = json!(["vcard", []]));
    move |request: &Request| {
        let json = |value: &Value| Answer::new(200, value.to_string()).header("Content-Type", "application/rdap+json");
        match (request.header("host").unwrap_or_default(), request.path.as_str()) {
            ("ripe.example", "/ip/192.0.2.7") => json(&ripe),
            ("ripe.example", "/ip/192.0.2.8") => json(&hidden),
            ("arin.example", "/ip/198.51.100.1") => json(&arin),
            ("arin.example", "/ip/198.51.100.2") => {
                Answer::new(301, "").header("Location", "https://moved.example/rdap/ip/198.51.100.2")
            }
            ("moved.example", "/rdap/ip/198.51.100.2") => json(&arin),
            // All of it is right, and blanks make it long.
            ("arin.example", "/ip/198.51.100.3") => {
                let mut body = arin.to_string().into_bytes();
                body.resize(HUGE, b' ');
                Answer::new(200, body).header("Content-Type", "application/rdap+json")
            }
            ("arin.example", "/autnum/16509") => json(&asn),
            ("apnic.example", "/ip/203.0.113.50" | "/ip/203.0.113.200") => json(&apnic),
            ("apnic.example", "/ip/203.0.113.51") => Answer::new(429, "").header("Retry-After", "120"),
            ("rfc.example", "/ip/2001:db8::7") => json(&rfc),
            _ => Answer::new(404, ""),
        }
    }
}

/// The mail addresses that the dumps of the same made-up registries give for a handle.
fn known(folder: &Path, handle: &str) -> Vec<String> {
    let facts = fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let facts = facts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let one = |fact: &Value, key: &str| match &fact[key] {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    };
    let mut of = facts.filter(|fact| fact["nic_hdl"] == *handle || fact["irt"] == json!([handle]));
    let fact = of.next().unwrap();
    [one(&fact, "contact"), one(&fact, "contacts")].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_of_the_registries_name_whom_they_name_over_a_server() {
    let Some(folder) = std::env::var_os("CONCERT_SAMPLES").map(|root| Path::new(&root).join("rpsl")) else { return };
    let sample = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.join(format!("rdap-{name}.json"))).unwrap()).unwrap()
    };
    let (ripe, arin, apnic) = (sample("ip-ripe-style"), sample("ip-arin-style"), sample("ip-apnic-style"));
    let answer = server(ripe, arin, apnic, sample("autnum-arin-16509"), sample("rfc9083-ip-network"));
    let world = World::serving(RDAP, &LISTS, answer).await;
    let (rows, err) = world.who(&["192.0.2.7", "198.51.100.1", "198.51.100.2", "203.0.113.50", "AS16509"]).await;
    let told: Vec<Vec<&str>> = rows.iter().map(|row| cells(row, &["value", "contact", "origin", "reason"])).collect();
    let (first, gone) = (known(&folder, "AR1-RIPE").remove(0), known(&folder, "IRT-INVALID-AP").remove(0));
    let hosting = ["abuse@hosting.example", "registrant EXAMP-1 > abuse ABUSE1-ARIN"];
    let want = [
        [
            "192.0.2.7",
            first.as_str(),
            "RDAP https://ripe.example/ip/192.0.2.7 (192.0.2.0 - 192.0.2.255)",
            "abuse AR1-RIPE",
        ],
        ["198.51.100.1", hosting[0], "RDAP https://arin.example/ip/198.51.100.1 (NET-198-51-100-0-1)", hosting[1]],
        [
            "198.51.100.2",
            hosting[0],
            "RDAP https://moved.example/rdap/ip/198.51.100.2 (NET-198-51-100-0-1)",
            hosting[1],
        ],
        [
            "203.0.113.50",
            "noc@synnet.example",
            "RDAP https://apnic.example/ip/203.0.113.50 (203.0.113.48 - 203.0.113.63)",
            "technical SYN1-AP; next in order, because none for abuse is left",
        ],
        [
            "203.0.113.50",
            gone.as_str(),
            "RDAP https://apnic.example/ip/203.0.113.50 (203.0.113.48 - 203.0.113.63)",
            "abuse IRT-INVALID-AP; the registry says that it does not answer",
        ],
        [
            "AS16509",
            "abuse@amazonaws.com",
            "RDAP https://arin.example/autnum/16509 (AS16509)",
            "registrant AMAZON-4 > abuse AEA8-ARIN",
        ],
    ];
    assert_eq!(told, want, "{err}");
    // What names nobody says why, and the registry that had too much to do is left alone.
    let values = ["192.0.2.8", "198.51.100.3", "203.0.113.200", "203.0.113.51", "203.0.113.52", "2001:db8::7"];
    let (rows, err) = world.who(&values).await;
    assert!(rows.iter().all(|row| row["contact"].is_null()), "{rows:?}");
    for why in [
        "ip/192.0.2.8: it names no contact; left out on purpose: Personal e-mail information (removal)",
        "ip/198.51.100.3: the body is longer than 1048576 bytes",
        "ip/203.0.113.200: the answer is about network 203.0.113.48 - 203.0.113.63 (SYNAP-03, AU), which does not cover",
        "ip/203.0.113.51: the server has too much to do (429) and is left alone until",
        "ip/203.0.113.52: the server has too much to do (429) and is left alone until",
        "ip/2001:db8::7: it names no contact",
    ] {
        assert!(err.contains(why), "{why}\n{err}");
    }
    assert!(!world.web.requests().iter().any(|request| request.path == "/ip/203.0.113.52"));
    // Each refusal is counted; what is only remembered is not counted again.
    let refused = async || {
        let (_, out, _) = world.run(&["contact", "refused", "--format", "ndjson"]).await;
        let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| format!("{} {} {}", cells(&row, &["source"])[0], cells(&row, &["cause"])[0], row["count"]))
            .collect::<Vec<_>>()
    };
    let counted = ["rdap busy 1", "rdap redacted 1", "rdap too-large 1", "rdap wrong-subject 1"];
    assert_eq!(refused().await, counted);
    world.who(&["198.51.100.3", "203.0.113.51"]).await;
    assert_eq!(refused().await, counted);
}
