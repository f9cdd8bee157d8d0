-- How many responses have which length and which reward?
--
-- Tables: responses, asked (the answers to responses.sql and asked.sql).
-- Parameters: those that filter in prompts.sql; $chars_from, $chars_to, $reward_from, $reward_to, what the chart
-- spans; $columns, $lines, its bins. Lengths are binned by their logarithm.
-- One row per bin that holds a response: `across` and `up` from 0, `responses`, and `matching`, those within the limits.
with prompts as materialized ( -- else the words are looked for once a response
    select
        prompt_id,
        coalesce(source = $source, $source is null)
        and coalesce(contains(lower(asked), lower($words)), $words is null)
        and coalesce(margin >= $margin_low, $margin_low is null)
        and coalesce(margin <= $margin_high, $margin_high is null) as matches
    from asked
    where part = $part
),

placed as (
    select
        least(floor($columns * ln(greatest(response_chars, 1) / $chars_from) / ln($chars_to / $chars_from)), $columns - 1)
            as across,
        least(floor($lines * (reward - $reward_from) / ($reward_to - $reward_from)), $lines - 1) as up,
        matches
        and coalesce(response_chars >= $chars_low, $chars_low is null)
        and coalesce(response_chars <= $chars_high, $chars_high is null)
        and coalesce(reward >= $reward_low, $reward_low is null)
        and coalesce(reward <= $reward_high, $reward_high is null) as matches
    from responses
    join prompts using (prompt_id)
    where part = $part and reward is not null
)

select
    across::int as across,
    up::int as up,
    count(*) as responses,
    count(*) filter (matches) as matching
from placed
group by across, up
order by up, across
