//! Drawings: text and shapes, in colours for light and dark backgrounds.

use std::fmt::Write;

/// The style of a drawing. A series has a class by its number; 0 is the floor, 1 is this project.
const STYLE: &str = "
text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#3d444d}
.paper{fill:#ffffff}.title{font-size:16px;font-weight:600;fill:#1f2328}.small{font-size:11px;fill:#59636e}
.strong{font-weight:600;fill:#1f2328}.grid{stroke:#d1d9e0;stroke-width:1}.axis{stroke:#818b98;stroke-width:1}
.line{fill:none;stroke-width:2}.dashed{stroke-dasharray:5 4}.ours{stroke-width:3}
.f0{fill:#818b98}.f1{fill:#c2410c}.f2{fill:#0969da}.f3{fill:#1a7f37}.f4{fill:#8250df}.f5{fill:#e58f65}
.l0{stroke:#818b98}.l1{stroke:#c2410c}.l2{stroke:#0969da}.l3{stroke:#1a7f37}.l4{stroke:#8250df}.l5{stroke:#e58f65}
@media (prefers-color-scheme:dark){
text{fill:#c9d1d9}.paper{fill:#0d1117}.title,.strong{fill:#f0f6fc}.small{fill:#9198a1}
.grid{stroke:#2d333b}.axis{stroke:#656c76}
.f0{fill:#8b949e}.f1{fill:#ff8c4b}.f2{fill:#58a6ff}.f3{fill:#3fb950}.f4{fill:#bc8cff}.f5{fill:#a85a32}
.l0{stroke:#8b949e}.l1{stroke:#ff8c4b}.l2{stroke:#58a6ff}.l3{stroke:#3fb950}.l4{stroke:#bc8cff}.l5{stroke:#a85a32}
}
";

/// The position of a text relative to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing under construction.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    body: String,
}

impl Drawing {
    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        ));
    }

    /// Text that reads upwards.
    pub(super) fn upright(&mut self, (x, y): (f64, f64), text: &str) {
        let text = escape(text);
        self.put(format_args!(
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\">{text}</text>"
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.put(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        ));
    }

    pub(super) fn path(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(format_args!("<polyline points=\"{}\" class=\"line {class}\"/>", points.join(" ")));
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), class: &str) {
        self.put(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" class=\"{class}\"/>"));
    }

    pub(super) fn bar(&mut self, (x, y): (f64, f64), width: f64, height: f64, class: &str) {
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" class=\"{class}\"/>"
        ));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // A `String` accepts anything.
        let _ = writeln!(self.body, "{element}");
    }

    /// Returns the drawing as a file. `title` is also for screen readers.
    pub(super) fn finish(self, title: &str, width: f64, height: f64) -> String {
        let title = escape(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <rect width=\"{width}\" height=\"{height}\" rx=\"6\" class=\"paper\"/>\n{}</svg>\n",
            self.body
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
