-- attempts to tell people, by how they ended
select notifier, outcome, cast(count(*) as double) as n
from notifications
where time >= $since
group by notifier, outcome
