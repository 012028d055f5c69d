-- One row a call of a model, as the span that speaks for it tells it. A span that was sent again counts once, as it was sent last.
--
-- tool_calls: Tool calls that the model asked for, a JSON list of {id, name, arguments}; null where it asked for none.
-- documents: Documents of the nearest retrieval before the call in the same trace, a JSON list; null where there was none.
-- model: The model that answered, else the one that was asked for.
with retrieved as (
  select
    trace_id,
    start_unix_nano,
    first_value(documents order by span_id) as documents
  from latest_spans
  where operation = 'retrieval' and documents is not null
  group by trace_id, start_unix_nano
),
nearest as (
  select
    c.trace_id,
    c.span_id,
    max(r.start_unix_nano) as start_unix_nano
  from latest_spans c
  join retrieved r on r.trace_id = c.trace_id and r.start_unix_nano <= c.start_unix_nano
  where c.is_llm_call
  group by c.trace_id, c.span_id
)
select
  c.trace_id,
  c.span_id,
  c.parent_span_id,
  c.start_time,
  c.start_unix_nano,
  c.duration_ns,
  c.ingested_at,
  c.date,
  c.service_name,
  c.service_version,
  c.environment,
  c.name,
  c.status,
  c.status_message,
  c.error_type,
  c.dialect,
  c.operation,
  c.provider,
  c.provider_raw,
  c.request_model,
  c.response_model,
  c.response_id,
  c.streaming,
  c.ttft_ns,
  c.finish_reason,
  c.temperature,
  c.top_p,
  c.max_tokens,
  c.input_tokens,
  c.output_tokens,
  c.cache_read_tokens,
  c.cache_write_tokens,
  c.cache_write_1h_tokens,
  c.reasoning_tokens,
  c.audio_input_tokens,
  c.audio_output_tokens,
  c.service_tier,
  c.cost_nanousd,
  c.cost_source,
  c.session_id,
  c.user_id,
  c.agent_name,
  c.workflow_name,
  c.prompt_name,
  c.prompt_version,
  c.tags,
  c.attributes,
  c.resource,
  c.system_instructions,
  c.input_messages,
  c.output_messages,
  c.tool_definitions,
  c.input_text,
  c.output_text,
  karat_tool_calls(c.output_messages) as tool_calls,
  d.documents,
  coalesce(c.response_model, c.request_model) as model
from latest_spans c
left join nearest n on n.trace_id = c.trace_id and n.span_id = c.span_id
left join retrieved d on d.trace_id = n.trace_id and d.start_unix_nano = n.start_unix_nano
where c.is_llm_call
