"""Diagnostics: what `tensight check` says of each open file, published with the version it is about."""

from __future__ import annotations

from tensight_server.documents import Document


def register(server) -> None:
    server.on_view.append(lambda document: publish(server, document))
    server.on_close.append(lambda document: clear(server, document))


def publish(server, document: Document) -> None:
    if document.fresh:
        findings = document.view.findings if server.settings.diagnose else []
        server.text_document_publish_diagnostics(server.convert.diagnostics(document, findings))


def clear(server, document: Document) -> None:
    server.text_document_publish_diagnostics(server.convert.diagnostics(document, []))
