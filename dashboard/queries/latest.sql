-- the latest span there is, for a page that has nothing to show in its range
select cast(max(start_time) as bigint) as latest_us
from spans
