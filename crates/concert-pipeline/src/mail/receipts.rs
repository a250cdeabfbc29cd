//! Receipts of ticket systems that bear no header of a machine: what subject and text say.
//!
//! Rather a receipt taken for an answer than a person for a machine. So a subject that somebody may have answered
//! (`Re: Ticket 12 has been created`) says nothing by itself, and that something was received counts only where nothing
//! beside it says what a person did or asks. A sentence in which a program speaks of itself counts where it stands at
//! the beginning of the text: below what somebody wrote it is the footer of a ticket system.

use super::automatic::without_marks;
use super::number;

/// What subjects of receipts say. Here and below: lower case, without accents.
const SUBJECTS: [&str; 42] = [
    "have received your",
    "received your request",
    "received your report",
    "received your message",
    "has been received",
    "has been created",
    "has been opened",
    "has been registered",
    "has been logged",
    "request received",
    "ticket received",
    "ticket created",
    "ticket opened",
    "case created",
    "case opened",
    "acknowledgement of receipt",
    "acknowledgment of receipt",
    "confirmation of receipt",
    "ist eingegangen",
    "ist bei uns eingegangen",
    "wurde erstellt",
    "wurde eroffnet",
    "wurde angelegt",
    "wurde registriert",
    "ticket erstellt",
    "ticket eroffnet",
    "eingangsbestatigung",
    "empfangsbestatigung",
    "haben ihre anfrage erhalten",
    "haben ihre nachricht erhalten",
    "haben ihre meldung erhalten",
    "a bien ete recu",
    "a bien ete enregistre",
    "a ete cree",
    "bien recu votre",
    "accuse de reception",
    "ha sido recibid",
    "ha sido registrad",
    "ha sido cread",
    "hemos recibido su",
    "solicitud recibida",
    "acuse de recibo",
];
/// How a sentence begins in which a program speaks of what it wrote.
const ITSELF: [&str; 14] = [
    "this is an ",
    "this is a ",
    "dies ist ein",
    "das ist ein",
    "ceci est un",
    "il s'agit d'un",
    "este es un",
    "esta es un",
    "this message ",
    "this mail ",
    "this email ",
    "this e-mail ",
    "diese ",
    "ce message ",
];
/// That it did so by itself.
const BY_ITSELF: [&str; 4] = ["automat", "auto-gen", "autogen", "system-gen"];
/// What it wrote, so that no automated scan or backup is meant.
const WROTE: [&str; 21] = [
    "message",
    "mail",
    "reply",
    "response",
    "answer",
    "notification",
    "acknowledg",
    "confirmation",
    "receipt",
    "nachricht",
    "antwort",
    "bestatigung",
    "benachrichtigung",
    "reponse",
    "courriel",
    "accuse",
    "mensaje",
    "respuesta",
    "correo",
    "confirmacion",
    "acuse",
];
/// What is received.
const YOURS: [&str; 22] = [
    "your request",
    "your report",
    "your ticket",
    "your message",
    "your mail",
    "your email",
    "your e-mail",
    "your complaint",
    "your inquiry",
    "your enquiry",
    "your case",
    " ticket",
    "ihr ticket",
    "ihr anliegen",
    "ihre ",
    "votre demande",
    "votre message",
    "votre signalement",
    "votre courriel",
    "su solicitud",
    "su mensaje",
    "su correo",
];
/// That it was.
const TAKEN: [&str; 24] = [
    "been received",
    "been registered",
    "been created",
    "been opened",
    "been assigned",
    "been logged",
    "been recorded",
    "received your",
    " erfasst",
    " erstellt",
    " eroffnet",
    " angelegt",
    " registriert",
    " eingegangen",
    " erhalten",
    "bien recu",
    "bien ete recu",
    "ete enregistre",
    "ete cree",
    "recibido",
    "sido recibid",
    "sido registrad",
    "sido cread",
    "se ha creado",
];
/// What a person says who did something: no receipt has these.
const DONE: [&str; 53] = [
    "cleaned",
    "fixed",
    "removed",
    "resolved",
    "solved",
    "suspended",
    "blocked",
    "disabled",
    "patched",
    "closed",
    "taken down",
    "taken offline",
    "shut down",
    "forwarded",
    "passed on",
    "informed",
    "notified",
    "contacted",
    "our customer",
    "the customer",
    "false positive",
    "bereinigt",
    "behoben",
    "entfernt",
    "gesperrt",
    "blockiert",
    "erledigt",
    "geschlossen",
    "abgeschaltet",
    "weitergeleitet",
    "informiert",
    "unser kunde",
    "unseren kunden",
    "den kunden",
    "dem kunden",
    "corrige",
    "resolu",
    "supprime",
    "bloque",
    "nettoye",
    "transmis",
    "notre client",
    "nuestro client",
    "le client",
    "al client",
    "limpiad",
    "resuelt",
    "solucionad",
    "eliminad",
    "cerrad",
    "reenviad",
    "corregid",
    "desactivad",
];
/// Sentences at the beginning of a text that are looked at, and letters of each.
const SENTENCES_MAX: usize = 8;
const LETTERS_MAX: usize = 400;
/// Letters of such a sentence in which it says that a program wrote it.
const ITSELF_LETTERS_MAX: usize = 90;

/// What shows that a mail is the receipt of a ticket system. `subject` has neither accents nor capitals, and `is_reply`
/// says whether its words are those of what it answers.
pub(super) fn shown(subject: &str, is_reply: bool, text: &str) -> Option<String> {
    let said = SUBJECTS.iter().find(|words| subject.contains(**words));
    if let Some(words) = said.filter(|_| !is_reply) {
        return Some(format!("its subject says `{words}`"));
    }
    let own = without_marks(&own(text));
    let sentences = sentences(&own);
    if let Some(sentence) = sentences.iter().find(|sentence| is_of_program(sentence)) {
        return Some(format!("it says `{sentence}`"));
    }
    // A person who asks or says what was done has read it.
    if own.contains('?') || DONE.iter().any(|word| own.contains(word)) {
        return None;
    }
    let is_ticket = said.is_some() || has_mark(subject);
    let taken = sentences.iter().find(|sentence| is_taken(sentence) && (is_ticket || has_number(sentence)))?;
    Some(format!("it says `{taken}`"))
}

/// What a mail says before what it quotes and before its signature.
fn own(text: &str) -> String {
    let mut own = String::new();
    for line in text.lines().map(str::trim) {
        let is_quoted = line.starts_with('>');
        let lower = line.to_lowercase();
        let is_head = ["from:", "von:", "de :", "de:", "-----", "_____", "*from:", "*von:"]
            .iter()
            .any(|begin| lower.starts_with(begin));
        let is_wrote = line.ends_with(':')
            && [" wrote", " schrieb", " a écrit", " escribió"].iter().any(|word| lower.contains(word));
        if is_quoted || is_head || is_wrote || line == "--" {
            break;
        }
        own.push_str(line);
        own.push('\n');
    }
    own
}

/// The first sentences, each on one line. A blank line and a comma before it, as behind `Dear ...`, end one too.
fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in text.split("\n\n") {
        let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in line.split_inclusive(". ").flat_map(|part| part.split_inclusive(['!', ':'])) {
            let sentence: String = sentence.trim().trim_end_matches('.').chars().take(LETTERS_MAX).collect();
            if sentence.chars().any(char::is_alphabetic) {
                found.push(sentence);
            }
            if found.len() == SENTENCES_MAX {
                return found;
            }
        }
    }
    found
}

/// Whether a program speaks of what it wrote: `This is an automatic reply`.
fn is_of_program(sentence: &str) -> bool {
    let begin: String = sentence.chars().take(ITSELF_LETTERS_MAX).collect();
    let has = |words: &[&str]| words.iter().any(|word| begin.contains(word));
    has(&BY_ITSELF) && has(&WROTE) && ITSELF.iter().any(|words| begin.starts_with(words))
}

/// Whether a sentence says that something was received, or got a ticket.
fn is_taken(sentence: &str) -> bool {
    let sentence = format!(" {sentence}");
    YOURS.iter().any(|words| sentence.contains(words)) && TAKEN.iter().any(|words| sentence.contains(words))
}

/// Whether a subject bears the mark of a ticket system: `[net.example #12]`, `[#ABC-123-45]`, `[Ticket#12]`.
fn has_mark(subject: &str) -> bool {
    let marks = subject.split('[').skip(1).filter_map(|piece| piece.split_once(']'));
    marks.filter(|(inside, _)| number::numbers(inside).next().is_none()).any(|(inside, _)| has_number(inside))
}

/// Whether a text names the number of a ticket.
fn has_number(text: &str) -> bool {
    let is_named = ["#", "ticket", "case", "number", "nummer", "numero", " id"].iter().any(|word| text.contains(word));
    is_named && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crate::mail::{Kind, read};

    fn kind(head: &str, subject: &str, body: &str) -> (Kind, String) {
        let mail =
            format!("From: Abuse <abuse@net.example>\n{head}Subject: {subject}\n\n{body}\n").replace('\n', "\r\n");
        let mail = read(mail.as_bytes()).unwrap();
        (mail.kind, mail.because)
    }

    const ANSWERS: &str = "In-Reply-To: <20261122-000001-dkvr.0f1e2d3c@cert.example>\n";
    const OURS: &str = "[20261122-000001-dkvr] 12 events of AS64500";

    #[test]
    fn receipts_of_ticket_systems_are_no_answers_of_people() {
        let check = |head: &str, subject: &str, body: &str| {
            let (kind, why) = kind(head, subject, body);
            assert_eq!(kind, Kind::AutoReply, "{subject}: {body}: {why}");
        };
        let rt = "Greetings,\n\nThis message has been automatically generated in response to the\ncreation of a trouble ticket regarding:\n\t\"12 events\",\na summary of which appears below.\n\nThere is no need to reply to this message right now. Your ticket has been\nassigned an ID of [net.example #4711].\n";
        check(ANSWERS, &format!("[net.example #4711] {OURS}"), rt);
        check("", &format!("[net.example #4711] {OURS}"), rt);
        let kayako = "Anna,\n\nThank you for contacting us. This is an automated response confirming the receipt of\nyour ticket. Our team will get back to you as soon as possible. When replying, please keep the\nticket ID in the subject.\n\n\tTicket ID: ABC-123-45678\n";
        check("", &format!("[#ABC-123-45678]: {OURS}"), kayako);
        check(ANSWERS, &format!("Re: {OURS}"), kayako);
        check("", &format!("Ticket #12 has been created: {OURS}"), "Hello");
        check("", &format!("Ticket 12 has been opened - {OURS}"), "Hello");
        check("", &format!("We have received your report {OURS}"), "Thank you.");
        check(
            "",
            &format!("[Request received] {OURS}"),
            "Your request (12) has been received and is being reviewed by our staff.",
        );
        check("", &format!("Ticket Received - {OURS}"), "Dear CERT,\n\nWe have received your request.");
        check("", &format!("Case created: {OURS}"), "");
        check("", &format!("Acknowledgement of receipt: {OURS}"), "");
        check(ANSWERS, "Eingangsbestätigung", "Sehr geehrte Damen und Herren,\n\nvielen Dank.");
        check("", &format!("Ihre Meldung {OURS} wurde registriert"), "");
        check(
            ANSWERS,
            "AW: 12 events",
            "Guten Tag,\n\nvielen Dank für Ihre Nachricht. Ihre Anfrage wurde unter der Ticketnummer 4711 erfasst. Wir melden uns.",
        );
        check(ANSWERS, "Re: 12 events", "Dies ist eine automatisch generierte Antwort. Bitte nicht antworten.");
        check(ANSWERS, "Re: 12 events", "Diese E-Mail wurde automatisch erstellt.");
        check("", &format!("Accusé de réception : {OURS}"), "");
        check("", &format!("Votre demande a bien été reçue {OURS}"), "");
        check(ANSWERS, "RE: 12 events", "Bonjour,\n\nCeci est une réponse automatique.\n\nL'équipe");
        check("", &format!("[Ticket#2026112]: {OURS}"), "Bonjour,\n\nVotre demande a été enregistrée.");
        check("", &format!("Hemos recibido su mensaje {OURS}"), "");
        check(ANSWERS, "Re: 12 events", "Estimado cliente:\n\nEsta es una respuesta automática.");
        check("", &format!("[Caso #99] {OURS}"), "Su solicitud ha sido registrada.");
        // Whoever is greeted is nobody who did anything.
        check(
            "",
            &format!("[#ABC-123-45678]: {OURS}"),
            "Dear Customer,\n\nYour request has been received under the number 12.",
        );
        // What somebody may have answered counts together with the text.
        check(ANSWERS, "Re: Ticket #12 has been created", "Your ticket has been assigned to the abuse team.");
        for nobody in ["no_reply", "helpdesk.noreply", "abuse-no-reply", "autoreply", "keine-antwort"] {
            let mail = format!("From: {nobody}@net.example\r\nSubject: {OURS}\r\n\r\nThank you.\r\n");
            assert_eq!(read(mail.as_bytes()).unwrap().kind, Kind::AutoReply, "{nobody}");
        }
    }

    #[test]
    fn what_a_person_says_stays_an_answer_whatever_ticket_system_it_went_through() {
        let check = |subject: &str, body: &str| {
            let (kind, why) = kind(ANSWERS, subject, body);
            assert_eq!(kind, Kind::Written, "{subject}: {body}: {why}");
        };
        let ours = format!("Re: {OURS}");
        check(&ours, "Cleaned, thank you.");
        check(&ours, "Thank you for your report. We have received your data and look at it today.");
        check(&format!("[net.example #4711] {OURS}"), "Hello,\n\nwe have received your report and cleaned the host.");
        check(&format!("[net.example #4711] {OURS}"), "Your report has been received. Could you send us logs?");
        check(&format!("[#ABC-123-45678]: {OURS}"), "The machine is switched off.");
        check(&format!("[Ticket#12] {OURS}"), "Please send us the time of the events.");
        check("Re: Ticket #12 has been created", "It was a scanner of a student of ours.");
        check("AW: Eingangsbestätigung", "Hallo,\n\nwir schauen uns das morgen an.");
        check(
            "Re: [#ABC-123-45678] Ticket received",
            "Your ticket has been received by us, and the customer is informed.",
        );
        check(&format!("[net.example #4711] {OURS}"), "Ihre Meldung ist eingegangen und der Rechner wurde bereinigt.");
        check(&ours, "Votre message a bien été reçu. Le serveur est nettoyé.");
        check(&ours, "Su mensaje ha sido recibido, el servidor 12 fue limpiado.");
        // Programs that are spoken of, and footers.
        check(&ours, "This is an automated scan of our own researchers.");
        check(&ours, "This is an automatic backup, so no attack.");
        check(&ours, "We know that this is an automated message of yours, but please stop.");
        check(
            &ours,
            &format!("Done.{}This is an automatic message of the ticket system.", " We looked at it.".repeat(9)),
        );
        check(&ours, "Done.\n\n-- \nThis is an automatically generated signature of a mail gateway.");
        check(&ours, "Done.\n\nOn Sunday CERT <cert@cert.example> wrote:\n\nThis is an automated message of CERT.");
        check(&ours, "Done.\n\nVon: CERT\nGesendet: Sonntag\n\nDies ist eine automatisch erstellte Nachricht.");
        check(&ours, "Done.\n\n> This is an automated message of CERT.\n> Your request has been received: ticket 12");
        check(&format!("[net.example #4711] {OURS}"), "Your report has been received, our customer looks at it.");
        check(&ours, "Hello,\n\nI opened a ticket for this at our provider.");
        check(&ours, "We have 3 hosts there, the ticket is with our colleagues.");
    }
}
