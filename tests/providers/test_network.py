"""What lies between us and a server: proxies, own certificates, headers, keys, other hosts."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Tunnel, certificates

from pytest_quantguard.errors import LaunchError, ProviderError, RefusedError, TransportError
from pytest_quantguard.providers import _access, _http
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Access, Variant
from scripted_server import ScriptedServer, answers, event, piece, streams

KEY = "sk-test-0123456789abcdef"
REQUEST = CompletionRequest(messages=({"role": "user", "content": "hi"},))


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """Return a second server, which must get nothing."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Tunnel]:
    """Return a proxy."""
    with Tunnel() as tunnel:
        yield tunnel


@pytest.fixture
def secure(server: ScriptedServer, tmp_path: Path) -> tuple[str, Path]:
    """Put TLS on the scripted server; return its address and the file to trust."""
    context, file = certificates(tmp_path)
    inner = server._server
    inner.socket = context.wrap_socket(inner.socket, server_side=True)
    return server.url.replace("http:", "https:"), file


def provider(url: str, **given: Any) -> OpenAIProvider:
    names = Access.__dataclass_fields__
    access = Access(**{name: given.pop(name) for name in list(given) if name in names})
    return OpenAIProvider(
        Variant(
            name="awq",
            provider="openai",
            model="m",
            base_url=url,
            timeout_s=5.0,
            access=access,
            **given,
        )
    )


def ask(url: str, **given: Any) -> Completion:
    there = provider(url, **given)
    there.start()
    line = there.connect()
    try:
        return line.complete(REQUEST)
    finally:
        line.close()


# --- certificates -----------------------------------------------------------------------


def test_an_authority_of_ones_own(server: ScriptedServer, secure: tuple[str, Path]) -> None:
    """A server that it vouches for is trusted, by completions and by questions about itself."""
    url, file = secure
    server.pages["/v1/models"] = {"data": [{"id": "m"}]}
    there = provider(url, ca_file=str(file))
    there.start()

    assert "fine" == ask(url, ca_file=str(file)).text
    assert "m" == there.served_as().model


def test_a_server_that_nobody_vouches_for(secure: tuple[str, Path]) -> None:
    """Without the file the connection is not made, and the reason is told."""
    with pytest.raises(TransportError, match=r"no connection: .*certificate") as caught:
        ask(secure[0])

    assert not caught.value.connected


def test_only_the_file_is_trusted(secure: tuple[str, Path], tmp_path: Path) -> None:
    """Another authority's file is as good as none."""
    folder = tmp_path / "other"
    folder.mkdir()
    _, file = certificates(folder)
    with pytest.raises(TransportError, match="certificate"):
        ask(secure[0], ca_file=str(file))


def test_certificates_are_loaded_once(tmp_path: Path) -> None:
    """All connections to all variants with one file share what was made of it."""
    _, file = certificates(tmp_path)
    found = [
        _http.Reach.of(
            Variant(
                name=name,
                provider="openai",
                model="m",
                base_url="https://a.test",
                access=Access(ca_file=str(file)),
            ),
            _http_dialect(),
        ).tls
        for name in ("a", "b")
    ]

    assert found[0] is found[1]


def _http_dialect() -> Any:
    from pytest_quantguard.providers._dialects import dialect_of

    return dialect_of("auto")


def test_a_file_without_certificates(tmp_path: Path) -> None:
    """It is named before anything is asked."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(LaunchError, match=r"ca_file .*ca\.pem holds no certificates"):
        provider("https://a.test", ca_file=str(file)).start()


# --- proxies ----------------------------------------------------------------------------


def test_a_proxy(server: ScriptedServer, proxy: Tunnel) -> None:
    """Everything goes through it."""
    assert "fine" == ask(server.url, proxy=f"http://{proxy.address}").text
    assert proxy.heads[0].startswith(f"POST {server.url}/chat/completions ")


def test_a_proxy_and_tls(
    secure: tuple[str, Path], proxy: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is given its own password, and never the key."""
    monkeypatch.setenv("QG_KEY", KEY)
    monkeypatch.setenv("QG_PROXY", f"http://me:proxy-password@{proxy.address}")
    url, file = secure
    found = ask(url, ca_file=str(file), proxy={"$env": "QG_PROXY"}, api_key_env="QG_KEY")

    assert "fine" == found.text
    assert proxy.heads[0].startswith("CONNECT 127.0.0.1:")
    assert "proxy-authorization: basic" in proxy.heads[0].lower()
    assert KEY not in "".join(proxy.heads)


def test_a_proxy_of_the_environment(
    server: ScriptedServer, proxy: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one in the configuration, what the environment says holds."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("http_proxy", f"http://{proxy.address}")

    elsewhere = server.url.replace("127.0.0.1", "models.test")
    assert "fine" == ask(elsewhere).text
    assert 1 == len(proxy.heads)

    assert "fine" == ask(server.url).text
    assert 1 == len(proxy.heads), "this machine's own address would be the proxy's machine there"


@pytest.mark.parametrize("value", ["nonsense", "ftp://a.test", "http://:8", "http://a:x"])
def test_no_address_of_a_proxy(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It is refused at the start, and not shown: it may hold a password."""
    monkeypatch.setenv("QG_PROXY", value)
    with pytest.raises(LaunchError, match="the proxy must be an address") as caught:
        provider("http://a.test", proxy={"$env": "QG_PROXY"}).start()

    assert value not in str(caught.value)


# --- other hosts ------------------------------------------------------------------------


@pytest.mark.parametrize("through_proxy", [False, True])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_nothing_follows_a_redirect(
    server: ScriptedServer,
    other: ScriptedServer,
    proxy: Tunnel,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    through_proxy: bool,
) -> None:
    """Neither key nor headers nor the question reach the host that a server points to."""
    monkeypatch.setenv("QG_KEY", KEY)
    server.replies.append(answers(code, Location=f"{other.url}/chat/completions"))
    given = {"proxy": f"http://{proxy.address}"} if through_proxy else {}
    with pytest.raises(RefusedError, match="redirects are not followed") as caught:
        ask(server.url, api_key_env="QG_KEY", headers={"X-Team": "a"}, **given)

    assert caught.value.final
    assert set() == other.clients
    assert 0 == other.requests
    assert len(proxy.heads) == through_proxy


def test_pages_do_not_follow_a_redirect(
    server: ScriptedServer, other: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a server says about itself is its own word."""
    from scripted_server import Exchange

    monkeypatch.setenv("QG_KEY", KEY)
    asked: list[str] = []

    def point(exchange: Exchange) -> None:
        asked.append(exchange.headers["host"])
        exchange.answer(307, "", headers={"Location": f"{other.url}/models"})

    monkeypatch.setattr(Exchange, "do_GET", point)
    there = provider(server.url, api_key_env="QG_KEY")
    there.start()
    there.served_as()

    assert {server.url.split("/")[2]} == set(asked)


# --- headers ----------------------------------------------------------------------------


def test_further_headers(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and values of the environment; one of the dialect's own can be set, too."""
    monkeypatch.setenv("QG_TEAM", " team-secret-1 ")
    headers = {"X-Team": {"$env": "QG_TEAM"}, "x-plain": "yes", "Anthropic-Version": "2099-01-01"}
    there = provider(server.url, headers=headers, dialect="anthropic")
    there.start()
    line = there.connect()
    with pytest.raises(ProviderError):
        line.complete(CompletionRequest(messages=REQUEST.messages, params={"max_tokens": 1}))
    line.close()
    sent = {name.lower(): value for name, value in server.headers[0].items()}

    assert "team-secret-1" == sent["x-team"]
    assert "yes" == sent["x-plain"]
    assert "2099-01-01" == sent["anthropic-version"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Length": "3"}, "the header Content-Length is set by the gate itself"),
        ({"X-A": "1", "x-a": "2"}, "the header x-a is given twice"),
        ({"authorization": {"$env": "X"}}, "authorization is what the API key is sent in"),
    ],
)
def test_headers_that_break_the_exchange(headers: dict[str, Any], said: str) -> None:
    """They are mistakes of the configuration, which says where they stand."""
    with pytest.raises(ValueError, match=said):
        provider("http://a.test", headers=headers, api_key_env="QG_KEY")


@pytest.mark.parametrize("value", ["", "a\nb-secret", "schlüssel"])
def test_values_that_no_header_can_have(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """They are refused at the start, by the variable or the header, without the value."""
    monkeypatch.setenv("QG_TEAM", value)
    with pytest.raises(LaunchError, match="X-Team") as caught:
        provider("http://a.test", headers={"X-Team": {"$env": "QG_TEAM"}}).start()

    assert not value or value not in str(caught.value)


# --- keys -------------------------------------------------------------------------------


def command(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what commands told in other tests."""
    monkeypatch.setattr(_access, "_told", {})


def test_a_key_from_a_command(server: ScriptedServer, tmp_path: Path) -> None:
    """Run once per process, without a shell; its output without blanks is the key, and secret."""
    log = tmp_path / "runs"
    code = f"open({str(log)!r}, 'a').write('x'); print('  {KEY} $HOME')"
    good = code.replace(" $HOME", "")
    given = {"api_key_command": command(good)}
    echo = piece({"content": f"key {KEY}", "reasoning": f"key {KEY}"}, "stop")
    server.default = streams(event(echo), event("[DONE]"))
    found = [ask(server.url, **given) for _ in range(3)]

    assert ["key [secret]"] * 3 == [one.text for one in found]
    assert ["key [secret]"] * 3 == [one.reasoning for one in found]
    assert f"Bearer {KEY}" == server.headers[0]["Authorization"]
    assert "x" == log.read_text()
    variant = Variant(name="a", provider="openai", model="m", access=Access(**given))
    assert (KEY,) == _access.secrets_of((variant,))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('a\\nno such secret')", "ended with exit code 1: no such secret"),
        (f"import sys; print('{KEY}'); sys.exit('bad {KEY}')", r"exit code 1: bad \[secret\]"),
        ("import os, sys; sys.exit(os.environ['QG_PW'])", r"exit code 1: \[secret\]"),
        ("raise SystemExit(7)", "ended with exit code 7$"),
        ("", "printed no usable key"),
        ("print('two words')", "printed no usable key"),
    ],
)
def test_a_command_that_fails(monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    """The program, its exit code and the last line of its complaint, without secrets."""
    monkeypatch.setenv("QG_PW", "pass-word-1234")
    headers = {"X-A": {"$env": "QG_PW"}}
    there = provider("http://a.test", api_key_command=command(code), headers=headers)
    for _ in range(2):
        with pytest.raises(LaunchError, match=said) as caught:
            there.start()
        assert "variant 'awq': the program" in str(caught.value)
        assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_command_that_is_none() -> None:
    """It is named."""
    with pytest.raises(LaunchError, match="'/no/such' of api_key_command cannot be run: No such"):
        provider("http://a.test", api_key_command=("/no/such",)).start()


def test_a_command_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up."""
    monkeypatch.setattr(_access, "COMMAND_S", 0.2)
    hangs = command("import time; time.sleep(60)")
    with pytest.raises(LaunchError, match=r"did not end within 0\.2 s"):
        provider("http://a.test", api_key_command=hangs).start()


def test_two_sources_of_a_key() -> None:
    """One has to go."""
    with pytest.raises(ValueError, match="both api_key_env and api_key_command"):
        provider("http://a.test", api_key_env="K", api_key_command=("true",))


def test_all_that_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of the environment, what stands in them, and passwords of proxies; words are not."""
    values = {
        "QG_KEY": KEY,
        "QG_AUTH": "Bearer hidden-token-9",
        "QG_FLAG": "on",
        "QG_PROXY": "http://me:proxy%2Fpassword@127.0.0.1:1",
        "HTTPS_PROXY": "http://you:env-password@127.0.0.1:1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    variant = Variant(
        name="a",
        provider="openai",
        model="m",
        api_key_env="QG_KEY",
        access=Access(
            headers={"A": {"$env": "QG_AUTH"}, "B": {"$env": "QG_FLAG"}, "C": "plain-text"},
            proxy={"$env": "QG_PROXY"},
        ),
    )

    assert {
        KEY,
        "Bearer hidden-token-9",
        "hidden-token-9",
        "http://me:proxy%2Fpassword@127.0.0.1:1",
        "proxy%2Fpassword",
        "proxy/password",
        "env-password",
    } == set(_access.secrets_of((variant,)))


def test_no_secret_in_a_repr(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    """What pytest shows of local variables does not hold it."""
    monkeypatch.setenv("QG_KEY", KEY)
    there = provider(server.url, api_key_env="QG_KEY", headers={"X-A": {"$env": "QG_KEY"}})
    there.start()

    assert KEY not in repr(vars(there))
