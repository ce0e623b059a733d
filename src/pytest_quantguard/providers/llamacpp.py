"""GGUF files, served by llama.cpp's own HTTP server inside this process (package xllamacpp)."""

from __future__ import annotations

import functools
import gc
import hashlib
import os
import threading
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import LaunchError, did_you_mean
from pytest_quantguard.providers._dialects import DIALECTS
from pytest_quantguard.providers._http import Reach, readiness
from pytest_quantguard.providers.openai import OpenAIProvider, check_options
from pytest_quantguard.types import Completion, CompletionRequest, Json
from pytest_quantguard.variants import ServedAs, Variant

_EMBEDDED = "embedded:"
_INSTALL = 'pip install "pytest-quantguard[llamacpp]"'
_OPTIONS = (
    "cache_type_k",
    "cache_type_v",
    "ctx",
    "extra_body",
    "model_folder",
    "n_parallel",
    "n_threads",
)
_WHOLE_FILE = 64 * 2**20
_SAMPLES = 64
_SAMPLE = 2**20


class LlamaCppProvider:
    """Serves ``variant.model``, a GGUF file or ``embedded:<scheme>``, on a free local port.

    Options: ``ctx`` (tokens per slot; without it what the model was made for), ``n_parallel``
    (slots; with more than one, answers no longer repeat bit by bit), ``n_threads``,
    ``cache_type_k`` and ``cache_type_v`` (``q8_0``, ``q4_0`` ...), ``extra_body``, and
    ``model_folder`` (where embedded models are written). With ``base_url`` a server that runs
    already is used instead.

    Raises:
        ValueError: an option that is not known, or has no usable value.
    """

    launches: ClassVar[bool] = True
    """`start` starts a server: one is enough for all of pytest-xdist's workers."""

    def __init__(self, variant: Variant) -> None:
        _check_options(variant)
        self._variant = variant
        self._server: Any = None
        self._http: OpenAIProvider | None = None
        self._slots = threading.BoundedSemaphore(variant.options.get("n_parallel", 1))

    def start(self) -> str:
        """Load the model and return the server's base URL; the second call does nothing.

        Raises:
            LaunchError: xllamacpp is missing, or the file cannot be found or loaded.
        """
        if self._http is None:
            url = self._variant.base_url or self._launch()
            # Reusing a prompt's cache changes the last bits, and with them an answer now and then.
            extra = {"cache_prompt": False, **self._variant.options.get("extra_body", {})}
            options = {"extra_body": extra, "reference": "llamacpp"}
            self._http = OpenAIProvider(
                replace(self._variant, base_url=url, options=options, dialect="llamacpp")
            )
            self._http.start()
            if self._server is not None:
                self._await_loop(url)
        return str(self._http.start())

    def identity(self) -> Json:
        """Return the variant's identity with the file's content in place of its name.

        An embedded model is written by this if need be.

        Raises:
            LaunchError: there is no such file.
        """
        identity = self._variant.identity()
        options = {k: v for k, v in identity["options"].items() if k != "model_folder"}
        return {
            **identity,
            "base_url": None,  # another port every time
            "model": content_hash(_gguf(self._variant)),
            "options": options,
            "server": _server_version(),
        }

    def connect(self) -> Connection:
        """Return a new connection; nothing is sent yet."""
        if self._http is None:
            raise LaunchError(f"variant {self._variant.name!r}: start() was not called")
        return _QueuedConnection(self._http.connect(), self._slots)

    def served_as(self) -> ServedAs:
        """Ask the server for the format of the file it has loaded."""
        return self._http.served_as() if self._http else ServedAs()

    def stop(self) -> None:
        """Unload the model."""
        self._http = None
        if self._server is not None:
            self._server = None
            gc.collect()  # the server stops when its last reference goes

    def _await_loop(self, url: str) -> None:
        """Wait until the server works on its queue, by a question that goes through it.

        It listens a moment before it does, and one that is stopped in between never ends: the
        word to stop is lost, and this process waits for it, holding Python's lock.
        """
        reach = Reach.of(replace(self._variant, base_url=url), DIALECTS["llamacpp"])
        if problem := readiness(reach, "/lora-adapters", self._variant.timeout_s):
            name = self._variant.name
            raise LaunchError(f"variant {name!r}: llama.cpp was loaded, but gave {problem}")

    def _launch(self) -> str:
        path = _gguf(self._variant)
        try:
            import xllamacpp
        except ImportError as error:
            raise LaunchError(
                f"variant {self._variant.name!r}: the provider 'llamacpp' needs the package "
                f"xllamacpp ({one_line(str(error))}); run {_INSTALL}"
            ) from None
        try:
            self._server = xllamacpp.Server(_parameters(xllamacpp, self._variant, path))
        except RuntimeError:  # llama.cpp gives no reason here
            raise LaunchError(
                f"variant {self._variant.name!r}: llama.cpp could not load {path}: the file is cut "
                "off, or of a kind that this version does not know, or the memory does not "
                f"suffice; {_remedy(self._variant)}"
            ) from None
        return f"{self._server.listening_address}/v1"


class _QueuedConnection:
    """Waits for a free slot before it sends, so that latency never holds a wait in the queue."""

    def __init__(self, inner: Connection, slots: threading.BoundedSemaphore) -> None:
        self._inner = inner
        self._slots = slots

    def complete(self, request: CompletionRequest) -> Completion:
        with self._slots:
            return self._inner.complete(request)

    def close(self) -> None:
        self._inner.close()


def _parameters(xllamacpp: Any, variant: Variant, path: Path) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {variant.name}
    params.port = 0
    params.n_parallel = variant.options.get("n_parallel", 1)
    params.n_ctx = variant.options.get("ctx", 0) * params.n_parallel  # llama.cpp counts all slots
    if threads := variant.options.get("n_threads"):
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    for name in ("cache_type_k", "cache_type_v"):
        if name in variant.options:
            setattr(params, name, _ggml_type(xllamacpp, variant, name))
    params.cache_ram_mib = 0  # its prompt cache would grow to 8 GiB and is never used here
    params.warmup = params.fit_params = params.ui = False
    params.verbosity = 0
    return params


def _ggml_type(xllamacpp: Any, variant: Variant, option: str) -> Any:
    text = str(variant.options[option])
    prefix = "GGML_TYPE_"
    names = [name for name in dir(xllamacpp.ggml_type) if name.startswith(prefix)]
    known = {name.removeprefix(prefix).lower(): name for name in names}
    if text.lower() not in known:
        raise LaunchError(
            f"variant {variant.name!r}: {option} cannot be {text!r:.40}; "
            f"{did_you_mean(text.lower(), known)}"
        )
    return getattr(xllamacpp.ggml_type, known[text.lower()])


def _check_options(variant: Variant) -> None:
    check_options(variant, _OPTIONS)
    for name in ("ctx", "n_parallel", "n_threads"):
        value = variant.options.get(name, 1)
        if type(value) is not int or value < 1:
            raise ValueError(f"option {name!r}: {value!r:.40} is no whole number above 0")
    if variant.options.get("n_parallel", 1) > 1 and "ctx" not in variant.options:
        # llama.cpp would share one context among the slots and cut answers short.
        raise ValueError("option 'n_parallel' needs 'ctx', the tokens of each slot")


# --- the file ---------------------------------------------------------------------------


def _gguf(variant: Variant) -> Path:
    """Return the model's file, written first where it is an embedded one."""
    if not variant.model.startswith(_EMBEDDED):
        path = Path(variant.model)
        _check_file(variant, path)
        return path
    from pytest_quantguard import embedded

    scheme = variant.model.removeprefix(_EMBEDDED)
    try:
        return embedded.gguf_path(scheme, _model_folder(variant))
    except (ImportError, OSError, ValueError) as error:
        raise LaunchError(f"variant {variant.name!r}: {one_line(str(error), 400)}") from None


def _check_file(variant: Variant, path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LaunchError(
            f"variant {variant.name!r}: cannot read the model {path}: {reason}; 'model' must be a "
            "GGUF file, or embedded:<scheme>"
        ) from None
    if magic != b"GGUF":
        raise LaunchError(f"variant {variant.name!r}: {path} is no GGUF file; {_remedy(variant)}")


def _remedy(variant: Variant) -> str:
    embedded = variant.model.startswith(_EMBEDDED)
    return "delete it, it is written anew" if embedded else "download or convert it again"


def _model_folder(variant: Variant) -> Path:
    """Return where embedded models are written: option, environment, the user's cache folder."""
    given = variant.options.get("model_folder") or os.environ.get("QUANTGUARD_MODEL_DIR")
    if given:
        return Path(given).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches, "pytest-quantguard", "models")


def content_hash(path: Path) -> str:
    """Return what tells one model file from another, whatever its name: ``sha256:...``.

    Files of 64 MiB and more are known by their length and 64 samples of 1 MiB, the first and the
    last one included; computed once for each state of a file.
    """
    info = path.stat()
    return _content_hash(path, info.st_size, info.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _content_hash(path: Path, size: int, _changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size < _WHOLE_FILE:
            digest.update(file.read())
        else:
            digest.update(b"%d:" % size)
            for number in range(_SAMPLES):
                file.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE))
    return f"sha256:{digest.hexdigest()}"


def _server_version() -> str | None:
    """Return which build answers: another one may end in other last bits."""
    with suppress(PackageNotFoundError):
        return f"xllamacpp {version('xllamacpp')}"
    return None
