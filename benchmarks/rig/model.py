# SPDX-License-Identifier: Apache-2.0
"""A model server: answers a chat request with a paced stream, everything else with an empty 200.

Streams of different users are not in step, so stream n of N begins at n/N of the interval. A plain
loop over sockets sends each chunk at its time: the timers of event loops count whole milliseconds
and would hand every proxy its chunks in bundles, of a size that depends on luck.

    python -m benchmarks.rig.model --port N [--streams 50] [--interval 0.01]
"""

import argparse
import heapq
import itertools
import json
import re
import select
import socket
import time
from functools import cache

from benchmarks.rig.processes import many_files
from benchmarks.rig.traffic import CHUNKS, INTERVAL, events

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@cache
def framed(chunks: int) -> list[bytes]:
    made = [b"%x\r\n%b\r\n" % (len(data), data) for data in events(chunks)]
    made[-1] += b"0\r\n\r\n"
    return made


def asked(body: bytes, name: bytes, otherwise: int) -> int:
    found = re.search(rb'"%b":\s*(\d+)' % name, body)
    return int(found[1]) if found else otherwise


class Model:
    def __init__(self, port: int, streams: int, interval: float) -> None:
        self._interval = interval
        self._slots = itertools.cycle(interval * at / streams for at in range(streams))
        self._due: list[tuple[float, int, int]] = []
        self._peers: dict[int, socket.socket] = {}
        self._buffers: dict[int, bytes] = {}
        self._streams: dict[int, tuple[list[bytes], list[float]]] = {}
        self._times: dict[int, list[float]] = {}
        """Of each stream: when its request came, when each chunk went."""
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)

    def run(self) -> None:
        while True:
            wait = self._due[0][0] - time.perf_counter() if self._due else 0.001
            if wait > 0:
                time.sleep(min(wait, 0.001))
            for number, _ in self._poll.poll(0):
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._read(number)
            while self._due and self._due[0][0] <= time.perf_counter():
                self._send(*heapq.heappop(self._due))

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[peer.fileno()] = peer
        self._buffers[peer.fileno()] = b""
        self._poll.register(peer, select.EPOLLIN)

    def _drop(self, number: int) -> None:
        peer = self._peers.pop(number, None)
        self._streams.pop(number, None)
        if peer is not None:
            self._poll.unregister(peer)
            peer.close()

    def _read(self, number: int) -> None:
        came = time.perf_counter()
        try:
            data = self._peers[number].recv(65536)
        except OSError:
            data = b""
        if not data:
            self._drop(number)
            return
        self._buffers[number] += data
        head, found, body = self._buffers[number].partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        self._buffers[number] = b""
        target = head.split(b" ", 2)[1]
        if target.endswith(b"/chat/completions"):
            self._begin(number, body, came)
        else:
            told = json.dumps(self._times).encode() if target == b"/times" else b""
            self._peers[number].setblocking(True)
            self._peers[number].sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told)
            )

    def _begin(self, number: int, body: bytes, came: float) -> None:
        self._peers[number].send(HEAD)
        times = self._times[asked(body, b"seed", 0)] = [came]
        self._streams[number] = (framed(asked(body, b"max_tokens", CHUNKS)), times)
        slot, now = next(self._slots), time.perf_counter()
        due = now - now % self._interval + slot
        heapq.heappush(self._due, (due if due > now else due + self._interval, number, 0))

    def _send(self, due: float, number: int, at: int) -> None:
        if number not in self._streams:
            return
        chunks, times = self._streams[number]
        times.append(time.perf_counter())
        try:
            self._peers[number].send(chunks[at])
        except OSError:
            self._drop(number)
            return
        if at + 1 < len(chunks):
            heapq.heappush(self._due, (due + self._interval, number, at + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--interval", type=float, default=INTERVAL)
    chosen = parser.parse_args()
    many_files()
    Model(chosen.port, chosen.streams, chosen.interval).run()


if __name__ == "__main__":
    main()
