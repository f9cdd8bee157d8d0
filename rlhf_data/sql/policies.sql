-- How does each policy answer the held-out prompts, beside π₀?
--
-- Tables: evaluations. Parameters: $split, whose prompts count.
-- One row per policy: prompts; means over its answers of `reward`, of `gold_reward` (null where it is unknown) and of
-- `win_rate` by reward over π₀'s answer to the same prompt (a tie counts ½, π₀ itself has ½); `response_chars`; and
-- `truncated`, the share of answers cut at the token limit.
select
    policies.policy,
    count(*) as prompts,
    round(avg(policies.reward::double), 3) as reward,
    round(avg(policies.gold_reward::double), 3) as gold_reward,
    round(avg((policies.reward > base.reward)::double + (policies.reward = base.reward)::double / 2), 3) as win_rate,
    round(avg(policies.response_chars), 1) as response_chars,
    round(avg((policies.finish_reason = 'length')::double), 3) as truncated
from evaluations as policies
inner join evaluations as base on base.prompt_id = policies.prompt_id and base.split = policies.split
where policies.split = $split and base.policy = 'iter0'
group by policies.policy
order by length(policies.policy), policies.policy
