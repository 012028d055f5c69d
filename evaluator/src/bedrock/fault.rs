//! From the SDK's errors to ours.

use std::time::Duration;

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::calls::{Again, CallError, Failure};

/// What a failed call of any AWS service means: throttling, a model that is not ready and faults of the service pass.
pub(super) fn fault<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Some(response) = error.raw_response() else {
        let what = DisplayErrorContext(error).to_string().chars().take(300).collect();
        return match error {
            SdkError::TimeoutError(_) => Failure::passing(CallError::TimedOut(None)),
            SdkError::ConstructionFailure(_) => Failure::lasting(CallError::Malformed(what)),
            _ => Failure::passing(CallError::Unreachable(what)),
        };
    };
    let status = response.status().as_u16();
    let code = error.code().unwrap_or_default();
    let message: String = error.message().unwrap_or(code).chars().take(300).collect();
    let passing = status >= 500 || matches!(status, 408 | 424 | 429) || code.contains("Throttling");
    let pause = response.headers().get("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let again = match pause {
        _ if !passing => Again::Never,
        Some(pause) => Again::After(pause),
        None => Again::Later,
    };
    // Throttling comes as 400 from some services.
    let status = if code.contains("Throttling") { 429 } else { status };
    Failure { error: CallError::Status { status, message }, again }
}
