//! A backtest as one HTML page without scripts: a line a monitor, its looks shaded by state, its alerts marked. All text is escaped.

use std::fmt::Write as _;

use schema::{Micros, MonitorState};

use super::Replayed;
use crate::state::State;
use crate::words::number;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 120.0;
const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
    h2{margin:2rem 0 .2rem;font-size:1.1rem}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}\
    svg{width:100%;height:auto;background:#fafafa;border:1px solid #ddd}.muted{color:#666}.bad{color:#b00020}\
    .v{fill:none;stroke:#8a6d00;stroke-width:1.5}.b{fill:none;stroke:#999;stroke-dasharray:4 3}.a{fill:#b00020;opacity:.25}.w{fill:#c77700;opacity:.25}\
    .n{fill:#888;opacity:.15}.f{stroke:#b00020;stroke-width:2}@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}svg{background:#1d1d1d}}";

/// Draws a backtest.
pub fn html(all: &[Replayed], from: Micros, to: Micros) -> String {
    let day = |time: Micros| time.to_datetime().format("%Y-%m-%d %H:%M").to_string();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>karat backtest</title><style>{STYLE}</style></head><body>\
         <h1>Backtest</h1><p class=\"muted\">{} to {}, UTC. The same looks as live; nothing was written, nobody was told.</p>",
        day(from),
        day(to)
    );
    page.push_str(&table(all));
    for replayed in all {
        page.push_str(&section(replayed, from, to));
    }
    page.push_str("</body></html>\n");
    page
}

fn table(all: &[Replayed]) -> String {
    let has_null = all.iter().any(|replayed| replayed.null.is_some());
    let mut table = "<table><thead><tr><th>Monitor</th><th>Severity</th><th>Looks</th><th>Would have alerted</th>".to_owned();
    table.push_str(if has_null { "<th>False alerts a week where nothing changed</th>" } else { "" });
    table.push_str("</tr></thead><tbody>");
    for replayed in all {
        let n_looks = replayed.written.states.iter().filter(|row| row.slice.is_empty()).count();
        let _ = write!(
            table,
            "<tr><td>{}</td><td>{}</td><td>{n_looks}</td><td>{}</td>",
            escaped(&replayed.monitor.rule.name),
            replayed.monitor.rule.severity.name(),
            replayed.fired().count()
        );
        if let Some(null) = replayed.null {
            let _ = write!(table, "<td>{:.3} ({} of {} histories)</td>", null.per_week(), null.n_alarmed, null.n_histories);
        }
        table.push_str("</tr>");
    }
    table.push_str("</tbody></table>");
    table
}

fn section(replayed: &Replayed, from: Micros, to: Micros) -> String {
    let rule = &replayed.monitor.rule;
    let mut section = format!("<h2>{}</h2><p class=\"muted\">{}</p>", escaped(&rule.name), escaped(&rule.description));
    if let Some(error) = &replayed.error {
        let _ = write!(section, "<p class=\"bad\">{}</p>", escaped(error));
        return section;
    }
    let looks: Vec<&MonitorState> = replayed.written.states.iter().filter(|row| row.slice.is_empty()).collect();
    section.push_str(&chart(&looks, replayed, from, to));
    section.push_str("<ul>");
    for alert in replayed.fired() {
        let at = alert.time.to_datetime().format("%Y-%m-%d %H:%M");
        let _ = write!(section, "<li>{at} <b>{}</b> {}</li>", escaped(&alert.severity), escaped(&alert.summary));
    }
    section.push_str("</ul>");
    section
}

fn chart(looks: &[&MonitorState], replayed: &Replayed, from: Micros, to: Micros) -> String {
    let span = (to.0 - from.0).max(1) as f64;
    let x = |time: Micros| (time.0 - from.0) as f64 / span * WIDTH;
    let values = || looks.iter().flat_map(|row| [row.value, row.baseline]).flatten().filter(|value| value.is_finite());
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let y = |value: f64| HEIGHT - 10.0 - (value - low) / (high - low).max(1e-12) * (HEIGHT - 20.0);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escaped(&replayed.monitor.rule.name));
    let width = WIDTH * replayed.monitor.rule.every.0 as f64 / span;
    for row in looks {
        let class = match State::parse(&row.state) {
            Some(State::Alert) | Some(State::Error) | None => "a",
            Some(State::Warn) => "w",
            Some(State::NoData) => "n",
            Some(State::Ok) => continue,
        };
        let _ = write!(svg, "<rect class=\"{class}\" x=\"{:.1}\" y=\"0\" width=\"{width:.2}\" height=\"{HEIGHT}\"/>", x(row.time) - width);
    }
    for (class, pick) in [("b", (|row| row.baseline) as fn(&MonitorState) -> Option<f64>), ("v", |row| row.value)] {
        let _ = write!(svg, "<path class=\"{class}\" d=\"{}\"/>", path(looks, pick, &x, &y));
    }
    for alert in replayed.fired() {
        let at = x(alert.time);
        let _ =
            write!(svg, "<line class=\"f\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{HEIGHT}\"><title>{}</title></line>", escaped(&alert.summary));
    }
    svg.push_str("</svg>");
    if low.is_finite() {
        let unit = &replayed.monitor.rule.unit;
        let _ = write!(svg, "<p class=\"muted\">{} to {}; dashed: the baseline</p>", escaped(&number(low, unit)), escaped(&number(high, unit)));
    }
    svg
}

/// A line through the looks that have a number; a gap where one has none.
fn path(looks: &[&MonitorState], pick: fn(&MonitorState) -> Option<f64>, x: &impl Fn(Micros) -> f64, y: &impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for row in looks {
        match pick(row).filter(|value| value.is_finite()) {
            Some(value) => {
                let _ = write!(path, "{pen}{:.1} {:.1}", x(row.time), y(value));
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    path
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
