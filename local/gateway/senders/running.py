"""The senders of one gateway: started from its configuration, fed by its audit log."""

from __future__ import annotations

import uuid
from typing import Any

from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.instants import now_ns, rfc3339
from local.gateway.audit.log import AuditLog
from local.gateway.generations import Generation
from local.gateway.senders.background_batches import BatchedSender
from local.gateway.senders.destinations import Destination, destinations_of
from local.gateway.senders.synchronous_delivery import SenderWithinTheCall
from local.gateway.user_folder import Home


class Senders:
    """All senders of a gateway."""

    def __init__(self, home: Home, generation: Generation, database: AuditDatabase) -> None:
        self._generation = generation
        self._database = database
        self._batched: list[BatchedSender] = []
        self._within: list[SenderWithinTheCall] = []
        record = self._record_attempt if generation.entries_per_agent else None
        for destination in destinations_of(home, generation):
            if generation.seals_rows:
                self._batched.append(BatchedSender(generation, destination))
            else:
                self._within.append(SenderWithinTheCall(generation, destination, record))

    def start(self, log: AuditLog) -> None:
        """Start all and hand them each row that is stored from now on."""
        for sender in self._all():
            sender.start()
            log.listeners.append(sender.take)

    def stop(self) -> None:
        """Send what waits, once."""
        for sender in self._all():
            sender.stop()

    def _all(self) -> list[BatchedSender | SenderWithinTheCall]:
        return [*self._batched, *self._within]

    def health(self) -> list[dict[str, Any]]:
        """Return the destinations as HEAD's `/health` shows them."""
        return [sender.health() for sender in self._batched]

    def _record_attempt(self, destination: Destination, status: int, size: int, kept: int) -> None:
        row = {
            "id": str(uuid.uuid4()),
            "timestamp": rfc3339(now_ns()),
            "sink_name": destination.name,
            "sink_kind": destination.kind,
            "outcome": "failed" if kept else "delivered",
            "status_code": status or None,
            "batch_size": size,
            "error": f"status {status}" if kept else None,
            "queue_depth": kept,
        }
        with self._database.write() as connection:
            self._database.insert(connection, "sink_health", row)
