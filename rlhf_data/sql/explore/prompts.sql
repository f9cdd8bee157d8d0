-- Which prompts match, in the order asked for?
--
-- Tables: responses, asked (the answers to responses.sql and asked.sql).
-- Parameters: $part; $source, $words, $margin_low, $margin_high, of the prompt; $chars_low, $chars_high, $reward_low,
-- $reward_high, of at least one response to it; null for no limit; $order; $rows and $skip, the page.
-- One row per prompt; `matching` of its responses are within the limits, `total` prompts match on all pages together.
with answers as (
    select
        prompt_id,
        count(*) as responses,
        count(*) filter (
            coalesce(response_chars >= $chars_low, $chars_low is null)
            and coalesce(response_chars <= $chars_high, $chars_high is null)
            and coalesce(reward >= $reward_low, $reward_low is null)
            and coalesce(reward <= $reward_high, $reward_high is null)
        ) as matching,
        max(reward) as best,
        min(reward) as worst,
        max(response_chars) as longest
    from responses
    where part = $part
    group by prompt_id
)

select
    prompt_id,
    left(asked, 200) as asked,
    source,
    margin,
    best,
    worst,
    responses,
    matching,
    count(*) over () as total
from asked
join answers using (prompt_id)
where
    part = $part
    and matching > 0
    and coalesce(source = $source, $source is null)
    and coalesce(contains(lower(asked), lower($words)), $words is null)
    and coalesce(margin >= $margin_low, $margin_low is null)
    and coalesce(margin <= $margin_high, $margin_high is null)
order by
    case $order
        when 'widest margin' then -margin
        when 'narrowest margin' then margin
        when 'widest spread' then worst - best
        when 'highest reward' then -best
        when 'lowest reward' then worst
        when 'longest' then -longest
    end nulls last,
    prompt_id
limit $rows
offset $skip
