//! DKIM signatures of mails that come in (RFC 6376, RFC 8463): whether the domain of the sender signed what is here.
//!
//! A signature counts when the domain that made it is that of the From, or one above it. One that covers a part of the
//! body only, or whose key is short, counts as none: anybody could have added the rest, or made it. What a missing
//! signature means is for the caller to say.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use concert_model::{Time, host};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RData};
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::default_provider;
use sha2::{Digest, Sha256};

use super::reverse::resolver;
use crate::deliver::smtp::dkim::{FieldText, fields, relaxed_body, relaxed_field, signing_input};

/// Signatures of one mail that are looked at.
const SIGNATURES_MAX: usize = 5;
/// Longest header of a signature, and longest text of a key.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Texts of one name that are looked at.
const KEYS_MAX: usize = 10;
/// Shorter keys were broken, or may be (RFC 8301).
const RSA_BITS_MIN: usize = 2048;

/// Whether the domain of its sender signed a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// This domain did, and nothing of it was changed.
    Pass(String),
    /// A signature is there and wrong, and why.
    Fail(String),
    /// None is there that counts, and why.
    None(String),
    /// The key could not be asked for, and why.
    Unknown(String),
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass(domain) => write!(f, "pass {domain}"),
            Self::Fail(why) => write!(f, "fail: {why}"),
            Self::None(why) => write!(f, "none: {why}"),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

/// Asks the DNS for keys.
pub struct Verifier {
    resolver: TokioResolver,
    deadline: Duration,
}

/// A signature as its header says it.
struct Signature {
    domain: String,
    selector: String,
    scheme: SignatureScheme,
    headers: Vec<String>,
    is_relaxed: (bool, bool),
    body_hash: Vec<u8>,
    value: Vec<u8>,
    /// Its header without its value, which is what was signed.
    unsigned: Vec<u8>,
}

impl Verifier {
    /// Sets up the resolver: this server, or the system's. The error is a sentence.
    pub fn new(server: Option<SocketAddr>, deadline: Duration) -> Result<Self, String> {
        Ok(Self { resolver: resolver(server, deadline)?, deadline })
    }

    /// Whether a mail was signed by the domain of this address. The mail must be whole.
    pub async fn check(&self, mail: &[u8], from: &str, now: Time) -> Signed {
        let mail = with_line_ends(mail);
        let Some(split) = mail.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Signed::None("the mail has no body".into());
        };
        let (head, body) = (mail.get(..split + 2).unwrap_or_default(), mail.get(split + 4..).unwrap_or_default());
        let Some(sender) = from.rsplit_once('@').and_then(|(_, name)| host::domain(name).ok()) else {
            return Signed::None("it has no sender".into());
        };
        let headers = fields(head);
        let mut worst = Signed::None("it has no signature".into());
        let ours = headers.iter().filter(|field| field.name() == "dkim-signature").take(SIGNATURES_MAX);
        for field in ours {
            let found = match Signature::read(field, now) {
                Ok(signature) if !is_of(&sender, &signature.domain) => {
                    Signed::None(format!("it is signed by {} alone", signature.domain))
                }
                Ok(signature) => self.verify(&signature, &headers, body).await,
                Err(found) => found,
            };
            worst = match (worst, found) {
                (_, pass @ Signed::Pass(_)) => return pass,
                (known @ Signed::Unknown(_), _) | (known @ Signed::Fail(_), Signed::Fail(_) | Signed::None(_)) => known,
                (_, found) => found,
            };
        }
        worst
    }

    async fn verify(&self, signature: &Signature, headers: &[FieldText<'_>], body: &[u8]) -> Signed {
        let body = if signature.is_relaxed.1 { relaxed_body(body) } else { simple_body(body) };
        if Sha256::digest(&body).as_slice() != signature.body_hash {
            return Signed::Fail("its text was changed after it was signed".into());
        }
        let name = format!("{}._domainkey.{}", signature.selector, signature.domain);
        let texts = match tokio::time::timeout(self.deadline, self.texts(&name)).await {
            Ok(Ok(texts)) => texts,
            Ok(Err(why)) => return Signed::Unknown(why),
            Err(_) => return Signed::Unknown("the DNS did not answer in time".into()),
        };
        judged(signature, headers, &name, &texts)
    }

    /// The texts of a name; none where there is no such name.
    async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let mut question = Name::from_ascii(name).map_err(|_| format!("{name} is no name in the DNS"))?;
        question.set_fqdn(true);
        match self.resolver.txt_lookup(question).await {
            Ok(answer) => {
                let texts = answer.answers().iter().filter_map(|record| match &record.data {
                    RData::TXT(text) => Some(text.txt_data.concat()),
                    _ => None,
                });
                let short = texts.filter(|text| text.len() <= TEXT_BYTES_MAX).take(KEYS_MAX);
                Ok(short.map(|text| String::from_utf8_lossy(&text).into_owned()).collect())
            }
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(_) => Err(format!("the DNS was asked for {name} and failed")),
        }
    }
}

/// What a signature is worth whose text was not changed, by the keys at its name.
fn judged(signature: &Signature, headers: &[FieldText<'_>], name: &str, texts: &[String]) -> Signed {
    let keys = texts.iter().filter_map(|text| tags(text.as_bytes()));
    let Some(key) = keys.into_iter().find(|key| tag(key, "p").is_some()) else {
        return Signed::Fail(format!("there is no key at {name}"));
    };
    let is_for = |tag_name: &str, wanted: &str| {
        tag(&key, tag_name).is_none_or(|list| list.split(':').any(|one| one == wanted || one == "*"))
    };
    let kind = tag(&key, "k").unwrap_or("rsa");
    let is_kind = matches!((kind, signature.scheme), ("rsa", SignatureScheme::RSA_PKCS1_SHA256))
        || matches!((kind, signature.scheme), ("ed25519", SignatureScheme::ED25519));
    if !is_kind || !is_for("h", "sha256") || !is_for("s", "email") {
        return Signed::Fail(format!("the key at {name} is for something else"));
    }
    let public = STANDARD.decode(tag(&key, "p").unwrap_or_default()).unwrap_or_default();
    if public.is_empty() {
        return Signed::Fail(format!("the key at {name} was withdrawn"));
    }
    let public = if kind == "rsa" { bit_string(&public).unwrap_or(&public) } else { &public };
    if kind == "rsa" && rsa_bits(public).is_none_or(|bits| bits < RSA_BITS_MIN) {
        return Signed::None(format!("the key at {name} is shorter than {RSA_BITS_MIN} bits and proves nothing"));
    }
    match is_right(signature, &signature.input(headers), public) {
        true => Signed::Pass(signature.domain.clone()),
        // Whoever tries out keys asks not to be judged by them.
        false if tag(&key, "t").is_some_and(|flags| flags.split(':').any(|flag| flag == "y")) => {
            Signed::None(format!("the key at {name} is tried out"))
        }
        false => Signed::Fail("its signature is wrong: the mail was changed, or it is forged".into()),
    }
}

/// What the first signature of a mail is worth by this key, without asking anybody: for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(crate) fn look(mail: &[u8], key: &str) -> Option<Signed> {
    let mail = with_line_ends(mail);
    let split = mail.windows(4).position(|four| four == b"\r\n\r\n")?;
    let headers = fields(mail.get(..split + 2)?);
    let field = headers.iter().find(|field| field.name() == "dkim-signature")?;
    Some(match Signature::read(field, Time(0)) {
        Ok(signature) => {
            let body = mail.get(split + 4..)?;
            let _ = if signature.is_relaxed.1 { relaxed_body(body) } else { simple_body(body) };
            judged(&signature, &headers, "here", &[key.to_owned()])
        }
        Err(found) => found,
    })
}

impl Signature {
    /// Reads the header of a signature; else what it counts as.
    fn read(field: &FieldText<'_>, now: Time) -> Result<Self, Signed> {
        let none = |why: &str| Signed::None(why.to_owned());
        let unreadable = || none("its signature cannot be read");
        let value = Some(field.value()).filter(|value| value.len() <= TEXT_BYTES_MAX).ok_or_else(unreadable)?;
        let tags = tags(value).ok_or_else(unreadable)?;
        let need = |name: &str| tag(&tags, name).ok_or_else(unreadable);
        let scheme = match (need("v")?, need("a")?) {
            ("1", "rsa-sha256") => SignatureScheme::RSA_PKCS1_SHA256,
            ("1", "ed25519-sha256") => SignatureScheme::ED25519,
            _ => return Err(none("its signature is of a kind that is not known, or not safe any more")),
        };
        let form = tag(&tags, "c").unwrap_or("simple");
        let (head, body) = form.split_once('/').unwrap_or((form, "simple"));
        let known = |form: &str| matches!(form, "simple" | "relaxed");
        let domain = host::domain(need("d")?).map_err(|_| unreadable())?.into_owned();
        let selector = need("s")?.to_owned();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if !known(head) || !known(body) || !selector.bytes().all(is_plain) || !domain.contains('.') {
            return Err(unreadable());
        }
        if tag(&tags, "l").is_some() {
            return Err(none("its signature covers a part of the text alone"));
        }
        let headers: Vec<String> = need("h")?.split(':').map(|name| name.trim().to_ascii_lowercase()).collect();
        if !headers.iter().any(|name| name == "from") {
            return Err(none("its signature does not cover who sent it"));
        }
        if tag(&tags, "x").is_some_and(|until| until.parse().is_ok_and(|until: i64| until < now.seconds())) {
            return Err(Signed::Fail("its signature has expired".into()));
        }
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| unreadable());
        Ok(Self {
            scheme,
            headers,
            is_relaxed: (head == "relaxed", body == "relaxed"),
            body_hash: decoded(need("bh")?)?,
            value: decoded(need("b")?)?,
            unsigned: without_value(field.0),
            domain,
            selector,
        })
    }

    /// What was signed, of these headers.
    fn input(&self, headers: &[FieldText<'_>]) -> Vec<u8> {
        let names: Vec<&str> = self.headers.iter().map(String::as_str).collect();
        // The signature itself is signed without its value, and stands at the end.
        let others: Vec<FieldText<'_>> = headers
            .iter()
            .filter(|field| without_value(field.0) != self.unsigned)
            .map(|field| FieldText(field.0))
            .collect();
        let form = if self.is_relaxed.0 { relaxed_field } else { simple_field };
        signing_input(&others, &names, &self.unsigned, form)
    }
}

fn is_right(signature: &Signature, data: &[u8], public: &[u8]) -> bool {
    // RSA hashes by itself; Ed25519 signs the hash (RFC 8463, section 3).
    let hash = Sha256::digest(data);
    let data = if signature.scheme == SignatureScheme::ED25519 { hash.as_slice() } else { data };
    let known = default_provider().signature_verification_algorithms;
    let algorithms = known.mapping.iter().filter(|(scheme, _)| *scheme == signature.scheme);
    algorithms.flat_map(|(_, list)| *list).any(|one| one.verify_signature(public, data, &signature.value).is_ok())
}

/// Whether a domain signs for a sender: its own, or one above it.
fn is_of(sender: &str, domain: &str) -> bool {
    sender == domain || sender.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// `name=value; ...`, without any blanks; `None` where it is not that, or says something twice.
fn tags(text: &[u8]) -> Option<Vec<(String, String)>> {
    let text: String = String::from_utf8_lossy(text).chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let mut found: Vec<(String, String)> = Vec::new();
    for piece in text.split(';').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=')?;
        if tag(&found, name).is_some() {
            return None;
        }
        found.push((name.to_owned(), value.to_owned()));
    }
    Some(found)
}

fn tag<'t>(tags: &'t [(String, String)], name: &str) -> Option<&'t str> {
    tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A header of a signature without the value of its `b`.
fn without_value(field: &[u8]) -> Vec<u8> {
    let colon = field.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
    let (mut out, rest) = (field.get(..colon).unwrap_or_default().to_vec(), field.get(colon..).unwrap_or_default());
    for (number, piece) in rest.split(|byte| *byte == b';').enumerate() {
        if number > 0 {
            out.push(b';');
        }
        let equals = piece.iter().position(|byte| *byte == b'=');
        let (name, _) = piece.split_at(equals.unwrap_or(0));
        let kept = if name.trim_ascii() == b"b" { equals.map_or(piece.len(), |at| at + 1) } else { piece.len() };
        out.extend_from_slice(piece.get(..kept).unwrap_or_default());
    }
    out
}

fn simple_field(field: &FieldText<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(field.0);
}

/// A body as it is, but with one line end at its end.
fn simple_body(body: &[u8]) -> Vec<u8> {
    let mut body = body;
    while let Some(shorter) = body.strip_suffix(b"\r\n") {
        body = shorter;
    }
    [body, b"\r\n"].concat()
}

/// A mail whose lines end as mail's do, whatever kept it.
fn with_line_ends(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len());
    for byte in mail {
        if *byte == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// The first thing of a kind in DER, and what stands behind it.
fn der(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.strip_prefix(&[kind])?.split_first()?;
    let (length, rest) = match usize::from(*length) {
        short @ ..=0x7f => (short, rest),
        0x81 => rest.split_first().map(|(one, rest)| (usize::from(*one), rest))?,
        0x82 => rest.split_first_chunk::<2>().map(|(two, rest)| (usize::from(u16::from_be_bytes(*two)), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The key in a `SubjectPublicKeyInfo`.
fn bit_string(info: &[u8]) -> Option<&[u8]> {
    let (inside, _) = der(info, 0x30)?;
    let (_, behind) = der(inside, 0x30)?;
    let (bits, _) = der(behind, 0x03)?;
    bits.strip_prefix(&[0])
}

/// How long the modulus of an RSA key is.
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let (inside, _) = der(key, 0x30)?;
    let (modulus, _) = der(inside, 0x02)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    Some(modulus.len() * 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_testkit::dns::{Dns, Said};

    /// The example of RFC 8463, appendix A: its key, its mail, its signature.
    const MAIL: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; \
        i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
        subject : date : message-id : from : subject : date;\r\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
        b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
        Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
        From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
        Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
        Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
    const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    async fn given() -> (Dns, Verifier) {
        let dns = Dns::start(|question| match question {
            "brisbane._domainkey.football.example.com" => Said::Texts(vec!["unrelated".into(), KEY.into()]),
            "gone._domainkey.football.example.com" => Said::Texts(vec!["v=DKIM1; k=ed25519; p=".into()]),
            "web._domainkey.football.example.com" => Said::Texts(vec![KEY.replace("p=", "s=web; p=")]),
            "tried._domainkey.football.example.com" => Said::Texts(vec![KEY.replace("p=", "t=y; p=")]),
            "broken._domainkey.football.example.com" => Said::Failure,
            _ => Said::Absent,
        });
        let dns = dns.await.unwrap();
        let verifier = Verifier::new(Some(dns.address()), Duration::from_secs(2)).unwrap();
        (dns, verifier)
    }

    #[tokio::test]
    async fn the_published_example_passes_and_what_was_changed_fails() {
        let (_dns, verifier) = given().await;
        let check = async |mail: &str, from: &str, want: &str| {
            let found = verifier.check(mail.as_bytes(), from, Time(0)).await.to_string();
            assert!(found.starts_with(want), "{found} is not {want}");
        };
        let joe = "joe@football.example.com";
        check(MAIL, joe, "pass football.example.com").await;
        check(&MAIL.replace("\r\n", "\n"), joe, "pass").await;
        check(&MAIL.replace("From: Joe SixPack", "X-New: header\r\nFROM:  Joe\r\n SixPack"), joe, "pass").await;
        check(MAIL, "joe@the.football.example.com", "pass").await;
        check(&MAIL.replace("We lost", "We won"), joe, "fail: its text was changed").await;
        check(&MAIL.replace("Is dinner ready", "Is lunch ready"), joe, "fail: its signature is wrong").await;
        check(&MAIL.replace("From: Joe", "From: Eve <eve@x.example>\r\nFrom: Joe"), joe, "fail: its sig").await;
        check(MAIL, "eve@other.example", "none: it is signed by football.example.com alone").await;
        check(MAIL, "eve@notfootball.example.com", "none: it is signed by").await;
        check(MAIL, "", "none: it has no sender").await;
        check(&MAIL.replace("s=brisbane", "s=nowhere"), joe, "fail: there is no key at nowhere._domainkey").await;
        check(&MAIL.replace("s=brisbane", "s=gone"), joe, "fail: the key at gone._domainkey.football.example.com was")
            .await;
        check(&MAIL.replace("s=brisbane", "s=web"), joe, "fail: the key at web").await;
        check(&MAIL.replace("s=brisbane", "s=tried"), joe, "none: the key at tried").await;
        check(&MAIL.replace("s=brisbane", "s=broken"), joe, "unknown: the DNS was asked for broken").await;
    }

    #[tokio::test]
    async fn signatures_that_do_not_count_say_why() {
        let (dns, verifier) = given().await;
        let check = async |from: &str, to: &str, want: &str| {
            let mail = MAIL.replacen(from, to, 1);
            let found = verifier.check(mail.as_bytes(), "joe@football.example.com", Time(2_000_000)).await.to_string();
            assert!(found.starts_with(want), "{found} is not {want}");
        };
        check("DKIM-Signature", "X-Signature", "none: it has no signature").await;
        check("a=ed25519-sha256", "a=rsa-sha1", "none: its signature is of a kind").await;
        check("t=1528637909", "l=10", "none: its signature covers a part").await;
        check("t=1528637909", "x=1", "fail: its signature has expired").await;
        check("t=1528637909", "d=twice.example", "none: its signature cannot be read").await;
        check("s=brisbane", "s=a/b", "none: its signature cannot be read").await;
        let headers = "h=from : to :\r\n subject : date : message-id : from";
        check(headers, "h=to", "none: its signature does not cover who sent it").await;
        check("b=/gCr", "b=!", "none: its signature cannot be read").await;
        assert_eq!(dns.questions(), [""; 0], "nothing is asked for what does not count");
    }

    /// RSA keys are made here, and a signature of ours is checked with them.
    #[tokio::test]
    async fn rsa_passes_in_both_forms_and_short_keys_prove_nothing() {
        use std::process::Command;
        let dir = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let run = Command::new("openssl").args(arguments.split(' ')).current_dir(dir.path()).output();
            run.is_ok_and(|output| output.status.success())
        };
        let mut keys = Vec::new();
        for bits in [2048, 1024] {
            let made = openssl(&format!("genrsa -out {bits}.pem {bits}"))
                && openssl(&format!("rsa -in {bits}.pem -pubout -outform DER -out {bits}.der"));
            if !made {
                println!("skipped: openssl is not installed");
                return;
            }
            let der = std::fs::read(dir.path().join(format!("{bits}.der"))).unwrap();
            keys.push(format!("v=DKIM1; p={}", STANDARD.encode(der)));
        }
        let dns = Dns::start(move |question| match question.split('.').next() {
            Some("long") => Said::Texts(vec![keys[0].clone()]),
            Some("short") => Said::Texts(vec![keys[1].clone()]),
            _ => Said::Absent,
        });
        let dns = dns.await.unwrap();
        let verifier = Verifier::new(Some(dns.address()), Duration::from_secs(2)).unwrap();
        let body = "We  cleaned it.\r\n\r\n\r\n";
        for (selector, key, form, want) in [
            ("long", "2048", "relaxed/relaxed", "pass net.example"),
            ("long", "2048", "simple/simple", "pass net.example"),
            ("long", "2048", "simple/relaxed", "pass net.example"),
            ("short", "1024", "relaxed/relaxed", "none: the key at short._domainkey.net.example is shorter"),
        ] {
            let canonical =
                if form.ends_with("relaxed") { relaxed_body(body.as_bytes()) } else { simple_body(body.as_bytes()) };
            let hash = STANDARD.encode(Sha256::digest(&canonical));
            let from = "From: Anna  <anna@net.example>";
            let unsigned = format!(
                "DKIM-Signature: v=1; a=rsa-sha256; c={form}; d=net.example;\r\n s={selector}; h=from; bh={hash}; b="
            );
            let head = format!("{from}\r\n");
            let input = match form.starts_with("relaxed") {
                true => signing_input(&fields(head.as_bytes()), &["from"], unsigned.as_bytes(), relaxed_field),
                false => signing_input(&fields(head.as_bytes()), &["from"], unsigned.as_bytes(), simple_field),
            };
            std::fs::write(dir.path().join("data"), input).unwrap();
            assert!(openssl(&format!("dgst -sha256 -sign {key}.pem -out signature data")));
            let value = STANDARD.encode(std::fs::read(dir.path().join("signature")).unwrap());
            let mail = format!("{unsigned}{value}\r\n{head}\r\n{body}");
            let found = verifier.check(mail.as_bytes(), "anna@net.example", Time(0)).await.to_string();
            assert!(found.starts_with(want), "{form}: {found}");
            let changed = verifier.check(mail.replace("Anna", "Eve").as_bytes(), "anna@net.example", Time(0)).await;
            assert!(!matches!(changed, Signed::Pass(_)), "{changed}");
        }
    }

    #[tokio::test]
    async fn damaged_signatures_never_panic() {
        let (_dns, verifier) = given().await;
        for at in (0..MAIL.len()).step_by(7) {
            let mut bytes = MAIL.as_bytes().to_vec();
            bytes[at] ^= 0x15;
            let found = verifier.check(&bytes, "joe@football.example.com", Time(0)).await;
            assert!(!matches!(found, Signed::Pass(_)), "{at}: {found}");
            verifier.check(&MAIL.as_bytes()[..at], "joe@football.example.com", Time(0)).await;
        }
        for bytes in [&b""[..], b"\x30", b"\x30\x82", b"\x30\x82\xff\xff", b"\x30\x03\x02\x05\x00"] {
            assert_eq!((bit_string(bytes), rsa_bits(bytes)), (None, None));
        }
    }
}
