-- after matched.sql: the services at the root of traces
select
  service_name,
  count(*) as n,
  sum(case when failed then 1 else 0 end) as n_failed,
  approx_percentile_cont(0.5) within group (order by duration_ns) as p50_ns,
  approx_percentile_cont(0.95) within group (order by duration_ns) as p95_ns
from matched
group by service_name
order by n desc, service_name
limit 200
