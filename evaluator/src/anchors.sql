-- What the judges of a run said about their anchors.
select
  evaluator,
  value,
  metadata
from scores
where run_id = $run
  and source = 'judge'
  and strpos(metadata, '"anchor_set"') > 0
order by evaluator, metadata
