//! Vectors from an endpoint: OpenAI's `/embeddings`, or `/embed` of text-embeddings-inference.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::json;

use crate::calls::{CallError, Dispatcher, Failure, Job, exchange};
use crate::chat::{Connector, Secret};
use crate::embed::Embedder;

/// Texts of one request; servers refuse more than they were set up for, commonly 32.
const TEXTS_MAX: usize = 32;

/// What an endpoint speaks.
#[derive(Debug)]
pub(super) enum Form {
    /// OpenAI's, with the model's name.
    OpenAi(String),
    /// text-embeddings-inference.
    Tei,
}

/// An endpoint of vectors; without an address it says so when it is asked.
#[derive(Debug)]
pub(super) struct Remote {
    url: Option<String>,
    key: Option<Secret>,
    form: Form,
    http: reqwest::Client,
    bytes_max: usize,
    dispatcher: Arc<Dispatcher>,
}

impl Remote {
    pub(super) fn new(endpoint: Option<(String, Option<Secret>)>, form: Form, connector: &Connector) -> Self {
        let (base, key) = endpoint.unzip();
        let path = match form {
            Form::OpenAi(_) => "embeddings",
            Form::Tei => "embed",
        };
        Self {
            dispatcher: connector.dispatcher(base.as_deref().unwrap_or_default()),
            url: base.map(|base| format!("{base}/{path}")),
            key: key.flatten(),
            form,
            http: connector.client(),
            bytes_max: connector.config().answer_bytes_max,
        }
    }

    async fn request(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, CallError> {
        let url = self.url.as_ref().ok_or(CallError::NotConfigured)?;
        let body = match &self.form {
            Form::OpenAi(model) => json!({"model": model, "input": texts, "encoding_format": "float"}),
            Form::Tei => json!({"inputs": texts, "truncate": true}),
        };
        let body = body.to_string();
        let tokens = u32::try_from(body.len() / 4).unwrap_or(u32::MAX);
        let call = || async {
            let mut request = self.http.post(url).header("content-type", "application/json").body(body.clone());
            if let Some(Secret(key)) = &self.key {
                request = request.bearer_auth(key);
            }
            let request = request.build().map_err(|error| Failure::lasting(CallError::Unreachable(error.without_url().to_string())))?;
            let received = exchange(&self.http, request, self.bytes_max).await?;
            self.read(&received.bytes).map_err(|what| Failure::passing(CallError::Malformed(what)))
        };
        Ok(self.dispatcher.run(Job { name: &body, tokens, ..Job::default() }, call).await?.value)
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<Vec<f32>>, String> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            index: usize,
            embedding: Vec<f32>,
        }
        match &self.form {
            Form::OpenAi(_) => {
                let mut list: List = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
                list.data.sort_by_key(|item| item.index);
                Ok(list.data.into_iter().map(|item| item.embedding).collect())
            }
            Form::Tei => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        }
    }
}

#[async_trait]
impl Embedder for Remote {
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, CallError> {
        let parts = try_join_all(texts.chunks(TEXTS_MAX).map(|texts| self.request(texts))).await?;
        Ok(parts.into_iter().flatten().collect())
    }
}
