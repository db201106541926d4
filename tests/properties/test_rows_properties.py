"""Any interleaving of writes, commits, crashes and zombies reads back as a plain dictionary does."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.engine.rows import VersionedRows

KEYS = [b"a", b"b", b"c"]
step = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.binary(max_size=3)),
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.binary(max_size=3)),
    st.tuples(st.just("delete"), st.sampled_from(KEYS), st.just(b"")),
    st.tuples(st.just("commit"), st.just(b""), st.just(b"")),
    st.tuples(st.just("crash"), st.just(b""), st.just(b"")),
    st.tuples(st.just("zombie puts"), st.sampled_from(KEYS), st.just(b"")),
    st.tuples(st.just("zombie commits"), st.just(b""), st.just(b"")),
)


class Zombie:
    """A former owner: it may put rows, finish the commit it was in, and write its last tombstones.

    The commit is not acknowledged: after it nothing comes any more.
    """

    def __init__(self, rows: VersionedRows, tombstones: list[tuple[bytes, None]]) -> None:
        self.rows, self.tombstones = rows, tombstones


def steps_of(text: str) -> list[tuple[str, bytes, bytes]]:
    """One step a line: what, key, body."""
    return [
        (what, key.encode(), body.encode())
        for what, key, body in (f"{line.strip()}//".split("/")[:3] for line in text.split(","))
    ]


@settings(max_examples=500, deadline=None)
@given(st.lists(step, max_size=40))
@example(steps_of("put/b/x, commit, crash, delete/b, commit, put/a, zombie puts/b, commit"))
@example(
    steps_of("put/a, put/b, commit, crash, delete/a, crash, delete/b, zombie puts/b, commit, commit, crash")
)
def test_rows_read_back_as_the_dictionary_of_the_last_commit(steps: list[tuple[str, bytes, bytes]]) -> None:
    rows = VersionedRows(b"0")
    log: list[tuple[bytes, bytes | None]] = [rows.commit(b"{}", 0), *rows.confirmed()]
    live: dict[bytes, bytes] = {}
    committed: dict[bytes, bytes] = {}
    zombies: list[Zombie] = []
    tombstones: list[tuple[bytes, None]] = []
    owner = 0
    for version, (what, key, body) in enumerate(steps, 1):
        if what in ("put", "delete", "commit"):
            log += tombstones
            tombstones = []
        if what == "put":
            live[key] = body
            log.append(rows.put(key, body, version))
        elif what == "delete" and key in live:
            del live[key]
            log += [record for record in [rows.delete(key, version)] if record]
        elif what == "commit":
            log.append(rows.commit(b"{}", version))
            tombstones = rows.confirmed()
            committed = dict(live)
        elif what == "crash":
            owner += 1
            zombies.append(Zombie(rows, tombstones))
            rows, tombstones = _heir(log, str(owner).encode()), []
            live = dict(rows.items())
            assert live == committed
            log.append(rows.commit(b"{}", version))
            tombstones = rows.confirmed()
        elif what == "zombie puts" and zombies:
            log += [*zombies[-1].tombstones, zombies[-1].rows.put(key, b"zombie", version)]
            zombies[-1].tombstones = []
        elif what == "zombie commits" and zombies:
            zombie = zombies.pop()
            log += [*zombie.tombstones, zombie.rows.commit(b"zombie", version)]
    assert dict(_heir(log, b"last").items()) == committed


def _heir(log: list[tuple[bytes, bytes | None]], owner: bytes) -> VersionedRows:
    heir = VersionedRows(owner)
    for key, value in log:
        heir.apply(key, value)
    heir.recover()
    return heir
