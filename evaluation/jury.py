"""The jury: what each judge is asked of which answer, pass by pass, and of the anchors that people judged before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from psyche.agents.agent import Roles
from psyche.agents.providers import identity
from psyche.evaluation.anchors import Anchor
from psyche.evaluation.answers import prose
from psyche.evaluation.evaluationfile import JUDGES, EvaluationFile
from psyche.evaluation.items import Consultation, Essay, Item
from psyche.evaluation.judging import assessed, marked, ranked
from psyche.evaluation.ranking import Lot, lineup, lots, ranks
from psyche.evaluation.results import Answer, Verdict
from psyche.evaluation.sitting import Job


class Jury:
    """The judges of an evaluation file, over answers to these items.

    A reply that a candidate wrote is marked, rated and ranked as it stands, without its thoughts; one that never came
    is blank: it has nothing and is the last, without anybody being asked.
    """

    def __init__(self, evaluation: EvaluationFile, items: Mapping[str, Item], answers: Sequence[Answer]) -> None:
        self._evaluation = evaluation
        self._answers = [(items[one.item], one) for one in answers]
        self._lots = lots(items, answers)

    def jobs(self) -> dict[str, list[Job]]:
        """What each judge is asked, by its model."""
        return {model: [*self._of_answers(model), *self._of_lots(model)] for model in self._evaluation.judge.models}

    def on_anchors(self, anchors: Sequence[Anchor]) -> dict[str, list[Job]]:
        """What each judge is asked to see how near it comes to people."""
        return {
            model: [
                partial(self._verdict, model, anchor.item, anchor.answer, anchor.candidate, passing)
                for passing in self._passes
                for anchor in anchors
            ]
            for model in self._evaluation.judge.models
        }

    @property
    def _passes(self) -> range:
        return range(self._evaluation.judge.passes)

    def _of_answers(self, model: str) -> Iterator[Job]:
        for passing in self._passes:
            for item, answer in self._answers:
                if isinstance(item, Consultation) or (isinstance(item, Essay) and item.points):
                    yield partial(self._verdict, model, item, prose(answer.text), answer.candidate, passing)

    def _of_lots(self, model: str) -> Iterator[Job]:
        for passing in self._passes:
            for lot in self._lots:
                yield partial(self._ranking, model, lot, passing)

    async def _verdict(
        self, model: str, item: Essay | Consultation, said: str, candidate: str, passing: int
    ) -> Verdict:
        roles = self._roles(model)
        if isinstance(item, Essay):
            scores, quotes = await marked(roles, item, said, passing)
        else:
            scores, quotes = await assessed(roles, item, said, passing)
        return Verdict(
            task="points" if isinstance(item, Essay) else "counselling",
            judge=self._name(model),
            item=item.id,
            candidate=candidate,
            passing=passing,
            scores=scores,
            quotes=quotes,
        )

    async def _ranking(self, model: str, lot: Lot, passing: int) -> Verdict:
        seed = f"{self._evaluation.seed}/{self._name(model)}"
        order = lineup(lot.item.id, lot.replies, seed, reverse=bool(passing % 2))
        scores = await ranked(self._roles(model), lot.item, lot.replies, order, passing)
        tiers = [[name] for name in sorted(scores, key=scores.__getitem__)]
        return Verdict(
            task="ranking",
            judge=self._name(model),
            item=lot.item.id,
            passing=passing,
            scores=ranks([*tiers, lot.absent]),
            shown=tuple(order),
        )

    def _name(self, model: str) -> str:
        return identity(self._evaluation.models[model].connect)

    def _roles(self, model: str) -> Roles:
        return {agent: self._evaluation.judge_role(agent, model) for agent in JUDGES}
