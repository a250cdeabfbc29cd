//! What holds for every request: who may be asked for, how long it takes, which headers go out.
//!
//! Pages have no login yet, so the site answers on loopback only. A page from elsewhere can still make
//! a browser send requests here under a name of its own (DNS rebinding), which is why a request for any
//! name but a loopback one, or one from the settings, is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::problem::Problem;

/// Headers of every answer that has none of its own.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Checks the name asked for and adds the headers.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match refuse(request.uri(), request.headers(), &app.hosts) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn refuse(uri: &Uri, headers: &HeaderMap, allowed: &[String]) -> Option<Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    let Some(host) = host.filter(|_| second.is_none()).and_then(|host| host.to_str().ok()) else {
        return Some(Problem::wrong("the request must name exactly one host"));
    };
    let named = [Some(host), uri.authority().map(|authority| authority.as_str())];
    if named.into_iter().flatten().all(|host| is_ours(host, allowed)) {
        return None;
    }
    Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "this site answers for loopback names only"))
}

/// Whether a host, with or without a port, is this machine or one of the names from the settings.
fn is_ours(host: &str, allowed: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if port.is_empty() || is_port(port) => address,
            _ => return false,
        },
        None => match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.eq_ignore_ascii_case("localhost") || allowed.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return true;
    }
    match name.parse() {
        Ok(IpAddr::V4(address)) => Ipv4Addr::is_loopback(&address),
        Ok(IpAddr::V6(address)) => host.starts_with('[') && Ipv6Addr::is_loopback(&address),
        Err(_) => false,
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_ours() {
        let allowed = ["concert.cert.example".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8080",
            "[::1]",
            "localhost.",
            "concert.cert.example:443",
        ] {
            assert!(is_ours(host, &allowed), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "0.0.0.0",
            "[::2]",
            "[::1",
            "::1",
            "localhost:x",
            "user@localhost",
            "127.1",
            "[::ffff:192.0.2.1]",
            "[127.0.0.1]x",
        ] {
            assert!(!is_ours(host, &allowed), "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host_and_means_it() {
        let check = |uri: &str, hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
            }
            refuse(&uri.parse().unwrap(), &headers, &[]).is_none()
        };
        assert!(check("/", &["localhost"]));
        assert!(!check("/", &[]));
        assert!(!check("/", &["localhost", "localhost"]));
        assert!(!check("http://evil.example/", &["localhost"]));
    }
}
