//! Where boxes stand side by side: near to what they are joined to, in their order, without overlap.

/// Space between two boxes.
pub(super) const GAP: i64 = 26;

/// Something in a row: where its middle would best be, and how wide it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) middle: i64,
    pub(super) width: i64,
}

/// How wide these are side by side.
pub(super) fn width_of(widths: impl Iterator<Item = i64>) -> i64 {
    widths.map(|width| width + GAP).sum::<i64>().saturating_sub(GAP).max(0)
}

/// The middles of things in their order between two edges, where there is room for all.
pub(super) fn place(wishes: &[Wish], left: i64, right: i64) -> Vec<i64> {
    // Pushing from the left favours the right and the other way round, so the mean of both is taken.
    let from_left = push_left(push_right(wishes.to_vec(), left), right);
    let from_right = push_right(push_left(wishes.to_vec(), right), left);
    from_left.iter().zip(&from_right).map(|(a, b)| a.middle.midpoint(b.middle)).collect()
}

fn push_right(mut row: Vec<Wish>, left: i64) -> Vec<Wish> {
    let mut free = left;
    for wish in &mut row {
        wish.middle = wish.middle.max(free + wish.width / 2);
        free = wish.middle + wish.width / 2 + GAP;
    }
    row
}

fn push_left(mut row: Vec<Wish>, right: i64) -> Vec<Wish> {
    let mut free = right;
    for wish in row.iter_mut().rev() {
        wish.middle = wish.middle.min(free - wish.width / 2);
        free = wish.middle - wish.width / 2 - GAP;
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_stand_where_they_wish_and_never_overlap() {
        let check = |middles: &[i64], want: &[i64]| {
            let wishes: Vec<Wish> = middles.iter().map(|middle| Wish { middle: *middle, width: 100 }).collect();
            assert_eq!(place(&wishes, 0, 500), want, "{middles:?}");
        };
        check(&[250], &[250]);
        check(&[250, 250], &[187, 313]);
        check(&[0, 500], &[50, 450]);
        check(&[480, 490], &[324, 450]);
        check(&[250, 250, 250], &[124, 250, 376]);
        assert_eq!(width_of([100, 100].into_iter()), 226);
        assert_eq!(width_of([].into_iter()), 0);
    }
}
