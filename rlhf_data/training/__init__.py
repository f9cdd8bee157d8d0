"""Training with TRL (SFT, reward model, pairwise preference model, DPO) and sequence log-probabilities."""
