"""Completions of prompts: by transformers, by vLLM, by a server."""
