"""Online iterative RLHF on columnar storage: every artefact a checked table, every step a DVC stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlhf_data.project import Project as Project

__all__ = ["Project"]


def __getattr__(name: str) -> Any:
    """`Project`, once it is asked for: no stage needs it, and none should wait for it."""
    if name == "Project":
        from rlhf_data.project import Project

        return Project
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
