"""One thin script per stage of dvc.yaml, named after it: read, transform, write."""
