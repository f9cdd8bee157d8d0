"""DPO against reference log-probabilities that the data brings: no reference model is in memory.

For a history that was exported (`rlhf-data export history/iter3 --format trl`), in a script of TRL's own:

    pairs = datasets.load_dataset("parquet", data_files="exported/data/*.parquet", split="train")
    arguments = trl.DPOConfig(output_dir="out", precompute_ref_log_probs=True, max_length=…, beta=…)
    stored_reference.trainer()(model, args=arguments, train_dataset=pairs, processing_class=tokenizer).train()
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import EngineError
from rlhf_data.schemas import LOGPS

if TYPE_CHECKING:
    from datasets import Dataset


@cache
def trainer() -> Any:
    """TRL's DPOTrainer, which reads `ref_chosen_logps` and `ref_rejected_logps` (nats, summed over its tokens).

    TRL's own leaves columns of these names unread, or refuses them. Where a data set lacks them `EngineError` is
    raised; they hold for the reference, chat template and `max_length` with which they were computed.
    """
    from trl import DPOTrainer

    class StoredReferenceDPOTrainer(DPOTrainer):  # type: ignore[misc]
        """TRL's trainer without its pass over the reference."""

        def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
            missing = set(LOGPS) - set(dataset.column_names)
            if missing:
                raise EngineError(f"the {name} history lacks {', '.join(sorted(missing))}")
            return dataset

    return StoredReferenceDPOTrainer
