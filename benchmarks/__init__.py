"""What the documentation quotes, measured: ``make bench``, or one of them with ``python -m benchmarks NAME``."""
