"""What users can set, as the client sends it under `tensight`."""

from __future__ import annotations

from dataclasses import dataclass

HINTS = ("off", "changes", "all")


@dataclass(frozen=True)
class Settings:
    hints: str = "changes"  # tensight.inlayHints.mode
    evaluate: bool = True  # tensight.evaluation.enabled: computing values for hovers, in a process of its own
    seconds: float = 2.0  # tensight.evaluation.seconds, for one value
    megabytes: float = 512.0  # tensight.evaluation.megabytes
    steps: int = 1_000_000  # tensight.evaluation.steps
    diagnose: bool = True  # tensight.diagnostics.enabled

    @property
    def budget(self) -> dict:
        return {"seconds": self.seconds, "megabytes": self.megabytes, "steps": self.steps}

    @classmethod
    def read(cls, sent: object) -> Settings:
        """From the client's JSON; what is missing or makes no sense keeps its default."""

        def get(section: str, key: str, kind: type | tuple, default):
            group = sent.get(section) if isinstance(sent, dict) else None
            value = group.get(key) if isinstance(group, dict) else None
            if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
                return default
            return value

        def positive(key: str, kind: type | tuple, default):
            value = get("evaluation", key, kind, default)
            return value if value > 0 else default

        mode = get("inlayHints", "mode", str, cls.hints)
        return cls(
            mode if mode in HINTS else cls.hints, get("evaluation", "enabled", bool, cls.evaluate),
            positive("seconds", (int, float), cls.seconds), positive("megabytes", (int, float), cls.megabytes),
            positive("steps", int, cls.steps), get("diagnostics", "enabled", bool, cls.diagnose),
        )  # fmt: skip


@dataclass(frozen=True)
class Client:
    """What the client can do, and what ours asks for beyond that."""

    encoding: str = "utf-16"
    markdown: bool = True  # hovers may be Markdown
    links: bool = False  # file links in hovers: our own client asks for them
    trusted: bool = True  # an untrusted workspace gets facts only, no values
    related: bool = False  # diagnostics may point at other places
    configuration: bool = False  # settings are asked for
    watching: bool = False  # changed settings and files can be asked for
    hint_refresh: bool = False
