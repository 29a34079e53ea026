"""Plain data to the protocol's objects and back.  Nowhere else are columns counted in the client's units."""

from __future__ import annotations

import os

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path
from tensight_analyzer.source.text import SourceText

from tensight_server.documents import Change, Document, Documents
from tensight_server.settings import Client
from tensight_server.view import Hint, Spot

SEVERITY = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "note": types.DiagnosticSeverity.Information,
}


class Converter:
    """Speaks one client's dialect."""

    def __init__(self, client: Client, documents: Documents):
        self.client = client
        self.documents = documents

    # -- from the client -----------------------------------------------------------------------------------------------

    def line_col(self, source: SourceText, position: types.Position) -> tuple[int, int]:
        """A position as line from 1 and column in characters; one outside the text is moved inside."""
        line = min(max(position.line + 1, 1), source.line_count)
        if line != position.line + 1:
            return line, len(source.line(line))
        return line, source.from_units(line, position.character, self.client.encoding)

    def changes(self, events: list) -> list[Change]:
        found = []
        for event in events:
            span = getattr(event, "range", None)
            if span is None:
                found.append(Change(event.text))
            else:
                start, end = span.start, span.end
                found.append(Change(event.text, (start.line, start.character), (end.line, end.character)))
        return found

    def path(self, uri: str) -> str:
        """The file of a URI; a name of its own for a document that is no file."""
        path = to_fs_path(uri) if uri.startswith("file:") else None
        if path:
            return os.path.abspath(path)
        name = "".join(c if c.isalnum() or c in "-." else "_" for c in uri)
        return os.path.join(os.path.abspath(os.sep), "unsaved", name)

    def uri(self, path: str) -> str:
        document = self.documents.at_path(path)
        return document.uri if document is not None else from_fs_path(path) or ""

    # -- to the client -------------------------------------------------------------------------------------------------

    def position(self, source: SourceText | None, line: int, col: int) -> types.Position:
        if source is not None and 1 <= line <= source.line_count:
            col = source.to_units(line, col, self.client.encoding)
        return types.Position(line=max(line - 1, 0), character=max(col, 0))

    def range(self, source: SourceText | None, line: int, col: int, end_line: int, end_col: int) -> types.Range:
        return types.Range(start=self.position(source, line, col), end=self.position(source, end_line, end_col))

    def hover(self, source: SourceText, spot: Spot, text: str) -> types.Hover:
        kind = types.MarkupKind.Markdown if self.client.markdown else types.MarkupKind.PlainText
        return types.Hover(contents=types.MarkupContent(kind=kind, value=text), range=self.range(source, *spot[:4]))

    def diagnostics(self, document: Document, findings: list[dict]) -> types.PublishDiagnosticsParams:
        found = [self.diagnostic(document, finding) for finding in findings]
        return types.PublishDiagnosticsParams(uri=document.uri, version=document.version, diagnostics=found)

    def diagnostic(self, document: Document, finding: dict) -> types.Diagnostic:
        span = (finding["line"], finding["col"], finding["end_line"], finding["end_col"])
        message, notes = finding["message"], finding["notes"]
        related = None
        if notes and self.client.related:
            related = [self.related(note) for note in notes]
        elif notes:
            message += "".join(f"\n{self._place(document, note)}: {note['message']}" for note in notes)
        if finding["fix"]:
            message += f"\nFix: {finding['fix']}"
        return types.Diagnostic(
            range=self.range(document.source, *span), severity=SEVERITY.get(finding["severity"]), code=finding["name"],
            source="tensight", message=message, related_information=related,
        )  # fmt: skip

    def related(self, note: dict) -> types.DiagnosticRelatedInformation:
        source = self.documents.source(note["file"])
        span = self.range(source, note["line"], note["col"], note["line"], note["col"])
        return types.DiagnosticRelatedInformation(
            location=types.Location(uri=self.uri(note["file"]), range=span), message=note["message"]
        )

    def _place(self, document: Document, note: dict) -> str:
        same = note["file"] == document.path
        return f"line {note['line']}" if same else f"{os.path.basename(note['file'])}:{note['line']}"

    def inlay_hint(self, document: Document, hint: Hint) -> types.InlayHint:
        source = document.source
        edits = None
        if hint.insert and document.fresh:
            end = self.position(source, hint.line, len(source.line(hint.line).rstrip()))
            edits = [types.TextEdit(range=types.Range(start=end, end=end), new_text=hint.insert)]
        return types.InlayHint(
            position=self.position(source, hint.line, hint.col), label=hint.label, kind=types.InlayHintKind.Type,
            padding_left=False, padding_right=False, text_edits=edits,
            data={"uri": document.uri, "version": document.version, "spot": hint.spot},
        )  # fmt: skip

    def edit_action(self, document: Document, title: str, diagnostic: types.Diagnostic, line: int, col: int, text: str
                    ) -> types.CodeAction:  # fmt: skip
        at = self.position(document.source, line, col)
        edit = types.TextEdit(range=types.Range(start=at, end=at), new_text=text)
        return types.CodeAction(
            title=title, kind=types.CodeActionKind.QuickFix, diagnostics=[diagnostic],
            edit=types.WorkspaceEdit(changes={document.uri: [edit]}),
        )  # fmt: skip


def client_of(params: types.InitializeParams, encoding: str) -> Client:
    """What an `initialize` says of the client."""
    capabilities = params.capabilities
    document, workspace = capabilities.text_document, capabilities.workspace
    options = params.initialization_options if isinstance(params.initialization_options, dict) else {}

    def has(thing: object, *names: str) -> bool:
        for name in names:
            thing = getattr(thing, name, None)
        return bool(thing)

    formats = getattr(getattr(document, "hover", None), "content_format", None)
    return Client(
        encoding=encoding,
        markdown=not formats or formats[0] == types.MarkupKind.Markdown,
        links=options.get("fileLinks") is True,
        trusted=options.get("trusted") is not False,
        related=has(document, "publish_diagnostics", "related_information"),
        configuration=has(workspace, "configuration"),
        watching=has(workspace, "did_change_watched_files", "dynamic_registration"),
        hint_refresh=has(workspace, "inlay_hint", "refresh_support"),
    )
