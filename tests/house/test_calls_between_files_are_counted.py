"""The benchmark counts which product files a flow enters and how often it changes files."""

from __future__ import annotations

import threading
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.files_entered_per_flow import Calls, ProductFiles

PRODUCT = {
    "shop/__init__.py": "",
    "shop/orders.py": """
def place(stock, through=None):
    return _checked((through or _directly)(stock.take))
def _directly(call):
    return call(1)
def _checked(count):
    return count
def limit():
    return 3
""",
    "shop/stock.py": """
def take(count, orders=[]):
    return min(count, orders[0].limit()) if orders else count
""",
    "shop/models.py": "def saved(call):\n    return call(1)\n",
}


def _load(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, ModuleType]:
    for path, text in PRODUCT.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    library = tmp_path / "library.py"
    library.write_text("def called(call):\n    return call(1)\n")
    paths = *(tmp_path / path for path in PRODUCT), library
    return {path.stem: _load(path) for path in paths}


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(ProductFiles(tmp_path))


def test_two_files_that_call_each_other_are_counted_once_each_way(
    shop: dict[str, ModuleType], calls: Calls
) -> None:
    orders, stock = shop["orders"], shop["stock"]
    with calls.listening():
        orders.place(stock)
    assert calls.files == {"shop/orders.py", "shop/stock.py"}
    assert calls.between == {("shop/orders.py", "shop/stock.py"): 1}
    with calls.listening():
        stock.take(1, [orders])
    assert calls.between == {
        ("shop/orders.py", "shop/stock.py"): 1,
        ("shop/stock.py", "shop/orders.py"): 1,
    }


@pytest.mark.parametrize("between", [("library", "called"), ("models", "saved")])
def test_a_call_through_a_library_or_a_model_is_one_of_the_product_file_below(
    shop: dict[str, ModuleType], calls: Calls, between: tuple[str, str]
) -> None:
    module, function = between
    with calls.listening():
        shop["orders"].place(shop["stock"], getattr(shop[module], function))
    assert calls.files == {"shop/orders.py", "shop/stock.py"}
    assert calls.between == {("shop/orders.py", "shop/stock.py"): 1}


def test_what_another_thread_calls_is_counted(shop: dict[str, ModuleType], calls: Calls) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait_and_place() -> None:
        begun.set()
        go.wait()
        shop["orders"].place(shop["stock"])

    before = threading.Thread(target=wait_and_place)
    before.start()
    begun.wait()
    with calls.listening():
        after = threading.Thread(target=shop["orders"].place, args=(shop["stock"],))
        after.start()
        go.set()
        before.join()
        after.join()
    assert calls.between == {("shop/orders.py", "shop/stock.py"): 2}


def test_middleware_models_migrations_and_what_is_below_the_product_do_not_count(
    tmp_path: Path,
) -> None:
    for app in ("audit", "portal", "http_client", "tests", "local"):
        (tmp_path / app).mkdir()
        (tmp_path / app / "__init__.py").touch()
    product = ProductFiles(tmp_path, ["portal/pages/method_and_body_errors.py"])
    paths = [
        "audit/recording/record.py", "portal/home/views.py",
        "audit/management/commands/verify_ledger.py",
        "audit/models/tree_and_checkpoints.py", "portal/models.py",
        "audit/migrations/0001_initial.py",
        "audit/ledger/note.py", "portal/middleware.py", "portal/pages/method_and_body_errors.py",
        "http_client/client.py", "tests/conftest.py", "local/views.py", "manage.py",
        "no_package/module.py", "audit/page.html",
    ]  # fmt: skip
    assert [path for path in paths if product.path_of(str(tmp_path / path))] == paths[:3]
    assert not product.path_of("/usr/lib/python3/audit/record.py")
