"""The simulated day as an SVG: what arrived, how many workers were needed and were there, and what waited."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from scaling.day import SLOTS, Day

WIDTH, LEFT, RIGHT = 960, 60, 20
TOP, GAP = 78, 46
STEP_SECONDS = 120
COLOURS = ("#0b63c5", "#8a8a8a", "#d9730d")
INK, GRID, NEEDED = "#333333", "#e4e4e4", "#bfe3c4"


class Panel:
    """One of the plots that share the time of day."""

    def __init__(self, top: int, height: int, title: str, highest: float, marks: Sequence[int], hours: int) -> None:
        self._bottom = top + height
        self._height = height
        self._highest = highest
        self._hours = hours
        self.parts = [text(LEFT, top - 8, title, weight="bold")]
        for mark in marks:
            y = self.y(mark)
            self.parts.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
            self.parts.append(text(LEFT - 6, y + 4, str(mark), anchor="end"))
        for hour in range(0, hours + 1, 3):
            x = self.x(hour * 3600)
            self.parts.append(text(x, self._bottom + 16, f"{hour:02}:00", anchor="middle"))

    def x(self, second: float) -> float:
        return round(LEFT + second / (self._hours * 3600) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(self._bottom - min(value, self._highest) / self._highest * self._height, 1)

    def area(self, values: Sequence[float], seconds: int, colour: str) -> None:
        outline = self._steps(values, seconds)
        self.parts.append(f'<path d="M{LEFT} {self._bottom}{outline}V{self._bottom}Z" fill="{colour}"/>')

    def line(self, values: Sequence[float], seconds: int, colour: str, width: float = 1.6) -> None:
        outline = self._steps(values, seconds).replace("L", "M", 1)
        self.parts.append(f'<path d="{outline}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def _steps(self, values: Sequence[float], seconds: int) -> str:
        path: list[str] = []
        at = 0
        for value, run in groupby(self.y(value) for value in values):
            length = sum(1 for _ in run)
            move = f"L{self.x(at)} {value}" if not path else f"V{value}"
            at += length * seconds
            path.append(f"{move}H{self.x(at)}")
        return "".join(path)


def text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{words}</text>'


def coarse(values: Sequence[float], pick: Callable[[Sequence[float]], float]) -> list[float]:
    return [pick(values[at : at + STEP_SECONDS]) for at in range(0, len(values), STEP_SECONDS)]


def legend(names: Sequence[str]) -> Iterator[str]:
    x = LEFT
    for name, colour in (("needed", NEEDED), *zip(names, COLOURS, strict=True)):
        yield f'<rect x="{x}" y="42" width="18" height="10" fill="{colour}"/>'
        yield text(x + 24, 52, name)
        x += 64 + 8 * len(name)


def draw(day: Day) -> str:
    """The SVG document; the same for the same day."""
    hours = len(day.needed) // 3600
    arrivals = Panel(TOP + 20, 90, "Executions that arrive a minute (bursts are cut off)", 300, (0, 150, 300), hours)
    arrivals.area(day.arrivals, 60, "#9db7d5")

    highest = max(max(outcome.replicas) for outcome in day.outcomes) + 1
    workers = Panel(TOP + 20 + 90 + GAP, 260, "Workers", highest, range(0, highest + 1, 5), hours)
    workers.area([-(-value // SLOTS) for value in coarse(day.needed, max)], STEP_SECONDS, NEEDED)
    for outcome, colour in reversed(list(zip(day.outcomes, COLOURS, strict=True))):
        workers.line(coarse(outcome.replicas, max), STEP_SECONDS, colour)

    depth = Panel(
        TOP + 20 + 350 + 2 * GAP,
        120,
        "Seconds for which the oldest execution has waited",
        140,
        (0, 30, 60, 90, 120),
        hours,
    )
    for outcome, colour in reversed(list(zip(day.outcomes, COLOURS, strict=True))):
        depth.line(coarse(outcome.oldest, max), STEP_SECONDS, colour, 1.2)

    height = TOP + 20 + 470 + 2 * GAP + 34
    frame = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" fill="{INK}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            text(LEFT, 26, "A simulated day: workers against need", weight="bold"),
            *legend([outcome.name for outcome in day.outcomes]),
            *arrivals.parts,
            *workers.parts,
            *depth.parts,
            "</svg>\n",
        ]
    )
