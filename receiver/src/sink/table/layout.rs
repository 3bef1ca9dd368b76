//! Chooses the columns of a table that fit on a terminal, and their widths. Arithmetic only.

/// Cells between two columns: a space, a line, a space.
pub(super) const GAP: usize = 3;
/// No cell of a table is wider than this, however wide the terminal.
const WIDEST: usize = 48;
/// Columns are not made narrower than this for the sake of showing more of them.
const NARROWEST: usize = 10;
/// The width of the column that stands for those left out.
const ELLIPSIS: usize = 1;

/// A column of the shown table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The column at an index, and its width in cells.
    Column { index: usize, width: usize },
    /// The number of columns left out here.
    Gap { left_out: usize },
}

/// The width that a column would like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The width that shows all of it.
    pub(super) wanted: usize,
    /// True if the cell must not be truncated (numbers, timestamps).
    pub(super) rigid: bool,
}

impl Wish {
    /// Returns the width of a column under a cap.
    fn under(self, cap: usize) -> usize {
        self.wanted.min(if self.rigid { WIDEST } else { cap })
    }
}

/// Lays out columns in `room` cells.
///
/// Wide columns are narrowed first, if they can be; if that does not do, columns are left out of the middle. One column
/// at least is shown.
pub(super) fn fit(wanted: &[Wish], room: usize) -> Vec<Shown> {
    let count = wanted.len();
    let all: Vec<usize> = (0..count).collect();
    let mut shown = all;
    let mut cap = cap_for(wanted, &shown, room);
    if cap.is_none() {
        // The first columns and the last ones, as many as there is room for.
        let room = room.saturating_sub(GAP + ELLIPSIS);
        for kept in (1..count).rev() {
            let front = kept.div_ceil(2);
            shown = (0..front).chain(count - (kept - front)..count).collect();
            cap = cap_for(wanted, &shown, room);
            if cap.is_some() {
                break;
            }
        }
    }
    let mut out = Vec::with_capacity(shown.len() + 1);
    let mut next = 0;
    for &index in &shown {
        if index > next {
            out.push(Shown::Gap { left_out: index - next });
        }
        let width = match cap {
            Some(cap) => wanted[index].under(cap),
            // A terminal too narrow for a single column gets one cut to its width.
            None => wanted[index].wanted.min(room.max(1)),
        };
        out.push(Shown::Column { index, width });
        next = index + 1;
    }
    if next < count {
        out.push(Shown::Gap { left_out: count - next });
    }
    out
}

/// Returns the greatest width that the columns may have so that all of them fit, if any that is bearable does.
fn cap_for(wanted: &[Wish], columns: &[usize], room: usize) -> Option<usize> {
    let gaps = GAP * columns.len().saturating_sub(1);
    let fits = |cap: usize| columns.iter().map(|&c| wanted[c].under(cap)).sum::<usize>() + gaps <= room;
    (NARROWEST..=WIDEST).rev().find(|&cap| fits(cap))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(shown: &[Shown]) -> usize {
        let widths = shown.iter().map(|s| match s {
            Shown::Column { width, .. } => *width,
            Shown::Gap { .. } => ELLIPSIS,
        });
        widths.sum::<usize>() + GAP * shown.len().saturating_sub(1)
    }

    fn soft(widths: &[usize]) -> Vec<Wish> {
        widths.iter().map(|&wanted| Wish { wanted, rigid: false }).collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let shown = fit(&soft(&[5, 10, 20]), 80);
        assert_eq!(shown, [(0, 5), (1, 10), (2, 20)].map(|(index, width)| Shown::Column { index, width }));
    }

    #[test]
    fn wide_columns_give_way_before_any_is_left_out() {
        let shown = fit(&soft(&[5, 200, 30]), 60);
        assert_eq!(shown.len(), 3);
        assert!(shown.contains(&Shown::Column { index: 0, width: 5 }));
        assert!(cells(&shown) <= 60);
    }

    #[test]
    fn numbers_and_times_stay_whole_while_text_gives_way() {
        let wishes = [Wish { wanted: 20, rigid: true }, Wish { wanted: 40, rigid: false }];
        let shown = fit(&wishes, 40);
        assert_eq!(shown, [(0, 20), (1, 17)].map(|(index, width)| Shown::Column { index, width }));
    }

    #[test]
    fn the_middle_is_left_out_and_counted() {
        let shown = fit(&soft(&[12; 50]), 80);
        let left_out: usize =
            shown.iter().map(|s| if let Shown::Gap { left_out } = s { *left_out } else { 0 }).sum();
        assert_eq!(shown.len() - 1 + left_out, 50);
        assert!(matches!(shown.first(), Some(Shown::Column { index: 0, .. })));
        assert!(matches!(shown.last(), Some(Shown::Column { index: 49, .. })));
    }

    #[test]
    fn every_table_fits_every_terminal() {
        for count in 0..40 {
            for room in 1..120 {
                let wish = |i: usize| Wish { wanted: 1 + i * 7 % 60, rigid: i.is_multiple_of(3) };
                let wanted: Vec<Wish> = (0..count).map(wish).collect();
                let shown = fit(&wanted, room);
                let columns = shown.iter().filter(|s| matches!(s, Shown::Column { .. })).count();
                assert!(columns > 0 || count == 0);
                // Narrower than one narrow column and the mark for the rest, nothing is promised.
                assert!(cells(&shown) <= room || room < NARROWEST + GAP + ELLIPSIS, "{count} {room}");
            }
        }
    }
}
