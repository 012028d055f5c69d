//! `GET /healthz`: the process answers. It needs no token and tells nothing.

/// Answers `ok`.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}
