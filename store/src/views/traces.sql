-- One row a trace, as far as its spans have arrived. A filter on start_time looks at spans up to a day outside of it (query.reach_hours).
--
-- end_time: When the last span ended, in UTC.
-- duration_ns: From the start of the first span to the end of the last one, in nanoseconds.
-- date: The UTC day of start_time.
-- root_span_id: Id of the root; of the earliest span where no root has arrived.
-- root_name: Name of the root.
-- service_name: Name of the root's service.
-- environment: Deployment environment of the root's service.
-- status: error where a span failed, else ok.
-- n_spans: Number of spans.
-- n_llm_calls: Number of calls of a model.
-- n_tool_calls: Number of tool executions.
-- n_errors: Number of spans that failed.
-- input_tokens: All input tokens of the model calls, each counted once.
-- output_tokens: All output tokens of the model calls, each counted once.
-- cost_nanousd: Cost of the model calls in nano-dollars, each counted once; null where nothing could be priced.
-- models: The models that answered, sorted, separated by commas.
-- input_text: What the user asked: the root's input, else that of the first model call.
-- output_text: What was answered: the root's output, else that of the last model call.
-- ingested_at: When karat received the latest span, in UTC.
with per_trace as (
  select
    trace_id,
    min(start_time) as start_time,
    min(start_unix_nano) as start_unix_nano,
    max(start_unix_nano + duration_ns) as end_unix_nano,
    first_value(span_id order by parent_span_id is not null, start_unix_nano, span_id) as root_span_id,
    count(*) as n_spans,
    sum(case when operation = 'execute_tool' then 1 else 0 end) as n_tool_calls,
    sum(case when status = 'error' then 1 else 0 end) as n_errors,
    max(session_id) as session_id,
    max(user_id) as user_id,
    max(ingested_at) as ingested_at
  from latest_spans
  group by trace_id
),
per_model as (
  select
    trace_id,
    model,
    count(*) as n_calls,
    sum(input_tokens) as input_tokens,
    sum(output_tokens) as output_tokens,
    sum(cost_nanousd) as cost_nanousd,
    min(start_unix_nano) as first_unix_nano,
    max(start_unix_nano) as last_unix_nano,
    first_value(input_text order by start_unix_nano) filter (where input_text is not null) as first_input,
    last_value(output_text order by start_unix_nano) filter (where output_text is not null) as last_output
  from llm_calls
  group by trace_id, model
),
calls as (
  select
    trace_id,
    sum(n_calls) as n_calls,
    sum(input_tokens) as input_tokens,
    sum(output_tokens) as output_tokens,
    sum(cost_nanousd) as cost_nanousd,
    array_to_string(array_sort(array_agg(model) filter (where model is not null)), ',') as models,
    first_value(first_input order by first_unix_nano) filter (where first_input is not null) as first_input,
    last_value(last_output order by last_unix_nano) filter (where last_output is not null) as last_output
  from per_model
  group by trace_id
)
select
  t.trace_id,
  t.start_time,
  to_timestamp_micros(t.end_unix_nano / 1000) at time zone 'UTC' as end_time,
  t.end_unix_nano - t.start_unix_nano as duration_ns,
  cast(t.start_time as date) as date,
  t.root_span_id,
  r.name as root_name,
  r.service_name,
  r.environment,
  case when t.n_errors > 0 then 'error' else 'ok' end as status,
  t.n_spans,
  coalesce(c.n_calls, 0) as n_llm_calls,
  t.n_tool_calls,
  t.n_errors,
  c.input_tokens,
  c.output_tokens,
  c.cost_nanousd,
  t.session_id,
  t.user_id,
  c.models,
  coalesce(r.input_text, c.first_input) as input_text,
  coalesce(r.output_text, c.last_output) as output_text,
  t.ingested_at
from per_trace t
left join latest_spans r on r.trace_id = t.trace_id and r.span_id = t.root_span_id
left join calls c on c.trace_id = t.trace_id
