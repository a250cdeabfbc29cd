//! Lists and single things besides incidents and their entries, as JSON.

use concert_model::access::{Action, Kept, Object, Person, may};
use concert_model::incident::process::{FILE_BYTES_MAX, cacao, picture, read};
use concert_model::keys::Source;
use concert_server::desk::{Audit, Cost, Listing, Thing};
use concert_server::site::{Page, Refusal, Slice};
use concert_store::records::{AuditFilter, Audited};
use serde_json::{Value, json};

use super::desk::refusal;
use super::{Pages, book, failed, messages, telling, values};
use crate::incidents::cost::{By, Sum, sums};
use crate::incidents::{self, Ask, ListRows, exhibit_json, only, steps_json};
use crate::settings::processes::{self, Processes};
use crate::{clocks, people, wire};

/// Work with files, which must not be done on a thread that serves.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Refusal::Failed(error.to_string()))
}

/// Whether a person may do something with the site: these lists are asked about once more where they are made.
pub(super) fn need(person: &Person, action: Action) -> Result<(), Refusal> {
    let decision = may(person, action, Object::Site);
    if decision.allowed { Ok(()) } else { Err(Refusal::Denied(decision)) }
}

pub(super) async fn list(
    pages: &Pages,
    person: &Person,
    listing: Listing,
    slice: Slice,
) -> Result<Page<Value>, Refusal> {
    let site = pages.site();
    match listing {
        Listing::Contacts => book::contacts(pages, person, &slice).await,
        Listing::ContactHealth => book::health(pages, person, &slice).await,
        Listing::ContactFindings => book::findings(pages, person, &slice).await,
        Listing::WouldGo(name) => telling::preview(pages, person, name, &slice).await,
        Listing::Exhibits(name) => {
            let state = pages.desk()?.exhibits(person, &name).await.map_err(refusal)?;
            let there: Vec<_> = state.evidence.iter().filter(|(_, exhibit)| exhibit.added.is_some()).collect();
            slice.part_of(&there, |(sha256, _)| (*sha256).clone(), |(sha256, exhibit)| exhibit_json(sha256, exhibit))
        }
        Listing::Rows(name, name_of_list) => {
            let desk = pages.desk()?;
            let state = desk.show(person, &name).await.map_err(refusal)?;
            // Whom it belongs with is asked of the others, not read from the incident alone.
            if name_of_list == "joined" {
                let joins = desk.joins(person, &state).await.map_err(refusal)?;
                let (part, next) =
                    slice.as_written(joins.len(), |at| joins.get(at).map(join_key).unwrap_or_default())?;
                return Ok(Page { rows: joins.get(part).unwrap_or_default().to_vec(), next });
            }
            let ListRows { count, row, key, is_sorted } =
                incidents::list(&state, &name_of_list, wire::now()).ok_or(Refusal::Missing)?;
            let part = if is_sorted { slice.by_key(count, key) } else { slice.as_written(count, key) };
            let (part, next) = part?;
            Ok(Page { rows: part.map(row).collect(), next })
        }
        Listing::Steps(name, wanted) => {
            let mut steps = steps_json(pages.desk()?.progress(person, &name, wire::now()).await.map_err(refusal)?);
            if let Some(wanted) = wanted {
                let words = ["waiting", "ready", "overdue", "done", "skipped", "not taken", "unreadable"];
                if !words.contains(&wanted.as_str()) {
                    return Err(Refusal::Wrong(format!("`state` is one of: {}", words.join(", "))));
                }
                steps.retain(|step| step.get("state").and_then(Value::as_str) == Some(&wanted));
            }
            // In the order of runs and of their steps, not of their names; a step is known by both.
            let key = |at: usize| steps.get(at).map(|step| format!("{} {}", step["run"], step["step"]));
            let (part, next) = slice.as_written(steps.len(), |at| key(at).unwrap_or_default())?;
            Ok(Page { rows: steps.get(part).unwrap_or_default().to_vec(), next })
        }
        Listing::Mails => messages::waiting(&*pages.desk()?, person, &slice).await,
        Listing::Mailbox(state, kind) => {
            need(person, Action::SeeSite(Kept::Events))?;
            messages::by_themselves(&site, (&*pages.desk()?, person), (state, kind), &slice).await
        }
        Listing::Clocks => {
            let dir = site.settings.dir.clone();
            let known = aside(move || clocks::catalogue(&dir)).await?.map_err(broken)?;
            slice.part(known.0.values().map(clocks::law_json))
        }
        Listing::Processes => {
            let all = processes_of(pages).await?.all;
            let row = |(process, origin): &(concert_model::incident::process::Process, _)| {
                let origin: &concert_model::incident::process::Origin = origin;
                json!({"name": process.name, "version": process.version, "title": process.title,
                    "steps": process.steps.len(), "origin": origin.word()})
            };
            slice.part(all.iter().map(row))
        }
        Listing::Users => {
            need(person, Action::ManageUsers)?;
            let records = &site.store.records;
            let users = records.users().await.map_err(failed)?;
            let page = slice.part_of(&users, |user| user.name.clone(), Clone::clone)?;
            let mut rows = Vec::new();
            for user in &page.rows {
                rows.push(Value::Object(people::user_json(user, records).await.map_err(failed)?));
            }
            Ok(Page { rows, next: page.next })
        }
        Listing::Tokens(user) => {
            need(person, Action::ManageUsers)?;
            let tokens = site.store.records.tokens(user.as_deref()).await.map_err(failed)?;
            let now = wire::now();
            slice.part(tokens.iter().map(|token| people::token_json(token, now)))
        }
        Listing::Audit(wanted) => {
            need(person, Action::ReadLog)?;
            let filter = audit_filter(wanted, &slice)?;
            Ok(audited(site.store.records.audit_rows(&filter).await.map_err(failed)?, &slice))
        }
        Listing::AuditOf(name, wanted) => {
            let (filter, asks) = (audit_filter(wanted, &slice)?, Ask::new(person, wire::now()));
            Ok(audited(pages.desk()?.audited(asks, &name, filter).await.map_err(refusal)?, &slice))
        }
    }
}

/// A file of the site is broken: the log says how, and whoever asks can do nothing about it.
pub(super) fn broken(problems: Vec<concert_model::Problem>) -> Refusal {
    Refusal::Failed(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

pub(super) async fn processes_of(pages: &Pages) -> Result<Processes, Refusal> {
    let dir = pages.site().settings.dir.clone();
    let loaded = aside(move || processes::load(&dir)).await?;
    for problem in &loaded.problems {
        tracing::warn!("{problem}");
    }
    Ok(loaded)
}

fn audit_filter(wanted: Audit, slice: &Slice) -> Result<AuditFilter, Refusal> {
    let before = slice.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Refusal::Wrong("`cursor` is not one that was given here".into()))?;
    let Audit { who, object, since, denied } = wanted;
    let limit = (slice.limit as u64).saturating_add(1);
    Ok(AuditFilter { who, object, since, denied, before, limit })
}

fn audited(mut found: Vec<Audited>, slice: &Slice) -> Page<Value> {
    let has_more = found.len() > slice.limit;
    found.truncate(slice.limit);
    let next = found.last().filter(|_| has_more).map(|row| row.seq.to_string());
    Page { rows: found.iter().map(audited_json).collect(), next }
}

fn audited_json(row: &Audited) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    json!({"seq": row.seq, "time": row.by.at.to_string(), "who": row.by.who, "from": text(&row.by.from),
        "action": row.action, "object": text(&row.object), "decision": if row.allowed { "allowed" } else { "denied" },
        "policy": text(&row.policy), "reason": text(&row.reason)})
}

pub(super) async fn thing(pages: &Pages, person: &Person, thing: Thing) -> Result<Value, Refusal> {
    match thing {
        Thing::Exhibit(name, sha256) => {
            let state = pages.desk()?.exhibits(person, &name).await.map_err(refusal)?;
            let (sha256, exhibit) = only(&state, &sha256).map_err(refusal)?;
            Ok(exhibit_json(sha256, exhibit))
        }
        Thing::LookedAtEvidence(name, sha256) => {
            let looked = pages.desk()?.look_at_evidence(person, &name, &sha256).await.map_err(refusal)?;
            let problem = looked.problem;
            Ok(json!({"sha256": looked.sha256, "bytes": looked.bytes, "good": problem.is_none(), "problem": problem}))
        }
        Thing::LookedAtJournal(name) => {
            let (entries, problems) = pages.desk()?.look_at_journal(person, &name).await.map_err(refusal)?;
            let told = |problem: &concert_model::Problem| json!({"what": problem.what, "place": problem.place, "hint": problem.hint});
            let problems: Vec<Value> = problems.iter().map(told).collect();
            Ok(json!({"entries": entries, "good": problems.is_empty(), "problems": problems}))
        }
        Thing::Process(name) => {
            let all = processes_of(pages).await?.all;
            let (process, origin) = all.iter().find(|(process, _)| process.name == name).ok_or(Refusal::Missing)?;
            Ok(json!({
                "name": process.name, "version": process.version, "title": process.title,
                "steps": process.steps.len(), "origin": origin.word(), "definition": process.text,
                "text": picture::outline(process), "mermaid": picture::mermaid(process), "svg": picture::svg(process),
                "cacao": cacao(process, wire::now()),
            }))
        }
        Thing::User(name) => {
            need(person, Action::ManageUsers)?;
            let records = &pages.site().store.records;
            let user = records.user(&name).await.map_err(failed)?.ok_or(Refusal::Missing)?;
            let mut members = people::user_json(&user, records).await.map_err(failed)?;
            let details = people::user_details(&user, records, wire::now()).await.map_err(failed)?;
            members.extend(details.map(|(name, value)| (name.to_owned(), value)));
            Ok(Value::Object(members))
        }
        Thing::Cost(cost, slice) => costs(pages, person, &cost, &slice).await,
        Thing::Observables(name, slice) => values::of_incident(pages, person, &name, &slice).await,
        Thing::About(value, slice) => values::about(pages, person, &value, &slice).await,
        Thing::Tellings(name, telling, slice) => messages::tellings(pages, person, &name, (&telling, &slice)).await,
        Thing::Who(asking) => book::who(pages, person, asking).await,
        Thing::Party(name) => book::party(pages, person, &name).await,
        Thing::Export(whose, is_json) => book::export(pages, person, whose, is_json).await,
        Thing::Replay(feed) => telling::replayed(pages, person, &feed).await,
        Thing::HandOver(name, wanted) => {
            let wanted = super::acts::hand_over(person, wanted);
            let asked = crate::incidents::Ask::new(person, wire::now());
            let moving = pages.desk()?.hand_over_preview(asked, &name, &wanted).await.map_err(refusal)?;
            Ok(json!({"from": wanted.from, "to": wanted.to, "moves": moving.rows()}))
        }
        Thing::Mistakes(text) => {
            if text.len() > FILE_BYTES_MAX {
                return Err(Refusal::Wrong(format!("a process has at most {FILE_BYTES_MAX} bytes")));
            }
            let problems = aside(move || read(&Source { name: "definition".into(), text }).err()).await?;
            let mistake = |problem: &concert_model::Problem| json!({"what": problem.what, "place": problem.place, "hint": problem.hint});
            Ok(json!({"mistakes": problems.unwrap_or_default().iter().map(mistake).collect::<Vec<_>>()}))
        }
    }
}

async fn costs(pages: &Pages, person: &Person, cost: &Cost, slice: &Slice) -> Result<Value, Refusal> {
    let by = match &cost.by {
        None => By::default(),
        Some(word) => By::ALL.into_iter().find(|by| by.word() == word).ok_or_else(|| {
            let words: Vec<&str> = By::ALL.iter().map(|by| by.word()).collect();
            Refusal::Wrong(format!("`by` is one of: {}", words.join(", ")))
        })?,
    };
    if cost.since.zip(cost.until).is_some_and(|(since, until)| since > until) {
        return Err(Refusal::Wrong("`since` is later than `until`: nothing was written down between them".into()));
    }
    let mut spent = pages.desk()?.spent(person, cost.incident.as_deref()).await.map_err(refusal)?;
    spent.retain(|one| {
        cost.since.is_none_or(|since| one.time >= since) && cost.until.is_none_or(|until| one.time < until)
    });
    let site = pages.site();
    let effort = &site.settings.effort;
    let (sums, total) = sums(&spent, by, effort);
    let row = |name: &str, sum: &Sum| json!({"name": name, "minutes": sum.minutes, "cost": sum.cost(), "currency": effort.currency});
    let page = slice.part(sums.iter().map(|(name, sum)| row(name, sum)))?;
    Ok(json!({"rows": page.rows, "total": row("(total)", &total), "minutes_without_rate": total.without_rate,
        "next": page.next}))
}

/// By what an incident that another is joined with is known.
fn join_key(row: &Value) -> String {
    format!("{} {}", row["as"], row["id"])
}
