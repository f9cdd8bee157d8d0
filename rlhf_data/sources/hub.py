r"""A data set of the Hugging Face hub → its raw records, one at a time; no file of it is stored.

    {hub: Anthropic/hh-rlhf, files: [helpful-base/train.jsonl.gz], split: train}
    →  {"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello!", "rejected": "\n\nHuman: …"}

`hub` may also be a folder that is laid out like a data set of the hub. Code that comes with a data set never runs.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from rlhf_data.errors import SourceError
from rlhf_data.params.sources import RecordSource


def records(source: RecordSource) -> Iterator[object]:
    """The records of a split, in its order, at the revision of the params; without one, at today's, which is printed.

    Raises `SourceError` where the hub cannot be reached, has no such data set, files or split, or gives broken ones.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of its HTTP library: no answer came

    hub, revision = str(source.hub), source.revision
    read = 0
    try:
        if revision is None and not Path(hub).is_dir():
            revision = HfApi().dataset_info(hub).sha
            print(f"{hub}: read at commit {revision}; `revision: {revision}` would pin it", flush=True)
        split = load_dataset(
            hub, source.config, data_files=source.files, split=source.split, revision=revision, streaming=True
        )
        for record in split:
            read += 1
            yield record
    except (OSError, EOFError, zlib.error, ValueError, RuntimeError, HTTPError, DatasetsError) as error:
        raise SourceError(
            f"{hub}: split {source.split}: cannot be read after {read} records: {type(error).__name__}: {error}\n"
            "  correct the source's hub, config, files, split or revision in the params, or check the network"
        ) from error
    if not read:
        raise SourceError(f"{hub}: split {source.split}: no records\n  correct the source's files or split")
