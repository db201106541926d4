"""Which part of measure's work a thread is at, told from its frames. Knows files and functions, no clock."""

from types import FrameType

PARTS = ("fetch", "decode", "validate", "dedupe", "fold", "changelog", "acknowledge", "other")

_UNPACKING = ("_unpack_records", "getall", "getone", "__next__", "_consumer_record")
#: (part of a file's path, functions or none for all of them, the part of the work); the first that fits
_RULES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("streams/engine/measure_read", (), "validate"),
    ("streams/engine/measure_refusal", (), "validate"),
    ("streams/engine/measure_types", (), "validate"),
    ("schemas/events/", (), "validate"),
    ("streams/engine/measure_ids", ("changes", "_segment"), "changelog"),
    ("streams/engine/measure_ids", (), "dedupe"),
    ("streams/engine/measure.py", ("flush", "confirmed", "ledger", "idle"), "changelog"),
    ("streams/engine/measure.py", (), "fold"),
    ("streams/engine/measure_panes", ("pages", "retire"), "changelog"),
    ("streams/engine/measure_panes", (), "fold"),
    ("streams/engine/measure_values", ("changes",), "changelog"),
    ("streams/engine/measure_values", (), "fold"),
    ("streams/engine/measure_former", (), "fold"),
    ("streams/cells/page", (), "changelog"),
    ("streams/cells/", (), "fold"),
    ("streams/engine/", (), "changelog"),
    ("streams/state", (), "changelog"),
    ("streams/transport", ("commit_offsets", "acknowledged"), "acknowledge"),
    ("streams/transport", (), "fetch"),
    ("agents/stage", ("acknowledge",), "acknowledge"),
    ("agents/measure", ("receive",), "fold"),
    ("agents/measure", ("_flush", "_send", "_write_rows", "_write_pages", "_write_ledger"), "changelog"),
    ("aiokafka/record/", (), "decode"),
    ("aiokafka/consumer/fetcher", _UNPACKING, "decode"),
    ("aiokafka/consumer/group_coordinator", (), "acknowledge"),
    ("aiokafka/coordinator/", (), "acknowledge"),
    ("aiokafka/consumer/", (), "fetch"),
    ("aiokafka/producer/", (), "changelog"),
)  # fmt: skip
#: a compiled fold has no file
_COMPILED = "<string>"


def part_of(frame: FrameType | None, *, reads: bool) -> str:
    """The innermost frame that tells; `reads`: the thread is the consumer's, whose network and loop fetch."""
    while frame is not None:
        path, function = frame.f_code.co_filename, frame.f_code.co_name
        if path == _COMPILED and function in ("fold", "leaf"):
            return "fold"
        for piece, functions, part in _RULES:
            if piece in path and (not functions or function in functions):
                return "changelog" if part == "decode" and not reads else part
        if "/aiokafka/" in path:
            return "fetch" if reads else "changelog"
        frame = frame.f_back
    return "fetch" if reads else "other"
