//! Receives bodies: memory is asked for before it is used, and a sender may hold little more than it has sent.

use axum::body::HttpBody;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Duration, Instant, timeout_at};

use crate::door::{Client, Door, Hold};
use crate::otlp::limits::Lender;
use crate::refusal::Refusal;

/// What is held for a body before its first byte is here.
const FIRST_BYTES: usize = 64 * 1024;

/// How long the rest of a refused body is read and thrown away, so that the sender reads the answer instead of a reset connection.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// What bounds the receiving of a body.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest body.
    pub bytes_max: usize,
    /// How long it may take.
    pub timeout: Duration,
}

/// A body that is being received.
pub struct Inlet<B> {
    body: B,
    bounds: Bounds,
    deadline: Instant,
    /// How long it is to be, as far as the sender has told.
    expected: Option<usize>,
    received: Received,
    hold: Hold,
}

/// What has been received: a single chunk is not copied.
enum Received {
    One(Bytes),
    Many(Vec<u8>),
}

impl<B: HttpBody<Data = Bytes, Error: std::fmt::Display> + Unpin> Inlet<B> {
    /// Starts to receive a body of which the sender may have told the length. Nothing has been read when this refuses.
    pub fn open(body: B, len: Option<usize>, door: &Door, client: &Client, bounds: Bounds) -> Result<Self, (Refusal, B)> {
        if len.is_some_and(|len| len > bounds.bytes_max) {
            return Err((Refusal::TooLarge { bytes_max: bounds.bytes_max }, body));
        }
        let now = Instant::now();
        let may_send = door.may_send(client, len.unwrap_or(FIRST_BYTES), now);
        match may_send.then(|| door.admit(len.unwrap_or(FIRST_BYTES).min(FIRST_BYTES))).flatten() {
            None => Err((Refusal::Busy, body)),
            Some(hold) => Ok(Self { body, bounds, deadline: now + bounds.timeout, expected: len, received: Received::One(Bytes::new()), hold }),
        }
    }

    /// Receives until there are `len` bytes or the body ends.
    pub async fn receive(&mut self, len: usize) -> Result<(), Refusal> {
        self.expected = Some(len);
        self.receive_until(len).await
    }

    /// Receives the whole body.
    pub async fn receive_all(&mut self) -> Result<(), Refusal> {
        self.receive_until(usize::MAX).await
    }

    async fn receive_until(&mut self, len: usize) -> Result<(), Refusal> {
        while self.received.len() < len {
            let Ok(frame) = timeout_at(self.deadline, self.body.frame()).await else {
                return Err(Refusal::Slow { seconds: self.bounds.timeout.as_secs_f64() });
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| Refusal::Broken(error.to_string()))?;
            if let Ok(chunk) = frame.into_data() {
                self.keep(chunk)?;
            }
        }
        Ok(())
    }

    /// The bytes received so far.
    pub fn bytes(&self) -> &[u8] {
        match &self.received {
            Received::One(chunk) => chunk,
            Received::Many(chunks) => chunks,
        }
    }

    /// Ends the receiving. What was set aside for bytes that did not come is given back.
    pub fn close(self) -> (Bytes, Hold) {
        let bytes = match self.received {
            Received::One(chunk) => chunk,
            Received::Many(chunks) if chunks.capacity() > chunks.len() + chunks.len() / 4 => Bytes::copy_from_slice(&chunks),
            Received::Many(chunks) => Bytes::from(chunks),
        };
        (bytes, self.hold)
    }

    /// Gives the rest of the body back.
    pub fn into_rest(self) -> B {
        self.body
    }

    /// Keeps a chunk, and holds as much memory again as is here.
    fn keep(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        let len = self.received.len() + chunk.len();
        if len > self.bounds.bytes_max {
            return Err(Refusal::TooLarge { bytes_max: self.bounds.bytes_max });
        }
        if len > self.hold.bytes() && !self.hold.lend(2 * len - self.hold.bytes()) {
            return Err(Refusal::Busy);
        }
        let room = self.expected.map_or(2 * len, |expected| expected.clamp(len, 2 * len));
        match &mut self.received {
            Received::One(first) if first.is_empty() => self.received = Received::One(chunk),
            Received::One(first) => {
                let mut chunks = Vec::with_capacity(room);
                chunks.extend_from_slice(first);
                chunks.extend_from_slice(&chunk);
                self.received = Received::Many(chunks);
            }
            Received::Many(chunks) => {
                if chunks.capacity() < len {
                    chunks.reserve_exact(room - chunks.len());
                }
                chunks.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }
}

impl Received {
    fn len(&self) -> usize {
        match self {
            Received::One(chunk) => chunk.len(),
            Received::Many(chunks) => chunks.len(),
        }
    }
}

/// Reads the rest of a refused body and throws it away, for a while.
pub async fn drain<B: HttpBody + Unpin>(mut body: B) {
    let deadline = Instant::now() + DRAIN_TIME;
    while let Ok(Some(Ok(_))) = timeout_at(deadline, body.frame()).await {}
}
