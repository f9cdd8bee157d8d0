-- How long is each response, and what reward did it get? (the numbers that `rlhf-data explore` filters by)
--
-- Tables: generations, rewards, evaluations (all of them).
-- One row per response. `part` is the iteration that generated it, or the split of a held-out prompt; `answer` says which
-- of the prompt's responses it is: the sample, or the policy. `reward` is null where none is known yet.
select
    'iter' || iteration as part,
    prompt_id,
    sample::varchar as answer,
    response_chars::int as response_chars,
    reward::double as reward
from generations
left join rewards using (iteration, prompt_id, sample)

union all

select
    split::varchar as part,
    prompt_id,
    policy::varchar as answer,
    response_chars::int as response_chars,
    reward::double as reward
from evaluations
