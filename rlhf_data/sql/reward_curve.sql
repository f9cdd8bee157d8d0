-- What does a response of a given length get?
--
-- Tables: generations, scores (any number of iterations and judges; a row that is there twice counts once).
-- Parameters: $bins, into as many bins of about as many responses each the lengths are cut; equal lengths share a bin.
-- One row per iteration, judge, `within_prompt` and bin: the mean of reward and of response_chars over the bin's
-- responses; `within_prompt` says whether both are as they are, or less their means over the responses to the same
-- prompt: short answers may answer easy prompts, and this difference is no bias.
with scored as (
    select
        generations.iteration,
        judged.judge,
        generations.prompt_id,
        generations.response_chars::double as response_chars,
        judged.reward::double as reward
    from generations
    inner join (select distinct iteration, prompt_id, sample, judge, reward from scores) as judged
        using (iteration, prompt_id, sample)
),

measured as (
    select iteration, judge, false as within_prompt, response_chars, reward from scored
    union all
    select
        iteration,
        judge,
        true as within_prompt,
        response_chars - avg(response_chars) over same_prompt as response_chars,
        reward - avg(reward) over same_prompt as reward
    from scored
    window same_prompt as (partition by iteration, judge, prompt_id)
),

binned as (
    select
        *,
        (rank() over shortest_first - 1) * $bins // count(*) over (partition by iteration, judge, within_prompt) as bin
    from measured
    window shortest_first as (partition by iteration, judge, within_prompt order by response_chars)
)

select
    iteration,
    judge,
    within_prompt,
    bin,
    count(*) as responses,
    avg(response_chars) as response_chars,
    avg(reward) as reward
from binned
group by iteration, judge, within_prompt, bin
order by iteration, judge, within_prompt, bin
