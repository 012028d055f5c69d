//! Style sheet, scripts and images, embedded in the binary.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::Error;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const ASSETS: &[(&str, &str, &str)] = &[
    ("karat.css", CSS, include_str!("../assets/karat.css")),
    ("page.js", SCRIPT, include_str!("../assets/page.js")),
    ("trace.js", SCRIPT, include_str!("../assets/trace.js")),
    ("sql.js", SCRIPT, include_str!("../assets/sql.js")),
    ("logo.svg", SVG, include_str!("../assets/logo.svg")),
    ("favicon.svg", SVG, include_str!("../assets/favicon.svg")),
];

/// Sends an asset. Browsers ask again each time and get 304 where nothing changed, so that a new binary shows at once.
pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let Some((_, kind, content)) = ASSETS.iter().find(|(asset, ..)| *asset == name) else {
        return Err(Error::NotFound { what: "asset", id: name.chars().take(100).collect() });
    };
    let tag = format!("\"{:016x}\"", hash(content.as_bytes()));
    let about = [(CONTENT_TYPE, (*kind).to_owned()), (CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag.clone())];
    if headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, *content).into_response())
}

/// FNV-1a, 64 bits: tells versions of one file apart, nothing more.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
