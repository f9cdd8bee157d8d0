"""The embedded default's small synthetic world, in which the gold reward of every response is known."""
