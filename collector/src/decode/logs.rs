//! Log records to rows of `logs`.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use schema::{Micros, RowsError, SpanId, TraceId};
use store::Rows;

use crate::conventions::{self, LogInput};

use super::batches::{self, Batches};
use super::calendar::Calendar;
use super::fault::{self, Fault};
use super::json;
use super::resource::{Service, attributes_of, filled, scope_of};

/// Makes the rows of every record of a request that is not rejected.
pub fn rows(request: &ExportLogsServiceRequest, calendar: &Calendar) -> Result<Rows, RowsError> {
    let mut records = Batches::new(0, |records: &mut [schema::LogRecord]| conventions::settle(&mut [], records));
    let mut scores = batches::scores(calendar);
    for resource in &request.resource_logs {
        let service = Service::of(resource.resource.as_ref());
        for scope in &resource.scope_logs {
            for record in &scope.log_records {
                let Ok(mut row) = row(record, scope.scope.as_ref(), &service, calendar) else { continue };
                let input = LogInput { resource: attributes_of(resource.resource.as_ref()), scope: scope.scope.as_ref(), record };
                conventions::interpret_log(&input, &mut row);
                scores.extend(conventions::scores_of_log(&input, &row))?;
                records.extend([row])?;
            }
        }
    }
    let mut rows = records.finish()?;
    rows.append(&mut scores.finish()?);
    Ok(rows)
}

/// Makes the row of one record, without what its dialect says.
fn row(record: &LogRecord, scope: Option<&InstrumentationScope>, service: &Service, calendar: &Calendar) -> Result<schema::LogRecord, Fault> {
    let time_unix_nano = happened_at(record, calendar)?;
    let time = Micros::from_nanos(time_unix_nano);
    let (scope_name, scope_version) = scope_of(scope);
    Ok(schema::LogRecord {
        time,
        time_unix_nano,
        ingested_at: calendar.received_at,
        date: calendar.date_of(time),
        trace_id: TraceId::from_bytes(&record.trace_id).ok(),
        span_id: SpanId::from_bytes(&record.span_id).ok(),
        severity_number: (record.severity_number != 0).then(|| i64::from(record.severity_number)),
        severity_text: filled(&record.severity_text),
        event_name: filled(&record.event_name),
        service_name: service.name.clone(),
        environment: service.environment.clone(),
        scope_name,
        scope_version,
        resource: service.json.clone(),
        body: record.body.as_ref().and_then(body),
        ..schema::LogRecord::default()
    })
}

/// When it happened; when it was observed, where that is not known; when it arrived, where neither is.
fn happened_at(record: &LogRecord, calendar: &Calendar) -> Result<i64, Fault> {
    let time = fault::time("timeUnixNano", record.time_unix_nano)?;
    let observed = fault::time("observedTimeUnixNano", record.observed_time_unix_nano)?;
    Ok(match (time, observed) {
        (0, 0) => calendar.received_at.0.saturating_mul(1_000),
        (0, observed) => observed,
        (time, _) => time,
    })
}

fn body(body: &AnyValue) -> Option<String> {
    match body.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => {
            let mut out = String::new();
            json::value(&mut out, body);
            Some(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_of(record: &LogRecord) -> Result<schema::LogRecord, Fault> {
        row(record, None, &Service::default(), &Calendar::new(Micros(1_790_000_000_000_000), 90))
    }

    #[test]
    fn the_best_known_time_is_taken() {
        let at = |time, observed| row_of(&LogRecord { time_unix_nano: time, observed_time_unix_nano: observed, ..LogRecord::default() });
        assert_eq!(at(7_000, 9_000).unwrap().time_unix_nano, 7_000);
        assert_eq!(at(0, 9_000).unwrap().time_unix_nano, 9_000);
        assert_eq!(at(0, 0).unwrap().time, Micros(1_790_000_000_000_000));
        assert!(matches!(at(u64::MAX, 0), Err(Fault::Time { field: "timeUnixNano", .. })));
    }

    /// OTLP wants a record with bad ids to be taken as one that belongs to no trace.
    #[test]
    fn bad_ids_do_not_reject_a_record() {
        let row = row_of(&LogRecord { trace_id: vec![1; 3], span_id: vec![0; 8], ..LogRecord::default() }).unwrap();
        assert_eq!((row.trace_id, row.span_id), (None, None));
    }

    #[test]
    fn a_structured_body_is_json_and_a_text_stays_text() {
        let body_of = |value| row_of(&LogRecord { body: Some(AnyValue { value }), ..LogRecord::default() }).unwrap().body;
        assert_eq!(body_of(Some(Value::StringValue("a \"b\"".to_owned()))).unwrap(), "a \"b\"");
        assert_eq!(body_of(Some(Value::BoolValue(true))).unwrap(), "true");
        assert_eq!(body_of(None), None);
    }
}
