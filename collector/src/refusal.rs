//! Every reason to turn a request away, and what the two protocols say for it.

use std::time::Duration;

use http::StatusCode;
use schema::Denied;
use schema::id::IdError;
use store::ErrorKind;
use tonic::Code;

use crate::compression::Coding;
use crate::otlp::Malformed;

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody may send that without a token, or with this one.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The trusted header names a tenant that cannot be.
    #[error("header x-karat-tenant: {0}")]
    Tenant(IdError),
    /// The body is not an export request, or one that is too large.
    #[error(transparent)]
    Malformed(Malformed),
    /// The body cannot be decompressed.
    #[error("the body is not {coding}: {reason}; was it cut, or compressed twice?")]
    Compression {
        /// The encoding that the request named.
        coding: Coding,
        /// What the decompressor said.
        reason: String,
    },
    /// A gRPC message that does not follow gRPC's framing.
    #[error("the gRPC message {0}")]
    Framing(&'static str),
    /// The body is larger than bodies may be.
    #[error("the body has more than {bytes_max} bytes once it is decompressed; send smaller batches")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Too many bytes are under way.
    #[error("the server is busy with other requests; send this one again")]
    Busy,
    /// Too many bytes are under way, and they leave too slowly: what they go to hangs or fails.
    #[error("the server cannot pass on what it has taken, and has no room for more; send this again later")]
    Stalled,
    /// The body did not arrive in time.
    #[error("the body did not arrive within {seconds} seconds; send it again")]
    Slow {
        /// The limit.
        seconds: f64,
    },
    /// The sender went away in the middle of the body.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// The store did not keep the body.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The brokers did not confirm the message.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "only a gateway has brokers"))]
    #[error("the message brokers cannot take anything at this moment: {0}")]
    Undelivered(String),
    /// The server is not up yet.
    #[error("the server is starting and takes nothing yet; send again in a moment")]
    Starting,
    /// The server is going down.
    #[error("the server is stopping; send again when it is back")]
    Stopping,
    /// A content encoding that this server cannot read.
    #[error("content encoding {0:?} is not known here; send gzip, zstd, deflate or none")]
    Coding(String),
    /// A content type that is not OTLP's.
    #[error("content type {0:?} is not OTLP; send application/x-protobuf or application/json")]
    ContentType(String),
    /// A path that this server does not have.
    #[error("{0}")]
    Path(String),
    /// A method other than POST.
    #[error("{0}")]
    Method(String),
}

/// What to do about a refusal, in the terms of both protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Status of an HTTP response.
    pub http: StatusCode,
    /// Status of a gRPC response.
    pub grpc: Code,
    /// When to send the same again; nothing where that would not help.
    pub retry_after: Option<Duration>,
}

/// What a busy server asks senders to wait: long enough to drain some requests, short enough to lose no throughput.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// What a server in trouble asks senders to wait.
const TROUBLE_PAUSE: Duration = Duration::from_secs(5);

impl From<Malformed> for Refusal {
    fn from(fault: Malformed) -> Self {
        match fault {
            Malformed::NoMemory => Refusal::Busy,
            fault => Refusal::Malformed(fault),
        }
    }
}

impl Refusal {
    /// Returns what both protocols answer.
    ///
    /// OTLP clients send again after 429, 502, 503, 504 or UNAVAILABLE and drop the data after anything else, 500 and INTERNAL included. So
    /// whatever may pass is one of the former, also a body that came too slowly, for which 408 would be the common answer.
    pub fn verdict(&self) -> Verdict {
        match self {
            Refusal::Denied(_) => lasting(StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Refusal::Malformed(Malformed::TooLarge { .. }) | Refusal::TooLarge { .. } => {
                lasting(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted)
            }
            Refusal::Tenant(_) | Refusal::Malformed(_) | Refusal::Compression { .. } | Refusal::Framing(_) | Refusal::Broken(_) => {
                lasting(StatusCode::BAD_REQUEST, Code::InvalidArgument)
            }
            Refusal::Busy => passing(StatusCode::TOO_MANY_REQUESTS, BUSY_PAUSE),
            Refusal::Stalled | Refusal::Slow { .. } | Refusal::Undelivered(_) | Refusal::Starting | Refusal::Stopping => {
                passing(StatusCode::SERVICE_UNAVAILABLE, TROUBLE_PAUSE)
            }
            Refusal::Coding(_) | Refusal::ContentType(_) => lasting(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented),
            Refusal::Path(_) => lasting(StatusCode::NOT_FOUND, Code::Unimplemented),
            Refusal::Method(_) => lasting(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented),
            Refusal::Store(store::Error::TooLarge { .. }) => lasting(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
            Refusal::Store(error) => match error.kind() {
                ErrorKind::Busy => passing(StatusCode::TOO_MANY_REQUESTS, BUSY_PAUSE),
                ErrorKind::Input => lasting(StatusCode::BAD_REQUEST, Code::InvalidArgument),
                // A fault of ours must not cost the sender its data.
                ErrorKind::Retry | ErrorKind::Bug => passing(StatusCode::SERVICE_UNAVAILABLE, TROUBLE_PAUSE),
            },
        }
    }

    /// Names the kind of refusal in a word or two, for counters.
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::Denied(_) | Refusal::Tenant(_) => "unauthorized",
            Refusal::Malformed(Malformed::TooLarge { .. }) | Refusal::TooLarge { .. } => "too_large",
            Refusal::Malformed(_) | Refusal::Compression { .. } | Refusal::Framing(_) => "malformed",
            Refusal::Busy => "busy",
            Refusal::Stalled => "stalled",
            Refusal::Slow { .. } => "slow",
            Refusal::Broken(_) => "broken_off",
            Refusal::Store(_) => "not_stored",
            Refusal::Undelivered(_) => "not_delivered",
            Refusal::Starting => "starting",
            Refusal::Stopping => "stopping",
            Refusal::Coding(_) | Refusal::ContentType(_) => "unsupported",
            Refusal::Path(_) | Refusal::Method(_) => "no_such_service",
        }
    }

    /// Tells whether memory is all that is missing.
    pub fn is_busy(&self) -> bool {
        matches!(self, Refusal::Busy | Refusal::Store(store::Error::Busy { .. }))
    }

    /// Tells what is wrong with this server; of a refusal that is its sender's doing, nothing.
    pub fn fault(&self) -> Option<String> {
        match self {
            Refusal::Store(error) => Some(error.to_string()),
            Refusal::Undelivered(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Returns what may be told to a stranger: the faults of the store name paths of this machine.
    pub fn message(&self) -> String {
        match self {
            Refusal::Store(store::Error::Full { .. }) => "the server's disk is full; what was sent is taken again later".to_owned(),
            Refusal::Store(error @ (store::Error::Busy { .. } | store::Error::TooLarge { .. } | store::Error::Closed)) => error.to_string(),
            Refusal::Undelivered(_) => "the message brokers cannot take anything at this moment; send again".to_owned(),
            Refusal::Store(_) => "the server cannot store anything at this moment; its log says why".to_owned(),
            refusal => refusal.to_string(),
        }
    }
}

fn lasting(http: StatusCode, grpc: Code) -> Verdict {
    Verdict { http, grpc, retry_after: None }
}

fn passing(http: StatusCode, pause: Duration) -> Verdict {
    Verdict { http, grpc: Code::Unavailable, retry_after: Some(pause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client drops the data after any other status, and sends it again for ever after one of these.
    #[test]
    fn exactly_what_may_pass_is_asked_for_again() {
        let path = std::path::PathBuf::from("/secret");
        let full = || store::Error::Full { path: path.clone(), source: std::io::Error::other("no space") };
        let passing = [
            Refusal::Busy,
            Refusal::Stalled,
            Refusal::Stopping,
            Refusal::Slow { seconds: 1.0 },
            Refusal::Undelivered("broker of /secret".to_owned()),
            Refusal::from(Malformed::NoMemory),
            Refusal::Store(full()),
            Refusal::Store(store::Error::Closed),
            Refusal::Store(store::Error::Task("died".to_owned())),
            Refusal::Store(store::Error::Busy { what: "wait", bytes: 2, limit: 1 }),
        ];
        for refusal in passing {
            let verdict = refusal.verdict();
            assert!(matches!(verdict.http.as_u16(), 429 | 503), "{refusal}");
            assert_eq!(verdict.grpc, Code::Unavailable, "{refusal}");
            assert!(verdict.retry_after.is_some(), "{refusal}");
            assert!(!refusal.message().contains("secret"), "{refusal}");
        }
        let lasting = [
            (Refusal::from(Malformed::Truncated), 400, Code::InvalidArgument),
            (Refusal::from(Malformed::TooLarge { bytes_max: 1 }), 413, Code::ResourceExhausted),
            (Refusal::TooLarge { bytes_max: 1 }, 413, Code::ResourceExhausted),
            (Refusal::Store(store::Error::TooLarge { bytes: 2, limit: 1 }), 413, Code::ResourceExhausted),
            (Refusal::Denied(Denied::Missing), 401, Code::Unauthenticated),
            (Refusal::Coding("br".to_owned()), 415, Code::Unimplemented),
        ];
        for (refusal, http, grpc) in lasting {
            let verdict = refusal.verdict();
            assert_eq!((verdict.http.as_u16(), verdict.grpc, verdict.retry_after), (http, grpc, None), "{refusal}");
        }
    }
}
