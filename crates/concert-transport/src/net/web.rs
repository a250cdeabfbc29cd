//! HTTP requests out: one client set-up, redirects under our rules, bodies with a cap.
//!
//! The client itself never follows redirects, never unpacks bodies and takes no proxy from the
//! environment. [`fetch`] follows up to five redirects, never from https to http, and sends
//! credentials only to the server they were meant for. Error texts carry no URL, because the query
//! of a URL may hold a key.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use concert_model::keys::Secret;
use concert_model::{Keys, Time};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode};
use url::Url;

use super::public::PublicOnly;
use super::{Trust, read_limit};

/// Redirects followed for one request.
const REDIRECTS_MAX: usize = 5;
/// Longest wait that a server may ask for, in seconds.
pub const RETRY_AFTER_MAX: i64 = 86_400;
/// Headers taken from one answer.
const HEADERS_MAX: usize = 100;

/// How requests to one peer are made.
#[derive(Clone, Debug)]
pub struct Web {
    /// Certificates.
    pub trust: Trust,
    /// Address of a proxy for all requests, `http://`, `https://` or `socks5h://`.
    pub proxy: Option<Url>,
    /// User and password for the proxy.
    pub proxy_user: Option<(String, Secret)>,
    /// Servers on this machine are asked without the proxy.
    pub own_directly: bool,
    /// Only addresses on the Internet are asked: for names that others chose. A proxy resolves names itself, so there it is up
    /// to the proxy to refuse the own network.
    pub public_only: bool,
    /// How we name ourselves.
    pub user_agent: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the peer may be silent.
    pub read_timeout: Duration,
    /// How long everything may take, body included.
    pub timeout: Duration,
}

impl Web {
    /// Usual limits, the system's certificates, no proxy.
    pub fn new(user_agent: &str) -> Web {
        Web {
            trust: Trust::default(),
            proxy: None,
            proxy_user: None,
            own_directly: false,
            public_only: false,
            user_agent: user_agent.to_owned(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(600),
        }
    }

    /// Reads the keys every HTTP peer has: certificates, proxy and timeouts.
    pub fn read(keys: &mut Keys<'_>, site_dir: &Path, user_agent: &str) -> Web {
        Self::read_with(keys, site_dir, user_agent, ["10s", "30s"])
    }

    /// The same with other defaults for `connect_timeout` and `read_timeout`.
    pub fn read_with(keys: &mut Keys<'_>, site_dir: &Path, user_agent: &str, defaults: [&str; 2]) -> Web {
        let ProxyAt { url: proxy, user: proxy_user } = ProxyAt::read(keys);
        let trust = Trust::read(keys, site_dir);
        let [connect, silence] = defaults;
        Web {
            trust,
            proxy,
            proxy_user,
            own_directly: false,
            public_only: false,
            user_agent: user_agent.to_owned(),
            connect_timeout: read_limit(keys, "connect_timeout", connect, "how long connecting may take"),
            read_timeout: read_limit(keys, "read_timeout", silence, "how long the peer may be silent"),
            timeout: read_limit(keys, "timeout", "10m", "how long one request may take, body included"),
        }
    }

    /// A client for this peer. It keeps connections for reuse, so make one and keep it for a while.
    pub async fn client(&self) -> Result<Client, String> {
        let mut config = super::config(&self.trust).await?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut builder = Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_max_headers(HEADERS_MAX)
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .timeout(self.timeout);
        // The proxy resolves names, and its own leads into our network.
        if self.public_only && self.proxy.is_none() {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        if let Some(url) = &self.proxy {
            let mut url = url.clone();
            if self.public_only && url.scheme() == "socks5" {
                url.set_scheme("socks5h").map_err(|()| "the proxy cannot be asked to resolve names".to_owned())?;
            }
            let mut proxy = reqwest::Proxy::all(url).map_err(reason)?;
            if self.own_directly {
                proxy = proxy.no_proxy(reqwest::NoProxy::from_string("127.0.0.0/8,::1"));
            }
            if let Some((user, password)) = &self.proxy_user {
                proxy = proxy.basic_auth(user, password.reveal());
            }
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(reason)
    }
}

/// A proxy, and user name and password there.
#[derive(Clone, Debug, Default)]
pub struct ProxyAt {
    /// Its address; there is none without it.
    pub url: Option<Url>,
    /// User and password.
    pub user: Option<(String, Secret)>,
}

impl ProxyAt {
    /// Reads `proxy`, `proxy_user` and `proxy_password`.
    pub fn read(keys: &mut Keys<'_>) -> Self {
        let (url, user) = read_proxy(keys);
        Self { url, user }
    }
}

fn read_proxy(keys: &mut Keys<'_>) -> (Option<Url>, Option<(String, Secret)>) {
    const URL: &str = "proxy for all requests: http://, https://, socks5:// or socks5h:// and host:port";
    const USER: &str = "user name at the proxy";
    const PASSWORD: &str = "password at the proxy";
    let text = keys.text("proxy", URL);
    let user = keys.text("proxy_user", USER);
    let password = keys.secret("proxy_password", PASSWORD);
    let has_password = keys.has("proxy_password");
    for (name, about, is_there) in [
        ("proxy", URL, text.is_some()),
        ("proxy_user", USER, user.is_some()),
        ("proxy_password", PASSWORD, has_password),
    ] {
        let is_wanted = if name == "proxy" { user.is_some() || has_password } else { user.is_some() != has_password };
        if is_wanted && !is_there {
            keys.missing(name, about);
        }
    }
    let is_proxy = |url: &Url| {
        let known = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
        known && url.has_host() && url.username().is_empty() && url.password().is_none()
    };
    let url = text.and_then(|text| {
        let url = Url::parse(&text).ok().filter(is_proxy);
        if url.is_none() {
            let hint =
                "write proxy = \"http://proxy.example:3128\", its user in proxy_user, its password in proxy_password";
            keys.problem("proxy", "`proxy` is not the address of a proxy", hint);
        }
        url
    });
    (url, user.map(|user| (user, password.unwrap_or_default())))
}

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// GET, POST, ...
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers for everybody on the way.
    pub headers: HeaderMap,
    /// Headers with credentials: not sent on to another server.
    pub secrets: HeaderMap,
    /// What is sent: to this server alone.
    pub body: Option<Vec<u8>>,
    /// Hosts that redirects may lead to; empty for any.
    pub hosts: Vec<String>,
}

impl Ask {
    /// A plain GET.
    pub fn get(url: Url) -> Ask {
        Ask {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            secrets: HeaderMap::new(),
            body: None,
            hosts: Vec::new(),
        }
    }
}

/// Sends a request and follows redirects. Any status that is no redirect is an answer.
pub async fn fetch(client: &Client, ask: &Ask) -> Result<Response, String> {
    let (mut method, mut url, mut body) = (ask.method.clone(), ask.url.clone(), ask.body.clone());
    for _ in 0..=REDIRECTS_MAX {
        let mut headers = ask.headers.clone();
        if url.origin() == ask.url.origin() {
            headers.extend(ask.secrets.clone());
        }
        if body.is_none() {
            headers.remove(CONTENT_TYPE);
        }
        let mut request = client.request(method.clone(), url.clone()).headers(headers);
        if let Some(bytes) = &body {
            request = request.body(bytes.clone());
        }
        let response = request.send().await.map_err(reason)?;
        let Some(next) = target(&response, &url)? else { return Ok(response) };
        if url.scheme() == "https" && next.scheme() != "https" {
            return Err("the server redirects from https to http, which is not followed".into());
        }
        if !ask.hosts.is_empty() && !next.host_str().is_some_and(|host| ask.hosts.iter().any(|known| known == host)) {
            let host = next.host_str().unwrap_or_default();
            return Err(format!("the server redirects to {host}, which is not among the hosts allowed"));
        }
        let keeps = matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if !keeps && method != Method::HEAD {
            method = Method::GET;
            body = None;
        }
        // It may hold what logs in, as headers may; those are left out, but a request without its body is another one.
        if body.is_some() && next.origin() != ask.url.origin() {
            let other = next.origin().ascii_serialization();
            return Err(format!("the server sends us on to {other}, another server, which does not get the body"));
        }
        url = next;
    }
    Err(format!("more than {REDIRECTS_MAX} redirects"))
}

/// Where an answer sends us, when it does.
pub(crate) fn target(response: &Response, from: &Url) -> Result<Option<Url>, String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).ok_or("a redirect without a location")?;
    let location = location.to_str().map_err(|_| "a redirect to something that is no address")?;
    let next = from.join(location).map_err(|_| "a redirect to something that is no address")?;
    if matches!(next.scheme(), "http" | "https") {
        Ok(Some(next))
    } else {
        Err(format!("a redirect to `{}:`, which is not followed", next.scheme()))
    }
}

/// When a server that has too much to do wishes to be asked again (`Retry-After`, RFC 9110 section 10.2.3).
pub(crate) fn retry_after(response: &Response, now: Time) -> Option<Time> {
    let asks = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let text = response.headers().get(RETRY_AFTER).filter(|_| asks)?.to_str().ok()?;
    match text.trim().parse::<i64>() {
        Ok(seconds) => Some(now.plus_seconds(seconds.clamp(0, RETRY_AFTER_MAX))),
        Err(_) => Some(Time::parse(text, None).ok()?.max(now).min(now.plus_seconds(RETRY_AFTER_MAX))),
    }
}

/// What is said of a body that has more bytes than are wanted.
pub fn too_long(bytes_max: u64) -> String {
    format!("the body is longer than {bytes_max} bytes")
}

/// Reads a body to its end, or says why not: longer than the cap, cut short, or too slow.
pub async fn body(mut response: Response, bytes_max: u64) -> Result<Vec<u8>, String> {
    let stated = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|length| length > bytes_max) {
        return Err(too_long(bytes_max));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reason)? {
        if bytes.len() as u64 + chunk.len() as u64 > bytes_max {
            return Err(too_long(bytes_max));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What is said where the server was too slow; [`Web::explain`] knows which limit that was.
pub(crate) const TOO_SLOW: &str = "the server took too long";
/// What is said where no connection came about in time.
const NO_CONNECTION: &str = "the server took too long to connect";
/// What the client says of an answer that is none of HTTP: that of a server that waits for TLS, for example.
const NO_HTTP: [&str; 2] = ["invalid HTTP version parsed", "invalid HTTP status-code parsed"];

impl Web {
    /// An error that was told without our settings, with the one that it is about and what came until then.
    pub(crate) fn explain(&self, why: String, began: Instant, came: u64) -> String {
        let what = match why.as_str() {
            NO_CONNECTION => return format!("no connection within `connect_timeout` ({:?})", self.connect_timeout),
            // The limits are looked at by the client, a moment late.
            TOO_SLOW if began.elapsed() >= self.timeout => {
                format!("all took longer than `timeout` ({:?})", self.timeout)
            }
            TOO_SLOW if came == 0 => {
                return format!("{TOO_SLOW}: no answer within `read_timeout` ({:?})", self.read_timeout);
            }
            TOO_SLOW => format!("nothing came for `read_timeout` ({:?})", self.read_timeout),
            _ => return why,
        };
        format!("{TOO_SLOW}: {what}, with {came} bytes of the body until then")
    }
}

/// An error of the client as a sentence: what it was and what lay beneath, without the URL.
pub fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return if error.is_connect() { NO_CONNECTION } else { TOO_SLOW }.into();
    }
    if let Some(why) = super::refused::why(&error) {
        return why;
    }
    let mut text = error.to_string();
    let mut beneath = std::error::Error::source(&error);
    // Layers often repeat the one below them; a dozen is more than any has.
    for _ in 0..12 {
        let Some(next) = beneath else { break };
        let say = next.to_string();
        if !text.contains(&say) {
            text.push_str(": ");
            text.push_str(&say);
        }
        beneath = next.source();
    }
    if NO_HTTP.iter().any(|sign| text.contains(sign)) {
        return "the server answered with something that is not HTTP; where it speaks TLS, its address begins with \
                https://"
            .into();
    }
    if text.contains("tls handshake eof") {
        return "the server hung up while TLS was set up, so perhaps it does not speak TLS at this port".into();
    }
    // What the layers of the client call each other is no help to anybody.
    const LAYERS: [(&str, &str); 3] = [
        ("error sending request: client error (Connect): ", "no connection"),
        ("error sending request: client error (SendRequest): ", "no answer"),
        (
            "error decoding response body: request or response body error: error reading a body from connection: ",
            "the body broke off",
        ),
    ];
    let told = LAYERS.iter().find_map(|(layers, what)| Some(format!("{what}: {}", text.strip_prefix(layers)?)));
    told.unwrap_or(text)
}
