-- scores of the evaluators that a monitor's SELECT names, by who judged, and apart those of the anchor set (metadata has `anchor_set`)
select
  "time" >= $window as is_current,
  concat(evaluator_version, ' ', coalesce(judge_model, '')) as judge,
  coalesce(strpos(metadata, '"anchor_set"'), 0) > 0 as is_anchor,
  cast(count(*) as double) as n,
  avg(value) as mean,
  cast(min("time") as bigint) as first_us
from scores
where "time" >= $start
  and "time" < $end
  and outcome = 'value'
  and strpos($select, concat('''', evaluator, '''')) > 0
group by 1, 2, 3
limit 1000
