"""How this process asks the C library for memory, and gives it back.

A poll takes blocks of megabytes for a moment. Left alone, glibc soon takes such blocks from the heap, where
something small that lands above one keeps it from ever being given back: a worker grew by a megabyte an hour
with no more in it than before. And it gives each thread an arena of its own, of which the same is true.
"""

import ctypes
import gc

#: names and numbers of malloc.h; another C library knows none of them
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
#: bytes of a block that is asked of the system, and goes back to it, by itself
_LARGE = 256 * 1024
_ARENAS = 2


def keep_small() -> None:
    """Give large blocks back as soon as they are free. Call it before there are threads."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for what, value in (
            (_M_MMAP_THRESHOLD, _LARGE),
            (_M_TRIM_THRESHOLD, _LARGE),
            (_M_ARENA_MAX, _ARENAS),
        ):
            mallopt(what, value)


def settle() -> None:
    """What is there now stays: no search for garbage need look at it again."""
    gc.freeze()
