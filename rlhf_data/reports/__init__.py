"""The page, its charts, the cards of the mixes, and their templates."""
