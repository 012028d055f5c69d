//! Spans to rows of `spans`.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use schema::{Micros, RowsError};
use store::Rows;

use crate::conventions::{self, SpanInput};
use crate::price::{Call, PriceTable, Pricer, Usage};

use super::batches::{self, Batches};
use super::calendar::Calendar;
use super::fault::{self, Fault};
use super::json;
use super::resource::{Service, attributes_of, filled, scope_of};

/// Makes the rows of every span of a request that is not rejected.
pub fn rows(request: &ExportTraceServiceRequest, calendar: &Calendar, prices: &PriceTable) -> Result<Rows, RowsError> {
    let mut pricer = Pricer::new(prices);
    let mut spans = Batches::new(n_spans(request), |spans: &mut [schema::Span]| {
        conventions::settle(spans, &mut []);
        spans.iter_mut().for_each(|span| cost(span, &mut pricer));
    });
    let mut scores = batches::scores(calendar);
    for resource in &request.resource_spans {
        let service = Service::of(resource.resource.as_ref());
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                let Ok(mut row) = row(span, scope.scope.as_ref(), &service, calendar) else { continue };
                let input = SpanInput { resource: attributes_of(resource.resource.as_ref()), scope: scope.scope.as_ref(), span };
                conventions::interpret_span(&input, &mut row);
                scores.extend(conventions::scores_of_span(&input, &row))?;
                spans.extend([row])?;
            }
        }
    }
    let mut rows = spans.finish()?;
    rows.append(&mut scores.finish()?);
    Ok(rows)
}

fn n_spans(request: &ExportTraceServiceRequest) -> usize {
    request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).map(|scope| scope.spans.len()).sum()
}

/// Prices a model call, unless its sender did; after the request is settled, for until then a call may lack what another span knows of it.
fn cost(span: &mut schema::Span, pricer: &mut Pricer<'_>) {
    if !span.is_llm_call || span.cost_nanousd.is_some() {
        return;
    }
    let model = span.response_model.as_deref().or(span.request_model.as_deref());
    let price = Usage::of(span).zip(model).and_then(|(usage, model)| {
        let (provider_raw, provider, service_tier) = (span.provider_raw.as_deref(), span.provider.as_deref(), span.service_tier.as_deref());
        pricer.price(&Call { usage, provider_raw, provider, model, service_tier, region: None, at: span.start_time })
    });
    span.cost_nanousd = price;
    span.cost_source = Some(if price.is_some() { "priced" } else { "unpriced" }.to_owned());
}

/// Makes the row of one span, without what its dialect says.
fn row(span: &Span, scope: Option<&InstrumentationScope>, service: &Service, calendar: &Calendar) -> Result<schema::Span, Fault> {
    let (trace_id, span_id, parent_span_id) = fault::ids(span)?;
    let start_unix_nano = fault::time("startTimeUnixNano", span.start_time_unix_nano)?;
    let end_unix_nano = fault::time("endTimeUnixNano", span.end_time_unix_nano)?;
    let start_time = Micros::from_nanos(start_unix_nano);
    let (scope_name, scope_version) = scope_of(scope);
    Ok(schema::Span {
        trace_id,
        span_id,
        parent_span_id,
        start_time,
        start_unix_nano,
        duration_ns: end_unix_nano.saturating_sub(start_unix_nano).max(0),
        ingested_at: calendar.received_at,
        date: calendar.date_of(start_time),
        service_name: service.name.clone(),
        service_version: service.version.clone(),
        environment: service.environment.clone(),
        name: span.name.clone(),
        kind: kind(span.kind).to_owned(),
        status: status(span.status.as_ref()).to_owned(),
        status_message: span.status.as_ref().and_then(|status| filled(&status.message)),
        scope_name,
        scope_version,
        resource: service.json.clone(),
        events: events(&span.events),
        links: links(&span.links),
        ..schema::Span::default()
    })
}

fn kind(code: i32) -> &'static str {
    match SpanKind::try_from(code) {
        Ok(SpanKind::Internal) => "internal",
        Ok(SpanKind::Server) => "server",
        Ok(SpanKind::Client) => "client",
        Ok(SpanKind::Producer) => "producer",
        Ok(SpanKind::Consumer) => "consumer",
        Ok(SpanKind::Unspecified) | Err(_) => "unspecified",
    }
}

fn status(status: Option<&Status>) -> &'static str {
    match status.map(|status| StatusCode::try_from(status.code)) {
        Some(Ok(StatusCode::Ok)) => "ok",
        Some(Ok(StatusCode::Error)) => "error",
        Some(Ok(StatusCode::Unset) | Err(_)) | None => "unset",
    }
}

fn events(events: &[Event]) -> Option<String> {
    written(events, |out, event| {
        out.push_str("{\"name\":");
        json::text(out, &event.name);
        out.push_str(",\"time_unix_nano\":");
        json::integer(out, event.time_unix_nano);
        out.push_str(",\"attributes\":");
        json::object(out, &event.attributes);
        out.push('}');
    })
}

fn links(links: &[Link]) -> Option<String> {
    written(links, |out, link| {
        out.push_str("{\"trace_id\":");
        json::hex(out, &link.trace_id);
        out.push_str(",\"span_id\":");
        json::hex(out, &link.span_id);
        out.push_str(",\"attributes\":");
        json::object(out, &link.attributes);
        out.push('}');
    })
}

fn written<T>(elements: &[T], write: impl FnMut(&mut String, &T)) -> Option<String> {
    if elements.is_empty() {
        return None;
    }
    let mut out = String::new();
    json::list(&mut out, elements, write);
    Some(out)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
    use schema::{NanoUsd, Row};

    use super::*;

    fn span() -> Span {
        Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            start_time_unix_nano: 1_790_000_000_000_000_500,
            end_time_unix_nano: 1_790_000_000_000_001_500,
            ..Span::default()
        }
    }

    fn row_of(span: &Span) -> Result<schema::Span, Fault> {
        row(span, None, &Service::default(), &Calendar::new(Micros(1_790_000_000_000_000), 90))
    }

    #[test]
    fn times_are_kept_to_the_nanosecond() {
        let row = row_of(&span()).unwrap();
        assert_eq!((row.start_time.0, row.start_unix_nano, row.duration_ns), (1_790_000_000_000_000, 1_790_000_000_000_000_500, 1_000));
        assert_eq!(row.date, Micros(1_790_000_000_000_000).day());
    }

    fn attribute(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
    }

    fn rows_of<R: Row>(spans: Vec<Span>) -> Vec<R> {
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let request = ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] };
        let rows = rows(&request, &Calendar::new(Micros(1_790_000_000_000_000), 90), &PriceTable::shipped()).unwrap();
        rows.iter().filter(|(table, _)| *table == R::TABLE).flat_map(|(_, batch)| R::decode(batch).unwrap()).collect()
    }

    fn chat(model: &str) -> Span {
        let attributes = vec![
            attribute("gen_ai.operation.name", Value::StringValue("chat".to_owned())),
            attribute("gen_ai.provider.name", Value::StringValue("openai".to_owned())),
            attribute("gen_ai.response.model", Value::StringValue(model.to_owned())),
            attribute("gen_ai.usage.input_tokens", Value::IntValue(1_000_000)),
            attribute("gen_ai.usage.output_tokens", Value::IntValue(0)),
        ];
        Span { attributes, ..span() }
    }

    #[test]
    fn model_calls_are_priced_and_nothing_else_is() {
        let costs = rows_of::<schema::Span>(vec![chat("gpt-4o-mini"), Span { span_id: vec![3; 8], ..chat("no-such-model") }, span()]);
        let costs: Vec<_> = costs.iter().map(|row| (row.cost_nanousd, row.cost_source.as_deref())).collect();
        assert_eq!(costs, [(Some(NanoUsd(150_000_000)), Some("priced")), (None, Some("unpriced")), (None, None)]);
    }

    /// The time of a verdict is the sender's too, and must not make partitions of `scores` either.
    #[test]
    fn verdicts_lie_on_a_day_that_can_be() {
        let attributes = vec![
            attribute("gen_ai.evaluation.name", Value::StringValue("relevance".to_owned())),
            attribute("gen_ai.evaluation.score.value", Value::DoubleValue(0.5)),
        ];
        let event = Event { name: "gen_ai.evaluation.result".to_owned(), time_unix_nano: i64::MAX.cast_unsigned(), attributes, ..Event::default() };
        let scores = rows_of::<schema::Score>(vec![Span { events: vec![event], ..chat("gpt-4o-mini") }]);
        assert_eq!(scores.len(), 1);
        assert_eq!((scores[0].value, scores[0].date), (Some(0.5), Micros(1_790_000_000_000_000).day()));
    }

    #[test]
    fn a_span_that_ends_before_it_begins_took_no_time() {
        let row = row_of(&Span { end_time_unix_nano: 5, ..span() }).unwrap();
        assert_eq!(row.duration_ns, 0);
    }

    #[test]
    fn ids_and_times_that_cannot_be_reject_the_span() {
        for bad in [
            Span { trace_id: vec![], ..span() },
            Span { trace_id: vec![0; 16], ..span() },
            Span { trace_id: vec![1; 17], ..span() },
            Span { span_id: vec![1; 7], ..span() },
            Span { span_id: vec![0; 8], ..span() },
            Span { parent_span_id: vec![1; 9], ..span() },
            Span { start_time_unix_nano: u64::MAX, ..span() },
            Span { end_time_unix_nano: u64::MAX, ..span() },
        ] {
            assert_eq!(row_of(&bad).err(), fault::of_span(&bad));
            assert!(fault::of_span(&bad).is_some());
        }
        assert_eq!(row_of(&Span { parent_span_id: vec![0; 8], ..span() }).unwrap().parent_span_id, None);
    }

    #[test]
    fn events_and_links_are_json() {
        let event = Event { name: "e\"".to_owned(), time_unix_nano: u64::MAX, ..Event::default() };
        let link = Link { trace_id: vec![0xab; 16], span_id: vec![1], ..Link::default() };
        let row = row_of(&Span { events: vec![event], links: vec![link], ..span() }).unwrap();
        assert_eq!(row.events.unwrap(), r#"[{"name":"e\"","time_unix_nano":18446744073709551615,"attributes":{}}]"#);
        assert_eq!(row.links.unwrap(), r#"[{"trace_id":"abababababababababababababababab","span_id":"01","attributes":{}}]"#);
    }
}
