"""Every error this package raises on purpose.

    RlhfDataError
    ├── ParamsError   (ValueError)    params.yaml or params/<profile>.yaml: missing, unknown or out of range
    ├── SourceError   (ValueError)    a source file: absent, empty, cut short, unreadable or of another layout
    ├── TableError    (ValueError)    a table that breaks its schema, or tables that do not match
    ├── PromptError   (ValueError)    prompts that the model's context cannot hold
    ├── EngineError   (RuntimeError)  an engine that is not installed, or whose results cannot be used
    └── StorageError  (OSError)       a full disk, work that another process does, an earlier version out of reach

Each message names the file, the rows and the way out. They are printed without a traceback by the stages.
"""


class RlhfDataError(Exception):
    """The base of the tree."""


class ParamsError(RlhfDataError, ValueError):
    """Params that cannot be used; raised before anything is loaded."""


class SourceError(RlhfDataError, ValueError):
    """A source file that cannot be read as the format its params name."""


class TableError(RlhfDataError, ValueError):
    """A table that breaks the promises of `schemas.py`."""


class PromptError(RlhfDataError, ValueError):
    """Prompts longer than the context of the model that should answer them."""


class EngineError(RlhfDataError, RuntimeError):
    """An engine that is missing, or that gave something unusable."""


class StorageError(RlhfDataError, OSError):
    """A disk, a lock or a remote that refuses."""
