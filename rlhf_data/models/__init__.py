"""Checkpoints and tokenizers."""
