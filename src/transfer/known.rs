//! What is there already, so that importing a file twice is importing it once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use collector::Decoder;
use collector::otlp::limits::{Admitted, Meter};
use collector::otlp::{self, Signal};
use schema::{Day, LogRecord, MetricPoint, Micros, Row, Span, Table};
use serde_json::Value;
use store::Answer;

use crate::client;

/// Values that one question asks for.
const VALUES_A_QUESTION: usize = 500;
/// Rows that an answer may have; a server may allow fewer, and says so.
const ROWS_AN_ANSWER: usize = 1_000_000;

/// Where a request has its spans: the names on the way to the lists of them.
const SPANS: Path = &[&["resourceSpans"], &["scopeSpans"], &["spans"]];
const RECORDS: Path = &[&["resourceLogs"], &["scopeLogs"], &["logRecords"]];
const POINTS: Path =
    &[&["resourceMetrics"], &["scopeMetrics"], &["metrics"], &["gauge", "sum", "histogram", "exponentialHistogram", "summary"], &["dataPoints"]];

type Path = &'static [&'static [&'static str]];

/// What the server has, as far as a file asked for it.
pub(super) struct Known {
    url: String,
    decoder: Decoder,
    /// Requests of the file, whole: one that comes again is the same one sent twice.
    requests: HashSet<u64>,
    /// Spans of the file.
    spans: HashSet<String>,
    /// Moments of which it was asked what the server has.
    moments: HashSet<(Table, i64)>,
    /// How often the server had a row when it was asked, less how often the file has had it since.
    had: HashMap<u64, usize>,
}

/// How many items of a request are left, and how many were taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sifted {
    pub n_new: usize,
    pub n_known: usize,
}

/// A row without an id of its own, which is known by everything that it holds.
trait Nameless: Row + Debug {
    /// Where a request has these.
    const PATH: Path;

    /// When it was, in nanoseconds since 1970.
    fn nanos(&self) -> i64;

    /// Returns the row without what differs from one arrival to the next, or by the way that it came.
    fn without_arrival(self) -> Self;
}

impl Nameless for LogRecord {
    const PATH: Path = RECORDS;

    fn nanos(&self) -> i64 {
        self.time_unix_nano
    }

    fn without_arrival(self) -> Self {
        Self { ingested_at: Micros::default(), date: Day::default(), dialect: None, ..self }
    }
}

impl Nameless for MetricPoint {
    const PATH: Path = POINTS;

    fn nanos(&self) -> i64 {
        self.time_unix_nano
    }

    fn without_arrival(self) -> Self {
        Self { ingested_at: Micros::default(), date: Day::default(), ..self }
    }
}

impl Known {
    /// Asks the server at `url`; `decoder` tells which rows it makes of a request.
    pub(super) fn new(url: &str, decoder: Decoder) -> Known {
        let (requests, spans, moments, had) = Default::default();
        Known { url: url.to_owned(), decoder, requests, spans, moments, had }
    }

    /// Takes out of a request what is there already.
    ///
    /// A span is known by its ids. A log record and a data point have none: they are known by their whole row, and as often as it is
    /// there, so that two that are alike stay two. One without a time gets that of its arrival, and is new each time.
    pub(super) async fn leave_out(&mut self, signal: Signal, request: &mut Value) -> anyhow::Result<Sifted> {
        let sent = request.to_string();
        if !self.requests.insert(hash_of(&sent)) {
            return Ok(without_any(request, signal));
        }
        match signal {
            Signal::Traces => self.leave_out_spans(request).await,
            Signal::Logs => self.leave_out_rows::<LogRecord>(signal, &sent, request).await,
            Signal::Metrics => self.leave_out_rows::<MetricPoint>(signal, &sent, request).await,
        }
    }

    async fn leave_out_spans(&mut self, request: &mut Value) -> anyhow::Result<Sifted> {
        let mut lists = lists_of(request, SPANS);
        let traces: BTreeSet<String> = lists.iter().flat_map(|list| list.iter()).filter_map(trace_of).collect();
        let mut known = HashSet::new();
        for answer in self.ask("trace_id || span_id", Span::TABLE, "trace_id", traces).await? {
            known.extend(answer.rows::<(String,)>()?.into_iter().map(|(key,)| key));
        }
        Ok(retain(&mut lists, |span| {
            let key = text(span, "traceId") + &text(span, "spanId");
            !known.contains(&key) && self.spans.insert(key)
        }))
    }

    async fn leave_out_rows<R: Nameless>(&mut self, signal: Signal, sent: &str, request: &mut Value) -> anyhow::Result<Sifted> {
        let rows = self.rows_of::<R>(signal, sent)?;
        let moments = rows.iter().map(R::nanos).filter(|nanos| self.moments.insert((R::TABLE, *nanos)));
        let moments: BTreeSet<String> = moments.map(|nanos| nanos.to_string()).collect();
        for answer in self.ask("*", R::TABLE, "time_unix_nano", moments).await? {
            for batch in &answer.batches {
                R::decode(batch)?.into_iter().for_each(|row| *self.had.entry(fingerprint(row)).or_default() += 1);
            }
        }
        let mut lists = lists_of(request, R::PATH);
        if rows.len() != lists.iter().map(|list| list.len()).sum::<usize>() {
            // The server refuses some of them; which, it says itself.
            return Ok(retain(&mut lists, |_| true));
        }
        let mut rows = rows.into_iter().map(fingerprint);
        Ok(retain(&mut lists, |_| {
            let Some(row) = rows.next() else { return true };
            match self.had.get_mut(&row) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    false
                }
                _ => true,
            }
        }))
    }

    /// Returns the rows that a server makes of a request, in its order.
    fn rows_of<R: Row>(&self, signal: Signal, request: &str) -> anyhow::Result<Vec<R>> {
        let read = otlp::read_json(signal, request.as_bytes(), &mut Meter::new(&mut Admitted, usize::MAX))?;
        // When they arrived is no part of what they are known by.
        let batches = self.decoder.rows(&read.request, Micros::default())?;
        let batches = batches.iter().filter(|(table, _)| *table == R::TABLE);
        Ok(batches.map(|(_, batch)| R::decode(batch)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Asks for what stands at so many values of a column, in smaller parts where an answer would be cut.
    async fn ask(&self, what: &str, table: Table, column: &str, values: BTreeSet<String>) -> anyhow::Result<Vec<Answer>> {
        let values: Vec<String> = values.into_iter().collect();
        let (mut parts, mut answers): (Vec<&[String]>, _) = (values.chunks(VALUES_A_QUESTION).collect(), Vec::new());
        while let Some(part) = parts.pop() {
            let sql = format!("select {what} from {} where {column} in ({})", table.name(), part.join(", "));
            let answer = client::ask(&self.url, &sql, ROWS_AN_ANSWER, Duration::from_secs(60)).await?;
            if !answer.truncated {
                answers.push(answer);
                continue;
            }
            let (first, second) = part.split_at(part.len() / 2);
            let Some(value) = second.first().filter(|_| first.is_empty()) else {
                parts.extend([first, second]);
                continue;
            };
            anyhow::bail!("{} has more rows with {column} {value} than an answer may hold; raise dashboard.sql_rows_max", table.name());
        }
        Ok(answers)
    }
}

/// Returns the lists of items in a request, in its order.
fn lists_of<'a>(value: &'a mut Value, path: &[&[&str]]) -> Vec<&'a mut Vec<Value>> {
    let Some((names, rest)) = path.split_first() else { return value.as_array_mut().into_iter().collect() };
    match value {
        Value::Array(parts) => parts.iter_mut().flat_map(|part| lists_of(part, path)).collect(),
        Value::Object(fields) => {
            let named = fields.iter_mut().filter(|(name, _)| names.contains(&name.as_str()));
            named.flat_map(|(_, part)| lists_of(part, rest)).collect()
        }
        _ => Vec::new(),
    }
}

fn retain(lists: &mut [&mut Vec<Value>], mut is_new: impl FnMut(&Value) -> bool) -> Sifted {
    let count = |lists: &[&mut Vec<Value>]| lists.iter().map(|list| list.len()).sum::<usize>();
    let n_items = count(lists);
    lists.iter_mut().for_each(|list| list.retain(&mut is_new));
    let n_new = count(lists);
    Sifted { n_new, n_known: n_items - n_new }
}

fn without_any(request: &mut Value, signal: Signal) -> Sifted {
    let path = match signal {
        Signal::Traces => SPANS,
        Signal::Logs => RECORDS,
        Signal::Metrics => POINTS,
    };
    retain(&mut lists_of(request, path), |_| false)
}

/// Names a row by what it holds.
fn fingerprint<R: Nameless>(row: R) -> u64 {
    hash_of(&format!("{:?}", row.without_arrival()))
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn text(item: &Value, key: &str) -> String {
    match item.get(key) {
        Some(Value::String(text)) => text.to_lowercase(),
        _ => String::new(),
    }
}

/// Returns the trace id as an SQL literal; one that is none is for the server to refuse.
fn trace_of(span: &Value) -> Option<String> {
    let id = text(span, "traceId");
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| format!("'{id}'"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_found_wherever_a_signal_has_them() {
        let point = |value: i64| json!({"timeUnixNano": "1", "asInt": value.to_string()});
        let metrics =
            json!([{"name": "a", "sum": {"dataPoints": [point(1), point(2)]}}, {"name": "b"}, {"name": "c", "gauge": {"dataPoints": [point(3)]}}]);
        let mut request = json!({"resourceMetrics": [{"scopeMetrics": [{"scope": {"name": "s"}, "metrics": metrics}]}]});
        let values: Vec<String> = lists_of(&mut request, POINTS).iter().flat_map(|list| list.iter()).map(|point| text(point, "asInt")).collect();
        assert_eq!(values, ["1", "2", "3"]);
        assert_eq!(without_any(&mut request, Signal::Metrics), Sifted { n_new: 0, n_known: 3 });
        assert!(lists_of(&mut json!({"resourceSpans": 1}), SPANS).is_empty());
    }

    #[test]
    fn a_row_is_the_same_whenever_it_arrives_and_another_one_is_not() {
        let row = |body: &str, arrived: i64| LogRecord { body: Some(body.to_owned()), ingested_at: Micros(arrived), ..LogRecord::default() };
        assert_eq!(fingerprint(row("question", 1)), fingerprint(row("question", 2)));
        assert_ne!(fingerprint(row("question", 1)), fingerprint(row("answer", 1)));
    }
}
