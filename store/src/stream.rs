//! Records that are durable elsewhere, such as in Kafka: they skip the log of this node, and land in the tables exactly once.
//!
//! Every commit bears, for each stream that it has rows of, the last record that the table has then. A commit counts only if the
//! table's position is still the one that its rows follow on; where another node has moved it, this node's reading ends, what it
//! holds of the stream is dropped, and whoever is in charge opens the stream again.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use schema::{Micros, Tenant};

use crate::appender::{Job, Origin};
use crate::blocking::blocking;
use crate::decode::{Prepared, Signal};
use crate::error::Error;
use crate::flow::Kept;
use crate::follow;
use crate::source::Source;
use crate::store::{Inner, Store};
use crate::writer::take_in;

/// A stream that is being read into the tables; cheap to clone.
#[derive(Clone)]
pub struct Stream {
    store: Store,
    source: Arc<Source>,
}

/// One record of a stream.
pub struct StreamRecord {
    /// Its place in the stream; rises from record to record, by one or more.
    pub offset: u64,
    /// What the bytes are.
    pub signal: Signal,
    /// Whose they are.
    pub tenant: Tenant,
    /// When they came to this node.
    pub received_at: Micros,
    /// The bytes, which are put aside where no rows can be made.
    pub body: Bytes,
    /// Makes the rows, on a thread of the store.
    pub prepared: Prepared,
}

impl Store {
    /// Begins to read a stream, and finds out where to begin. An earlier reading of it by this process ends.
    pub fn open_stream<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Stream, Error>> {
        Box::pin(async move {
            self.inner.check_open()?;
            let id: Arc<str> = Arc::from(name);
            let earlier = self.inner.sources.lock().remove(&id);
            earlier.inspect(|earlier| self.inner.close_source(earlier));
            // What other nodes have committed says where they stopped.
            follow::once(&self.inner).await?;
            let inner = Arc::clone(&self.inner);
            let source = blocking(move || open(&inner, id)).await?;
            Ok(Stream { store: self.clone(), source })
        })
    }
}

/// Looks up how far each table and all of them have come. Blocks.
fn open(inner: &Arc<Inner>, id: Arc<str>) -> Result<Arc<Source>, Error> {
    let complete_id = Source::complete_id(&id);
    let (mut start, mut reached) = (0, Vec::new());
    for state in inner.tables.all() {
        let mut log = state.log.blocking_lock();
        take_in(inner, &state, &mut log)?;
        let streams = log.streams()?;
        start = streams.get(&complete_id).copied().unwrap_or_default().max(start);
        let through = streams.get(id.as_ref()).copied().unwrap_or_default();
        drop(log);
        reached.push((state, through));
    }
    let source = Arc::new(Source::new(Arc::clone(&id), start, &inner.config));
    reached.iter().for_each(|(state, through)| state.open_feed(&source, *through));
    inner.sources.lock().insert(id, Arc::clone(&source));
    Ok(source)
}

impl Stream {
    /// Returns the first offset that is not in the tables: every row of what is before it is.
    ///
    /// Records from some way before it are welcome: their rows are not made again, but what a sender repeated of them is told apart.
    pub fn start(&self) -> u64 {
        self.source.start
    }

    /// Returns the offset before which every row is committed; nothing once the reading has ended.
    pub fn complete(&self) -> Option<u64> {
        self.store.inner.complete(&self.source)
    }

    /// Tells whether this reading goes on: another node's commit to the same stream ends it, too.
    pub fn is_open(&self) -> bool {
        self.source.is_open()
    }

    /// Takes a record, whose rows are visible soon and committed later; `Busy` where there is no room for it now.
    ///
    /// A record that was handed over before is ignored.
    pub fn take(&self, record: &mut Option<StreamRecord>) -> Result<(), Error> {
        let inner = &self.store.inner;
        inner.check_open()?;
        let Some(bytes) = record.as_ref().map(|record| record.body.len()) else { return Ok(()) };
        // As much again for what it is while its rows are made.
        let permit = match inner.memory.take(2 * bytes) {
            Some(permit) => permit,
            // One that is larger than all memory waits until no rows are held.
            None if bytes > inner.memory.limit() / 4 && inner.tables.held_bytes() == 0 => inner.memory.force(bytes),
            None => {
                inner.full.notify_one();
                return Err(Error::Busy { what: "wait for a commit", bytes: inner.memory.used(), limit: inner.memory.limit() });
            }
        };
        let Some(StreamRecord { offset, signal, tenant, received_at, body, prepared }) = record.take() else { return Ok(()) };
        let seq = offset + 1;
        if self.source.is_old(seq) {
            self.source.recent.lock().is_repeated(&tenant, &body, received_at);
            return Ok(());
        }
        let Some(first) = self.source.feed(seq) else { return Ok(()) };
        let is_repeated = self.source.recent.lock().is_repeated(&tenant, &body, received_at);
        let (kept, prepared) = if is_repeated { (Kept::Before, no_rows()) } else { (Kept::New, prepared) };
        inner.flow.answered(signal, Ok(kept));
        let origin = Some(Origin { source: Arc::clone(&self.source), first });
        let job = Job { seq, origin, signal, tenant, received_at, body, prepared: Some(prepared), visible: None, permit };
        inner.appender.get().inspect(|appender| appender.push(job));
        Ok(())
    }

    /// Returns what the store knows of the reading.
    #[cfg(test)]
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Ends the reading. What is held of the stream and not committed is dropped, for whoever reads it next.
    pub fn close(&self) {
        let inner = &self.store.inner;
        inner.close_source(&self.source);
        let mut sources = inner.sources.lock();
        if sources.get(&self.source.id).is_some_and(|known| Arc::ptr_eq(known, &self.source)) {
            sources.remove(&self.source.id);
        }
    }
}

fn no_rows() -> Prepared {
    Box::new(|| Ok(Vec::new()))
}
