//! Charts of bars in groups.

use super::area::{Area, headed, steps};
use super::svg::{Anchor, Drawing};

const AREA: Area = Area { width: 780.0, height: 430.0, left: 64.0, right: 20.0, top: 134.0, bottom: 46.0 };

/// A group: its label, and its bars.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

#[derive(Debug)]
pub(super) struct Bar {
    pub(super) colour: usize,
    pub(super) value: f64,
    /// Written above it, beside the value.
    pub(super) note: String,
}

#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) subtitle: &'static str,
    pub(super) machine: String,
    pub(super) upwards: &'static str,
    /// The legend of the colours; omitted if there is only one.
    pub(super) legend: Vec<(usize, String)>,
    pub(super) groups: Vec<Group>,
    /// A horizontal line, and its label.
    pub(super) mark: Option<(f64, &'static str)>,
}

impl Chart {
    pub(super) fn draw(&self) -> String {
        let mut drawing = headed(&self.title, self.subtitle, &self.machine);
        let (mut x, mut y) = (AREA.left, 78.0);
        for (colour, name) in &self.legend {
            // The approximate width of letters.
            let width = 34.0 + 6.8 * name.chars().count() as f64;
            if x + width > AREA.width {
                (x, y) = (AREA.left, y + 18.0);
            }
            drawing.bar((x, y), 12.0, 12.0, &format!("f{colour}"));
            let class = if *colour == 1 { "strong" } else { "" };
            drawing.text((x + 17.0, y + 10.5), Anchor::Start, class, name);
            x += width;
        }
        let values = self.groups.iter().flat_map(|group| group.bars.iter().map(|bar| bar.value));
        let most = values.fold(0.0, f64::max) * 1.08;
        let at = |value: f64| AREA.up(value / most);
        for value in steps(most) {
            AREA.grid(&mut drawing, at(value), &format!("{value}"));
        }
        let room = (AREA.end() - AREA.left) / self.groups.len().max(1) as f64;
        for (n, group) in self.groups.iter().enumerate() {
            self.group(&mut drawing, group, AREA.left + n as f64 * room, room, at);
        }
        AREA.across(&mut drawing, AREA.floor(), "axis");
        if let Some((value, name)) = self.mark {
            AREA.across(&mut drawing, at(value), "line dashed l0");
            drawing.text((AREA.end(), at(value) - 5.0), Anchor::End, "small", name);
        }
        AREA.upwards(&mut drawing, self.upwards);
        drawing.finish(&self.title, AREA.width, AREA.height)
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
            drawing.text((middle, AREA.floor() + 17.0 + 15.0 * n as f64), Anchor::Middle, "", line);
        }
    }
}
