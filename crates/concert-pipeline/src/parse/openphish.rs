//! OpenPhish community feed: phishing pages, one URL a line.
//!
//! <https://openphish.com/feed.txt>, renewed every twelve hours; no time, no target. A URL whose host is
//! no valid name is kept: the URL is what was seen. The premium feeds are JSON lines, read by `ndjson`.

use concert_model::{Field, Keys};

use super::lines::{each_line, give_texts};
use super::{About, Input, Listed, Parser, Sample, Sink};

/// OpenPhish.
pub const LISTED: Listed = Listed {
    name: "openphish",
    about: "Phishing pages, from the community feed of OpenPhish.",
    source: "https://openphish.com/phishing_feeds.html",
    read,
    samples: &[Sample {
        name: "feed.txt",
        settings: "",
        given: "http://login.bank.example/a?b=c\nhttp://www..bank.example/\nlogin.bank.example\n",
        events: r#"
{"source.url":"http://login.bank.example/a?b=c","classification.type":"phishing","classification.taxonomy":"fraud"}
{"source.url":"http://www..bank.example/","classification.type":"phishing","classification.taxonomy":"fraud"}
"#,
        rejects: "3 source.url: not an absolute URL",
    }],
};

struct OpenPhish;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(OpenPhish)
}

impl Parser for OpenPhish {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "phishing")]);
        each_line(input, sink, |sink, number, line| {
            sink.event(number, line.as_bytes(), |draft| draft.need(Field::SOURCE_URL, line));
        });
    }
}
