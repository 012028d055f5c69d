-- What the checks look at, in the order in which the calls arrived.
select
  c.trace_id,
  c.span_id,
  c.start_unix_nano,
  cast(c.ingested_at as bigint) as ingested_us,
  c.session_id,
  c.status,
  c.error_type,
  c.finish_reason,
  c.attributes,
  c.output_messages,
  c.output_text,
  c.tool_calls,
  c.documents
from llm_calls c
join open o on o.trace_id = c.trace_id and o.span_id = c.span_id
where c.ingested_at >= $since
  and c.ingested_at <= $until
  and substr(c.trace_id, 25, 8) < $sample
order by c.ingested_at, c.trace_id, c.span_id
limit 2000 /* the batch */
