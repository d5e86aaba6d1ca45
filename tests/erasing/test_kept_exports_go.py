"""A file that the portal keeps and that has an erased person's values is deleted, and says so."""

from __future__ import annotations

from audit import exports
from audit.exports import jobs
from audit.ledger.query import EventQuery
from audit.models import ExportJob
from audit.recording.actors import Actor
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import verify
from tests.approvals.people_of import Phones, acting
from tests.audit.browsing import browser_of, text_of
from tests.erasing.conftest import Alone
from tests.erasing.test_a_person_is_erased import MIA, a_life, erase

SAYS = "The file was deleted: it may have held values of a person who was erased since."


def exported(by: Actor, query: str = "") -> ExportJob:
    job = exports.request(by, EventQuery.from_bar(query), "csv")
    jobs.run(job.id)
    job.refresh_from_db()
    assert job.state == "ready" and jobs.path_of(job).exists()
    return job


def test_files_with_the_person_are_deleted_and_their_pages_say_so(
    alone: Alone, phones: Phones
) -> None:
    def story() -> None:
        amir = acting("admin", "admin")
        record(amir, "audit.viewed", private={"query": {}})
        sequencer.run_once()
        before = exported(amir)
        a_life()
        sequencer.run_once()
        holding, naming, own = exported(amir), exported(amir, MIA.email), exported(MIA)
        assert MIA.email.encode() in jobs.path_of(holding).read_bytes()
        erase(phones)
        browser = browser_of(amir)
        for job in (holding, naming, own):
            job.refresh_from_db()
            assert (job.state, job.erased) == ("expired", True)
            assert not jobs.path_of(job).exists()
            page = text_of(browser.get(f"/audit/exports/{job.id}/"))
            assert SAYS in page and MIA.email not in page
            gone = browser.get(f"/audit/exports/{job.id}/download")
            assert gone.status_code == 409 and b"no longer kept" in gone.content
        assert naming.params == {} and own.requester["sub"] == "[erased]"
        assert holding.requester["sub"] == amir.sub
        before.refresh_from_db()
        assert (before.state, before.erased) == ("ready", False), "of a tree before her"
        assert SAYS not in text_of(browser.get(f"/audit/exports/{before.id}/"))
        report = verify.run()
        assert not report.problems, report.problems

    alone(story)
