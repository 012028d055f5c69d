//! The tree of a trace's spans, whatever state they arrived in.
//!
//! Parents may be missing, come later, or form a circle; a span may be there twice; clocks may disagree. Every span stands
//! in the tree exactly once, and those with something odd about them say so. No recursion: depth is the sender's to choose.

use std::collections::HashMap;

/// What the tree needs to know about a span.
pub(crate) trait Node {
    /// Id of the span.
    fn id(&self) -> &str;
    /// Id of the span that caused it.
    fn parent(&self) -> Option<&str>;
    /// When it began, in nanoseconds since 1970.
    fn start_ns(&self) -> i64;
    /// How long it took, in nanoseconds.
    fn duration_ns(&self) -> i64;
    /// When it was received; of several spans with one id the latest counts.
    fn ingested_us(&self) -> i64;
}

/// A span's place in the tree. Places are listed in reading order: a span, then all that is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index into the spans that the tree was built from.
    pub span: usize,
    /// Spans above this one.
    pub depth: usize,
    /// Spans below this one, at any depth.
    pub n_below: usize,
    /// The span names a parent that did not arrive.
    pub is_orphan: bool,
    /// The span was cut out of a circle of parents.
    pub is_circular: bool,
    /// The span began before its parent did: the clocks of two machines disagree.
    pub is_early: bool,
}

/// All spans of a trace in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Places in reading order.
    pub places: Vec<Place>,
    /// Earliest start, in nanoseconds since 1970.
    pub start_ns: i64,
    /// Latest end, in nanoseconds since 1970.
    pub end_ns: i64,
    /// Spans that were left out because a later one has the same id.
    pub n_repeated: usize,
}

impl Tree {
    /// Builds the tree: siblings by start, then by id.
    pub(crate) fn build<N: Node>(spans: &[N]) -> Self {
        let chosen = latest_of_each(spans);
        let parent_of = |i: usize| spans[i].parent().filter(|p| !p.is_empty()).and_then(|parent| chosen.get(parent)).copied().filter(|p| *p != i);

        let mut order: Vec<usize> = chosen.values().copied().collect();
        order.sort_by(|a, b| (spans[*a].start_ns(), spans[*a].id()).cmp(&(spans[*b].start_ns(), spans[*b].id())));

        let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
        let mut roots = Vec::new();
        for i in &order {
            match parent_of(*i) {
                Some(parent) => children[parent].push(*i),
                None => roots.push(*i),
            }
        }

        let mut walk = Walk { spans, children: &children, places: Vec::with_capacity(order.len()), seen: vec![false; spans.len()] };
        for root in roots {
            let is_circular = spans[root].parent() == Some(spans[root].id());
            walk.down_from(root, is_circular);
        }
        // what no root reaches hangs on a circle: enter each circle at its first span
        for i in &order {
            if !walk.seen[*i] {
                let entry = first_on_circle(*i, &parent_of, spans);
                walk.down_from(entry, true);
            }
        }
        let mut places = walk.places;
        count_below(&mut places);

        let start_ns = order.iter().map(|i| spans[*i].start_ns()).min().unwrap_or_default();
        let end_ns = order.iter().map(|i| spans[*i].start_ns().saturating_add(spans[*i].duration_ns().max(0))).max().unwrap_or_default();
        Self { places, start_ns, end_ns, n_repeated: spans.len() - order.len() }
    }
}

/// Finds, for every id, the span that was received last.
fn latest_of_each<N: Node>(spans: &[N]) -> HashMap<&str, usize> {
    let mut chosen: HashMap<&str, usize> = HashMap::with_capacity(spans.len());
    for (i, span) in spans.iter().enumerate() {
        let best = chosen.entry(span.id()).or_insert(i);
        if spans[*best].ingested_us() <= span.ingested_us() {
            *best = i;
        }
    }
    chosen
}

/// Follows parents from `start` until one repeats, and returns the span of that circle that began first.
fn first_on_circle<N: Node>(start: usize, parent_of: &impl Fn(usize) -> Option<usize>, spans: &[N]) -> usize {
    let mut met = HashMap::new();
    let mut path = Vec::new();
    let mut at = start;
    let circle = loop {
        if let Some(from) = met.insert(at, path.len()) {
            break &path[from..];
        }
        path.push(at);
        match parent_of(at) {
            Some(parent) => at = parent,
            None => break &path[path.len() - 1..],
        }
    };
    circle.iter().copied().min_by_key(|i| (spans[*i].start_ns(), *i)).unwrap_or(start)
}

struct Walk<'a, N> {
    spans: &'a [N],
    children: &'a [Vec<usize>],
    places: Vec<Place>,
    seen: Vec<bool>,
}

impl<N: Node> Walk<'_, N> {
    fn down_from(&mut self, root: usize, is_circular: bool) {
        let mut waiting = vec![(root, 0, None)];
        while let Some((i, depth, parent)) = waiting.pop() {
            if std::mem::replace(&mut self.seen[i], true) {
                continue;
            }
            let span = &self.spans[i];
            let is_early = parent.is_some_and(|parent: usize| span.start_ns() < self.spans[parent].start_ns());
            let is_top = parent.is_none();
            self.places.push(Place {
                span: i,
                depth,
                n_below: 0,
                is_orphan: is_top && !is_circular && span.parent().is_some_and(|parent| !parent.is_empty()),
                is_circular: is_top && is_circular,
                is_early,
            });
            waiting.extend(self.children[i].iter().rev().map(|child| (*child, depth + 1, Some(i))));
        }
    }
}

/// In reading order all that is below a place follows it and is deeper.
fn count_below(places: &mut [Place]) {
    let mut open: Vec<usize> = Vec::new();
    for at in 0..places.len() {
        while let Some(last) = open.last().copied().filter(|last| places[*last].depth >= places[at].depth) {
            places[last].n_below = at - last - 1;
            open.pop();
        }
        open.push(at);
    }
    for last in open {
        places[last].n_below = places.len() - last - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str, Option<&'static str>, i64, i64);

    impl Node for One {
        fn id(&self) -> &str {
            self.0
        }
        fn parent(&self) -> Option<&str> {
            self.1
        }
        fn start_ns(&self) -> i64 {
            self.2
        }
        fn duration_ns(&self) -> i64 {
            10
        }
        fn ingested_us(&self) -> i64 {
            self.3
        }
    }

    /// Writes the tree as `id:depth:below`, with `?` for orphans, `@` for circles, `<` for early starts.
    #[track_caller]
    fn check(spans: &[One], expect: &str) {
        let tree = Tree::build(spans);
        let show = |p: &Place| {
            let odd = [(p.is_orphan, "?"), (p.is_circular, "@"), (p.is_early, "<")].iter().filter(|(is, _)| *is).map(|(_, c)| *c).collect::<String>();
            format!("{}:{}:{}{odd}", spans[p.span].0, p.depth, p.n_below)
        };
        assert_eq!(tree.places.iter().map(show).collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn children_stand_below_their_parents_by_start() {
        check(&[One("c", Some("a"), 3, 0), One("b", Some("a"), 2, 0), One("d", Some("b"), 4, 0), One("a", None, 1, 0)], "a:0:3 b:1:1 d:2:0 c:1:0");
    }

    #[test]
    fn orphans_are_roots_of_their_own() {
        check(&[One("a", None, 1, 0), One("x", Some("gone"), 0, 0), One("y", Some("x"), 5, 0)], "x:0:1? y:1:0 a:0:0");
    }

    #[test]
    fn circles_are_entered_once() {
        check(&[One("a", Some("c"), 1, 0), One("b", Some("a"), 2, 0), One("c", Some("b"), 3, 0)], "a:0:2@ b:1:1 c:2:0");
        check(&[One("self", Some("self"), 1, 0)], "self:0:0@");
        // a tail that hangs on a circle, and begins before it
        check(&[One("t", Some("a"), 0, 0), One("a", Some("b"), 1, 0), One("b", Some("a"), 2, 0)], "a:0:2@ t:1:0< b:1:0");
    }

    #[test]
    fn of_repeated_spans_the_latest_counts() {
        let spans = [One("a", None, 1, 5), One("a", None, 2, 9), One("a", None, 3, 7), One("b", Some("a"), 4, 0)];
        check(&spans, "a:0:1 b:1:0");
        let tree = Tree::build(&spans);
        assert_eq!((spans[tree.places[0].span].2, tree.n_repeated), (2, 2));
    }

    #[test]
    fn clock_skew_is_seen() {
        check(&[One("a", None, 10, 0), One("b", Some("a"), 5, 0)], "a:0:1 b:1:0<");
    }

    #[test]
    fn hostile_times_do_not_overflow() {
        let tree = Tree::build(&[One("a", None, i64::MAX, 0), One("b", None, i64::MIN, 0)]);
        assert_eq!((tree.start_ns, tree.end_ns), (i64::MIN, i64::MAX));
        assert!(Tree::build::<One>(&[]).places.is_empty());
    }

    /// A chain of 100,000 spans, each the parent of the next: no recursion, no quadratic work.
    #[test]
    fn a_deep_chain_is_walked() {
        let names: Vec<&'static str> = (0..100_000).map(|i| &*Box::leak(i.to_string().into_boxed_str())).collect();
        let spans: Vec<One> = (0..names.len()).map(|i| One(names[i], i.checked_sub(1).map(|p| names[p]), 0, 0)).collect();
        let tree = Tree::build(&spans);
        assert_eq!((tree.places.len(), tree.places[0].n_below, tree.places[99_999].depth), (100_000, 99_999, 99_999));
    }
}
