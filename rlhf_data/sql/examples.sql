-- What do the best and the worst response to a prompt look like?
--
-- Tables: pairs, of one iteration.
-- Parameters: $prompts, how many prompts to show. They are those with the smallest prompt_id, which is a content
-- hash: an arbitrary choice that is the same on every machine.
select
    prompt_id,
    prompt,
    chosen,
    rejected,
    length(chosen) as chosen_chars,
    length(rejected) as rejected_chars,
    chosen_reward,
    rejected_reward,
    margin
from pairs
order by prompt_id
limit $prompts
