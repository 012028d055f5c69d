-- services that called a model since $since, with what a day of theirs cost at most and how slow they are
select
  c.service_name,
  c.n_calls,
  d.dearest_day_usd,
  c.latency_p99_s
from (
  select
    service_name,
    count(*) as n_calls,
    approx_percentile_cont(0.99) within group (order by duration_ns / 1e9) as latency_p99_s
  from llm_calls
  where start_time >= $since
    and service_name <> ''
  group by service_name
) c
left join (
  select service_name, max(usd) as dearest_day_usd
  from (
    select service_name, date, sum(cost_usd) as usd
    from costs
    where start_time >= $since
    group by service_name, date
  )
  group by service_name
) d on d.service_name = c.service_name
order by c.n_calls desc
limit 100
