-- What did a character of a response cost when pairs were made?
--
-- Tables: pairs, generations (all of them).
-- One row per iteration with pairs of two lengths, as `part`: `penalty`, the λ of reward − λ · characters that their
-- margins tell.
select
    'iter' || pairs.iteration as part,
    round(
        median(
            (pairs.chosen_reward::double - pairs.rejected_reward - pairs.margin)
            / (chosen.response_chars::int - rejected.response_chars::int)
        ),
        7
    ) as penalty
from pairs
inner join generations as chosen
    on
        chosen.iteration = pairs.iteration
        and chosen.prompt_id = pairs.prompt_id
        and chosen.sample = pairs.chosen_sample
inner join generations as rejected
    on
        rejected.iteration = pairs.iteration
        and rejected.prompt_id = pairs.prompt_id
        and rejected.sample = pairs.rejected_sample
where chosen.response_chars != rejected.response_chars
group by pairs.iteration
