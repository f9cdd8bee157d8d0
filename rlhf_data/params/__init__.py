"""params.yaml and params/<profile>.yaml as typed values: `load()` gives the profile, `project()` what chooses it."""

from __future__ import annotations

from rlhf_data.params.profiles import Params, ProjectParams, checked, load, load_profile, number, project

__all__ = ["Params", "ProjectParams", "checked", "load", "load_profile", "number", "project"]
