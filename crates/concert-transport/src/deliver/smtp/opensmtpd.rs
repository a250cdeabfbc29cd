//! Mail through a real OpenSMTPD, where one is installed and may be started.
//!
//! Without TLS: OpenSMTPD 6.8 cannot use its own keys together with OpenSSL 3 ("missing private
//! key"). Encryption is tested with the testkit's server.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use concert_model::message::Outcome;
use concert_testkit::listen::loopback;
use tokio::time::{sleep, timeout};

use super::super::tests::{message, no_keys, read as read_settings};

const BINARY: &str = "/usr/sbin/smtpd";
/// OpenSMTPD has one control socket for the whole machine.
const SOCKET: &str = "/var/run/smtpd.sock";
const PATIENCE: Duration = Duration::from_secs(30);

struct OpenSmtpd {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for OpenSmtpd {
    fn drop(&mut self) {
        // Its helpers end only when the parent is asked to end, not when it is killed.
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}

async fn start() -> Option<OpenSmtpd> {
    let help = Command::new(BINARY).arg("-h").output();
    if !help.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("OpenSMTPD")) {
        println!("skipped: OpenSMTPD is not installed");
        return None;
    }
    let user = Command::new("id").arg("-u").output();
    if !user.is_ok_and(|output| output.stdout.trim_ascii() == b"0") {
        println!("skipped: OpenSMTPD starts for the superuser only");
        return None;
    }
    if Path::new(SOCKET).exists() {
        println!("skipped: another OpenSMTPD is running");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path();
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o777)).unwrap();
    let port = std::net::TcpListener::bind(loopback()).unwrap().local_addr().unwrap().port();
    let shown = place.display();
    let settings = format!(
        "table users {{ \"@\" = \"nobody\" }}\n\
         listen on 127.0.0.1 port {port} hostname localhost\n\
         action \"keep\" mda \"cat > {shown}/mail.part && mv {shown}/mail.part {shown}/mail\" virtual <users>\n\
         match from any for any action \"keep\"\n"
    );
    let path = place.join("smtpd.conf");
    std::fs::write(&path, settings).unwrap();
    let child = Command::new(BINARY)
        .arg("-d")
        .arg("-f")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = OpenSmtpd { child, port, dir };
    let up = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if server.child.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(50)).await;
        }
        true
    };
    if !timeout(PATIENCE, up).await.expect("OpenSMTPD starts or gives up") {
        println!("skipped: OpenSMTPD does not start here");
        return None;
    }
    Some(server)
}

#[tokio::test]
async fn a_mail_arrives_through_opensmtpd() {
    let Some(server) = start().await else { return };
    let settings = format!("host = \"localhost\"\nport = {}\ntls = \"off\"\n", server.port);
    let way_out = read_settings("smtp", &settings, server.dir.path()).unwrap();
    assert!(way_out.check().await.unwrap().contains("not encrypted"));
    let mut given = message("N1");
    given.text = ".\n..\nGrüße\n".into();
    let bytes = way_out.compose(&given, &no_keys()).unwrap();
    let outcome = way_out.deliver(&given, &bytes).await;
    assert!(matches!(&outcome, Outcome::Done(text) if text.starts_with("250 ")), "{outcome:?}");
    let arrived = server.dir.path().join("mail");
    let there = async {
        while !arrived.exists() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, there).await.expect("the mail arrives");
    // It adds its own headers in front, and a line end is the system's in its files.
    let kept = std::fs::read_to_string(&arrived).unwrap();
    let sent = String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    assert!(kept.trim_end().ends_with(sent.trim_end()), "{kept}");
}
