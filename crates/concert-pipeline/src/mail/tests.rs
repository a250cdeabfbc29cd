use super::tie::{Doubt, How, Sent, Verdict, candidates, judge};
use super::*;

fn mail(head: &str, body: &str) -> Mail {
    let text = format!("{head}\n\n{body}").replace('\n', "\r\n");
    read(text.as_bytes()).unwrap()
}

/// Failed addresses of a bounce: `address weight status`.
fn failed(mail: &Mail) -> Vec<String> {
    let Kind::Bounce(failed) = &mail.kind else { return vec![format!("{}: {}", mail.kind.word(), mail.because)] };
    failed
        .iter()
        .map(|one| format!("{} {} {}", one.address, one.weight.word(), one.status).trim_end().to_owned())
        .collect()
}

const DAEMON: &str = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: cert@cert.example\nSubject: failure notice";

#[test]
fn the_reports_of_rfc_3464_are_read_with_every_recipient() {
    let head =
        format!("{DAEMON}\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b");
    let body = "--b\n\nIt did not arrive.\n\n--b\nContent-Type: message/delivery-status\n\n\
        Reporting-MTA: dns; mx.example\n\n\
        Final-Recipient: rfc822; gone@net.example\nOriginal-Recipient: rfc822;Abuse@net.example\nAction: failed\nStatus: 5.1.1\n\n\
        Final-Recipient: rfc822; full@net.example\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 over quota\n\n\
        Final-Recipient: rfc822; late@net.example\nAction: delayed\nStatus: 4.4.1\n\n\
        Final-Recipient: rfc822; here@net.example\nAction: relayed\nStatus: 2.0.0\n\n\
        Final-Recipient: rfc822; vague@net.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1\n no such user here\n\n\
        Final-Recipient: rfc822; spam@net.example\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 554 5.7.1 blocked\n\
        --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <20261122-000001@cert.example>\nTo: <abuse@net.example>\n\n--b--\n";
    let mail = mail(&head, body);
    assert_eq!(
        failed(&mail),
        [
            "gone@net.example hard 5.1.1",
            "full@net.example soft 5.2.2",
            "late@net.example delayed 4.4.1",
            "here@net.example arrived 2.0.0",
            "vague@net.example hard 5.0.0",
            "spam@net.example soft 5.7.1",
        ]
    );
    assert_eq!(mail.names.returned, ["20261122-000001@cert.example"]);
    assert_eq!(mail.names.returned_to, ["abuse@net.example"]);
}

#[test]
fn a_vague_report_is_read_together_with_its_text() {
    let head = "From: MAILER-DAEMON@mx.example\nSubject: Delivery status notification: failed\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b";
    let text = |said: &str| {
        let report = "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; abuse@net.example\nAction: failed\nStatus: 5.3.0\n\n--b--\n";
        format!(
            "--b\n\nAn error has occurred for the following list of recipients:\n\nabuse@net.example: \"{said}\"\n\n    Below is a copy of the original message:\n\n{report}"
        )
    };
    let mail_of = |said: &str| mail(head, &text(said));
    assert_eq!(failed(&mail_of("550 5.1.1 no such user here")), ["abuse@net.example hard 5.3.0"]);
    assert_eq!(failed(&mail_of("452 4.2.2 mailbox full")), ["abuse@net.example soft 5.3.0"]);
    assert!(
        matches!(mail_of("550 5.1.1 no such user").kind, Kind::Bounce(failed) if failed[0].diagnostic.contains("no such user"))
    );
}

#[test]
fn bounces_without_a_delivery_status_are_known_too() {
    let check = |head: &str, body: &str, want: &[&str], returned: &[&str]| {
        let mail = mail(head, body);
        assert_eq!(failed(&mail), want, "{}", mail.because);
        assert_eq!(mail.names.returned, returned);
    };
    check(
        DAEMON,
        "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n\
         <abuse@net.example>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 sorry, no mailbox here by that name\nGiving up on 192.0.2.1.\n\n\
         --- Below this line is a copy of the message.\n\nReturn-Path: <cert@cert.example>\nMessage-ID: <20261122-000001@cert.example>\nTo: abuse@net.example\n\nHello\n",
        &["abuse@net.example hard"],
        &["20261122-000001@cert.example"],
    );
    check(
        "From: postmaster@net.example\nSubject: Undeliverable: [20261122-000001] 1 event",
        "Your message\n\n  To:      abuse@net.example\n  Subject: [20261122-000001] 1 event\n\ndid not reach the following recipient(s):\n\n\
         abuse@net.example on Sun, 22 Nov 2026 08:00:00 +0200\n    The recipient name is not recognized\n",
        &["abuse@net.example hard"],
        &[],
    );
    check(
        "From: postmaster@net.example\nSubject: Unzustellbar: x",
        "Delivery has failed to these recipients or distribution lists:\n\nAbuse Desk<mailto:abuse@net.example>\nThe recipient's mailbox is full.\n\n\
         Diagnostic information for administrators:\n\nGenerating server: mx.net.example\n\nother@net.example\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n",
        &["abuse@net.example soft", "other@net.example hard 5.1.1"],
        &[],
    );
    check(
        "From: postmaster@net.example\nSubject: Undeliverable: x",
        "Delivery has failed to these recipients or groups:\n\nabuse@net.example<mailto:abuse@net.example>\nThe email address you entered couldn't be found. Please check the recipient's email address and try to resend the message.\n\n\
         Diagnostic information for administrators:\n\nGenerating server: mx.net.example\n\nabuse@net.example\n#550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found ##\n",
        &["abuse@net.example hard 5.1.10"],
        &[],
    );
    check(
        DAEMON,
        "This is the mail system at host mx.example.\n\n<abuse@net.example>: host mx.net.example[192.0.2.1] said: 550 5.1.1\n    <abuse@net.example>: Recipient address rejected: User unknown (in reply to RCPT TO command)\n",
        &["abuse@net.example hard 5.1.1"],
        &[],
    );
    check(
        "From: Mail Delivery System <Mailer-Daemon@mx.example>\nX-Failed-Recipients: abuse@net.example\nSubject: Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  abuse@net.example\n    host mx.net.example [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<abuse@net.example>:\n    450 4.2.0 greylisted\n",
        &["abuse@net.example soft 4.2.0"],
        &[],
    );
    let gmail = "From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\nX-Failed-Recipients: new@net.example\nSubject: Delivery Status Notification (Failure)";
    let not_found = |said: &str| {
        format!(
            "** Address not found **\n\nYour message wasn't delivered to new@net.example because the address couldn't be found, or is unable to receive mail.\n\n\
             Learn more here: https://support.example/mail/answer/6596\n\nThe response was:\n\n{said}\n"
        )
    };
    let gone =
        not_found("550 5.1.1 The email account that you tried to reach does not exist. Please check it for typos.");
    check(gmail, &gone, &["new@net.example hard 5.1.1"], &[]);
    let blocked = not_found("550 5.7.1 Our system has blocked your host for its reputation");
    check(gmail, &blocked, &["new@net.example soft 5.7.1"], &[]);
    let unmarked =
        "Return-Path: <>\nFrom: mailer-daemon@googlemail.com\nSubject: Delivery Status Notification (Failure)";
    check(unmarked, &not_found("550 5.1.1 does not exist"), &["new@net.example hard 5.1.1"], &[]);
    check(DAEMON, "<abuse@net.example>: 550 Postfach existiert nicht\n", &["abuse@net.example hard"], &[]);
}

#[test]
fn a_bounce_of_a_mail_server_is_known_whatever_its_subject() {
    let subjects = [
        "Permanent Delivery Failure",
        "Message not delivered",
        "Mail failure.",
        "Rejected mail",
        "Error sending mail",
        "Nachricht konnte nicht zugestellt werden",
        "Onbestelbaar: [20261122-000001] 1 event",
        "Impossibile recapitare il messaggio",
        "Re: [20261122-000001] 1 event",
    ];
    for subject in subjects {
        let head = format!("Return-Path: <>\nFrom: MAILER-DAEMON@net.example\nSubject: {subject}");
        let check = |body: &str, want: &[&str]| assert_eq!(failed(&mail(&head, body)), want, "{subject}");
        check("<abuse@net.example>: 550 5.1.1 User unknown\n", &["abuse@net.example hard 5.1.1"]);
        check("<abuse@net.example>: 452 mailbox is over quota\n", &["abuse@net.example soft"]);
        check("abuse@net.example\n    user unknown\n", &["abuse@net.example hard"]);
        check("The mail to abuse@net.example was refused: 550 5.7.1 spam\n", &["abuse@net.example soft 5.7.1"]);
        // A postmaster may be away like anybody else.
        for body in ["I am away. Write to help@net.example or call 555 in room 550.", "help@net.example answers."] {
            assert_ne!(mail(&head, body).kind.word(), "bounce", "{subject}: {body}");
        }
    }
    let head = "Return-Path: <>\nFrom: anna@net.example\nSubject: Re: x";
    assert_eq!(mail(head, "<abuse@net.example>: 550 5.1.1 User unknown\n").kind.word(), "auto-reply");
    let head = "Return-Path: <post@net.example>\nFrom: postmaster@net.example\nSubject: Re: x";
    assert_ne!(mail(head, "<abuse@net.example>: 550 5.1.1 User unknown, we wonder why\n").kind.word(), "bounce");
}

#[test]
fn machines_lists_and_people_are_told_apart() {
    let check = |head: &str, body: &str, want: &str| assert_eq!(mail(head, body).kind.word(), want, "{head}");
    let from = "From: Abuse <abuse@net.example>\nTo: cert@cert.example";
    check(&format!("{from}\nSubject: Re: [20261122-000001] 1 event"), "Cleaned.", "written");
    check(&format!("{from}\nAuto-Submitted: no\nSubject: Re: x"), "Cleaned.", "written");
    check(&format!("{from}\nAuto-Submitted: auto-replied (vacation)\nSubject: Re: x"), "Away.", "auto-reply");
    check(&format!("{from}\nX-Autoreply: yes\nSubject: Re: x"), "Away.", "auto-reply");
    check(&format!("{from}\nPrecedence: auto_reply\nSubject: Re: x"), "Away.", "auto-reply");
    check(&format!("{from}\nSubject: Automatic reply: x"), "Away.", "auto-reply");
    check(&format!("{from}\nSubject: =?utf-8?q?R=C3=A9ponse_automatique_:_x?="), "Absent.", "auto-reply");
    check(&format!("{from}\nSubject: [net.example #12] AutoReply: x"), "Your ticket.", "auto-reply");
    check(&format!("Return-Path: <>\n{from}\nSubject: Re: x"), "Away.", "auto-reply");
    check("From: noreply@net.example\nSubject: x", "Thank you.", "generated");
    check("From: noreply@net.example\nIn-Reply-To: <x@cert.example>\nSubject: x", "Thank you.", "auto-reply");
    check(&format!("{from}\nAuto-Submitted: auto-generated\nSubject: report"), "192.0.2.1", "generated");
    check(&format!("{from}\nList-Id: <talk.net.example>\nSubject: [talk] x"), "Hello.", "list");
    check(&format!("{from}\nList-Id: <talk.net.example>\nPrecedence: list\nSubject: Re: x"), "Hello.", "list");
    check(&format!("{from}\nPrecedence: bulk\nSubject: news"), "Hello.", "bulk");
    check(
        &format!(
            "{from}\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\nSubject: x"
        ),
        "--b\n\nspam\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n--b--\n",
        "feedback",
    );
    // People write about bounces, and postmasters write mails.
    check(&format!("{from}\nSubject: Undeliverable mail to our customer"), "Hello, can you help?", "written");
    check(
        &format!("{from}\nSubject: Re: x"),
        "We looked: your message could not be delivered to one or more hosts.",
        "written",
    );
}

#[test]
fn who_is_away_says_so_in_many_languages() {
    let check = |subject: &str, want: &str| {
        let answer = "From: abuse@net.example\nTo: cert@cert.example\nIn-Reply-To: <20261122-000001@cert.example>";
        assert_eq!(mail(&format!("{answer}\nSubject: {subject}"), "Text.").kind.word(), want, "{subject}");
    };
    for subject in [
        "I am currently out of the office Re: [20261122-000001] 1 event",
        "RE: [20261122-000001] 1 event - Out of office until Monday",
        "Abwesend: [20261122-000001] 1 event",
        "Abwesenheitsnotiz: [20261122-000001] 1 event",
        "AW: Abwesenheitsnotiz",
        "Ich bin nicht im Büro Re: [20261122-000001] 1 event",
        "Autosvar: [20261122-000001] 1 event",
        "Automatisch antwoord: [20261122-000001] 1 event",
        "Fuera de la oficina: [20261122-000001] 1 event",
        "Respuesta automatica: [20261122-000001] 1 event",
        "Réponse automatique : [20261122-000001] 1 event",
        "Absence : [20261122-000001] 1 event",
        "Risposta automatica: [20261122-000001] 1 event",
        "Automatická odpověď: [20261122-000001] 1 event",
        "Poissaolo: [20261122-000001] 1 event",
        "Auto: [20261122-000001] 1 event",
        "Ticket #4711 has been created (Re: [20261122-000001])",
        "Ihre Anfrage ist eingegangen [20261122-000001]",
    ] {
        check(subject, "auto-reply");
    }
    check("Re: [20261122-000001] 1 event", "written");
    check("Re: Absences of SPF records", "written");
    // Whoever complains of such words answers nothing.
    let complaint = mail("From: anna@bank.example\nSubject: Spam (automatic reply) from 192.0.2.1", "See below.");
    assert_eq!(complaint.kind, Kind::Written);
}

#[test]
fn what_an_agent_wrote_in_a_tracker_is_an_answer_and_what_the_tracker_wrote_is_none() {
    let check = |lines: &str, subject: &str, want: Verdict| {
        let head = format!(
            "From: abuse@net.example\nIn-Reply-To: <20261122-000001@cert.example>\n{lines}\nSubject: {subject}"
        );
        assert_eq!(verdict(&mail(&head, "We cleaned the host."), &sent()), want, "{lines} {subject}");
    };
    let contact = || "abuse@net.example".to_owned();
    let person = || Verdict::Answered(contact());
    let machine = || Verdict::AutoAnswered(contact());
    let (otrs, rt) = ("Precedence: bulk\nX-Mailer: OTRS Mail Service (6.0)", "Precedence: bulk\nRT-Ticket: net #12");
    check(otrs, "Re: [Ticket#12] 1 event", person());
    check(rt, "[net.example #12] 1 event", person());
    check(&format!("{otrs}\nX-OTRS-Loop: yes"), "[Ticket#12] RE: 1 event", machine());
    check(&format!("{rt}\nAuto-Submitted: auto-replied"), "[net.example #12] AutoReply: 1 event", machine());
    check(rt, "[net.example #12] We have received your request", machine());
    check("Precedence: bulk\nX-OTRS-Loop: x", "[Ticket#12] 1 event", machine());
    check("Precedence: junk", "Re: 1 event", machine());
    check("Precedence: list", "Re: 1 event", machine());
    check("X-Loop: abuse@net.example", "Re: 1 event", machine());
    check("X-Autorespond: 1 event", "Re: 1 event", machine());
    check("X-Loop: no", "Re: 1 event", person());
    check("List-Id: <abuse.net.example>\nPrecedence: list", "Re: 1 event", person());
    // With nothing that it answers, it is what some machine or tracker has to say to us.
    assert_eq!(mail("From: abuse@net.example\nX-Loop: x\nSubject: 192.0.2.1", "Attack").kind, Kind::Bulk);
}

#[test]
fn a_read_receipt_is_no_answer_of_a_person() {
    let check = |disposition: &str, names: &str| {
        let head = format!(
            "From: abuse@net.example\nSubject: Read: 1 event\n{names}MIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=disposition-notification; boundary=b"
        );
        let body = format!(
            "--b\n\nYour message was read.\n--b\nContent-Type: message/disposition-notification\n\n\
             Final-Recipient: rfc822; abuse@net.example\nOriginal-Message-ID: <20261122-000001@cert.example>\n\
             Disposition: {disposition}\n\n--b--\n"
        );
        let mail = mail(&head, &body);
        assert_eq!(
            (&mail.kind, mail.because.as_str()),
            (&Kind::AutoReply, &*format!("it is a read receipt: {disposition}"))
        );
        assert_eq!(verdict(&mail, &sent()), Verdict::AutoAnswered("abuse@net.example".into()));
    };
    check("automatic-action/MDN-sent-automatically; deleted", "");
    check("manual-action/MDN-sent-manually; displayed", "In-Reply-To: <20261122-000001@cert.example>\n");
    let bare = mail(
        "From: abuse@net.example\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b",
        "--b--",
    );
    assert_eq!((bare.kind, bare.because.as_str()), (Kind::AutoReply, "it is a read receipt"));
}

#[test]
fn a_bounce_of_exim_and_a_warning_of_sendmail_are_read() {
    let exim = |why: &str| {
        format!(
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be \
             delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) \
             failed:\n\n  abuse@net.example\n    {why}\n"
        )
    };
    let head = "From: Mailer-Daemon@mx.example\nAuto-Submitted: auto-replied\nSubject: Mail delivery failed: returning message to sender";
    let marked = format!("{head}\nX-Failed-Recipients: abuse@net.example");
    for head in [head, &marked] {
        assert_eq!(failed(&mail(head, &exim("Unrouteable address"))), ["abuse@net.example hard"]);
        assert_eq!(
            failed(&mail(head, &exim("all relevant MX records point to blocked hosts"))),
            ["abuse@net.example soft"]
        );
    }
    let warning = "    **      THIS IS A WARNING MESSAGE ONLY      **\n    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n\
        abuse@net.example... Deferred: Connection timed out with mx.net.example.\nWarning: message still undelivered after 4 hours\n";
    let late =
        mail("From: MAILER-DAEMON@mx.example\nSubject: Warning: could not send message for past 4 hours", warning);
    assert_eq!(failed(&late), ["abuse@net.example delayed"]);
}

fn sent() -> Sent {
    Sent {
        id: "20261122-000001".into(),
        message_id: "20261122-000001@cert.example".into(),
        to: vec!["abuse@net.example".into()],
        dead: Vec::new(),
        party: vec!["net-group.example".into()],
        shared: Vec::new(),
        has_return_address: false,
    }
}

fn verdict(mail: &Mail, sent: &Sent) -> Verdict {
    let found = candidates(mail, None).unwrap();
    let ours = found.iter().find(|one| one.notice == sent.id).expect("it names the notice");
    judge(mail, ours, sent)
}

#[test]
fn an_answer_counts_only_from_where_the_notice_went() {
    let check = |from: &str, want: Result<&str, &str>| {
        let head = format!("From: {from}\nSubject: Re: 1 event\nIn-Reply-To: <20261122-000001@cert.example>");
        match (verdict(&mail(&head, "Done."), &sent()), want) {
            (Verdict::Answered(by), Ok(want)) => assert_eq!(by, want),
            (Verdict::Unsure(Doubt::Stranger, why), Err(want)) => assert!(why.contains(want), "{why}"),
            (other, _) => panic!("{from}: {other:?}"),
        }
    };
    check("Abuse@NET.example", Ok("abuse@net.example"));
    check("anna@net.example", Ok("abuse@net.example"));
    check("anna@noc.net.example", Ok("abuse@net.example"));
    check("anna@net-group.example", Ok("abuse@net.example"));
    check("anna@evilnet.example", Err("did not go to its sender"));
    check("anna@example", Err("did not go to its sender"));
    let nobody = mail("Subject: Re: 1 event\nIn-Reply-To: <20261122-000001@cert.example>", "Done.");
    assert!(matches!(verdict(&nobody, &sent()), Verdict::Aside(Doubt::Forged, _)), "who hides is no person");
    let other = "From: abuse@net.example\nSubject: x\nIn-Reply-To: <20261122-000001@other.example>";
    assert!(
        matches!(verdict(&mail(other, "x"), &sent()), Verdict::Aside(Doubt::NeverSent, why) if why.contains("never sent"))
    );
    let ticket = mail("From: abuse@net.example\nSubject: AW: [20261122-000001] 1 event", "Erledigt.");
    assert_eq!(verdict(&ticket, &sent()), Verdict::Answered("abuse@net.example".into()));
    let number = mail("From: anna@elsewhere.example\nSubject: AW: [20261122-000001] 1 event", "Done.");
    assert!(
        matches!(verdict(&number, &sent()), Verdict::Unsure(Doubt::Stranger, why) if why.contains("by its number alone"))
    );
    let robot = mail("From: noreply@elsewhere.example\nAuto-Submitted: auto-replied\nSubject: [20261122-000001]", "x");
    assert!(matches!(verdict(&robot, &sent()), Verdict::Aside(Doubt::Forged, _)), "a machine waits for nobody");
    let away = mail("From: abuse@net.example\nSubject: Automatic reply: [20261122-000001] 1 event", "Away.");
    assert_eq!(verdict(&away, &sent()), Verdict::AutoAnswered("abuse@net.example".into()));
}

#[test]
fn a_notice_of_another_site_names_none_of_ours() {
    let named = |head: &str| -> Vec<String> {
        candidates(&mail(head, "x"), None).unwrap().into_iter().map(|one| one.notice).collect()
    };
    let from = "From: abuse@net.example";
    assert_eq!(named(&format!("{from}\nSubject: [20261122-000001-wxzz] 1 event")), ["20261122-000001-wxzz"]);
    assert_eq!(named(&format!("{from}\nSubject: Re: [20261122-000001-DKVR] 1 event"))[1..], ["20261122-000001-dkvr"]);
    let answer = format!("{from}\nSubject: x\nIn-Reply-To: <20261122-000001-wxzz@other.example>");
    assert_eq!(named(&answer), ["20261122-000001-wxzz"]);
}

#[test]
fn a_bounce_counts_only_where_it_came_to_the_return_address() {
    let key = address::Key::new(b"secret");
    let base = "cert@cert.example";
    let own = key.return_address(base, "20261122-000001").unwrap();
    let bounce = |to: &str, address: &str| {
        let head = format!("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: {to}\nSubject: failure notice");
        let body = format!(
            "This is the mail system at host mx.example.\n\n<{address}>: 550 5.1.1 user unknown\n\n--- Below this line is a copy of the message.\n\nMessage-ID: <20261122-000001@cert.example>\nTo: abuse@net.example\n"
        );
        mail(&head, &body)
    };
    let judged = |mail: &Mail, has_return_address: bool| {
        let found = candidates(mail, Some((&[base], &key))).map_err(|why| Verdict::Aside(Doubt::Forged, why));
        let sent = Sent { has_return_address, ..sent() };
        found.map(|found| judge(mail, &found[0], &sent)).unwrap_or_else(|aside| aside)
    };
    let hard = |verdict: Verdict| matches!(&verdict, Verdict::Bounced(failed) if failed[0].address == "abuse@net.example" && failed[0].weight == Weight::Hard);
    assert!(hard(judged(&bounce(&own, "abuse@net.example"), true)));
    let behind = judged(&bounce(&own, "forwarded@elsewhere.example"), true);
    assert!(
        matches!(&behind, Verdict::Bounced(failed) if failed[0].address == "abuse@net.example"
            && failed[0].weight == Weight::Behind && failed[0].why().starts_with("forwarded@elsewhere.example: ")),
        "it is one of those behind the only receiver: {behind:?}"
    );
    assert!(hard(judged(&bounce(&own, "abuse@mx.net.example"), true)), "a server's own name for it");
    assert!(hard(judged(&bounce(base, "abuse@net.example"), false)));
    let aside = |verdict: Verdict, want: &str| {
        assert!(matches!(&verdict, Verdict::Aside(_, why) if why.contains(want)), "{verdict:?}")
    };
    aside(judged(&bounce(base, "abuse@net.example"), true), "does not come to the address");
    // With what nobody can guess in it, a Message-ID is as good as the address.
    let secret = "<20261122-000001.0f1e2d3c4b5a6978@cert.example>";
    let own_id = |id: &str| {
        let sent = Sent { has_return_address: true, message_id: id.trim_matches(['<', '>']).into(), ..sent() };
        let body = "This is the mail system at host x.\n\n<abuse@net.example>: 550 5.1.1 user unknown\n\n--- Below this line is a copy of the message.\n\n";
        let mail = mail(DAEMON, &format!("{body}Message-ID: {secret}\nTo: abuse@net.example\n"));
        judge(&mail, &candidates(&mail, None).unwrap()[0], &sent)
    };
    assert!(hard(own_id(secret)));
    aside(own_id("<20261122-000001.ffffffffffffffff@cert.example>"), "which we never sent");
    aside(judged(&bounce(&own.replace("000001", "000002"), "abuse@net.example"), true), "never made");
    let other = Sent { to: vec!["a@x.example".into(), "b@x.example".into()], ..sent() };
    let mail = bounce(base, "abuse@net.example");
    aside(judge(&mail, &candidates(&mail, None).unwrap()[0], &other), "did not go to");
    let named = super::tests::mail(
        &format!("{DAEMON} [20261122-000001]"),
        "This is the mail system at host x.\n\n<abuse@net.example>: 550 no",
    );
    let ticket = candidates(&named, None).unwrap().remove(0);
    assert_eq!(ticket.how, How::Ticket);
    aside(judge(&named, &ticket, &sent()), "number alone");
    let returned = super::tests::mail(
        DAEMON,
        "This is the mail system at host x.\n\n<abuse@net.example>: 550 no\n\n--- Below this line is a copy of the message.\n\nSubject: [20261122-000001] Report\nTo: abuse@net.example\n",
    );
    assert_eq!(candidates(&returned, None).unwrap()[0].how, How::Ticket, "the number stands in what came back");
}

#[test]
fn a_bounce_to_the_return_address_need_not_repeat_whom_it_is_about() {
    let key = address::Key::new(b"secret");
    let base = "cert@cert.example";
    let own = key.return_address(base, "20261122-000001").unwrap();
    let judged = |subject: &str, body: &str, to: &[&str]| {
        let bounce = mail(&format!("From: postmaster@net.example\nTo: {own}\nSubject: {subject}"), body);
        let found = candidates(&bounce, Some((&[base], &key))).unwrap();
        let sent = Sent { to: to.iter().map(|to| (*to).to_owned()).collect(), has_return_address: true, ..sent() };
        match judge(&bounce, &found[0], &sent) {
            Verdict::Bounced(failed) => {
                failed.iter().map(|one| format!("{} {}", one.address, one.weight.word())).collect()
            }
            other => vec![format!("{other:?}")],
        }
    };
    let check = |subject: &str, body: &str, want: &str| {
        assert_eq!(judged(subject, body, &["abuse@net.example"]), [want], "{subject}: {body}");
    };
    let hard = "abuse@net.example hard";
    check("Undeliverable", "550 5.1.1 User unknown", hard);
    check("Undeliverable", "The mail could not be delivered: user unknown", hard);
    let french = "Le destinataire abuse@net.example est inconnu. L'adresse de messagerie n'existe pas.";
    check("Non remis : 1 event", &format!("{french} 550 5.1.1"), hard);
    check("Non remis : 1 event", french, hard);
    check("No se puede entregar", "El destinatario abuse@net.example no existe. usuario desconocido", hard);
    check("Undeliverable", "450 4.2.2 mailbox full", "abuse@net.example soft");
    check("Undeliverable", "550 5.1.1 User unknown, your server is blocked", "abuse@net.example soft");
    check("Undeliverable", "It did not arrive.", "abuse@net.example soft");
    // Another one that is named is behind it; of two nobody knows which.
    check("Undeliverable", "550 5.1.1 User jane@elsewhere.example unknown", "abuse@net.example behind it");
    check("Undeliverable", "550 5.1.1 User jane@a.example of bob@b.example unknown", "abuse@net.example soft");
    let two = judged("Undeliverable", "550 5.1.1 User unknown", &["abuse@net.example", "noc@net.example"]);
    assert!(!two[0].contains("hard"), "{two:?}");
}

#[test]
fn a_warning_that_a_mail_is_late_is_no_bounce() {
    let head = "Return-Path: <>\nFrom: Mail Delivery System <Mailer-Daemon@mx.example>\nTo: cert@cert.example\n\
        Auto-Submitted: auto-replied\nSubject: Warning: message 1kfooo-0001 delayed 24 hours";
    let exim = "This message was created automatically by mail delivery software.\nA message that you sent has not yet been \
        delivered to one or more of its\nrecipients after more than 24 hours on the queue on mx.example.\n\n\
        The message identifier is:     1kfooo-0001\n\nThe address to which the message has not yet been delivered is:\n\n  \
        abuse@net.example\n    host mx.net.example [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:\n    \
        450 4.1.1 user unknown in table, try later\n\nNo action is required on your part. Delivery attempts will continue for\nsome time.\n";
    let late = mail(head, exim);
    assert_eq!(failed(&late), ["abuse@net.example delayed 4.1.1"], "{late:?}");
    // Where it does not say why, it is none either.
    let bare = mail(head, "A message that you sent has not yet been delivered.\nDelivery attempts will continue.\n");
    assert_eq!(failed(&bare), [" delayed"]);
    let named = mail(&format!("{head}\nReferences: <20261122-000001@cert.example>"), exim);
    let told = verdict(&named, &sent());
    assert!(matches!(&told, Verdict::Bounced(failed) if failed[0].weight == Weight::Delayed), "{told:?}");
    let last = exim.replace("Delivery attempts will continue", "This is a permanent error, for which it waited");
    assert_eq!(failed(&mail(head, &last)), ["abuse@net.example soft 4.1.1"]);
}

#[test]
fn whoever_has_an_address_where_anybody_gets_one_stands_for_nobody_else() {
    let check = |from: &str, sent: &Sent, want: Result<&str, &str>| {
        let head = format!("From: {from}\nSubject: Re: 1 event\nIn-Reply-To: <20261122-000001@cert.example>");
        match (verdict(&mail(&head, "Done."), sent), want) {
            (Verdict::Answered(by), Ok(want)) => assert_eq!(by, want),
            (Verdict::Unsure(Doubt::Stranger, why), Err(want)) => assert!(why.contains(want), "{why}"),
            (other, _) => panic!("{from}: {other:?}"),
        }
    };
    let small = Sent { to: vec!["smallisp@gmail.com".into()], party: vec!["owner@web.de".into()], ..sent() };
    check("SmallISP@gmail.com", &small, Ok("smallisp@gmail.com"));
    check("owner@web.de", &small, Ok("owner@web.de"));
    check("random.person@gmail.com", &small, Err("in gmail.com anybody gets an address"));
    check("random.person@web.de", &small, Err("in web.de anybody gets an address"));
    let shared = vec!["net.example".to_owned()];
    check("else@net.example", &sent(), Ok("abuse@net.example"));
    // What bounced is not there because a colleague is.
    let to = vec!["first@pp.example".to_owned(), "two@pp.example".to_owned()];
    let some = Sent { to, dead: vec!["first@pp.example".into()], party: vec!["boss@pp.example".into()], ..sent() };
    check("hans@pp.example", &some, Ok("two@pp.example"));
    check("boss@pp.example", &some, Ok("boss@pp.example"));
    check("first@pp.example", &some, Ok("first@pp.example"));
    check("hans@pp.example", &Sent { dead: some.to.clone(), ..some }, Ok(""));
    check("else@net.example", &Sent { shared, ..sent() }, Err("in net.example anybody gets an address"));
}

#[test]
fn damaged_mails_never_panic_and_end() {
    let whole = "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nSubject: failure notice [2026-1 \u{e4}]\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n<\u{e4}@x.example>: 550 \u{2028}no\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;\r\nAction: \r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: <\r\nMessage-ID: <\r\n\r\n--b--\r\n";
    for end in 0..whole.len() {
        drop(read(&whole.as_bytes()[..end]));
        let mut bytes = whole.as_bytes().to_vec();
        bytes[end] ^= 0x55;
        drop(read(&bytes));
    }
    let mut deep = String::new();
    for level in 0..2000 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"));
    }
    drop(read(deep.as_bytes()));
    let inside = "Content-Type: message/rfc822\r\n\r\n".repeat(5000);
    drop(read(inside.as_bytes()));
    let many = format!(
        "From: MAILER-DAEMON@x.example\r\nSubject: failure notice\r\nTo: {}\r\n\r\n{}",
        "a@b.example,".repeat(50_000),
        "<a@b.example>: 550 no\r\n".repeat(50_000)
    );
    let many = read(many.as_bytes()).unwrap();
    assert!(many.names.sent_to.len() <= NAMES_MAX && many.text.len() <= TEXT_BYTES_MAX);
}

#[test]
fn bounces_of_more_programs_are_read_as_their_users_see_them() {
    let check = |head: &str, body: &str, want: &[&str]| {
        let mail = mail(&format!("To: cert+n-20261122-000001-x@cert.example\n{head}"), body);
        assert_eq!(failed(&mail), want, "{head}: {}", mail.because);
    };
    // Sendmail without a report.
    check(
        "Return-Path: <>\nFrom: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>\nSubject: Returned mail: see transcript for details\nAuto-Submitted: auto-generated (failure)",
        "The original message was received at Sun, 22 Nov 2026 06:00:00 GMT\nfrom cert.example [192.0.2.25]\n\n   ----- The following addresses had permanent fatal errors -----\n<abuse@net.example>\n    (reason: 550 5.1.1 <abuse@net.example>... User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mail.net.example.:\n>>> DATA\n<<< 550 5.1.1 <abuse@net.example>... User unknown\n550 5.1.1 <abuse@net.example>... User unknown\n",
        &["abuse@net.example hard 5.1.1"],
    );
    // Lotus Domino.
    check(
        "From: Postmaster@net.example\nSubject: DELIVERY FAILURE: User abuse (abuse@net.example) not listed in Domino Directory",
        "Your message\n\n  Subject: [20261122-000001-x] 2 events\n\nwas not delivered to:\n\n  abuse@net.example\n\nbecause:\n\n  User abuse (abuse@net.example) not listed in Domino Directory\n",
        &["abuse@net.example hard"],
    );
    // IBM i.
    check(
        "Return-Path: <>\nFrom: postmaster@as400.net.example\nSubject: Delivery Status Notification",
        "Mail Delivery System on AS400.NET.EXAMPLE\n\nThe following recipient could not be reached:\n\nabuse@net.example\nReason: 550 User unknown.\n",
        &["abuse@net.example hard"],
    );
    // OpenSMTPD.
    check(
        "Return-Path: <>\nFrom: Mailer Daemon <MAILER-DAEMON@mx.net.example>\nSubject: Delivery status notification: error",
        "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\nabuse@net.example: 550 Invalid recipient: <abuse@net.example>\n\n    Below is a copy of the original message:\n\nMessage-ID: <20261122-000001-x@cert.example>\n",
        &["abuse@net.example hard"],
    );
    // Exchange, as people get it, and in German.
    check(
        "From: <postmaster@net.example>\nSubject: Undeliverable: [20261122-000001-x] 2 events\nX-MS-Exchange-Message-Is-Ndr: 1",
        "Delivery has failed to these recipients or groups:\n\nabuse@net.example (abuse@net.example)<mailto:abuse@net.example>\nThe email address you entered couldn't be found. Please check the recipient's email address and try to resend the message.\n\nDiagnostic information for administrators:\n\nGenerating server: ex.net.example\n\nabuse@net.example\nRemote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient abuse@net.example not found by SMTP address lookup'\n",
        &["abuse@net.example hard 5.1.10"],
    );
    check(
        "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@net.example>\nSubject: Unzustellbar: [20261122-000001-x] 2 events",
        "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\nabuse@net.example\nDie eingegebene E-Mail-Adresse konnte nicht gefunden werden.\n\nDiagnoseinformationen für Administratoren:\n\nGenerierender Server: ex.net.example\n\nabuse@net.example\nRemote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'\n",
        &["abuse@net.example hard 5.1.1"],
    );
    // Zimbra is Postfix, with its own words where a mailbox is closed.
    check(
        "Return-Path: <>\nFrom: MAILER-DAEMON@zimbra.net.example (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender",
        "This is the mail system at host zimbra.net.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients. It's attached below.\n\n                   The mail system\n\n<abuse@net.example>: host zimbra.net.example[192.0.2.9] said: 550 5.1.1\n    <abuse@net.example>: Recipient address rejected: net.example (in reply to\n    RCPT TO command)\n",
        &["abuse@net.example hard 5.1.1"],
    );
    // Exim of a mailbox that is full.
    check(
        "Return-Path: <>\nFrom: Mail Delivery System <Mailer-Daemon@mx.net.example>\nSubject: Mail delivery failed: returning message to sender\nX-Failed-Recipients: abuse@net.example",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  abuse@net.example\n    mailbox is full: retry timeout exceeded\n",
        &["abuse@net.example soft"],
    );
}

#[test]
fn notes_of_absence_are_known_in_more_languages() {
    let check = |subject: &str, text: &str| {
        let head = format!(
            "From: Abuse <abuse@net.example>\nTo: cert@cert.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nIn-Reply-To: <20261122-000001-x.9@cert.example>\nSubject: {subject}"
        );
        let mail = mail(&head, text);
        assert_eq!(mail.kind.word(), "auto-reply", "{subject}");
    };
    check("Abwesend bis 30.11.: [20261122-000001-x] 2 events", "Ich bin bis zum 30.11. nicht im Büro.");
    check("Absent(e) : Re: [20261122-000001-x] 2 events", "Je suis absente jusqu'au 30 novembre.");
    check("Respuesta automática: [20261122-000001-x] 2 events", "Estoy fuera de la oficina.");
    check("Afwezig: [20261122-000001-x] 2 events", "Ik ben afwezig tot 30 november.");
    check("Poissa: [20261122-000001-x] 2 events", "Olen lomalla 30.11. asti.");
    check("Urlop: [20261122-000001-x] 2 events", "Przebywam na urlopie do 30 listopada.");
    check("Out of Office Re: [20261122-000001-x] 2 events", "I am away until 30 November.");
}

#[test]
fn a_status_of_the_mailbox_is_told_from_one_of_its_system() {
    let check = |status: &str, diagnostic: &str, want: bool| {
        let failed = Failed {
            address: "a@x.example".into(),
            original: String::new(),
            weight: weight_of_answer(&format!("{diagnostic} {status}")),
            status: status.into(),
            diagnostic: diagnostic.into(),
        };
        assert_eq!(failed.is_mailbox_gone(), want, "{status} {diagnostic}");
    };
    check("", "550 5.1.1 <a@x.example>: no such user", true);
    check("5.1.10", "", true);
    check("5.2.1", "550 disabled", true);
    check("", "550 no such user", false);
    check("5.1.2", "Host or domain name not found", false);
    check("4.1.1", "450 4.1.1 no such user", false);
    check("", "550 5.7.1 no such user", false);
    check("5.1.1", "550 5.1.1 no such user: your server is blocked", false);
}

/// What mail programs of East Asia write is read as it was meant, whatever it is encoded in.
#[test]
fn mails_in_every_usual_charset_are_read() {
    use base64::Engine as _;
    use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, KOI8_R, SHIFT_JIS, WINDOWS_874};
    let check = |charset: &str, encoding: &'static Encoding, words: &str| {
        let (body, _, is_lossy) = encoding.encode(words);
        assert!(!is_lossy, "{charset}");
        let encoded = base64::engine::general_purpose::STANDARD.encode(&body);
        let head = format!(
            "From: Abuse <abuse@net.example>\nTo: cert@cert.example\nMIME-Version: 1.0\nContent-Type: text/plain; \
             charset={charset}\nContent-Transfer-Encoding: base64\nSubject: Re: =?{charset}?B?{encoded}?="
        );
        let mail = mail(&head, &encoded);
        assert_eq!((mail.subject.as_str(), mail.text.trim()), (format!("Re: {words}").as_str(), words), "{charset}");
    };
    check("iso-2022-jp", ISO_2022_JP, "日本語の返事");
    check("Shift_JIS", SHIFT_JIS, "日本語の返事");
    check("euc-jp", EUC_JP, "日本語の返事");
    check("GB2312", GBK, "您好回复");
    check("gbk", GBK, "您好回复");
    check("gb18030", GB18030, "您好回复");
    check("big5", BIG5, "您好回覆");
    check("euc-kr", EUC_KR, "안녕하세요");
    check("ks_c_5601-1987", EUC_KR, "안녕하세요");
    check("windows-874", WINDOWS_874, "สวัสดี");
    check("koi8-r", KOI8_R, "Здравствуйте");
}
