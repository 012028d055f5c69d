-- calls, errors and latency by model
select
  model,
  max(provider) as provider,
  count(*) as n,
  sum(case when status = 'error' then 1 else 0 end) as n_failed,
  approx_percentile_cont(0.5) within group (order by duration_ns) as p50_ns,
  approx_percentile_cont(0.95) within group (order by duration_ns) as p95_ns
from llm_calls
where start_time >= $from
  and start_time < $to
group by model
order by n desc, model
limit 200
