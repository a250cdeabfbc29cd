//! DataPlane.org: what its sensors saw, one address a line, separated by `|`.
//!
//! Lists such as <https://dataplane.org/sshpwauth.txt>: AS number, AS name, address, last seen (UTC),
//! category. Comments begin with `#` and forbid to hand the lists on; telling the owner of an address
//! about that address is another thing, but read them. The category says the kind of event, so all
//! lists are read with this one parser. An AS number `NA` is unknown.

use concert_model::{Field, Keys, Value};
use jiff::tz::TimeZone;

use super::lines::each_line;
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// DataPlane.org.
pub const LISTED: Listed = Listed {
    name: "dataplane",
    about: "Addresses seen scanning or trying passwords, from the lists of DataPlane.org.",
    source: "https://dataplane.org/",
    read,
    samples: &[Sample {
        name: "sshpwauth.txt",
        settings: "",
        given: "# ASN  |  ASname  |  ipaddr  |  lastseen  |  category\n\
                64496        |  EXAMPLE-AS - Example, FI       |  192.0.2.7        |  2026-06-17 12:26:33  |  sshpwauth\n\
                NA           |  NA                             |  2001:db8::7      |  2026-06-17 12:26:34  |  dnsrd\n\
                64496  |  EXAMPLE  |  192.0.2.8  |  2026-06-17 12:26:35  |  newthing\n\
                64496  |  EXAMPLE  |  192.0.2.9\n",
        events: r#"
{"source.asn":64496,"source.as_name":"EXAMPLE-AS - Example, FI","source.ip":"192.0.2.7","time.source":"2026-06-17T12:26:33Z","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","classification.identifier":"sshpwauth","protocol.application":"ssh","event_description.text":"tried to log in over SSH with a password"}
{"source.ip":"2001:db8::7","time.source":"2026-06-17T12:26:34Z","classification.type":"scanner","classification.taxonomy":"information-gathering","classification.identifier":"dnsrd","protocol.application":"dns","event_description.text":"sent recursive DNS queries"}
{"source.asn":64496,"source.as_name":"EXAMPLE","source.ip":"192.0.2.8","time.source":"2026-06-17T12:26:35Z","classification.type":"other","classification.taxonomy":"other","classification.identifier":"newthing"}
"#,
        rejects: "5 time.source: empty",
    }],
};

/// Category, type, application, what it means.
const CATEGORIES: &[(&str, &str, &str, &str)] = &[
    ("dnsrd", "scanner", "dns", "sent recursive DNS queries"),
    ("dnsrdany", "scanner", "dns", "sent recursive DNS queries of type ANY"),
    ("dnstxt", "scanner", "dns", "sent recursive DNS queries of type TXT"),
    ("dnsversion", "scanner", "dns", "asked a DNS server for its version"),
    ("proto41", "proxy", "", "sent IPv6 packets inside IPv4, as an open relay would"),
    ("sipinvitation", "scanner", "sip", "sent SIP INVITE requests"),
    ("sipquery", "scanner", "sip", "sent SIP OPTIONS queries"),
    ("sipregistration", "brute-force", "sip", "sent SIP REGISTER requests"),
    ("smtpdata", "scanner", "smtp", "gave mail to an SMTP server that offers no mail service"),
    ("smtpgreet", "scanner", "smtp", "greeted an SMTP server that offers no mail service"),
    ("sshclient", "scanner", "ssh", "opened SSH connections"),
    ("sshidpw", "brute-force", "ssh", "tried names and passwords over SSH"),
    ("sshpwauth", "brute-force", "ssh", "tried to log in over SSH with a password"),
    ("telnetlogin", "brute-force", "telnet", "tried to log in over Telnet"),
    ("vncrfb", "scanner", "vnc", "opened VNC (remote framebuffer) connections"),
];

struct DataPlane;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(DataPlane)
}

impl Parser for DataPlane {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        each_line(input, sink, |sink, number, line| {
            if !line.starts_with('#') {
                sink.event(number, line.as_bytes(), |draft| row(draft, line));
            }
        });
    }
}

fn row(draft: &mut Draft<'_>, line: &str) -> Result<(), Fault> {
    let mut cells = line.split('|').map(str::trim);
    let mut next = || cells.next().unwrap_or("");
    let known = |text| if text == "NA" { "" } else { text };
    draft.put(Field::SOURCE_ASN, known(next()))?;
    draft.put(Field::SOURCE_AS_NAME, known(next()))?;
    draft.need(Field::SOURCE_IP, next())?;
    let time = draft.read(Field::TIME_SOURCE, next(), Some(&TimeZone::UTC));
    time.map_err(|reason| Fault::new("time.source", reason))?;
    let category = next();
    draft.put(Field::CLASSIFICATION_IDENTIFIER, category)?;
    let found = CATEGORIES.iter().find(|(name, ..)| *name == category);
    let (_, kind, application, text) = found.copied().unwrap_or((category, "other", "", ""));
    draft.set(Field::CLASSIFICATION_TYPE, &Value::text(kind));
    draft.put(Field::PROTOCOL_APPLICATION, application)?;
    draft.put(Field::EVENT_DESCRIPTION_TEXT, text)
}
