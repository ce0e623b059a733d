"""The records of what is asked: a served model at one precision, and how its server is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pytest_quantguard.types import Json

if TYPE_CHECKING:
    from pytest_quantguard.types import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """How a variant's numbers are stored, as declared or as reported by the server."""

    method: str = "none"
    """awq, gptq, gguf, fp8, none ..."""
    scheme: str = ""
    """The method's own name for the layout, such as W4A16 or Q4_K_M."""
    weight_bits: int | None = None
    act_bits: int | None = None
    kv_cache: str | None = None

    def __str__(self) -> str:
        bits = f"{self.weight_bits} bit" if self.weight_bits else ""
        return " ".join(part for part in (self.method, self.scheme, bits) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a variant's tokens cost, per million, in any currency: the same one for all variants."""

    input: float
    output: float
    cached_input: float | None = None
    """Of prompt tokens that the server found in its own cache; None = as all others."""

    def of(self, usage: Usage) -> float | None:
        """Return the cost of one completion; None where the server did not count its tokens."""
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        found = min(usage.cached_tokens or 0, usage.prompt_tokens)
        again = self.input if self.cached_input is None else self.cached_input
        asked = self.input * (usage.prompt_tokens - found) + again * found
        return (asked + self.output * usage.completion_tokens) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a server is reached, beside its address; values may be given as ``{"$env": NAME}``.

    Such values are looked up when the server is reached, and are never stored or shown.
    """

    api_key_command: tuple[str, ...] = ()
    """A command whose output is the API key, such as ``("vault", "read", ...)``; no shell."""
    headers: Mapping[str, Any] = field(default_factory=dict)
    """Further headers of every request: text, or ``{"$env": NAME}``."""
    proxy: Any = None
    """Address of a proxy: text, or ``{"$env": NAME}``; None = what the environment says."""
    ca_file: str | None = None
    """A file of certificates to trust instead of the usual ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a variant's server is started, by a command or in this process."""

    command: tuple[str, ...] = ()
    """Program and arguments, no shell; ``{port}`` is replaced. Empty = the provider starts it."""
    port: int | None = None
    """None = a free one."""
    ready: str = "/v1/models"
    """Path that answers 200 once the server can be asked."""
    timeout_s: float = 600.0
    """Longest wait until it is ready, in seconds."""
    env: Mapping[str, Any] = field(default_factory=dict)
    """Environment variables beside the inherited ones: text, or ``{"$env": NAME}``."""
    folder: str = "."
    """Where the command is run."""
    log: str = ""
    """File that takes what the server prints."""
    exclusive: bool = False
    """True when it cannot be held beside the other exclusive variants: one GPU."""

    def identity(self) -> Json:
        """Return what makes a difference to the answers: the command, and what stands in ``env``.

        Of a value from the environment the name alone is told, as with headers.
        """
        env = {
            name: value if isinstance(value, str) else "$env" for name, value in self.env.items()
        }
        return {"command": list(self.command), **({"env": env} if env else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A served model at one precision."""

    name: str
    provider: str
    """Key of the provider registry: ``openai``, ``llamacpp`` ..."""
    model: str
    """What the server calls the model; for ``llamacpp`` a GGUF file or ``embedded:<scheme>``."""
    base_url: str | None = None
    quantization: Quantization = Quantization()
    revision: str | None = None
    """Free text that tells two builds of the same model apart; part of the cache key."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself is never stored."""
    concurrency: int = 8
    """Requests in flight at once."""
    timeout_s: float = 60.0
    """Longest wait for one whole completion, in seconds."""
    max_attempts: int = 4
    """Tries per completion, the first one included."""
    price: Price | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Provider options that can change the answers (extra body fields, context size ...)."""
    dialect: str = "auto"
    """How the server differs from others of its kind: vllm, sglang, ollama, anthropic ..."""
    access: Access = Access()
    launch: Launch | None = None
    """None = the server runs already, or the provider starts it whenever it is needed."""
    reason: str = ""
    """Why it is this model, in the user's words; the history shows it where the baseline changes.
    """

    @property
    def exclusive(self) -> bool:
        """True when its server cannot be held beside other exclusive ones."""
        return self.launch is not None and self.launch.exclusive

    @property
    def address(self) -> str | None:
        """What tells one server from another: its URL, and what starts it."""
        if self.launch is None or not self.launch.command:
            return self.base_url
        return f"{self.base_url} {self.launch.identity()}"

    def to_dict(self) -> Json:
        """Return plain JSON types for reports: nothing about how the server is reached."""
        found = asdict(self)
        del found["access"], found["launch"]
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        price = Price(**data["price"]) if data.get("price") else None
        quantization = Quantization(**data["quantization"])
        return cls(**{**data, "quantization": quantization, "price": price})

    def identity(self) -> Json:
        """What makes this variant's answers its own; the address alone is never enough.

        A header that stands in the configuration can choose a model, one from the environment is
        a secret: of that the name alone is told.
        """
        headers = {
            name.lower(): value if isinstance(value, str) else "$env"
            for name, value in self.access.headers.items()
        }
        # Left out where they say nothing: what was paid for before there were such keys is kept.
        more: Json = {"dialect": self.dialect} if self.dialect != "auto" else {}
        if self.launch is not None and self.launch.command:
            more["launch"] = self.launch.identity()
        return {
            **more,
            **({"headers": headers} if headers else {}),
            "provider": self.provider,
            "model": self.model,
            "base_url": self.base_url,
            "quantization": asdict(self.quantization),
            "revision": self.revision,
            "options": dict(self.options),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedAs:
    """What a server says about itself; None where it does not tell."""

    model: str | None = None
    quantization: str | None = None
    """The server's own words, such as ``Q8_0`` or ``Q4_K - Medium``."""
    version: str | None = None
    kv_cache: str | None = None
    """Precision of the key-value cache, in the server's words."""
    context: int | None = None
    """Longest prompt and answer together, in tokens."""
    memory_bytes: int | None = None
    """Memory that the model takes, where the server tells."""
    models: tuple[str, ...] = ()
    """Every model that the server lists, at most 50."""
