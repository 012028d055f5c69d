//! Models on Amazon Bedrock: they judge and answer by Converse, and judge by batch inference what can wait.

mod batch;
mod document;
mod fault;
mod model;
mod tools;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::calls::{CallError, Dispatcher, Job};
use crate::chat::{Completion, Connector, Usage};
use crate::config::EvaluatorConfig;
use crate::judge::{Answered, BatchPlace, Judge, Line, Question};
use crate::price::Pricing;
use crate::spec::PriceSpec;

pub(crate) use model::{Model, model_id};

use fault::fault;
use wire::Form;

/// Tokens that an answer may have where the suite does not say; Bedrock's own default is far more than a verdict needs.
const ANSWER_TOKENS: i32 = 1_024;

/// Settings of a model on Bedrock; credentials come from the SDK's own chain (environment, profile, container, instance).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct BedrockSpec {
    /// AWS region; the chain's where it is not named.
    pub region: Option<String>,
    /// Profile of the AWS configuration files.
    pub profile: Option<String>,
    /// Address of Bedrock, instead of the region's: a VPC endpoint.
    pub endpoint: Option<String>,
    /// Address of S3, instead of the region's.
    pub s3_endpoint: Option<String>,
    /// Nucleus sampling share.
    #[serde(alias = "top_p")]
    pub top_p: Option<f32>,
    /// Most tokens of an answer.
    #[serde(alias = "max_tokens")]
    pub max_tokens: Option<i32>,
    /// Price of a million tokens, in dollars, instead of the price list's; a batch costs half of it.
    pub price: Option<PriceSpec>,
    /// Pause between two looks at a batch job, in seconds.
    pub poll_s: Option<u64>,
}

/// A model on Bedrock.
#[derive(Debug)]
pub(crate) struct Bedrock {
    model: String,
    spec: BedrockSpec,
    pricing: Pricing,
    config: EvaluatorConfig,
    dispatcher: Arc<Dispatcher>,
    /// Credentials and region, looked for when the first question is asked.
    sdk: OnceCell<SdkConfig>,
    client: OnceCell<aws_sdk_bedrockruntime::Client>,
    form: Form,
}

impl Bedrock {
    pub(crate) fn new(model: &str, spec: BedrockSpec, connector: &Connector) -> Self {
        let place =
            spec.endpoint.clone().unwrap_or_else(|| format!("Bedrock in {}", spec.region.as_deref().unwrap_or("the region of the environment")));
        Self {
            model: model.to_owned(),
            dispatcher: connector.dispatcher(&place),
            pricing: Pricing::on_bedrock(model, spec.price, &connector.config().prices),
            config: connector.config().clone(),
            spec,
            sdk: OnceCell::new(),
            client: OnceCell::new(),
            form: Form::default(),
        }
    }

    async fn sdk(&self) -> &SdkConfig {
        let load = async || {
            let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(self.config.call_timeout_s)).build();
            // Our own attempts know the endpoint's state; the SDK's beside them would multiply.
            let mut loader = aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
            if let Some(region) = &self.spec.region {
                loader = loader.region(Region::new(region.clone()));
            }
            if let Some(profile) = &self.spec.profile {
                loader = loader.profile_name(profile);
            }
            loader.load().await
        };
        self.sdk.get_or_init(load).await
    }

    async fn client(&self) -> &aws_sdk_bedrockruntime::Client {
        let make = async || {
            let mut builder = aws_sdk_bedrockruntime::config::Builder::from(self.sdk().await);
            if let Some(endpoint) = &self.spec.endpoint {
                builder = builder.endpoint_url(endpoint);
            }
            aws_sdk_bedrockruntime::Client::from_conf(builder.build())
        };
        self.client.get_or_init(make).await
    }

    fn usage(&self, input: i32, output: i32) -> Usage {
        self.pricing.priced(Usage { input_tokens: Some(i64::from(input)), output_tokens: Some(i64::from(output)), ..Usage::default() })
    }
}

#[async_trait]
impl Judge for Bedrock {
    fn model(&self) -> &str {
        &self.model
    }

    fn identity(&self) -> String {
        format!("bedrock {:?} {} {:?}", self.spec.region, self.model, (self.spec.top_p, self.spec.max_tokens))
    }

    async fn answer(&self, question: &Question) -> Result<Completion, CallError> {
        let client = self.client().await;
        let estimated = u32::try_from((question.system.len() + question.user.len()) / 4).unwrap_or(u32::MAX);
        loop {
            let guided = self.form.is_guided();
            let request = || {
                let built = wire::converse(client, &self.model, &self.spec, question, guided);
                async move { wire::completion(built?.send().await.map_err(|error| fault(&error))?) }
            };
            let given = self.dispatcher.run(Job { name: &question.user, tokens: estimated, ..Job::default() }, request).await;
            match given {
                Err(CallError::Status { status: 400, message }) if guided && self.form.refused(&message) => {}
                Err(error) => return Err(error),
                Ok(given) => {
                    let (text, input, output) = given.value;
                    self.dispatcher.settle(estimated, Some(i64::from(input.saturating_add(output))));
                    let usage = self.usage(input, output).times(given.n_asked);
                    return Ok(Completion { text, usage, latency_ms: given.took.as_secs_f64() * 1e3, ..Completion::default() });
                }
            }
        }
    }

    fn batch_line(&self, key: &str, question: &Question) -> Result<Line, serde_json::Error> {
        Ok(Line::Bedrock(wire::batch_line(key, &self.spec, question)?))
    }

    async fn run_batch(&self, lines: &[String], place: &BatchPlace) -> Result<Vec<Answered>, CallError> {
        batch::run(self, lines, place).await
    }
}
