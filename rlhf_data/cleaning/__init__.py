"""Cleaning rules, mixes, decontamination, near-duplicates, prompt shards and Table 5, with counts for each."""
