"""Which tests one worker gets as a whole: a file, or a folder whose tests share a tenant.

pytest-xdist's own `loadgroup` writes the group into a name that pytest 9.2 no longer reads: it then
gives each test to whoever is free, and everything that a file starts was started by every worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

TOGETHER = (
    "tests/approvals/",
    "tests/attacks/sign_in/",
    "tests/attacks/step_up/",
    "tests/auth0_client/",
    "tests/elsewhere/",
    "tests/enforcement/",
    "tests/faults/",
    "tests/tenant/",
)
"""Folders whose tests share a tenant: on one worker each, so that it is started once."""

DEAR = (
    "tests/enforcement/",
    "tests/approvals/",
    "tests/faults/",
    "tests/stack/test_sample_data_stays_at_demo_gateways.py",
    "tests/attacks/step_up/",
    "tests/attacks/sign_in/",
    "tests/attacks/tamper/test_every_column_is_held.py",
    "tests/gateways/test_stand_ins_reproduce_the_observations.py",
    "tests/tenant/",
    "tests/contract/test_the_server_keeps_its_contract.py",
    "tests/ata/outpost/test_commands_survive_kills.py",
    "tests/ata/outpost/test_refused_facts_are_reported_again.py",
    "tests/ata/outpost/test_what_relaxes_needs_a_person.py",
    "tests/corpus/test_doctor_finds_what_was_left.py",
    "tests/connections/test_reviews_open_beside_others.py",
    "tests/ata/test_hostile_files_are_verified_in_bounds.py",
    "tests/audit/test_pages_hold_while_events_arrive.py",
    "tests/corpus/test_an_older_installation_opens.py",
    "tests/ata/outpost/test_commands_that_are_refused.py",
    "tests/audit/test_verify_finds_every_tampering.py",
    "tests/house/test_patterns_over_foreign_text_are_linear.py",
    "tests/ata/test_calls_cannot_be_hidden_from_the_broker.py",
    "tests/audit/test_sequencer_survives_being_killed.py",
    "tests/connections/test_the_inventory_at_any_index.py",
    "tests/audit/test_verify_compares_words_and_counts.py",
    "tests/audit/test_search_means_what_matches_means.py",
    "tests/audit/test_many_old_checkpoints_go.py",
    "tests/connections/test_the_directory_is_walked.py",
    "tests/sequences/test_random_decisions.py",
    "tests/ata/test_proxying_an_mcp_server.py",
    "tests/house/test_nothing_decides_by_accident.py",
)
"""Groups that take the longest, by processor seconds, the dearest first: begun last, one of them
would keep one worker busy while the others have nothing left."""


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Gives out the dearest groups first, then those with the most tests."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        waiting = next((group for group in DEAR if group in self.workqueue), None)
        if waiting:
            self.workqueue.move_to_end(waiting, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        """The group of a test: its folder or its file."""
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)
