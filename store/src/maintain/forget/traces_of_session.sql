select trace_id from spans where session_id = $id
union
select trace_id from logs where session_id = $id and trace_id is not null
