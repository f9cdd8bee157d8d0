-- What did a character of a response cost when pairs were made?
--
-- Tables: paired (all of it).
-- One row per iteration with pairs of two lengths, as `part`: `penalty`, the λ of reward − λ · characters that their
-- margins tell.
select
    'iter' || iteration as part,
    round(
        median(
            (chosen_reward::double - rejected_reward - margin) / (chosen_chars::int - rejected_chars::int)
        ),
        7
    ) as penalty
from paired
where chosen_chars != rejected_chars
group by iteration
