"""The Merkle tree: which event is which leaf, full tiles, signed checkpoints. All insert-only."""

from __future__ import annotations

from django.db import models

from audit.models.event_and_openings import Event


class Entry(models.Model):
    """Leaf `seq` of the tree (counted from 0) is `event`."""

    seq = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="leaf")

    def __str__(self) -> str:
        return f"{self.seq}: {self.event_id}"


class Tile(models.Model):
    """A full C2SP tile: 256 hashes of `level`; tile `n` covers hashes 256n … 256n + 255.

    `root` is the tree hash over the 256, kept so that a partial tile of the level above is read
    and not recomputed. Partial tiles are never stored.
    """

    level = models.PositiveSmallIntegerField()
    n = models.BigIntegerField()
    hashes = models.BinaryField(max_length=8192)
    root = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "n"], name="audit_tile_once")]

    def __str__(self) -> str:
        return f"tile {self.level}/{self.n}"


class Checkpoint(models.Model):
    """A tree head that we signed and published (C2SP tlog-checkpoint)."""

    size = models.BigIntegerField(db_index=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    created = models.DateTimeField()

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"


class Cosignature(models.Model):
    """A signature line that somebody else added to the checkpoint of `size`."""

    size = models.BigIntegerField(db_index=True)
    root = models.BinaryField(max_length=32)
    name = models.TextField()  # key name of the cosigner
    line = models.TextField()  # the signature line, without its newline
    created = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["name", "size"], name="audit_cosigned_by")]

    def __str__(self) -> str:
        return f"{self.name} on {self.size}"
