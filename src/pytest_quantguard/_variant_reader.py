"""One variant, or one judge, of the configuration becomes a frozen record."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_quantguard.documents.document import Document
from pytest_quantguard.documents.labels import variable_problem
from pytest_quantguard.launching.server import PORT, fixed_port
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Access, Launch, Price, Quantization, Variant

_Place = tuple[str | int, ...]
_SECRET = re.compile(r"auth|cookie|key|password|secret|token", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class VariantReader:
    """Reads variants of one document, and adds what is wrong with them to ``problems``."""

    def __init__(self, document: Document, folder: Path, problems: list[str]) -> None:
        self._document = document
        self._folder = folder
        self._problems = problems

    def read(self, name: str, data: Mapping[str, Any], *, section: str = "variants") -> Variant:
        """Return the variant ``name``, which ``data`` in ``section`` describes."""
        place = (section, name)
        known = {f.name for f in fields(Variant)}
        given = {key: value for key, value in data.items() if key in known}
        for key in ("model", "base_url", "revision"):
            given[key] = self._text(data.get(key), (*place, key))
        given["price"] = Price(**data["price"]) if "price" in data else None
        given["quantization"] = Quantization(**data.get("quantization", {}))
        given["access"] = self._access(data, place)
        given["launch"] = self._launch(name, data, place)
        if given["provider"] == "llamacpp" and str(given["model"]).endswith(".gguf"):
            given["model"] = str((self._folder / str(given["model"])).resolve())
        if given["provider"] == "llamacpp":
            self._check_own_server(data, place)
            given.setdefault("concurrency", 1)  # one slot: answers repeat bit by bit
        if given["launch"] is not None and given["launch"].command:
            given["base_url"] = given["base_url"] or f"http://127.0.0.1:{PORT}/v1"
            self._check_port(given["launch"], given["base_url"], place)
        self._check_url(given["base_url"], "base_url", (*place, "base_url"))
        return Variant(name=name, **given)

    def _problem(self, place: _Place, text: str) -> None:
        self._problems.append(f"{self._document.where(place)}: {text}")

    def _text(self, value: Any, place: _Place) -> str | None:
        if not isinstance(value, Mapping):
            return None if value is None else str(value)
        found = os.environ.get(value["$env"], "").strip()
        if not found:
            self._problem(place, f"the environment variable {value['$env']} is not set, or empty")
        return found

    def _access(self, data: Mapping[str, Any], place: _Place) -> Access:
        headers: Json = data.get("headers", {})
        for name, value in headers.items():
            where = (*place, "headers", name)
            if not _HEADER.fullmatch(name):
                self._problem(where, f"{name!r:.80} cannot be the name of a header")
            elif isinstance(value, str) and _SECRET.search(name):
                self._problem(
                    where,
                    f"the header {name} looks like a secret, which must not stand in a file; "
                    "write {$env: NAME} and put it into the environment",
                )
            self._text(value, where)
        self._check_proxy(data.get("proxy"), (*place, "proxy"))
        if why := variable_problem("api_key_env", data.get("api_key_env", "API_KEY")):
            self._problem((*place, "api_key_env"), why)
        if "api_key_env" in data and "api_key_command" in data:
            self._problem(
                (*place, "api_key_command"),
                "both api_key_env and api_key_command are given; keep one",
            )
        ca_file = data.get("ca_file")
        if ca_file is not None and not (self._folder / ca_file).is_file():
            self._problem((*place, "ca_file"), f"there is no file {ca_file}")
        return Access(
            api_key_command=tuple(data.get("api_key_command", ())),
            headers=headers,
            proxy=data.get("proxy"),
            ca_file=None if ca_file is None else str((self._folder / ca_file).resolve()),
        )

    def _launch(self, name: str, data: Mapping[str, Any], place: _Place) -> Launch | None:
        if "launch" not in data:
            return None
        given = dict(data["launch"])
        if "command" not in given and data["provider"] != "llamacpp":
            self._problem(
                (*place, "launch"),
                "'launch' needs a 'command' that starts the server, such as "
                '[vllm, serve, my-model, --port, "{port}"]',
            )
        for variable, value in given.get("env", {}).items():
            self._text(value, (*place, "launch", "env", variable))
        given["command"] = tuple(given.get("command", ()))
        given["folder"] = str((self._folder / given.get("folder", ".")).resolve())
        given["log"] = str(self._folder / given.get("log", f".quantguard/logs/{name}.log"))
        return Launch(**given)

    def _check_port(self, launch: Launch, base_url: str, place: _Place) -> None:
        named = fixed_port(replace(launch, port=None), base_url)
        if PORT not in base_url and named != (launch.port or named or "none"):
            self._problem(
                (*place, "base_url"),
                f"base_url must name the port that the server listens on; write {PORT} there",
            )
        texts = (*launch.command, *map(str, launch.env.values()))
        if fixed_port(launch, base_url) is None and not any(PORT in text for text in texts):
            self._problem(
                (*place, "launch"),
                f"the server would not know its port: write {PORT} into the command, or give "
                "'port' or a base_url with the port it listens on",
            )

    def _check_proxy(self, given: Any, place: _Place) -> None:
        url = self._text(given, place)
        self._check_url(url, "proxy", place)
        if url and isinstance(given, str) and "@" in url:
            self._problem(
                place,
                "the proxy's address carries a password, which must not stand in a file; write "
                "{$env: NAME} and put the address into the environment",
            )

    def _check_own_server(self, data: Mapping[str, Any], place: _Place) -> None:
        """Refuse what the provider llamacpp, which starts its own server, would pass over."""
        if "command" in data.get("launch", {}):
            self._problem(
                (*place, "launch", "command"),
                "the provider llamacpp starts its server itself: leave 'command' out, or take "
                "'provider: openai'",
            )
        if data.get("dialect", "llamacpp") not in ("auto", "llamacpp"):
            self._problem(
                (*place, "dialect"),
                f"{data['dialect']!r:.40} cannot be the dialect of the provider llamacpp; leave it "
                "out, or take 'provider: openai'",
            )

    def _check_url(self, url: str | None, key: str, place: _Place) -> None:
        if not url:
            return
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self._problem(place, f"{key} must start with http:// or https:// and name a host")
        elif key == "base_url" and (parts.username or parts.password):
            self._problem(place, "base_url carries a user name or password; use api_key_env")
