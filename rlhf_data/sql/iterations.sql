-- What was each iteration made of?
--
-- Tables: generations, rewards, pairs (any number of iterations each).
-- One row per iteration. `truncated` is the share of responses cut at the token limit; `pairs` is 0, and what
-- describes pairs null, where an iteration made none. A response without a reward is an error, not a smaller mean.
with scored as (
    select
        generations.iteration,
        generations.prompt_id,
        generations.response_chars,
        generations.finish_reason,
        coalesce(
            rewards.reward,
            error('a response has no reward: ' || generations.prompt_id || ', sample ' || generations.sample)
        )::double as reward
    from generations
    left join rewards using (iteration, prompt_id, sample)
),

responses as (
    select
        iteration,
        count(distinct prompt_id) as prompts,
        count(*) as responses,
        avg(reward) as reward,
        avg(response_chars) as response_chars,
        avg((finish_reason = 'length')::int) as truncated
    from scored
    group by iteration
),

paired as (
    select
        iteration,
        count(*) as pairs,
        avg(length(chosen)) as chosen_chars,
        avg(length(rejected)) as rejected_chars,
        avg(margin::double) as margin
    from pairs
    group by iteration
)

select
    responses.iteration,
    prompts,
    responses,
    reward,
    response_chars,
    truncated,
    coalesce(pairs, 0) as pairs,
    chosen_chars,
    rejected_chars,
    margin
from responses
left join paired using (iteration)
order by responses.iteration
