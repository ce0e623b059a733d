"""The embedded model: a tiny language model of our own, written as a real GGUF file on demand.

Importing this package costs nothing; numpy and gguf are imported when a file has to be written.
"""

from __future__ import annotations

import os
import secrets
from hashlib import sha256
from pathlib import Path

__all__ = ["SCHEMES", "gguf_path"]

#: The formats that can be written, the reference first; see docs/model-card.md.
SCHEMES: tuple[str, ...] = ("f16", "q8_0", "q4_0", "awq-int4", "awq-int4-embf16", "rtn3")

#: Raise it whenever the code writes another file from the same weights.
_FORMAT_VERSION = 1
_HERE = Path(__file__).parent
_INPUTS = ("weights.npz", "awq_scales.npz", "tokenizer.json", "chat_template.jinja")
_REMEDY = (
    "the embedded model needs numpy and gguf to write its GGUF file: "
    'run pip install "pytest-quantguard[llamacpp]"'
)


def gguf_path(scheme: str, folder: Path) -> Path:
    """Return the GGUF file of the embedded model in `scheme`, written into `folder` on first use.

    The name carries a hash of everything that the content depends on, so a file of another version
    is never taken. Several processes may ask at once: each sees a whole file or none.

    Raises:
        ValueError: `scheme` is not one of `SCHEMES`.
        ImportError: numpy or gguf is not installed.
        OSError: `folder` cannot be written.
    """
    if scheme not in SCHEMES:
        allowed = ", ".join(SCHEMES)
        raise ValueError(f"unknown scheme {scheme!r} of the embedded model; allowed: {allowed}")
    file = folder / f"norvik-desk-{scheme}-{_content_hash()}.gguf"
    if file.exists():
        return file
    try:
        from pytest_quantguard.embedded.gguf_writer import write_scheme
    except ImportError as error:
        raise ImportError(_REMEDY) from error
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        write_scheme(draft, scheme)
        _publish(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def _publish(draft: Path, file: Path) -> None:
    try:
        os.replace(draft, file)
    except PermissionError:
        # Windows refuses to replace a file that another process has just written and opened; its
        # content is the same as ours.
        if not file.exists():
            raise


def _content_hash() -> str:
    digest = sha256(str(_FORMAT_VERSION).encode())
    for name in _INPUTS:
        digest.update(sha256((_HERE / name).read_bytes()).digest())
    return digest.hexdigest()[:12]
