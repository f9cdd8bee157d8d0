"""Rules, mixes, decontamination, near-duplicates, prompt shards and Table 5, with the counts of each."""
