use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn found(text: &str) -> Vec<String> {
    observables(text).into_iter().map(|one| format!("{} {}", one.kind.word(), one.value)).collect()
}

fn check(text: &str, want: &[&str]) {
    assert_eq!(found(text), want, "{text}");
}

#[test]
fn values_are_found_in_sentences_and_log_lines() {
    check("Scans from 192.0.2.7:4242, then 2001:DB8:0::5.", &["ip 192.0.2.7", "ip 2001:db8::5"]);
    check("src=192.0.2.1 dst=[2001:db8::1]:443 via 10.0.0.1/32", &["ip 192.0.2.1", "ip 2001:db8::1", "ip 10.0.0.1"]);
    check("192.0.2.1-192.0.2.9; 192.0.2.1", &["ip 192.0.2.1", "ip 192.0.2.9"]);
    check("see www.Example.COM, bücher.example.", &["domain www.example.com", "domain xn--bcher-kva.example"]);
    check("host:evil.example:8080 tcp://c2.example:443", &["domain evil.example", "domain c2.example"]);
    check("Write to <Abuse@Net.example>!", &["mail abuse@net.example"]);
    // Where a mailbox is said to be is no word of the machine.
    check("foo@[192.0.2.7] from [192.0.2.8]", &["ip 192.0.2.8"]);
    check("mailto:a.b+c@net.example", &["mail a.b+c@net.example"]);
    check("(http://evil.example/a?b=c).", &["url http://evil.example/a?b=c", "domain evil.example"]);
    check("HTTP://Bob@Evil.Example:8/A@B", &["url http://Bob@evil.example:8/A@B", "domain evil.example"]);
    check("<a href=\"https://192.0.2.1:8/x\">", &["url https://192.0.2.1:8/x", "ip 192.0.2.1"]);
    check("http://[2001:db8::1]/, x", &["url http://[2001:db8::1]/", "ip 2001:db8::1"]);
    check(
        "http://a.example/1,http://b.example/2",
        &["url http://a.example/1", "domain a.example", "url http://b.example/2", "domain b.example"],
    );
    let md5 = "D41D8CD98F00B204E9800998ECF8427E";
    check(&format!("MD5:{md5} {md5}.exe"), &["hash d41d8cd98f00b204e9800998ecf8427e"]);
    for length in [40, 64, 128] {
        check(
            &format!("'{}'", "aB3".repeat(50).get(..length).unwrap()),
            &[&format!("hash {}", "ab3".repeat(50).get(..length).unwrap())],
        );
    }
    check("(cve-2024-3094) CVE-2021-44228: CVE-24-1", &["cve CVE-2024-3094", "cve CVE-2021-44228"]);
}

/// A value that somebody gives with its kind, in its one form; or the hint that tells what is expected.
fn check_given(of: &str, value: &str, want: Result<&str, &str>) {
    let given = Kind::named(of).and_then(|kind| kind.plain(value));
    assert_eq!(given.as_deref().map_err(|problem| problem.hint.as_str()), want, "{of} {value}");
}

#[test]
fn a_value_given_by_hand_gets_the_one_form_of_its_kind() {
    check_given("ip", " 192[.]0[.]2[.]7 ", Ok("192.0.2.7"));
    check_given("ip", "2001:DB8:0::5", Ok("2001:db8::5"));
    check_given("ip", "127.0.0.1", Ok("127.0.0.1"));
    check_given("network", "192.0.2.0/24", Ok("192.0.2.0/24"));
    check_given("network", "2001[:]DB8[:][:]/32", Ok("2001:db8::/32"));
    check_given("asn", "as64500", Ok("AS64500"));
    check_given("asn", "64500", Ok("AS64500"));
    check_given("domain", "bücher [.] Example.", Ok("xn--bcher-kva.example"));
    check_given("domain", "report.zip", Ok("report.zip"));
    check_given("url", "hXXps[://]Evil[.]example/A", Ok("https://evil.example/A"));
    for (kind, odd) in
        [("domain", "ev\u{202e}il.example"), ("domain", "ev\u{ad}il.example"), ("url", "http://ev\u{200b}il.example/")]
    {
        check_given(kind, odd, Err("it has letters in it that are not seen: write it without them"));
    }
    check_given("url", "ssh://Host7.example:22/", Ok("ssh://host7.example:22/"));
    check_given("mail", "Somebody [at] evil (dot) example", Ok("somebody@evil.example"));
    let md5 = "D41D8CD98F00B204E9800998ECF8427E";
    check_given("hash", &format!("MD5: {md5}"), Ok(&md5.to_lowercase()));
    check_given("hash", &"1".repeat(40), Ok(&"1".repeat(40)));
    check_given("cve", "cve-2024-3094", Ok("CVE-2024-3094"));
    check_given("text", " Mozilla/5.0 (evil) ", Ok("Mozilla/5.0 (evil)"));
}

#[test]
fn a_value_that_is_not_of_its_kind_is_told_with_what_is_expected() {
    check_given("ip", "192.0.2.777", Err("it is an address, like 192.0.2.7 or 2001:db8::7"));
    check_given("ip", "192.0.2.7:80", Err("it is an address, like 192.0.2.7 or 2001:db8::7"));
    check_given("ip", "evil[.]example", Err("its kind is `domain`; ip is an address, like 192.0.2.7 or 2001:db8::7"));
    let net = "a network without bits of a host, like 192.0.2.0/24";
    check_given("network", "192.0.2.7/24", Err(&format!("did you mean `192.0.2.0/24`? it takes {net}")));
    check_given("network", "192.0.2.0/33", Err(&format!("it is {net}")));
    check_given("network", "", Err(&format!("it is {net}")));
    for odd in ["AS0", "AS4294967296", "+5", "AS", "AS1.10"] {
        check_given("asn", odd, Err("it is the number of an AS, 1 to 4294967295, like AS64500"));
    }
    for odd in ["evil", "*.evil.example", "evil..example", "a b.example"] {
        check_given("domain", odd, Err("it is a name with a dot in it, like evil.example"));
    }
    let long = format!("http://evil.example/{}", "a".repeat(URL_BYTES_MAX));
    for odd in ["evil", "http://", "http://evil.example:0/", "see http://evil.example/", "/a", &long] {
        check_given("url", odd, Err("it is an absolute URL, like http://evil.example/a"));
    }
    check_given("mail", "@evil.example", Err("it is a mail address, like somebody@evil.example"));
    check_given("cve", "CVE-24-1", Err("it is the number of a vulnerability, like CVE-2024-3094"));
    let digits = "hexadecimal digits: 32 (MD5), 40 (SHA-1), 64 (SHA-256) or 128 (SHA-512)";
    check_given("hash", "deadbeef", Err(&format!("it is {digits}")));
    check_given("hash", &"g".repeat(32), Err(&format!("it is {digits}")));
    check_given("hash", "CVE-2024-3094", Err(&format!("its kind is `cve`; hash is {digits}")));
    check_given("text", " ", Err("it is a line of text that is none of the others"));
    check_given("domian", "x", Err("did you mean `domain`?"));
    check_given("sha256", "x", Err("kinds are ip, network, asn, domain, url, mail, hash, cve, text"));
    let told = Kind::Ip.plain(&format!("\u{202e}\u{1b}[2J{}", "x".repeat(100))).unwrap_err().what;
    assert_eq!(told, format!("`\u{fffd}[2J{}...` is no value of the kind `ip`", "x".repeat(56)));
}

#[test]
fn what_only_looks_like_a_value_is_passed_over() {
    check("report.pdf and /var/log/mail.example.old, C:\\temp\\x.exe, backup.zip, README.md", &[]);
    check("version 1.2.3.4.5, v1.2.3.4, libc.so.6, e.g. this, z.B. that, done.Then on, 3.5mm", &[]);
    check("127.0.0.1 0.0.0.0 224.0.0.1 255.255.255.0 ::1 ::", &[]);
    check("192.0.2.0/24 and 2001:db8::/32 are networks", &[]);
    check("12:34:56 aa:bb:cc:dd:ee:ff std::fmt", &[]);
    check("01234567890123456789012345678901 deadbeef", &[]);
    check("/srv/www/example.org/x and a@b and @handle", &[]);
}

#[test]
fn defanged_values_are_found() {
    check("hxxps://evil[.]example/x", &["url https://evil.example/x", "domain evil.example"]);
    check("from 2001:db8[::]7 on", &["ip 2001:db8::7"]);
    check("hXXp[:]//192[.]0[.]2[.]1/", &["url http://192.0.2.1/", "ip 192.0.2.1"]);
    check("evil(dot)example, evil [.] example", &["domain evil.example"]);
    check("abuse [at] net [dot] example", &["mail abuse@net.example"]);
    check("e\u{200b}vil.exa\u{feff}mple 2001[:]db8[:][:]1", &["domain evil.example", "ip 2001:db8::1"]);
    check("files[.]zip", &["domain files.zip"]);
    check("192.0.2[.1", &["ip 192.0.2.1"]);
}

/// Letters that nobody sees hide no value and stand in no host: they are passed over as browsers do, or there is no host.
#[test]
fn no_host_has_letters_that_are_not_seen() {
    let ignored = "\u{ad}\u{34f}\u{61c}\u{180b}\u{180e}\u{180f}\u{200b}\u{200c}\u{200d}\u{200e}\u{202a}\u{202e}\u{2060}\u{2064}\u{206f}\u{fe00}\u{fe0f}\u{feff}\u{1bca0}\u{1d173}\u{e0001}\u{e0020}\u{e01ef}";
    // Fillers have a width, and browsers take no name with one.
    let fillers = "\u{115f}\u{1160}\u{17b4}\u{17b5}\u{3164}\u{ffa0}\u{fff0}";
    for c in ignored.chars().chain(fillers.chars()) {
        for (text, want) in [
            ("see exaCmple.com now", "example.com"),
            ("see example.coCm now", "example.com"),
            ("http://exaCmple.com/x", "example.com"),
            ("http://example.comC/x", "example.com"),
            ("http://CC@example.com:80/", "example.com"),
            ("to abuse@exaCmple.com", "abuse@example.com"),
            ("192.0.C2.7", "192.0.2.7"),
        ] {
            let given = text.replace('C', &c.to_string());
            let found = observables(&given);
            let hosts = found.iter().map(|one| {
                one.value.split_once("://").map_or(one.value.as_str(), |(_, rest)| rest.split('/').next().unwrap())
            });
            for host in hosts.clone() {
                let place = host.rsplit_once('@').map_or(host, |(_, place)| place);
                assert!(place.is_ascii(), "{given:?}: {host:?}");
            }
            let is_found = found.iter().any(|one| one.value == want);
            assert!(is_found || !ignored.contains(c), "{given:?} (U+{:04X}): {found:?}", u32::from(c));
        }
    }
}

#[test]
fn a_value_alone_has_one_form() {
    let one = |text| one(text).map(|one| one.value);
    assert_eq!(one(" Evil[.]Example "), Some("evil.example".into()));
    assert_eq!(one("nothing"), None);
}

#[test]
fn many_values_are_capped() {
    let text = |count: usize| -> String {
        (0..count).map(|at| format!("10.{}.{}.{} ", at / 50_000, at / 250 % 200, 1 + at % 250)).collect()
    };
    assert_eq!(observables(&text(30_000)).len(), 30_000);
    assert_eq!(observables(&text(FOUND_MAX + 1_000)).len(), FOUND_MAX);
}

/// Megabytes, over all of these, that are made to be slow are read in about the time that harmless ones take.
#[test]
fn hostile_text_takes_linear_time() {
    const BYTES: usize = 1 << 20;
    let pieces = [
        "1.",
        "1.2.3.",
        ":",
        "a@",
        "a.",
        "[.]",
        "[",
        "http:",
        "http://",
        ",http://",
        ")",
        "]",
        "\u{200b}",
        "(dot) ",
        "{",
        "a-",
        "cve-",
        "ab",
        " ",
        "//",
        "/",
        "%",
        "1-",
        "\u{e9}.",
        "[:]//",
        "1/",
        "\u{c9}",
        "hxxp[://]a,",
    ];
    for piece in pieces {
        let text = piece.repeat(BYTES / piece.len());
        let before = Instant::now();
        observables(&text);
        // Quadratic would be hours. The limit leaves room for a slow machine and a build without optimising.
        assert!(before.elapsed() < Duration::from_secs(20), "{piece}: {:?}", before.elapsed());
    }
}

fn ways(value: &str) -> Vec<String> {
    let mut ways = vec![value.to_owned()];
    for (dot, at) in [
        ("[.]", "[@]"),
        ("(.)", "(at)"),
        ("[dot]", "[at]"),
        ("(dot)", " [at] "),
        ("{.}", "{at}"),
        (" [.] ", "@"),
        ("[.", "[@]"),
        ("\u{200b}.", "\u{200b}@"),
        ("\\.", "@"),
    ] {
        // The path of a URL is nobody's to click, and is left as it is.
        let (scheme, rest) = value.split_once("://").unwrap_or(("", value));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.replace('.', dot).replace('@', at);
        match scheme {
            "" => ways.push(host),
            _ => {
                for mark in ["://", "[://]", "[:]//"] {
                    ways.push(format!("{}{mark}{host}{path}", scheme.replace("tt", "xx")));
                }
            }
        }
    }
    ways
}

#[test]
fn the_same_host_written_otherwise_is_the_same_value() {
    let check = |kind: Kind, given: &str, want: &str| {
        assert_eq!(kind.plain(given).as_deref(), Ok(want));
        let found = observables(&format!("seen: {given} today"));
        assert!(found.contains(&Observable { kind, value: want.into() }), "{given}: {found:?}");
    };
    check(Kind::Ip, "::ffff:192.0.2.7", "192.0.2.7");
    check(Kind::Ip, "2001:db8::7", "2001:db8::7");
    check(Kind::Url, "https://Evil.example:443/", "https://evil.example/");
    check(Kind::Url, "http://evil.example:80/A", "http://evil.example/A");
    check(Kind::Url, "http://evil.example:443/", "http://evil.example:443/");
    check(Kind::Url, "https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x");
    check(Kind::Url, "http://evil.example:8080/", "http://evil.example:8080/");
    check(Kind::Url, "hxxps[:]//evil[.]example", "https://evil.example/");
    check(Kind::Url, "http://evil.example:80?a=b", "http://evil.example/?a=b");
    check(Kind::Url, "http://Bücher.example:8/x", "http://xn--bcher-kva.example:8/x");
    // Given by hand; no text is searched for such.
    assert_eq!(Kind::Url.plain("ldap://evil.example").as_deref(), Ok("ldap://evil.example"));
    let told = Kind::Ip.plain("fe80::1%eth0").unwrap_err();
    assert_eq!(told.hint, "write `fe80::1`: what stands behind `%` means something on one machine alone");
}

fn name() -> impl Strategy<Value = String> {
    ("[a-z0-9]{1,8}(-[a-z0-9]{1,5})?(\\.[a-z]{1,6}){0,2}", "example|com|net|org|fi|info|xn--p1ai")
        .prop_map(|(head, top)| format!("{head}.{top}"))
}

fn address() -> impl Strategy<Value = String> {
    (1u8..=223, any::<[u8; 3]>())
        .prop_filter("nobody's", |(first, _)| *first != 127)
        .prop_map(|(a, [b, c, d])| format!("{a}.{b}.{c}.{d}"))
}

fn value() -> impl Strategy<Value = (Kind, String)> {
    let of = |kind: Kind| move |value: String| (kind, value);
    prop_oneof![
        address().prop_map(of(Kind::Ip)),
        any::<[u16; 7]>().prop_map(|[a, b, c, d, e, f, g]| {
            (Kind::Ip, std::net::Ipv6Addr::new(0x2001, a, b, c, d, e, f, g).to_string())
        }),
        name().prop_map(of(Kind::Domain)),
        (name(), "[a-zA-Z0-9/_-]{0,12}").prop_map(|(name, path)| (Kind::Url, format!("https://{name}/{path}"))),
        ("[a-z][a-z0-9+_-]{0,8}", name()).prop_map(|(local, name)| (Kind::Mail, format!("{local}@{name}"))),
        prop_oneof!["[0-9]{31}[a-f]", "[0-9a-f]{39}b", "[0-9a-f]{63}c", "d[0-9a-f]{127}"].prop_map(of(Kind::Hash)),
        "CVE-20[0-9]{2}-[0-9]{4,7}".prop_map(of(Kind::Cve)),
    ]
}

proptest! {
    #[test]
    fn whatever_is_given_nothing_panics(text in "\\PC*", mixed in "[a1.:/@\\[\\]() {}hxtpd\u{200b}\\\\-]{0,200}") {
        observables(&text);
        observables(&mixed);
    }

    /// INVARIANT: a value that stands in a sentence is found, however it was defanged.
    #[test]
    fn what_stands_in_a_sentence_is_found((kind, value) in value()) {
        for way in ways(&value) {
            for text in [format!("We saw {way}, and more."), format!("Seen: ({way})"), format!("{way}\nand so on")] {
                let got = observables(&text);
                let want = Observable { kind, value: value.clone() };
                prop_assert!(got.contains(&want), "{text:?}: {got:?}, not {want:?}");
            }
        }
    }
}

/// Words of some scripts touch what they name: nothing is lost by that, and no domain is made up.
#[test]
fn values_are_found_where_words_are_written_without_blanks() {
    check("サーバー192.0.2.201を隔離", &["ip 192.0.2.201"]);
    check("서버 192.0.2.202을 격리", &["ip 192.0.2.202"]);
    check("เซิร์ฟเวอร์192.0.2.203ถูก", &["ip 192.0.2.203"]);
    check("و192.0.2.204، evil.example؛ شكرا", &["ip 192.0.2.204", "domain evil.example"]);
    check("192.0.2.208、192.0.2.209", &["ip 192.0.2.208", "ip 192.0.2.209"]);
    check("地址2001:db8::7被扫描", &["ip 2001:db8::7"]);
    check("网络192.0.2.0/24被扫描", &[]);
    check(
        "服务器evil1.example被入侵，请联系admin@evil2.example。",
        &["domain evil1.example", "mail admin@evil2.example"],
    );
    check("evil1[.]exampleを確認", &["domain evil1.example"]);
    let md5 = "d41d8cd98f00b204e9800998ecf8427f";
    check(&format!("哈希{md5}值"), &[&format!("hash {md5}")]);
    check("漏洞CVE-2024-9999的", &["cve CVE-2024-9999"]);
    // Names of hosts in those scripts stay whole, as far as a dot or the end of a word is beside them.
    check("「日本語.example」", &["domain xn--wgv71a119e.example"]);
    check("evil。example", &[]);
    let url = |text: &str, url: &str, domain: &str| {
        check(text, &[&format!("url {url}"), &format!("domain {domain}")]);
    };
    url("见http://evil.example/路径。谢谢", "http://evil.example/路径", "evil.example");
    url("http://evil.exampleを見て", "http://evil.example/", "evil.example");
    url("http://evil.example。谢谢", "http://evil.example/", "evil.example");
    url("（hxxp://evil[.]example/a.phpを開く）", "http://evil.example/a.php", "evil.example");
    check(
        "http://a.example/1とhttp://b.example/2を開くと192.0.2.7に",
        &["url http://a.example/1", "domain a.example", "url http://b.example/2", "domain b.example", "ip 192.0.2.7"],
    );
    assert_eq!(one("例えexample.com").map(|one| one.value), Kind::Domain.plain("例えexample.com").ok());
}
