//! Small charts as SVG: bars and lines over a grid of time, drawn by the server so that a page needs no script to show them.

use std::collections::BTreeMap;

use schema::Micros;

use crate::format::{self, real};
use crate::pages::deployments::Deployment;
use crate::range::Grid;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 132.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 6.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;

/// How the values of a chart read, and how high its axis goes.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    /// Writes a value.
    pub label: fn(f64) -> String,
    /// Writes a round value beside the axis.
    pub tick: fn(f64) -> String,
    /// The axis is at least this high.
    pub floor: f64,
    /// The axis is at most this high; what is above touches the top, and its hover title tells the value.
    pub ceiling: f64,
    /// Whether round values are those of a clock.
    pub is_time: bool,
}

impl Axis {
    /// An axis of plain numbers.
    pub(crate) fn of(label: fn(f64) -> String) -> Self {
        Self { label, tick: label, floor: 1.0, ceiling: f64::INFINITY, is_time: false }
    }

    /// An axis of durations in nanoseconds.
    pub(crate) fn durations() -> Self {
        Self { label: crate::format::duration, tick: crate::format::duration_tick, floor: 1e6, ceiling: f64::INFINITY, is_time: true }
    }

    /// Makes the axis at least this high.
    pub(crate) fn with_floor(self, floor: f64) -> Self {
        Self { floor, ..self }
    }

    /// Cuts the axis off above this.
    pub(crate) fn with_ceiling(self, ceiling: f64) -> Self {
        Self { ceiling: ceiling.max(self.floor), ..self }
    }
}

/// One named row of values, a value a bucket.
pub(crate) struct Series {
    /// Name in the legend and in hover titles.
    pub name: String,
    /// Class that gives the colour.
    pub class: &'static str,
    /// A value a bucket; nothing where nothing was measured.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// Names a row of values.
    pub(crate) fn new(name: impl Into<String>, class: &'static str, values: Vec<Option<f64>>) -> Self {
        Self { name: name.into(), class, values }
    }
}

/// A chart, laid out and ready for `chart.html`.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    /// What the chart shows.
    pub title: String,
    /// The figure that sums it up, beside the title.
    pub figure: String,
    /// What a reader who does not see the chart should know.
    pub summary: String,
    /// Width of the drawing.
    pub width: f64,
    /// Height of the drawing.
    pub height: f64,
    /// Left end of the plot.
    pub left: f64,
    /// Right end of the plot.
    pub right: f64,
    /// Lower end of the plot.
    pub base: f64,
    /// Upper end of the plot.
    pub top: f64,
    /// Lines and labels of the value axis.
    pub y_ticks: Vec<Tick>,
    /// Labels of the time axis.
    pub x_ticks: Vec<Tick>,
    /// Shaded stretches of time: windows of alerts.
    pub shades: Vec<Bar>,
    /// Lines at the moments of deployments, with what was deployed.
    pub marks: Vec<Tick>,
    /// Bars.
    pub bars: Vec<Bar>,
    /// Lines, as SVG paths.
    pub lines: Vec<Line>,
    /// Points that no line reaches.
    pub dots: Vec<Dot>,
    /// Invisible bars over the whole height that bear the hover titles.
    pub bands: Vec<Band>,
    /// Names and colours, where there is more than one series.
    pub legend: Vec<(String, &'static str)>,
}

/// A label at a place of an axis.
#[derive(Debug)]
pub(crate) struct Tick {
    /// Place along the axis.
    pub at: f64,
    /// Label.
    pub label: String,
}

/// A rectangle.
#[derive(Debug)]
pub(crate) struct Bar {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
    /// Class that gives the colour.
    pub class: &'static str,
}

/// A line through several points.
#[derive(Debug)]
pub(crate) struct Line {
    /// SVG path data.
    pub d: String,
    /// Class that gives the colour.
    pub class: &'static str,
}

/// A point by itself.
#[derive(Debug)]
pub(crate) struct Dot {
    /// Place.
    pub x: f64,
    /// Place.
    pub y: f64,
    /// Class that gives the colour.
    pub class: &'static str,
}

/// What the pointer meets over one bucket.
#[derive(Debug)]
pub(crate) struct Band {
    /// Left.
    pub x: f64,
    /// Width.
    pub w: f64,
    /// Hover title: the time and every value.
    pub title: String,
    /// Where the bucket begins, for the script that narrows the range by a click.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
}

/// What the values of a chart are drawn against.
pub(crate) struct Scale {
    top: f64,
    step: f64,
}

impl Chart {
    /// Draws series as bars that stand upon each other.
    pub(crate) fn stacked(title: &str, grid: &Grid, series: &[Series], axis: Axis) -> Self {
        let sums = (0..grid.n).map(|i| series.iter().filter_map(|s| s.values.get(i).copied().flatten()).sum::<f64>());
        let scale = Scale::up_to(sums.fold(0.0, f64::max), &axis);
        let mut chart = Self::frame(title, grid, series, &scale, &axis);
        let slot = chart.slot(grid);
        let gap = (slot * 0.18).min(2.0);
        for i in 0..grid.n {
            let mut below = 0.0;
            for one in series {
                let Some(value) = one.values.get(i).copied().flatten().filter(|v| *v > 0.0) else { continue };
                let (y, foot) = (chart.y(&scale, below + value), chart.y(&scale, below));
                let h = (foot - y).max(1.0);
                chart.bars.push(Bar { x: LEFT + slot * real_index(i) + gap / 2.0, y: foot - h, w: slot - gap, h, class: one.class });
                below += value;
            }
        }
        chart
    }

    /// Draws series as lines; a bucket without a value breaks the line.
    pub(crate) fn lines(title: &str, grid: &Grid, series: &[Series], axis: Axis) -> Self {
        let values = series.iter().flat_map(|s| s.values.iter().copied().flatten());
        let scale = Scale::up_to(values.fold(0.0, f64::max), &axis);
        let mut chart = Self::frame(title, grid, series, &scale, &axis);
        let slot = chart.slot(grid);
        for one in series {
            let points: Vec<Option<(f64, f64)>> = (0..grid.n)
                .map(|i| {
                    Some((LEFT + slot * (real_index(i) + 0.5), chart.y(&scale, one.values.get(i).copied().flatten().filter(|v| v.is_finite())?)))
                })
                .collect();
            for run in points.split(|point| point.is_none()) {
                let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
                match run.as_slice() {
                    [] => {}
                    [(x, y)] => chart.dots.push(Dot { x: *x, y: *y, class: one.class }),
                    _ => chart.lines.push(Line { d: path(&run), class: one.class }),
                }
            }
        }
        chart
    }

    /// Writes the figure that stands beside the title.
    pub(crate) fn with_figure(mut self, figure: String) -> Self {
        self.summary = format!("{}: {figure}. {}", self.title, self.summary);
        self.figure = figure;
        self
    }

    /// Shades the windows of alerts.
    pub(crate) fn with_shades(mut self, grid: &Grid, windows: &[(Micros, Micros)]) -> Self {
        let (start, whole) = (grid.start.0, real(grid.at(grid.n).0 - grid.start.0));
        let plot = self.right - self.left;
        for (from, to) in windows {
            let a = (real(from.0.saturating_sub(start)) / whole).clamp(0.0, 1.0);
            let b = (real(to.0.saturating_sub(start)) / whole).clamp(0.0, 1.0);
            if b > a {
                let w = (plot * (b - a)).max(2.0);
                self.shades.push(Bar { x: self.left + plot * a, y: self.top, w, h: self.base - self.top, class: "shade" });
            }
        }
        self
    }

    /// Draws a line where something was deployed; what came in one bucket is one line.
    pub(crate) fn with_marks(mut self, grid: &Grid, deployments: &[Deployment]) -> Self {
        let mut buckets: BTreeMap<usize, Vec<&Deployment>> = BTreeMap::new();
        for one in deployments {
            let bucket = (one.at().0.saturating_sub(grid.start.0)).div_euclid(grid.width_us);
            if let Some(bucket) = usize::try_from(bucket).ok().filter(|bucket| *bucket < grid.n) {
                buckets.entry(bucket).or_default().push(one);
            }
        }
        let slot = self.slot(grid);
        for (bucket, mut deployed) in buckets {
            deployed.sort_by_key(|one| one.at());
            let labels = deployed.iter().map(|one| format!("{} {}", format::minute(one.at()), one.label())).collect::<Vec<_>>();
            self.marks.push(Tick { at: self.left + slot * real_index(bucket), label: labels.join("\n") });
        }
        self
    }

    fn frame(title: &str, grid: &Grid, series: &[Series], scale: &Scale, axis: &Axis) -> Self {
        let mut chart = Self {
            title: title.to_owned(),
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
            right: WIDTH - RIGHT,
            base: HEIGHT - BOTTOM,
            top: TOP,
            ..Self::default()
        };
        chart.y_ticks = scale.ticks().map(|value| Tick { at: chart.y(scale, value), label: (axis.tick)(value) }).collect();
        let slot = chart.slot(grid);
        chart.x_ticks = grid.ticks().into_iter().map(|(i, label)| Tick { at: LEFT + slot * real_index(i), label }).collect();
        // a label that would be cut off by the edge says nothing
        chart.x_ticks.retain(|tick| tick.at > LEFT + 8.0 && tick.at < WIDTH - 14.0);
        chart.bands = (0..grid.n)
            .map(|i| Band {
                x: LEFT + slot * real_index(i),
                w: slot,
                title: band_title(grid, series, i, axis.label),
                from: grid.at(i).0,
                to: grid.at(i + 1).0,
            })
            .collect();
        if series.len() > 1 {
            chart.legend = series.iter().map(|s| (s.name.clone(), s.class)).collect();
        }
        chart.summary = summary(series, axis.label);
        chart
    }

    fn slot(&self, grid: &Grid) -> f64 {
        (self.right - self.left) / real_index(grid.n)
    }

    fn y(&self, scale: &Scale, value: f64) -> f64 {
        self.base - (self.base - self.top) * (value / scale.top).clamp(0.0, 1.0)
    }
}

impl Scale {
    /// Picks a round top at or above `value`, within the bounds of the axis, with two to five round steps below it.
    fn up_to(value: f64, axis: &Axis) -> Self {
        let wanted = if value.is_finite() { value.clamp(axis.floor, axis.ceiling) } else { axis.floor };
        let step = if axis.is_time && wanted > 4e9 { clock_step(wanted) } else { decimal_step(wanted) };
        Self { top: (wanted / step - 0.001).ceil() * step, step }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        (0..=8).map(|i| f64::from(i) * self.step).take_while(|value| *value <= self.top * 1.001)
    }
}

/// Finds the least of 1, 2, 2.5 and 5 times a power of ten that makes at most four steps.
fn decimal_step(wanted: f64) -> f64 {
    let power = 10f64.powf((wanted / 3.0).log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| step * 4.0 >= wanted * 0.999).unwrap_or(wanted)
}

/// Finds the least of the steps of a clock that makes at most four steps, in nanoseconds.
fn clock_step(wanted: f64) -> f64 {
    const SECONDS: [f64; 18] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0];
    let known = SECONDS.into_iter().map(|seconds| seconds * 1e9).find(|step| step * 4.0 >= wanted * 0.999);
    known.unwrap_or_else(|| decimal_step(wanted / 86_400e9) * 86_400e9)
}

/// Returns a ceiling that leaves out what is many times the usual: `times` the median of the values.
pub(crate) fn usual(values: &[Option<f64>], times: f64) -> f64 {
    let mut known: Vec<f64> = values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    known.get(known.len() / 2).map_or(f64::INFINITY, |median| median * times)
}

fn band_title(grid: &Grid, series: &[Series], i: usize, label: fn(f64) -> String) -> String {
    let mut title = grid.label(i);
    for one in series {
        let value = one.values.get(i).copied().flatten().map_or_else(|| "–".to_owned(), label);
        title.push('\n');
        title.push_str(&one.name);
        title.push_str(": ");
        title.push_str(&value);
    }
    title
}

fn summary(series: &[Series], label: fn(f64) -> String) -> String {
    let parts = series.iter().filter_map(|one| {
        let values = || one.values.iter().copied().flatten();
        let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
        Some(format!("{} between {} and {}", one.name, label(low), label(high)))
    });
    parts.collect::<Vec<_>>().join("; ")
}

fn path(points: &[(f64, f64)]) -> String {
    let steps = points.iter().enumerate().map(|(i, (x, y))| format!("{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" }));
    steps.collect()
}

fn real_index(i: usize) -> f64 {
    f64::from(u32::try_from(i).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize) -> Grid {
        Grid { start: Micros(0), width_us: 3_600_000_000, n }
    }

    #[test]
    fn the_value_axis_ends_on_a_round_number() {
        let ticks = |value: f64, floor: f64| Scale::up_to(value, &Axis::of(format::short).with_floor(floor)).ticks().collect::<Vec<_>>();
        assert_eq!(ticks(7.0, 1.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(ticks(100.0, 1.0), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        for value in [0.0003, 0.9, 1.0, 3.0, 11.0, 999.0, 1e9, 3.2e10] {
            let ticks = ticks(value, 1e-9);
            assert!((3..=6).contains(&ticks.len()) && *ticks.last().unwrap() >= value * 0.999, "{value}: {ticks:?}");
        }
    }

    #[test]
    fn durations_have_the_steps_of_a_clock() {
        let top = |seconds: f64| Scale::up_to(seconds * 1e9, &Axis::durations()).ticks().last().map(format::duration_tick);
        assert_eq!([top(0.34), top(3.1), top(42.0), top(7_000.0), top(100_000.0)].map(Option::unwrap), ["400 ms", "4 s", "45 s", "2 h", "1.5 d"]);
    }

    /// One odd bucket must not press all others flat.
    #[test]
    fn a_ceiling_cuts_the_axis() {
        let values: Vec<Option<f64>> = [1.0, 1.2, 0.9, 500.0, 1.1].map(Some).to_vec();
        let axis = Axis::of(format::short).with_ceiling(usual(&values, 4.0));
        let chart = Chart::stacked("n", &grid(5), &[Series::new("n", "a", values)], axis);
        assert!(chart.bars.iter().all(|bar| bar.y >= chart.top - 0.01 && bar.h > 10.0), "{:?}", chart.bars);
        assert!(chart.bands[3].title.ends_with("n: 500"));
    }

    #[test]
    fn bars_stay_inside_the_plot_and_stand_upon_each_other() {
        let series = [Series::new("ok", "a", vec![Some(3.0), None, Some(8.0)]), Series::new("error", "b", vec![Some(1.0), None, Some(0.0)])];
        let chart = Chart::stacked("Traces", &grid(3), &series, Axis::of(format::short));
        assert_eq!(chart.bars.len(), 3);
        assert!(chart.bars.iter().all(|bar| bar.y >= chart.top - 0.01 && bar.y + bar.h <= chart.base + 0.01));
        assert!((chart.bars[1].y + chart.bars[1].h - chart.bars[0].y).abs() < 0.01);
        assert_eq!(chart.bands[0].title, "Thu 1 Jan, 00:00\nok: 3\nerror: 1");
        assert_eq!(chart.bands[1].title, "Thu 1 Jan, 01:00\nok: –\nerror: –");
    }

    #[test]
    fn what_was_deployed_together_is_one_line() {
        let deployed = |hour: i64, name: &str| {
            let row = serde_json::json!({"kind": "version", "service_name": "shop", "name": name, "time_us": hour * 3_600_000_000 + 60_000_000});
            serde_json::from_value::<Deployment>(row).unwrap()
        };
        let series = [Series::new("n", "a", vec![Some(1.0); 4])];
        let chart = Chart::lines("n", &grid(4), &series, Axis::of(format::short));
        let chart = chart.with_marks(&grid(4), &[deployed(9, "late"), deployed(2, "2.1"), deployed(2, "2.0"), deployed(-1, "early")]);
        assert_eq!(chart.marks.len(), 1, "{:?}", chart.marks);
        assert!(chart.marks[0].label.contains("version 2.1 in shop\n") && chart.marks[0].label.ends_with("version 2.0 in shop"), "{:?}", chart.marks);
        assert!((chart.marks[0].at - (chart.left + chart.right) / 2.0).abs() < 0.01);
    }

    /// A gap in the data must not be drawn as a value.
    #[test]
    fn a_line_breaks_where_nothing_was_measured() {
        let values = vec![Some(1.0), Some(2.0), None, Some(f64::NAN), Some(1.0), None];
        let chart = Chart::lines("p50", &grid(6), &[Series::new("p50", "a", values)], Axis::of(format::short));
        assert_eq!((chart.lines.len(), chart.dots.len()), (1, 1));
    }
}
