//! What is made of the answer of a web server, and of an address with dates in it.

use concert_model::Time;
use concert_model::message::Outcome;
use reqwest::Response;
use reqwest::header::{ETAG, LAST_MODIFIED};
use url::Url;

use super::state::State;
use super::template::Template;
use super::{name, refusal};
use crate::deliver::http::weigh;
use crate::net::web::RETRY_AFTER_MAX;
use crate::net::web::{body, target};

/// Largest body taken.
const BODY_BYTES_MAX: u64 = 1000;

/// Looks at an answer in every way we do. It is made twice, because a body can be read only once.
pub async fn answer(make: impl Fn() -> Option<Response>, now: Time) {
    let (Some(fetched), Some(delivered)) = (make(), make()) else { return };
    let from = Url::parse("https://lists.example/a/b.csv?key=secret");
    if let Ok(Some(next)) = from.map_err(|error| error.to_string()).and_then(|from| target(&fetched, &from)) {
        assert!(matches!(next.scheme(), "http" | "https") && next.has_host(), "{next}");
    }
    let failure = refusal(&fetched, now);
    assert!(!failure.why.contains(char::is_control), "{:?}", failure.why);
    let latest = now.plus_seconds(RETRY_AFTER_MAX);
    assert!(failure.not_before.is_none_or(|moment| (now..=latest).contains(&moment)), "{failure:?}");
    let name = name::of(&fetched);
    assert!(name.len() <= 255 && !name.contains(['/', '\\']) && !name.contains(char::is_control), "{name:?}");
    let text = |name| Some(fetched.headers().get(name)?.to_str().ok()?.to_owned());
    let mut state = State { etag: text(ETAG), modified: text(LAST_MODIFIED), ..State::default() };
    state.not_before = failure.not_before;
    assert_eq!(State::read(Some(&state.write())), state);
    if let Ok(bytes) = body(fetched, BODY_BYTES_MAX).await {
        assert!(bytes.len() as u64 <= BODY_BYTES_MAX);
    }
    let text = match weigh(delivered, "post").await {
        Outcome::Done(text) | Outcome::Never(text) | Outcome::TooLarge(text, _) | Outcome::Unsure(text) => text,
        Outcome::Partly(_) => unreachable!("a request is for one peer"),
        Outcome::Later(text, wait) => {
            assert!(wait.is_none_or(|seconds| seconds <= 86_400));
            text
        }
    };
    assert!(text.len() < 2000 && !text.contains(char::is_control), "{text:?}");
}

/// An address from the settings, and what was remembered of it, whatever a damaged store says.
pub fn address(text: &str, now: Time) {
    if let Ok(template) = Template::new(text)
        && let Ok(url) = template.at(now)
    {
        assert!(matches!(url.scheme(), "http" | "https") && url.password().is_none(), "{url}");
    }
    let state = State::read(Some(text));
    assert_eq!(State::read(Some(&state.write())), state);
    state.due(std::time::Duration::MAX, now);
}
