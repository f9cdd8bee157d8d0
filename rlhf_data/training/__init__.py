"""SFT, reward, pairwise and DPO training with TRL; sequence log-probabilities."""
