# SPDX-License-Identifier: Apache-2.0
"""An address that follows a server, as a Service of Kubernetes does: new connections go where it
leads now, those that stand stay where they are."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Forward(socketserver.ThreadingTCPServer):
    """`target`: the port that new connections reach. `loses`: the answer to a question that holds
    these bytes is lost with its connection, once; b"" loses none."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.loses = b""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}/0"


class _Connection(socketserver.BaseRequestHandler):
    server: Forward
    request: socket.socket

    def handle(self) -> None:
        self.losing = False
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.target)) as over:
            back = threading.Thread(target=self._answer, args=(over,), daemon=True)
            back.start()
            self._ask(over)
            _end(over)
            back.join(10)

    def _ask(self, over: socket.socket) -> None:
        with suppress(OSError):
            while data := self.request.recv(65536):
                if self.server.loses and self.server.loses in data:
                    self.server.loses, self.losing = b"", True
                over.sendall(data)

    def _answer(self, over: socket.socket) -> None:
        with suppress(OSError):
            while (data := over.recv(65536)) and not self.losing:
                self.request.sendall(data)
        _end(self.request)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def forwarding(target: int) -> Iterator[Forward]:
    with Forward(target) as forward:
        threading.Thread(target=forward.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield forward
        finally:
            forward.block_on_close = False
            forward.shutdown()
