//! A model on Bedrock that answers a prompt, by Converse.

use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::operation::converse::builders::ConverseFluentBuilder;
use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, InferenceConfiguration, Message, SystemContentBlock};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::bedrock::document::document;
use crate::bedrock::fault::fault;
use crate::bedrock::{Bedrock, BedrockSpec, tools};
use crate::calls::{CallError, Failure, Job};
use crate::chat::{Connector, Usage, finish_reason};
use crate::error::Error;
use crate::target::{Answer, Ask, messages_of, settings};

/// A model with its settings.
#[derive(Debug)]
pub(crate) struct Model {
    bedrock: Bedrock,
    spec: AnswerSpec,
}

/// Settings of a model that answers, beside those that one that judges has too.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct AnswerSpec {
    temperature: Option<f32>,
    #[serde(alias = "stop")]
    stop_sequences: Option<Vec<String>>,
    tools: Vec<Value>,
    #[serde(alias = "tool_choice")]
    tool_choice: Option<Value>,
    /// What the model takes beyond Converse's own fields.
    additional_model_request_fields: Option<Value>,
}

/// The keys of [`AnswerSpec`].
const OF_ANSWERS: [&str; 7] = ["temperature", "stopSequences", "stop", "tools", "toolChoice", "tool_choice", "additionalModelRequestFields"];

/// What a model said.
struct Said {
    text: String,
    finish_reason: String,
    usage: Usage,
}

/// The model in what follows `bedrock:`, in promptfoo's forms too; nothing where these mean something else than a model that answers in words.
pub(crate) fn model_id(id: &str) -> Option<&str> {
    let model = ["converse:", "completion:"].iter().find_map(|mode| id.strip_prefix(mode)).unwrap_or(id);
    let mode = model.split_once(':').map(|(mode, _)| mode).filter(|mode| !mode.contains('.') && *mode != "arn");
    (mode.is_none() && !model.is_empty()).then_some(model)
}

impl Model {
    pub(crate) fn new(place: &str, model: &str, config: Option<&Value>, connector: &Connector) -> Result<Self, Error> {
        let config = config.and_then(Value::as_object).cloned().unwrap_or_default();
        let (own, shared): (Map<_, _>, Map<_, _>) = config.into_iter().partition(|(key, _)| OF_ANSWERS.contains(&key.as_str()));
        let shared: BedrockSpec = settings(place, Some(&Value::Object(shared)))?;
        let spec: AnswerSpec = settings(place, Some(&Value::Object(own)))?;
        tools::configuration(&spec.tools, spec.tool_choice.as_ref()).map_err(|what| Error::config(format!("{place}: config: {what}")))?;
        Ok(Self { bedrock: Bedrock::new(model, shared, connector), spec })
    }

    /// Asks the model.
    pub(crate) async fn answer(&self, ask: &Ask<'_>) -> Result<Answer, String> {
        let request = self.request(self.bedrock.client().await, ask.prompt)?;
        let answer_tokens = self.bedrock.spec.max_tokens.and_then(|most| u32::try_from(most).ok()).unwrap_or(0);
        let estimated = u32::try_from(ask.prompt.len() / 4).unwrap_or(u32::MAX).saturating_add(answer_tokens);
        let call = || {
            let request = request.clone();
            async move { said(request.send().await.map_err(|error| fault(&error))?) }
        };
        let job = Job { name: ask.prompt, tokens: estimated, ..Job::default() };
        let given = self.bedrock.dispatcher.run(job, call).await.map_err(|error| error.to_string())?;
        let used = given.value.usage;
        self.bedrock.dispatcher.settle(estimated, used.input_tokens.zip(used.output_tokens).map(|(input, output)| input.saturating_add(output)));
        Ok(Answer {
            output: Value::String(given.value.text),
            latency_ms: Some(given.took.as_secs_f64() * 1e3),
            usage: self.bedrock.pricing.priced(used).times(given.n_asked),
            finish_reason: Some(finish_reason(&given.value.finish_reason)),
            ..Answer::default()
        })
    }

    fn request(&self, client: &aws_sdk_bedrockruntime::Client, prompt: &str) -> Result<ConverseFluentBuilder, String> {
        let spec = &self.bedrock.spec;
        let inference = InferenceConfiguration::builder()
            .set_temperature(self.spec.temperature)
            .set_top_p(spec.top_p)
            .set_max_tokens(spec.max_tokens)
            .set_stop_sequences(self.spec.stop_sequences.clone());
        let mut request = client
            .converse()
            .model_id(&self.bedrock.model)
            .inference_config(inference.build())
            .set_tool_config(tools::configuration(&self.spec.tools, self.spec.tool_choice.as_ref())?)
            .set_additional_model_request_fields(self.spec.additional_model_request_fields.as_ref().map(document));
        for message in messages_of(prompt) {
            let texts = texts_of(&message)?;
            let role = match message["role"].as_str() {
                Some("system") => {
                    request = texts.into_iter().fold(request, |request, text| request.system(SystemContentBlock::Text(text)));
                    continue;
                }
                Some("assistant") => ConversationRole::Assistant,
                Some("user") => ConversationRole::User,
                _ => return Err(format!("Converse knows no role {}: write system, user or assistant", message["role"])),
            };
            let content = texts.into_iter().map(ContentBlock::Text).collect();
            request =
                request.messages(Message::builder().role(role).set_content(Some(content)).build().map_err(|error: BuildError| error.to_string())?);
        }
        Ok(request)
    }
}

/// The texts of a message: one, or parts that are text.
fn texts_of(message: &Value) -> Result<Vec<String>, String> {
    let part = |part: &Value| {
        let text = part.as_str().or_else(|| part.get("text")?.as_str());
        text.map(str::to_owned).ok_or_else(|| "a part of the prompt is no text: pictures and documents do not go to Bedrock from here".to_owned())
    };
    match &message["content"] {
        Value::Array(parts) => parts.iter().map(part).collect(),
        one => Ok(vec![part(one)?]),
    }
}

/// What an answer says, as promptfoo prints it: its calls of tools where it has some, else its text.
fn said(output: ConverseOutput) -> Result<Said, Failure> {
    let finish_reason = output.stop_reason().as_str().to_owned();
    let usage = output.usage().map_or(Usage::default(), |usage| Usage {
        input_tokens: Some(i64::from(usage.input_tokens())),
        output_tokens: Some(i64::from(usage.output_tokens())),
        ..Usage::default()
    });
    let message = output.output.and_then(|output| output.as_message().ok().cloned());
    let message = message.ok_or_else(|| Failure::passing(CallError::Malformed("it has no message".to_owned())))?;
    let calls: Vec<String> = message.content().iter().filter_map(|block| block.as_tool_use().ok()).map(tools::call).collect();
    let texts = || message.content().iter().filter_map(|block| block.as_text().ok()).cloned().collect();
    let parts = if calls.is_empty() { texts() } else { calls };
    Ok(Said { text: parts.join("\n\n"), finish_reason, usage })
}

#[cfg(test)]
mod tests {
    use super::model_id;

    #[test]
    fn models_are_named_as_promptfoo_names_them() {
        const MODEL: &str = "anthropic.claude-3-haiku-20240307-v1:0";
        assert_eq!([model_id(MODEL), model_id(&format!("converse:{MODEL}")), model_id(&format!("completion:{MODEL}"))], [Some(MODEL); 3]);
        assert_eq!(model_id("arn:aws:bedrock:us-east-1:1:inference-profile/x"), Some("arn:aws:bedrock:us-east-1:1:inference-profile/x"));
        assert_eq!([model_id("agents:abc"), model_id("converse:")], [None, None]);
    }
}
