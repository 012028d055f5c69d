select
  (select count(*) from spans where trace_id = $id),
  (select count(*) from logs where trace_id = $id),
  (select count(*) from scores where trace_id = $id)
