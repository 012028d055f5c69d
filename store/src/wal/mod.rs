//! The write-ahead log: the bytes of every request, durable before the answer goes out.
//!
//! `frame` is one record, `segment` one file of frames, `group` the thread that gathers records and `writer` what appends and syncs
//! them, `scan` reads a log again at open. A segment is deleted when every row in it is committed to its table (`retire`).
//! `power_cut` holds all of it against a disk that forgets what was not synced.

mod frame;
mod group;
mod id;
#[cfg(test)]
mod power_cut;
mod retire;
mod scan;
mod segment;
mod writer;

pub(crate) use frame::{Frame, frame_bytes};
pub(crate) use group::{Entry, Log};
pub(crate) use id::{LogId, open_id, read_id};
pub(crate) use retire::{read_applied, retire};
pub(crate) use scan::{Scanned, Tail, bytes_used, scan};
