-- Calls of a model that a rule picks and that its evaluator has not scored yet, as `open`; a select of them follows.
-- The rule's own select takes the place of the first line below `picked`.
with picked as (
  select trace_id, span_id from llm_calls /* the rule */
),
done as (
  select trace_id, span_id
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
