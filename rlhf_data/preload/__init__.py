"""Stages as forks of one process that has the libraries loaded, where one `dvc repro` runs many of them.

DVC starts a process a stage, and to import torch, transformers and TRL takes most of a short one. So the first stage of
a `dvc repro` that computes with a model starts a server, which imports them and nothing of this package; it and those
that follow are forks of that server. A fork has the command line, the directory, the environment, the streams and the
signals of the process that DVC started, which waits and ends as its fork did; to kill one is to kill the other. The
server ends with its `dvc repro`, or when no stage has come for a while.

A stage starts by itself, as ever, where it is called by hand or by several processes at once (torchrun), where there is
a GPU, whose driver does not outlive a fork, off Linux, and with `RLHF_DATA_PRELOAD=0`.
"""
