"""From files to events on Kafka: reading, mapping, checking, merging by time, sending, reporting.

The command `planwatch publish` only parses its arguments and prints; the work is here, one step in each file.
"""
