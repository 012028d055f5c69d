//! Data moves from one karat to another as OTLP in files, and to the same one only once.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::operations::{START_NANOS, line, run, said};
use crate::server::{Server, sql_at_rest};

/// Two log records, of which one belongs to no span.
fn logs() -> String {
    let record = |trace: &str| json!({"timeUnixNano": START_NANOS.to_string(), "traceId": trace, "body": {"stringValue": "a word"}});
    let records = [record(""), record(&format!("{:032x}", 1))];
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).to_string()
}

/// Two data points of one moment that two services sent, and two that one service sent without any difference.
fn points() -> String {
    let point =
        || json!({"timeUnixNano": START_NANOS.to_string(), "asDouble": 0.1, "attributes": [{"key": "model", "value": {"stringValue": "gpt-5"}}]});
    let of = |service: &str, n: usize| {
        let points = (0..n).map(|_| point()).collect::<Vec<_>>();
        let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
        json!({"resource": resource, "scopeMetrics": [{"metrics": [{"name": "cost", "gauge": {"dataPoints": points}}]}]})
    };
    json!({"resourceMetrics": [of("shop", 1), of("desk", 1), of("till", 2)]}).to_string()
}

/// What is exported and imported elsewhere is the same; importing it again changes nothing.
#[test]
fn spans_move_from_one_karat_to_another() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let (first, second) = (dir.path().join("first.jsonl"), dir.path().join("second.jsonl"));
    std::fs::write(&first, (0..30).map(|trace| line(trace) + "\n").collect::<String>() + &logs() + "\n" + &points()).unwrap();
    let (first, second) = (first.display().to_string(), second.display().to_string());
    assert!(said(&run(&["import", &first], &from)).contains("sent 156 spans, log records and data points, left out 0"));
    assert!(said(&run(&["import", &first], &from)).contains("sent 0 spans, log records and data points, left out 156"));
    said(&run(&["export", &second], &from));
    assert!(said(&run(&["import", &second], &to)).contains("sent 156 spans"));
    assert!(said(&run(&["import", &second], &from)).contains("sent 0 spans"), "what was exported is known where it came from");
    let columns = "trace_id, span_id, parent_span_id, start_unix_nano, duration_ns, service_name, name, kind, status, scope_name, operation, is_llm_call, \
                   provider, request_model, input_tokens, user_id, attributes, resource, output_messages, output_text, cost_nanousd";
    let rows = |data: &Path| sql_at_rest(data, "default", &format!("select {columns} from spans order by start_unix_nano, span_id"));
    assert_eq!(rows(&from), rows(&to));
    assert_eq!(rows(&to)[0]["output_text"], "an answer");
}

/// A question and its answer are events of one span, and a recorder without a fine clock gives them one time.
#[test]
fn events_of_one_moment_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let event = |name: &str, body: Value| {
        let ids = json!({"traceId": format!("{:032x}", 1), "spanId": format!("{:016x}", 1), "timeUnixNano": START_NANOS.to_string()});
        let mut event = json!({"eventName": name, "body": {"kvlistValue": {"values": [body]}}});
        event.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
        event
    };
    let text = |text: &str| json!({"stringValue": text});
    let question = event("gen_ai.user.message", json!({"key": "content", "value": text("why?")}));
    let content = json!({"kvlistValue": {"values": [{"key": "content", "value": text("because")}]}});
    let answer = event("gen_ai.choice", json!({"key": "message", "value": content}));
    let request = |records: &[&Value]| json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).to_string();
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).display().to_string()
    };
    // The first import was broken off behind the question; the answer that comes twice was said twice.
    let half = file("half.jsonl", &request(&[&question]));
    let whole = file("whole.jsonl", &request(&[&question, &answer, &answer]));
    assert!(said(&run(&["import", &half], &data)).contains("sent 1 spans"));
    assert!(said(&run(&["import", &whole], &data)).contains("sent 2 spans, log records and data points, left out 1"));
    assert!(said(&run(&["import", &whole, &whole], &data)).contains("sent 0 spans"));
    let found = sql_at_rest(&data, "default", "select event_name, output_messages, input_messages from logs order by event_name");
    let named = |name: &str| found.iter().filter(|row| row["event_name"] == name).collect::<Vec<_>>();
    assert_eq!((named("gen_ai.user.message").len(), named("gen_ai.choice").len()), (1, 2), "{found:?}");
    assert!(named("gen_ai.choice")[0]["output_messages"].as_str().unwrap().contains("because"));
    assert!(named("gen_ai.user.message")[0]["input_messages"].as_str().unwrap().contains("why?"));
}

/// What every SDK of the corpus sends comes through an export and an import, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_the_corpus_comes_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let server = Server::start(&from, None);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("collector/tests/corpus");
    let mut n_requests = 0;
    for dialect in std::fs::read_dir(corpus).unwrap() {
        for file in std::fs::read_dir(dialect.unwrap().path()).unwrap().map(|file| file.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            let signals = ["traces", "logs", "metrics"];
            let Some(signal) = signals.into_iter().find(|signal| name.ends_with(&format!(".{signal}.bin"))) else { continue };
            let url = format!("http://{}/v1/{signal}", server.otlp_http);
            let body = std::fs::read(&file).unwrap();
            let answer = client.post(url).header("content-type", "application/x-protobuf").body(body).send().await.unwrap();
            assert!(answer.status().is_success(), "{name}: {}", answer.text().await.unwrap());
            n_requests += 1;
        }
    }
    assert!(n_requests > 100);
    server.stop();
    let [first, second, third] = ["first", "second", "third"].map(|name| dir.path().join(name).display().to_string());
    said(&run(&["export", &first], &from));
    said(&run(&["import", &first], &to));
    said(&run(&["export", &second], &to));
    assert!(said(&run(&["import", &first], &to)).contains("sent 0 spans"), "twice is once");
    // Spans of one trace that came in several requests come in one now, and tell of each other what one of them left out.
    let (before, after) = (items(&first), items(&second));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, items) in &before {
        assert_eq!(items.len(), after[name].len(), "{name}");
        for (before, after) in items.iter().zip(&after[name]) {
            assert!(says_all(after, before), "{before}\nhas become\n{after}");
        }
    }
    let last = dir.path().join("last");
    said(&run(&["import", &second], &last));
    said(&run(&["export", &third], &last));
    assert!(std::fs::read(&second).unwrap() == std::fs::read(&third).unwrap(), "from then on it stays as it is");
}

/// Returns the items of a file by what names them, each with its resource and its scope.
fn items(file: &str) -> BTreeMap<String, Vec<Value>> {
    let paths =
        [["resourceSpans", "scopeSpans", "spans"], ["resourceLogs", "scopeLogs", "logRecords"], ["resourceMetrics", "scopeMetrics", "metrics"]];
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        for [resources, scopes, items] in paths {
            for resource in list(&request, resources) {
                for scope in list(&resource, scopes) {
                    for item in list(&scope, items) {
                        let name = ["traceId", "spanId", "timeUnixNano", "eventName", "name"].map(|key| item[key].clone());
                        let item = json!({"resource": resource["resource"], "scope": scope["scope"], "item": item});
                        found.entry(json!(name).to_string()).or_default().push(item);
                    }
                }
            }
        }
    }
    found.values_mut().for_each(|items| items.sort_by_key(Value::to_string));
    found
}

/// Tells whether an item says everything that another one says. A message that has no part says nothing, and JSON in an attribute may be
/// written with spaces or without.
fn says_all(after: &Value, before: &Value) -> bool {
    let rest = |of: &Value| {
        let mut of = of.clone();
        of["item"]["attributes"] = Value::Null;
        of
    };
    let meaning = |value: &Value| value["stringValue"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone());
    let attributes = |of: &Value| -> BTreeMap<String, Value> {
        let list = of["item"]["attributes"].as_array().into_iter().flatten();
        list.map(|attribute| (attribute["key"].to_string(), meaning(&attribute["value"]))).collect()
    };
    let is_empty = |value: &Value| value.as_array().is_some_and(|messages| messages.iter().all(|message| message["parts"] == json!([])));
    let known = attributes(after);
    rest(after) == rest(before) && attributes(before).iter().all(|(key, value)| is_empty(value) || known.get(key) == Some(value))
}
