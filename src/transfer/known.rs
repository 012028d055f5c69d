//! What is there already, so that importing a file twice is importing it once.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use crate::client;

/// Ids that one question asks for.
const IDS_A_QUESTION: usize = 500;

/// Spans and log records that the server has, as far as a file asked for them.
pub(super) struct Known {
    url: String,
    sent: HashSet<String>,
}

impl Known {
    /// Asks the server at `url`.
    pub(super) fn new(url: &str) -> Known {
        Known { url: url.to_owned(), sent: HashSet::new() }
    }

    /// Takes the spans and log records out of a request that are there already; returns how many are left, and how many were taken out.
    ///
    /// A span is known by its ids, a log record by its time and the span that it belongs to. Data points have no identity.
    pub(super) async fn leave_out(&mut self, request: &mut Value) -> anyhow::Result<(usize, usize)> {
        let traces = self.of(request, "resourceSpans", "scopeSpans", "spans", span_key, "trace_id || span_id", "trace_id", trace_of).await?;
        let key = "concat(cast(time_unix_nano as text), coalesce(trace_id, ''), coalesce(span_id, ''))";
        let logs = self.of(request, "resourceLogs", "scopeLogs", "logRecords", record_key, key, "time_unix_nano", nanos_of).await?;
        Ok((traces.0 + logs.0, traces.1 + logs.1))
    }

    #[expect(clippy::too_many_arguments, reason = "the names of one signal's fields, told once each")]
    async fn of(
        &mut self,
        request: &mut Value,
        resources: &str,
        scopes: &str,
        items: &str,
        key_of: fn(&Value) -> String,
        key: &str,
        column: &str,
        wanted: fn(&Value) -> Option<String>,
    ) -> anyhow::Result<(usize, usize)> {
        let mut lists = lists_of(request, resources, scopes, items);
        let ids: HashSet<String> = lists.iter().flat_map(|list| list.iter()).filter_map(wanted).collect();
        let table = if items == "spans" { "spans" } else { "logs" };
        let mut known = HashSet::new();
        for ids in ids.into_iter().collect::<Vec<_>>().chunks(IDS_A_QUESTION) {
            let sql = format!("select {key} as key from {table} where {column} in ({})", ids.join(", "));
            let answer = client::ask(&self.url, &sql, 1_000_000, Duration::from_secs(60)).await?;
            known.extend(answer.rows::<(String,)>()?.into_iter().map(|(key,)| key));
        }
        let (mut n_new, mut n_known) = (0, 0);
        for list in &mut lists {
            list.retain(|item| {
                let key = key_of(item);
                let is_new = !known.contains(&key) && self.sent.insert(format!("{table}{key}"));
                if is_new {
                    n_new += 1
                } else {
                    n_known += 1
                }
                is_new
            });
        }
        Ok((n_new, n_known))
    }
}

/// Returns the lists of items in a request, over all resources and scopes.
fn lists_of<'a>(request: &'a mut Value, resources: &str, scopes: &str, items: &str) -> Vec<&'a mut Vec<Value>> {
    let parts = |value: &'a mut Value, key: &str| value.get_mut(key).and_then(Value::as_array_mut);
    let resources = parts(request, resources).into_iter().flatten();
    let scopes = resources.filter_map(|resource| parts(resource, scopes)).flatten();
    scopes.filter_map(|scope| parts(scope, items)).collect()
}

fn text(item: &Value, key: &str) -> String {
    match item.get(key) {
        Some(Value::String(text)) => text.to_lowercase(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn span_key(span: &Value) -> String {
    text(span, "traceId") + &text(span, "spanId")
}

fn record_key(record: &Value) -> String {
    nanos_of(record).unwrap_or_default() + &text(record, "traceId") + &text(record, "spanId")
}

/// Returns the trace id as an SQL literal; one that is none is for the server to refuse.
fn trace_of(span: &Value) -> Option<String> {
    let id = text(span, "traceId");
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| format!("'{id}'"))
}

fn nanos_of(record: &Value) -> Option<String> {
    let nanos = [text(record, "timeUnixNano"), text(record, "observedTimeUnixNano")];
    nanos.into_iter().filter_map(|nanos| nanos.parse::<u64>().ok()).find(|nanos| *nanos > 0).map(|nanos| nanos.to_string())
}
