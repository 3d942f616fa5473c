"""LangChain's class for OpenAI, and for Azure's OpenAI form, made to answer and to fail as `CompatibleChat` does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.exceptions import ModelConnectionError
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field, SecretStr

from psyche.agents.compatible import Posted, asked, completed
from psyche.agents.faults import fault, unreached
from psyche.agents.services import Service


class OpenAIChat(ChatOpenAI):
    """A model of OpenAI's: LangChain words the request, the SDK carries it, and what comes back is read by ourselves.

    Their parsers lose the text of an answer that was cut off. Where the model is, its key and its timeout go by the
    names that they have in `CompatibleChat`, and the errors are the same.
    """

    service: Service
    openai_api_base: str = Field(alias="base_url")
    openai_api_key: SecretStr = Field(alias="api_key")
    request_timeout: float = Field(alias="timeout")
    refused: set[str] = Field(default_factory=set, exclude=True)

    @property
    def base_url(self) -> str:
        return self.openai_api_base

    @property
    def api_key(self) -> SecretStr:
        return self.openai_api_key

    @property
    def timeout(self) -> float:
        return self.request_timeout

    async def aclose(self) -> None:
        """Close the connections."""
        await self.root_async_client.close()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        post = partial(self._post, messages, stop)
        posted = await asked(post, self.service, kwargs, self.refused)
        message = completed(self.model, self.api_key.get_secret_value(), *posted)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _post(self, messages: list[BaseMessage], stop: list[str] | None, arguments: Mapping[str, Any]) -> Posted:
        payload = self._get_request_payload(messages, stop=stop, **arguments)
        try:
            sent = await self.async_client.with_raw_response.create(**payload)
            return sent.status_code, sent.content, sent.headers
        except openai.APIStatusError as error:
            return error.status_code, error.response.content, error.response.headers
        except openai.APIConnectionError as error:
            # The SDK's transport calls a connection that broke a timeout.
            broken = fault(ModelConnectionError, f"{self.model}: the connection broke")
            raise unreached(self.model, error) or broken from error
