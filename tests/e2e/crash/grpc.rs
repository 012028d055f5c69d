//! The client that speaks gRPC.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request as Call, Status};
use tonic_types::StatusExt as _;

use super::clients::Answer;
use super::request::Request;
use crate::server::TENANTS;

/// A connection to where the server was last.
#[derive(Default)]
pub struct Client(Option<(String, Channel)>);

impl Client {
    /// Exports a request.
    pub async fn export(&mut self, address: &str, request: &Request, body: &[u8]) -> Answer {
        let Some(channel) = self.channel(address).await else { return Answer::Unsent };
        let exported = match request.signal() {
            0 => TraceServiceClient::new(channel).export(call::<ExportTraceServiceRequest>(request, body)).await.map(drop),
            1 => LogsServiceClient::new(channel).export(call::<ExportLogsServiceRequest>(request, body)).await.map(drop),
            _ => MetricsServiceClient::new(channel).export(call::<ExportMetricsServiceRequest>(request, body)).await.map(drop),
        };
        let answer = exported.map_or_else(|status| refusal(&status), |()| Answer::Acked);
        if answer == Answer::Lost {
            self.0 = None;
        }
        answer
    }

    /// Connects, where that has not been done.
    async fn channel(&mut self, address: &str) -> Option<Channel> {
        if self.0.as_ref().is_none_or(|(to, _)| to != address) {
            let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.ok()?;
            self.0 = Some((address.to_owned(), channel));
        }
        self.0.as_ref().map(|(_, channel)| channel.clone())
    }
}

/// The same bytes as over HTTP: a message that is encoded again is the same.
fn call<M: Message + Default>(request: &Request, body: &[u8]) -> Call<M> {
    let mut call = Call::new(M::decode(body).unwrap());
    call.metadata_mut().insert("authorization", format!("Bearer {}", TENANTS[request.tenant()].0).parse().unwrap());
    call
}

/// A server says when to come back; a connection that broke does not.
fn refusal(status: &Status) -> Answer {
    match status.code() {
        Code::Unavailable if status.get_details_retry_info().is_some() => Answer::Refused,
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal => Answer::Lost,
        code => panic!("{code}: a client would drop this request: {}", status.message()),
    }
}
