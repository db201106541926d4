"""A change of the catalogue and a crash at the same time: what was counted before stays decided as it was."""

import orjson
import pytest

from schemas.catalogue import Catalogue
from schemas.errors import StateError
from schemas.kpi import Measure, Range
from streams.engine.measure import Flush, Limits, MeasureRows, SourceFold
from streams.engine.measure_basis import Basis, StoredBasis
from streams.engine.measure_rows import basis_name, keyed
from tests.catalogues import default_catalogue
from tests.measure_builders import START_MS, TOPIC, Record, catalogue, order, record

SLOW, FAST = catalogue(disorder="30s"), catalogue(disorder="10s")
#: the third is on time while 30 s of disorder are allowed, and late after 10 s
LOG = [
    record(0, order("a")),
    record(1, order("b", START_MS + 75_000)),
    record(2, order("c", START_MS + 58_000), START_MS + 76_000),
]


def write(rows: MeasureRows, fold: SourceFold, *, ledger: bool = False) -> Flush:
    """A flush; `ledger`: to its end."""
    flush = fold.flush()
    assert flush is not None
    for key, value in (*flush.adoption, *flush.rows):
        rows.apply(key, value)
    if ledger:
        rows.apply(*flush.ledger_row)
        for gone, _ in fold.confirmed(flush):
            rows.apply(gone, None)
    return flush


def died_before_the_ledger(log: list[Record]) -> MeasureRows:
    """The rows of somebody who has counted a log on the slow basis, and no ledger for it."""
    rows = MeasureRows()
    fold = SourceFold.restore(TOPIC, 0, SLOW, "one", rows)
    fold.fold(log)
    write(rows, fold)
    return rows


def test_what_lies_ahead_of_the_ledger_is_first_counted_as_it_was() -> None:
    rows = died_before_the_ledger(LOG)
    former = SourceFold.restore(TOPIC, 0, FAST, "two", rows)
    assert (former.until, former.stamp) == (2, -1)
    former.fold(LOG)
    assert former.ledger().counts.late == 0
    assert write(rows, former, ledger=True).adoption == []
    heir = SourceFold.restore(TOPIC, 0, FAST, "two again", rows)
    assert (heir.until, heir.stamp) == (None, 2)
    heir.fold([record(3, order("d", START_MS + 150_000)), record(4, order("e", START_MS + 119_000))])
    assert heir.ledger().counts.late == 1


def test_nothing_ahead_of_the_ledger_lets_the_new_basis_begin_at_once() -> None:
    rows = MeasureRows()
    fold = SourceFold.restore(TOPIC, 0, SLOW, "one", rows)
    fold.fold(LOG[:2])
    write(rows, fold, ledger=True)
    heir = SourceFold.restore(TOPIC, 0, FAST, "two", rows)
    assert heir.until is None
    heir.fold([record(3, order("d", START_MS + 80_000)), record(4, order("e", START_MS + 50_000))])
    assert heir.ledger().counts.late == 1


def test_the_same_basis_needs_no_detour_and_no_row() -> None:
    rows = died_before_the_ledger(LOG)
    heir = SourceFold.restore(TOPIC, 0, SLOW, "two", rows)
    heir.fold(LOG)
    assert (heir.until, write(rows, heir).adoption) == (None, [])


@pytest.mark.parametrize(
    ("limits", "detour"), [(Limits(value_bytes=100), True), (Limits(loose_pages=1), False)]
)
def test_limits_that_decide_what_counts_are_part_of_the_basis(limits: Limits, *, detour: bool) -> None:
    rows = died_before_the_ledger(LOG)
    heir = SourceFold.restore(TOPIC, 0, SLOW, "two", rows, limits=limits)
    assert (heir.until is not None) == detour
    heir.fold(LOG)
    assert heir.ledger().counts.counted == 3


def test_a_basis_that_came_into_force_and_wrote_pages_is_the_one_that_is_finished() -> None:
    rows = MeasureRows()
    fold = SourceFold.restore(TOPIC, 0, SLOW, "one", rows)
    fold.fold(LOG[:1])
    write(rows, fold, ledger=True)
    second = SourceFold.restore(TOPIC, 0, FAST, "two", rows)
    second.fold(LOG)
    write(rows, second)
    third = SourceFold.restore(TOPIC, 0, SLOW, "three", rows)
    third.fold(LOG)
    assert (third.until, third.ledger().counts.late) == (2, 1)


def test_going_back_to_a_former_basis_at_the_same_ledger_is_the_newest_change() -> None:
    rows = MeasureRows()
    write_nothing_but_the_basis(rows, "one", SLOW)
    write_nothing_but_the_basis(rows, "two", FAST)
    fold = SourceFold.restore(TOPIC, 0, SLOW, "three", rows)
    fold.fold(LOG)
    assert len(write(rows, fold).adoption) == 1
    assert SourceFold.restore(TOPIC, 0, SLOW, "four", rows).until is None
    assert SourceFold.restore(TOPIC, 0, FAST, "five", rows).until == 2


def write_nothing_but_the_basis(rows: MeasureRows, owner: str, book: Catalogue) -> None:
    """A flush of which no more became known."""
    fold = SourceFold.restore(TOPIC, 0, book, owner, rows)
    fold.fold(LOG)
    flush = fold.flush()
    assert flush is not None
    for row in flush.adoption:
        rows.apply(*row)


def test_a_confirmed_flush_takes_former_bases_away() -> None:
    rows = died_before_the_ledger(LOG)
    former = SourceFold.restore(TOPIC, 0, FAST, "two", rows)
    former.fold(LOG)
    write(rows, former, ledger=True)
    heir = SourceFold.restore(TOPIC, 0, FAST, "three", rows)
    heir.fold([record(3, order("d", START_MS + 80_000))])
    write(rows, heir, ledger=True)
    assert [one.id for one in rows.read().bases] == [Basis.of(FAST, Limits()).id]


def test_the_ledger_names_its_basis_where_a_zombie_has_set_an_older_one() -> None:
    rows = MeasureRows()
    fold = SourceFold.restore(TOPIC, 0, SLOW, "one", rows)
    fold.fold(LOG[:2])
    write(rows, fold, ledger=True)
    zombie = Basis.of(FAST, Limits())
    rows.apply(keyed(basis_name(zombie.id), b"zombie"), zombie.encode(0, 7))
    stored = rows.read()
    assert stored.basis is not None
    assert stored.basis.id == Basis.of(SLOW, Limits()).id


@pytest.mark.parametrize("counted", [1, 3])
def test_what_the_log_has_lost_is_answered_for_all_the_same(counted: int) -> None:
    rows = died_before_the_ledger(LOG[:counted])
    former = SourceFold.restore(TOPIC, 0, FAST, "two", rows)
    former.close_former()
    write(rows, former, ledger=True)
    heir = SourceFold.restore(TOPIC, 0, FAST, "three", rows)
    assert (heir.until, heir.stamp, heir.ledger().counts.received) == (None, counted - 1, 0)


def test_a_fold_that_finishes_nothing_former_stays_where_it_is() -> None:
    fold = SourceFold.restore(TOPIC, 0, SLOW, "one", MeasureRows())
    fold.close_former()
    assert fold.stamp == -1


def test_a_catalogue_with_numbers_of_any_size_is_kept() -> None:
    huge = Measure(event="review", count=True, where={"rating": Range(max=10**20)})
    basis = Basis.of(catalogue(huge), Limits())
    read = StoredBasis.of(basis.id, basis.encode(0, 0)).read()
    assert read == basis
    assert read.catalogue.version == basis.catalogue.version


def test_rules_and_people_are_no_part_of_the_basis() -> None:
    book = default_catalogue()
    basis = Basis.of(book, Limits())
    assert basis == Basis.of(book.model_copy(update={"rules": {}, "people": {}}), Limits())
    assert StoredBasis.of(basis.id, basis.encode(0, 0)).read() == basis
    assert basis.id != Basis.of(SLOW, Limits()).id


def test_rows_of_a_version_that_names_no_basis_are_counted_on_the_present_one() -> None:
    rows = MeasureRows()
    fold = SourceFold(TOPIC, 0, SLOW, "one")
    fold.fold(LOG)
    flush = fold.flush()
    assert flush is not None
    for key, value in flush.rows:
        rows.apply(key, value)
    heir = SourceFold.restore(TOPIC, 0, FAST, "two", rows)
    heir.fold(LOG)
    assert (heir.until, len(write(rows, heir).adoption)) == (None, 1)


def test_a_catalogue_that_cannot_be_read_says_what_to_do() -> None:
    rows = died_before_the_ledger(LOG)
    [stored] = rows.read().bases
    row = orjson.dumps({**stored._asdict(), "catalogue": '{"of": "another version"}'})
    rows.apply(keyed(basis_name(stored.id), b"one"), row)
    with pytest.raises(StateError, match="catalogue that cannot be read") as error:
        SourceFold.restore(TOPIC, 0, FAST, "two", rows)
    assert "rebuild" in str(error.value.remedy)
