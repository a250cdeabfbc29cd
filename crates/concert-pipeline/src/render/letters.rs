//! What is sent besides notices, by templates too: receipts and outcomes to whoever complained, and questions to contacts
//! whether they are there.
//!
//! Their templates stand beside those of notices, in the folder of the language: `receipt.subject.j2`,
//! `receipt.txt.j2`, and so on; `stopped.txt.j2` has the words of an outcome that is told by itself. They name `site`,
//! `ticket`, `party` and `outcome`; those words name `site`, `reported` and `days`.

use concert_model::{Problem, Time};
use minijinja::context;

use super::template::one_line;
use super::{Templates, visible};

/// The words of an outcome that is told by itself.
const STOPPED: &str = "stopped.txt.j2";

pub(super) const BUILT_IN: [(&str, &str); 7] = [
    ("receipt.subject.j2", include_str!("templates/en/receipt.subject.j2")),
    ("receipt.txt.j2", include_str!("templates/en/receipt.txt.j2")),
    ("outcome.subject.j2", include_str!("templates/en/outcome.subject.j2")),
    ("outcome.txt.j2", include_str!("templates/en/outcome.txt.j2")),
    (STOPPED, include_str!("templates/en/stopped.txt.j2")),
    ("proof.subject.j2", include_str!("templates/en/proof.subject.j2")),
    ("proof.txt.j2", include_str!("templates/en/proof.txt.j2")),
];

/// What is said besides notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// That a complaint came.
    Receipt,
    /// What became of it.
    Outcome,
    /// Whether a contact is there.
    Proof,
}

impl Kind {
    fn parts(self) -> [&'static str; 2] {
        match self {
            Self::Receipt => ["receipt.subject.j2", "receipt.txt.j2"],
            Self::Outcome => ["outcome.subject.j2", "outcome.txt.j2"],
            Self::Proof => ["proof.subject.j2", "proof.txt.j2"],
        }
    }
}

/// One of them, to one receiver.
pub struct Letter<'a> {
    /// What it is.
    pub kind: Kind,
    /// In this language; in English where there is no template in it.
    pub language: &'a str,
    /// The number that its subject always bears.
    pub ticket: &'a str,
    /// Name of the site.
    pub site_name: &'a str,
    /// Address of the site.
    pub site_email: &'a str,
    /// The party of a contact that is asked.
    pub party: &'a str,
    /// The words of an outcome.
    pub outcome: &'a str,
}

impl Letter<'_> {
    fn facts(&self) -> minijinja::Value {
        context! {
            site => context! { name => visible::line(self.site_name), email => visible::line(self.site_email) },
            ticket => self.ticket,
            party => context! { name => visible::line(self.party) },
            outcome => self.outcome.trim(),
        }
    }
}

impl Templates {
    /// Subject and text.
    pub fn letter(&self, letter: &Letter<'_>) -> Result<(String, String), Problem> {
        let ([subject, text], facts) = (letter.kind.parts(), letter.facts());
        let subject = self.part(letter.language, subject, &facts)?;
        let text = visible::lines(&self.part(letter.language, text, &facts)?).replace('\r', "");
        Ok((one_line(&subject, letter.ticket, ""), text))
    }

    /// The words of an outcome that is told by itself: what was reported on this day was not seen for so many days.
    pub fn stopped(&self, language: &str, site: (&str, &str), reported: Time, days: u64) -> Result<String, Problem> {
        self.part(language, STOPPED, &stopped(site, &reported.date_text(), days)).map(|text| text.trim().to_owned())
    }

    /// The first of these languages in which there is a template for it.
    pub fn first_spoken<'l>(&self, kind: Kind, mut wished: impl Iterator<Item = &'l str>) -> Option<&'l str> {
        wished.find(|language| kind.parts().iter().any(|part| self.own(language, part).is_some()))
    }

    /// Whether there is a template for anything that is sent besides notices in this language.
    pub fn writes(&self, language: &str) -> bool {
        BUILT_IN.iter().any(|(part, _)| self.own(language, part).is_some())
    }
}

fn stopped(site: (&str, &str), reported: &str, days: u64) -> minijinja::Value {
    let site = context! { name => visible::line(site.0), email => visible::line(site.1) };
    context! { site => site, reported => reported, days => days }
}

/// What a template of such a part is tried with; nothing where the part is none of them.
pub(super) fn sample(part: &str) -> Option<minijinja::Value> {
    let (name, _) = BUILT_IN.iter().find(|(name, _)| *name == part)?;
    let (site_name, site_email) = ("CERT Example", "cert@cert.example");
    Some(match *name {
        STOPPED => stopped((site_name, site_email), "2026-11-22", 14),
        _ => {
            let (kind, language, ticket) = (Kind::Receipt, "", "N-1");
            let (party, outcome) = ("Example Networks", "The host was cleaned.");
            Letter { kind, language, ticket, site_name, site_email, party, outcome }.facts()
        }
    })
}

/// What such a template may name, for people; nothing where the part is none of them.
pub(super) fn known(part: &str) -> Option<&'static str> {
    let (name, _) = BUILT_IN.iter().find(|(name, _)| *name == part)?;
    Some(if *name == STOPPED {
        "known are site, reported and days"
    } else {
        "known are site, ticket, party and outcome"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(kind: Kind, language: &str) -> Letter<'_> {
        Letter {
            kind,
            language,
            ticket: "N-7",
            site_name: "CERT Example",
            site_email: "cert@cert.example",
            party: "Net",
            outcome: "Cleaned.\n",
        }
    }

    #[test]
    fn each_is_said_in_the_language_of_its_receiver_and_else_in_english() {
        let mut templates = Templates::new();
        assert!(!templates.writes("de") && templates.writes("en-GB"));
        templates.add("de", "receipt.txt.j2", "Danke, {{ site.name }} hat Ihre Mail: [{{ ticket }}]\n".into());
        templates.add("pt-BR", "proof.subject.j2", "Tem alguém aí em {{ party.name }}?\nBcc: x@y.example".into());
        assert_eq!(templates.check(), []);
        let check = |kind: Kind, language: &str, subject: &str, begins: &str| {
            let (said, text) = templates.letter(&letter(kind, language)).unwrap();
            assert_eq!(said, subject, "{language}");
            assert!(text.starts_with(begins), "{text}");
        };
        let english = "[N-7] We received your mail";
        check(Kind::Receipt, "en", english, "Hello,\n\nthank you: your mail reached CERT Example");
        check(Kind::Receipt, "DE-at", english, "Danke, CERT Example hat Ihre Mail: [N-7]");
        check(Kind::Outcome, "de", "[N-7] What became of your report", "Hello,\n\nCleaned.\n\n-- \nCERT Example\n");
        check(
            Kind::Proof,
            "pt-br",
            "[N-7] Tem alguém aí em Net? Bcc: x@y.example",
            "Hello,\n\nCERT Example keeps this",
        );
        let first = |wished: &[&'static str]| templates.first_spoken(Kind::Receipt, wished.iter().copied());
        assert_eq!((first(&["pt-BR", "de-CH", "en"]), first(&["fi"])), (Some("de-CH"), None));
        let words = templates.stopped("de", ("CERT Example", ""), Time(1_795_323_030_000_000), 14).unwrap();
        assert!(words.starts_with("whoever answers for what you reported on 2026-11-22 was told"), "{words}");
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let check = |file: &str, text: &str, want: &str, hint: &str| {
            let mut templates = Templates::new();
            templates.add("de", file, text.into());
            let problems = templates.check();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].to_string().starts_with(want) && problems[0].hint.contains(hint), "{problems:?}");
        };
        let known = "known are site, ticket, party and outcome";
        check("receipt.txt.j2", "a\n{{ tikcet }}", "templates/de/receipt.txt.j2:2:4: ", known);
        check(
            "stopped.txt.j2",
            "{{ ticket }}",
            "templates/de/stopped.txt.j2:1:4: ",
            "known are site, reported and days",
        );
        check(
            "reciept.txt.j2",
            "",
            "templates/de/reciept.txt.j2: `reciept.txt.j2` is not a template",
            "receipt.txt.j2",
        );
    }
}
