//! Measures each case and prints the result: a table per bench, or a JSON object per case.

use std::cell::Cell;

use crate::stats::{Stats, measure};
use crate::{Options, instructions};

/// Prints results, case by case.
pub(super) struct Report {
    options: Options,
    /// The title of a table that has no line yet.
    title: Cell<Option<String>>,
}

impl Report {
    pub(super) fn new(options: Options) -> Self {
        Self { options, title: Cell::new(None) }
    }

    /// Measures the contenders, or counts their instructions in a process for that.
    fn figures<const N: usize>(&self, case: &str, contenders: [&mut dyn FnMut(); N]) -> Option<[Stats; N]> {
        if !self.options.wants(case) {
            return None;
        }
        if self.options.count {
            instructions::count(contenders);
            println!("{case}");
            return None;
        }
        if let Some(title) = self.title.take() {
            println!("\n{title}");
        }
        Some(measure(contenders))
    }

    /// Begins a table.
    pub(super) fn title(&self, title: &str) {
        if !self.options.json && !self.options.count {
            self.title.set(Some(title.into()));
        }
    }

    /// A case of ours and theirs. A call is divided by `per`, the number of columns, for the figure that should be
    /// flat.
    pub(super) fn against(&self, case: &str, per: usize, ours: &mut dyn FnMut(), theirs: &mut dyn FnMut()) {
        let Some([ours, theirs]) = self.figures(case, [ours, theirs]) else { return };
        let ratio = theirs.median / ours.median;
        let each = ours.median / per as f64;
        if self.options.json {
            println!(
                "{{\"bench\":\"codec\",\"case\":\"{case}\",\"ours_ns\":{:.1},\"theirs_ns\":{:.1},\"ratio\":{ratio:.2},\
                 \"ours_ns_per_column\":{each:.2},\"ours_allocations\":{},\"theirs_allocations\":{}}}",
                ours.median, theirs.median, ours.allocations, theirs.allocations
            );
        } else {
            println!(
                "  {case:34} {:>11.0} ns  {:>11.0} ns  {ratio:>6.2}x  {each:>8.1} ns/column  {:>3} / {} allocations",
                ours.median, theirs.median, ours.allocations, theirs.allocations
            );
        }
    }

    /// A case that handles `bytes` bytes, compared with a bare loop over them.
    pub(super) fn against_bare(
        &self,
        case: &str,
        bytes: usize,
        ours: &mut dyn FnMut(),
        bare: &mut dyn FnMut(),
    ) {
        let Some([ours, bare]) = self.figures(case, [ours, bare]) else { return };
        let ratio = bare.median / ours.median;
        let rate = |nanoseconds: f64| bytes as f64 / nanoseconds;
        if self.options.json {
            println!(
                "{{\"bench\":\"codec\",\"case\":\"{case}\",\"bytes\":{bytes},\"ours_gb_s\":{:.2},\"bare_gb_s\":{:.2},\
                 \"ratio\":{ratio:.2},\"ours_best_quarter_gb_s\":{:.2},\"ours_allocations\":{}}}",
                rate(ours.median),
                rate(bare.median),
                rate(ours.quartile),
                ours.allocations
            );
        } else {
            println!(
                "  {case:34} {:>8.2} GB/s  {:>8.2} GB/s  {ratio:>6.2}x  {:>3} allocations",
                rate(ours.median),
                rate(bare.median),
                ours.allocations
            );
        }
    }
}
