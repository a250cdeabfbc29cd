//! Tests: every kind of proxy, with and without log-in, for both ways that use the web.

use std::path::Path;

use concert_model::message::Outcome;
use concert_testkit::proxy::{Proxy, Rules, Speaks};
use concert_testkit::tls::{Identity, write_authority};
use concert_testkit::web::{Answer, Web};

use crate::collect::http;
use crate::deliver::tests::{message, no_keys, read as way_out};
use crate::memory::{Memory, read as way_in, setup};

const LIST: &str = "192.0.2.1\n";

/// A web server that is reached through a proxy.
struct Given {
    folder: tempfile::TempDir,
    web: Web,
    proxy: Proxy,
    scheme: &'static str,
}

impl Given {
    async fn new(scheme: &'static str, mut rules: Rules, encrypted: bool) -> Given {
        let speaks = if scheme.starts_with("http") { Speaks::Http } else { Speaks::Socks };
        rules.tls = (scheme == "https").then_some(Identity::Localhost);
        let web = Web::start(encrypted.then_some(Identity::Localhost), |_| Answer::new(200, LIST));
        let proxy = Proxy::start(speaks, rules);
        let folder = tempfile::tempdir().unwrap();
        write_authority(folder.path()).unwrap();
        Given { folder, web: web.await.unwrap(), proxy: proxy.await.unwrap(), scheme }
    }

    fn settings(&self, login: Option<(&str, &str)>) -> String {
        let login = login
            .map(|(user, password)| format!("proxy_user = \"{user}\"\nproxy_password = {{ env = \"{password}\" }}\n"));
        format!(
            "url = \"{}\"\nca_file = \"test-authority.pem\"\nproxy = \"{}://{}\"\n{}",
            self.web.url("/x"),
            self.scheme,
            self.proxy.address(),
            login.unwrap_or_default()
        )
    }

    /// Posts a notice, then fetches a list.
    async fn both(&self, login: Option<(&str, &str)>) -> (Outcome, Result<Vec<String>, String>) {
        let text = self.settings(login);
        let out = way_out("http", &text, self.folder.path()).map_err(|problems| problems.join("\n")).unwrap();
        let message = message("N7");
        let outcome = out.deliver(&message, &out.compose(&message, &no_keys()).unwrap()).await;
        let memory = Memory::default();
        let feed = way_in(&http::LISTED, &setup(self.folder.path()), &text).unwrap();
        let fetched = feed.once(&memory).await.map(|()| memory.texts());
        (outcome, fetched)
    }

    /// What the proxy is asked for when a notice is posted and a list is fetched.
    fn wanted(&self, encrypted: bool) -> Vec<String> {
        let place = format!("localhost:{}", self.web.address().port());
        match (self.scheme, encrypted) {
            ("http" | "https", false) => vec![format!("POST http://{place}/x"), format!("GET http://{place}/x")],
            ("http" | "https", true) => vec![format!("CONNECT {place}"); 2],
            ("socks5h", _) => vec![place; 2],
            // The name is looked up here; which of the two addresses comes first is up to the system.
            _ => Vec::new(),
        }
    }
}

fn account() -> Rules {
    Rules { account: Some(("feeds".to_owned(), "pa:ss".to_owned())), ..Rules::default() }
}

#[tokio::test]
async fn requests_go_through_the_proxy() {
    for scheme in ["http", "https", "socks5", "socks5h"] {
        for encrypted in [false, true] {
            for (rules, login) in [(Rules::default(), None), (account(), Some(("feeds", "pa:ss")))] {
                let given = Given::new(scheme, rules, encrypted).await;
                let (outcome, fetched) = given.both(login).await;
                assert!(matches!(outcome, Outcome::Done(_)), "{scheme} {encrypted} {login:?}: {outcome:?}");
                assert_eq!(fetched, Ok(vec![LIST.to_owned()]), "{scheme} {encrypted} {login:?}");
                let (asked, wanted) = (given.proxy.asked(), given.wanted(encrypted));
                assert_eq!(asked.len(), 2, "{asked:?}");
                assert!(wanted.is_empty() || asked == wanted, "{asked:?}");
                // What is for the proxy alone does not go further.
                let requests = given.web.requests();
                assert!(requests.iter().all(|request| request.header("proxy-authorization").is_none()));
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_loses_nothing_and_is_told() {
    let wrong = [None, Some(("feeds", "wrong"))];
    for scheme in ["http", "socks5h"] {
        for encrypted in [false, true] {
            for login in wrong {
                let given = Given::new(scheme, account(), encrypted).await;
                let (outcome, fetched) = given.both(login).await;
                assert!(matches!(outcome, Outcome::Later(..)), "{scheme} {encrypted} {login:?}: {outcome:?}");
                let why = fetched.unwrap_err();
                assert!(why.contains("roxy") || why.contains("SOCKS"), "{scheme} {encrypted} {login:?}: {why}");
                assert!(given.web.requests().is_empty());
            }
        }
    }
    for scheme in ["http", "socks5h"] {
        let given = Given::new(scheme, Rules { refuses: true, ..Rules::default() }, true).await;
        let (outcome, fetched) = given.both(None).await;
        assert!(matches!(outcome, Outcome::Later(..)), "{scheme}: {outcome:?}");
        assert!(fetched.is_err());
        assert!(given.web.requests().is_empty());
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_means_later() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let web = Web::start(None, |_| Answer::new(200, LIST)).await.unwrap();
    for scheme in ["http", "socks5h"] {
        let text = format!("url = \"{}\"\nproxy = \"{scheme}://{free}\"\n", web.url("/"));
        let out = way_out("http", &text, Path::new("/nowhere")).map_err(|problems| problems.join("\n")).unwrap();
        let message = message("N7");
        let outcome = out.deliver(&message, &out.compose(&message, &no_keys()).unwrap()).await;
        assert!(matches!(outcome, Outcome::Later(..)), "{scheme}: {outcome:?}");
        assert!(web.requests().is_empty(), "nothing goes around the proxy");
    }
}

#[test]
fn mistakes_about_proxies_are_told() {
    let check = |more: &str, want: &str| {
        let text = format!("url = \"https://host.example/\"\n{more}");
        let problems = way_out("http", &text, Path::new("/nowhere")).err().expect("a mistake").join("\n");
        assert!(problems.contains(want), "{problems}");
    };
    check("proxy = \"proxy.example:3128\"", "`proxy` is not the address of a proxy");
    check("proxy = \"ftp://proxy.example:3128\"", "`proxy` is not the address of a proxy");
    check("proxy = \"http://user:secret@proxy.example:3128\"", "`proxy` is not the address of a proxy");
    check("proxy_user = \"x\"\nproxy_password = { env = \"y\" }", "`proxy` is missing");
    check("proxy = \"http://proxy.example\"\nproxy_user = \"x\"", "`proxy_password` is missing");
    check("proxy = \"http://proxy.example\"\nproxy_password = { env = \"y\" }", "`proxy_user` is missing");
}
