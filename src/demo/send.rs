//! Sends a plan over OTLP/gRPC with the exporters of the OpenTelemetry SDK, as the apps would have done, but faster.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{Logger as _, LoggerProvider as _};
use opentelemetry_otlp::{Compression, LogExporter, RetryPolicy, SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use super::plan::Plan;
use super::render;
use super::trace::{Origin, PlannedSpan, Trace};

/// Spans in a request: the SDK's own default.
const BATCH: usize = 512;
/// Requests that wait for one origin's exporter.
const WAITING: usize = 2;
/// Reports of exporters that wait to be read; more than all of them can have under way while rendering waits for one.
const ACKS: usize = 256;
/// How long a request may take, all attempts together.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What was sent and acked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Spans.
    pub n_spans: u64,
    /// Traces.
    pub n_traces: u64,
    /// Log records: customers' verdicts on answers.
    pub n_logs: u64,
}

/// Sends every span of a plan in the order of their ends, and the customers' feedback as log events, to an OTLP/gRPC endpoint such
/// as `http://127.0.0.1:4317`. `progress` is told how many spans of how many were acked.
///
/// Each origin (service, environment, version) has an exporter with a resource of its own. A server under pressure is obeyed: the
/// exporters wait as it says and try again, and rendering stops while they wait. Errors when a request is refused for good.
pub async fn send(plan: &Plan, endpoint: &str, mut progress: impl FnMut(u64, u64)) -> anyhow::Result<Sent> {
    let channel = Endpoint::from_shared(endpoint.to_owned())?.connect().await;
    let channel = channel.with_context(|| format!("nothing takes OTLP/gRPC at {endpoint}; start the server first"))?;
    let total = plan.n_spans();
    let (acked, mut acks) = mpsc::channel(ACKS);
    let mut lanes = Lanes { channel: channel.clone(), acked: Some(acked), open: BTreeMap::new(), tasks: JoinSet::new() };
    let mut n_spans = 0;
    for (trace, span) in in_order(plan) {
        if !lanes.push(trace, span).await? {
            break;
        }
        while let Ok(n) = acks.try_recv() {
            n_spans += n;
            progress(n_spans, total);
        }
    }
    let mut tasks = lanes.finish().await;
    while let Some(n) = acks.recv().await {
        n_spans += n;
        progress(n_spans, total);
    }
    while let Some(done) = tasks.join_next().await {
        done.context("an exporter stopped")??;
    }
    let n_logs = send_feedback(plan, channel).await?;
    Ok(Sent { n_spans, n_traces: plan.n_traces(), n_logs })
}

/// Lists all spans by the time at which they ended, which is when an SDK hands them to its exporter.
fn in_order(plan: &Plan) -> Vec<(&Trace, &PlannedSpan)> {
    let mut spans: Vec<_> = plan.traces.iter().flat_map(|trace| trace.spans.iter().map(move |span| (trace, span))).collect();
    spans.sort_by_key(|(_, span)| span.end);
    spans
}

/// The exporters, one an origin, each with a batch that fills.
struct Lanes {
    channel: Channel,
    /// Where exporters report; dropped when the last span is handed over, so that the reports end.
    acked: Option<mpsc::Sender<u64>>,
    open: BTreeMap<Origin, Lane>,
    tasks: JoinSet<anyhow::Result<()>>,
}

struct Lane {
    scope: InstrumentationScope,
    batch: Vec<SpanData>,
    sender: mpsc::Sender<Vec<SpanData>>,
}

impl Lanes {
    /// Renders a span into its origin's batch and hands the batch over when it is full.
    ///
    /// Returns false when the exporter has given up; its task says why.
    async fn push(&mut self, trace: &Trace, span: &PlannedSpan) -> anyhow::Result<bool> {
        if !self.open.contains_key(&trace.origin) {
            let lane = self.start(trace.origin)?;
            self.open.insert(trace.origin, lane);
        }
        let lane = self.open.get_mut(&trace.origin).context("the lane was just opened")?;
        lane.batch.push(render::span(trace, span, &lane.scope));
        if lane.batch.len() < BATCH {
            return Ok(true);
        }
        Ok(lane.sender.send(std::mem::take(&mut lane.batch)).await.is_ok())
    }

    fn start(&mut self, origin: Origin) -> anyhow::Result<Lane> {
        let mut exporter = SpanExporter::builder()
            .with_tonic()
            .with_channel(self.channel.clone())
            .with_timeout(TIMEOUT)
            .with_compression(Compression::Gzip)
            .with_retry_policy(patient())
            .build()
            .context("cannot build an exporter of spans")?;
        exporter.set_resource(&render::resource(origin));
        let (sender, mut batches) = mpsc::channel::<Vec<SpanData>>(WAITING);
        let acked = self.acked.clone().context("no lane opens after the last span")?;
        self.tasks.spawn(async move {
            while let Some(batch) = batches.recv().await {
                let n = batch.len() as u64;
                exporter.export(batch).await.context("the server refused a batch of spans")?;
                let _ = acked.send(n).await;
            }
            Ok(())
        });
        Ok(Lane { scope: render::scope(origin), batch: Vec::new(), sender })
    }

    /// Hands over what is left and lets the exporters run out.
    async fn finish(mut self) -> JoinSet<anyhow::Result<()>> {
        self.acked = None;
        for lane in std::mem::take(&mut self.open).into_values() {
            if !lane.batch.is_empty() {
                let _ = lane.sender.send(lane.batch).await;
            }
        }
        self.tasks
    }
}

/// Waits longer than the SDK would: a demo has no other work to do.
fn patient() -> RetryPolicy {
    RetryPolicy::recommended().with_max_retries(20).with_max_delay(Duration::from_secs(2))
}

/// Sends the customers' verdicts, a request an origin.
async fn send_feedback(plan: &Plan, channel: Channel) -> anyhow::Result<u64> {
    let mut origins: BTreeMap<Origin, Vec<&Trace>> = BTreeMap::new();
    for trace in plan.traces.iter().filter(|trace| trace.feedback.is_some()) {
        origins.entry(trace.origin).or_default().push(trace);
    }
    let logger: SdkLogger = SdkLoggerProvider::builder().build().logger("feedback");
    let mut n_logs = 0;
    for (origin, traces) in origins {
        let mut exporter = LogExporter::builder()
            .with_tonic()
            .with_channel(channel.clone())
            .with_timeout(TIMEOUT)
            .with_compression(Compression::Gzip)
            .with_retry_policy(patient())
            .build()
            .context("cannot build an exporter of logs")?;
        exporter.set_resource(&render::resource(origin));
        let scope = render::scope(origin);
        let records: Vec<_> = traces
            .into_iter()
            .map(|trace| {
                let mut record = logger.create_log_record();
                if let Some(feedback) = &trace.feedback {
                    render::feedback(&mut record, trace, feedback);
                }
                record
            })
            .collect();
        let batch: Vec<_> = records.iter().map(|record| (record, &scope)).collect();
        exporter.export(LogBatch::new(&batch)).await.context("the server refused the feedback")?;
        n_logs += records.len() as u64;
    }
    Ok(n_logs)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};
    use std::sync::{Arc, Mutex};

    use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
    use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
    use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
    use schema::Micros;
    use tonic::codec::CompressionEncoding;
    use tonic::transport::server::TcpIncoming;
    use tonic::{Request, Response, Status};

    use super::super::plan::BadDay;
    use super::*;

    /// Takes what is sent; refuses every fifth request at first, as a server under pressure does.
    #[derive(Clone, Default)]
    struct Receiver {
        traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
        logs: Arc<Mutex<Vec<ExportLogsServiceRequest>>>,
        n_requests: Arc<Mutex<u64>>,
    }

    #[tonic::async_trait]
    impl TraceService for Receiver {
        async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
            let mut n_requests = self.n_requests.lock().unwrap();
            *n_requests += 1;
            if *n_requests % 5 == 1 {
                return Err(Status::unavailable("busy"));
            }
            self.traces.lock().unwrap().push(request.into_inner());
            Ok(Response::new(ExportTraceServiceResponse::default()))
        }
    }

    #[tonic::async_trait]
    impl LogsService for Receiver {
        async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Result<Response<ExportLogsServiceResponse>, Status> {
            self.logs.lock().unwrap().push(request.into_inner());
            Ok(Response::new(ExportLogsServiceResponse::default()))
        }
    }

    fn serve(receiver: Receiver) -> String {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let traces = TraceServiceServer::new(receiver.clone()).accept_compressed(CompressionEncoding::Gzip);
        let logs = LogsServiceServer::new(receiver).accept_compressed(CompressionEncoding::Gzip);
        tokio::spawn(tonic::transport::Server::builder().add_service(traces).add_service(logs).serve_with_incoming(incoming));
        format!("http://{address}")
    }

    /// 2026-11-20T18:00:00Z.
    const NOW: Micros = Micros(1_795_197_600_000_000);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_span_arrives_once_though_the_server_is_busy_at_times() {
        let plan = Plan::new(3, NOW, 3, BadDay::None);
        let receiver = Receiver::default();
        let mut seen = Vec::new();
        let sent = send(&plan, &serve(receiver.clone()), |done, total| seen.push((done, total))).await.unwrap();

        assert_eq!(sent, Sent { n_spans: plan.n_spans(), n_traces: plan.n_traces(), n_logs: sent.n_logs });
        assert_eq!(seen.last(), Some(&(plan.n_spans(), plan.n_spans())));
        assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));

        let requests = receiver.traces.lock().unwrap();
        let resources = || requests.iter().flat_map(|request| &request.resource_spans);
        let spans: Vec<_> = resources().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect();
        let ids: HashSet<_> = spans.iter().map(|span| (span.trace_id.clone(), span.span_id.clone())).collect();
        let planned: HashSet<_> = in_order(&plan).into_iter().map(|(trace, span)| (trace.id.0.to_vec(), span.id.0.to_vec())).collect();
        assert_eq!((spans.len(), &ids), (planned.len(), &planned));
        let origins: BTreeSet<String> = resources().map(|resource| format!("{:?}", resource.resource)).collect();
        assert!(origins.len() >= 6, "three services in two environments: {origins:?}");

        let logs = receiver.logs.lock().unwrap();
        let n_logs: usize =
            logs.iter().flat_map(|request| &request.resource_logs).flat_map(|logs| &logs.scope_logs).map(|scope| scope.log_records.len()).sum();
        assert!(n_logs > 0 && n_logs as u64 == sent.n_logs, "{n_logs}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_there_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let plan = Plan::new(3, NOW, 1, BadDay::None);
        let error = send(&plan, &endpoint, |_, _| {}).await.unwrap_err();
        assert!(error.to_string().contains("start the server first"), "{error}");
    }
}
