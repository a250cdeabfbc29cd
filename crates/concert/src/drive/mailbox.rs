//! The return path: mails are taken from `[mailbox]`, kept, understood, and settled once.
//!
//! A mail is marked in the mailbox only after its bytes and its row are durable. What it means is found
//! out later, from the kept bytes, and written down in one change with all that follows: how contacts
//! do, who is suspended, and to whom the notice is told instead. So a kill at any moment loses and
//! doubles nothing.

mod addition;
mod bounce;
pub mod held;
pub mod letter;
pub(crate) mod mass;
mod signed;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use concert_model::{Problem, Receipt, Time};
use concert_pipeline::mail::address::canonical;
use concert_pipeline::mail::tie::{self, Doubt};
use concert_pipeline::mail::{self, Kind, Mail};
use concert_store::Members;
use concert_store::records::{Again, Effect, MailRow, Notice, Settled};
use concert_transport::{Body, Health, Intake, Kept};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::letter::Letter;
use super::intake::Keeper;
use super::{TROUBLE_WAIT_MAX, message, outcome, partly, prove, receipt, responsible};
use crate::incidents::Incoming;
use crate::opener::{self, MAIL_BYTES_MAX};
use crate::settings::MAILBOX;
use crate::wire::{self, Site};
pub(super) use bounce::refused;

/// Mails settled at a time.
const MAILS_AT_ONCE: u32 = 64;
/// Wait between looks for mails and for contacts to be asked, when nobody tells of a mail.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Wait between looks for complaints whose end is to be told: nothing stops within the hour.
const OUTCOMES_EVERY: Duration = Duration::from_secs(3_600);
/// First wait while nothing can be written.
const TROUBLE_WAIT: Duration = Duration::from_secs(1);
/// The kind of mails that are larger than what is taken.
const TOO_LARGE: &str = "too-large";
/// Where in the memory stands since when notices go out with which return address.
const SINCE: &str = "return address since";
/// Where stands of which addresses return addresses were made, the newest first.
const BASES: &str = "return address of";
/// Earlier ones that are still known: nobody changes it more often while mails may come back.
const BASES_MAX: usize = 16;

/// The intake of the mailbox.
pub struct MailKeeper {
    keeper: Arc<Keeper>,
    site: Arc<Site>,
    /// Told whenever a mail was kept.
    kept: Notify,
}

impl MailKeeper {
    /// An intake that keeps mails beside the reports of this one.
    pub fn new(site: &Arc<Site>, keeper: &Arc<Keeper>) -> Arc<Self> {
        Arc::new(Self { keeper: Arc::clone(keeper), site: Arc::clone(site), kept: Notify::new() })
    }
}

#[async_trait]
impl Intake for MailKeeper {
    async fn keep(&self, receipt: Receipt, body: Body) -> Result<Kept, String> {
        let (content, bytes) = self.keeper.archive(body).await?;
        let id = receipt.id(&content);
        let added = self.site.store.records.add_mail(id, &content, receipt.received, bytes).await;
        let added = added.map_err(|problem| problem.what)?;
        if added {
            self.kept.notify_one();
        }
        Ok(if added { Kept::New } else { Kept::Known })
    }

    fn keeps_heads(&self) -> bool {
        true
    }

    async fn keep_head(&self, receipt: Receipt, head: Vec<u8>, bytes: u64) -> Result<Kept, String> {
        let read = tokio::task::spawn_blocking(move || (mail::read(&head), head)).await;
        let (mail, head) = read.map_err(|_| "reading a mail stopped; this is a mistake in Concert".to_owned())?;
        let (content, _) = self.keeper.archive(Body::Bytes(head)).await?;
        let (message_id, from, subject) =
            mail.map(|mail| (mail.message_id, mail.from, mail.subject)).unwrap_or_default();
        let most = self.site.settings.limits.report;
        let row = MailRow {
            content,
            received: receipt.received,
            kind: TOO_LARGE.into(),
            message_id,
            from,
            subject,
            reason: format!(
                "it has {bytes} bytes, and at most {most} are taken; it stays in the mailbox, and only its beginning is kept"
            ),
            ..MailRow::default()
        };
        let added = self.site.store.records.add_mail_aside(receipt.id(&content), &row, bytes).await;
        let added = added.map_err(|problem| problem.what)?;
        Ok(if added { Kept::New } else { Kept::Known })
    }

    async fn recall(&self, feed: &str, name: &str) -> Option<String> {
        self.keeper.recall(feed, name).await
    }

    async fn remember(&self, feed: &str, name: &str, value: &str) -> Result<(), String> {
        self.keeper.remember(feed, name, value).await
    }

    fn health(&self, feed: &str, health: Health) {
        self.keeper.health(feed, health);
    }

    fn now(&self) -> Time {
        wire::now()
    }
}

/// Settles mails and asks contacts, until `stop`. Trouble (a full disk) is waited out.
pub(super) async fn work(site: Arc<Site>, keeper: Arc<MailKeeper>, stop: CancellationToken) -> Result<(), Problem> {
    let mut wait = TROUBLE_WAIT;
    let mut outcomes = Instant::now();
    while !stop.is_cancelled() {
        let done = match begin(&site).await {
            Ok(()) => settle_waiting(&site, &keeper.keeper).await,
            Err(problem) => Err(problem),
        };
        if done.is_ok() && outcomes <= Instant::now() {
            outcomes = Instant::now() + OUTCOMES_EVERY;
            Box::pin(tell_outcomes(&site)).await;
        }
        let pause = match done.map(|_| ()) {
            Ok(()) => match prove::ask_due(&site).await {
                Ok(asked) => {
                    if asked > 0 {
                        tracing::info!(asked, "contacts are asked whether they are there");
                    }
                    wait = TROUBLE_WAIT;
                    LOOK_EVERY
                }
                Err(problem) => {
                    tracing::warn!("contacts are not asked: {problem}");
                    LOOK_EVERY
                }
            },
            Err(problem) => {
                wait = (wait * 2).min(TROUBLE_WAIT_MAX);
                tracing::error!(wait_seconds = wait.as_secs(), "{problem}");
                wait
            }
        };
        tokio::select! {
            () = keeper.kept.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// Tells what became of complaints. What is in the way is there the next time too.
async fn tell_outcomes(site: &Site) {
    match outcome::tell_due(site).await {
        Ok(0) => {}
        Ok(told) => tracing::info!(told, "whoever complained is told that it stopped"),
        Err(problem) => tracing::warn!("what became of complaints is not told: {problem}"),
    }
}

/// Collects, settles and asks once. Says whether the mailbox could be read.
pub(super) async fn once(site: &Arc<Site>, keeper: &Arc<Keeper>) -> Result<bool, Problem> {
    let Some(mailbox) = site.settings.mailbox_to_read() else { return Ok(true) };
    begin(site).await?;
    let intake = MailKeeper::new(site, keeper);
    let looked = mailbox.collector.once(&*intake).await;
    if let Err(why) = &looked {
        keeper.look_failed(MAILBOX, why).await?;
    }
    settle_waiting(site, keeper).await?;
    prove::ask_due(site).await?;
    Ok(looked.is_ok())
}

/// Tells what became of complaints, once what came was processed.
pub(super) async fn tell_outcomes_once(site: &Site) {
    if site.settings.mailbox_to_read().is_some() {
        tell_outcomes(site).await;
    }
}

/// Remembers since when notices go out with a return address: only a bounce of an older one is
/// believed without it. Whoever works on the site asks first, so that no notice is older than that. The earliest
/// moment stays, whatever the address is later: notices made since then were sent from one of their own, and bounces
/// come to that.
pub(super) async fn begin(site: &Site) -> Result<(), Problem> {
    let Some((base, _)) = &site.return_address else { return Ok(()) };
    let records = &site.store.records;
    let known = records.recall(MAILBOX, SINCE).await?.unwrap_or_default();
    if since(&known).is_none() {
        records.remember(MAILBOX, SINCE, &mark(wire::now(), base)).await?;
    }
    let before = records.recall(MAILBOX, BASES).await?;
    let bases = bases(base, before.as_deref().unwrap_or_default(), &known).join("\n");
    if before.as_ref() != Some(&bases) {
        records.remember(MAILBOX, BASES, &bases).await?;
    }
    Ok(())
}

/// The address that return addresses are made of, then earlier ones. Sites that were there before those were kept know
/// the first alone.
fn bases<'b>(now: &'b str, before: &'b str, first: &'b str) -> Vec<&'b str> {
    let first = first.split_once(' ').map_or("", |(_, base)| base);
    let mut found: Vec<&str> = Vec::new();
    for base in [now].into_iter().chain(before.lines()).chain([first]).filter(|base| !base.is_empty()) {
        if found.len() < BASES_MAX && !found.iter().any(|known| known.eq_ignore_ascii_case(base)) {
            found.push(base);
        }
    }
    found
}

/// The notices that a mail may be about; the error says why it is forged.
async fn candidates(site: &Site, mail: &Mail) -> Result<Result<Vec<tie::Candidate>, String>, Problem> {
    let Some((base, key)) = &site.return_address else { return Ok(tie::candidates(mail, None)) };
    let before = site.store.records.recall(MAILBOX, BASES).await?.unwrap_or_default();
    Ok(tie::candidates(mail, Some((&bases(base, &before, ""), key))))
}

/// What is remembered of when notices began to go out with a return address.
fn mark(now: Time, base: &str) -> String {
    format!("{} {base}", now.0)
}

/// When that was. Earlier builds also wrote down when there was no address.
fn since(known: &str) -> Option<Time> {
    let (since, _) = known.split_once(' ').filter(|(_, base)| !base.is_empty())?;
    since.parse().ok().map(Time)
}

/// Whether this notice went out with a return address of its own.
async fn has_return_address(site: &Site, notice: &Notice) -> Result<bool, Problem> {
    if site.return_address.is_none() {
        return Ok(false);
    }
    let known = site.store.records.recall(MAILBOX, SINCE).await?.unwrap_or_default();
    Ok(since(&known).is_some_and(|since| left_with(since, notice.made, notice.delivered_at)))
}

/// Whether a notice left with a return address: what was made before there was one, and sent since, did too.
fn left_with(since: Time, made: Time, delivered: Option<Time>) -> bool {
    made >= since || delivered.is_some_and(|sent| sent >= since)
}

/// Settles everything that waits. Gives the number of mails.
pub async fn settle_waiting(site: &Site, keeper: &Keeper) -> Result<usize, Problem> {
    let mut done = 0;
    loop {
        let waiting = site.store.records.mails_waiting(MAILS_AT_ONCE).await?;
        if waiting.is_empty() {
            return Ok(done);
        }
        for row in waiting {
            let letter::Letter { settled, incoming } = Box::pin(settled(site, row)).await?;
            let row = Box::pin(settle(site, &settled, incoming)).await?;
            let (kind, notice) = (&row.kind, &row.notice);
            tracing::info!(mail = row.seq, kind, state = row.state, notice, "a mail came back");
            if settled.report.is_some() {
                keeper.kept.notify_one();
            }
            // Whoever answers is told again of what waited for a contact.
            if settled.effects.iter().any(|effect| matches!(effect, Effect::Alive(..))) {
                Box::pin(responsible::address_waiting(site)).await?;
            }
            done += 1;
        }
    }
}

/// Writes down what a mail is; that of an incident together with its entry.
async fn settle(site: &Site, settled: &Settled, incoming: Option<Incoming>) -> Result<MailRow, Problem> {
    let Some(incoming) = incoming else { return site.store.records.settle_mail(settled, wire::now()).await };
    match site.incidents() {
        Ok(incidents) => incidents.receive(wire::now(), settled.clone(), &incoming).await,
        Err(_) => {
            let reason = "without the key of the site nothing is written into journals".to_owned();
            let row = MailRow { state: "held".into(), reason, ..settled.row.clone() };
            site.store.records.settle_mail(&Settled { row, ..settled.clone() }, wire::now()).await
        }
    }
}

/// What a mail is, and what follows.
async fn settled(site: &Site, row: MailRow) -> Result<Letter, Problem> {
    let read = match bytes(site, &row) {
        Ok(bytes) => {
            let opener = site.opener();
            let read = tokio::task::spawn_blocking(move || {
                let (clear, openpgp) = opener.clear(&bytes);
                (mail::read(&clear), openpgp, bytes)
            });
            read.await.map_err(|_| {
                tracing::error!(mail = row.seq, "reading a mail stopped; this is a mistake in Concert");
                "it cannot be read; this is a mistake in Concert".to_owned()
            })
        }
        Err(why) => Err(why),
    };
    let (mail, openpgp, bytes) = match read {
        Ok((Some(mail), openpgp, bytes)) => (mail, openpgp, bytes),
        Ok((None, ..)) => return Ok(aside(row, None, "it has no headers, so it is no mail".into()).into()),
        Err(why) => return Ok(aside(row, None, why).into()),
    };
    let row = MailRow {
        kind: mail.kind.word().into(),
        message_id: mail.message_id.clone(),
        from: mail.from.clone(),
        subject: mail.subject.clone(),
        signed: opener::said(&openpgp),
        ..row
    };
    let candidates = match candidates(site, &mail).await? {
        Ok(found) => found,
        Err(why) => return Ok(aside(row, Some(Doubt::Forged), why).into()),
    };
    let names_something = !candidates.is_empty() || !letter::numbers(site, &mail).is_empty();
    let row = if names_something { signed::look(site, row, &mail, &bytes).await } else { row };
    let (mut first, mut unsure) = (None::<(String, Doubt, String)>, None::<(String, Doubt, String)>);
    for candidate in &candidates {
        let Some((notice, members)) = site.store.records.notice(&candidate.notice).await? else { continue };
        let notice = partly::since_first(site, notice).await?;
        let was_sent = notice.attempts > 0 || site.store.records.notice_bytes(&notice.id).await?.is_some();
        if !was_sent {
            let why = format!("it names notice {}, which was never sent", notice.id);
            first.get_or_insert((String::new(), Doubt::NeverSent, why));
            continue;
        }
        if candidate.how == tie::How::Ticket && notice.delivered_at.is_none() {
            let why = format!("it answers notice {} by its number alone, and that was not delivered", notice.id);
            first.get_or_insert((String::new(), Doubt::NeverSent, why));
            continue;
        }
        let sent = sent(site, &notice).await?;
        // An incident holds its mails against their keys itself.
        let of_notice = Some(&openpgp).filter(|_| notice.name != message::NAME);
        let verdict = signed::doubt(site, &row, of_notice, tie::judge(&mail, candidate, &sent)).await?;
        if notice.name == message::NAME {
            return letter::means(site, row, &mail, (candidate, &sent, verdict), &notice, members).await;
        }
        match signed::by_number(&row, &openpgp, candidate.how, verdict) {
            tie::Verdict::Aside(doubt, why) => {
                first.get_or_insert((notice.id, doubt, why));
            }
            tie::Verdict::Unsure(doubt, why) => {
                unsure.get_or_insert((notice.id, doubt, why));
            }
            verdict => return means(site, row, &mail, verdict, &notice, members).await.map(Letter::from),
        }
    }
    if let Some(letter) = letter::by_number(site, &row, &mail).await? {
        return Ok(letter);
    }
    if let Some((notice, doubt, why)) = unsure {
        return held::hold(site, row, notice, doubt, why).await.map(Letter::from);
    }
    let nothing = || match (candidates.is_empty(), &mail.kind) {
        (false, _) => "it names no message that this site sent".to_owned(),
        (true, Kind::Written) => "it answers nothing that this site sent".to_owned(),
        (true, kind) => format!("{} that names nothing this site sent", kind.word()),
    };
    match (first, site.settings.mailbox.as_ref().and_then(|mailbox| mailbox.complaints.as_ref())) {
        (Some((notice, doubt, why)), _) => Ok(aside(MailRow { notice, ..row }, Some(doubt), why).into()),
        (None, Some(_)) if is_complaint(&mail) && site.settings.own().has(&mail.from) => {
            let why = "it says that it is from ourselves, which anybody can write; if it is, `concert ingest` takes it";
            Ok(aside(row, Some(Doubt::Forged), why.to_owned()).into())
        }
        (None, Some(feed)) if is_complaint(&mail) => Ok(complaint(site, row, &mail, feed, names_something).into()),
        (None, _) => {
            let is_never_sent = !candidates.is_empty() || matches!(mail.kind, Kind::Bounce(_));
            Ok(aside(row, is_never_sent.then_some(Doubt::NeverSent), nothing()).into())
        }
    }
}

/// Whether a mail that belongs to nothing may be a complaint: one of a person, or of a machine that
/// does not answer. What came over a mailing list is not for us.
fn is_complaint(mail: &Mail) -> bool {
    match mail.kind {
        Kind::Written | Kind::Generated | Kind::Feedback | Kind::Bulk => true,
        Kind::List | Kind::Bounce(_) | Kind::AutoReply => false,
    }
}

/// A mail that becomes a report, with a receipt where there may be one. What names an incident or notice that is there waits
/// without a receipt, so what names one that is not there has none either: a stranger would learn which there are.
fn complaint(site: &Site, row: MailRow, mail: &Mail, feed: &str, names_something: bool) -> Settled {
    let report = Some(addition::report(&row, feed));
    let receipt = receipt::of(site, mail).and_then(|receipt| match names_something {
        true => Err("it names an incident or a notice that is not there".to_owned()),
        false => Ok(receipt),
    });
    let (receipt, reason) = match receipt {
        Ok(receipt) => {
            let receipts_max = site.settings.mailbox.as_ref().map_or(0, |mailbox| mailbox.receipts_max);
            let again = Again { home: site.home(), instead: vec![receipt], receipts_max, ..Again::default() };
            (Some(again), String::new())
        }
        Err(why) => (None, format!("no receipt: {why}")),
    };
    let row = MailRow { state: "taken".into(), kind: "complaint".into(), reason, ..row };
    Settled { row, report, receipt, ..Settled::default() }
}

fn aside(row: MailRow, doubt: Option<Doubt>, reason: String) -> Settled {
    let doubt = doubt.map_or("", Doubt::word).to_owned();
    Settled { row: MailRow { state: "aside".into(), reason, doubt, ..row }, ..Settled::default() }
}

/// The bytes that are looked at; the error says why there are none.
fn bytes(site: &Site, row: &MailRow) -> Result<Vec<u8>, String> {
    let lost = |error: std::io::Error| format!("its bytes are not in the archive: {error}");
    let mut bytes = Vec::new();
    let reader = site.store.archive.open(&row.content).map_err(lost)?;
    reader.take(MAIL_BYTES_MAX).read_to_end(&mut bytes).map_err(lost)?;
    Ok(bytes)
}

/// Addresses that are suspended, or bounced since a notice was made, in canonical form.
async fn dead_since(site: &Site, notice: &Notice) -> Result<Vec<String>, Problem> {
    let records = &site.store.records;
    let bounced = records.bounced_since(notice.made).await?.into_iter().map(|(address, _)| address);
    Ok(bounced.chain(records.suspended_contacts().await?.into_keys()).collect())
}

/// What is known of a notice that was sent.
async fn sent(site: &Site, notice: &Notice) -> Result<tie::Sent, Problem> {
    let book = site.addressees();
    let party = book.find(&notice.party);
    let mut to: Vec<String> = super::compose::recipients(site, notice).iter().map(|one| canonical(one)).collect();
    // Blind copies bounce too, and that says nothing of the others.
    let copies = site.settings.notice(&notice.name).map(|kind| kind.bcc.as_slice()).unwrap_or_default();
    to.extend(copies.iter().map(|one| canonical(one)));
    let known = |party: &concert_model::Party| {
        let mails = party.contacts.iter().map(|contact| canonical(&contact.mail));
        mails.chain(party.domains.iter().cloned()).collect()
    };
    let mut dead: Vec<String> = dead_since(site, notice).await?;
    dead.retain(|address| to.contains(address));
    Ok(tie::Sent {
        dead,
        id: notice.id.clone(),
        message_id: notice.message_id.clone(),
        to,
        party: party.as_deref().map(known).unwrap_or_default(),
        shared: site.settings.mailbox.as_ref().map(|mailbox| mailbox.shared_domains.clone()).unwrap_or_default(),
        has_return_address: has_return_address(site, notice).await?,
    })
}

/// All that follows from a mail that is believed.
async fn means(
    site: &Site,
    row: MailRow,
    mail: &Mail,
    verdict: tie::Verdict,
    notice: &Notice,
    members: Members,
) -> Result<Settled, Problem> {
    let row = MailRow { state: "taken".into(), notice: notice.id.clone(), ..row };
    if held::is_to_no_contact(notice) {
        let report = addition::answered(site, &row, &mail.kind, &verdict, notice);
        let kind = if mail.kind == Kind::Written { "reply".to_owned() } else { row.kind };
        let row = MailRow { kind, reason: mail.because.clone(), ..row };
        return Ok(Settled { row, report, ..Settled::default() });
    }
    Ok(match verdict {
        tie::Verdict::Answered(contact) => {
            let effects = (!contact.is_empty()).then(|| held::alive(notice, &contact)).into_iter().collect();
            Settled { row: MailRow { kind: "reply".into(), contact, ..row }, effects, ..Settled::default() }
        }
        tie::Verdict::AutoAnswered(contact) => {
            let effects = (!contact.is_empty()).then(|| Effect::AutoReply(contact.clone())).into_iter().collect();
            let row = MailRow { kind: "auto-reply".into(), contact, reason: mail.because.clone(), ..row };
            Settled { row, effects, ..Settled::default() }
        }
        tie::Verdict::Bounced(failed) => bounce::bounced(site, row, &failed, notice, members).await?,
        tie::Verdict::Noted => Settled { row: MailRow { reason: mail.because.clone(), ..row }, ..Settled::default() },
        tie::Verdict::Unsure(doubt, why) | tie::Verdict::Aside(doubt, why) => aside(row, Some(doubt), why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_addresses_stay_known_the_newest_first() {
        let first = mark(Time(7), "first@cert.example");
        assert_eq!(bases("a@cert.example", "", &first), ["a@cert.example", "first@cert.example"]);
        let before = "A@cert.example\nb@cert.example";
        assert_eq!(bases("b@cert.example", before, &mark(Time(7), "")), ["b@cert.example", "A@cert.example"]);
        let many: Vec<String> = (0..99).map(|number| format!("{number}@cert.example")).collect();
        assert_eq!(bases("a@cert.example", &many.join("\n"), "").len(), BASES_MAX);
    }

    #[test]
    fn notices_have_a_return_address_since_the_first_moment_there_was_one() {
        assert_eq!(since(&mark(Time(7), "cert@cert.example")), Some(Time(7)));
        assert_eq!(since(&mark(Time(7), "")), None, "there was none then");
        assert_eq!(since(""), None);
        assert!(left_with(Time(7), Time(7), None));
        assert!(left_with(Time(7), Time(3), Some(Time(8))), "it waited, and left with one");
        assert!(!left_with(Time(7), Time(3), Some(Time(5))));
        assert!(!left_with(Time(7), Time(3), None));
    }
}
