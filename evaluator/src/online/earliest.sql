-- When the first of them arrived; no row where there is none.
select cast(c.ingested_at as bigint) as ingested_us
from llm_calls c
join open o on o.trace_id = c.trace_id and o.span_id = c.span_id
where c.ingested_at >= $since
  and c.ingested_at <= $until
  and substr(c.trace_id, 25, 8) < $sample
order by c.ingested_at
limit 1
