-- Does a judge prefer long responses to the same prompt? (Paper, section 2.2 and Figure 3.)
--
-- Tables: generations, scores (any number of iterations and judges; a row that is there twice counts once).
-- One row per prompt and judge: Pearson's correlation between reward and response_chars over the prompt's responses, and
-- the standard deviations (of the population) that the penalty which undoes it follows from. Where all rewards or all
-- lengths are equal, or there is one response, the correlation is undefined and null; 0 would say that length and
-- reward have nothing to do with each other. `longest_wins` is 1 where the longest response has the highest reward; of
-- equals, the share of the best that are among the longest. `longest_by_chance` is what that share comes to when rewards
-- know nothing of length. A response without a reward, with two, or with one that is no number is an error.
with judged as (
    select distinct iteration, prompt_id, sample, judge, reward from scores
),

judges as (
    select distinct iteration, judge from judged
),

scored as (
    select
        generations.iteration,
        judges.judge,
        generations.prompt_id,
        generations.sample,
        generations.response_chars,
        case
            when judged.reward is null
                then error('a response has no reward: ' || prompt_id || ', sample ' || sample || ', judge ' || judge)
            when not isfinite(judged.reward)
                then error('a reward is no number: ' || prompt_id || ', sample ' || sample || ', judge ' || judge)
            else judged.reward
        end::double as reward
    from generations
    inner join judges using (iteration)
    left join judged using (iteration, judge, prompt_id, sample)
),

ends as (
    select
        *,
        reward = max(reward) over same_prompt as is_best,
        response_chars = max(response_chars) over same_prompt as is_longest
    from scored
    window same_prompt as (partition by iteration, judge, prompt_id)
),

by_prompt as (
    select
        iteration,
        judge,
        prompt_id,
        case
            when count(*) > count(distinct sample) then error('a response has two rewards of a judge: ' || prompt_id)
            else count(*)
        end as responses,
        avg(response_chars) as response_chars,
        stddev_pop(response_chars) as chars_deviation,
        stddev_pop(reward) as reward_deviation,
        min(reward) < max(reward) and min(response_chars) < max(response_chars) as is_defined,
        corr(reward, response_chars) as correlation,
        avg(is_longest::int) filter (is_best) as longest_wins,
        avg(is_longest::int) as longest_by_chance
    from ends
    group by iteration, judge, prompt_id
)

select
    iteration,
    judge,
    prompt_id,
    responses,
    response_chars,
    chars_deviation,
    reward_deviation,
    case when is_defined then greatest(-1, least(1, correlation)) end as length_correlation,
    case when is_defined then longest_wins end as longest_wins,
    case when is_defined then longest_by_chance end as longest_by_chance
from by_prompt
order by iteration, judge, prompt_id
