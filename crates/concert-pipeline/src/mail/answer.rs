//! Whether a mail may get an automatic answer: RFC 3834, and all that keeps two machines from talking.
//!
//! Rather no answer than one too many: an answer is only for a mail that a person wrote to us by name,
//! and never for one of a list, of another tracker, or that asks for none; and it goes nowhere but to the domain that the
//! mail says it is from, so that nobody has us write to others. How often a sender gets one
//! is counted by the caller.

use mail_parser::Message;

use super::tie::is_below;
use super::{Kind, Mail, address, header, is_nobody};

/// Headers that ask for no answer, or that only forms and our own kind write.
const HEADERS: [&str; 6] =
    ["X-Auto-Response-Suppress", "X-Loop", "X-Concert-Notice", "X-OTRS-Loop", "X-Znuny-Loop", "Feedback-ID"];
/// Headers that trackers write into all they send.
const TRACKERS: [&str; 17] = [
    "RT-Ticket",
    "X-RT-Loop-Prevention",
    "RT-Originator",
    "X-Managed-By",
    "Managed-By",
    "X-Redmine-Host",
    "X-JIRA-FingerPrint",
    "X-GitHub-Reason",
    "X-GitLab-Project",
    "X-Zammad-Ticket-Id",
    "X-Zendesk-Priority-Mail",
    "X-Zendesk-From-Account-Id",
    "X-Mantis-Email",
    "X-Bugzilla-Reason",
    "X-ServiceNow-Generated",
    "X-ServiceNow-Source",
    "X-ServiceNow-SysEmail-Version",
];
/// Headers that lists write which know nothing of `List-Id`, beside `List-...` and a `Sender` of the list's own.
const LISTS: [&str; 5] = ["X-BeenThere", "X-Mailman-Version", "Mailing-List", "X-Mailing-List", "X-ML-Name"];
/// How the programs of trackers call themselves in `X-Mailer` and `X-Powered-By`, in lower case.
const PROGRAMS: [&str; 9] =
    ["freshdesk", "otrs", "osticket", "request tracker", "servicenow", "thehive", "zammad", "zendesk", "znuny"];
/// Longest name of a header that is told.
const NAME_CHARS_MAX: usize = 60;

/// The first header of a mail that forbids an answer.
pub(super) fn refusal(message: &Message<'_>) -> String {
    let found = HEADERS
        .into_iter()
        .chain(TRACKERS)
        .chain(LISTS)
        .find(|name| header(message, name).is_some_and(|value| !(name.starts_with("X-Auto") && value == "none")));
    if let Some(found) = found {
        return found.to_owned();
    }
    let is_of_either = |(name, value): &(&str, &str)| is_of_tracker(name, value) || is_of_list(name, value);
    let of_either = message.headers_raw().find(is_of_either);
    of_either.map(|(name, _)| name.chars().take(NAME_CHARS_MAX).collect()).unwrap_or_default()
}

/// Whether a tracker sent a mail, by itself or because somebody wrote in it.
pub(super) fn is_by_tracker(message: &Message<'_>) -> bool {
    TRACKERS.iter().any(|name| header(message, name).is_some())
        || message.headers_raw().any(|(name, value)| is_of_tracker(name, value))
}

/// Whether a tracker writes this header: it numbers a ticket (`X-Zammad-Ticket-Number`), or names the program.
fn is_of_tracker(name: &str, value: &str) -> bool {
    let (name, value) = (name.to_ascii_lowercase(), value.trim_start().to_ascii_lowercase());
    match name.as_str() {
        "x-mailer" | "x-powered-by" => PROGRAMS.iter().any(|program| value.starts_with(program)),
        _ => name.strip_prefix("x-").is_some_and(|rest| rest.starts_with("rt-") || rest.contains("-ticket")),
    }
}

/// Whether a list writes this header: `List-Help`, or a `Sender` that is `owner-talk@` or `talk-bounces@`.
fn is_of_list(name: &str, value: &str) -> bool {
    if !name.eq_ignore_ascii_case("sender") {
        return name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("list-"));
    }
    let value = value.to_ascii_lowercase();
    let address = value.rsplit_once('<').map_or(value.as_str(), |(_, address)| address);
    let local = address.split('@').next().unwrap_or_default().trim();
    local.starts_with("owner-") || local.ends_with("-owner") || local.ends_with("-bounces")
}

/// To whom an automatic answer may go; the error says why to nobody. `own` are our addresses, in lower
/// case.
pub fn answer_to<'m>(mail: &'m Mail, own: &[String]) -> Result<&'m str, String> {
    let to = answer_by_hand(mail, own)?;
    if !mail.names.sent_to.iter().any(|address| is_own(address, own)) {
        return Err("it was not sent to us by name".to_owned());
    }
    Ok(to)
}

/// To whom an answer may go that a person wants: whoever read the mail knows that it was for us, though it came by an
/// alias or a blind copy.
pub fn answer_by_hand<'m>(mail: &'m Mail, own: &[String]) -> Result<&'m str, String> {
    let to = mail.answer_to.as_str();
    if mail.kind != Kind::Written {
        return Err(format!("it is no mail of a person: {}", mail.because));
    }
    if !mail.no_answer.is_empty() {
        return Err(format!("it has the header {}", mail.no_answer));
    }
    if is_nobody(to) || is_nobody(&mail.from) || !address::is_plain(to) {
        return Err("nobody reads answers to it".to_owned());
    }
    // Whoever writes in a stranger's name could have us write to anybody by a Reply-To.
    let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
    if to != mail.from && !is_below(&domain(to), &domain(&mail.from)) {
        return Err("its Reply-To leads out of the domain of its sender".to_owned());
    }
    if is_own(to, own) || is_own(&mail.from, own) {
        return Err("it comes from ourselves".to_owned());
    }
    Ok(to)
}

/// Whether an address is one of ours: with anything behind a plus sign it still is.
fn is_own(address: &str, own: &[String]) -> bool {
    let plain = address
        .rsplit_once('@')
        .map(|(local, domain)| format!("{}@{domain}", local.split('+').next().unwrap_or_default()));
    own.iter().any(|own| *own == address || plain.as_ref() == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_who_wrote_to_us_by_name_gets_an_answer() {
        let own = ["cert@cert.example".to_owned()];
        let check = |head: &str, want: Result<&str, &str>| {
            let mail = crate::mail::read(format!("{head}\r\n\r\n192.0.2.1 attacks us").as_bytes()).unwrap();
            match (answer_to(&mail, &own), want) {
                (Ok(to), Ok(want)) => assert_eq!(to, want),
                (Err(why), Err(want)) => assert!(why.contains(want), "{why}"),
                (got, _) => panic!("{head}: {got:?}"),
            }
        };
        let good = "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: attack";
        check(good, Ok("anna@bank.example"));
        check(&format!("{good}\r\nReply-To: soc@bank.example"), Ok("soc@bank.example"));
        check(&format!("{good}\r\nReply-To: soc@ops.bank.example"), Ok("soc@ops.bank.example"));
        let elsewhere = "out of the domain of its sender";
        check(&format!("{good}\r\nReply-To: victim@shop.example"), Err(elsewhere));
        check(&format!("{good}\r\nReply-To: victim@evilbank.example"), Err(elsewhere));
        check(&good.replace("cert@cert", "Cert+abuse@cert"), Ok("anna@bank.example"));
        check(&format!("{good}\r\nAuto-Submitted: auto-generated"), Err("no mail of a person"));
        check(&format!("{good}\r\nAuto-Submitted: auto-replied"), Err("no mail of a person"));
        check(&format!("{good}\r\nPrecedence: bulk"), Err("no mail of a person"));
        check(&format!("{good}\r\nList-Id: <x.example>"), Err("no mail of a person"));
        check(&format!("Return-Path: <>\r\n{good}"), Err("no mail of a person"));
        check(&good.replace("attack", "Out of office"), Err("no mail of a person"));
        check(&good.replace("anna@", "no-reply@"), Err("no mail of a person"));
        check(&format!("{good}\r\nReply-To: noreply@bank.example"), Err("nobody reads"));
        check(&format!("{good}\r\nReply-To: \"x y\"@bank.example"), Err("nobody reads"));
        check(&format!("{good}\r\nX-Auto-Response-Suppress: OOF"), Err("X-Auto-Response-Suppress"));
        check(&format!("{good}\r\nRT-Ticket: bank.example #12"), Err("RT-Ticket"));
        check(&format!("{good}\r\nX-OTRS-Loop: yes"), Err("X-OTRS-Loop"));
        check(&format!("{good}\r\nX-Mailer: Mutt"), Ok("anna@bank.example"));
        check(&format!("{good}\r\nSender: secretary@bank.example"), Ok("anna@bank.example"));
        check(&format!("{}\r\nReply-To: cert+x@cert.example", good.replace("bank.", "cert.")), Err("ourselves"));
        check(&good.replace("anna@bank", "cert@cert"), Err("ourselves"));
        check(&good.replace("To: cert@cert", "To: other@cert"), Err("by name"));
    }

    /// Two trackers that answer each other never stop, and a list sends an answer to everybody.
    #[test]
    fn mails_of_trackers_and_lists_get_no_answer() {
        let check = |line: &str| {
            let mail = format!(
                "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\n{line}\r\nSubject: attack\r\n\r\n192.0.2.1"
            );
            let mail = crate::mail::read(mail.as_bytes()).unwrap();
            let why = answer_to(&mail, &["cert@cert.example".to_owned()]).unwrap_err();
            let (name, _) = line.split_once(':').unwrap();
            assert_eq!(why.to_lowercase(), format!("it has the header {}", name.to_lowercase()));
        };
        check("X-Zammad-Ticket-Number: 10042");
        check("X-Helpdesk-Ticket-ID: 7");
        check("x-example-tickets: 7");
        check("X-Mailer: osTicket Mailer");
        check("X-Mailer: Zammad Mail Service");
        check("X-Powered-By: OTRS - Open Ticket Request System (https://otrs.org/)");
        check("RT-Originator: root@bank.example");
        check("Managed-by: RT 5.0.3 (http://www.bestpractical.com/rt/)");
        check("X-Zendesk-From-Account-Id: 5c1");
        check("X-ServiceNow-Source: Notification-1");
        check("X-Mailer: ServiceNow");
        check("X-Mailer: Request Tracker 5");
        check("X-RT-Ticket: bank.example #12");
        check("X-RT-Queue: abuse");
        check("X-Mailer: TheHive 5");
        check("X-BeenThere: talk@lists.example");
        check("X-Mailman-Version: 2.1.29");
        check("Mailing-List: contact talk-help@lists.example; run by ezmlm");
        check("X-Mailing-List: talk@lists.example");
        check("List-Help: <mailto:talk-request@lists.example>");
        check("Sender: owner-talk@lists.example");
        check("Sender: Talk <talk-bounces@lists.example>");
    }
}
