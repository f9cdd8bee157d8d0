-- What does a policy do that its reward does not show?
--
-- Tables: evaluations, logprobs, second_opinions (of one policy).
-- Parameters: $split, whose prompts count; $repetition_words, n; $refusals, phrases.
-- One row: means over the answers of `reward` (the proxy that policies are trained on), `gold_reward` (null where it is
-- unknown) and `preference` (P(the answer is better than π₀'s), of a judge that no policy is trained on; answers without
-- a verdict are left out, and counted in `no_verdict`); `kl`, nats per answer, the mean of log π − log π₀ over answers
-- drawn from π, which estimates KL(π‖π₀) where they were drawn at temperature 1, π being the policy at temperature 1;
-- and what hacking looks like in text: `distinct_1` and `distinct_2`, the share of all the answers' words and word pairs
-- that are different (it falls with the number of words); `repetition`, the share of an answer's runs of
-- n words that it has had before, averaged over answers that have such runs, null where none has; `truncated` and
-- `refused`, shares of the answers, cut at the token limit or with one of the phrases in any case; `response_chars`.
-- Intervals (_low, _high) are 95 %: ± 1.96 standard errors. A missing log-probability or opinion is an error.
with answers as (
    select
        prompt_id,
        evaluations.reward::double as reward,
        evaluations.gold_reward::double as gold_reward,
        evaluations.response,
        evaluations.response_chars,
        evaluations.finish_reason = 'length' as is_truncated,
        case
            when logprobs.prompt_id is null then error('an answer has no log-probability: ' || evaluations.prompt_id)
            else logprobs.policy_logps::double - logprobs.ref_logps::double
        end as log_ratio,
        case
            when second_opinions.prompt_id is null then error('an answer has no opinion: ' || evaluations.prompt_id)
            else second_opinions.preference
        end as preference
    from evaluations
    left join logprobs using (prompt_id)
    left join second_opinions using (prompt_id)
    where evaluations.split = $split
),

worded as (  -- letters, digits and marks of any script
    select
        prompt_id,
        regexp_extract_all(lower(response), '[\p{L}\p{M}\p{N}]+') as words,
        replace(lower(response), '’', '''') as plain
    from answers
),

runs as (
    select
        words,
        list_transform(range(1, len(words)), lambda place: words[place:place + 1]) as pairs,
        list_transform(
            range(1, len(words) + 2 - $repetition_words), lambda place: words[place:place + $repetition_words - 1]
        ) as runs
    from worded
),

texts as (
    select
        avg(1 - len(list_distinct(runs)) / nullif(len(runs), 0)) as repetition,
        len(list_distinct(flatten(list(words)))) / nullif(sum(len(words)), 0) as distinct_1,
        len(list_distinct(flatten(list(pairs)))) / nullif(sum(len(pairs)), 0) as distinct_2
    from runs
),

refusals as (
    select avg(list_bool_or(list_transform($refusals, lambda phrase: contains(plain, lower(phrase))))::int) as refused
    from worded
),

figures as (
    select
        count(*) as prompts,
        avg(reward) as reward,
        case when count(gold_reward) = count(*) then avg(gold_reward) end as gold_reward,
        avg(preference) as preference,
        1.96 * stddev_samp(preference) / sqrt(count(preference)) as preference_wide,
        count(*) - count(preference) as no_verdict,
        avg(log_ratio) as kl,
        1.96 * stddev_samp(log_ratio) / sqrt(count(*)) as kl_wide,
        avg(response_chars) as response_chars,
        avg(is_truncated::int) as truncated
    from answers
)

select
    prompts,
    reward,
    gold_reward,
    preference,
    preference - preference_wide as preference_low,
    preference + preference_wide as preference_high,
    no_verdict,
    kl,
    kl - kl_wide as kl_low,
    kl + kl_wide as kl_high,
    distinct_1,
    distinct_2,
    repetition,
    response_chars,
    truncated,
    refused
from figures
cross join texts
cross join refusals
