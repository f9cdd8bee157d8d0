-- One row per response: what it answers, its reward and its rank among the prompt's responses.
--
-- Tables: generations, rewards, prompts. `reward`, `judge` and `rank` are null where a response has no reward yet; equal
-- rewards go by sample, as in the pairs.
select
    generations.* exclude (job),
    rewards.* exclude (iteration, prompt_id, sample, job),
    case
        when rewards.reward is not null
            then row_number() over (
                partition by generations.iteration, generations.prompt_id
                order by rewards.reward desc nulls last, generations.sample
            )
    end as rank,
    prompts.prompt
from generations
left join rewards using (iteration, prompt_id, sample)
left join prompts on prompts.prompt_id = generations.prompt_id and prompts.shard = 'iter' || generations.iteration
