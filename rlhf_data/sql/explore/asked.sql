-- Which prompts were asked, and which two responses to each are set against each other?
--
-- Tables: generations, prompts, pairs, evaluations (all of them).
-- One row per prompt of a part (see responses.sql). Of an iteration the two are its pair, null where it made none; of
-- a held-out prompt the first policy's answer is `rejected`, the last one's `chosen`, and `margin` their rewards' difference.
with parts as (
    select distinct 'iter' || iteration as part, prompt_id from generations
    union
    select distinct split::varchar as part, prompt_id from evaluations
),

asked as (
    select
        prompt_id,
        any_value(source) as source,
        any_value(array_to_string(list_transform(prompt, lambda turn: turn.content), chr(10))) as asked
    from prompts
    group by prompt_id
),

policies as (
    select
        split::varchar as part,
        prompt_id,
        policy::varchar as policy,
        reward::double as reward,
        dense_rank() over (order by length(policy), policy) as place -- iter10 after iter9
    from evaluations
),

compared as (
    select
        'iter' || iteration as part,
        prompt_id,
        margin::double as margin,
        chosen_sample::varchar as chosen,
        rejected_sample::varchar as rejected
    from pairs

    union all

    select
        part,
        prompt_id,
        arg_max(reward, place) - arg_min(reward, place) as margin,
        arg_max(policy, place) as chosen,
        arg_min(policy, place) as rejected
    from policies
    group by part, prompt_id
)

select part, prompt_id, source, asked, margin, chosen, rejected
from parts
left join asked using (prompt_id)
left join compared using (part, prompt_id)
