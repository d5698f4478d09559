"""What became of the example's promises (examples/bpi2013-settings.toml) for the incidents of BPI
Challenge 2013, computed from the XES file by the rules in docs/SLA.md, without ticketlog.

    python tests/independent/bpi2013.py bpi_challenge_2013_incidents.xes.gz

All times are whole seconds since 1970 UTC, as the file's times are.
"""

from __future__ import annotations

import gzip
import sys
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd

SETTINGS = Path(__file__).parents[2] / "examples" / "bpi2013-settings.toml"
DAY = 86_400
CATEGORY = {
    ("Accepted", "In Progress"): "open",
    ("Accepted", "Assigned"): "open",
    ("Accepted", "Wait - User"): "pending",
    ("Accepted", "Wait - Customer"): "on-hold",
    ("Accepted", "Wait - Vendor"): "on-hold",
    ("Accepted", "Wait - Implementation"): "on-hold",
    ("Accepted", "Wait"): "on-hold",
    ("Queued", "Awaiting Assignment"): "open",
    ("Completed", "Resolved"): "solved",
    ("Completed", "In Call"): "solved",
    ("Completed", "Closed"): "closed",
    ("Completed", "Cancelled"): "cancelled",
    ("Unmatched", "Unmatched"): "open",
}
PRIORITY = {"Major": "critical", "High": "high", "Medium": "medium", "Low": "low"}
POLICY = {"critical": "urgent", "high": "urgent", "medium": "others", "low": "others"}
COUNTED = {
    "total_resolution_time": ("open", "pending", "on-hold"),
    "requester_wait_time": ("open", "on-hold"),
    "agent_work_time": ("open",),
}
ACTIVE = COUNTED["total_resolution_time"]
RUN = ["case", "metric", "instance"]
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": DAY}


class Hours:
    """Open from one time of the day to another, Monday to Friday, by a zone's clocks; neither may
    fall on a change of the clocks."""

    def __init__(self, zone: str, start: int, end: int) -> None:
        self.zone, self.start, self.length = zone, start, end - start

    def before(self, at: pd.Series) -> np.ndarray:
        """The open seconds from 1970 until each instant."""
        wall = pd.to_datetime(at, unit="s", utc=True).dt.tz_convert(self.zone).dt.tz_localize(None)
        days = wall.dt.normalize().to_numpy().astype("datetime64[D]")
        second = wall.dt.hour * 3_600 + wall.dt.minute * 60 + wall.dt.second
        today = np.clip(second.to_numpy() - self.start, 0, self.length) * np.is_busday(days)
        return np.busday_count("1970-01-01", days) * self.length + today

    def reached(self, seconds: pd.Series) -> np.ndarray:
        """The first instants at which so many have been open."""
        days = np.busday_offset("1970-01-01", (seconds.to_numpy() - 1) // self.length, "forward")
        rest = (seconds.to_numpy() - 1) % self.length + 1
        wall = pd.Series(days.astype("datetime64[s]").astype("int64") + self.start + rest)
        local = pd.to_datetime(wall, unit="s").dt.tz_localize(self.zone)
        return local.dt.tz_convert("UTC").dt.as_unit("s").astype("int64").to_numpy()


def policies() -> tuple[pd.DataFrame, dict[str, Hours]]:
    """(policy, metric, priority) -> target and whether in open time; a policy's hours."""
    written = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    found, hours = [], {}
    for name, policy in written["sla_policies"].items():
        calendar = written["calendars"][policy["calendar"]]
        ((days, (span,)),) = calendar["week"].items()
        assert days == "mon-fri"
        start, end = (int(each[:2]) * 3_600 + int(each[3:]) * 60 for each in span.split("-"))
        hours[name] = Hours(calendar["zone"], start, end)
        for each in policy["targets"]:
            for priority, within in each["within"].items():
                target = int(within[:-1]) * SECONDS[within[-1]]
                business = each.get("business", False)
                found.append((name, each["metric"], priority, target, business))
    columns = ["policy", "metric", "priority", "target", "business"]
    return pd.DataFrame(found, columns=columns), hours


def rows(file: Path) -> pd.DataFrame:
    """The events of the file, by case in its order: case, at, category, team, priority."""
    found: list[tuple[Any, ...]] = []
    with gzip.open(file) as xml:
        for _, trace in ElementTree.iterparse(xml):
            if not trace.tag.endswith("trace"):
                continue
            case = next(each.get("value") for each in trace if each.get("key") == "concept:name")
            for event in trace:
                if event.tag.endswith("event"):
                    said = {each.get("key"): each.get("value") or "" for each in event}
                    category = CATEGORY[said["concept:name"], said["lifecycle:transition"]]
                    at = int(datetime.fromisoformat(said["time:timestamp"]).timestamp())
                    impact = PRIORITY[said["impact"]]
                    found.append((case, at, category, said["org:group"], impact))
            trace.clear()
    return pd.DataFrame(found, columns=["case", "at", "category", "team", "priority"])


def spans(table: pd.DataFrame, until: int) -> pd.DataFrame:
    """What the clocks were through: case, metric, instance, priority, start, end; `counted`: it
    ran; `goes_on`: and lives still; `then`: what the ticket became."""
    by_case = table.groupby("case", sort=False)
    active = table["category"].isin(ACTIVE)
    found = table.assign(
        start=table["at"],
        # A case begins with its first row, also where that row ends it.
        end=by_case["at"].shift(-1, fill_value=until).where(active, table["at"]),
        then=by_case["category"].shift(-1).where(active, table["category"]),
    )
    found["goes_on"] = found["then"].isna()
    first = ~table["case"].duplicated()
    was_active = active.groupby(table["case"]).shift(fill_value=True)
    lives = []
    for metric, counted in COUNTED.items():
        mine = found[active | first]
        counts = mine["category"].isin(counted)
        lives.append(mine.assign(metric=metric, instance=1, counted=counts))
    # Another team gets it, or it comes back to the team that it had.
    handed_over = (table["team"] != by_case["team"].shift()) & (active | was_active)
    begins = handed_over | (active & ~was_active)
    found["instance"] = begins.groupby(table["case"]).cumsum()
    owned = found[active | begins]
    lives.append(owned.assign(metric="group_ownership_time", counted=True))
    columns = ["case", "metric", "instance", "priority", "start", "end"]
    return pd.concat(lives)[[*columns, "counted", "goes_on", "then"]]


def clocks(file: Path, until: int) -> pd.DataFrame:
    """Every run of a clock: case, metric, instance, priority, policy, target, business, used (all
    time), open (time), and the instants activated, breached and ended (missing where it wasn't)."""
    targets, hours = policies()
    lives = spans(rows(file), until)
    lives["policy"] = lives["priority"].map(POLICY)
    lives = lives.merge(targets, on=["policy", "metric", "priority"], how="left")
    ran = lives[lives["counted"]].copy()
    ran["used"], ran["open"] = ran["end"] - ran["start"], 0
    for policy, calendar in hours.items():
        mine = ran["policy"] == policy
        start, end = ran.loc[mine, "start"], ran.loc[mine, "end"]
        ran.loc[mine, "open"] = calendar.before(end) - calendar.before(start)
    counts = ran["open"].where(ran["business"], ran["used"])
    left = ran["target"] - (counts.groupby([ran[name] for name in RUN]).cumsum() - counts)
    ran["due"] = ran["start"] + left
    for policy, calendar in hours.items():
        mine = (ran["policy"] == policy) & ran["business"]
        goal = calendar.before(ran.loc[mine, "start"]) + left[mine]
        ran.loc[mine, "due"] = np.maximum(calendar.reached(goal), ran.loc[mine, "start"])
    # What ends at the very instant at which it is due is met; a clock that runs on is breached,
    # also where the desk has closed at that instant.
    broken = ran[(left >= 0) & (ran["due"] < ran["end"])]

    known = ["priority", "policy", "target", "business"]
    found = lives.groupby(RUN, sort=False).agg(
        **{name: (name, "first") for name in known},
        activated=("start", "first"),
        ended=("end", "last"),
        goes_on=("goes_on", "last"),
        then=("then", "last"),
    )
    found["ended"] = found["ended"].where(~found.pop("goes_on"))
    found["breached"] = broken.groupby(RUN)["due"].first()
    for name in ("used", "open"):
        found[name] = ran.groupby(RUN)[name].sum()
    return found.fillna({"used": 0, "open": 0}).astype({"used": int, "open": int}).reset_index()


def attainment(runs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Per month (UTC) and `by`: how many were met, breached and withdrawn, each run when that was
    decided, a breach when it was due; of those fulfilled in the month how many, and the median and
    the 90th percentile of the time used (missing where there are none)."""
    broken, fulfilled = runs["breached"].notna(), runs["ended"].notna()
    cancelled = runs["then"] == "cancelled"
    runs = runs.assign(
        outcome=np.select(
            [broken, fulfilled & cancelled, fulfilled], ["breached", "withdrawn", "met"], ""
        ),
        decided=_month(runs["breached"].fillna(runs["ended"])),
        month=_month(runs["ended"].where(~cancelled)),
    )
    decided = runs[runs["outcome"] != ""]
    counts = decided.groupby(["decided", *by])["outcome"].value_counts().unstack()
    times = runs.groupby(["month", *by])[["used", "open"]].agg(["size", median, p90])
    times.columns = [
        *("used_n", "used_median_seconds", "used_p90_seconds"),
        *("business_used_n", "business_used_median_seconds", "business_used_p90_seconds"),
    ]
    found = counts.rename_axis(["month", *by]).join(times, how="outer")
    return found.fillna({name: 0 for name in found.columns if not name.endswith("_seconds")})


def _month(at: pd.Series) -> pd.Series:
    return pd.to_datetime(at, unit="s", utc=True).dt.strftime("%Y-%m")


def median(values: pd.Series) -> int:
    """By nearest rank."""
    return int(values.sort_values().iloc[(len(values) + 1) // 2 - 1])


def p90(values: pd.Series) -> int:
    return int(values.sort_values().iloc[(len(values) * 9 + 9) // 10 - 1])


if __name__ == "__main__":
    path, end = Path(sys.argv[1]), datetime.fromisoformat("2012-06-01T00:00:00Z")
    print(attainment(clocks(path, int(end.timestamp())), ["metric"]).to_string())
