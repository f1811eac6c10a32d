"""Bytes of pictures to thermal counts, and what can be told of them before."""
