"""The second door for stores: tests for pytest, one for each rule, so that a failure names it."""

from __future__ import annotations

import pytest

from ._check_store import StoreFactory, hold, play_at_random
from ._store_rules import StoreRule


class StoreTests:
    """Tests of a store; subclass, and override the fixture ``store``.

    ::

        class TestSqlite(StoreTests):
            @pytest.fixture
            def store(self, tmp_path):
                paths = map(str, itertools.count())
                return lambda: open_store(f"sqlite:{tmp_path / next(paths)}")

    The fixture returns a factory: a function that opens an empty store, as for `check_store`.
    The tests are no coroutines; each history has a run of trio of its own. It needs pytest.

    Attributes:
        histories: how many random histories are played.
        seed: which ones.
    """

    histories: int = 20
    seed: int = 0

    @pytest.fixture
    def store(self) -> StoreFactory:
        """Override this: return a function that opens an empty store."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture named store that returns a factory"
        )

    def test_its_clock_is_the_one_of_trio(self, store: StoreFactory) -> None:
        """Where that is not the real one; so tests can run in virtual time."""
        __tracebackhide__ = True
        hold(store, [StoreRule.CLOCK])

    def test_every_call_has_an_answer(self, store: StoreFactory) -> None:
        """One for each argument, in order; also if there is nothing to do."""
        __tracebackhide__ = True
        hold(store, [StoreRule.ANSWERS])

    def test_what_is_stored_can_be_looked_at(self, store: StoreFactory) -> None:
        """Every field, as it was given."""
        __tracebackhide__ = True
        hold(store, [StoreRule.STORED])

    def test_ids_only_grow(self, store: StoreFactory) -> None:
        """None is used twice, not even after a purge."""
        __tracebackhide__ = True
        hold(store, [StoreRule.IDS])

    def test_a_stale_version_changes_nothing(self, store: StoreFactory) -> None:
        """And a version changes with the state, not otherwise."""
        __tracebackhide__ = True
        hold(store, [StoreRule.VERSION])

    def test_every_job_is_somewhere(self, store: StoreFactory) -> None:
        """Stored are scheduled, waiting, running, ended and pruned ones."""
        __tracebackhide__ = True
        hold(store, [StoreRule.COUNTS])

    def test_an_audit_counts_the_rows(self, store: StoreFactory) -> None:
        """And says what they are."""
        __tracebackhide__ = True
        hold(store, [StoreRule.AUDIT])

    def test_jobs_are_listed_in_pages(self, store: StoreFactory) -> None:
        """The newest first, and only those that were asked for."""
        __tracebackhide__ = True
        hold(store, [StoreRule.LIST])

    def test_queues_share_nothing(self, store: StoreFactory) -> None:
        """Neither keys nor counts nor a pause."""
        __tracebackhide__ = True
        hold(store, [StoreRule.QUEUES])

    def test_settings_are_kept(self, store: StoreFactory) -> None:
        """And change only if that is asked for."""
        __tracebackhide__ = True
        hold(store, [StoreRule.SETTINGS])

    def test_the_next_job_goes_first(self, store: StoreFactory) -> None:
        """The highest priority, then the lowest id; and nothing is held up."""
        __tracebackhide__ = True
        hold(store, [StoreRule.ORDER])

    def test_a_job_has_one_worker(self, store: StoreFactory) -> None:
        """However many ask at the same time."""
        __tracebackhide__ = True
        hold(store, [StoreRule.ONE_WORKER])

    def test_an_offer_takes_nothing(self, store: StoreFactory) -> None:
        """It is accepted once, while the job could be claimed."""
        __tracebackhide__ = True
        hold(store, [StoreRule.OFFER])

    def test_a_worker_gets_what_suits(self, store: StoreFactory) -> None:
        """By its machine and its labels."""
        __tracebackhide__ = True
        hold(store, [StoreRule.SUITS])

    def test_a_paused_queue_starts_nothing(self, store: StoreFactory) -> None:
        """But its running jobs end."""
        __tracebackhide__ = True
        hold(store, [StoreRule.PAUSE])

    def test_nothing_starts_too_early(self, store: StoreFactory) -> None:
        """Neither after a delay nor at a time."""
        __tracebackhide__ = True
        hold(store, [StoreRule.DUE])

    def test_nothing_starts_too_late(self, store: StoreFactory) -> None:
        """It is dropped, or fails if it has run."""
        __tracebackhide__ = True
        hold(store, [StoreRule.EXPIRY])

    def test_groups_have_limits(self, store: StoreFactory) -> None:
        """Which late workers do not move; and a full one holds up nobody else."""
        __tracebackhide__ = True
        hold(store, [StoreRule.GROUPS])

    def test_a_job_waits_for_those_that_it_needs(self, store: StoreFactory) -> None:
        """And ends if one of them ends otherwise."""
        __tracebackhide__ = True
        hold(store, [StoreRule.AFTER])

    def test_a_lease_holds_while_it_is_extended(self, store: StoreFactory) -> None:
        """Then its job goes back."""
        __tracebackhide__ = True
        hold(store, [StoreRule.LEASES])

    def test_only_starts_are_attempts(self, store: StoreFactory) -> None:
        """And a job ends with the last of them."""
        __tracebackhide__ = True
        hold(store, [StoreRule.ATTEMPTS])

    def test_the_last_attempts_are_kept(self, store: StoreFactory) -> None:
        """Twenty of them; the others are counted."""
        __tracebackhide__ = True
        hold(store, [StoreRule.LOG])

    def test_a_job_ends_as_its_worker_says(self, store: StoreFactory) -> None:
        """With its result."""
        __tracebackhide__ = True
        hold(store, [StoreRule.ENDING])

    def test_what_is_cancelled_ends(self, store: StoreFactory) -> None:
        """At once, or when its run is over."""
        __tracebackhide__ = True
        hold(store, [StoreRule.CANCEL])

    def test_what_has_ended_can_run_again(self, store: StoreFactory) -> None:
        """With new attempts, and without its time to expire."""
        __tracebackhide__ = True
        hold(store, [StoreRule.RETRY])

    def test_progress_is_kept(self, store: StoreFactory) -> None:
        """Of the present run."""
        __tracebackhide__ = True
        hold(store, [StoreRule.PROGRESS])

    def test_a_key_belongs_to_one_job(self, store: StoreFactory) -> None:
        """Until it has ended, and for a while after if that was asked for."""
        __tracebackhide__ = True
        hold(store, [StoreRule.KEY])

    def test_a_receipt_is_stored_once(self, store: StoreFactory) -> None:
        """So a call can be repeated whose answer was lost."""
        __tracebackhide__ = True
        hold(store, [StoreRule.RECEIPT])

    def test_a_whole_batch_is_stored_or_nothing(self, store: StoreFactory) -> None:
        """Also where it would drop others."""
        __tracebackhide__ = True
        hold(store, [StoreRule.WHOLE])

    def test_a_full_queue_refuses(self, store: StoreFactory) -> None:
        """Exactly at its capacity."""
        __tracebackhide__ = True
        hold(store, [StoreRule.CAPACITY])

    def test_a_full_queue_may_drop_others(self, store: StoreFactory) -> None:
        """The lowest priority, then the oldest, never one that has run."""
        __tracebackhide__ = True
        hold(store, [StoreRule.DROP_OLDEST])

    def test_what_has_ended_can_be_purged(self, store: StoreFactory) -> None:
        """Unless it has its key."""
        __tracebackhide__ = True
        hold(store, [StoreRule.PURGE])

    def test_what_has_ended_is_kept_for_a_while(self, store: StoreFactory) -> None:
        """As long, and as many, as the settings say."""
        __tracebackhide__ = True
        hold(store, [StoreRule.KEEP])

    def test_tend_does_what_time_demands(self, store: StoreFactory) -> None:
        """Once, and says when there is more."""
        __tracebackhide__ = True
        hold(store, [StoreRule.TEND])

    def test_every_job_can_be_explained(self, store: StoreFactory) -> None:
        """Whatever its state."""
        __tracebackhide__ = True
        hold(store, [StoreRule.EXPLAIN])

    def test_a_cancelled_call_is_whole_or_nothing(self, store: StoreFactory) -> None:
        """Never half a batch."""
        __tracebackhide__ = True
        hold(store, [StoreRule.CANCELLED_CALL])

    def test_who_listens_hears(self, store: StoreFactory) -> None:
        """Unless the store says that bells may be lost."""
        __tracebackhide__ = True
        hold(store, [StoreRule.BELLS])

    def test_a_closed_store_says_so(self, store: StoreFactory) -> None:
        """With StoreClosed."""
        __tracebackhide__ = True
        hold(store, [StoreRule.CLOSED])

    def test_random_histories(self, store: StoreFactory) -> None:
        """All rules together, in an order that nobody has thought of."""
        __tracebackhide__ = True
        for number in range(self.histories):
            play_at_random(store, f"{self.seed}/{number}")
