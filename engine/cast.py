"""Models, and who plays which role: what every file of settings says about them in the same way."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Self, get_args

from pydantic import Field, ValidationInfo, field_validator

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint
from psyche.agents.providers import on_this_machine
from psyche.agents.services import SERVICES, Structured, service
from psyche.corpus.records import Language
from psyche.engine.settings import RUNTIME, Section, meant
from psyche.prompts.prompt import Prompt
from psyche.prompts.tuned import own


class Price(Section):
    """Money per million tokens, in whatever currency the budget is in."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


class ModelSection(Section):
    """A model that roles can name; see `psyche.agents.providers` for the forms of `connect`."""

    connect: str
    structured: Structured | None = None
    logprobs: bool | None = None
    # Whom this casts in which role is part of the fingerprints, so that this itself need not be.
    local: Annotated[bool | None, RUNTIME] = None
    price: Annotated[Price | None, RUNTIME] = None
    batch: Annotated[bool, RUNTIME] = False
    in_flight: Annotated[int, Field(gt=0), RUNTIME] = 16
    attempts: Annotated[int, Field(gt=0), RUNTIME] = 6
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False), RUNTIME] = 600.0
    api_key_env: Annotated[str | None, RUNTIME] = None

    @field_validator("batch")
    @classmethod
    def _takes_batches(cls, value: bool, info: ValidationInfo) -> bool:
        usual = service(info.data.get("connect", ""))
        if value and not usual.batches:
            able = [kind for kind, known in SERVICES.items() if known.batches]
            raise ValueError(f"{usual.kind} takes no batches; {', '.join(able)} do")
        return value

    @property
    def is_local(self) -> bool:
        """Whether it runs on a machine of yours: as the section says, else as the address tells."""
        return on_this_machine(self.connect) if self.local is None else self.local

    def endpoint(self) -> Endpoint:
        """The plain values that agents need."""
        usual = service(self.connect)
        return Endpoint(
            connect=self.connect,
            structured=self.structured or usual.structured,
            logprobs=usual.logprobs if self.logprobs is None else self.logprobs,
            api_key_env=self.api_key_env,
            timeout=self.timeout,
            batch=self.batch,
        )


OCR = ModelSection(connect="ocr", in_flight=1, attempts=1)
"""What reads page images where no model is named for it."""


class RoleSection(Section):
    """How an agent samples. What is left out is taken from `[roles.default]`.

    `prompts` is a directory, relative to the file: what it has for an agent takes the place of ours.
    """

    model: str | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    max_tokens: Annotated[int | None, Field(gt=0)] = None
    seed: int | None = None
    prompts: str | None = None

    @field_validator("prompts")
    @classmethod
    def _there(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        directory = Path((info.context or {}).get("base", ""), value)
        if not directory.is_dir():
            raise ValueError(f"{directory} is no directory")
        return str(directory)


class Cast(Section):
    """The models, the roles, and what may be spent; the base of a file of settings."""

    models: dict[str, ModelSection] = Field(min_length=1)
    roles: dict[str, RoleSection] = Field(default={})
    budget: Annotated[float | None, Field(gt=0), RUNTIME] = None

    def check_cast(self, agents: tuple[str, ...]) -> None:
        """ValueError where a role is none of the agents or has no model, or a budget lacks prices."""
        for role, section in self.roles.items():
            if role != "default" and role not in agents:
                raise ValueError(f"roles: no agent is called {role!r}{meant(role, agents)}")
            self.known_model(f"roles.{role}", section.model)
        for agent in agents:
            self.prompts(agent)
        if self.budget is not None:
            unpriced = [name for name, model in self.models.items() if model.price is None]
            if unpriced:
                raise ValueError(f"budget: give models.{unpriced[0]}.price, or drop the budget")

    def known_model(self, place: str, name: str | None) -> None:
        """ValueError where a name is given and no model has it."""
        if name is not None and name not in self.models:
            raise ValueError(f"{place}: no model is called {name!r}{meant(name, self.models)}")

    def home(self, agent: str) -> Path | None:
        """Where the prompt files of an agent are that is not ours."""
        return None

    def prompts(self, agent: str) -> tuple[Prompt, ...]:
        """The prompts of yours for an agent; ValueError for a file that cannot be used."""
        if (directory := self.prompt_directory(agent)) is None:
            return ()
        if (directory, agent) not in self.prompts_read:
            found = [own(directory, agent, language, self.home(agent)) for language in get_args(Language)]
            self.prompts_read[directory, agent] = tuple(prompt for prompt in found if prompt)
        return self.prompts_read[directory, agent]

    def prompt_directory(self, agent: str) -> Path | None:
        """Where prompts of yours for an agent are looked for."""
        named = (self.roles[name].prompts for name in (agent, "default") if name in self.roles)
        return next((Path(directory) for directory in named if directory), None)

    @cached_property
    def prompts_read(self) -> dict[tuple[Path, str], tuple[Prompt, ...]]:
        """What `prompts` has read: roles and fingerprints ask for it hundreds of times."""
        return {}

    def at_once(self) -> Self:
        """The same without batches, which take hours."""
        models = {name: model.model_copy(update={"batch": False}) for name, model in self.models.items()}
        return self.model_copy(update={"models": models})

    @property
    def locals(self) -> list[str]:
        """The models on machines of yours."""
        return [name for name, model in self.models.items() if model.is_local]

    def role(self, agent: str, model: str | None = None, *, local: bool = False) -> Role:
        """An agent's role; what its own section leaves out comes from the default one.

        A `local` role is played by the first model of your own where the one it names is none.
        """
        own = self.roles.get(agent, RoleSection())
        default = self.roles.get("default", RoleSection())
        chosen = default.model_dump(exclude_none=True) | own.model_dump(exclude_none=True)
        named = chosen.pop("model", None)
        chosen["prompts"] = self.prompts(agent)
        name = model or named or next(iter(self.models))
        if local and name not in self.locals:
            name = self.locals[0]
        return Role(endpoint=self.models[name].endpoint(), **chosen)
