"""A small language client over standard input and output, for the tests of the server."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATHS = [str(ROOT / name) for name in ("runtime", "analyzer", "server")]
TIMEOUT = 60


class Client:
    """Starts a server and talks to it; `with Client(folder) as client` ends it properly."""

    def __init__(
        self,
        folder: Path,
        encoding: str = "utf-16",
        options: dict | None = None,
        environment: dict | None = None,
        capabilities: dict | None = None,
        command: list[str] | None = None,
    ):
        self.folder = folder
        self.encoding = encoding
        self.options = options or {}
        self.capabilities = capabilities or {}
        self.settings: dict = {}
        self.number = 0
        self.answers: dict[int, queue.Queue] = {}
        self.notes: queue.Queue = queue.Queue()
        self.published: dict[str, list] = {}
        self.seen: list[str] = []
        self.texts: dict[str, tuple[int, str]] = {}
        paths = os.pathsep.join(PATHS)
        self.process = subprocess.Popen(
            command or [sys.executable, "-P", "-m", "tensight_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=folder,
            env={**os.environ, "PYTHONPATH": paths, "TENSIGHT_CACHE": "0", **(environment or {})},
        )  # fmt: skip
        self.errors: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def __enter__(self) -> Client:
        self.initialize()
        return self

    def __exit__(self, kind, *rest) -> None:
        if kind is not None:
            self.process.kill()
            self.process.wait()
        else:
            assert self.stop() == 0

    # -- the protocol --------------------------------------------------------------------------------------------------

    def send(self, message: dict) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def ask(self, method: str, params: object) -> object:
        return self.wait(self.start(method, params))

    def start(self, method: str, params: object) -> int:
        self.number += 1
        self.answers[self.number] = queue.Queue()
        self.send({"id": self.number, "method": method, "params": params})
        return self.number

    def wait(self, number: int) -> object:
        message = self.answers[number].get(timeout=TIMEOUT)
        if "error" in message:
            raise RuntimeError(message["error"])
        return message["result"]

    def tell(self, method: str, params: object) -> None:
        self.send({"method": method, "params": params})

    def initialize(self) -> dict:
        capabilities = {
            "general": {"positionEncodings": [self.encoding]},
            "workspace": {"configuration": True, "inlayHint": {"refreshSupport": True}},
            "textDocument": {"publishDiagnostics": {"relatedInformation": True}},
        }
        for section, more in self.capabilities.items():
            capabilities[section] |= more
        result = self.ask("initialize", {
            "processId": None, "rootUri": self.folder.as_uri(), "capabilities": capabilities,
            "initializationOptions": self.options,
            "workspaceFolders": [{"uri": self.folder.as_uri(), "name": "test"}],
        })  # fmt: skip
        self.tell("initialized", {})
        return result

    def stop(self) -> int:
        if self.process.poll() is None:
            self.ask("shutdown", None)
            self.tell("exit", None)
        return self.process.wait(TIMEOUT)

    # -- documents -----------------------------------------------------------------------------------------------------

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> None:
        self.texts[name] = (1, text)
        self.tell("textDocument/didOpen", {
            "textDocument": {"uri": self.uri(name), "languageId": "python", "version": 1, "text": text}
        })  # fmt: skip

    def edit(self, name: str, *changes: dict) -> int:
        version = self.texts[name][0] + 1
        self.texts[name] = (version, "")
        self.tell("textDocument/didChange", {
            "textDocument": {"uri": self.uri(name), "version": version}, "contentChanges": list(changes)
        })  # fmt: skip
        return version

    def close(self, name: str) -> None:
        self.tell("textDocument/didClose", {"textDocument": {"uri": self.uri(name)}})

    def diagnostics(self, name: str, version: int | None = None) -> list[dict]:
        """Those of the version; None is whatever comes next without a version."""
        uri = self.uri(name)
        while True:
            for params in self.published.get(uri, []):
                if params.get("version") == version:
                    return params["diagnostics"]
            params = self.notes.get(timeout=TIMEOUT)
            self.published.setdefault(params["uri"], []).append(params)

    def hover(self, name: str, line: int, character: int) -> dict | None:
        return self.ask("textDocument/hover", {
            "textDocument": {"uri": self.uri(name)}, "position": {"line": line, "character": character}
        })  # fmt: skip

    def hints(self, name: str, last: int = 10_000) -> list[dict]:
        return self.ask("textDocument/inlayHint", {
            "textDocument": {"uri": self.uri(name)},
            "range": {"start": {"line": 0, "character": 0}, "end": {"line": last, "character": 0}},
        })  # fmt: skip

    # -- what comes back -----------------------------------------------------------------------------------------------

    def _read(self) -> None:
        stream = self.process.stdout
        while True:
            length = 0
            while line := stream.readline():
                if line == b"\r\n":
                    break
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if not length:
                return
            self._take(json.loads(stream.read(length)))

    def _take(self, message: dict) -> None:
        method = message.get("method")
        if method is None:
            self.answers[message["id"]].put(message)
            return
        self.seen.append(method)
        if method == "textDocument/publishDiagnostics":
            self.notes.put(message["params"])
        elif "id" in message:
            settings = method == "workspace/configuration"
            self.send({"id": message["id"], "result": [self.settings] if settings else None})

    def _read_errors(self) -> None:
        for line in self.process.stderr:
            self.errors.append(line.decode(errors="replace"))
