"""What SFT conversations must pass beyond what every record must: that they repeat no evaluation item."""

from __future__ import annotations

import polars as pl

from rlhf_data.cleaning import rejects
from rlhf_data.cleaning.decontamination import Evaluation, given_away
from rlhf_data.cleaning.growing import Growing
from rlhf_data.cleaning.ingest import Cleaned
from rlhf_data.schemas import Rejects
from rlhf_data.sources.records import BadRecord


def decontaminated(cleaned: Cleaned, against: Evaluation) -> Cleaned:
    """Without the conversations in which a user's turn repeats an evaluation item; they are rejects: `contaminated`."""
    details = pl.Series("detail", given_away(cleaned.table["messages"], against), dtype=pl.String)
    kept = cleaned.table.filter(details.is_null())
    gone = cleaned.table.with_columns(details).filter(details.is_not_null()).join(kept, on="row", how="anti")
    refused = Growing(Rejects)
    for row in gone.unique("row", keep="first", maintain_order=True).iter_rows(named=True):
        bad = BadRecord("contaminated", row["detail"])
        refused.append({"source": row["source"], "row": row["row"]} | rejects.row(bad, {"messages": row["messages"]}))
    dropped = refused.frame()
    both = pl.concat([cleaned.rejects, dropped]).sort("row")
    return cleaned._replace(table=kept, rejects=both, kept=cleaned.kept - dropped.height)
