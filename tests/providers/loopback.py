"""What a network has between us and a model, on the loopback: a proxy, and certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import trustme

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import TransportError
from pytest_quantguard.types import Completion, CompletionRequest


class Steady:
    """A connection as the engine uses it: asked again where it had only grown old."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.close = inner.close

    def complete(self, request: CompletionRequest) -> Completion:
        """Ask, at most twice."""
        try:
            return self._inner.complete(request)
        except TransportError as error:
            if not error.stale:
                raise
        return self._inner.complete(request)


class Tunnel:
    """A proxy for ``http://`` (absolute addresses) and for ``https://`` (CONNECT)."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        """First line and headers of each connection, as they came."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._threads[0].join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError), client:
            data = b""
            while b"\r\n\r\n" not in data:
                if not (more := client.recv(65536)):
                    return
                data += more
            head, _, rest = data.partition(b"\r\n\r\n")
            self.heads.append(head.decode())
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ", 2)
            place = target if method == "CONNECT" else target.split("/")[2]
            host, _, port = place.rpartition(":")
            host = "127.0.0.1" if host.endswith(".test") else host  # as seen from the proxy
            with socket.create_connection((host, int(port)), 5) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    server.sendall(rest)
                else:
                    path = target.split("/", 3)[3]
                    server.sendall(data.replace(target.encode(), b"/" + path.encode(), 1))
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what a server on 127.0.0.1 shows, and the file of the authority behind it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, file
