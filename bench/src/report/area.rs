//! Shared by all charts: a heading, and an area with a grid.

use super::svg::{Anchor, Drawing};

/// A chart's dimensions: its own, and the margins of its area.
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
    /// Returns the height of a value that is `part` of the way up.
    pub(super) fn up(&self, part: f64) -> f64 {
        self.floor() - part * (self.height - self.top - self.bottom)
    }

    /// Returns the height of the horizontal axis.
    pub(super) fn floor(&self) -> f64 {
        self.height - self.bottom
    }

    /// Returns the right end of the area.
    pub(super) fn end(&self) -> f64 {
        self.width - self.right
    }

    /// A line across the area.
    pub(super) fn across(&self, drawing: &mut Drawing, y: f64, class: &str) {
        drawing.line((self.left, y), (self.end(), y), class);
    }

    /// Draws a line of the grid, and its label.
    pub(super) fn grid(&self, drawing: &mut Drawing, y: f64, label: &str) {
        self.across(drawing, y, "grid");
        drawing.text((self.left - 8.0, y + 4.0), Anchor::End, "", label);
    }

    /// Labels the vertical axis.
    pub(super) fn upwards(&self, drawing: &mut Drawing, text: &str) {
        drawing.upright((20.0, (self.top + self.floor()) / 2.0), text);
    }
}

/// Returns a drawing with only its heading.
pub(super) fn headed(title: &str, subtitle: &str, machine: &str) -> Drawing {
    let mut drawing = Drawing::default();
    drawing.text((20.0, 28.0), Anchor::Start, "title", title);
    drawing.text((20.0, 48.0), Anchor::Start, "small", subtitle);
    drawing.text((20.0, 64.0), Anchor::Start, "small", machine);
    drawing
}

/// Returns about five round numbers from 0 to `most`.
pub(super) fn steps(most: f64) -> Vec<f64> {
    let step = nice(most / 5.0);
    (0..).map(|n| f64::from(n) * step).take_while(|value| *value <= most).collect()
}

/// Returns the next 1, 2, 4 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let ten = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 10.0].map(|n| n * ten).into_iter().find(|n| *n >= step).unwrap_or(step)
}
