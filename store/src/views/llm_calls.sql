-- One row a call of a model, as the spans and log records that speak for it tell it. A span that was sent again counts once, as it was
-- sent last; of a call around calls, and of a call that its SDK and an instrumentation both report, one span counts.
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
),
-- What records say of the span that they belong to; the messages of one span come one a record, in the order of their times.
spoken as (
  select
    trace_id,
    span_id,
    first_value(session_id order by time_unix_nano) filter (where session_id is not null) as session_id,
    first_value(user_id order by time_unix_nano) filter (where user_id is not null) as user_id,
    first_value(tool_definitions order by time_unix_nano) filter (where tool_definitions is not null) as tool_definitions,
    '[' || string_agg(nullif(substr(system_instructions, 2, length(system_instructions) - 2), ''), ',' order by time_unix_nano) || ']'
      as system_instructions,
    '[' || string_agg(nullif(substr(input_messages, 2, length(input_messages) - 2), ''), ',' order by time_unix_nano) || ']' as input_messages,
    '[' || string_agg(nullif(substr(output_messages, 2, length(output_messages) - 2), ''), ',' order by time_unix_nano) || ']' as output_messages
  from logs
  where dialect is not null and span_id is not null
  group by trace_id, span_id
),
-- The answer in a record that belongs to another span, but names the response.
answered as (
  select
    trace_id,
    response_id,
    first_value(output_messages order by time_unix_nano) as output_messages
  from logs
  where response_id is not null and output_messages is not null
  group by trace_id, response_id
),
-- Calls inside a call, which speak for it.
inner_calls as (
  select
    trace_id,
    parent_span_id,
    operation = 'embeddings' as embeds,
    response_id
  from latest_spans
  where is_llm_call and dialect <> 'sdk' and parent_span_id is not null
),
-- Responses that both an SDK and an instrumentation report; few SDKs report any, so the scan behind them is seldom made.
told_twice as (
  select o.response_id
  from latest_spans s
  join latest_spans o on o.response_id = s.response_id
  where s.is_llm_call and s.dialect = 'sdk' and o.is_llm_call and o.dialect <> 'sdk'
),
-- The side on the left is the one that is held in memory, so it is the narrow one.
calls as (
  select c.*
  from told_twice t
  right anti join (
    select o.*
    from inner_calls i
    right anti join latest_spans o
      on i.trace_id = o.trace_id
      and i.parent_span_id = o.span_id
      and i.embeds = (o.operation = 'embeddings')
      and coalesce(i.response_id = o.response_id, true)
    where o.is_llm_call
  ) c on t.response_id = c.response_id and c.dialect = 'sdk'
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
  coalesce(c.session_id, s.session_id) as session_id,
  coalesce(c.user_id, s.user_id) as user_id,
  c.agent_name,
  c.workflow_name,
  c.prompt_name,
  c.prompt_version,
  c.tags,
  c.attributes,
  c.resource,
  coalesce(c.system_instructions, s.system_instructions) as system_instructions,
  coalesce(c.input_messages, s.input_messages) as input_messages,
  coalesce(c.output_messages, s.output_messages, a.output_messages) as output_messages,
  coalesce(c.tool_definitions, s.tool_definitions) as tool_definitions,
  coalesce(c.input_text, karat_input_text(s.input_messages)) as input_text,
  coalesce(c.output_text, karat_output_text(coalesce(s.output_messages, a.output_messages))) as output_text,
  karat_tool_calls(coalesce(c.output_messages, s.output_messages, a.output_messages)) as tool_calls,
  d.documents,
  coalesce(c.response_model, c.request_model) as model
from calls c
left join spoken s on s.trace_id = c.trace_id and s.span_id = c.span_id
left join answered a on a.trace_id = c.trace_id and a.response_id = c.response_id
left join nearest n on n.trace_id = c.trace_id and n.span_id = c.span_id
left join retrieved d on d.trace_id = n.trace_id and d.start_unix_nano = n.start_unix_nano
