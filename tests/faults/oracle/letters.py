"""Whether the dead letters are just the records that had to be refused, with their bytes and the reason."""

from collections.abc import Iterator, Mapping, Sequence

from tests.faults.oracle.log import Record

Place = tuple[str, int]


def differences(
    sources: Mapping[Place, Sequence[Record]], letters: Sequence[Record], expect: str
) -> Iterator[str]:
    """Each refused offset must be there, by identity; a crash may have written a letter twice, alike."""
    wanted = {
        (topic, partition, record.offset): record
        for (topic, partition), records in sources.items()
        for record in records
        if expect in record.headers
    }
    seen = set()
    for letter in letters:
        head = letter.headers
        name = (
            head["planwatch-topic"].decode(),
            int(head["planwatch-partition"]),
            int(head["planwatch-offset"]),
        )
        seen.add(name)
        record = wanted.get(name)
        if record is None:
            yield f"{name} is a dead letter and can be read: {letter.value!r:.200}"
        elif (letter.key, letter.value) != (record.key, record.value):
            yield f"{name}: the letter holds other bytes"
        elif head["planwatch-reason"] != record.headers[expect]:
            yield f"{name}: refused as {head['planwatch-reason']!r}, not {record.headers[expect]!r}"
        elif head[expect] != record.headers[expect]:
            yield f"{name}: the letter lost its own headers"
    yield from (f"{name} was refused and is no dead letter" for name in sorted(set(wanted) - seen))
