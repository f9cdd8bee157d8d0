-- One row per pair, with what `generations` says of its two responses.
--
-- Tables: pairs, generations. The offline pairs of `history` have no samples, so they are no part of it.
select
    pairs.*,
    chosen_row.response_chars as chosen_chars,
    rejected_row.response_chars as rejected_chars,
    chosen_row.response_tokens as chosen_tokens,
    rejected_row.response_tokens as rejected_tokens,
    chosen_row.finish_reason as chosen_finish_reason,
    rejected_row.finish_reason as rejected_finish_reason,
    chosen_row.temperature as chosen_temperature,
    rejected_row.temperature as rejected_temperature
from pairs
left join generations as chosen_row
    on
        chosen_row.iteration = pairs.iteration
        and chosen_row.prompt_id = pairs.prompt_id
        and chosen_row.sample = pairs.chosen_sample
left join generations as rejected_row
    on
        rejected_row.iteration = pairs.iteration
        and rejected_row.prompt_id = pairs.prompt_id
        and rejected_row.sample = pairs.rejected_sample
