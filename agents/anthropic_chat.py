"""LangChain's class for Anthropic, made to be asked and to fail as `CompatibleChat` is."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import anthropic
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.exceptions import ModelAPIError, ModelConnectionError, ModelTimeoutError
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from psyche.agents.compatible import stopped
from psyche.agents.faults import fault, filtered, inborn, refusal, told
from psyche.agents.services import SERVICES, loopback
from psyche.corpus.errors import first_line

_ELSEWHERE = ("seed", "logprobs", "top_logprobs")
"""What the Messages API does not know."""


class AnthropicChat(ChatAnthropic):
    """Claude, asked in the OpenAI form; every failure is one of LangChain's neutral errors.

    `refused` are the settings of sampling that the model does not take, as far as is known.
    """

    refused: set[str] = Field(default_factory=lambda: set(_ELSEWHERE), exclude=True)

    @cached_property
    def _async_client(self) -> anthropic.AsyncAnthropic:
        # A client of its own, which can be closed: the stock class shares one among all, for good. A redirect is
        # refused: it would carry the key and the texts to another host.
        at_home = loopback(self.anthropic_api_url or "")
        client = anthropic.DefaultAsyncHttpxClient(follow_redirects=False, trust_env=not at_home)
        return anthropic.AsyncAnthropic(**self._client_params, http_client=client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._async_client.close()

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        asked = {name: value for name, value in kwargs.items() if name not in self.refused}
        return super()._get_request_payload(input_, stop=stop, **SERVICES["anthropic"].arguments(asked))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        try:
            return await super()._agenerate(messages, stop, run_manager, **kwargs)
        except anthropic.APIStatusError as error:
            text, status, headers = error.response.text, error.response.status_code, error.response.headers
            if (name := inborn(told(text))) in kwargs:
                self.refused.add(name)
                del kwargs[name]
                return await self._agenerate(messages, stop, run_manager, **kwargs)
            if said := filtered(told(text)):
                return ChatResult(generations=[ChatGeneration(message=stopped(self.model, said))])
            # Without its cause, which may quote the key.
            raise refusal(self.model, status, text, self.anthropic_api_key.get_secret_value(), headers) from None
        except anthropic.APITimeoutError as error:
            raise fault(ModelTimeoutError, f"{self.model}: no answer in time") from error
        except anthropic.APIConnectionError as error:
            raise fault(ModelConnectionError, f"{self.model}: {error.__cause__ or error}") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise fault(ModelAPIError, f"{self.model}: not a message: {error}") from error

    def _format_output(self, data: Any, **kwargs: Any) -> ChatResult:
        try:
            return super()._format_output(data, **kwargs)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # Without its cause, which may quote the answer.
            raise fault(ModelAPIError, f"{self.model}: not a message: {first_line(error)}") from None
