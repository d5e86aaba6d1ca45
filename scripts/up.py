"""`make up`: from a fresh checkout to a running portal, and again after any half-finished start.

`make prepare` (`--prepare`) ends where the portal would be started.

Every step is idempotent. Data lives in VAR_DIR; a marker written last says that the first start
was completed, so an interrupted one is taken up where it stopped. What this process starts ends
with it, even when it is killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from portal.env import BASE_DIR, Env, env, kept_secret
from scripts import demo_environment_setup, demo_removal
from scripts.processes import commands, environment_of, is_ready_to_prepare, kept, run_all
from serving.private_file_modes import keep_private

NEEDED_MB = 200
"""What databases, logs and static files take after the first start, with room to go on."""
LEAST_MB = 20
"""With less than this nothing can be started or go on."""


def main() -> None:
    """Set up what is missing, then run until Ctrl-C."""
    started = time.monotonic()
    keep_private(env.VAR_DIR)
    signal.signal(signal.SIGTERM, _end)  # so that what was started is stopped on the way out
    with only_one(env.VAR_DIR) as killed_before:
        if killed_before:
            wait_for_leftovers(env)
        refuse_taken_ports(env)
        refuse_full_disk(env.VAR_DIR, LEAST_MB if is_done(env) else NEEDED_MB)
        refuse_taken_names(env)
        if demo_removal.is_asked(env):
            say(f"The demo is now in {demo_removal.move_aside(env)}.")
        say(demo_environment_setup.announcement(env))
        child = demo_environment_setup.environment(env) | {"ATA_UP_PID": str(os.getpid())}
        try:
            prepare(child)
        except KeyboardInterrupt:
            say("\nStopped. Run 'make up' again; it takes up where it stopped.")
            sys.exit(130)
        say(f"Ready to start after {time.monotonic() - started:.0f} s.")
        if "--prepare" in sys.argv[1:]:
            return
        code = run_all(
            env,
            child,
            on_ready=lambda: welcome(env),
            until=lambda: demo_removal.is_asked(env),
        )
    if demo_removal.is_asked(env):
        say("The demo is removed: everything starts again, empty.")
        os.execv(sys.executable, [sys.executable, "-m", "scripts.up"])  # noqa: S606 - ourselves
    sys.exit(code)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


@contextmanager
def only_one(var_dir: Path) -> Iterator[bool]:
    """One `make up` a folder; a second one is refused. Yields whether the last one was killed."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        handle: IO[str] = (var_dir / "up.lock").open("a+")
    except OSError as error:
        stop(f"Cannot write to {var_dir}: {error.strerror}.", "Make it writable, or set VAR_DIR.")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stop(f"'make up' already runs from {var_dir}.", "Stop it first, or set VAR_DIR and ports.")
    # The process manager forks; what it forked must not hold the lock when this process is killed.
    os.register_at_fork(after_in_child=handle.close)
    with handle:
        handle.seek(0)
        killed_before = bool(handle.read())
        handle.write("running\n")
        handle.flush()
        try:
            yield killed_before
        finally:
            handle.truncate(0)


def wanted_ports(env: Env) -> dict[str, int]:
    """Every port the stack will listen on, by the name that moves it."""
    wanted = {"PORTAL_PORT": env.PORTAL_PORT}
    if env.local_tenant:
        wanted["TENANT_PORT"] = env.TENANT_PORT
    gateways = (
        demo_environment_setup.ports(env).values() if demo_environment_setup.runs(env) else ()
    )
    return wanted | {f"TENANT_PORT + {port - env.TENANT_PORT}": port for port in gateways}


def wait_for_leftovers(env: Env, seconds: float = 20) -> None:
    """After a kill, the processes of the last run end by themselves; `keep.sh` gives them 12 s."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not all(map(is_free, wanted_ports(env).values())):
        time.sleep(0.2)


def refuse_taken_ports(env: Env) -> None:
    """A port in use is said before anything else is done."""
    taken = [f"{name} = {port}" for name, port in wanted_ports(env).items() if not is_free(port)]
    if taken:
        stop(
            f"In use already: {', '.join(taken)}.",
            "Stop what listens there, or name others (the three after TENANT_PORT are used, too):",
            "  PORTAL_PORT=8080 TENANT_PORT=8180 make up",
        )


def refuse_full_disk(folder: Path, needed_mb: int) -> None:
    """End with the folder and the missing space where its file system has less than `needed_mb`."""
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < needed_mb:
        stop(
            f"Not enough space in {folder}: it needs about {needed_mb} MB, {free_mb} MB are free.",
            f"Free {needed_mb - free_mb} MB, or set VAR_DIR, and run 'make up' again.",
        )


def refuse_taken_names(env: Env) -> None:
    """A DEMO gateway next to one of the same name would be mistaken for it."""
    if name := demo_environment_setup.name_taken(env):
        stop(
            f"{env.DEFENSECLAW_INSTANCES_FILE} names a gateway {name!r}, as a DEMO gateway is.",
            "Give yours another name, or start without DEMO=1.",
        )


def is_free(port: int) -> bool:
    """Whether a loopback port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def prepare(child: dict[str, str]) -> None:
    """Databases, static files, the local tenant's people and, where it runs, sample data once."""
    load = demo_environment_setup.has_to_load(env)
    preparing(env).unlink(missing_ok=True)
    if demo_environment_setup.runs(env):
        demo_environment_setup.ensure_gateways(env)
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(prepare_portal, child, load),
            pool.submit(prepare_tenant, child),
            pool.submit(step, "Static files", "manage.py", "collectstatic", *_QUIETLY, env=child),
        ]
        for job in jobs:
            job.result()
    if load and env.local_tenant:
        with whole_stack(child):
            step(
                "Sixty decisions through the local tenant",
                "-m",
                "scripts.sample_data.seed",
                env=child,
            )
    demo_environment_setup.note_prepared(env)


_QUIETLY = ("--noinput", "--verbosity", "0")


def prepare_portal(child: dict[str, str], load: bool) -> None:
    """The portal's database and, where sample data has to be loaded, history and manifests."""
    step("Database", "manage.py", "migrate", *_QUIETLY, env=child)
    step("Search", "manage.py", "rebuild_projection", "--if-stale", env=child)
    if load:
        demo_environment_setup.ensure_sample_history(env)
        history = str(demo_environment_setup.sample_path(env))
        whose = ("--instance", demo_environment_setup.INSTANCES[0])
        step("Sample history", "manage.py", "import_defenseclaw", history, *whose, env=child)
        step("Manifests", "manage.py", "declare_manifests", "demo/manifests", env=child)


def prepare_tenant(child: dict[str, str]) -> None:
    """The local tenant's database and its accounts; nothing with a real tenant."""
    if env.local_tenant:
        own = environment_of("tenant", child)
        step("Local tenant", "-m", "local.tenant", "migrate", env=own)
        step("Demo accounts", "-m", "local.tenant", "seed", env=own)


@contextmanager
def whole_stack(child: dict[str, str]) -> Iterator[None]:
    """Everything, for as long as seeding needs it: quick expiries, no limit on pushes a minute."""
    quick = {
        **child,
        "TENANT_PUSHES_PER_MINUTE": "100000",
        "PUSHES_PER_MINUTE": "100000",
        "TENANT_CIBA_INTERVAL_S": "1",
        "STEP_UP_EXPIRY_S": "20",
        "DEFENSECLAW_INSTANCES_FILE": "",  # only DEMO gateways exist for what is seeded here
    }
    # Nobody may take this stack for the real one: /readyz says no as long as the file is there.
    preparing(env).touch()
    with first_start_log(env).open("ab") as log:
        running = [
            subprocess.Popen(  # noqa: S603
                kept(command),
                env=environment_of(name, quick),
                cwd=BASE_DIR,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
            for name, command in commands(env).items()
        ]
        try:
            wait_until_ready(running)
            yield
        finally:
            end_groups(running)
    preparing(env).unlink()


def is_done(env: Env) -> bool:
    """Whether the first start was completed."""
    return demo_environment_setup.marker(env).exists()


def preparing(env: Env) -> Path:
    """The file that `portal.ops.health` looks for."""
    return env.VAR_DIR / "first-start-running"


def first_start_log(env: Env) -> Path:
    """What the processes said while the sample decisions were taken."""
    return env.VAR_DIR / "first-start.log"


def end_groups(running: list[subprocess.Popen[bytes]]) -> None:
    """End each process with everything it started; processes that take too long are killed."""
    for number, patience_s in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        alive = [process for process in running if process.poll() is None]
        for process in alive:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        for process in alive:
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)


def wait_until_ready(running: list[subprocess.Popen[bytes]], seconds: float = 60) -> None:
    """Until all that /readyz misses is the preparation, or a process ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for process in running:
            if process.poll() is not None:
                stop(
                    f"A process ended with exit code {process.returncode}.",
                    f"{first_start_log(env)} says why.",
                )
        if is_ready_to_prepare(env):
            return
        time.sleep(0.2)
    stop("The stack was not ready in time.", f"{first_start_log(env)} may say why.")


def step(title: str, *command: str, env: dict[str, str]) -> None:
    """Run one setup command; its failure stops the start and says which step it was."""
    say(f"{title} …")
    done = subprocess.run([sys.executable, *command], env=env, cwd=BASE_DIR, check=False)  # noqa: S603
    if done.returncode:
        refuse_full_disk(Path(env["VAR_DIR"]), LEAST_MB)
        stop(
            f"{title}: failed with exit code {done.returncode}.",
            "Run 'make up' again; it takes up where it stopped. 'make reset' starts over.",
        )


def welcome(env: Env) -> None:
    """What a person needs next: the address and who to sign in as."""
    lines = ["", f"  Auth0-ATA is running: {env.portal_url}/", ""]
    if env.local_tenant:
        lines += [
            "  Sign in with one click as auditor@, operator@, operator2@, admin@, admin2@,",
            "  member1@ or member2@acme.example (LOCAL TENANT: demo accounts, no passwords).",
            f"  Open the phone that approves in a second window: {env.issuer}phone/",
        ]
    else:
        lines.append(f"  Sign in at {env.issuer}")
    if demo_environment_setup.runs(env):
        lines += outpost_lines(env)
    lines += [
        f"  Command line: {ata_command()} login",
        "  Ctrl-C stops everything; data stays.",
        "",
    ]
    say("\n".join(lines))


def outpost_lines(env: Env) -> list[str]:
    """How to run an outpost next to a DEMO gateway, once an admin has its code."""
    name = demo_environment_setup.INSTANCES[0]
    as_its_user = f"HOME={demo_environment_setup.home_of(env, name)} {ata_command()} outpost"
    return [
        f"  An outpost for {name}: an admin gets its code by Gateways, Enrol an outpost…; then",
        f"    {as_its_user} enrol CODE --portal {env.portal_url} --instance {name}",
        f"    {as_its_user} run",
    ]


def ata_command() -> str:
    """How to call `ata` from here."""
    return "ata" if shutil.which("ata") else os.path.join(".venv", "bin", "ata")  # noqa: PTH118


def say(text: str) -> None:
    """To the terminal, at once."""
    print(text, flush=True)  # noqa: T201


def stop(*lines: str) -> None:
    """End with a message that names the fix."""
    raise SystemExit("\n".join(lines))


if __name__ == "__main__":
    kept_secret(env.VAR_DIR, "TENANT_CONTROL_TOKEN")
    main()
