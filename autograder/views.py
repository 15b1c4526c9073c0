"""What an instructor sees of a watcher: a table on a terminal, lines elsewhere."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from autograder.course.watch import News, State
from autograder.text import in_line

_LAST = 12  # lines below the table
_STYLES = {"graded": "green", "not-taken": "yellow", "failed": "red", "problem": "red"}


class Lines:
    """A line for each of the news.

    Parameters
    ----------
    form : str
        ``text`` or ``json``.
    """

    def __init__(self, form: str) -> None:
        self._as_json = form == "json"

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def news(self, news: News) -> None:
        """Tell of something."""
        now = datetime.now().astimezone()
        if self._as_json:
            line = json.dumps({"time": now.isoformat(timespec="seconds"), **asdict(news)})
        else:
            line = f"{now:%Y-%m-%d %H:%M:%S} {_in_words(news)}"
        print(line, flush=True)

    def state(self, state: State) -> None:
        """Lines tell of news only."""


class LiveTable:
    """A table of counts that is always up to date, and the latest news below it."""

    def __init__(self) -> None:
        self._latest: deque[tuple[str, str]] = deque(maxlen=_LAST)
        self._live = Live(console=Console(highlight=False), auto_refresh=False)

    def __enter__(self) -> LiveTable:
        self._live.start()
        self._live.update(Text("Waiting for submissions; Ctrl-C ends this."), refresh=True)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def news(self, news: News) -> None:
        """Remember something for the next time that the table is drawn."""
        self._latest.append((f"{datetime.now():%H:%M:%S} {_in_words(news)}", news.kind))

    def state(self, state: State) -> None:
        """Draw the table."""
        table = Table(title="Graded as it arrives; Ctrl-C ends this")
        cells = {
            "graded": state.counts.get("graded", 0),
            "a minute": f"{state.per_minute:.1f}",
            "median": f"{state.seconds:.1f} s",
            "running": state.running,
            "next": state.waiting,
            "later": state.held,
            "for you": state.counts.get("failed", 0) + state.counts.get("not-taken", 0),
        }
        for heading in cells:
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_row(*map(str, cells.values()))
        lines = [
            Text(line, _STYLES.get(kind, ""), no_wrap=True, overflow="ellipsis")
            for line, kind in self._latest
        ]
        if state.problem:
            lines.append(Text(state.problem, "bold red"))
        self._live.update(Group(table, *lines), refresh=True)


def _in_words(news: News) -> str:
    whose = f"{news.student} {news.assignment}" if news.student else ""
    attempt = f", attempt {news.attempt}" if news.attempt and news.kind == "graded" else ""
    took = f" ({news.seconds:.1f} s)" if news.seconds is not None else ""
    said = f": {news.text}" if news.text else ""
    return in_line(f"{whose}{attempt} {news.kind}{said}{took}".strip())
