"""params.yaml and params/<profile>.yaml as typed values: `load()` gives the profile, `project()` what chooses it."""

from __future__ import annotations

from rlhf_data.params.profiles import Params, ProjectParams, load, load_profile, number, parsed, project

__all__ = ["Params", "ProjectParams", "load", "load_profile", "number", "parsed", "project"]
