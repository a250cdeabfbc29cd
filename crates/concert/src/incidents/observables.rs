//! Every value that an incident names, also in what people wrote, and which other incidents name it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use concert_model::access::Person;
use concert_pipeline::observables::Observable;

use super::read::{ABOUT_MAX, Heads};
use super::{Found, Incidents, Refused, titles};

/// Other incidents that are told of a value; one that more incidents name says little.
pub(super) const OTHERS_MAX: usize = 20;
/// Entries that are read at once for one value, and all that are looked at, the newest.
const AT_ONCE: u32 = 200;
/// Those that nobody may see count here, so that a value is not looked for without end.
const LOOKED_MAX: usize = 10_000;

/// A value that an incident names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// What it is, and the value.
    pub one: Observable,
    /// How many entries of the incident name it.
    pub entries: u64,
    /// Numbers of other incidents that name it, what names it last first.
    pub others: Vec<String>,
    /// Whether more than twenty incidents name it, as [`super::About::is_common`] says.
    pub is_common: bool,
}

/// The values of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observables {
    /// The wanted part of the values, of which those that most entries name are first.
    pub values: Vec<Pulled>,
    /// Up to which entry was counted.
    pub upto: u64,
}

/// A value with the number of times that it is named.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'v>(&'v Observable, u64);

impl Counted<'_> {
    /// Its place among others: those most often named come first.
    pub fn key(&self) -> String {
        let Self(one, entries) = self;
        format!("{:020} {} {}", u64::MAX - entries, one.kind.word(), one.value)
    }
}

/// Values with the number of times that they are named, the most often named first.
fn counted<'v>(all: impl Iterator<Item = &'v Observable>) -> Vec<Counted<'v>> {
    let mut counts: HashMap<&Observable, u64> = HashMap::new();
    for one in all {
        *counts.entry(one).or_insert(0) += 1;
    }
    let mut values: Vec<Counted<'_>> = counts.into_iter().map(|(one, entries)| Counted(one, entries)).collect();
    values.sort_by_key(|Counted(one, entries)| (std::cmp::Reverse(*entries), one.kind.word(), one.value.as_str()));
    values
}

/// What is known of entries while values of an incident are looked up, so that an entry that names many of them is read
/// once.
#[derive(Default)]
struct Looked {
    /// The incident by its identity.
    own: String,
    /// Which of its entries count.
    shown: HashSet<u64>,
    heads: Heads,
    /// Entries of others; nothing where they do not count.
    read: HashMap<u64, Option<Found>>,
}

impl Incidents {
    /// The values that an incident names, as far as a person may see it and the others; counted up to an entry, where one
    /// is given. Of a part of them alone it is looked up which others name them.
    pub async fn observables(
        &self,
        person: &Person,
        name: &str,
        upto: Option<u64>,
        part: impl FnOnce(&[Counted<'_>]) -> Range<usize> + Send,
    ) -> Result<Observables, Refused> {
        let (case, circle) = self.find(person, name).await?;
        // Who may not see both of two incidents sees of neither that they were joined, nor why.
        let hidden = self.hidden_joins(person, &case).await?;
        let seen = case.seen_by(&circle, person).filter(|kept| !hidden.contains(&kept.seq));
        let mut shown: Vec<_> = seen.map(|kept| case.read_by(&circle, person, kept)).collect();
        self.audit_read(person, &case.head.number, shown.iter().filter_map(|kept| kept.marking())).await?;
        let told = shown.iter().filter(|kept| !titles::is_withheld(kept));
        let mut looked =
            Looked { own: case.id.clone(), shown: told.map(|kept| kept.seq).collect(), ..Looked::default() };
        shown.extend(self.joint_log(person, &case).await?);
        let upto = upto.or_else(|| shown.iter().map(|kept| kept.seq).max()).unwrap_or_default();
        let values = counted(shown.iter().filter(|kept| kept.seq <= upto).flat_map(|kept| kept.values()));
        let mut all = Observables { values: Vec::new(), upto };
        for Counted(one, entries) in values.get(part(&values)).unwrap_or_default() {
            let (others, is_common) = self.others(person, &one.value, &mut looked).await?;
            all.values.push(Pulled { one: (*one).clone(), entries: *entries, others, is_common });
        }
        self.audit_found(person, looked.read.values().flatten()).await?;
        Ok(all)
    }

    /// Other incidents that name a value, and whether it is common: as the same entries say that are given where the value
    /// is asked about. Only what the person may see counts, so that nobody learns of the rest from it.
    async fn others(&self, person: &Person, value: &str, looked: &mut Looked) -> Result<(Vec<String>, bool), Refused> {
        let Looked { own, shown, heads, read } = looked;
        let (mut others, mut own_names_it) = (Vec::new(), false);
        let (mut below, mut rows_looked, mut count) = (None, 0, 0);
        loop {
            let rows = self.store.records.entries_about(value, below, AT_ONCE).await?;
            rows_looked += rows.len();
            let is_last = rows.len() < AT_ONCE as usize;
            for row in rows {
                below = Some(row.seq);
                if row.incident == *own {
                    if !shown.contains(&row.seq) {
                        continue;
                    }
                    own_names_it = true;
                } else {
                    let found = match read.entry(row.seq) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(new) => {
                            let seen = self.seen(person, &row, heads).await?;
                            new.insert(seen.filter(|found| !titles::is_withheld(&found.kept)))
                        }
                    };
                    let Some(found) = found else { continue };
                    if !others.contains(&found.head.number) {
                        others.push(found.head.number.clone());
                    }
                }
                count += 1;
                // Since a merge it may be others alone that name it.
                if others.len() + usize::from(own_names_it) > OTHERS_MAX {
                    others.truncate(OTHERS_MAX);
                    return Ok((others, true));
                }
                if count == ABOUT_MAX {
                    return Ok((others, false));
                }
            }
            if is_last || rows_looked >= LOOKED_MAX {
                return Ok((others, false));
            }
        }
    }
}
