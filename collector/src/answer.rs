//! The bodies of answers: export responses and errors, in protobuf and in JSON.

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;

use crate::intake::{Format, Taken};
use crate::otlp::Signal;

/// Writes an export response. The three signals' responses have the same shape in protobuf; in JSON the count has a name of its own.
pub fn response(signal: Signal, format: Format, taken: &Taken) -> Vec<u8> {
    let is_full = taken.n_rejected == 0 && taken.message.is_empty();
    match format {
        Format::Protobuf => {
            let partial_success = (!is_full).then(|| ExportTracePartialSuccess {
                rejected_spans: i64::try_from(taken.n_rejected).unwrap_or(i64::MAX),
                error_message: taken.message.clone(),
            });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
        Format::Json if is_full => b"{}".to_vec(),
        Format::Json => {
            let count = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            let mut partial = serde_json::Map::new();
            if taken.n_rejected > 0 {
                partial.insert(count.to_owned(), Value::String(taken.n_rejected.to_string()));
            }
            partial.insert("errorMessage".to_owned(), Value::String(taken.message.clone()));
            json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
    }
}

/// Writes an error as `google.rpc.Status`.
pub fn error(format: Format, code: Code, message: &str) -> Vec<u8> {
    match format {
        Format::Protobuf => tonic_types::Status { code: code.into(), message: message.to_owned(), details: Vec::new() }.encode_to_vec(),
        Format::Json => json!({ "code": i32::from(code), "message": message }).to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;

    use super::*;

    fn partly() -> Taken {
        Taken { n_rejected: 3, message: "why".to_owned() }
    }

    #[test]
    fn a_full_success_is_empty() {
        assert_eq!(response(Signal::Logs, Format::Protobuf, &Taken::default()), b"");
        assert_eq!(response(Signal::Logs, Format::Json, &Taken::default()), b"{}");
    }

    #[test]
    fn a_partial_success_says_how_many_and_why() {
        let logs = ExportLogsServiceResponse::decode(&*response(Signal::Logs, Format::Protobuf, &partly())).unwrap().partial_success.unwrap();
        assert_eq!((logs.rejected_log_records, logs.error_message.as_str()), (3, "why"));
        let metrics = ExportMetricsServiceResponse::decode(&*response(Signal::Metrics, Format::Protobuf, &partly())).unwrap();
        assert_eq!(metrics.partial_success.unwrap().rejected_data_points, 3);
        let json = response(Signal::Metrics, Format::Json, &partly());
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"partialSuccess":{"errorMessage":"why","rejectedDataPoints":"3"}}"#);
    }

    #[test]
    fn an_error_is_a_status() {
        let status = tonic_types::Status::decode(&*error(Format::Protobuf, Code::InvalidArgument, "no")).unwrap();
        assert_eq!((status.code, status.message.as_str()), (3, "no"));
        assert_eq!(error(Format::Json, Code::InvalidArgument, "no"), br#"{"code":3,"message":"no"}"#);
    }
}
