//! From ranges that overlap to stretches that do not.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Resolves overlaps: tells where each stretch begins and what holds there, in order from zero to the
/// end of the address space. Of ranges that overlap the narrower wins, of two equally wide ones the
/// later. Ranges under way wait in a heap, the narrowest on top, so the work is n log n however they
/// overlap.
///
/// `range` gives first and last address and the word of the range with a number, or `None` behind the
/// last; their first addresses do not fall.
pub(crate) fn stretches(
    range: impl Fn(usize) -> Option<(u128, u128, u32)>,
    end: u128,
    nothing: u32,
    mut tell: impl FnMut(u128, u32),
) {
    tell(0, nothing);
    let mut open = BinaryHeap::new();
    let mut index = 0;
    let mut at = 0u128;
    loop {
        // Most ranges overlap no other and need no heap.
        while let (true, Some((first, last, word))) = (open.is_empty(), range(index)) {
            if first < at || range(index + 1).is_some_and(|(after, _, _)| after <= last) {
                break;
            }
            tell(at, nothing);
            tell(first, word);
            if last >= end {
                return;
            }
            (index, at) = (index + 1, last + 1);
        }
        while let Some((first, last, word)) = range(index).filter(|(first, _, _)| *first <= at) {
            open.push((Reverse(last - first), index, last, word));
            index += 1;
        }
        while open.peek().is_some_and(|(_, _, last, _)| *last < at) {
            open.pop();
        }
        let next = range(index).map(|(first, _, _)| first);
        let until = match open.peek() {
            Some((_, _, last, word)) => {
                tell(at, *word);
                let after = (*last < end).then(|| *last + 1);
                [next, after].into_iter().flatten().min()
            }
            None => {
                tell(at, nothing);
                next
            }
        };
        match until {
            Some(until) => at = until,
            None => return,
        }
    }
}
