//! A question as Converse has it, and its answer; the same in the files of batch inference.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::operation::converse::builders::ConverseFluentBuilder;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, JsonSchemaDefinition, Message, OutputConfig, OutputFormat, OutputFormatStructure,
    OutputFormatType, SystemContentBlock,
};
use serde::Deserialize;
use serde_json::json;

use crate::bedrock::{ANSWER_TOKENS, BedrockSpec};
use crate::calls::{CallError, Failure};
use crate::judge::Question;

/// Name of the schema.
const SCHEMA: &str = "answer";
/// Words of an error that speak of the form of the answer.
const OF_THE_FORM: [&str; 5] = ["outputconfig", "output config", "structured output", "textformat", "json_schema"];

/// Whether the model takes a schema; the prompt says the form in any case.
#[derive(Debug, Default)]
pub(super) struct Form {
    is_plain: AtomicBool,
}

impl Form {
    pub(super) fn is_guided(&self) -> bool {
        !self.is_plain.load(Ordering::Relaxed)
    }

    /// Learns from a refusal; whether there is another way to ask.
    pub(super) fn refused(&self, message: &str) -> bool {
        let message = message.to_lowercase();
        let is_of_the_form = OF_THE_FORM.iter().any(|word| message.contains(word));
        if is_of_the_form {
            self.is_plain.store(true, Ordering::Relaxed);
        }
        is_of_the_form
    }
}

pub(super) fn converse(
    client: &Client,
    model: &str,
    spec: &BedrockSpec,
    question: &Question,
    guided: bool,
) -> Result<ConverseFluentBuilder, Failure> {
    let unbuilt = |error: BuildError| Failure::lasting(CallError::Malformed(error.to_string()));
    let message = Message::builder().role(ConversationRole::User).content(ContentBlock::Text(question.user.clone())).build().map_err(unbuilt)?;
    let inference = InferenceConfiguration::builder()
        .temperature(temperature(question))
        .set_top_p(spec.top_p)
        .max_tokens(spec.max_tokens.unwrap_or(ANSWER_TOKENS))
        .build();
    let request =
        client.converse().model_id(model).system(SystemContentBlock::Text(question.system.clone())).messages(message).inference_config(inference);
    if !guided {
        return Ok(request);
    }
    let schema = JsonSchemaDefinition::builder().schema(question.schema.get()).name(SCHEMA).build().map_err(unbuilt)?;
    let format = OutputFormat::builder().r#type(OutputFormatType::JsonSchema).structure(OutputFormatStructure::JsonSchema(schema));
    Ok(request.output_config(OutputConfig::builder().text_format(format.build().map_err(unbuilt)?).build()))
}

/// Text, input tokens and output tokens of an answer.
pub(super) fn completion(output: ConverseOutput) -> Result<(String, i32, i32), Failure> {
    let (input, output_tokens) = output.usage().map_or((0, 0), |usage| (usage.input_tokens(), usage.output_tokens()));
    let message = output.output.and_then(|output| output.as_message().ok().cloned());
    let message = message.ok_or_else(|| Failure::passing(CallError::Malformed("it has no message".to_owned())))?;
    let text = message.content().iter().filter_map(|block| block.as_text().ok()).map(String::as_str).collect();
    Ok((text, input, output_tokens))
}

/// A line of batch inference in the Converse form.
pub(super) fn batch_line(key: &str, spec: &BedrockSpec, question: &Question) -> Result<String, serde_json::Error> {
    let mut inference = json!({"temperature": temperature(question), "maxTokens": spec.max_tokens.unwrap_or(ANSWER_TOKENS)});
    if let Some(top_p) = spec.top_p {
        inference["topP"] = json!(top_p);
    }
    let structure = json!({"jsonSchema": {"schema": question.schema.get(), "name": SCHEMA}});
    serde_json::to_string(&json!({
        "recordId": key,
        "modelInput": {
            "system": [{"text": question.system}],
            "messages": [{"role": "user", "content": [{"text": question.user}]}],
            "inferenceConfig": inference,
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": structure}},
        },
    }))
}

/// The text of an answer, and the tokens of question and answer.
type Answered = (String, i32, i32);

/// A line of a batch's output: the record, and text and tokens where it was answered.
pub(super) fn batch_answer(line: &str) -> Option<(String, Option<Answered>)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Line {
        record_id: String,
        model_output: Option<Output>,
    }
    #[derive(Deserialize)]
    struct Output {
        output: Inner,
        usage: Option<Used>,
    }
    #[derive(Deserialize)]
    struct Inner {
        message: Said,
    }
    #[derive(Deserialize)]
    struct Said {
        content: Vec<Part>,
    }
    #[derive(Deserialize)]
    struct Part {
        text: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Used {
        input_tokens: i32,
        output_tokens: i32,
    }
    let line: Line = serde_json::from_str(line).ok()?;
    let answer = line.model_output.map(|found| {
        let text = found.output.message.content.into_iter().filter_map(|part| part.text).collect();
        let (input, output) = found.usage.map_or((0, 0), |used| (used.input_tokens, used.output_tokens));
        (text, input, output)
    });
    Some((line.record_id, answer))
}

#[expect(clippy::cast_possible_truncation, reason = "0 or 1")]
fn temperature(question: &Question) -> f32 {
    question.temperature() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_batch_are_read() {
        let good = r#"{"recordId":"k","modelInput":{},"modelOutput":{"output":{"message":{"role":"assistant","content":[{"text":"{}"}]}},"stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":2,"totalTokens":9}}}"#;
        assert_eq!(batch_answer(good), Some(("k".to_owned(), Some(("{}".to_owned(), 7, 2)))));
        let refused = r#"{"recordId":"k","modelInput":{},"error":{"errorCode":400,"errorMessage":"no"}}"#;
        assert_eq!(batch_answer(refused), Some(("k".to_owned(), None)));
        assert_eq!(batch_answer("{half"), None);
    }
}
