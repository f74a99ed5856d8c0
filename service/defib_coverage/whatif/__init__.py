"""What if: facts changed in a chart that was read, and what would have to be true for coverage.

Pure: no clock, no disk, no network. The changed chart is judged by the same ``determine``.
"""
