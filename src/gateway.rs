//! The role `gateway`: OTLP in, Kafka out, no tables.

use crate::config::Config;

/// What a build without the feature says to who wants it.
#[cfg(not(feature = "kafka"))]
pub const WITHOUT_KAFKA: &str = "this karat was built without Kafka; build it with `--features kafka`, or set role = \"all\"";

/// Says that this build cannot.
#[cfg(not(feature = "kafka"))]
#[allow(clippy::unused_async, clippy::needless_pass_by_value, reason = "the same signature as of a build with Kafka")]
pub async fn run(_: Config) -> anyhow::Result<()> {
    anyhow::bail!("{WITHOUT_KAFKA}")
}

#[cfg(feature = "kafka")]
pub use with_kafka::run;

#[cfg(feature = "kafka")]
mod with_kafka {
    use std::sync::Arc;

    use anyhow::Context as _;
    use collector::kafka::Gateway;
    use collector::{Decoder, Sink};
    use store::Budget;
    use tokio::task::JoinSet;
    use tokio_util::sync::CancellationToken;

    use super::Config;
    use crate::clock;
    use crate::metrics::Metrics;
    use crate::ready::{self, Readiness};
    use crate::serve::{self, Addresses, Ports, prices};

    /// Runs a gateway until SIGINT or SIGTERM.
    pub async fn run(config: Config) -> anyhow::Result<()> {
        let keys = Arc::new(config.keys(|name| std::env::var(name).ok())?);
        let Ports { grpc, otlp, http } = Ports::bind(&config.listen).await?;
        let addresses = Addresses::of(&grpc, &otlp, &http)?;
        let readiness = Arc::new(Readiness::of(config.role));
        readiness.shows(Metrics::of_gateway(readiness.kafka.clone(), Arc::clone(&keys), clock::wall_clock()));
        let password = config.kafka_password(|name| std::env::var(name).ok());
        let memory = Budget::new(config.store.admitted_bytes());
        let gateway = Gateway::new(config.kafka.clone(), password, memory, readiness.kafka.clone())?;
        // It checks requests as any collector does; it makes no rows.
        let decoder = Arc::new(Decoder::new(prices(&config)?, config.collector.decode.clone()));

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (router, stop) = (ready::router(readiness), stop.clone());
            async move {
                let server = axum::serve(http, router.into_make_service()).with_graceful_shutdown(stop.cancelled_owned());
                server.await.context("the health port stopped")
            }
        });
        let collector =
            collector::serve(config.collector, Sink::Kafka(Box::new(gateway)), decoder, keys, clock::wall_clock(), grpc, otlp, stop.clone());
        tasks.spawn(async move { collector.await.context("the collector stopped") });

        let told_to_stop = serve::told_to_stop();
        serve::print_ready(&addresses)?;
        let failed = tokio::select! {
            () = told_to_stop => None,
            Some(ended) = tasks.join_next() => Some(ended),
        };
        tracing::info!("stopping: what is under way is delivered first");
        stop.cancel();
        while tasks.join_next().await.is_some() {}
        match failed {
            Some(ended) => ended.context("a part of the gateway panicked")?,
            None => Ok(()),
        }
    }
}
