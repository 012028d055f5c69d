-- The runs that a baseline means: one by its id, or the newest ones of a branch that could be judged.
select
  id,
  cast(time as varchar) as started_at,
  suite,
  hashes,
  git_commit,
  git_branch,
  n_cases,
  n_repeats,
  duration_ms,
  cost_nanousd,
  metrics
from runs
where ($run <> '' and id = $run)
  or ($run = '' and git_branch = $branch and suite = $suite and outcome <> 'ERROR')
order by time desc, id desc
