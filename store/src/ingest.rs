//! The way of a record from the door into the log.

use std::sync::Arc;

use bytes::Bytes;
use schema::{Micros, Tenant};
use tokio::sync::oneshot;

use crate::appender::Job;
use crate::decode::{Prepared, Signal};
use crate::dedup::Ticket;
use crate::error::Error;
use crate::store::Inner;
use crate::wal::Entry;

/// Bodies above this are hashed on the blocking pool.
const HASH_INLINE_MAX: usize = 1024 * 1024;

/// A record on its way into the log.
pub(crate) struct NewRecord<'a> {
    pub tenant: &'a Tenant,
    pub signal: Signal,
    pub body: Bytes,
    pub received_at: Micros,
    pub hash: u128,
    pub prepared: Option<Prepared>,
    pub ticket: Option<Ticket>,
    pub visible: Option<oneshot::Sender<()>>,
}

impl Inner {
    /// Takes a record in, if memory allows, and waits until it is durable.
    pub(crate) async fn write(self: &Arc<Self>, record: NewRecord<'_>) -> Result<u64, Error> {
        let log = self.check_open()?;
        let NewRecord { tenant, signal, body, received_at, hash, prepared, ticket, visible } = record;
        let Some(permit) = self.memory.take(body.len()) else {
            self.full.notify_one();
            return Err(Error::Busy { what: "wait for the log or a commit", bytes: self.memory.used(), limit: self.memory.limit() });
        };
        let (ack, acked) = oneshot::channel();
        let inner = Arc::clone(self);
        let (owner, bytes) = (tenant.clone(), body.clone());
        let done = move |result: Result<u64, Error>| {
            if let Ok(seq) = result {
                let _ = ticket.map(|ticket| ticket.stored(seq));
                let job = Job { seq, origin: None, signal, tenant: owner, received_at, body: bytes, prepared, visible, permit };
                inner.appender.get().inspect(|appender| appender.push(job));
            }
            // A sender that went away does not wait for the answer.
            let _ = ack.send(result);
        };
        log.enqueue(Entry { signal, tenant: tenant.clone(), received_at, hash, body, done: Box::new(done) });
        acked.await.map_err(|_| Error::Closed)?
    }
}

/// Returns what the body is known by, of whatever size it is.
pub(crate) async fn hash_of(body: &Bytes) -> Result<u128, Error> {
    let hash = |body: &[u8]| twox_hash::XxHash3_128::oneshot(body);
    if body.len() <= HASH_INLINE_MAX {
        return Ok(hash(body));
    }
    let body = body.clone();
    tokio::task::spawn_blocking(move || hash(&body)).await.map_err(|error| Error::Task(error.to_string()))
}
