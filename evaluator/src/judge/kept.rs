//! A judge whose answers are kept on disk, and whose open questions can be collected for a batch.

use std::sync::Arc;

use async_trait::async_trait;

use crate::calls::{Cache, CallError};
use crate::chat::Completion;
use crate::judge::batch::{Batch, Line};
use crate::judge::{Judge, Question};

/// Another judge, asked only what it did not answer before.
#[derive(Debug)]
pub(crate) struct Keeping {
    judge: Arc<dyn Judge>,
    cache: Cache,
    batch: Arc<Batch>,
}

impl Keeping {
    pub(crate) fn new(judge: Arc<dyn Judge>, cache: Cache, batch: Arc<Batch>) -> Self {
        Self { judge, cache, batch }
    }
}

#[async_trait]
impl Judge for Keeping {
    fn model(&self) -> &str {
        self.judge.model()
    }

    fn identity(&self) -> String {
        self.judge.identity()
    }

    fn batch_line(&self, key: &str, question: &Question) -> Result<Line, serde_json::Error> {
        self.judge.batch_line(key, question)
    }

    async fn answer(&self, question: &Question) -> Result<Completion, CallError> {
        let key = question.key(&self.judge.identity());
        if let Some(completion) = self.cache.get(&key) {
            return Ok(completion);
        }
        if self.batch.is_collecting() {
            let line = self.judge.batch_line(&key, question).map_err(|error| CallError::Malformed(error.to_string()))?;
            self.batch.add(&self.judge, key, line);
            return Err(CallError::Batched);
        }
        self.judge.answer(question).await
    }

    async fn keep(&self, question: &Question, completion: &Completion) {
        if completion.is_cached {
            return;
        }
        let (cache, key, completion) = (self.cache.clone(), question.key(&self.judge.identity()), completion.clone());
        // A new file takes its time, for which the answers to other questions would wait.
        drop(tokio::task::spawn_blocking(move || cache.put(&key, &completion)).await);
    }
}
