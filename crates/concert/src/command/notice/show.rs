//! One notice as it is or would be sent. What is encrypted is shown as its receiver reads it.

use std::collections::BTreeSet;

use concert_model::access::{Action, Kept};
use concert_model::{Problem, json as event_json};
use concert_pipeline::enrich::book::last_resort_by;
use concert_pipeline::render::Item;
use concert_server::site::ReceiverRow;
use concert_store::Members;
use concert_store::records::{MailRow, NewNotice, Notice, NoticeFilter, ON_TRIAL_TO, WAITS_FOR_APPROVAL};
use concert_transport::deliver::smtp::is_encrypted;
use serde_json::{Value, json};

use super::super::contact::text_or_null;
use super::super::mailbox::text_of;
use super::SiteArg;
use crate::addressees::Addressees;
use crate::barred::Barred;
use crate::drive::anew::{self, Anew};
use crate::drive::becomes::Becomes;
use crate::drive::{compose, responsible, tell};
use crate::print::{Format, List, Out, Rows, format_or_default, print_object, say};
use crate::problems::{Exit, Failure};
use crate::reach::Reach;
use crate::reads::{ReadLog, notice_read};
use crate::receivers;
use crate::settings::{LoadFor, MAIL};
use crate::wire::{self, Site};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert notice show 20261122-000001-dkvr\n  concert notice show 20261122-000001-dkvr --raw"
)]
pub(super) struct ShowArgs {
    /// The number of the notice.
    pub(super) id: String,
    /// Print the exact bytes that are or will be sent, and nothing else.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert notice preview\n  concert notice preview daily --text")]
pub(super) struct PreviewArgs {
    /// Only this kind of notice, as named in the settings.
    name: Option<String>,
    /// Also the text and the events of each: printed for people, and with --format json, ndjson or csv in each row.
    #[arg(long)]
    text: bool,
    #[command(flatten)]
    rows: Rows,
}

pub(super) fn show(args: &ShowArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    // The exact bytes hold a signature, whose key is a secret.
    let settings = match args.raw {
        true => site_arg.settings(LoadFor::Run)?,
        false => site_arg.settings_to_open(SiteArg::settings_to_look)?,
    };
    let runtime = super::super::runtime()?;
    let site = runtime.block_on(Site::open_to_look(settings))?;
    let reach = runtime.block_on(crate::command::reach(site_arg, &site.store, Kept::Notices))?;
    let (notice, members) = runtime.block_on(super::send::need(&site, &args.id))?;
    if !reach.has_notice(&notice) {
        return Err(super::send::missing(&args.id));
    }
    // What another one carries went out with it, and is shown to those who see all of it.
    let mail = notice.carrier().unwrap_or(&notice.id);
    let addressees = site.addressees();
    let (seen, is_hidden) = reach.of_notice(&addressees, notice.clone());
    if args.raw && is_hidden {
        let problem = Problem::new(format!("notice {} goes to somebody else in place of its party", notice.id));
        return Err(Failure::usage(problem.hint("its bytes are for those who see whom")));
    }
    let is_whole = !is_hidden && runtime.block_on(is_seen_whole(&site, mail, &reach))?;
    let kept = if is_whole { runtime.block_on(site.store.records.notice_bytes(mail))? } else { None };
    if let (true, Some(bytes)) = (args.raw, &kept) {
        let carrier = runtime.block_on(site.store.records.notice(mail))?;
        let carried = runtime.block_on(site.store.records.carried(&[mail]))?;
        let all = carrier.iter().chain(&carried).map(|(notice, _)| notice);
        runtime.block_on(read(site_arg, &site, all))?;
        return print_bytes(bytes);
    }
    runtime.block_on(read(site_arg, &site, [&notice].into_iter()))?;
    let loaded = runtime.block_on(site.store.load(&[&members]))?;
    let one = (notice.clone(), members);
    let heard = runtime.block_on(compose::heard(&site, &loaded, &[&one]))?;
    let (_, members) = one;
    let items = compose::items(&site, &notice, &loaded, &members, &heard);
    let message = compose::message(&site, &notice, &items);
    let bytes = match (kept, &message) {
        (Some(kept), _) => Ok(kept),
        (None, Ok(message)) => compose::bytes(&site, &notice, message),
        (None, Err(problem)) => Err(problem.clone()),
    };
    if args.raw {
        let bytes = bytes.map_err(|problem| problem.at(format!("notice {}", notice.id)))?;
        if is_encrypted(&bytes) {
            say("not sent yet: it will be encrypted anew, so these bytes are an example");
        }
        return print_bytes(&bytes);
    }
    let mut fields = fields(&seen, &reach);
    // Those who were passed over may be parties that are not seen.
    fields.push(("passed_over", text_or_null(if reach.is_all() { &notice.passed_over } else { "" })));
    let party = addressees.find(&notice.party);
    let origin = party.as_ref().and_then(|party| party.contacts.first()).map_or("", |contact| &contact.origin);
    let by = rules(&site, &notice, &items);
    let origin = if by.is_empty() { origin.to_owned() } else { format!("{origin}; {by}") };
    fields.push(("party_from", text_or_null(&origin)));
    fields.push(("goes_with", text_or_null(notice.carrier().filter(|_| is_whole).unwrap_or_default())));
    let (mut again, mut before) = runtime.block_on(site.store.records.told_again(&notice.id))?;
    if !reach.is_all() {
        // Told in place of this one, but perhaps to somebody else.
        (again, before) = (Vec::new(), Vec::new());
    }
    let named = |list: &[(String, String)]| list.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(", ");
    fields.extend([
        ("told_again_as", text_or_null(&named(&again))),
        ("told_instead_of", text_or_null(&named(&before))),
        ("told_again_because", text_or_null(again.first().or(before.first()).map_or("", |(_, why)| why))),
    ]);
    let answers = if is_whole { runtime.block_on(site.store.records.thread(mail))? } else { Vec::new() };
    let thread = thread(&site, &seen, answers);
    if let (Ok(message), false) = (&message, is_hidden) {
        fields.extend([
            ("subject", json!(message.subject)),
            ("text", json!(message.text)),
            ("attachment", json!(message.payload.name)),
        ]);
    }
    match (message, bytes) {
        (Err(problem), _) | (Ok(_), Err(problem)) => fields.push(("not_composed", json!(problem.what))),
        (Ok(_), Ok(bytes)) => fields.push(("encrypted", json!(is_encrypted(&bytes)))),
    }
    let shown = if args.rows.limit == 0 { items.len() } else { args.rows.limit };
    let known = if is_whole { runtime.block_on(receivers::of(&site, &seen, reach.is_all()))? } else { Vec::new() };
    let lists = [receivers_list(known), thread];
    print(format_or_default(args.rows.format), &fields, items.get(..shown).unwrap_or(&items), lists)?;
    Ok(Exit::Done)
}

/// By which rules a team of last resort answers for the events of its notice; empty for other parties.
fn rules(site: &Site, notice: &Notice, items: &[Item<'_>]) -> String {
    let book = site.book();
    if book.constituents.named(&notice.party).is_some() || book.teams.named(&notice.party).is_none() {
        return String::new();
    }
    let by = items.iter().filter_map(|item| last_resort_by(&book.teams, &item.event));
    let rules: BTreeSet<String> = by.filter(|(team, _)| team.name == notice.party).map(|(_, by)| by).collect();
    if rules.is_empty() {
        return "the contact book names others for its events now".to_owned();
    }
    let rules: Vec<String> = rules.into_iter().collect();
    format!("{}, because nothing more specific decides", rules.join(", "))
}

/// Writes down that who acts read the texts of notices.
async fn read<'n>(site_arg: &SiteArg, site: &Site, notices: impl Iterator<Item = &'n Notice>) -> Result<(), Failure> {
    let person = crate::command::acting(site_arg, &site.store).await?;
    let things = notices.filter_map(notice_read).collect();
    let log = ReadLog::new(site.store.records.clone());
    Ok(log.write(&person, Action::SeeSite(Kept::Notices).word(), things).await?)
}

/// Whether somebody sees all notices that went out in one mail.
pub(crate) async fn is_seen_whole(site: &Site, mail: &str, reach: &Reach) -> Result<bool, Problem> {
    let carrier = site.store.records.notice(mail).await?;
    let carried = site.store.records.carried(&[mail]).await?;
    Ok(carrier.iter().chain(&carried).all(|(notice, _)| reach.has_notice(notice)))
}

const THREAD: &[&str] = &["time", "direction", "kind", "from", "signed", "to", "subject", "mail", "reason", "text"];

/// So much of what a mail says is shown with its notice; `concert mailbox show` has all.
const TEXT_CHARS_MAX: usize = 2_000;

/// What was sent, and all that came back, in the order it did.
fn thread(site: &Site, notice: &Notice, mails: Vec<MailRow>) -> List {
    let mut rows = Vec::new();
    if let Some(at) = notice.delivered_at {
        let sent = [json!(at.to_string()), json!("out"), json!("notice"), Value::Null, Value::Null];
        let of = [json!(went_to(notice)), Value::Null, Value::Null, text_or_null(&notice.reason), Value::Null];
        rows.push(sent.into_iter().chain(of).collect());
    }
    for mail in mails {
        let text = text_of(site, &mail, TEXT_CHARS_MAX);
        let kind = if mail.state == "aside" { format!("{} (aside)", mail.kind) } else { mail.kind };
        let came = [json!(mail.received.to_string()), json!("in"), json!(kind), text_or_null(&mail.from)];
        let of = [
            text_or_null(&mail.signed),
            Value::Null,
            json!(mail.subject),
            json!(mail.seq),
            text_or_null(&mail.reason),
            json!(text),
        ];
        rows.push(came.into_iter().chain(of).collect());
    }
    List { name: "thread", columns: THREAD, rows }
}

/// What became of a mail for each of its receivers.
fn receivers_list(rows: Vec<ReceiverRow>) -> List {
    let row = |ReceiverRow { contact, state, since, said }: ReceiverRow| {
        vec![json!(contact), json!(state), json!(since.map(|time| time.to_string())), text_or_null(&said)]
    };
    let rows = rows.into_iter().map(row).collect();
    List { name: "receivers", columns: &["contact", "state", "since", "said"], rows }
}

/// Where a notice was sent: on trial to another address than its own.
fn went_to(notice: &Notice) -> String {
    let test = notice.reason.strip_prefix(ON_TRIAL_TO).and_then(|said| said.split(';').next());
    test.map_or_else(|| notice.to.clone(), |test| format!("{test} (in place of {})", notice.to))
}

fn fields(notice: &Notice, reach: &Reach) -> Vec<(&'static str, Value)> {
    vec![
        ("id", json!(notice.id)),
        ("name", json!(notice.name)),
        ("key", json!(reach.key(&notice.key))),
        ("party", json!(notice.party)),
        ("to", json!(notice.to)),
        ("via", json!(notice.via)),
        ("format", json!(notice.format)),
        ("language", json!(notice.language)),
        ("state", json!(notice.state)),
        ("events", json!(notice.events)),
        ("message_id", json!(notice.message_id)),
        ("made", json!(notice.made.to_string())),
        ("due", json!(notice.due.to_string())),
        ("attempts", json!(notice.attempts)),
        ("reason", json!(notice.reason)),
        ("delivered_at", json!(notice.delivered_at.map(|time| time.to_string()))),
        ("again_of", crate::command::contact::text_or_null(&notice.again_of)),
    ]
}

/// What people see of an event; programs get all of it.
const FEW: &[&str] =
    &["event.id", "time.source", "classification.type", "source.ip", "source.port", "source.fqdn", "malware.name"];

fn print(format: Format, fields: &[(&str, Value)], items: &[Item<'_>], lists: [List; 2]) -> Result<(), Failure> {
    let objects: Vec<Value> = items.iter().map(object).collect();
    if format == Format::Table {
        let row = |object: &Value| FEW.iter().map(|name| object.get(name).cloned().unwrap_or_default()).collect();
        let told = List { name: "told", columns: FEW, rows: objects.iter().map(row).collect() };
        let [receivers, thread] = lists;
        return print_object(format, fields, &[receivers, thread, told]);
    }
    let mut fields = fields.to_vec();
    if format != Format::Csv {
        fields.push(("told", Value::Array(objects)));
    }
    print_object(format, &fields, &lists)
}

fn object(item: &Item<'_>) -> Value {
    let ids = format!("{{\"event.id\":\"{}\",\"report.id\":\"{}\"", item.event.row().id, item.report);
    let mut text = ids.into_bytes();
    event_json::write_members(&item.event, &mut text);
    text.push(b'}');
    serde_json::from_slice(&text).unwrap_or_default()
}

fn print_bytes(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = Out::stdout();
    out.write(bytes)?;
    out.finish()?;
    Ok(Exit::Done)
}

pub(super) fn preview(args: &PreviewArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Look)?;
    let runtime = super::super::runtime()?;
    let site = runtime.block_on(Site::open_to_look(settings))?;
    let reach = runtime.block_on(crate::command::reach(site_arg, &site.store, Kept::Notices))?;
    if let Some(name) = &args.name
        && site.settings.notice(name).is_none()
    {
        let known: Vec<&str> = site.settings.notices.iter().map(|kind| kind.name.as_str()).collect();
        let problem = Problem::new(format!("there is no notice `{name}` in the settings"));
        return Err(Failure::usage(problem.hint(format!("notices here: {}", known.join(", ")))));
    }
    let mut to_go = runtime.block_on(to_go(&site, args.name.as_deref()))?;
    to_go.retain(|going| reach.has_notice(&going.notice));
    let shown = if args.rows.limit == 0 { usize::MAX } else { args.rows.limit };
    let book = site.addressees();
    let hides = |notice: &Notice| reach.hides(&book, (&notice.party, &notice.to, &notice.passed_over));
    if args.text {
        runtime.block_on(read(site_arg, &site, to_go.iter().take(shown).map(|going| &going.notice)))?;
    }
    // Programs get the text as members of each row.
    let for_people = matches!(args.rows.format, None | Some(Format::Table));
    if args.text && for_people {
        for going in to_go.iter().take(shown).filter(|going| !hides(&going.notice)) {
            for part in &going.parts(&site, &reach) {
                let (notice, members) = part;
                let loaded = runtime.block_on(site.store.load(&[members]))?;
                let heard = runtime.block_on(compose::heard(&site, &loaded, &[part]))?;
                let items = compose::items(&site, notice, &loaded, members, &heard);
                if !print_text(&site, notice, &items, &reach)? {
                    return Ok(Exit::Done);
                }
            }
        }
        return Ok(Exit::Done);
    }
    let mut columns = vec!["id", "name", "key", "to", "via", "state", "events", "due", "why"];
    columns.extend(if args.text { TEXT } else { &[] });
    let mut table = args.rows.table(&columns);
    'rows: for (at, going) in to_go.iter().enumerate() {
        let with_text = args.text && at < shown;
        let parts = match with_text {
            true => going.parts(&site, &reach),
            false => vec![(going.notice.clone(), going.members.clone())],
        };
        for part in &parts {
            let (notice, members) = part;
            let is_hidden = hides(notice);
            let to = if is_hidden { "" } else { &notice.to };
            let id = if notice.id == NOT_YET { Value::Null } else { json!(notice.id) };
            let row = [
                id,
                json!(notice.name),
                json!(reach.key(&notice.key)),
                json!(to),
                json!(notice.via),
                json!(notice.state),
                json!(notice.events),
                json!(notice.due.to_string()),
                text_or_null(&going.why(&reach, &book)),
            ];
            let mut row = row.to_vec();
            if args.text && is_hidden {
                row.extend([const { Value::Null }; TEXT.len()]);
            } else if with_text {
                let loaded = runtime.block_on(site.store.load(&[members]))?;
                let heard = runtime.block_on(compose::heard(&site, &loaded, &[part]))?;
                row.extend(composed(&site, notice, &compose::items(&site, notice, &loaded, members, &heard)));
            }
            if !table.row(&row)? {
                break 'rows;
            }
        }
    }
    table.finish()?;
    tell_counts(&to_go);
    Ok(Exit::Done)
}

/// What programs get of the text of a notice.
const TEXT: &[&str] = &["subject", "text", "attachment", "content", "encrypted", "not_composed"];

/// The same for one.
fn composed(site: &Site, notice: &Notice, items: &[Item<'_>]) -> [Value; 6] {
    let message = match compose::message(site, notice, items) {
        Ok(message) => message,
        Err(problem) => {
            let [subject, text, attachment, content, encrypted] = [const { Value::Null }; 5];
            return [subject, text, attachment, content, encrypted, json!(problem.what)];
        }
    };
    let (encrypted, not_composed) = match compose::bytes(site, notice, &message) {
        Ok(bytes) => (json!(is_encrypted(&bytes)), Value::Null),
        Err(problem) => (Value::Null, json!(problem.what)),
    };
    let content = String::from_utf8_lossy(&message.payload.bytes);
    [json!(message.subject), json!(message.text), json!(message.payload.name), json!(content), encrypted, not_composed]
}

/// A notice that would go out.
pub(crate) struct Going {
    pub(crate) notice: Notice,
    members: Members,
    /// What will be decided anew of it when it is approved or sent.
    anew: Option<Anew>,
    /// What it becomes where it waits for a contact.
    becomes: Option<Becomes>,
    /// Why it will fail.
    fails: Option<String>,
    /// Whether there are templates in its language.
    is_spoken: bool,
    /// Where it really goes on trial.
    on_trial: String,
}

/// What of a notice that will fail is said to those who do not see all addresses of it.
const KEYLESS: &str = "it must be encrypted, and not everybody who gets it has a good key";

impl Going {
    /// The notices whose texts go out: those that one becomes which waits for a contact that there is by now. Whoever does
    /// not see all parties sees it as it waits.
    fn parts(&self, site: &Site, reach: &Reach) -> Vec<(Notice, Members)> {
        let becomes = self.becomes.as_ref().filter(|becomes| becomes.is_told() && reach.is_all());
        let Some(becomes) = becomes else { return vec![(self.notice.clone(), self.members.clone())] };
        let mut parts: Vec<(Notice, Members)> =
            becomes.notices.iter().map(|made| not_yet(site, made.clone())).collect();
        if let Some((first, _)) = parts.first_mut() {
            let Notice { id, message_id, made, .. } = self.notice.clone();
            (first.id, first.message_id, first.made) = (id, message_id, made);
        }
        parts
    }

    /// Why it waits, whom it passes over, and whether it will go to others, as far as whoever asks may see that.
    pub(crate) fn why(&self, reach: &Reach, book: &Addressees) -> String {
        let notice = &self.notice;
        if let (seen, true) = reach.of_notice(book, notice.clone()) {
            return seen.reason;
        }
        if notice.state == "no-contact" {
            let why = self.becomes.as_ref().map(|becomes| becomes.why(&notice.id, reach.is_all()));
            return why.unwrap_or_else(|| notice.reason.clone());
        }
        let passed_over = if reach.is_all() { notice.passed_over.as_str() } else { "" };
        let anew = self.anew.as_ref().map(|anew| if reach.is_all() { anew.why() } else { anew.because.clone() });
        let fails = self.fails.as_deref().map(|why| if reach.is_all() { why } else { KEYLESS });
        let fails = fails.map(|why| format!("it would fail: {why}")).unwrap_or_default();
        let waits = if waits_for_approval(notice) { WAITS_FOR_APPROVAL } else { "" };
        let language = match self.is_spoken {
            true => String::new(),
            false => format!("there are no templates in `{}`, so it is in English", notice.language),
        };
        let anew = anew.as_deref().unwrap_or_default();
        let said = [fails.as_str(), waits, &self.on_trial, passed_over, anew, &language];
        said.into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

fn waits_for_approval(notice: &Notice) -> bool {
    notice.state == "waiting" && notice.reason == WAITS_FOR_APPROVAL
}

/// How much would go to how many, and how much waits for what, for whoever decides about it.
fn tell_counts<'g>(to_go: &'g [Going]) {
    let (mut goes, mut events, mut without_contact, mut for_approval) = (0, 0, 0, 0);
    let (mut parties, mut addresses) = (BTreeSet::<&'g String>::new(), BTreeSet::<&'g str>::new());
    let mut count = |state: &str, is_for_approval: bool, party: &'g String, to: &'g str, members: u64| match state {
        "no-contact" => without_contact += 1,
        _ if is_for_approval => for_approval += 1,
        _ => {
            (goes, events) = (goes + 1, events + members);
            parties.insert(party);
            addresses.extend(to.split(',').filter(|address| !address.is_empty()));
        }
    };
    for Going { notice, becomes, .. } in to_go {
        match becomes.as_ref().filter(|becomes| becomes.by_itself && becomes.is_told()) {
            Some(becomes) => {
                for one in &becomes.notices {
                    count(one.state, one.state == "waiting", &one.party, &one.recipient, one.members.len());
                }
            }
            None => count(&notice.state, waits_for_approval(notice), &notice.party, &notice.to, notice.events),
        }
    }
    let (parties, addresses) = (parties.len(), addresses.len());
    tracing::info!(notices = goes, events, parties, addresses, without_contact, for_approval, "would be told");
    let failing = to_go.iter().filter(|going| going.fails.is_some()).count();
    if failing > 0 {
        tracing::warn!(notices = failing, "of them would fail; `why` says what is missing");
    }
}

/// Number of a notice that is not made yet.
pub(crate) const NOT_YET: &str = "not-yet";

/// Everything that would go out if it were due now: what is gathered, then what is queued; then what waits for approval
/// or for a contact.
pub(crate) async fn to_go(site: &Site, name: Option<&str>) -> Result<Vec<Going>, Problem> {
    let (book, barred) = (site.addressees(), site.barred().await?);
    let mut to_go = Vec::new();
    for (index, kind) in site.settings.notices.iter().enumerate() {
        if name.is_none_or(|name| name == kind.name) {
            let mut made = Vec::new();
            for new in tell::waiting(site, index).await? {
                made.extend(by_now(site, &book, &barred, new).await?);
            }
            to_go.extend(made.into_iter().map(|(notice, members)| Going {
                fails: fails(site, &notice, None),
                is_spoken: is_spoken(site, &notice),
                on_trial: on_trial(site, &notice),
                notice,
                members,
                anew: None,
                becomes: None,
            }));
        }
    }
    for state in ["queued", "waiting", "no-contact"] {
        let filter =
            NoticeFilter { state: Some(state.into()), name: name.map(str::to_owned), ..NoticeFilter::default() };
        for notice in site.store.records.notices(&filter).await? {
            let Some((notice, members)) = site.store.records.notice(&notice.id).await? else { continue };
            let anew = match state {
                "queued" if !anew::is_concerned(site, &book, &notice, &barred) => None,
                "queued" | "waiting" => Box::pin(anew::foretell(site, &book, &barred, (&notice, &members))).await?,
                _ => None,
            };
            let becomes = Box::pin(responsible::becomes(site, &book, &barred, (&notice, members.clone()))).await?;
            let fails = fails(site, &notice, anew.as_ref());
            let (is_spoken, on_trial) = (is_spoken(site, &notice), on_trial(site, &notice));
            to_go.push(Going { fails, is_spoken, on_trial, notice, members, anew, becomes });
        }
    }
    Ok(to_go)
}

/// Why a notice will fail as it is. What goes to others is said by itself, and what was tried goes out as it was composed.
fn fails(site: &Site, notice: &Notice, anew: Option<&Anew>) -> Option<String> {
    let is_fresh = notice.attempts == 0 && notice.state != "no-contact" && anew.is_none();
    if is_fresh { compose::keyless(site, notice) } else { None }
}

/// That it goes to the one address of a trial, in words.
fn on_trial(site: &Site, notice: &Notice) -> String {
    let is_mail = site.settings.vias.get(&notice.via).is_some_and(|via| via.kind == MAIL);
    let test = site.settings.deliver.override_recipient.as_ref().filter(|_| is_mail && !notice.to.is_empty());
    test.map_or_else(String::new, |test| format!("on trial it goes to {test}"))
}

/// Whether the text of a notice is in its language. Only those of events have templates.
fn is_spoken(site: &Site, notice: &Notice) -> bool {
    notice.language.is_empty()
        || site.settings.notice(&notice.name).is_none()
        || site.settings.templates.speaks(&notice.language)
}

/// What is gathered as it would go out. Events keep who answered for them when they came; of what nobody answered for then,
/// the contact book may know somebody by now, who is told once the notice is made.
async fn by_now(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    new: NewNotice,
) -> Result<Vec<(Notice, Members)>, Problem> {
    let (notice, members) = not_yet(site, new);
    let becomes = Box::pin(responsible::becomes(site, book, barred, (&notice, members.clone()))).await?;
    Ok(match becomes.filter(Becomes::is_told) {
        Some(becomes) => {
            let due = notice.due;
            becomes.notices.into_iter().map(|one| not_yet(site, NewNotice { due, ..one })).collect()
        }
        None => vec![(notice, members)],
    })
}

fn not_yet(site: &Site, new: NewNotice) -> (Notice, Members) {
    let notice = Notice {
        id: NOT_YET.to_owned(),
        name: new.name.as_ref().to_owned(),
        key: new.key,
        party: new.party,
        to: new.recipient,
        via: new.via.as_ref().to_owned(),
        format: new.format.as_ref().to_owned(),
        language: new.language.as_ref().to_owned(),
        state: if new.state == "queued" { "waiting".to_owned() } else { new.state.to_owned() },
        events: new.members.len(),
        tlp: new.tlp,
        message_id: format!("{NOT_YET}@{}", site.domain()),
        made: wire::now(),
        due: new.due,
        attempts: 0,
        since: new.due,
        tries: 0,
        reason: new.reason,
        delivered_at: None,
        again_of: String::new(),
        text: String::new(),
        carrier_message_id: String::new(),
        within: String::new(),
        passed_over: new.passed_over,
        is_by_hand: false,
    };
    (notice, new.members)
}

/// Says whether anybody still reads.
fn print_text(site: &Site, notice: &Notice, items: &[Item<'_>], reach: &Reach) -> Result<bool, Failure> {
    let mut out = Out::stdout();
    let (count, via) = (notice.events, &notice.via);
    let events = if count == 1 { "event" } else { "events" };
    let head = format!("== {} ({}), {count} {events}, via {via}\n", notice.name, reach.key(&notice.key));
    out.write(head.as_bytes())?;
    match compose::message(site, notice, items) {
        Ok(message) => {
            match compose::bytes(site, notice, &message) {
                Ok(bytes) if is_encrypted(&bytes) => out.write(b"Encrypted: for all who get it\n")?,
                Ok(_) => {}
                Err(problem) => out.write(format!("cannot be sent: {}\n", problem.what).as_bytes())?,
            }
            out.write(&compose::readable(&message))?;
            out.write(b"\n")?;
        }
        Err(problem) => out.write(format!("cannot be composed: {}\n\n", problem.what).as_bytes())?,
    }
    out.finish()?;
    Ok(!out.is_closed())
}
