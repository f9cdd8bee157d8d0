"""Section 3 of the paper: responses to pairs to history, and the evaluation of each policy."""
