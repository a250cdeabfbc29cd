//! A layered layout in two lanes: each step below all it needs, response left, investigation right.
//!
//! An arrow over several layers gets a bend in each, so that it finds its way between the boxes. Bends
//! and boxes are put in the order of the middle of what they are joined to, sweeping down and up.

use std::collections::BTreeMap;

use super::super::definition::{Kind, Process, Step, Track};
use super::super::graph;
use super::arrows::{Arrow, arrows};
use super::place::{GAP, Wish, place, width_of};
use super::{who_and_when, wrap};

const BOX_WIDTH: i64 = 240;
const BEND_WIDTH: i64 = 10;
/// Letters in a line of a title.
const TITLE_LETTERS: usize = 27;
/// Letters in a line about who does it.
const WHO_LETTERS: usize = 32;
/// Lines of a title; what is longer ends in an ellipsis.
const TITLE_LINES: usize = 3;
pub(super) const LINE: i64 = 17;
const LAYER_GAP: i64 = 58;
/// Space around what stands in a lane, in which arrows go back.
const MARGIN: i64 = 56;
const LANE_GAP: i64 = 20;
/// Sweeps over all layers; more changes nothing in processes of real size.
const SWEEPS: usize = 12;

/// A box, or a bend of an arrow.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    /// The step; `None` for a bend.
    pub(super) step: Option<&'a Step>,
    lane: usize,
    layer: usize,
    /// Its middle from the left.
    pub(super) x: i64,
    /// Its upper edge.
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
    /// Upper and lower edge of its layer, between which only boxes and bends are.
    pub(super) band: (i64, i64),
}

impl Node<'_> {
    /// The lines of its title.
    pub(super) fn title(&self) -> Vec<String> {
        let mut lines = wrap(self.step.map_or("", |step| step.title.as_str()), TITLE_LETTERS);
        if lines.len() > TITLE_LINES {
            lines.truncate(TITLE_LINES);
            lines.last_mut().into_iter().for_each(|line| line.push('…'));
        }
        lines
    }

    /// The lines about who does it and by when. Evidence, messages and waits say what they are, since
    /// their boxes look like those of actions.
    pub(super) fn who(&self) -> Vec<String> {
        let Some(step) = self.step else { return Vec::new() };
        let kind = match step.kind {
            Kind::Evidence | Kind::Message | Kind::Wait => format!("{}: ", step.kind.word()),
            Kind::Action | Kind::Decision | Kind::Parallel => String::new(),
        };
        wrap(&format!("{kind}{}", who_and_when(step)), WHO_LETTERS)
    }
}

/// An arrow over the nodes it passes, its ends included.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    pub(super) arrow: Arrow<'a>,
    pub(super) over: Vec<usize>,
}

/// A lane from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) left: i64,
    pub(super) right: i64,
}

/// Where everything stands.
#[derive(Clone, Debug)]
pub(super) struct Layout<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) lines: Vec<Line<'a>>,
    pub(super) lanes: [Lane; 2],
    pub(super) height: i64,
}

/// Lays a process out below this height.
pub(super) fn layout(process: &Process, top: i64) -> Layout<'_> {
    let (nodes, lines) = nodes_and_lines(process);
    let lanes = [Lane { left: 0, right: 0 }; 2];
    let mut layout = Layout { nodes, lines, lanes, height: 0 };
    layout.widen();
    let mut rows = layout.rows();
    layout.settle(&rows, |_, x| x);
    for sweep in 0..SWEEPS {
        let near = layout.neighbours(sweep % 2 == 0);
        layout.sweep(&mut rows, &near, sweep % 2 == 0);
    }
    // At last everything moves to the middle of what it is joined to, in the order found.
    for _ in 0..SWEEPS {
        let (above, below) = (layout.neighbours(true), layout.neighbours(false));
        let middles: Vec<i64> = layout.nodes.iter().map(|node| node.x).collect();
        layout.settle(&rows, |node, x| {
            let joined = [&above, &below].into_iter().filter_map(|near| near.get(&node)).flatten();
            middle(joined.filter_map(|other| middles.get(*other).copied())).unwrap_or(x)
        });
    }
    // Bends of one arrow stand below each other where there is room.
    for _ in 0..SWEEPS {
        let chains: BTreeMap<usize, i64> = layout.lines.iter().flat_map(|line| layout.chain(line)).collect();
        layout.settle(&rows, |node, x| chains.get(&node).copied().unwrap_or(x));
    }
    layout.stack(top);
    layout
}

/// Boxes with their layers, and arrows with their bends.
fn nodes_and_lines(process: &Process) -> (Vec<Node<'_>>, Vec<Line<'_>>) {
    let all = arrows(process);
    let (ordered, _) = graph::order(&process.steps);
    let mut layers: BTreeMap<&str, usize> = BTreeMap::new();
    for step in ordered {
        let above = step.needs.iter().filter_map(|need| layers.get(need.step.as_str())).max();
        layers.insert(&step.id, above.map_or(0, |above| above + 1));
    }
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for step in &process.steps {
        places.insert(&step.id, nodes.len());
        let layer = layers.get(step.id.as_str()).copied().unwrap_or_default();
        let lane = usize::from(step.track == Track::Investigation);
        let mut node = Node { step: Some(step), lane, layer, x: 0, y: 0, width: BOX_WIDTH, height: 0, band: (0, 0) };
        let lines = node.title().len() + node.who().len() + usize::from(step.meets.is_some());
        node.height = LINE * i64::try_from(lines).unwrap_or_default() + 16;
        nodes.push(node);
    }
    let mut lines = Vec::new();
    for arrow in all {
        let (Some(from), Some(to)) = (places.get(arrow.from).copied(), places.get(arrow.to).copied()) else { continue };
        let mut over = vec![from];
        if let (false, Some(start), Some(end)) = (arrow.is_back, nodes.get(from).cloned(), nodes.get(to).cloned()) {
            for layer in start.layer + 1..end.layer {
                over.push(nodes.len());
                nodes.push(Node { step: None, layer, width: BEND_WIDTH, height: 0, ..start.clone() });
            }
        }
        over.push(to);
        lines.push(Line { arrow, over });
    }
    (nodes, lines)
}

/// Rows of nodes: for each layer and lane, in their order.
type Rows = BTreeMap<(usize, usize), Vec<usize>>;

impl Layout<'_> {
    fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        for (index, node) in self.nodes.iter().enumerate() {
            rows.entry((node.layer, node.lane)).or_default().push(index);
        }
        rows
    }

    /// Makes each lane as wide as its widest row.
    fn widen(&mut self) {
        let rows = self.rows();
        let widths = [0, 1].map(|lane| {
            let rows = rows.iter().filter(|((_, of), _)| *of == lane);
            let widest =
                rows.map(|(_, row)| width_of(row.iter().filter_map(|at| self.nodes.get(*at)).map(|n| n.width)));
            widest.max().unwrap_or(0).max(BOX_WIDTH) + 2 * MARGIN
        });
        let [first, second] = widths;
        let left = first + LANE_GAP;
        self.lanes = [Lane { left: 0, right: first }, Lane { left, right: left + second }];
    }

    /// What each node is joined to in the layers above, or below.
    fn neighbours(&self, above: bool) -> BTreeMap<usize, Vec<usize>> {
        let mut near: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| !line.arrow.is_back) {
            for (from, to) in line.over.iter().zip(line.over.iter().skip(1)) {
                let (node, other) = if above { (to, from) } else { (from, to) };
                near.entry(*node).or_default().push(*other);
            }
        }
        near
    }

    /// The bends of an arrow, each with the middle of them all.
    fn chain(&self, line: &Line<'_>) -> Vec<(usize, i64)> {
        let is_bend = |index: &&usize| self.nodes.get(**index).is_some_and(|node| node.step.is_none());
        let bends: Vec<usize> = line.over.iter().filter(is_bend).copied().collect();
        let middle = middle(bends.iter().filter_map(|index| self.nodes.get(*index)).map(|node| node.x));
        bends.into_iter().filter_map(|index| Some((index, middle?))).collect()
    }

    /// Puts rows in the order of the middles of their neighbours, layer after layer.
    fn sweep(&mut self, rows: &mut Rows, near: &BTreeMap<usize, Vec<usize>>, down: bool) {
        let mut keys: Vec<(usize, usize)> = rows.keys().copied().collect();
        if !down {
            keys.reverse();
        }
        for key in keys {
            let Some(row) = rows.get_mut(&key) else { continue };
            let wish = |layout: &Self, index: usize| {
                let own = layout.nodes.get(index).map_or(0, |node| node.x);
                let joined = near.get(&index).into_iter().flatten();
                middle(joined.filter_map(|other| layout.nodes.get(*other)).map(|node| node.x)).unwrap_or(own)
            };
            row.sort_by_cached_key(|index| wish(self, *index));
            let wishes: Vec<i64> = row.iter().map(|index| wish(self, *index)).collect();
            let row = row.clone();
            self.put(key.1, &row, &wishes);
        }
    }

    /// Moves every row to where it wishes to be, in its order.
    fn settle(&mut self, rows: &Rows, wish: impl Fn(usize, i64) -> i64) {
        for ((_, lane), row) in rows {
            let own = |index: &usize| self.nodes.get(*index).map_or(0, |node| node.x);
            let wishes: Vec<i64> = row.iter().map(|index| wish(*index, own(index))).collect();
            self.put(*lane, row, &wishes);
        }
    }

    fn put(&mut self, lane: usize, row: &[usize], wishes: &[i64]) {
        let Some(lane) = self.lanes.get(lane).copied() else { return };
        let width = |index: &usize| self.nodes.get(*index).map_or(0, |node| node.width);
        let wishes: Vec<Wish> =
            row.iter().zip(wishes).map(|(index, middle)| Wish { middle: *middle, width: width(index) }).collect();
        let middles = place(&wishes, lane.left + MARGIN, lane.right - MARGIN);
        for (index, middle) in row.iter().zip(middles) {
            if let Some(node) = self.nodes.get_mut(*index) {
                node.x = middle;
            }
        }
    }

    /// Gives each layer its height.
    fn stack(&mut self, top: i64) {
        let last = self.nodes.iter().map(|node| node.layer).max().unwrap_or_default();
        let mut y = top;
        for layer in 0..=last {
            let of_layer = |node: &&mut Node<'_>| node.layer == layer;
            let height = self.nodes.iter().filter(|n| n.layer == layer).map(|n| n.height).max().unwrap_or_default();
            for node in self.nodes.iter_mut().filter(of_layer) {
                // A bend is as high as its layer; a box stands in the middle of it.
                node.height = if node.step.is_some() { node.height } else { height };
                node.y = y + (height - node.height) / 2;
                node.band = (y, y + height);
            }
            y += height + LAYER_GAP;
        }
        self.height = y - LAYER_GAP + GAP;
    }
}

fn middle(all: impl Iterator<Item = i64>) -> Option<i64> {
    let (mut sum, mut count) = (0, 0);
    for x in all {
        sum += x;
        count += 1;
    }
    (count > 0).then(|| sum / count)
}
