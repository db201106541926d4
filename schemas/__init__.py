"""The vocabulary of Planwatch: pydantic models only, importing nothing else of ours.

The words are those of the design; a type here is the one definition of its word. What is decided with
these values is decided in `streams`.
"""

__version__ = "0.1.0"
