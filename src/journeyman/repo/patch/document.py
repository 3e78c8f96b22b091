"""A text file as lines that keep their own bytes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from journeyman.repo.patch.parse import PatchLine

BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a chunk goes: `lines` replace the file's lines from index `start` on, one kept or removed line for each.

    The texts of kept and removed lines are the patch's; the file's own are what stays and goes.
    """

    start: int
    lines: tuple[PatchLine, ...]
    closeness: int = 0
    shifted: bool = False
    chunk: int = 0

    @property
    def stop(self) -> int:
        return self.start + sum(line.sign != "+" for line in self.lines)


@dataclass(frozen=True, slots=True)
class Document:
    """`lines` without their ends; `ends` are "\\n", "\\r\\n", or "" for a last line without one.

    Bytes that are not UTF-8 are carried as surrogates, so `Document.of(data).data == data` for all bytes.
    """

    lines: Sequence[str]
    ends: Sequence[str]
    mark: str = ""

    @classmethod
    def of(cls, data: bytes) -> Self:
        text = data.decode("utf-8", "surrogateescape")
        mark = BOM if text.startswith(BOM) else ""
        pieces = text.removeprefix(BOM).split("\n")
        rest = pieces.pop()
        lines = [piece.removesuffix("\r") for piece in pieces]
        ends = ["\r\n" if piece.endswith("\r") else "\n" for piece in pieces]
        if rest:
            lines.append(rest)
            ends.append("")
        return cls(lines, ends, mark)

    @property
    def data(self) -> bytes:
        text = self.mark + "".join(line + end for line, end in zip(self.lines, self.ends, strict=True))
        return text.encode("utf-8", "surrogateescape")

    @property
    def usual_end(self) -> str:
        """The line ending that most lines have."""
        counts = Counter(end for end in self.ends if end)
        return "\r\n" if counts["\r\n"] > counts["\n"] else "\n"

    def rewritten(self, placements: Sequence[Placement]) -> "Document":
        """With the placements, which do not overlap, put in.

        Kept lines stay as they are in the file. An added line ends like the line it replaces, else like the line
        before it, else like the one after. A last line without an end stays so unless the patch changes or follows it.
        """
        lines: list[str] = []
        ends: list[str] = []
        at = 0
        for placement in sorted(placements, key=lambda each: (each.start, each.stop)):
            lines.extend(self.lines[at : placement.start])
            ends.extend(self.ends[at : placement.start])
            at = placement.start
            replaced: list[str] = []  # the ends of the removed lines that no added line has taken over yet
            for line in placement.lines:
                if line.sign == "+":
                    lines.append(line.text)
                    ends.append(self._end_of_added(replaced, ends, at))
                    continue
                if line.sign == " ":
                    lines.append(self.lines[at])
                    ends.append(self.ends[at])
                    replaced = []
                else:
                    replaced.append(self.ends[at])
                at += 1
        lines.extend(self.lines[at:])
        ends.extend(self.ends[at:])
        usual = self.usual_end
        ends[:-1] = [end or usual for end in ends[:-1]]
        return Document(lines, ends, self.mark)

    def _end_of_added(self, replaced: list[str], before: list[str], at: int) -> str:
        if replaced:
            end = replaced.pop(0) if len(replaced) > 1 else replaced[0]
        elif before:
            end = before[-1]
        else:
            end = self.ends[at] if at < len(self.ends) else ""
        return end or self.usual_end
