"""`scripts.moves` rewrites imports, uses, strings and documents, and its inverse restores them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from scripts.moves import MAP as MAP_FILE
from scripts.moves import ROOT, new_path, rewritten
from scripts.moves_map import moves_of, read_map

MAP = """
| old | new |
|---|---|
| `post` | `mail` |
| `post.letters` | `mail.messages` |
| `post.letters.Letter` | `mail.messages.MailMessage` |
| `shop.told` | `shop.notifications.service` |
"""
FILES = {
    "post/__init__.py": "from post.letters import Letter\n\n__all__ = ['Letter']\n",
    "post/letters.py": 'class Letter:\n    """In `post.letters`."""\n\n\nstamp = Letter()\n',
    "post/text.txt": "plain\n",
    "shop/__init__.py": "",
    "shop/told.py": "from post import Letter as L\n\ntold = L()\n",
    "shop/views.py": (
        "import post.letters\n"
        "from post import Letter, letters\n"
        "from shop import told, views\n"
        "\n"
        "NAMES = ('post', 'shop')\n"
        "LOGGER = 'post'\n"
        "URLS = 'shop/told/5/', 'post/letters/'\n"
        "PATCHED = 'post.letters.stamp'  # see post/letters.py\n"
        "\n"
        "\n"
        "def send(stamp: str) -> Letter:\n"
        "    told.told(letters.stamp, post.letters.Letter(), views)\n"
        "    return letters.Letter()\n"
    ),
    "docs/mail.md": "`post` is in [letters](post/letters.py); one is a `post.letters.Letter`.\n",
}


def after(files: dict[str, str], rows: list[tuple[str, str]]) -> dict[str, str]:
    moves = moves_of(rows, files)
    packages = frozenset(path.split("/")[0] for path in files if path.endswith(".py"))
    return {
        new_path(path, moves): rewritten(path, text, moves, packages)
        for path, text in files.items()
    }


def test_every_way_of_naming_a_module_is_rewritten() -> None:
    found = after(FILES, read_map(MAP))
    assert sorted(found) == [
        "docs/mail.md",
        "mail/__init__.py",
        "mail/messages.py",
        "mail/text.txt",
        "shop/__init__.py",
        "shop/notifications/service.py",
        "shop/views.py",
    ]
    assert found["mail/__init__.py"] == (
        'from mail.messages import MailMessage\n\n__all__ = ["MailMessage"]\n'
    )
    assert found["shop/notifications/service.py"] == (
        "from mail import MailMessage as L\n\ntold = L()\n"
    )
    assert found["shop/views.py"].splitlines() == [
        "import mail.messages",
        "from mail import MailMessage, messages",
        "from shop.notifications import service; from shop import views",
        "",
        "NAMES = (\"mail\", 'shop')",
        "LOGGER = 'post'",
        "URLS = 'shop/told/5/', 'post/letters/'",
        "PATCHED = 'mail.messages.stamp'  # see mail/messages.py",
        "",
        "",
        "def send(stamp: str) -> MailMessage:",
        "    service.told(messages.stamp, mail.messages.MailMessage(), views)",
        "    return messages.MailMessage()",
    ]
    assert found["docs/mail.md"] == (
        "`mail` is in [letters](mail/messages.py); one is a `mail.messages.MailMessage`.\n"
    )


def formatted(path: str, text: str) -> str:
    """As ruff leaves it, which joins and sorts imports."""
    if not path.endswith(".py"):
        return text
    for command in (["check", "-q", "--isolated", "--select=I", "--fix"], ["format", "-q"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", path, "-"],
            input=text,
            check=True,
            capture_output=True,
            text=True,
        )
        text = done.stdout
    return text


def test_the_inverse_restores_every_file() -> None:
    rows = read_map(MAP)
    back = after(after(FILES, rows), [(new, old) for old, new in reversed(rows)])
    assert {path: formatted(path, text) for path, text in back.items()} == {
        path: formatted(path, text) for path, text in FILES.items()
    }


def test_a_module_becomes_a_package_of_its_name_once() -> None:
    rows = [("post", "post.service")]
    files = {"post.py": "x = 1\n", "shop.py": "import post\n\npost.x\n"}
    moved = after(files, rows)
    assert moved == {
        "post/service.py": "x = 1\n",
        "shop.py": "import post.service\n\npost.service.x\n",
    }
    carried_out = {**moved, "post/__init__.py": ""}
    assert after(carried_out, rows) == carried_out
    assert after(moved, [("post.service", "post")]) == files


def test_a_use_of_a_relative_import_is_rewritten() -> None:
    files = {**FILES, "shop/near.py": "from . import told, views\n\nsaid = told.told(views)\n"}
    assert after(files, read_map(MAP))["shop/near.py"].endswith("said = service.told(views)\n")


def test_each_row_of_the_map_was_carried_out_and_leads_to_what_there_is() -> None:
    """Else the next move would carry out an old row, whose name belongs to something else now."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    files = {path: (ROOT / path).read_text() for path in listed if (ROOT / path).exists()}
    rows = read_map((ROOT / MAP_FILE).read_text())
    assert moves_of(rows, files).roots == {}
    there = {path.removesuffix(".py").removesuffix("/__init__") for path in files}
    there |= {str(up) for path in files for up in Path(path).parents}
    lost = {new for _, new in rows if new.replace(".", "/") not in there}
    in_modules = {new for new in lost if new.rpartition(".")[0].replace(".", "/") in there}
    assert lost - in_modules == set()
    for new in in_modules:
        module, _, name = new.rpartition(".")
        path = module.replace(".", "/")
        text = files.get(f"{path}.py") or files[f"{path}/__init__.py"]
        assert re.search(rf"\b{name}\b", text), new
