"""Raw records, from files or a hub, to rows of ours or to rejects with a reason."""
