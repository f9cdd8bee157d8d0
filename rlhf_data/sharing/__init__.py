"""Dataset versions between people: export, import, diff, verify, repair."""
