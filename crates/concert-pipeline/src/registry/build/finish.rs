//! What is written once every object was read: networks in order, and from where on which party is named.

use std::io::{self, Write};
use std::net::IpAddr;

use concert_model::Problem;
use hashbrown::HashSet;

use super::answers::Answers;
use super::{Builder, Range, Summary};
use crate::enrich::stretch::stretches;
use crate::registry::answer::Answer;
use crate::registry::file::{NONE, key};
use crate::registry::route::beside;
use crate::registry::write::{self, AsEntry, Entry, Parts};

impl Builder {
    /// Writes the compact file, and tells what was read.
    pub fn finish(mut self, out: &mut dyn Write) -> io::Result<Summary> {
        let mut answers = Answers::new();
        let (v4, v6) = (std::mem::take(&mut self.v4), std::mem::take(&mut self.v6));
        let v4 = self.entries(v4, &mut answers, |bits| IpAddr::V4(bits.into()));
        let v6 = self.entries(v6, &mut answers, |bits| IpAddr::V6(bits.into()));
        let asns = std::mem::take(&mut self.asns);
        let asns: Vec<(u32, u32, u32)> =
            asns.into_iter().map(|(asn, (refs, name))| (asn, answers.number(&self, refs), name)).collect();
        let list = std::mem::take(&mut answers.list);
        self.summary.unusable = list.iter().flat_map(|answer| &answer.unusable).collect::<HashSet<_>>().len() as u64;
        // What they were made of may take as much memory as all that follows.
        drop((answers, std::mem::take(&mut self.handles)));
        drop((std::mem::take(&mut self.orgs), std::mem::take(&mut self.roles), std::mem::take(&mut self.irts)));
        let (parties, party_of) = parties(&list);
        let party = |answer: u32| party_of.get(answer as usize).copied().unwrap_or(NONE);
        let asns: Vec<AsEntry> =
            asns.into_iter().map(|(asn, answer, name)| AsEntry { asn, answer, name, party: party(answer) }).collect();
        let numbers = v4.iter().map(|entry| entry.answer).chain(v6.iter().map(|entry| entry.answer));
        let numbers = numbers.chain(asns.iter().map(|entry| entry.answer));
        let (answered, all) =
            numbers.fold((0, 0), |(good, all), number| (good + u64::from(party(number) != NONE), all + 1));
        self.summary.answered = answered;
        self.summary.silent = all - answered;
        let (stretches_v4, stretches_v6) = (stretch_v4(&v4, &party), stretch_v6(&v6, &party));
        let (routes_v4, routes_v6) = self.routes.entries();
        let origin = |origin: u32| {
            let at = asns.binary_search_by_key(&origin, |entry| entry.asn).ok();
            at.and_then(|at| asns.get(at)).map_or(NONE, |entry| entry.party)
        };
        let routed_v4 = beside(&stretch_v4(&routes_v4, &origin), &stretches_v4);
        let routed_v6 = beside(&stretch_v6(&routes_v6, &origin), &stretches_v6);
        let (answers, names) = (&list, &self.names);
        let parts = Parts {
            v4,
            v6,
            asns,
            answers,
            names,
            stretches_v4,
            stretches_v6,
            parties,
            routes_v4,
            routes_v6,
            routed_v4,
            routed_v6,
        };
        write::write(parts, out)?;
        Ok(self.summary)
    }

    /// Ranges in order, the wider of two that begin at once first; of two equal ones the first stays.
    fn entries<A: Copy + Ord>(
        &mut self,
        mut ranges: Vec<Range<A>>,
        answers: &mut Answers,
        address: fn(A) -> IpAddr,
    ) -> Vec<Entry<A>> {
        ranges.sort_by(|a, b| (a.first, b.last).cmp(&(b.first, a.last)));
        let mut summary = std::mem::take(&mut self.summary);
        ranges.dedup_by(|later, first| {
            let is_twice = (later.first, later.last) == (first.first, first.last);
            if is_twice {
                summary.set_aside(|| {
                    let what = key(address(later.first), address(later.last));
                    let counts =
                        format!("`{what}` is there twice; the first object counts, at {}", self.place(first.line));
                    Problem::new(counts).at(self.place(later.line))
                });
            }
            is_twice
        });
        self.summary = summary;
        ranges
            .into_iter()
            .map(|Range { first, last, refs, name, .. }| Entry {
                first,
                last,
                answer: answers.number(self, refs),
                name,
            })
            .collect()
    }
}

/// The parties that answers name, in the order of their names, each with its first answer, that is the first that tells a
/// language where any does; and for each answer the number of its party.
fn parties(answers: &[Answer]) -> (Vec<(&str, u32)>, Vec<u32>) {
    let usable = (0u32..).zip(answers).filter(|(_, answer)| answer.is_usable());
    let ranked = usable.map(|(number, answer)| (answer.party.as_str(), answer.languages.is_empty(), number));
    let mut ranked: Vec<(&str, bool, u32)> = ranked.collect();
    ranked.sort_unstable();
    ranked.dedup_by_key(|(name, ..)| *name);
    let parties: Vec<(&str, u32)> = ranked.into_iter().map(|(name, _, number)| (name, number)).collect();
    let number = |answer: &Answer| match parties.binary_search_by_key(&answer.party.as_str(), |(name, _)| name) {
        Ok(number) if answer.is_usable() => u32::try_from(number).unwrap_or(NONE),
        _ => NONE,
    };
    let party_of = answers.iter().map(number).collect();
    (parties, party_of)
}

/// Tells from which address on which party is named: that of the smallest network around it which
/// has one.
fn stretch<A: Copy + Into<u128>>(
    entries: &[Entry<A>],
    end: u128,
    party: &dyn Fn(u32) -> u32,
    tell: impl FnMut(u128, u32),
) {
    let usable: Vec<u32> =
        (0u32..).zip(entries).filter(|(_, entry)| party(entry.answer) != NONE).map(|(number, _)| number).collect();
    let range = |at: usize| {
        let entry = entries.get(*usable.get(at)? as usize)?;
        Some((entry.first.into(), entry.last.into(), party(entry.answer)))
    };
    stretches(range, end, NONE, tell);
}

fn stretch_v4(entries: &[Entry<u32>], party: &dyn Fn(u32) -> u32) -> Vec<(u32, u32)> {
    let mut list = Vec::new();
    stretch(entries, u128::from(u32::MAX), party, |start, party| {
        push(&mut list, u32::try_from(start).unwrap_or(u32::MAX), party);
    });
    list
}

fn stretch_v6(entries: &[Entry<u128>], party: &dyn Fn(u32) -> u32) -> Vec<(u128, u32)> {
    let mut list = Vec::new();
    stretch(entries, u128::MAX, party, |start, party| push(&mut list, start, party));
    list
}

/// Adds where a stretch begins. Neighbours with the same party need no border.
pub(in crate::registry) fn push<A: PartialEq>(list: &mut Vec<(A, u32)>, start: A, party: u32) {
    list.pop_if(|(before, _)| *before == start);
    if list.last().is_none_or(|(_, before)| *before != party) {
        list.push((start, party));
    }
}
