"""What libraries read from the environment when they are imported; a setting of the user's stands."""

from __future__ import annotations

import os
import sys


def settle() -> None:
    """For torch, transformers and tokenizers; no library is imported before."""
    # Two busy-waiting OpenMP threads on a machine with other work are ten times slower than one
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ["USE_HUB_KERNELS"] = "NO"  # transformers would run code of the hub for some models


def quieten() -> None:
    """Of what libraries say in a stage: no notes for who calls them; in a log bars of long work, by the minute."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "60")
        os.environ.setdefault("TQDM_DELAY", "60")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # of weights that are loaded, too
