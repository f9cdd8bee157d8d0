-- What was answered to one prompt, wherever it was asked?
--
-- Tables: generations, rewards, evaluations (all of them).
-- Parameters: $prompt_id.
-- One row per response, highest reward first within its part (see responses.sql).
with texts as (
    select
        'iter' || iteration as part,
        sample::varchar as answer,
        response,
        response_chars,
        response_tokens,
        finish_reason::varchar as finish_reason,
        reward::double as reward,
        null::double as gold_reward
    from generations
    left join rewards using (iteration, prompt_id, sample)
    where prompt_id = $prompt_id

    union all

    select
        split::varchar as part,
        policy::varchar as answer,
        response,
        response_chars,
        response_tokens,
        finish_reason::varchar as finish_reason,
        reward::double as reward,
        gold_reward::double as gold_reward
    from evaluations
    where prompt_id = $prompt_id
)

select *
from texts
order by part in ('dev', 'test'), length(part), part, reward desc nulls last, length(answer), answer
