"""What `pceb.yaml` names: PCEB for lm-eval, with the messages and marks that `psyche evaluate` has.

Only lm-eval imports this file. It hands over the text of an answer and does not say why it ended, so that an answer
that was cut off is read as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from datasets import Dataset
from lm_eval.api.samplers import ContextSampler

from psyche.corpus.errors import InputError
from psyche.evaluation.answers import read_answer
from psyche.evaluation.interop import Exam, read_exam

Doc = Mapping[str, str]


def dataset(column: str, pceb: Mapping[str, Any] | None = None, **others: Any) -> dict[str, Dataset]:
    """The questions of a column as the split `test`.

    `pceb` comes from `--metadata`: `path`, and if wanted `form`, `exemplars`, `sample` and `seed`. `others` are the
    arguments of the model, which lm-eval hands over too.
    """
    if not pceb or "path" not in pceb:
        raise InputError("""pceb: say where it lies: --metadata '{"pceb": {"path": "FOLDER"}}'""")
    settings = orjson.dumps(pceb, option=orjson.OPT_SORT_KEYS).decode()
    exam = _exam(settings)
    docs = []
    for ask in exam.asks((item for item in exam.items.values() if item.column == column), 0):
        system, user = (message["content"] for message in ask.request.messages)
        target = str(exam.items[ask.item.id].key)
        docs.append({"id": ask.item.id, "system": system, "user": user, "target": target, "settings": settings})
    if not docs:
        raise InputError(
            f"{pceb['path']}: no question of the column {column!r}; give the whole of PCEB or a larger sample"
        )
    return {"test": Dataset.from_list(docs)}


class SameSubject(ContextSampler):
    """Exemplars by subject and kind of the question that is asked, as `psyche evaluate` draws them."""

    def sample(self, n: int, eval_doc: Doc, **others: Any) -> list[dict[str, str]]:
        """So many exemplars, each as `user` and `target`."""
        exam = _exam(eval_doc["settings"])
        (ask,) = exam.asks([exam.items[eval_doc["id"]]], n)
        turns = [message["content"] for message in ask.request.messages[1:-1]]
        return [{"user": user, "target": target} for user, target in zip(turns[::2], turns[1::2], strict=True)]


def marks(doc: Doc, results: Sequence[str]) -> dict[str, float | None]:
    """The marks of an answer from 0 to 1, and whether it was refused or named no option plainly."""
    exam = _exam(doc["settings"])
    read = read_answer(exam.items[doc["id"]], results[0], cut=False, refused=False, form=exam.form)
    lost = {status: float(read.status == status) for status in ("refused", "unparsable")}
    return {"standard": read.standard, "elastic": read.elastic, **lost}


@cache
def _exam(settings: str) -> Exam:
    return read_exam(**orjson.loads(settings))
