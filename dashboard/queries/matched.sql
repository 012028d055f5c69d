-- The traces that begin in the range and fit the filters; the query that follows reads them as `matched`.
-- It reads spans, not the view `traces`, so that files outside of the range are never opened; `$seen_from` and `$seen_to` reach
-- an hour further, so that a trace on the edge is seen whole. Content that came in a log record is searched too.
with seen as (
  select
    trace_id,
    start_time,
    start_unix_nano,
    start_unix_nano + duration_ns as end_unix_nano,
    parent_span_id,
    service_name,
    session_id,
    status,
    case when is_llm_call then coalesce(response_model, request_model) end as model,
    coalesce(input_text ilike $text or output_text ilike $text, false) as has_text
  from spans
  where start_time >= $seen_from
    and start_time < $seen_to
  union all
  select
    trace_id,
    null as start_time,
    null as start_unix_nano,
    null as end_unix_nano,
    null as parent_span_id,
    null as service_name,
    session_id,
    null as status,
    response_model as model,
    true as has_text
  from logs
  where $text is not null
    and trace_id is not null
    and time >= $seen_from
    and time < $seen_to
    and (input_messages ilike $text or output_messages ilike $text)
),
matched as (
  select
    trace_id,
    min(start_time) as start_time,
    max(end_unix_nano) - min(start_unix_nano) as duration_ns,
    coalesce(max(case when parent_span_id is null then service_name end), max(service_name)) as service_name,
    bool_or(status = 'error') as failed
  from seen
  group by trace_id
  having min(start_time) >= $from
    and min(start_time) < $to
    and ($service is null or bool_or(service_name = $service))
    and ($model is null or bool_or(model = $model))
    and ($session is null or bool_or(session_id = $session))
    and ($failed is null or bool_or(status = 'error') = $failed)
    and ($text is null or bool_or(has_text))
)
