"""What a time authority said about a checkpoint. Insert-only."""

from __future__ import annotations

from django.db import models


class TimeToken(models.Model):
    """An RFC 3161 response over the checkpoint of `size` and `root`."""

    size = models.BigIntegerField(db_index=True)
    root = models.BinaryField(max_length=32)
    authority = models.TextField()  # host of TSA_URL when it was asked
    response = models.BinaryField()  # DER of the TimeStampResp, at most 64 KiB
    time = models.DateTimeField()  # as the token says
    created = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.authority} on {self.size}"
