//! The answer is judged by models.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::chat::ChatSpec;
use crate::checks::spec::{Context, needed};
use crate::checks::{OUTPUT, Subject, Verdict};
use crate::dataset::hex;
use crate::error::Error;
use crate::judge::{Anchors, Asked, Claims, Judge, Judging, Material, Note, Pair, Panel, Pool, Rubric, system};
use crate::spec::{CheckSpec, ModelSpec};
use crate::template::render;

/// `judge` and its kin: models read the question, the documents and the answer, and give a verdict.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    columns: Columns,
    /// Nothing where no endpoint is configured.
    recipe: Option<Recipe>,
    models: Vec<String>,
    hash: String,
    signature: String,
    /// Column with what people said.
    labels: Option<String>,
    anchors: Option<Arc<Anchors>>,
    /// What is asked of every answer, where the rubric does not say it.
    criterion: Option<Criterion>,
}

/// What promptfoo's `llm-rubric` asks of an answer: a text with variables.
#[derive(Debug, Clone)]
pub(crate) struct Criterion {
    pub text: String,
    /// Values of the environment variables that it names.
    pub env: BTreeMap<String, String>,
}

/// The value from which on an answer meets its criterion.
const MEETS: f64 = 0.5;

/// Where the material of a verdict stands.
#[derive(Debug, Clone)]
struct Columns {
    answer: String,
    question: Option<String>,
    sources: Option<String>,
    reference: Option<String>,
    against: Option<String>,
}

/// How an answer is judged.
#[derive(Debug, Clone)]
enum Recipe {
    /// By a rubric's verdicts.
    Rubric(Arc<Rubric>, Panel),
    /// Claim by claim.
    Claims(Claims),
    /// Against another answer.
    Pair(Pair),
}

impl Judged {
    pub(crate) fn new(kind: &str, answer: String, spec: &CheckSpec, context: &Context<'_>) -> Result<Self, Error> {
        let models = models(spec, context)?;
        let judges = models.iter().map(|id| judge_of(id, spec, context)).collect::<Result<Vec<_>, _>>()?;
        // A jury is whole or it is none.
        let judges: Option<Vec<Arc<dyn Judge>>> = judges.into_iter().collect();
        let question = spec.question.clone().or_else(|| context.dataset.columns.contains("question").then(|| "question".to_owned()));
        let columns = Columns { answer, question, sources: spec.sources.clone(), reference: spec.reference.clone(), against: spec.against.clone() };
        let (recipe, prompt) = recipe(kind, spec, judges, context)?;
        let hash = hash_of(&models, &prompt);
        let signature = format!("{kind} {} {hash}{}", models.join(","), how(spec));
        let anchors = spec.anchors.as_ref().map(|file| Anchors::read(context, file)).transpose()?.map(Arc::new);
        Ok(Self { columns, recipe, models, hash, signature, labels: spec.labels.clone(), anchors, criterion: None })
    }

    /// Makes promptfoo's `llm-rubric`: one judge, who passes an answer or fails it by a criterion.
    pub(crate) fn by_criterion(criterion: Criterion, model: &str, config: Option<Value>, context: &Context<'_>) -> Result<Self, Error> {
        let spec = CheckSpec { kind: Some("llm-rubric".to_owned()), config, ..CheckSpec::default() };
        let judge = judge_of(model, &spec, context)?;
        let rubric = Rubric::of_criteria();
        let (models, prompt) = (vec![model.to_owned()], format!("{} {:?}", system(&rubric), rubric.verdicts));
        let hash = hash_of(&models, &prompt);
        Ok(Self {
            columns: Columns { answer: OUTPUT.to_owned(), question: None, sources: None, reference: None, against: None },
            recipe: judge.map(|judge| {
                let panel = Panel { judges: vec![judge], votes: 1, weighted: false, pool: Pool::default() };
                Recipe::Rubric(Arc::new(rubric), panel)
            }),
            signature: format!("llm-rubric {model} {hash}"),
            models,
            hash,
            labels: None,
            anchors: None,
            criterion: Some(criterion),
        })
    }

    /// Hash of models, rubric and prompts.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    pub(crate) fn signature(&self) -> String {
        self.signature.clone()
    }

    /// The models that judge, as the suite names them.
    pub(crate) fn models(&self) -> &[String] {
        &self.models
    }

    /// Column with what people said about the answers.
    pub(crate) fn labels(&self) -> Option<&str> {
        self.labels.as_deref()
    }

    pub(crate) fn anchors(&self) -> Option<&Anchors> {
        self.anchors.as_deref()
    }

    /// The column whose text stands at the head of every prompt.
    pub(crate) fn sources(&self) -> Option<&str> {
        self.columns.sources.as_deref()
    }

    /// Asks about an answer.
    pub(crate) async fn verdict(&self, subject: &Subject<'_>) -> Result<Asked, Error> {
        let text = |column: &Option<String>| column.as_ref().and_then(|column| subject.text(column)).map(String::from);
        let criterion = match self.criterion.as_ref().map(|criterion| render(&criterion.text, subject.vars, &criterion.env)).transpose() {
            Ok(criterion) => criterion,
            Err(why) => return Ok(Asked { verdict: Verdict::failed(why), calls: Vec::new(), note: Note::default() }),
        };
        let decides = criterion.is_some();
        let material = Material {
            criterion,
            question: text(&self.columns.question),
            documents: self.columns.sources.as_ref().map_or_else(Vec::new, |column| subject.texts(column)),
            reference: text(&self.columns.reference),
            answer: subject.text(&self.columns.answer).map(String::from).unwrap_or_default(),
        };
        let mut asked = self.judge(&material, text(&self.columns.against).as_deref()).await?;
        if decides {
            asked.verdict.passed = asked.verdict.value.map(|value| value >= MEETS);
        }
        Ok(asked)
    }

    /// Asks about an answer that stands by itself.
    pub(crate) async fn judge(&self, material: &Material, against: Option<&str>) -> Result<Asked, Error> {
        let without = |verdict| Ok(Asked { verdict, calls: Vec::new(), note: Note::default() });
        match &self.recipe {
            None => without(Verdict::failed("not judged: no endpoint is configured; set apiBaseUrl, or OPENAI_BASE_URL in the environment")),
            Some(Recipe::Rubric(rubric, panel)) => panel.rule(rubric, material).await,
            Some(Recipe::Claims(claims)) => claims.check(material).await,
            Some(Recipe::Pair(pair)) => match against {
                Some(other) => pair.prefer(material, other).await,
                None => without(Verdict::not_applicable("there is no other answer to compare with")),
            },
        }
    }
}

/// The models that judge: one, or a jury.
fn models(spec: &CheckSpec, context: &Context<'_>) -> Result<Vec<String>, Error> {
    match (&spec.model, spec.models.as_slice()) {
        (Some(model), []) => Ok(vec![model.clone()]),
        (None, [_, _, ..]) => Ok(spec.models.clone()),
        (None, []) => Err(context.error("judge needs `model`, such as openai:chat:<model>, or `models`, a jury of them")),
        _ => Err(context.error("write `model`, or `models` with two or more; not both")),
    }
}

/// Makes a judge out of a model's id; nothing where no endpoint is configured.
fn judge_of(id: &str, spec: &CheckSpec, context: &Context<'_>) -> Result<Option<Arc<dyn Judge>>, Error> {
    let judge: Option<Arc<dyn Judge>> = match (id.strip_prefix("openai:"), id.strip_prefix("bedrock:")) {
        (Some(model), _) => {
            // promptfoo's graders have promptfoo's settings.
            let settings = match spec.kind {
                Some(_) => ChatSpec::read(&context.place, spec.config.as_ref())?,
                None => ChatSpec::from(crate::target::settings::<ModelSpec>(&context.place, spec.config.as_ref())?),
            };
            let model = model.strip_prefix("chat:").unwrap_or(model);
            context.connector.chat(model, &settings, context.env)?.map(|chat| chat as Arc<dyn Judge>)
        }
        (None, Some(model)) => Some(on_bedrock(model, spec, context)?),
        _ => return Err(context.error(&format!("model {id:?} is unknown; a judge's model is openai:chat:<model> or bedrock:<model>"))),
    };
    Ok(judge.map(|judge| context.connector.keeping(judge)))
}

#[cfg(feature = "bedrock")]
fn on_bedrock(model: &str, spec: &CheckSpec, context: &Context<'_>) -> Result<Arc<dyn Judge>, Error> {
    let settings = crate::target::settings(&context.place, spec.config.as_ref())?;
    let model = crate::bedrock::model_id(model)
        .ok_or_else(|| context.error(&format!("model \"bedrock:{model}\" is none that judges; write bedrock:<model>")))?;
    Ok(Arc::new(crate::bedrock::Bedrock::new(model, settings, context.connector)))
}

#[cfg(not(feature = "bedrock"))]
fn on_bedrock(model: &str, _: &CheckSpec, context: &Context<'_>) -> Result<Arc<dyn Judge>, Error> {
    Err(context.error(&format!("model \"bedrock:{model}\": this karat was built without the feature `bedrock`")))
}

/// The recipe, and everything that its judge is told.
fn recipe(kind: &str, spec: &CheckSpec, judges: Option<Vec<Arc<dyn Judge>>>, context: &Context<'_>) -> Result<(Option<Recipe>, String), Error> {
    let weighted = spec.weighted.unwrap_or(false);
    let first = judges.as_ref().and_then(|judges| judges.first()).cloned();
    match kind {
        "judge_groundedness" | "judge_correctness" => {
            let judging = if kind == "judge_groundedness" { Judging::Groundedness } else { Judging::Correctness };
            match judging {
                Judging::Groundedness => needed(spec.sources.as_ref(), "sources", kind, context)?,
                Judging::Correctness => needed(spec.reference.as_ref(), "reference", kind, context)?,
            };
            Ok((first.map(|judge| Recipe::Claims(Claims { judge, judging })), Claims::system()))
        }
        "judge_pairwise" => {
            needed(spec.against.as_ref(), "against", kind, context)?;
            let criteria = rubric(spec, context)?.text;
            let prompt = Pair::system(&criteria);
            Ok((first.map(|judge| Recipe::Pair(Pair { judge, criteria, weighted })), prompt))
        }
        _ => {
            let votes = spec.votes.unwrap_or(1);
            if !(1..=25).contains(&votes) {
                return Err(context.error("votes is a number from 1 to 25"));
            }
            let rubric = rubric(spec, context)?;
            let prompt = format!("{} {:?}", system(&rubric), rubric.verdicts);
            let panel = judges.map(|judges| Panel { judges, votes, weighted, pool: spec.pool.unwrap_or_default() });
            Ok((panel.map(|panel| Recipe::Rubric(Arc::new(rubric), panel)), prompt))
        }
    }
}

fn rubric(spec: &CheckSpec, context: &Context<'_>) -> Result<Rubric, Error> {
    let file = spec.rubric.as_ref().ok_or_else(|| context.error("judge needs `rubric`, a file"))?;
    Rubric::parse(file, &context.files.read(&context.place, file)?)
}

/// What a signature says about how the models are asked.
fn how(spec: &CheckSpec) -> String {
    let votes = spec.votes.filter(|votes| *votes > 1).map(|votes| format!(" votes {votes}"));
    let weighted = spec.weighted.filter(|weighted| *weighted).map(|_| " weighted".to_owned());
    let pool = spec.pool.map(|pool| format!(" pool {pool:?}").to_lowercase());
    [votes, weighted, pool].into_iter().flatten().collect()
}

fn hash_of(models: &[String], prompt: &str) -> String {
    let mut hash = Sha256::new();
    for part in models.iter().map(String::as_str).chain([prompt]) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())[..16].to_owned()
}
