"""Rewards and preferences: reward model, pairwise model, LLM judge; tournaments and ensembles."""
