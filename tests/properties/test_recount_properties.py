"""The audit over random logs and owners: what measure wrote is never called wrong, a change always."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.catalogue import Catalogue
from schemas.kpi import Measure
from streams.cells.page import decode_page, encode_page
from streams.engine.measure import Limits, SourceFold
from streams.engine.recount.findings import Uncompared
from tests.measure_builders import TOPIC, Record, catalogue
from tests.properties.test_measure_properties import RULES, log_of, moves
from tests.recount_builders import Installation, audited, newest

MINE = catalogue(limit=1, dedupe_horizon="6m", **RULES)
OTHER = catalogue(Measure(event="order", sum="quantity"), limit=1, dedupe_horizon="6m", **RULES)


@st.composite
def installations(draw: st.DrawFn, books: tuple[Catalogue, ...] = (MINE,)) -> Installation:
    """Any history; the last owner has the first of the books and wrote everything."""
    names = draw(st.sampled_from([7, 31]))
    steps = draw(st.lists(moves, min_size=1, max_size=40))
    log = log_of([{**step, "id": step["id"] % names} for step in steps])
    made = Installation(log, draw(st.sampled_from([0, 1, 2, 3, 9, 60, 1_000_000])))
    made.take_over(draw(st.sampled_from(books)))
    for count, reach in draw(
        st.lists(st.tuples(st.integers(1, 12), st.none() | st.integers(0, 12)), max_size=10)
    ):
        made.read(count)
        made.flush(reach)
        if reach is not None:
            made.take_over(draw(st.sampled_from(books)))
    made.flush(None)
    made.take_over(books[0])
    made.read(None)
    made.flush(None)
    return made


@settings(max_examples=60, deadline=None)
@given(installations())
def test_whatever_owners_wrote_is_what_a_recount_finds(made: Installation) -> None:
    found = audited(made, MINE)
    assert found.differences == []
    assert found.pages == len(newest(made.cells))
    assert found.cells == sum(len(page.cells) for page in newest(made.cells).values())
    assert found.uncompared.total() == 0
    assert found.ledgers >= 1


@settings(max_examples=60, deadline=None)
@given(installations(), st.data())
def test_a_log_whose_beginning_is_deleted_gives_no_false_difference(
    made: Installation, data: st.DataObject
) -> None:
    deleted = data.draw(st.integers(0, len(made.log) - 1))
    forgotten = data.draw(st.integers(0, len(made.cells) - 1))
    ledger, begin = made.fold.ledger(), made.log[deleted].offset
    assume(not deleted or ledger.counts.received != ledger.stamp + 1 - begin)  # as if counting began there
    found = audited(made, MINE, deleted=deleted, forgotten=forgotten)
    assert found.differences == []
    assert found.pages + found.uncompared.total() == len(newest(made.cells[forgotten:]))


@settings(max_examples=60, deadline=None)
@given(installations(books=(MINE, OTHER)))
def test_a_catalogue_that_changed_gives_no_false_difference(made: Installation) -> None:
    found = audited(made, MINE)
    assert found.differences == []
    pages = newest(made.cells)
    others = [key for key in pages if key.layout != made.fold._writer._layout.id]
    assert found.uncompared[Uncompared.OTHER_LAYOUT] == len(others)
    assert found.pages + found.uncompared.total() == len(pages)


@settings(max_examples=60, deadline=None)
@given(installations(books=(MINE, OTHER)))
def test_takeovers_and_layouts_change_no_count_and_no_admitted_value(made: Installation) -> None:
    alone = SourceFold(TOPIC, 0, MINE, made.fold.owner, limits=Limits(made.entries))
    alone.fold(made.log)
    flush = alone.flush()
    assert made.fold.ledger() == alone.ledger()
    rows = Installation(made.log, made.entries)
    rows.changelog += [] if flush is None else flush.rows
    assert set(rows.values()) == {one for one in made.values() if one.offset <= alone.stamp}


@settings(max_examples=40, deadline=None)
@given(installations(), st.data())
def test_a_page_that_was_changed_is_named_with_its_measure(made: Installation, data: st.DataObject) -> None:
    pages = newest(made.cells)
    if not pages:
        return
    page = pages[data.draw(st.sampled_from(sorted(pages)))]
    leaf = data.draw(st.sampled_from(sorted(page.cells)))
    page.cells[leaf][1] = (page.cells[leaf][1] or 0) + 1
    page.stamp = made.log[-1].offset + 1
    made.log.append(Record(page.stamp, made.log[-1].timestamp, b"refused"))
    made.cells.append(encode_page(page))
    found = audited(made, MINE)
    named = [(one.page, one.leaf, one.what) for one in found.differences]
    assert named == [(page.key, leaf, "order.count")]


@settings(max_examples=40, deadline=None)
@given(installations(), st.data())
def test_a_page_that_never_arrived_is_named(made: Installation, data: st.DataObject) -> None:
    pages = newest(made.cells)
    if not pages:
        return
    key = data.draw(st.sampled_from(sorted(pages)))
    gone = [value for value in made.cells if b'"page"' in value and decode_page(value).key == key]
    made.cells = [value for value in made.cells if value not in gone]
    found = audited(made, MINE)
    assert [(one.page, one.what, one.written) for one in found.differences] == [(key, "page", None)]
