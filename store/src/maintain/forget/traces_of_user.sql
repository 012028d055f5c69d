select trace_id from spans where user_id = $id
union
select trace_id from logs where user_id = $id and trace_id is not null
