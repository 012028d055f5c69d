//! What both protocols do with a body: decompress, check, store, and count what could not be kept.

use std::sync::Arc;

use bytes::Bytes;
use schema::{Clock, Keys, Tenant};
use store::Prepared;
use tokio::sync::Semaphore;

use crate::compression::Coding;
use crate::config::CollectorConfig;
use crate::connections::Peer;
use crate::decode::Decoder;
use crate::decode::fault::Rejected;
use crate::door::{Client, Door, Hold};
use crate::inlet::Bounds;
use crate::otlp::limits::Meter;
use crate::otlp::{Read, Request, Signal, read_json, read_protobuf};
use crate::refusal::Refusal;
use crate::sink::Sink;

/// The way from a received body to where it is kept.
pub struct Intake {
    config: CollectorConfig,
    sink: Sink,
    decoder: Arc<Decoder>,
    keys: Arc<Keys>,
    clock: Clock,
    door: Door,
    checkers: Arc<Semaphore>,
}

/// What the bytes of a body are, once they are decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Protobuf.
    Protobuf,
    /// OTLP's JSON.
    Json,
}

/// A body as it was received.
pub struct Sent {
    /// What it claims to be.
    pub signal: Signal,
    /// How it is compressed.
    pub coding: Coding,
    /// How it is written.
    pub format: Format,
    /// Who sent it.
    pub tenant: Tenant,
    /// The bytes.
    pub body: Bytes,
    /// The memory that it was let in with.
    pub hold: Hold,
}

/// What became of a request that was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Spans, records or points that were not kept.
    pub n_rejected: usize,
    /// Why not, or what else the sender should know; empty where all is well.
    pub message: String,
}

/// A request that will be kept.
struct Checked {
    body: Bytes,
    request: Request,
    rejected: Rejected,
    n_repaired: usize,
    hold: Hold,
}

impl Intake {
    /// Puts the parts together.
    pub fn new(config: CollectorConfig, sink: Sink, decoder: Arc<Decoder>, keys: Arc<Keys>, clock: Clock) -> Self {
        let door = Door::new(Arc::clone(sink.memory()));
        let checkers = Arc::new(Semaphore::new(config.n_check_threads()));
        Self { config, sink, decoder, keys, clock, door, checkers }
    }

    /// The door that bodies come in by.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// What bounds a body.
    pub fn bounds(&self) -> Bounds {
        Bounds { bytes_max: self.config.body_bytes_max, timeout: self.config.body_timeout() }
    }

    /// Counts a request that was turned away, and returns what its sender is told: a lack of memory passes in a moment, unless what was taken
    /// cannot leave.
    pub fn refused(&self, signal: Signal, refusal: Refusal) -> Refusal {
        self.sink.refused(signal, &refusal);
        if refusal.is_busy() && self.sink.is_stalled() { Refusal::Stalled } else { refusal }
    }

    /// Finds the tenant that a request's headers stand for.
    fn tenant_of(&self, headers: &http::HeaderMap) -> Result<Tenant, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let tenant = self.keys.tenant_of(text("authorization"))?;
        match text("x-karat-tenant") {
            Some(name) if self.config.trust_tenant_header => Tenant::new(name).map_err(Refusal::Tenant),
            _ => Ok(tenant),
        }
    }

    /// Finds who sends a request.
    pub fn client_of(&self, head: &http::request::Parts) -> Result<Client, Refusal> {
        let tenant = self.tenant_of(&head.headers)?;
        let address = head.extensions.get::<Peer>().and_then(|peer| peer.0);
        Ok(Client { tenant, address })
    }

    /// Keeps a body; it is on disk when this returns `Ok`.
    pub async fn take(self: &Arc<Self>, sent: Sent) -> Result<Taken, Refusal> {
        let tenant = sent.tenant.clone();
        let signal = sent.signal;
        let checked = self.checked(sent).await?;
        let mut taken = Taken { n_rejected: checked.rejected.n_rejected, message: message(signal, &checked) };
        if checked.rejected.n_items == checked.rejected.n_rejected {
            return Ok(taken);
        }
        let received_at = (self.clock)();
        let (decoder, request, hold) = (Arc::clone(&self.decoder), checked.request, checked.hold);
        let prepared: Prepared = Box::new(move || {
            // The memory counts as in use until the rows are made.
            let _hold = hold;
            Ok(decoder.rows(&request, received_at)?)
        });
        let n_too_large = self.sink.keep(&tenant, signal, checked.body, received_at, prepared).await?;
        if n_too_large > 0 {
            taken.n_rejected += n_too_large;
            let and = if taken.message.is_empty() { "" } else { "; " };
            taken.message += &format!("{and}{n_too_large} {} are larger than a message may be (kafka.message_bytes_max)", items(signal));
        }
        Ok(taken)
    }

    /// Checks small bodies here, and large or compressed ones on a thread that may take its time.
    async fn checked(self: &Arc<Self>, sent: Sent) -> Result<Checked, Refusal> {
        if sent.coding == Coding::Identity && sent.body.len() <= self.config.inline_bytes_max {
            return self.check(sent);
        }
        let permit = Arc::clone(&self.checkers).acquire_owned().await.map_err(|_| Refusal::Stopping)?;
        let intake = Arc::clone(self);
        let check = tokio::task::spawn_blocking(move || {
            let checked = intake.check(sent);
            drop(permit);
            checked
        });
        check.await.map_err(|_| Refusal::Stopping)?
    }

    fn check(&self, sent: Sent) -> Result<Checked, Refusal> {
        let Sent { signal, coding, format, body, mut hold, .. } = sent;
        let body = match coding {
            Coding::Identity => body,
            coding => Bytes::from(coding.decompress(&body, self.config.body_bytes_max, &mut hold)?),
        };
        let mut meter = Meter::new(&mut hold, self.config.request_memory_bytes_max);
        let Read { request, n_repaired } = match format {
            Format::Protobuf => read_protobuf(signal, &body, &mut meter)?,
            Format::Json => read_json(signal, &body, &mut meter)?,
        };
        let used = meter.used();
        let body = if format == Format::Json || n_repaired > 0 { Bytes::from(request.to_protobuf()) } else { body };
        if body.len() > self.config.body_bytes_max {
            return Err(Refusal::TooLarge { bytes_max: self.config.body_bytes_max });
        }
        let rejected = Rejected::of(&request);
        // The store counts the body itself.
        hold.shrink_to(used);
        Ok(Checked { body, request, rejected, n_repaired, hold })
    }
}

/// What the sender should know of a request that was kept, or nothing.
fn message(signal: Signal, checked: &Checked) -> String {
    let mut parts = Vec::new();
    if let Some(fault) = &checked.rejected.first {
        let (n_rejected, n_items) = (checked.rejected.n_rejected, checked.rejected.n_items);
        parts.push(format!("{n_rejected} of {n_items} {} rejected; the first: {fault}", items(signal)));
    }
    if checked.n_repaired > 0 {
        parts.push(format!("{} strings were not UTF-8 and are kept with U+FFFD in place of the bad bytes", checked.n_repaired));
    }
    parts.join("; ")
}

fn items(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "spans",
        Signal::Logs => "log records",
        Signal::Metrics => "data points",
    }
}
