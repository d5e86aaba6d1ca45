"""How accounts stand, for the rows of the inventory: the pure answer, and the same as a filter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db.models import Case, CharField, Q, QuerySet, Value, When
from django.db.models.lookups import In

from approvals import clock
from connections.idle_access.idle_and_hours_setting_types import OWNER, Setting
from connections.models import ConnectedAccount, Freeze, FrozenKind, JustInTime, State
from connections.status import account_status
from connections.status.account_status import EVERYTHING, Code, Frozen, Ground, Standing


def now() -> Ground:
    """Settings and freezes in force; two reads for any number of accounts."""
    return Ground(settings(), frozen())


def settings() -> dict[str, Setting]:
    """The just-in-time setting of each connection that has one."""
    return {row.name: Setting.read(row.as_json()) for row in JustInTime.objects.all()}


def setting_of(connection: str) -> Setting:
    """The setting of a connection; one where everything is open when nothing is set."""
    row = JustInTime.objects.filter(name=connection).first()
    return Setting.read(row.as_json()) if row else Setting()


def frozen() -> dict[tuple[str, str], Frozen]:
    """Every freeze in force; of several of the same, the one placed first."""
    found = Freeze.objects.order_by("-since", "-id")
    return {(row.kind, row.name): Frozen(row.since, row.reason) for row in found}


def of(account: ConnectedAccount) -> Standing:
    """How one account stands now."""
    return account_status.of(account, now(), clock.now())


def of_all(accounts: Iterable[ConnectedAccount]) -> dict[ConnectedAccount, Standing]:
    """How each account stands now, from one read of what holds."""
    ground, moment = now(), clock.now()
    return {account: account_status.of(account, ground, moment) for account in accounts}


def standing_as(
    found: QuerySet[ConnectedAccount], code: str, ground: Ground, moment: datetime
) -> QuerySet[ConnectedAccount]:
    """Those that stand so at a moment, decided by the database.

    Raises:
        ValueError: no such code.
    """
    return found.annotate(standing=code_of(ground, moment)).filter(standing=Code(code))


def stands_as(codes: Iterable[str], ground: Ground, moment: datetime) -> Q:
    """The condition of standing in one of these ways, as `standing_as` decides it."""
    wanted = sorted(codes)
    kept = {code for code in wanted if code in _KEPT_BEFORE}
    if len(kept) == len(wanted):  # nothing derived: the row says it
        return Q(state__in=wanted)
    return _might(wanted, ground, moment) & Q(In(code_of(ground, moment), wanted))


def _might(wanted: Iterable[str], ground: Ground, moment: datetime) -> Q:
    """Holds for every row that stands in one of these ways, by what an index can find."""
    turned = {
        Code.FROZEN: _is_frozen(ground),
        Code.NEEDS_RECONNECT: Q(state=State.CONNECTED, expires_at__lte=moment),
        Code.EXPIRING: Q(
            state=State.CONNECTED, expires_at__lte=moment + account_status.EXPIRES_SOON
        ),
        Code.ASLEEP: Q(state=State.CONNECTED) & _are_asleep(ground, moment),
    }
    found = Q(state__in=sorted(set(wanted) & set(State)))
    for code in wanted:
        found |= turned.get(Code(code), Q(pk__in=()))
    return found


def code_of(ground: Ground, moment: datetime) -> Case:
    """The code of `standing.of` as an expression, its rules in the same order."""
    kept = [When(state=code, then=Value(code)) for code in _KEPT_BEFORE]
    stands = Q(state=State.CONNECTED)
    return Case(
        *kept,
        When(_is_frozen(ground), then=Value(Code.FROZEN)),
        *[When(state=code, then=Value(code)) for code in _KEPT_AFTER],
        When(expires_at__lte=moment, then=Value(Code.NEEDS_RECONNECT)),
        *[
            When(stands & asleep, then=Value(Code.ASLEEP))
            for name, setting in ground.settings.items()
            if (asleep := _is_asleep(name, setting, moment))
        ],
        When(expires_at__lte=moment + account_status.EXPIRES_SOON, then=Value(Code.EXPIRING)),
        default=Value(Code.CONNECTED),
        output_field=CharField(),
    )


def may_stand_otherwise(ground: Ground, moment: datetime) -> Q:
    """Holds for every row that does not stand as its state says (and for some that do)."""
    turned = Q(expires_at__lte=moment + account_status.EXPIRES_SOON) | _are_asleep(ground, moment)
    # Said as what it is not: nearly all are connected, so an index on the state finds nothing.
    connected = ~Q(state__in=[state for state in State if state != State.CONNECTED])
    return _is_frozen(ground) | connected & turned


_KEPT_BEFORE = account_status.ENDED
_KEPT_AFTER = (Code.SUSPENDED, Code.NEEDS_RECONNECT)


def _is_frozen(ground: Ground) -> Q:
    services = {name for kind, name in ground.frozen if kind == FrozenKind.SERVICE}
    if EVERYTHING in services:
        return Q(pk__isnull=False)
    people = {name for kind, name in ground.frozen if kind == FrozenKind.PERSON}
    return Q(connection__in=services) | Q(sub__in=people)


def _are_asleep(ground: Ground, moment: datetime) -> Q:
    found = Q(pk__in=())
    for name, setting in ground.settings.items():
        if asleep := _is_asleep(name, setting, moment):
            found |= asleep
    return found


def _is_asleep(name: str, setting: Setting, moment: datetime) -> Q | None:
    """When accounts of a connection are asleep; None where none of them is."""
    if setting.hours is not None and not setting.hours.is_open(moment):
        return Q(connection=name)
    return asleep_since(name, setting, moment)


def asleep_since(name: str, setting: Setting, moment: datetime) -> Q | None:
    """Accounts of a connection that nothing used for as long as is set."""
    if setting.idle is None:
        return None
    last = moment - setting.idle
    unused = Q(last_used_at=None) | Q(last_used_at__lte=last)
    if setting.wake != OWNER:  # `standing.idle_since` says why
        day = last.astimezone(UTC).date()
        unused &= Q(elsewhere_on=None) | Q(elsewhere_on__lte=day)
    return Q(connection=name, watched_since__lte=last, state_since__lte=last) & unused
