//! Charts of lines over a few places on the horizontal axis.

use super::area::{Area, headed, steps};
use super::svg::{Anchor, Drawing};

const AREA: Area = Area { width: 780.0, height: 440.0, left: 74.0, right: 170.0, top: 84.0, bottom: 58.0 };
/// The least distance between the names of two lines.
const APART: f64 = 16.0;

/// The scale of the vertical axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// Each step of the grid is ten times the last.
    Tenfold,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// Its colour, by number, and its style.
    pub(super) colour: usize,
    pub(super) look: &'static str,
    /// A value for each place, if there is one.
    pub(super) values: Vec<Option<f64>>,
    /// Notes above the values.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) subtitle: &'static str,
    pub(super) machine: String,
    pub(super) across: &'static str,
    pub(super) upwards: &'static str,
    pub(super) scale: Scale,
    pub(super) places: Vec<String>,
    pub(super) lines: Vec<Line>,
    /// Formats a value on the vertical axis.
    pub(super) unit: fn(f64) -> String,
}

impl Chart {
    pub(super) fn draw(&self) -> String {
        let mut drawing = headed(&self.title, self.subtitle, &self.machine);
        let (low, high) = self.bounds();
        let at = |value: f64| {
            let part = match self.scale {
                Scale::Linear => (value - low) / (high - low),
                Scale::Tenfold => (value / low).log10() / (high / low).log10(),
            };
            AREA.up(part)
        };
        for step in self.steps(low, high) {
            AREA.grid(&mut drawing, at(step), &(self.unit)(step));
        }
        AREA.across(&mut drawing, AREA.floor(), "axis");
        for (n, place) in self.places.iter().enumerate() {
            drawing.text((self.x(n), AREA.floor() + 20.0), Anchor::Middle, "", place);
        }
        let middle = (AREA.left + AREA.end()) / 2.0;
        drawing.text((middle, AREA.height - 14.0), Anchor::Middle, "", self.across);
        AREA.upwards(&mut drawing, self.upwards);
        for line in &self.lines {
            let points = line.values.iter().enumerate();
            let points: Vec<_> = points.filter_map(|(n, value)| Some((self.x(n), at((*value)?)))).collect();
            drawing.path(&points, &format!("l{} {}", line.colour, line.look));
            points.iter().for_each(|point| drawing.dot(*point, &format!("f{}", line.colour)));
            for (n, note) in line.notes.iter().enumerate() {
                if let Some(value) = line.values.get(n).copied().flatten() {
                    let y = at(value);
                    let y = if self.is_freer_above(n, y, &at) { y - 9.0 } else { y + 19.0 };
                    drawing.text((self.x(n), y), Anchor::Middle, "strong", note);
                }
            }
        }
        self.names(&mut drawing, at);
        drawing.finish(&self.title, AREA.width, AREA.height)
    }

    /// Returns true if there is more room above a point than below it, up to the next line.
    fn is_freer_above(&self, place: usize, y: f64, at: &impl Fn(f64) -> f64) -> bool {
        let others = || self.lines.iter().filter_map(|line| Some(at((*line.values.get(place)?)?)));
        let above = others().map(|other| y - other).filter(|gap| *gap > 1.0).fold(y - AREA.top, f64::min);
        let below = others().map(|other| other - y).filter(|gap| *gap > 1.0).fold(AREA.floor() - y, f64::min);
        above >= below
    }

    fn x(&self, place: usize) -> f64 {
        let step = (AREA.end() - AREA.left - 50.0) / (self.places.len().max(2) - 1) as f64;
        AREA.left + 25.0 + place as f64 * step
    }

    /// Draws names at the ends of the lines, pushed apart where they would overlap.
    fn names(&self, drawing: &mut Drawing, at: impl Fn(f64) -> f64) {
        let ends = self.lines.iter().filter_map(|line| {
            let (n, value) =
                line.values.iter().enumerate().filter_map(|(n, v)| Some((n, (*v)?))).next_back()?;
            Some((at(value), self.x(n), line))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut last = f64::NEG_INFINITY;
        for (y, _, _) in &mut ends {
            *y = y.max(last + APART);
            last = *y;
        }
        for (y, _, line) in ends {
            let x = AREA.end() + 4.0;
            drawing.line((x, y), (x + 14.0, y), &format!("line l{} {}", line.colour, line.look));
            let class = if line.colour == 1 { "strong" } else { "" };
            drawing.text((x + 20.0, y + 4.0), Anchor::Start, class, &line.name);
        }
    }

    fn bounds(&self) -> (f64, f64) {
        let values = || self.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        let most = values().fold(0.0, f64::max);
        match self.scale {
            Scale::Linear => (0.0, most * 1.06),
            Scale::Tenfold => {
                let least = values().fold(f64::INFINITY, f64::min);
                (10_f64.powf(least.log10().floor()), 10_f64.powf(most.log10().ceil()))
            }
        }
    }

    fn steps(&self, low: f64, high: f64) -> Vec<f64> {
        match self.scale {
            Scale::Tenfold => std::iter::successors(Some(low), |step| Some(step * 10.0))
                .take_while(|s| *s <= high * 1.001)
                .collect(),
            Scale::Linear => steps(high),
        }
    }
}
