-- after matched.sql: traffic, latency and errors by bucket of time; the row without a bucket is the whole
select
  bucket,
  count(*) as n,
  sum(case when failed then 1 else 0 end) as n_failed,
  approx_percentile_cont(0.5) within group (order by duration_ns) as p50_ns,
  approx_percentile_cont(0.95) within group (order by duration_ns) as p95_ns
from (
  select (cast(start_time as bigint) - $grid_start) / $grid_width as bucket, failed, duration_ns
  from matched
)
group by grouping sets ((bucket), ())
order by bucket
