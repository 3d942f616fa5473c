"""LangChain's class for OpenAI, made to answer and to fail as `CompatibleChat` does."""

from __future__ import annotations

import json
from typing import Any

import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.exceptions import ModelAPIError
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from psyche.agents.faults import refusal, unreached


class OpenAIChat(ChatOpenAI):
    """A cut-off answer keeps its text, and every failure is one of LangChain's neutral errors."""

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if "response_format" in kwargs:
            # Past the SDK's parser, which turns an answer cut off into an error without the text.
            kwargs["extra_body"] = {"response_format": kwargs.pop("response_format")}
        try:
            return await super()._agenerate(messages, stop, run_manager, **kwargs)
        except openai.APIStatusError as error:
            key = self.openai_api_key
            hidden = key.get_secret_value() if isinstance(key, SecretStr) else ""
            response = error.response
            wait = response.headers.get("Retry-After")
            # Without its cause, which may quote the key.
            raise refusal(self.model_name, response.status_code, response.text, hidden, wait) from None
        except openai.APIConnectionError as error:
            # The SDK's transport calls a refused connection a timeout.
            if found := unreached(self.model_name, error):
                raise found from error
            raise
        except json.JSONDecodeError as error:
            raise ModelAPIError(f"{self.model_name}: not a chat completion: {error}") from error

    def _create_chat_result(
        self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        try:
            result = super()._create_chat_result(response, generation_info)
            if not result.generations:
                raise LookupError("no choices")
            return result
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ModelAPIError(f"{self.model_name}: not a chat completion: {error}") from error
