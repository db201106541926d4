"""Counting a source partition a second time, event by event, for people who want to see that it is right.

A code path of its own: it shares the reader (what is refused, the stored integers), the calendar and the
words with measure, and none of the code that counts. Where the two disagree, one of them is wrong.
"""
