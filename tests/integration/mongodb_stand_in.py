"""A stand-in for a MongoDB server: enough of its wire protocol for the report archive, documents kept in memory.

Used by test_archive.py where no real server is at hand, so that the real client, GridFS included, runs over a real
socket. It knows equality and `$gte`, sorting, limits, inclusion or exclusion of `_id`, replacing updates and unique
indexes; anything else is refused with a command error, so that a test never passes on a command that was not carried
out.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections import defaultdict
from typing import Any

import bson

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
Document = dict[str, Any]

HELLO: Document = {
    "ismaster": True,
    "isWritablePrimary": True,
    "helloOk": True,
    "maxBsonObjectSize": 16 * 2**20,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
}


class MongoStandIn(socketserver.ThreadingTCPServer):
    """Serve on a free port of 127.0.0.1, or a given one, between `with` and its end."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.collections: dict[str, list[Document]] = defaultdict(list)
        self.unique: dict[str, list[tuple[str, ...]]] = defaultdict(lambda: [("_id",)])
        self.indexes: dict[str, list[Document]] = defaultdict(list)
        self.lock = threading.Lock()

    def __enter__(self) -> MongoStandIn:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.server_address[1]}/creditrisk_test"

    def answer(self, command: Document) -> Document:
        name = next(iter(command))
        if name.lower() in ("hello", "ismaster"):
            return HELLO
        known = {"find": self.find, "insert": self.insert, "delete": self.delete, "update": self.update}
        known |= {"createIndexes": self.create_indexes, "listIndexes": self.list_indexes}
        if name in ("ping", "endSessions", "killCursors"):
            return {}
        if name not in known:
            raise NotImplementedError(name)
        with self.lock:
            return known[name](f"{command['$db']}.{command[name]}", command)

    def find(self, where: str, command: Document) -> Document:
        found = [document for document in self.collections[where] if _matches(document, command.get("filter", {}))]
        for key, direction in reversed(list(command.get("sort", {}).items())):
            found.sort(key=lambda document: _order(document.get(key)), reverse=direction < 0)
        found = found[: command.get("limit") or None]
        projection = command.get("projection") or {}
        if set(projection) - {"_id"}:
            raise NotImplementedError("projection")
        if projection == {"_id": 0}:
            found = [{key: value for key, value in document.items() if key != "_id"} for document in found]
        return {"cursor": {"id": bson.Int64(0), "ns": where, "firstBatch": found}}

    def insert(self, where: str, command: Document) -> Document:
        for document in command["documents"]:
            for keys in self.unique[where]:
                if any(all(old[key] == document[key] for key in keys) for old in self.collections[where]):
                    refused = {"index": 0, "code": 11000, "errmsg": "E11000 duplicate key"}
                    return {"n": 0, "writeErrors": [refused]}
            self.collections[where].append(document)
        return {"n": len(command["documents"])}

    def delete(self, where: str, command: Document) -> Document:
        before = len(self.collections[where])
        for one in command["deletes"]:
            self.collections[where] = [doc for doc in self.collections[where] if not _matches(doc, one["q"])]
        return {"n": before - len(self.collections[where])}

    def update(self, where: str, command: Document) -> Document:
        for one in command["updates"]:
            if any(key.startswith("$") for key in one["u"]) or not one.get("upsert"):
                raise NotImplementedError("update operators")
            kept = [doc for doc in self.collections[where] if not _matches(doc, one["q"])]
            self.collections[where] = [*kept, one["u"]]
        return {"n": len(command["updates"]), "nModified": 0}

    def create_indexes(self, where: str, command: Document) -> Document:
        self.indexes[where] += [index["key"] for index in command["indexes"]]
        self.unique[where] += [tuple(index["key"]) for index in command["indexes"] if index.get("unique")]
        return {}

    def list_indexes(self, where: str, command: Document) -> Document:
        indexes = [{"name": "_".join(keys), "key": dict.fromkeys(keys, 1)} for keys in self.unique[where]]
        indexes += [{"name": "_".join(keys), "key": keys} for keys in self.indexes[where]]
        return {"cursor": {"id": bson.Int64(0), "ns": where, "firstBatch": indexes}}


class _Connection(socketserver.StreamRequestHandler):
    server: MongoStandIn

    def handle(self) -> None:
        while len(header := self.rfile.read(16)) == 16:
            length, request_id, _, opcode = struct.unpack("<iiii", header)
            body = self.rfile.read(length - 16)
            try:
                command = _from_query(body) if opcode == OP_QUERY else _from_message(body)
                answer = {**self.server.answer(command), "ok": 1.0}
            except NotImplementedError as exc:
                answer = {"ok": 0.0, "code": 238, "errmsg": f"the stand-in does not know: {exc}"}
            content = bson.encode(answer)
            if opcode == OP_QUERY:
                self._send(request_id, OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + content)
            else:
                self._send(request_id, OP_MSG, struct.pack("<iB", 0, 0) + content)

    def _send(self, request_id: int, opcode: int, body: bytes) -> None:
        self.wfile.write(struct.pack("<iiii", len(body) + 16, 0, request_id, opcode) + body)


def _from_query(body: bytes) -> Document:
    """The greeting of a new connection: flags, namespace, two numbers, one document."""
    start = body.index(b"\0", 4) + 1 + 8
    return dict(bson.decode(body[start:]))


def _from_message(body: bytes) -> Document:
    """A command (section kind 0), with lists of documents beside it (kind 1)."""
    command: Document = {}
    lists: Document = {}
    position = 4
    while position < len(body):
        kind = body[position]
        (size,) = struct.unpack_from("<i", body, position + 1)
        section = body[position + 1 : position + 1 + size]
        if kind == 0:
            command = dict(bson.decode(section))
        else:
            end = section.index(b"\0", 4)
            lists[section[4:end].decode()] = bson.decode_all(section[end + 1 :])
        position += 1 + size
    return {**command, **lists}


def _order(value: Any) -> tuple[int, Any]:
    """MongoDB's order of values of several types: nothing, numbers, texts, all else."""
    if value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, repr(value))


def _matches(document: Document, asked: Document) -> bool:
    for key, value in asked.items():
        wanted = value if isinstance(value, dict) else {"$eq": value}
        if key.startswith("$") or not set(wanted) <= {"$eq", "$gte"}:
            raise NotImplementedError(f"filter {asked}")
        if "$eq" in wanted and document.get(key) != wanted["$eq"]:
            return False
        if "$gte" in wanted and not document[key] >= wanted["$gte"]:
            return False
    return True
