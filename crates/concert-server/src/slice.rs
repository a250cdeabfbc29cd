//! Parts of lists: where one ended, and which rows come then.
//!
//! A cursor tells the row behind which a part goes on, not how many rows were before it: what is written between two
//! parts neither brings a row a second time nor passes one by; where the last row of a part is gone itself, one of a list
//! without an order of its own may be passed by. Lists of settings and of the contact book, which change
//! by hand and seldom, are counted.

use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::site::Refusal;

/// Most bytes of a key that stand in a cursor; what is longer is told apart by a digest.
const KEY_BYTES_MAX: usize = 120;
/// Bytes of a digest.
const DIGEST_BYTES: usize = 8;
/// Bytes of the digest at the end of a cursor, by which one that was never given, or was changed, is known.
const SEAL_BYTES: usize = 4;

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Most rows to give.
    pub limit: usize,
    /// Where the part before ended, as [`Page::next`] said.
    pub cursor: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next part begins; nothing at the end.
    pub next: Option<String>,
}

fn wrong() -> Refusal {
    Refusal::Wrong("`cursor` is not one that was given here".into())
}

impl Slice {
    /// Where the part begins, for lists whose cursor is the number of rows before it.
    pub fn start(&self) -> Result<usize, Refusal> {
        let start = self.cursor.as_deref().map(str::parse).transpose();
        Ok(start.map_err(|_| wrong())?.unwrap_or(0))
    }

    /// The part of rows that are all there, by their number. Rows before it and behind it are not made.
    pub fn part<T>(&self, rows: impl ExactSizeIterator<Item = T>) -> Result<Page<T>, Refusal> {
        let (start, count) = (self.start()?, rows.len());
        let end = start.saturating_add(self.limit);
        Ok(Page { rows: rows.skip(start).take(self.limit).collect(), next: (count > end).then(|| end.to_string()) })
    }

    /// The part of rows that are in the order of their keys, each another one.
    pub fn part_of<T, R>(
        &self,
        rows: &[T],
        key: impl Fn(&T) -> String,
        row: impl FnMut(&T) -> R,
    ) -> Result<Page<R>, Refusal> {
        let (part, next) = self.by_key(rows.len(), |at| rows.get(at).map(&key).unwrap_or_default())?;
        Ok(Page { rows: rows.get(part).unwrap_or_default().iter().map(row).collect(), next })
    }

    /// Which of so many rows are the part, where they are in the order of their keys, and the cursor of the next.
    pub fn by_key(
        &self,
        count: usize,
        key: impl Fn(usize) -> String,
    ) -> Result<(Range<usize>, Option<String>), Refusal> {
        let after = self.bytes()?;
        let start = after.map_or(0, |after| behind(&after, count, |at| place(&key(at))));
        Ok(self.until(start, count, |last| place(&key(last))))
    }

    /// Which of so many rows are the part, where they are in the order in which they were written, or in one by which
    /// several may be alike. `said` is what a row is known by.
    pub fn as_written(
        &self,
        count: usize,
        said: impl Fn(usize) -> String,
    ) -> Result<(Range<usize>, Option<String>), Refusal> {
        let start = match self.bytes()?.as_deref().map(|after| after.split_last_chunk::<DIGEST_BYTES>()) {
            None => 0,
            Some(Some((before, known))) => {
                let before = before.try_into().map(u64::from_be_bytes).map_err(|_| wrong())?;
                let before = usize::try_from(before).unwrap_or(usize::MAX).min(count);
                nearest(before, count, |at| digest::<DIGEST_BYTES>(said(at).as_bytes()) == *known)
            }
            Some(None) => return Err(wrong()),
        };
        Ok(self.until(start, count, |last| {
            let mut place = (last as u64 + 1).to_be_bytes().to_vec();
            place.extend(digest::<DIGEST_BYTES>(said(last).as_bytes()));
            place
        }))
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
        let (place, seal) = bytes.split_last_chunk::<SEAL_BYTES>().ok_or_else(wrong)?;
        if digest::<SEAL_BYTES>(place) == *seal { Ok(Some(place.to_vec())) } else { Err(wrong()) }
    }

    fn until(&self, start: usize, count: usize, place: impl Fn(usize) -> Vec<u8>) -> (Range<usize>, Option<String>) {
        let end = start.saturating_add(self.limit).min(count);
        let last = end.checked_sub(1).filter(|_| start < end && end < count);
        (start..end, last.map(|last| sealed(place(last))))
    }
}

fn sealed(mut place: Vec<u8>) -> String {
    place.extend(digest::<SEAL_BYTES>(&place));
    URL_SAFE_NO_PAD.encode(place)
}

fn digest<const BYTES: usize>(said: &[u8]) -> [u8; BYTES] {
    let mut short = [0; BYTES];
    for (to, from) in short.iter_mut().zip(Sha256::digest(said)) {
        *to = from;
    }
    short
}

/// A key as a cursor tells it.
fn place(key: &str) -> Vec<u8> {
    let mut place = head(key.as_bytes()).to_vec();
    if key.len() > KEY_BYTES_MAX {
        place.extend(digest::<DIGEST_BYTES>(key.as_bytes()));
    }
    place
}

fn head(place: &[u8]) -> &[u8] {
    place.get(..KEY_BYTES_MAX).unwrap_or(place)
}

/// The first row behind the one that a cursor tells, also where that is gone. Of rows with the same long beginning, of
/// which that one is gone, none is passed by.
fn behind(after: &[u8], count: usize, place: impl Fn(usize) -> Vec<u8>) -> usize {
    let (mut first, mut end) = (0, count);
    while first < end {
        let middle = first + (end - first) / 2;
        if head(&place(middle)) < head(after) { first = middle + 1 } else { end = middle }
    }
    let alike = (first..count).map(|at| (at, place(at))).take_while(|(_, place)| head(place) == head(after));
    alike.into_iter().find(|(_, place)| place == after).map_or(first, |(at, _)| at + 1)
}

/// Behind the row that is known and nearest to where it was; where it was, when it is gone.
fn nearest(before: usize, count: usize, is_it: impl Fn(usize) -> bool) -> usize {
    let Some(was) = before.checked_sub(1) else { return 0 };
    for step in 0..count {
        let found = [was.checked_add(step), was.checked_sub(step)].into_iter().flatten();
        if let Some(at) = found.filter(|at| *at < count).find(|at| is_it(*at)) {
            return at + 1;
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_key(rows: &[&str], cursor: Option<String>) -> (Vec<String>, Option<String>) {
        let slice = Slice { limit: 2, cursor };
        let page = slice.part_of(rows, |row| (*row).to_owned(), |row| (*row).to_owned()).unwrap();
        (page.rows, page.next)
    }

    fn written(rows: &[&str], cursor: Option<String>) -> (String, Option<String>) {
        let (part, next) = Slice { limit: 2, cursor }.as_written(rows.len(), |at| rows[at].to_owned()).unwrap();
        (rows[part].join(""), next)
    }

    #[test]
    fn rows_that_come_and_go_move_no_other_to_another_part() {
        let (rows, next) = by_key(&["b", "c", "d", "e"], None);
        assert_eq!(rows, ["b", "c"]);
        assert_eq!(by_key(&["a", "c", "d", "e"], next.clone()), (vec!["d".into(), "e".into()], None));
        let (rows, next) = by_key(&["b", "d", "e", "f"], next);
        assert_eq!(rows, ["d", "e"], "where the last one is gone");
        assert_eq!(by_key(&["b"], next), (Vec::new(), None));
        for cursor in ["?", "x", "abc", "AAAA", "AAAAAAAAAAAA"] {
            let wrong = Slice { limit: 2, cursor: Some(cursor.into()) };
            assert!(wrong.part_of(&[] as &[&str], |row| (*row).to_owned(), |_| ()).is_err(), "{cursor}");
        }
    }

    #[test]
    fn long_keys_are_told_apart_and_fit_in_a_cursor() {
        let long = |end: &str| format!("{}{end}", "x".repeat(5_000));
        let (one, two, three) = (long("1"), long("2"), long("3"));
        let (rows, next) = by_key(&[&one, &two, &three], None);
        assert_eq!(rows, [one.clone(), two.clone()]);
        assert!(next.as_ref().unwrap().len() <= 186);
        assert_eq!(by_key(&[&long("0"), &one, &two, &three], next.clone()).0, [three.as_str()]);
        assert_eq!(by_key(&[&one, &three], next).0, [one, three], "none is passed by");
    }

    /// INVARIANT: whatever comes before, behind and between moves no row to another part, while the last one is there.
    #[test]
    fn rows_as_they_were_written_are_found_again() {
        let (rows, next) = written(&["a", "b", "c", "d"], None);
        assert_eq!(rows, "ab");
        for (now, want) in [
            (&["a", "b", "c", "d"] as &[&str], "cd"),
            (&["n", "a", "b", "c"], "c"),
            (&["n", "m", "a", "n", "b", "c", "d", "e"], "cd"),
            (&["b", "c", "d"], "cd"),
            (&["a", "c", "d"], "d"),
            (&["a"], ""),
            (&[], ""),
        ] {
            assert_eq!(written(now, next.clone()).0, want, "{now:?}");
        }
        // Those that are alike are each given once.
        let (rows, next) = written(&["a", "a", "a", "a", "b"], None);
        let (more, next) = written(&["a", "a", "a", "a", "b"], next);
        assert_eq!((rows + &more + &written(&["a", "a", "a", "a", "b"], next).0).as_str(), "aaaab");
        for cursor in ["?", "x", "AAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let wrong = Slice { limit: 2, cursor: Some(cursor.into()) };
            assert!(wrong.as_written(3, |at| at.to_string()).is_err(), "{cursor}");
        }
    }
}
