//! BERT in process, by candle: a sentence-transformers directory with safetensors, its tokenizer and its pooling.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::{PaddingParams, Tokenizer, TruncationParams};

use crate::calls::CallError;
use crate::embed::Embedder;
use crate::error::Error;

/// Texts that go through the model together.
const BATCH: usize = 32;
/// Bytes of a model's file that are read.
const MODEL_BYTES_MAX: u64 = 4 << 30;

/// A model that was loaded once and is shared.
#[derive(Clone)]
pub(crate) struct Bert(Arc<Loaded>);

struct Loaded {
    directory: PathBuf,
    model: BertModel,
    tokenizer: Tokenizer,
    pooling: Pooling,
}

impl std::fmt::Debug for Bert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bert({})", self.0.directory.display())
    }
}

/// How the vectors of the tokens become the text's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    /// Their mean.
    Mean,
    /// The first one.
    First,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PoolingFile {
    pooling_mode_cls_token: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
    pooling_mode_weightedmean_tokens: bool,
    pooling_mode_lasttoken: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

impl Bert {
    /// Loads `config.json`, `tokenizer.json`, `model.safetensors` and, where they are there, `1_Pooling/config.json` and
    /// `sentence_bert_config.json`.
    pub(crate) fn load(directory: &Path) -> Result<Self, Error> {
        let config: Config = read(&directory.join("config.json"))?;
        let pooling = pooling(directory)?;
        let sentence: SentenceFile = read_if_there(&directory.join("sentence_bert_config.json"))?;
        let longest = sentence.max_seq_length.unwrap_or(config.max_position_embeddings).min(config.max_position_embeddings);
        let tokenizer = tokenizer(&directory.join("tokenizer.json"), longest, config.pad_token_id)?;
        let weights = bytes(&directory.join("model.safetensors"))?;
        let refused = |error: candle_core::Error| Error::config(format!("{}: not a BERT model that can be read: {error}", directory.display()));
        let weights = VarBuilder::from_buffered_safetensors(weights, DTYPE, &Device::Cpu).map_err(refused)?;
        let model = BertModel::load(weights, &config).map_err(refused)?;
        Ok(Self(Arc::new(Loaded { directory: directory.to_owned(), model, tokenizer, pooling })))
    }
}

#[async_trait]
impl Embedder for Bert {
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, CallError> {
        let model = Arc::clone(&self.0);
        let embedded = tokio::task::spawn_blocking(move || model.embed(&texts)).await;
        embedded.map_err(|error| CallError::Malformed(error.to_string()))?.map_err(|error| CallError::Malformed(error.to_string()))
    }
}

impl Loaded {
    /// Texts of about the same length go together, so that little is padded.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, candle_core::Error> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|place| texts[*place].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        for places in order.chunks(BATCH) {
            let batch: Vec<&str> = places.iter().map(|place| texts[*place].as_str()).collect();
            for (place, vector) in places.iter().zip(self.batch(batch)?) {
                vectors[*place] = vector;
            }
        }
        Ok(vectors)
    }

    fn batch(&self, texts: Vec<&str>) -> Result<Vec<Vec<f32>>, candle_core::Error> {
        let encoded = self.tokenizer.encode_batch(texts, true).map_err(candle_core::Error::msg)?;
        let rows = |of: fn(&tokenizers::Encoding) -> &[u32]| encoded.iter().map(|text| of(text).to_vec()).collect::<Vec<_>>();
        let ids = Tensor::new(rows(tokenizers::Encoding::get_ids), &Device::Cpu)?;
        let types = Tensor::new(rows(tokenizers::Encoding::get_type_ids), &Device::Cpu)?;
        let mask = Tensor::new(rows(tokenizers::Encoding::get_attention_mask), &Device::Cpu)?;
        let tokens = self.model.forward(&ids, &types, Some(&mask))?;
        let pooled = match self.pooling {
            Pooling::First => tokens.narrow(1, 0, 1)?.squeeze(1)?,
            Pooling::Mean => {
                let weights = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
                tokens.broadcast_mul(&weights)?.sum(1)?.broadcast_div(&weights.sum(1)?)?
            }
        };
        pooled.to_vec2()
    }
}

fn pooling(directory: &Path) -> Result<Pooling, Error> {
    let path = directory.join("1_Pooling").join("config.json");
    let file: PoolingFile = read_if_there(&path)?;
    let strange = file.pooling_mode_max_tokens
        || file.pooling_mode_mean_sqrt_len_tokens
        || file.pooling_mode_weightedmean_tokens
        || file.pooling_mode_lasttoken;
    match (strange, file.pooling_mode_cls_token) {
        (true, _) => Err(Error::config(format!("{}: the model pools in a way that is not known here; mean and cls are", path.display()))),
        (false, true) => Ok(Pooling::First),
        (false, false) => Ok(Pooling::Mean),
    }
}

fn tokenizer(path: &Path, longest: usize, pad_id: usize) -> Result<Tokenizer, Error> {
    let refused = |error: tokenizers::Error| Error::config(format!("{}: {error}", path.display()));
    let mut tokenizer = Tokenizer::from_bytes(bytes(path)?).map_err(refused)?;
    // The beginning and the end of a text take two tokens.
    let truncation = TruncationParams { max_length: longest.max(8), ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(refused)?;
    tokenizer.with_padding(Some(PaddingParams { pad_id: u32::try_from(pad_id).unwrap_or(0), ..PaddingParams::default() }));
    Ok(tokenizer)
}

fn read_if_there<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Error> {
    if path.is_file() { read(path) } else { Ok(T::default()) }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_slice(&bytes(path)?).map_err(|error| Error::config(format!("{}: {error}", path.display())))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let unread = |source| Error::File { action: "read", path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unread)?.len() > MODEL_BYTES_MAX {
        return Err(Error::config(format!("{}: too large for a model of sentences", path.display())));
    }
    std::fs::read(path).map_err(unread)
}
