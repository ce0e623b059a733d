"""Models that a test drives itself: one question, or a conversation of several turns."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_quantguard._drive import Drive
from pytest_quantguard.documents.document import packaged
from pytest_quantguard.errors import did_you_mean
from pytest_quantguard.functions.signatures import plain, tools_of
from pytest_quantguard.types import Completion, CompletionRequest, Json, ToolCall


class Model:
    """A model to be driven; its completions go through the gate's cache, retries and counts."""

    def __init__(
        self,
        drive: Drive | None,
        defaults: Mapping[str, Any],
        *,
        system: str | None = None,
        tools: Iterable[Any] = (),
    ) -> None:
        self._drive = drive
        self._defaults = dict(defaults)
        self._system = system
        self._tools = tuple(tools)

    def complete(
        self,
        prompt: str | None = None,
        *,
        messages: Iterable[Mapping[str, Any]] = (),
        system: str | None = None,
        tools: Iterable[Any] | None = None,
        **request: Any,
    ) -> Completion:
        """Ask one question and return the completion.

        Args:
            prompt: a user message, put after ``messages``.
            messages: a conversation in the words of the OpenAI chat API.
            system: a system message, put first.
            tools: OpenAI tool definitions, pydantic models, dataclasses or typed functions.
            **request: parameters such as ``temperature`` or ``max_tokens``.

        Raises:
            ProviderError: no answer could be had.
            ValueError: nothing is asked, or a parameter is not known.
        """
        __tracebackhide__ = True
        conversation = self.chat(messages=messages, system=system, tools=tools, **request)
        if prompt is not None:
            return conversation.say(prompt)
        return conversation.ask()

    async def acomplete(self, *args: Any, **kwargs: Any) -> Completion:
        """Do what `complete` does, in a thread of its own; for asyncio."""
        return await asyncio.to_thread(self.complete, *args, **kwargs)

    def chat(
        self,
        *,
        messages: Iterable[Mapping[str, Any]] = (),
        system: str | None = None,
        tools: Iterable[Any] | None = None,
        **request: Any,
    ) -> Conversation:
        """Begin a conversation; nothing is asked yet.

        Args:
            messages: what was said before, in the words of the OpenAI chat API.
            system: a system message, put first.
            tools: OpenAI tool definitions, pydantic models, dataclasses or typed functions.
            **request: parameters such as ``temperature`` or ``max_tokens``, for every turn.

        Raises:
            ValueError: a parameter is not known, or a tool is none.
        """
        known = packaged("golden.schema.json")["$defs"]["request"]["properties"]
        for name in request:
            if name not in known:
                raise ValueError(f"unknown request parameter {name!r}; {did_you_mean(name, known)}")
        system = self._system if system is None else system
        first = [] if system is None else [{"role": "system", "content": system}]
        offered = self._tools if tools is None else tools_of(tools)
        return Conversation(
            self._ready(),
            messages=[*first, *(plain(message) for message in messages)],
            tools=tuple(offered),
            params={**self._defaults, **plain(request)},
        )

    def _ready(self) -> Drive:
        if self._drive is None:
            raise RuntimeError(
                "'quant_model' can only be asked in the body of a quant_case test: the body runs "
                "once per arm, fixtures run once"
            )
        return self._drive


class ArmClient(Model):
    """What the fixtures ``quant_baseline`` and ``quant_candidate`` give."""

    def __init__(self, role: str, drive: Drive, defaults: Mapping[str, Any]) -> None:
        super().__init__(drive, defaults)
        self.role = role
        self.variant = drive.variant

    def __repr__(self) -> str:
        return f"<quant_{self.role} {self.variant}>"


class QuantModel(Model):
    """What the fixture ``quant_model`` gives: whichever arm the body is run for."""

    def turn_to(self, drive: Drive | None) -> None:
        """Ask through this drive from now on; None between runs."""
        self._drive = drive

    def __repr__(self) -> str:
        # Not the arm's name: a test body has no business to tell the arms apart.
        return "<quant_model>"


class Conversation:
    """Several turns with one model; all that was said is sent again with each turn."""

    def __init__(
        self, drive: Drive, *, messages: list[Json], tools: tuple[Json, ...], params: Json
    ) -> None:
        self._drive = drive
        self._messages = messages
        self._tools = tools
        self._params = params
        self._calls = 0
        self._open: dict[str, ToolCall] = {}
        """Calls of the last answer that have no result yet, by the id under which they are sent."""

    @property
    def messages(self) -> list[Json]:
        """What was said so far, in the words of the OpenAI chat API; a copy."""
        return copy.deepcopy(self._messages)

    def say(self, text: str | list[Json]) -> Completion:
        """Send a user message (a text, or OpenAI content parts) and return the answer.

        Raises:
            ProviderError: no answer could be had.
            AssertionError: the model called a tool and waits for its result.
            ValueError: the message is empty, or no text.
        """
        __tracebackhide__ = True
        if not isinstance(text, str | list) or not text:
            raise ValueError(f"say() needs a text that is not empty, got {text!r:.80}")
        if self._open:
            raise AssertionError(
                f"the model called {self._waiting()} and waits for the result; "
                "expected an answer in words"
            )
        return self.ask({"role": "user", "content": plain(text)})

    def tool_result(self, call: ToolCall, value: Any) -> Completion:
        """Send the result of the last answer's only tool call and return the next answer.

        Args:
            call: the call, as `Completion.tool_call` returns it.
            value: a text, or what becomes JSON.

        Raises:
            ProviderError: no answer could be had.
            AssertionError: the model made further calls (`tool_results` answers several), or the
                call's arguments are no JSON object.
            ValueError: this is no call of the last answer, or the value is no JSON.
        """
        __tracebackhide__ = True
        return self.tool_results((call, value))

    def tool_results(self, *results: tuple[ToolCall, Any]) -> Completion:
        """Send the results of all calls of the last answer and return the next answer.

        Raises:
            ProviderError: no answer could be had.
            AssertionError: a call of the model is left without a result, or its arguments are no
                JSON object.
            ValueError: a call is none of the last answer, or a value is no JSON.
        """
        __tracebackhide__ = True
        rest, found = dict(self._open), []
        for call, value in results:
            key = next((key for key, one in rest.items() if one is call), None)
            key = key or next((key for key, one in rest.items() if one == call), None)
            if key is None:
                raise ValueError(f"{call!r:.200} is no call of the last answer that is still open")
            if call.arguments_text:
                _ = call.arguments  # servers choke on calls that are no JSON: the model's failure
            del rest[key]
            found.append({"role": "tool", "tool_call_id": key, "content": _content(call, value)})
        if rest:
            more = ", ".join(repr(call.name) for call in rest.values())
            raise AssertionError(f"the model also called {more:.200}, which has no result")
        self._open = {}
        return self.ask(*found)

    async def asay(self, text: str | list[Json]) -> Completion:
        """Do what `say` does, in a thread of its own; for asyncio."""
        return await asyncio.to_thread(self.say, text)

    async def atool_result(self, call: ToolCall, value: Any) -> Completion:
        """Do what `tool_result` does, in a thread of its own; for asyncio."""
        return await asyncio.to_thread(self.tool_result, call, value)

    def ask(self, *messages: Json) -> Completion:
        """Send messages as they are and return the answer, which becomes part of what was said.

        Raises:
            ProviderError: no answer could be had.
            ValueError: there is nothing to send.
        """
        __tracebackhide__ = True
        asked = [*self._messages, *(plain(message) for message in messages)]
        if not any(message.get("role") != "system" for message in asked):
            raise ValueError("there is nothing to ask: give a prompt or messages")
        try:
            json.dumps([asked, self._params], allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"what is asked cannot be written as JSON: {error}") from None
        request = CompletionRequest(
            messages=tuple(copy.deepcopy(asked)), tools=self._tools, params=dict(self._params)
        )
        completion = self._drive.complete(request)
        self._messages = [*asked, self._remembered(completion)]
        return completion

    def _remembered(self, completion: Completion) -> Json:
        """Return the answer as the message that stands for it; calls get ids, counted on."""
        self._open = {}
        for call in completion.tool_calls:
            self._calls += 1
            self._open[f"call_{self._calls}"] = call
        text = completion.text or completion.refusal
        if not self._open:
            return {"role": "assistant", "content": text or ""}
        return {
            "role": "assistant",
            "content": text,
            "tool_calls": [
                {
                    "id": key,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments_text or "{}"},
                }
                for key, call in self._open.items()
            ],
        }

    def _waiting(self) -> str:
        return ", ".join(repr(call.name) for call in self._open.values())[:200]

    def __repr__(self) -> str:
        return f"<conversation of {len(self._messages)} messages>"


def _content(call: ToolCall, value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the result of {call.name!r:.80} cannot be sent: {error}") from None
