"""How likely a server finds a given answer: one form of question for each kind of server.

The answer of both is exact: log-probs before any sampling, of the tokens that the model itself
would write, each after all those before it. What cannot be told exactly is `CannotError`.

* ``llamacpp``: the answer's tokens are forced by a grammar of token numbers, after the prompt that
  the server's own chat template makes. The end of the answer is the last token, its text empty.
* ``vllm``: the answer is the unfinished last message of the conversation, and the server tells the
  log-probs of the prompt. The end of the answer is not part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_quantguard.errors import RefusedError
from pytest_quantguard.providers import _logprobs
from pytest_quantguard.types import Completion, CompletionRequest, Json, Token, Usage
from pytest_quantguard.variants import Variant

DIALECTS = ("auto", "llamacpp", "vllm")

Ask = Callable[[str, Json | None], Json]
"""Send a body (None: get) to a path, below base_url or, with a slash, below the server's root;
return the JSON object that came back."""

_FINISH = "reference"
_REPLACEMENT = "\ufffd"
# What would change the one token that is generated, or how answers are written.
_GENERATION = frozenset(
    {
        *("echo", "grammar", "ignore_eos", "json_schema", "logit_bias", "logprobs", "max_tokens"),
        *("max_completion_tokens", "min_tokens", "n", "n_predict", "response_format", "stop"),
        *("structured_outputs", "top_logprobs"),
    }
)


class CannotError(Exception):
    """The server cannot tell this; ``always``: nor will it for any other reference."""

    def __init__(self, message: str, *, always: bool = False) -> None:
        super().__init__(message)
        self.always = always


class References:
    """One server's way of telling references; shared by all connections to it."""

    def __init__(self, variant: Variant, known: str = "auto") -> None:
        """``known``: how servers of this kind are asked; ``auto``: look; empty: they are not."""
        extra = variant.options.get("extra_body", {})
        self._common: Json = {
            "model": variant.model,
            **{name: value for name, value in extra.items() if name not in _GENERATION},
        }
        given = variant.options.get("reference", "auto")
        self._dialect: str = known if given == "auto" else given
        self._lacks = ""
        if not self._dialect:
            self._lacks = (
                f"a server of the kind {variant.dialect!r} cannot tell how likely it finds a given "
                "answer; vLLM and llama.cpp can"
            )

    def tell(self, ask: Ask, request: CompletionRequest) -> Completion:
        """Return the reference with its tokens' log-probs; without its latency.

        Raises:
            CannotError: the server cannot do it, or not for this reference.
            ProviderError: from ``ask``.
        """
        if self._lacks or not request.reference:
            raise CannotError(self._lacks or "the reference is empty")
        try:
            if self._dialect == "auto":
                self._dialect = _dialect_of(ask)
            tell = _llamacpp if self._dialect == "llamacpp" else _vllm
            return tell(ask, self._common, request)
        except _logprobs.LogprobError as error:
            raise CannotError(
                f"the server's log-probs of the reference are no such: {error}"
            ) from None
        except CannotError as error:
            if error.always:
                self._lacks = str(error)
            raise


def _dialect_of(ask: Ask) -> str:
    """Look at the page by which llama.cpp describes itself; vLLM, like most, has none.

    Raises:
        CannotError: the page is there, but not for us.
        ProviderError: from ``ask``: the server is busy, or loads, and has yet to say what it is.
    """
    try:
        props = ask("/props", None)
    except RefusedError as error:
        if error.status not in (404, 405, 501):
            raise CannotError(
                "whether it is llama.cpp or vLLM cannot be seen, as its page /props answers HTTP "
                f"{error.status}; say it with the option 'reference'",
                always=True,
            ) from None
        props = {}
    return "llamacpp" if "default_generation_settings" in props else "vllm"


def _completion(
    request: CompletionRequest, answer: Json, tokens: Sequence[Token], prompt_tokens: int | None
) -> Completion:
    served_as, fingerprint = answer.get("model"), answer.get("system_fingerprint")
    return Completion(
        text=request.reference or "",
        finish_reason=_FINISH,
        usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=len(tokens)),
        served_as=served_as if isinstance(served_as, str) and served_as else None,
        fingerprint=fingerprint if isinstance(fingerprint, str) and fingerprint else None,
        tokens=tuple(tokens),
    )


# --- vLLM -------------------------------------------------------------------------------


def _vllm(ask: Ask, common: Json, request: CompletionRequest) -> Completion:
    reference = request.reference or ""
    if reference != reference.strip():
        # Where it is trimmed, the template's own line end would be taken for the reference's.
        raise CannotError(
            "the reference begins or ends with white space, which chat templates trim; take it off"
        )
    kept = {
        name: value
        for name, value in request.params.items()
        if name == "reasoning_effort" or (name, value) == ("tool_choice", "none")
    }
    body = {
        **common,
        **kept,
        "messages": [*request.messages, {"role": "assistant", "content": reference}],
        **({"tools": list(request.tools)} if request.tools else {}),
        "add_generation_prompt": False,
        "continue_final_message": True,
        "prompt_logprobs": 0,
        "max_tokens": 1,
        "temperature": 0,
        "stream": False,
    }
    answer = ask("chat/completions", body)
    listed = answer.get("prompt_logprobs")
    if not listed or not isinstance(listed, list):
        raise CannotError(
            "the server tells no log-probs of a prompt (prompt_logprobs), so not how likely it "
            "finds a reference; vLLM and llama.cpp do: if it is one behind a proxy, ask it "
            "directly, else leave 'reference' out of the cases",
            always=True,
        )
    if len(listed) > _logprobs.MAX_TOKENS:
        raise CannotError("the prompt has too many tokens")
    tokens = _trailing(listed, reference)
    return _completion(request, answer, tokens, len(listed) - len(tokens))


def _trailing(listed: Sequence[Any], reference: str) -> list[Token]:
    """Return the tokens at the end of a prompt that are the reference, and nothing else."""
    found: list[Token] = []
    end = len(reference)  # of the part that is still to be found
    place = len(listed)
    while end and place > 1:  # the first token of a prompt has no log-prob
        place -= 1
        token = _prompt_token(listed[place])
        if reference.endswith(token.text, 0, end):
            end -= len(token.text)
        elif len(token.text) == end + 1 and token.text == " " + reference[:end]:
            end = 0  # SentencePiece begins a text with a blank that is not in it
        else:
            raise _not_at_the_end(token.text)
        found.append(token)
    before = _prompt_token(listed[place - 1]).text if place > 1 else ""
    if end or not found[0].text or not before or _REPLACEMENT in before:
        # Beside a token without a whole character, nobody knows where the reference begins or ends.
        raise _not_at_the_end(reference[:end])
    return found[::-1]


def _not_at_the_end(text: str) -> CannotError:
    why = "the chat template changes it, or the server ignored continue_final_message"
    if not text or _REPLACEMENT in text:
        why = "a character of it is cut into several tokens"
    return CannotError(f"the prompt's last tokens are not those of the reference: {why}")


def _prompt_token(entry: Any) -> Token:
    told = next(iter(entry.values()), None) if isinstance(entry, Mapping) else None
    if not isinstance(told, Mapping):
        raise _logprobs.LogprobError("a token of the prompt is no object")
    text = told.get("decoded_token")
    if not isinstance(text, str):
        raise _logprobs.LogprobError("a token of the prompt has no text")
    return Token(text=text, logprob=_logprobs.logprob(told.get("logprob")))


# --- llama.cpp --------------------------------------------------------------------------


def _llamacpp(ask: Ask, common: Json, request: CompletionRequest) -> Completion:
    reference = request.reference or ""
    if not all(_is_text(message.get("content")) for message in request.messages):
        raise CannotError("llama.cpp tells how likely a reference is only where all input is text")
    prompt = _native(ask, "/apply-template", {**common, **request.body()}).get("prompt")
    wanted = _native(
        ask,
        "/tokenize",
        {"content": reference, "add_special": False, "parse_special": True, "with_pieces": True},
    ).get("tokens")
    if not isinstance(prompt, str):
        raise CannotError("the server's /apply-template gave no prompt", always=True)
    ids, texts = _pieces(wanted, reference)
    answer = _native(
        ask,
        "/completion",
        {
            **common,
            "prompt": prompt,
            "grammar": "root ::= " + " ".join(f"<[{number}]>" for number in ids),
            "n_predict": len(ids) + 1,
            "n_probs": 1,
            "post_sampling_probs": False,
            "temperature": 0,
            "stop": [],
            "stream": False,
        },
    )
    tokens = _forced(answer, ids, texts)
    count = answer.get("tokens_evaluated")
    return _completion(request, answer, tokens, count if type(count) is int else None)


def _is_text(content: Any) -> bool:
    parts = content if isinstance(content, list) else []
    return all(isinstance(part, dict) and part.get("type") == "text" for part in parts)


def _native(ask: Ask, path: str, body: Json) -> Json:
    """Ask one of llama.cpp's own endpoints."""
    try:
        return ask(path, body)
    except RefusedError as error:
        if error.status in (403, 404, 405, 501):
            raise CannotError(
                f"the server has no {path} (HTTP {error.status}), by which llama.cpp tells how "
                "likely it finds a reference; if it is vLLM, set the option 'reference' to 'vllm'",
                always=True,
            ) from None
        if error.status == 400 and "grammar" in str(error):
            raise CannotError(
                "this build of llama.cpp cannot force tokens by a grammar, as it must to tell how "
                "likely it finds a reference; use one of 2026 or later",
                always=True,
            ) from None
        if error.status == 500 and "grammar" in str(error):
            raise CannotError(
                "llama.cpp could not be made to say the reference; does it hold a mark that ends "
                "an answer?"
            ) from None
        raise


def _pieces(listed: Any, reference: str) -> tuple[list[int], list[str]]:
    """Return number and text of each token of the reference."""
    if not isinstance(listed, list) or not 0 < len(listed) <= _logprobs.MAX_TOKENS:
        raise CannotError("the server's /tokenize gave no tokens")
    ids: list[int] = []
    texts: list[str] = []
    for one in listed:
        number, text = (one.get("id"), one.get("piece")) if isinstance(one, dict) else (None, None)
        if type(number) is not int or number < 0 or not isinstance(text, str | list):
            raise CannotError("the server's /tokenize gave no numbers with pieces", always=True)
        if not isinstance(text, str):
            raise CannotError(
                "a character of the reference is cut into several tokens, for which llama.cpp "
                "tells no log-probs"
            )
        ids.append(number)
        texts.append(text)
    if "".join(texts) not in (reference, " " + reference):  # SentencePiece begins with a blank
        raise CannotError("the server's tokens of the reference do not add up to it")
    return ids, texts


def _forced(answer: Json, ids: Sequence[int], texts: Sequence[str]) -> list[Token]:
    """Return the tokens that were forced, and the end of the answer."""
    listed = answer.get("completion_probabilities")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise CannotError("the server tells no log-probs (n_probs)", always=True)
    said = [one.get("id") for one in listed]
    if said[:-1] != list(ids) or answer.get("stop_type") != "eos":
        raise CannotError(
            "the server did not say the reference when it was forced to: the context is too "
            "short, or it ignores grammars"
        )
    pairs = zip([*texts, ""], listed, strict=True)
    return [Token(text=text, logprob=_logprobs.logprob(one.get("logprob"))) for text, one in pairs]
