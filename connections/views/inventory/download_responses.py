"""Files about connections as answers, each with its digest and the event that names it."""

from __future__ import annotations

from base64 import b64encode

from django.http import FileResponse, HttpResponse

from audit.recording.actors import Actor
from connections.auth_ibom import document, export, fact_collection
from connections.inventory.table_files import File


def as_download(file: File) -> FileResponse:
    """The file with its digest (RFC 9530) and the event that names it."""
    answer = FileResponse(
        file.body, as_attachment=True, filename=file.name, content_type=file.media_type
    )
    answer["Content-Length"] = str(file.size)
    answer["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(file.sha256)).decode()}:"
    answer["ATA-Event"] = file.event
    answer["Cache-Control"] = "private, no-store"
    return answer


def with_manifest(file: File) -> FileResponse:
    """A list, which has a signed manifest."""
    answer = as_download(file)
    answer["Link"] = f'</v1/connections/export/{file.event}/manifest>; rel="describedby"'
    return answer


def ibom(actor: Actor, at: str) -> HttpResponse:
    """The signed Auth-IBOM of now, or of what `at` means.

    Raises:
        BadMoment: `at` is none.
    """
    size, moment = (
        (fact_collection.size_of(at), fact_collection.moment_of(at)) if at else (None, None)
    )
    body, name = export.export(actor, size=size, moment=moment)
    return HttpResponse(
        body,
        content_type=document.MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
