"""What alerts are to do, told a second way: from all that ever happened to each, read as a string of marks.

Marks of one story: ``1`` the condition held, ``R`` it held and was graver or another fault, ``0`` it did not hold, ``h`` it did not hold and
was not clear either, ``V`` it did not hold and another version serves, ``a`` somebody took it on. A window that cannot be judged leaves no mark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

RANK = {"notice": 0, "warning": 1, "page": 2}
ABOUT_INPUTS = {"data_drift", "data_quality", "arrival"}
COMES_BACK = {"data_drift", "data_quality", "arrival", "rule"}  # groups whose alerts are taken up again
ROWS = {"no_data", "arrival"}
DRIFT = {"data_drift", "prediction_drift"}


@dataclass
class Story:
    """One alert: the marks since it opened or came back, and what it has become."""

    group: str
    severity: str
    members: set[str]
    needs: tuple[int, int]
    resolve_after: int
    version: str
    number: int  # of its first window
    marks: str = "1"
    returns: int = 0
    last: int = 0  # number of the window that ended it
    ended: datetime | None = None
    inhibited: bool = False
    owner: str | None = None
    comments: list[str] = field(default_factory=list)
    order: int = 0  # among those of its group

    @property
    def fired(self) -> str | None:
        """Return the marks from the one on at which it fired, or was taken on; None while it waits."""
        windows = ""
        for place, mark in enumerate(self.marks):
            if mark == "a":
                return self.marks[place:]
            windows += "1" if mark in "1R" else "0"
            if windows[-self.needs[1] :].count("1") >= self.needs[0]:
                return self.marks[place:]
        return None

    @property
    def needed(self) -> int:
        return self.resolve_after * min(2**self.returns, 8)

    @property
    def state(self) -> str:
        """Return its state but for silences."""
        if self.marks.endswith("V") or self.marks.endswith("."):
            return "resolved"
        after = self.fired
        if after is None:
            waits = re.sub("[^1]", "0", self.marks.replace("R", "1"))
            hopeless = self.needs[1] == 1 or "1" not in waits[1 - self.needs[1] :]
            return "resolved" if hopeless else "pending"
        if re.search("0" * self.needed + "$", after.replace("a", "")):
            return "resolved"
        turns: list[str] = re.findall("a|R|01|0", after.replace("h", ""))
        return {"a": "acknowledged", "R": "firing", "01": "firing", "0": "recovering"}[turns[-1]] if turns else "firing"


def brings_about(cause: Story, story: Story) -> bool:
    """Whether an open alert brings another one about: source, rows, columns, drift."""
    if cause.state in ("pending", "resolved") or RANK[cause.severity] < RANK[story.severity]:
        return False
    follows = {
        "job": ROWS | DRIFT | {"data_quality"},
        "no_data": DRIFT | {"data_quality"},
        "arrival": DRIFT | {"data_quality"},
        "data_quality": DRIFT,
    }.get(cause.group, set())
    if story.group not in follows:
        return False
    return cause.group != "data_quality" or story.members <= cause.members | {"prediction"}


@dataclass
class Oracle:
    """Every story there was, by group, the latest last."""

    stories: dict[str, list[Story]] = field(default_factory=dict)

    def open(self, group: str) -> Story | None:
        told = self.stories.get(group, [])
        return told[-1] if told and told[-1].state != "resolved" else None

    def every(self) -> list[Story]:
        return [story for told in self.stories.values() for story in told]

    def window(
        self, number: int, version: str, held: dict[str, tuple[str, set[str]]], holding: set[str], silent: set[str],
        needs: dict[str, tuple[int, int]], resolve_after: dict[str, int],
    ) -> None:  # fmt: skip
        """Take up a window, its day counted from the first: what held (severity and members), what held on, what could not be judged."""
        before = {id(story): story.state for story in self.every()}
        for group in sorted({*needs}):
            story = self.open(group)
            if story is not None:
                self._goes_on(story, number, version, held.get(group), group in holding, group in silent)
            elif group in held:
                self._begins(group, number, version, *held[group], needs[group], resolve_after[group])
        self.consequences(before)

    def _goes_on(
        self, story: Story, number: int, version: str, held: tuple[str, set[str]] | None, holding: bool, silent: bool
    ) -> None:  # fmt: skip
        if held is not None:
            severity, members = held
            graver = RANK[severity] > RANK[story.severity]
            another = story.group == "arrival" and not members <= story.members
            story.marks += "R" if graver or another else "1"
            story.severity = severity if graver else story.severity
            story.members = story.members | members
        elif holding:
            story.marks += "h"
        elif not silent:
            other = version != story.version and story.group not in ABOUT_INPUTS
            story.marks += "V" if other else "0"
        if story.state == "resolved":
            story.last = number

    def _begins(
        self, group: str, number: int, version: str, severity: str, members: set[str], needs: tuple[int, int], resolve_after: int
    ) -> None:  # fmt: skip
        told = self.stories.setdefault(group, [])
        again = [
            story
            for story in told
            if group in COMES_BACK
            and needs[0] == 1
            and story.version == version
            and members <= story.members
            and RANK[severity] <= RANK[story.severity]
            and number - (story.last + 1) <= 28
        ]
        if again:
            story = max(again, key=lambda story: story.last)
            story.marks, story.returns, story.inhibited = "1", story.returns + 1, False
            told.remove(story)
            told.append(story)
        else:
            told.append(Story(group, severity, set(members), needs, resolve_after, version, number, order=len(told)))

    def job(self, severity: str | None, now: datetime, ended: datetime) -> None:
        """Take up whether a source fails, and how gravely; ``ended``: when it is over, if it is."""
        before = {id(story): story.state for story in self.every()}
        story, told = self.open("job"), self.stories.setdefault("job", [])
        if story is not None:
            if severity is None:
                story.marks += "."
                story.ended = ended
            elif RANK[severity] > RANK[story.severity]:
                story.marks, story.severity = story.marks + "R", severity
        elif severity is not None:
            lately = [s for s in told if s.ended is not None and now - s.ended <= timedelta(days=2)]
            if lately:
                story = max(lately, key=lambda s: s.ended or now)
                story.marks, story.returns, story.inhibited = "1", story.returns + 1, False
                story.severity = max(severity, story.severity, key=RANK.__getitem__)
                told.remove(story)
                told.append(story)
            else:
                told.append(Story("job", severity, set(), (1, 1), 1, "", 0, order=len(told)))
        self.consequences(before)

    def consequences(self, before: dict[int, str]) -> None:
        """Say which alerts are brought about by which: those that begin to fire beside a cause, until there is none."""
        stories = [story for story in self.every() if story.state != "resolved"]
        for story in stories:
            caused = any(brings_about(cause, story) for cause in stories if cause is not story)
            begins = story.state == "firing" and before.get(id(story), "pending") in ("pending", "resolved")
            story.inhibited = caused and (story.inhibited or begins)
