//! What charts have in common: a heading, and an area with a grid.

use super::svg::{Anchor, Drawing};

/// A chart's measures: its own, and how far its area stays from each side.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Area {
    /// Where a value lies that is `part` of the way up.
    pub(super) fn up(&self, part: f64) -> f64 {
        self.floor() - part * (self.height - self.top - self.bottom)
    }

    /// Where the horizontal axis lies.
    pub(super) fn floor(&self) -> f64 {
        self.height - self.bottom
    }

    /// Where the area ends on the right.
    pub(super) fn end(&self) -> f64 {
        self.width - self.right
    }

    /// A line across the area.
    pub(super) fn across(&self, drawing: &mut Drawing, y: f64, class: &str) {
        drawing.line((self.left, y), (self.end(), y), class);
    }

    /// A line of the grid, and what it stands for.
    pub(super) fn grid(&self, drawing: &mut Drawing, y: f64, label: &str) {
        self.across(drawing, y, "grid");
        drawing.text((self.left - 8.0, y + 4.0), Anchor::End, "", label);
    }

    /// What the vertical axis counts.
    pub(super) fn upwards(&self, drawing: &mut Drawing, text: &str) {
        drawing.upright((20.0, (self.top + self.floor()) / 2.0), text);
    }
}

/// Returns a drawing that has its heading and nothing else.
pub(super) fn headed(title: &str, subtitle: &str, machine: &str) -> Drawing {
    let mut drawing = Drawing::default();
    drawing.text((20.0, 28.0), Anchor::Start, "title", title);
    drawing.text((20.0, 48.0), Anchor::Start, "small", subtitle);
    drawing.text((20.0, 64.0), Anchor::Start, "small", machine);
    drawing
}

/// Round numbers from 0 to `most`, some five of them.
pub(super) fn steps(most: f64) -> Vec<f64> {
    let step = nice(most / 5.0);
    (0..).map(|n| f64::from(n) * step).take_while(|value| *value <= most).collect()
}

/// Returns the next 1, 2, 4 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let ten = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 10.0].map(|n| n * ten).into_iter().find(|n| *n >= step).unwrap_or(step)
}
