-- What is there to choose from, and how far do lengths and rewards reach?
--
-- Tables: responses, asked (the answers to responses.sql and asked.sql).
-- One row per part, iterations first.
with sources as (
    select part, list(distinct source order by source) as sources, count(*) as prompts
    from asked
    group by part
)

select
    part,
    sources,
    prompts,
    count(*) as responses,
    count(*) - count(reward) as without_reward,
    min(response_chars) as chars_from,
    max(response_chars) as chars_to,
    min(reward) as reward_from,
    max(reward) as reward_to
from responses
join sources using (part)
group by part, sources, prompts
order by part in ('dev', 'test'), length(part), part
