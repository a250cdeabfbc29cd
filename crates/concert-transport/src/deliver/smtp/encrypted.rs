//! Mails encrypted to keys that GnuPG made, opened by GnuPG.

use std::fs;
use std::path::Path;

use concert_model::{Message, Time};
use concert_testkit::gnupg::Gnupg;

use super::super::tests::{message, no_keys, read as read_settings};
use crate::Deliverer;
use crate::openpgp::{Keyring, KeysAt, SiteKey};

struct Desk {
    dir: tempfile::TempDir,
    site: SiteKey,
    ring: Keyring,
}

/// Keys made by different people, each with a home of its own.
fn desk(users: &[(&str, &str, &str)]) -> Option<(Desk, Vec<Gnupg>)> {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    fs::create_dir(&keys).unwrap();
    let site = SiteKey::make("CERT Example <cert@cert.example>", 1_790_000_000).unwrap();
    fs::write(dir.path().join("site.asc"), site.public().unwrap()).unwrap();
    let mut people = Vec::new();
    for (place, (address, primary, subkey)) in users.iter().enumerate() {
        let Some(gnupg) = Gnupg::new(&dir.path().join(place.to_string())) else {
            println!("skipped: gpg is not installed");
            return None;
        };
        let public = gnupg.make_key(address, primary, subkey, "never", &["--faked-system-time", "20261101T000000!"]);
        fs::write(keys.join(format!("{place}.asc")), public).unwrap();
        gnupg.must(&["--import", dir.path().join("site.asc").to_str().unwrap()]);
        people.push(gnupg);
    }
    let ring = Keyring::read(&keys);
    Some((Desk { dir, site, ring }, people))
}

impl Desk {
    fn way_out(&self, encrypt: &str) -> Box<dyn Deliverer> {
        let settings = format!(
            "host = \"localhost\"\nencrypt = \"{encrypt}\"\nopenpgp_key = {{ env = {:?} }}\n",
            self.site.secret().unwrap()
        );
        read_settings("smtp", &settings, self.dir.path()).map_err(|problems| problems.join("\n")).unwrap()
    }

    fn keys(&self) -> KeysAt<'_> {
        KeysAt { keyring: &self.ring, now: Time::parse("2026-11-22T05:00:00Z", None).unwrap() }
    }

    fn compose(&self, encrypt: &str, given: &Message) -> Result<String, String> {
        let bytes = self.way_out(encrypt).compose(given, &self.keys())?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    /// What somebody reads: the content of the encrypted part, and what GnuPG says.
    fn opened(&self, gnupg: &Gnupg, mail: &str) -> Option<String> {
        let armour = mail.split_once("-----BEGIN PGP MESSAGE").unwrap().1.split_once("\r\n--=_").unwrap().0;
        let sealed = self.dir.path().join("sealed");
        fs::write(&sealed, format!("-----BEGIN PGP MESSAGE{armour}\r\n")).unwrap();
        let said = gnupg.run(&["--decrypt", sealed.to_str().unwrap()]).unwrap();
        said.good.then(|| String::from_utf8(said.out).unwrap())
    }
}

fn given(to: &[&str], bcc: &[&str]) -> Message {
    let all = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    Message { to: all(to), bcc: all(bcc), text: "Gr\u{fc}\u{df}e,\nFrom here on\n".into(), ..message("N8") }
}

#[test]
fn gnupg_opens_what_everybody_has_a_key_for_and_finds_the_plain_mail_inside() {
    let people = [("a@a.example", "rsa3072", "rsa3072"), ("b@b.example", "ed25519", "cv25519")];
    let Some((desk, gnupgs)) = desk(&people) else { return };
    let given = given(&["A@a.example", "b@b.example"], &[]);
    let plain = desk.compose("never", &given).unwrap();
    assert!(plain.contains("multipart/signed") && plain.contains("events.csv"));
    for encrypt in ["if-key", "required"] {
        let mail = desk.compose(encrypt, &given).unwrap();
        let head = mail.split_once("\r\n\r\n").unwrap().0;
        assert!(head.contains("multipart/encrypted; protocol=\"application/pgp-encrypted\""), "{head}");
        assert!(head.contains("Subject: [N8]") && head.contains("Message-ID: <N8@") && head.contains("MIME-Version"));
        assert!(!mail.contains("events.csv") && mail.is_ascii() && !mail.replace("\r\n", "").contains(['\r', '\n']));
        let (_, content) = plain.split_once("Content-Type: multipart/signed").unwrap();
        for gnupg in &gnupgs {
            let inside = desk.opened(gnupg, &mail).unwrap();
            assert_eq!(inside, format!("Content-Type: multipart/signed{content}"), "it is the mail sent in clear");
        }
        let read = mail_parser::MessageParser::default().parse(mail.as_bytes()).unwrap();
        assert_eq!(read.parts.len(), 3, "the whole, the version, what is encrypted");
        assert_ne!(mail, desk.compose(encrypt, &given).unwrap(), "it is encrypted anew each time");
    }
    // The signature inside holds, by the key of the site.
    let inside = desk.opened(&gnupgs[0], &desk.compose("required", &given).unwrap()).unwrap();
    let boundary = inside.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0;
    let line = format!("--{boundary}");
    let mut parts = inside.split(&line).skip(1);
    let signed = parts.next().unwrap().strip_prefix("\r\n").unwrap().strip_suffix("\r\n").unwrap();
    fs::write(desk.dir.path().join("signed"), signed).unwrap();
    fs::write(desk.dir.path().join("s.asc"), parts.next().unwrap().split_once("\r\n\r\n").unwrap().1).unwrap();
    let path = |name: &str| desk.dir.path().join(name).to_str().unwrap().to_owned();
    let said = gnupgs[0].run(&["--verify", &path("s.asc"), &path("signed")]).unwrap();
    assert!(said.good && said.words.contains("Good signature from \"CERT Example"), "{}", said.words);
}

#[test]
fn one_receiver_without_a_good_key_means_in_clear_or_not_at_all() {
    let people = [("a@a.example", "ed25519", "cv25519")];
    let Some((desk, _gnupgs)) = desk(&people) else { return };
    for (to, bcc) in [(["a@a.example", "b@b.example"].as_slice(), [].as_slice()), (&["a@a.example"], &["b@b.example"])]
    {
        let mail = desk.compose("if-key", &given(to, bcc)).unwrap();
        assert!(mail.contains("multipart/signed") && !mail.contains("multipart/encrypted"));
        assert_eq!(mail, desk.compose("never", &given(to, bcc)).unwrap());
        let want = "it must be encrypted, but there is no key of b@b.example; import a good one with \
                    `concert key import`, then `concert notice retry`";
        assert_eq!(desk.compose("required", &given(to, bcc)).unwrap_err(), want);
    }
    let nobody = given(&["a@a.example"], &[]);
    assert!(desk.way_out("required").compose(&nobody, &no_keys()).is_err());
}

#[test]
fn a_blind_copy_is_readable_and_nobody_sees_for_whom_it_is() {
    let people = [("a@a.example", "ed25519", "cv25519"), ("boss@cert.example", "ed25519", "cv25519")];
    let Some((desk, gnupgs)) = desk(&people) else { return };
    let mail = desk.compose("required", &given(&["a@a.example"], &["boss@cert.example"])).unwrap();
    assert!(!mail.contains("boss"));
    assert_eq!(desk.opened(&gnupgs[0], &mail), desk.opened(&gnupgs[1], &mail));
    let packets = gnupgs[0].must(&["--list-packets", desk.dir.path().join("sealed").to_str().unwrap()]);
    let packets = String::from_utf8(packets).unwrap();
    let ids: Vec<&str> = packets.lines().filter_map(|line| line.split_once("keyid ").map(|(_, id)| id)).collect();
    assert_eq!((ids.len(), ids[1]), (2, "0000000000000000"), "{packets}");
    assert!(packets.contains("mdc_method: 2") && !packets.contains("aead"), "{packets}");
    // Whoever is in To anyway is not hidden a second time.
    let mail = desk.compose("required", &given(&["a@a.example"], &["A@a.example"])).unwrap();
    desk.opened(&gnupgs[0], &mail).unwrap();
    let packets = gnupgs[0].must(&["--list-packets", desk.dir.path().join("sealed").to_str().unwrap()]);
    assert_eq!(String::from_utf8(packets).unwrap().matches(":pubkey enc packet:").count(), 1);
}

#[test]
fn it_says_which_words_there_are() {
    let read = |word: &str| {
        let settings = format!("host = \"localhost\"\nencrypt = \"{word}\"\n");
        read_settings("smtp", &settings, Path::new("/nowhere")).map(|_| ()).map_err(|problems| problems.join("\n"))
    };
    assert_eq!(read("required"), Ok(()));
    assert!(read("always").unwrap_err().contains("if-key"), "{:?}", read("always"));
}
