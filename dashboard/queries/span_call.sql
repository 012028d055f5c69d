-- what all that speaks for a model call says together: a log record may hold the content that the span lacks
select
  input_tokens,
  output_tokens,
  cache_read_tokens,
  cache_write_tokens,
  reasoning_tokens,
  system_instructions,
  input_messages,
  output_messages,
  tool_definitions,
  input_text,
  output_text
from llm_calls
where trace_id = $trace
  and span_id = $span
limit 1
