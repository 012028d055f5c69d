//! Accepted connections: counted, and closed when nothing comes from them.

use std::borrow::Borrow;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, Sleep, sleep, sleep_until};
use tonic::transport::server::Connected;

/// How long to wait when the system refuses a connection, for instance because there are too many open files.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// What bounds the connections of a port.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many may be open.
    pub n_max: usize,
    /// How long one may be silent.
    pub idle: Duration,
}

/// Accepts connections for ever, one more whenever there are fewer than may be.
pub fn accept(listener: impl Borrow<TcpListener>, bounds: Bounds) -> impl Stream<Item = io::Result<Connection>> {
    let slots = Arc::new(Semaphore::new(bounds.n_max));
    futures::stream::unfold((listener, slots), move |(listener, slots)| async move {
        let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
        loop {
            match listener.borrow().accept().await {
                Ok((stream, _)) => {
                    // Without it small answers wait for the acknowledgement of earlier ones; a stream that refuses works all the same.
                    let _ = stream.set_nodelay(true);
                    return Some((Ok(Connection::new(stream, slot, bounds.idle)), (listener, slots)));
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(REFUSED_PAUSE).await;
                }
            }
        }
    })
}

/// A connection that ends by itself after a silence.
pub struct Connection {
    stream: TcpStream,
    idle: Duration,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, slot: OwnedSemaphorePermit, idle: Duration) -> Self {
        let heard = Instant::now();
        Self { stream, idle, heard, alarm: Box::pin(sleep_until(heard + idle)), _slot: slot }
    }

    /// Wakes the reader when the silence has lasted too long. The alarm is set again only when it rings, not for every byte.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let until = self.heard + self.idle;
            if until <= Instant::now() {
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "nothing came for too long"));
            }
            self.alarm.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        match Pin::new(&mut connection.stream).poll_read(context, buffer) {
            Poll::Pending => connection.poll_silence(context).map(Err),
            ready => {
                connection.heard = Instant::now();
                ready
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub Option<IpAddr>);

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer(self.stream.peer_addr().ok().map(|address| address.ip()))
    }
}
