//! Reads OTLP export requests out of protobuf and JSON, with limits that prost and serde do not have.
//!
//! One table (`messages`) declares the fields; both readers follow from it and fill opentelemetry-proto's structs.
//! They differ from the derived ones in what a server on the open net needs: text that is not UTF-8 is repaired instead of
//! refused, values nest at most 64 deep, and memory is counted while it is used, so that no small body becomes a large structure.

pub mod base64;
mod json;
mod kind;
pub mod limits;
mod message;
mod messages;
mod wire;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use limits::{DEPTH_MAX, Meter};
use message::Message;

/// What an id becomes that JSON holds as something other than hex: no id has one byte.
pub const UNREADABLE_ID: &[u8] = &[0];

/// One of OTLP's three signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Data points.
    Metrics,
}

impl Signal {
    /// Returns what the store calls it.
    pub(crate) fn of_store(self) -> store::Signal {
        match self {
            Signal::Traces => store::Signal::Traces,
            Signal::Logs => store::Signal::Logs,
            Signal::Metrics => store::Signal::Metrics,
        }
    }
}

/// An export request of any signal.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
    /// Data points.
    Metrics(ExportMetricsServiceRequest),
}

/// A body that is no export request, or more of one than may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body ends inside a field.
    #[error("the protobuf message ends in the middle of a field; was the body cut?")]
    Truncated,
    /// An integer of more than ten bytes.
    #[error("the protobuf message holds an integer of more than 64 bits")]
    Varint,
    /// A field with a number that protobuf does not allow.
    #[error("the protobuf message holds a field number that cannot be; is the body OTLP protobuf?")]
    FieldNumber,
    /// A field that is written in another way than OTLP declares it.
    #[error("protobuf field {tag} is not of the type that OTLP declares; is the body of this signal?")]
    WireType {
        /// The field's number.
        tag: u32,
    },
    /// Values nested too deep in each other.
    #[error("values nest more than {DEPTH_MAX} deep; flatten them or send them as JSON text")]
    TooDeep,
    /// The request would need more memory than one request may have.
    #[error("the request takes more than {bytes_max} bytes of memory once it is read; send smaller batches")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The server has no memory for the request at this moment.
    #[error("the server is busy with other requests; send this one again")]
    NoMemory,
    /// Not JSON, or not OTLP's.
    #[error("the body is not OTLP/JSON: {0}")]
    Json(String),
}

/// A request that was read.
#[derive(Debug)]
pub struct Read {
    /// The request.
    pub request: Request,
    /// How many strings were not UTF-8 and hold U+FFFD now.
    pub n_repaired: usize,
}

/// Reads a protobuf body.
pub fn read_protobuf(signal: Signal, body: &[u8], meter: &mut Meter<'_>) -> Result<Read, Malformed> {
    fn read<M: Message>(body: &[u8], meter: &mut Meter<'_>) -> Result<M, Malformed> {
        let mut message = M::default();
        wire::merge(&mut message, body, meter)?;
        Ok(message)
    }
    let request = match signal {
        Signal::Traces => Request::Traces(read(body, meter)?),
        Signal::Logs => Request::Logs(read(body, meter)?),
        Signal::Metrics => Request::Metrics(read(body, meter)?),
    };
    Ok(Read { request, n_repaired: meter.n_repaired })
}

/// Reads a JSON body.
pub fn read_json(signal: Signal, body: &[u8], meter: &mut Meter<'_>) -> Result<Read, Malformed> {
    let text = String::from_utf8_lossy(body);
    let n_lossy = usize::from(matches!(text, std::borrow::Cow::Owned(_)));
    let (request, n_mended) = match json_request(signal, &text, meter) {
        Ok(request) => (request, 0),
        Err(Malformed::Json(fault)) => {
            let mended = json::mend_surrogates(&text).ok_or(Malformed::Json(fault))?;
            meter.restart();
            (json_request(signal, &mended, meter)?, 1)
        }
        Err(fault) => return Err(fault),
    };
    Ok(Read { request, n_repaired: n_lossy + n_mended })
}

fn json_request(signal: Signal, text: &str, meter: &mut Meter<'_>) -> Result<Request, Malformed> {
    fn read<M: Message>(text: &str, meter: &mut Meter<'_>) -> Result<M, Malformed> {
        let mut message = M::default();
        let mut parser = serde_json::Deserializer::from_str(text);
        let result = json::merge(&mut message, &mut parser, meter).and_then(|()| parser.end());
        result.map_err(|error| meter.fault.take().unwrap_or_else(|| Malformed::Json(error.to_string())))?;
        Ok(message)
    }
    Ok(match signal {
        Signal::Traces => Request::Traces(read(text, meter)?),
        Signal::Logs => Request::Logs(read(text, meter)?),
        Signal::Metrics => Request::Metrics(read(text, meter)?),
    })
}

impl Request {
    /// Writes the request as protobuf.
    pub fn to_protobuf(&self) -> Vec<u8> {
        match self {
            Request::Traces(request) => request.encode_to_vec(),
            Request::Logs(request) => request.encode_to_vec(),
            Request::Metrics(request) => request.encode_to_vec(),
        }
    }
}
