//! The entries of a journal in memory, in pieces: whoever adds one to a long journal copies its last piece alone, and
//! shares the others with those who read the journal as it was.

use std::sync::Arc;

use super::case::Kept;

/// Entries of a piece. With more of them adding one takes longer, with fewer all else does.
const PIECE: usize = 512;

/// Entries, in the order in which they hold. Of their pieces all but the last are full.
#[derive(Clone, Debug, Default)]
pub struct Entries(Vec<Arc<Vec<Arc<Kept>>>>);

impl Entries {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * PIECE + last.len())
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Kept>> + Clone {
        self.0.iter().flat_map(|piece| piece.iter())
    }

    /// Those after the first so many; `None` where there are not so many.
    pub(super) fn after(&self, count: usize) -> Option<impl Iterator<Item = &Arc<Kept>> + Clone> {
        let pieces = self.0.iter().skip(count / PIECE);
        (count <= self.len()).then(|| pieces.flat_map(|piece| piece.iter()).skip(count % PIECE))
    }

    /// The first.
    pub(super) fn first(&self) -> Option<&Arc<Kept>> {
        self.0.first()?.first()
    }

    /// The last.
    pub(super) fn last(&self) -> Option<&Arc<Kept>> {
        self.0.last()?.last()
    }

    pub(super) fn push(&mut self, kept: Arc<Kept>) {
        match self.0.last_mut().filter(|last| last.len() < PIECE) {
            Some(last) => Arc::make_mut(last).push(kept),
            None => self.0.push(Arc::new(vec![kept])),
        }
    }
}

impl FromIterator<Arc<Kept>> for Entries {
    fn from_iter<I: IntoIterator<Item = Arc<Kept>>>(all: I) -> Self {
        let mut entries = Self::default();
        all.into_iter().for_each(|kept| entries.push(kept));
        entries
    }
}

#[cfg(test)]
mod tests {
    use concert_model::incident::journal::Header;

    use super::*;

    #[test]
    fn pieces_are_one_list_and_what_was_read_stays_as_it_was() {
        let text = include_str!("../../../../docs/journal.md");
        let header = Header::read(text.lines().find(|line| line.starts_with("{\"body\"")).unwrap()).unwrap();
        let kept = |seq| Arc::new(Kept::new(seq, header.clone(), None));
        let seqs = |entries: &Entries| entries.iter().map(|kept| kept.seq).collect::<Vec<_>>();
        let (mut entries, mut before) = (Entries::default(), Entries::default());
        for count in 0..2 * PIECE as u64 + 2 {
            let want: Vec<u64> = (0..count).collect();
            assert_eq!((entries.len(), seqs(&entries)), (want.len(), want.clone()));
            assert_eq!(entries.first().map(|kept| kept.seq), want.first().copied());
            assert_eq!(entries.last().map(|kept| kept.seq), want.last().copied());
            for from in [0, 1, PIECE - 1, PIECE, PIECE + 1, want.len(), want.len() + 1] {
                let after = entries.after(from).map(|came| came.map(|kept| kept.seq).collect::<Vec<_>>());
                assert_eq!(after.as_deref(), want.get(from..), "{from} of {count}");
            }
            assert_eq!(before.len(), want.len().saturating_sub(1));
            before = entries.clone();
            entries.push(kept(count));
        }
        // All but the last piece are shared.
        assert!(before.0.iter().zip(&entries.0).take(2).all(|(one, other)| Arc::ptr_eq(one, other)));
        assert_eq!(seqs(&entries.iter().rev().cloned().collect()), (0..entries.len() as u64).rev().collect::<Vec<_>>());
    }
}
