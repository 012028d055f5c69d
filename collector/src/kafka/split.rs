//! Export requests cut into ones that a broker takes.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::decode::fault::Rejected;
use crate::otlp::limits::{Admitted, Meter};
use crate::otlp::{Malformed, Request, Signal, read_protobuf};

/// What became of a request that was too large.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    /// Requests that fit; together they hold everything else.
    pub bodies: Vec<Vec<u8>>,
    /// Spans, records or points that are too large by themselves.
    pub n_too_large: usize,
}

/// Cuts a request into ones of at most `bytes_max`: between resources, then scopes, then items.
pub(super) fn split(signal: Signal, body: &[u8], bytes_max: usize) -> Result<Pieces, Malformed> {
    let mut lender = Admitted;
    let request = read_protobuf(signal, body, &mut Meter::new(&mut lender, usize::MAX))?.request;
    let (mut pieces, mut rest) = (Pieces::default(), vec![request]);
    while let Some(request) = rest.pop() {
        if bytes_of(&request) <= bytes_max {
            pieces.bodies.push(request.to_protobuf());
            continue;
        }
        let n_items = Rejected::of(&request).n_items;
        match halve(request) {
            // The first half is on top, so that the order stays.
            Some((first, second)) => rest.extend([second, first]),
            None => pieces.n_too_large += n_items,
        }
    }
    Ok(pieces)
}

fn bytes_of(request: &Request) -> usize {
    match request {
        Request::Traces(request) => request.encoded_len(),
        Request::Logs(request) => request.encoded_len(),
        Request::Metrics(request) => request.encoded_len(),
    }
}

/// Makes two requests of one; nothing where it holds a single item.
fn halve(request: Request) -> Option<(Request, Request)> {
    match request {
        Request::Traces(mut request) => {
            let second = halves(&mut request.resource_spans, |resource| &mut resource.scope_spans, |scope| &mut scope.spans)?;
            Some((Request::Traces(request), Request::Traces(ExportTraceServiceRequest { resource_spans: second })))
        }
        Request::Logs(mut request) => {
            let second = halves(&mut request.resource_logs, |resource| &mut resource.scope_logs, |scope| &mut scope.log_records)?;
            Some((Request::Logs(request), Request::Logs(ExportLogsServiceRequest { resource_logs: second })))
        }
        Request::Metrics(mut request) => {
            let second = halves(&mut request.resource_metrics, |resource| &mut resource.scope_metrics, |scope| &mut scope.metrics)?;
            Some((Request::Metrics(request), Request::Metrics(ExportMetricsServiceRequest { resource_metrics: second })))
        }
    }
}

/// Leaves the first half in `resources` and returns the second; both name the resource and the scope that the cut goes through.
fn halves<R: Clone, S: Clone, I>(
    resources: &mut Vec<R>,
    scopes: impl Fn(&mut R) -> &mut Vec<S>,
    items: impl Fn(&mut S) -> &mut Vec<I>,
) -> Option<Vec<R>> {
    if resources.len() > 1 {
        return Some(resources.split_off(resources.len() / 2));
    }
    let resource = resources.first_mut()?;
    let mut all_scopes = std::mem::take(scopes(resource));
    let second = if all_scopes.len() > 1 {
        all_scopes.split_off(all_scopes.len() / 2)
    } else {
        let scope = all_scopes.first_mut()?;
        let mut all_items = std::mem::take(items(scope));
        if all_items.len() < 2 {
            return None;
        }
        let second_items = all_items.split_off(all_items.len() / 2);
        let mut second = scope.clone();
        *items(scope) = all_items;
        *items(&mut second) = second_items;
        vec![second]
    };
    let mut second_resource = resource.clone();
    *scopes(resource) = all_scopes;
    *scopes(&mut second_resource) = second;
    Some(vec![second_resource])
}
