"""Inlay hints: shapes after names, at most one a line, and by default only where something new is said."""

from __future__ import annotations

from lsprotocol import types

from tensight_server.features.hover import content, plain
from tensight_server.settings import Settings
from tensight_server.view import Hint, View


def register(server) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintOptions(resolve_provider=True))
    async def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        document = server.documents.get(params.text_document.uri)
        view = document.seen() if document is not None else None
        if view is None:
            return []
        first, last = params.range.start.line + 1, params.range.end.line + 1
        return [
            server.convert.inlay_hint(document, hint)
            for hint in chosen(view, server.settings) if first <= hint.line <= last
        ]  # fmt: skip

    @server.feature(types.INLAY_HINT_RESOLVE)
    async def resolve(hint: types.InlayHint) -> types.InlayHint:
        data = hint.data if isinstance(hint.data, dict) else {}
        document = server.documents.get(data.get("uri", ""))
        if document is not None and document.fresh and document.version == data.get("version"):
            spot = document.view.spots[data["spot"]]
            hint.tooltip = "\n".join(plain(content(document.view, spot, document.source.lines()), document.path))
        return hint


def chosen(view: View, settings: Settings) -> list[Hint]:
    """The hints that the settings ask for, one a line."""
    if settings.hints == "off":
        return []
    lines: dict[int, Hint] = {}
    for hint in view.hints:
        if hint.changed or settings.hints == "all":
            lines.setdefault(hint.line, hint)
    return list(lines.values())
