"""What MLflow shows people of a version: its signature, an example, the table it was trained on, and its card.

Nothing in it is ever read back by us.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from creditrisk.registry.evidence import TrainedFrom
from creditrisk.schema import Schema

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput
    from mlflow.models import ModelSignature

# MLflow's databases hold so many characters of a version's description, and of a dataset's digest.
MOST_DESCRIPTION, MOST_DIGEST = 5_000, 36


def signature_of(schema: Schema) -> ModelSignature:
    """The fields that a version takes and the columns it gives, as MLflow's signature.

    The fields are of any type and may be left out: MLflow would refuse what our own checks read, such as whole numbers
    in a column of fractions, or say less of it than they do. Each stands there by every name it goes by, as MLflow
    drops columns that it does not know. What each holds, and which are needed, stands in `fields_of`.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType
    from mlflow.types import Schema as Columns
    from mlflow.types.schema import AnyType

    fields = [field for field in schema.fields if field.role in ("id", "time", "feature")]
    names = dict.fromkeys(field.name for field in fields)
    names |= dict.fromkeys(text for field in fields for text in (field.label, *field.aliases))
    numbers = ("prob_default", "prob_default_low", "prob_default_high", "score_points", "confidence")
    texts = ("application_id", "verdict", "band")
    kinds = dict.fromkeys(numbers, DataType.double) | dict.fromkeys(texts, DataType.string)
    anything = AnyType()  # type: ignore[no-untyped-call]  # MLflow's own
    return ModelSignature(
        inputs=Columns([ColSpec(anything, name, required=False) for name in names]),
        outputs=Columns([ColSpec(kinds[name], name) for name in kinds]),
    )


def fields_of(schema: Schema) -> list[dict[str, str | bool]]:
    """The fields that a version takes, for programs: name, type in MLflow's words, whether it is required, label."""
    types = {"number": "double", "integer": "long", "date": "datetime"}
    return [
        {
            "name": field.name,
            "type": types.get(field.type, "string"),
            "required": field.role == "feature" and field.is_required,
            "label": field.label,
            "expected": field.expected,
        }
        for field in schema.fields
        if field.role in ("id", "time", "feature")
    ]


def table_of(trained_from: TrainedFrom, name: str) -> DatasetInput:
    """The table that a version of a model of this name was trained on, as MLflow's dataset of a run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = trained_from.source or "the dataset's own"
    return DatasetInput(
        Dataset(
            name=trained_from.dataset or name,
            digest=trained_from.data_sha256[:MOST_DIGEST] or "unknown",
            source_type="local",
            source=json.dumps({"uri": source}),
        ),
        [InputTag("mlflow.data.context", "training")],
    )


def description_of(card: str, pages: Iterable[str], place: str) -> str:
    """A version's description, in Markdown: links to the pages kept with its run, then its card.

    Parameters
    ----------
    pages
        Their paths; only those that people read are linked to.
    place
        Where MLflow's own page shows the files of the run, from the `#` on.
    """
    read = sorted(page for page in pages if page.endswith(".html"))
    links = " · ".join(f"[{page.removesuffix('.html').replace('_', ' ')}]({place}/{page})" for page in read)
    text = f"{links}\n\n{card}" if links else card
    if len(text) <= MOST_DESCRIPTION:
        return text
    end = f"\n\n… The rest is in [card.md]({place}/card.md)."
    return text[: MOST_DESCRIPTION - len(end)].rpartition("\n")[0] + end
