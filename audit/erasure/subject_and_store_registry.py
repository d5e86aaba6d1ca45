"""Who an erasure is about, and every store of the portal that holds values of theirs.

Each app registers its stores and what it knows of a person; the erasure walks over all of them
(`approvals.erasure.job`). A person is named by their subject key alone, so that nothing which
decides about an erasure says whom it is about.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from django.db import models

from audit.ledger.format.commitment import subject_key

KEY: Final = re.compile(r"[0-9a-f]{64}")
MARK: Final = "[erased]"
"""What stands in a working row where a value was."""
_SHORTEST_NAME: Final = 8
_SHORTEST_ID: Final = 4


@dataclass(frozen=True, slots=True)
class Known:
    """What one row tells of a person; `also` are labels that they chose, such as of an account."""

    iss: str
    sub: str
    name: str = ""
    email: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whose:
    """The person of a subject key, as far as any store still tells.

    Attributes:
        people: identities with that key; one, or none once everything is erased.
        words: what identifies them, looked for everywhere: subject and e-mail, as whole words,
            whatever their case; an e-mail only where no other known person has it.
        labels: names and labels, which people choose: looked for only in a row that one of
            `words` identifies.
        short: what is not looked for: too short, or also of somebody or something else.
        name, email: for display, on the requester's page.
    """

    key: str
    people: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    name: str = ""
    email: str = ""

    def of(self, iss: str = "iss", sub: str = "sub") -> models.Q:
        """Rows whose columns `iss` and `sub` are this person; nothing where nobody is known."""
        found = models.Q(pk__in=[])
        for issuer, subject in self.people:
            found |= models.Q(**{iss: issuer, sub: subject})
        return found

    @property
    def subs(self) -> list[str]:
        """Their subjects, for columns that hold no issuer."""
        return [sub for _, sub in self.people]

    def pattern(self, *, labels: bool = False) -> re.Pattern[str] | None:
        """Finds any of the words as a whole; None where there is none.

        With `labels` names and labels too: for a row that is known to name the person.
        """
        if not self.words:
            return None
        words = self.words + self.labels if labels else self.words
        longest_first = sorted(words, key=len, reverse=True)
        return re.compile(
            rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """A stored document that a digest elsewhere holds: that hex SHA-256, and what it is now."""

    digest: str
    now: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that repeat what events say, and may name a person: an erasure notes what it emptied."""

    rows: models.QuerySet[Any]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restriction:
    """What somebody else restricted about a person, which ends with their rows: `what` it is, such
    as "freeze", and an id that no other restriction has."""

    what: str
    id: str

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the id, which may name who restricted it."""
        return hashlib.sha256(self.id.encode()).hexdigest()


def _nothing_restricted(_whose: Whose) -> Iterable[Restriction]:
    return ()


def _nothing_sealed(_whose: Whose) -> list[Sealed]:
    return []


def _nothing_repeated(_whose: Whose) -> list[Repeats]:
    return []


@dataclass(frozen=True, slots=True)
class Store:
    """One app's share of an erasure.

    Attributes:
        name: stable, as the certificate has it.
        label: as a page says it.
        order: earlier ones first; what tells whom it is about goes last.
        count: how many rows or files hold values of a person.
        erase: makes them unrecoverable and returns how many; doing it again changes nothing.
        sealed: documents that may lose values of the person, so that they say *erased* afterwards.
        repeats: rows that are held to their events and may lose values of the person.
        restrictions: what others restricted about the person in these rows; it ends with them.
        lock: lets nobody restrict more of it until the transaction ends.
        columns: `app.Model.field` that it looks after (`tests/house` holds the list to the models).
    """

    name: str
    label: str
    order: int
    count: Callable[[Whose], int]
    erase: Callable[[Whose], int]
    columns: Sequence[str] = ()
    sealed: Callable[[Whose], list[Sealed]] = _nothing_sealed
    repeats: Callable[[Whose], list[Repeats]] = _nothing_repeated
    restrictions: Callable[[Whose], Iterable[Restriction]] = _nothing_restricted
    lock: Callable[[Whose], object] = _nothing_restricted


Directory = Callable[[str], Iterable[Known]]
Reserved = Callable[[str], Iterable[str]]
_STORES: dict[str, Store] = {}
_DIRECTORIES: list[Directory] = []
_RESERVED: list[Reserved] = []
_EMAILS_OF_OTHERS: list[Reserved] = []


def register(store: Store) -> Store:
    """Add a store; called at import of an app's `erasure` modules.

    Raises:
        ValueError: the name is taken.
    """
    if store.name in _STORES:
        raise ValueError(f"store {store.name} is registered twice")
    _STORES[store.name] = store
    return store


def knows(directory: Directory) -> Directory:
    """Decorator: a function that returns what an app knows of the person of a key."""
    _DIRECTORIES.append(directory)
    return directory


def reserves(texts: Reserved) -> Reserved:
    """Decorator: a function that lists what names others than the person of a key, or things: no
    name of the person that lies within one of these texts is looked for."""
    _RESERVED.append(texts)
    return texts


def restrictions_by_others(whose: Whose) -> list[Restriction]:
    """Everything in force that others restricted about the person, by id."""
    found = (one for store in stores() for one in store.restrictions(whose))
    return sorted(found, key=lambda one: one.id)


def knows_emails_of_others(texts: Reserved) -> Reserved:
    """Decorator: a function that lists the e-mails of everybody but the person of a key: one that
    two people have identifies neither."""
    _EMAILS_OF_OTHERS.append(texts)
    return texts


def stores() -> list[Store]:
    """All stores, in the order in which they are erased."""
    return sorted(_STORES.values(), key=lambda store: (store.order, store.name))


def identify(key: str) -> Whose:
    """The person of a key, from everything that any app still holds."""
    known = [each for directory in _DIRECTORIES for each in directory(key)]
    known = [each for each in known if not each.iss or subject_key(each.iss, each.sub) == key]
    reserved = [text.casefold() for texts in _RESERVED for text in texts(key) if text]

    def is_another(name: str) -> bool:
        return any(name.casefold() in text for text in reserved)

    people = dict.fromkeys(
        (each.iss, each.sub) for each in known if subject_key(each.iss, each.sub) == key
    )
    names = dict.fromkeys(text for each in known for text in (each.name, *each.also) if text)
    subs = dict.fromkeys(text for each in known for text in (each.sub, quote(each.sub, safe="")))
    emails = dict.fromkeys(each.email for each in known if "@" in each.email)
    shared = {text.casefold() for texts in _EMAILS_OF_OTHERS for text in texts(key)}
    certain = [*subs, *(email for email in emails if email.casefold() not in shared)]
    labels = [name for name in names if _is_telling(name) and not is_another(name)]
    return Whose(
        key=key,
        people=tuple(people),
        words=tuple(word for word in certain if len(word) >= _SHORTEST_ID),
        labels=tuple(labels),
        short=tuple(text for text in (*names, *emails) if text not in {*labels, *certain}),
        name=next((each.name for each in known if each.name), ""),
        email=next((each.email for each in known if each.email), ""),
    )


def _is_telling(name: str) -> bool:
    return len(name) >= _SHORTEST_NAME or (" " in name.strip() and len(name) >= _SHORTEST_ID)


def identities(model: type[models.Model], key: str) -> list[tuple[str, str]]:
    """The pairs of `iss` and `sub` in a table that make this key."""
    pairs: Any = model._default_manager.order_by().values_list("iss", "sub").distinct()
    return [(iss, sub) for iss, sub in pairs if subject_key(iss, sub) == key]
