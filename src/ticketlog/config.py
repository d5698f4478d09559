"""The configuration of a desk, of its log and its views: `ticketlog.toml` in the desk's folder.

[log]
url = "sqlite:///log.db"

[views]
url = "sqlite:///views.db"

[publish]                              # may be missing
url = "kafka://broker:9092/ticketlog"  # default: that of the log, where it is in Kafka
personal = ["ticket.replied.v1.body"]  # personal fields that are published all the same

[desk]                                 # may be missing
simulation = true                      # its clock may be moved; made by `init --simulation`

[outbox]                               # may be missing
mail = "mail.jsonl"                    # the outbox of a name: a file that gets a JSON line each

[webhooks]                             # may be missing
allow = ["10.1.0.0/16", "http://localhost:9000"]  # targets beside the public ones by https
authorities = "internal-ca.pem"        # certificates that are trusted besides the public ones
deliver = false                        # this machine's processes deliver none; default: they do
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from ticketlog.errors import Usage

FILE = "ticketlog.toml"
VARIABLE = "TICKETLOG_DESK"
LOG_URL = "sqlite:///log.db"
VIEWS_URL = "sqlite:///views.db"


class WebhookConfig(NamedTuple):
    """The operator's word on webhooks: targets that are allowed beside public ones by https, a file
    of authorities, and whether the processes of this folder deliver."""

    allow: tuple[str, ...] = ()
    authorities: str | None = None
    deliver: bool = True


class Config(NamedTuple):
    """A desk's folder, and its URLs; a relative file in them is relative to the folder.

    `publish_url`: where accepted events are published, None: where the log is, if that is in
    Kafka. `publish_personal`: personal fields that are published, each EVENT.FIELD.
    `outboxes`: the files that get notifications, each with the outbox's name. `simulation`: times
    may be stated that lie ahead, since nothing that is recorded here really happens.
    """

    folder: Path
    log_url: str = LOG_URL
    views_url: str = VIEWS_URL
    publish_url: str | None = None
    publish_personal: tuple[str, ...] = ()
    outboxes: tuple[tuple[str, str], ...] = ()
    simulation: bool = False
    webhooks: WebhookConfig = WebhookConfig()


def views_file(config: Config) -> Path:
    """The file that holds the views, its whole path. Raises Usage for a URL that this release
    doesn't know."""
    scheme = "sqlite:///"
    name = config.views_url.removeprefix(scheme)
    if name == config.views_url or not name:
        raise Usage(f"[views] url is {config.views_url!r}: this release knows {scheme}FILE")
    return (config.folder / name).absolute()


def find(desk: str | os.PathLike[str] | None = None) -> Path:
    """The folder of the desk that is meant: the one given, the one that the environment names,
    or the nearest at or above the working folder. Raises Usage."""
    named = desk or os.environ.get(VARIABLE)
    if named:
        folder = Path(named)
        if not (folder / FILE).is_file():
            raise Usage(
                f"{folder} is no desk: it has no {FILE}. `ticketlog init {folder}` makes one."
            )
        return folder
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise Usage(
        f"no desk at or above {here}. Name one with --desk DIR or {VARIABLE}, "
        "or make one with `ticketlog init DIR`."
    )


def read(folder: Path) -> Config:
    """Raises Usage where the file can't be read or says something unknown."""
    file = folder / FILE
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(f"{file} can't be read: {error}") from error
    unknown = sorted(set(content) - {"desk", "log", "views", "publish", "outbox", "webhooks"})
    if unknown:
        known = "[desk], [log], [views], [publish], [outbox], [webhooks]"
        raise Usage(f"{file}: unknown section [{unknown[0]}]; it knows {known}")
    log_url, views_url = (
        _url(file, content, "log", LOG_URL),
        _url(file, content, "views", VIEWS_URL),
    )
    publish = _publish(file, content)
    outboxes, simulation = _outboxes(file, content), _simulation(file, content)
    webhooks = _webhooks(file, content)
    return Config(folder, log_url, views_url, *publish, outboxes, simulation, webhooks)


def _section(file: Path, content: dict[str, Any], name: str, *keys: str) -> dict[str, Any]:
    """The section's values. Raises Usage for a key that it doesn't know."""
    values = content.get(name, {})
    if not isinstance(values, dict) or set(values) - set(keys):
        raise Usage(f"{file}: [{name}] knows nothing but {' and '.join(keys)}")
    return values


def _url(file: Path, content: dict[str, Any], section: str, default: str) -> str:
    values = _section(file, content, section, "url")
    url = values.get("url", default)
    if not isinstance(url, str):
        raise Usage(f"{file}: [{section}] url must be a text, such as {default!r}")
    return url


def _publish(file: Path, content: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    values = _section(file, content, "publish", "url", "personal")
    url, personal = values.get("url"), values.get("personal", [])
    if not isinstance(url, str | None):
        raise Usage(
            f"{file}: [publish] url must be a text, such as 'kafka://broker:9092/ticketlog'"
        )
    if not isinstance(personal, list) or not all(isinstance(each, str) for each in personal):
        raise Usage(
            f"{file}: [publish] personal must be a list of texts, such as "
            "['ticket.replied.v1.body']"
        )
    return url, tuple(personal)


def _outboxes(file: Path, content: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    values = content.get("outbox", {})
    if not isinstance(values, dict) or not all(isinstance(each, str) for each in values.values()):
        raise Usage(f"{file}: [outbox] names files, such as mail = 'mail.jsonl'")
    return tuple(values.items())


def _webhooks(file: Path, content: dict[str, Any]) -> WebhookConfig:
    values = _section(file, content, "webhooks", "allow", "authorities", "deliver")
    allow, deliver = values.get("allow", []), values.get("deliver", True)
    authorities = values.get("authorities")
    if not isinstance(allow, list) or not all(isinstance(each, str) for each in allow):
        raise Usage(f"{file}: [webhooks] allow must be a list of texts, such as ['10.1.0.0/16']")
    if not isinstance(authorities, str | None):
        raise Usage(f"{file}: [webhooks] authorities must be the name of a file")
    if not isinstance(deliver, bool):
        raise Usage(f"{file}: [webhooks] deliver must be true or false")
    return WebhookConfig(tuple(allow), authorities, deliver)


def _simulation(file: Path, content: dict[str, Any]) -> bool:
    simulation = _section(file, content, "desk", "simulation").get("simulation", False)
    if not isinstance(simulation, bool):
        raise Usage(f"{file}: [desk] simulation must be true or false")
    return simulation


def write(config: Config) -> None:
    """Makes the file, durably and never over another one. Raises Usage, OSError."""
    file = config.folder / FILE
    text = (
        f"# A ticketlog desk. Relative files are relative to this folder.\n"
        f"[log]\nurl = {_quoted(config.log_url)}\n\n[views]\nurl = {_quoted(config.views_url)}\n"
    )
    if config.simulation:
        text += "\n[desk]\nsimulation = true\n"
    try:
        with open(file, "x", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError:
        raise Usage(f"{config.folder} is a desk already") from None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
