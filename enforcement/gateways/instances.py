"""The DefenseClaw instances this portal decides for: `DEFENSECLAW_INSTANCES_FILE` (DESIGN 2.2).

A file that became unreadable does not make gateways disappear: the last good list stays in force
and the problem is shown on the fleet page.
"""

from __future__ import annotations

import logging
import threading
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from audit.importing.gateway_registry_and_seal_keys import demo_registry, registries
from audit.recording import enrolment_entry_lookup
from enforcement.models import Outpost
from enforcement.outposts import command_recipients

log = logging.getLogger(__name__)

NAME = enrolment_entry_lookup.GATEWAY


class InstancesRefused(ValueError):
    """The instances file is not usable; the message lists every reason and names the fix."""


class Instance(BaseModel):
    """One gateway, an `[[instance]]` of the file.

    `audit_db` is read where it is on this host; None where it is not. `gateway_token_file` is None
    for a gateway that knows no token, as 0.2.0 does. `ca_file` and `client_cert_file` are explained
    in `tls_files`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    base_url: str
    gateway_token_file: Path | None = None
    ingest_token_file: Path | None = None
    webhook_secret_file: None = None
    audit_db: Path | None = None
    hmac_key_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    demo: bool = False

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("use letters, digits, dot, dash and underscore, at most 60")
        return value

    @field_validator("webhook_secret_file", mode="before")
    @classmethod
    def _is_not_read(cls, value: object) -> None:
        raise ValueError("webhooks are not read yet; take this line out of the file")

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("write http://HOST:PORT or https://HOST:PORT")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("no credentials, query or fragment in the address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _tls_files_need_https(self) -> Self:
        has_files = self.ca_file is not None or self.client_cert_file is not None
        if has_files and not self.base_url.startswith("https://"):
            raise ValueError("ca_file and client_cert_file need an https:// address in base_url")
        return self


@dataclass(frozen=True)  # without slots, so that `outposts` is read once
class Fleet:
    """All registered instances; `problem` says why the file could not be read, if it could not.

    One `Fleet` is for one request or one turn of work: it keeps the outposts that it read first.

    `instances` are those of the file, which the portal calls. A decision is also about gateways
    that are known by their outposts only (`with_outposts`).

    The DEMO world decides for DEMO gateways only (DESIGN 1.8). So a decision about every instance
    leaves DEMO gateways out as soon as one other gateway is registered, and what one side found
    does not count for the other. `demo_names` also has DEMO gateways that ran here before.
    """

    instances: tuple[Instance, ...] = ()
    problem: str = ""
    path: Path | None = None
    demo_names: frozenset[str] = frozenset()

    def named(self, name: str) -> Instance | None:
        """The instance of that name which the portal calls."""
        return next((i for i in self.instances if i.name == name), None)

    @cached_property
    def outposts(self) -> dict[str, Outpost]:
        """The outposts that carry out decisions, by the gateway they are next to.

        They are read from the database at the first use, and never again by this `Fleet`.
        """
        return command_recipients.by_instance()

    @property
    def asked(self) -> tuple[Instance, ...]:
        """The gateways that the portal asks itself. One whose outpost carries out decisions is read
        by that alone, unless the file has a token for it."""
        outposts = self.outposts
        return tuple(i for i in self.instances if i.gateway_token_file or i.name not in outposts)

    @property
    def with_outposts(self) -> tuple[Instance, ...]:
        """Every gateway that a decision can reach."""
        listed = {i.name for i in self.instances}
        others = (name for name in self.outposts if name not in listed)
        return (*self.instances, *map(known_by_outpost, others))

    @property
    def _has_own(self) -> bool:
        """Whether a gateway is registered that is no DEMO."""
        return any(not i.demo for i in self.instances) or len(self.with_outposts) > len(
            self.instances
        )

    def scope(self, name: str) -> tuple[Instance, ...]:
        """The instances a decision is about: the named one, or every one when `name` is empty."""
        if (listed := self.named(name)) is not None:
            return (listed,)
        every = self.with_outposts
        if name:
            return tuple(i for i in every if i.name == name)
        return tuple(i for i in every if not i.demo) or every

    def scope_of(self, name: str) -> str:
        """Which decisions count at that instance next to its own: those about every instance, as
        `scope` sends them there, or none."""
        return name if self._is_apart(name) else ""

    def scope_of_finding(self, name: str) -> str:
        """What an automatic decision on a finding of that instance is about: every instance, or
        this one.

        With `make up DEMO=1` a DEMO gateway is apart while sample data is loaded, too: the others
        are not registered then, and come back.
        """
        is_loading = settings.ENV.DEMO and name in self.demo_names
        return name if is_loading else self.scope_of(name)

    def apart_from(self, name: str) -> frozenset[str]:
        """Instances whose findings do not count for the named one, or for all when it is empty."""
        if not self.demo_names or not self._has_own:
            return frozenset()
        if self._is_apart(name):
            return frozenset(i.name for i in self.with_outposts if not i.demo)
        return self.demo_names

    def counts_for_credentials(self, name: str, decision: str) -> bool:
        """Whether a decision at an instance counts for credentials, which are of no one instance.

        Nothing of a DEMO gateway does once one other gateway is registered. An allow counts only at
        a registered instance, and at a DEMO gateway only where the file of the others can be read;
        a hold or block at one that is no longer registered still restricts.
        """
        if not name:
            return True
        if name in self.apart_from(""):
            return False
        at = next(iter(self.scope(name)), None)
        return decision != "allow" or (at is not None and not (at.demo and self.problem))

    def _is_apart(self, name: str) -> bool:
        return name in self.demo_names and self._has_own


def known_by_outpost(name: str) -> Instance:
    """A gateway that no file names: its outpost is the only way to it, so it has no address."""
    return Instance.model_construct(name=name, base_url="")


def load(path: Path) -> tuple[Instance, ...]:
    """Read an instances file. Relative paths in it start from its own folder.

    Raises:
        InstancesRefused: unreadable, not TOML, or a block that is wrong; all reasons at once.
    """
    try:
        written = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "") or "not UTF-8"
        raise InstancesRefused(f"The instances file cannot be read: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise InstancesRefused(f"The instances file is not TOML: {error}.") from None
    problems = [
        f"{key!r} is not known; write [[instance]] blocks" for key in written.keys() - {"instance"}
    ]
    blocks = written.get("instance", [])
    if not isinstance(blocks, list):
        problems.append("'instance' must be written as [[instance]], with two brackets")
        blocks = []
    found = [_read(n, block, path.parent, problems) for n, block in enumerate(blocks, start=1)]
    good = tuple(instance for instance in found if instance is not None)
    twice = [name for name, count in Counter(i.name for i in good).items() if count > 1]
    problems += [f"the name {name!r} is used twice" for name in twice]
    if problems:
        raise InstancesRefused(f"The instances file is not usable: {'; '.join(problems)}.")
    return good


def _read(number: int, block: Any, folder: Path, problems: list[str]) -> Instance | None:
    where = f"instance {number}"
    if isinstance(block, dict) and isinstance(block.get("name"), str):
        where = f"instance {number} ({block['name']})"
    try:
        made = Instance.model_validate(block)
    except ValidationError as error:
        for wrong in error.errors():
            key = ".".join(str(part) for part in wrong["loc"]) or "block"
            problems.append(f"{where}: {key}: {wrong['msg'].removeprefix('Value error, ')}")
        return None
    paths = {name: folder / value for name, value in made if isinstance(value, Path)}
    return made.model_copy(update=paths)


_lock = threading.Lock()
_cache: dict[Path, tuple[tuple[float, int], Fleet]] = {}


def fleet() -> Fleet:
    """The registered instances as the files say now; never raises."""
    read = [_read_again_if_changed(path) for path in registries()]
    found: dict[str, Instance] = {}
    for part in read:
        for instance in part.instances:
            found.setdefault(instance.name, instance)
    demo = demo_registry()
    before = _read_again_if_changed(demo).instances if demo is not None else ()
    return Fleet(
        tuple(found.values()),
        " ".join(part.problem for part in read if part.problem),
        read[0].path if read else None,
        frozenset(i.name for i in (*before, *found.values()) if found.get(i.name, i).demo),
    )


def _read_again_if_changed(path: Path) -> Fleet:
    try:
        status = path.stat()
        stamp = (status.st_mtime, status.st_size)
    except OSError:
        stamp = (0.0, -1)
    with _lock:
        known = _cache.get(path)
        if known is None or known[0] != stamp:
            known = _cache[path] = (stamp, _reload(path, known[1] if known else Fleet()))
        return known[1]


def _reload(path: Path, last: Fleet) -> Fleet:
    try:
        return Fleet(load(path), "", path)
    except InstancesRefused as refused:
        log.error("%s", refused)
        return Fleet(last.instances, str(refused), path)
