"""Code actions: switch a rule off on a line, with a comment."""

from __future__ import annotations

import re

from lsprotocol import types

from tensight_server.documents import Document

COMMENT = re.compile(r"#\s*tensight:\s*ignore\[(?P<names>[^\]]*)\]")


def register(server) -> None:
    options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = server.documents.get(params.text_document.uri)
        if document is None or not document.fresh:
            return []
        found = []
        for diagnostic in params.context.diagnostics:
            name = diagnostic.code
            if (
                diagnostic.source == "tensight"
                and isinstance(name, str)
                and not name.startswith(("syntax", "over-", "incomplete"))
            ):
                line = diagnostic.range.start.line + 1
                if line <= document.source.line_count:
                    found.append(server.convert.edit_action(
                        document, f"Ignore {name} on this line", diagnostic, line, *suppression(document, line, name)
                    ))  # fmt: skip
        return found


def suppression(document: Document, line: int, name: str) -> tuple[int, str]:
    """Where on the line to insert what: a new comment, or one more name in the one that is there."""
    text = document.source.line(line)
    there = COMMENT.search(text)
    if there:
        return there.end("names"), f", {name}"
    return len(text.rstrip()), f"  # tensight: ignore[{name}]"
