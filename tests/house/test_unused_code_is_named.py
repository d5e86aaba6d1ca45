"""`make lint` names what no code of the product uses; tests are no users."""

from __future__ import annotations

from pathlib import Path

from scripts.unused_code import unused

FILES = {
    "pyproject.toml": '[tool.vulture]\npaths = ["shop"]\nignore_decorators = ["@route"]\n',
    "shop/__init__.py": "",
    "shop/prices.py": (
        "class Cart:\n"
        "    def total(self): return price()\n"
        "    def in_a_template(self): ...\n"
        "    def dead_method(self): ...\n"
        "def price(): return 1\n"
        "def dead_function(): ...\n"
        "def only_a_test_calls_this(): ...\n"
        "def of_a_migration(): ...\n"
    ),
    "shop/views.py": (
        "from shop.prices import Cart\n"
        "@route\n"
        "def page(): return Cart().total()\n"
        "class Middleware: ...\n"
        "class Unnamed: ...\n"
        "MIDDLEWARE = ['shop.views.Middleware', 'elsewhere.views.Unnamed']\n"
    ),
    "shop/migrations/0001_first.py": (
        "from shop import prices\ndef forwards(): prices.of_a_migration()\n"
    ),
    "templates/shop/cart.html": "<p>dead_function {{ cart.in_a_template }}</p>",
    "tests/test_prices.py": "from shop.prices import only_a_test_calls_this\n",
}


def test_what_only_tests_use_is_named_and_what_frameworks_reach_is_not(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert unused(tmp_path) == [
        "shop/prices.py:4: unused method 'dead_method'",
        "shop/prices.py:6: unused function 'dead_function'",
        "shop/prices.py:7: unused function 'only_a_test_calls_this'",
        "shop/views.py:5: unused class 'Unnamed'",
    ]
