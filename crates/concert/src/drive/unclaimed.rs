//! Events that nobody answered for when they were told, or a party that left the contact book since: whom each of them
//! falls to by now.
//!
//! A notice for them may hold events of any number of networks, so it becomes one for each party. What nobody answers
//! for still stays together.

use std::collections::HashMap;

use concert_model::{Event, Field, Party, Problem};
use concert_pipeline::enrich::constituents::address;
use concert_pipeline::enrich::{Constituents, book};
use concert_store::Members;
use concert_store::records::NewNotice;

use crate::addressees::{self, Addressees};
use crate::barred::Barred;
use crate::wire::Site;

/// The notices that such a one becomes, each for a party; what falls to nobody stays with the party it had, if any.
pub(super) async fn by_party(
    site: &Site,
    book: &Addressees,
    barred: &Barred,
    notice: NewNotice,
) -> Result<Vec<NewNotice>, Problem> {
    let loaded = site.store.load(&[&notice.members]).await?;
    let kind = site.kinds.iter().find(|kind| *kind.name == *notice.name);
    let mut made: Vec<NewNotice> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for stored in loaded.of(&notice.members) {
        let name = party(book, barred, &stored.event)?;
        let at = *known.entry(name).or_insert_with_key(|name| {
            let key = match kind {
                Some(kind) if !name.is_empty() => kind.key_for(&stored.event, (&notice.party, name), &notice.key),
                _ => notice.key.clone(),
            };
            let party = if name.is_empty() { notice.party.clone() } else { name.clone() };
            made.push(NewNotice { key, party, members: Members::default(), ..notice.clone() });
            made.len() - 1
        });
        if let Some(made) = made.get_mut(at) {
            made.members.add(stored.batch, stored.row);
        }
    }
    // What cannot be read stays as it is.
    if made.is_empty() {
        return Ok(vec![notice]);
    }
    Ok(made)
}

/// The name of who answers for an event by the contact book as it is; empty where nobody does.
pub(super) fn party(book: &Addressees, barred: &Barred, event: &Event<'_>) -> Result<String, Problem> {
    if let Some(party) = answering(&book.constituents, event) {
        return Ok(party.name.clone());
    }
    if let Some(registry) = book.registry.as_ref().filter(|_| !book::is_nobodys(event)) {
        let span = address(event).map(|address| (address, address));
        let asn = event.int(Field::SOURCE_ASN).and_then(|asn| u32::try_from(asn).ok());
        let left = addressees::left(registry, span, asn, &|mail| barred.is_free(mail))
            .map_err(|why| Problem::new(format!("the data of registries cannot be used: {why}")))?;
        if let Some(step) = left.found.or_else(|| left.passed.into_iter().next()) {
            return Ok(step.answer.party);
        }
    }
    let learned = book.learned.as_ref().filter(|_| !book::is_nobodys(event));
    let named = learned.and_then(|learned| answering(learned, event));
    if let Some(party) = named.filter(|party| party.contacts.iter().any(|contact| barred.is_free(&contact.mail))) {
        return Ok(party.name.clone());
    }
    let team = book::last_resort(&book.teams, event);
    // Where no team is either, whoever was named first is told of in the reason.
    Ok(team.or(named).map(|party| party.name.clone()).unwrap_or_default())
}

/// Who of some parties answers for an event.
fn answering<'p>(parties: &'p Constituents, event: &Event<'_>) -> Option<&'p Party> {
    parties.responsible(event).and_then(|found| parties.party(found.party))
}
