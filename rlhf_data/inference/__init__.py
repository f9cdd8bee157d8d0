"""What every engine shares: protocols, requests, memory, the OpenAI client, vLLM."""
