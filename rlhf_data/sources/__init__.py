"""Data sources: raw records of files or the Hugging Face hub → comparisons, conversations, prompts, or rejects."""
