//! A process as an SVG picture: two lanes, a box for each step with who does it and by when, meeting
//! points marked. It carries no script and needs no font of its own.

use super::super::definition::{Kind, Process};
use super::layout::{LINE, Layout, Line, Node, layout};
use super::plain;

/// Height of the title and of the names of the lanes.
const TOP: i64 = 104;
/// How far apart arrows of one box begin and end.
const PORT: i64 = 34;
/// Space between two arrows that go back.
const BACK_GAP: i64 = 13;

const STYLE: &str = "text{font-family:system-ui,'DejaVu Sans',Arial,sans-serif;font-size:13px;fill:#1f2937}\
.head{font-size:20px;font-weight:600}.lane{font-size:14px;font-weight:600;fill:#4b5563}.title{font-weight:600}\
.who{font-size:12px;fill:#4b5563}.meets{font-size:12px;font-weight:600;fill:#92400e}\
.label{font-size:12px;fill:#374151;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}\
.line{fill:none;stroke:#6b7280;stroke-width:1.5}.back{stroke-dasharray:5 4}";

/// The picture. Text of the process is harmless in it.
pub fn svg(process: &Process) -> String {
    let layout = layout(process, TOP);
    let [response, investigation] = layout.lanes;
    let (width, height) = (investigation.right + 2 * 16, layout.height + 16);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"-16 0 {width} {height}\">\n\
         <style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\" fill=\"#6b7280\"/></marker></defs>\n\
         <rect x=\"-16\" width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    let head = format!("{}, version {}", plain(&process.title), process.version);
    text(&mut out, "head", 0, 36, "start", &head);
    for (lane, title, fill) in [(response, "Response", "#eff6ff"), (investigation, "Investigation", "#f0fdf4")] {
        let (left, width, height) = (lane.left, lane.right - lane.left, layout.height - 56);
        out.push_str(&format!(
            "<rect x=\"{left}\" y=\"56\" width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{fill}\"/>\n"
        ));
        text(&mut out, "lane", left + 14, 80, "start", title);
    }
    let mut labels = String::new();
    for line in layout.lines.iter().filter(|line| !line.arrow.is_back) {
        forward(&mut out, &mut labels, &layout, line);
    }
    for (index, line) in layout.lines.iter().filter(|line| line.arrow.is_back).enumerate() {
        back(&mut out, &mut labels, &layout, line, i64::try_from(index).unwrap_or_default());
    }
    for node in &layout.nodes {
        draw(&mut out, node);
    }
    out.push_str(&labels);
    out.push_str("</svg>\n");
    out
}

/// A box with its lines of text.
fn draw(out: &mut String, node: &Node<'_>) {
    let Some(step) = node.step else { return };
    let (left, top, width, height) = (node.x - node.width / 2, node.y, node.width, node.height);
    let (stroke, thick) = if step.meets.is_some() { ("#b45309", 2) } else { ("#6b7280", 1) };
    let dashes = if step.kind == Kind::Wait { " stroke-dasharray=\"4 3\"" } else { "" };
    let fill = if step.kind == Kind::Parallel { "#e5e7eb" } else { "#fff" };
    let look = format!("fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{thick}\"{dashes}");
    out.push_str(&match step.kind {
        // A decision is pointed at both sides.
        Kind::Decision => {
            let (right, bottom, middle) = (left + width, top + height, top + height / 2);
            let (inner_left, inner_right) = (left + 10, right - 10);
            format!(
                "<path d=\"M{left} {middle}L{inner_left} {top}H{inner_right}L{right} {middle}L{inner_right} {bottom}H{inner_left}z\" {look}/>\n"
            )
        }
        _ => format!("<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"5\" {look}/>\n"),
    });
    let mut y = top + 8 + 13;
    for line in node.title() {
        text(out, "title", node.x, y, "middle", &line);
        y += LINE;
    }
    for line in node.who() {
        text(out, "who", node.x, y, "middle", &line);
        y += LINE;
    }
    if let Some(point) = step.meets {
        text(out, "meets", node.x, y, "middle", &format!("◆ {}", point.word()));
    }
}

/// Where an arrow leaves or enters a box: those of one box stand apart, in the order of where they go.
fn port(layout: &Layout<'_>, line: &Line<'_>, leaves: bool) -> i64 {
    let ends = |line: &Line<'_>| match leaves {
        true => Some((*line.over.first()?, *line.over.get(1)?)),
        false => Some((*line.over.last()?, *line.over.get(line.over.len().checked_sub(2)?)?)),
    };
    let Some((own, next)) = ends(line) else { return 0 };
    let x = |index: usize| layout.nodes.get(index).map_or(0, |node| node.x);
    let mut all: Vec<(i64, usize)> = layout
        .lines
        .iter()
        .filter(|other| !other.arrow.is_back)
        .filter_map(ends)
        .filter(|(node, _)| *node == own)
        .map(|(_, next)| (x(next), next))
        .collect();
    all.sort_unstable();
    let place = all.iter().position(|(_, other)| *other == next).unwrap_or_default();
    let count = i64::try_from(all.len()).unwrap_or(1);
    let room = layout.nodes.get(own).map_or(0, |node| node.width - 40);
    let apart = PORT.min(room / count.max(1));
    x(own) + apart * (2 * i64::try_from(place).unwrap_or_default() - (count - 1)) / 2
}

/// An arrow down through its bends.
fn forward(out: &mut String, labels: &mut String, layout: &Layout<'_>, line: &Line<'_>) {
    let nodes: Vec<&Node<'_>> = line.over.iter().filter_map(|index| layout.nodes.get(*index)).collect();
    let (Some((first, rest)), Some(last)) = (nodes.split_first(), nodes.last()) else { return };
    let (mut x, mut y) = (port(layout, line, true), first.y + first.height);
    let end = port(layout, line, false);
    let mut path = format!("M{x} {y}");
    for (index, node) in rest.iter().enumerate() {
        let to_x = if index + 1 == rest.len() { end } else { node.x };
        let to_y = if std::ptr::eq(*node, *last) { node.y - 1 } else { node.y };
        // Boxes of a layer differ in height, so the way down is straight until the layer ends.
        let middle = y.midpoint(to_y);
        path.push_str(&format!("C{x} {middle} {to_x} {middle} {to_x} {to_y}"));
        if index == 0 && !line.arrow.label.is_empty() {
            text(labels, "label", (x + 2 * to_x) / 3, middle + 8, "middle", line.arrow.label);
        }
        (x, y) = (to_x, node.y + node.height);
        if index + 1 < rest.len() {
            path.push_str(&format!("V{y}"));
        }
    }
    out.push_str(&format!("<path class=\"line\" d=\"{path}\" marker-end=\"url(#tip)\"/>\n"));
}

/// An arrow back up: out below the decision, up at the outer side of its lane, in from above.
fn back(out: &mut String, labels: &mut String, layout: &Layout<'_>, line: &Line<'_>, index: i64) {
    let node = |index: Option<&usize>| index.and_then(|index| layout.nodes.get(*index));
    let (Some(from), Some(to)) = (node(line.over.first()), node(line.over.last())) else { return };
    let [response, investigation] = layout.lanes;
    // Three fit beside each other; more share their places.
    let place = index % 3 * BACK_GAP;
    let on_left = from.x < response.right;
    let outer = if on_left { response.left + 12 + place } else { investigation.right - 12 - place };
    let corner = |node: &Node<'_>| {
        let inset = node.width / 2 - 22;
        if on_left { node.x - inset } else { node.x + inset }
    };
    let (start, end) = (corner(from), corner(to));
    let (below, above) = (from.band.1 + 14 + place / 2, to.band.0 - 14 - place / 2);
    let path = format!("M{start} {}V{below}H{outer}V{above}H{end}V{}", from.y + from.height, to.y - 1);
    out.push_str(&format!("<path class=\"line back\" d=\"{path}\" marker-end=\"url(#tip)\"/>\n"));
    let (x, anchor) = if on_left { (start - 8, "end") } else { (start + 8, "start") };
    text(labels, "label", x, below + 4, anchor, line.arrow.label);
}

fn text(out: &mut String, class: &str, x: i64, y: i64, anchor: &str, words: &str) {
    out.push_str(&format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>\n",
        escape(words)
    ));
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for letter in plain(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
