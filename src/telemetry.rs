//! karat's own traces over OTLP, to itself or elsewhere: one span a pass of a stage. Off unless an endpoint is set.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use schema::Tenant;
use serde::{Deserialize, Serialize};
use tonic::metadata::{MetadataMap, MetadataValue};

/// Where karat's own traces go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Address of OTLP over gRPC, such as `http://127.0.0.1:4317` for karat itself; a pass more in the tables against knowing how long passes take. Default: off.
    pub endpoint: String,
    /// Environment variable with the bearer token to send. Default: none.
    pub token_env: String,
}

/// Sends a span a pass.
#[derive(Debug)]
pub struct Telemetry {
    exporter: SpanExporter,
    scope: InstrumentationScope,
}

impl Telemetry {
    /// Makes the exporter; nothing where no endpoint is set.
    pub fn new(config: &TelemetryConfig, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Self>> {
        if config.endpoint.is_empty() {
            return Ok(None);
        }
        let mut metadata = MetadataMap::new();
        if !config.token_env.is_empty() {
            let token = variable(&config.token_env).with_context(|| format!("telemetry.token_env names {}, which is not set", config.token_env))?;
            metadata.insert("authorization", MetadataValue::try_from(format!("Bearer {token}")).context("the token of telemetry is no header")?);
        }
        let builder =
            SpanExporter::builder().with_tonic().with_endpoint(&config.endpoint).with_metadata(metadata).with_timeout(Duration::from_secs(5));
        let mut exporter = builder.build().context("telemetry.endpoint cannot be used")?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        exporter.set_resource(&Resource::builder_empty().with_service_name("karat").with_attributes([version]).build());
        let scope = InstrumentationScope::builder("karat").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Some(Self { exporter, scope }))
    }

    /// Sends the span of a pass that ends now. A receiver that is away costs a line in the log and nothing else.
    pub async fn pass(&self, stage: &'static str, tenant: &Tenant, begin: SystemTime, error: Option<String>) {
        let ids = uuid::Uuid::new_v4().into_bytes();
        let span = uuid::Uuid::new_v4().into_bytes();
        let span_id = SpanId::from_bytes([span[0], span[1], span[2], span[3], span[4], span[5], span[7], span[9]]);
        let data = SpanData {
            span_context: SpanContext::new(TraceId::from_bytes(ids), span_id, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: stage.into(),
            start_time: begin,
            end_time: SystemTime::now(),
            attributes: vec![KeyValue::new("karat.tenant", tenant.to_string())],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: error.map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        };
        if let Err(error) = self.exporter.export(vec![data]).await {
            tracing::debug!(%error, "karat's own trace was not taken");
        }
    }
}
