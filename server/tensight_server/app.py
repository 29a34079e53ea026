"""The server: what comes in, and which part takes care of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import to_fs_path

from tensight_server.analysis import Analysis
from tensight_server.convert import Converter, client_of
from tensight_server.documents import Document, Documents
from tensight_server.evaluation import Evaluation
from tensight_server.features import actions, diagnostics, hover, inlay
from tensight_server.processes import Helper
from tensight_server.settings import Client, Settings

FEATURES = (diagnostics, hover, inlay, actions)

log = logging.getLogger(__name__)


class Protocol(LanguageServerProtocol):
    """Leaves the texts of documents to us: the library's own store counts form feeds as line ends."""

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams):
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams):
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams):
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None


class TensightServer(LanguageServer):
    """What all features share.  `on_view` and `on_close` are told of documents."""

    def __init__(self, analyst: Helper | None = None):
        super().__init__("tensight", own_version(), protocol_cls=Protocol)
        self.documents = Documents()
        self.settings = Settings()
        self.client = Client()
        self.convert = Converter(self.client, self.documents)
        self.on_view: list[Callable[[Document], None]] = []
        self.on_close: list[Callable[[Document], None]] = []
        self.analysis: Analysis | None = None
        self.evaluation: Evaluation | None = None
        self._analyst = analyst  # the analysis process, if it was started early
        self.wants_status = False
        self._status: dict = {}
        register(self)
        for feature in FEATURES:
            feature.register(self)

    def report_server_error(self, error: Exception, source: object) -> None:
        """Into the log, never into the user's face; telling the client can fail again, without end."""
        log.error("%s", error)

    def evaluates(self, document: Document) -> bool:
        return self.settings.evaluate and self.client.trusted and self.evaluation is not None

    def roots(self, path: str) -> list[str]:
        """The folder of the workspace that a file belongs to."""
        folders = [to_fs_path(folder.uri) for folder in self.workspace.folders.values()] or [self.workspace.root_path]
        return [folder for folder in folders if folder and path.startswith(os.path.abspath(folder) + os.sep)]

    def viewed(self, document: Document) -> None:
        for tell in self.on_view:
            tell(document)
        if self.client.hint_refresh and document.fresh:
            self.workspace_inlay_hint_refresh(None)
        self.status(problems=document.view.problems)

    def status(self, **changes: object) -> None:
        """Tell our own client what goes on; others have no place for it."""
        if self.wants_status and any(self._status.get(name) != value for name, value in changes.items()):
            self._status |= changes
            self.protocol.notify("tensight/status", self._status)

    def start_helpers(self) -> None:
        self.analysis = Analysis(
            self.documents, self.roots, self.viewed, lambda busy: self.status(busy=busy), self._analyst
        )
        self.evaluation = Evaluation()
        self.analysis.start()

    def stop_helpers(self) -> None:
        for helper in (self.analysis, self.evaluation):
            if helper is not None:
                helper.close()

    def apply(self, settings: Settings) -> None:
        changed = settings != self.settings
        self.settings = settings
        if changed:
            for document in self.documents.by_uri.values():
                if document.view is not None:
                    self.viewed(document)


def register(server: TensightServer) -> None:
    """The life of a server, its documents and its settings."""

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        encoding = server.workspace.position_encoding
        server.client = client_of(params, getattr(encoding, "value", encoding) or "utf-16")
        server.convert = Converter(server.client, server.documents)
        options = params.initialization_options if isinstance(params.initialization_options, dict) else {}
        server.wants_status = options.get("status") is True
        server.settings = Settings.read(options.get("settings"))
        server.start_helpers()

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        if server.client.configuration:
            await pull_settings(server)
        if server.client.watching:
            await watch(server)
        if server.settings.evaluate and server.client.trusted and server.evaluation is not None:
            server.evaluation.start()

    @server.feature(types.SHUTDOWN)
    def shutdown(params: None) -> None:  # at once: an `exit` may be right behind it
        server.stop_helpers()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        document = server.documents.open(item.uri, server.convert.path(item.uri), item.version, item.text)
        server.analysis.opened_or_changed(document)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        document = server.documents.get(params.text_document.uri)
        if document is not None:
            changes = server.convert.changes(params.content_changes)
            document.change(changes, server.client.encoding, params.text_document.version)
            server.analysis.opened_or_changed(document)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        document = server.documents.close(params.text_document.uri)
        if document is not None:
            server.analysis.closed(document)
            for tell in server.on_close:
                tell(document)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        changed = {server.convert.path(event.uri) for event in params.changes}
        for document in server.documents.by_uri.values():
            files = set(document.view.files) if document.view is not None else set()
            if (changed - {document.path}) & files:
                server.analysis.want(document)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configured(params: types.DidChangeConfigurationParams) -> None:
        if server.client.configuration:
            await pull_settings(server)
        elif isinstance(params.settings, dict):
            server.apply(Settings.read(params.settings.get("tensight", params.settings)))


async def pull_settings(server: TensightServer) -> None:
    asked = types.ConfigurationParams(items=[types.ConfigurationItem(section="tensight")])
    try:
        answers = await server.workspace_configuration_async(asked)
    except Exception as error:  # a client that promises and does not keep it
        log.warning("no settings from the client: %s", error)
        return
    if answers and answers[0] is not None:
        server.apply(Settings.read(as_plain(answers[0])))


def as_plain(value: object) -> object:
    """JSON objects as dictionaries, however the library read them."""
    if hasattr(value, "_asdict"):
        return {name: as_plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {name: as_plain(item) for name, item in value.items()}
    return value


async def watch(server: TensightServer) -> None:
    """Ask to be told of changed settings and Python files."""
    watchers = types.DidChangeWatchedFilesRegistrationOptions(
        watchers=[types.FileSystemWatcher(glob_pattern="**/*.py")]
    )
    wanted = [
        types.Registration(id="files", method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES, register_options=watchers),
        types.Registration(id="settings", method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                           register_options=types.DidChangeConfigurationRegistrationOptions(section="tensight")),
    ]  # fmt: skip
    try:
        await server.client_register_capability_async(types.RegistrationParams(registrations=wanted))
    except Exception as error:
        log.warning("the client does not tell of changed files: %s", error)


def own_version() -> str:
    try:
        return version("tensight")
    except PackageNotFoundError:  # run from a checkout
        return "0"
