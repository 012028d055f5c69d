-- the transition that tells how an alert stands, beside what people said of it
select *
from alerts
where id = $id
order by case when state in ('acknowledged', 'muted') then 1 else 0 end, time desc
limit 1
