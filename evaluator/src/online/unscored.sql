-- Calls of a model that a rule picks and that its evaluator has not scored yet, in the order in which they arrived.
-- The rule's own select takes the place of the first line below `picked`.
with picked as (
  select trace_id, span_id from llm_calls /* the rule */
),
done as (
  select distinct trace_id, span_id
  from scores
  where evaluator = $evaluator
    and evaluator_version = $version
    and time >= $scored_since
),
open as (
  select p.trace_id, p.span_id
  from (select distinct trace_id, span_id from picked) p
  left anti join done d on d.trace_id = p.trace_id and d.span_id = p.span_id
)
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
