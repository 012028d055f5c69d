//! Every setting of the collector.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decode::DecodeConfig;

const MIB: usize = 1024 * 1024;

/// Settings of the collector; each says what it trades.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorConfig {
    /// Largest body after decompression, in bytes: memory against senders with large batches. At most the store's limit. Default 64 MiB.
    pub body_bytes_max: usize,
    /// Memory that one request may take once it is read, in bytes: a body of many tiny spans takes far more memory than bytes. What all take
    /// together is bounded by the store's `ingest_bytes_max`. Default 160 MiB.
    pub request_memory_bytes_max: usize,
    /// How long a body may take to arrive, in milliseconds: slow networks against senders that hold memory on purpose. Default 30,000.
    pub body_timeout_ms: u64,
    /// Open connections a port takes; more wait until one closes. Once half are in use, an address that has a quarter of them gets no more: a
    /// proxy in front is one address, so give it four times what it opens. Sockets and memory against many exporters. Default 1024.
    pub connections_max: usize,
    /// How long a connection may be silent before it is closed, in milliseconds: connections against exporters that send rarely. Default 120,000.
    pub connection_idle_ms: u64,
    /// Requests that one HTTP/2 connection may have open: one exporter's throughput against its share of memory. Default 256.
    pub streams_max: u32,
    /// Largest header list of an HTTP/2 request, in bytes: memory against long tokens. Default 16 KiB.
    pub header_bytes_max: u32,
    /// Bytes that an HTTP/2 request may send before they are asked for: throughput over slow networks against memory a connection. Default 256 KiB.
    pub window_bytes: u32,
    /// How often a silent HTTP/2 connection is asked whether it lives, in milliseconds. Default 30,000.
    pub keepalive_ms: u64,
    /// Bodies up to this size are checked where they were received, larger and compressed ones on threads of their own, in bytes: latency of
    /// the one against latency of all others. Default 64 KiB.
    pub inline_bytes_max: usize,
    /// Threads that decompress and check; 0 is one a core. Ingest rate against everything else on the machine. Default 0.
    pub check_threads: usize,
    /// How long a stop waits for requests that are under way, in milliseconds. Default 10,000.
    pub stop_grace_ms: u64,
    /// Whether the header `x-karat-tenant` names the tenant: only behind a proxy that sets it, for whoever sets it writes to that tenant. Default false.
    pub trust_tenant_header: bool,
    /// How bytes become rows.
    pub decode: DecodeConfig,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * MIB,
            request_memory_bytes_max: 160 * MIB,
            body_timeout_ms: 30_000,
            connections_max: 1024,
            connection_idle_ms: 120_000,
            streams_max: 256,
            header_bytes_max: 16 * 1024,
            window_bytes: 256 * 1024,
            keepalive_ms: 30_000,
            inline_bytes_max: 64 * 1024,
            check_threads: 0,
            stop_grace_ms: 10_000,
            trust_tenant_header: false,
            decode: DecodeConfig::default(),
        }
    }
}

impl CollectorConfig {
    /// How long a body may take to arrive.
    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// How many threads decompress and check.
    pub(crate) fn n_check_threads(&self) -> usize {
        match self.check_threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        }
    }
}
