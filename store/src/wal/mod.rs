//! The write-ahead log: the bytes of every request, durable before the answer goes out.
//!
//! `frame` is one record, `segment` one file of frames, `group` the thread that appends and syncs them in groups,
//! `scan` reads a log again at open. A segment is deleted when every row in it is committed to its table (`retire`).

mod frame;
mod group;
mod id;
mod retire;
mod scan;
mod segment;

pub(crate) use frame::Frame;
pub(crate) use group::{Entry, Log};
pub(crate) use id::{LogId, open_id, read_id};
pub(crate) use retire::{read_applied, retire};
pub(crate) use scan::{Scanned, Tail, scan};
