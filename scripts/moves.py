"""Move modules and rename their names by a committed map: `python -m scripts.moves`.

`docs/renames.md` holds one row for each: the old and the new dotted path of a module, a package, or
a name at the top of a module (by its old and its new module). Rows whose old path exists are
carried out; `--back` exchanges old and new. Rewritten are imports, uses of what was imported,
dotted paths and file paths in strings, comments and documents. Not rewritten: methods, names in
strings that stand alone, and `docs/findings.tsv`, which names tests of earlier commits. Format with
ruff afterwards; lint, types and tests tell what is left.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import libcst as cst
from libcst import metadata

from scripts.moves_map import Moves, module_of, moves_of, read_map

ROOT: Final = Path(__file__).resolve().parent.parent
MAP: Final = "docs/renames.md"
NOT_REWRITTEN: Final = (MAP, "docs/findings.tsv", "CHANGELOG.md")
TEXTS: Final = (".md", ".toml", ".tsv", ".sh", ".html", ".txt", ".yml", "Makefile", "run")
_INNER_CAPITAL: Final = re.compile(r".[A-Z]")  # no word of a sentence


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return ""


def _expression(dotted: str) -> cst.Attribute | cst.Name:
    made = cst.parse_expression(dotted)
    assert isinstance(made, cst.Attribute | cst.Name)
    return made


class _Rewriting(cst.CSTTransformer):
    """Rewrites imports and what was imported in one file."""

    METADATA_DEPENDENCIES = (metadata.QualifiedNameProvider,)

    def __init__(self, module: str, is_package: bool, moves: Moves) -> None:
        super().__init__()
        self._package = module if is_package else module.rpartition(".")[0]
        self._module, self._moves = module, moves
        self._new_package = self._moves.new(self._package)

    def _absolute(self, node: cst.ImportFrom) -> str:
        named = _dotted(node.module) if node.module else ""
        if not node.relative:
            return named
        base = self._package.split(".")
        base = base[: len(base) - len(node.relative) + 1]
        return ".".join([*base, named] if named else base)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        old = self._absolute(original_node)
        if isinstance(updated_node.names, cst.ImportStar):
            return self._from(original_node, updated_node, old, self._moves.new(old), None)
        groups: dict[str, list[cst.ImportAlias]] = {}
        for alias in updated_node.names:
            name = _dotted(alias.name)
            parent, _, last = self._moves.new(f"{old}.{name}").rpartition(".")
            groups.setdefault(parent, []).append(alias.with_changes(name=cst.Name(last)))
        made = [self._from(original_node, updated_node, old, *group) for group in groups.items()]
        return made[0] if len(made) == 1 else cst.FlattenSentinel(made)

    def _from(
        self,
        original: cst.ImportFrom,
        updated: cst.ImportFrom,
        old: str,
        new: str,
        names: list[cst.ImportAlias] | None,
    ) -> cst.ImportFrom:
        if names is not None:
            if original.lpar is None:
                names[-1] = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            updated = updated.with_changes(names=names)
        same_place = original.relative and self._module == self._moves.new(self._module)
        if new == old and (not original.relative or same_place):
            return updated
        if original.relative and self._is_sibling(old, new):
            return updated
        return updated.with_changes(module=_expression(new), relative=())

    def _is_sibling(self, old: str, new: str) -> bool:
        """Whether both lie to each other as before, so that a relative import stays."""
        ours, theirs = self._package, self._new_package
        return (
            ours != theirs and old.startswith(f"{ours}.") and new == theirs + old.removeprefix(ours)
        )

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        names = [
            alias.with_changes(name=_expression(self._moves.new(_dotted(alias.name))))
            for alias in updated_node.names
        ]
        return updated_node.with_changes(names=names)

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:
        """`__all__` names what was imported, and what is defined here."""
        target, value = updated_node.targets[0].target, updated_node.value
        if _dotted(target) != "__all__" or not isinstance(value, cst.List | cst.Tuple):
            return updated_node
        elements = [
            one.with_changes(value=cst.SimpleString(f'"{self._new_last(one.value)}"'))
            if isinstance(one.value, cst.SimpleString)
            else one
            for one in value.elements
        ]
        return updated_node.with_changes(value=value.with_changes(elements=elements))

    def _new_last(self, name: cst.SimpleString) -> str:
        own = f"{self._module}.{name.raw_value}"
        return self._moves.new(own).rpartition(".")[2]

    def _imported(self, node: cst.CSTNode) -> set[str]:
        found = self.get_metadata(metadata.QualifiedNameProvider, node, set())
        names = (one.name for one in found if one.source is metadata.QualifiedNameSource.IMPORT)
        return {self._from_root(name) for name in names}

    def _from_root(self, name: str) -> str:
        """`..a.b` as the dotted path that it means here."""
        relative = name.lstrip(".")
        if relative == name:
            return name
        above = self._package.split(".")[: self._package.count(".") + 2 - len(name) + len(relative)]
        return ".".join([*above, relative])

    def _is_local(self, node: cst.CSTNode) -> bool:
        found = self.get_metadata(metadata.QualifiedNameProvider, node, set())
        return any(one.source is metadata.QualifiedNameSource.LOCAL for one in found)

    def leave_Name(
        self, original_node: cst.Name, updated_node: cst.Name
    ) -> cst.Name | cst.Attribute:
        for name in self._imported(original_node):
            new = self._moves.new(name)
            if new != name and name == original_node.value:  # by `import a`
                return _expression(new)
            if new != name and name.rpartition(".")[2] == original_node.value:
                return updated_node.with_changes(value=new.rpartition(".")[2])
        own = f"{self._module}.{original_node.value}"
        if own in self._moves.names and self._is_local(original_node):
            return updated_node.with_changes(value=self._moves.names[own].rpartition(".")[2])
        return updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        for name in self._imported(original_node):
            new = self._moves.new(name)
            if new == name or not (name in self._moves.modules or name in self._moves.names):
                continue
            if _dotted(original_node) == name:  # by `import a.b`
                return _expression(new)
            return updated_node.with_changes(attr=cst.Name(new.rpartition(".")[2]))
        return updated_node

    def _renamed_here(self, node: cst.FunctionDef | cst.ClassDef) -> cst.Name:
        own = f"{self._module}.{node.name.value}"
        return cst.Name(self._moves.names.get(own, own).rpartition(".")[2])

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        if not self._is_top(original_node):
            return updated_node
        return updated_node.with_changes(name=self._renamed_here(original_node))

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        if not self._is_top(original_node):
            return updated_node
        return updated_node.with_changes(name=self._renamed_here(original_node))

    def _is_top(self, node: cst.FunctionDef | cst.ClassDef) -> bool:
        found = self.get_metadata(metadata.QualifiedNameProvider, node, set())
        return node.name.value in {one.name for one in found}


class Texts:
    """Rewrites dotted paths and file paths in text."""

    def __init__(self, moves: Moves) -> None:
        """Takes what moves; a path of one word is rewritten as a folder, or between quotes."""
        dotted = {old: new for old, new in {**moves.modules, **moves.names}.items() if "." in old}
        self._dotted = dotted
        self._paths = {
            old.replace(".", "/"): new.replace(".", "/") for old, new in moves.modules.items()
        }
        self._words = {old: new for old, new in moves.roots.items() if "." not in old}
        last = {old.rpartition(".")[2]: new.rpartition(".")[2] for old, new in moves.names.items()}
        self._classes = {old: new for old, new in last.items() if _INNER_CAPITAL.search(old)}
        self._by_class = _any_of(self._classes, r"\b", r"\b")
        self._by_dots = _any_of(dotted, r"(?<![\w./-])", r"(?![\w/-])")
        folders = {old: new for old, new in self._paths.items() if "/" in old}
        files = {old for old in self._paths if not any(f"{old}/" in one for one in self._paths)}
        self._by_file = _any_of(files, r"(?<![\w./-])", r"(?=\.py\b)")
        below = r"(?=(?:/\w+)+\.(?:py|csv|md|js|html)\b)"  # else it may be an address
        self._by_path = _any_of(self._paths.keys() - files, r"(?<![\w./-])", below)
        self._by_folder = _any_of(folders, r"(?<![\w./-])", r"(?=[\s`\"']|$)")
        self._by_word = _any_of(self._words, r"(?<=[\"`])", r"(?=\*?[\"`])")

    def prose(self, text: str) -> str:
        """Comments, docstrings, documents and settings."""
        text = self._by_file.sub(lambda found: self._paths[found[0]], text)
        text = self._by_path.sub(lambda found: self._paths[found[0]], text)
        text = self._by_class.sub(lambda found: self._classes[found[0]], text)
        text = self._by_folder.sub(lambda found: self._paths[found[0]], text)
        return self._by_dots.sub(lambda found: self._dotted[found[0]], text)

    def words(self, text: str) -> str:
        """Packages that are named alone, in quotes: in documents and settings only."""
        return self._by_word.sub(lambda found: self._words[found[0]], text)


def _any_of(known: Iterable[str], before: str, after: str) -> re.Pattern[str]:
    parts = sorted(known, key=len, reverse=True)
    return re.compile(f"{before}(?:{'|'.join(map(re.escape, parts))}){after}" if parts else "(?!)")


class _Strings(cst.CSTTransformer):
    """Rewrites strings and comments of one file, and lists of packages."""

    def __init__(self, moves: Moves, texts: Texts, packages: frozenset[str]) -> None:
        super().__init__()
        self._texts, self._packages = texts, packages
        self._words = {old: new for old, new in moves.roots.items() if "." not in old}

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        value = self._texts.prose(updated_node.value)
        if "\n" in value:  # a program in a string
            value = self._texts.words(value)
        return updated_node.with_changes(value=value)

    def leave_FormattedStringText(
        self, original_node: cst.FormattedStringText, updated_node: cst.FormattedStringText
    ) -> cst.FormattedStringText:
        return updated_node.with_changes(value=self._texts.prose(updated_node.value))

    def leave_Comment(self, original_node: cst.Comment, updated_node: cst.Comment) -> cst.Comment:
        return updated_node.with_changes(value=self._texts.prose(updated_node.value))

    def leave_Tuple(self, original_node: cst.Tuple, updated_node: cst.Tuple) -> cst.Tuple:
        return updated_node.with_changes(elements=self._listed(updated_node.elements))

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> cst.List:
        return updated_node.with_changes(elements=self._listed(updated_node.elements))

    def leave_Set(self, original_node: cst.Set, updated_node: cst.Set) -> cst.Set:
        return updated_node.with_changes(elements=self._listed(updated_node.elements))

    def _listed(self, elements: Sequence[cst.BaseElement]) -> list[cst.BaseElement]:
        named = [
            one.value.evaluated_value if isinstance(one.value, cst.SimpleString) else None
            for one in elements
        ]
        if len(self._packages.intersection(n for n in named if isinstance(n, str))) < 2:
            return list(elements)
        return [
            one.with_changes(value=cst.SimpleString(f'"{self._words[name]}"'))
            if isinstance(name, str) and name in self._words
            else one
            for one, name in zip(elements, named, strict=True)
        ]


def rewritten(path: str, source: str, moves: Moves, packages: frozenset[str]) -> str:
    """A file's text after the moves. `packages` are the folders of the root that hold code."""
    texts = Texts(moves)
    if not path.endswith(".py"):
        return texts.words(texts.prose(source))
    tree = metadata.MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    code = tree.visit(_Rewriting(module_of(path), path.endswith("__init__.py"), moves))
    return code.visit(_Strings(moves, texts, packages)).code


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def _may_name(path: str, text: str, moved: Iterable[str]) -> bool:
    """Whether a file has the words of anything that moves: parsing each takes minutes."""
    for old in moved:
        parent, _, last = old.rpartition(".")
        if last not in text:
            continue
        imported = rf"from {re.escape(parent)} import (?:[^(\n]*|\([^)]*)\b{last}\b"
        if (
            not parent
            or old in text
            or old.replace(".", "/") in text
            or _INNER_CAPITAL.search(last)
            or path.startswith(f"{parent.replace('.', '/')}/")
            or re.search(imported, text)
        ):
            return True
    return False


def new_path(path: str, moves: Moves) -> str:
    """Where a file goes: a module by its name, any other file with its folder."""
    module = module_of(path)
    if path.endswith(".py") and module in moves.modules:
        suffix = "/__init__.py" if path.endswith("__init__.py") else ".py"
        return moves.modules[module].replace(".", "/") + suffix
    folder, _, name = path.rpartition("/")
    moved = moves.modules.get(folder.replace("/", "."), "")
    return f"{moved.replace('.', '/')}/{name}" if moved else path


def _move(path: str, target: str) -> None:
    source = ROOT / path
    (ROOT / target).parent.mkdir(parents=True, exist_ok=True)
    source.rename(ROOT / target)
    shutil.rmtree(source.parent / "__pycache__", ignore_errors=True)
    if not any(source.parent.iterdir()):
        source.parent.rmdir()


def main(arguments: list[str] | None = None) -> None:
    """Rewrite the working tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--back", action="store_true", help="exchange old and new")
    chosen = parser.parse_args(arguments)
    files = {
        path: (ROOT / path).read_text()
        for path in _git("ls-files").splitlines()
        if path.endswith((".py", *TEXTS))
    }
    rows = read_map(files[MAP])
    moves = moves_of([(new, old) for old, new in reversed(rows)] if chosen.back else rows, files)
    moved = {**moves.roots, **moves.names}
    if not moved:
        sys.exit("no row of the map applies")
    packages = frozenset(path.split("/")[0] for path in files if path.endswith(".py"))
    some = [p for p in files if p not in NOT_REWRITTEN and _may_name(p, files[p], moved)]
    rewrite = partial(rewritten, moves=moves, packages=packages)
    with ProcessPoolExecutor() as pool:  # resolving names takes 0.3 s a file
        found = pool.map(rewrite, some, [files[path] for path in some], chunksize=8)
        for path, after in zip(some, found, strict=True):
            if after != files[path]:
                (ROOT / path).write_text(after)
    for path in _git("ls-files").splitlines():
        if (target := new_path(path, moves)) != path:
            _move(path, target)
    _git("add", "--all")


if __name__ == "__main__":
    main()
