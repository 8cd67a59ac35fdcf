"""HTTP connections on top of waitress: no client can make the others wait, or fill the memory or the disk.

waitress reads a request whole before one of its threads sees it, and writes answers out of buffers. What it leaves
open is added here: how long a client may take, how much all of them may hold together, whose connection is closed where
there are too many. How one request is read, refused and answered is in http_requests.py.
"""

from __future__ import annotations

import logging
import resource
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from mmap import mmap
from threading import Event
from typing import Any, Literal
from wsgiref.types import WSGIApplication

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from webapp.errors import where
from webapp.http_requests import MEMORY_BYTES, AppTask, ErrorTask, Parser

# From the opening of a connection, or the last answer on it, until the next request's head is whole.
HEAD_SECONDS = 10.0
# What a body, or the taking of an answer, may last beyond its size at the pace of a slow line.
GRACE_SECONDS = 30.0
SLOW_BYTES_PER_SECOND = 20_000
# After the last answer what the client still sends is read and dropped: closing at once could destroy the answer.
LINGER_SECONDS = 10.0
TIDY_SECONDS = 0.5

MAX_CONNECTIONS = 500
# New ones between two looks at those that are there; where other processes share the socket, fewer.
MAX_ACCEPTED = 32
# So long a process that has more connections than another one leaves the next to it.
YIELD_SECONDS = 0.003
MAX_HEAD_BYTES = 32_000
# Bodies and answers of all connections together, as a multiple of the largest body.
MAX_HELD_BODIES = 6
# Requests that wait for one pool's threads.
MAX_WAITING = 50

# Who works on what: long scorings cannot delay the page, nor anybody the questions of operators.
THREADS = {"score": 8, "page": 4, "ready": 2, "operators": 2}
_POOLS = {
    "/api/v1/score": "score",
    "/api/v1/score.csv": "score",
    "/api/v1/outcomes": "score",
    "/api/v1/decisions/search": "score",
    "/invocations": "score",
    "/uploads": "score",
    "/ready": "ready",
    "/health": "operators",
    "/ping": "operators",
    "/version": "operators",
    "/metrics": "operators",
}

Phase = Literal["head", "body", "work", "answer", "linger"]
# Whose connection is closed first where there are too many; never one whose answer has not begun.
_EVICTED: tuple[Phase, ...] = ("linger", "head", "body", "answer")

log = logging.getLogger("webapp.connections")


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection, with the time it has been in its present phase."""

    task_class = AppTask
    error_task_class = ErrorTask
    request: Parser | None
    requests: list[Parser]
    close_when_flushed: bool

    def __init__(self, server: Server, sock: socket.socket, addr: Any, adj: Adjustments, map: Any = None) -> None:
        self.lingers = False
        self.since = time.monotonic()
        self.n_sent = self.n_answered = 0
        self._n_sent_before = 0
        self._state: tuple[Phase, int] = ("head", 0)
        super().__init__(server, sock, addr, adj, map=map)
        self.parser_class = server.parser_class

    @property
    def phase(self) -> Phase:
        """What the connection waits for now."""
        if self.lingers:
            return "linger"
        if self.total_outbufs_len:
            return "answer"
        if self.requests:
            return "work"
        return "body" if self.request is not None and self.request.headers_finished else "head"

    @property
    def n_held(self) -> int:
        """Bytes of bodies and answers that this connection keeps."""
        bodies = [request.n_held for request in (self.request, *self.requests) if request is not None]
        return sum(bodies) + int(self.total_outbufs_len)

    def is_overdue(self, now: float) -> bool:
        """Whether the client has taken too long; asked every half second, which is how phases are noticed."""
        state = self.phase, self.n_answered
        if state != self._state:
            self._state, self.since, self._n_sent_before = state, now, self.n_sent
        elapsed = now - self.since
        match state[0]:
            case "head":
                return elapsed > HEAD_SECONDS
            case "body":
                n_received = self.request.body_bytes_received if self.request is not None else 0
                return bool(elapsed > GRACE_SECONDS + n_received / SLOW_BYTES_PER_SECOND)
            case "answer":
                return elapsed > GRACE_SECONDS + (self.n_sent - self._n_sent_before) / SLOW_BYTES_PER_SECOND
            case "linger":
                return elapsed > LINGER_SECONDS
            case "work":
                return False

    def give_up(self, status: int = 408) -> None:
        """Answer a request that is not whole yet with an error; close a connection that waits for anything else."""
        request = self.request
        if self.phase not in ("head", "body") or request is None:
            self.handle_close()
            return
        with self.requests_lock:
            self.request = None
            request.refuse(status)
            request.close()
            self.requests.append(request)
        self.server.add_task(self)

    def readable(self) -> bool:
        """Whether there may be something to read that is wanted now."""
        return self.lingers or bool(super().readable())

    def handle_read(self) -> None:
        """Read what has arrived; at the end of a connection, drop it."""
        if self.lingers:
            self.recv(self.adj.recv_bytes)
        else:
            super().handle_read()

    def received(self, data: bytes) -> bool:
        """Take in what has arrived."""
        if self.requests:
            # Behind a request that was refused, nothing is a request.
            return False
        try:
            super().received(data)
        except OSError as exc:  # no room for a temporary file
            log.error("a body cannot be kept: %s", exc.strerror)
            self.give_up(503)
        if self.requests and self.requests[-1].error is not None:
            self.request = None
        self.server.has_received(len(data))
        return True

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what the client takes."""
        n_sent: int = super().send(data, do_close=do_close)
        self.n_sent += n_sent
        return n_sent

    def handle_write(self) -> None:
        """Send what is there; behind the last answer, close in a way that does not destroy it."""
        if self.total_outbufs_len:
            self._flush_exception(self._flush_some_if_lockable)
        if self.will_close:
            self.handle_close()
        elif self.close_when_flushed and not self.total_outbufs_len and self.connected:
            self.close_when_flushed = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
                self.lingers = True
            except OSError:
                self.handle_close()

    def handle_close(self) -> None:
        """Close the connection."""
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def handle_error(self) -> None:
        """Close a connection that failed in an unforeseen way."""
        log.error("a connection broke off: %s", where(sys.exception() or Exception()))
        self.handle_close()

    def service(self) -> None:
        """Answer one request, in one of the threads."""
        super().service()
        self.n_answered += 1


class _Pools:
    """A few threads for each kind of work, so that one kind cannot keep another waiting."""

    def __init__(self) -> None:
        # It counts what waits, once a request.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._pools = {name: ThreadedTaskDispatcher() for name in THREADS}
        for name, pool in self._pools.items():
            pool.set_thread_count(THREADS[name])

    def add_task(self, channel: _Channel) -> None:
        """Have the first request of a connection answered."""
        request = channel.requests[0]
        name = "operators" if request.error else _POOLS.get(request.path, "page")
        if len(self._pools[name].queue) >= MAX_WAITING and name != "operators":
            request.refuse(503)
            name = "operators"
        self._pools[name].add_task(channel)


class SharedLoad:
    """How many connections each process has that answers on one socket; all of them see it.

    Without it four connections are as often as not all taken by the process that happens to wake first.
    """

    def __init__(self, file: int, position: int) -> None:
        self._counts = memoryview(mmap(file, 0)).cast("i")
        self._position = position

    def note(self, n_connections: int) -> None:
        """Say how many this process has."""
        self._counts[self._position] = n_connections

    @property
    def n_tolerated(self) -> int:
        """How many more than another process this one may have: none of a few, some of many."""
        return self._counts[self._position] // 8

    def is_more_than_others(self) -> bool:
        """Whether another process has fewer. One that died may seem to: that costs a few milliseconds at most."""
        return min(self._counts) + self.n_tolerated < self._counts[self._position]


class Server(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """Listens on a socket and answers with a WSGI application.

    Parameters
    ----------
    application
        The WSGI application.
    listener
        A socket that is bound and listens.
    body_limit
        The most bytes that a body may have, by the path of the request.
    max_body
        The largest of these limits.
    on_answer
        Is told the status of every answer, from the thread that gives it.
    load
        What this process has to do beside others on the same socket; None if it is alone.
    """

    channel_class = _Channel

    def __init__(
        self,
        application: WSGIApplication,
        listener: socket.socket,
        *,
        body_limit: Callable[[str], int],
        max_body: int,
        on_answer: Callable[[int], None],
        load: SharedLoad | None = None,
    ) -> None:
        self.on_answer = on_answer
        self._load = load
        self._yields_until = 0.0
        self._has_yielded = False
        self.parser_class = partial(Parser, body_limit=body_limit)
        self._max_connections = min(MAX_CONNECTIONS, max(10, (_open_files() - 200) // 3))
        self._max_held = MAX_HELD_BODIES * max_body
        self._max_body = max_body
        self._n_received = 0
        self._next_tidy = 0.0
        adjustments = Adjustments(
            sockets=[listener],
            # Our own limits are stricter.
            max_request_body_size=2 * max_body,
            max_request_header_size=MAX_HEAD_BYTES,
            inbuf_overflow=MEMORY_BYTES,
            outbuf_overflow=MEMORY_BYTES,
            # A thread hands its answer over and is free, however slowly the client takes it.
            outbuf_high_watermark=2**62,
            recv_bytes=32_768,
            log_socket_errors=False,
            ident=None,
            server_name="localhost",
        )
        sockinfo = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(application, None, True, listener, _Pools(), adjustments, sockinfo, False)

    def run(self, stopping: Event) -> None:
        """Answer until `stopping` is set; then take no more connections."""
        while not stopping.is_set():
            self._turn()
        self.accepting = False
        self.del_channel()
        self.socket.close()

    def drain(self) -> None:
        """Go on until what was begun is answered, or broken off by whoever answers it."""
        stopped_at = time.monotonic()
        while self.active_channels:
            is_hurried = time.monotonic() > stopped_at + 1
            for channel in list(self.active_channels.values()):
                if channel.phase in ("head", "body") or (is_hurried and channel.phase == "linger"):
                    channel.handle_close()
            self._turn()
        self.trigger.close()

    def _turn(self) -> None:
        if self._load is not None:
            self._load.note(len(self.active_channels))
        timeout = YIELD_SECONDS if self._has_yielded else TIDY_SECONDS
        self.asyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)
        now = time.monotonic()
        if now >= self._next_tidy:
            self._next_tidy = now + TIDY_SECONDS
            for channel in list(self.active_channels.values()):
                if channel.is_overdue(now):
                    channel.give_up()
            self._limit_held()

    def readable(self) -> bool:
        """Whether another connection would be taken: as long as the server is not stopping."""
        return bool(self.accepting) and time.monotonic() >= self._yields_until

    def handle_accept(self) -> None:
        """Take the connections that wait; where there are too many, the longest idle one gives way."""
        if self._is_yielding():
            return
        n_taken = MAX_ACCEPTED if self._load is None else min(MAX_ACCEPTED, 1 + self._load.n_tolerated)
        for _ in range(n_taken):
            while len(self.active_channels) >= self._max_connections:
                idle = self._longest(_EVICTED)
                if idle is None:
                    return
                idle.handle_close()
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return

    def _is_yielding(self) -> bool:
        """Whether the connection that waits is left to a process that has fewer, for a moment."""
        self._has_yielded = not self._has_yielded and self._load is not None and self._load.is_more_than_others()
        if self._has_yielded:
            self._yields_until = time.monotonic() + YIELD_SECONDS
        return self._has_yielded

    def handle_error(self) -> None:
        """Go on listening, whatever went wrong with one connection."""
        log.error("a connection was not taken: %s", where(sys.exception() or Exception()))

    def has_received(self, n_bytes: int) -> None:
        """Count what came in: the bound on all bodies together is looked at anew each few megabytes."""
        self._n_received += n_bytes
        if self._n_received > self._max_body // 4:
            self._limit_held()

    def _limit_held(self) -> None:
        self._n_received = 0
        while sum(channel.n_held for channel in self.active_channels.values()) > self._max_held:
            longest = self._longest(("body", "answer"))
            if longest is None:
                return
            longest.give_up(503)

    def _longest(self, phases: tuple[Phase, ...]) -> _Channel | None:
        """The connection that has been longest in one of these phases, the first phase that any is in counting."""
        channels = [
            (phases.index(channel.phase), channel.since, channel)
            for channel in self.active_channels.values()
            if channel.phase in phases
        ]
        return min(channels, key=lambda entry: entry[:2])[2] if channels else None


def quiet_logs() -> None:
    """Have waitress say where something failed, never which address or data it was about."""
    logging.getLogger("waitress").addFilter(_say_only_where)


def _say_only_where(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"an answer broke off: {where(record.exc_info[1])}", ()
        record.exc_info = None
    return True


def _open_files() -> int:
    """How many files and sockets this process may have open, after asking for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 200 + 3 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
