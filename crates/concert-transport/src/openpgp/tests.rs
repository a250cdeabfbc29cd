//! Keys made by GnuPG, good and bad, as we read them; and our own as GnuPG reads it.

use std::fs;
use std::path::Path;

use concert_testkit::gnupg::Gnupg;

use super::contact::State;
use super::*;

fn time(text: &str) -> Time {
    Time::parse(text, None).unwrap()
}

/// Now, for keys that GnuPG makes in these tests.
fn now() -> Time {
    time("2026-11-22T05:00:00Z")
}

/// GnuPG believes that it is this moment.
const WHEN: [&str; 2] = ["--faked-system-time", "20261101T000000!"];

fn gnupg(dir: &Path) -> Option<Gnupg> {
    let gnupg = Gnupg::new(&dir.join("g"));
    if gnupg.is_none() {
        println!("skipped: gpg is not installed");
    }
    gnupg
}

fn refused(bytes: &[u8]) -> String {
    ContactKey::read(bytes).unwrap_err()
}

#[test]
fn keys_of_gnupg_are_read_with_their_addresses_and_their_end() {
    let dir = tempfile::tempdir().unwrap();
    let Some(gnupg) = gnupg(dir.path()) else { return };
    let curve = gnupg.make_key("Uni <CERT@Uni.Example>", "ed25519", "cv25519", "60d", &WHEN);
    let key = ContactKey::read(&curve).unwrap();
    assert_eq!(key.addresses(), ["cert@uni.example"]);
    assert_eq!(key.created(), Some(time("2026-11-01T00:00:00Z")));
    assert_eq!(key.expires(), Some(time("2026-12-31T00:00:00Z")));
    let check = |at: &str, want: State, why: Option<&str>| {
        let at = time(at);
        assert_eq!((key.state(at), key.why_not(at).as_deref()), (want, why), "{at}");
        assert_eq!(key.door(at).is_some(), want.is_usable());
    };
    check("2026-11-22T00:00:00Z", State::Good, None);
    check("2026-12-02T00:00:00Z", State::ExpiresSoon, None);
    check("2026-12-30T23:59:59Z", State::ExpiresSoon, None);
    check("2026-12-31T00:00:00Z", State::Expired, Some("expired on 2026-12-31"));
    // Binary does as well, and so does what we write ourselves.
    assert_eq!(ContactKey::read(&gnupg.must(&["--export", "uni.example"])).unwrap().fingerprint(), key.fingerprint());
    let (_, armour) = ContactKey::read_to_keep(&curve).unwrap();
    assert_eq!(ContactKey::read(armour.as_bytes()).unwrap().addresses(), key.addresses());

    let rsa = ContactKey::read(&gnupg.make_key("noc@telecom.example", "rsa3072", "rsa3072", "never", &WHEN)).unwrap();
    assert_eq!((rsa.addresses(), rsa.expires()), (["noc@telecom.example".to_owned()].as_slice(), None));
    assert_eq!(rsa.state(now()), State::Good);
}

#[test]
fn a_longer_life_a_second_name_and_signatures_of_others_are_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let Some(gnupg) = gnupg(dir.path()) else { return };
    let first = gnupg.make_key("Uni <cert@uni.example>", "ed25519", "cv25519", "5d", &WHEN);
    let fingerprint = ContactKey::read(&first).unwrap().fingerprint().to_owned();
    assert_eq!(ContactKey::read(&first).unwrap().state(now()), State::Expired);
    let later = ["--faked-system-time", "20261103T000000!"];
    let again = |arguments: &[&str]| gnupg.must(&[&later, arguments].concat());
    again(&["--quick-set-expire", &fingerprint, "400d"]);
    let half = ContactKey::read(&again(&["--armor", "--export", &fingerprint])).unwrap();
    assert_eq!(half.state(now()), State::Expired, "its subkey ends as before");
    again(&["--quick-set-expire", &fingerprint, "400d", "*"]);
    again(&["--quick-add-uid", &fingerprint, "Abuse <abuse@uni.example>"]);
    gnupg.make_key("Other <other@net.example>", "ed25519", "", "never", &WHEN);
    again(&["--local-user", "other@net.example", "--quick-sign-key", &fingerprint]);
    let key = ContactKey::read(&again(&["--armor", "--export", &fingerprint])).unwrap();
    assert_eq!(key.state(now()), State::Good);
    let mut addresses = key.addresses().to_vec();
    addresses.sort();
    assert_eq!(addresses, ["abuse@uni.example", "cert@uni.example"]);
    gnupg.must(&[
        "--faked-system-time",
        "20261104T000000!",
        "--quick-revoke-uid",
        &fingerprint,
        "Uni <cert@uni.example>",
    ]);
    let key = ContactKey::read(&again(&["--armor", "--export", &fingerprint])).unwrap();
    assert_eq!(key.addresses(), ["abuse@uni.example"], "a name taken back");
}

/// Keys of `Key-Type: RSA` without a subkey, which GnuPG encrypts to.
#[test]
fn an_rsa_key_that_is_for_encryption_itself_is_used_and_gnupg_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(gnupg) = gnupg(dir.path()) else { return };
    let make = |user: &str, kind: &str, usage: &str| {
        gnupg.must(&[&WHEN[..], &["--quick-gen-key", user, kind, usage, "60d"]].concat());
        ContactKey::read(&gnupg.must(&["--armor", "--export", user])).unwrap()
    };
    let key = make("sce@uni.example", "rsa2048", "sign,cert,encrypt");
    assert_eq!((key.state(now()), key.expires()), (State::Good, Some(time("2026-12-31T00:00:00Z"))));
    for hidden in [false, true] {
        let (open, behind) = if hidden { (vec![], vec![&key]) } else { (vec![&key], vec![]) };
        fs::write(dir.path().join("sealed"), super::seal::seal(b"a notice", &open, &behind, now()).unwrap()).unwrap();
        assert_eq!(gnupg.must(&["--decrypt", dir.path().join("sealed").to_str().unwrap()]), b"a notice");
    }
    // One that is not for encryption is not used, and neither is a short one.
    let sign = make("sc@uni.example", "rsa2048", "sign,cert");
    assert_eq!(sign.why_not(now()).unwrap(), "cannot be encrypted to: it has no subkey for encryption");
    let short = make("short@uni.example", "rsa1024", "sign,cert,encrypt");
    assert_eq!(short.why_not(now()).unwrap(), "cannot be encrypted to: its RSA key has less than 2048 bits");
}

#[test]
fn what_cannot_be_encrypted_to_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let Some(gnupg) = gnupg(dir.path()) else { return };
    let sign_only = ContactKey::read(&gnupg.make_key("a@a.example", "ed25519", "", "never", &WHEN)).unwrap();
    assert_eq!(sign_only.state(now()), State::CannotEncrypt);
    assert_eq!(sign_only.why_not(now()).unwrap(), "cannot be encrypted to: it has no subkey for encryption");
    let short = ContactKey::read(&gnupg.make_key("b@b.example", "rsa2048", "rsa1024", "never", &WHEN)).unwrap();
    assert_eq!(short.why_not(now()).unwrap(), "cannot be encrypted to: its RSA subkey has less than 2048 bits");
    let old = ContactKey::read(&gnupg.make_key("e@e.example", "dsa2048", "elg2048", "never", &WHEN)).unwrap();
    let want = "cannot be encrypted to: its subkey for encryption is of a kind that is not understood";
    assert_eq!(old.why_not(now()).unwrap(), want);

    let public = gnupg.make_key("c@c.example", "ed25519", "cv25519", "never", &WHEN);
    let good = ContactKey::read(&public).unwrap();
    let revocation = dir.path().join(format!("g/openpgp-revocs.d/{}.rev", good.fingerprint()));
    let text = fs::read_to_string(&revocation).unwrap().replace(":-----BEGIN", "-----BEGIN");
    fs::write(&revocation, text).unwrap();
    gnupg.must(&["--import", revocation.to_str().unwrap()]);
    let revoked = gnupg.must(&["--armor", "--export", "c@c.example"]);
    let key = ContactKey::read(&revoked).unwrap();
    assert_eq!((key.state(now()), key.why_not(now()).as_deref()), (State::Revoked, Some("is revoked")));
    // The copy from before the revocation lies beside it: it counts no more.
    let keys = dir.path().join("keys");
    fs::create_dir(&keys).unwrap();
    for (name, bytes) in [("1.asc", &public), ("2.asc", &revoked)] {
        fs::write(keys.join(name), bytes).unwrap();
    }
    let ring = Keyring::read(&keys);
    assert_eq!(ring.find("c@c.example", now()).unwrap_err().why, "the key of c@c.example is revoked");

    assert_eq!(
        refused(&gnupg.must(&["--armor", "--export-secret-keys", "c@c.example"])),
        "it is a secret key, which nobody but its owner may have; ask for the public one"
    );
    assert!(refused(&gnupg.must(&["--export-secret-keys", "c@c.example"])).starts_with("it is a secret key"));
    let several = "it holds several keys; put each into a file of its own";
    assert_eq!(refused(&gnupg.must(&["--armor", "--export", "a@a.example", "c@c.example"])), several);
    assert_eq!(refused(&gnupg.must(&["--export", "a@a.example", "c@c.example"])), several);
    assert_eq!(refused(&[public.as_slice(), public.as_slice()].concat()), several);
    let nameless = gnupg.make_key("Nobody", "ed25519", "cv25519", "never", &WHEN);
    assert_eq!(refused(&nameless), "the key names no mail address that it has signed itself");
}

#[test]
fn a_keyring_finds_the_newest_good_key_of_an_address() {
    let dir = tempfile::tempdir().unwrap();
    let Some(gnupg) = gnupg(dir.path()) else { return };
    let keys = dir.path().join("keys");
    let ring = Keyring::read(&keys);
    assert_eq!((ring.keys().len(), ring.damaged().len()), (0, 0), "no folder is no mistake");
    fs::create_dir_all(keys.join("folder")).unwrap();
    let key = |name: &str, moment: &str, life: &str| {
        let how = ["--faked-system-time", moment];
        let user = format!("{name} <cert@uni.example>");
        let bytes = gnupg.make_key(&user, "ed25519", "cv25519", life, &how);
        fs::write(keys.join(name), &bytes).unwrap();
        ContactKey::read(&bytes).unwrap().fingerprint().to_owned()
    };
    let (first, second) = (key("first", "20260101T000000!", "never"), key("second", "20260601T000000!", "never"));
    let third = key("third", "20260701T000000!", "10d");
    fs::write(keys.join("note"), "keys of our parties").unwrap();
    fs::write(keys.join(".hidden"), "x").unwrap();
    let ring = Keyring::read(&keys);
    let found = |address: &str| ring.find(address, now()).map(|key| key.fingerprint().to_owned());
    assert_eq!(found("CERT@uni.example."), Ok(second.clone()), "neither the older one nor the expired one");
    assert_eq!(ring.find("cert@uni.example", time("2026-07-02T00:00:00Z")).unwrap().fingerprint(), third);
    assert_eq!(ring.damaged(), [("note".to_owned(), "it is no OpenPGP public key".to_owned())]);
    assert_eq!(found("noc@uni.example").unwrap_err().why, "there is no key of noc@uni.example");
    for name in ["first", "second"] {
        fs::remove_file(keys.join(name)).unwrap();
    }
    let none = Keyring::read(&keys).find("cert@uni.example", now()).unwrap_err();
    assert_eq!(none.why, "the key of cert@uni.example expired on 2026-07-11");
    assert!(first != second && none.fingerprint == Some(third));
}

#[test]
fn damaged_keys_never_panic_and_large_ones_are_not_read() {
    let site = SiteKey::make("A <a@a.example>", 1_790_000_000).unwrap();
    let armour = site.public().unwrap().into_bytes();
    let raw = pgp::ser::Serialize::to_bytes(&SignedPublicKey::from(site.0)).unwrap();
    assert!(ContactKey::read(&armour).is_ok() && ContactKey::read(&raw).is_ok());
    for whole in [&armour, &raw] {
        for cut in 0..whole.len() {
            // A cut behind the subkey's packet or the signature over it is a key that cannot encrypt.
            if let Ok(key) = ContactKey::read(&whole[..cut]) {
                assert!(key.door(now()).is_none() || cut + 16 > whole.len(), "{cut}");
            }
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            ContactKey::read(&flipped).ok();
        }
    }
    assert!(refused(&vec![b'x'; KEY_BYTES_MAX + 1]).contains("larger than a key may be"));
    assert_eq!(refused(b""), "it is no OpenPGP public key");
}

#[test]
fn gnupg_encrypts_to_the_key_of_the_site_and_keys_from_before_still_sign() {
    let dir = tempfile::tempdir().unwrap();
    let Some(gnupg) = gnupg(dir.path()) else { return };
    let site = SiteKey::make("CERT Example <cert@cert.example>", 1_790_000_000).unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("public.asc"), site.public().unwrap()).unwrap();
    fs::write(path("text"), "an answer").unwrap();
    gnupg.must(&["--import", &path("public.asc")]);
    gnupg.must(&["--output", &path("sealed"), "--recipient", "cert@cert.example", "--encrypt", &path("text")]);
    let other = Gnupg::new(&dir.path().join("o")).unwrap();
    fs::write(path("secret.asc"), site.secret().unwrap()).unwrap();
    other.must(&["--import", &path("secret.asc")]);
    assert_eq!(other.must(&["--decrypt", &path("sealed")]), b"an answer");
    // A key without a subkey, as they were made before.
    let gpg_made = other.make_key("Old <old@cert.example>", "ed25519", "", "never", &WHEN);
    assert!(ContactKey::read(&gpg_made).is_ok());
    let secret = other.must(&["--armor", "--export-secret-keys", "old@cert.example"]);
    let old = SiteKey::read(&String::from_utf8(secret).unwrap()).unwrap();
    assert!(old.sign(b"text", 1_790_000_000).is_ok());
}
