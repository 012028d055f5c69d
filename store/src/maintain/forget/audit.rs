//! `_audit.jsonl`: a line for each removal, which tells that it was done and what it came to, and not who the person is.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use schema::Micros;
use twox_hash::XxHash3_128;

use super::Forgotten;
use super::request::Request;
use crate::disk;
use crate::error::Error;

const NAME: &str = "_audit.jsonl";

/// Notes a removal durably. The hash tells whether it was about an id that somebody names; it is no secret from one who guesses ids.
pub(super) fn note(data: &Path, request: &Request, forgotten: Forgotten, now: Micros) -> Result<(), Error> {
    let line = serde_json::json!({
        "event": "forget",
        "tenant": request.tenant.as_str(),
        "of": request.subject.kind(),
        "id_xxh3": format!("{:032x}", XxHash3_128::oneshot(request.subject.id().as_bytes())),
        "asked_at_us": request.asked_at.0,
        "done_at_us": now.0,
        "traces": forgotten.traces,
        "rows": forgotten.rows,
        "files": forgotten.files,
    });
    let path = data.join(NAME);
    let append = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        writeln!(file, "{line}")?;
        file.sync_all()
    };
    append().map_err(|source| Error::io("write", &path, source))?;
    disk::sync_dir(data)
}
