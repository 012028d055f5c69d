//! Accepted connections: counted, shared out among addresses, and closed when nothing comes from them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use parking_lot::Mutex;
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
///
/// Once half of them are in use, an address that has a quarter is closed the door on: one exporter must not shut out all others.
pub fn accept(listener: impl Borrow<TcpListener>, bounds: Bounds) -> impl Stream<Item = io::Result<Connection>> {
    let (slots, shares) = (Arc::new(Semaphore::new(bounds.n_max)), Arc::new(Shares::new(bounds.n_max)));
    futures::stream::unfold((listener, slots, shares), move |(listener, slots, shares)| async move {
        let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
        loop {
            match listener.borrow().accept().await {
                Ok((stream, peer)) => {
                    let Some(share) = shares.take(peer.ip()) else { continue };
                    // Without it small answers wait for the acknowledgement of earlier ones; a stream that refuses works all the same.
                    let _ = stream.set_nodelay(true);
                    return Some((Ok(Connection::new(stream, slot, share, bounds.idle)), (listener, slots, shares)));
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(REFUSED_PAUSE).await;
                }
            }
        }
    })
}

/// How many connections each address has.
#[derive(Debug)]
struct Shares {
    n_max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection in the count of its address; given back when it is dropped.
struct Share {
    shares: Arc<Shares>,
    address: IpAddr,
}

impl Shares {
    fn new(n_max: usize) -> Self {
        Self { n_max, open: Mutex::default() }
    }

    /// Counts one more connection of an address, if that may have it.
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let mut open = self.open.lock();
        let n_open: usize = open.values().sum();
        let of_address = open.get(&address).copied().unwrap_or_default();
        if n_open >= self.n_max.div_ceil(2) && of_address >= self.n_max.div_ceil(4) {
            return None;
        }
        open.insert(address, of_address + 1);
        Some(Share { shares: Arc::clone(self), address })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.shares.open.lock();
        if let Entry::Occupied(mut of_address) = open.entry(self.address) {
            *of_address.get_mut() -= 1;
            if *of_address.get() == 0 {
                of_address.remove();
            }
        }
    }
}

/// A connection that ends by itself after a silence.
pub struct Connection {
    stream: TcpStream,
    idle: Duration,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
    _slot: OwnedSemaphorePermit,
    _share: Share,
}

impl Connection {
    fn new(stream: TcpStream, slot: OwnedSemaphorePermit, share: Share, idle: Duration) -> Self {
        let heard = Instant::now();
        Self { stream, idle, heard, alarm: Box::pin(sleep_until(heard + idle)), _slot: slot, _share: share }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// Opens connections from an address until it is refused; returns how many it got.
    fn open_all(shares: &Arc<Shares>, from: IpAddr, held: &mut Vec<Share>) -> usize {
        let taken: Vec<_> = std::iter::from_fn(|| shares.take(from)).take(2_000).collect();
        let n = taken.len();
        held.extend(taken);
        n
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let shares = Arc::new(Shares::new(1_024));
        let mut held = Vec::new();
        assert_eq!(open_all(&shares, address(1), &mut held), 512, "alone it may have half");
        assert_eq!(open_all(&shares, address(2), &mut held), 256);
        assert_eq!(open_all(&shares, address(3), &mut held), 256);
        held.drain(..300);
        assert_eq!(open_all(&shares, address(1), &mut held), 44, "back to a quarter");
        drop(held);
        assert!(shares.open.lock().is_empty());
        assert_eq!(open_all(&shares, address(1), &mut Vec::new()), 512);
    }
}
