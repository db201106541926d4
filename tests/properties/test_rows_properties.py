"""Any interleaving of writes, commits, crashes and zombies reads back as a plain dictionary does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.rows import VersionedRows

KEYS = [b"a", b"b", b"c"]
step = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.binary(max_size=3)),
    st.tuples(st.just("delete"), st.sampled_from(KEYS), st.just(b"")),
    st.tuples(st.just("commit"), st.just(b""), st.just(b"")),
    st.tuples(st.just("crash"), st.just(b""), st.just(b"")),
    st.tuples(st.just("zombie"), st.sampled_from(KEYS), st.just(b"")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=40))
def test_rows_read_back_as_the_dictionary_of_the_last_commit(steps: list[tuple[str, bytes, bytes]]) -> None:
    log: list[tuple[bytes, bytes | None]] = []
    live: dict[bytes, bytes] = {}
    committed: dict[bytes, bytes] = {}
    zombies: list[VersionedRows] = []
    owner = 0
    rows = VersionedRows(b"0")
    for version, (what, key, body) in enumerate(steps, 1):
        if what == "put":
            live[key] = body
            log.append(rows.put(key, body, version))
        elif what == "delete" and key in live:
            del live[key]
            log += [record for record in [rows.delete(key, version)] if record]
        elif what == "commit":
            log.append(rows.commit(b"{}", version))
            log += rows.confirmed()
            committed = dict(live)
        elif what == "crash":
            owner += 1
            zombies.append(rows)
            rows = _heir(log, str(owner).encode())
            live = dict(rows.items())
            assert live == committed
        elif what == "zombie" and zombies:
            log.append(zombies[0].put(key, b"zombie", version))
    assert dict(_heir(log, b"last").items()) == committed


def _heir(log: list[tuple[bytes, bytes | None]], owner: bytes) -> VersionedRows:
    heir = VersionedRows(owner)
    for key, value in log:
        heir.apply(key, value)
    heir.recover()
    return heir
