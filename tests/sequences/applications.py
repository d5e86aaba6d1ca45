"""Steps of a sequence that end consents to applications, and comparisons with Auth0's list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from approvals.errors import Refused
from approvals.pipeline.service import perform
from approvals.registry import EffectRun
from audit.recording.actors import Target
from auth0_client.errors import Forbidden
from connections.application_grants import consent_and_token_revocation, consent_and_token_sync
from connections.models import AccessKind, AppAccess
from tests.sequences.consents import Consent, Consents
from tests.sequences.time import START

if TYPE_CHECKING:
    from tests.sequences.world import World

_MOST = 3


class DeletesAtAuth0:
    """The one call of the Management API that the remote step makes."""

    def __init__(self) -> None:
        self.refuses = False

    def delete_grant(self, _id: str) -> None:
        if self.refuses:
            raise Forbidden("delete", "insufficient_scope")


class Applications:
    """The owner's consents, in the product and in the model."""

    def __init__(self, world: World, admins: set[str]) -> None:
        self.world, self.model = world, Consents(world.owner, admins)
        self.management = DeletesAtAuth0()
        self.steps: list[tuple[str, str]] = []  # consent and operation

    def decides(self) -> bool:
        """Somebody revokes a consent, or its remote step runs, also a second time."""
        choose = self.world.choose
        if not self.model.all:
            return self.compares()
        if self.steps and choose.random() < 0.4:
            return self._runs_a_step()
        consent = self._any()
        who = self.world.somebody()
        expected = self.model.revoke(who, consent)
        key, found = self._performs(who, consent)
        self.world.told.append(f"{who} revokes {consent.name}: {found}")
        assert found == expected, f"{found}, and the model says {expected}"
        if found == "asked":
            self.model.asked(key, who, consent)
        elif found == "done":
            self.begun(consent, who)
        return found == "done"

    def _performs(self, who: str, consent: Consent) -> tuple[str, str]:
        target = Target(AccessKind.GRANT, str(self._row(consent).pk))
        try:
            done = perform(self.world.actor(who), "access.revoke", target, reason=f"by {who}")
        except Refused:
            return "", "refused"
        return (str(done.approval.pk), "asked") if done.approval else ("", "done")

    def begun(self, consent: Consent, who: str) -> None:
        """A revocation committed, and its remote step is due."""
        row = self._row(consent)
        self.model.begun(consent, who, row.operation)
        self.steps.append((consent.name, row.operation))

    def _runs_a_step(self) -> bool:
        name, operation = self.world.choose.choice(self.steps)
        consent = self.model.all[name]
        self.management.refuses = self.world.choose.random() < 0.3
        payload = {"access": str(self._row(consent).pk), "operation": operation}
        result = consent_and_token_revocation.delete(payload, EffectRun("", 1, operation, "", ""))
        self.world.told.append(f"Auth0 deletes {name}: {result.state}")
        self.model.deleted(consent, operation, refused=self.management.refuses)
        return True

    def compares(self) -> bool:
        """Auth0's list is compared; people decide while it answers."""
        world, known, choose = self.world, self.model.all, self.world.choose
        as_of, moment = world.time.at, world.time.now()
        listed = [name for name in sorted(known) if choose.random() < 0.7]
        if len(known) < _MOST:
            listed.append(f"cgr-{world.service}-{len(known)}")
        missing = [(known[name], known[name].since) for name in sorted(known) if name not in listed]

        def told() -> Iterator[consent_and_token_sync.Listed]:
            for name in listed:
                if known and choose.random() < 0.4:
                    world.passes(1)
                    _ = world.answers(self.model) if self.model.requests else self.decides()
                yield consent_and_token_sync.Listed(AccessKind.GRANT, name, "app", (), ("read:a",))
                self.model.listed(name, as_of)

        world.told.append(f"Auth0 lists {', '.join(listed)}")
        consent_and_token_sync._compare(
            settings.ENV.issuer, world.owner, AccessKind.GRANT, told(), moment
        )
        for consent, since in missing:
            self.model.missing(consent, since, as_of)
        return True

    def check_same(self) -> None:
        """Product and model say the same of every consent."""
        rows = AppAccess.objects.filter(sub=self.world.owner).order_by()
        found = {name: told for name, *told in rows.values_list("auth0_id", "state", "state_since")}
        expected = {
            name: [one.state, START + timedelta(seconds=one.since)]
            for name, one in self.model.all.items()
        }
        assert found == expected, f"consents are {found}, and the model says {expected}"

    def _any(self) -> Consent:
        return self.model.all[self.world.choose.choice(sorted(self.model.all))]

    def _row(self, consent: Consent) -> AppAccess:
        return AppAccess.objects.get(auth0_id=consent.name)
