//! `/api/v1`: the same things as the commands, as JSON.
//!
//! Lists take `limit` and `cursor` and answer `{"<plural>": [...], "next": "..."}`, where `next` is the
//! cursor of the part that follows or null. Times are RFC 3339 in UTC. A parameter that is not known is
//! a mistake, as it is in the settings.

mod account;
mod body;
mod chain;
mod changes;
mod contacts;
mod custody;
mod events;
mod evidence;
mod feeds;
mod incidents;
mod joins;
mod messages;
mod notices;
mod once;
mod openapi;
mod people;
mod processes;
mod push;
mod stream;
mod values;
mod work;

pub(crate) use body::bearer;
pub(crate) use evidence::EVIDENCE_MAX;
pub(crate) use openapi::parameters as parameters_described;
pub(crate) use push::PUSHES_MAX;
pub(crate) use values::LOOKS_MAX;

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use concert_model::Time;
use concert_model::keys::parse_duration;
use concert_model::problem::meant;

use crate::App;
use crate::parameters::{pairs, unknown};
use crate::problem::Problem;
use crate::site::{Page, Slice};

/// Rows of a list when the caller does not say.
const LIMIT: usize = 100;
/// Most rows of a list.
const LIMIT_MAX: usize = 10_000;
/// Longest parameter: a condition can be long.
const PARAMETER_BYTES_MAX: usize = 16 * 1024;
/// How often a parameter is given that may be given several times.
const REPEATED_MAX: usize = 100;
/// Longest cursor: the name of a feed.
const CURSOR_BYTES_MAX: usize = 200;

/// Routes that answer soon.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/login", post(account::login))
        .route("/api/v1/logout", post(account::logout))
        .route("/api/v1/me", get(account::me))
        .route("/api/v1/me/password", put(account::password))
        .route("/api/v1/me/second-factor", post(account::new_factor).put(account::confirm_factor))
        .route("/api/v1/me/second-factor/removals", post(account::remove_factor))
        .route("/api/v1/feeds", get(feeds::list))
        .route("/api/v1/notices", get(notices::list))
        .route("/api/v1/notices/{id}", get(notices::one))
        .route("/api/v1/notices/preview", get(notices::preview))
        .route("/api/v1/notices/drops", post(notices::drop))
        .route("/api/v1/notices/{id}/acts", post(notices::act))
        .route("/api/v1/feeds/{name}/replays", get(feeds::replayed).post(feeds::replay))
        .route("/api/v1/who", get(contacts::who))
        .route("/api/v1/contacts", get(contacts::list))
        .route("/api/v1/contacts/health", get(contacts::health))
        .route("/api/v1/contacts/findings", get(contacts::findings))
        .route("/api/v1/contacts/export", get(contacts::export))
        .route("/api/v1/contacts/imports", post(contacts::import))
        .route("/api/v1/parties/{name}", get(contacts::party))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/incidents", get(incidents::list).post(incidents::open))
        .route("/api/v1/incidents/{id}", get(incidents::one))
        .route("/api/v1/incidents/{id}/access", get(incidents::access))
        .route("/api/v1/incidents/{id}/audit", get(people::audit_of))
        .route("/api/v1/incidents/{id}/chain", get(chain::chain))
        .route("/api/v1/incidents/{id}/joins", post(joins::join))
        .route("/api/v1/incidents/{id}/splits", post(joins::split))
        .route("/api/v1/incidents/{id}/clocks", post(work::start_clock))
        .route("/api/v1/incidents/{id}/entries", get(incidents::entries).post(incidents::write))
        .route("/api/v1/incidents/{id}/erasures", post(work::erase))
        .route("/api/v1/incidents/{id}/evidence/{sha256}/custody", get(custody::one).post(custody::handle))
        .route("/api/v1/incidents/{id}/evidence/{sha256}/releases", post(custody::release))
        .route("/api/v1/incidents/{id}/hand-overs", post(work::hand_over))
        .route("/api/v1/incidents/{id}/lists/{list}", get(work::rows))
        .route("/api/v1/incidents/{id}/markings", post(work::mark))
        .route("/api/v1/incidents/{id}/processes", get(work::steps).post(work::start_process))
        .route("/api/v1/incidents/{id}/runs", get(processes::runs))
        .route("/api/v1/processes/{name}/numbers", get(processes::numbers))
        .route("/api/v1/due", get(processes::due))
        .route("/api/v1/incidents/{id}/messages", get(messages::list).post(messages::send))
        .route("/api/v1/incidents/{id}/tellings", post(messages::tell))
        .route("/api/v1/incidents/{id}/mails/{mail}", get(messages::one).post(messages::answer))
        .route("/api/v1/mails", get(messages::waiting))
        .route("/api/v1/mailbox", get(messages::mailbox))
        .route("/api/v1/search", get(incidents::search))
        .route("/api/v1/clocks", get(work::clocks))
        .route("/api/v1/cost", get(work::cost))
        .route("/api/v1/processes", get(work::processes))
        .route("/api/v1/processes/check", post(work::check_process))
        .route("/api/v1/processes/{name}", get(work::process))
        .route("/api/v1/users", get(people::users).post(people::add))
        .route("/api/v1/users/{name}", get(people::user).patch(people::change))
        .route("/api/v1/users/{name}/password", put(people::password))
        .route("/api/v1/tokens", get(people::tokens).post(people::add_token))
        .route("/api/v1/tokens/{id}", delete(people::revoke))
        .route("/api/v1/audit", get(people::audit))
        .route("/api/v1/openapi.json", get(openapi))
}

/// Routes that take their time and watch it themselves.
pub(crate) fn slow_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/events/stream", get(stream::stream))
        .route("/api/v1/feeds/{name}/reports", post(push::push))
        .route("/api/v1/incidents/stream", get(changes::of_all))
        .route("/api/v1/incidents/{id}/bags", post(custody::bag))
        .route("/api/v1/incidents/{id}/evidence", get(custody::list).post(evidence::add))
        .route("/api/v1/incidents/{id}/evidence/{sha256}", get(evidence::one))
        .route("/api/v1/incidents/{id}/evidence/{sha256}/lines", post(joins::lines))
        .route("/api/v1/incidents/{id}/evidence/{sha256}/derived", post(evidence::derive))
        .route("/api/v1/incidents/{id}/evidence/{sha256}/verification", get(custody::look))
        .route("/api/v1/incidents/{id}/journal", get(incidents::journal))
        .route("/api/v1/incidents/{id}/journal/verification", get(custody::look_at_journal))
        .route("/api/v1/incidents/{id}/observables", get(values::of_incident))
        .route("/api/v1/observables", get(values::about))
        .route("/api/v1/incidents/{id}/stream", get(changes::of_one))
}

async fn openapi() -> Response {
    json(openapi::text())
}

fn json(body: impl Into<String>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.into()).into_response()
}

fn time(time: Option<Time>) -> serde_json::Value {
    time.map(|time| time.to_string()).into()
}

/// A time in a parameter or body: with its zone, or how long before now.
fn moment(now: Time, name: &str, text: Option<String>) -> Result<Option<Time>, Problem> {
    let read = |text: String| {
        if let Some(span) = parse_duration(&text) {
            return Ok(now.plus_seconds(-i64::try_from(span.as_secs()).unwrap_or(i64::MAX)));
        }
        Time::parse(&text, None).map_err(|why| {
            // What a feed could say of its times does not help here.
            let why = why.split(';').next().unwrap_or_default();
            let problem = concert_model::Problem::new(format!("`{name}`: {why}"));
            Problem::of(problem.hint("write 2026-11-22T04:50:30Z, with any zone, or how long ago: 24h, 7d"))
        })
    };
    text.map(read).transpose()
}

/// A parameter that is one of some words.
fn one_of(name: &str, given: Option<String>, words: &[&str]) -> Result<Option<String>, Problem> {
    let Some(odd) = given.as_deref().filter(|word| !words.contains(word)) else { return Ok(given) };
    let hint = meant(odd, words.iter().copied(), format!("known are {}", words.join(", ")));
    let odd: String = odd.chars().take(100).collect();
    Err(Problem::of(concert_model::Problem::new(format!("`{name}`: there is no `{odd}`")).hint(hint)))
}

/// A part of a list under its name.
fn page(name: &str, page: Page<serde_json::Value>) -> Response {
    json(serde_json::json!({ name: page.rows, "next": page.next }).to_string())
}

/// The parameters of what is no list, in the order asked for.
fn own_parameters<const N: usize>(query: RawQuery, own: [&str; N]) -> Result<[Option<String>; N], Problem> {
    read_parameters(query, own, [], &[]).map(|(_, (values, []))| values)
}

/// Parameters that are given once, and those that may be given several times.
type Given<const N: usize, const M: usize> = ([Option<String>; N], [Vec<String>; M]);

/// The parameters of what is no list, and besides them those that may be given several times.
fn repeated_parameters<const N: usize, const M: usize>(
    query: RawQuery,
    own: [&str; N],
    repeated: [&str; M],
) -> Result<Given<N, M>, Problem> {
    read_parameters(query, own, repeated, &[]).map(|(_, given)| given)
}

/// The parameters of a list, and those of its own, in the order asked for.
fn parameters<const N: usize>(query: RawQuery, own: [&str; N]) -> Result<(Slice, [Option<String>; N]), Problem> {
    read_parameters(query, own, [], &["limit", "cursor"]).map(|(slice, (values, []))| (slice, values))
}

fn read_parameters<const N: usize, const M: usize>(
    query: RawQuery,
    own: [&str; N],
    repeated: [&str; M],
    of_list: &[&str],
) -> Result<(Slice, Given<N, M>), Problem> {
    let mut slice = Slice { limit: LIMIT, cursor: None };
    let (mut values, mut several, mut has_limit) = ([const { None }; N], [const { Vec::new() }; M], false);
    let query = query.0.unwrap_or_default();
    let uri = axum::http::Uri::builder().path_and_query(format!("/?{query}")).build();
    let uri = uri.map_err(|_| Problem::wrong("the parameters cannot be read"))?;
    for (name, value) in pairs(&uri)? {
        if value.len() > PARAMETER_BYTES_MAX {
            return Err(Problem::wrong(format!("`{name}` is longer than {PARAMETER_BYTES_MAX} bytes")));
        }
        if let Some((_, values)) = repeated.iter().zip(&mut several).find(|(known, _)| **known == name) {
            if values.len() >= REPEATED_MAX {
                return Err(Problem::wrong(format!("`{name}` is given more than {REPEATED_MAX} times")));
            }
            values.push(value);
            continue;
        }
        match name.as_str() {
            _ if !of_list.contains(&name.as_str()) => {
                match own.iter().zip(&mut values).find(|(known, _)| **known == name) {
                    Some((_, slot)) if slot.is_none() => *slot = Some(value),
                    Some(_) => return Err(Problem::wrong(format!("`{name}` is given twice"))),
                    // The address has it, and what is asked for there does not.
                    None => return Err(unknown(&name, &[of_list, own.as_slice(), repeated.as_slice()].concat())),
                }
            }
            "limit" if has_limit => return Err(Problem::wrong("`limit` is given twice")),
            "limit" => {
                has_limit = true;
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                slice.limit = limit.ok_or_else(|| Problem::wrong(format!("`limit` must be 1 to {LIMIT_MAX}")))?;
            }
            "cursor" if slice.cursor.is_some() => return Err(Problem::wrong("`cursor` is given twice")),
            "cursor" if value.is_empty() || value.len() > CURSOR_BYTES_MAX => {
                return Err(Problem::wrong("`cursor` is not one that was given here"));
            }
            _ => slice.cursor = Some(value),
        }
    }
    Ok((slice, (values, several)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_zone_or_is_so_long_ago() {
        let now = Time::parse("2026-11-22T04:50:30Z", None).unwrap();
        let read = |text: &str| moment(now, "since", Some(text.to_owned()));
        let check = |text: &str, want: &str| assert_eq!(read(text).unwrap().unwrap().to_string(), want, "{text}");
        check("2026-11-22T06:50:30+02:00", "2026-11-22T04:50:30Z");
        check("2d", "2026-11-20T04:50:30Z");
        check("90s", "2026-11-22T04:49:00Z");
        assert_eq!(moment(now, "since", None).unwrap(), None);
        for odd in ["2026-11-22T04:50:30", "2026-11-22", "yesterday", "", "2x", "-2d"] {
            let told = format!("{:?}", read(odd).unwrap_err());
            assert!(told.contains("with any zone, or how long ago: 24h, 7d") && !told.contains("feed"), "{told}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        let read = |query: &str| parameters(RawQuery(Some(query.to_owned())), ["if"]);
        let (slice, [condition]) = read("limit=5&cursor=x&if=source.asn%20%3D%3D%201").unwrap();
        assert_eq!((slice.limit, slice.cursor.as_deref()), (5, Some("x")));
        assert_eq!(condition.as_deref(), Some("source.asn == 1"));
        assert_eq!(parameters(RawQuery(None), []).unwrap().0, Slice { limit: LIMIT, cursor: None });
        let several = |query: &str| repeated_parameters(RawQuery(Some(query.to_owned())), ["tlp"], ["for_party"]);
        let ([tlp], [parties]) = several("for_party=A%2C+B&tlp=red&for_party=C").unwrap();
        assert_eq!((tlp.as_deref(), parties), (Some("red"), vec!["A, B".to_owned(), "C".to_owned()]));
        assert!(several("tlp=red&tlp=red").is_err() && several(&"for_party=x&".repeat(101)).is_err());
        for query in [
            "limit=0",
            "limit=x",
            "limit=10001",
            "if=%FF",
            "if=a%00",
            "if=%ED%A0%80",
            "limit=1&limit=2",
            "fi=x",
            "if=a&if=b",
            "cursor=",
            &format!("cursor={}", "x".repeat(20_000)),
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
