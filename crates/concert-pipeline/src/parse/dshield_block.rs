//! DShield block list: the networks that attacked most in the last three days, tab-separated.
//!
//! <https://www.dshield.org/block.txt>. Comments begin with `#`; a head line begins with `Start`. A row
//! is first address, last address, prefix length, number of attacks, network name, country, abuse
//! contact; the last three may be missing. `# updated: ...` in the head gives the time of all rows
//! where it can be read. The content is licensed CC BY-NC-SA.

use concert_model::{Field, Keys, Time, Value};

use super::lines::{each_line, give_texts};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// DShield block list.
pub const LISTED: Listed = Listed {
    name: "dshield-block",
    about: "Networks that attacked most, from DShield's block list.",
    source: "https://www.dshield.org/block.txt",
    read,
    samples: &[Sample {
        name: "block.txt",
        settings: "",
        given: "#   DShield.org Recommended Block List\n\
                # updated: Wed Jun 17 12:01:34 2026 UTC\n\
                Start\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n\
                192.0.2.0\t192.0.2.255\t24\t2742\tEXAMPLE-NET\tSC\tabuse@net.example\n\
                198.51.100.0\t198.51.100.255\t24\t11\n\
                203.0.113.0\t203.0.113.255\tmany\t11\n",
        events: r#"
{"source.network":"192.0.2.0/24","source.geolocation.cc":"SC","source.abuse_contact":"abuse@net.example","time.source":"2026-06-17T12:01:34Z","extra.attacks":2742,"extra.network_name":"EXAMPLE-NET","classification.type":"blacklist","classification.taxonomy":"other"}
{"source.network":"198.51.100.0/24","time.source":"2026-06-17T12:01:34Z","extra.attacks":11,"classification.type":"blacklist","classification.taxonomy":"other"}
"#,
        rejects: "6 source.network: the prefix length is not a number",
    }],
};

struct DshieldBlock;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(DshieldBlock)
}

impl Parser for DshieldBlock {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "blacklist")]);
        let mut updated = None;
        each_line(input, sink, |sink, number, line| {
            if let Some(comment) = line.strip_prefix('#') {
                updated = updated.or_else(|| last_updated(comment));
            } else if !line.starts_with("Start") {
                sink.event(number, line.as_bytes(), |draft| row(draft, line, updated));
            }
        });
    }
}

fn row(draft: &mut Draft<'_>, line: &str, updated: Option<Time>) -> Result<(), Fault> {
    let mut cells = line.split('\t').map(str::trim);
    let mut next = || cells.next().unwrap_or("");
    let (first, _last, prefix) = (next(), next(), next());
    draft.need(Field::SOURCE_NETWORK, &format!("{first}/{prefix}"))?;
    if let Some(time) = updated {
        draft.set(Field::TIME_SOURCE, &Value::Time(time));
    }
    draft.put_count("attacks", next())?;
    draft.put_extra("network_name", next())?;
    // Where no country is known there is a blank or a dash, and that is no reason to lose the row.
    let country = Some(next()).filter(|text| text.len() == 2).unwrap_or("");
    draft.put(Field::SOURCE_GEOLOCATION_CC, country)?;
    draft.put(Field::SOURCE_ABUSE_CONTACT, next())
}

fn last_updated(comment: &str) -> Option<Time> {
    let text = comment.trim().strip_prefix("updated:")?.trim();
    let text = text.strip_suffix("UTC").unwrap_or(text).trim();
    let moment = jiff::civil::DateTime::strptime("%a %b %d %H:%M:%S %Y", text).ok()?;
    Time::parse(&moment.to_string(), Some(&jiff::tz::TimeZone::UTC)).ok()
}
