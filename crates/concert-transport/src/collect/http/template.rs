//! Addresses, headers and bodies with dates in them: `{today}`, `{yesterday}`, `{today:%Y/%m/%d}`, all in UTC.
//!
//! In an address every other brace is a mistake; in headers and bodies it is text, because JSON has them.

use concert_model::Time;
use jiff::fmt::strtime;
use url::Url;

const URL_BYTES_MAX: usize = 4096;
const DAY_SECONDS: i64 = 86_400;

/// A text with dates in it.
#[derive(Clone, Debug)]
pub(super) struct Dates {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    /// Seconds from now, and the form of the date.
    Date(i64, String),
}

impl Dates {
    /// Reads a text in which other braces stand for themselves.
    pub(super) fn new(text: &str) -> Result<Dates, String> {
        Self::read(text, false)
    }

    fn read(text: &str, is_strict: bool) -> Result<Dates, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            pieces.push(Piece::Text(before.to_owned()));
            let inside = after.split_once('}');
            let date = inside.and_then(|(inside, behind)| Some((date(inside)?, behind)));
            rest = match (date, inside) {
                (Some((date, behind)), _) => {
                    pieces.push(date);
                    behind
                }
                (None, _) if !is_strict => {
                    pieces.push(Piece::Text("{".to_owned()));
                    after
                }
                (None, None) => return Err("a { without a }".into()),
                (None, Some((inside, _))) => {
                    let word = inside.split_once(':').map_or(inside, |(word, _)| word);
                    return Err(format!("{{{word}}} is neither {{today}} nor {{yesterday}}"));
                }
            };
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let dates = Dates { pieces };
        // Any moment shows whether the forms are good.
        dates.at(Time(0)).map(|_| dates)
    }

    /// The text at this moment.
    pub(super) fn at(&self, now: Time) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Date(shift, form) => {
                    let day = now.plus_seconds(*shift).timestamp().to_zoned(jiff::tz::TimeZone::UTC);
                    let date = strtime::format(form, &day);
                    text.push_str(&date.map_err(|error| format!("`{form}` is not the form of a date: {error}"))?);
                }
            }
        }
        Ok(text)
    }
}

/// What stands between braces, if it is a date.
fn date(inside: &str) -> Option<Piece> {
    let (word, form) = inside.split_once(':').unwrap_or((inside, "%Y-%m-%d"));
    let shift = match word {
        "today" => 0,
        "yesterday" => -DAY_SECONDS,
        _ => return None,
    };
    Some(Piece::Date(shift, form.to_owned()))
}

/// An address with dates in it.
#[derive(Clone, Debug)]
pub(super) struct Template {
    dates: Dates,
}

impl Template {
    pub(super) fn new(text: &str) -> Result<Template, String> {
        if text.len() > URL_BYTES_MAX {
            return Err(format!("the address is longer than {URL_BYTES_MAX} bytes"));
        }
        let template = Template { dates: Dates::read(text, true)? };
        // Any moment shows whether the address is one.
        template.at(Time(0)).map(|_| template)
    }

    /// The address at this moment.
    pub(super) fn at(&self, now: Time) -> Result<Url, String> {
        let text = self.dates.at(now)?;
        let url = Url::parse(&text).map_err(|error| format!("not an absolute URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("not a URL that begins with https:// or http://".into());
        }
        if url.password().is_some() || !url.username().is_empty() {
            return Err("the URL holds a user or password; give them as `user` and `password`".into());
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_filled_in() {
        let now = Time::parse("2026-03-01T00:30:00Z", None).unwrap();
        let check = |text: &str, want: Result<&str, &str>| {
            let got = Template::new(text).and_then(|template| template.at(now)).map(|url| url.to_string());
            match want {
                Ok(want) => assert_eq!(got.as_deref(), Ok(want)),
                Err(want) => assert!(got.clone().unwrap_err().contains(want), "{got:?}"),
            }
        };
        check("https://a.example/{today}.csv", Ok("https://a.example/2026-03-01.csv"));
        check("https://a.example/{yesterday:%Y%m%d}", Ok("https://a.example/20260228"));
        check("https://a.example/?from={yesterday}&to={today}", Ok("https://a.example/?from=2026-02-28&to=2026-03-01"));
        check("https://a.example/{tomorrow}", Err("neither {today} nor {yesterday}"));
        check("https://a.example/{today:%!}", Err("not the form of a date"));
        check("https://a.example/{today", Err("a { without a }"));
        check("ftp://a.example/x", Err("begins with https://"));
        check("/x", Err("not an absolute URL"));
        check("https://me:secret@a.example/", Err("give them as `user`"));
    }
    #[test]
    fn in_bodies_other_braces_are_text() {
        let now = Time::parse("2026-03-01T00:30:00Z", None).unwrap();
        let check = |text: &str, want: &str| {
            assert_eq!(Dates::new(text).and_then(|dates| dates.at(now)).as_deref(), Ok(want), "{text}");
        };
        check(
            r#"{"query": {"from": "{yesterday}", "to": "{today:%Y%m%d}", "x": {}}}"#,
            r#"{"query": {"from": "2026-02-28", "to": "20260301", "x": {}}}"#,
        );
        check("{today", "{today");
        check("{{today}}", "{2026-03-01}");
        check("{tomorrow} {}", "{tomorrow} {}");
        assert!(Dates::new("{today:%!}").unwrap_err().contains("not the form of a date"));
    }
}
