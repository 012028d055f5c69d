-- cost and tokens by bucket of time and model
select
  (cast(start_time as bigint) - $grid_start) / $grid_width as bucket,
  model,
  sum(cost_nanousd) as cost_nanousd,
  sum(input_tokens) as input_tokens,
  sum(output_tokens) as output_tokens,
  count(*) as n_calls,
  sum(case when cost_nanousd is null then 1 else 0 end) as n_unpriced
from costs
where start_time >= $from
  and start_time < $to
group by 1, 2
order by 1, 2
