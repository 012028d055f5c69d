-- How much of a run is kept already, table by table: what was written before a failure is not written again.
select
  (select count(*) from runs where id = $run) as runs,
  (select count(*) from results where run_id = $run) as results,
  (select count(*) from scores where run_id = $run) as scores,
  (select count(*) from spend where run_id = $run) as spend
