//! Charts of bars in groups.

use super::lines::nice;
use super::svg::{Anchor, Drawing};

const WIDTH: f64 = 780.0;
const HEIGHT: f64 = 430.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 134.0;
const BOTTOM: f64 = 46.0;

/// A group: what stands below it, and its bars.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

#[derive(Debug)]
pub(super) struct Bar {
    pub(super) colour: usize,
    pub(super) value: f64,
    /// What is written above it, beside the value.
    pub(super) note: String,
}

#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) subtitle: &'static str,
    pub(super) machine: String,
    pub(super) upwards: &'static str,
    /// What each colour stands for; none is explained if there is but one.
    pub(super) legend: Vec<(usize, String)>,
    pub(super) groups: Vec<Group>,
    /// A line across, and what it is called.
    pub(super) mark: Option<(f64, &'static str)>,
}

impl Chart {
    pub(super) fn draw(&self) -> String {
        let mut drawing = Drawing::default();
        drawing.text((20.0, 28.0), Anchor::Start, "title", &self.title);
        drawing.text((20.0, 48.0), Anchor::Start, "small", self.subtitle);
        drawing.text((20.0, 64.0), Anchor::Start, "small", &self.machine);
        let (mut x, mut y) = (LEFT, 78.0);
        for (colour, name) in &self.legend {
            // Letters are about so wide.
            let width = 34.0 + 6.8 * name.chars().count() as f64;
            if x + width > WIDTH {
                (x, y) = (LEFT, y + 18.0);
            }
            drawing.bar((x, y), 12.0, 12.0, &format!("f{colour}"));
            let class = if *colour == 1 { "strong" } else { "" };
            drawing.text((x + 17.0, y + 10.5), Anchor::Start, class, name);
            x += width;
        }
        let values = self.groups.iter().flat_map(|group| group.bars.iter().map(|bar| bar.value));
        let most = values.fold(0.0, f64::max) * 1.08;
        let at = |value: f64| HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM);
        let step = nice(most / 5.0);
        for value in (0..).map(|n| f64::from(n) * step).take_while(|value| *value <= most) {
            drawing.line((LEFT, at(value)), (WIDTH - RIGHT, at(value)), "grid");
            drawing.text((LEFT - 8.0, at(value) + 4.0), Anchor::End, "", &format!("{value}"));
        }
        let room = (WIDTH - LEFT - RIGHT) / self.groups.len().max(1) as f64;
        for (n, group) in self.groups.iter().enumerate() {
            self.group(&mut drawing, group, LEFT + n as f64 * room, room, at);
        }
        drawing.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "axis");
        if let Some((value, name)) = self.mark {
            drawing.line((LEFT, at(value)), (WIDTH - RIGHT, at(value)), "line dashed l0");
            drawing.text((WIDTH - RIGHT, at(value) - 5.0), Anchor::End, "small", name);
        }
        drawing.upright((20.0, (TOP + HEIGHT - BOTTOM) / 2.0), self.upwards);
        drawing.finish(&self.title, WIDTH, HEIGHT)
    }

    fn group(&self, drawing: &mut Drawing, group: &Group, left: f64, room: f64, at: impl Fn(f64) -> f64) {
        let width = (room * 0.86 / group.bars.len().max(1) as f64).min(48.0);
        let start = left + (room - width * group.bars.len() as f64) / 2.0;
        for (n, bar) in group.bars.iter().enumerate() {
            let (x, y) = (start + n as f64 * width, at(bar.value));
            drawing.bar((x + 1.5, y), width - 3.0, at(0.0) - y, &format!("f{}", bar.colour));
            let middle = x + width / 2.0;
            let value =
                if bar.value >= 10.0 { format!("{:.0}", bar.value) } else { format!("{:.1}", bar.value) };
            drawing.text((middle, y - 5.0), Anchor::Middle, "small", &value);
            if !bar.note.is_empty() {
                drawing.text((middle, y - 19.0), Anchor::Middle, "strong", &bar.note);
            }
        }
        let middle = left + room / 2.0;
        for (n, line) in group.name.lines().enumerate() {
            drawing.text((middle, HEIGHT - BOTTOM + 17.0 + 15.0 * n as f64), Anchor::Middle, "", line);
        }
    }
}
