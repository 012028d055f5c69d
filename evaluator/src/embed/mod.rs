//! Texts as vectors: in process from a model's directory, or from an endpoint.

#[cfg(feature = "embeddings")]
mod bert;
mod http;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::calls::CallError;
use crate::chat::Connector;
use crate::error::Error;
use crate::spec::ModelSpec;
use crate::template::Env;

#[cfg(feature = "embeddings")]
pub(crate) use bert::Bert;
use http::{Form, Remote};

/// Vectors that one model's memory holds.
const MEMORY_MAX: usize = 20_000;

/// A model that turns texts into vectors.
#[async_trait]
trait Embedder: Send + Sync + std::fmt::Debug {
    /// Returns a vector for each text, in their order, of any length.
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, CallError>;
}

/// A model of vectors, with a memory: the same text is embedded once.
#[derive(Debug)]
pub(crate) struct Embeddings {
    name: String,
    embedder: Box<dyn Embedder>,
    memory: Mutex<HashMap<String, Arc<Vec<f32>>>>,
}

impl Embeddings {
    /// Makes a model out of its id: `local:<directory>`, `openai:embedding:<model>`, or `tei:<address>`.
    pub(crate) fn parse(id: &str, settings: &ModelSpec, base: &Path, connector: &Connector, env: Env<'_>) -> Result<Self, Error> {
        let embedder: Box<dyn Embedder> = if let Some(directory) = id.strip_prefix("local:") {
            local(&base.join(directory), connector)?
        } else if let Some(model) = id.strip_prefix("openai:embedding:").or_else(|| id.strip_prefix("openai:embeddings:")) {
            let endpoint = connector.endpoint(settings.api_base_url.as_deref(), settings.api_key.as_deref(), env)?;
            Box::new(Remote::new(endpoint, Form::OpenAi(model.to_owned()), connector))
        } else if let Some(address) = id.strip_prefix("tei:") {
            let endpoint = connector.endpoint(Some(address), settings.api_key.as_deref(), env)?;
            Box::new(Remote::new(endpoint, Form::Tei, connector))
        } else {
            let what = format!("model {id:?} is unknown; embeddings come from local:<directory>, openai:embedding:<model> or tei:<address>");
            return Err(Error::config(what));
        };
        Ok(Self { name: id.to_owned(), embedder, memory: Mutex::new(HashMap::new()) })
    }

    /// Returns the model's id.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns a vector of length 1 for each text.
    pub(crate) async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, CallError> {
        let vectors = self.embed_as_given(texts).await?;
        Ok(vectors.iter().map(|vector| unit(vector.as_ref().clone())).collect())
    }

    /// Returns a vector for each text, of the length that the model gives it.
    pub(crate) async fn embed_as_given(&self, texts: &[&str]) -> Result<Vec<Arc<Vec<f32>>>, CallError> {
        let mut unknown: Vec<String> = {
            let memory = self.memory.lock();
            texts.iter().filter(|text| !memory.contains_key(**text)).map(|text| (*text).to_owned()).collect()
        };
        unknown.sort_unstable();
        unknown.dedup();
        let mut found = HashMap::new();
        if !unknown.is_empty() {
            let vectors = self.embedder.embed(unknown.clone()).await?;
            if vectors.len() != unknown.len() {
                return Err(CallError::Malformed(format!("{} vectors for {} texts", vectors.len(), unknown.len())));
            }
            check(&vectors)?;
            found.extend(unknown.into_iter().zip(vectors.into_iter().map(Arc::new)));
        }
        let mut memory = self.memory.lock();
        if memory.len() + found.len() > MEMORY_MAX {
            memory.clear();
        }
        let lost = || CallError::Malformed("a text has no vector".to_owned());
        let vectors: Result<Vec<Arc<Vec<f32>>>, CallError> =
            texts.iter().map(|text| found.get(*text).or_else(|| memory.get(*text)).cloned().ok_or_else(lost)).collect();
        memory.extend(found);
        // Also against those of earlier answers: a product of two lengths would be one of the shorter.
        same_length(vectors?)
    }
}

/// Refuses vectors that nothing can be compared with: none that is all zeros has a direction.
fn check(vectors: &[Vec<f32>]) -> Result<(), CallError> {
    for vector in vectors {
        if !vector.iter().all(|x| x.is_finite()) || vector.iter().all(|x| *x == 0.0) {
            return Err(CallError::Malformed(format!("a vector of {} numbers is all zeros, or not all of them are finite", vector.len())));
        }
    }
    Ok(())
}

fn same_length(vectors: Vec<Arc<Vec<f32>>>) -> Result<Vec<Arc<Vec<f32>>>, CallError> {
    match vectors.iter().find(|vector| vector.len() != vectors[0].len()) {
        Some(other) => Err(CallError::Malformed(format!("vectors of {} and of {} numbers", vectors[0].len(), other.len()))),
        None => Ok(vectors),
    }
}

#[cfg(feature = "embeddings")]
fn local(directory: &Path, connector: &Connector) -> Result<Box<dyn Embedder>, Error> {
    Ok(Box::new(connector.local_model(directory)?))
}

#[cfg(not(feature = "embeddings"))]
fn local(_: &Path, _: &Connector) -> Result<Box<dyn Embedder>, Error> {
    Err(Error::config("this karat was built without the feature `embeddings`; embed over HTTP (openai:embedding:<model>, tei:<address>)"))
}

/// Returns a vector of length 1 for each text, from a model's directory (config, tokenizer, safetensors, pooling).
#[cfg(feature = "embeddings")]
pub async fn embed_locally(directory: &Path, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
    let embedder = Box::new(Bert::load(directory)?);
    let embeddings = Embeddings { name: String::new(), embedder, memory: Mutex::default() };
    embeddings.embed(texts).await.map_err(|error| Error::Task(error.to_string()))
}

/// Cosine of two vectors of length 1, from -1 to 1.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot(a, b).clamp(-1.0, 1.0)
}

/// Product of two vectors.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The vector at length 1; one of zeros stays.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "vectors are single precision")]
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    vector
}
