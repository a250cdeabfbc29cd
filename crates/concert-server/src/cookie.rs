//! The cookie of a session, and whether a request that comes with it is from a page of this site.
//!
//! A browser sends the cookie with whatever it asks for, also where another page made it ask. `SameSite=Strict` keeps
//! it back in that case; what changes something must besides show where it comes from.

use axum::http::{HeaderMap, HeaderValue, header};

/// What the cookie is called.
const NAME: &str = "concert_session";
/// Longest secret that is looked at.
const BYTES_MAX: usize = 256;
/// Whatever sends it is no form and no link of another page: a browser would ask this site first, which never agrees.
const OWN_HEADER: &str = "x-concert-request";

/// The secret of the session, if there is one.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = pairs.find(|(name, _)| *name == NAME)?;
    (!secret.is_empty() && secret.len() <= BYTES_MAX).then_some(secret)
}

/// `Set-Cookie` for a session that ends after so many seconds; at once with zero.
pub(crate) fn set(secret: &str, seconds: i64, headers: &HeaderMap) -> Option<HeaderValue> {
    let secure = if is_encrypted(headers) { "; Secure" } else { "" };
    let text = format!("{NAME}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

/// Whether the browser speaks TLS, with a proxy in front. Whoever says so without it keeps only their own cookie back.
fn is_encrypted(headers: &HeaderMap) -> bool {
    let says = |name: &str, want: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        value.get(..want.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(want))
    };
    says("x-forwarded-proto", "https") || says("origin", "https://")
}

/// Where a request comes from, as far as it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A page of this site, or a program.
    Ours,
    /// A page from elsewhere.
    Elsewhere,
    /// It does not say.
    Unsaid,
}

/// Where a request comes from. `names` are those of this site besides the one that was asked for.
pub(crate) fn source(headers: &HeaderMap, names: &[String]) -> Source {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site");
    let origin = text("origin").map(|origin| is_own(origin, text("host").unwrap_or(""), names));
    if site.is_some_and(|site| site != "same-origin" && site != "none") || origin == Some(false) {
        return Source::Elsewhere;
    }
    if site == Some("same-origin") || origin == Some(true) || text(OWN_HEADER).is_some() {
        return Source::Ours;
    }
    Source::Unsaid
}

fn is_own(origin: &str, host: &str, names: &[String]) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    // A proxy may ask under another name than the browser did.
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    !host.is_empty() && (authority.eq_ignore_ascii_case(host) || names.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others_and_bounded() {
        let check = |cookies: &[&'static str], want: Option<&str>| {
            let pairs: Vec<_> = cookies.iter().map(|cookie| ("cookie", *cookie)).collect();
            assert_eq!(session(&headers(&pairs)), want, "{cookies:?}");
        };
        check(&[], None);
        check(&["a=b; concert_session=abc; c"], Some("abc"));
        check(&["a=b", "concert_session=abc=d"], Some("abc=d"));
        check(&["concert_session="], None);
        check(&["xconcert_session=abc"], None);
        assert_eq!(session(&headers(&[("cookie", "concert_session")])), None);
    }

    #[test]
    fn a_cookie_is_for_tls_alone_where_there_is_tls() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let cookie = set("abc", 5, &headers(pairs)).unwrap();
            let text = cookie.to_str().unwrap().to_owned();
            assert!(text.starts_with("concert_session=abc; Path=/; Max-Age=5; HttpOnly; SameSite=Strict"), "{text}");
            text.ends_with("; Secure")
        };
        assert!(!check(&[]) && !check(&[("origin", "http://localhost:8080")]) && !check(&[("origin", "https")]));
        assert!(check(&[("x-forwarded-proto", "https")]) && check(&[("origin", "https://concert.example")]));
    }

    #[test]
    fn a_page_from_elsewhere_is_told_from_one_of_ours() {
        let names = ["concert.example".to_owned()];
        let check = |pairs: &[(&'static str, &'static str)], want: Source| {
            let pairs = [&[("host", "localhost:8080")], pairs].concat();
            assert_eq!(source(&headers(&pairs), &names), want, "{pairs:?}");
        };
        check(&[], Source::Unsaid);
        check(&[("sec-fetch-site", "none")], Source::Unsaid);
        check(&[("sec-fetch-site", "same-origin")], Source::Ours);
        check(&[("origin", "http://localhost:8080")], Source::Ours);
        check(&[("origin", "https://concert.example")], Source::Ours);
        check(&[("origin", "https://concert.example:8443")], Source::Ours);
        check(&[("x-concert-request", "1")], Source::Ours);
        for other in ["same-site", "cross-site", "x"] {
            check(&[("sec-fetch-site", other), ("x-concert-request", "1")], Source::Elsewhere);
        }
        for other in ["null", "http://localhost:9999", "https://evil.example", "https://concert.example.evil.example"] {
            check(&[("origin", other), ("x-concert-request", "1")], Source::Elsewhere);
        }
        check(&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], Source::Elsewhere);
    }
}
