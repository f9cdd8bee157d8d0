"""Everyday requests with constraints that a program checks, after IFEval (Zhou et al. 2023): gold on real English."""
