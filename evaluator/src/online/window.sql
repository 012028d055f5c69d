-- When the last one of the calls arrived that come next, whether they are scored or not.
select cast(max(ingested_at) as bigint) as ingested_us
from (
  select ingested_at
  from llm_calls
  where ingested_at >= $since
    and ingested_at <= $until
  order by ingested_at
  limit 2000 /* the batch */
) c
