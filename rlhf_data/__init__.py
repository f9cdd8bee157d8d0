"""Online iterative RLHF on columnar storage: every artefact a checked table, every step a DVC stage."""
