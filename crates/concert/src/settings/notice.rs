//! `[[notice]]`: what is told to whom, when, and in which format.

pub(crate) use concert_model::address::is_address;
use std::time::Duration;

use concert_model::problem::{instead, meant};
use concert_model::{Field, Keys, language};
use concert_pipeline::condition::Condition;
use concert_pipeline::group::schedule::When;
use concert_pipeline::render::{Columns, Listed, Templates, read_format};
use concert_store::records::Gate;

use super::via::{MAIL, Vias};
use super::{Taken, unique_name};

/// A configured kind of notice.
pub struct Notice {
    /// Its name.
    pub name: String,
    /// Events with the same values of these fields go into one notice.
    pub group_by: Vec<String>,
    /// Whom it is for.
    pub to: Recipient,
    /// When it is due.
    pub when: When,
    /// It is due as soon as so many events wait.
    pub or_at_events: Option<u64>,
    /// Most events of one notice.
    pub events_max: u64,
    /// The same problem is told again only after this time.
    pub remind_after: Duration,
    /// A problem not seen for this time is over; seen again it is a relapse.
    pub clean_after: Duration,
    /// Format of the events.
    pub format: &'static Listed,
    /// What of the events is written.
    pub columns: Columns,
    /// Name of the way out.
    pub via: String,
    /// Only events for which this holds.
    pub condition: Option<Condition>,
    /// Language of the text where the party has not said its own.
    pub language: String,
    /// Blind copies.
    pub bcc: Vec<String>,
    /// Whether a person must approve each before it is sent.
    pub gate: Gate,
    /// Whether it may go in one mail with others to the same people.
    pub merge: bool,
}

/// Whom a notice is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The party that answers for the events.
    Responsible,
    /// Always these addresses.
    Addresses(Vec<String>),
    /// Nobody in particular: the way out has its own target.
    Target,
}

/// Most addresses in `to` or `bcc`.
const ADDRESSES_MAX: usize = 50;
/// Most events of one notice, which are all in memory while it is written.
const EVENTS_MAX: u64 = 1_000_000;
/// Most fields in `group_by`.
const GROUP_FIELDS_MAX: usize = 8;

/// Every notice. One with mistakes is left out; its mistakes are told.
pub(super) fn read_all(tables: Vec<Keys<'_>>, vias: &Vias, templates: &Templates) -> Vec<Notice> {
    let mut taken = Taken::new();
    tables.into_iter().filter_map(|keys| read(keys, vias, templates, &mut taken)).collect()
}

fn read(mut keys: Keys<'_>, vias: &Vias, templates: &Templates, taken: &mut Taken) -> Option<Notice> {
    let name = unique_name(&mut keys, "what the notice is called", taken);
    let group_by = group_by(&mut keys);
    let to = recipient(&mut keys);
    let when = When::read(&mut keys, "at once");
    let or_at_events = keys.number_in("or_at_events", 1..=10_000_000, "due as soon as so many events wait");
    let events_max = keys.number_or(
        "events_max",
        100_000,
        1..=EVENTS_MAX,
        "most events of one notice; of more, several notices are made",
    );
    let remind_after = keys.duration_or("remind_after", "7d", "the same problem is told again only after this time");
    let clean_after = keys.duration_or("clean_after", "7d", "a problem not seen for this time is over");
    let format = read_format(&mut keys);
    let columns = Columns::read(&mut keys);
    let via = via(&mut keys, vias);
    let condition = condition(&mut keys);
    let language = keys.text_or("language", "en", "language of the templates, a folder in templates/");
    if let Err(hint) = language::tag(&language) {
        keys.problem("language", format!("`{language}` is no language"), hint);
    } else if !templates.speaks(&language) {
        keys.problem(
            "language",
            format!("there are no templates in `{language}`"),
            format!("put them into templates/{language}/"),
        );
    }
    let bcc = keys.texts("bcc", "addresses of blind copies");
    check_addresses(&keys, "bcc", &bcc);
    let approve = keys.flag_or("approve", false, "each waits until a person approves it: `concert notice approve`");
    let merge = keys.flag_or("merge", false, "goes in one mail with other such notices to the same people, by `smtp`");
    if let (Some(via), Recipient::Target) = (via.as_ref().and_then(|name| vias.good.get(name)), &to)
        && via.kind == MAIL
        && !keys.has("to")
    {
        keys.missing("to", "\"responsible\" or a mail address; mail cannot go out without it");
    }
    tell_idle(&keys, vias, via.as_deref(), (&to, format, merge));
    keys.finish();
    // Not needed, and no harm: `concert check` says that nobody is mailed.
    let is_mailed = || via.as_ref().and_then(|name| vias.good.get(name)).is_none_or(|via| via.kind == MAIL);
    let to = if matches!(to, Recipient::Addresses(_)) && !is_mailed() { Recipient::Target } else { to };
    Some(Notice {
        name: name?,
        group_by,
        to,
        when,
        or_at_events,
        events_max,
        remind_after,
        clean_after,
        format,
        columns,
        via: via?,
        condition,
        language,
        bcc,
        gate: if approve { Gate::Approval } else { Gate::Open },
        merge,
    })
}

/// Tells keys without effect beside this way out and this format. A contact may wish for others, where it is told as the
/// one that is responsible.
fn tell_idle(keys: &Keys<'_>, vias: &Vias, via: Option<&str>, (to, format, merge): (&Recipient, &Listed, bool)) {
    let Some(via) = via.and_then(|name| vias.good.get(name)) else { return };
    let is_mail = |via: &super::via::Via| via.kind == MAIL;
    let has_wishes = *to == Recipient::Responsible;
    // Of those with mistakes the kind is not known.
    let can_be_mail =
        is_mail(via) || (has_wishes && (vias.good.len() < vias.names.len() || vias.good.values().any(is_mail)));
    if !can_be_mail {
        let idle = [("bcc", keys.has("bcc")), ("merge", merge)];
        for (name, _) in idle.iter().filter(|(_, is_there)| *is_there) {
            let what =
                format!("`{name}` has no effect: [via.{}] is no way out for mail but of type `{}`", via.name, via.kind);
            let hint = format!("leave `{name}` out, or name a way out of type `smtp` in `via`");
            keys.problem(name, what, hint);
        }
    }
    let for_people = ["text", "html"].contains(&format.name);
    if keys.has("defang") && !for_people && !can_be_mail && !has_wishes {
        let what = format!("`defang` has no effect in format `{}`", format.name);
        keys.problem("defang", what, "write format = \"text\", or leave `defang` out");
    }
    if merge && !has_wishes && can_be_mail && format.name == "html" {
        let what = "`merge` has no effect in format `html`: such a notice has a mail of its own";
        keys.problem("merge", what, "leave `merge` out, or write format = \"text\"");
    }
}

/// Any fields of an event; the responsible party without the key.
fn group_by(keys: &mut Keys<'_>) -> Vec<String> {
    if !keys.has("group_by") {
        keys.texts(
            "group_by",
            "events with the same values of these fields go into one notice; [\"party\"] without it",
        );
        return vec!["party".to_owned()];
    }
    let names = keys
        .texts("group_by", "events with the same values of these fields go into one notice; [\"party\"] without it");
    if names.is_empty() || names.len() > GROUP_FIELDS_MAX {
        keys.problem(
            "group_by",
            format!("`group_by` takes 1 to {GROUP_FIELDS_MAX} fields"),
            "group_by = [\"source.asn\"]",
        );
    }
    check_fields(keys, "group_by", &names);
    for (name, at) in names.iter().zip(0..).filter(|(name, at)| names.iter().take(*at).any(|other| other == *name)) {
        keys.problem_item("group_by", at, format!("`{name}` stands twice in `group_by`"), "name it once");
    }
    names
}

/// Tells names that no event can have.
fn check_fields(keys: &Keys<'_>, key: &str, names: &[String]) {
    for name in names {
        let extra = name.strip_prefix("extra.").is_some_and(|rest| !rest.is_empty());
        if extra || Field::named(name).is_some() {
            continue;
        }
        let otherwise = "fields of the data format, such as source.asn, or extra.NAME for others";
        let hint = meant(name, Field::all().map(Field::name), otherwise);
        keys.problem(key, format!("`{name}` is not a field of events"), hint);
    }
}

fn recipient(keys: &mut Keys<'_>) -> Recipient {
    let Some(text) = keys.text("to", "\"responsible\", or an address, or several with commas between them") else {
        return Recipient::Target;
    };
    if text.trim() == "responsible" {
        return Recipient::Responsible;
    }
    let addresses: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
    check_addresses(keys, "to", &addresses);
    Recipient::Addresses(addresses)
}

fn check_addresses(keys: &Keys<'_>, key: &str, addresses: &[String]) {
    if addresses.len() > ADDRESSES_MAX {
        keys.problem(
            key,
            format!("`{key}` takes at most {ADDRESSES_MAX} addresses"),
            "a list at the mail server takes more",
        );
    }
    for address in addresses.iter().filter(|address| !is_address(address)) {
        let hint = match key {
            "to" => {
                let otherwise = "write to = \"responsible\", or an address: to = \"abuse@net.example\"";
                meant(address, ["responsible"], otherwise)
            }
            _ => format!("{key} = [\"cert@cert.example\"]"),
        };
        keys.problem(key, format!("`{}` is not a mail address", address.escape_debug()), hint);
    }
}

/// The condition of `if`; its mistakes are told at their place in the text.
fn condition(keys: &mut Keys<'_>) -> Option<Condition> {
    let text = keys.text("if", "only events for which this condition holds")?;
    match Condition::compile(&text) {
        Ok(condition) => Some(condition),
        Err(mistakes) => {
            for (offset, mistake) in mistakes {
                keys.problem_in("if", offset, mistake.what, mistake.hint);
            }
            None
        }
    }
}

fn via(keys: &mut Keys<'_>, vias: &Vias) -> Option<String> {
    let name = keys.require("via", "the way out: the NAME of a [via.NAME]")?;
    if vias.names.contains(&name) {
        return Some(name);
    }
    let known: Vec<&str> = vias.names.iter().map(String::as_str).collect();
    let hint = if known.is_empty() { format!("write a table [via.{name}]") } else { instead(&name, &known) };
    keys.problem("via", format!("there is no way out [via.{name}]"), hint);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_tricks_are_refused() {
        for good in ["a@b.example", "first.last+x@cert.example", "postmaster@localhost"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@b,c@d", "a@b\nBcc: c", "<a@b>", "a@@b", ".a@b", "a@b."] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
