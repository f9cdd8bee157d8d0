-- Does the reward model prefer long responses to the same prompt?
--
-- Tables: generations, rewards (any number of iterations each).
-- One row an iteration: Pearson's correlation between reward and response_chars over a prompt's responses, averaged
-- over prompts. Where all of a prompt's rewards or lengths are equal the correlation is undefined: such prompts are
-- counted, and are no part of the mean. The mean is null where no prompt has a correlation.
with scored as (
    select
        generations.iteration,
        generations.prompt_id,
        generations.response_chars,
        coalesce(
            rewards.reward,
            error('a response has no reward: ' || generations.prompt_id || ', sample ' || generations.sample)
        )::double as reward
    from generations
    left join rewards using (iteration, prompt_id, sample)
),

by_prompt as (
    select
        iteration,
        prompt_id,
        case
            when count(distinct reward) > 1 and count(distinct response_chars) > 1
                then corr(reward, response_chars)
        end as length_correlation
    from scored
    group by iteration, prompt_id
)

select
    iteration,
    count(*) as prompts,
    avg(length_correlation) as length_correlation,
    count(*) - count(length_correlation) as undefined_prompts
from by_prompt
group by iteration
order by iteration
