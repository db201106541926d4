"""Any interleaving of writes, commits, crashes and zombies reads back as a plain dictionary does."""

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.engine.rows import VersionedRows

Log = list[tuple[bytes, bytes | None]]
Step = tuple[str, bytes, bytes]
#: rows that are there from the beginning, so that making them one's own takes some commits
KEYS = [b"a", b"b", b"c", b"d"]
#: keys whose bodies never change begin so
FIXED = b"fixed"


def _plain(what: str) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(what), st.just(b""), st.just(b""))


def _keyed(what: str, bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(what), st.sampled_from(KEYS), bodies)


step = st.one_of(
    _keyed("put", st.binary(max_size=3)),
    _keyed("put", st.binary(max_size=3)),
    _keyed("delete", st.just(b"")),
    _plain("put fixed"),
    _plain("delete fixed"),
    _plain("commit"),
    _plain("commit"),
    _plain("crash"),
    _plain("sleep"),
    st.tuples(st.just("late reads"), st.just(b""), st.sampled_from([b"0", b"1"])),
    _keyed("zombie puts", st.sampled_from([b"0", b"1", b"2"])),
    st.tuples(st.just("zombie commits"), st.just(b""), st.sampled_from([b"0", b"1", b"2"])),
)


@dataclass
class Owner:
    """Who writes, or a former owner: it may put rows, finish the commit it was in, and write the tombstones
    of its last one.

    The commit of a former owner is not acknowledged: after it nothing comes any more.
    """

    rows: VersionedRows
    claim: int
    live: dict[bytes, bytes]
    tombstones: Log = field(default_factory=list)


class History:
    """A log with all that was written, and a dictionary of what should be in it."""

    def __init__(self) -> None:
        self.log: Log = []
        self.committed: dict[bytes, bytes] = {}
        self.former: list[Owner] = []
        #: who has claimed the rows and slept before it read them
        self.sleepers: list[int] = []
        self.version = 0
        self.claims = 0
        #: the ownership of the commit that counts
        self.claim = 0
        self.owner = Owner(self.heir(b"0"), self.claims, {})
        for key in KEYS:
            self.put(key, b"")
        self.commit(b"", b"")

    def take(self, step: Step) -> None:
        """One step, at the next version."""
        what, key, body = step
        self.version += 1
        getattr(self, what.replace(" ", "_"))(key, body)

    def _flush(self, owner: Owner) -> None:
        self.log += owner.tombstones
        owner.tombstones = []

    def put(self, key: bytes, body: bytes) -> None:
        self._flush(self.owner)
        self.owner.live[key] = body
        self.log.append(self.owner.rows.put(key, body, self.version, mutable=not key.startswith(FIXED)))

    def put_fixed(self, _key: bytes, _body: bytes) -> None:
        name = FIXED + str(self.version).encode()
        self.put(name, name)

    def delete(self, key: bytes, _body: bytes) -> None:
        if key in self.owner.live:
            self._flush(self.owner)
            del self.owner.live[key]
            row = self.owner.rows.delete(key, self.version)
            assert row is not None
            self.log.append(row)

    def delete_fixed(self, _key: bytes, _body: bytes) -> None:
        key = next((key for key in sorted(self.owner.live) if key.startswith(FIXED)), None)
        if key is not None:
            self._flush(self.owner)
            del self.owner.live[key]
            assert self.owner.rows.delete(key, self.version, mutable=False) is None

    def commit(self, _key: bytes, _body: bytes) -> None:
        owner = self.owner
        self._flush(owner)
        self.log += owner.rows.adopt(self.version, lambda key: not key.startswith(FIXED))
        self.log.append(owner.rows.commit(b"{}", self.version))
        owner.tombstones = list(owner.rows.confirmed())
        self._commits(owner)

    def _commits(self, owner: Owner) -> None:
        if owner.claim >= self.claim:
            self.claim, self.committed = owner.claim, dict(owner.live)

    def crash(self, _key: bytes, _body: bytes) -> None:
        self.former.append(self.owner)
        rows = self.heir(str(self.claims).encode())
        read = dict(rows.items())
        for key in self._check(read):
            assert rows.delete(key, self.version, mutable=False) is None
        self.owner = Owner(rows, self.claims, dict(self.committed))

    def sleep(self, _key: bytes, _body: bytes) -> None:
        self.claims += 1
        self.sleepers.append(self.claims)

    def late_reads(self, _key: bytes, which: bytes) -> None:
        """A sleeper wakes, reads, and is a former owner: the one there is came after it."""
        if len(self.sleepers) > int(which):
            claim = self.sleepers.pop(-1 - int(which))
            rows = self.heir(f"late{claim}".encode(), claim)
            if not rows.is_overtaken and claim < self.owner.claim:
                self.former.append(Owner(rows, claim, dict(rows.items())))

    def zombie_puts(self, key: bytes, which: bytes) -> None:
        for zombie in self._zombie(which):
            self._flush(zombie)
            zombie.live[key] = b"zombie"
            self.log.append(zombie.rows.put(key, b"zombie", self.version))

    def zombie_commits(self, _key: bytes, which: bytes) -> None:
        for zombie in self._zombie(which):
            self._flush(zombie)
            self.log += zombie.rows.adopt(self.version, lambda key: not key.startswith(FIXED))
            self.log.append(zombie.rows.commit(b"zombie", self.version))
            self._commits(zombie)
            self.former.remove(zombie)

    def _zombie(self, which: bytes) -> list[Owner]:
        """A former owner, by how long ago its time ended; none where there were not so many."""
        return self.former[-1 - int(which) :][:1] if len(self.former) > int(which) else []

    def heir(self, owner: bytes, claim: int | None = None) -> VersionedRows:
        """The next owner, or one that has its number already."""
        if claim is None:
            self.claims += 1
            claim = self.claims
        heir = VersionedRows(owner, claim, at_once=1)
        for key, value in self.log:
            heir.apply(key, value)
        heir.recover()
        return heir

    def read_back(self) -> dict[bytes, bytes]:
        """What an heir reads, but for rows that never change and wait for their tombstones."""
        read = dict(self.heir(b"last").items())
        return {key: body for key, body in read.items() if key not in self._check(read)}

    def _check(self, read: dict[bytes, bytes]) -> set[bytes]:
        """All that is committed is read, and nothing else but what never changes, which is given: its
        tombstones come after the commit that let it go."""
        more = {key for key in read if key.startswith(FIXED)} - self.committed.keys()
        assert {key: body for key, body in read.items() if key not in more} == self.committed
        assert all(read[key] == key for key in more)
        return more

    def live_keys(self) -> set[bytes]:
        """What compaction leaves of the log."""
        newest = dict(self.log)
        return {key for key, value in newest.items() if value is not None}


def steps_of(text: str) -> list[Step]:
    """One step a line: what, key, body."""
    return [
        (what, key.encode(), body.encode())
        for what, key, body in (f"{line.strip()}//".split("/")[:3] for line in text.split(","))
    ]


@settings(max_examples=2000, deadline=None)
@given(st.lists(step, max_size=40))
@example(steps_of("put/a/x, commit, sleep, crash, put/a/y, commit, late reads//0, zombie commits//0, crash"))
@example(steps_of("crash, delete/a, commit, crash, put/b/x, commit, crash, commit, zombie puts/a/2, crash"))
@example(steps_of("crash, delete/a, commit, crash, commit, put/d, zombie puts/a/1, crash"))
@example(steps_of("crash, delete/a, commit, put/a/x, zombie puts/a/0, crash"))
@example(steps_of("crash, delete/a, commit, put/a, delete/a, commit, zombie puts/a/0, crash"))
@example(steps_of("crash, delete/a, commit, put/a/x, commit, commit, commit, commit, commit, commit, crash"))
@example(steps_of("crash, delete/d, commit, crash, delete/c, commit, crash, commit, zombie puts/c/1, crash"))
def test_rows_read_back_as_the_dictionary_of_the_last_commit(steps: list[Step]) -> None:
    history = History()
    for one in steps:
        history.take(one)
    assert history.read_back() == history.committed


@settings(max_examples=300, deadline=None)
@given(st.lists(step, max_size=60))
def test_nothing_of_former_owners_is_left_after_some_commits(steps: list[Step]) -> None:
    history = History()
    for one in steps:
        history.take(one)
    history.former.clear()
    history.crash(b"", b"")
    for one in steps_of(", ".join(["commit"] * (2 * len(history.log) + 3))):
        history.take(one)
    history.log += history.owner.tombstones
    expected = {*history.owner.live, b"commit"}
    assert history.live_keys() == {name + b"\x00" + history.owner.rows.owner for name in expected}
