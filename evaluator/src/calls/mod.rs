//! One way for every call of a model: slots, rates, attempts, pauses, deadlines and second askings, each endpoint by itself.

mod cache;
mod config;
mod exchange;
mod hedge;
mod rates;
mod retry;
mod window;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::EvaluatorConfig;

use hedge::Latencies;
use rates::Rates;
use window::Window;

pub(crate) use cache::Cache;
pub use config::CallsConfig;
pub(crate) use exchange::{excerpt, exchange};
pub(crate) use retry::{Again, CallError, Failure};

/// The way to one endpoint, which everything that is sent there shares.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    /// What messages call the endpoint.
    name: String,
    window: Window,
    rates: Rates,
    latencies: Mutex<Latencies>,
    failures_in_a_row: AtomicUsize,
    config: EvaluatorConfig,
}

/// A call to be made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Job<'a> {
    /// What tells it from others; its pauses follow from it.
    pub name: &'a str,
    /// Tokens that it will use, by estimate.
    pub tokens: u32,
    /// Attempts at most, instead of the settings'.
    pub attempts_max: Option<u32>,
    pub straggler: Straggler,
}

/// What is done about an answer that is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Straggler {
    /// A model is asked a second time: it is the same to it.
    #[default]
    AskAgain,
    /// An app may do something each time that it is asked.
    Await,
}

/// What a call gave, and how often it was asked at once.
#[derive(Debug)]
pub(crate) struct Given<T> {
    pub value: T,
    pub n_asked: u32,
    pub took: Duration,
}

/// How often it is looked whether a call is late, while that is not known yet or no slot is free.
const LOOK: Duration = Duration::from_millis(50);

impl Dispatcher {
    pub(crate) fn new(name: &str, config: &EvaluatorConfig) -> Self {
        Self {
            name: name.to_owned(),
            window: Window::new(config.calls.in_flight),
            rates: Rates::new(&config.calls),
            latencies: Mutex::new(Latencies::new(config.calls.hedge_quantile)),
            failures_in_a_row: AtomicUsize::new(0),
            config: config.clone(),
        }
    }

    /// Makes a call: again after a passing fault, no sooner than the endpoint asks for, and not for ever.
    pub(crate) async fn run<T, F: Future<Output = Result<T, Failure>>>(&self, job: Job<'_>, attempt: impl Fn() -> F) -> Result<Given<T>, CallError> {
        let outcome = self.attempts(job, attempt).await;
        match &outcome {
            Err(error) if !error.is_refusal() => {
                self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
            _ => self.failures_in_a_row.store(0, Ordering::Relaxed),
        }
        outcome
    }

    /// Books what a call used instead of its estimate, where its endpoint tells.
    pub(crate) fn settle(&self, estimated: u32, used: Option<i64>) {
        if let Some(used) = used {
            self.rates.settle(estimated, u32::try_from(used.max(0)).unwrap_or(u32::MAX));
        }
    }

    async fn attempts<T, F: Future<Output = Result<T, Failure>>>(&self, job: Job<'_>, attempt: impl Fn() -> F) -> Result<Given<T>, CallError> {
        let mut begun = None;
        let mut n_attempts = 0;
        loop {
            let pause = {
                self.rates.take(job.tokens).await;
                let slot = self.window.enter().await;
                // Others may have found out while this one waited.
                let failed = self.failures_in_a_row.load(Ordering::Relaxed);
                if failed >= self.config.failures_in_a_row_max {
                    return Err(CallError::Dead { endpoint: self.name.clone(), failed });
                }
                // Waiting for a slot is no fault of the call's.
                let deadline = *begun.get_or_insert_with(Instant::now) + Duration::from_secs(self.config.calls.deadline_s);
                let asking = async {
                    match job.straggler {
                        Straggler::AskAgain => self.hedged(&attempt).await,
                        Straggler::Await => once(&attempt).await,
                    }
                };
                let answered = tokio::time::timeout_at(deadline, asking).await;
                let failure = match answered.map_err(|_| CallError::Late(self.config.calls.deadline_s))? {
                    Ok(given) => {
                        slot.succeeded();
                        return Ok(given);
                    }
                    Err(failure) => failure,
                };
                n_attempts += 1;
                let pause = self.pause(&failure, n_attempts, job, deadline).ok_or_else(|| failure.error.clone())?;
                if failure.error.is_overload() {
                    slot.refused((failure.again != Again::Later).then_some(pause));
                }
                tracing::debug!(n_attempts, pause_ms = pause.as_millis(), error = %failure.error.class(), "asking again");
                pause
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// The pause before the next attempt; nothing where another one makes no sense.
    fn pause(&self, failure: &Failure, n_attempts: u32, job: Job<'_>, deadline: Instant) -> Option<Duration> {
        let longest = Duration::from_secs(self.config.backoff_max_s);
        let pause = match failure.again {
            Again::Never => return None,
            Again::After(pause) => pause,
            Again::Later => retry::backoff(Duration::from_millis(self.config.backoff_ms), longest, n_attempts, job.name),
        };
        let in_time = Instant::now().checked_add(pause).is_some_and(|then| then < deadline);
        let attempts_max = job.attempts_max.unwrap_or(self.config.attempts_max);
        (n_attempts < attempts_max && pause <= longest && in_time).then_some(pause)
    }

    /// One attempt; a straggler is asked a second time where a slot is free, and the first good answer counts.
    async fn hedged<T, F: Future<Output = Result<T, Failure>>>(&self, attempt: &impl Fn() -> F) -> Result<Given<T>, Failure> {
        let begun = Instant::now();
        let given = |value, n_asked| {
            let took = begun.elapsed();
            self.latencies.lock().add(took);
            Given { value, n_asked, took }
        };
        let mut first = Box::pin(attempt());
        let slot = loop {
            // What is late may be known only while this call is under way, and a slot may come free later.
            let late_after = self.latencies.lock().late_after();
            let look_in = late_after.unwrap_or(LOOK).saturating_sub(begun.elapsed()).max(LOOK);
            first = match select(first, Box::pin(tokio::time::sleep(look_in))).await {
                Either::Left((answered, _)) => return answered.map(|value| given(value, 1)),
                Either::Right(((), first)) => first,
            };
            let is_late = late_after.is_some_and(|late_after| begun.elapsed() >= late_after);
            if is_late
                && let Some(slot) = self.window.enter_now()
                && self.latencies.lock().may_hedge()
            {
                break slot;
            }
        };
        let (answered, other) = match select(first, Box::pin(attempt())).await {
            Either::Left((answered, second)) => (answered, second),
            Either::Right((answered, first)) => (answered, first),
        };
        let answered = if answered.is_ok() { answered } else { other.await };
        drop(slot);
        answered.map(|value| given(value, 2))
    }
}

/// One attempt that is waited for, however late it is.
async fn once<T, F: Future<Output = Result<T, Failure>>>(attempt: &impl Fn() -> F) -> Result<Given<T>, Failure> {
    let begun = Instant::now();
    attempt().await.map(|value| Given { value, n_asked: 1, took: begun.elapsed() })
}
