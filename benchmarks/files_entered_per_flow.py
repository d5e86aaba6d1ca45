"""How many files a reader opens to follow a request: files entered, and calls between them.

    python -m benchmarks.files_entered_per_flow [--json] [--list] [--only FLOW ...] [--of COMMIT]

Four flows run on SQLite in this process, against the local tenant in a separate process. Each
runs twice before it is measured, so that imports, caches and compiled queries are there already.

A file counts when one of its functions is called (`sys.setprofile`, in all threads). A call counts
when the nearest product frame below it, past frames of libraries, is in another product file.
Product files are those of the repository's packages, without middleware (modules of that name,
and those of the classes in `MIDDLEWARE`), models, migrations, `audit.ledger` and the two HTTP
packages. A generator that is resumed is called once more; methods that `dataclass` writes belong
to no file.

`--of` measures another commit with this same script, in a temporary worktree.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

ENTRIES: Final = 500
"""Of the log that is verified."""
WARM_RUNS: Final = 2
OWNERS: Final = ("operator2", "member1", "member2")
"""Whose account is revoked in each run; the last one is measured."""
CONTROL: Final = "control-token-of-the-measurement"

NOT_PRODUCT: Final = {"tests", "benchmarks", "scripts", "demo", "local", "torture"}
BELOW: Final = {"auth0_client", "http_client"}
KINDS_NOT_COUNTED: Final = {"models", "migrations", "middleware"}

# Where a name moved, its new place is listed before its old one: `--of` reads both.
NAMES: Final = {
    "record": ("audit.recording.record:record",),
    "record_many": ("tests.support.recording:record_many", "audit.recording.record:record_many"),
    "Actor": ("audit.recording.actors:Actor",),
    "Target": ("audit.recording.actors:Target",),
    "sequence": ("audit.sequencing.sequencer:run_once",),
    "sweep": ("tests.support.sweeping:sweep", "approvals.due_work:sweep"),
    "drafts": ("benchmarks.events:drafts",),
    "LocalTenant": ("tests.support.tenant:LocalTenant",),
    "Secrets": ("tests.support.tenant:Secrets",),
    "free_port": ("tests.support.ports:free_port",),
    "SUBS": ("tests.support.sign_in:SUBS",),
    "Visitor": ("tests.connections.visitor:Visitor",),
    "Gateway": ("tests.connections.visitor:Gateway",),
    "device_token": ("tests.connections.visitor:device_token",),
    "empty_vault": ("tests.connections.visitor:empty_vault",),
    "fill_vault": ("tests.connections.visitor:fill_vault",),
}


def named(name: str) -> Any:
    """The object of `NAMES`, from the first of its places that this checkout has.

    Raises:
        LookupError: it is in none of them.
    """
    for place in NAMES[name]:
        module, _, attribute = place.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise LookupError(f"{name} is in none of {NAMES[name]}")


class ProductFiles:
    """Which files of a checkout count, by their path in it."""

    def __init__(self, root: Path, without: Collection[str] = ()) -> None:
        self._root = f"{root.resolve()}/"
        self._without = frozenset(without)
        self._known: dict[str, str] = {}

    def path_of(self, filename: str) -> str:
        """The path of a product file; empty for every other file."""
        found = self._known.get(filename)
        if found is None:
            found = self._known[filename] = self._classify(filename)
        return found

    def _classify(self, filename: str) -> str:
        if not filename.startswith(self._root) or not filename.endswith(".py"):
            return ""
        path = filename.removeprefix(self._root)
        app, *rest = path.removesuffix(".py").split("/")
        if not rest or app in NOT_PRODUCT | BELOW or path in self._without:
            return ""
        if not Path(self._root, app, "__init__.py").exists():
            return ""
        if KINDS_NOT_COUNTED & set(rest) or (app, rest[0]) == ("audit", "ledger"):
            return ""
        return path


@dataclass
class Calls:
    """What was called while it listened."""

    product: ProductFiles
    files: set[str] = field(default_factory=set)
    _between: list[tuple[str, str]] = field(default_factory=list)

    @property
    def between(self) -> Counter[tuple[str, str]]:
        """Calls from one product file to another."""
        return Counter(self._between)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count what is called in the block, by any thread."""
        gc.collect()
        gc.disable()  # no finalizer of what came before is called in between
        threading.setprofile_all_threads(self._note)
        try:
            yield
        finally:
            threading.setprofile_all_threads(None)
            gc.enable()

    def _note(self, frame: FrameType, event: str, _arg: object) -> None:
        if event != "call":
            return
        file = self.product.path_of(frame.f_code.co_filename)
        if not file:
            return
        self.files.add(file)
        caller = self._nearest(frame.f_back)
        if caller and caller != file:
            self._between.append((caller, file))

    def _nearest(self, frame: FrameType | None) -> str:
        while frame is not None:
            if found := self.product.path_of(frame.f_code.co_filename):
                return found
            frame = frame.f_back
        return ""


type Flow = Callable[[], None]


@dataclass
class World:
    """The portal in this process, the tenant in another, and people who are signed in."""

    tenant: Any
    tokens: dict[str, str] = field(default_factory=dict)

    def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer of the portal's API to somebody's token."""
        answer = named("Gateway")(self.tokens[who]).call(method, path, body, **headers)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.content!r}")
        return answer

    def make_known(self, *people: str) -> None:
        """Each signs in to the portal, and on a command line."""
        for who in people:
            named("Visitor")(self.tenant, who).sign_in()
            self.tokens[who] = named("device_token")(self.tenant, who)

    def exchange(self, who: str) -> Any:
        """`GET /v1/auth/token` as a gateway asks."""
        asked = {"ata_agent": "release-bot", "ata_skill": "mcp:github-mcp"}
        path = "/v1/auth/token?connection=github"
        return self.call(who, "GET", path, **asked, ata_scopes="read:user repo").json()

    def connect(self, who: str) -> str:
        """Give somebody one GitHub account, which the portal learns by a use; its id here."""
        named("empty_vault")(self.tenant, who)
        named("fill_vault")(self.tenant, who, "github", f"octo-{who}", "read:user", "repo")
        self.exchange(who)
        (account,) = self.call(who, "GET", "/v1/connections?owner=me").json()["items"]
        return str(account["id"])

    def approve(self, who: str) -> None:
        """Tap Approve on the only request that somebody's phone shows."""
        import httpx

        url = f"{self.tenant.url}/phone/{named('SUBS')[who]}/"
        headers = {"Tenant-Control-Token": CONTROL}
        (consent,) = re.findall(
            r'<article class="ask" id="(cns_[^"]+)"', httpx.get(url, headers=headers).text
        )
        httpx.post(f"{url}{consent}/approve", headers=headers).raise_for_status()

    def delete_at_auth0(self, owner: Any) -> None:
        """The owner opens their connections, which takes the browser to Auth0 and back."""
        own = urlsplit(str(django_settings().PORTAL_URL)).netloc
        url, visited = f"http://{own}/connections/", 0
        while not (visited and urlsplit(url).path == "/connections/"):
            answer = owner.open(url)
            location = answer.headers.get("location", "")
            if not location or visited > 20:
                raise RuntimeError(f"the browser stays at {url}: {owner.trace}")
            url, visited = urljoin(url, location), visited + 1


def django_settings() -> Any:
    """Settings of the portal, once they are chosen."""
    return import_module("django.conf").settings


def flow_verification() -> tuple[Flow, Flow]:
    """`verify_ledger` over a log of `ENTRIES` entries."""
    from django.core.management import call_command

    for _ in named("record_many")(named("drafts")(0, ENTRIES, ENTRIES), batch=ENTRIES):
        pass
    named("sequence")()

    def verify() -> None:
        call_command("verify_ledger", processes=1, stdout=io.StringIO())

    return (lambda: None), verify


def flow_event(world: World) -> tuple[Flow, Flow]:
    """`record`, one run of the sequencer, and the inclusion proof as the API serves it."""
    record, sequence = named("record"), named("sequence")
    actor = named("Actor")(iss="https://acme.example/", sub="auth0|1", name="Olu", via="web")
    target = named("Target")("skill", "pdf-tools")

    def prove() -> None:
        event = record(
            actor, "skill.blocked", target=target, reason="unsigned", private={"title": "a finding"}
        )
        sequence()
        answer = world.call("auditor", "GET", f"/v1/audit/events/{event.id}/proof")
        assert b"\xe2\x80\x94 " in answer.content, answer.content

    return (lambda: None), prove


def flow_exchange(world: World) -> tuple[Flow, Flow]:
    """`GET /v1/auth/token` of a registered client, exchanged at the tenant."""

    def exchange() -> None:
        assert world.exchange("operator")["access_token"]

    return (lambda: None), exchange


def flow_revocation(world: World) -> tuple[Flow, Flow]:
    """An admin revokes a member's account; another admin approves it on the phone; the owner's next
    visit deletes it at Auth0; the step is done."""
    sweep = named("sweep")
    steps = import_module("django.apps").apps.get_model("approvals", "Effect").objects
    owners = iter(OWNERS)  # what an admin revoked stays restricted when it is connected again
    given: dict[str, Any] = {}

    def prepare() -> None:
        who = next(owners)
        world.make_known(who)
        account = world.connect(who)
        given.update(account=account, owner=named("Visitor")(world.tenant, who).sign_in())
        while sweep():
            pass

    def revoke() -> None:
        path = f"/v1/connections/{given['account']}/revoke"
        world.call("admin", "POST", path, {"reason": "Laptop lost"})
        sweep()  # the push is sent
        world.approve("admin2")
        time.sleep(1.5)  # the tenant may be polled each second
        sweep()  # the answer is read and the decision committed
        assert _step(steps, given["account"]).state == "pending"
        sweep()  # the step runs and waits for the owner
        world.delete_at_auth0(given["owner"])
        sweep()
        assert _step(steps, given["account"]).state == "done"

    return prepare, revoke


def _step(steps: Any, account: str) -> Any:
    return steps.get(target_kind="connection", target_name=account)


FLOWS: Final[dict[str, Callable[[World], tuple[Flow, Flow]]]] = {
    "event until it is provable": flow_event,
    "GET /v1/auth/token": flow_exchange,
    "revocation until its remote steps are done": flow_revocation,
}
VERIFICATION: Final = "verify_ledger"


def measure(product: ProductFiles, flow: tuple[Flow, Flow]) -> Calls:
    """The calls of one run, after `WARM_RUNS` others."""
    prepare, run = flow
    for _ in range(WARM_RUNS):
        prepare()
        run()
    prepare()
    calls = Calls(product)
    with calls.listening():
        run()
    return calls


@contextmanager
def world_of(folder: Path, secrets: Any, env: dict[str, str]) -> Iterator[World]:
    """The tenant started, everybody known, and github-mcp allowed with a manifest."""
    from django.apps import apps
    from django.core.management import call_command

    tenant = named("LocalTenant")(
        folder / "tenant",
        portal_url=django_settings().PORTAL_URL,
        port=int(env["TENANT_PORT"]),
        secrets=secrets,
        extra_env={
            "TENANT_CIBA_INTERVAL_S": "1",
            "TENANT_PUSHES_PER_MINUTE": "100000",
            "TENANT_CONTROL_TOKEN": CONTROL,
        },
    )
    manifest = folder / "manifest"
    manifest.mkdir()
    declared = {
        "kind": "mcp",
        "name": "github-mcp",
        "connections": [{"connection": "github", "scopes": ["read:user", "repo"]}],
    }
    (manifest / "manifest.json").write_text(json.dumps(declared))
    try:
        tenant.start()
        call_command("declare_manifests", str(manifest), stdout=io.StringIO())
        assets = apps.get_model("enforcement", "Asset").objects
        assets.create(kind="mcp", name="github-mcp", decision="allow")
        world = World(tenant)
        world.make_known("auditor", "operator", "admin", "admin2")
        yield world
    finally:
        tenant.stop()


def set_up(folder: Path) -> tuple[Any, dict[str, str]]:
    """A separate environment, Django, and an empty database."""
    secrets = named("Secrets")(
        web="web-secret-0123456789", vault="vault-secret-012345", mgmt="mgmt-secret-01234"
    )
    ports = [str(named("free_port")()) for _ in range(2)]
    env = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}",
        "PORTAL_PORT": ports[0],
        "TENANT_PORT": ports[1],
        "AUTH0_ISSUER": f"http://localhost:{ports[1]}/",
        "AUTH0_CLIENT_SECRET": secrets.web,
        "AUTH0_VAULT_CLIENT_SECRET": secrets.vault,
        "AUTH0_MGMT_CLIENT_SECRET": secrets.mgmt,
        "PUSHES_PER_MINUTE": "100000",
    }
    for name in [n for n in os.environ if n.startswith(("AUTH0_", "PORTAL_", "TENANT_"))]:
        del os.environ[name]
    os.environ.update(env)
    (folder / "secrets").mkdir(mode=0o700)
    import django
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    django.setup()
    setup_test_environment()  # mail stays in memory
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    return secrets, env


def product_of(root: Path) -> ProductFiles:
    """The product files of a checkout whose Django is set up."""
    modules = {name.rpartition(".")[0] for name in django_settings().MIDDLEWARE}
    files = (Path(str(import_module(module).__file__)).resolve() for module in modules)
    middleware = [str(file.relative_to(root)) for file in files if file.is_relative_to(root)]
    return ProductFiles(root, middleware)


def measured(root: Path, only: Collection[str]) -> Iterator[tuple[str, Calls]]:
    """Each flow and its calls. The log is verified first, while it has nothing but its entries."""
    folder = Path(tempfile.mkdtemp(prefix="ata-flows-"))
    try:
        secrets, env = set_up(folder)
        product = product_of(root)
        if not only or VERIFICATION in only:
            yield VERIFICATION, measure(product, flow_verification())
        chosen = {name: flow for name, flow in FLOWS.items() if not only or name in only}
        if chosen:
            with world_of(folder, secrets, env) as world:
                for name, flow in chosen.items():
                    yield name, measure(product, flow(world))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(root: Path, options: argparse.Namespace) -> None:
    """Measure this checkout."""
    os.chdir(root)
    for name, calls in measured(root, options.only):
        between = calls.between
        line = {"flow": name, "files": len(calls.files), "calls_between_files": between.total()}
        if options.json:
            if options.list:
                line["entered"] = sorted(calls.files)
                line["pairs"] = [[*pair, number] for pair, number in between.most_common()]
            print(json.dumps(line), flush=True)
            continue
        print(f"{name}: {line['files']} files, {between.total()} calls between files", flush=True)
        for file in sorted(calls.files) if options.list else ():
            print(f"    {file}", flush=True)


def main_of(commit: str, arguments: Iterable[str]) -> int:
    """Measure another commit in a temporary worktree; the exit code."""
    own = Path(__file__).resolve()
    git = ["git", "-C", str(own.parents[1]), "worktree"]
    folder = Path(tempfile.mkdtemp(prefix="ata-flows-of-"))
    checkout = folder / "checkout"
    subprocess.run([*git, "add", "--quiet", "--detach", str(checkout), commit], check=True)
    try:
        # -P: only the checkout's own modules are found, whatever lies next to this file.
        command = [sys.executable, "-P", str(own), "--checkout", str(checkout), *arguments]
        env = os.environ | {"PYTHONPATH": str(checkout)}
        return subprocess.run(command, cwd=checkout, env=env).returncode
    finally:
        subprocess.run([*git, "remove", "--force", str(checkout)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def options_of(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.files_entered_per_flow")
    words.add_argument("--json", action="store_true", help="one JSON object a line")
    words.add_argument("--list", action="store_true", help="also the files")
    words.add_argument("--only", nargs="*", default=[], choices=[VERIFICATION, *FLOWS])
    words.add_argument("--of", metavar="COMMIT", default="")
    words.add_argument("--checkout", type=Path, default=Path(__file__).parents[1])
    return words.parse_args(arguments)


if __name__ == "__main__":
    options = options_of(sys.argv[1:])
    if options.of:
        given = [*(["--json"] * options.json), *(["--list"] * options.list)]
        sys.exit(main_of(options.of, given + (["--only", *options.only] if options.only else [])))
    main(options.checkout.resolve(), options)
