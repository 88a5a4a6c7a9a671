"""The folder of a run: what was recorded, how it ended, and what the checker made of it."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from chaos.checker import Verdict, check
from chaos.final import Final
from chaos.history import History


@dataclass(frozen=True)
class Records:
    """Files in one folder; enough to judge again, with another checker, on another machine."""

    folder: Path

    @property
    def history(self) -> Path:
        """Events, one a line."""
        return self.folder / "history.jsonl"

    @property
    def _final(self) -> Path:
        return self.folder / "final.json"

    def save(self, final: Final) -> None:
        """Keep the end."""
        self._final.write_bytes(msgspec.json.encode(final))

    def judge(self) -> Verdict:
        """Check the history against the end; the verdict and each violation are kept too."""
        final = msgspec.json.decode(self._final.read_bytes(), type=Final)
        verdict = check(History.read(self.history), final)
        (self.folder / "verdict.json").write_bytes(msgspec.json.format(msgspec.json.encode(verdict.document())))
        lines = [f"{violation.kind}: {violation.what}\n" for violation in verdict.violations]
        (self.folder / "violations.txt").write_text("".join(lines))
        return verdict
