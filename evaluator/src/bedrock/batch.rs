//! Batch inference: questions into S3, a job, its answers out of S3; half of the price, within a day.

use std::time::Duration;

use aws_sdk_bedrock::types::{
    ModelInvocationJobInputDataConfig, ModelInvocationJobOutputDataConfig, ModelInvocationJobS3InputDataConfig, ModelInvocationJobS3OutputDataConfig,
    ModelInvocationJobStatus, ModelInvocationType, S3InputFormat,
};
use aws_sdk_s3::primitives::ByteStream;
use schema::NanoUsd;
use sha2::{Digest, Sha256};

use crate::bedrock::fault::fault;
use crate::bedrock::{Bedrock, wire};
use crate::calls::CallError;
use crate::chat::{Completion, Usage};
use crate::dataset::hex;
use crate::judge::{Answered, BatchPlace};

/// Pause between two looks at a job.
const POLL_S: u64 = 30;

/// Runs one job to its end.
///
/// Its name is a hash of the questions, and so is the token of its creation: the same questions never run twice at once, and a run that was
/// stopped while it waited finds its job again.
pub(super) async fn run(bedrock: &Bedrock, lines: &[String], place: &BatchPlace) -> Result<Vec<Answered>, CallError> {
    let body = lines.join("\n") + "\n";
    let name = format!("karat-{}", &hex(&Sha256::digest(format!("{}\n{body}", bedrock.model)))[..32]);
    let files = Files::new(bedrock, place).await?;
    let input = format!("{}{name}/input.jsonl", files.prefix);
    let output = format!("{}{name}/output/", files.prefix);
    files.put(&input, body.into_bytes()).await?;
    let job = create(bedrock, &name, place, &files.uri(&input), &files.uri(&output)).await?;
    wait(bedrock, &job).await?;
    let mut answered = Vec::new();
    for key in files.list(&output).await?.into_iter().filter(|key| key.ends_with(".jsonl.out")) {
        let text = files.get(&key).await?;
        answered.extend(text.split('\n').filter_map(wire::batch_answer).filter_map(|(key, answer)| {
            let (text, input, output) = answer?;
            Some(Answered { key, completion: Completion { text, usage: halved(bedrock.usage(input, output)), ..Completion::default() } })
        }));
    }
    Ok(answered)
}

async fn create(bedrock: &Bedrock, name: &str, place: &BatchPlace, input: &str, output: &str) -> Result<String, CallError> {
    let unbuilt = |error: aws_sdk_bedrock::error::BuildError| CallError::Malformed(error.to_string());
    let input = ModelInvocationJobS3InputDataConfig::builder().s3_input_format(S3InputFormat::Jsonl).s3_uri(input).build().map_err(unbuilt)?;
    let output = ModelInvocationJobS3OutputDataConfig::builder().s3_uri(output).build().map_err(unbuilt)?;
    let created = client(bedrock)
        .await
        .create_model_invocation_job()
        .job_name(name)
        .client_request_token(name)
        .role_arn(&place.role)
        .model_id(&bedrock.model)
        .model_invocation_type(ModelInvocationType::Converse)
        .input_data_config(ModelInvocationJobInputDataConfig::S3InputDataConfig(input))
        .output_data_config(ModelInvocationJobOutputDataConfig::S3OutputDataConfig(output))
        .send()
        .await
        .map_err(|error| fault(&error).error)?;
    Ok(created.job_arn().to_owned())
}

/// Looks at a job until it ends; a look that fails is repeated, for the job goes on by itself.
async fn wait(bedrock: &Bedrock, job: &str) -> Result<(), CallError> {
    let client = client(bedrock).await;
    let pause = Duration::from_secs(bedrock.spec.poll_s.unwrap_or(POLL_S));
    let mut n_failed = 0;
    loop {
        match client.get_model_invocation_job().job_identifier(job).send().await {
            Ok(found) => {
                n_failed = 0;
                match found.status() {
                    Some(ModelInvocationJobStatus::Completed | ModelInvocationJobStatus::PartiallyCompleted) => return Ok(()),
                    Some(ended @ (ModelInvocationJobStatus::Failed | ModelInvocationJobStatus::Stopped | ModelInvocationJobStatus::Expired)) => {
                        let why = found.message().unwrap_or("without a reason");
                        return Err(CallError::Malformed(format!("the batch job ended as {}: {why}", ended.as_str())));
                    }
                    _ => {}
                }
            }
            Err(error) => {
                n_failed += 1;
                if n_failed >= bedrock.config.attempts_max {
                    return Err(fault(&error).error);
                }
            }
        }
        tokio::time::sleep(pause).await;
    }
}

async fn client(bedrock: &Bedrock) -> aws_sdk_bedrock::Client {
    let mut builder = aws_sdk_bedrock::config::Builder::from(bedrock.sdk().await);
    if let Some(endpoint) = &bedrock.spec.endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    aws_sdk_bedrock::Client::from_conf(builder.build())
}

/// A batch costs half.
fn halved(usage: Usage) -> Usage {
    Usage { cost: usage.cost.map(|cost| NanoUsd(cost.0 / 2)), ..usage }
}

/// The files of a batch in S3.
struct Files {
    client: aws_sdk_s3::Client,
    bucket: String,
    /// With a slash at its end, or empty.
    prefix: String,
}

impl Files {
    async fn new(bedrock: &Bedrock, place: &BatchPlace) -> Result<Self, CallError> {
        let path = place.uri.strip_prefix("s3://").filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| CallError::Malformed(format!("{:?} is no place in S3: write s3://bucket/prefix", place.uri)))?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/');
        let mut builder = aws_sdk_s3::config::Builder::from(bedrock.sdk().await);
        if let Some(endpoint) = &bedrock.spec.s3_endpoint {
            builder = builder.endpoint_url(endpoint).force_path_style(true);
        }
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(builder.build()),
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
        })
    }

    fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), CallError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(body)).send().await;
        put.map(|_| ()).map_err(|error| fault(&error).error)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(&error).error)?;
            keys.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
        }
        Ok(keys)
    }

    async fn get(&self, key: &str) -> Result<String, CallError> {
        let found = self.client.get_object().bucket(&self.bucket).key(key).send().await.map_err(|error| fault(&error).error)?;
        let bytes = found.body.collect().await.map_err(|error| CallError::Unreachable(error.to_string()))?;
        String::from_utf8(bytes.to_vec()).map_err(|_| CallError::Malformed("the batch's output is not UTF-8".to_owned()))
    }
}
