//! Every route of the dashboard and the API.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use schema::{Clock, Keys};
use store::Store;

use crate::app::App;
use crate::config::DashboardConfig;
use crate::{api, assets, guard, pages};

/// Builds the dashboard and the API over a store; routes `beside` them stand behind the same guard.
pub fn router(config: DashboardConfig, store: Store, keys: Arc<Keys>, clock: Clock, beside: Router) -> Router {
    let app = App::new(config, store, keys, clock);
    Router::new()
        .route("/", get(pages::overview::page))
        .route("/traces", get(pages::traces::page))
        .route("/traces/{trace_id}", get(pages::trace::page))
        .route("/traces/{trace_id}/spans/{span_id}", get(pages::span::page))
        .route("/monitors", get(pages::monitors::list))
        .route("/monitors/{name}", get(pages::monitors::one))
        .route("/monitors/{name}/say", post(pages::monitors::tell))
        .route("/sql", get(pages::sql::page))
        .route("/login", get(pages::login::page).post(pages::login::begin))
        .route("/logout", post(pages::login::end))
        .route("/assets/{name}", get(assets::serve))
        .route("/healthz", get(api::health::healthz))
        .route("/api/v1/sql", post(api::sql::run))
        .route("/api/v1/schema", get(api::schema::schema))
        .route("/api/v1/status", get(api::status::status))
        .route("/api/v1/alerts", get(api::alerts::open))
        .route("/api/v1/alerts/{id}/acknowledge", post(api::alerts::acknowledge))
        .route("/api/v1/alerts/{id}/mute", post(api::alerts::mute))
        .route("/api/v1/traces/{trace_id}", get(api::traces::trace))
        .route("/api/v1/traces/{trace_id}/tree", get(api::traces::tree))
        .route("/api/v1/traces/{trace_id}/spans/{span_id}", get(api::traces::span))
        .route("/api/v1/openapi.json", get(api::openapi::document))
        .merge(beside.with_state(()))
        .fallback(pages::not_found)
        .method_not_allowed_fallback(pages::wrong_method)
        .layer(DefaultBodyLimit::max(app.config.body_bytes_max))
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
